// The reads of one poll: each asks, parses and answers with a value, whatever happens. The one thing to know: while the address is
// paused or the key refused, a read answers at once with the failure that everybody knows already, without a request.
import type { Answer, Clock, Failure, ReadResult, Source } from "../core/ports.ts";
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
}

const CROSS_PATH = "/sapi/v1/margin/account";
const NO_CROSS_RECHECK_MS = 60_000;

export type Read = (signal: AbortSignal) => Promise<ReadResult>;
type Reading = { readonly answer: Answer; readonly atMs: number };

/** Cross first: it enters the lane first. */
export function readsOf({ name, cross, isolated }: ReadsConfig, asker: Asker, shared: Shared): readonly Read[] {
  const { clock, log } = shared;
  const reads: Read[] = [];
  if (cross) reads.push(guarded("cross", crossReading(asker, clock), shared));
  if (isolated !== "none" && isolated.length > 0) {
    const reader = createPairsReader(isolated, { account: name, asker, clock, log });
    const reading = async (signal: AbortSignal): Promise<Reading> => {
      const { pairs, atMs } = await reader.read(signal);
      return { answer: { source: "isolated", asked: isolated, pairs }, atMs };
    };
    reads.push(guarded("isolated", reading, shared));
  }
  return reads;
}

function crossReading(asker: Asker, clock: Clock): (signal: AbortSignal) => Promise<Reading> {
  let recheckAtMs = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    if (clock.monoMs() < recheckAtMs) return { answer: NO_CROSS_ANSWER, atMs: clock.wallMs() };
    try {
      return { answer: parseCross(await asker.ask(CROSS_PATH, [], signal)), atMs: clock.wallMs() };
    } catch (error) {
      if (!hasCode(error, NO_CROSS_ACCOUNT)) throw error;
      recheckAtMs = clock.monoMs() + NO_CROSS_RECHECK_MS;
      return { answer: NO_CROSS_ANSWER, atMs: clock.wallMs() };
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

function failureOf(error: unknown, signal: AbortSignal, log: Log): Failure {
  if (error instanceof ExchangeError) return error.failure;
  if (signal.aborted) return stopped().failure;
  // A mistake of ours must be seen, and must not end the watch.
  log.warn({ error }, "a read failed inside margind; please report this");
  return { code: "bad_response", detail: "margind could not work with the answer" };
}
