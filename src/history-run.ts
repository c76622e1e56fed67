// One run over an account's history: what it knows when it begins, and what it keeps. The one thing to know: what is kept of pairs and
// streams beside the cursors is written with them, in the same commit.
import { cursorName, isBegun, type Kept, keptAfter, parseKept } from "./core/cursor.ts";
import type { HistoryReader, HistoryStream } from "./core/history.ts";
import type { Failure } from "./core/ports.ts";
import type { EventRule } from "./core/rules/types.ts";
import type { Fact } from "./core/store.ts";
import type { HistorySource, Turns } from "./history-asks.ts";
import { type Batch, type BatchParts, commitBatch, emptyBatch, homesIn } from "./history-batch.ts";
import { dropIdle, dropOld } from "./history-drop.ts";
import { parseJson } from "./lib/json.ts";

/** Isolated pairs; all: those that owe or did lately. */
export type PairChoice = "all" | "none" | readonly string[];

export interface HistoryParts extends BatchParts {
  readonly reader: HistoryReader;
  readonly eventRules: readonly EventRule[];
  /** Undefined: not read. */
  readonly flows: { readonly isolated: PairChoice } | undefined;
  readonly transfers: { readonly isolated: PairChoice; readonly allow: readonly string[] } | undefined;
  /** The cross account is watched. */
  readonly cross: boolean;
  /** Symbols of the isolated pairs that owe, as the last valid answer said. */
  owing(): readonly string[];
  /** When that answer came, wall time; null: there was none yet. */
  lookedAtMs(): number | null;
  readonly sources: { note(source: HistorySource, outcome: Failure | undefined): void };
}

/** What one schedule reads. */
export interface Family {
  readonly name: "flows" | "transfers";
  readonly kinds: readonly HistoryStream["kind"][];
  readonly isolated: PairChoice;
}

/** What may be forgotten by a restart. */
export interface Memory {
  readonly turns: Turns;
  /** Names of streams of which new rows and the hour before do not come at once. */
  readonly crowded: Set<string>;
  /** When the loans were last read, else when this began; exchange time. */
  loansAtMs: number;
  /** By stream: when rows were last dropped. */
  readonly droppedMonoMs: Map<string, number>;
}

export interface Run {
  readonly parts: HistoryParts;
  readonly family: Family;
  readonly memory: Memory;
  readonly signal: AbortSignal;
  /** As it was before this run; undefined at the very first. */
  readonly before: Kept | undefined;
  /** Names of its streams. */
  readonly planned: Set<string>;
  kept: Kept;
  batch: Batch;
}

export function begin(parts: HistoryParts, family: Family, memory: Memory, signal: AbortSignal): Run {
  const before = keptOf(parts, family);
  const look = family.isolated === "all" ? { owing: parts.owing(), atMs: lookedMs(parts) } : undefined;
  const kept = keptAfter(before, look, parts.reader.nowMs());
  return { parts, family, memory, signal, before, planned: new Set(), kept, batch: newBatch(parts) };
}

const newBatch = ({ eventRules, transfers, clock }: HistoryParts): Batch =>
  emptyBatch({ rules: eventRules, allow: transfers?.allow ?? [] }, clock.monoMs());

/** By the exchange's clock. */
function lookedMs({ lookedAtMs, clock, reader }: HistoryParts): number | undefined {
  const atMs = lookedAtMs();
  return atMs === null ? undefined : reader.nowMs() - (clock.wallMs() - atMs);
}

// ---------------------------------------------------------------- what is kept

/** Commits what the run has so far. Throws StoreError. */
export function commit(run: Run): void {
  const { parts, batch, memory } = run;
  const atMs = parts.reader.nowMs();
  for (const name of homesIn(batch)) {
    const sinceMs = run.kept.streams[name]?.sinceMs ?? null;
    run.kept = withStream(run.kept, name, { sinceMs, atMs });
  }
  const factsOf = (noticedAtMs: number) => {
    run.kept = { ...run.kept, noticedAtMs };
    return [keptFact(run)];
  };
  commitBatch(batch, run.kept.noticedAtMs, factsOf, parts);
  dropOld(batch, memory.droppedMonoMs, parts);
  run.batch = newBatch(parts);
}

/** Drops old rows of what is read no more; of what nothing can be left of, everything. */
export function forgetIdle(run: Run): void {
  const { parts, planned, memory } = run;
  const { account, clock, ledger } = parts;
  const gone = new Set(dropIdle(run.kept, (name) => planned.has(name), memory.droppedMonoMs, parts));
  if (gone.size === 0) return;
  const begun = [...gone].filter((name) => isBegun(name, run.kept));
  const streams = Object.fromEntries(Object.entries(run.kept.streams).filter(([name]) => !gone.has(name)));
  run.kept = { ...run.kept, streams };
  const cursors = begun.map((name): Fact => ({ name: cursorName(account, name), value: "" }));
  const facts = [...cursors, keptFact(run)];
  ledger.commit({ changes: [], notifications: [] }, undefined, clock.wallMs(), { facts });
}

export const withStream = (kept: Kept, name: string, stream: Kept["streams"][string]): Kept => ({
  ...kept,
  streams: { ...kept.streams, [name]: stream },
});

const keptName = (account: string, { name }: Family): string => `history.${account}.${name}`;

export const keptFact = ({ parts, family, kept }: Run): Fact => ({
  name: keptName(parts.account, family),
  value: JSON.stringify(kept),
});

function keptOf({ account, ledger, log }: HistoryParts, family: Family): Kept | undefined {
  const text = ledger.fact(keptName(account, family));
  const kept = text === undefined ? undefined : parseKept(parseJson(text));
  if (text !== undefined && kept === undefined)
    log.error({ account }, `which pairs owed lately is lost: ${family.name} of those that owe no more may be missed`);
  return kept;
}
