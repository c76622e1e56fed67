// When the next session begins, on virtual time.
import { describe, expect, test } from "vitest";
import { createTestClock } from "../../../test/support/clock.ts";
import type { PushEvent } from "../../core/push.ts";
import { silentLog } from "../../lib/log.ts";
import { ExchangeError } from "../errors.ts";
import { keepOpen } from "./keep.ts";
import { StreamError } from "./problem.ts";
import type { Session } from "./session.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const CONNECTED = { kind: "connected", stream: "risk" } as const;

/** Runs sessions; each is what `life` says of it. `random` is nearly 1, so that every wait is as long as it can be. */
function keeping(
  life: (nth: number) => { readonly connects?: boolean; readonly lastsMs?: number; readonly error: Error },
) {
  const clock = createTestClock();
  const begun: number[] = [];
  const events: PushEvent[] = [];
  const errors: object[] = [];
  const stopping = new AbortController();
  const startMs = clock.monoMs();
  const session: Session = async (tell, signal) => {
    begun.push(clock.monoMs() - startMs);
    const { connects = false, lastsMs = 0, error } = life(begun.length);
    if (connects) tell(CONNECTED);
    await clock.sleep(lastsMs, signal);
    throw error;
  };
  const log = { ...silentLog, error: (fields: object) => void errors.push(fields) };
  const parts = { account: "main", clock, random: () => 0.999_999, log };
  const done = keepOpen("risk", session, (event) => void events.push(event), parts, stopping.signal);
  const gaps = () => begun.slice(1).map((ms, at) => Math.round((ms - (begun[at] ?? 0)) / SECOND));
  return { clock, begun, events, errors, gaps, done, abort: () => stopping.abort() };
}

const lost = new StreamError("lost", "reset");

test("waits double from one second to five minutes, connected or not", async () => {
  for (const connects of [false, true]) {
    const { clock, gaps, done, abort } = keeping(() => ({ connects, error: lost }));
    await clock.advance(40 * MINUTE);
    expect(gaps().slice(0, 12)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    abort();
    await done;
  }
});

test.each([
  ["just under five minutes of health leave the wait long", 5 * MINUTE - 1, 128],
  ["five minutes of health make it short again", 5 * MINUTE, 1],
])("%s", async (_, lastsMs, waitS) => {
  const { clock, begun, done, abort } = keeping((nth) => ({
    connects: nth === 8,
    lastsMs: nth === 8 ? lastsMs : 0,
    error: lost,
  }));
  await clock.advance(20 * MINUTE);
  const [eighth = 0, ninth = 0] = begun.slice(7, 9);
  expect(Math.round((ninth - eighth - lastsMs) / SECOND)).toBe(waitS);
  abort();
  await done;
});

test("five minutes that never were a subscription are no health", async () => {
  const { clock, begun, done, abort } = keeping((nth) => ({ lastsMs: nth === 8 ? 6 * MINUTE : 0, error: lost }));
  await clock.advance(20 * MINUTE);
  expect(Math.round(((begun[8] ?? 0) - (begun[7] ?? 0) - 6 * MINUTE) / SECOND)).toBe(128);
  abort();
  await done;
});

test("a stream that is gone is told once and tried every six hours; told again only after it worked", async () => {
  const gone = new StreamError("gone", "HTTP 410");
  const { clock, events, gaps, done, abort } = keeping((nth) =>
    nth === 4 ? { connects: true, lastsMs: HOUR, error: lost } : { error: gone },
  );
  await clock.advance(40 * HOUR);
  const retired = { kind: "retired", stream: "risk", reason: "HTTP 410" };
  expect(gaps().slice(0, 3)).toEqual([21_600, 21_600, 21_600]);
  expect(events).toEqual([retired, CONNECTED, retired]);
  abort();
  await done;
});

const unavailable = (reason: string) => ({ kind: "unavailable", stream: "risk", reason });
const refusedKey = new ExchangeError({
  code: "rejected_key",
  detail: "error -2015, key, address or permission",
  exchangeCode: -2015,
});

describe("a stream that cannot be connected", () => {
  test("is told after an hour and not before, with the reason, and once an hour from then on", async () => {
    const { clock, events, done, abort } = keeping(() => ({ error: refusedKey }));
    await clock.advance(HOUR - 1);
    expect(events).toEqual([]);
    await clock.advance(10 * MINUTE);
    const told = unavailable("error -2015, key, address or permission");
    expect(events).toEqual([told]);
    await clock.advance(50 * MINUTE);
    expect(events.length).toBe(1);
    await clock.advance(10 * MINUTE);
    expect(events).toEqual([told, told]);
    abort();
    await done;
  });

  test("the hour begins when the last connection ended", async () => {
    const { clock, events, done, abort } = keeping((nth) => ({
      connects: nth === 1,
      lastsMs: nth === 1 ? 10 * HOUR : 0,
      error: lost,
    }));
    await clock.advance(11 * HOUR - 1);
    expect(events).toEqual([CONNECTED]);
    await clock.advance(10 * MINUTE);
    expect(events).toEqual([CONNECTED, unavailable("reset")]);
    abort();
    await done;
  });

  test("is none where it connects now and then", async () => {
    const { clock, events, done, abort } = keeping((nth) => ({ connects: nth % 10 === 0, error: lost }));
    await clock.advance(10 * HOUR);
    expect(events.every(({ kind }) => kind === "connected")).toBe(true);
    abort();
    await done;
  });

  test("is told after an hour of steps of the wall clock as well", async () => {
    const { clock, events, done, abort } = keeping(() => ({ error: lost }));
    clock.stepWall(-24 * HOUR);
    await clock.advance(HOUR - 1);
    expect(events).toEqual([]);
    await clock.advance(10 * MINUTE);
    expect(events).toEqual([unavailable("reset")]);
    abort();
    await done;
  });

  test("is not told beside its retirement", async () => {
    const gone = new StreamError("gone", "HTTP 410");
    const { clock, events, done, abort } = keeping((nth) => ({ error: nth === 1 ? gone : lost }));
    await clock.advance(24 * HOUR);
    expect(events.map(({ kind }) => kind)).toEqual(["retired"]);
    abort();
    await done;
  });
});

test.each([
  ["a pause", new ExchangeError({ code: "rate_limited", detail: "HTTP 429" }), 300],
  ["a ban", new ExchangeError({ code: "banned", detail: "HTTP 418" }), 300],
  ["a refused key", new ExchangeError({ code: "rejected_key", detail: "error -2015", exchangeCode: -2015 }), 0],
  ["an unreachable exchange", new ExchangeError({ code: "unreachable", detail: "connection refused" }), 0],
  ["HTTP 4040", new ExchangeError({ code: "bad_response", detail: "HTTP 4040" }), 0],
])("%s is no retirement: it waits for %i s and the back-off", async (_, error, waitS) => {
  const { clock, events, gaps, done, abort } = keeping(() => ({ error }));
  await clock.advance(20 * MINUTE);
  expect(gaps()[0]).toBe(waitS + 1);
  expect(events).toEqual([]);
  abort();
  await done;
});

test("a mistake of ours is logged without its words, and the next session follows", async () => {
  const { clock, errors, begun, done, abort } = keeping(() => ({ error: new TypeError("secret-listen-key is odd") }));
  await clock.advance(10 * SECOND);
  expect(begun.length).toBeGreaterThan(2);
  expect(errors[0]).toMatchObject({ name: "TypeError" });
  expect(JSON.stringify(errors)).not.toContain("secret-listen-key");
  abort();
  await done;
});

test("ends at once when aborted, in a session and between two", async () => {
  for (const lastsMs of [0, HOUR]) {
    const { clock, done, abort } = keeping(() => ({ lastsMs, error: lost }));
    await clock.advance(10 * SECOND);
    abort();
    await done;
    expect(clock.sleepers()).toEqual([]);
  }
});
