import { describe, expect, test } from "vitest";
import { BARS_3X, cross, debtFree, observe } from "../../test/support/answers.ts";
import { bookOf, openDesk } from "../../test/support/desk.ts";
import type { Scene, States } from "./advance.ts";
import type { AlertState } from "./lifecycle.ts";
import { endedFact, endedIn, isDoubted, isMarginCall, judgeCalls, pushed } from "./margin-call.ts";
import type { Answer, CrossAnswer } from "./ports.ts";
import type { Route } from "./rules/types.ts";
import type { PushedCall, Situation } from "./situation.ts";

const SECOND = 1000;
const START_MS = Date.UTC(2020, 2, 12, 3, 12, 5);
const book = bookOf();

/** A desk that is pushed and that looks, and what it is told. */
function watching(knownLevel?: number, book = bookOf()) {
  const desk = openDesk({ rules: [] });
  const sceneAt = (nowMs: number): Scene => ({
    states: desk.states(),
    book,
    bars: BARS_3X,
    nowMs,
    known: (_, subject) =>
      knownLevel === undefined || subject !== "cross"
        ? undefined
        : { subject, atMs: nowMs, level: knownLevel, status: null, distancePct: null, severity: null },
  });
  const lookAt = (atS: number, answer: Answer | number) => {
    const atMs = START_MS + atS * SECOND;
    const seen = observe(typeof answer === "number" ? cross(answer) : answer, { atMs, indebted: new Set(["cross"]) });
    const moved = judgeCalls(seen, sceneAt(atMs));
    return { ...desk.take(moved, atMs), ended: moved.ended };
  };
  const kinds = (situations: readonly Situation[]) => situations.map(({ transition }) => transition.kind);
  return {
    states: (): States => desk.states(),
    call(atS: number, over: Partial<PushedCall> = {}) {
      const nowMs = START_MS + atS * SECOND;
      const call = { status: "MARGIN_CALL", level: 1.1, atMs: nowMs, ...over };
      return desk.take(pushed("main", call, sceneAt(nowMs)), nowMs);
    },
    look: (atS: number, answer: Answer | number) => kinds(lookAt(atS, answer).situations),
    ended: (atS: number, answer: Answer | number) => lookAt(atS, answer).ended,
    /** Another alert on the cross account. */
    put(rule: string, state: AlertState | undefined) {
      desk.take({ changes: [{ id: { account: "main", subject: "cross", rule }, state }], situations: [] }, START_MS);
    },
    kinds,
  };
}

test.each([
  ["MARGIN_CALL", true],
  ["PRE_LIQUIDATION", true],
  ["FORCE_LIQUIDATION", true],
  ["NORMAL", false],
  ["EXCESSIVE", false],
  ["margin_call", false],
  ["", false],
])("%j opens the alert: %s", (status, opens) => {
  expect(isMarginCall(status)).toBe(opens);
  const { kinds, call } = watching();
  expect(kinds(call(0, { status }).situations)).toEqual(opens ? ["opened"] : []);
});

test("a push opens it as critical, with what the account itself said last", () => {
  const [situation] = watching(1.24).call(0).situations;
  expect(situation).toMatchObject({
    id: { account: "main", subject: "cross", rule: "stream-margin-call" },
    transition: { kind: "opened", severity: "critical" },
    facts: { about: "margin-call", pushed: { status: "MARGIN_CALL", level: 1.1 }, level: 1.24 },
  });
});

test.each([
  ["MARGIN_CALL", "MARGIN_CALL"],
  ["PRE_LIQUIDATION", "MARGIN_CALL"],
  ["PRE_LIQUIDATION", "PRE_LIQUIDATION"],
  ["FORCE_LIQUIDATION", "PRE_LIQUIDATION"],
])("while it fires for %s, %s changes nothing at all", (first, second) => {
  const desk = watching();
  desk.call(0, { status: first });
  const { changes, situations } = desk.call(1, { status: second });
  expect([...changes, ...situations]).toEqual([]);
});

describe("a worse word", () => {
  test("is told once and at once, each of them", () => {
    const desk = watching();
    desk.call(0);
    const words = ["PRE_LIQUIDATION", "PRE_LIQUIDATION", "MARGIN_CALL", "FORCE_LIQUIDATION", "PRE_LIQUIDATION"];
    const told = words.map((status, nth) => desk.kinds(desk.call(10 + nth, { status }).situations));
    expect(told).toEqual([["reminded"], [], [], ["reminded"], []]);
  });

  test("has a number of its own and begins the time to the next reminder anew", () => {
    const desk = watching();
    desk.call(0);
    const [situation] = desk.call(200, { status: "FORCE_LIQUIDATION" }).situations;
    expect(situation?.transition.state).toMatchObject({ seq: 2, value: "FORCE_LIQUIDATION" });
    expect(desk.look(301, 1.2)).toEqual([]);
    expect(desk.look(500, 1.2)).toEqual(["reminded"]);
  });

  test("is kept over looks at the account and over milder words", () => {
    const desk = watching();
    desk.call(0, { status: "FORCE_LIQUIDATION" });
    desk.look(10, 1.6);
    desk.call(20, { status: "MARGIN_CALL" });
    desk.look(30, 1.2);
    expect(desk.states().get("main|cross")?.get("stream-margin-call")).toMatchObject({ value: "FORCE_LIQUIDATION" });
  });

  test("is told as well where the reminder was due, once", () => {
    const desk = watching();
    desk.call(0);
    expect(desk.kinds(desk.call(400, { status: "PRE_LIQUIDATION" }).situations)).toEqual(["reminded"]);
  });

  test("is worse than the level that an older version kept in its place", () => {
    const desk = watching();
    const { changes } = desk.call(0);
    const [id, state] = [changes[0]?.id, changes[0]?.state];
    if (id === undefined || state?.phase !== "firing") throw new Error("it did not open");
    const old: States = new Map([["main|cross", new Map([[id.rule, { ...state, value: 1.1 }]])]]);
    const scene = { states: old, book, bars: BARS_3X, nowMs: START_MS + SECOND, known: () => undefined };
    const said = (status: string) => pushed("main", { status, level: 1.1, atMs: 0 }, scene).situations.length;
    expect([said("MARGIN_CALL"), said("PRE_LIQUIDATION")]).toEqual([0, 1]);
  });
});

describe("a call that the account's own answers speak against", () => {
  const MINUTE = 60 * SECOND;
  const known = (level: number | null | undefined): Scene["known"] => {
    const at = { subject: "cross", atMs: 0, status: null, distancePct: null, severity: null } as const;
    return () => (level === undefined ? undefined : { ...at, level });
  };
  const scene = (level: number | null | undefined, states: States = new Map()): Scene => ({
    states,
    book,
    bars: BARS_3X,
    nowMs: START_MS,
    known: known(level),
  });
  const CALL = { status: "MARGIN_CALL", level: 1.1, atMs: 0 };

  // marginCallBar 1.3, and 10 % of it: 1.43
  test.each<[string, number | null | undefined, number | undefined, boolean]>([
    ["nothing was called before", 2.41, undefined, false],
    ["one ended just now", 2.41, 0, true],
    ["one ended just under half an hour ago", 2.41, 30 * MINUTE - 1, true],
    ["one ended half an hour ago", 2.41, 30 * MINUTE, false],
    ["the level is within a tenth of the bar", 1.43, 0, false],
    ["the level is not within a tenth of the bar", 1.4301, 0, true],
    ["nothing is owed", undefined, 0, true],
    ["the level is not known", null, 0, false],
  ])("%s: level %s, ended %s ms ago: %s", (_, level, endedAgoMs, doubted) => {
    expect(isDoubted("main", CALL, scene(level), endedAgoMs)).toBe(doubted);
  });

  test.each<[string, number[], string, boolean]>([
    ["not while it fires", [], "MARGIN_CALL", false],
    ["on its way out", [1.6], "MARGIN_CALL", true],
    ["not of a worse word on its way out", [1.6], "PRE_LIQUIDATION", false],
    ["not when the level fell back", [1.6, 1.31], "MARGIN_CALL", false],
  ])("%s", (_, levels, status, doubted) => {
    const desk = watching();
    desk.call(0);
    levels.forEach((level, nth) => void desk.look(5 + nth, level));
    expect(isDoubted("main", { ...CALL, status }, scene(1.6, desk.states()), undefined)).toBe(doubted);
  });

  test("whose call has ended is said with the end, and never else", () => {
    const desk = watching();
    desk.call(0);
    expect([5, 20, 35, 40].map((atS) => desk.ended(atS, 1.6))).toEqual([[], [], ["main"], []]);
  });

  test("the time of an end is read as it was written", () => {
    const ended = { wallMs: START_MS, monoMs: 1234.567 };
    expect(endedIn(endedFact("main", ended).value)).toEqual(ended);
  });

  test.each([undefined, "", "5", "yesterday", "1 x", "NaN 1"])("%j says of no end", (value) => {
    expect(endedIn(value)).toBeUndefined();
  });
});

describe("while a level of the account is critical as well", () => {
  const firing = (over: Partial<Extract<AlertState, { phase: "firing" }>> = {}): AlertState => ({
    phase: "firing",
    incident: "A1B2",
    seq: 1,
    severity: "critical",
    openedAtMs: START_MS,
    sinceMs: START_MS,
    previous: null,
    peak: "critical",
    value: 1.2,
    worst: null,
    clearing: null,
    lastAtMs: START_MS,
    toldAtMs: START_MS,
    threads: {},
    messages: 1,
    ...over,
  });
  const remindersBeside = (other: AlertState | undefined, routes: Route[] = [], rule = "cross-margin-level") => {
    const desk = watching(undefined, bookOf({ notifiers: ["desk", "phone"], routes }));
    desk.call(0);
    if (other !== undefined) desk.put(rule, other);
    return [300, 301, 599, 600].flatMap((atS) => desk.look(atS, 1.2).map((kind) => `${kind} ${atS}`));
  };
  const TWICE = ["reminded 300", "reminded 600"];
  const only = (...notify: string[]): Route[] => [
    { match: { rule: ["cross-margin-level"] }, notify, repeatEveryMs: undefined },
  ];
  test.each<[string, AlertState | undefined, Route[], readonly string[]]>([
    ["its reminder is enough", firing(), [], []],
    ["alone it reminds", undefined, [], TWICE],
    ["a warning is not enough", firing({ severity: "warning" }), [], TWICE],
    ["one on its way out is not enough", firing({ clearing: { to: null, observedMs: 0 } }), [], TWICE],
    ["one that tells nobody is not enough", firing(), only(), TWICE],
    ["one that tells fewer is not enough", firing(), only("desk"), TWICE],
    ["one that tells all of them is enough", firing(), only("phone", "desk"), []],
  ])("%s", (_, other, routes, told) => {
    expect(remindersBeside(other, routes)).toEqual(told);
  });

  test.each(["liquidation-loan", "position-gone", "a-rule-of-yesterday"])(
    "%s is not enough: it tells of something else",
    (rule) => {
      expect(remindersBeside(firing(), [], rule)).toEqual(TWICE);
    },
  );

  test("a worse word is told all the same, and the time after the other one's end counts from its last reminder", () => {
    const desk = watching();
    desk.call(0);
    desk.put("cross-margin-level", firing());
    expect(desk.kinds(desk.call(10, { status: "PRE_LIQUIDATION" }).situations)).toEqual(["reminded"]);
    expect(desk.look(310, 1.2)).toEqual([]);
    desk.put("cross-margin-level", undefined);
    expect(desk.look(320, 1.2)).toEqual([]);
    expect(desk.look(610, 1.2)).toEqual(["reminded"]);
    expect(desk.states().get("main|cross")?.get("stream-margin-call")).toMatchObject({ seq: 3 });
  });
});

describe("only the account's own answer ends it", () => {
  // marginCallBar 1.3, and 2 % of it: 1.326
  test.each([
    [1.326, []],
    [1.3261, ["resolved"]],
  ])("a level of %d for 30 s: %j", (level, told) => {
    const desk = watching();
    desk.call(0);
    for (const atS of [5, 15, 25]) expect(desk.look(atS, level)).toEqual([]);
    expect(desk.look(35, level)).toEqual(told);
  });

  test.each([
    [34, []],
    [35, ["resolved"]],
  ])("after 30 s of observed time and not before: %i s", (atS, told) => {
    const desk = watching();
    desk.call(0);
    desk.look(5, 1.6);
    desk.look(20, 1.6);
    expect(desk.look(atS, 1.6)).toEqual(told);
  });

  test("time in which nothing was seen does not count", () => {
    const desk = watching();
    desk.call(0);
    desk.look(5, 1.6);
    expect(desk.look(600, 1.6)).toEqual([]);
    expect(desk.look(629, 1.6)).toEqual([]);
    expect(desk.look(630, 1.6)).toEqual(["resolved"]);
  });

  test("a level that falls back, and a new push, begin the 30 s anew", () => {
    const desk = watching();
    desk.call(0);
    for (const again of [() => void desk.look(30, 1.31), () => void desk.call(30)]) {
      desk.look(5, 1.6);
      desk.look(20, 1.6);
      again();
      expect(desk.look(36, 1.6)).toEqual([]);
      expect(desk.look(50, 1.6)).toEqual([]);
    }
  });

  const INVALID: CrossAnswer = cross(undefined, { problems: ["marginLevel is null"] });
  test.each<[string, Answer]>([
    ["an invalid answer", INVALID],
    ["an account that is not there", cross(1.6, { opened: false })],
  ])("never by %s", (_, answer) => {
    const desk = watching();
    desk.call(0);
    for (let atS = 5; atS < 300; atS += 10) expect(desk.look(atS, answer)).toEqual([]);
    expect(desk.states().size).toBe(1);
  });

  test("never by a level that is missing where there is debt, whatever the rules use", () => {
    const desk = watching();
    desk.call(0);
    const none = new Set<never>();
    const seen = observe(cross(undefined), { atMs: START_MS + 60 * SECOND, used: { cross: none, isolated: none } });
    expect(seen[0]?.class).toBe("OK");
    expect(
      judgeCalls(seen, { states: desk.states(), book, bars: BARS_3X, nowMs: 0, known: () => undefined }).changes,
    ).toEqual([]);
  });

  test("by an account without debt", () => {
    const desk = watching();
    desk.call(0);
    for (const atS of [5, 20]) expect(desk.look(atS, debtFree())).toEqual([]);
    expect(desk.look(35, debtFree())).toEqual(["resolved"]);
  });
});

test("reminders come as for any critical alert, and none while it is on its way out", () => {
  const desk = watching();
  desk.call(0);
  const told: string[] = [];
  for (let atS = 10; atS <= 700; atS += 10) told.push(...desk.look(atS, 1.2));
  expect(told).toEqual(["reminded", "reminded"]);
});

test("a look without an alert changes nothing, and neither does one at something else", () => {
  const desk = watching();
  expect(desk.look(0, 1.05)).toEqual([]);
  expect(desk.states().size).toBe(0);
});
