import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, debtFree, isolated, leg, longPair, observe } from "../../test/support/answers.ts";
import type { CrossAnswer, PairAnswer } from "./ports.ts";
import { danger, type Exposure, exposureOf, rank } from "./ranking.ts";

const exposure = (symbol: string, distancePct: number | undefined, debtUsdt: number | undefined): Exposure => ({
  account: "main",
  subject: `isolated ${symbol}`,
  distancePct,
  debt: debtUsdt === undefined ? undefined : { value: debtUsdt, asset: "USDT" },
});

const order = (exposures: readonly Exposure[]) =>
  rank(exposures).map(({ subject }) => subject.replace("isolated ", ""));

test.each<[string, readonly Exposure[], readonly string[]]>([
  ["a large debt before a small one equally near", [exposure("A", 5, 100), exposure("B", 5, 101)], ["B", "A"]],
  ["a nearer one before a farther one of equal debt", [exposure("A", 5, 100), exposure("B", 4.99, 100)], ["B", "A"]],
  ["half as far is four times the debt: just less", [exposure("A", 10, 399), exposure("B", 5, 100)], ["B", "A"]],
  ["half as far is four times the debt: just more", [exposure("A", 5, 100), exposure("B", 10, 401)], ["B", "A"]],
  ["a small debt at the edge before a large one far away", [exposure("A", 40, 1e6), exposure("B", 1, 1e4)], ["B", "A"]],
  ["dust at the edge after a large debt that is near", [exposure("A", 0.2, 1), exposure("B", 3, 50_000)], ["B", "A"]],
  ["among those that are reached the larger debt", [exposure("A", 0, 100), exposure("B", 0.1, 200)], ["B", "A"]],
  ["of equal debts that are reached the nearer", [exposure("A", 0.1, 100), exposure("B", 0.05, 100)], ["B", "A"]],
  ["what is passed counts as reached", [exposure("A", 1, 100), exposure("B", -5, 100)], ["B", "A"]],
  ["a distance that is not known counts as none", [exposure("A", 0.5, 100), exposure("B", undefined, 100)], ["B", "A"]],
  [
    "a debt that is not known counts as the largest",
    [exposure("A", 5, 100), exposure("B", 9, 300), exposure("C", 6, undefined)],
    ["C", "A", "B"],
  ],
  ["when no debt is known the nearest", [exposure("A", 5, undefined), exposure("B", 4, undefined)], ["B", "A"]],
  ["equal ones by name", [exposure("B", 5, 100), exposure("A", 5, 100)], ["A", "B"]],
])("%s", (_, exposures, expected) => {
  expect(order(exposures)).toEqual(expected);
});

const debts = fc.double({ min: 0.01, max: 1e9, noNaN: true });
const distances = fc.double({ min: -100, max: 100, noNaN: true });

test("who is as near or nearer and owes as much or more never comes after", () => {
  fc.assert(
    fc.property(debts, distances, debts, distances, (debt, away, moreDebt, lessAway) => {
      const mild = exposure("A", away, debt);
      const grave = exposure("B", away - Math.abs(lessAway), debt + moreDebt);
      expect(order([mild, grave])).toEqual(["B", "A"]);
      expect(order([grave, mild])).toEqual(["B", "A"]);
      expect(danger(debt + moreDebt, away)).toBeGreaterThanOrEqual(danger(debt, away));
      expect(danger(debt, away - Math.abs(lessAway))).toBeGreaterThanOrEqual(danger(debt, away));
    }),
  );
});

test("the order does not depend on the order of the input", () => {
  const one = fc.tuple(fc.option(distances, { nil: undefined }), fc.option(debts, { nil: undefined }));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), (list) => {
      const exposures = list.map(([away, debt], index) => exposure(`P${index}`, away, debt));
      expect(order(exposures.toReversed())).toEqual(order(exposures));
    }),
  );
});

// ---------------------------------------------------------------- what an observation has at stake

const PRICES = new Map(Object.entries({ BTCUSDT: 10_000, ETHBTC: 0.025 }));
const ofCross = (answer: CrossAnswer, prices = PRICES) =>
  observe(answer).map((observation) => exposureOf(observation, prices));
const ofPair = (pair: PairAnswer, prices = PRICES) =>
  observe(isolated([pair])).map((observation) => exposureOf(observation, prices));

test.each<[string, readonly unknown[], unknown]>([
  ["the cross account in USDT", ofCross(cross(1.24)), { value: 45_000, asset: "USDT" }],
  [
    "the cross account from Binance's total when the book is not trusted",
    ofCross(cross(1.24, { assets: [balance("XYZ", { borrowed: 1 }), balance("BTC", { free: 5.58 })] })),
    { value: 45_000, asset: "USDT" },
  ],
  [
    "the cross account in bitcoin when that has no price",
    ofCross(cross(1.24), new Map()),
    { value: 4.5, asset: "BTC" },
  ],
  [
    "the cross account without price and totals",
    ofCross(cross(1.24, { totalLiabilityOfBtc: undefined }), new Map()),
    undefined,
  ],
  [
    "a pair's two legs at its index price",
    ofPair(
      longPair("BTCUSDT", 5, { base: leg("BTC", { free: 1, borrowed: 0.1 }), quote: leg("USDT", { borrowed: 500 }) }),
    ),
    { value: 1_500, asset: "USDT" },
  ],
  [
    "a pair that is quoted in bitcoin",
    ofPair(longPair("ETHBTC", 5, { quote: leg("BTC", { borrowed: 2 }) })),
    { value: 20_000, asset: "USDT" },
  ],
  [
    "a pair whose quote has no price",
    ofPair(longPair("ETHTRY", 5, { quote: leg("TRY", { borrowed: 2 }) })),
    { value: 2, asset: "TRY" },
  ],
])("the debt of %s", (_, [actual], debt) => {
  expect(actual).toMatchObject({ account: "main", debt });
});

test("the distance is the observation's", () => {
  expect(ofPair(longPair("BTCUSDT", 5))).toMatchObject([{ subject: "isolated BTCUSDT", distancePct: 5 }]);
  expect(ofCross(cross(1.375))).toMatchObject([{ subject: "cross", distancePct: expect.closeTo(20, 9) }]);
});

test("the distance of a Pro account is not known, so it hides behind nothing", () => {
  const [pro] = ofCross(cross(1.9, { accountType: "MARGIN_2" }));
  expect(pro).toMatchObject({ distancePct: undefined, debt: { asset: "USDT" } });
});

test.each([
  ["nothing is owed", ofCross(debtFree())],
  ["a pair owes nothing", ofPair(longPair("BTCUSDT", 5, { quote: leg("USDT") }))],
  ["the answer is not valid", ofCross(cross(undefined))],
])("nothing is at stake when %s", (_, exposures) => {
  expect(exposures).toEqual([undefined]);
});
