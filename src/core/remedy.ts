// What would bring a position back: amounts of money, from its assets and liabilities. Pure arithmetic.
import { debtOf, heldOf, isLong, isQuotient } from "./observe.ts";
import type { CrossAnswer, PairAnswer, PairLeg } from "./ports.ts";

export interface Amount {
  readonly value: number;
  readonly asset: string;
}

/** Three ways back; each alone is enough. Undefined where that way does not lead there, or there is not enough to go it. */
export interface Remedies {
  /** Put in from outside, kept as collateral. */
  readonly add: Amount | undefined;
  /** Put in from outside, used to repay. */
  readonly repay: Amount | undefined;
  /** Sell of what is held (or buy back what is owed) and repay with it. */
  readonly sell: Amount | undefined;
}

export interface PairWays extends Remedies {
  /** The same in the asset that is owed, where that is another one: the base that is added counts at the price of the target. */
  readonly inDebt: Remedies | undefined;
}

/**
 * To reach level t with assets A and liabilities L, all in one unit: add collateral t·L − A, repay from outside L − A/t, sell and
 * repay (t·L − A)/(t − 1). From level = A/L (FAQ 360030493931), fees and slippage left out.
 * A 13,000, L 10,000, t 1.5: 2,000, 1,333.33, 4,000. Who owes more than there is cannot sell that much: (t·L − A)/(t − 1) > A there.
 */
export function toLevel(assets: number, liabilities: number, target: number, asset: string): Remedies {
  const short = target * liabilities - assets;
  return {
    add: amount(short, asset),
    repay: amount(liabilities - assets / target, asset),
    sell: target > 1 && assets >= liabilities ? amount(short / (target - 1), asset) : undefined,
  };
}

/**
 * The cross account back to a margin level. Counted in the asset that is owed when there is just one, else in BTC, the unit in
 * which Binance values the account. Undefined for accounts whose level is not assets over liabilities (MARGIN_2).
 */
export function crossRemedies(answer: CrossAnswer, target: number): Remedies | undefined {
  const { marginLevel: level, assets, totalAssetOfBtc, totalLiabilityOfBtc } = answer;
  if (level === undefined || assets === undefined || !isQuotient(answer)) return undefined;
  const owed = assets.filter((balance) => debtOf(balance) > 0);
  const [only] = owed;
  if (only !== undefined && owed.length === 1) return toLevel(level * debtOf(only), debtOf(only), target, only.asset);
  if (totalAssetOfBtc === undefined || totalLiabilityOfBtc === undefined || totalLiabilityOfBtc <= 0) return undefined;
  return toLevel(totalAssetOfBtc, totalLiabilityOfBtc, target, "BTC");
}

/**
 * An isolated pair back to a distance of `targetPct` between index and liquidation price.
 *
 * With base held b and owed bd, quote held q and owed qd, the level at a price P is (b·P + q)/(bd·P + qd). Binance's own
 * liquidatePrice gives the pair's liquidation ratio LR = level(liquidatePrice), whatever its tier. The target is a liquidation
 * price of P' = index·(1 ∓ targetPct/100), that is level(P') = LR; every amount below solves that for one change of the book.
 * Sell and repay happens at the index price, and is no way where less is held than owed. Source of the ratio: binance-margin reference,
 * isolated accounts (checked on FETUSDT).
 */
export function pairRemedies(pair: PairAnswer, targetPct: number): PairWays | undefined {
  const { base, quote, indexPrice: index, liquidatePrice } = pair;
  if (base === undefined || quote === undefined || !index || !liquidatePrice) return undefined;
  const long = isLong(base, quote);
  const ratio = assetsAt(liquidatePrice, base, quote) / debtAt(liquidatePrice, base, quote);
  if (!Number.isFinite(ratio) || ratio <= 1) return undefined;
  const share = long ? 1 - targetPct / 100 : 1 + targetPct / 100;
  const price = index * share;
  if (price <= 0) return undefined; // no long pair can be that far from its liquidation
  const short = ratio * debtAt(price, base, quote) - assetsAt(price, base, quote);
  const perSold = long ? ratio - share : ratio * share - 1;
  const canSell = perSold > 0 && assetsAt(index, base, quote) >= debtAt(index, base, quote);
  const sold = canSell ? short / perSold : 0;
  const ways = {
    add: amount(short, quote.asset),
    repay: long ? amount(short / ratio, quote.asset) : amount(short / (ratio * price), base.asset),
    sell: amount(sold, quote.asset),
  };
  if (long) return { ...ways, inDebt: undefined };
  const inDebt = { add: amount(short / price, base.asset), repay: undefined, sell: amount(sold / index, base.asset) };
  return { ...ways, inDebt };
}

const assetsAt = (price: number, base: PairLeg, quote: PairLeg): number => heldOf(base) * price + heldOf(quote);
const debtAt = (price: number, base: PairLeg, quote: PairLeg): number => debtOf(base) * price + debtOf(quote);

function amount(value: number, asset: string): Amount | undefined {
  return Number.isFinite(value) && value > 0 ? { value, asset } : undefined;
}
