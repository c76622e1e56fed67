import { expect, test } from "vitest";
import {
  BARS_3X,
  BARS_5X,
  balance,
  cross,
  debtFree,
  emptyPair,
  FETUSDT,
  isolated,
  leg,
  longPair,
  observe,
} from "../../test/support/answers.ts";
import { crossDistancePct, crossStatus, pairDistancePct, symbolOf } from "./observe.ts";
import type { CrossAnswer, IsolatedAnswer, PairAnswer, Subject } from "./ports.ts";
import type { FieldName } from "./rules/fields.ts";

const only = (answer: CrossAnswer | IsolatedAnswer, over: Parameters<typeof observe>[1] = {}) => {
  const observations = observe(answer, over);
  expect(observations).toHaveLength(1);
  const [observation] = observations;
  if (observation === undefined) throw new Error("nothing observed");
  return observation;
};
const onlyPair = (pair: PairAnswer, over: Parameters<typeof observe>[1] = {}) => only(isolated([pair]), over);
const using = (kind: "cross" | "isolated", ...fields: FieldName[]) => ({
  used: { cross: new Set<FieldName>(), isolated: new Set<FieldName>(), [kind]: new Set(fields) },
});
const indebted = (...subjects: Subject[]) => ({ indebted: new Set(subjects) });

// ---------------------------------------------------------------- debt

test.each<[string, CrossAnswer, boolean]>([
  ["a level of 999 and nothing owed", debtFree(), false],
  ["a level of 0 and nothing owed", debtFree({ marginLevel: 0 }), false],
  ["no level at all and nothing owed", debtFree({ marginLevel: undefined }), false],
  ["an empty list of assets", debtFree({ assets: [] }), false],
  ["a level of 999 with something owed", cross(999), true],
  ["dust that the totals round to 0", debtFree({ assets: [balance("BTC", { borrowed: 1e-8 })] }), true],
  ["interest alone", debtFree({ assets: [balance("BTC", { interest: 1e-8 })] }), true],
  ["a total alone", debtFree({ totalLiabilityOfBtc: 1e-8 }), true],
  ["an unreadable total and nothing owed", debtFree({ totalLiabilityOfBtc: undefined }), false],
])("a cross account with %s: debt is judged by what is owed, not by the level", (_, answer, hasDebt) => {
  expect(only(answer, using("cross", "marginLevel"))).toMatchObject({ class: "OK", hasDebt, problem: undefined });
});

test.each<[string, PairAnswer, boolean]>([
  ["empty as documented: level 0", emptyPair("BTCUSDT"), false],
  ["empty as seen live: level 999", emptyPair("BTCUSDT", { marginLevel: 999, liquidatePrice: 0 }), false],
  ["holding without owing", emptyPair("LUNAUSDT", { quote: leg("USDT", { free: 0.5 }) }), false],
  ["empty without a status", emptyPair("BTCUSDT", { marginLevelStatus: undefined }), false],
  ["dust owed in the base", emptyPair("BTCUSDT", { base: leg("BTC", { borrowed: 1e-8 }) }), true],
  ["dust of interest in the quote", emptyPair("BTCUSDT", { quote: leg("USDT", { interest: 1e-8 }) }), true],
])("a pair %s: debt is judged by what is owed, not by the level", (_, pair, hasDebt) => {
  expect(onlyPair(pair)).toMatchObject({ class: "OK", hasDebt, problem: undefined });
});

test("nothing owed has no distance to liquidation and a safe status, whatever the level says", () => {
  const { values } = only(debtFree({ marginLevel: 0 }));
  expect(values.marginLevelStatus).toBe("EXCESSIVE");
  expect(values).not.toHaveProperty("liquidationDistancePct");
  expect(onlyPair(emptyPair("BTCUSDT")).values).not.toHaveProperty("liquidationDistancePct");
});

// ---------------------------------------------------------------- classes

test.each<FieldName>([
  "marginLevel",
  "collateralMarginLevel",
  "transferOutEnabled",
  "totalNetAssetOfBtc",
  "accountType",
])("a cross account in debt is INVALID without %s when a rule needs it, and only then", (field) => {
  const broken = cross(1.24, { [field]: undefined, problems: [`${field} is null, not a decimal`] });
  expect(only(broken, using("cross", field))).toMatchObject({
    class: "INVALID",
    values: {},
    problem: { kind: "field", field, text: `${field} is null, not a decimal` },
  });
  expect(only(broken, using("cross"))).toMatchObject({ class: "OK" });
});

test.each<[FieldName, Partial<PairAnswer>]>([
  ["marginLevel", { marginLevel: undefined }],
  ["marginLevelStatus", { marginLevelStatus: undefined }],
  ["tradeEnabled", { tradeEnabled: undefined }],
  ["enabled", { enabled: undefined }],
  ["indexPrice", { indexPrice: undefined }],
  ["liquidatePrice", { liquidatePrice: undefined }],
  ["liquidationDistancePct", { liquidatePrice: undefined }],
  ["liquidationDistancePct", { indexPrice: undefined }],
  ["liquidationDistancePct", { indexPrice: 0 }],
  ["liquidationDistancePct", { indexPrice: Number.MIN_VALUE, base: leg("FET", { borrowed: 1 }) }],
])("a pair in debt is INVALID when %s is needed and comes of %j, and only then", (field, over) => {
  expect(onlyPair({ ...FETUSDT, ...over }, using("isolated", field))).toMatchObject({
    class: "INVALID",
    problem: { field },
  });
  expect(onlyPair({ ...FETUSDT, ...over }, using("isolated"))).toMatchObject({ class: "OK" });
});

test("a derived field is INVALID for the reason of the field that it is made of", () => {
  const problems = ["marginRatio is missing", 'liquidatePrice is "NaN", not a decimal'];
  const { problem } = onlyPair({ ...FETUSDT, liquidatePrice: undefined, problems });
  expect(problem).toEqual({
    kind: "field",
    field: "liquidationDistancePct",
    text: 'liquidatePrice is "NaN", not a decimal',
  });
});

test("without debt a missing level is no reason for INVALID, but a missing flag is", () => {
  const blank = debtFree({ marginLevel: undefined, transferOutEnabled: undefined });
  expect(only(blank, using("cross", "marginLevel"))).toMatchObject({ class: "OK" });
  expect(only(blank, using("cross", "transferOutEnabled"))).toMatchObject({ class: "INVALID" });
});

test("unreadable amounts are INVALID whatever the rules need: nobody can say what is owed", () => {
  expect(only(cross(1.24, { assets: undefined }), using("cross"))).toMatchObject({ class: "INVALID" });
  expect(onlyPair({ ...FETUSDT, base: undefined }, using("isolated"))).toMatchObject({ class: "INVALID" });
  expect(onlyPair({ ...FETUSDT, quote: undefined }, using("isolated"))).toMatchObject({ class: "INVALID" });
});

test("one INVALID pair leaves the others as they are", () => {
  const observations = observe(isolated([{ ...FETUSDT, marginLevelStatus: undefined }, longPair("BTCUSDT", 5)]));
  expect(observations.map((each) => [each.subject, each.class])).toEqual([
    ["isolated FETUSDT", "INVALID"],
    ["isolated BTCUSDT", "OK"],
  ]);
});

test("a disabled pair in debt is watched all the same", () => {
  const pair = longPair("BTCUSDT", 5, { enabled: false, tradeEnabled: false });
  expect(onlyPair(pair)).toMatchObject({ class: "OK", hasDebt: true, values: { liquidationDistancePct: 5 } });
});

test("a pair in debt is watched although it says that it was never opened", () => {
  const pair = longPair("BTCUSDT", 5, { isolatedCreated: false });
  expect(onlyPair(pair)).toMatchObject({ class: "OK", hasDebt: true, values: { liquidationDistancePct: 5 } });
});

// ---------------------------------------------------------------- not opened, and gone

const placeholder = emptyPair("ADAUSDT", {
  isolatedCreated: false,
  enabled: false,
  tradeEnabled: false,
  marginLevel: 999,
  marginLevelStatus: undefined,
  indexPrice: undefined,
  liquidatePrice: 0,
});

test.each<[string, IsolatedAnswer["asked"], object | undefined]>([
  ["asked for by name, is told", ["ADAUSDT"], { kind: "not_created" }],
  ["among all of them, is nothing to tell", "all", undefined],
])("the placeholder row of a pair that was never opened, %s", (_, asked, problem) => {
  const seen = only(isolated([placeholder], asked), using("isolated", "marginLevelStatus", "indexPrice"));
  expect(seen).toMatchObject({ class: "OK", hasDebt: false, values: {}, problem });
});

test("a pair that was asked for by name and is not in the answer was never opened", () => {
  expect(only(isolated([], ["ADAUSDT"]))).toMatchObject({
    subject: "isolated ADAUSDT",
    class: "OK",
    hasDebt: false,
    problem: { kind: "not_created" },
  });
});

test.each<[string, IsolatedAnswer["asked"], readonly PairAnswer[], string[]]>([
  ["is MISSING when all were asked for and it is absent", "all", [], ["isolated ADAUSDT MISSING"]],
  ["is MISSING when it was asked for by name and is absent", ["ADAUSDT"], [], ["isolated ADAUSDT MISSING"]],
  ["is MISSING when it comes as never opened", "all", [placeholder], ["isolated ADAUSDT MISSING"]],
  ["is MISSING when it comes by name as never opened", ["ADAUSDT"], [placeholder], ["isolated ADAUSDT MISSING"]],
  [
    "is not missing when the config no longer asks for it",
    ["ETHUSDT"],
    [emptyPair("ETHUSDT")],
    ["isolated ETHUSDT OK"],
  ],
  ["is seen when it is there without debt", "all", [emptyPair("ADAUSDT")], ["isolated ADAUSDT OK"]],
])("a pair that had debt %s", (_, asked, pairs, expected) => {
  const seen = observe(isolated(pairs, asked), indebted("isolated ADAUSDT", "cross"));
  expect(seen.map((each) => `${each.subject} ${each.class}`)).toEqual(expected);
});

test("a cross account that does not exist is told, unless it had debt: then it is MISSING", () => {
  const none = debtFree({ opened: false, assets: [] });
  expect(only(none)).toMatchObject({ class: "OK", hasDebt: false, problem: { kind: "not_opened" } });
  expect(only(none, indebted("cross"))).toMatchObject({ class: "MISSING", problem: undefined });
  expect(only(none, indebted("isolated BTCUSDT"))).toMatchObject({ class: "OK" });
});

// ---------------------------------------------------------------- derived fields

test.each([
  [BARS_3X, 1.5000001, "EXCESSIVE"],
  [BARS_3X, 1.5, "NORMAL"],
  [BARS_3X, 1.3000001, "NORMAL"],
  [BARS_3X, 1.3, "MARGIN_CALL"],
  [BARS_3X, 1.1000001, "MARGIN_CALL"],
  [BARS_3X, 1.1, "FORCE_LIQUIDATION"],
  [BARS_3X, 0, "FORCE_LIQUIDATION"],
  [BARS_5X, 1.3, "EXCESSIVE"],
  [BARS_5X, 1.25, "NORMAL"],
  [BARS_5X, 1.16, "MARGIN_CALL"],
  [BARS_5X, 1.1, "FORCE_LIQUIDATION"],
])("under the bars %j a level of %d is %s", (bars, level, status) => {
  expect(crossStatus(level, bars)).toBe(status);
  expect(only(cross(level), { bars }).values.marginLevelStatus).toBe(status);
});

test.each([
  [1.24, 1.1, 11.2903],
  [2.2, 1.1, 50],
  [1.1, 1.1, 0],
  [1.05, 1.1, -4.7619],
  [0.5, 1.1, -100],
  [0, 1.1, -100],
])("the collateral of a cross account at %d with the bar at %d may fall %d %%", (level, bar, pct) => {
  expect(crossDistancePct(level, bar)).toBeCloseTo(pct, 4);
});

test.each([
  ["long, 5 % above its liquidation", 10_000, 9_500, true, 5],
  ["long, at it", 10_000, 10_000, true, 0],
  ["long, past it", 10_000, 10_500, true, 0],
  ["long, that no fall liquidates", 10_000, 0, true, 100],
  ["short, 5 % below its liquidation", 10_000, 10_500, false, 5],
  ["short, far below it", 10_000, 25_000, false, 150],
  ["short, at it", 10_000, 10_000, false, 0],
  ["short, past it", 10_000, 9_500, false, 0],
  ["short, without a liquidation price", 10_000, 0, false, 100],
])("a pair that is %s", (_, index, liquidate, long, pct) => {
  expect(pairDistancePct(index, liquidate, long)).toBe(pct);
});

test("every field that a rule may watch comes from its answer", () => {
  expect(
    only(cross(1.24, { collateralMarginLevel: 1.2, tradeEnabled: false, accountType: "MARGIN_1" })).values,
  ).toEqual({
    marginLevel: 1.24,
    collateralMarginLevel: 1.2,
    marginLevelStatus: "MARGIN_CALL",
    liquidationDistancePct: expect.closeTo(11.29, 2),
    transferOutEnabled: true,
    transferInEnabled: true,
    borrowEnabled: true,
    tradeEnabled: false,
    accountType: "MARGIN_1",
    totalAssetOfBtc: 5.58,
    totalLiabilityOfBtc: 4.5,
    totalNetAssetOfBtc: expect.closeTo(1.08, 9),
  });
  expect(onlyPair(longPair("BTCUSDT", 5, { tradeEnabled: false, marginLevel: 1.1 })).values).toEqual({
    marginLevel: 1.1,
    marginLevelStatus: "NORMAL",
    liquidationDistancePct: 5,
    tradeEnabled: false,
    enabled: true,
    indexPrice: 10_000,
    liquidatePrice: 9_500,
  });
});

test("an account whose level is not assets over liabilities has no distance, and is valid all the same", () => {
  const used = { cross: new Set(["liquidationDistancePct"] as const), isolated: new Set<never>() };
  const [pro] = observe(cross(1.24, { accountType: "MARGIN_2" }), { used });
  expect(pro).toMatchObject({ class: "OK", values: { marginLevel: 1.24 } });
  expect(pro?.values).not.toHaveProperty("liquidationDistancePct");
});

test("the distance of the public sample is Binance's own liquidateRate", () => {
  const { values } = onlyPair(FETUSDT);
  expect(values.liquidationDistancePct).toBeCloseTo(14.269087, 6);
  expect(values.marginLevelStatus).toBe("EXCESSIVE");
});

test.each<[string, PairAnswer["base"], PairAnswer["quote"], number]>([
  ["a plain long", leg("BTC", { free: 1 }), leg("USDT", { borrowed: 9_200 }), 5],
  ["a plain short", leg("BTC", { borrowed: 1 }), leg("USDT", { free: 10_900 }), 0],
  ["a long whose coins are locked in orders", leg("BTC", { locked: 1 }), leg("USDT", { borrowed: 9_200 }), 5],
  ["a short that owes only interest now", leg("BTC", { interest: 0.1 }), leg("USDT", { free: 1_050 }), 0],
  [
    "a short hedged with a little more than it owes",
    leg("BTC", { free: 1.02, borrowed: 1 }),
    leg("USDT", { free: 500 }),
    0,
  ],
  ["a long with dust owed in its base", leg("BTC", { free: 1, interest: 1e-8 }), leg("USDT", { borrowed: 9_200 }), 5],
])("%s is measured the way that its price must not go", (_, base, quote, pct) => {
  const below = longPair("BTCUSDT", 5, { base, quote, liquidatePrice: 9_500 });
  const above = longPair("BTCUSDT", 5, { base, quote, liquidatePrice: 10_500 });
  expect(onlyPair(below).values.liquidationDistancePct).toBe(pct);
  expect(onlyPair(above).values.liquidationDistancePct).toBe(5 - pct);
});

test("symbolOf tells isolated subjects from all others", () => {
  expect([symbolOf("isolated BTCUSDT"), symbolOf("cross"), symbolOf("notifier desk")]).toEqual(["BTCUSDT", "", ""]);
});
