// How far liquidation is, in prices: of every asset by itself with the rest unchanged, and of both legs of an isolated pair.
import { isLong, owes, pairDistancePct } from "./observe.ts";
import type { PairAnswer } from "./ports.ts";
import type { Book, PricedAsset } from "./priced.ts";

/** The price of one asset at which liquidation comes when nothing else moves. */
export interface PriceDistance {
  readonly asset: string;
  /** What the prices are counted in. */
  readonly unit: string;
  readonly priceNow: number;
  readonly price: number;
  /** Which way the price must go. A borrowed coin kills on a rise. */
  readonly direction: "fall" | "rise";
  /** Percent of the price of now; 0 when it is passed already. */
  readonly awayPct: number;
}

/** A price this far away does not matter: no coin doubles or is gone while somebody reads. From here on it reads as 100.0 %. */
export const MATTERS_PCT = 99.95;

/**
 * Per asset the price of liquidation at the bar b, nearest first. With h held and d owed of the asset at a price P, other assets A' and
 * other liabilities L': b = (A' + h·P) / (L' + d·P), so P = (b·L' − A') / (h − b·d). A fall liquidates where h > b·d and P > 0, a rise
 * where h < b·d; else no price of this asset alone does. From level = assets / liabilities (FAQ 360030493931). 1.24 BTC at 10,000 and
 * 10,000 USDT owed, b 1.1: P = 11,000 / 1.24 = 8,870.97, a fall of 11.3 %.
 *
 * Left out: the unit itself, stable coins that would have to rise, and what is 100.0 % away or more. Stable coins that would have to fall
 * come last, however near: their peg is not what breaks first. Empty when the level is at the bar or below, for then no price is left.
 */
export function assetDistances(book: Book, bar: number): readonly PriceDistance[] {
  if (book.level <= bar) return [];
  const found = book.assets.flatMap((asset) => {
    const distance = asset.asset === book.unit ? undefined : distanceOf(asset, book, bar);
    return distance === undefined ? [] : [{ ...distance, isStable: asset.isStable }];
  });
  found.sort((a, b) => Number(a.isStable) - Number(b.isStable) || a.awayPct - b.awayPct || byName(a.asset, b.asset));
  return found.map(({ isStable: _, ...distance }) => distance);
}

function distanceOf(asset: PricedAsset, book: Book, bar: number): PriceDistance | undefined {
  const { heldWorth: held, owedWorth: owed, price: priceNow } = asset;
  const times = (bar * (book.liabilitiesWorth - owed) - (book.assetsWorth - held)) / (held - bar * owed);
  const direction = held > bar * owed ? "fall" : "rise";
  const awayPct = 100 * (direction === "fall" ? 1 - times : times - 1);
  if (!Number.isFinite(times) || times <= 0 || awayPct <= 0 || awayPct >= MATTERS_PCT) return undefined;
  if (asset.isStable && direction === "rise") return undefined;
  return { asset: asset.asset, unit: book.unit, priceNow, price: priceNow * times, direction, awayPct };
}

/** The same price of liquidation from both sides: of the base in the quote asset, and of the quote in the base asset. */
export interface PairDistance {
  readonly base: PriceDistance;
  readonly quote: PriceDistance;
}

/**
 * An isolated pair's distance, from its indexPrice and Binance's own liquidatePrice; see `pairDistancePct`. The quote's price is the
 * inverse, so it goes the other way and further or less far: BTC falling by a fifth is USDT rising by a quarter. Undefined without debt,
 * and where no price liquidates (liquidatePrice 0) or the prices are not known.
 */
export function pairDistance({ base, quote, indexPrice, liquidatePrice }: PairAnswer): PairDistance | undefined {
  if (base === undefined || quote === undefined || (!owes(base) && !owes(quote))) return undefined;
  if (!isPrice(indexPrice) || !isPrice(liquidatePrice)) return undefined;
  const long = isLong(base, quote);
  return {
    base: {
      asset: base.asset,
      unit: quote.asset,
      priceNow: indexPrice,
      price: liquidatePrice,
      direction: long ? "fall" : "rise",
      awayPct: pairDistancePct(indexPrice, liquidatePrice, long),
    },
    quote: {
      asset: quote.asset,
      unit: base.asset,
      priceNow: 1 / indexPrice,
      price: 1 / liquidatePrice,
      direction: long ? "rise" : "fall",
      awayPct: pairDistancePct(1 / indexPrice, 1 / liquidatePrice, !long),
    },
  };
}

const isPrice = (price: number | undefined): price is number => price !== undefined && price > 0;

const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
