// A clock whose time passes only when the test says so. Sleepers wake one by one, each at its own moment, and what they started may
// run to its next sleep before time goes on: a day of waiting takes a millisecond, and always goes the same way.
import type { Clock } from "../../src/core/ports.ts";

export interface TestClock extends Clock {
  /** Lets this much time pass, on both clocks. */
  advance(ms: number): Promise<void>;
  /** Lets what can run now run, without any time passing. */
  settle(): Promise<void>;
  /** Sets the wall clock forward or back, as NTP or a person does. */
  stepWall(ms: number): void;
  /** The event loop stands still for this long: both clocks go on, and nobody wakes until the next advance or settle. */
  stall(ms: number): void;
  /** How long the sleepers of this moment still sleep, soonest first. */
  sleepers(): readonly number[];
}

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** 12 March 2020, 23:00 UTC. */
export const START_WALL_MS = Date.UTC(2020, 2, 12, 23);

export function createTestClock(startWallMs: number = START_WALL_MS): TestClock {
  let monoMs = 1_000_000;
  let offsetMs = startWallMs - monoMs;
  let sleepers: Sleeper[] = [];

  const soonest = (beforeMs: number): Sleeper | undefined => {
    const due = sleepers.filter(({ dueMs }) => dueMs <= beforeMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0]; // stable: who came first goes first
  };

  return {
    monoMs: () => monoMs,
    wallMs: () => monoMs + offsetMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (ms <= 0) return resolve();
        const leave = () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          signal?.removeEventListener("abort", onAbort);
        };
        const onAbort = () => {
          leave();
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          dueMs: monoMs + ms,
          wake() {
            leave();
            resolve();
          },
        };
        sleepers.push(sleeper);
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
    async advance(ms) {
      const untilMs = monoMs + ms;
      await idle();
      for (let next = soonest(untilMs); next !== undefined; next = soonest(untilMs)) {
        monoMs = Math.max(monoMs, next.dueMs);
        next.wake();
        await idle();
      }
      monoMs = untilMs;
    },
    settle: idle,
    stepWall(ms) {
      offsetMs += ms;
    },
    stall(ms) {
      monoMs += ms;
    },
    sleepers: () => sleepers.map(({ dueMs }) => dueMs - monoMs).sort((a, b) => a - b),
  };
}

/** Everything that promises set in motion has happened when the event loop comes round. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
