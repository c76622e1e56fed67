// The highest value within a time, for rules on speed, in little room. The one thing to know: it is in no doubt about the share, only a
// little about the time. The window is at least as long as it was asked for, and longer by 1/256 at most, so that no fall is missed.
import { type Fall, fallFrom } from "./drops.ts";

/** Changes in place: it is pushed to for every pair at every look. */
export interface Tops {
  /** The fall that ends with this value, which is the latest now. Undefined where it is not known as a share. */
  push(atMs: number, value: number): Fall | undefined;
  /** Forgets what is too old at this time. */
  expire(nowMs: number): void;
  clear(): void;
  readonly size: number;
  encode(): string;
}

/** What it was made for: a text of another rule says nothing here. */
export interface TopsOf {
  readonly field: string;
  readonly withinMs: number;
}

/** A window is cut in so many parts; each holds one top. */
const PARTS = 256;
/** Looks that overlap may end in another order than they began. A stamp that is further back is a clock that was set back. */
const SWAPPED_MS = 60_000;

/**
 * Only values that are higher than all later ones can be the top of a window that has still to come: a queue that falls (the sliding
 * window maximum). Of values in one part of the window the highest stands for all until the last of them is too old, so
 * fallOf(within) ≤ fall ≤ fallOf(within + within/256), and there are 258 of them at most.
 */
export function createTops(of: TopsOf, text?: string): Tops | undefined {
  const { field, withinMs } = of;
  const partMs = Math.max(1, Math.floor(withinMs / PARTS));
  // Three columns of plain numbers, oldest first, in use from `head` on: no object for a value.
  const state = text === undefined ? { values: [], atMs: [], untilMs: [] } : decode(text, of);
  if (state === undefined) return undefined;
  const { values, atMs: stamps, untilMs: untils } = state;
  let head = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  /** Of the last look, also of one that was stored; undefined: nothing is known. */
  let lastValue = values.at(-1);
  /** While the window has a hole: since when it was watched again, and the value before. */
  let hole: { readonly sinceMs: number; readonly value: number } | undefined;

  /**
   * Without looks for as long as the window nothing is left of it, after a clock that was set back nobody knows how long it was, and a text
   * may lack its last minutes. Until the window was watched once over, the value before the hole is what it may have fallen from.
   */
  const watch = (atMs: number): void => {
    const isBroken = atMs - lastMs >= withinMs || lastMs - atMs > SWAPPED_MS;
    if (isBroken) hole = { sinceMs: atMs, value: lastValue ?? Number.POSITIVE_INFINITY };
    else if (hole !== undefined && atMs - hole.sinceMs >= withinMs) hole = undefined;
    lastMs = isBroken ? atMs : Math.max(lastMs, atMs);
  };
  const pop = () => {
    values.pop();
    stamps.pop();
    untils.pop();
  };
  const dropOld = (sinceMs: number) => {
    while (head < values.length && (untils[head] ?? 0) < sinceMs) head++;
    if (head < PARTS) return;
    for (const column of [values, stamps, untils]) column.splice(0, head);
    head = 0;
  };
  // Of a clock that was set back by much nobody can say when it was. Swapped looks count as of now.
  const setBack = (nowMs: number) => {
    for (let i = values.length - 1; i >= head && (untils[i] ?? 0) > nowMs; i--) {
      if ((stamps[i] ?? 0) > nowMs + SWAPPED_MS) {
        pop();
        continue;
      }
      stamps[i] = Math.min(stamps[i] ?? nowMs, nowMs);
      untils[i] = nowMs;
    }
  };

  return {
    push(atMs, value) {
      if (!Number.isFinite(value) || !Number.isFinite(atMs)) return undefined;
      watch(atMs);
      lastValue = value;
      setBack(atMs);
      while (values.length > head && (values[values.length - 1] ?? 0) <= value) pop();
      dropOld(atMs - withinMs);
      const last = values.length - 1;
      if (last >= head && Math.floor((stamps[last] ?? 0) / partMs) === Math.floor(atMs / partMs)) untils[last] = atMs;
      else {
        values.push(value);
        stamps.push(atMs);
        untils.push(atMs);
      }
      return fallFrom(values[head] ?? value, stamps[head] ?? atMs, value, hole?.value);
    },
    expire: (nowMs) => dropOld(nowMs - withinMs),
    clear() {
      for (const column of [values, stamps, untils]) column.length = 0;
      head = 0;
      lastMs = Number.NEGATIVE_INFINITY;
      lastValue = undefined;
      hole = undefined;
    },
    get size() {
      return values.length - head;
    },
    encode() {
      const rows = [];
      for (let i = head; i < values.length; i++) rows.push(stamps[i] ?? 0, untils[i] ?? 0, values[i] ?? 0);
      return JSON.stringify([VERSION, field, withinMs, rows]);
    },
  };
}

const VERSION = 1;

interface Columns {
  readonly values: number[];
  readonly atMs: number[];
  readonly untilMs: number[];
}

/** What `encode` made for the same rule. Undefined: it was not made by it. */
function decode(text: string, { field, withinMs }: TopsOf): Columns | undefined {
  const columns: Columns = { values: [], atMs: [], untilMs: [] };
  const rows = rowsOf(text, field, withinMs);
  if (rows === undefined || rows.length % 3 !== 0) return undefined;
  for (let i = 0; i < rows.length; i += 3) {
    const [atMs, untilMs, value] = [rows[i], rows[i + 1], rows[i + 2]];
    if (typeof atMs !== "number" || typeof untilMs !== "number" || typeof value !== "number") return undefined;
    const isInOrder =
      untilMs >= atMs &&
      atMs >= (columns.untilMs.at(-1) ?? atMs) &&
      value < (columns.values.at(-1) ?? Number.POSITIVE_INFINITY);
    if (!isInOrder) return undefined;
    columns.values.push(value);
    columns.atMs.push(atMs);
    columns.untilMs.push(untilMs);
  }
  return columns;
}

function rowsOf(text: string, field: string, withinMs: number): readonly unknown[] | undefined {
  try {
    const told: unknown = JSON.parse(text);
    if (!Array.isArray(told) || told.length !== 4) return undefined;
    const [version, ofField, ofMs, rows]: readonly unknown[] = told;
    return version === VERSION && ofField === field && ofMs === withinMs && Array.isArray(rows) ? rows : undefined;
  } catch {
    return undefined;
  }
}
