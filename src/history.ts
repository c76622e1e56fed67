// Reads one account's history on slow schedules of its own and tells of rows that trip a rule. The one thing to know: rows, cursors and
// messages of a run are committed together, so that a crash at any moment loses no row and tells none that was told.
import {
  cursorAt,
  cursorName,
  firstCursor,
  inPresent,
  type Kept,
  keptAfter,
  lostCursor,
  OVERLAP_MS,
  parseCursor,
  parseKept,
} from "./core/cursor.ts";
import { type Cursor, type HistoryReader, type HistoryStream, streamName } from "./core/history.ts";
import { type Failure, StoreError } from "./core/ports.ts";
import type { EventRule } from "./core/rules/types.ts";
import type { Fact } from "./core/store.ts";
import {
  addPart,
  type Batch,
  type BatchParts,
  commitBatch,
  cursorFact,
  dropOld,
  emptyBatch,
  isFull,
} from "./history-batch.ts";
import { parseJson } from "./lib/json.ts";

/** What is read of each account, under the names that people know. */
export type HistorySource = "capital flow" | "transfer history" | "forced liquidations" | "liquidation loans";

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
  /** Symbols of the isolated pairs that owe now. */
  owing(): readonly string[];
  readonly sources: { note(source: HistorySource, outcome: Failure | undefined): void };
}

/**
 * One run each; called while one is under way, it is that one. Both resolve whatever the exchange and the disk do: what could not be read
 * or kept is read by the next run.
 */
export interface HistoryWatch {
  flows(signal: AbortSignal): Promise<void>;
  transfers(signal: AbortSignal): Promise<void>;
}

export function createHistoryWatch(parts: HistoryParts): HistoryWatch {
  const { flows, transfers } = parts;
  const memory: Memory = { loansAtMs: Number.NEGATIVE_INFINITY, droppedMonoMs: new Map() };
  const runs = (family: Family) => oneAtATime((signal) => runFamily(parts, family, memory, signal));
  const none = () => Promise.resolve();
  return {
    flows:
      flows === undefined ? none : runs({ name: "flows", kinds: ["flow", "liquidation"], isolated: flows.isolated }),
    transfers:
      transfers === undefined ? none : runs({ name: "transfers", kinds: ["transfer"], isolated: transfers.isolated }),
  };
}

/** What one schedule reads. */
interface Family {
  readonly name: "flows" | "transfers";
  readonly kinds: readonly HistoryStream["kind"][];
  readonly isolated: PairChoice;
}

interface Memory {
  /** When the loans were last read, exchange time. */
  loansAtMs: number;
  /** By stream: when rows were last dropped. */
  readonly droppedMonoMs: Map<string, number>;
}

interface Run {
  readonly parts: HistoryParts;
  readonly family: Family;
  readonly memory: Memory;
  readonly signal: AbortSignal;
  /** As it was before this run; undefined at the very first. */
  readonly before: Kept | undefined;
  kept: Kept;
  batch: Batch;
}

/** One thing to ask the exchange for. */
interface Ask {
  readonly source: HistorySource;
  /** For the log: the stream. */
  readonly name: string;
  /** When it was last read. */
  readonly lastMs: number;
  read(): Promise<Failure | undefined>;
}

const SOURCE: Readonly<Record<HistoryStream["kind"], HistorySource>> = {
  flow: "capital flow",
  transfer: "transfer history",
  liquidation: "forced liquidations",
};

/** After one of these the whole address has to wait. */
const isPause = ({ code }: Failure): boolean => code === "rate_limited" || code === "banned";

function oneAtATime(work: (signal: AbortSignal) => Promise<void>): (signal: AbortSignal) => Promise<void> {
  let underWay: Promise<void> | undefined;
  return (signal) => {
    underWay ??= work(signal).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

async function runFamily(parts: HistoryParts, family: Family, memory: Memory, signal: AbortSignal): Promise<void> {
  const { account, log, sources } = parts;
  const outcomes = new Map<HistorySource, Failure | undefined>();
  try {
    const run = begin(parts, family, memory, signal);
    for (const ask of plan(run)) {
      const failure = await ask.read();
      if (signal.aborted) return; // nothing is lost: the cursors stay where they are
      if (failure === undefined || !outcomes.has(ask.source)) outcomes.set(ask.source, failure);
      if (failure === undefined) continue;
      log.warn({ account }, `${ask.name} could not be read: ${failure.code}: ${failure.detail}`);
      if (isPause(failure)) break;
    }
    commit(run);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, account }, `the ${family.name} are left for the next time: the state cannot be read`);
  }
  for (const [source, outcome] of outcomes) sources.note(source, outcome);
}

function begin(parts: HistoryParts, family: Family, memory: Memory, signal: AbortSignal): Run {
  const { clock, reader } = parts;
  const before = keptOf(parts, family);
  const kept = keptAfter(before, family.isolated === "all", parts.owing(), reader.nowMs());
  return { parts, family, memory, signal, before, kept, batch: emptyBatch(clock.monoMs()) };
}

// ---------------------------------------------------------------- what is read

/** What there is to ask, longest unread first: where the weight budget ends a run, the next one begins with what was left. */
function plan(run: Run): readonly Ask[] {
  const { parts, family, memory, before } = run;
  const { account, clock, cross, ledger, reader } = parts;
  const nowMs = reader.nowMs();
  const asks: Ask[] = [];
  const fresh: Fact[] = [];
  for (const stream of streamsOf(run)) {
    const text = ledger.fact(cursorName(account, stream));
    const cursor = text === undefined ? firstCursor(stream, before, nowMs) : cursorOf(text, stream, run, nowMs);
    if (text === undefined) fresh.push(cursorFact(account, stream, cursor));
    if (text === undefined && cursor.readToMs === cursorAt(nowMs).readToMs) continue; // it begins now: nothing to read yet
    const [source, name] = [SOURCE[stream.kind], streamName(stream)];
    asks.push({ source, name, lastMs: cursor.readToMs, read: () => readStream(run, stream, cursor) });
  }
  if (family.name === "flows" && cross) {
    const source = "liquidation loans";
    asks.push({ source, name: source, lastMs: memory.loansAtMs, read: () => readLoans(run) });
  }
  // At once: from here on their rows count, whatever becomes of this run.
  if (fresh.length > 0) {
    const facts = [...fresh, keptFact(run)];
    ledger.commit({ changes: [], notifications: [] }, undefined, clock.wallMs(), { facts });
  }
  return asks.sort((a, b) => a.lastMs - b.lastMs);
}

function streamsOf({ parts, family, kept }: Run): readonly HistoryStream[] {
  const { isolated, kinds } = family;
  const pairs = isolated === "none" ? [] : isolated === "all" ? Object.keys(kept.owed) : new Set(isolated);
  return [...(parts.cross ? [undefined] : []), ...pairs].flatMap((symbol) => kinds.map((kind) => ({ kind, symbol })));
}

function cursorOf(text: string, stream: HistoryStream, { parts, before }: Run, nowMs: number): Cursor {
  const cursor = parseCursor(parseJson(text));
  if (cursor === undefined)
    parts.log.error({ account: parts.account }, `${streamName(stream)}: how far it was read is lost, it is read again`);
  return inPresent(cursor ?? lostCursor(before, nowMs), nowMs);
}

async function readStream(
  run: Run,
  stream: HistoryStream,
  { sinceMs, readToMs }: Cursor,
): Promise<Failure | undefined> {
  const { reader, clock } = run.parts;
  let toMs = readToMs;
  for await (const read of reader.read(stream, readToMs - OVERLAP_MS, run.signal)) {
    if (run.signal.aborted) return undefined;
    if (!read.ok) return read.failure;
    // Never back, and never beyond now: what is said to be read there was not.
    toMs = Math.max(toMs, Math.min(read.value.readToMs, reader.nowMs()));
    addPart(run.batch, stream, { sinceMs, readToMs: toMs }, read.value);
    if (isFull(run.batch, clock.monoMs())) commit(run);
  }
  return undefined;
}

async function readLoans({ parts, memory, batch, signal }: Run): Promise<Failure | undefined> {
  const read = await parts.reader.loans(signal);
  if (!read.ok) return read.failure;
  memory.loansAtMs = parts.reader.nowMs();
  batch.loans = read.value;
  return undefined;
}

// ---------------------------------------------------------------- what is kept

/** Commits what the run has so far. Throws StoreError. */
function commit(run: Run): void {
  const { parts, batch, memory } = run;
  const wires = { rules: parts.eventRules, allow: parts.transfers?.allow ?? [] };
  const factsOf = (noticedAtMs: number) => {
    run.kept = { ...run.kept, noticedAtMs };
    return [keptFact(run)];
  };
  commitBatch(batch, wires, run.kept.noticedAtMs, factsOf, parts);
  dropOld(batch, memory.droppedMonoMs, parts);
  run.batch = emptyBatch(parts.clock.monoMs());
}

const keptName = (account: string, { name }: Family): string => `history.${account}.${name}`;

const keptFact = ({ parts, family, kept }: Run): Fact => ({
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
