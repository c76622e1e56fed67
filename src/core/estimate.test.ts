import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BARS_3X,
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
import { crossesRung, estimated } from "./estimate.ts";
import type { Prices } from "./market.ts";
import type { Observation } from "./observe.ts";
import type { CrossAnswer, PairAnswer } from "./ports.ts";
import { builtinRules } from "./rules/builtin.ts";
import { compile, type Rule } from "./rules/compile.ts";
import type { Ladder, RuleConfig } from "./rules/types.ts";

const THEN = 10_000;
const prices = (over: Readonly<Record<string, number>> = {}): Prices =>
  new Map(Object.entries({ BTCUSDT: THEN, ...over }));

function seen(answer: CrossAnswer | PairAnswer): Observation {
  const [observation] = observe("source" in answer ? answer : isolated([answer]));
  if (observation === undefined) throw new Error("nothing observed");
  return observation;
}

/** Bitcoin, and the pair of the answer where it is one, go from their price to `times` as much. */
function guess(answer: CrossAnswer | PairAnswer, times: number): Observation | undefined {
  const symbol = "source" in answer ? "BTCUSDT" : answer.symbol;
  return estimated(seen(answer), prices({ [symbol]: THEN }), prices({ [symbol]: THEN * times }), BARS_3X);
}

// ---------------------------------------------------------------- the values

test("the design's book when bitcoin falls by 10 %", () => {
  const before = seen(cross(1.24));
  expect(guess(cross(1.24), 0.9)).toEqual({
    ...before,
    values: {
      ...before.values,
      marginLevel: 1.116,
      marginLevelStatus: "MARGIN_CALL",
      liquidationDistancePct: expect.closeTo(100 * (1 - 1.1 / 1.116), 9),
    },
  });
});

test.each([
  ["just above the bar of liquidation", 1.1 / 1.24 + 1e-6, "MARGIN_CALL"],
  ["at the bar of liquidation", 1.1 / 1.24, "FORCE_LIQUIDATION"],
  ["at the bar of the call", 1.3 / 1.24, "MARGIN_CALL"],
  ["just above the bar of the call", 1.3 / 1.24 + 1e-6, "NORMAL"],
  ["above all bars", 1.6 / 1.24, "EXCESSIVE"],
])("a cross account %s has the status of it", (_, times, status) => {
  expect(guess(cross(1.24), times)?.values.marginLevelStatus).toBe(status);
});

test("a borrowed coin lowers the level when it rises", () => {
  const assets = [balance("BTC", { borrowed: 1 }), balance("USDT", { free: 15_000 })];
  const short = cross(1.5, { assets, totalAssetOfBtc: 1.5, totalLiabilityOfBtc: 1, totalNetAssetOfBtc: 0.5 });
  expect(guess(short, 1.2)?.values.marginLevel).toBe(1.25);
});

test("a long pair when its coin falls: the level by the legs, the distance by the exchange's own price of liquidation", () => {
  const pair = longPair("BTCUSDT", 20);
  const before = seen(pair);
  const after = guess(pair, 0.9);
  expect(after?.values.liquidationDistancePct).toBeCloseTo(100 * (1 - 8_000 / 9_000), 9);
  expect(after?.values.marginLevel).toBeCloseTo((pair.marginLevel ?? 0) * 0.9, 9);
  const { marginLevel: _, liquidationDistancePct: __, ...rest } = after?.values ?? {};
  const { marginLevel: ___, liquidationDistancePct: ____, ...restBefore } = before.values;
  expect(rest).toEqual(restBefore);
});

test("a short pair comes nearer when its coin rises, and is there when it is passed", () => {
  const legs = { base: leg("BTC", { borrowed: 1 }), quote: leg("USDT", { free: 12_600 }) };
  const short = longPair("BTCUSDT", 0, { ...legs, marginLevel: 1.26, liquidatePrice: 12_000 });
  expect(guess(short, 1.1)?.values.liquidationDistancePct).toBeCloseTo((100 * 1_000) / 11_000, 9);
  expect(guess(short, 1.3)?.values.liquidationDistancePct).toBe(0);
});

test("what the exchange did not tell is not made up", () => {
  const values = guess(longPair("BTCUSDT", 20, { marginLevel: undefined }), 0.9)?.values;
  expect(Object.keys(values ?? {})).not.toContain("marginLevel");
  expect(values?.liquidationDistancePct).toBeCloseTo(100 * (1 - 8_000 / 9_000), 9);
});

test("a pair whose legs do not agree with its level has its distance all the same", () => {
  const pair = longPair("BTCUSDT", 20, { marginLevel: 3 });
  const values = guess(pair, 0.9)?.values;
  expect([values?.marginLevel, values?.liquidationDistancePct]).toEqual([3, expect.closeTo(11.1111, 3)]);
});

test("an asset without a price of now counts as unchanged", () => {
  const assets = [
    balance("USDT", { borrowed: 45_000 }),
    balance("BTC", { free: 2.79 }),
    balance("ETH", { free: 2_790 }),
  ];
  const answer = cross(1.24, { assets });
  const after = estimated(seen(answer), prices({ ETHUSDT: 10 }), prices({ BTCUSDT: 9_000 }), BARS_3X);
  expect(after?.values.marginLevel).toBe(1.178);
});

test.each<[string, CrossAnswer | PairAnswer]>([
  ["an account without debt", debtFree()],
  ["a Pro account", cross(1.24, { accountType: "MARGIN_2" })],
  ["an account of a type that nobody knows", cross(1.24, { accountType: "MARGIN_9" })],
  ["a book that does not agree with the exchange", cross(1.4, { assets: cross(1.24).assets })],
  ["an answer that is not valid", cross(undefined)],
  ["an empty pair", emptyPair("BTCUSDT")],
  ["a pair without index price", longPair("BTCUSDT", 20, { indexPrice: undefined })],
  ["a pair without legs", longPair("BTCUSDT", 20, { base: undefined })],
  [
    "a pair without level and price of liquidation",
    longPair("BTCUSDT", 20, { marginLevel: 3, liquidatePrice: undefined }),
  ],
])("nothing is estimated of %s", (_, answer) => {
  expect(guess(answer, 0.9)).toBeUndefined();
});

test.each<[string, Prices | undefined, Prices | undefined]>([
  ["of then", undefined, prices()],
  ["of now", prices(), undefined],
])("nothing is estimated without prices %s", (_, then, now) => {
  for (const answer of [cross(1.24), longPair("BTCUSDT", 20)]) {
    expect(estimated(seen(answer), then, now, BARS_3X)).toBeUndefined();
  }
});

test.each<[string, Readonly<Record<string, number>>, Readonly<Record<string, number>>]>([
  ["has no price then", {}, { FETUSDT: 0.6 }],
  ["has no price now", { FETUSDT: 0.6 }, {}],
  ["costs nothing then", { FETUSDT: 0 }, { FETUSDT: 0.6 }],
  ["costs nothing now", { FETUSDT: 0.6 }, { FETUSDT: 0 }],
])("nothing is estimated of a pair whose symbol %s", (_, then, now) => {
  expect(estimated(seen(FETUSDT), prices(then), prices(now), BARS_3X)).toBeUndefined();
});

// ---------------------------------------------------------------- properties

const levels = fc.integer({ min: 101_000_000, max: 900_000_000 }).map((steps) => steps / 1e8);
const factors = fc.double({ min: 0.2, max: 3, noNaN: true });
const coins = fc.array(fc.tuple(factors, fc.double({ min: 1e-6, max: 1e5, noNaN: true })), {
  minLength: 1,
  maxLength: 8,
});

/** Coins of a worth and a price each; USDT is owed so that the level is the given one, rounded as the exchange does. */
function bookOf(list: readonly (readonly [number, number])[], level: number) {
  const then = new Map(list.map(([, price], index) => [`C${index}USDT`, price]));
  const held = list.map(([worth, price], index) => balance(`C${index}`, { free: (1000 * worth) / price }));
  const worth = list.reduce((sum, [each]) => sum + 1000 * each, 0);
  const assets = [...held, balance("USDT", { borrowed: worth / level })];
  return { then, answer: cross(level, { assets, totalAssetOfBtc: undefined }) };
}

test("with the prices of then the estimate is the observation", () => {
  fc.assert(
    fc.property(coins, levels, (list, level) => {
      const { then, answer } = bookOf(list, level);
      expect(estimated(seen(answer), then, new Map(then), BARS_3X)).toEqual(seen(answer));
    }),
  );
  for (const pair of [FETUSDT, longPair("FETUSDT", 20, { marginLevel: 1.3125 })]) {
    const same = new Map([["FETUSDT", 0.6]]);
    expect(estimated(seen(pair), same, same, BARS_3X)).toEqual(seen(pair));
  }
});

test("when all that is held goes by one factor and the debt is in USDT, so does the level", () => {
  fc.assert(
    fc.property(coins, levels, factors, (list, level, times) => {
      const { then, answer } = bookOf(list, level);
      const now = new Map([...then].map(([symbol, price]) => [symbol, price * times]));
      const after = estimated(seen(answer), then, now, BARS_3X)?.values.marginLevel;
      expect(Number(after) / (level * times)).toBeCloseTo(1, 9);
    }),
  );
});

test("a fall of what is held never makes it look better, and nothing else is touched", () => {
  fc.assert(
    fc.property(coins, levels, fc.double({ min: 0.2, max: 1, noNaN: true }), (list, level, times) => {
      const { then, answer } = bookOf(list, level);
      const before = seen(answer);
      const now = new Map([...then].map(([symbol, price], index) => [symbol, index === 0 ? price * times : price]));
      const after = estimated(before, then, now, BARS_3X);
      if (after === undefined) throw new Error("no estimate");
      expect(Number(after.values.marginLevel)).toBeLessThanOrEqual(level);
      expect(Number(after.values.liquidationDistancePct)).toBeLessThanOrEqual(
        Number(before.values.liquidationDistancePct),
      );
      expect({ ...after, values: undefined }).toEqual({ ...before, values: undefined });
    }),
  );
});

// ---------------------------------------------------------------- rungs

const number = (value: number) => ({ kind: "number", value }) as const;

function ruleOf(ladder: Ladder, over: Partial<RuleConfig> = {}): Rule {
  const usual = {
    on: "cross",
    field: "marginLevel",
    symbols: "all",
    hysteresisPct: 2,
    forMs: 0,
    clearAfterMs: 0,
  } as const;
  const rule = compile({ id: "rule", ...usual, ladder, ...over });
  if (rule === undefined) throw new Error("not compiled");
  return rule;
}

const BELOW = ruleOf({ kind: "below", rungs: { warning: number(1.3), critical: number(1.2) } });
const ABOVE = ruleOf({ kind: "above", rungs: { info: number(2) } });
const STATUS = ruleOf({ kind: "is", rungs: { critical: ["MARGIN_CALL"] } }, { field: "marginLevelStatus" });
const DROP = ruleOf({ kind: "drop", rungs: { critical: 1 }, withinMs: 60_000, onlyBelow: undefined });
const at = (level: number): Observation => ({
  ...seen(cross(level)),
  falls: new Map([["rule", { dropPct: 5, from: 2, fromAtMs: 0, to: 1.9, mostPct: 15 }]]),
});

test.each<[string, Rule, number, number, boolean]>([
  ["onto the first rung", BELOW, 1.31, 1.29, true],
  ["to the first rung, and not below it", BELOW, 1.31, 1.3, false],
  ["from one rung to the next", BELOW, 1.25, 1.19, true],
  ["on the same rung", BELOW, 1.29, 1.21, false],
  ["upwards", BELOW, 1.19, 1.29, false],
  ["within the hysteresis only", BELOW, 1.4, 1.31, false],
  ["above a rung of what must not rise", ABOVE, 1.9, 2.1, true],
  ["below it", ABOVE, 2.1, 1.9, false],
  ["into a status", STATUS, 1.31, 1.29, true],
  ["out of a status", STATUS, 1.29, 1.31, false],
  ["fast, for a rule on speed", DROP, 2, 1.1, false],
])("a level that goes %s", (_, rule, before, after, crosses) => {
  expect(crossesRung(at(before), at(after), [rule], BARS_3X)).toBe(crosses);
});

test("one of many rules is enough, and one that does not cover the subject is none", () => {
  expect(crossesRung(at(1.31), at(1.29), [ABOVE, DROP, BELOW], BARS_3X)).toBe(true);
  const pair = seen(longPair("BTCUSDT", 20));
  const near = guess(longPair("BTCUSDT", 20), 0.85);
  if (near === undefined) throw new Error("no estimate");
  expect(crossesRung(pair, near, [BELOW], BARS_3X)).toBe(false);
  const builtin = builtinRules.flatMap((rule) => compile(rule) ?? []);
  expect(crossesRung(pair, near, builtin, BARS_3X)).toBe(true);
});
