// What is usual of a rate, and when one is far above it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { balance, cross, emptyPair, leg, longPair } from "../../test/support/answers.ts";
import { bookOf } from "../../test/support/desk.ts";
import { applied, type States } from "./advance.ts";
import { dailyCost } from "./cost.ts";
import type { Holdings } from "./delisting.ts";
import { debtsIn, type InterestLook, judgeInterest } from "./interest.ts";
import {
  decodeRates,
  encodeRates,
  hourOf,
  NO_RATES,
  type RateHistory,
  type RateKey,
  type RateTrack,
  recorded,
  usualRate,
} from "./interest-median.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23);
const HOUR = hourOf(NOW_MS);
const USUAL = 0.0000025;
const BOTH = { cross: true, isolated: true };

/** One sample an hour, the last one in the hour before the present one. */
const samples = (rates: readonly number[]): ReadonlyMap<number, number> =>
  new Map(rates.map((rate, index) => [HOUR - rates.length + index, rate]));
const track = (rates: readonly number[]) => ({ samples: samples(rates), frozenRate: undefined });
const steady = (count: number, rate = USUAL): number[] => Array.from({ length: count }, () => rate);

test("what a debt costs a day", () => {
  expect(dailyCost(24_405, 0.000021)).toBeCloseTo(12.3, 3);
  expect(dailyCost(0, 0.000021)).toBe(0);
});

// ---------------------------------------------------------------- what is usual

describe("what is usual", () => {
  test.each<[string, readonly number[], number | undefined]>([
    ["23 samples are too few", steady(23), undefined],
    ["24 samples are enough", steady(24), USUAL],
    ["the middle one of an odd number", [...steady(12, 1), 3, ...steady(12, 9)], 3],
    ["between the two in the middle of an even number", [...steady(12, 1), ...steady(12, 3)], 2],
    ["a spike of less than half the time does not count", [...steady(24), ...steady(23, 1)], USUAL],
    ["older than 7 days does not count", [...steady(200, 5), ...steady(168)], USUAL],
  ])("%s", (_, rates, expected) => {
    expect(usualRate(track(rates), HOUR)).toBe(expected);
  });

  test("the present hour does not count, nor what lies ahead", () => {
    const ahead = new Map([...samples(steady(23)), [HOUR, USUAL], [HOUR + 1, USUAL]]);
    expect(usualRate({ samples: ahead, frozenRate: undefined }, HOUR)).toBeUndefined();
  });

  test("7 days before count, an hour more does not", () => {
    const at = (first: number) => new Map([...samples(steady(23)), [first, USUAL]]);
    expect(usualRate({ samples: at(HOUR - 168), frozenRate: undefined }, HOUR)).toBe(USUAL);
    expect(usualRate({ samples: at(HOUR - 169), frozenRate: undefined }, HOUR)).toBeUndefined();
  });

  const rates = fc.array(fc.double({ min: 0, max: 0.01, noNaN: true }), { minLength: 24, maxLength: 168 });

  test("does not depend on the order of the samples, and has as many below as above", () => {
    fc.assert(
      fc.property(rates, fc.infiniteStream(fc.nat()), (values, keys) => {
        const entries = [...samples(values)];
        const weights = new Map(entries.map((entry) => [entry, keys.next().value ?? 0]));
        const shuffled = [...entries].sort((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));
        const usual = usualRate(track(values), HOUR) ?? Number.NaN;
        expect(usualRate({ samples: new Map(shuffled), frozenRate: undefined }, HOUR)).toBe(usual);
        expect(usualRate(track(values.toReversed()), HOUR)).toBe(usual);
        const below = values.filter((value) => value < usual).length;
        const above = values.filter((value) => value > usual).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });

  test("survives the store", () => {
    const gaps = fc.array(fc.option(fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 169 });
    const frozen = fc.option(fc.double({ min: 1e-12, max: 1, noNaN: true }), { nil: undefined });
    fc.assert(
      fc.property(gaps, frozen, (values, frozenRate) => {
        const read = values.flatMap((rate, index) => (rate === null ? [] : [[HOUR + index, rate] as const]));
        const history: RateHistory = new Map([["cross USDT", { samples: new Map(read), frozenRate }]]);
        const isEmpty = read.length === 0 && frozenRate === undefined;
        const positive = new Map(read.map(([hour, rate]) => [hour, rate + 0] as const)); // no −0 in JSON
        expect([...decodeRates(encodeRates(history))]).toEqual(
          isEmpty ? [] : [["cross USDT", { samples: positive, frozenRate }]],
        );
      }),
    );
  });
});

describe("one sample an hour", () => {
  const rates = (rate: number): ReadonlyMap<RateKey, number> => new Map([["cross USDT", rate]]);
  const kept = (history: RateHistory) => [...(history.get("cross USDT")?.samples ?? [])];

  test("the last one that was read", () => {
    const twice = recorded(recorded(new Map(), rates(1), HOUR), rates(2), HOUR);
    expect(kept(recorded(twice, rates(3), HOUR + 1))).toEqual([
      [HOUR, 2],
      [HOUR + 1, 3],
    ]);
  });

  test("never more than 7 days and the present hour", () => {
    const before: RateHistory = new Map([["cross USDT", track(steady(400))]]);
    expect(kept(recorded(before, rates(1), HOUR))).toHaveLength(169);
  });

  test("an asset that was not owed for 7 days is forgotten, unless its alert is open", () => {
    const before: RateHistory = new Map<RateKey, RateTrack>([
      ["cross BTC", track(steady(24))],
      ["isolated BTC", { ...track(steady(24)), frozenRate: USUAL }],
    ]);
    expect([...recorded(before, new Map(), HOUR + 167).keys()]).toEqual(["cross BTC", "isolated BTC"]);
    expect([...recorded(before, new Map(), HOUR + 168).keys()]).toEqual(["isolated BTC"]);
  });

  test("a clock that is set back drops what lies ahead", () => {
    const before: RateHistory = new Map([["cross USDT", track(steady(48))]]);
    const after = recorded(before, rates(1), HOUR - 24);
    expect(kept(after)).toHaveLength(25);
    expect(kept(after).at(-1)).toEqual([HOUR - 24, 1]);
  });
});

test.each<[string, string | undefined]>([
  ["nothing", undefined],
  ["no JSON", "{"],
  ["not an object", "null"],
  ["a list", "[1]"],
  ["another name", '{"USDT":{"hour":1,"rates":[1]}}'],
  ["no hour", '{"cross USDT":{"rates":[1]}}'],
  ["half an hour", '{"cross USDT":{"hour":1.5,"rates":[1]}}'],
  ["no rates", '{"cross USDT":{"hour":1,"rates":{}}}'],
  ["texts and negative rates", '{"cross USDT":{"hour":1,"rates":["1",-1,null,1e999]}}'],
  ["a frozen rate of zero", '{"cross USDT":{"hour":1,"rates":[],"frozen":0}}'],
  ["null", '{"cross USDT":null}'],
])("what cannot be read of what was kept is left out: %s", (_, text) => {
  expect(decodeRates(text).size).toBe(0);
});

test("one damaged track leaves the others", () => {
  const text = '{"cross BTC":7,"cross USDT":{"hour":5,"rates":[1,"x",3],"frozen":2}}';
  expect([...decodeRates(text)]).toEqual([
    [
      "cross USDT",
      {
        samples: new Map([
          [5, 1],
          [7, 3],
        ]),
        frozenRate: 2,
      },
    ],
  ]);
});

// ---------------------------------------------------------------- the alert

interface Setup {
  readonly holdings?: Holdings;
  readonly rates?: Readonly<Partial<Record<RateKey, number>>>;
  readonly rows?: number;
  readonly usual?: number;
  readonly times?: number;
  readonly prices?: ReadonlyMap<string, number>;
}

const owing = (owed: number, asset = "USDT"): Holdings => ({
  cross: cross(2, { assets: [balance(asset, { borrowed: owed }), balance("BNB", { free: 7 })] }),
  pairs: [],
});
const isKey = (key: string): key is RateKey => key.includes(" ");
const isRate = (entry: [string, number | undefined]): entry is [RateKey, number] =>
  isKey(entry[0]) && entry[1] !== undefined;

/** An account under watch: every look keeps what the one before said. */
function watch({ usual = USUAL, rows = 24 }: Setup = {}) {
  const keys = ["cross USDT", "isolated USDT", "cross BTC"] as const;
  let states: States = new Map();
  let history: RateHistory = new Map(keys.map((key) => [key, track(steady(rows, usual))]));
  let hour = HOUR;
  return {
    history: () => history,
    /** What an hour later is seen. */
    look({ holdings = owing(1000), rates = {}, times = 4, prices }: Setup) {
      const read = Object.entries(rates).filter(isRate);
      history = recorded(history, new Map(read), hour);
      const usualOf = (key: RateKey) => usualRate(history.get(key) ?? NO_RATES, hour);
      const readings: InterestLook["readings"] = new Map(
        read.map(([key, rate]) => [key, { rate, usualRate: usualOf(key) }]),
      );
      const scene = { account: "main", states, book: bookOf(), nowMs: NOW_MS };
      const look = { debts: debtsIn(holdings, BOTH), readings, history, times, prices };
      const judged = judgeInterest(look, scene);
      states = applied(states, judged.advance.changes);
      history = judged.history;
      hour += 1;
      return judged.advance.situations.map(({ id, transition, facts }) => {
        const news = facts.about === "interest" ? facts.news : undefined;
        const rate = news && `${(news.hourlyRate / news.medianRate).toFixed(2)}${news.isIsolated ? " isolated" : ""}`;
        return [id.subject, transition.kind, transition.severity, rate ?? "gone"].join(" ");
      });
    },
    /** What was kept is lost, the alert is not. */
    lose(to: RateHistory = new Map()) {
      history = to;
    },
  };
}

const OPENED = "asset USDT opened warning";
const ENDED = "asset USDT resolved warning";

test.each<[string, Setup, readonly string[]]>([
  ["exactly so many times", { rates: { "cross USDT": 4 * USUAL } }, []],
  ["exactly so many times, in decimals", { usual: 0.0000021, times: 3, rates: { "cross USDT": 0.0000063 } }, []],
  ["more", { rates: { "cross USDT": 4.01 * USUAL } }, [`${OPENED} 4.01`]],
  ["more, of 23 samples", { rows: 23, rates: { "cross USDT": 40 * USUAL } }, []],
  ["more, of nothing", { usual: 0, rates: { "cross USDT": 40 * USUAL } }, []],
  ["more, but nothing is owed", { holdings: owing(0), rates: { "cross USDT": 40 * USUAL } }, []],
  ["more, but only in pairs", { rates: { "isolated USDT": 40 * USUAL } }, []],
  ["more, but what is owed is worth less than 1 USDT", { holdings: owing(0.99), rates: { "cross USDT": 1 } }, []],
  ["more, and 1 USDT is owed", { holdings: owing(1), rates: { "cross USDT": 5 * USUAL } }, [`${OPENED} 5.00`]],
  [
    "more, and no price tells what it is worth",
    { holdings: owing(1e-8, "BTC"), rates: { "cross BTC": 5 * USUAL } },
    ["asset BTC opened warning 5.00"],
  ],
  [
    "more, of a worth below 1 USDT by price",
    { holdings: owing(1e-8, "BTC"), rates: { "cross BTC": 1 }, prices: new Map([["BTCUSDT", 10_000]]) },
    [],
  ],
  [
    "more, but the account was not read yet",
    { holdings: { cross: undefined, pairs: undefined }, rates: { "cross USDT": 1 } },
    [],
  ],
])("a rate: %s", (_, setup, expected) => {
  expect(watch(setup).look(setup)).toEqual(expected);
});

describe("what is owed in pairs", () => {
  const pairs = [longPair("ETHUSDT", 20), longPair("BNBUSDT", 30), emptyPair("BTCUSDT")];
  const inPairs: Holdings = { cross: cross(2, { assets: [] }), pairs };
  const inBoth: Holdings = { ...owing(1000), pairs };

  test("is added up over the pairs", () => {
    const { isolated } = debtsIn(inPairs, BOTH);
    expect([...(isolated ?? [])].map(([asset, owed]) => `${asset} ${owed.toFixed(0)}`)).toEqual(["USDT 14286"]);
  });

  test("has a rate of its own", () => {
    expect(watch().look({ holdings: inPairs, rates: { "isolated USDT": 5 * USUAL } })).toEqual([
      `${OPENED} 5.00 isolated`,
    ]);
    expect(watch().look({ holdings: inPairs, rates: { "cross USDT": 5 * USUAL } })).toEqual([]);
  });

  test.each<[number, number, string]>([
    [5, 6, "6.00 isolated"],
    [7, 6, "7.00"],
    [5, 1, "5.00"],
    [1, 5, "5.00 isolated"],
  ])("of cross %i × and isolated %i × the worse is told: %s", (one, other, told) => {
    const rates = { "cross USDT": one * USUAL, "isolated USDT": other * USUAL };
    expect(watch().look({ holdings: inBoth, rates })).toEqual([`${OPENED} ${told}`]);
  });

  test("lasts while one of the two is high, and ends with it", () => {
    const { look } = watch();
    look({ holdings: inBoth, rates: { "cross USDT": 7 * USUAL, "isolated USDT": 6 * USUAL } });
    expect(look({ holdings: inPairs, rates: { "isolated USDT": 6 * USUAL } })).toEqual([]);
    expect(look({ holdings: inPairs, rates: { "isolated USDT": USUAL } })).toEqual([`${ENDED} 1.00 isolated`]);
  });

  test.each<[string, Setup["rates"]]>([
    ["whose rate was never told and is high but not too high", { "cross USDT": USUAL, "isolated USDT": 3.7 * USUAL }],
    ["whose rate was never told and is not known", { "cross USDT": USUAL }],
  ])("does not hold the alert of the cross account open: one %s", (_, rates = {}) => {
    const { look } = watch();
    look({ holdings: inBoth, rates: { "cross USDT": 5 * USUAL, "isolated USDT": 3.7 * USUAL } });
    expect(look({ holdings: inBoth, rates })).toEqual([`${ENDED} 1.00`]);
  });

  test("a pair that cannot be read ends nothing", () => {
    const { look } = watch();
    look({ holdings: inPairs, rates: { "isolated USDT": 5 * USUAL } });
    const unread = { ...emptyPair("ETHUSDT"), quote: undefined };
    expect(look({ holdings: { ...inPairs, pairs: [unread] }, rates: {} })).toEqual([]);
    expect(look({ holdings: { ...inPairs, pairs: undefined }, rates: {} })).toEqual([]);
    expect(look({ holdings: { ...inPairs, pairs: [emptyPair("ETHUSDT")] }, rates: {} })).toEqual([`${ENDED} gone`]);
  });

  test("what the config does not have read counts as nothing", () => {
    const none = { cross: undefined, pairs: undefined };
    const { cross: inCross, isolated } = debtsIn(none, { cross: false, isolated: false });
    expect([inCross?.size, isolated?.size]).toEqual([0, 0]);
    expect(debtsIn(none, BOTH)).toMatchObject({ cross: undefined, isolated: undefined });
  });

  test("of both legs", () => {
    const short = emptyPair("BTCUSDT", { base: leg("BTC", { interest: 0.5 }) });
    expect([...(debtsIn({ cross: undefined, pairs: [short] }, BOTH).isolated ?? [])]).toEqual([["BTC", 0.5]]);
  });
});

describe("an open alert", () => {
  const opened = () => {
    const watched = watch();
    expect(watched.look({ rates: { "cross USDT": 5 * USUAL } })).toEqual([`${OPENED} 5.00`]);
    return watched;
  };

  test.each<[string, Setup, readonly string[]]>([
    ["goes on a little above nine tenths", { rates: { "cross USDT": 3.61 * USUAL } }, []],
    ["ends at nine tenths of the threshold", { rates: { "cross USDT": 3.6 * USUAL } }, [`${ENDED} 3.60`]],
    ["ends when the rate is as it was", { rates: { "cross USDT": USUAL } }, [`${ENDED} 1.00`]],
    ["ends by no rate that was not read", { rates: {} }, []],
    ["ends by no rate of another kind of debt", { rates: { "isolated USDT": USUAL } }, []],
    ["ends when the debt is repaid", { holdings: owing(0), rates: {} }, [`${ENDED} gone`]],
    ["ends when hardly anything is left of it", { holdings: owing(0.79), rates: {} }, [`${ENDED} gone`]],
    ["goes on when a little is left of it", { holdings: owing(0.81), rates: { "cross USDT": 5 * USUAL } }, []],
    ["ends by no account that cannot be read", { holdings: { cross: undefined, pairs: [] }, rates: {} }, []],
    [
      "ends by no balances that cannot be read",
      { holdings: { cross: cross(2, { assets: undefined }), pairs: [] }, rates: {} },
      [],
    ],
  ])("%s", (_, setup, expected) => {
    expect(opened().look(setup)).toEqual(expected);
  });

  test("does not end because the high rate has become usual", () => {
    const { look, history } = opened();
    for (let hour = 0; hour < 400; hour++) expect(look({ rates: { "cross USDT": 5 * USUAL } })).toEqual([]);
    const usual = history().get("cross USDT");
    expect(usual?.frozenRate).toBe(USUAL);
    expect(usual && usualRate(usual, HOUR + 400)).toBe(5 * USUAL);
    expect(look({ rates: { "cross USDT": 3.6 * USUAL } })).toEqual([`${ENDED} 3.60`]);
  });

  test("is measured anew after its end", () => {
    const { look, history } = opened();
    look({ rates: { "cross USDT": USUAL } });
    expect(history().get("cross USDT")?.frozenRate).toBeUndefined();
    expect(look({ rates: { "cross USDT": 3.9 * USUAL } })).toEqual([]);
    expect(look({ rates: { "cross USDT": 4.1 * USUAL } })).toEqual([`${OPENED} 4.10`]);
  });

  test("whose measure is lost goes on until what is usual is known again, or the debt is gone", () => {
    const watched = opened();
    watched.lose();
    expect(watched.look({ rates: { "cross USDT": USUAL } })).toEqual([]);
    expect(watched.look({ rates: {} })).toEqual([]);
    watched.lose(new Map([["cross USDT", track(steady(24))]]));
    expect(watched.look({ rates: { "cross USDT": 3.61 * USUAL } })).toEqual([]);
    expect(watched.history().get("cross USDT")?.frozenRate).toBe(USUAL);
    expect(watched.look({ rates: { "cross USDT": 3.6 * USUAL } })).toEqual([`${ENDED} 3.60`]);

    const gone = opened();
    gone.lose();
    expect(gone.look({ holdings: owing(0), rates: {} })).toEqual([`${ENDED} gone`]);
  });

  test("what an alert left behind that ended with the config does not measure the next", () => {
    const { look, lose, history } = watch();
    lose(new Map([["cross USDT", { ...track(steady(24)), frozenRate: 100 * USUAL }]]));
    expect(look({ rates: {}, holdings: owing(0) })).toEqual([]);
    expect(history().get("cross USDT")?.frozenRate).toBeUndefined();
    lose(new Map([["cross USDT", { ...track(steady(24)), frozenRate: 100 * USUAL }]]));
    expect(look({ rates: { "cross USDT": 5 * USUAL } })).toEqual([`${OPENED} 5.00`]);
  });
});
