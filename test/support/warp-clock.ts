// Real time that a test may jump forward: real sockets keep working, and a ban of three days passes in a moment.
import type { Clock } from "../../src/core/ports.ts";
import { systemClock } from "../../src/lib/clock.ts";

export interface WarpClock extends Clock {
  /** Lets this much time pass at once, on both clocks. Sleepers that are due wake up. */
  skip(ms: number): void;
  /** Sets the wall clock forward or back, as NTP or a person does. */
  stepWall(ms: number): void;
  /** What the wall clock would say had it never been set: the time of everybody else. */
  trueMs(): number;
}

export function createWarpClock(): WarpClock {
  let skippedMs = 0;
  let steppedMs = 0;
  let jump = new AbortController();
  const monoMs = () => systemClock.monoMs() + skippedMs;
  const trueMs = () => systemClock.wallMs() + skippedMs;

  /** Resolves after `ms` of real time, or at the next jump. */
  async function nap(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const either = AbortSignal.any(signal === undefined ? [jump.signal] : [jump.signal, signal]);
    await systemClock.sleep(ms, either).catch(() => undefined);
    signal?.throwIfAborted();
  }

  return {
    monoMs,
    trueMs,
    wallMs: () => trueMs() + steppedMs,
    async sleep(ms, signal) {
      const dueMs = monoMs() + ms;
      while (monoMs() < dueMs) await nap(dueMs - monoMs(), signal);
      signal?.throwIfAborted();
    },
    skip(ms) {
      skippedMs += ms;
      const before = jump;
      jump = new AbortController();
      before.abort();
    },
    stepWall(ms) {
      steppedMs += ms;
    },
  };
}
