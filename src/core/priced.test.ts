import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, debtFree, FETUSDT, leg, longPair } from "../../test/support/answers.ts";
import type { CrossAnswer } from "./ports.ts";
import { type Book, largestDebt, levelWhen, type PricedBook, pairBook, pairLevelWhen, priceBook } from "./priced.ts";
import { usdtPrice } from "./usdt-price.ts";

const BTC = 10_000;
const prices = (over: Readonly<Record<string, number>> = {}) => new Map(Object.entries({ BTCUSDT: BTC, ...over }));

function trusted(book: PricedBook | undefined): Book {
  if (book?.isTrusted !== true) throw new Error("no trusted book");
  return book;
}

// ---------------------------------------------------------------- prices

test.each<[string, string, Readonly<Record<string, number>>, number | undefined, boolean]>([
  ["the unit is 1, whatever the market says", "USDT", { USDTUSDT: 3 }, 1, false],
  ["from its own pair", "ETH", { ETHUSDT: 300, ETHBTC: 0.05, ETHUSDC: 310 }, 300, false],
  ["from the inverted pair", "EUR", { USDTEUR: 0.8 }, 1.25, false],
  ["over bitcoin", "ETH", { ETHBTC: 0.05, ETHUSDC: 310 }, 500, false],
  ["over bitcoin, inverted", "EUR", { BTCEUR: 8_000 }, 1.25, false],
  ["from a pair with USDC, at what USDC is worth", "XYZ", { XYZUSDC: 2, USDCUSDT: 0.9 }, 1.8, false],
  ["from a pair with USDC, which counts as 1 when nobody tells", "XYZ", { XYZUSDC: 2 }, 2, true],
  ["from a pair with FDUSD", "XYZ", { XYZFDUSD: 2, FDUSDUSDT: 0.999 }, 1.998, false],
  ["from an inverted pair with USDC", "XYZ", { USDCXYZ: 0.5, USDCUSDT: 1 }, 2, false],
  ["USDC at its market price when its peg breaks", "USDC", { USDCUSDT: 0.88 }, 0.88, false],
  ["USDC as 1 only when no market tells", "USDC", {}, 1, true],
  ["FDUSD as 1 only when no market tells", "FDUSD", {}, 1, true],
  ["another stable coin is not guessed", "TUSD", {}, undefined, false],
  ["a price of 0 is none", "XYZ", { XYZUSDT: 0 }, undefined, false],
  ["an asset of no market", "XYZ", { XYZABC: 3 }, undefined, false],
])("a price is taken %s", (_, asset, over, price, isAssumed) => {
  const actual = usdtPrice(asset, prices(over));
  expect(actual?.price).toEqual(price === undefined ? undefined : expect.closeTo(price, 9));
  expect(actual?.isAssumed ?? false).toBe(isAssumed);
});

// ---------------------------------------------------------------- the cross book

test("the design's book in USDT: 55,800 held, 45,000 owed", () => {
  expect(priceBook(cross(1.24), prices())).toEqual({
    isTrusted: true,
    unit: "USDT",
    level: 1.24,
    assetsWorth: 55_800,
    liabilitiesWorth: 45_000,
    scale: expect.closeTo(1, 12),
    missing: [],
    assumed: [],
    assets: [
      { asset: "USDT", price: 1, heldWorth: 0, owedWorth: 45_000, owed: 45_000, isStable: true },
      { asset: "BTC", price: BTC, heldWorth: expect.closeTo(55_800, 8), owedWorth: 0, owed: 0, isStable: false },
    ],
  });
});

test("free and locked are held, borrowed and interest are owed, what is neither is left out", () => {
  const assets = [
    balance("USDT", { borrowed: 44_000, interest: 1_000 }),
    balance("BTC", { free: 5, locked: 0.58 }),
    balance("ETH"),
  ];
  const book = trusted(priceBook(cross(1.24, { assets }), prices()));
  expect([book.assetsWorth, book.liabilitiesWorth, book.scale]).toEqual([55_800, 45_000, expect.closeTo(1, 12)]);
  expect(book.assets.map(({ asset }) => asset)).toEqual(["USDT", "BTC"]);
});

test.each<[string, CrossAnswer]>([
  ["of a Pro account", cross(1.24, { accountType: "MARGIN_2" })],
  ["of an account of a type that nobody knows", cross(1.24, { accountType: "MARGIN_3" })],
  ["without debt", debtFree()],
  ["without debt that counts: level 999", cross(999)],
  ["without a level", cross(undefined)],
  ["with a level of 0", cross(1.24, { marginLevel: 0 })],
  ["without balances", cross(1.24, { assets: undefined })],
])("there is no book %s", (_, answer) => {
  expect(priceBook(answer, prices())).toBeUndefined();
});

test.each([
  ["just within 2 % below the exchange's level", 9_801, true],
  ["further than 2 % below", 9_799, false],
  ["just within 2 % above", 10_199, true],
  ["further than 2 % above", 10_201, false],
])("a book %s is trusted or not", (_, price, isTrusted) => {
  const totals = { totalAssetOfBtc: undefined, totalLiabilityOfBtc: undefined };
  expect(priceBook(cross(1.24, totals), prices({ BTCUSDT: price }))?.isTrusted).toBe(isTrusted);
});

test.each([
  ["assets and liabilities just within 2 % of the totals", 1.019, 1.019, true],
  ["more assets than the totals say", 1.025, 1.01, false],
  ["more liabilities than the totals say", 1.01, 1.025, false],
  ["both off alike, though the level agrees", 1.03, 1.03, false],
])("with %s", (_, assets, liabilities, isTrusted) => {
  const totals = { totalAssetOfBtc: 5.58 / assets, totalLiabilityOfBtc: 4.5 / liabilities };
  expect(priceBook(cross(1.24, totals), prices())?.isTrusted).toBe(isTrusted);
});

test("a book that is not trusted tells its own level and nothing to calculate with", () => {
  expect(priceBook(cross(1.24), prices({ BTCUSDT: 11_000 }))).toEqual({
    isTrusted: false,
    missing: [],
    ownLevel: expect.closeTo(1.364, 9),
  });
});

test("asked again it is the same book, and another one at other prices or of another answer", () => {
  const [answer, first, second] = [cross(1.24), prices(), prices({ BTCUSDT: 10_050 })];
  const book = priceBook(answer, first);
  expect(priceBook(answer, first)).toBe(book);
  expect(priceBook(answer, second)).toMatchObject({ scale: expect.closeTo(10_000 / 10_050, 9) });
  expect(priceBook(answer, first)).toEqual(book);
  expect(priceBook(cross(1.25), first)).toMatchObject({ level: 1.25 });
});

test("without any prices the book names what has none", () => {
  expect(priceBook(cross(1.24), undefined)).toEqual({ isTrusted: false, missing: ["BTC"], ownLevel: 0 });
});

/** The design's book, a share of both sides of it in a coin that no market tells of. */
function partly(share: number, over: Partial<CrossAnswer> = {}): CrossAnswer {
  const assets = [
    balance("USDT", { borrowed: 45_000 * (1 - share) }),
    balance("BTC", { free: 5.58 * (1 - share) }),
    balance("XYZ", { free: 3 }),
    balance("ABC", { borrowed: 2 }),
  ];
  return cross(1.24, { assets, ...over });
}

test.each([
  ["is forgiven when the totals show that little is missing", partly(0.015), true],
  ["is not when the totals show that much is, though the level agrees", partly(0.3), false],
  ["is not when no totals show anything", partly(0.015, { totalLiabilityOfBtc: undefined }), false],
])("a missing price %s", (_, answer, isTrusted) => {
  expect(priceBook(answer, prices())).toMatchObject({ isTrusted, missing: ["XYZ", "ABC"] });
});

test("a stable coin without a market counts as 1, and the book says so", () => {
  const assets = [balance("USDC", { borrowed: 45_000 }), balance("BTC", { free: 5.58 })];
  const answer = cross(1.24, { assets });
  expect(priceBook(answer, prices())).toMatchObject({ isTrusted: true, assumed: ["USDC"] });
  expect(priceBook(answer, prices({ USDCUSDT: 0.999 }))).toMatchObject({ isTrusted: true, assumed: [] });
});

const money = fc.double({ min: 1, max: 1e7, noNaN: true });

test("whatever the drift of prices, a trusted book has the exchange's level exactly", () => {
  const drifts = fc.double({ min: 0.985, max: 1.015, noNaN: true });
  const level = fc.double({ min: 1.01, max: 20, noNaN: true });
  fc.assert(
    fc.property(money, level, drifts, (owed, level, drift) => {
      const assets = [balance("USDT", { borrowed: owed }), balance("BTC", { free: (owed * level) / BTC })];
      const totals = { totalAssetOfBtc: (owed * level) / BTC, totalLiabilityOfBtc: owed / BTC };
      const book = trusted(priceBook(cross(level, { assets, ...totals }), prices({ BTCUSDT: BTC * drift })));
      expect(Math.abs(levelWhen(book, () => 1) / level - 1)).toBeLessThan(1e-12);
      expect(book.assetsWorth / book.liabilitiesWorth).toBeCloseTo(level, 12);
      expect(book.scale).toBeCloseTo(1 / drift, 9);
    }),
  );
});

test("the largest debt is the one of most worth, not of most coins", () => {
  const assets = [
    balance("USDT", { borrowed: 20_000 }),
    balance("ETH", { borrowed: 100 }),
    balance("BTC", { free: 5.58 }),
  ];
  const book = trusted(priceBook(cross(1.24, { assets }), prices({ ETHUSDT: 250 })));
  expect(largestDebt(book)).toMatchObject({ asset: "ETH", owed: 100, owedWorth: 25_000 });
});

// ---------------------------------------------------------------- a pair's book

test("the public sample: its legs are 0.2 % from its level, which the scale takes up", () => {
  const book = pairBook(FETUSDT);
  expect(book).toMatchObject({ unit: "USDT", level: 1.34371923, scale: expect.closeTo(0.9981, 4) });
  expect(book?.liabilitiesWorth).toBeCloseTo(889.72069801, 8);
});

test("without its level a pair's own quotient is the level", () => {
  expect(pairBook(longPair("BTCUSDT", 5, { marginLevel: undefined }))).toMatchObject({
    level: expect.closeTo(10_500 / 9_500, 9),
    scale: expect.closeTo(1, 12),
  });
});

test.each([
  ["without debt", longPair("BTCUSDT", 5, { quote: leg("USDT") })],
  ["without an index price", longPair("BTCUSDT", 5, { indexPrice: undefined })],
  ["with an index price of 0", longPair("BTCUSDT", 5, { indexPrice: 0 })],
  ["without its amounts", longPair("BTCUSDT", 5, { base: undefined })],
  ["that holds nothing", longPair("BTCUSDT", 5, { base: leg("BTC"), marginLevel: 0 })],
  ["whose legs do not fit its level", longPair("BTCUSDT", 5, { marginLevel: 1.3 })],
])("there is no book of a pair %s", (_, pair) => {
  expect([pairBook(pair), pairLevelWhen(pair, 0.9)]).toEqual([undefined, undefined]);
});

test("the level of a pair at another price is that of its book, whatever it holds and owes", () => {
  const upTo = (max: number) => fc.double({ min: 1, max, noNaN: true });
  const amounts = fc.tuple(upTo(100), upTo(100), upTo(1e6), upTo(1e6));
  fc.assert(
    fc.property(amounts, fc.double({ min: 0.5, max: 2, noNaN: true }), ([held, owed, dollars, debt], times) => {
      const base = leg("BTC", { free: held, borrowed: owed });
      const pair = longPair("BTCUSDT", 5, { base, quote: leg("USDT", { free: dollars, borrowed: debt }) });
      for (const each of [FETUSDT, { ...pair, marginLevel: undefined }]) {
        const book = pairBook(each);
        const [own] = book?.assets ?? [];
        const expected = book && levelWhen(book, ({ asset }) => (asset === own?.asset ? times : 1));
        expect(expected).toBeDefined();
        expect((pairLevelWhen(each, times) ?? 0) / (expected ?? 1)).toBeCloseTo(1, 12);
      }
    }),
  );
});
