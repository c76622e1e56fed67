// When an account is looked at more often, and that the faster polls never stand in the way of the ordinary ones.
import { expect, test } from "vitest";
import { BARS_3X, cross, isolated, longPair, observe } from "../test/support/answers.ts";
import { createTestClock } from "../test/support/clock.ts";
import { type AlertChange, applied } from "./core/advance.ts";
import { step } from "./core/lifecycle.ts";
import type { Answer, Subject } from "./core/ports.ts";
import { builtinRules } from "./core/rules/builtin.ts";
import { compile } from "./core/rules/compile.ts";
import { isUrgent, notePolls, runUrgent } from "./urgent.ts";

const rules = builtinRules.flatMap((rule) => compile(rule) ?? []);

/** An alert that fires, or that only waits for its `for`. */
function alert(subject: Subject, rule: string, account = "main", forMs = 0): AlertChange {
  const reading = { atMs: 0, breached: "info", held: "info", value: undefined } as const;
  const policy = { forMs, clearAfterMs: 0, repeatEveryMs: 60_000, maxGapMs: 30_000, worse: undefined };
  return { id: { account, subject, rule }, state: step(undefined, reading, policy, "").state };
}

const WELL: readonly Answer[] = [cross(2), isolated([longPair("BTCUSDT", 30)])];
const urgent = (alerts: readonly AlertChange[], answers: readonly Answer[]) =>
  isUrgent({
    account: "main",
    states: () => applied(new Map(), alerts),
    shots: () =>
      answers.flatMap((answer) => observe(answer)).map((observation) => ({ observation, prices: undefined })),
    rules,
    bars: () => BARS_3X,
  });

test.each<[string, readonly AlertChange[], readonly Answer[], boolean]>([
  ["all is well", [], WELL, false],
  ["nothing was seen yet", [], [], false],
  ["an alert fires on the cross account", [alert("cross", "cross-margin-level")], WELL, true],
  ["one fires and nothing was seen since the start", [alert("cross", "cross-margin-level")], [], true],
  ["an alert fires on a pair", [alert("isolated BTCUSDT", "isolated-status")], WELL, true],
  ["a position is gone", [alert("isolated BTCUSDT", "position-gone")], WELL, true],
  ["the exchange called", [alert("cross", "stream-margin-call")], WELL, true],
  ["an alert is about to fire", [alert("cross", "cross-margin-level", "main", 60_000)], WELL, false],
  ["it fires on another account", [alert("cross", "cross-margin-level", "mainly")], WELL, false],
  ["the account is blind", [alert("feed", "blind")], WELL, false],
  ["a rate of interest is high", [alert("asset BTC", "interest-rate")], WELL, false],
  ["the config does not fit", [alert("cross", "config")], WELL, false],
  ["the config does not fit and something fires", [alert("cross", "config"), alert("cross", "x")], WELL, true],
  ["the cross account is within 10 % of a rung", [], [cross(1.64)], true],
  ["the cross account is 10 % from a rung", [], [cross(1.65)], false],
  ["a pair is within 10 % of a rung", [], [isolated([longPair("A", 30), longPair("B", 10.9)])], true],
])("urgent or not: %s", (_, alerts, answers, expected) => {
  expect(urgent(alerts, answers)).toBe(expected);
});

// ---------------------------------------------------------------- two schedules

function world(isUrgentNow = true) {
  const clock = createTestClock();
  const startMs = clock.monoMs();
  const stopping = new AbortController();
  const atMs: number[] = [];
  let isNow = isUrgentNow;
  const polls = notePolls(async () => {
    atMs.push(clock.monoMs() - startMs);
    return true;
  }, clock);
  const run = runUrgent({ isUrgent: () => isNow, polls, clock, signal: stopping.signal });
  const become = (value: boolean) => {
    isNow = value;
  };
  return { clock, stopping, polls, run, become, atMs };
}

test("polls only while it is urgent", async () => {
  const { clock, run, become, atMs } = world(false);
  await run();
  expect(atMs).toEqual([]);
  become(true);
  const ran = run();
  await clock.advance(1_000);
  await ran;
  expect(atMs).toEqual([50]);
});

test.each([
  ["the ordinary one first", true],
  ["the urgent one first", false],
])("two schedules that hit the same moment are one poll: %s", async (_, isFirst) => {
  const { clock, polls, run, atMs } = world();
  if (isFirst) void polls.poll();
  const ran = run();
  if (!isFirst) {
    await clock.advance(10);
    void polls.poll();
  }
  await clock.advance(1_000);
  await ran;
  expect(atMs).toHaveLength(1);
});

test.each([
  ["just before is enough", 449, 1],
  ["half a second before is not", 450, 2],
])("a poll that began %s", async (_, agoMs, count) => {
  const { clock, polls, run, atMs } = world();
  void polls.poll();
  await clock.advance(agoMs);
  const ran = run();
  await clock.advance(1_000);
  await ran;
  expect(atMs).toHaveLength(count);
});

test("with ordinary polls every five seconds and urgent ones every second there are five polls in five seconds", async () => {
  const { clock, polls, run, atMs } = world();
  for (let second = 0; second < 20; second++) {
    void run();
    if (second % 5 === 0) void polls.poll();
    await clock.advance(1_000);
  }
  expect(atMs).toHaveLength(20);
  expect(atMs.filter((ms) => ms % 1_000 === 0)).toEqual([0, 5_000, 10_000, 15_000]);
});

test("nothing is polled after the stop", async () => {
  const { run, stopping, atMs } = world();
  const ran = run();
  stopping.abort();
  await ran;
  await run();
  expect(atMs).toEqual([]);
});

test("a poll that fails in an unforeseen way is told to who keeps the schedule", async () => {
  const clock = createTestClock();
  const polls = notePolls(() => Promise.reject(new Error("unforeseen")), clock);
  const run = runUrgent({ isUrgent: () => true, polls, clock, signal: new AbortController().signal });
  const told = expect(run()).rejects.toThrow("unforeseen");
  await clock.advance(100);
  await told;
});
