// What one unit of an asset is worth, from the market's symbols. The one thing to know: a price that nobody tells is unknown, and 1 USDT is
// assumed of two stable coins only.
import type { PriceLookup } from "./market.ts";

/** Stable coins that other coins are quoted in; worth 1 USDT where the market tells no price, and only then. */
const QUOTES = ["USDC", "FDUSD"] as const;

/** From XBTC, else from BTCX, else over USDT. */
export function priceInBtc(asset: string, prices: PriceLookup | undefined): number | undefined {
  const direct = directPrice(asset, "BTC", prices);
  if (direct !== undefined) return direct;
  const [inUsdt, bitcoin] = [priceOf(`${asset}USDT`, prices), priceOf("BTCUSDT", prices)];
  return inUsdt === undefined || bitcoin === undefined ? undefined : inUsdt / bitcoin;
}

/** From XUSDT, else from USDTX, else over BTC. */
export function priceInUsdt(asset: string, prices: PriceLookup | undefined): number | undefined {
  const direct = directPrice(asset, "USDT", prices);
  if (direct !== undefined) return direct;
  const [inBtc, bitcoin] = [directPrice(asset, "BTC", prices), priceOf("BTCUSDT", prices)];
  return inBtc === undefined || bitcoin === undefined ? undefined : inBtc * bitcoin;
}

function directPrice(asset: string, quote: string, prices: PriceLookup | undefined): number | undefined {
  if (asset === quote) return 1;
  const direct = priceOf(`${asset}${quote}`, prices);
  if (direct !== undefined) return direct; // the common case: hundreds are asked for at once
  const inverse = priceOf(`${quote}${asset}`, prices);
  return inverse === undefined ? undefined : 1 / inverse;
}

function priceOf(symbol: string, prices: PriceLookup | undefined): number | undefined {
  const price = prices?.get(symbol);
  return price !== undefined && price > 0 ? price : undefined;
}

/** One unit of an asset in USDT. `isAssumed`: nobody told, it is a stable coin and counted as 1. */
export interface UsdtPrice {
  readonly price: number;
  readonly isAssumed: boolean;
}

/**
 * From XUSDT, USDTX or over BTC (`priceInUsdt`); else from XUSDC, USDCX, XFDUSD, FDUSDX at what USDC and FDUSD are worth themselves.
 * USDC and FDUSD count as 1 only where the market tells nothing of them: when a peg breaks, that is the very thing to see.
 */
export function usdtPrice(asset: string, prices: PriceLookup | undefined): UsdtPrice | undefined {
  const told = priceInUsdt(asset, prices);
  if (told !== undefined) return { price: told, isAssumed: false };
  if (isQuote(asset)) return { price: 1, isAssumed: true };
  for (const quote of QUOTES) {
    const inQuote = positive(prices?.get(`${asset}${quote}`)) ?? inverse(positive(prices?.get(`${quote}${asset}`)));
    if (inQuote === undefined) continue;
    const worth = priceInUsdt(quote, prices);
    return { price: inQuote * (worth ?? 1), isAssumed: worth === undefined };
  }
  return undefined;
}

const isQuote = (asset: string): boolean => QUOTES.some((quote) => quote === asset);
const positive = (price: number | undefined): number | undefined =>
  price !== undefined && price > 0 ? price : undefined;
const inverse = (price: number | undefined): number | undefined => (price === undefined ? undefined : 1 / price);
