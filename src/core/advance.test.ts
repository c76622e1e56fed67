import { expect, test } from "vitest";
import {
  BARS_3X,
  BARS_5X,
  cross,
  debtFree,
  emptyPair,
  isolated,
  longPair,
  observe,
} from "../../test/support/answers.ts";
import { bookOf } from "../../test/support/desk.ts";
import { type Advance, advance, advanceOwn, applied, endOrphans, type Scene, type States } from "./advance.ts";
import type { Observation } from "./observe.ts";
import type { AlertId, Answer, Bars, Subject } from "./ports.ts";
import type { Route, RuleConfig } from "./rules/types.ts";
import type { Known } from "./situation.ts";

const S = 1000;
const NONE: States = new Map();

const below: RuleConfig = {
  id: "level",
  on: "cross",
  field: "marginLevel",
  symbols: "all",
  ladder: {
    kind: "below",
    rungs: { warning: { kind: "number", value: 1.4 }, critical: { kind: "number", value: 1.3 } },
  },
  hysteresisPct: 0,
  forMs: 10 * S,
  clearAfterMs: 0,
};

interface World {
  readonly states?: States;
  readonly rules?: readonly RuleConfig[];
  readonly routes?: readonly Route[];
  readonly bars?: Bars;
  readonly known?: Known;
}

function sceneOf({ states = NONE, rules = [below], routes = [], bars = BARS_3X, known }: World, nowMs: number): Scene {
  return { states, book: bookOf({ rules, routes }), bars, nowMs, known: () => known };
}

const go = (observations: readonly Observation[], atMs: number, world: World = {}): Advance =>
  advance(observations, sceneOf(world, atMs));

const look = (answer: Answer, atMs: number, world: World = {}, ...indebted: Subject[]): Advance => {
  const { bars = BARS_3X } = world;
  return go(observe(answer, { atMs, bars, indebted: new Set(indebted) }), atMs, world);
};

/** "cross/level opened warning" */
const told = ({ situations }: Advance): string[] =>
  situations.map(({ id, transition }) => `${id.subject}/${id.rule} ${transition.kind} ${transition.severity}`);
/** "cross/level firing", "cross/level quiet" */
const changed = ({ changes }: Advance): string[] =>
  changes.map(({ id, state }) => `${id.subject}/${id.rule} ${state?.phase ?? "quiet"}`);

function statesAfter(...steps: ((states: States) => Advance)[]): States {
  return steps.reduce<States>((states, step) => applied(states, step(states).changes), NONE);
}

const firing = statesAfter(
  () => look(cross(1.35), 0),
  (states) => look(cross(1.35), 10 * S, { states }),
);

// ---------------------------------------------------------------- classes

test("a healthy account changes nothing and costs no write", () => {
  expect(look(cross(2), 0)).toEqual({ changes: [], situations: [] });
});

test("the hold of a rule is kept from look to look", () => {
  const first = look(cross(1.35), 0);
  expect([changed(first), told(first)]).toEqual([["cross/level pending"], []]);
  const second = look(cross(1.29), 10 * S, { states: applied(NONE, first.changes) });
  expect([changed(second), told(second)]).toEqual([["cross/level firing"], ["cross/level opened critical"]]);
});

test("an INVALID observation changes nothing, not even a hold or the time of the last look", () => {
  const blank = cross(undefined, { transferOutEnabled: undefined });
  expect(look(blank, 15 * S, { states: firing })).toEqual({ changes: [], situations: [] });
});

test("a MISSING one leaves the rules' alerts as they are, and is an alert itself", () => {
  const gone = look(debtFree({ opened: false }), 15 * S, { states: firing }, "cross");
  expect(changed(gone)).toEqual(["cross/position-gone firing"]);
  expect(told(gone)).toEqual(["cross/position-gone opened critical"]);
});

test("a MISSING one does not say that the config fits again", () => {
  const states = statesAfter(() => look(isolated([], ["AUSDT"]), 0));
  expect(changed(look(isolated([], ["AUSDT"]), 5 * S, { states }, "isolated AUSDT"))).toEqual([
    "isolated AUSDT/position-gone firing",
  ]);
});

test("a position that is back ends that alert in the same look, and the rules go on where they were", () => {
  const states = statesAfter(
    () => ({ changes: look(cross(1.29), 0, { rules: [{ ...below, forMs: 0 }] }).changes, situations: [] }),
    (before) => look(debtFree({ opened: false }), 5 * S, { states: before }, "cross"),
  );
  expect(told(look(cross(1.29), 10 * S, { states }, "cross"))).toEqual(["cross/position-gone resolved critical"]);
  expect(told(look(cross(1.5), 10 * S, { states }, "cross"))).toEqual([
    "cross/position-gone resolved critical",
    "cross/level resolved critical",
  ]);
});

test("what was last known of a position goes with the news that it is gone", () => {
  const known: Known = { subject: "cross", atMs: 0, level: 1.2, status: null, distancePct: 8, severity: "critical" };
  const gone = look(debtFree({ opened: false }), 5 * S, { known }, "cross");
  expect(gone.situations[0]?.facts).toEqual({ about: "gone", last: known, back: undefined });
});

test.each([
  [isolated([longPair("AUSDT", 20)]), "with debt"],
  [isolated([emptyPair("AUSDT")]), "without debt"],
])("%# a position comes back %s", (answer, back) => {
  const states = statesAfter(() => look(isolated([]), 0, {}, "isolated AUSDT"));
  const { situations } = look(answer, 5 * S, { states }, "isolated AUSDT");
  expect(situations.map(({ facts }) => facts)).toEqual([{ about: "gone", last: undefined, back }]);
});

// ---------------------------------------------------------------- config alerts

test("what the config names and the account does not have is a warning, once", () => {
  const first = look(debtFree({ opened: false }), 0);
  expect(told(first)).toEqual(["cross/config opened warning"]);
  const states = applied(NONE, first.changes);
  expect(told(look(debtFree({ opened: false }), 5 * S, { states }))).toEqual([]);
  expect(told(look(debtFree(), 10 * S, { states }))).toEqual(["cross/config resolved warning"]);
});

const disordered: RuleConfig = {
  ...below,
  id: "mixed",
  ladder: {
    kind: "below",
    rungs: { info: { kind: "number", value: 1.2 }, critical: { kind: "bar", bar: "marginCallBar", plusPct: 0 } },
  },
};

test("rungs that the bars put out of order are told on the cross account, as long as the bars are such", () => {
  const first = look(cross(2), 0, { rules: [below, disordered] });
  expect(told(first)).toEqual(["cross/config opened warning"]);
  expect(first.situations[0]?.facts).toEqual({
    about: "config",
    problem: { kind: "disorder", rule: "mixed", milder: "info", worse: "critical" },
  });
  const states = applied(NONE, first.changes);
  expect(told(look(cross(2), 5 * S, { states, rules: [disordered], bars: BARS_5X }))).toEqual([
    "cross/config resolved warning",
  ]);
});

test("rules on isolated pairs have no bars to be out of order with", () => {
  const rules = [{ ...disordered, on: "isolated" } as const];
  expect(told(look(isolated([longPair("AUSDT", 20)]), 0, { rules }))).toEqual([]);
  expect(told(look(cross(2), 0, { rules }))).toEqual([]);
});

// ---------------------------------------------------------------- policies

test.each([
  ["the default of a warning", [], 240],
  ["the first route that matches", [{ match: {}, notify: [], repeatEveryMs: 7 * 60 * S }], 7],
  ["not one for another severity", [{ match: { severity: ["critical"] }, notify: [], repeatEveryMs: 60 * S }], 240],
] as const)("reminders come as often as %s says", (_, routes, minutes) => {
  const world = { states: firing, routes };
  expect(told(look(cross(1.35), 10 * S + minutes * 60 * S - 1, world))).toEqual([]);
  expect(told(look(cross(1.35), 10 * S + minutes * 60 * S, world))).toEqual(["cross/level reminded warning"]);
});

test("a level without debt never becomes the worst of an incident", () => {
  const states = statesAfter(() => look(cross(1.2), 0, { rules: [{ ...below, forMs: 0 }] }));
  const { situations } = look(debtFree({ marginLevel: 0 }), 5 * S, { states });
  expect(situations[0]?.transition).toMatchObject({ kind: "resolved", state: { worst: { value: 1.2 }, value: null } });
});

test("accounts do not mix", () => {
  const [mine] = observe(cross(2), { atMs: 15 * S, account: "other" });
  expect(go(mine === undefined ? [] : [mine], 15 * S, { states: firing })).toEqual({ changes: [], situations: [] });
});

test("a rule for some symbols leaves the others alone", () => {
  const rules: RuleConfig[] = [{ ...below, on: "isolated", symbols: ["AUSDT"], forMs: 0 }];
  const seen = look(isolated([longPair("AUSDT", 5), longPair("BUSDT", 5)]), 0, { rules });
  expect(told(seen)).toEqual(["isolated AUSDT/level opened critical"]);
});

// ---------------------------------------------------------------- margind's own alerts

const BLIND: AlertId = { account: "main", subject: "feed", rule: "blind" };
const own = (severity: "critical" | null, atMs: number, states: States = NONE): Advance =>
  advanceOwn(BLIND, severity, { about: "blind", blindness: undefined, known: [] }, sceneOf({ states }, atMs));

test("an alert of its own opens, reminds, resolves, and is nothing while there is nothing", () => {
  expect(own(null, 0)).toEqual({ changes: [], situations: [] });
  const opened = own("critical", 0);
  const states = applied(NONE, opened.changes);
  expect(
    [opened, own("critical", 299 * S, states), own("critical", 300 * S, states), own(null, 1, states)].map(told),
  ).toEqual([["feed/blind opened critical"], [], ["feed/blind reminded critical"], ["feed/blind resolved critical"]]);
});

test("alerts that nothing watches any more end; holds end silently; the others stay", () => {
  const pending = look(cross(1.35), 0).changes;
  const fired = [...firing.values()].flatMap((rules) => [...rules]);
  const [[, state] = []] = fired;
  if (state === undefined) throw new Error("nothing fired");
  const of = (rule: string): AlertId => ({ account: "main", subject: "cross", rule });
  const all = [{ id: of("kept"), state }, { id: of("dropped"), state }, ...pending];
  const ended = endOrphans(all, ({ rule }) => rule === "kept", 99 * S);
  expect(changed(ended)).toEqual(["cross/dropped quiet", "cross/level quiet"]);
  expect(told(ended)).toEqual(["cross/dropped ended warning"]);
  expect(ended.situations[0]?.facts).toEqual({ about: "removed", field: "dropped" });
});

// ---------------------------------------------------------------- states

test("applied leaves the states before as they are, and shares what did not change", () => {
  const { changes } = look(isolated([longPair("AUSDT", 2)]), 0, {
    states: firing,
    rules: [{ ...below, on: "isolated" }],
  });
  const after = applied(firing, changes);
  expect([...firing.keys()]).toEqual(["main|cross"]);
  expect([...after.keys()]).toEqual(["main|cross", "main|isolated AUSDT"]);
  expect(after.get("main|cross")).toBe(firing.get("main|cross"));
  expect(applied(firing, [])).toBe(firing);
  const removed = applied(firing, [{ id: { account: "main", subject: "cross", rule: "level" }, state: undefined }]);
  expect([firing.get("main|cross")?.size, removed.get("main|cross")?.size]).toEqual([1, 0]);
});

// ---------------------------------------------------------------- falls

const fast: RuleConfig = {
  ...below,
  id: "fast",
  ladder: { kind: "drop", rungs: { warning: 10, critical: 20 }, withinMs: 900 * S, onlyBelow: undefined },
  forMs: 0,
};
const fell = (dropPct: number | undefined, mostPct: number, atMs: number, states: States): Advance => {
  const fall = { dropPct: dropPct ?? 0, from: 1.5, fromAtMs: 0, to: 1.2, mostPct };
  const falls = new Map(dropPct === undefined ? [] : [["fast", fall]]);
  const observations = observe(cross(1.2), { atMs }).map((each) => ({ ...each, falls }));
  return go(observations, atMs, { states, rules: [fast] });
};
const ANY = Number.POSITIVE_INFINITY;

test.each<[string, number | undefined, number, string[]]>([
  ["a smaller one ends it", 0, 0, ["cross/fast resolved critical"]],
  ["one that may have been any leaves it as it is", 0, ANY, []],
  ["one that may have been as large leaves it as it is", 0, 20, []],
  ["one that may have been a milder one leaves it as it is", 0, 12, []],
  ["one that cannot have been a breach ends it", 0, 9.9, ["cross/fast resolved critical"]],
  ["a milder one lowers it", 12, 12, ["cross/fast lowered warning"]],
  ["a milder one that may have been worse does not lower it", 12, 20, []],
  ["one that nobody knows leaves it as it is", undefined, 0, []],
])("a fall: %s", (_name, dropPct, mostPct, expected) => {
  const opened = fell(25, ANY, 0, NONE);
  expect(told(opened)).toEqual(["cross/fast opened critical"]); // it fell so far at least
  const states = applied(NONE, opened.changes);
  expect(told(fell(dropPct, mostPct, 5 * S, states))).toEqual(expected);
});

test("a fall that may have been larger still raises, and without debt it is over at once", () => {
  const states = applied(NONE, fell(12, ANY, 0, NONE).changes);
  expect(told(fell(25, ANY, 5 * S, states))).toEqual(["cross/fast raised critical"]);
  expect(told(look(debtFree(), 5 * S, { states, rules: [fast] }))).toEqual(["cross/fast resolved warning"]);
});
