import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { balance, cross, FETUSDT, isolated, observe } from "../../test/support/answers.ts";
import {
  type Baseline,
  baselineOf,
  besides,
  bookOf,
  decodeBaseline,
  encodeBaseline,
  lookBefore,
  NOT_SEEN,
  stepBetween,
  turned,
} from "./calm.ts";
import type { Observation } from "./observe.ts";

const MIN = 60_000;
const PRICES = new Map([["BTCUSDT", 10_000]]);

function seen(atMs: number): Observation {
  if (first === undefined) throw new Error("not observed");
  return { ...first, atMs };
}
const [first] = observe(cross(1.3));
/** The time of what an alert that opens after these looks is compared with. */
const beforeAfter = (...stamps: readonly number[]) =>
  lookBefore(stamps.reduce((calm, atMs) => turned(calm, seen(atMs), PRICES), NOT_SEEN))?.observation.atMs;

describe("the look before an alert", () => {
  test.each([
    { name: "none", stamps: [], at: undefined },
    { name: "the first, while there is none of a quarter of an hour ago", stamps: [0, 5 * MIN, 15 * MIN - 1], at: 0 },
    { name: "the first, when the second turn begins", stamps: [0, 15 * MIN], at: 0 },
    { name: "the first, up to half an hour later", stamps: [0, 15 * MIN, 30 * MIN - 1], at: 0 },
    { name: "the one that began the next turn", stamps: [0, 15 * MIN, 30 * MIN], at: 15 * MIN },
    { name: "the last before nobody looked", stamps: [0, 16 * MIN, 300 * MIN], at: 16 * MIN },
    { name: "after a clock that was set back, nothing of its future", stamps: [0, 20 * MIN, -5 * MIN], at: -5 * MIN },
    { name: "after a clock that was set back, what is past all the same", stamps: [0, 20 * MIN, 5 * MIN], at: 0 },
  ])("is $name", ({ stamps, at }) => {
    expect(beforeAfter(...stamps)).toBe(at);
  });

  test("is the first that has prices, while those before had none", () => {
    const unpriced = turned(turned(NOT_SEEN, seen(0), undefined), seen(MIN), undefined);
    expect(lookBefore(unpriced)?.observation.atMs).toBe(0);
    const priced = turned(turned(unpriced, seen(2 * MIN), PRICES), seen(3 * MIN), PRICES);
    expect(lookBefore(priced)).toEqual({ observation: seen(2 * MIN), prices: PRICES });
  });

  test("with looks without a hole it is 15 to 30 min old, once so much was seen", () => {
    const gaps = fc.array(fc.integer({ min: 1, max: MIN }), { minLength: 60, maxLength: 300 });
    fc.assert(
      fc.property(gaps, (list) => {
        let [calm, atMs] = [NOT_SEEN, 0];
        for (const gap of list) {
          const looked = lookBefore(calm)?.observation.atMs;
          if (looked !== undefined) expect(atMs - looked).toBeLessThanOrEqual(32 * MIN);
          if (looked !== undefined && atMs > 17 * MIN) expect(atMs - looked).toBeGreaterThanOrEqual(15 * MIN - MIN);
          calm = turned(calm, seen(atMs), PRICES);
          atMs += gap;
        }
      }),
    );
  });
});

describe("what moved at one look", () => {
  const holding = (tether: number, coins: number, over: { borrowed?: number; interest?: number } = {}) => {
    const assets = [
      balance("USDT", { free: tether, borrowed: 45_000 }),
      balance("BTC", { free: 5.85 }),
      balance("XYZ", { free: coins, ...over }),
    ];
    const [observation] = observe(cross(1.3, { assets }));
    if (observation === undefined) throw new Error("not observed");
    return { observation, prices: PRICES };
  };
  const step = (after: ReturnType<typeof holding>) =>
    stepBetween(holding(4_000, 10, { borrowed: 5 }), after)?.changes.map(({ asset, cause, held }) => ({
      asset,
      cause,
      held,
    }));

  test.each([
    ["a withdrawal", holding(1_000, 10, { borrowed: 5 }), [{ asset: "USDT", cause: "transferOut", held: -3_000 }]],
    [
      "a coin without a price that is bought is a trade",
      holding(1_000, 90, { borrowed: 5 }),
      [{ asset: "USDT", cause: "trading", held: -3_000 }],
    ],
    ["and one that is sold", holding(4_200, 5, { borrowed: 5 }), [{ asset: "USDT", cause: "trading", held: 200 }]],
    ["or borrowed and sold", holding(4_200, 10, { borrowed: 15 }), [{ asset: "USDT", cause: "trading", held: 200 }]],
    ["both at once on one side may be anything", holding(4_200, 15, { borrowed: 5 }), undefined],
    [
      "its interest, borrowing and repaying are no trade",
      holding(4_200, 12, { borrowed: 7, interest: 1 }),
      [{ asset: "USDT", cause: "transferIn", held: 200 }],
    ],
  ])("%s", (_, after, changes) => {
    expect(step(after)).toEqual(changes);
  });
});

describe("a baseline", () => {
  const observation = seen(MIN);
  test("holds what is not zero, with prices in USDT, and the level as it was told", () => {
    expect(baselineOf({ observation, prices: PRICES }, 5)).toEqual({
      atMs: MIN,
      openedAtMs: 5,
      level: 1.3,
      book: {
        balances: [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: expect.closeTo(5.85, 9) })],
        prices: new Map([
          ["USDT", 1],
          ["BTC", 10_000],
        ]),
      },
      seen: [],
    });
  });
  test.each([
    ["prices", { observation, prices: undefined }],
    ["a level", { observation: { ...observation, values: {} }, prices: PRICES }],
    ["balances", { observation: { ...observation, source: cross(1.3, { assets: undefined }) }, prices: PRICES }],
    [
      "a level that is assets over liabilities",
      { observation: { ...observation, source: cross(1.3, { accountType: "MARGIN_2" }) }, prices: PRICES },
    ],
    ["an answer", { observation: { ...observation, source: undefined }, prices: PRICES }],
  ])("is none without %s", (_, look) => {
    expect(baselineOf(look, 0)).toBeUndefined();
  });
  test("of a pair needs no public prices", () => {
    const [pair] = observe(isolated([FETUSDT]));
    expect(pair && bookOf(pair, undefined)?.prices.get("FET")).toBe(0.60221962);
  });
  test("takes the later price of what there was nothing of", () => {
    const earlier = { balances: [balance("BTC", { free: 1 })], prices: new Map([["BTC", 1]]) };
    const later = {
      balances: [balance("BTC", { free: 1 }), balance("ETH", { free: 1 })],
      prices: new Map([
        ["BTC", 2],
        ["ETH", 3],
      ]),
    };
    expect([...besides(earlier, later).prices]).toEqual([
      ["BTC", 1],
      ["ETH", 3],
    ]);
    expect(besides(later, earlier)).toBe(later);
  });
  test("is read back as it was written", () => {
    const amount = fc.double({ min: 0, max: 1e9, noNaN: true }).map((value) => value + 0);
    const baselines: fc.Arbitrary<Baseline> = fc
      .record({
        atMs: fc.nat(),
        openedAtMs: fc.nat(),
        level: amount,
        rows: fc.uniqueArray(
          fc.record({
            asset: fc.string(),
            free: amount,
            locked: amount,
            borrowed: amount,
            interest: amount,
            price: fc.option(amount),
          }),
          { selector: ({ asset }) => asset },
        ),
      })
      .map(({ rows, ...told }) => ({
        ...told,
        seen: rows.map(({ asset, free }) => ({ asset, cause: "transferIn" as const, held: free, debt: 0 })),
        book: {
          balances: rows.map(({ price: _, ...amounts }) => amounts),
          prices: new Map(rows.flatMap(({ asset, price }) => (price === null ? [] : [[asset, price] as const]))),
        },
      }));
    fc.assert(
      fc.property(baselines, (baseline) => {
        expect(decodeBaseline(encodeBaseline(baseline))).toEqual(baseline);
      }),
    );
  });
  test.each([
    "",
    "{}",
    "[]",
    "[2,1,1,1,[]]",
    '[1,"1",1,1,[]]',
    "[1,1,1,null,[]]",
    "[1,1,1,1,{}]",
    "[1,1,1,1,[1]]",
    "[1,1,1,1,[[1,1,1,1,1,1]]]",
    '[1,1,1,1,[["BTC",1,1,1,1]]]',
    '[1,1,1,1,[["BTC",1,1,1,null,1]]]',
    '[1,1,1,1,[["BTC",1,1,1,1,"1"]]]',
  ])("%j was not written here", (text) => {
    expect(decodeBaseline(text)).toBeUndefined();
  });
});
