// How far each stream of the history was read, and what is kept beside that over a restart. The one thing to know: when in doubt a
// cursor lies further back. A row that is read again is known and dropped, one that is never read is lost.
import { type Cursor, type HistoryStream, streamOf } from "./history.ts";

/** The exchange may write a row this much later than it is stamped: so far back is read again, every time. */
export const OVERLAP_MS = 3_600_000;
/** A pair that owes no more is read for this long: what its liquidation cost is written after the debt is gone. */
const OWED_FOR_MS = 7 * 86_400_000;
/** Where nothing at all is known of a cursor that was there. */
const LOST_CURSOR_MS = 7 * 86_400_000;
/** The estimate of the exchange's clock may step back by this much, and mean nothing. */
const JITTER_MS = 60_000;

/** What the runs over one kind of history keep, besides the cursors. Times are the exchange's. */
export interface Kept {
  /** The first run ever. */
  readonly sinceMs: number;
  /** Since when every pair that owes is read, and when it was last asked which do; null while only named ones are. */
  readonly all: { readonly sinceMs: number; readonly lookedMs: number } | null;
  /** Pairs that owe or did lately → when they were last seen to. */
  readonly owed: Readonly<Record<string, number>>;
  /**
   * By name, every stream that the store may hold rows of, also one that is read no more. `sinceMs`: as in its cursor, so that one that
   * is gone is known to have been there; null: it has none. `atMs`: when it was last to be read.
   */
  readonly streams: Readonly<Record<string, { readonly sinceMs: number | null; readonly atMs: number }>>;
  /** The newest notice, ms of the wall clock: no two have the same time, also after a clock that stepped back. */
  readonly noticedAtMs: number;
}

export const cursorName = (account: string, name: string): string => `cursor.${account}.${name}`;

/** Whole seconds, rounded down: transfers are stamped so, and one of the first second counts. */
const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

export function cursorAt(atMs: number): Cursor {
  const fromMs = wholeSecond(atMs);
  return { sinceMs: fromMs, readToMs: fromMs, settledToMs: fromMs - OVERLAP_MS };
}

/**
 * A stream that is met for the first time begins now. But a pair that began to owe since the last look begins at that look, and a
 * little before: it may have been opened and liquidated in between.
 */
export function firstCursor(stream: HistoryStream, kept: Kept | undefined, nowMs: number): Cursor {
  if (stream.symbol === undefined || kept === undefined || kept.all === null) return cursorAt(nowMs);
  const { sinceMs, lookedMs } = kept.all;
  return cursorAt(Math.min(nowMs, Math.max(sinceMs, lookedMs - OVERLAP_MS)));
}

/** In place of one that is gone: what was told is still known by its rows, so back to where it began repeats nothing. */
export const lostCursor = (name: string, kept: Kept | undefined, nowMs: number): Cursor =>
  cursorAt(Math.min(nowMs, kept?.streams[name]?.sinceMs ?? kept?.sinceMs ?? nowMs - LOST_CURSOR_MS));

/** It was read before, so that a cursor was there. */
export const isBegun = (name: string, kept: Kept | undefined): boolean =>
  (kept?.streams[name]?.sinceMs ?? null) !== null;

/** What may have come late is to be read an hour after it happened; this is an hour later still. */
export const isOverdue = ({ settledToMs }: Cursor, nowMs: number): boolean => nowMs - settledToMs > 2 * OVERLAP_MS;

/** After a part of it was read from `settledToMs` on, without a gap, at that time. */
export const settled = (cursor: Cursor, toMs: number, atMs: number): Cursor => ({
  ...cursor,
  settledToMs: Math.max(cursor.settledToMs, Math.min(toMs, atMs - OVERLAP_MS)),
});

/** A cursor in the future was made by a clock that was wrong then: waiting for it would lose what happens until it comes. */
export function inPresent(cursor: Cursor, nowMs: number): Cursor {
  const sinceMs = cursor.sinceMs > nowMs + JITTER_MS ? nowMs - OVERLAP_MS : cursor.sinceMs;
  const readToMs = Math.min(cursor.readToMs, Math.max(nowMs, sinceMs));
  return { sinceMs, readToMs, settledToMs: Math.min(cursor.settledToMs, readToMs, nowMs - OVERLAP_MS) };
}

/** Which pairs owe, as the last valid answer said. */
export interface Look {
  readonly owing: readonly string[];
  /** When that was; undefined: there was none yet. Without an answer time goes on and nobody looks. */
  readonly atMs: number | undefined;
}

/** What is to be kept when a run begins. `look`: undefined while only named pairs are read. */
export function keptAfter(kept: Kept | undefined, look: Look | undefined, nowMs: number): Kept {
  const { sinceMs = nowMs, streams = {}, noticedAtMs = 0, all, owed = {} } = kept ?? {};
  if (look === undefined) return { sinceMs, all: null, owed: {}, streams, noticedAtMs };
  const lately = Object.entries(owed).filter(([, atMs]) => atMs >= nowMs - OWED_FOR_MS);
  return {
    sinceMs,
    all: { sinceMs: all?.sinceMs ?? nowMs, lookedMs: Math.min(nowMs, look.atMs ?? all?.lookedMs ?? nowMs) },
    owed: Object.fromEntries([...lately, ...look.owing.map((symbol) => [symbol, nowMs] as const)]),
    streams,
    noticedAtMs,
  };
}

// ---------------------------------------------------------------- as it was kept: undefined when it is not what was written

export function parseCursor(value: unknown): Cursor | undefined {
  if (!isRecord(value)) return undefined;
  const { sinceMs, readToMs, settledToMs = Number(readToMs) - OVERLAP_MS } = value; // the first versions wrote none
  return isTime(sinceMs) && isTime(readToMs) && isTime(settledToMs) ? { sinceMs, readToMs, settledToMs } : undefined;
}

export function parseKept(value: unknown): Kept | undefined {
  if (!isRecord(value)) return undefined;
  const { sinceMs, all, owed, noticedAtMs, streams = {} } = value; // the first versions wrote no streams
  if (!isTime(sinceMs) || !isTime(noticedAtMs) || !isRecord(owed) || !isRecord(streams)) return undefined;
  const looked = parseAll(all);
  const times = Object.entries(owed).flatMap(([symbol, atMs]) => (isTime(atMs) ? [[symbol, atMs] as const] : []));
  if (looked === undefined) return undefined;
  const known = Object.entries(streams).flatMap(([name, stream]) => parseStream(name, stream));
  return { sinceMs, all: looked, owed: Object.fromEntries(times), streams: Object.fromEntries(known), noticedAtMs };
}

function parseStream(name: string, value: unknown): readonly (readonly [string, Kept["streams"][string]])[] {
  if (!isRecord(value) || streamOf(name) === undefined) return [];
  const { sinceMs, atMs } = value;
  return isTime(atMs) && (sinceMs === null || isTime(sinceMs)) ? [[name, { sinceMs, atMs }]] : [];
}

function parseAll(value: unknown): Kept["all"] | undefined {
  if (value === null) return null;
  if (!isRecord(value)) return undefined;
  const { sinceMs, lookedMs } = value;
  return isTime(sinceMs) && isTime(lookedMs) ? { sinceMs, lookedMs } : undefined;
}

const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
