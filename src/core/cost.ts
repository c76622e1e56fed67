// What a debt costs a day. The one thing to know: a sum that leaves out what nobody knows would look like the whole, so it is told only
// when all that matters of the debt has a rate and a price.

import type { HourlyRates } from "./interest.ts";
import type { Prices } from "./market.ts";
import { debtOf, owes } from "./observe.ts";
import type { AssetBalance, CrossAnswer, PairAnswer } from "./ports.ts";
import type { Amount } from "./remedy.ts";
import { usdtPrice } from "./usdt-price.ts";

const HOURS = 24;

/** What a debt costs a day at this rate, in units of the asset: simple interest, for Binance charges by the hour. */
export const dailyCost = (owed: number, hourlyRate: number): number => owed * hourlyRate * HOURS;

/** Without the rate of so small a part of the debt the sum is still right as people say it. */
const TRACE_RATIO = 0.01;

/**
 * Σ debt · price · next hourly rate · 24, simple interest: Binance charges by the hour. In USDT for the cross account, in the quote asset
 * for a pair. Source of the rates: GET /sapi/v1/margin/next-hourly-interest-rate.
 */
export function costPerDay(
  source: CrossAnswer | PairAnswer,
  prices: Prices | undefined,
  rates: HourlyRates,
): Amount | undefined {
  if ("symbol" in source) {
    const { base, quote, indexPrice } = source;
    if (base === undefined || quote === undefined) return undefined;
    return sum([base, quote], ({ asset }) => (asset === quote.asset ? 1 : indexPrice), rates, quote.asset);
  }
  if (source.assets === undefined) return undefined;
  return sum(source.assets, ({ asset }) => usdtPrice(asset, prices)?.price, rates, "USDT");
}

function sum(
  balances: readonly AssetBalance[],
  priceOf: (balance: AssetBalance) => number | undefined,
  rates: HourlyRates,
  asset: string,
): Amount | undefined {
  let [cost, worth, unknown] = [0, 0, 0];
  for (const balance of balances) {
    if (!owes(balance)) continue;
    const price = priceOf(balance);
    if (price === undefined) return undefined;
    const owed = debtOf(balance) * price;
    const rate = rates.get(balance.asset);
    worth += owed;
    if (rate === undefined) unknown += owed;
    else cost += dailyCost(owed, rate);
  }
  return worth > 0 && unknown <= worth * TRACE_RATIO ? { value: cost, asset } : undefined;
}
