import { describe, expect, test } from "vitest";
import { balance, cross, debtFree, emptyPair, leg, longPair } from "../../test/support/answers.ts";
import { type DelistingLook, decodeDue, delistingSeverity, encodeDue, needsPrices } from "./delisting.ts";
import { isWorseWithout, levelsWithout } from "./delisting-worth.ts";
import { priceInBtc, priceInUsdt } from "./usdt-price.ts";

const H = 3_600_000;
const D = 24 * H;

test.each([
  ["more than 7 days before", 7 * D + 1, null],
  ["7 days before", 7 * D, "info"],
  ["more than 3 days before", 3 * D + 1, "info"],
  ["3 days before", 3 * D, "warning"],
  ["more than 24 hours before", D + 1, "warning"],
  ["24 hours before", D, "critical"],
  ["when it happens", 0, "critical"],
  ["long after", -30 * D, "critical"],
] as const)("%s", (_, leftMs, severity) => {
  expect(delistingSeverity(leftMs)).toBe(severity);
});

test.each([
  ["BTC itself", "BTC", [], 1],
  ["over the pair with bitcoin", "ROSE", [["ROSEBTC", 2e-6]], 2e-6],
  [
    "before the way over USDT",
    "ROSE",
    [
      ["ROSEBTC", 2e-6],
      ["ROSEUSDT", 1],
      ["BTCUSDT", 1],
    ],
    2e-6,
  ],
  ["the other way round", "USDT", [["BTCUSDT", 50_000]], 2e-5],
  [
    "over USDT",
    "ROSE",
    [
      ["ROSEUSDT", 0.05],
      ["BTCUSDT", 50_000],
    ],
    1e-6,
  ],
  ["not with half of the way", "ROSE", [["ROSEUSDT", 0.05]], undefined],
  [
    "not with a price of 0",
    "ROSE",
    [
      ["ROSEBTC", 0],
      ["ROSEUSDT", 0.05],
      ["BTCUSDT", 0],
    ],
    undefined,
  ],
  ["not without prices", "ROSE", undefined, undefined],
] as const)("a price in BTC: %s", (_, asset, prices, expected) => {
  const price = priceInBtc(asset, prices === undefined ? undefined : new Map(prices));
  expect(price).toEqual(expected === undefined ? undefined : expect.closeTo(expected, 12));
});

test.each([
  ["USDT itself", "USDT", [], 1],
  [
    "over the pair with USDT first",
    "ROSE",
    [
      ["ROSEUSDT", 0.05],
      ["ROSEBTC", 1],
      ["BTCUSDT", 1],
    ],
    0.05,
  ],
  ["the other way round", "TRY", [["USDTTRY", 40]], 0.025],
  [
    "over bitcoin",
    "ROSE",
    [
      ["ROSEBTC", 1e-6],
      ["BTCUSDT", 50_000],
    ],
    0.05,
  ],
  ["not with half of the way", "ROSE", [["ROSEBTC", 1e-6]], undefined],
] as const)("a price in USDT: %s", (_, asset, prices, expected) => {
  expect(priceInUsdt(asset, new Map(prices))).toEqual(
    expected === undefined ? undefined : expect.closeTo(expected, 12),
  );
});

describe("the level without the collateral", () => {
  const rose = balance("ROSE", { free: 300_000, locked: 100_000 });
  const prices = new Map([["ROSEBTC", 0.000005]]);

  test("leaves its worth out of the assets", () => {
    // 4.5 BTC owed, 9 BTC held, 2 of them in ROSE.
    expect(levelsWithout(rose, cross(2), prices)).toEqual({ level: 2, levelWithout: expect.closeTo(7 / 4.5, 12) });
  });

  test("is never below 0, whatever the price was", () => {
    expect(levelsWithout(rose, cross(2), new Map([["ROSEBTC", 1]])).levelWithout).toBe(0);
  });

  test("is the same where nothing is held", () => {
    expect(levelsWithout(balance("ROSE", { borrowed: 5 }), cross(2), undefined)).toEqual({ level: 2, levelWithout: 2 });
  });

  test.each([
    ["without a price", cross(2), new Map(), { level: 2, levelWithout: undefined }],
    ["without the totals", cross(2, { totalAssetOfBtc: undefined }), prices, { level: 2, levelWithout: undefined }],
    ["without debt", debtFree(), prices, { level: undefined, levelWithout: undefined }],
    [
      "for the other type of account",
      cross(2, { accountType: "MARGIN_2" }),
      prices,
      { level: undefined, levelWithout: undefined },
    ],
  ])("is not known %s", (_, answer, known, expected) => {
    expect(levelsWithout(rose, answer, known)).toEqual(expected);
  });
});

test.each([
  ["by less than can be seen", 2, 1.991, false],
  ["by more than 0.01", 2, 1.989, true],
  ["not known without a price", 2, undefined, false],
  ["not known without debt", undefined, undefined, false],
])("the level is worse without it: %s", (_, level, levelWithout, expected) => {
  expect(isWorseWithout({ level, levelWithout })).toBe(expected);
});

describe("prices are needed", () => {
  const look = (over: Partial<DelistingLook>): DelistingLook => ({
    cross: cross(2, { assets: [balance("USDT", { borrowed: 45_000 }), balance("ROSE", { free: 1 })] }),
    pairs: [emptyPair("ROSEUSDT", { base: leg("ROSE", { free: 5 }) })],
    schedule: [{ atMs: 2 * D, assets: ["ROSE"], symbols: ["ROSEUSDT"] }],
    before: new Map(),
    prices: undefined,
    exchangeNowMs: 0,
    ...over,
  });

  test.each([
    ["for what is held against a debt and is due", {}, true],
    ["not for what is due later", { schedule: [{ atMs: 8 * D, assets: ["ROSE"], symbols: [] }] }, false],
    ["not for another asset", { schedule: [{ atMs: D, assets: ["DOGE"], symbols: ["ETHUSDT"] }] }, false],
    ["not for what is owed only", { schedule: [{ atMs: D, assets: ["USDT"], symbols: [] }] }, false],
    ["for what is held without debt", { cross: debtFree({ assets: [balance("ROSE", { free: 1 })] }) }, true],
    ["for a pair without debt", { schedule: [{ atMs: D, assets: [], symbols: ["ROSEUSDT"] }] }, true],
    ["not for an empty pair", { pairs: [emptyPair("ROSEUSDT")], cross: undefined }, false],
    ["not for a pair in debt", { pairs: [longPair("ROSEUSDT", 5)], cross: undefined }, false],
    ["not before the account was seen", { cross: undefined, pairs: undefined }, false],
  ])("%s", (_, over, expected) => {
    expect(needsPrices(look(over))).toBe(expected);
  });
});

test("what is due is kept as a short text, and what cannot be read is nothing", () => {
  const due = new Map([["asset ROSE", 5] as const, ["isolated ROSEUSDT", 7] as const]);
  expect(decodeDue(encodeDue(due))).toEqual(due);
  for (const text of [undefined, "", "[", "null", '{"rose":5}', '{"asset ROSE":"5"}'])
    expect(decodeDue(text).size).toBe(0);
});
