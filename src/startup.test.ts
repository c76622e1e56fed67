import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { type Failure, type Notifier, NotifyError, type ReadResult } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";
import { isKeyRefusal, watchNotifiers } from "./startup.ts";

const NEVER = new AbortController().signal;

const notifier = (name: string, verify: Notifier["verify"]): Notifier => ({
  name,
  recipients: ["r"],
  verify,
  send: async () => ({}),
  async close() {},
});
const good = notifier("good", async () => {});
const failing = (name: string, error: Error) =>
  notifier(name, async () => {
    throw error;
  });
const refused = failing("refused", new NotifyError("refused", "Slack does not know this token"));
const unreachable = failing("unreachable", new NotifyError("not_sent", "connection refused"));
const odd = failing("odd", new TypeError("x is not a function"));

function recorder(logged: string[]): Log {
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  return { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
}

function watch(notifiers: readonly Notifier[], signal = NEVER) {
  const clock = createTestClock();
  const logged: string[] = [];
  const noted: string[] = [];
  const log = recorder(logged);
  const note = (notifier: string, refusal: string | undefined) => void noted.push(`${notifier} ${refusal ?? "works"}`);
  return { clock, logged, noted, reason: watchNotifiers({ notifiers, deliveries: { note }, clock, log }, signal) };
}

test.each<[string, readonly Notifier[]]>([
  ["all of them work", [good]],
  ["none can be reached now", [unreachable, unreachable]],
  ["one is refused and the other cannot be reached now", [refused, unreachable]],
  ["one fails in a way that nobody foresaw", [good, odd]],
])("it does not give up when %s", async (_, notifiers) => {
  const stopping = new AbortController();
  const { clock, reason } = watch(notifiers, stopping.signal);
  const ended = reason.catch(() => undefined);
  await clock.advance(3_600_000);
  stopping.abort();
  expect(await ended).toBeUndefined();
});

test("one that could not be reached at the start is looked at until somebody knows, and is told once what it says", async () => {
  const answers = [undefined, undefined, new NotifyError("refused", "no such token"), undefined, "good"];
  const late = notifier("late", async () => {
    const answer = answers.shift();
    if (answer !== "good") throw answer ?? new NotifyError("not_sent", "connection refused");
  });
  const { clock, logged, noted, reason } = watch([good, late]);
  await clock.advance(240_000);
  expect(await reason).toBeUndefined();
  expect(noted).toEqual(["good works", "late no such token", "late works"]);
  expect(logged).toEqual([
    "info: the notifier works",
    "error: the notifier does not work now, margind keeps trying: connection refused",
    "error: the notifier does not work: no such token",
    "error: the notifier does not work now, margind keeps trying: connection refused",
    "info: the notifier works",
  ]);
});

test("a check that does not end is ended, and made again", async () => {
  const hanging = notifier("hanging", () => new Promise(() => {}));
  const stopping = new AbortController();
  const { clock, logged, reason } = watch([hanging], stopping.signal);
  const ended = reason.catch(() => undefined);
  await clock.advance(20_000);
  expect(logged).toEqual(["error: the notifier does not work now, margind keeps trying: no answer within 20 s"]);
  stopping.abort();
  await ended;
});

test("it gives up when all of them are refused for good", async () => {
  expect(await watch([refused, refused]).reason).toContain("Every notifier is refused for good");
});

test("each notifier's state is told and noted, with what is wrong", async () => {
  const { clock, logged, noted } = watch([good, refused, unreachable]);
  await clock.settle();
  expect(logged.sort()).toEqual([
    "error: the notifier does not work now, margind keeps trying: connection refused",
    "error: the notifier does not work: Slack does not know this token",
    "info: the notifier works",
  ]);
  expect(noted).toEqual(["good works", "refused Slack does not know this token"]);
});

test("what a channel that works remarks is told where it is a warning", async () => {
  const remarking = notifier("remarking", async (_, remark) => {
    remark?.({ status: "good", text: "signed in" });
    remark?.({ status: "warning", text: "no scopes", todo: "look" });
  });
  const { clock, logged } = watch([remarking]);
  await clock.settle();
  expect(logged).toEqual(["warn: no scopes: look", "info: the notifier works"]);
});

test("one that refuses beside one that works is looked at once a minute, until somebody has mended it", async () => {
  let isMended = false;
  let looks = 0;
  const mendable = notifier("mendable", async () => {
    looks += 1;
    if (!isMended) throw new NotifyError("refused", "no such channel");
  });
  const { clock, noted, reason } = watch([good, mendable]);
  await clock.advance(150_000);
  expect(looks).toBe(3);
  isMended = true;
  await clock.advance(60_000);
  expect(await reason).toBeUndefined();
  expect(noted.at(-1)).toBe("mendable works");
  await clock.advance(600_000);
  expect(looks).toBe(4);
});

test("a daemon that is told to stop meanwhile neither complains nor gives up", async () => {
  const stopping = new AbortController();
  const hanging = notifier(
    "hanging",
    (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new NotifyError("refused", "x")))),
  );
  const { reason, logged, noted } = watch([hanging], stopping.signal);
  stopping.abort();
  expect([await reason, logged, noted]).toEqual([undefined, [], []]);
});

test.each<[Failure["code"], boolean]>([
  ["rejected_key", true],
  ["bad_signature", true],
  ["banned", false],
  ["rate_limited", false],
  ["unreachable", false],
  ["timeout", false],
  ["clock_skew", false],
])("%s refuses the key for good: %s", (code, expected) => {
  const result: ReadResult = { ok: false, atMs: 0, source: "cross", failure: { code, detail: "" } };
  expect(isKeyRefusal(result)).toBe(expected);
});
