// The lane of one API key: at least the spacing between the starts of two requests, on the monotonic clock. The one thing to
// know: the exchange measures where requests arrive, so a start is the moment a request is written to the socket, not the
// moment it was handed to undici; the first one waits for DNS, TCP and TLS in between, and the second must not catch it up.
import type { Clock } from "../core/ports.ts";
import { stopped } from "./errors.ts";

/** `later`: starts only when nothing that is urgent waits, and is overtaken by it until its very start. */
export type Urgency = "now" | "later";

export interface Lane {
  /**
   * Waits its turn (first come, first served among its like) and the spacing, then calls `send` and settles as it settles. `send`
   * calls `written` when its request leaves, and says whether it is the first on its connection. An earlier answer is not waited
   * for, so a slow one delays nobody, up to four at a time.
   */
  run<T>(urgency: Urgency, signal: AbortSignal, send: (written: (isFirst: boolean) => Start) => Promise<T>): Promise<T>;
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
/** What can wait never takes the last places: a history that hangs must not hold up the account. */
const LATER_IN_FLIGHT_MAX = 2;
/** In a lane without a gap, what has waited so long takes one turn like anybody else: else it would never be read, and nobody know. */
const LATER_PATIENCE_MS = 120_000;

/** Nothing starts before `notBeforeMs` (monotonic): for what a process before this one may have sent. */
export function createLane(spacingMs: number, clock: Clock, notBeforeMs = Number.NEGATIVE_INFINITY): Lane {
  let tail: Promise<void> = Promise.resolve();
  let lastStartMs: number | undefined;
  let dueMs = notBeforeMs;
  let laterTail: Promise<void> = Promise.resolve();
  let inFlight = 0;
  let laterInFlight = 0;
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

  /** Takes the place of whoever goes next: until it is given back, nobody else starts. */
  const takeTurn = (): Turn => {
    const before = tail;
    const turn = Promise.withResolvers<void>();
    tail = before.then(() => turn.promise);
    return { before, done: turn.resolve };
  };

  async function waitUrgent(before: Promise<void>, signal: AbortSignal): Promise<void> {
    await unlessAborted(before, signal);
    while (inFlight + laterInFlight >= IN_FLIGHT_MAX) await unlessAborted(freed.promise, signal);
    await sleepUntilDue(signal);
  }

  /** Takes the turn when the lane is free and due with nobody urgent in it: looked at and taken in one go. */
  async function idleTurn(signal: AbortSignal): Promise<() => void> {
    const goMonoMs = clock.monoMs() + LATER_PATIENCE_MS;
    for (;;) {
      const seen = tail;
      await unlessAborted(seen, signal);
      if (laterInFlight >= LATER_IN_FLIGHT_MAX || inFlight + laterInFlight >= IN_FLIGHT_MAX)
        await unlessAborted(freed.promise, signal);
      else if (clock.monoMs() >= goMonoMs) return turnLike(takeTurn(), signal);
      else if (dueMs > clock.monoMs()) await clock.sleep(dueMs - clock.monoMs(), signal);
      else if (seen === tail) {
        hold(spacingMs + GUARD_MS);
        laterInFlight++;
        return takeTurn().done;
      }
    }
  }

  async function turnLike({ before, done }: Turn, signal: AbortSignal): Promise<() => void> {
    try {
      await waitUrgent(before, signal);
    } catch (error) {
      done();
      throw error;
    }
    hold(spacingMs + GUARD_MS);
    laterInFlight++;
    return done;
  }

  async function runNow<T>(signal: AbortSignal, send: Send<T>): Promise<T> {
    const { before, done } = takeTurn();
    try {
      await waitUrgent(before, signal);
      hold(spacingMs + GUARD_MS); // a request that never reaches the socket counts from here
      inFlight++;
    } catch (error) {
      done();
      throw signal.aborted ? stopped() : error;
    }
    return sending(send, done, () => inFlight--);
  }

  async function runLater<T>(signal: AbortSignal, send: Send<T>): Promise<T> {
    const queued = laterTail;
    const over = Promise.withResolvers<void>();
    laterTail = queued.then(() => over.promise);
    let done: () => void;
    try {
      await unlessAborted(queued, signal);
      done = await idleTurn(signal);
    } catch (error) {
      throw signal.aborted ? stopped() : error;
    } finally {
      over.resolve();
    }
    return sending(send, done, () => laterInFlight--);
  }

  async function sending<T>(send: Send<T>, done: () => void, leave: () => void): Promise<T> {
    try {
      return await send((isFirst) => {
        done();
        return start(isFirst);
      });
    } finally {
      leave();
      done();
      freed.resolve();
      freed = Promise.withResolvers();
    }
  }

  return { run: (urgency, signal, send) => (urgency === "now" ? runNow(signal, send) : runLater(signal, send)), hold };
}

interface Turn {
  /** Resolves when whoever is before has started. */
  readonly before: Promise<void>;
  done(): void;
}

type Send<T> = (written: (isFirst: boolean) => Start) => Promise<T>;

/** Settles as `promise` does, or rejects as soon as the signal is aborted. */
function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(stopped());
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(stopped());
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", onAbort));
}
