// Plays a book forward in simulated time: interest at each full hour, the script at its moments, delistings, liquidation when a
// level has reached its bar. Pure, and independent of who asks when: everything happens on a fixed grid of simulated minutes (and
// at the exact moments of the script), so one jump of a day ends where a thousand small steps end.
import type { Delisting } from "../core/market.ts";
import type { AssetBalance } from "../core/ports.ts";
import type { ScriptedAction } from "./actions.ts";
import { type Book, crossLevel } from "./book.ts";
import { delist } from "./delist.ts";
import type { Posting, Write } from "./journal.ts";
import { liquidate, type Moment } from "./liquidate.ts";
import { type PricePath, type Prices, pricesAt } from "./price-path.ts";

/** Something that a person who watches the simulation wants to read. */
export interface SimEvent {
  /** Simulated time. */
  readonly atMs: number;
  readonly kind: "action" | "liquidation" | "delisting" | "announcement";
  readonly text: string;
}

export interface Script {
  readonly path: PricePath;
  /** Of this book alone, in order of time. */
  readonly actions: readonly ScriptedAction[];
  /** In simulated time; announced or not. */
  readonly delistings?: readonly Delisting[];
  /** How long FORCE_LIQUIDATION shows before the collateral is sold, simulated ms. */
  readonly liquidationMs: number;
}

const STEP_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The book afterwards, what a person reads of it, and what the histories and streams tell of it; both in order of time. */
export type Played = readonly [book: Book, events: readonly SimEvent[], postings: readonly Posting[]];

/** Where a book stands at its start is not news. */
const unheard: Write = () => undefined;

/** The book at `toMs`, from the book at `fromMs`: what is due after `fromMs` and up to `toMs` has happened. */
export function play(start: Book, fromMs: number, toMs: number, script: Script): Played {
  const events: SimEvent[] = [];
  const postings: Posting[] = [];
  const isDue = ({ atMs }: { readonly atMs: number }) => atMs > fromMs && atMs <= toMs;
  const due = script.actions.filter(isDue);
  const delistings = (script.delistings ?? []).filter(isDue);
  let book = watchLevel(start, pricesAt(script.path, fromMs), unheard);
  for (const atMs of moments(fromMs, toMs, [...due, ...delistings])) {
    const prices = pricesAt(script.path, atMs);
    const write: Write = (entries) => void postings.push({ atMs, entries });
    const momentOf = (kind: SimEvent["kind"]): Moment => ({
      atMs,
      prices,
      write,
      tell: (text) => void events.push({ atMs, kind, text }),
    });
    if (atMs % HOUR_MS === 0) book = accrue(book);
    for (const action of due.filter((each) => each.atMs === atMs)) {
      book = action.change(book, prices, write);
      events.push({ atMs, kind: "action", text: action.text });
    }
    for (const delisting of delistings.filter((each) => each.atMs === atMs)) {
      book = delist(book, delisting, momentOf("delisting"));
    }
    book = liquidate(watchLevel(book, prices, write), momentOf("liquidation"), script.liquidationMs);
  }
  return [book, events, postings];
}

/** The grid points and the moments of the script, each once, in order. */
function moments(fromMs: number, toMs: number, script: readonly { readonly atMs: number }[]): readonly number[] {
  const times = new Set(script.map(({ atMs }) => atMs));
  for (let atMs = (Math.floor(fromMs / STEP_MS) + 1) * STEP_MS; atMs <= toMs; atMs += STEP_MS) times.add(atMs);
  return [...times].sort((a, b) => a - b);
}

function accrue(book: Book): Book {
  const withInterest = (balance: AssetBalance): AssetBalance =>
    balance.borrowed === 0
      ? balance
      : { ...balance, interest: balance.interest + balance.borrowed * book.hourlyInterestRate };
  return {
    ...book,
    cross: book.cross && { ...book.cross, assets: book.cross.assets.map(withInterest) },
    isolated: book.isolated.map((pair) => ({
      ...pair,
      base: withInterest(pair.base),
      quote: withInterest(pair.quote),
    })),
  };
}

/** A margin call is pushed when the level falls through its bar, once; a book that begins below it was called before. */
function watchLevel(book: Book, prices: Prices, write: Write): Book {
  const { cross } = book;
  if (cross === undefined || cross.liquidatingSinceMs !== undefined) return book;
  const level = crossLevel(cross, prices);
  const isCalled = level <= cross.bars.marginCallBar;
  if (isCalled === cross.isCalled) return book;
  if (isCalled) write([{ kind: "margin-call", level }]);
  return { ...book, cross: { ...cross, isCalled } };
}
