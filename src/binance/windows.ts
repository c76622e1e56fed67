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

/** Where the middle half of the rows lies that an answer with too many of them did show, and how many those were. */
export interface TooMany {
  readonly middle: Window;
  readonly count: number;
}

export const tooMany = (rows: readonly { readonly atMs: number }[]): TooMany => {
  const times = rows.map(({ atMs }) => atMs).sort((a, b) => a - b);
  const [startMs = 0, endMs = 0] = [times[Math.floor(times.length / 4)], times[Math.floor((times.length * 3) / 4)]];
  return { middle: { startMs, endMs }, count: rows.length };
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
    cut.noteRead({ startMs, endMs }, found.length);
    startMs = endMs;
  }
}

/** A middle half that takes up less than this share of its window is a crowd. */
const CROWD_SHARE = 1 / 16;
/** From one window to the next, however quiet it was. */
const GROWTH_MAX = 64;

/**
 * How much to ask for at once: half when that was too much, more when less than half of what is too much came. But a crowd is not
 * approached in halves: the window before it ends where it begins, and those after it are as long as half of its rows took. Every request
 * costs weight, and a read that ends with the minute's weight must have got further than the one before it.
 */
function createCut(spanMaxMs: number) {
  let spanMs = spanMaxMs;
  /** So many rows were too many. */
  let tooManyRows = Number.POSITIVE_INFINITY;
  let crowd: Window | undefined;
  return {
    endFrom(startMs: number): number {
      if (crowd === undefined || startMs > crowd.endMs) return startMs + spanMs;
      if (startMs < crowd.startMs - 1) return crowd.startMs - 1;
      return startMs + Math.max(SMALLEST_MS, Math.floor(lengthOf(crowd) / 2));
    },
    noteTooMany(window: Window, { middle, count }: TooMany): void {
      tooManyRows = count;
      crowd = lengthOf(middle) < lengthOf(window) * CROWD_SHARE ? middle : undefined;
      spanMs = Math.max(SMALLEST_MS, crowd === undefined ? Math.floor(lengthOf(window) / 2) : lengthOf(crowd));
    },
    noteRead(window: Window, rows: number): void {
      const growth = rows === 0 ? GROWTH_MAX : Math.min(GROWTH_MAX, Math.floor(tooManyRows / (2 * rows)));
      spanMs = Math.min(spanMaxMs, Math.max(spanMs, growth * lengthOf(window)));
    },
  };
}

const lengthOf = ({ startMs, endMs }: Window): number => endMs - startMs;

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
