// What a script can make a trader or the exchange do. Each maker returns a change of the book; none of them can overdraw:
// who sells, repays or withdraws more than there is, gets what there is, as an exchange would refuse the rest. What moves is
// written into the journal, as the exchange would write it into its histories.
import type { AssetBalance } from "../core/ports.ts";
import { isQuoteOf } from "./assets.ts";
import { type Book, debtOf, heldOf, holding, type PairBook, type Rights } from "./book.ts";
import { type Entry, flow, isWritten, type Place, rolled, type Wallet, type Write } from "./journal.ts";
import { remainingOf } from "./loan.ts";
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

/** Without `write` nothing is written down. */
export type Change = (book: Book, prices: Prices, write?: Write) => Book;

export type { Place, Wallet } from "./journal.ts";

export const deposit = (place: Place, asset: string, amount: number, from: Wallet = "SPOT"): Change =>
  onBalance(place, asset, add(amount), () => rolled("ROLL_IN", place, asset, amount, from));

export const withdraw = (place: Place, asset: string, amount: number, to: Wallet = "SPOT"): Change =>
  onBalance(place, asset, take(amount), (before) =>
    rolled("ROLL_OUT", place, asset, Math.min(amount, before.free), to),
  );

/** Between two margin places of the same key: a ROLL_OUT in the one history and a ROLL_IN in the other. */
export const move =
  (from: Place, asset: string, amount: number, to: Place): Change =>
  (book, prices, write) => {
    const moved = Math.min(amount, balanceAt(book, from, asset).free);
    const [taken, given] = [onBalance(from, asset, take(moved)), onBalance(to, asset, add(moved))];
    const after = given(taken(book, prices), prices);
    post(write, rolled("ROLL_OUT", from, asset, moved, to));
    post(write, rolled("ROLL_IN", to, asset, moved, from));
    return after;
  };

export const borrow = (place: Place, asset: string, amount: number): Change =>
  onBalance(
    place,
    asset,
    (balance) => ({ ...balance, free: balance.free + amount, borrowed: balance.borrowed + amount }),
    () => [flow(place, "BORROW", asset, amount)],
  );

/** Repays from the free balance, interest first, as Binance does. */
export const repay = (place: Place, asset: string, amount: number): Change =>
  onBalance(
    place,
    asset,
    (balance) => {
      const { paid, toInterest } = split(balance, amount);
      return {
        ...balance,
        free: balance.free - paid,
        interest: balance.interest - toInterest,
        borrowed: balance.borrowed - (paid - toInterest),
      };
    },
    (before) => {
      const { paid, toInterest } = split(before, amount);
      return [{ ...flow(place, "REPAY", asset, paid), interest: toInterest }];
    },
  );

function split(balance: AssetBalance, amount: number): { readonly paid: number; readonly toInterest: number } {
  const paid = Math.min(amount, balance.free, debtOf(balance));
  return { paid, toInterest: Math.min(paid, balance.interest) };
}

/** Sells `amount` of one asset for another at the index price, without a fee; the debt stays as it is. */
export const sell =
  (place: Place, asset: string, amount: number, into: string): Change =>
  (book, prices, write) => {
    const sold = Math.min(amount, balanceAt(book, place, asset).free);
    const bought = (sold * prices.usdt(asset)) / prices.usdt(into);
    const [taken, given] = [onBalance(place, asset, take(sold)), onBalance(place, into, add(bought))];
    const after = given(taken(book, prices), prices);
    // BTC for USDT is a sell order on BTCUSDT, USDT for BTC a buy order on it.
    const side = isQuoteOf(asset, into) ? "BUY" : "SELL";
    post(write, [flow(place, `${side}_EXPENSE`, asset, sold), flow(place, `${side}_INCOME`, into, bought)]);
    return after;
  };

/** Pays back what a liquidation left, from the spot wallet: nothing of the margin account moves. No more than is owed. */
export const repayLoan =
  (amount: number): Change =>
  (book) => {
    if (book.cross === undefined) throw new Error("there is no cross account");
    const { loan } = book.cross;
    if (loan === undefined) return book;
    const repaid = loan.repaid + Math.min(amount, remainingOf(loan));
    return { ...book, cross: { ...book.cross, loan: { ...loan, repaid } } };
  };

/** Several changes at one moment, in this order. */
export const inTurn =
  (...changes: readonly Change[]): Change =>
  (book, prices, write) =>
    changes.reduce((changed, change) => change(changed, prices, write), book);

/** Opens a pair, or puts another in its place. What it holds was always there: nothing is written. */
export const openPair =
  (pair: PairBook): Change =>
  (book) => ({ ...book, isolated: [...book.isolated.filter(({ symbol }) => symbol !== pair.symbol), pair] });

/** Orders cancelled, base sold, debts repaid, the rest taken out to spot; the empty pair stays in the answers. */
export const closePair =
  (symbol: string): Change =>
  (book, prices, write) => {
    const { base, quote } = pairAt(book, symbol);
    const debt = { base: debtOf(base), quote: debtOf(quote) };
    const price = prices.usdt(base.asset) / prices.usdt(quote.asset);
    const missing = Math.max(0, debt.base - heldOf(base));
    const settled = inTurn(
      onPair(symbol, (pair) => ({ ...pair, base: unlocked(pair.base), quote: unlocked(pair.quote) })),
      sell(symbol, quote.asset, missing * price, base.asset),
      repay(symbol, base.asset, debt.base),
      sell(symbol, base.asset, Number.POSITIVE_INFINITY, quote.asset),
      repay(symbol, quote.asset, debt.quote),
      withdraw(symbol, quote.asset, Number.POSITIVE_INFINITY),
    )(book, prices, write);
    // What could not be paid is the exchange's loss.
    const emptied = onPair(symbol, (pair) => ({ ...pair, base: holding(base.asset), quote: holding(quote.asset) }));
    return emptied(settled, prices);
  };

/** The pair disappears from the answers, and what it held with it. */
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

const add =
  (amount: number): BalanceChange =>
  (balance) => ({ ...balance, free: balance.free + amount });

const take =
  (amount: number): BalanceChange =>
  (balance) => ({ ...balance, free: balance.free - Math.min(amount, balance.free) });

const unlocked: BalanceChange = (balance) => ({ ...balance, free: heldOf(balance), locked: 0 });

function post(write: Write | undefined, entries: readonly Entry[]): void {
  const written = entries.filter(isWritten);
  if (written.length > 0) write?.(written);
}

function onBalance(
  place: Place,
  asset: string,
  change: BalanceChange,
  told: (before: AssetBalance) => readonly Entry[] = () => [],
): Change {
  const changed = place === "cross" ? onCrossAsset(asset, change) : onPair(place, (pair) => onLeg(pair, asset, change));
  return (book, prices, write) => {
    const after = changed(book, prices);
    post(write, told(balanceAt(book, place, asset)));
    return after;
  };
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

function pairAt(book: Book, symbol: string): PairBook {
  const found = book.isolated.find((pair) => pair.symbol === symbol);
  if (found === undefined) throw new Error(`there is no isolated pair ${symbol}`);
  return found;
}

function onPair(symbol: string, change: (pair: PairBook) => PairBook): Change {
  return (book) => {
    const changed = change(pairAt(book, symbol));
    return { ...book, isolated: book.isolated.map((pair) => (pair.symbol === symbol ? changed : pair)) };
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
