// The reads of one poll: each asks, parses and answers with a value, whatever happens. The one thing to know: while the address is
// paused or the key refused, a read answers at once with the failure that everybody knows already, without a request.
import { symbolOf } from "../core/observe.ts";
import type { Answer, Clock, Failure, ReadResult, Source, Subject } from "../core/ports.ts";
import { type Backoff, stepMs } from "../lib/backoff.ts";
import type { Log } from "../lib/log.ts";
import type { Asker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { ExchangeError, hasCode, NO_CROSS_ACCOUNT, stopped } from "./errors.ts";
import { createPairsReader } from "./pairs.ts";
import { NO_CROSS_ANSWER, parseCross } from "./parse.ts";
import { createRefusal } from "./refusal.ts";

export interface ReadsConfig {
  readonly name: string;
  readonly cross: boolean;
  readonly isolated: "all" | "none" | readonly string[];
  /** Subjects that owed something before this process: they were there, so they may be back any moment. */
  readonly indebted?: readonly Subject[];
}

const CROSS_PATH = "/sapi/v1/margin/account";
/** How soon a cross account that was never there is asked for again: mostly it is a slip in the config. */
const NEVER_OPENED: Backoff = { firstMs: 5_000, maxMs: 60_000 };

export type Read = (signal: AbortSignal) => Promise<ReadResult>;
type Reading = { readonly answer: Answer; readonly atMs: number };

/** Cross first: it enters the lane first. */
export function readsOf(
  { name, cross, isolated, indebted = [] }: ReadsConfig,
  asker: Asker,
  shared: Shared,
): readonly Read[] {
  const { clock } = shared;
  const reads: Read[] = [];
  if (cross) reads.push(guarded("cross", crossReading(asker, clock, indebted.includes("cross")), shared));
  if (isolated !== "none" && isolated.length > 0) {
    const seen = indebted.map(symbolOf);
    const reader = createPairsReader(isolated, { ...shared, account: name, asker, seen });
    const reading = async (signal: AbortSignal): Promise<Reading> => {
      const { atMs, ...found } = await reader.read(signal);
      return { answer: { source: "isolated", asked: isolated, ...found }, atMs };
    };
    reads.push(guarded("isolated", reading, shared));
  }
  return reads;
}

function crossReading(asker: Asker, clock: Clock, isKnown: boolean): (signal: AbortSignal) => Promise<Reading> {
  let wasOpened = isKnown;
  let absences = 0;
  let recheckMonoMs = Number.NEGATIVE_INFINITY;
  // Stamped with now even when remembered: nothing about an account that was never there can be out of date.
  const noAccount = (): Reading => ({ answer: NO_CROSS_ANSWER, atMs: clock.wallMs() });
  return async (signal) => {
    // Never for an account that was seen: it does not go away, so it may be back with its debt at the next poll.
    if (!wasOpened && clock.monoMs() < recheckMonoMs) return noAccount();
    try {
      const answer = parseCross(await asker.ask(CROSS_PATH, [], signal));
      wasOpened ||= answer.opened;
      return { answer, atMs: clock.wallMs() };
    } catch (error) {
      if (!hasCode(error, NO_CROSS_ACCOUNT)) throw error;
      absences++;
      recheckMonoMs = clock.monoMs() + stepMs(NEVER_OPENED, absences);
      return noAccount();
    }
  };
}

/** A read that never rejects, and does not ask at all while the address is paused or the key refused. */
function guarded(
  source: Source,
  reading: (signal: AbortSignal) => Promise<Reading>,
  { clock, pause, log }: Shared,
): Read {
  const refusal = createRefusal(clock);
  const failed = (failure: Failure): ReadResult => ({ ok: false, atMs: clock.wallMs(), source, failure });
  return async (signal) => {
    const known = pause.current()?.failure ?? refusal.current();
    if (known !== undefined) return failed(known);
    try {
      const read = await reading(signal);
      refusal.note(undefined);
      return { ok: true, ...read };
    } catch (error) {
      const failure = failureOf(error, signal, log);
      refusal.note(failure);
      return failed(failure);
    }
  };
}

/** What a read that threw comes to. */
export function failureOf(error: unknown, signal: AbortSignal, log: Log): Failure {
  if (error instanceof ExchangeError) return error.failure;
  if (signal.aborted) return stopped().failure;
  // A mistake of ours must be seen, and must not end the watch.
  log.warn({ error }, "a read failed inside margind; please report this");
  return { code: "bad_response", detail: "margind could not work with the answer" };
}
