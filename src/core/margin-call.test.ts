import { describe, expect, test } from "vitest";
import { BARS_3X, cross, debtFree, observe } from "../../test/support/answers.ts";
import { bookOf, openDesk } from "../../test/support/desk.ts";
import type { Scene, States } from "./advance.ts";
import { afterLook, isMarginCall, pushed } from "./margin-call.ts";
import type { Answer, CrossAnswer } from "./ports.ts";
import type { PushedCall, Situation } from "./situation.ts";

const SECOND = 1000;
const START_MS = Date.UTC(2020, 2, 12, 3, 12, 5);
const book = bookOf();

/** A desk that is pushed and that looks, and what it is told. */
function watching(knownLevel?: number) {
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
  const kinds = (situations: readonly Situation[]) => situations.map(({ transition }) => transition.kind);
  return {
    states: (): States => desk.states(),
    call(atS: number, over: Partial<PushedCall> = {}) {
      const nowMs = START_MS + atS * SECOND;
      const call = { status: "MARGIN_CALL", level: 1.1, atMs: nowMs, ...over };
      return desk.take(pushed("main", call, sceneAt(nowMs)), nowMs);
    },
    look(atS: number, answer: Answer | number) {
      const atMs = START_MS + atS * SECOND;
      const seen = observe(typeof answer === "number" ? cross(answer) : answer, { atMs, indebted: new Set(["cross"]) });
      return kinds(desk.take(afterLook(seen, sceneAt(atMs)), atMs).situations);
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

test("a second push while it fires changes nothing at all", () => {
  const desk = watching();
  desk.call(0);
  const { changes, situations } = desk.call(1, { status: "FORCE_LIQUIDATION" });
  expect([...changes, ...situations]).toEqual([]);
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
      afterLook(seen, { states: desk.states(), book, bars: BARS_3X, nowMs: 0, known: () => undefined }).changes,
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
