// Reads one account's history on slow schedules of its own and tells of rows that trip a rule. The one thing to know: rows, cursors and
// messages of a run are committed together, so that a crash at any moment loses no row and tells none that was told.
import {
  cursorAt,
  cursorName,
  firstCursor,
  inPresent,
  isBegun,
  isOverdue,
  lostCursor,
  parseCursor,
} from "./core/cursor.ts";
import { type Cursor, type HistoryPart, type HistoryStream, type Read, streamName } from "./core/history.ts";
import { type Failure, StoreError } from "./core/ports.ts";
import type { Fact } from "./core/store.ts";
import { type Ask, askAll, type HistorySource, inTurn, isPause, outcomesOf } from "./history-asks.ts";
import { addLoans, addRows, cursorFact, isDue } from "./history-batch.ts";
import { type Reading, readAgain, readNew } from "./history-read.ts";
import {
  begin,
  commit,
  type Family,
  forgetIdle,
  type HistoryParts,
  keptFact,
  type Memory,
  type Run,
  withStream,
} from "./history-run.ts";
import { parseJson } from "./lib/json.ts";

export type { HistoryParts } from "./history-run.ts";

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
  const runs = (family: Family) => {
    const loansAtMs = parts.reader.nowMs();
    const memory: Memory = { turns: new Map(), crowded: new Set(), loansAtMs, droppedMonoMs: new Map() };
    return oneAtATime((signal) => runFamily(parts, family, memory, signal));
  };
  const none = () => Promise.resolve();
  return {
    flows:
      flows === undefined ? none : runs({ name: "flows", kinds: ["flow", "liquidation"], isolated: flows.isolated }),
    transfers:
      transfers === undefined ? none : runs({ name: "transfers", kinds: ["transfer"], isolated: transfers.isolated }),
  };
}

const SOURCE: Readonly<Record<HistoryStream["kind"], HistorySource>> = {
  flow: "capital flow",
  transfer: "transfer history",
  liquidation: "forced liquidations",
};

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
  const { account, clock, log, reader, sources } = parts;
  try {
    const run = begin(parts, family, memory, signal);
    const { first, later } = plan(run);
    const said = new Set<string>();
    const asked = await askAll(inOrder(first, later), memory.turns, ({ name, source }, failure) => {
      if (signal.aborted) return false; // nothing is lost: the cursors stay where they are
      if (failure !== undefined) {
        const text = `${source}: not readable now: ${failure.code}: ${failure.detail}`;
        if (said.has(text)) log.debug({ account, stream: name }, text);
        else log.warn({ account, stream: name }, text);
        said.add(text);
      }
      if (isDue(run.batch, clock.monoMs())) commit(run);
      return true;
    });
    if (signal.aborted) return;
    const outcomes = outcomesOf(first, asked, reader.nowMs());
    for (const [source, outcome] of outcomes) sources.note(source, outcome);
    commit(run);
    forgetIdle(run);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, account }, `the ${family.name} are left for the next time: the state cannot be read`);
  }
}

// ---------------------------------------------------------------- what is read

interface Plan {
  readonly first: readonly Ask[];
  /** Known when the first are through: what is left of crowded streams. */
  later(): readonly Ask[];
}

function* inOrder(first: readonly Ask[], later: () => readonly Ask[]): Generator<Ask> {
  yield* first;
  yield* later();
}

/** What there is to ask. */
function plan(run: Run): Plan {
  const { parts, family, memory } = run;
  const readings = begun(run);
  const asks = readings.map((reading): Ask => {
    const { name, stream } = reading;
    const source = SOURCE[stream.kind];
    return { source, name, readToMs: () => reading.cursor.readToMs, read: () => take(run, reading, readNew) };
  });
  const loans = { source: "liquidation loans", name: "liquidation loans", readToMs: () => memory.loansAtMs } as const;
  if (family.name === "flows" && parts.cross) asks.unshift({ ...loans, read: () => readLoans(run) });
  const again = (reading: Reading): Ask => {
    const name = `the hour before in ${reading.name}`;
    return {
      source: SOURCE[reading.stream.kind],
      name,
      readToMs: undefined,
      read: () => take(run, reading, readAgain),
    };
  };
  // Where no run gets to the end, what waits for the end of one would wait for ever.
  const overdue = readings.filter((each) => each.isCrowded && isOverdue(each.cursor, parts.reader.nowMs()));
  const rest = () => readings.filter((each) => each.isCrowded && !overdue.includes(each));
  return {
    first: inTurn([...asks, ...overdue.map(again)], memory.turns),
    later: () => inTurn(rest().map(again), memory.turns),
  };
}

/** The streams of which there is anything to read. Throws StoreError. */
function begun(run: Run): readonly Reading[] {
  const { parts, memory, planned } = run;
  const { account, clock, ledger } = parts;
  const nowMs = parts.reader.nowMs();
  const fresh: Fact[] = [];
  const readings = streamsOf(run).flatMap((stream): Reading[] => {
    const name = streamName(stream);
    const { cursor, isNew } = cursorOf(run, stream, nowMs);
    planned.add(name);
    run.kept = withStream(run.kept, name, { sinceMs: cursor.sinceMs, atMs: nowMs });
    if (isNew) fresh.push(cursorFact(account, name, cursor));
    if (isNew && cursor.readToMs === cursorAt(nowMs).readToMs) return []; // it begins now: nothing to read yet
    return [{ stream, name, before: cursor, cursor, isCrowded: memory.crowded.has(name), newAtMs: undefined }];
  });
  // At once: from here on their rows count, whatever becomes of this run.
  if (fresh.length > 0) {
    const facts = [...fresh, keptFact(run)];
    ledger.commit({ changes: [], notifications: [] }, undefined, clock.wallMs(), { facts });
  }
  return readings;
}

function streamsOf({ parts, family, kept }: Run): readonly HistoryStream[] {
  const { isolated, kinds } = family;
  const pairs = isolated === "none" ? [] : isolated === "all" ? Object.keys(kept.owed) : new Set(isolated);
  return [...(parts.cross ? [undefined] : []), ...pairs].flatMap((symbol) => kinds.map((kind) => ({ kind, symbol })));
}

function cursorOf({ parts, before }: Run, stream: HistoryStream, nowMs: number): { cursor: Cursor; isNew: boolean } {
  const { account, ledger, log } = parts;
  const name = streamName(stream);
  const text = ledger.fact(cursorName(account, name)) ?? "";
  // The store puts a damaged fact aside: then there is none, and yet this does not begin now.
  if (text === "" && !isBegun(name, before)) return { cursor: firstCursor(stream, before, nowMs), isNew: true };
  const cursor = parseCursor(parseJson(text));
  if (cursor === undefined) log.error({ account }, `${name}: how far it was read is lost, it is read again`);
  return { cursor: inPresent(cursor ?? lostCursor(name, before, nowMs), nowMs), isNew: false };
}

/** Into the batch, part by part. Yields why it ended early. Throws StoreError. */
async function take(run: Run, reading: Reading, read: typeof readNew): Promise<Failure | undefined> {
  const { parts, signal } = run;
  try {
    for await (const part of read(reading, parts.reader, signal)) {
      if (signal.aborted) return undefined;
      if (!part.ok) return failed(reading, part);
      addRows(run.batch, reading.stream, reading.cursor, part.value.rows, parts.clock.monoMs());
      if (isDue(run.batch, parts.clock.monoMs())) commit(run);
    }
    return undefined;
  } finally {
    if (reading.isCrowded) run.memory.crowded.add(reading.name);
    else run.memory.crowded.delete(reading.name);
  }
}

/** Where the weight ended before anything new was read, the next run begins with that. */
function failed(reading: Reading, { failure }: Exclude<Read<HistoryPart>, { ok: true }>): Failure {
  if (isPause(failure) && reading.cursor.readToMs === reading.before.readToMs) reading.isCrowded = true;
  return failure;
}

async function readLoans({ parts, memory, batch, signal }: Run): Promise<Failure | undefined> {
  const read = await parts.reader.loans(signal);
  if (!read.ok) return read.failure;
  memory.loansAtMs = parts.reader.nowMs();
  addLoans(batch, read.value, parts.clock.monoMs());
  return undefined;
}
