// How a subject stood before its alert, with the prices of that moment, so that a message can say what moved it since. The one thing to
// know: it is the state before the fall that counts, not the last look before the rung, so a look of 15 to 30 minutes ago is kept at hand.

import { addSeen, type Book, type Change, changesBetween, crossBook, pairBook } from "./cause-changes.ts";
import type { Prices } from "./market.ts";
import { debtOf, heldOf, type Observation } from "./observe.ts";
import type { AssetBalance } from "./ports.ts";
import { unpricedWays } from "./unpriced.ts";
import { usdtPrice } from "./usdt-price.ts";

/** A valid look, and the prices then. */
export interface Look {
  readonly observation: Observation;
  readonly prices: Prices | undefined;
}

/** Looks at hand of one subject. `middle` becomes `earlier` when it is old enough, and a new one begins. */
export interface Calm {
  readonly earlier: Look | undefined;
  readonly middle: Look | undefined;
}

export const NOT_SEEN: Calm = { earlier: undefined, middle: undefined };
/** `earlier` is between once and twice as old. */
const TURN_MS = 15 * 60_000;

/** With this look. The same object as a rule: it changes every quarter of an hour. After a clock that was set back the future is dropped. */
export function turned(calm: Calm, observation: Observation, prices: Prices | undefined): Calm {
  const { earlier, middle } = calm;
  const { atMs } = observation;
  // The first looks after a start come before the first prices: then the first that has some counts.
  const isUnpriced = middle?.prices === undefined && prices !== undefined;
  if (middle !== undefined && middle.observation.atMs <= atMs && !isUnpriced) {
    const ageMs = atMs - middle.observation.atMs;
    return ageMs < TURN_MS ? calm : { earlier: middle, middle: { observation, prices } };
  }
  const isPast = earlier !== undefined && earlier.observation.atMs <= atMs;
  return { earlier: isPast ? earlier : undefined, middle: { observation, prices } };
}

/** What an alert that opens now is compared with: undefined before the first look. */
export const lookBefore = ({ earlier, middle }: Calm): Look | undefined => earlier ?? middle;

/** Where a subject stood when an incident began. */
export interface Baseline {
  /** Wall ms of the look. */
  readonly atMs: number;
  /** Which incident: its time of opening. */
  readonly openedAtMs: number;
  /** As the exchange told it. */
  readonly level: number;
  readonly book: Book;
  /** Transfers and trades since then, as they were seen look by look. */
  readonly seen: readonly Change[];
}

/** What changed at one look. */
export interface Step {
  readonly atMs: number;
  readonly changes: readonly Change[];
}

/**
 * Transfers and trades between two looks that follow each other. Alone, a deposit is told from a trade; with an hour of both in between it
 * could not be. Undefined where nothing moved, which is nearly always, or where prices are unknown.
 */
export function stepBetween(before: Look, now: Look): Step | undefined {
  if (isSameAmounts(before.observation, now.observation)) return undefined;
  const [was, is] = [bookOf(before.observation, before.prices), bookOf(now.observation, now.prices)];
  if (was === undefined || is === undefined) return undefined;
  const [earlier, later] = [besides(was, is), besides(is, was)];
  const ways = unpricedWays(earlier, later);
  const changes = addSeen(
    [],
    changesBetween(earlier, later).flatMap((change) => withUnpriced(change, ways)),
  );
  return changes.length === 0 ? undefined : { atMs: now.observation.atMs, changes };
}

/** What seems to be transferred while an asset without a price goes the other way is traded for it; the same way it is not known what. */
function withUnpriced(change: Change, ways: ReadonlySet<"in" | "out">): readonly Change[] {
  if (ways.size === 0 || (change.cause !== "transferIn" && change.cause !== "transferOut")) return [change];
  return ways.has(change.held > 0 ? "out" : "in") ? [{ ...change, cause: "trading" }] : [];
}

/** Hot path: of hundreds of pairs nearly none has another amount than a few seconds ago. */
export function isSameAmounts({ source: was }: Observation, { source: is }: Observation): boolean {
  if (was === undefined || is === undefined) return was === is;
  if ("symbol" in was) return "symbol" in is && isSame(was.base, is.base) && isSame(was.quote, is.quote);
  if ("symbol" in is) return false;
  const [before, now] = [was.assets ?? [], is.assets ?? []];
  return before.length === now.length && before.every((one, i) => isSame(one, now[i]));
}

function isSame(one: AssetBalance | undefined, other: AssetBalance | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const isHeld = one.asset === other.asset && one.free + one.locked === other.free + other.locked;
  return isHeld && one.borrowed === other.borrowed && one.interest === other.interest;
}

/** With what was seen since. The same object where nothing was. */
export const withStep = (baseline: Baseline, { changes }: Step): Baseline => ({
  ...baseline,
  seen: addSeen(baseline.seen, changes),
});

/** Undefined where the level, the balances or all prices are unknown. `steps`: of the subject, oldest first. */
export function baselineOf(
  { observation, prices }: Look,
  openedAtMs: number,
  steps: readonly Step[] = [],
): Baseline | undefined {
  const book = bookOf(observation, prices);
  const { marginLevel } = observation.values;
  if (book === undefined || typeof marginLevel !== "number") return undefined;
  const { atMs } = observation;
  const seen = steps.filter((step) => step.atMs > atMs).flatMap(({ changes }) => changes);
  return { atMs, openedAtMs, level: marginLevel, book, seen: addSeen([], seen) };
}

/**
 * The balances that are not zero, with their prices: in USDT, of a pair in its quote asset. `others`: assets that need a price too, because
 * there was some of them before.
 */
export function bookOf(
  { subject, source }: Observation,
  prices: Prices | undefined,
  others: readonly AssetBalance[] = [],
): Book | undefined {
  if (source === undefined) return undefined;
  if ("symbol" in source) return pairBook(source);
  if (subject !== "cross" || prices === undefined || source.assets === undefined) return undefined;
  const balances = source.assets.filter((balance) => heldOf(balance) !== 0 || debtOf(balance) !== 0);
  const told = [...balances, ...others].flatMap(({ asset }) => {
    const price = usdtPrice(asset, prices)?.price;
    return price === undefined ? [] : [[asset, price] as const];
  });
  return crossBook({ ...source, assets: balances }, new Map(told));
}

/** The earlier book beside a later one: of what there was nothing then the later price holds, for it says nothing of the level then. */
export function besides(earlier: Book, later: Book): Book {
  const had = new Set(earlier.balances.map(({ asset }) => asset));
  const came = later.balances.flatMap(({ asset }) => {
    const price = later.prices.get(asset);
    return had.has(asset) || price === undefined ? [] : [[asset, price] as const];
  });
  return came.length === 0 ? earlier : { ...earlier, prices: new Map([...earlier.prices, ...came]) };
}

// ---------------------------------------------------------------- as text

const VERSION = 1;

export function encodeBaseline({ atMs, openedAtMs, level, book, seen }: Baseline): string {
  const balances = book.balances.map(({ asset, free, locked, borrowed, interest }) => [
    asset,
    free,
    locked,
    borrowed,
    interest,
    book.prices.get(asset) ?? null,
  ]);
  const moved = seen.map(({ asset, cause, held }) => [asset, cause, held]);
  return JSON.stringify([VERSION, atMs, openedAtMs, level, balances, moved]);
}

/** What `encodeBaseline` made. Undefined: it was not made by it. */
export function decodeBaseline(text: string): Baseline | undefined {
  const told = parsed(text);
  if (!Array.isArray(told) || told.length !== 6) return undefined;
  const [version, atMs, openedAtMs, level, rows, moved]: readonly unknown[] = told;
  if (version !== VERSION || !isNumber(atMs) || !isNumber(openedAtMs) || !isNumber(level)) return undefined;
  if (!Array.isArray(rows)) return undefined;
  const balances: AssetBalance[] = [];
  const prices = new Map<string, number>();
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 6) return undefined;
    const [asset, free, locked, borrowed, interest, price]: readonly unknown[] = row;
    if (typeof asset !== "string" || !isNumber(free) || !isNumber(locked)) return undefined;
    if (!isNumber(borrowed) || !isNumber(interest) || !(price === null || isNumber(price))) return undefined;
    balances.push({ asset, free, locked, borrowed, interest });
    if (price !== null) prices.set(asset, price);
  }
  const seen = seenIn(moved);
  return seen && { atMs, openedAtMs, level, book: { balances, prices }, seen };
}

function seenIn(rows: unknown): readonly Change[] | undefined {
  if (!Array.isArray(rows)) return undefined;
  const seen: Change[] = [];
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 3) return undefined;
    const [asset, cause, held]: readonly unknown[] = row;
    if (typeof asset !== "string" || !isNumber(held)) return undefined;
    if (cause !== "transferIn" && cause !== "transferOut" && cause !== "trading") return undefined;
    seen.push({ asset, cause, held, debt: 0 });
  }
  return seen;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
