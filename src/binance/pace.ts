// The lane of one API key: at least the spacing between the starts of two requests, on the monotonic clock. The one thing to
// know: the exchange measures where requests arrive, so a start is the moment a request is written to the socket, not the
// moment it was handed to undici; the first one waits for DNS, TCP and TLS in between, and the second must not catch it up.
import type { Clock } from "../core/ports.ts";
import { stopped } from "./errors.ts";

export interface Lane {
  /**
   * Waits its turn (first come, first served) and the spacing, then calls `send` and settles as it settles. `send` calls
   * `written` when its request leaves, and says whether it is the first on its connection. An earlier answer is not waited
   * for, so a slow one delays nobody, up to four at a time.
   */
  run<T>(signal: AbortSignal, send: (written: (isFirst: boolean) => Start) => Promise<T>): Promise<T>;
  /** Lets nothing start for this long: the exchange said that the key is too fast. */
  hold(ms: number): void;
}

export interface Start {
  readonly startedMonoMs: number;
  /** From the start before it in this lane; undefined for the first. */
  readonly gapMs: number | undefined;
}

/**
 * On top of the spacing, because two requests do not take equally long to arrive: a hiccup of this process or of the network
 * behind the first must not bring the second too near. 1.6 % of the cadence that 500 ms allow.
 */
const GUARD_MS = 8;
/** The first request on a connection arrives later after its write than others: the other side has to take up the connection. */
const FIRST_GUARD_MS = 25;
const IN_FLIGHT_MAX = 4;

/** Nothing starts before `notBeforeMs` (monotonic): for what a process before this one may have sent. */
export function createLane(spacingMs: number, clock: Clock, notBeforeMs = Number.NEGATIVE_INFINITY): Lane {
  let tail: Promise<void> = Promise.resolve();
  let lastStartMs: number | undefined;
  let dueMs = notBeforeMs;
  let inFlight = 0;
  let freed = Promise.withResolvers<void>();

  const sleepUntilDue = async (signal: AbortSignal) => {
    // Again after each sleep: a hold may have come meanwhile.
    while (dueMs > clock.monoMs()) await clock.sleep(dueMs - clock.monoMs(), signal);
  };
  const hold = (ms: number) => {
    dueMs = Math.max(dueMs, clock.monoMs() + ms);
  };
  const start = (isFirst: boolean): Start => {
    const startedMonoMs = clock.monoMs();
    const gapMs = lastStartMs === undefined ? undefined : startedMonoMs - lastStartMs;
    lastStartMs = startedMonoMs;
    hold(spacingMs + (isFirst ? FIRST_GUARD_MS : GUARD_MS));
    return { startedMonoMs, gapMs };
  };

  return {
    async run(signal, send) {
      const before = tail;
      const turn = Promise.withResolvers<void>();
      tail = before.then(() => turn.promise);
      try {
        await unlessAborted(before, signal);
        while (inFlight >= IN_FLIGHT_MAX) await unlessAborted(freed.promise, signal);
        await sleepUntilDue(signal);
        hold(spacingMs + GUARD_MS); // a request that never reaches the socket counts from here
        inFlight++;
      } catch (error) {
        turn.resolve();
        throw signal.aborted ? stopped() : error;
      }
      try {
        return await send((isFirst) => {
          turn.resolve();
          return start(isFirst);
        });
      } finally {
        inFlight--;
        turn.resolve();
        freed.resolve();
        freed = Promise.withResolvers();
      }
    },
    hold,
  };
}

/** Settles as `promise` does, or rejects as soon as the signal is aborted. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(stopped());
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(stopped());
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
