// What people read of an alert about the level, whole, when everything is known: these texts are the product.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BARS_3X, balance, cross, FETUSDT, isolated, leg, longPair, observe } from "../../test/support/answers.ts";
import { whatMoved } from "./cause.ts";
import type { Fall } from "./drops.ts";
import type { Locale } from "./format.ts";
import type { Insight } from "./insight.ts";
import type { Firing, Transition } from "./lifecycle.ts";
import { conversation, section, standing } from "./message.ts";
import type { Observation } from "./observe.ts";
import type { Answer, AssetBalance, CrossAnswer, PairAnswer } from "./ports.ts";
import { reportOf } from "./report.ts";
import type { Verdict } from "./rules/compile.ts";
import type { Ladder } from "./rules/types.ts";
import type { FieldFacts, Situation } from "./situation.ts";

const MIN = 60_000;
/** 12 March 2020. */
const at = (hour: number, minute = 0, second = 0): number => Date.UTC(2020, 2, 12, hour, minute, second);
const NOW = at(23, 5, 4);
const EN: Locale = { timezone: "UTC", language: "en" };
const ZH: Locale = { timezone: "Asia/Shanghai", language: "zh-CN" };

const INCIDENT: Firing = {
  phase: "firing",
  incident: "A1B2",
  seq: 3,
  severity: "critical",
  openedAtMs: at(20, 10),
  sinceMs: at(23, 5, 4),
  previous: { severity: "warning", sinceMs: at(20, 10) },
  peak: "critical",
  value: 1.24,
  worst: { value: 1.24, atMs: at(23, 5, 2) },
  clearing: null,
  lastAtMs: NOW,
  toldAtMs: NOW,
  threads: {},
  messages: 4,
};

const NOTHING: Insight = {
  prices: undefined,
  moved: undefined,
  minutes: undefined,
  costPerDay: undefined,
  report: undefined,
};

function seen(answer: Answer): Observation {
  return observe(answer, { atMs: at(23, 5, 2) })[0] ?? expect.fail("nothing is seen");
}

const verdictOf = (value: Verdict["value"], over: Partial<Verdict> = {}): Verdict => ({
  breached: "critical",
  held: "critical",
  value,
  threshold: undefined,
  isUnknownStatus: false,
  ...over,
});

function situationOf(
  observation: Observation,
  facts: Partial<FieldFacts> = {},
  transition: Partial<Transition> = {},
): Situation {
  const value = observation.values[facts.field ?? "marginLevel"] ?? 0;
  return {
    id: { account: "main", subject: observation.subject, rule: "mine" },
    transition: { kind: "raised", severity: "critical", from: "warning", atMs: NOW, state: INCIDENT, ...transition },
    facts: {
      about: "field",
      field: "marginLevel",
      ladder: "below",
      verdict: verdictOf(value, { threshold: 1.3 }),
      observation,
      bars: BARS_3X,
      target: 1.53,
      ...facts,
    },
  };
}

function read(situation: Situation, locale = EN): readonly string[] {
  const { headline, lines } = section(situation, NOW, locale);
  return [headline, ...lines];
}

const told = (
  observation: Observation,
  facts: Partial<FieldFacts> = {},
  transition: Partial<Transition> = {},
  locale = EN,
) => read(situationOf(observation, facts, transition), locale);

// ---------------------------------------------------------------- whole texts

const pricesOf = (prices: Readonly<Record<string, number>>) =>
  new Map(Object.entries(prices).map(([asset, price]) => [`${asset}USDT`, price] as const));

/** What moved these balances when the prices went from one to the other. */
function movedBy(balances: readonly AssetBalance[], from: Record<string, number>, to: Record<string, number>) {
  const book = (prices: Record<string, number>) => ({
    balances,
    prices: new Map([...Object.entries(prices), ["USDT", 1] as const]),
  });
  const moved = whatMoved(book(from), book(to));
  return moved.kind === "moved" ? moved : expect.fail("nothing is known");
}

describe("the book of the design: 5.58 BTC at 10,000 USDT, 45,000 USDT owed", () => {
  const answer = cross(1.24);
  // 11,000 · 5.58 / 45,000 = 1.364
  const moved = movedBy(answer.assets ?? [], { BTC: 11_000 }, { BTC: 10_000 });
  const insight: Insight = {
    prices: pricesOf({ BTC: 10_000 }),
    moved: { sinceMs: at(20, 5), moved },
    minutes: { fromMin: 42, toMin: 58 },
    costPerDay: { value: 12.3, asset: "USDT" },
    report: undefined,
  };

  test("in English", () => {
    expect(told(seen(answer), { insight })).toEqual([
      "CRITICAL · main · cross margin level 1.24 (below 1.30)",
      "Liquidation at 1.10 is an 11.3 % fall away (all collateral together). At this pace liquidation is 40–60 min away.",
      "Back to 1.53: add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT.",
      "Out of the margin call (above 1.30), a little more than this: add 2,700 USDT, or repay 2,076.93 USDT from outside, or sell and repay 9,000 USDT.",
      "BTC alone: liquidation at 8,870.97 USDT, an 11.3 % fall.",
      "If all you hold falls 5 / 10 / 20 %: level 1.18 / 1.12 / 0.99 (liquidation at 1.10).",
      "Margin level from 1.36 to 1.24 since 20:05 UTC: price −0.12 (BTC −9.1 %). Interest costs about 12.30 USDT a day.",
      "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
    ]);
  });

  test("in Chinese", () => {
    expect(told(seen(answer), { insight }, {}, ZH)).toEqual([
      "严重 · main · 全仓 风险率 1.24（低于 1.30）",
      "全部质押资产再跌 11.3 % 即到强平线 1.10。按此速度，距强平约 40–60 分钟。",
      "回到 1.53：追加 13,050 USDT，或用外部资金还款 8,529.42 USDT，或卖出并还款 24,623 USDT。",
      "脱离追加保证金状态（高于 1.30），须略多于：追加 2,700 USDT，或用外部资金还款 2,076.93 USDT，或卖出并还款 9,000 USDT。",
      "仅 BTC 下跌 11.3 %：到 8,870.97 USDT 即强平。",
      "若持有的全部资产下跌 5 / 10 / 20 %：风险率 1.18 / 1.12 / 0.99（强平线 1.10）。",
      "风险率自 04:05 GMT+8 起由 1.36 变为 1.24：价格 −0.12（BTC −9.1 %）。利息每天约 12.30 USDT。",
      "自 07:05 GMT+8 起为严重，由 04:10 起的警告升级。数据时间 07:05:02（2秒前）。",
    ]);
  });

  test("with nothing known beside it the message is what it was", () => {
    expect(told(seen(answer), { insight: undefined })).toEqual([
      "CRITICAL · main · cross margin level 1.24 (below 1.30)",
      "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
      "Back to 1.53: add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT.",
      "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
    ]);
  });

  test.each<[keyof Insight, RegExp]>([
    ["moved", /Margin level from /],
    ["minutes", /At this pace/],
    ["costPerDay", /Interest/],
  ])("without %s just that is absent", (part, line) => {
    const all = told(seen(answer), { insight }).join("\n");
    const less = told(seen(answer), { insight: { ...insight, [part]: undefined } }).join("\n");
    expect([line.test(all), line.test(less)]).toEqual([true, false]);
    expect(less).toContain("BTC alone");
  });

  test("our prices are not quite Binance's: what moved ends at the level that the first line tells", () => {
    const own = movedBy(answer.assets ?? [], { BTC: 11_000 }, { BTC: 9_920 });
    const lines = told(seen(answer), { insight: { ...insight, moved: { sinceMs: at(20, 5), moved: own } } });
    expect(own.to.toFixed(2)).toBe("1.23");
    expect(lines).toContainEqual(
      expect.stringContaining("Margin level from 1.38 to 1.24 since 20:05 UTC: price −0.14 (BTC −9.8 %)."),
    );
  });

  test("at the bar nothing is promised: no prices, no ladder, no pace", () => {
    const passed = told(seen(cross(1.1)), { insight: { ...insight, minutes: { fromMin: 0, toMin: 0 } } }).join("\n");
    expect(passed).toContain("\nThe liquidation bar of 1.10 is reached: Binance may be liquidating now.\nBack to 1.53");
    expect(passed).not.toMatch(/alone|If all|pace/);
    expect(passed.match(/is reached/g)).toHaveLength(1);
  });
});

/** 13.6 BTC and 260 LINK held, 45,000 USDT owed. */
function demo(bitcoin: number, link: number): CrossAnswer {
  const assets = [
    balance("BTC", { free: 13.6 }),
    balance("LINK", { free: 260 }),
    balance("USDT", { borrowed: 45_000 }),
  ];
  const worth = 13.6 * bitcoin + 260 * link;
  return cross(worth / 45_000, {
    totalAssetOfBtc: worth / bitcoin,
    totalLiabilityOfBtc: 45_000 / bitcoin,
    totalCollateralValueInUsdt: worth,
    totalOpenOrderLossInUsdt: 0,
    transferOutEnabled: false,
    assets,
  });
}

describe("the book of the demo", () => {
  // 13.6 · 4,080 + 260 · 1.6 = 55,904; 55,904 / 45,000 = 1.2423; before it was 68,520 / 45,000 = 1.5227
  const answer = demo(4_080, 1.6);
  const insight: Insight = {
    prices: pricesOf({ BTC: 4_080, LINK: 1.6 }),
    moved: {
      sinceMs: at(20, 5),
      moved: movedBy(answer.assets ?? [], { BTC: 5_000, LINK: 2 }, { BTC: 4_080, LINK: 1.6 }),
    },
    minutes: { fromMin: 95, toMin: 170 },
    costPerDay: { value: 4.4982, asset: "USDT" },
    report: undefined,
  };

  test("in English", () => {
    expect(told(seen(answer), { insight })).toEqual([
      "CRITICAL · main · cross margin level 1.24 (below 1.30)",
      "Liquidation at 1.10 is an 11.5 % fall away (all collateral together). At this pace liquidation is 90 min to 3 h away.",
      "Back to 1.53: add 12,946 USDT, or repay 8,461.44 USDT from outside, or sell and repay 24,427 USDT.",
      "Out of the margin call (above 1.30), a little more than this: add 2,596 USDT, or repay 1,996.93 USDT from outside, or sell and repay 8,653.34 USDT.",
      "BTC alone: liquidation at 3,609.12 USDT, an 11.5 % fall.", // (49,500 − 416) / 13.6
      "If all you hold falls 5 / 10 / 20 %: level 1.18 / 1.12 / 0.99 (liquidation at 1.10).",
      "Margin level from 1.52 to 1.24 since 20:05 UTC: price −0.28 (BTC −18.4 %). Interest costs about 4.50 USDT a day.",
      "To transfer out again (collateral level above 2), a little more than this: add 34,096 USDT, or repay 17,048 USDT from outside.",
      "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
    ]);
  });

  test("in Chinese", () => {
    expect(told(seen(answer), { insight }, {}, ZH)).toEqual([
      "严重 · main · 全仓 风险率 1.24（低于 1.30）",
      "全部质押资产再跌 11.5 % 即到强平线 1.10。按此速度，距强平约 90 分钟至 3 小时。",
      "回到 1.53：追加 12,946 USDT，或用外部资金还款 8,461.44 USDT，或卖出并还款 24,427 USDT。",
      "脱离追加保证金状态（高于 1.30），须略多于：追加 2,596 USDT，或用外部资金还款 1,996.93 USDT，或卖出并还款 8,653.34 USDT。",
      "仅 BTC 下跌 11.5 %：到 3,609.12 USDT 即强平。",
      "若持有的全部资产下跌 5 / 10 / 20 %：风险率 1.18 / 1.12 / 0.99（强平线 1.10）。",
      "风险率自 04:05 GMT+8 起由 1.52 变为 1.24：价格 −0.28（BTC −18.4 %）。利息每天约 4.50 USDT。",
      "恢复转出（质押风险率高于 2），须略多于：追加 34,096 USDT，或用外部资金还款 17,048 USDT。",
      "自 07:05 GMT+8 起为严重，由 04:10 起的警告升级。数据时间 07:05:02（2秒前）。",
    ]);
  });

  test("never more than ten lines", () => {
    expect(told(seen(answer), { insight }).length).toBeLessThanOrEqual(10);
  });
});

// ---------------------------------------------------------------- other books

/** 13,000 USDT held, 1 BTC at 10,000 owed: 1.3. */
const short = cross(1.3, {
  totalAssetOfBtc: 1.3,
  totalLiabilityOfBtc: 1,
  totalCollateralValueInUsdt: 13_000,
  totalOpenOrderLossInUsdt: 0,
  assets: [balance("USDT", { free: 13_000 }), balance("BTC", { borrowed: 1 })],
});
const withPrices = (prices: Readonly<Record<string, number>>): Insight => ({ ...NOTHING, prices: pricesOf(prices) });

const movedFrom = (bitcoin: number, now = 10_000): Insight => {
  const moved = movedBy(cross(1.24).assets ?? [], { BTC: bitcoin }, { BTC: now });
  return { ...withPrices({ BTC: 10_000 }), moved: { sinceMs: at(20, 5), moved } };
};

test.each([
  [1.397, 1.4, "1.397 (below 1.40)", "Margin level from 1.537 to 1.397 since 20:05 UTC: price −0.140 (BTC −9.1 %)."],
  [
    1.2999,
    1.3,
    "1.2999 (below 1.30)",
    "Margin level from 1.4299 to 1.2999 since 20:05 UTC: price −0.1300 (BTC −9.1 %).",
  ],
  [1.24, 1.3, "1.24 (below 1.30)", "Margin level from 1.36 to 1.24 since 20:05 UTC: price −0.12 (BTC −9.1 %)."],
])("a level of %d below %d: the movement ends at what the first line says", (level, threshold, headline, line) => {
  const { prices, ...rest } = movedFrom(11_000);
  const text = told(seen(cross(level)), {
    verdict: verdictOf(level, { threshold }),
    insight: { prices: undefined, ...rest },
  });
  expect(text[0]).toContain(headline);
  expect(text).toContain(line);
});

test.each([
  [0.004, "USDT", undefined],
  [0.0049, "USDC", undefined],
  [0.0051, "USDT", "Interest costs about 0.0051 USDT a day."],
  [0.004, "BTC", "Interest costs about 0.004 BTC a day."],
  [1e-9, "BTC", undefined],
])("interest of %d %s a day: %s", (value, asset, line) => {
  const text = told(seen(cross(1.24)), { insight: { ...NOTHING, costPerDay: { value, asset } } });
  expect(text.find((each) => each.includes("Interest"))).toBe(line);
});

test("a coin that is owed: every amount in it too, and what its rise does", () => {
  expect(told(seen(short), { target: 1.5, insight: withPrices({ BTC: 10_000 }) }).slice(1, 4)).toEqual([
    "Liquidation at 1.10 is a 15.4 % fall away (all collateral together).",
    "Back to 1.50: add 2,000 USDT (0.2 BTC), or repay 1,333.34 USDT (0.1334 BTC) from outside, or sell and repay 4,000 USDT (0.4 BTC).",
    "BTC alone: liquidation at 11,818.18 USDT, an 18.2 % rise.",
  ]);
  expect(told(seen(short), { target: 1.5, insight: withPrices({ BTC: 10_000 }) }, {}, ZH)).toContain(
    "若持有的全部资产下跌 5 / 10 / 20 %：风险率 1.23 / 1.17 / 1.04（强平线 1.10）。若所欠的币上涨 5 / 10 %：风险率 1.24 / 1.18。",
  );
});

test("the nearest three only", () => {
  const coins = ["BTC", "ETH", "BNB", "SOL"];
  const assets = [...coins.map((asset) => balance(asset, { free: 25 })), balance("USDT", { borrowed: 8_000 })];
  const answer = cross(1.25, { assets, totalAssetOfBtc: 100, totalLiabilityOfBtc: 80 });
  const prices = withPrices({ BTC: 100, ETH: 100, BNB: 100, SOL: 100 });
  const [line = ""] = told(seen(answer), { insight: prices }).filter((each) => each.includes("alone"));
  expect(line.match(/alone/g)).toHaveLength(3);
});

test.each<[string, Insight, CrossAnswer, string]>([
  ["there are none", NOTHING, cross(1.24), "There are no market prices now: prices of liquidation cannot be told."],
  [
    "one of them is missing",
    withPrices({ ETH: 200 }),
    cross(1.24),
    "No price for BTC: prices of liquidation cannot be told.",
  ],
  [
    "they do not agree with Binance",
    withPrices({ BTC: 9_000 }),
    cross(1.24),
    "Market prices and Binance's level do not agree: prices of liquidation cannot be told.",
  ],
])("prices: when %s the amounts go by the only debt, and the message says why", (_, insight, answer, why) => {
  expect(told(seen(answer), { insight }).slice(1, 4)).toEqual([
    "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
    "Back to 1.53: add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT.",
    why,
  ]);
});

test("what has no price and does not matter is named", () => {
  const assets = [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: 5.58 }), balance("DUST", { free: 1 })];
  const lines = told(seen(cross(1.24, { assets })), { insight: withPrices({ BTC: 10_000 }) });
  expect(lines).toContain("BTC alone: liquidation at 8,870.97 USDT, an 11.3 % fall. No price for DUST: not counted.");
});

test("transfers out that are locked, with bitcoin owed", () => {
  const insight = withPrices({ BTC: 10_000 });
  const out = seen({ ...short, transferOutEnabled: false });
  expect(
    told(out, { field: "transferOutEnabled", ladder: "is", target: undefined, verdict: verdictOf(false), insight }),
  ).toEqual([
    "CRITICAL · main · cross transfer out is off",
    "Nothing can be transferred out of the account: a sign that collateral is short. Margin level 1.30. Liquidation at 1.10 is a 15.4 % fall away (all collateral together).",
    "Transfer out needs a collateral margin level above 2; it is 1.30. To transfer out again (collateral level above 2), a little more than this: add 7,000 USDT, or repay 3,500 USDT (0.35 BTC) from outside, or sell and repay 7,000 USDT (0.7 BTC).",
    "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
  ]);
});

// ---------------------------------------------------------------- isolated pairs

const pair = (answer: PairAnswer): Observation => seen(isolated([answer]));
const distanceFacts = { field: "liquidationDistancePct", target: 10.2 } as const;

test("a long pair, with everything known", () => {
  const observation = pair(longPair("BTCUSDT", 5));
  const moved = movedBy(
    [balance("BTC", { free: 1 }), balance("USDT", { borrowed: 9_500 / 1.05 })],
    { BTC: 11_000 },
    { BTC: 10_000 },
  );
  const insight: Insight = {
    ...NOTHING,
    moved: { sinceMs: at(20, 5), moved },
    minutes: { fromMin: 11, toMin: 24 },
    costPerDay: { value: 0.5, asset: "USDT" },
  };
  const facts = { ...distanceFacts, verdict: verdictOf(5, { threshold: 6 }), insight };
  expect(told(observation, facts)).toEqual([
    "CRITICAL · main · BTCUSDT isolated distance to liquidation 5.0 % (below 6 %)",
    "Margin level 1.11. Liquidation at 9,500 USDT is a 5.0 % fall away (index price 10,000). At this pace liquidation is 10–25 min away.",
    "Back to a distance of 10.2 %: add 520 USDT, or repay 495.24 USDT from outside, or sell and repay 3,421.06 USDT.",
    "If BTC falls 5 / 10 / 20 %: level 1.05 / 0.99 / 0.88 (liquidation at 1.05).",
    "Margin level from 1.22 to 1.11 since 20:05 UTC: price −0.11 (BTC −9.1 %). Interest costs about 0.5 USDT a day.",
    "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
  ]);
  expect(told(observation, facts, {}, ZH).slice(1, 5)).toEqual([
    "风险率 1.11。再跌 5.0 % 即到强平价 9,500 USDT（指数价格 10,000）。按此速度，距强平约 10–25 分钟。",
    "距强平幅度回到 10.2 %：追加 520 USDT，或用外部资金还款 495.24 USDT，或卖出并还款 3,421.06 USDT。",
    "若 BTC 下跌 5 / 10 / 20 %：风险率 1.05 / 0.99 / 0.88（强平线 1.05）。",
    "风险率自 04:05 GMT+8 起由 1.22 变为 1.11：价格 −0.11（BTC −9.1 %）。利息每天约 0.5 USDT。",
  ]);
});

test("the public sample is liquidated at the level of its own tier", () => {
  // (1,954.7144 · 0.51628838 + 20.66) / 889.72 = 1.1575, by the level that Binance tells
  expect(told(pair(FETUSDT), distanceFacts)).toContainEqual(
    expect.stringMatching(/^If FET falls 5 \/ 10 \/ 20 %: level 1\.28 \/ 1\.21 \/ 1\.08 \(liquidation at 1\.16\)\.$/),
  );
});

const isolatedShort = longPair("BTCUSDT", 0, {
  marginLevel: 1.2,
  indexPrice: 10_000,
  liquidatePrice: 12_000 / 1.05,
  base: leg("BTC", { borrowed: 1 }),
  quote: leg("USDT", { free: 12_000 }),
});

test.each<[string, PairAnswer, Partial<FieldFacts>, string]>([
  // 889.72069801 owed at 1.34371923: (1.6 − 1.34371923) · 889.72069801 = 228.02
  [
    "a long pair",
    FETUSDT,
    { target: 1.6 },
    "Back to 1.60: add 228.02 USDT, or repay 142.52 USDT from outside, or sell and repay 380.04 USDT.",
  ],
  [
    "a long pair, on speed with a target",
    FETUSDT,
    { ...{ ladder: "drop", target: 1.6 } },
    "Back to 1.60: add 228.02 USDT, or repay 142.52 USDT from outside, or sell and repay 380.04 USDT.",
  ],
  [
    "a short pair",
    isolatedShort,
    { target: 1.5 },
    "Back to 1.50: add 3,000 USDT (0.3 BTC), or repay 0.2 BTC from outside, or sell and repay 6,000 USDT (0.6 BTC).",
  ],
  ["a pair whose level needs nothing", isolatedShort, { target: 1.2 }, ""],
  [
    "a rule on distance keeps the distance",
    isolatedShort,
    { field: "liquidationDistancePct", target: 20 },
    "Back to a distance of 20 %: add 600 USDT (0.05 BTC), or repay 0.04762 BTC from outside, or sell and repay 2,307.70 USDT (0.2308 BTC).",
  ],
])("a rule on the level of a pair leads to its level: %s", (_, answer, facts, line) => {
  const text = told(pair(answer), facts);
  expect(text.find((each) => each.startsWith("Back")) ?? "").toBe(line);
});

test.each<[string, Observation]>([
  ["a pair", pair(FETUSDT)],
  ["the cross account", seen(cross(3.2))],
])("a rule on what lies above a level promises nothing: %s", (_, observation) => {
  const text = told(observation, { ladder: "above", target: 1.6 });
  expect(text.join()).not.toMatch(/Back to|add |repay/);
});

// ---------------------------------------------------------------- the collateral level

const locked = cross(1.95, {
  collateralMarginLevel: 1.84,
  totalCollateralValueInUsdt: 45_000 * 1.84,
  totalOpenOrderLossInUsdt: 0,
});
const collateral = { field: "collateralMarginLevel", verdict: verdictOf(1.84, { threshold: 2.2 }) } as const;

test.each<[string, CrossAnswer, Partial<FieldFacts>, string | undefined]>([
  // 2.244 · 45,000 − 82,800 = 18,180; 45,000 − 82,800 / 2.244 = 8,101.61
  [
    "where the alert ends",
    locked,
    { ...collateral, target: 2.244 },
    "Back to a collateral level of 2.244: add 18,180 USDT, or repay 8,101.61 USDT from outside.",
  ],
  [
    "without prices too",
    locked,
    { ...collateral, target: 2.244, insight: undefined },
    "Back to a collateral level of 2.244: add 18,180 USDT, or repay 8,101.61 USDT from outside.",
  ],
  [
    "on speed with a target",
    locked,
    { ...collateral, ladder: "drop", target: 3 },
    "Back to a collateral level of 3.00: add 52,200 USDT, or repay 17,400 USDT from outside.",
  ],
  [
    "on speed without one: the margin level's normal bar",
    { ...locked, marginLevel: 1.4 },
    { ...collateral, ladder: "drop", target: undefined, insight: undefined },
    "Back to a margin level of 1.50: add 4,500 USDT, or repay 3,000 USDT from outside, or sell and repay 9,000 USDT.",
  ],
  [
    "while open orders would lose something",
    { ...locked, totalOpenOrderLossInUsdt: 1 },
    { ...collateral, target: 2.244 },
    undefined,
  ],
  [
    "of an account of the other type",
    { ...locked, accountType: "MARGIN_2" },
    { ...collateral, target: 2.244 },
    undefined,
  ],
])("a rule on the collateral level: %s", (_, answer, facts, line) => {
  const text = told(seen(answer), { insight: withPrices({ BTC: 10_000 }), ...facts });
  expect(text.find((each) => each.startsWith("Back"))).toBe(line);
});

test("a rule on the collateral level, in Chinese, and in the coin that is owed", () => {
  const answer = {
    ...short,
    collateralMarginLevel: 1.3,
  };
  const text = (locale: Locale) =>
    told(
      seen(answer),
      { field: "collateralMarginLevel", target: 2.5, insight: withPrices({ BTC: 10_000 }) },
      {},
      locale,
    );
  expect(text(EN)).toContain(
    "Back to a collateral level of 2.50: add 12,000 USDT, or repay 4,800 USDT (0.48 BTC) from outside.",
  );
  expect(text(ZH)).toContain("质押风险率回到 2.50：追加 12,000 USDT，或用外部资金还款 4,800 USDT（0.48 BTC）。");
});

// ---------------------------------------------------------------- a distance that is passed

const passed = { field: "liquidationDistancePct", target: 5.1 } as const;

// 1.04 / 1.1 = 0.9455: 5.5 % below. The distance of it is 100 · (1 − 1.1 / 1.04) = −5.8.
test.each<[string, number, Partial<FieldFacts>, string, string]>([
  [
    "passed",
    1.04,
    { verdict: verdictOf(100 * (1 - 1.1 / 1.04), { threshold: 5 }) },
    "CRITICAL · main · cross: 5.5 % below the liquidation bar",
    "严重 · main · 全仓：低于强平线 5.5 %",
  ],
  [
    "passed by next to nothing",
    1.09999,
    { verdict: verdictOf(100 * (1 - 1.1 / 1.09999), { threshold: 5 }) },
    "CRITICAL · main · cross: liquidation bar passed",
    "严重 · main · 全仓：已跌破强平线",
  ],
  [
    "passed further than is counted",
    0.5,
    { verdict: verdictOf(-100, { threshold: 5 }) },
    "CRITICAL · main · cross: liquidation bar passed",
    "严重 · main · 全仓：已跌破强平线",
  ],
  [
    "at the bar",
    1.1,
    { verdict: verdictOf(0, { threshold: 5 }) },
    "CRITICAL · main · cross distance to liquidation 0.0 % (below 5 %)",
    "严重 · main · 全仓 距强平幅度 0.0 %（低于 5 %）",
  ],
  [
    "by a fall",
    1.04,
    {
      ladder: "drop",
      verdict: verdictOf(150, {
        threshold: 10,
        fall: { dropPct: 150, from: 11.5, fromAtMs: at(22, 53, 2), to: -5.77, mostPct: 150 },
      }),
    },
    "CRITICAL · main · cross: 5.5 % below the liquidation bar, fell 150.0 % in 12 min",
    "严重 · main · 全仓：低于强平线 5.5 %，12分钟内下跌 150.0 %",
  ],
])("no distance has a minus: %s", (_, level, facts, en, zh) => {
  const [first, ...rest] = told(seen(cross(level)), { ...passed, ...facts });
  expect(first).toBe(en);
  expect(rest.join("\n")).not.toMatch(/-\d/);
  expect(told(seen(cross(level)), { ...passed, ...facts }, {}, ZH)[0]).toBe(zh);
});

test("the worst of an incident, and what stands, have no minus either", () => {
  const state = { ...INCIDENT, worst: { value: -5.77, atMs: at(22, 10) }, value: -5.77 };
  const over = { ...passed, verdict: undefined } as const;
  const lasted = (locale: Locale) => told(seen(cross(1.4)), over, { kind: "resolved", state }, locale)[1];
  expect(lasted(EN)).toBe(
    "Open for 2 h 55 min, at worst critical, 5.5 % below the liquidation bar at 22:10 UTC. 4 messages before this.",
  );
  expect(lasted(ZH)).toBe("历时 2小时55分钟，最高级别为严重，低于强平线 5.5 %（06:10 GMT+8）。此前共 4 条消息。");
  const ladder: Ladder = { kind: "below", rungs: { critical: { kind: "number", value: 5 } } };
  const id = { account: "main", subject: "cross", rule: "mine" } as const;
  const rule = { field: "liquidationDistancePct", ladder } as const;
  expect(standing(id, state, rule, EN)).toBe("CRITICAL · main · cross: 5.5 % below the liquidation bar #A1B2-3");
  const report = reportOf(state, NOW, { before: undefined, after: undefined });
  const reported = told(seen(cross(1.4)), { ...over, insight: { ...NOTHING, report } }, { kind: "resolved", state });
  expect(reported[1]).toContain("at worst critical, 5.5 % below the liquidation bar at 22:10 UTC.");
});

// ---------------------------------------------------------------- speed and time

const fall: Fall = { dropPct: 11.28, from: 1.4, fromAtMs: at(22, 53, 2), to: 1.242, mostPct: 11.28 };
const speed = { ladder: "drop", target: undefined, verdict: verdictOf(11.28, { threshold: 10, fall }) } as const;

test("a rule on speed: how much in what time, and the way back to the normal bar", () => {
  expect(told(seen(cross(1.242)), { ...speed, insight: withPrices({ BTC: 10_000 }) })).toEqual([
    "CRITICAL · main · cross margin level 1.24, fell 11.3 % in 12 min",
    "Liquidation at 1.10 is an 11.4 % fall away (all collateral together).",
    "Back to 1.50: add 11,610 USDT, or repay 7,740 USDT from outside, or sell and repay 23,220 USDT.",
    "Out of the margin call (above 1.30), a little more than this: add 2,610 USDT, or repay 2,007.70 USDT from outside, or sell and repay 8,700 USDT.",
    "BTC alone: liquidation at 8,856.68 USDT, an 11.4 % fall.",
    "If all you hold falls 5 / 10 / 20 %: level 1.18 / 1.12 / 0.99 (liquidation at 1.10).",
    "Fell 11.3 % in 12 min, from 1.40 to 1.24.",
    "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
  ]);
  expect(told(seen(cross(1.242)), speed, {}, ZH)[0]).toBe("严重 · main · 全仓 风险率 1.24，12分钟内下跌 11.3 %");
});

test.each([
  [
    "fell too: both are told",
    11_000,
    "Fell 11.3 % in 12 min, from 1.40 to 1.24. Margin level from 1.37 to 1.24 since 20:05 UTC: price −0.13 (BTC −9.1 %).",
  ],
  ["rose: the fall alone", 9_900, "Fell 11.3 % in 12 min, from 1.40 to 1.24."],
  ["stands where it was: the fall alone", 10_000, "Fell 11.3 % in 12 min, from 1.40 to 1.24."],
  ["fell by less than can be read: the fall alone", 10_000.01, "Fell 11.3 % in 12 min, from 1.40 to 1.24."],
])("a rule on speed, while the level since before the alert %s", (_, bitcoin, line) => {
  const text = told(seen(cross(1.242)), { ...speed, insight: movedFrom(bitcoin) });
  expect(text.at(-2)).toBe(line);
});

test("a rule on speed, when both ends read differently but no share of the way can be told: the fall alone", () => {
  // 1.24251 and 1.24249 on three digits
  const answer = cross(1.24249);
  const moved = movedBy(answer.assets ?? [], { BTC: 10_000.16 }, { BTC: 10_000 });
  expect([moved.from, moved.to].map((level) => level.toFixed(3))).toEqual(["1.243", "1.242"]);
  const text = told(seen(answer), { ...speed, insight: { ...NOTHING, moved: { sinceMs: at(20, 5), moved } } });
  expect(text.at(-2)).toBe("Fell 11.3 % in 12 min, from 1.40 to 1.24.");
});

test("the fall itself is told of any account, for it is the level that the exchange says", () => {
  const text = told(seen(cross(1.242, { accountType: "MARGIN_2" })), speed);
  expect(text.slice(1, -1)).toEqual(["Fell 11.3 % in 12 min, from 1.40 to 1.24."]);
});

test("the first line and the fall below it have the same digits", () => {
  const slow: Fall = { ...fall, dropPct: 9.97 };
  const text = told(seen(cross(1.242)), { ...speed, verdict: verdictOf(9.97, { threshold: 10, fall: slow }) });
  expect([text[0], text.at(-2)]).toEqual([
    "CRITICAL · main · cross margin level 1.24, fell 9.97 % in 12 min",
    "Fell 9.97 % in 12 min, from 1.40 to 1.24.",
  ]);
});

test("a rule on speed with a target of its own, lowered, resolved, and gone with the debt", () => {
  const observation = seen(cross(1.242));
  expect(told(observation, { ...speed, target: 1.7 })[2]).toMatch(/^Back to 1\.70: /);
  expect(told(observation, speed, { kind: "lowered", severity: "warning", from: "critical" })[0]).toBe(
    "WARNING · main · cross margin level 1.24, fell 11.3 % in 12 min (was critical)",
  );
  const state = { ...INCIDENT, worst: { value: 14.2, atMs: at(22, 10) }, value: 3 };
  const over = { ladder: "drop", verdict: undefined, target: undefined } as const;
  expect(told(seen(cross(1.4)), over, { kind: "resolved", state })).toEqual([
    "RESOLVED · main · cross margin level 1.40, no longer falling that fast",
    "Open for 2 h 55 min, at worst critical, a fall of 14.2 % at 22:10 UTC. 4 messages before this.",
  ]);
  expect(told(seen(cross(1.4)), over, { kind: "resolved", state }, ZH)).toEqual([
    "已解除 · main · 全仓 风险率 1.40，下跌已放缓",
    "历时 2小时55分钟，最高级别为严重，跌幅 14.2 %（06:10 GMT+8）。此前共 4 条消息。",
  ]);
});

test("an alert on speed that stands, and its conversation, are told from one on the level", () => {
  const ladder: Ladder = { kind: "drop", rungs: { critical: 10 }, withinMs: 15 * MIN, onlyBelow: undefined };
  const id = { account: "main", subject: "cross", rule: "mine" } as const;
  const state = { ...INCIDENT, value: 11.28 };
  expect(standing(id, state, { field: "marginLevel", ladder }, EN)).toBe(
    "CRITICAL · main · cross margin level fell 11.3 % #A1B2-3",
  );
  expect(standing(id, state, { field: "marginLevel", ladder }, ZH)).toBe(
    "严重 · main · 全仓 风险率 下跌 11.3 % #A1B2-3",
  );
  const situation = situationOf(seen(cross(1.242)), speed);
  expect(conversation([situation], "en")).toBe("margind main: cross margin level, how fast it falls");
  expect(conversation([situation], "zh-CN")).toBe("margind main：全仓 风险率 下跌速度");
});

const time = { field: "minutesToLiquidation", target: 61.2, verdict: verdictOf(42, { threshold: 60 }) } as const;

test.each<[string, Partial<FieldFacts>, Partial<Transition>, string, string]>([
  [
    "with the range",
    { ...time, insight: { ...NOTHING, minutes: { fromMin: 42, toMin: 58 } } },
    {},
    "CRITICAL · main · cross: liquidation 40–60 min away at this pace",
    "严重 · main · 全仓：按此速度距强平约 40–60 分钟",
  ],
  [
    "with its lower end only",
    time,
    {},
    "CRITICAL · main · cross: liquidation 40–50 min away at this pace",
    "严重 · main · 全仓：按此速度距强平约 40–50 分钟",
  ],
  [
    "at the bar",
    { ...time, verdict: verdictOf(0, { threshold: 60 }) },
    {},
    "CRITICAL · main · cross: the liquidation bar is reached",
    "严重 · main · 全仓：已达强平线",
  ],
  [
    "when it is over",
    { ...time, verdict: undefined },
    { kind: "resolved" },
    "RESOLVED · main · cross: no longer falling that fast towards liquidation",
    "已解除 · main · 全仓：向强平线下跌的速度已放缓",
  ],
])("the time to liquidation %s", (_, facts, transition, en, zh) => {
  const observation = seen(cross(1.24));
  expect(told(observation, facts, transition)[0]).toBe(en);
  expect(told(observation, facts, transition, ZH)[0]).toBe(zh);
});

test("the time is told once, and its threshold is no level to get back to", () => {
  const insight: Insight = { ...withPrices({ BTC: 10_000 }), minutes: { fromMin: 42, toMin: 58 } };
  const text = told(seen(cross(1.24)), { ...time, insight });
  expect(text.join("\n")).not.toContain("At this pace");
  expect(text[2]).toMatch(/^Back to 1\.50: add 11,700 USDT, /);
});

// ---------------------------------------------------------------- when it is over

test("the report of an incident", () => {
  const before = {
    balances: cross(1.36).assets ?? [],
    prices: new Map([
      ["BTC", 10_000],
      ["USDT", 1],
    ]),
  };
  const after = {
    balances: [balance("USDT", { borrowed: 40_000 }), balance("BTC", { free: 6.12 })],
    prices: new Map([
      ["BTC", 10_200],
      ["USDT", 1],
    ]),
  };
  const report = reportOf(INCIDENT, NOW, { before, after });
  const facts = { verdict: undefined, insight: { ...NOTHING, report } };
  // 6.12 · 10,200 / 40,000 = 1.5606
  expect(told(seen(cross(1.5606)), facts, { kind: "resolved" })).toEqual([
    "RESOLVED · main · cross margin level 1.56",
    "Open for 2 h 55 min, at worst critical, lowest 1.24 at 23:05 UTC. 4 messages before this.",
    "Margin level from 1.36 to 1.56: transferred in +0.12, repaid +0.05, price +0.03 (BTC +2.0 %).",
    "Added 5,000 USDT; repaid 5,000 USDT.",
  ]);
  expect(told(seen(cross(1.5606)), facts, { kind: "resolved" }, ZH).at(-1)).toBe("转入 5,000 USDT；还款 5,000 USDT。");
  const pro = seen(cross(1.5606, { accountType: "MARGIN_2" }));
  expect(told(pro, facts, { kind: "resolved" }).join("\n")).not.toContain("level from ");
});

// ---------------------------------------------------------------- whatever the book

const number = (text: string): number => Number(text.replaceAll(",", ""));

/** The amounts of a line of ways: in USDT, and in the debt's asset. */
function amountsIn(line: string, way: string): [number | undefined, number | undefined] {
  const [, usdt, inDebt] = new RegExp(`${way} ([\\d,.]+) USDT(?: \\(([\\d,.]+) \\w+\\))?`).exec(line) ?? [];
  return [usdt === undefined ? undefined : number(usdt), inDebt === undefined ? undefined : number(inDebt)];
}

const books = fc.record({
  // Not close to 1: there all is sold, and the last cent decides what level is left.
  level: fc.oneof(fc.double({ min: 0.8, max: 0.999, noNaN: true }), fc.double({ min: 1.02, max: 1.49, noNaN: true })),
  btc: fc.double({ min: 0.01, max: 10, noNaN: true }),
  usdt: fc.double({ min: 0, max: 50_000, noNaN: true }),
  bitcoin: fc.double({ min: 1_000, max: 100_000, noNaN: true }),
  target: fc.double({ min: 1.5, max: 1.9, noNaN: true }),
});

function answerOf({ level, btc, usdt, bitcoin }: { level: number; btc: number; usdt: number; bitcoin: number }) {
  const owed = btc * bitcoin + usdt;
  const assets = [balance("BNB", { free: 1 }), balance("BTC", { borrowed: btc }), balance("USDT", { borrowed: usdt })];
  const totals = { totalAssetOfBtc: (level * owed) / bitcoin, totalLiabilityOfBtc: owed / bitcoin };
  return { answer: cross(level, { ...totals, assets }), prices: { BTC: bitcoin, BNB: level * owed }, owed };
}

test("each amount that is read brings the level to the target, and is not far more than it takes", () => {
  let met = 0;
  fc.assert(
    fc.property(books, (book) => {
      const { answer, prices, owed } = answerOf(book);
      const lines = told(seen(answer), { target: book.target, insight: withPrices(prices) });
      const line = lines.find((each) => each.startsWith("Back to ")) ?? expect.fail("no way back");
      const held = book.level * owed;
      const exact = { add: book.target * owed - held, repay: owed - held / book.target };
      const sale = exact.add / (book.target - 1);
      for (const place of [0, 1] as const) {
        const worth = (way: string) => (amountsIn(line, way)[place] ?? Number.NaN) * (place === 0 ? 1 : book.bitcoin);
        const [add, repay, sell] = [worth("add"), worth("repay"), worth("sell and repay")];
        const reaches = (shown: number, needed: number, level: number) => {
          if (Number.isNaN(shown)) return;
          expect(level).toBeGreaterThan(book.target - 1e-6); // amountUp forgives a millionth of its last digit
          expect(shown).toBeLessThan(needed * 1.01);
          met++;
        };
        reaches(add, exact.add, (held + add) / owed);
        reaches(repay, exact.repay, held / (owed - repay));
        reaches(sell, sale, sell < owed ? (held - sell) / (owed - sell) : Number.POSITIVE_INFINITY);
      }
      expect(/sell/.test(line)).toBe(book.level >= 1);
    }),
  );
  expect(met).toBeGreaterThan(200);
});

/** Steps of the ladder that are read, each with whether it is liquidated. */
function ladderIn(line: string): readonly { readonly pct: number; readonly isOver: boolean }[] {
  const [, pcts = "", levels = "", bar = ""] =
    /(?:falls|rises) ([\d. /]+) %: level ([\d. /]+) \(liquidation at ([\d.]+)\)/.exec(line) ?? [];
  const reached = levels.split(" / ").map((level) => Number(level) <= Number(bar));
  return pcts.split(" / ").map((pct, i) => ({ pct: Number(pct), isOver: reached[i] ?? expect.fail(line) }));
}

function expectAgreement(lines: readonly string[]): void {
  const [, away = ""] = /is an? ([\d.]+) % (?:fall|rise) away/.exec(lines.join("\n")) ?? [];
  const line = lines.find((each) => each.startsWith("If ")) ?? expect.fail("no ladder");
  for (const { pct, isOver } of ladderIn(line)) {
    if (Math.abs(pct - Number(away)) > 0.06) expect(isOver, `${away} % away; ${line}`).toBe(pct > Number(away));
  }
}

test("the ladder and the distance never contradict each other", () => {
  fc.assert(
    fc.property(books, (book) => {
      fc.pre(book.level > 1.1);
      const { answer, prices } = answerOf(book);
      expectAgreement(told(seen(answer), { insight: withPrices(prices) }));
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 40, noNaN: true }), (awayPct) => {
      expectAgreement(told(pair(longPair("BTCUSDT", awayPct)), distanceFacts));
    }),
  );
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 30, noNaN: true }),
      fc.double({ min: 1.05, max: 1.18, noNaN: true }),
      (awayPct, bar) => {
        const held = bar * 1_000 * (0.6 + (0.6 * awayPct) / 100);
        const answer = longPair("FETUSDT", 0, {
          marginLevel: held / 600,
          indexPrice: 0.6,
          liquidatePrice: 0.6 + (0.6 * awayPct) / 100,
          base: leg("FET", { borrowed: 1_000 }),
          quote: leg("USDT", { free: held }),
        });
        expectAgreement(told(pair(answer), distanceFacts));
      },
    ),
  );
});

const kinds = fc.constantFrom<Transition["kind"]>("opened", "raised", "reminded", "lowered", "resolved");
const fields = fc.constantFrom<FieldFacts["field"]>(
  "marginLevel",
  "collateralMarginLevel",
  "marginLevelStatus",
  "minutesToLiquidation",
  "transferOutEnabled",
  "totalAssetOfBtc",
);

test("nothing is made up for an account whose level is not assets over liabilities", () => {
  const moved = movedBy(cross(1.24).assets ?? [], { BTC: 11_000 }, { BTC: 10_000 });
  const insight: Insight = {
    prices: pricesOf({ BTC: 10_000 }),
    moved: { sinceMs: at(20, 5), moved },
    minutes: { fromMin: 42, toMin: 58 },
    costPerDay: undefined,
    report: { ...reportOf(INCIDENT, NOW, { before: undefined, after: undefined }), moved },
  };
  const types = fc.constantFrom("MARGIN_2", "MARGIN_3");
  const numbers =
    /Liquidation at|iquidation bar|fall away|Back to|Out of|alone|If all|If the|level from|pace|add |repay/;
  fc.assert(
    fc.property(
      types,
      kinds,
      fields,
      fc.boolean(),
      fc.double({ min: 0.5, max: 2, noNaN: true }),
      (accountType, kind, field, isSpeed, level) => {
        const observation = seen(cross(level, { accountType, transferOutEnabled: field !== "transferOutEnabled" }));
        const value = observation.values[field] ?? 42;
        const verdict = kind === "resolved" ? undefined : isSpeed ? speed.verdict : verdictOf(value);
        const said = told(observation, { field, verdict, ladder: isSpeed ? "drop" : "below", insight }, { kind }).slice(
          1,
        );
        const rest = said.filter((line) => !line.startsWith("Binance calls for margin"));
        for (const line of rest) expect(line).not.toMatch(numbers);
      },
    ),
  );
});

test("no text has a hole, whatever is known and whatever is not", () => {
  const minutes = fc.double({ min: 0, max: 1_440, noNaN: true });
  const insights = fc.record({
    prices: fc.constantFrom(undefined, "all", "none"),
    minutes: fc.option(fc.tuple(minutes, minutes), { nil: undefined }),
    cost: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
  });
  fc.assert(
    fc.property(books, insights, kinds, fields, fc.boolean(), (book, known, kind, field, isSpeed) => {
      const { answer, prices } = answerOf(book);
      const [fromMin = 0, toMin = 0] = (known.minutes ?? []).toSorted((a, b) => a - b);
      const insight: Insight = {
        ...NOTHING,
        prices: known.prices === undefined ? undefined : pricesOf(known.prices === "all" ? prices : {}),
        minutes: known.minutes && { fromMin, toMin },
        costPerDay: known.cost === undefined ? undefined : { value: known.cost, asset: "USDT" },
      };
      const observation = seen({ ...answer, transferOutEnabled: field !== "transferOutEnabled" });
      const verdict = isSpeed ? speed.verdict : verdictOf(observation.values[field] ?? fromMin);
      for (const locale of [EN, ZH]) {
        const facts = { field, verdict, ladder: isSpeed ? "drop" : "below", insight } as const;
        for (const line of told(observation, facts, { kind }, locale)) {
          expect(line).not.toMatch(/undefined|NaN|null|Infinity|\[object|=>|\$\{|^$| {2}|^ | $|\.\.|。。|\( ?\)/);
        }
      }
    }),
  );
});
