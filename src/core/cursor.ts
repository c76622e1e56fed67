// How far each stream of the history was read, and what is kept beside that over a restart. The one thing to know: when in doubt a
// cursor lies further back. A row that is read again is known and dropped, one that is never read is lost.
import { type Cursor, type HistoryStream, streamName } from "./history.ts";

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
  /** The newest notice, ms of the wall clock: no two have the same time, also after a clock that stepped back. */
  readonly noticedAtMs: number;
}

export const cursorName = (account: string, stream: HistoryStream): string => `cursor.${account}.${streamName(stream)}`;

/** Whole seconds, rounded down: transfers are stamped so, and one of the first second counts. */
const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

export const cursorAt = (atMs: number): Cursor => ({ sinceMs: wholeSecond(atMs), readToMs: wholeSecond(atMs) });

/**
 * A stream that is met for the first time begins now. But a pair that began to owe since the last look begins at that look, and a
 * little before: it may have been opened and liquidated in between.
 */
export function firstCursor(stream: HistoryStream, kept: Kept | undefined, nowMs: number): Cursor {
  if (stream.symbol === undefined || kept === undefined || kept.all === null) return cursorAt(nowMs);
  const { sinceMs, lookedMs } = kept.all;
  return cursorAt(Math.min(nowMs, Math.max(sinceMs, lookedMs - OVERLAP_MS)));
}

/** In place of one that cannot be read: what was told is still known by its rows, so back to the first run repeats nothing. */
export const lostCursor = (kept: Kept | undefined, nowMs: number): Cursor =>
  cursorAt(Math.min(nowMs, kept?.sinceMs ?? nowMs - LOST_CURSOR_MS));

/** A cursor in the future was made by a clock that was wrong then: waiting for it would lose what happens until it comes. */
export function inPresent({ sinceMs, readToMs }: Cursor, nowMs: number): Cursor {
  const began = sinceMs > nowMs + JITTER_MS ? nowMs - OVERLAP_MS : sinceMs;
  return { sinceMs: began, readToMs: Math.min(readToMs, Math.max(nowMs, began)) };
}

/** What is to be kept after a look at which pairs owe. */
export function keptAfter(kept: Kept | undefined, isAll: boolean, owing: readonly string[], nowMs: number): Kept {
  const lately = Object.entries(kept?.owed ?? {}).filter(([, atMs]) => atMs >= nowMs - OWED_FOR_MS);
  return {
    sinceMs: kept?.sinceMs ?? nowMs,
    all: isAll ? { sinceMs: kept?.all?.sinceMs ?? nowMs, lookedMs: nowMs } : null,
    owed: isAll ? Object.fromEntries([...lately, ...owing.map((symbol) => [symbol, nowMs] as const)]) : {},
    noticedAtMs: kept?.noticedAtMs ?? 0,
  };
}

// ---------------------------------------------------------------- as it was kept: undefined when it is not what was written

export function parseCursor(value: unknown): Cursor | undefined {
  if (!isRecord(value)) return undefined;
  const { sinceMs, readToMs } = value;
  return isTime(sinceMs) && isTime(readToMs) ? { sinceMs, readToMs } : undefined;
}

export function parseKept(value: unknown): Kept | undefined {
  if (!isRecord(value)) return undefined;
  const { sinceMs, all, owed, noticedAtMs } = value;
  if (!isTime(sinceMs) || !isTime(noticedAtMs) || !isRecord(owed)) return undefined;
  const looked = parseAll(all);
  const times = Object.entries(owed).flatMap(([symbol, atMs]) => (isTime(atMs) ? [[symbol, atMs] as const] : []));
  return looked === undefined ? undefined : { sinceMs, all: looked, owed: Object.fromEntries(times), noticedAtMs };
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
