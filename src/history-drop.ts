// Forgets rows of the history that nobody needs any more. The one thing to know: a row that is forgotten and read again is new again, so
// every row is kept for longer than it is read.
import { type Kept, OVERLAP_MS } from "./core/cursor.ts";
import { type Cursor, type HistoryStream, streamOf } from "./core/history.ts";
import { StoreError } from "./core/ports.ts";
import type { Batch, BatchParts } from "./history-batch.ts";

const DROP_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** More than the overlap of two reads, so that no row is forgotten before it is read for the last time. */
const KEEP_UNTOLD_MS = 6 * 3_600_000;
/** More than the 90 days that can be read at all. */
const KEEP_TOLD_MS = 100 * DAY_MS;

type Before = Parameters<BatchParts["dropEvents"]>[2];

/** Of each stream of the batch, now and then. `droppedMonoMs`: when it last was, by stream. */
export function dropOld({ streams }: Batch, droppedMonoMs: Map<string, number>, parts: BatchParts): void {
  for (const [name, { stream, cursor }] of streams) drop(name, stream, olderThan(cursor), droppedMonoMs, parts);
}

const olderThan = ({ readToMs, settledToMs }: Cursor): Before => ({
  untoldMs: Math.min(readToMs - KEEP_UNTOLD_MS, settledToMs - OVERLAP_MS),
  toldMs: readToMs - KEEP_TOLD_MS,
});

/** The same of those that are read no more. Yields the names of those that nothing can be left of. `isRead`: by name. */
export function dropIdle(
  { streams }: Kept,
  isRead: (name: string) => boolean,
  droppedMonoMs: Map<string, number>,
  parts: BatchParts,
): readonly string[] {
  const nowMs = parts.reader.nowMs();
  const before: Before = { untoldMs: nowMs - KEEP_UNTOLD_MS, toldMs: nowMs - KEEP_TOLD_MS };
  return Object.entries(streams).flatMap(([name, { atMs }]) => {
    const stream = streamOf(name);
    if (stream === undefined || isRead(name) || !drop(name, stream, before, droppedMonoMs, parts)) return [];
    return atMs < before.toldMs - DAY_MS ? [name] : [];
  });
}

/** Yields whether it was dropped now. */
function drop(
  name: string,
  stream: HistoryStream,
  before: Before,
  droppedMonoMs: Map<string, number>,
  { account, clock, dropEvents, log }: BatchParts,
): boolean {
  if (clock.monoMs() - (droppedMonoMs.get(name) ?? Number.NEGATIVE_INFINITY) < DROP_EVERY_MS) return false;
  droppedMonoMs.set(name, clock.monoMs());
  try {
    dropEvents(account, stream, before);
    return true;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, account }, `old rows of the ${name} cannot be dropped now`);
    return false;
  }
}
