// What a delisting costs an account: the level without what is held of the asset, and whether it is so little that it does not matter.

import type { Prices } from "./market.ts";
import { heldOf, isQuotient, owes } from "./observe.ts";
import type { AssetBalance, CrossAnswer, PairAnswer } from "./ports.ts";
import { priceInBtc, priceInUsdt } from "./usdt-price.ts";

/** The last digit that people see of a level: who loses less than that loses nothing that is shown. */
const LEVEL_LOSS_MIN = 0.01;
/** Less than this is what is left over of a trade. */
const WORTH_MIN_USDT = 1;
/** What did not matter matters again when it is so many times the minimum: prices move, and an alert must not come and go with them. */
const STAYS = 1.25;

export interface Levels {
  /** Margin level now, and as it would be without what is held of the asset. */
  readonly level: number | undefined;
  readonly levelWithout: number | undefined;
}

/** Owes the account anything at all? Then it can be liquidated. */
export const isInDebt = (cross: CrossAnswer | undefined): boolean =>
  cross?.assets?.some(owes) === true || (cross?.totalLiabilityOfBtc ?? 0) > 0;

/**
 * Margin level now, and (A − held · p) / L without this collateral: A, L totalAssetOfBtc and totalLiabilityOfBtc, p the price in BTC.
 * The level as assets over liabilities in BTC: FAQ 360030493931. Undefined without debt, for MARGIN_2, and where no price tells.
 */
export function levelsWithout(
  balance: AssetBalance,
  cross: CrossAnswer | undefined,
  prices: Prices | undefined,
): Levels {
  const unknown = { level: undefined, levelWithout: undefined };
  if (cross?.assets?.some(owes) !== true || !isQuotient(cross)) return unknown;
  const { marginLevel: level, totalAssetOfBtc: assets, totalLiabilityOfBtc: liabilities } = cross;
  const held = heldOf(balance);
  if (held <= 0) return { level, levelWithout: level };
  const price = priceInBtc(balance.asset, prices);
  if (assets === undefined || liabilities === undefined || liabilities <= 0 || price === undefined)
    return { level, levelWithout: undefined };
  return { level, levelWithout: Math.max(0, (assets - held * price) / liabilities) };
}

/** Is the level so much worse without it that people would see it? Units of the level. */
export const isWorseWithout = ({ level, levelWithout }: Levels): boolean =>
  level !== undefined && levelWithout !== undefined && level - levelWithout > LEVEL_LOSS_MIN;

/** Nothing of it is owed, and who loses it loses nothing that counts. `wasMinor`: it did not matter before. */
export function isMinorAsset(balance: AssetBalance, levels: Levels, prices: Prices | undefined, wasMinor: boolean) {
  const { level, levelWithout } = levels;
  const times = wasMinor ? STAYS : 1;
  if (owes(balance)) return false;
  if (level !== undefined && levelWithout !== undefined && level - levelWithout < LEVEL_LOSS_MIN * times) return true;
  return isWorthLittle([balance], prices, times);
}

/** As isMinorAsset, of an isolated pair. */
export function isMinorPair({ base, quote }: PairAnswer, prices: Prices | undefined, wasMinor: boolean): boolean {
  if (base === undefined || quote === undefined || owes(base) || owes(quote)) return false;
  return isWorthLittle([base, quote], prices, wasMinor ? STAYS : 1);
}

function isWorthLittle(balances: readonly AssetBalance[], prices: Prices | undefined, times: number): boolean {
  const worths = balances.map((balance) => {
    const held = heldOf(balance);
    return held <= 0 ? 0 : held * (priceInUsdt(balance.asset, prices) ?? Number.POSITIVE_INFINITY);
  });
  return worths.reduce((sum, worth) => sum + worth, 0) < WORTH_MIN_USDT * times;
}
