// A delisting at its time. How Binance writes its forced closing down is documented nowhere; here it leaves the rows of a
// liquidation (sold, bought, repaid), without a fee and without an order in forceLiquidationRec, because no level was reached.
import type { Delisting } from "../core/market.ts";
import { inTurn, removePair, withdraw } from "./actions.ts";
import { type Book, debtOf, heldOf, holding, netOf, type PairBook } from "./book.ts";
import { forcedEntries, type Moment } from "./liquidate.ts";

const UNIT = "USDT";

/** Assets leave the cross account, pairs the isolated ones; who does not have them notices nothing. */
export function delist(book: Book, { assets, symbols }: Delisting, moment: Moment): Book {
  const afterAssets = assets.reduce((changed, asset) => delistAsset(changed, asset, moment), book);
  return symbols.reduce((changed, symbol) => delistPair(changed, symbol, moment), afterAssets);
}

/** What is over is sold for USDT, what is owed is bought with it; when USDT does not suffice, its debt grows. */
function delistAsset(book: Book, asset: string, { prices, tell, write }: Moment): Book {
  const { cross } = book;
  const balance = cross?.assets.find((each) => each.asset === asset);
  if (cross === undefined || balance === undefined || (heldOf(balance) === 0 && debtOf(balance) === 0)) return book;
  tell(`cross: ${asset} is delisted, the exchange closes it`);
  write(forcedEntries("cross", [balance], UNIT, prices));
  const unit = cross.assets.find((each) => each.asset === UNIT) ?? holding(UNIT);
  const free = unit.free + netOf(balance) * prices.usdt(asset);
  const paid = { ...unit, free: Math.max(0, free), borrowed: unit.borrowed + Math.max(0, -free) };
  const others = cross.assets.filter((each) => each.asset !== asset && each.asset !== UNIT);
  return { ...book, cross: { ...cross, assets: [...others, paid] } };
}

/** The pair is settled in its quote asset, what is left goes to spot, and the pair is gone from the answers. */
function delistPair(book: Book, symbol: string, { prices, tell, write }: Moment): Book {
  const pair = book.isolated.find((each) => each.symbol === symbol);
  if (pair === undefined) return book;
  tell(`isolated ${symbol}: the pair is delisted, the exchange closes it`);
  const { base, quote } = pair;
  const entries = forcedEntries(symbol, [base, quote], quote.asset, prices);
  if (entries.length > 0) write(entries);
  const left = Math.max(0, netOf(quote) + (netOf(base) * prices.usdt(base.asset)) / prices.usdt(quote.asset));
  const settled: PairBook = { ...pair, base: holding(base.asset), quote: holding(quote.asset, { free: left }) };
  const others = book.isolated.map((each) => (each === pair ? settled : each));
  return inTurn(withdraw(symbol, quote.asset, left), removePair(symbol))({ ...book, isolated: others }, prices, write);
}
