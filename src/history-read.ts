// Reads one stream of the history in one run. The one thing to know: what is new and the hour before it, into which rows may still come
// late, are one request where they fit into one. Where they do not, what is new goes first, and the hour with what the run has left.
import { settled } from "./core/cursor.ts";
import type { Cursor, HistoryPart, HistoryReader, HistoryStream, Read } from "./core/history.ts";

/** One stream in one run. */
export interface Reading {
  readonly stream: HistoryStream;
  readonly name: string;
  /** As it was before the run. */
  readonly before: Cursor;
  /** As it is after what was read so far. */
  cursor: Cursor;
  /** The hour before and what is new do not come at once. */
  isCrowded: boolean;
  /** When it began to read what is new, exchange time; undefined while it has not. */
  newAtMs: number | undefined;
}

type Reader = Pick<HistoryReader, "read" | "nowMs">;
type Parts = AsyncGenerator<Read<HistoryPart>>;

/** What is new, where it comes at once with the hour before. */
export async function* readNew(reading: Reading, reader: Reader, signal: AbortSignal): Parts {
  if (!reading.isCrowded) yield* readAtOnce(reading, reader, signal);
  if (reading.isCrowded) yield* readFrom(reading, reading.cursor.readToMs, reader, signal);
}

/** Sets `isCrowded` when it is, and then has not read what is new. */
async function* readAtOnce(reading: Reading, reader: Reader, signal: AbortSignal): Parts {
  const atMs = reader.nowMs();
  for await (const read of reader.read(reading.stream, reading.cursor.settledToMs, signal)) {
    if (!read.ok) {
      yield read;
      return;
    }
    const toMs = Math.min(read.value.readToMs, reader.nowMs());
    reading.isCrowded = toMs < reading.before.readToMs;
    reading.cursor = settled(forward(reading.cursor, toMs), toMs, atMs);
    yield read;
    if (reading.isCrowded) return;
  }
}

async function* readFrom(reading: Reading, fromMs: number, reader: Reader, signal: AbortSignal): Parts {
  reading.newAtMs = reader.nowMs();
  for await (const read of reader.read(reading.stream, fromMs, signal)) {
    if (read.ok) reading.cursor = forward(reading.cursor, Math.min(read.value.readToMs, reader.nowMs()));
    yield read;
  }
}

/** The rest of what may have come late, up to where the run began. Ends being crowded when that comes at once. */
export async function* readAgain(reading: Reading, reader: Reader, signal: AbortSignal): Parts {
  const atMs = reader.nowMs();
  const endMs = reading.before.readToMs;
  let isFirst = true;
  for await (const read of reader.read(reading.stream, reading.cursor.settledToMs, signal, endMs)) {
    if (read.ok) {
      const isWhole = read.value.readToMs >= endMs;
      reading.cursor = settled(reading.cursor, Math.min(read.value.readToMs, endMs), atMs);
      // What was new came without a gap after that.
      if (isWhole) reading.cursor = settled(reading.cursor, reading.cursor.readToMs, reading.newAtMs ?? atMs);
      if (isFirst && isWhole) reading.isCrowded = false;
    }
    isFirst = false;
    yield read;
  }
}

/** Never back: what was read stays read. */
const forward = (cursor: Cursor, toMs: number): Cursor => ({ ...cursor, readToMs: Math.max(cursor.readToMs, toMs) });
