import fc from "fast-check";
import { expect, test } from "vitest";
import { compileDrop, type DropConfig, fallOf, type Sample } from "./drops.ts";
import { rank } from "./lifecycle.ts";

const MIN = 60_000;
const NOW = 1_000 * MIN;
const CONFIG: DropConfig = {
  id: "fast-fall",
  on: "cross",
  field: "marginLevel",
  symbols: "all",
  dropsByPct: { warning: 10, critical: 20 },
  withinMs: 15 * MIN,
  hysteresisPct: 20,
  forMs: 0,
  clearAfterMs: 60_000,
};

/** [minutes ago, value]: */
const samples = (...list: readonly (readonly [number, number])[]): readonly Sample[] =>
  list.map(([ago, value]) => ({ atMs: NOW - ago * MIN, value }));
const verdict = (list: readonly Sample[], over: Partial<DropConfig> = {}, hasDebt = true) =>
  compileDrop({ ...CONFIG, ...over })?.evaluate(list, NOW, hasDebt);

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
    thresholdPct: 20,
    dropPct: 22,
    from: 1.5,
    fromAtMs: NOW - 11 * MIN,
    to: 1.17,
  });
});

test("a rung is held until the fall is smaller than it by the hysteresis", () => {
  expect(verdict(samples([10, 1], [0, 0.83]))).toMatchObject({
    breached: "warning",
    held: "critical",
    thresholdPct: 10,
  });
  expect(verdict(samples([10, 1], [0, 0.8401]))).toMatchObject({ breached: "warning", held: "warning" });
});

test("a level without debt cannot fall into danger, other fields can", () => {
  const list = samples([10, 1.5], [0, 1.2]);
  expect(verdict(list, {}, false)).toBeUndefined();
  expect(verdict(list, { field: "totalNetAssetOfBtc" }, false)?.breached).toBe("critical");
});

test("a net worth that falls below zero has fallen by more than all", () => {
  expect(fallOf(samples([5, 2], [0, -1]), 15 * MIN, NOW)?.dropPct).toBe(150);
});

test("what was never above zero has no share to fall by", () => {
  expect(fallOf(samples([5, 0], [0, 0]), 15 * MIN, NOW)).toBeUndefined();
  expect(fallOf(samples([5, -1], [0, -5]), 15 * MIN, NOW)).toBeUndefined();
});

test.each(["noField", "tradeEnabled", "marginLevelStatus", "accountType"])("there is no such rule on %s", (field) => {
  expect(compileDrop({ ...CONFIG, field })).toBeUndefined();
});

test("a rule covers its own subjects", () => {
  expect(compileDrop(CONFIG)?.coversSubject("cross")).toBe(true);
  expect(compileDrop(CONFIG)?.coversSubject("isolated BTCUSDT")).toBe(false);
  const pairs = compileDrop({ ...CONFIG, on: "isolated", symbols: ["BTCUSDT"] });
  expect(pairs?.coversSubject("isolated BTCUSDT")).toBe(true);
  expect(pairs?.coversSubject("isolated ETHUSDT")).toBe(false);
  expect(pairs?.coversSubject("cross")).toBe(false);
  expect(compileDrop({ ...CONFIG, on: "isolated" })?.coversSubject("isolated ETHUSDT")).toBe(true);
});

const anySamples = fc
  .array(fc.tuple(fc.double({ min: 0, max: 30, noNaN: true }), fc.double({ min: -1, max: 10, noNaN: true })))
  .map((list) => samples(...list.sort(([one], [other]) => other - one)));

test("held is never milder than breached, and samples outside the window say nothing", () => {
  fc.assert(
    fc.property(anySamples, (list) => {
      const found = verdict(list);
      if (found !== undefined) expect(rank(found.held)).toBeGreaterThanOrEqual(rank(found.breached));
      const inside = list.filter(({ atMs }) => atMs >= NOW - CONFIG.withinMs);
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
