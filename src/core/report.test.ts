import { describe, expect, test } from "vitest";
import { balance } from "../../test/support/answers.ts";
import { whatMoved } from "./cause.ts";
import type { Book } from "./cause-changes.ts";
import type { Language } from "./format.ts";
import type { TransferRow } from "./history.ts";
import type { Firing } from "./lifecycle.ts";
import type { AssetBalance } from "./ports.ts";
import { type Ends, reportLines, reportOf } from "./report.ts";
import { fallLine, movedLines, paceLine } from "./tell-cause.ts";

const MIN = 60_000;
const OPENED = Date.UTC(2026, 2, 12, 20, 10);
const ENDED = OPENED + 192 * MIN;
const UTC = { en: { timezone: "UTC", language: "en" }, zh: { timezone: "UTC", language: "zh-CN" } } as const;
const shown = { value: (value: number) => value.toFixed(2), lower: true };

const INCIDENT: Firing = {
  phase: "firing",
  incident: "A1B2",
  seq: 9,
  severity: "critical",
  openedAtMs: OPENED,
  sinceMs: OPENED,
  previous: null,
  peak: "critical",
  value: 1.52,
  worst: { value: 1.19, atMs: OPENED + 100 * MIN },
  clearing: null,
  lastAtMs: ENDED,
  toldAtMs: ENDED,
  threads: {},
  messages: 4,
};

const book = (btcPrice: number, balances: readonly AssetBalance[]): Book => ({
  balances,
  prices: new Map([
    ["BTC", btcPrice],
    ["USDT", 1],
  ]),
});
const BEFORE = book(40_000, [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000 })]);
/** 0.2 BTC put in, 5,000 USDT put in and repaid, 30 USDT of interest, a fall of 5 %. */
const AFTER = book(38_000, [balance("BTC", { free: 1.7 }), balance("USDT", { borrowed: 40_000, interest: 30 })]);

const lines = (ends: Ends, language: "en" | "zh" = "en", state = INCIDENT) =>
  reportLines(reportOf(state, ENDED, ends), shown, ENDED, UTC[language]);

// ---------------------------------------------------------------- facts

test("the facts of an incident: how long, how bad, what moved it, what was done", () => {
  const report = reportOf(INCIDENT, ENDED, { before: BEFORE, after: AFTER });
  expect(report).toMatchObject({ durationMs: 192 * MIN, peak: "critical", messages: 4, openedAtMs: OPENED });
  expect(report.worst).toEqual({ value: 1.19, atMs: OPENED + 100 * MIN });
  expect(report.moved).toEqual(whatMoved(BEFORE, AFTER));
  expect(report.done).toEqual([
    { deed: "added", asset: "BTC", amount: expect.closeTo(0.2) },
    { deed: "repaid", asset: "USDT", amount: 5_000 },
    { deed: "added", asset: "USDT", amount: 5_000 },
    { deed: "interest", asset: "USDT", amount: 30 },
  ]);
});

test("a clock that was set back makes no negative time", () => {
  expect(reportOf(INCIDENT, OPENED - MIN, { before: undefined, after: undefined }).durationMs).toBe(0);
});

test.each([
  ["before", { before: undefined, after: AFTER }],
  ["at the end", { before: BEFORE, after: undefined }],
])("without the book %s nothing is said of causes and amounts", (_, ends) => {
  expect(reportOf(INCIDENT, ENDED, ends)).toMatchObject({ moved: undefined, done: [] });
  expect(lines(ends)).toHaveLength(1);
});

test("what is less than can be shown is not told", () => {
  const after = book(40_000, [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000, interest: 1e-10 })]);
  expect(lines({ before: BEFORE, after }).join(" ")).not.toContain("Interest");
  const more = book(40_000, [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000, interest: 1_234.5 })]);
  expect(lines({ before: BEFORE, after: more }).at(-1)).toBe("Interest 1,234.50 USDT.");
});

test.each([
  ["a trace that went out is nobody's deed", 0.001, []],
  ["what is worth a thousandth of the debt is", 0.0012, ["removed"]],
])("%s", (_, gone, deeds) => {
  const after = book(40_000, [balance("BTC", { free: 1.5 - gone }), balance("USDT", { borrowed: 45_000 })]);
  expect(reportOf(INCIDENT, ENDED, { before: BEFORE, after }).done.map(({ deed }) => deed)).toEqual(deeds);
});

test("rows of the history tell what was added from what was bought", () => {
  const after = book(40_000, [balance("BTC", { free: 1 }), balance("USDT", { free: 26_000, borrowed: 45_000 })]);
  const ends = { from: "SPOT", to: undefined, fromSymbol: undefined, toSymbol: undefined, status: "CONFIRMED" };
  const row: TransferRow = {
    id: "1",
    atMs: OPENED,
    symbol: undefined,
    kind: "transfer",
    type: "ROLL_IN",
    asset: "USDT",
    amount: 6_000,
    ...ends,
  };
  expect(reportOf(INCIDENT, ENDED, { before: BEFORE, after }).done).toEqual([]);
  expect(reportOf(INCIDENT, ENDED, { before: BEFORE, after, rows: { transfer: [row] } }).done).toEqual([
    { deed: "added", asset: "USDT", amount: 6_000 },
  ]);
});

test.each([
  ["bought", { free: 1 }, [], ["repaid", "interest"]],
  ["borrowed and sold", { borrowed: 1 }, [], ["repaid", "interest"]],
  ["borrowed and kept", { free: 1, borrowed: 1 }, [], ["added", "repaid", "added", "interest"]],
  ["kept", { free: 1 }, [balance("XYZ", { free: 1 })], ["added", "repaid", "added", "interest"]],
] as const)(
  "with a coin without a price that was %s, what went in or out is as sure as that",
  (_, coin, had, deeds) => {
    const before = book(40_000, [...BEFORE.balances, ...had]);
    const after = book(38_000, [...AFTER.balances, balance("XYZ", coin)]);
    expect(reportOf(INCIDENT, ENDED, { before, after }).done.map(({ deed }) => deed)).toEqual(deeds);
  },
);

// ---------------------------------------------------------------- lines

test("a report in English", () => {
  expect(lines({ before: BEFORE, after: AFTER })).toEqual([
    "Open for 3 h 12 min, at worst critical, lowest 1.19 at 21:50 UTC. 4 messages before this.",
    "Margin level from 1.33 to 1.61: transferred in +0.30, price −0.08 (BTC −5.0 %), repaid +0.06.",
    "Added 0.2 BTC, 5,000 USDT; repaid 5,000 USDT; interest 30 USDT.",
  ]);
});

test("a report in Chinese", () => {
  expect(lines({ before: BEFORE, after: AFTER }, "zh")).toEqual([
    "历时 3小时12分钟，最高级别为严重，最低 1.19（21:50 UTC）。此前共 4 条消息。",
    "风险率由 1.33 变为 1.61：转入 +0.30，价格 −0.08（BTC −5.0 %），还款 +0.06。",
    "转入 0.2 BTC，5,000 USDT；还款 5,000 USDT；利息 30 USDT。",
  ]);
});

test("a debt that is gone has no shares, and what was repaid is told all the same", () => {
  const after = book(40_000, [balance("BTC", { free: 1.5 })]);
  expect(lines({ before: BEFORE, after })).toEqual([expect.any(String), "Added 45,000 USDT; repaid 45,000 USDT."]);
});

describe("what moved it", () => {
  const told = (after: Book, language: Language = "en", before = BEFORE, since: string | undefined = "20:10 UTC") => {
    const found = whatMoved(before, after);
    return found.kind === "moved" ? movedLines(found, since, language) : [];
  };

  test("the shares that people read add up to the change that they read", () => {
    for (let price = 30_000; price <= 50_000; price += 137) {
      const after = book(price, [balance("BTC", { free: 1.53 }), balance("USDT", { borrowed: 47_350, interest: 100 })]);
      const [line = ""] = told(after);
      const [, from, to, list = ""] =
        /^Margin level from ([\d.]+) to ([\d.]+) since 20:10 UTC: (.*)\.$/.exec(line) ?? [];
      const parts = [...list.replace(/\(.*?\)/g, "").matchAll(/([+−])([\d.]+)/g)];
      const sum = parts.reduce((total, [, sign, value]) => total + (sign === "−" ? -1 : 1) * Number(value), 0);
      expect(sum, line).toBeCloseTo(Number(to) - Number(from), 6);
    }
  });

  test("what is too little for a word is not said", () => {
    const after = book(36_000, [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000, interest: 20 })]);
    expect(told(after)).toEqual(["Margin level from 1.33 to 1.20 since 20:10 UTC: price −0.13 (BTC −10.0 %)."]);
  });

  test("what is less than a twentieth of it all is other", () => {
    const after = book(32_000, [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000, interest: 300 })]);
    expect(told(after)).toEqual([
      "Margin level from 1.33 to 1.06 since 20:10 UTC: price −0.26 (BTC −20.0 %), other −0.01.",
    ]);
  });

  test("a small movement has one digit more", () => {
    expect(told(book(39_900, BEFORE.balances))).toEqual([
      "Margin level from 1.333 to 1.330 since 20:10 UTC: price −0.003 (BTC −0.2 %).",
    ]);
  });

  test("no movement is said as such", () => {
    expect(told(BEFORE)).toEqual(["Margin level still 1.333, as at 20:10 UTC."]);
    expect(told(BEFORE, "zh-CN")).toEqual(["风险率仍为 1.333，与 20:10 UTC 相同。"]);
  });

  test("a price that stands explains nothing", () => {
    const coins = [
      balance("BTC", { free: 1 }),
      balance("FDUSD", { free: 100_000 }),
      balance("USDT", { borrowed: 45_000 }),
    ];
    const at = (price: number, usd: number) => ({
      balances: coins,
      prices: new Map([
        ["BTC", price],
        ["FDUSD", usd],
        ["USDT", 1],
      ] as const),
    });
    expect(told(at(40_080, 0.9996), "en", at(40_000, 1))).toEqual([
      expect.stringContaining("price +0.001 (BTC +0.2 %)"),
    ]);
  });

  test("an asset without a price is named", () => {
    const dust = ["A", "B", "C", "D"].map((asset) => balance(asset, { free: 1 }));
    const [, second] = told(book(36_000, [...BEFORE.balances, ...dust]));
    expect(second).toBe("Without A, B, C and 1 more: there is no price.");
  });
});

test.each([
  [0, 0, "The liquidation bar is reached: Binance may be liquidating now.", "已达强平线：币安可能正在强平。"],
  [0.5, 0.8, "At this pace liquidation is less than 1 min away.", "按此速度，距强平不到 1 分钟。"],
  [40, 40, "At this pace liquidation is about 40 min away.", "按此速度，距强平约 40 分钟。"],
  [38, 52, "At this pace liquidation is 30–60 min away.", "按此速度，距强平约 30–60 分钟。"],
  [70, 170, "At this pace liquidation is 70 min to 3 h away.", "按此速度，距强平约 70 分钟至 3 小时。"],
  [125, 170, "At this pace liquidation is 2–3 h away.", "按此速度，距强平约 2–3 小时。"],
  [155, 170, "At this pace liquidation is 2.5–3 h away.", "按此速度，距强平约 2.5–3 小时。"],
  [300, 300, "At this pace liquidation is about 5 h away.", "按此速度，距强平约 5 小时。"],
])("%d to %d min away", (fromMin, toMin, en, zh) => {
  expect(paceLine({ fromMin, toMin }, "en")).toBe(en);
  expect(paceLine({ fromMin, toMin }, "zh-CN")).toBe(zh);
});

test("a fall says from where, to where and in what time", () => {
  const fall = { dropPct: 22, from: 1.5, fromAtMs: ENDED - 12 * MIN, to: 1.17, mostPct: 22 };
  expect(fallLine(fall, shown.value, ENDED, "en")).toBe("Fell 22.0 % in 12 min, from 1.50 to 1.17.");
  expect(fallLine(fall, shown.value, ENDED, "zh-CN")).toBe("12分钟内下跌 22.0 %，由 1.50 跌至 1.17。");
});
