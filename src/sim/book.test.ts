import { expect, test } from "vitest";
import {
  crossBook,
  crossLevel,
  crossRights,
  holding,
  liquidatePrice,
  liquidateRatePct,
  type PairBook,
  pairBook,
  pairLevel,
  pairStatus,
  TIERS,
} from "./book.ts";
import type { Prices } from "./price-path.ts";

const prices: Prices = { usdt: (asset) => (asset === "BTC" ? 5_000 : 1), index: () => 5_000 };

test.each([
  { name: "assets over debts", free: 3, borrowed: 10_000, level: 1.5 },
  { name: "999 without debt", free: 3, borrowed: 0, level: 999 },
  { name: "never more than 999", free: 3, borrowed: 1, level: 999 },
  { name: "0 when nothing is held", free: 0, borrowed: 1, level: 0 },
])("the cross level is $name", ({ free, borrowed, level }) => {
  const cross = crossBook([holding("BTC", { free }), holding("USDT", { borrowed })]);
  expect(crossLevel(cross, prices)).toBe(level);
});

test("locked assets count as assets, interest as debt", () => {
  const cross = crossBook([
    holding("BTC", { free: 1, locked: 2 }),
    holding("USDT", { borrowed: 7_000, interest: 500 }),
  ]);
  expect(crossLevel(cross, prices)).toBe(2);
});

test.each([
  { collateralLevel: 2.0001, transferOut: true, borrow: true },
  { collateralLevel: 2, transferOut: false, borrow: true },
  { collateralLevel: 1.5001, transferOut: false, borrow: true },
  { collateralLevel: 1.5, transferOut: false, borrow: false },
])("at a collateral level of $collateralLevel transfer out is $transferOut, borrowing $borrow", (row) => {
  const rights = crossRights(crossBook([]), row.collateralLevel);
  expect(rights).toEqual({
    borrowEnabled: row.borrow,
    tradeEnabled: true,
    transferInEnabled: true,
    transferOutEnabled: row.transferOut,
  });
});

test("what the exchange has set holds whatever the level", () => {
  const cross = { ...crossBook([]), rights: { transferOutEnabled: false } };
  expect(crossRights(cross, 999).transferOutEnabled).toBe(false);
});

test("an account in liquidation can neither trade nor borrow nor transfer out", () => {
  const rights = crossRights({ ...crossBook([]), liquidatingSinceMs: 0 }, 999);
  expect(rights).toMatchObject({ borrowEnabled: false, tradeEnabled: false, transferOutEnabled: false });
});

// 1 BTC against 1 USDT of debt: the level is the index price.
const pairAt = (tier: PairBook["tier"]) => pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 1 }, tier });

test.each([
  { tier: "3x", level: 1.5001, status: "EXCESSIVE" },
  { tier: "3x", level: 1.5, status: "NORMAL" },
  { tier: "3x", level: 1.2201, status: "NORMAL" },
  { tier: "3x", level: 1.22, status: "MARGIN_CALL" },
  { tier: "3x", level: 1.2001, status: "MARGIN_CALL" },
  { tier: "3x", level: 1.2, status: "PRE_LIQUIDATION" },
  { tier: "3x", level: 1.1801, status: "PRE_LIQUIDATION" },
  { tier: "3x", level: 1.18, status: "FORCE_LIQUIDATION" },
  { tier: "5x", level: 1.2501, status: "EXCESSIVE" },
  { tier: "5x", level: 1.19, status: "MARGIN_CALL" },
  { tier: "5x", level: 1.15, status: "FORCE_LIQUIDATION" },
  { tier: "10x", level: 1.1111, status: "EXCESSIVE" },
  { tier: "10x", level: 1.1001, status: "NORMAL" },
  { tier: "10x", level: 1.1, status: "MARGIN_CALL" },
  { tier: "10x", level: 1.05, status: "FORCE_LIQUIDATION" },
] as const)("a $tier pair at $level is $status", ({ tier, level, status }) => {
  expect(pairStatus(pairAt(TIERS[tier]), level)).toBe(status);
});

test("an empty pair is EXCESSIVE at 999 and cannot be liquidated", () => {
  const empty = pairBook("BTCUSDT");
  expect([pairLevel(empty, 5_000), pairStatus(empty, 5_000), liquidatePrice(empty)]).toEqual([999, "EXCESSIVE", 0]);
});

test("a pair that the exchange has taken over is in FORCE_LIQUIDATION at any level", () => {
  expect(pairStatus({ ...pairAt(TIERS["3x"]), liquidatingSinceMs: 0 }, 2)).toBe("FORCE_LIQUIDATION");
});

test.each([
  { name: "a long", base: { free: 3 }, quote: { borrowed: 10_000 }, isBelow: true },
  {
    name: "a long with interest and spare quote",
    base: { free: 3 },
    quote: { free: 50, borrowed: 9e3, interest: 7 },
    isBelow: true,
  },
  { name: "a short", base: { borrowed: 1 }, quote: { free: 7_500 }, isBelow: false },
  {
    name: "a short with base left",
    base: { free: 0.2, borrowed: 1, interest: 0.01 },
    quote: { free: 6_500 },
    isBelow: false,
  },
])("at its liquidation price $name has exactly the liquidation ratio", ({ base, quote, isBelow }) => {
  const pair = pairBook("BTCUSDT", { base, quote });
  const price = liquidatePrice(pair);
  expect(price < 5_000).toBe(isBelow);
  expect(price).toBeGreaterThan(0);
  expect(pairLevel(pair, price)).toBeCloseTo(pair.tier.liquidationRatio, 10);
});

test("a pair whose quote covers its debt has no liquidation price", () => {
  expect(liquidatePrice(pairBook("BTCUSDT", { base: { free: 1 }, quote: { free: 1_180, borrowed: 1_000 } }))).toBe(0);
});

// A row of a real account (FETUSDT), whose figures show how Binance reckons.
test("liquidation price and rate agree with an observed answer of Binance", () => {
  const observed = { ...TIERS["5x"], liquidationRatio: 1.1575 };
  const pair: PairBook = {
    symbol: "FETUSDT",
    base: holding("FET", { free: 1954.7144 }),
    quote: holding("USDT", { free: 20.65536756, borrowed: 889.66509394, interest: 0.05560407 }),
    tier: observed,
    enabled: true,
    liquidatingSinceMs: undefined,
  };
  expect(liquidatePrice(pair)).toBeCloseTo(0.51628838, 4);
  expect(liquidateRatePct(0.51628838, 0.60221962)).toBeCloseTo(-14.269087, 6);
  expect(pairStatus(pair, 0.60221962)).toBe("EXCESSIVE");
});

test("a pair of unknown assets is refused", () => {
  expect(() => pairBook("FOOBAR")).toThrow("FOOBAR is not a pair of known assets");
});
