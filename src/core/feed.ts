// Is anything valid still arriving? Keeps, per account, when each source last gave a valid answer, and says when the daemon is
// blind. Durations are monotonic; wall stamps are only for people. Pure: the watchdog asks it once a second.
import type { Failure, Source } from "./ports.ts";

/** Health of one source of one account. */
export interface SourceHealth {
  readonly source: Source;
  /** Monotonic time of the last valid answer, or of the start. */
  readonly okMonoMs: number;
  /** Wall time of the last valid answer; null when there never was one. */
  readonly okAtMs: number | null;
  /** A valid answer came since the start. */
  readonly hasSeen: boolean;
  /** Reads in a row that failed in this same way. */
  readonly failures: number;
  readonly failure: Failure | null;
  /** A valid answer in which something that a rule needs was missing or malformed. */
  readonly invalid: string | null;
}

export interface Blindness {
  readonly source: Source;
  /** All sources that give no valid answer; `source` is the one whose failure says most. */
  readonly sources: readonly Source[];
  /** How long there has been no valid answer. */
  readonly silentMs: number;
  readonly lastOkAtMs: number | null;
  readonly failure: Failure | null;
  readonly invalid: string | null;
}

export function startHealth(source: Source, monoMs: number, okAtMs: number | null): SourceHealth {
  return { source, okMonoMs: monoMs, okAtMs, hasSeen: false, failures: 0, failure: null, invalid: null };
}

export function noteValid(health: SourceHealth, monoMs: number, atMs: number): SourceHealth {
  return { ...health, okMonoMs: monoMs, okAtMs: atMs, hasSeen: true, failures: 0, failure: null, invalid: null };
}

export function noteFailure(health: SourceHealth, failure: Failure): SourceHealth {
  const isSame = health.failure?.code === failure.code;
  return { ...health, failures: isSame ? health.failures + 1 : 1, failure, invalid: null };
}

export function noteInvalid(health: SourceHealth, text: string): SourceHealth {
  return { ...health, failures: 0, failure: null, invalid: text };
}

export interface Moment {
  readonly monoMs: number;
  readonly wallMs: number;
  readonly staleAfterMs: number;
  /** People were told that the daemon is blind: then only a fresh valid answer of every source ends it, not a restart of the clock. */
  readonly isBlind: boolean;
}

/** The worst blindness of an account's sources, or undefined while all of them are seen well enough. */
export function blindness(sources: readonly SourceHealth[], now: Moment): Blindness | undefined {
  const isLost = (health: SourceHealth) =>
    now.monoMs - health.okMonoMs > now.staleAfterMs || isHopeless(health) || (now.isBlind && !isSeeing(health));
  const blind = sources.filter(isLost);
  const [worst] = blind.sort(
    (a, b) => Number(b.failure !== null) - Number(a.failure !== null) || a.okMonoMs - b.okMonoMs,
  );
  if (worst === undefined) return undefined;
  const { source, okAtMs, failure, invalid } = worst;
  const silentMs = silence(worst, now);
  return { source, sources: blind.map((each) => each.source), silentMs, lastOkAtMs: okAtMs, failure, invalid };
}

function isSeeing({ hasSeen, failure, invalid }: SourceHealth): boolean {
  return hasSeen && failure === null && invalid === null;
}

/** Before the first valid answer since the start, the silence goes back to the last one of an earlier run. */
function silence({ okMonoMs, okAtMs, hasSeen }: SourceHealth, { monoMs, wallMs }: Moment): number {
  const sinceMs = monoMs - okMonoMs;
  return hasSeen || okAtMs === null ? sinceMs : Math.max(sinceMs, wallMs - okAtMs);
}

// Some failures will not pass by themselves within staleAfter, so waiting for it would only lose time: a ban, a signature that
// does not fit, a key refused twice in a row (once can be a hiccup of the exchange).
function isHopeless({ failure, failures }: SourceHealth): boolean {
  if (failure === null) return false;
  if (failure.code === "banned" || failure.code === "bad_signature") return true;
  return failure.code === "rejected_key" && failures >= 2;
}
