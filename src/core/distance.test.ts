import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, FETUSDT, leg, longPair } from "../../test/support/answers.ts";
import { assetDistances, pairDistance } from "./distance.ts";
import type { AssetBalance } from "./ports.ts";
import { type Book, levelWhen, priceBook } from "./priced.ts";

const BAR = 1.1;
const PRICES = new Map(Object.entries({ BTCUSDT: 10_000, ETHUSDT: 250, BNBUSDT: 40, USDCUSDT: 1 }));

/** A book of these balances whose level is what its prices say, times `drift`. */
function bookOf(assets: readonly AssetBalance[], drift = 1): Book {
  const worth = (amount: (balance: AssetBalance) => number) =>
    assets.reduce((sum, each) => sum + amount(each) * (PRICES.get(`${each.asset}USDT`) ?? 1), 0);
  const [held, owed] = [worth(({ free }) => free), worth(({ borrowed }) => borrowed)];
  const totals = { totalAssetOfBtc: undefined, totalLiabilityOfBtc: undefined };
  const book = priceBook(cross((drift * held) / owed, { assets, ...totals }), PRICES);
  if (book?.isTrusted !== true) throw new Error("no trusted book");
  return book;
}

const told = (book: Book) =>
  assetDistances(book, BAR).map(({ asset, direction, price, awayPct }) => [
    asset,
    direction,
    Number(price.toFixed(2)),
    Number(awayPct.toFixed(2)),
  ]);

test.each<[string, readonly AssetBalance[], unknown]>([
  [
    "the only coin that is held falls as far as the whole account",
    [balance("BTC", { free: 1.24 }), balance("USDT", { borrowed: 10_000 })],
    [["BTC", "fall", 8_870.97, 11.29]],
  ],
  [
    "a borrowed coin kills on a rise",
    [balance("USDT", { free: 12_000 }), balance("BTC", { borrowed: 1 })],
    [["BTC", "rise", 10_909.09, 9.09]],
  ],
  [
    "the nearest first, in both directions",
    [
      balance("BTC", { free: 1 }),
      balance("ETH", { free: 40 }),
      balance("BNB", { borrowed: 250 }),
      balance("USDT", { borrowed: 5_000 }),
    ],
    [
      ["BNB", "rise", 52.73, 31.82],
      ["BTC", "fall", 6_500, 35],
      ["ETH", "fall", 162.5, 35],
    ],
  ],
  [
    "a coin that cannot fall far enough is left out",
    [balance("BTC", { free: 1.1 }), balance("ETH", { free: 10 }), balance("USDT", { borrowed: 10_000 })],
    [["BTC", "fall", 7_727.27, 22.73]],
  ],
  [
    "a coin that would have to double is left out",
    [balance("USDT", { free: 12_000 }), balance("ETH", { borrowed: 2 }), balance("BTC", { borrowed: 0.9 })],
    [["BTC", "rise", 11_565.66, 15.66]],
  ],
  [
    "of a coin that is held and owed the difference counts",
    [balance("BTC", { free: 2, borrowed: 1 }), balance("USDT", { borrowed: 6_500 })],
    [["BTC", "fall", 7_944.44, 20.56]],
  ],
  [
    "a coin of which a little more is held than owed still kills on a rise",
    [balance("BTC", { free: 1.05, borrowed: 1 }), balance("USDT", { free: 2_000, borrowed: 1_000 })],
    [["BTC", "rise", 18_000, 80]],
  ],
  [
    "a stable coin that is held comes after the others, however near",
    [balance("USDC", { free: 8_000 }), balance("BTC", { free: 0.4 }), balance("USDT", { borrowed: 10_000 })],
    [
      ["BTC", "fall", 7_500, 25],
      ["USDC", "fall", 0.88, 12.5],
    ],
  ],
  [
    "a stable coin that is owed does not rise",
    [balance("BTC", { free: 1.2 }), balance("USDC", { borrowed: 10_000 })],
    [["BTC", "fall", 9_166.67, 8.33]],
  ],
  [
    "a coin that would have to lose all but a trace is left out",
    [balance("BTC", { free: 1 }), balance("ETH", { free: 4 }), balance("USDT", { borrowed: 10_000.1 / 1.1 })],
    [["BTC", "fall", 9_000.1, 10]],
  ],
  ["at the bar no price is left", [balance("BTC", { free: 1.1 }), balance("USDT", { borrowed: 10_000 })], []],
  ["below the bar neither", [balance("BTC", { free: 1.05 }), balance("USDT", { borrowed: 10_000 })], []],
])("%s", (_, assets, expected) => {
  expect(told(bookOf(assets))).toEqual(expected);
});

const amounts = fc.double({ min: 0, max: 5, noNaN: true });
const books = fc.record({
  held: fc.tuple(amounts, amounts, amounts),
  owed: fc.tuple(amounts, amounts, amounts),
  /** At least: the rest is cash. */
  level: fc.double({ min: 1.12, max: 3, noNaN: true }),
  debt: fc.double({ min: 1_000, max: 50_000, noNaN: true }),
  drift: fc.double({ min: 0.985, max: 1.015, noNaN: true }),
});
const COINS = ["BTC", "ETH", "BNB"] as const;
/** As many of a kind as are worth one bitcoin. */
const SIZE = { BTC: 1, ETH: 40, BNB: 250 } as const;

test("at the price that is told the level is the bar, just before it is not, and every other price is out of reach", () => {
  let met = 0;
  fc.assert(
    fc.property(books, ({ held, owed, level, debt, drift }) => {
      const coins = COINS.map((asset, index) => {
        const size = SIZE[asset];
        return balance(asset, { free: (held[index] ?? 0) * size, borrowed: (owed[index] ?? 0) * size });
      });
      const worth = (amounts: readonly number[]) =>
        COINS.reduce((sum, _, index) => sum + (amounts[index] ?? 0) * 10_000, 0);
      const cash = Math.max(100, level * (worth(owed) + debt) - worth(held));
      const book = bookOf([...coins, balance("USDT", { free: cash, borrowed: debt })], drift);
      const distances = assetDistances(book, BAR);
      for (const { asset, price, priceNow, awayPct, direction } of distances) {
        const at = (times: number) => levelWhen(book, (each) => (each.asset === asset ? times : 1));
        const times = price / priceNow;
        expect(Math.abs(at(times) - BAR)).toBeLessThan(1e-9);
        expect(at(1 + (times - 1) * 0.99)).toBeGreaterThan(BAR);
        expect(times < 1).toBe(direction === "fall");
        expect(awayPct).toBeCloseTo(100 * Math.abs(times - 1), 9);
        met++;
      }
      const near = distances.map(({ awayPct }) => awayPct);
      expect(near).toEqual(near.toSorted((a, b) => a - b));
      for (const asset of COINS.filter((coin) => !distances.some((each) => each.asset === coin))) {
        const at = (times: number) => levelWhen(book, (each) => (each.asset === asset ? times : 1));
        expect(at(0.0005)).toBeGreaterThan(BAR * (1 - 1e-6)); // 99.95 % reads as 100.0 %
        expect(at(1.999999)).toBeGreaterThan(BAR);
      }
    }),
    { numRuns: 500 },
  );
  expect(met).toBeGreaterThan(100);
});

test("whatever is held and owed, at the bar no price is left", () => {
  const amount = fc.double({ min: 0.01, max: 5, noNaN: true });
  fc.assert(
    fc.property(amount, amount, (eth, owedEth) => {
      const rest = BAR * (owedEth * 250 + 100) - eth * 250;
      fc.pre(rest > 1);
      const assets = [balance("BTC", { free: rest / 10_000 }), balance("ETH", { free: eth, borrowed: owedEth })];
      const book = bookOf([...assets, balance("USDT", { borrowed: 100 })]);
      expect(assetDistances({ ...book, level: BAR }, BAR)).toEqual([]);
    }),
  );
});

// ---------------------------------------------------------------- isolated

test("a pair's distance from both sides: bitcoin falls by a fifth, which is USDT rising by a quarter", () => {
  expect(pairDistance(longPair("BTCUSDT", 20))).toEqual({
    base: { asset: "BTC", unit: "USDT", priceNow: 10_000, price: 8_000, direction: "fall", awayPct: 20 },
    quote: {
      asset: "USDT",
      unit: "BTC",
      priceNow: 0.0001,
      price: 0.000125,
      direction: "rise",
      awayPct: expect.closeTo(25, 9),
    },
  });
});

test("a short pair is liquidated by a rise of its base", () => {
  const base = leg("BTC", { borrowed: 1 });
  const pair = longPair("BTCUSDT", 5, { base, quote: leg("USDT", { free: 13_125 }), liquidatePrice: 12_500 });
  expect(pairDistance(pair)).toMatchObject({
    base: { direction: "rise", price: 12_500, awayPct: 25 },
    quote: { direction: "fall", price: 0.00008, awayPct: expect.closeTo(20, 9) },
  });
});

test("the public sample is 14.3 % away, as Binance's own liquidateRate says", () => {
  expect(pairDistance(FETUSDT)?.base.awayPct).toBeCloseTo(-(FETUSDT.liquidateRate ?? 0), 5);
});

test("a pair whose price has passed is no distance away", () => {
  const passed = pairDistance(longPair("BTCUSDT", 5, { indexPrice: 9_000 }));
  expect([passed?.base.awayPct, passed?.quote.awayPct]).toEqual([0, 0]);
});

test.each([
  ["nothing is owed", longPair("BTCUSDT", 5, { quote: leg("USDT", { free: 1 }) })],
  ["no fall liquidates it", longPair("BTCUSDT", 5, { liquidatePrice: 0 })],
  ["its liquidation price is not known", longPair("BTCUSDT", 5, { liquidatePrice: undefined })],
  ["its index price is not known", longPair("BTCUSDT", 5, { indexPrice: undefined })],
  ["its amounts are not known", longPair("BTCUSDT", 5, { base: undefined })],
])("no distance is told of a pair when %s", (_, pair) => {
  expect(pairDistance(pair)).toBeUndefined();
});
