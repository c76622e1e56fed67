// What brings a cross account back, in money that people have at hand: each way in USDT and in the asset that most is owed of, for every
// goal that matters. Pure arithmetic on a priced book; the formulas are those of remedy.ts and unlock.ts.
import type { Bars, CrossAnswer } from "./ports.ts";
import { type Book, largestDebt, type PricedAsset } from "./priced.ts";
import { type Amount, type Remedies, toLevel } from "./remedy.ts";
import { TRANSFER_OUT_LEVEL, transferOutLock } from "./unlock.ts";

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

const atMostOwed = ({ owed }: PricedAsset, amount: Amount | undefined): Amount | undefined =>
  amount !== undefined && amount.value <= owed ? amount : undefined;
