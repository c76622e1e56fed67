// Is an answer of now? No account answer carries a time of its own, so a proxy or cache that serves an old one again shows only in two
// headers: Age, which caches add, and Date, which the exchange writes. The one thing to know: a Date is held against the Date with which
// the exchange told its time, never against a clock of this machine, so no clock that is wrong here can make a good answer old.
import { httpDateMs } from "../lib/retry-after.ts";
import { ExchangeError } from "./errors.ts";
import { type Headers, headerText } from "./request.ts";

export interface Freshness {
  /** These headers came with the exchange's own time, which was true at this monotonic moment. Throws when a cache told it. */
  anchor(headers: Headers, atMonoMs: number): void;
  /** Throws when an answer was made long before it was asked for. */
  check(headers: Headers, askedMonoMs: number): void;
}

/** Far beyond the whole seconds of a Date, and the seconds by which the clocks of the exchange's machines may differ. */
const OLD_MS = 30_000;

export function createFreshness(): Freshness {
  /** What the exchange's Date was ahead of the monotonic clock; undefined while it is not known. */
  let offsetMs: number | undefined;
  return {
    anchor(headers, atMonoMs) {
      checkAge(headers);
      const dateMs = dateOf(headers);
      offsetMs = dateMs === undefined ? undefined : dateMs - atMonoMs;
    },
    check(headers, askedMonoMs) {
      checkAge(headers);
      const dateMs = dateOf(headers);
      if (dateMs === undefined || offsetMs === undefined) return;
      const oldMs = askedMonoMs + offsetMs - dateMs;
      // This machine's monotonic clock may have jumped (a suspend): the exchange's time is read again before anything is believed.
      if (oldMs > OLD_MS) throw old(oldMs, "resync");
    },
  };
}

const dateOf = (headers: Headers): number | undefined => httpDateMs(headerText(headers, "date"));

function checkAge(headers: Headers): void {
  const age = headerText(headers, "age").trim();
  const oldMs = /^\d+$/.test(age) ? Number(age) * 1000 : 0;
  if (oldMs > OLD_MS) throw old(oldMs, "no");
}

const old = (ms: number, retry: "no" | "resync"): ExchangeError =>
  new ExchangeError(
    { code: "bad_response", detail: `an old answer, ${Math.round(ms / 1000)} s: a proxy or cache kept it` },
    retry,
  );
