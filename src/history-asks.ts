// What a run over the history asks the exchange for, in turn: when it ends before everything was asked, and what it says of the sources.
// The one thing to know: what was asked longest ago goes first, however it ended, so that nothing starves behind what always fails.
import type { Failure } from "./core/ports.ts";

/** What is read of each account, under the names that people know. */
export type HistorySource = "capital flow" | "transfer history" | "forced liquidations" | "liquidation loans";

/** One thing to ask the exchange for. */
export interface Ask {
  readonly source: HistorySource;
  /** For the log: the stream. */
  readonly name: string;
  /** Up to when it is read, exchange time. Undefined: of no matter, as it is read for the second time. */
  readonly readToMs: (() => number) | undefined;
  read(): Promise<Failure | undefined>;
}

/** Names of asks in the order in which they were made last. */
export type Turns = Map<string, number>;

/** Longest not asked first; of those that never were, those read longest ago. */
export function inTurn(asks: readonly Ask[], turns: Turns): readonly Ask[] {
  const keyed = asks.map((ask) => ({ ask, turn: turns.get(ask.name) ?? 0, readToMs: ask.readToMs?.() ?? 0 }));
  return keyed.sort((a, b) => a.turn - b.turn || a.readToMs - b.readToMs).map(({ ask }) => ask);
}

/** After one of these the whole address has to wait. */
export const isPause = ({ code }: Failure): boolean => code === "rate_limited" || code === "banned";
/** After so many of these in a row nobody answers: each takes as long as a request may. */
const SILENT_MAX = 3;
const isSilence = ({ code }: Failure): boolean => code === "timeout" || code === "unreachable";

export interface Asked {
  /** What each came to; undefined: it succeeded. Those that are missing were not asked. */
  readonly results: ReadonlyMap<Ask, Failure | undefined>;
  /** Why the rest was not; undefined: there was none. */
  readonly ended: Failure | undefined;
}

/** `onAnswer` is called after each, and stops it all by yielding false. */
export async function askAll(
  asks: Iterable<Ask>,
  turns: Turns,
  onAnswer: (ask: Ask, failure: Failure | undefined) => boolean,
): Promise<Asked> {
  const results = new Map<Ask, Failure | undefined>();
  let silent = 0;
  for (const ask of asks) {
    const failure = await ask.read();
    // One that comes when the weight is spent by those before it has not had its turn; the very first has.
    const hadTurn = results.size === 0 || failure === undefined || !isPause(failure);
    if (hadTurn) turns.set(ask.name, Math.max(0, ...turns.values()) + 1);
    results.set(ask, failure);
    if (!onAnswer(ask, failure)) break;
    silent = failure !== undefined && isSilence(failure) ? silent + 1 : 0;
    if (failure !== undefined && (isPause(failure) || silent >= SILENT_MAX)) return { results, ended: failure };
  }
  return { results, ended: undefined };
}

/** What is behind by more than this is not read, whatever becomes of its source otherwise. */
const BEHIND_MS = 3_600_000;

/**
 * What the run says of each source: that it was read when any part of it was; that it was not when a part is far behind and was not
 * read, or not reached. `asks`: also those that were not made.
 */
export function outcomesOf(
  asks: readonly Ask[],
  { results, ended }: Asked,
  nowMs: number,
): ReadonlyMap<HistorySource, Failure | undefined> {
  const outcomes = new Map<HistorySource, Failure | undefined>();
  for (const [{ source, readToMs }, failure] of results) {
    if (readToMs === undefined) continue;
    if (failure === undefined || !outcomes.has(source)) outcomes.set(source, failure);
  }
  for (const ask of asks) {
    const failure = results.has(ask) ? results.get(ask) : ended;
    if (failure !== undefined && ask.readToMs !== undefined && nowMs - ask.readToMs() > BEHIND_MS)
      outcomes.set(ask.source, failure);
  }
  return outcomes;
}
