import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, debtFree, FETUSDT, leg, longPair } from "../../test/support/answers.ts";
import { debtOf, heldOf } from "./observe.ts";
import type { PairAnswer, PairLeg } from "./ports.ts";
import { crossRemedies, pairRemedies, type Remedies, toLevel } from "./remedy.ts";

const amounts = (remedies: Remedies | undefined) => [remedies?.add, remedies?.repay, remedies?.sell];
const values = (remedies: Remedies | undefined) => amounts(remedies).map((amount) => amount?.value);

/** Equal but for rounding: to 1e-9 of the expected value. */
function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
}

// ---------------------------------------------------------------- cross

test.each([
  ["the first example of the design", 13_000, 10_000, 1.5, [2_000, 13_000 / 3 - 3_000, 4_000]],
  ["the second: level 1.24 with 45,000 owed", 55_800, 45_000, 1.5, [11_700, 7_800, 23_400]],
  ["an account at its target", 15_000, 10_000, 1.5, [undefined, undefined, undefined]],
  ["an account above its target", 16_000, 10_000, 1.5, [undefined, undefined, undefined]],
  ["an account without debt", 16_000, 0, 1.5, [undefined, undefined, undefined]],
  ["a target that no sale reaches", 9_000, 10_000, 1, [1_000, 1_000, undefined]],
  ["an account that owes more than it has: it cannot sell 12,000", 9_000, 10_000, 1.5, [6_000, 4_000, undefined]],
  ["an account that owes all it has: it sells all", 10_000, 10_000, 1.5, [5_000, 10_000 / 3, 10_000]],
])("%s", (_, assets, liabilities, target, expected) => {
  const actual = values(toLevel(assets, liabilities, target, "USDT"));
  actual.forEach((value, index) => {
    const wanted = expected[index];
    if (wanted === undefined) expect(value).toBeUndefined();
    else expect(value).toBeCloseTo(wanted, 6);
  });
});

const money = fc.double({ min: 0.01, max: 1e9, noNaN: true });

test("each of the three amounts alone brings a cross account to its level exactly", () => {
  const level = fc.double({ min: 1.001, max: 1.49, noNaN: true });
  const target = fc.double({ min: 1.5, max: 5, noNaN: true });
  fc.assert(
    fc.property(money, level, target, (liabilities, now, goal) => {
      const assets = now * liabilities;
      const [add = 0, repay = 0, sell = 0] = values(toLevel(assets, liabilities, goal, "USDT"));
      expectNear((assets + add) / liabilities, goal);
      expectNear(assets / (liabilities - repay), goal);
      expectNear((assets - sell) / (liabilities - sell), goal);
    }),
  );
});

test("nobody is told to sell or to repay more than there is", () => {
  fc.assert(
    fc.property(money, fc.double({ min: 0.01, max: 3, noNaN: true }), (liabilities, now) => {
      const assets = now * liabilities;
      const { add, repay, sell } = toLevel(assets, liabilities, 1.5, "USDT");
      expect(sell?.value ?? 0).toBeLessThanOrEqual(Math.min(assets, liabilities) * (1 + 1e-9));
      expect(repay?.value ?? 0).toBeLessThan(liabilities);
      if (add !== undefined) expectNear((assets + add.value) / liabilities, 1.5);
    }),
  );
});

test("with one asset owed the amounts are of that asset, and of Binance's own level", () => {
  expect(amounts(crossRemedies(cross(1.24), 1.5))).toMatchObject([
    { value: expect.closeTo(11_700, 6), asset: "USDT" },
    { value: expect.closeTo(7_800, 6), asset: "USDT" },
    { value: expect.closeTo(23_400, 6), asset: "USDT" },
  ]);
});

test("interest is owed like the rest", () => {
  const answer = cross(1.24, { assets: [balance("USDT", { borrowed: 44_000, interest: 1_000 })] });
  expect(crossRemedies(answer, 1.5)?.add).toMatchObject({ value: expect.closeTo(11_700, 6), asset: "USDT" });
});

test("with several assets owed the amounts are in bitcoin, from Binance's totals", () => {
  const assets = [balance("USDT", { borrowed: 40_000 }), balance("ETH", { borrowed: 25 })];
  expect(amounts(crossRemedies(cross(1.24, { assets }), 1.5))).toMatchObject([
    { value: expect.closeTo(1.17, 9), asset: "BTC" },
    { value: expect.closeTo(0.78, 9), asset: "BTC" },
    { value: expect.closeTo(2.34, 9), asset: "BTC" },
  ]);
});

test.each([
  ["the level is not known", cross(undefined)],
  ["the assets are not known", cross(1.24, { assets: undefined })],
  ["the level is no quotient: a Pro account", cross(1.24, { accountType: "MARGIN_2" })],
  ["nobody knows what the level of this type is", cross(1.24, { accountType: "MARGIN_3" })],
  ["nothing is owed", debtFree()],
  [
    "several assets are owed and the totals are not known",
    cross(1.24, { totalAssetOfBtc: undefined, assets: [balance("A", { borrowed: 1 }), balance("B", { borrowed: 1 })] }),
  ],
])("nothing is proposed for a cross account when %s", (_, answer) => {
  expect(crossRemedies(answer, 1.5)).toBeUndefined();
});

// ---------------------------------------------------------------- isolated

interface Book {
  readonly base: number;
  readonly baseOwed: number;
  readonly quote: number;
  readonly quoteOwed: number;
}

const levelAt = ({ base, baseOwed, quote, quoteOwed }: Book, price: number): number =>
  (base * price + quote) / (baseOwed * price + quoteOwed);

/** Where the level of a book is `ratio`: the price at which it is liquidated. */
const liquidationOf = ({ base, baseOwed, quote, quoteOwed }: Book, ratio: number): number =>
  (ratio * quoteOwed - quote) / (base - ratio * baseOwed);

function pairOf(book: Book, index: number, ratio: number): PairAnswer {
  return longPair("XYZUSDT", 0, {
    indexPrice: index,
    liquidatePrice: liquidationOf(book, ratio),
    base: leg("XYZ", { free: book.base, borrowed: book.baseOwed }),
    quote: leg("USDT", { free: book.quote, borrowed: book.quoteOwed }),
  });
}

const index = fc.double({ min: 0.001, max: 100_000, noNaN: true });
const size = fc.double({ min: 0.01, max: 1_000, noNaN: true });
const share = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const ratios = share(1.05, 1.18);

/** A long `awayPct` from its liquidation, with some quote left and dust owed in the base. */
const longs = fc.record({
  index,
  size,
  ratio: ratios,
  awayPct: share(0.1, 9),
  rest: share(0, 0.2),
  dust: share(0, 0.01),
});

test("each of the three amounts alone takes a long pair to its distance exactly", () => {
  fc.assert(
    fc.property(longs, share(10, 40), ({ index, size, ratio, awayPct, rest, dust }, targetPct) => {
      const price = index * (1 - awayPct / 100);
      const partly = { base: size, baseOwed: dust * size, quote: rest * size * index };
      const quoteOwed = (partly.base * price + partly.quote) / ratio - partly.baseOwed * price;
      const book: Book = { ...partly, quoteOwed };
      const remedies = pairRemedies(pairOf(book, index, ratio), targetPct);
      const [add = 0, repay = 0, sell = 0] = values(remedies);
      const at = index * (1 - targetPct / 100);
      expectNear(levelAt({ ...book, quote: book.quote + add }, at), ratio);
      expectNear(levelAt({ ...book, quoteOwed: book.quoteOwed - repay }, at), ratio);
      const sold = { ...book, base: book.base - sell / index, quoteOwed: book.quoteOwed - sell };
      expectNear(levelAt(sold, at), ratio);
      expect(amounts(remedies).map((amount) => amount?.asset)).toEqual(["USDT", "USDT", "USDT"]);
      expect(remedies?.inDebt).toBeUndefined(); // what is owed is the quote: the same amounts
    }),
  );
});

/** A short `awayPct` from its liquidation, with some base bought back already and dust owed in the quote. */
const shorts = fc.record({
  index,
  size,
  ratio: ratios,
  awayPct: share(0.1, 9),
  back: share(0, 1.02),
  dust: share(0, 0.01),
});

test("each of the three amounts alone takes a short pair to its distance exactly", () => {
  fc.assert(
    fc.property(shorts, share(10, 40), ({ index, size, ratio, awayPct, back, dust }, targetPct) => {
      const price = index * (1 + awayPct / 100);
      const partly = { base: back * size, baseOwed: size, quoteOwed: dust * size * index };
      const quote = ratio * (partly.baseOwed * price + partly.quoteOwed) - partly.base * price;
      const book: Book = { ...partly, quote };
      const remedies = pairRemedies(pairOf(book, index, ratio), targetPct);
      const [add = 0, repay = 0, sell = 0] = values(remedies);
      const at = index * (1 + targetPct / 100);
      expectNear(levelAt({ ...book, quote: book.quote + add }, at), ratio);
      expectNear(levelAt({ ...book, baseOwed: book.baseOwed - repay }, at), ratio);
      const bought = { ...book, quote: book.quote - sell, baseOwed: book.baseOwed - sell / index };
      expectNear(levelAt(bought, at), ratio);
      expect(amounts(remedies).map((amount) => amount?.asset)).toEqual(["USDT", "XYZ", "USDT"]);
      const [addBase = 0, , buyBase = 0] = values(remedies?.inDebt);
      expectNear(levelAt({ ...book, base: book.base + addBase }, at), ratio);
      expectNear(buyBase * index, sell);
      expect(amounts(remedies?.inDebt).map((amount) => amount?.asset)).toEqual(["XYZ", undefined, "XYZ"]);
    }),
  );
});

test("the public sample: its implied liquidation ratio is the 1.158 of its tier, and more distance costs money", () => {
  const { base, quote, liquidatePrice } = FETUSDT;
  const at = (one: PairLeg | undefined) => (one === undefined ? [0, 0] : [heldOf(one), debtOf(one)]);
  const [[held = 0], [rest = 0, owed = 0]] = [at(base), at(quote)];
  expect((held * (liquidatePrice ?? 0) + rest) / owed).toBeCloseTo(1.1575, 4);
  const [add = 0, repay = 0, sell = 0] = values(pairRemedies(FETUSDT, 20));
  expect(repay).toBeLessThan(add);
  expect(add).toBeLessThan(sell);
});

test("a pair that owes more than it holds cannot sell its way out", () => {
  const pair = longPair("BTCUSDT", -8); // 10,800 / 1.05 = 10,285.71 owed, 10,000 held
  const [add, repay, sell] = values(pairRemedies(pair, 10));
  expect([add, repay, sell]).toEqual([expect.closeTo(1_800, 6), expect.closeTo(1_800 / 1.05, 6), undefined]);
});

test("a pair that is far enough away needs nothing", () => {
  expect(values(pairRemedies(longPair("BTCUSDT", 12), 10))).toEqual([undefined, undefined, undefined]);
});

test("a pair that is 5 % away, back to 10 %, in round numbers", () => {
  const [add, repay, sell] = values(pairRemedies(longPair("BTCUSDT", 5), 10));
  expect([add, repay, sell]).toEqual([
    expect.closeTo(500, 6),
    expect.closeTo(476.190476, 6),
    expect.closeTo(10_000 / 3, 6),
  ]);
});

test.each<[string, PairAnswer, number]>([
  ["no fall liquidates it", longPair("BTCUSDT", 5, { liquidatePrice: 0 }), 10],
  ["its liquidation price is not known", longPair("BTCUSDT", 5, { liquidatePrice: undefined }), 10],
  ["its index price is not known", longPair("BTCUSDT", 5, { indexPrice: undefined }), 10],
  ["its index price is 0", longPair("BTCUSDT", 5, { indexPrice: 0 }), 10],
  ["its amounts are not known", longPair("BTCUSDT", 5, { quote: undefined }), 10],
  ["nothing is owed", longPair("BTCUSDT", 5, { quote: leg("USDT") }), 10],
  ["its liquidation price does not fit its amounts", longPair("BTCUSDT", 5, { liquidatePrice: 9_000 }), 10],
  ["the target is a fall to nothing", longPair("BTCUSDT", 5), 100],
])("nothing is proposed for a pair when %s", (_, pair, pct) => {
  expect(pairRemedies(pair, pct)).toBeUndefined();
});
