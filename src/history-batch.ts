// What a run over the history has read and not committed yet, and the one commit that makes it rows, cursors and messages. The one
// thing to know: either all of it is kept or nothing, so a row is never known without having been told.
import { type AlertChange, advanceOwn } from "./core/advance.ts";
import { type Announcement, announce } from "./core/announce.ts";
import { cursorName } from "./core/cursor.ts";
import {
  type Cursor,
  type HistoryReader,
  type HistoryRow,
  type HistoryStream,
  type Loan,
  type StoredEvent,
  streamName,
} from "./core/history.ts";
import { inOurTime } from "./core/market.ts";
import type { Situation } from "./core/situation.ts";
import type { Fact, Store } from "./core/store.ts";
import { notices, reached, type Trip, type Tripwires, tripped } from "./core/tripwire.ts";
import type { Log } from "./lib/log.ts";
import type { Teller } from "./tell.ts";

export interface BatchParts extends Teller {
  readonly account: string;
  readonly reader: Pick<HistoryReader, "nowMs">;
  readonly dropEvents: Store["dropEvents"];
  readonly log: Log;
}

export interface Batch {
  readonly wires: Tripwires;
  /** By the stream's name. */
  readonly streams: Map<string, Held>;
  /** Undefined: not read. */
  loans: readonly Loan[] | undefined;
  windows: number;
  rows: number;
  readonly sinceMonoMs: number;
  /** When the first came that people may have to hear of; undefined: none did. */
  urgentMonoMs: number | undefined;
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
/** Or when it has waited so long for the rest of the run. */
const HOLD_MS = 60_000;
const HOLD_URGENT_MS = 20_000;

export const emptyBatch = (wires: Tripwires, sinceMonoMs: number): Batch => ({
  ...{ wires, streams: new Map(), loans: undefined, windows: 0, rows: 0 },
  ...{ sinceMonoMs, urgentMonoMs: undefined },
});

/** Adds a window of a stream. `cursor`: as it is once that is committed. */
export function addRows(
  batch: Batch,
  stream: HistoryStream,
  cursor: Cursor,
  rows: readonly HistoryRow[],
  monoMs: number,
): void {
  const name = streamName(stream);
  const all = new Map(batch.streams.get(name)?.rows);
  for (const row of rows) all.set(row.id, row);
  batch.streams.set(name, { stream, cursor, rows: all });
  batch.windows += 1;
  batch.rows += rows.length;
  if (rows.some((row) => row.atMs >= cursor.sinceMs && tripped(row, batch.wires).length > 0))
    batch.urgentMonoMs ??= monoMs;
}

export function addLoans(batch: Batch, loans: readonly Loan[], monoMs: number): void {
  batch.loans = loans;
  if (isOwed(loans)) batch.urgentMonoMs ??= monoMs;
}

/** Full, or held for long enough. */
export const isDue = ({ windows, streams, rows, sinceMonoMs, urgentMonoMs }: Batch, monoMs: number): boolean =>
  rows >= ROWS_MAX ||
  windows - streams.size >= WINDOWS_MAX ||
  monoMs - sinceMonoMs >= HOLD_MS ||
  (urgentMonoMs !== undefined && monoMs - urgentMonoMs >= HOLD_URGENT_MS);

/** Names of the streams that the rows may be stored under. */
export const homesIn = ({ streams }: Batch): ReadonlySet<string> =>
  new Set([...streams.values()].flatMap(({ rows }) => [...rows.values()].map((row) => streamName(homeOf(row)))));

/**
 * Everything that the batch holds and these facts, in one transaction, and to the channels. Throws StoreError, with nothing changed, when
 * nobody can say which rows are new. `factsOf` gets the time of the notices.
 * @param afterMs time of the last notices: no two have the same, it is part of what tells them apart.
 */
export function commitBatch(
  batch: Batch,
  afterMs: number,
  factsOf: (noticedAtMs: number) => readonly Fact[],
  parts: BatchParts,
): void {
  const { account, clock, ledger } = parts;
  const nowMs = clock.wallMs();
  const news = newsIn(batch, parts);
  const isTelling = news.some(({ reach }) => reach.size > 0);
  const noticedAtMs = isTelling ? Math.max(nowMs, afterMs + 1) : afterMs;
  const { changes, notifications } = announced(batch, news, noticedAtMs, nowMs, parts);
  const events = news.map(({ stream, row, reach }): StoredEvent => ({ account, stream, row, isTold: reach.size > 0 }));
  const cursors = [...batch.streams].map(([name, { cursor }]) => cursorFact(account, name, cursor));
  const facts = [...cursors, ...factsOf(noticedAtMs)];
  parts.deliver(ledger.commit({ changes, notifications }, undefined, nowMs, { events, facts }));
}

export const cursorFact = (account: string, name: string, cursor: Cursor): Fact => ({
  name: cursorName(account, name),
  value: JSON.stringify(cursor),
});

// ---------------------------------------------------------------- what is new

interface News {
  readonly stream: HistoryStream;
  readonly row: HistoryRow;
  /** By notifier, what tells it. */
  readonly reach: ReadonlyMap<string, Trip>;
}

/** Rows that were never committed. An answer about the cross account may hold orders of pairs: they are known where the pair's own are. */
function newsIn({ streams, wires }: Batch, { account, ledger, book }: BatchParts): readonly News[] {
  const found = [...streams.values()].flatMap(({ stream, cursor, rows }) =>
    [...rows.values()].flatMap((row) => {
      const trips = row.atMs >= cursor.sinceMs ? tripped(row, wires) : [];
      // What is not told here may be told there, where the watch began earlier.
      return trips.length === 0 && row.symbol !== stream.symbol ? [] : [{ row, trips }];
    }),
  );
  const byHome = Map.groupBy(found, ({ row }) => streamName(homeOf(row)));
  return [...byHome.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const stream = homeOf(first.row);
    const trips = new Map(group.flatMap((each) => (each.trips.length === 0 ? [] : [[each.row.id, each.trips]])));
    const rows = [...new Map(group.map(({ row }) => [row.id, row])).values()].sort((a, b) => a.atMs - b.atMs);
    return ledger.unknownEvents(account, stream, rows).map((row) => {
      return { stream, row, reach: reached(row, trips.get(row.id) ?? [], account, book) };
    });
  });
}

const homeOf = ({ kind, symbol }: HistoryRow): HistoryStream => ({ kind, symbol });

// ---------------------------------------------------------------- who is told of it

/** For each notifier by itself: a row may reach two of them by two rules, and neither is to read it twice. */
function announced(
  batch: Batch,
  news: readonly News[],
  noticedAtMs: number,
  nowMs: number,
  parts: BatchParts,
): Announcement {
  const { book, ledger, locale } = parts;
  const loan = loanAlert(batch, nowMs, parts);
  const muted = parts.muted();
  const each = book.notifiers.map((notifier) => {
    const situations = [...noticesTo(notifier, news, noticedAtMs, nowMs, parts), ...loan.situations];
    const own = { ...book, notifiers: [notifier] };
    return announce(loan.changes, situations, { book: own, states: ledger.states, nowMs, locale, muted });
  });
  return {
    changes: loan.changes.map((change, index) =>
      joined(
        change,
        each.flatMap(({ changes }) => changes[index] ?? []),
      ),
    ),
    notifications: each.flatMap(({ notifications }) => notifications),
  };
}

function noticesTo(
  notifier: string,
  news: readonly News[],
  noticedAtMs: number,
  nowMs: number,
  { account, book, reader }: BatchParts,
): readonly Situation[] {
  const exchangeNowMs = reader.nowMs();
  const told = news.flatMap(({ row, reach }) => {
    const trip = reach.get(notifier);
    return trip === undefined ? [] : [{ row: { ...row, atMs: inOurTime(row.atMs, exchangeNowMs, nowMs) }, trip }];
  });
  return notices(told, account, { book, nowMs: noticedAtMs }).flatMap(({ situations }) => situations);
}

/** What became of one change for each notifier, as if all had been told at once: one more message of the incident. */
function joined(change: AlertChange, told: readonly AlertChange[]): AlertChange {
  const states = told.flatMap(({ state }) => (state?.phase === "firing" ? [state] : []));
  const [first] = states;
  if (first === undefined) return change;
  const threads = Object.assign({}, ...states.map((state) => state.threads));
  return { id: change.id, state: { ...first, threads, messages: Math.max(...states.map(({ messages }) => messages)) } };
}

const isOwed = (loans: readonly Loan[]): boolean => loans.some(({ remaining }) => remaining > 0);

/** Lasts while anything is to be paid back. */
function loanAlert({ loans }: Batch, nowMs: number, { account, book, ledger }: BatchParts) {
  if (loans === undefined) return { changes: [], situations: [] };
  const id = { account, subject: "cross", rule: "liquidation-loan" } as const;
  const facts = { about: "loan", loans: loans.filter(({ remaining }) => remaining > 0) } as const;
  return advanceOwn(id, isOwed(loans) ? "critical" : null, facts, { states: ledger.states, book, nowMs });
}
