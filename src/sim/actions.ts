// What a script can make a trader or the exchange do. Each maker returns a change of the book; none of them can overdraw:
// who sells, repays or withdraws more than there is, gets what there is, as an exchange would refuse the rest.
import type { AssetBalance } from "../core/ports.ts";
import { type Book, holding, type PairBook, type Rights } from "./book.ts";
import type { Prices } from "./price-path.ts";

/** A moment of the script. Changes at or before the start of the book are not played. */
export interface ScriptedAction {
  /** Simulated time. */
  readonly atMs: number;
  /** Whose book. */
  readonly apiKey: string;
  /** For the person who watches: "the owner adds 3,500 USDT". */
  readonly text: string;
  readonly change: Change;
}

export type Change = (book: Book, prices: Prices) => Book;

/** The cross account, or an isolated pair by its symbol. */
export type Place = "cross" | (string & {});

export const deposit = (place: Place, asset: string, amount: number): Change =>
  onBalance(place, asset, (balance) => ({ ...balance, free: balance.free + amount }));

export const withdraw = (place: Place, asset: string, amount: number): Change =>
  onBalance(place, asset, (balance) => ({ ...balance, free: balance.free - Math.min(amount, balance.free) }));

export const borrow = (place: Place, asset: string, amount: number): Change =>
  onBalance(place, asset, (balance) => ({
    ...balance,
    free: balance.free + amount,
    borrowed: balance.borrowed + amount,
  }));

/** Repays from the free balance, interest first, as Binance does. */
export const repay = (place: Place, asset: string, amount: number): Change =>
  onBalance(place, asset, (balance) => {
    const paid = Math.min(amount, balance.free, balance.borrowed + balance.interest);
    const toInterest = Math.min(paid, balance.interest);
    return {
      ...balance,
      free: balance.free - paid,
      interest: balance.interest - toInterest,
      borrowed: balance.borrowed - (paid - toInterest),
    };
  });

/** Sells `amount` of one asset for another at the index price, without a fee; the debt stays as it is. */
export const sell =
  (place: Place, asset: string, amount: number, into: string): Change =>
  (book, prices) => {
    const sold = Math.min(amount, balanceAt(book, place, asset).free);
    const bought = (sold * prices.usdt(asset)) / prices.usdt(into);
    return deposit(place, into, bought)(withdraw(place, asset, sold)(book, prices), prices);
  };

/** Several changes at one moment, in this order. */
export const inTurn =
  (...changes: readonly Change[]): Change =>
  (book, prices) =>
    changes.reduce((changed, change) => change(changed, prices), book);

/** Opens a pair, or puts another in its place. */
export const openPair =
  (pair: PairBook): Change =>
  (book) => ({ ...book, isolated: [...book.isolated.filter(({ symbol }) => symbol !== pair.symbol), pair] });

/** Everything sold, repaid and taken out; the empty pair stays in the answers. */
export const closePair = (symbol: string): Change =>
  onPair(symbol, (pair) => ({ ...pair, base: holding(pair.base.asset), quote: holding(pair.quote.asset) }));

/** The pair disappears from the answers, as after a delisting. */
export const removePair =
  (symbol: string): Change =>
  (book) => ({ ...book, isolated: book.isolated.filter((pair) => pair.symbol !== symbol) });

export const setPairEnabled = (symbol: string, enabled: boolean): Change =>
  onPair(symbol, (pair) => ({ ...pair, enabled }));

/** The exchange gives or takes rights of the cross account; what is named no longer follows the level. */
export const setRights =
  (rights: Partial<Rights>): Change =>
  (book) => {
    if (book.cross === undefined) throw new Error("there is no cross account");
    return { ...book, cross: { ...book.cross, rights: { ...book.cross.rights, ...rights } } };
  };

// ---------------------------------------------------------------- finding the balance

type BalanceChange = (balance: AssetBalance) => AssetBalance;

function onBalance(place: Place, asset: string, change: BalanceChange): Change {
  return place === "cross" ? onCrossAsset(asset, change) : onPair(place, (pair) => onLeg(pair, asset, change));
}

function onCrossAsset(asset: string, change: BalanceChange): Change {
  return (book) => {
    if (book.cross === undefined) throw new Error("there is no cross account");
    const { assets } = book.cross;
    const known = assets.some((balance) => balance.asset === asset) ? assets : [...assets, holding(asset)];
    const changed = known.map((balance) => (balance.asset === asset ? change(balance) : balance));
    return { ...book, cross: { ...book.cross, assets: changed } };
  };
}

function onPair(symbol: string, change: (pair: PairBook) => PairBook): Change {
  return (book) => {
    if (!book.isolated.some((pair) => pair.symbol === symbol)) throw new Error(`there is no isolated pair ${symbol}`);
    return { ...book, isolated: book.isolated.map((pair) => (pair.symbol === symbol ? change(pair) : pair)) };
  };
}

function onLeg(pair: PairBook, asset: string, change: BalanceChange): PairBook {
  if (pair.base.asset === asset) return { ...pair, base: change(pair.base) };
  if (pair.quote.asset === asset) return { ...pair, quote: change(pair.quote) };
  throw new Error(`the pair ${pair.symbol} has no ${asset}`);
}

function balanceAt(book: Book, place: Place, asset: string): AssetBalance {
  const pair = book.isolated.find(({ symbol }) => symbol === place);
  const balances = place === "cross" ? (book.cross?.assets ?? []) : pair === undefined ? [] : [pair.base, pair.quote];
  return balances.find((balance) => balance.asset === asset) ?? holding(asset);
}
