// What becomes of the level when prices move: a ladder of falls of what is held and of rises of what is owed.
import { isLong } from "./observe.ts";
import type { PairAnswer } from "./ports.ts";
import { type Book, levelWhen, type PricedAsset } from "./priced.ts";

export const FALLS_PCT = [5, 10, 20] as const;
export const RISES_PCT = [5, 10] as const;

export interface StressStep {
  /** Percent, signed: −5, 10. */
  readonly changePct: number;
  /** Margin level after it. */
  readonly level: number;
}

export interface StressLadder {
  readonly falls: readonly StressStep[];
  /** Empty when no coin is owed whose rise would hurt. */
  readonly rises: readonly StressStep[];
}

/**
 * Falls: everything held is worth 5, 10, 20 % less, stable coins too, and the debt stays: level · (1 − x). That is the fall that
 * `crossDistancePct` counts, so the ladder and the distance beside it never contradict each other.
 *
 * Rises: every coin whose rise hurts costs 5, 10 % more; what is held of the same coin gains with it, because it is the same price. A
 * rise hurts where what is held of the coin is less than level times what is owed of it: d(level)/dP < 0. So dust of interest on a coin
 * that is mostly held is not counted as a danger. Stable coins that are owed do not rise.
 *
 * The same for a cross book and for that of a pair (`pairBook`).
 */
export function stressLadder(book: Book): StressLadder {
  const isHurting = (asset: PricedAsset) => !asset.isStable && asset.heldWorth < book.level * asset.owedWorth;
  const isExposed = book.assets.some(isHurting);
  return {
    falls: FALLS_PCT.map((pct) => ({ changePct: -pct, level: book.level * (1 - pct / 100) })),
    rises: !isExposed
      ? []
      : RISES_PCT.map((pct) => ({
          changePct: pct,
          level: levelWhen(book, (asset) => (isHurting(asset) ? 1 + pct / 100 : 1)),
        })),
  };
}

/**
 * The level at which this pair is liquidated, whatever its tier: its legs at Binance's own liquidatePrice, in the book's scale. Without
 * it a pair's ladder says little: a pair of 3x ends at 1.18, one of 10x at 1.05. Undefined where no price liquidates it.
 */
export function pairLiquidationLevel(pair: PairAnswer, book: Book): number | undefined {
  const { base, quote, indexPrice, liquidatePrice } = pair;
  if (base === undefined || quote === undefined || !indexPrice || !liquidatePrice) return undefined;
  const times = liquidatePrice / indexPrice;
  if (isLong(base, quote) ? times > 1 : times < 1) return undefined; // it is passed: no level is left to name
  return levelWhen(book, ({ asset }) => (asset === base.asset ? times : 1));
}
