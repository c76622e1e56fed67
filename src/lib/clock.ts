// Real time, in one place: everything else takes a Clock. A timer beyond 2^31-1 ms fires at once in Node, so sleep cuts
// long waits into pieces; and a timer may fire a fraction of a millisecond early, so sleep looks again before it resolves.
import type { Clock } from "../core/ports.ts";

const TIMER_MAX_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  async sleep(ms, signal) {
    const dueMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = dueMs - performance.now()) {
      // A timer counts whole milliseconds and rounds up: the last one is waited out in turns of the event loop.
      if (leftMs >= 1) await timer(Math.min(Math.floor(leftMs), TIMER_MAX_MS), signal);
      else await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
    signal?.throwIfAborted();
  },
};

function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Calls back after `ms` unless the process has ended by itself: it is not kept alive for this. */
export function deadline(ms: number, callback: () => void): void {
  setTimeout(callback, ms).unref();
}
