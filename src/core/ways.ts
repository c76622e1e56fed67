// What brings a position back, in money that people have at hand: each way in USDT and in the asset that most is owed of, for every goal
// that matters; of a pair in its own two assets. Pure arithmetic on a priced book; the formulas are those of remedy.ts and unlock.ts.
import { debtOf, heldOf, isLong } from "./observe.ts";
import type { Bars, CrossAnswer, PairAnswer } from "./ports.ts";
import { type Book, largestDebt, type PricedAsset, pairBook } from "./priced.ts";
import { type Amount, type PairWays, type Remedies, toLevel } from "./remedy.ts";
import { TRANSFER_OUT_LEVEL, toCollateralLevel, transferOutLock } from "./unlock.ts";

/** What is to be reached. `rule` and `margin-call`: a margin level. `transfer-out`: a collateral margin level, to be passed. */
export interface Goal {
  readonly kind: "rule" | "margin-call" | "transfer-out";
  readonly level: number;
}

/** Each amount alone is enough. */
export interface Ways {
  readonly goal: Goal;
  /** In the book's unit, USDT; repaying so much is repaying debts of that worth. */
  readonly inUnit: Remedies;
  /**
   * The same amounts in the asset that most is owed of. Undefined when that is the unit itself; a single one is undefined when less is
   * owed of the asset than would have to be repaid, or when nobody can say how much of it counts.
   */
  readonly inDebt: Remedies | undefined;
}

export interface Goals {
  readonly bars: Bars;
  /** The margin level that the rule wants back; undefined when it watches something else. */
  readonly target: number | undefined;
}

/**
 * The ways to every goal that is not met: the rule's target, the margin-call bar, and the collateral level that unlocks transfers out.
 * A goal that is met, or that another one already names, is left out.
 */
export function waysBack(book: Book, answer: CrossAnswer, { bars, target }: Goals): readonly Ways[] {
  const out: Ways[] = [];
  if (target !== undefined && book.level < target) out.push(waysTo(book, { kind: "rule", level: target }));
  const call = bars.marginCallBar;
  if (call !== target && book.level < call) out.push(waysTo(book, { kind: "margin-call", level: call }));
  const unlock = waysOut(book, answer);
  return unlock === undefined ? out : [...out, unlock];
}

/**
 * To one margin level t, fees and slippage left out, everything at its market price: `toLevel` on the book, so A 13,000, L 10,000, t 1.5 is 2,000, 1,333.33 or 4,000. Selling is no way where less
 * is held than is owed: (t·L − A) / (t − 1) is more than A then.
 */
export function waysTo(book: Book, goal: Goal): Ways {
  const { assetsWorth, liabilitiesWorth, unit } = book;
  const all = toLevel(assetsWorth, liabilitiesWorth, goal.level, unit);
  return both(book, goal, { ...all, sell: assetsWorth >= liabilitiesWorth ? all.sell : undefined }, true);
}

/**
 * To the collateral level that unlocks transfers out; amounts from `transferOutLock`, anything more than them is enough. To sell:
 * with collateral C, debt L and a coin that counts with a share c of its worth, (C − c·X) / (L − X) = 2 is X = (2L − C) / (2 − c). The
 * shares are not in the answer, so c = 1 is taken, the worst: X = 2L − C, which is what would have to be added. For the same reason
 * nobody can say how much of a coin other than USDT would have to be added.
 */
function waysOut(book: Book, answer: CrossAnswer): Ways | undefined {
  const lock = transferOutLock(answer);
  if (lock.kind !== "collateral" || lock.amounts === undefined) return undefined;
  const { addUsdt, repayUsdt } = lock.amounts;
  const add: Amount = { value: addUsdt, asset: "USDT" };
  const remedies = { add, repay: { value: repayUsdt, asset: "USDT" }, sell: lock.level >= 1 ? add : undefined };
  return both(book, { kind: "transfer-out", level: TRANSFER_OUT_LEVEL }, remedies, false);
}

/**
 * To a collateral margin level: in USDT, which counts in full, and the debt to repay in the largest debt's asset too, where a book tells
 * its price. No sale: how much of its worth a coin counts for is not in the answer. Undefined where the amounts are not known.
 */
export function waysToCollateral(
  book: Book | undefined,
  answer: CrossAnswer,
  level: number,
): Pick<Ways, "inUnit" | "inDebt"> | undefined {
  const amounts = toCollateralLevel(answer, level);
  if (amounts === undefined) return undefined;
  const add: Amount = { value: amounts.addUsdt, asset: "USDT" };
  const inUnit = { add, repay: { value: amounts.repayUsdt, asset: "USDT" }, sell: undefined };
  return book === undefined ? { inUnit, inDebt: undefined } : both(book, { kind: "rule", level }, inUnit, false);
}

/**
 * An isolated pair to a margin level, `toLevel` on its book: added in the quote, repaid in the asset that is the debt of its side (a long
 * one's quote, a short one's base). Sell and repay is at the index price. A way that needs more than there is of an asset is undefined.
 * Undefined without debt, and where the legs do not agree with the level.
 */
export function pairWaysTo(pair: PairAnswer, level: number): PairWays | undefined {
  const book = pairBook(pair);
  const { base, quote, indexPrice } = pair;
  if (book === undefined || base === undefined || quote === undefined || indexPrice === undefined) return undefined;
  const all = toLevel(book.assetsWorth, book.liabilitiesWorth, level, quote.asset);
  const inBase = (amount: Amount | undefined) => amount && { value: amount.value / indexPrice, asset: base.asset };
  if (isLong(base, quote)) {
    const sold = Math.min(heldOf(base) * indexPrice, debtOf(quote));
    const ways = { add: all.add, repay: atMost(debtOf(quote), all.repay), sell: atMost(sold, all.sell) };
    return { ...ways, inDebt: undefined };
  }
  const sell = atMost(Math.min(heldOf(quote), debtOf(base) * indexPrice), all.sell);
  const repay = atMost(debtOf(base), inBase(all.repay));
  return { add: all.add, repay, sell, inDebt: { add: inBase(all.add), repay: undefined, sell: inBase(sell) } };
}

function both(book: Book, goal: Goal, inUnit: Remedies, isAddKnown: boolean): Ways {
  const debt = largestDebt(book);
  if (debt === undefined || debt.asset === book.unit) return { goal, inUnit, inDebt: undefined };
  const inDebt = {
    add: isAddKnown ? of(debt, inUnit.add) : undefined,
    repay: atMostOwed(debt, of(debt, inUnit.repay)),
    sell: atMostOwed(debt, of(debt, inUnit.sell)),
  };
  return { goal, inUnit, inDebt };
}

const of = ({ asset, price }: PricedAsset, amount: Amount | undefined): Amount | undefined =>
  amount === undefined ? undefined : { value: amount.value / price, asset };

const atMostOwed = ({ owed }: PricedAsset, amount: Amount | undefined): Amount | undefined => atMost(owed, amount);

const atMost = (most: number, amount: Amount | undefined): Amount | undefined =>
  amount !== undefined && amount.value <= most ? amount : undefined;
