// What an observation would be at the prices of now: a guess between two polls. The one thing to know: a guess brings a poll forward and
// does no more. It never meets the state of an alert, so nothing is opened, lowered or resolved by it.

import { rank } from "./lifecycle.ts";
import type { Prices } from "./market.ts";
import { crossDistancePct, crossStatus, isLong, type Observation, pairDistancePct, type Values } from "./observe.ts";
import type { Bars, CrossAnswer, PairAnswer } from "./ports.ts";
import { levelWhen, type PricedAsset, pairLevelWhen, priceBook } from "./priced.ts";
import type { Rule } from "./rules/compile.ts";
import { tidy } from "./rules/threshold.ts";
import { usdtPrice } from "./usdt-price.ts";

/**
 * The same observation with margin level, status of the cross account and distance as the prices of now would make them. Undefined where
 * that cannot be said: without debt, without prices of both moments, for a cross book that is not trusted and for MARGIN_2 (`priceBook`).
 *
 * Only ratios of last prices count, now over then, so that a last price and the exchange's index need not agree: with the prices of then
 * the estimate is the observation itself. An asset that has no price now counts as unchanged, for one coin without a market must not
 * hide what all the others do.
 */
export function estimated(
  observation: Observation,
  pricesThen: Prices | undefined,
  pricesNow: Prices | undefined,
  bars: Bars,
): Observation | undefined {
  const { source, hasDebt } = observation;
  if (observation.class !== "OK" || !hasDebt || source === undefined) return undefined;
  if (pricesThen === undefined || pricesNow === undefined) return undefined;
  const told =
    "source" in source
      ? crossValues(source, pricesThen, pricesNow, bars)
      : pairValues(source, pricesThen.get(source.symbol), pricesNow.get(source.symbol));
  return told === undefined ? undefined : { ...observation, values: replaced(observation.values, told) };
}

/**
 * Does some rule stand on a worse rung after than before? Rules on speed never do: an estimate has the falls of its observation, for what
 * fell, and since when, is known of answers only.
 */
export function crossesRung(before: Observation, after: Observation, rules: readonly Rule[], bars: Bars): boolean {
  return rules.some((rule) => {
    if (!rule.covers(after)) return false;
    const breached = rule.evaluate(after, bars)?.breached ?? null;
    if (breached === null) return false; // the common case
    return rank(breached) > rank(rule.evaluate(before, bars)?.breached ?? null);
  });
}

/** Level: FAQ 360030493931, as in `priceBook`. */
function crossValues(cross: CrossAnswer, then: Prices, now: Prices, bars: Bars): Values | undefined {
  const book = priceBook(cross, then);
  if (book?.isTrusted !== true) return undefined;
  const times = ({ asset, price }: PricedAsset) => (usdtPrice(asset, now)?.price ?? price) / price;
  const marginLevel = tidy(levelWhen(book, times));
  return {
    marginLevel,
    marginLevelStatus: crossStatus(marginLevel, bars),
    liquidationDistancePct: crossDistancePct(marginLevel, bars.forceLiquidationBar),
  };
}

/** The index price goes as the pair's last price goes. Where liquidation is, only the debt moves, and that stays. */
function pairValues(pair: PairAnswer, then: number | undefined, now: number | undefined): Values | undefined {
  const { base, quote, indexPrice, liquidatePrice } = pair;
  if (base === undefined || quote === undefined || !isPrice(indexPrice) || !isPrice(then) || !isPrice(now))
    return undefined;
  const times = now / then;
  const found = pairLevelWhen(pair, times);
  const level = found && tidy(found);
  const distancePct =
    liquidatePrice === undefined ? undefined : pairDistancePct(indexPrice * times, liquidatePrice, isLong(base, quote));
  if (level === undefined && distancePct === undefined) return undefined;
  const told: Writable = {}; // filled field by field: hundreds of pairs at every read of the prices
  if (level !== undefined) told.marginLevel = level;
  if (distancePct !== undefined) told.liquidationDistancePct = distancePct;
  return told;
}

type Writable = { -readonly [Field in keyof Values]: Values[Field] };
const ESTIMATED = ["marginLevel", "marginLevelStatus", "liquidationDistancePct"] as const;

/** What was not told then is not told now. */
function replaced(values: Values, told: Values): Values {
  const after: Writable = { ...values };
  for (const field of ESTIMATED) {
    const value = told[field];
    if (value !== undefined && after[field] !== undefined) after[field] = value;
  }
  return after;
}

const isPrice = (price: number | undefined): price is number => price !== undefined && price > 0;
