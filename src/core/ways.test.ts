import fc from "fast-check";
import { expect, test } from "vitest";
import { BARS_3X, balance, cross, leg, longPair } from "../../test/support/answers.ts";
import type { AssetBalance, CrossAnswer } from "./ports.ts";
import { type Book, priceBook } from "./priced.ts";
import type { Remedies } from "./remedy.ts";
import { transferOutLock } from "./unlock.ts";
import { pairWaysTo, waysBack, waysTo } from "./ways.ts";

type Prices = Readonly<Record<string, number>>;
const PRICES: Prices = { USDT: 1, USDC: 1, FDUSD: 1, BTC: 10_000, ETH: 250 };

const priceOf = (asset: string, prices: Prices): number => prices[asset] ?? 0;

/** As Binance would answer for these balances at these prices. */
function answerOf(assets: readonly AssetBalance[], prices: Prices, over: Partial<CrossAnswer> = {}): CrossAnswer {
  const sum = (amount: (balance: AssetBalance) => number) =>
    assets.reduce((total, each) => total + amount(each) * priceOf(each.asset, prices), 0);
  const [held, owed] = [sum(({ free }) => free), sum(({ borrowed }) => borrowed)];
  const bitcoin = priceOf("BTC", prices);
  const totals = { totalAssetOfBtc: held / bitcoin, totalLiabilityOfBtc: owed / bitcoin };
  return cross(held / owed, { ...totals, assets, ...over });
}

function trusted(answer: CrossAnswer, prices: Prices = PRICES): Book {
  const symbols = Object.entries(prices).map(([asset, price]) => [`${asset}USDT`, price] as const);
  const book = priceBook(answer, new Map(symbols));
  if (book?.isTrusted !== true) throw new Error("no trusted book");
  return book;
}

const bookOf = (assets: readonly AssetBalance[], prices: Prices = PRICES): Book =>
  trusted(answerOf(assets, prices), prices);

const texts = (remedies: Remedies | undefined) =>
  remedies &&
  [remedies.add, remedies.repay, remedies.sell].map(
    (amount) => amount && `${Number(amount.value.toFixed(4))} ${amount.asset}`,
  );

/** 13,000 held, 10,000 owed. */
const oweUsdt = [balance("BTC", { free: 1.3 }), balance("USDT", { borrowed: 10_000 })];
const oweBitcoin = [balance("USDT", { free: 13_000 }), balance("BTC", { borrowed: 1 })];
const oweBoth = [balance("ETH", { free: 52 }), balance("BTC", { borrowed: 0.6 }), balance("USDT", { borrowed: 4_000 })];

test.each<[string, Book, unknown, unknown]>([
  [
    "the first example of the design",
    bookOf(oweUsdt),
    ["2000 USDT", "1333.3333 USDT", "4000 USDT"],
    undefined, // USDT is what is owed: the same amounts
  ],
  ["the second", trusted(cross(1.24), { BTC: 10_000 }), ["11700 USDT", "7800 USDT", "23400 USDT"], undefined],
  [
    "the first, with bitcoin owed",
    bookOf(oweBitcoin),
    ["2000 USDT", "1333.3333 USDT", "4000 USDT"],
    ["0.2 BTC", "0.1333 BTC", "0.4 BTC"],
  ],
  [
    "the first, with two assets owed: the larger debt",
    bookOf(oweBoth),
    ["2000 USDT", "1333.3333 USDT", "4000 USDT"],
    ["0.2 BTC", "0.1333 BTC", "0.4 BTC"],
  ],
  [
    "more would have to be repaid than is owed of the largest debt",
    bookOf([
      balance("ETH", { free: 40 }),
      balance("BTC", { borrowed: 0.26 }),
      balance("USDT", { borrowed: 2_500 }),
      balance("FDUSD", { borrowed: 2_500 }),
      balance("USDC", { borrowed: 2_400 }),
    ]),
    ["5000 USDT", "3333.3333 USDT", "10000 USDT"],
    ["0.5 BTC", undefined, undefined],
  ],
  [
    "a sale would repay more than is owed of the largest debt",
    bookOf([
      balance("ETH", { free: 52 }),
      balance("BTC", { borrowed: 0.36 }),
      balance("USDT", { borrowed: 3_500 }),
      balance("FDUSD", { borrowed: 2_900 }),
    ]),
    ["2000 USDT", "1333.3333 USDT", "4000 USDT"],
    ["0.2 BTC", "0.1333 BTC", undefined],
  ],
  [
    "more is owed than is held, so no sale is enough",
    bookOf([balance("USDT", { free: 9_000 }), balance("BTC", { borrowed: 1 })]),
    ["6000 USDT", "4000 USDT", undefined],
    ["0.6 BTC", "0.4 BTC", undefined],
  ],
])("%s", (_, book, inUnit, inDebt) => {
  const ways = waysTo(book, { kind: "rule", level: 1.5 });
  expect([texts(ways.inUnit), texts(ways.inDebt)]).toEqual([inUnit, inDebt]);
});

// ---------------------------------------------------------------- every amount leads to its level

const amounts = fc.double({ min: 0.01, max: 10, noNaN: true });
const situations = fc.record({
  btc: amounts,
  usdt: fc.double({ min: 100, max: 100_000, noNaN: true }),
  eth: fc.double({ min: 1, max: 400, noNaN: true }),
  bitcoin: fc.double({ min: 1_000, max: 100_000, noNaN: true }),
  level: fc.double({ min: 1.01, max: 1.49, noNaN: true }),
  target: fc.double({ min: 1.5, max: 3, noNaN: true }),
});

/** The balances after so much more of an asset is held and owed. */
function change(assets: readonly AssetBalance[], asset: string, held: number, owed: number): readonly AssetBalance[] {
  return assets.map((each) =>
    each.asset === asset ? { ...each, free: each.free + held, borrowed: each.borrowed + owed } : each,
  );
}

test("each amount, in USDT and in the largest debt, applied in units and read again, meets the target", () => {
  let inDebtMet = 0;
  fc.assert(
    fc.property(situations, ({ btc, usdt, eth, bitcoin, level, target }) => {
      const prices: Prices = { USDT: 1, BTC: bitcoin, ETH: bitcoin / 40 };
      const owed = btc * bitcoin + usdt + eth * priceOf("ETH", prices);
      const assets = [
        balance("BNB", { free: 1 }),
        balance("BTC", { borrowed: btc }),
        balance("USDT", { borrowed: usdt }),
        balance("ETH", { borrowed: eth }),
      ];
      const all: Prices = { ...prices, BNB: level * owed };
      const { inUnit, inDebt } = waysTo(bookOf(assets, all), { kind: "rule", level: target });
      const meets = (after: readonly AssetBalance[]) =>
        expect(Math.abs(bookOf(after, all).level - target)).toBeLessThan(1e-9);
      const soldFor = (worth: number) => change(assets, "BNB", -worth / priceOf("BNB", all), 0);
      const repaid = (from: readonly AssetBalance[], worth: number) =>
        from.map((each) => ({ ...each, borrowed: each.borrowed * (1 - worth / owed) }));
      const [add = 0, repay = 0, sell = 0] = [inUnit.add?.value, inUnit.repay?.value, inUnit.sell?.value];
      meets(change(assets, "USDT", add, 0));
      meets(repaid(assets, repay));
      meets(repaid(soldFor(sell), sell));
      for (const amount of [inDebt?.add, inDebt?.repay, inDebt?.sell]) {
        if (amount === undefined) continue;
        const { asset, value } = amount;
        if (amount === inDebt?.add) meets(change(assets, asset, value, 0));
        else if (amount === inDebt?.repay) meets(change(assets, asset, 0, -value));
        else meets(change(soldFor(value * priceOf(asset, all)), asset, 0, -value));
        inDebtMet++;
      }
      expect(inUnit.add).toBeDefined();
    }),
    { numRuns: 300 },
  );
  expect(inDebtMet).toBeGreaterThan(50);
});

test("prices that drift from Binance's change no target: the amounts are worked out on its level", () => {
  const drifted = trusted(answerOf(oweUsdt, PRICES), { ...PRICES, BTC: 10_150 });
  expect(texts(waysTo(drifted, { kind: "rule", level: 1.5 }).inUnit)).toEqual([
    "2000 USDT",
    "1333.3333 USDT",
    "4000 USDT",
  ]);
});

// ---------------------------------------------------------------- the goals

const at = (level: number, over: Partial<CrossAnswer> = {}) => cross(level, { collateralMarginLevel: 3, ...over });
const goalsOf = (answer: CrossAnswer, target: number | undefined) =>
  waysBack(trusted(answer), answer, { bars: BARS_3X, target }).map(({ goal }) => `${goal.kind} ${goal.level}`);

test.each<[string, CrossAnswer, number | undefined, readonly string[]]>([
  ["all three when none is met", locked(1.24), 1.5, ["rule 1.5", "margin-call 1.3", "transfer-out 2"]],
  ["not the margin call just above its bar", at(1.3001), 1.5, ["rule 1.5"]],
  ["not the margin call at its bar", at(1.3), 1.5, ["rule 1.5"]],
  ["the margin call just below its bar", at(1.2999), 1.5, ["rule 1.5", "margin-call 1.3"]],
  ["a target that is the bar, once", at(1.24), 1.3, ["rule 1.3"]],
  ["without a target the margin call", at(1.24), undefined, ["margin-call 1.3"]],
  ["nothing at the target", at(1.5), 1.5, []],
  ["transfer out alone", locked(1.84), 1.5, ["transfer-out 2"]],
])("the goals: %s", (_, answer, target, goals) => {
  expect(goalsOf(answer, target)).toEqual(goals);
});

/** 45,000 USDT owed, collateral counted in full. */
function locked(level: number, over: Partial<CrossAnswer> = {}): CrossAnswer {
  const collateral = { totalCollateralValueInUsdt: 45_000 * level, totalOpenOrderLossInUsdt: 0 };
  return cross(level, { collateralMarginLevel: level, ...collateral, ...over });
}

const unlocking = (answer: CrossAnswer) =>
  waysBack(trusted(answer), answer, { bars: BARS_3X, target: undefined }).find(
    ({ goal }) => goal.kind === "transfer-out",
  );

test("transfers out: the amounts of the lock, and a sale that is enough whatever is sold", () => {
  const answer = locked(1.84);
  expect(transferOutLock(answer)).toMatchObject({ amounts: { addUsdt: 7_200, repayUsdt: 3_600 } });
  expect(texts(unlocking(answer)?.inUnit)).toEqual(["7200 USDT", "3600 USDT", "7200 USDT"]);
});

test("transfers out with bitcoin owed: repaid in bitcoin; how much bitcoin to add depends on a haircut, so it is not told", () => {
  const assets = [balance("USDT", { free: 18_400 }), balance("BTC", { borrowed: 1 })];
  const over = { collateralMarginLevel: 1.84, totalCollateralValueInUsdt: 18_400, totalOpenOrderLossInUsdt: 0 };
  const ways = unlocking(answerOf(assets, PRICES, over));
  expect([texts(ways?.inUnit), texts(ways?.inDebt)]).toEqual([
    ["1600 USDT", "800 USDT", "1600 USDT"],
    [undefined, "0.08 BTC", "0.16 BTC"],
  ]);
});

test("transfers out: every amount passes or meets a collateral level of 2, whatever share of its worth a coin counts for", () => {
  const levels = fc.double({ min: 1, max: 1.999, noNaN: true });
  fc.assert(
    fc.property(levels, fc.double({ min: 0, max: 1, noNaN: true }), (level, share) => {
      const { inUnit } = unlocking(locked(level)) ?? {};
      const [add = 0, repay = 0, sell = 0] = [inUnit?.add?.value, inUnit?.repay?.value, inUnit?.sell?.value];
      const [collateral, debt] = [45_000 * level, 45_000];
      expect(Math.abs((collateral + add) / debt - 2)).toBeLessThan(1e-9);
      expect(Math.abs(collateral / (debt - repay) - 2)).toBeLessThan(1e-9);
      fc.pre(debt - sell > 1);
      const level2 = (counted: number) => (collateral - counted * sell) / (debt - sell);
      expect(level2(1)).toBeCloseTo(2, 6);
      expect(level2(share)).toBeGreaterThan(2 - 1e-6);
    }),
  );
});

test("less collateral than debt: no sale unlocks transfers", () => {
  expect(
    texts(unlocking(locked(1.2, { collateralMarginLevel: 0.9, totalCollateralValueInUsdt: 40_500 }))?.inUnit),
  ).toEqual(["49500 USDT", "24750 USDT", undefined]);
});

// ---------------------------------------------------------------- isolated pairs

/** Whose level is what its legs say. */
function pairOf({ base, baseOwed, quote, quoteOwed }: Legs, price: number) {
  return longPair("XYZUSDT", 0, {
    indexPrice: price,
    marginLevel: (base * price + quote) / (baseOwed * price + quoteOwed),
    base: leg("XYZ", { free: base, borrowed: baseOwed }),
    quote: leg("USDT", { free: quote, borrowed: quoteOwed }),
  });
}

interface Legs {
  readonly base: number;
  readonly baseOwed: number;
  readonly quote: number;
  readonly quoteOwed: number;
}

const share = (min: number, max: number) => fc.double({ min, max, noNaN: true });
/** The other leg: some of it is held, dust of it is owed. */
const pairBooks = fc.record({
  price: share(0.001, 100_000),
  size: share(0.01, 1_000),
  level: share(1.001, 1.49),
  rest: share(0, 0.3),
  dust: share(0, 0.3),
  target: share(1.5, 3),
});

test.each(["long", "short"])("each amount alone brings a %s pair to its level", (kind) => {
  let met = 0;
  fc.assert(
    fc.property(pairBooks, ({ price, size, level, rest, dust, target }) => {
      const worth = size * price;
      const owed = (worth * (1 + rest)) / level;
      const legs: Legs =
        kind === "long"
          ? { base: size, quote: worth * rest, baseOwed: (owed * dust) / price, quoteOwed: owed * (1 - dust) }
          : { quote: worth, base: size * rest, quoteOwed: owed * dust, baseOwed: (owed * (1 - dust)) / price };
      const answer = pairOf(legs, price);
      const ways = pairWaysTo(answer, target) ?? expect.fail("no ways");
      const [add, repay, sell] = [ways.add?.value, ways.repay, ways.sell?.value];
      const [more, , bought] = [ways.inDebt?.add?.value, undefined, ways.inDebt?.sell?.value];
      const reaches = (over: Partial<Legs>) => {
        const now = { ...legs, ...over };
        for (const amount of Object.values(now)) expect(amount).toBeGreaterThanOrEqual(-1e-9 * worth);
        const reached = (now.base * price + now.quote) / (now.baseOwed * price + now.quoteOwed);
        expect(reached).toBeGreaterThanOrEqual(target - 1e-9);
        met++;
      };
      const sold = (x: number) =>
        kind === "long"
          ? { base: legs.base - x / price, quoteOwed: legs.quoteOwed - x }
          : { quote: legs.quote - x, baseOwed: legs.baseOwed - x / price };
      if (add === undefined) expect.fail("nothing to add");
      reaches({ quote: legs.quote + add });
      if (more !== undefined) reaches({ base: legs.base + more });
      expect(repay?.asset ?? "none").toMatch(kind === "long" ? /USDT|none/ : /XYZ|none/);
      if (repay !== undefined) {
        reaches(
          kind === "long" ? { quoteOwed: legs.quoteOwed - repay.value } : { baseOwed: legs.baseOwed - repay.value },
        );
      }
      if (sell !== undefined) reaches(sold(sell));
      if (bought !== undefined) reaches(sold(bought * price));
    }),
  );
  expect(met).toBeGreaterThan(200);
});

test("a pair at its target needs nothing, and one without debt or legs has no ways", () => {
  const at = pairOf({ base: 1.5, baseOwed: 0, quote: 0, quoteOwed: 10_000 }, 10_000);
  expect(texts(pairWaysTo(at, 1.5))).toEqual([undefined, undefined, undefined]);
  expect(pairWaysTo({ ...at, quote: leg("USDT") }, 1.5)).toBeUndefined();
  expect(pairWaysTo({ ...at, base: undefined }, 1.5)).toBeUndefined();
});
