// Why nothing can be transferred out of the cross account, and what would change that. Pure arithmetic; what cannot be known is
// not guessed.
import { debtOf, isQuotient, owes } from "./observe.ts";
import type { CrossAnswer } from "./ports.ts";

/** Transfer out needs a collateral margin level above this. Source: FAQ 360030493931, the same at 3x and at 5x. */
export const TRANSFER_OUT_LEVEL = 2;
/** A debt in USDT alone says what L is: an answer whose own figures differ from it by more than this share is not calculated with. */
const TOLERANCE = 0.05;

/** `level` is the collateral margin level, amounts are in USDT: anything more than that unlocks it. */
export type Lock =
  | { readonly kind: "unknown" }
  /** Nothing is owed: whatever keeps the transfers off, it is not the collateral. */
  | { readonly kind: "debt-free" }
  /** The level is high enough, so something else keeps the transfers off. */
  | { readonly kind: "other"; readonly level: number }
  | {
      readonly kind: "collateral";
      readonly level: number;
      readonly amounts: CollateralAmounts | undefined;
    };

/** Each alone is enough. */
export interface CollateralAmounts {
  readonly addUsdt: number;
  readonly repayUsdt: number;
}

/**
 * With collateral C after haircuts and debt L = C / level, both in USDT: adding 2L − C of USDT (which counts in full) or repaying
 * L − C/2 from outside makes the level 2. C 18,400 at 1.84: L 10,000, add 1,600, repay 800. Sources: the level is C / L (FAQ
 * 360030493931); C is TotalCollateralValueInUSDT of GET /sapi/v1/margin/account. While open orders would lose something the level
 * holds more than C / L, so no amount is told.
 */
export function transferOutLock(answer: CrossAnswer): Lock {
  const { collateralMarginLevel: level, assets, accountType } = answer;
  if (assets === undefined) return { kind: "unknown" };
  if (!assets.some(owes)) return { kind: "debt-free" };
  const isClassic = accountType === undefined || accountType === "MARGIN_1";
  if (level === undefined || level <= 0 || !isClassic) return { kind: "unknown" };
  if (level > TRANSFER_OUT_LEVEL) return { kind: "other", level };
  return { kind: "collateral", level, amounts: toCollateralLevel(answer, TRANSFER_OUT_LEVEL) };
}

/**
 * What makes the collateral margin level t, in USDT: with C and L as above, adding t·L − C or repaying L − C/t. Undefined where that is
 * not known, and where the level is no lower than t.
 */
export function toCollateralLevel(answer: CrossAnswer, target: number): CollateralAmounts | undefined {
  const {
    totalCollateralValueInUsdt: collateral,
    totalOpenOrderLossInUsdt: loss,
    collateralMarginLevel: level,
  } = answer;
  if (level === undefined || level <= 0 || !isQuotient(answer) || answer.assets?.some(owes) !== true) return undefined;
  if (collateral === undefined || collateral <= 0 || loss !== 0) return undefined;
  const debt = collateral / level;
  if (isContradicted(answer, debt)) return undefined;
  const addUsdt = target * debt - collateral;
  const repayUsdt = debt - collateral / target;
  return addUsdt > 0 && repayUsdt > 0 ? { addUsdt, repayUsdt } : undefined;
}

function isContradicted({ assets = [] }: CrossAnswer, debtUsdt: number): boolean {
  const owed = assets.filter(owes);
  const [only] = owed;
  if (only === undefined || owed.length > 1 || only.asset !== "USDT") return false;
  return Math.abs(debtUsdt - debtOf(only)) > TOLERANCE * debtOf(only);
}
