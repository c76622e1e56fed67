// A key or signature that the exchange refuses does not get better by asking every few seconds: after two refusals in a row the
// exchange is asked once a minute, and in between every poll gets the same failure without a request. Clears itself.
import { refusesKey } from "../core/failure.ts";
import type { Clock, Failure } from "../core/ports.ts";

export interface Refusal {
  /** The failure to answer with instead of asking; undefined when the exchange may be asked. */
  current(): Failure | undefined;
  /** What asking came to; undefined when it succeeded. */
  note(failure: Failure | undefined): void;
}

const IN_A_ROW = 2;
const PROBE_EVERY_MS = 60_000;

export function createRefusal(clock: Clock): Refusal {
  let last: Failure | undefined;
  let count = 0;
  let probeMonoMs = 0;
  return {
    current() {
      if (count < IN_A_ROW || clock.monoMs() >= probeMonoMs) return undefined;
      return last;
    },
    note(failure) {
      count = failure !== undefined && refusesKey(failure) ? count + 1 : 0;
      last = failure;
      probeMonoMs = clock.monoMs() + PROBE_EVERY_MS;
    },
  };
}
