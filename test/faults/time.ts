// The time of a simulated machine. True time is the exchange's and everybody else's; the machine has a wall clock that may step and
// drift, and a monotonic one that stands still in a suspend. Nothing waits for real: the loop goes from one moment to the next.
// The one thing to know: after each moment everything that promises set in motion runs to its end before time goes on.
import type { Clock } from "../../src/core/ports.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** 9 March 2020, 00:00 UTC. */
export const BEGIN_MS = Date.UTC(2020, 2, 9);
const MONO_BEGIN_MS = 1_000_000;

/** One process: when it is dead nothing wakes it, and nothing that it asked for is answered. */
export interface Life {
  readonly id: number;
  readonly beganMonoMs: number;
  isAlive: boolean;
  /** Number of the watch that it runs: a reload begins another. */
  watch: number;
  /** Sleepers and calls under way: none may be left when it has stopped. */
  sleeping: number;
}

/** Thrown into what is left of a dead process: no answer is for it. */
export class Died extends Error {
  override readonly name = "Died";

  constructor() {
    super("the process is dead");
  }
}

export interface Time {
  /** True time, ms since the epoch. */
  nowMs(): number;
  monoMs(): number;
  wallMs(): number;
  /** Until then nobody in the machine runs. */
  frozenUntilMs(): number;
  /** Something outside the machine happens. */
  at(dueMs: number, happen: () => void): void;
  /** Something reaches the process, once the machine runs and if it still lives. */
  reach(life: Life, dueMs: number, happen: () => void): void;
  clockOf(life: Life): Clock;
  stepWall(ms: number): void;
  /** Ms that the wall clock gains in a day. */
  drift(perDayMs: number): void;
  /** The machine sleeps: its monotonic clock stands still. */
  suspend(ms: number): void;
  /** The event loop stands still, and both clocks go on. */
  stall(ms: number): void;
  /** Calls back soon after the wall clock moved against the monotonic one. */
  onStep(life: Life, callback: () => void, signal: AbortSignal): void;
  /** Counts what a process does at one moment: a program that never waits is stopped and told. */
  spin(life: Life): void;
  /** Lets time pass until then, or until `isOver`. */
  run(untilMs: number, isOver: () => boolean): Promise<void>;
}

interface Moment {
  readonly dueMs: number;
  readonly order: number;
  happen: (() => void) | undefined;
}

/** Times are multiples of 1/1024 ms, which sums of doubles keep exact: nobody wakes a hair before he is due. */
const exact = (ms: number): number => Math.ceil(ms * 1024) / 1024;

/** More than this at one moment is no work but a loop. */
const SPIN_MAX = 5000;
/** How soon a step of the clock is noticed. */
const STEP_SEEN_MS = 250;

export function createTime(onSpin: (life: Life) => void): Time {
  let nowMs = BEGIN_MS;
  let suspendedMs = 0;
  let frozenUntilMs = BEGIN_MS;
  let suspendedAtMonoMs: number | undefined;
  let wallOffsetMs = 0;
  let driftPerMs = 0;
  let driftSinceMs = BEGIN_MS;
  let order = 0;
  let spins = 0;
  const outside = createHeap();
  const sleepers = createHeap();
  const stepped = new Set<() => void>();

  const monoMs = () => suspendedAtMonoMs ?? nowMs - BEGIN_MS + MONO_BEGIN_MS - suspendedMs;
  const wallMs = () => Math.floor(nowMs + wallOffsetMs + driftPerMs * (nowMs - driftSinceMs));
  const at = (dueMs: number, happen: () => void) => outside.push({ dueMs: exact(dueMs), order: order++, happen });
  const reach = (life: Life, dueMs: number, happen: () => void) =>
    at(dueMs, () => {
      if (!life.isAlive) return;
      if (nowMs < frozenUntilMs) reach(life, frozenUntilMs, happen);
      else happen();
    });
  const tellStep = () => {
    for (const callback of [...stepped]) callback();
  };
  const spin = (life: Life) => {
    spins += 1;
    if (spins !== SPIN_MAX) return;
    life.isAlive = false;
    onSpin(life);
  };

  const sleep = (life: Life, ms: number, signal: AbortSignal | undefined): Promise<void> => {
    spin(life);
    if (!life.isAlive) return new Promise(() => undefined);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!(ms > 0)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      life.sleeping += 1;
      const moment: Moment = {
        dueMs: exact(monoMs() + ms),
        order: order++,
        happen() {
          leave();
          if (life.isAlive) resolve();
        },
      };
      const leave = () => {
        moment.happen = undefined;
        life.sleeping -= 1;
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        if (moment.happen === undefined) return;
        leave();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort);
      sleepers.push(moment);
    });
  };

  /** The next moment; undefined when there is none before `untilMs`. */
  const next = (untilMs: number): Moment | undefined => {
    const sleeper = sleepers.peek();
    const event = outside.peek();
    const wakesMs =
      sleeper === undefined ? Number.POSITIVE_INFINITY : Math.max(sleeper.dueMs + offsetMs(), frozenUntilMs);
    const dueMs = Math.min(wakesMs, event?.dueMs ?? Number.POSITIVE_INFINITY);
    if (dueMs > untilMs) return undefined;
    nowMs = Math.max(nowMs, dueMs);
    if (suspendedAtMonoMs !== undefined && nowMs >= frozenUntilMs) suspendedAtMonoMs = undefined;
    return event !== undefined && event.dueMs <= wakesMs ? outside.pop() : sleepers.pop();
  };
  const offsetMs = () => BEGIN_MS - MONO_BEGIN_MS + suspendedMs;

  return {
    nowMs: () => nowMs,
    monoMs,
    wallMs,
    frozenUntilMs: () => frozenUntilMs,
    at,
    reach,
    clockOf: (life) => ({ monoMs, wallMs, sleep: (ms, signal) => sleep(life, ms, signal) }),
    stepWall(ms) {
      wallOffsetMs += ms;
      at(nowMs + STEP_SEEN_MS, tellStep);
    },
    drift(perDayMs) {
      wallOffsetMs += driftPerMs * (nowMs - driftSinceMs);
      driftSinceMs = nowMs;
      driftPerMs = perDayMs / DAY;
    },
    suspend(ms) {
      suspendedAtMonoMs ??= monoMs();
      suspendedMs += exact(ms);
      frozenUntilMs = Math.max(frozenUntilMs, nowMs + exact(ms));
      at(frozenUntilMs + STEP_SEEN_MS, tellStep);
    },
    stall(ms) {
      frozenUntilMs = Math.max(frozenUntilMs, nowMs + exact(ms));
    },
    onStep(life, callback, signal) {
      const tell = () => {
        if (life.isAlive) callback();
        else stepped.delete(tell);
      };
      stepped.add(tell);
      signal.addEventListener("abort", () => stepped.delete(tell));
    },
    spin,
    run(untilMs, isOver) {
      return new Promise((resolve) => {
        const turn = () => {
          spins = 0;
          let moment = isOver() ? undefined : next(untilMs);
          while (moment !== undefined && moment.happen === undefined) moment = next(untilMs); // was cancelled
          if (moment === undefined) return resolve();
          moment.happen?.();
          setImmediate(turn);
        };
        setImmediate(turn);
      });
    },
  };
}

interface Heap {
  push(moment: Moment): void;
  peek(): Moment | undefined;
  pop(): Moment | undefined;
}

/** Soonest first; of two at the same time the one that was put in first. */
function createHeap(): Heap {
  const items: Moment[] = [];
  const isBefore = (a: Moment, b: Moment) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
  const swap = (i: number, j: number) => {
    const [a, b] = [items[i], items[j]];
    if (a === undefined || b === undefined) return;
    [items[i], items[j]] = [b, a];
  };
  const precedes = (i: number, j: number) => {
    const [a, b] = [items[i], items[j]];
    return a !== undefined && b !== undefined && isBefore(a, b);
  };
  return {
    push(moment) {
      let at = items.push(moment) - 1;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!precedes(at, parent)) break;
        swap(at, parent);
        at = parent;
      }
    },
    peek: () => items[0],
    pop() {
      swap(0, items.length - 1);
      const top = items.pop();
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        const child = precedes(right, left) ? right : left;
        if (!precedes(child, at)) break;
        swap(at, child);
        at = child;
      }
      return top;
    },
  };
}
