import { expect, test } from "vitest";
import { type Failure, type Notifier, NotifyError, type ReadResult } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";
import { isKeyRefusal, verifyNotifiers } from "./startup.ts";

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

async function verified(notifiers: readonly Notifier[], signal = NEVER) {
  const logged: string[] = [];
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  const log: Log = { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
  return { reason: await verifyNotifiers(notifiers, log, signal), logged };
}

test.each<[string, readonly Notifier[], boolean]>([
  ["all of them work", [good], false],
  ["one of two is refused for good", [good, refused], false],
  ["one is refused and one cannot be reached now", [refused, unreachable], false],
  ["none can be reached now", [unreachable, unreachable], false],
  ["one fails in a way that nobody foresaw", [refused, odd], false],
  ["all are refused for good", [refused, refused], true],
])("when %s", async (_, notifiers, givesUp) => {
  expect((await verified(notifiers)).reason !== undefined).toBe(givesUp);
});

test("each notifier's state is told, with what is wrong", async () => {
  const { logged } = await verified([good, refused, unreachable]);
  expect(logged.sort()).toEqual([
    "error: the notifier does not work now, margind keeps trying: connection refused",
    "error: the notifier does not work: Slack does not know this token",
    "info: the notifier works",
  ]);
});

test("a daemon that is told to stop meanwhile neither complains nor gives up", async () => {
  const stopping = new AbortController();
  const hanging = notifier(
    "hanging",
    (signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new NotifyError("refused", "x")))),
  );
  const result = verified([hanging], stopping.signal);
  stopping.abort();
  expect(await result).toEqual({ reason: undefined, logged: [] });
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
