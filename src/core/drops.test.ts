import fc from "fast-check";
import { expect, test } from "vitest";
import { BARS_3X } from "../../test/support/answers.ts";
import { fallOf, type Sample } from "../../test/support/falls.ts";
import { rank } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import { compile } from "./rules/compile.ts";
import type { Ladder, RuleConfig } from "./rules/types.ts";

const MIN = 60_000;
const NOW = 1_000 * MIN;
type Drop = Extract<Ladder, { kind: "drop" }>;
const LADDER: Drop = {
  kind: "drop",
  rungs: { warning: 10, critical: 20 },
  withinMs: 15 * MIN,
  onlyBelow: undefined,
};
const CONFIG: RuleConfig = {
  id: "fast-fall",
  on: "cross",
  field: "marginLevel",
  symbols: "all",
  ladder: LADDER,
  hysteresisPct: 20,
  forMs: 0,
  clearAfterMs: 60_000,
};

/** [minutes ago, value]: */
const samples = (...list: readonly (readonly [number, number])[]): readonly Sample[] =>
  list.map(([ago, value]) => ({ atMs: NOW - ago * MIN, value }));

/** What the rule says of an observation whose fall is that of these samples. */
function verdict(list: readonly Sample[], over: Partial<RuleConfig> = {}, hasDebt = true) {
  const config = { ...CONFIG, ...over };
  const { ladder } = config;
  const fall = fallOf(list, ladder.kind === "drop" ? ladder.withinMs : 0, NOW);
  const seen: Observation = {
    account: "main",
    subject: "cross",
    atMs: NOW,
    class: "OK",
    hasDebt,
    values: {},
    falls: new Map(fall && [[config.id, fall]]),
    source: undefined,
    problem: undefined,
  };
  return compile(config)?.evaluate(seen, BARS_3X);
}

test.each([
  { name: "no sample", list: samples(), breached: undefined },
  { name: "one sample", list: samples([0, 1.5]), breached: undefined },
  { name: "a rise", list: samples([10, 1.2], [0, 1.5]), breached: undefined },
  { name: "a fall that is small", list: samples([10, 1.5], [0, 1.4]), breached: undefined },
  { name: "a fall inside the hysteresis of 10 %", list: samples([10, 1.5], [0, 1.36]), breached: null },
  { name: "a fall at the end of the hysteresis", list: samples([10, 1.5], [0, 1.38]), breached: null },
  { name: "a fall outside it", list: samples([10, 1.5], [0, 1.3801]), breached: undefined },
  { name: "a fall just short of 10 %", list: samples([10, 1.5], [0, 1.3501]), breached: null },
  { name: "a fall of exactly 10 %", list: samples([10, 1.5], [0, 1.35]), breached: "warning" },
  { name: "a fall just short of 20 %", list: samples([10, 1.5], [0, 1.2001]), breached: "warning" },
  { name: "a fall of exactly 20 %", list: samples([10, 1.5], [0, 1.2]), breached: "critical" },
  { name: "a fall from a top in between", list: samples([14, 1.2], [9, 1.5], [0, 1.2]), breached: "critical" },
  { name: "a fall that came back", list: samples([10, 1.5], [5, 1.1], [0, 1.49]), breached: undefined },
  { name: "a top at the very begin of the window", list: samples([15, 1.5], [0, 1.2]), breached: "critical" },
  { name: "a top just before it", list: samples([15.01, 1.5], [0, 1.2]), breached: undefined },
  {
    name: "a fall over a time without looks, both ends within",
    list: samples([14.9, 1.5], [0, 1.2]),
    breached: "critical",
  },
  {
    name: "a fall over a time without looks, its top too old",
    list: samples([40, 1.5], [0, 1.2]),
    breached: undefined,
  },
  { name: "a sample of the future", list: samples([10, 1.5], [0, 1.45], [-5, 0.5]), breached: undefined },
  { name: "a value that is no number", list: samples([10, Number.NaN], [5, 1.5], [0, 1.2]), breached: "critical" },
  { name: "a value that was never above zero", list: samples([10, -1], [0, -5]), breached: undefined },
])("$name", ({ list, breached }) => {
  expect(verdict(list)?.breached).toBe(breached);
});

test("it says from where, since when, and by how much", () => {
  expect(verdict(samples([14, 1.4], [12, 1.5], [11, 1.5], [0, 1.17]))).toEqual({
    breached: "critical",
    held: "critical",
    value: 22,
    threshold: 20,
    fall: { dropPct: 22, from: 1.5, fromAtMs: NOW - 11 * MIN, to: 1.17, mostPct: 22 },
    isUnknownStatus: false,
  });
});

test("a rung is held until the fall is smaller than it by the hysteresis", () => {
  expect(verdict(samples([10, 1], [0, 0.83]))).toMatchObject({
    breached: "warning",
    held: "critical",
    threshold: 10,
  });
  expect(verdict(samples([10, 1], [0, 0.8401]))).toMatchObject({ breached: "warning", held: "warning" });
});

test("a level without debt cannot fall into danger, other fields can", () => {
  const list = samples([10, 1.5], [0, 1.2]);
  expect(verdict(list, {}, false)).toBeUndefined();
  expect(verdict(list, { field: "totalNetAssetOfBtc" }, false)?.breached).toBe("critical");
});

// Nothing opens on the edge, and what is open stays so until it is 2 % above it.
test.each([
  { name: "below it", to: 1.19, breached: "critical" },
  { name: "on it", to: 1.2, breached: null },
  { name: "2 % above it, less a little", to: 1.2239, breached: null },
  { name: "2 % above it", to: 1.224, breached: undefined },
])("a fall that counts only below a level, $name", ({ to, breached }) => {
  const ladder: Drop = { ...LADDER, onlyBelow: { kind: "number", value: 1.2 } };
  expect(verdict(samples([10, 1.5], [0, to]), { ladder })?.breached).toBe(breached);
});

test("a bar may be what it counts below", () => {
  const ladder: Drop = { ...LADDER, onlyBelow: { kind: "bar", bar: "normalBar", plusPct: 0 } };
  expect(verdict(samples([10, 2], [0, 1.53]), { ladder })).toBeUndefined();
  expect(verdict(samples([10, 2], [0, 1.5]), { ladder })?.breached).toBeNull();
  expect(verdict(samples([10, 2], [0, 1.4999]), { ladder })?.breached).toBe("critical");
});

test("of a rule whose fall nobody knows nothing is said", () => {
  expect(verdict([])).toBeUndefined();
});

test("the amounts of messages lead to where the rule says, else nowhere", () => {
  expect(compile(CONFIG)?.target(BARS_3X)).toBeUndefined();
  expect(compile({ ...CONFIG, target: { kind: "number", value: 1.5 } })?.target(BARS_3X)).toBe(1.5);
});

test("a net worth that falls below zero has fallen by more than all", () => {
  expect(fallOf(samples([5, 2], [0, -1]), 15 * MIN, NOW)?.dropPct).toBe(150);
});

test("what was never above zero has no share to fall by", () => {
  expect(fallOf(samples([5, 0], [0, 0]), 15 * MIN, NOW)).toBeUndefined();
  expect(fallOf(samples([5, -1], [0, -5]), 15 * MIN, NOW)).toBeUndefined();
});

test.each(["noField", "tradeEnabled", "marginLevelStatus", "accountType"])("there is no such rule on %s", (field) => {
  expect(compile({ ...CONFIG, field })).toBeUndefined();
});

test("a rule covers its own subjects", () => {
  expect(compile(CONFIG)?.coversSubject("cross")).toBe(true);
  expect(compile(CONFIG)?.coversSubject("isolated BTCUSDT")).toBe(false);
  const pairs = compile({ ...CONFIG, on: "isolated", symbols: ["BTCUSDT"] });
  expect(pairs?.coversSubject("isolated BTCUSDT")).toBe(true);
  expect(pairs?.coversSubject("isolated ETHUSDT")).toBe(false);
  expect(pairs?.coversSubject("cross")).toBe(false);
  expect(compile({ ...CONFIG, on: "isolated" })?.coversSubject("isolated ETHUSDT")).toBe(true);
});

const anySamples = fc
  .array(fc.tuple(fc.double({ min: 0, max: 30, noNaN: true }), fc.double({ min: -1, max: 10, noNaN: true })))
  .map((list) => samples(...list.sort(([one], [other]) => other - one)));

test("held is never milder than breached, and samples outside the window say nothing", () => {
  fc.assert(
    fc.property(anySamples, (list) => {
      const found = verdict(list);
      if (found !== undefined) expect(rank(found.held)).toBeGreaterThanOrEqual(rank(found.breached));
      const inside = list.filter(({ atMs }) => atMs >= NOW - LADDER.withinMs);
      expect(verdict(inside)).toEqual(found);
    }),
  );
});

test("a longer window never sees a smaller fall", () => {
  fc.assert(
    fc.property(anySamples, (list) => {
      const [short, long] = [fallOf(list, 10 * MIN, NOW), fallOf(list, 20 * MIN, NOW)];
      if (short !== undefined) expect(long?.dropPct).toBeGreaterThanOrEqual(short.dropPct);
    }),
  );
});
