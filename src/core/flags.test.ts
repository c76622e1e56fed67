import { describe, expect, test } from "vitest";
import { cross, debtFree, emptyPair, isolated, longPair, observe } from "../../test/support/answers.ts";
import { bookOf } from "../../test/support/desk.ts";
import { decodeFlags, encodeFlags, lookAtFlags, NO_FLAGS, type SeenFlags } from "./flags.ts";
import type { Answer, CrossAnswer, Severity } from "./ports.ts";
import type { RuleConfig } from "./rules/types.ts";

const MIN = 60_000;
const T0 = Date.UTC(2020, 2, 12, 4);

/** Looks one after the other, with what is kept written to the store and read again in between. */
function watch(rules: readonly RuleConfig[] = []) {
  const book = bookOf({ rules });
  let seen: SeenFlags = NO_FLAGS;
  /** "cross warning: tradeEnabled true > false" */
  return (afterMs: number, ...answers: readonly Answer[]): readonly string[] => {
    const observations = answers.flatMap((answer) => observe(answer));
    const looked = lookAtFlags(observations, seen, { book, nowMs: T0 + afterMs });
    seen = decodeFlags(encodeFlags(looked.seen));
    expect(looked.advance.changes).toEqual([]); // a notice leaves no alert behind
    return looked.advance.situations.map(({ id, transition, facts }) => {
      if (facts.about !== "flags") throw new Error(facts.about);
      const flips = facts.flips.map(
        ({ field, from, to, isFlapping }) => `${field} ${from} > ${to}${isFlapping === true ? " (flapping)" : ""}`,
      );
      expect(id.rule).toBe("flag-flip");
      return `${id.subject} ${transition.severity}: ${flips.join(", ")}`;
    });
  };
}

const rule = (over: Partial<RuleConfig>): RuleConfig => ({
  id: "mine",
  on: "cross",
  field: "transferOutEnabled",
  symbols: "all",
  ladder: { kind: "is", rungs: { warning: [false] } },
  hysteresisPct: 2,
  forMs: 0,
  clearAfterMs: 0,
  ...over,
});

test.each<[string, Partial<CrossAnswer>, Severity]>([
  ["tradeEnabled", { tradeEnabled: false }, "warning"],
  ["borrowEnabled", { borrowEnabled: false }, "warning"],
  ["transferInEnabled", { transferInEnabled: false }, "warning"],
  ["transferOutEnabled", { transferOutEnabled: false }, "warning"],
])("cross %s off is a warning, on again an info", (field, off) => {
  for (const account of [
    cross,
    (level: number, over?: Partial<CrossAnswer>) => debtFree({ ...over, marginLevel: level }),
  ]) {
    const look = watch();
    expect(look(0, account(2))).toEqual([]);
    expect(look(1, account(2, off))).toEqual([`cross warning: ${field} true > false`]);
    expect(look(2, account(2, off))).toEqual([]);
    expect(look(3, account(2))).toEqual([`cross info: ${field} false > true`]);
  }
});

test("what flips together on one subject is one notice, as bad as its worst; each subject has its own", () => {
  const look = watch();
  look(0, cross(2, { tradeEnabled: false }), isolated([emptyPair("BTCUSDT")]));
  const after = [
    cross(2, { borrowEnabled: false, accountType: "MARGIN_2" }),
    isolated([emptyPair("BTCUSDT", { enabled: false, tradeEnabled: false })]),
  ];
  expect(look(1, ...after)).toEqual([
    "cross warning: tradeEnabled false > true, borrowEnabled true > false, accountType MARGIN_1 > MARGIN_2",
    "isolated BTCUSDT warning: tradeEnabled true > false, enabled true > false",
  ]);
  expect(look(2, cross(2, { borrowEnabled: false }))).toEqual(["cross warning: accountType MARGIN_2 > MARGIN_1"]);
});

test("the first sight is no flip, also of a flag or a pair that comes later", () => {
  const look = watch();
  expect(look(0, cross(2, { tradeEnabled: false, borrowEnabled: undefined }))).toEqual([]);
  expect(look(1, cross(2, { tradeEnabled: false, borrowEnabled: false }))).toEqual([]);
  expect(look(2, isolated([longPair("ETHUSDT", 20, { enabled: false })]))).toEqual([]);
  expect(look(3, isolated([longPair("ETHUSDT", 20)]))).toEqual(["isolated ETHUSDT info: enabled false > true"]);
});

test("a flag that is missing for a while is as it was", () => {
  const look = watch();
  look(0, cross(2));
  expect(look(1, cross(2, { tradeEnabled: undefined, accountType: undefined }))).toEqual([]);
  expect(look(2, cross(2))).toEqual([]);
  look(3, cross(2, { tradeEnabled: undefined }));
  expect(look(4, cross(2, { tradeEnabled: false }))).toEqual(["cross warning: tradeEnabled true > false"]);
});

test("answers that cannot be used, and rows of pairs that are not open, say nothing", () => {
  const look = watch();
  look(0, cross(2), isolated([emptyPair("BTCUSDT")]));
  expect(look(1, cross(undefined, { tradeEnabled: false }))).toEqual([]); // INVALID: a rule needs the level
  expect(look(2, cross(2, { opened: false, tradeEnabled: false, assets: [] }))).toEqual([]);
  const off = { isolatedCreated: false, enabled: false, tradeEnabled: false };
  expect(look(3, isolated([emptyPair("BTCUSDT", off)]))).toEqual([]);
  expect(look(4, isolated([longPair("BTCUSDT", 20, off)]))).toEqual([]);
  expect(look(5, cross(2), isolated([emptyPair("BTCUSDT")]))).toEqual([]);
});

describe("a flag that a rule of the config watches", () => {
  const off = { transferOutEnabled: false, tradeEnabled: false };

  test("is told by that rule alone", () => {
    const look = watch([rule({})]);
    look(0, cross(2));
    expect(look(1, cross(2, off))).toEqual(["cross warning: tradeEnabled true > false"]);
    expect(look(2, cross(2))).toEqual(["cross info: tradeEnabled false > true"]);
  });

  test("but only of the pairs that the rule covers", () => {
    const look = watch([rule({ on: "isolated", field: "tradeEnabled", symbols: ["BTCUSDT"] })]);
    look(0, cross(2), isolated([emptyPair("BTCUSDT"), emptyPair("ETHUSDT")]));
    const pairs = ["BTCUSDT", "ETHUSDT"].map((symbol) => emptyPair(symbol, { tradeEnabled: false }));
    expect(look(1, cross(2, { tradeEnabled: false }), isolated(pairs))).toEqual([
      "cross warning: tradeEnabled true > false",
      "isolated ETHUSDT warning: tradeEnabled true > false",
    ]);
  });

  test("and only where it says something of this change", () => {
    const look = watch([rule({ field: "accountType", ladder: { kind: "is", rungs: { critical: ["MARGIN_9"] } } })]);
    look(0, cross(2));
    expect(look(1, cross(2, { accountType: "MARGIN_2" }))).toHaveLength(1);
    expect(look(2, cross(2, { accountType: "MARGIN_9" }))).toEqual([]);
  });
});

describe("a flag that keeps flipping", () => {
  const off = cross(2, { tradeEnabled: false });
  const on = cross(2);

  /** Flips at 1, 2 and 3 min are told; from then on it is left alone. */
  function flapping() {
    const look = watch();
    look(0, on);
    expect(look(MIN, off)).toEqual(["cross warning: tradeEnabled true > false"]);
    expect(look(2 * MIN, on)).toEqual(["cross info: tradeEnabled false > true"]);
    expect(look(3 * MIN, off)).toEqual(["cross warning: tradeEnabled true > false (flapping)"]);
    return look;
  }

  test("is told three times an hour, and then not for an hour", () => {
    const look = flapping();
    for (let minute = 4; minute < 63; minute++) expect(look(minute * MIN, minute % 2 === 0 ? on : off)).toEqual([]);
    expect(look(63 * MIN - 1, on)).toEqual([]);
  });

  test("is told again after it, if it is not what was told last", () => {
    const look = flapping();
    expect(look(10 * MIN, on)).toEqual([]);
    expect(look(63 * MIN, on)).toEqual(["cross info: tradeEnabled false > true"]);
    expect(look(64 * MIN, off)).toEqual(["cross warning: tradeEnabled true > false"]);
  });

  test("is not told again when it is what was told last", () => {
    const look = flapping();
    look(10 * MIN, on);
    expect([look(20 * MIN, off), look(63 * MIN, off), look(64 * MIN, off)]).toEqual([[], [], []]);
  });

  test("holds back no other flag", () => {
    const look = flapping();
    const both = cross(2, { borrowEnabled: false });
    expect(look(4 * MIN, both)).toEqual(["cross warning: borrowEnabled true > false"]);
  });

  test("flips that are more than an hour apart are no flapping", () => {
    const look = watch();
    look(0, on);
    for (let hour = 0; hour < 8; hour++) {
      const told = look(hour * 60 * MIN + 1, hour % 2 === 0 ? off : on);
      expect(told.join()).not.toContain("flapping");
      expect(told).toHaveLength(1);
    }
  });

  test("a clock that steps back a day does not silence it", () => {
    const look = flapping();
    expect(look(-24 * 60 * MIN, on)).toEqual(["cross info: tradeEnabled false > true"]);
  });
});

describe("what is kept", () => {
  test("is the same object while nothing changes, so that nothing is written", () => {
    const [book, nowMs] = [bookOf({ rules: [] }), T0];
    const { seen } = lookAtFlags(observe(cross(2)), NO_FLAGS, { book, nowMs });
    expect(lookAtFlags(observe(cross(1.9)), seen, { book, nowMs }).seen).toBe(seen);
    expect(lookAtFlags([], seen, { book, nowMs }).seen).toBe(seen);
  });

  test("is short, also for hundreds of pairs", () => {
    const pairs = Array.from({ length: 600 }, (_, i) => emptyPair(`COIN${i}USDT`));
    const { seen } = lookAtFlags(observe(isolated(pairs)), NO_FLAGS, { book: bookOf(), nowMs: T0 });
    expect(encodeFlags(seen).length).toBeLessThan(20_000);
    expect(decodeFlags(encodeFlags(seen))).toEqual(seen);
  });

  test.each([
    "",
    "[",
    "7",
    "null",
    '{"flags":7,"told":[]}',
    '{"flags":{"cross":1},"types":{"cross":false},"told":{"x":"y"}}',
  ])("%j is as nothing", (text) => {
    expect(lookAtFlags(observe(cross(2)), decodeFlags(text), { book: bookOf(), nowMs: T0 }).advance.situations).toEqual(
      [],
    );
  });
});
