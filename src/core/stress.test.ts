import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, FETUSDT, leg, longPair } from "../../test/support/answers.ts";
import { crossDistancePct } from "./observe.ts";
import type { AssetBalance } from "./ports.ts";
import { type Book, pairBook, priceBook } from "./priced.ts";
import { pairLiquidationLevel, stressLadder } from "./stress.ts";

const PRICES = new Map(Object.entries({ BTCUSDT: 10_000, ETHUSDT: 250 }));

function bookOf(level: number, assets: readonly AssetBalance[]): Book {
  const totals = { totalAssetOfBtc: undefined, totalLiabilityOfBtc: undefined };
  const book = priceBook(cross(level, { assets, ...totals }), PRICES);
  if (book?.isTrusted !== true) throw new Error("no trusted book");
  return book;
}

const levels = (steps: readonly { readonly changePct: number; readonly level: number }[]) =>
  steps.map(({ changePct, level }) => [changePct, Number(level.toFixed(6))]);

const usdt = (over: Partial<AssetBalance>) => balance("USDT", over);

test.each<[string, Book, unknown, unknown]>([
  [
    "the design's book: USDT is owed, which does not rise",
    bookOf(1.24, [balance("BTC", { free: 5.58 }), usdt({ borrowed: 45_000 })]),
    [
      [-5, 1.178],
      [-10, 1.116],
      [-20, 0.992],
    ],
    [],
  ],
  [
    "bitcoin is owed and USDT held",
    bookOf(1.2, [usdt({ free: 12_000 }), balance("BTC", { borrowed: 1 })]),
    [
      [-5, 1.14],
      [-10, 1.08],
      [-20, 0.96],
    ],
    [
      [5, 1.142857],
      [10, 1.090909],
    ],
  ],
  [
    "only the part that is owed in coins rises, and what is held of them with it",
    bookOf(1.5, [usdt({ free: 20_000, borrowed: 10_000 }), balance("ETH", { free: 40, borrowed: 40 })]),
    [
      [-5, 1.425],
      [-10, 1.35],
      [-20, 1.2],
    ],
    [
      [5, 1.487805],
      [10, 1.47619],
    ],
  ],
  [
    "dust of interest on a coin that is mostly held is no danger",
    bookOf(1.240868, [balance("BTC", { free: 5.584, interest: 0.00001 }), usdt({ borrowed: 45_000 })]),
    [
      [-5, 1.178825],
      [-10, 1.116781],
      [-20, 0.992694],
    ],
    [],
  ],
])("%s", (_, book, falls, rises) => {
  const ladder = stressLadder(book);
  expect([levels(ladder.falls), levels(ladder.rises)]).toEqual([falls, rises]);
});

const amount = fc.integer({ min: 0, max: 10_000 }).map((thousandths) => thousandths / 1_000);

test("every step is worse than the one before, and none is better than now", () => {
  fc.assert(
    fc.property(amount, amount, amount, amount, (heldBtc, owedBtc, heldEth, owedEth) => {
      const [held, owed] = [heldBtc * 10_000 + heldEth * 250 + 100, owedBtc * 10_000 + owedEth * 250 + 100];
      const assets = [
        balance("BTC", { free: heldBtc, borrowed: owedBtc }),
        balance("ETH", { free: heldEth, borrowed: owedEth }),
        usdt({ free: 100, borrowed: 100 }),
      ];
      const book = bookOf(held / owed, assets);
      const { falls, rises } = stressLadder(book);
      for (const steps of [falls, rises]) {
        let before = book.level * (1 + 1e-12);
        for (const { level } of steps) {
          expect(level).toBeLessThan(before);
          before = level;
        }
      }
    }),
  );
});

test("the ladder and the distance beside it agree: a fall by the distance ends at the bar", () => {
  const pct = crossDistancePct(1.375, 1.1);
  const { falls } = stressLadder(bookOf(1.375, [balance("BTC", { free: 1.375 }), usdt({ borrowed: 10_000 })]));
  expect(pct).toBeCloseTo(20, 9);
  expect(falls.at(-1)?.level).toBeCloseTo(1.1, 9);
});

// ---------------------------------------------------------------- isolated

function ladderOf(pair: Parameters<typeof pairBook>[0]) {
  const book = pairBook(pair);
  return book === undefined ? undefined : { ...stressLadder(book), end: pairLiquidationLevel(pair, book) };
}

test("a long pair begins its ladder at Binance's level and ends at the level of its tier", () => {
  const ladder = ladderOf(FETUSDT);
  expect(ladder?.falls[0]?.level).toBeCloseTo(1.34371923 * 0.95, 9);
  expect(ladder?.rises).toEqual([]);
  expect(ladder?.end).toBeCloseTo(1.1575 * 0.9981, 3);
});

test("a short pair: its ladder of rises ends where its liquidation price says", () => {
  const base = leg("BTC", { borrowed: 1 });
  const over = { base, quote: leg("USDT", { free: 11_550 }), marginLevel: 1.155, liquidatePrice: 11_000 };
  const ladder = ladderOf(longPair("BTCUSDT", 5, over));
  expect(levels(ladder?.rises ?? [])).toEqual([
    [5, 1.1],
    [10, 1.05],
  ]);
  expect(ladder?.end).toBeCloseTo(1.05, 9);
});

test("of a pair between two coins the owed quote rises", () => {
  const pair = longPair("ETHBTC", 5, { quote: leg("BTC", { borrowed: 8_000 }), marginLevel: 1.25 });
  expect(levels(ladderOf(pair)?.rises ?? [])).toEqual([
    [5, 1.190476],
    [10, 1.136364],
  ]);
});

test.each([
  ["no price liquidates it", { liquidatePrice: 0 }],
  ["its liquidation price is not known", { liquidatePrice: undefined }],
  ["its liquidation price is passed", { liquidatePrice: 10_001 }],
])("no level of liquidation is told of a pair when %s", (_, over) => {
  const pair = longPair("BTCUSDT", 5, over);
  const book = pairBook(pair);
  expect(book && pairLiquidationLevel(pair, book)).toBeUndefined();
  expect(book).toBeDefined();
});
