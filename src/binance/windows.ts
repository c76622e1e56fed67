// Reads a span of a history window by window, oldest first. The one thing to know: a window that holds more than the exchange gives at
// once is asked for again in shorter ones, and each part is handed over when it is whole, so that a failure later costs nothing before it.

/** Ms since the epoch. Whether the exchange takes its ends in is not documented: two windows share theirs, so either way is good. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

interface Stamped {
  readonly id: string;
  readonly atMs: number;
}

export interface WindowReader<R> {
  /** No request may span more. */
  readonly spanMaxMs: number;
  /** The rows of a window in any order, or that it holds more than can be read. Rejects with ExchangeError. */
  read(window: Window): Promise<readonly R[] | TooMany>;
  /** The same for the smallest window, which cannot be shorter. */
  readSmallest(window: Window): Promise<readonly R[]>;
}

/** Where the middle half of the rows lies that an answer with too many of them did show. */
export interface TooMany {
  readonly middle: Window;
}

export const tooMany = (rows: readonly { readonly atMs: number }[]): TooMany => {
  const times = rows.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const [startMs = 0, endMs = 0] = [times[Math.floor(times.length / 4)], times[Math.floor((times.length * 3) / 4)]];
  return { middle: { startMs, endMs } };
};

export interface Part<R> {
  readonly rows: readonly R[];
  readonly readToMs: number;
}

const SMALLEST_MS = 1;
/** Rows may be stamped in whole seconds, rounded down: such a stamp may lie before the window that its row belongs to. */
const STAMP_MS = 1000;

export const isFromBefore = ({ atMs }: { readonly atMs: number }, { startMs }: Window): boolean =>
  atMs < startMs - STAMP_MS;

/** Every row once, by time, then by id. Rejects with what a read rejects with; the parts before it stand. */
export async function* readWindows<R extends Stamped>(all: Window, reader: WindowReader<R>): AsyncGenerator<Part<R>> {
  const cut = createCut(reader.spanMaxMs);
  /** Rows that the next window may hold again. */
  let recent: readonly R[] = [];
  for (let startMs = all.startMs; startMs < all.endMs; ) {
    const endMs = Math.min(cut.endFrom(startMs), all.endMs);
    const isSmallest = endMs - startMs <= SMALLEST_MS;
    const found = await (isSmallest ? reader.readSmallest({ startMs, endMs }) : reader.read({ startMs, endMs }));
    if ("middle" in found) {
      cut.noteTooMany({ startMs, endMs }, found);
      continue;
    }
    const rows = newIn(found, recent);
    recent = [...recent, ...rows].filter((row) => !isFromBefore(row, { startMs: endMs, endMs }));
    yield { rows, readToMs: endMs };
    startMs = endMs;
    cut.noteRead();
  }
}

/** A middle half that takes up less than this share of its window is a crowd. */
const CROWD_SHARE = 1 / 16;

/**
 * How much to ask for at once: half when that was too much, double when it was not. But a crowd is not approached in halves: the window
 * before it ends where it begins. Every request costs weight, and a read that ends with the minute's weight must have got further than
 * the one before it.
 */
function createCut(spanMaxMs: number) {
  let spanMs = spanMaxMs;
  let crowd: Window | undefined;
  return {
    endFrom(startMs: number): number {
      const endMs = startMs + spanMs;
      if (crowd === undefined || startMs > crowd.endMs) return endMs;
      if (startMs < crowd.startMs - 1) return Math.min(endMs, crowd.startMs - 1);
      return Math.min(endMs, startMs + Math.max(SMALLEST_MS, Math.floor((crowd.endMs - crowd.startMs) / 2)));
    },
    noteTooMany({ startMs, endMs }: Window, { middle }: TooMany): void {
      spanMs = Math.max(SMALLEST_MS, Math.floor((endMs - startMs) / 2));
      crowd = middle.endMs - middle.startMs < (endMs - startMs) * CROWD_SHARE ? middle : undefined;
    },
    noteRead(): void {
      spanMs = Math.min(2 * spanMs, spanMaxMs);
    },
  };
}

function newIn<R extends Stamped>(found: readonly R[], known: readonly R[]): readonly R[] {
  const old = new Set(known.map(({ id }) => id));
  const rows = new Map(found.flatMap((row) => (old.has(row.id) ? [] : [[row.id, row]])));
  return [...rows.values()].sort((a, b) => a.atMs - b.atMs || compareIds(a.id, b.id));
}

/** By their numbers, which exceed 2^53. */
function compareIds(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
