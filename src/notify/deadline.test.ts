import { expect, test } from "vitest";
import type { Clock } from "../core/ports.ts";
import { DeadlineError, untilAborted, within } from "./deadline.ts";

/** A clock whose waits end when the test says so. */
function handClock() {
  const sleepers: { readonly ms: number; readonly signal: AbortSignal | undefined; readonly wake: () => void }[] = [];
  const clock: Clock = {
    wallMs: () => 0,
    monoMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((wake, reject) => {
        sleepers.push({ ms, signal, wake });
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
  return { clock, sleepers };
}

test("work that ends in time is not disturbed, and its timer is let go", async () => {
  const { clock, sleepers } = handClock();
  const { signal } = new AbortController();
  expect(await within(15_000, { clock, signal }, async () => "done")).toBe("done");
  expect(sleepers).toMatchObject([{ ms: 15_000, signal: { aborted: true } }]);
});

test("at the deadline the work's signal aborts, with what is missing", async () => {
  const { clock, sleepers } = handClock();
  const { signal } = new AbortController();
  const working = within(10_000, { clock, signal, missing: "no connection" }, untilAborted);
  sleepers[0]?.wake();
  await expect(working).rejects.toEqual(new DeadlineError("no connection", 10_000));
});

test("an abort from outside goes through with its reason", async () => {
  const { clock, sleepers } = handClock();
  const outside = new AbortController();
  const working = within(10_000, { clock, signal: outside.signal }, untilAborted);
  outside.abort(new Error("margind is stopping"));
  await expect(working).rejects.toThrow("margind is stopping");
  expect(sleepers[0]?.signal?.aborted).toBe(true);
});

test("a signal that has aborted already is seen by the work", async () => {
  const { clock } = handClock();
  const signal = AbortSignal.abort(new Error("too late"));
  await expect(within(10_000, { clock, signal }, untilAborted)).rejects.toThrow("too late");
});
