// The exchange takes over: when a level has reached its bar, FORCE_LIQUIDATION shows for a while, then the collateral is sold
// against the debt. The entries are those that Binance documents as the traces of a liquidation.
import type { AssetBalance } from "../core/ports.ts";
import {
  type Book,
  type CrossBook,
  crossLevel,
  debtOf,
  holding,
  netOf,
  type PairBook,
  pairLevel,
  pairOwes,
  worthOf,
} from "./book.ts";
import { type Entry, flow, isWritten, type Place, type Write } from "./journal.ts";
import { addToLoan, LOAN_ASSET } from "./loan.ts";
import type { Prices } from "./price-path.ts";

/** One moment of the play. */
export interface Moment {
  /** Simulated time. */
  readonly atMs: number;
  readonly prices: Prices;
  /** For the person who watches. */
  readonly tell: (text: string) => void;
  readonly write: Write;
}

/** Clearance fee, as a share of the debt that a liquidation repays. */
const LIQUIDATION_FEE = 0.02;
const CROSS_UNIT = "USDT";

/** `liquidationMs`: how long FORCE_LIQUIDATION shows before the collateral is sold, simulated. */
export function liquidate(book: Book, moment: Moment, liquidationMs: number): Book {
  return {
    ...book,
    cross: book.cross && settleCross(book.cross, moment, liquidationMs),
    isolated: book.isolated.map((pair) => settlePair(pair, moment, liquidationMs)),
  };
}

function settleCross(cross: CrossBook, moment: Moment, liquidationMs: number): CrossBook {
  const { atMs, prices, tell } = moment;
  if (cross.liquidatingSinceMs === undefined) {
    const level = crossLevel(cross, prices);
    if (level > cross.bars.forceLiquidationBar) return cross;
    tell(`cross: the exchange takes over at margin level ${level.toFixed(4)}`);
    return { ...cross, liquidatingSinceMs: atMs };
  }
  return atMs - cross.liquidatingSinceMs < liquidationMs ? cross : sellCross(cross, moment);
}

function sellCross(cross: CrossBook, { prices, tell, write }: Moment): CrossBook {
  const sale = sellOut(cross.assets, prices);
  const owes =
    sale.shortUsdt === 0 ? "" : `; a loan of ${amount(sale.shortUsdt)} ${LOAN_ASSET} is left to be paid back`;
  tell(`cross: liquidated, ${describe(sale, 1, CROSS_UNIT)}${owes}`);
  write([
    ...forcedEntries("cross", cross.assets, CROSS_UNIT, prices),
    ...ordersFor("cross", cross.assets, CROSS_UNIT, prices),
    ...feeEntries("cross", CROSS_UNIT, sale.feeUsdt),
  ]);
  const assets = cross.assets.map(({ asset }) => holding(asset, asset === CROSS_UNIT ? { free: sale.leftUsdt } : {}));
  const hasUnit = assets.some(({ asset }) => asset === CROSS_UNIT);
  const kept = hasUnit ? assets : [...assets, holding(CROSS_UNIT, { free: sale.leftUsdt })];
  const loan = sale.shortUsdt === 0 ? cross.loan : addToLoan(cross.loan, sale.shortUsdt);
  return { ...cross, assets: kept, liquidatingSinceMs: undefined, loan };
}

function settlePair(pair: PairBook, moment: Moment, liquidationMs: number): PairBook {
  const { atMs, prices, tell } = moment;
  const { liquidatingSinceMs, symbol, tier } = pair;
  if (liquidatingSinceMs === undefined) {
    if (!pairOwes(pair)) return pair;
    const level = pairLevel(pair, prices.index(symbol));
    if (level > tier.liquidationRatio) return pair;
    tell(`isolated ${symbol}: the exchange takes over at margin level ${level.toFixed(4)}`);
    return { ...pair, liquidatingSinceMs: atMs };
  }
  return atMs - liquidatingSinceMs < liquidationMs ? pair : sellPair(pair, moment);
}

/** What is missing is the exchange's loss: an isolated pair leaves no loan. */
function sellPair(pair: PairBook, { prices, tell, write }: Moment): PairBook {
  const { symbol, base, quote } = pair;
  const sale = sellOut([base, quote], prices);
  const unit = prices.usdt(quote.asset);
  tell(`isolated ${symbol}: liquidated, ${describe(sale, unit, quote.asset)}`);
  write([
    ...forcedEntries(symbol, [base, quote], quote.asset, prices),
    ...ordersFor(symbol, [base, quote], quote.asset, prices),
    ...feeEntries(symbol, quote.asset, sale.feeUsdt / unit),
  ]);
  const left = holding(quote.asset, { free: sale.leftUsdt / unit });
  return { ...pair, base: holding(base.asset), quote: left, liquidatingSinceMs: undefined };
}

// ---------------------------------------------------------------- the sale

interface Sale {
  readonly soldUsdt: number;
  readonly repaidUsdt: number;
  /** The fee, as far as there was something to take it from. */
  readonly feeUsdt: number;
  readonly leftUsdt: number;
  /** Debt that the collateral did not cover. */
  readonly shortUsdt: number;
}

/** All collateral at the index price against all debt and the fee. */
function sellOut(balances: readonly AssetBalance[], prices: Prices): Sale {
  const { assets, liabilities } = worthOf(balances, prices);
  const equity = assets - liabilities;
  const leftUsdt = Math.max(0, equity - liabilities * LIQUIDATION_FEE);
  return {
    soldUsdt: assets,
    repaidUsdt: liabilities,
    feeUsdt: Math.max(0, equity) - leftUsdt,
    leftUsdt,
    shortUsdt: Math.max(0, -equity),
  };
}

function describe(sale: Sale, unit: number, asset: string): string {
  const [sold, repaid, left] = [sale.soldUsdt, sale.repaidUsdt, sale.leftUsdt].map((usdt) => amount(usdt / unit));
  return `collateral of ${sold} ${asset} sold, debt of ${repaid} repaid with a fee of 2 %, ${left} left`;
}

const amount = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: value < 1 ? 6 : 0 });

// ---------------------------------------------------------------- its traces

/** What is over is sold for the unit, what is missing bought with it, and every debt repaid. */
export function forcedEntries(
  place: Place,
  balances: readonly AssetBalance[],
  unit: string,
  prices: Prices,
): readonly Entry[] {
  const traded = ordersFor(place, balances, unit, prices).map(({ side, asset, qty }) =>
    flow(place, `${side}_LIQUIDATION`, asset, qty),
  );
  const repaid = balances.map((balance) => flow(place, "REPAY_LIQUIDATION", balance.asset, debtOf(balance)));
  return [...traded, ...repaid].filter(isWritten);
}

function ordersFor(place: Place, balances: readonly AssetBalance[], unit: string, prices: Prices) {
  return balances
    .filter(({ asset }) => asset !== unit)
    .map((balance) => ({
      kind: "order" as const,
      place,
      asset: balance.asset,
      symbol: place === "cross" ? `${balance.asset}${unit}` : place,
      side: netOf(balance) > 0 ? ("SELL" as const) : ("BUY" as const),
      qty: Math.abs(netOf(balance)),
      price: netOf(balance) === 0 ? 0 : prices.usdt(balance.asset) / prices.usdt(unit),
    }))
    .filter(isWritten);
}

const feeEntries = (place: Place, unit: string, fee: number): readonly Entry[] =>
  [flow(place, "LIQUIDATION_FEE", unit, fee)].filter(isWritten);
