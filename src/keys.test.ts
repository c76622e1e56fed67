// A key that may do more than read is told, and refused where the configuration says so; the network is no reason not to watch.
import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import type { KeyRights, RightsRead } from "./core/key-rights.ts";
import type { Failure } from "./core/ports.ts";
import { type WatchedKey, watchKeys } from "./keys.ts";
import type { Log } from "./lib/log.ts";

const NEVER = new AbortController().signal;

function recorder(logged: string[]): Log {
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  return { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
}

const CLEAN: KeyRights = { granted: [], unknown: [], unsaid: [], mayRead: true, isAddressBound: true };
const read = (over: Partial<KeyRights> = {}): RightsRead => ({ ok: true, rights: { ...CLEAN, ...over } });
const unread = (code: Failure["code"]): RightsRead => ({ ok: false, failure: { code, detail: "HTTP 502" } });
const TRADING = read({ granted: [{ name: "enableFutures", deed: "trade" }] });

const POLLED = Promise.resolve();

/** Answers in turn, the last one for ever. */
function keyOf(answers: readonly RightsRead[], over: Partial<WatchedKey> = {}) {
  const asked: number[] = [];
  const rights = async () => answers[Math.min(asked.push(0), answers.length) - 1] ?? unread("timeout");
  const key: WatchedKey = { account: "main", mustBeReadOnly: false, polled: POLLED, rights, ...over };
  return { key, asked };
}

function watchAll(keys: readonly WatchedKey[], signal = NEVER) {
  const clock = createTestClock();
  const logged: string[] = [];
  let reason: string | undefined | "not yet" = "not yet";
  void watchKeys({ keys, clock, log: recorder(logged) }, signal).then((value) => {
    reason = value;
  });
  return { clock, logged, reason: () => reason };
}

test.each<[string, RightsRead, boolean, RegExp | undefined, RegExp | undefined]>([
  ["a key that may only read is not worth a word", read(), true, undefined, undefined],
  ["one that may trade is told", TRADING, false, /^warn: the key MAY TRADE/, undefined],
  [
    "one that may trade ends the run where that is forbidden",
    TRADING,
    true,
    /^warn: the key MAY TRADE/,
    /^requireReadOnlyKey .* of main MAY TRADE/,
  ],
  [
    "one for any address is told and ends nothing",
    read({ isAddressBound: false }),
    true,
    /^warn: the key WORKS FROM ANY ADDRESS/,
    undefined,
  ],
])("%s", async (_, answer, mustBeReadOnly, line, reason) => {
  const { key, asked } = keyOf([answer], { mustBeReadOnly });
  const watched = watchAll([key]);
  await watched.clock.settle();
  expect(watched.logged).toEqual(line === undefined ? [] : [expect.stringMatching(line)]);
  expect(watched.reason()).toEqual(reason === undefined ? undefined : expect.stringMatching(reason));
  await watched.clock.advance(86_400_000);
  expect(asked).toHaveLength(1);
});

test("a key is not asked before the first poll of its account has ended", async () => {
  const polled = Promise.withResolvers<void>();
  const { key, asked } = keyOf([read()], { polled: polled.promise });
  const watched = watchAll([key]);
  await watched.clock.advance(3_600_000);
  expect(asked).toHaveLength(0);
  polled.resolve();
  await watched.clock.settle();
  expect([asked.length, watched.reason()]).toEqual([1, undefined]);
});

test("while the rights cannot be read nothing ends, and they are asked for again, ever more rarely", async () => {
  const { key, asked } = keyOf([unread("unreachable")], { mustBeReadOnly: true });
  const watched = watchAll([key]);
  const asksAfter = async (ms: number) => {
    await watched.clock.advance(ms);
    return asked.length;
  };
  expect(await asksAfter(59_999)).toBe(1);
  expect(await asksAfter(1)).toBe(2);
  expect(await asksAfter(119_999)).toBe(2);
  expect(await asksAfter(1)).toBe(3);
  expect(await asksAfter(86_400_000)).toBeLessThan(40);
  expect(watched.reason()).toBe("not yet");
  expect(watched.logged).toEqual([expect.stringMatching(/cannot be read \(unreachable: HTTP 502\); margind watches/)]);
});

test("a key that is read at last, and may trade, ends the run then", async () => {
  const { key } = keyOf([unread("unreachable"), unread("timeout"), TRADING], { mustBeReadOnly: true });
  const watched = watchAll([key]);
  await watched.clock.advance(179_999);
  expect(watched.reason()).toBe("not yet");
  await watched.clock.advance(1);
  expect(watched.reason()).toMatch(/MAY TRADE/);
  expect(watched.logged.filter((line) => line.includes("cannot be read"))).toHaveLength(2);
});

test.each<Failure["code"]>(["rate_limited", "banned"])(
  "after %s it leaves the exchange alone for an hour",
  async (code) => {
    const { key, asked } = keyOf([unread(code), read()]);
    const watched = watchAll([key]);
    await watched.clock.advance(3_599_999);
    expect(asked).toHaveLength(1);
    await watched.clock.advance(1);
    expect([asked.length, watched.reason()]).toEqual([2, undefined]);
  },
);

test("one key that may trade ends the run although another was never read", async () => {
  const dark = keyOf([unread("timeout")], { account: "dark" });
  const { key } = keyOf([TRADING], { mustBeReadOnly: true });
  const watched = watchAll([dark.key, key]);
  await watched.clock.settle();
  expect(watched.reason()).toMatch(/of main MAY TRADE/);
});

test("a daemon that is told to stop says nothing more of its keys", async () => {
  const stopping = new AbortController();
  const { key } = keyOf([], {
    mustBeReadOnly: true,
    rights: async () => {
      stopping.abort();
      return TRADING;
    },
  });
  const watched = watchAll([key], stopping.signal);
  await watched.clock.settle();
  expect([watched.reason(), watched.logged]).toEqual([undefined, []]);
});
