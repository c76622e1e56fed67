// Plays a book forward in simulated time: interest at each full hour, the script at its moments, liquidation when a level has
// reached its bar. Pure, and independent of who asks when: everything happens on a fixed grid of simulated minutes (and at
// the exact moments of the script), so one jump of a day ends where a thousand small steps end.
import type { AssetBalance } from "../core/ports.ts";
import type { ScriptedAction } from "./actions.ts";
import { type Book, type CrossBook, crossLevel, holding, type PairBook, pairLevel, pairOwes, worthOf } from "./book.ts";
import { type PricePath, type Prices, pricesAt } from "./price-path.ts";

/** Something that a person who watches the simulation wants to read. */
export interface SimEvent {
  /** Simulated time. */
  readonly atMs: number;
  readonly kind: "action" | "liquidation";
  readonly text: string;
}

export interface Script {
  readonly path: PricePath;
  /** Of this book alone, in order of time. */
  readonly actions: readonly ScriptedAction[];
  /** How long FORCE_LIQUIDATION shows before the collateral is sold, simulated ms. */
  readonly liquidationMs: number;
}

const STEP_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Clearance fee, as a share of the debt that a liquidation repays. */
const LIQUIDATION_FEE = 0.02;

type Played = readonly [Book, readonly SimEvent[]];

/** The book at `toMs`, from the book at `fromMs`: what is due after `fromMs` and up to `toMs` has happened. */
export function play(start: Book, fromMs: number, toMs: number, script: Script): Played {
  const events: SimEvent[] = [];
  const due = script.actions.filter(({ atMs }) => atMs > fromMs && atMs <= toMs);
  let book = start;
  for (const atMs of moments(fromMs, toMs, due)) {
    const prices = pricesAt(script.path, atMs);
    if (atMs % HOUR_MS === 0) book = accrue(book);
    for (const action of due.filter((each) => each.atMs === atMs)) {
      book = action.change(book, prices);
      events.push({ atMs, kind: "action", text: action.text });
    }
    const [after, liquidations] = liquidate(book, prices, atMs, script.liquidationMs);
    book = after;
    events.push(...liquidations);
  }
  return [book, events];
}

/** The grid points and the moments of the script, each once, in order. */
function moments(fromMs: number, toMs: number, actions: readonly ScriptedAction[]): readonly number[] {
  const times = new Set(actions.map(({ atMs }) => atMs));
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

// ---------------------------------------------------------------- liquidation

function liquidate(book: Book, prices: Prices, atMs: number, liquidationMs: number): Played {
  const events: SimEvent[] = [];
  const tell = (text: string) => events.push({ atMs, kind: "liquidation", text });
  const cross = book.cross && settleCross(book.cross, prices, { atMs, liquidationMs, tell });
  const isolated = book.isolated.map((pair) => settlePair(pair, prices, { atMs, liquidationMs, tell }));
  return [{ ...book, cross, isolated }, events];
}

interface Taking {
  readonly atMs: number;
  readonly liquidationMs: number;
  readonly tell: (text: string) => void;
}

function settleCross(cross: CrossBook, prices: Prices, { atMs, liquidationMs, tell }: Taking): CrossBook {
  const { liquidatingSinceMs } = cross;
  if (liquidatingSinceMs === undefined) {
    const level = crossLevel(cross, prices);
    if (level > cross.bars.forceLiquidationBar) return cross;
    tell(`cross: the exchange takes over at margin level ${level.toFixed(4)}`);
    return { ...cross, liquidatingSinceMs: atMs };
  }
  if (atMs - liquidatingSinceMs < liquidationMs) return cross;
  const sale = sellOut(cross.assets, prices);
  tell(`cross: liquidated, ${describe(sale, 1, "USDT")}`);
  const assets = cross.assets.map(({ asset }) => holding(asset, asset === "USDT" ? { free: sale.leftUsdt } : {}));
  const hasUsdt = assets.some(({ asset }) => asset === "USDT");
  const kept = hasUsdt ? assets : [...assets, holding("USDT", { free: sale.leftUsdt })];
  return { ...cross, assets: kept, liquidatingSinceMs: undefined };
}

function settlePair(pair: PairBook, prices: Prices, { atMs, liquidationMs, tell }: Taking): PairBook {
  const { liquidatingSinceMs, symbol, base, quote } = pair;
  if (liquidatingSinceMs === undefined) {
    if (!pairOwes(pair)) return pair;
    const level = pairLevel(pair, prices.index(symbol));
    if (level > pair.tier.liquidationRatio) return pair;
    tell(`isolated ${symbol}: the exchange takes over at margin level ${level.toFixed(4)}`);
    return { ...pair, liquidatingSinceMs: atMs };
  }
  if (atMs - liquidatingSinceMs < liquidationMs) return pair;
  const sale = sellOut([base, quote], prices);
  const unit = prices.usdt(quote.asset);
  tell(`isolated ${symbol}: liquidated, ${describe(sale, unit, quote.asset)}`);
  const left = holding(quote.asset, { free: sale.leftUsdt / unit });
  return { ...pair, base: holding(base.asset), quote: left, liquidatingSinceMs: undefined };
}

interface Sale {
  readonly soldUsdt: number;
  readonly repaidUsdt: number;
  readonly leftUsdt: number;
}

/** All collateral at the index price against all debt and the fee. What is missing is the exchange's loss: no debt is left. */
function sellOut(balances: readonly AssetBalance[], prices: Prices): Sale {
  const { assets, liabilities } = worthOf(balances, prices);
  return {
    soldUsdt: assets,
    repaidUsdt: liabilities,
    leftUsdt: Math.max(0, assets - liabilities * (1 + LIQUIDATION_FEE)),
  };
}

function describe(sale: Sale, unit: number, asset: string): string {
  const [sold, repaid, left] = [sale.soldUsdt, sale.repaidUsdt, sale.leftUsdt].map((usdt) => amount(usdt / unit));
  return `collateral of ${sold} ${asset} sold, debt of ${repaid} repaid with a fee of 2 %, ${left} left`;
}

const amount = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: value < 1 ? 6 : 0 });
