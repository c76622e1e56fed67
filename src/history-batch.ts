// What a run over the history has read and not committed yet, and the one commit that makes it rows, cursors and messages. The one
// thing to know: either all of it is kept or nothing, so a row is never known without having been told.
import { type Advance, advanceOwn } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import { cursorName } from "./core/cursor.ts";
import {
  type Cursor,
  type HistoryPart,
  type HistoryReader,
  type HistoryRow,
  type HistoryStream,
  type Loan,
  type StoredEvent,
  streamName,
} from "./core/history.ts";
import { inOurTime } from "./core/market.ts";
import { StoreError } from "./core/ports.ts";
import type { Fact, Store } from "./core/store.ts";
import { notices, type Trip, type Tripwires, tripped } from "./core/tripwire.ts";
import type { Log } from "./lib/log.ts";
import type { Shared } from "./watch.ts";

export interface BatchParts extends Shared {
  readonly account: string;
  readonly reader: Pick<HistoryReader, "nowMs">;
  readonly dropEvents: Store["dropEvents"];
  readonly log: Log;
}

export interface Batch {
  /** By the stream's name. */
  readonly streams: Map<string, Held>;
  /** Undefined: not read. */
  loans: readonly Loan[] | undefined;
  windows: number;
  rows: number;
  readonly sinceMonoMs: number;
}

interface Held {
  readonly stream: HistoryStream;
  readonly cursor: Cursor;
  /** By id: windows overlap. */
  readonly rows: ReadonlyMap<string, HistoryRow>;
}

/** It is full when it holds this much; windows count beyond the first of each stream. */
const ROWS_MAX = 5000;
const WINDOWS_MAX = 20;
/** Or when it has waited so long for the rest of the run: what it has to tell is urgent. */
const HOLD_MS = 60_000;
const DROP_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Far more than the overlap of two reads, so that no row is forgotten before it is read for the last time. */
const KEEP_UNTOLD_MS = 3 * DAY_MS;
/** More than the 90 days that can be read at all. */
const KEEP_TOLD_MS = 100 * DAY_MS;

export const emptyBatch = (sinceMonoMs: number): Batch => ({
  streams: new Map(),
  loans: undefined,
  windows: 0,
  rows: 0,
  sinceMonoMs,
});

/** Adds a window of a stream. `cursor`: as it is once that is committed. */
export function addPart(batch: Batch, stream: HistoryStream, cursor: Cursor, { rows }: HistoryPart): void {
  const name = streamName(stream);
  const all = new Map(batch.streams.get(name)?.rows);
  for (const row of rows) all.set(row.id, row);
  batch.streams.set(name, { stream, cursor, rows: all });
  batch.windows += 1;
  batch.rows += rows.length;
}

export const isFull = ({ windows, streams, rows, sinceMonoMs }: Batch, nowMonoMs: number): boolean =>
  rows >= ROWS_MAX || windows - streams.size >= WINDOWS_MAX || nowMonoMs - sinceMonoMs >= HOLD_MS;

/**
 * Everything that the batch holds and these facts, in one transaction, and to the channels. Throws StoreError, with nothing changed, when
 * nobody can say which rows are new. `factsOf` gets the time of the notices.
 * @param afterMs time of the last notices: no two have the same, it is part of what tells them apart.
 */
export function commitBatch(
  batch: Batch,
  wires: Tripwires,
  afterMs: number,
  factsOf: (noticedAtMs: number) => readonly Fact[],
  parts: BatchParts,
): void {
  const { account, book, clock, ledger, locale } = parts;
  const nowMs = clock.wallMs();
  const news = newsIn(batch, wires, parts);
  const exchangeNowMs = parts.reader.nowMs();
  const told = news.flatMap(({ row, trip }) =>
    trip === undefined ? [] : [{ row: { ...row, atMs: inOurTime(row.atMs, exchangeNowMs, nowMs) }, trip }],
  );
  const noticedAtMs = told.length === 0 ? afterMs : Math.max(nowMs, afterMs + 1);
  const moved = [...notices(told, account, { book, nowMs: noticedAtMs }), loanAlert(batch, nowMs, parts)];
  const changes = moved.flatMap((each) => each.changes);
  const situations = moved.flatMap((each) => each.situations);
  const audience = { book, states: ledger.states, nowMs, locale, muted: parts.muted() };
  const events = news.map(({ stream, row, trip }): StoredEvent => {
    return { account, stream, row, isTold: trip !== undefined };
  });
  const cursors = [...batch.streams.values()].map(({ stream, cursor }) => cursorFact(account, stream, cursor));
  const facts = [...cursors, ...factsOf(noticedAtMs)];
  parts.deliver(ledger.commit(announce(changes, situations, audience), undefined, nowMs, { events, facts }));
}

export const cursorFact = (account: string, stream: HistoryStream, cursor: Cursor): Fact => ({
  name: cursorName(account, stream),
  value: JSON.stringify(cursor),
});

interface News {
  readonly stream: HistoryStream;
  readonly row: HistoryRow;
  /** Undefined: not told. */
  readonly trip: Trip | undefined;
}

/** Rows that were never committed. An answer about the cross account may hold orders of pairs: they are known where the pair's own are. */
function newsIn({ streams }: Batch, wires: Tripwires, { account, ledger }: BatchParts): readonly News[] {
  const found = [...streams.values()].flatMap(({ stream, cursor, rows }) =>
    [...rows.values()].flatMap((row) => {
      const trip = row.atMs >= cursor.sinceMs ? tripped(row, wires)[0] : undefined;
      // What is not told here may be told there, where the watch began earlier.
      return trip === undefined && row.symbol !== stream.symbol ? [] : [{ row, trip }];
    }),
  );
  const byHome = Map.groupBy(found, ({ row }) => streamName(homeOf(row)));
  return [...byHome.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const stream = homeOf(first.row);
    const trips = new Map(group.flatMap(({ row, trip }) => (trip === undefined ? [] : [[row.id, trip]])));
    const rows = [...new Map(group.map(({ row }) => [row.id, row])).values()];
    return ledger.unknownEvents(account, stream, rows).map((row) => ({ stream, row, trip: trips.get(row.id) }));
  });
}

const homeOf = ({ kind, symbol }: HistoryRow): HistoryStream => ({ kind, symbol });

/** Lasts while anything is to be paid back. */
function loanAlert(batch: Batch, nowMs: number, { account, book, ledger }: BatchParts): Advance {
  if (batch.loans === undefined) return { changes: [], situations: [] };
  const loans = batch.loans.filter(({ remaining }) => remaining > 0);
  const id = { account, subject: "cross", rule: "liquidation-loan" } as const;
  const facts = { about: "loan", loans } as const;
  return advanceOwn(id, loans.length > 0 ? "critical" : null, facts, { states: ledger.states, book, nowMs });
}

/** Forgets what is read no more, of each stream now and then. `droppedMonoMs`: when it last was, by stream. */
export function dropOld(batch: Batch, droppedMonoMs: Map<string, number>, parts: BatchParts): void {
  const { account, clock, log } = parts;
  for (const { stream, cursor, rows } of batch.streams.values()) {
    const toldMs = cursor.readToMs - KEEP_TOLD_MS;
    for (const each of [stream, ...[...rows.values()].map(homeOf)]) {
      const name = streamName(each);
      // Of another stream only what was told: how far that one was read is not known here.
      const untoldMs = each.symbol === stream.symbol ? cursor.readToMs - KEEP_UNTOLD_MS : toldMs;
      if (clock.monoMs() - (droppedMonoMs.get(name) ?? Number.NEGATIVE_INFINITY) < DROP_EVERY_MS) continue;
      droppedMonoMs.set(name, clock.monoMs());
      try {
        parts.dropEvents(account, each, { untoldMs, toldMs });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        log.warn({ error, account }, `old rows of the ${name} cannot be dropped now`);
      }
    }
  }
}
