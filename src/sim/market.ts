// What the exchange announces for everybody: delistings to come, assets that it restricts, interest rates. A pure function of the
// script and of simulated time, so it does not matter who asks when.
import type { Delisting, Restrictions } from "../core/market.ts";
import { ok, type Reply } from "./reply.ts";
import type { Times } from "./times.ts";

/** An announcement. From `atMs` on (simulated) everybody can read it. */
export type MarketAction = {
  readonly atMs: number;
  /** For the person who watches. */
  readonly text: string;
} & ({ readonly delisting: Delisting } | { readonly restrictions: Restrictions } | { readonly rate: Rate });

/** The next hourly rate of an asset, as a share of the debt, until it is set again. What books are charged does not follow it. */
export interface Rate {
  readonly asset: string;
  readonly hourlyRate: number;
}

/** What can be read at one moment. */
export interface Market {
  /** Still to come, the next first; simulated times. */
  readonly delistings: readonly Delisting[];
  readonly restrictions: Restrictions;
  /** By asset, where it was ever set. */
  readonly hourlyRates: ReadonlyMap<string, number>;
}

const NOTHING: Restrictions = { openLong: [], maxCollateral: [] };

/** Every delisting of the script: they happen whether or not somebody has read of them. */
export const delistingsOf = (actions: readonly MarketAction[]): readonly Delisting[] =>
  actions.flatMap((action) => ("delisting" in action ? [action.delisting] : []));

export function marketAt(actions: readonly MarketAction[], simMs: number): Market {
  const known = actions.filter(({ atMs }) => atMs <= simMs).sort((a, b) => a.atMs - b.atMs);
  const delistings = delistingsOf(known).filter(({ atMs }) => atMs > simMs);
  const restrictions = known.flatMap((action) => ("restrictions" in action ? [action.restrictions] : []));
  const rates = known.flatMap((action) => ("rate" in action ? [action.rate] : []));
  return {
    hourlyRates: new Map(rates.map(({ asset, hourlyRate }) => [asset, hourlyRate])),
    delistings: delistings.toSorted((a, b) => a.atMs - b.atMs),
    restrictions: restrictions.at(-1) ?? NOTHING,
  };
}

// ---------------------------------------------------------------- answers

interface MarketAsk {
  readonly market: Market;
  readonly times: Times;
}

/** https://developers.binance.com/docs/margin_trading/market-data/Get-Delist-Schedule */
export function delistSchedule({ market, times }: MarketAsk): Reply {
  const rows = market.delistings.map(({ atMs, assets, symbols }) => ({
    delistTime: times.announceMs(atMs),
    crossMarginAssets: assets,
    isolatedMarginSymbols: symbols,
  }));
  return ok(rows);
}

/** https://developers.binance.com/docs/margin_trading/market-data/Get-Margin-Restricted-Assets */
export function restrictedAsset({ market }: MarketAsk): Reply {
  const { openLong, maxCollateral } = market.restrictions;
  return ok({ openLongRestrictedAsset: openLong, maxCollateralExceededAsset: maxCollateral });
}
