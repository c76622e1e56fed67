// The positions of one key and the arithmetic of margin on them: levels, states, liquidation prices. Pure; a Book is never
// changed, only replaced. Values are weighed in USDT, which gives the same ratios as Binance's BTC.
import type { AssetBalance, Bars } from "../core/ports.ts";
import type { LevelStatus } from "../core/rules/fields.ts";
import { isStable, splitSymbol } from "./assets.ts";
import type { LiquidationLoan } from "./loan.ts";
import type { Prices } from "./price-path.ts";

/** Rights that the exchange gives and takes; those named here hold whatever the margin level says. */
export interface Rights {
  readonly borrowEnabled: boolean;
  readonly tradeEnabled: boolean;
  readonly transferInEnabled: boolean;
  readonly transferOutEnabled: boolean;
}

export interface CrossBook {
  readonly assets: readonly AssetBalance[];
  readonly bars: Bars;
  readonly rights: Partial<Rights>;
  /** Simulated time at which the exchange took over; undefined while it has not. */
  readonly liquidatingSinceMs: number | undefined;
  /** Was the level at or below the margin-call bar when it was last looked at? Undefined: nobody has looked yet. */
  readonly isCalled: boolean | undefined;
  readonly loan: LiquidationLoan | undefined;
}

export interface PairBook {
  readonly symbol: string;
  readonly base: AssetBalance;
  readonly quote: AssetBalance;
  readonly tier: Tier;
  /** False: switched off by the user; debt in it is still debt. */
  readonly enabled: boolean;
  readonly liquidatingSinceMs: number | undefined;
}

export interface Book {
  /** Undefined: no cross account was ever opened. */
  readonly cross: CrossBook | undefined;
  readonly isolated: readonly PairBook[];
  /** Share of the borrowed amount that each full hour adds as interest: 0.000004 is about 3.5 % a year. */
  readonly hourlyInterestRate: number;
}

/** Levels at which an isolated pair changes its state. */
export interface Tier {
  readonly maxLeverage: number;
  readonly initialRatio: number;
  readonly marginCallRatio: number;
  readonly liquidationRatio: number;
}

/** Source: FAQ "Isolated Margin tiers", the newer fixed table; initial ratios are those of the first tier. */
export const TIERS = {
  "3x": { maxLeverage: 3, initialRatio: 1.5, marginCallRatio: 1.22, liquidationRatio: 1.18 },
  "5x": { maxLeverage: 5, initialRatio: 1.25, marginCallRatio: 1.19, liquidationRatio: 1.15 },
  "10x": { maxLeverage: 10, initialRatio: 1.111, marginCallRatio: 1.1, liquidationRatio: 1.05 },
} as const satisfies Record<string, Tier>;

const CLASSIC_BARS: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
/** PRE_LIQUIDATION begins this far above the liquidation ratio. Inferred from the FAQ's older table, documented nowhere. */
const PRE_LIQUIDATION_ABOVE = 0.02;
/** Transfer out needs a collateral margin level above this. Source: FAQ 360030493931, the same for 3x and 5x. */
const TRANSFER_OUT_ABOVE = 2;
/** Share of its value that a coin counts as collateral. Binance has tiers per asset and amount; one figure serves here. */
const COIN_COLLATERAL_RATIO = 0.95;
/** What Binance answers for an account without debt: observed, documented nowhere. Also the highest level it shows. */
export const NO_DEBT_LEVEL = 999;

// ---------------------------------------------------------------- making a book

export type Amounts = Partial<Omit<AssetBalance, "asset">>;

export function holding(
  asset: string,
  { free = 0, locked = 0, borrowed = 0, interest = 0 }: Amounts = {},
): AssetBalance {
  return { asset, free, locked, borrowed, interest };
}

export function crossBook(assets: readonly AssetBalance[], bars: Bars = CLASSIC_BARS): CrossBook {
  return { assets, bars, rights: {}, liquidatingSinceMs: undefined, isCalled: undefined, loan: undefined };
}

export interface PairOptions {
  readonly base?: Amounts;
  readonly quote?: Amounts;
  readonly tier?: Tier;
  readonly enabled?: boolean;
}

/** Throws for a symbol whose two assets the simulator does not know; give such a pair as a PairBook. */
export function pairBook(
  symbol: string,
  { base, quote, tier = TIERS["3x"], enabled = true }: PairOptions = {},
): PairBook {
  const [baseAsset, quoteAsset] = splitSymbol(symbol) ?? [];
  if (baseAsset === undefined || quoteAsset === undefined) throw new Error(`${symbol} is not a pair of known assets`);
  const legs = { base: holding(baseAsset, base), quote: holding(quoteAsset, quote) };
  return { symbol, ...legs, tier, enabled, liquidatingSinceMs: undefined };
}

export function bookOf(parts: Partial<Book> = {}): Book {
  return { cross: undefined, isolated: [], hourlyInterestRate: 0.000004, ...parts };
}

// ---------------------------------------------------------------- amounts

export const heldOf = ({ free, locked }: AssetBalance): number => free + locked;
export const debtOf = ({ borrowed, interest }: AssetBalance): number => borrowed + interest;
export const netOf = (balance: AssetBalance): number => heldOf(balance) - debtOf(balance);

/** The values of some balances, all in USDT. */
export interface Worth {
  readonly assets: number;
  readonly liabilities: number;
  readonly collateral: number;
}

export function worthOf(balances: readonly AssetBalance[], { usdt }: Prices): Worth {
  let [assets, liabilities, collateral] = [0, 0, 0];
  for (const balance of balances) {
    if (heldOf(balance) === 0 && debtOf(balance) === 0) continue;
    const price = usdt(balance.asset);
    const held = heldOf(balance) * price;
    assets += held;
    collateral += isStable(balance.asset) ? held : held * COIN_COLLATERAL_RATIO;
    liabilities += debtOf(balance) * price;
  }
  return { assets, liabilities, collateral };
}

export const levelOf = (assets: number, liabilities: number): number =>
  liabilities === 0 ? NO_DEBT_LEVEL : Math.min(NO_DEBT_LEVEL, assets / liabilities);

// ---------------------------------------------------------------- cross

export const crossLevel = (cross: CrossBook, prices: Prices): number => {
  const { assets, liabilities } = worthOf(cross.assets, prices);
  return levelOf(assets, liabilities);
};

/** Classic cross account: the collateral level rules borrowing and transfers, the margin level rules liquidation. */
export function crossRights({ rights, bars, liquidatingSinceMs }: CrossBook, collateralLevel: number): Rights {
  const isFree = liquidatingSinceMs === undefined;
  return {
    borrowEnabled: isFree && collateralLevel > bars.normalBar,
    tradeEnabled: isFree,
    transferInEnabled: true,
    transferOutEnabled: isFree && collateralLevel > TRANSFER_OUT_ABOVE,
    ...rights,
  };
}

// ---------------------------------------------------------------- isolated

/** Assets over debts, both at the index price of the pair. */
export function pairLevel({ base, quote }: PairBook, indexPrice: number): number {
  return levelOf(heldOf(base) * indexPrice + heldOf(quote), debtOf(base) * indexPrice + debtOf(quote));
}

export const pairOwes = ({ base, quote }: PairBook): boolean => debtOf(base) + debtOf(quote) > 0;

/** The bounds are inferred: EXCESSIVE above the initial ratio, and so on down; Binance documents only the five names. */
export function pairStatus(pair: PairBook, indexPrice: number): LevelStatus {
  const { tier } = pair;
  const level = pairLevel(pair, indexPrice);
  if (pair.liquidatingSinceMs !== undefined || level <= tier.liquidationRatio) return "FORCE_LIQUIDATION";
  if (level <= tier.liquidationRatio + PRE_LIQUIDATION_ABOVE) return "PRE_LIQUIDATION";
  if (level <= tier.marginCallRatio) return "MARGIN_CALL";
  return level <= tier.initialRatio ? "NORMAL" : "EXCESSIVE";
}

/**
 * The index price P at which the level equals the liquidation ratio R:
 * heldBase·P + heldQuote = R·(debtBase·P + debtQuote). 0 when no positive price does that, or without debt.
 */
export function liquidatePrice(pair: PairBook): number {
  if (!pairOwes(pair)) return 0;
  const { base, quote, tier } = pair;
  const slope = heldOf(base) - tier.liquidationRatio * debtOf(base);
  const price = (tier.liquidationRatio * debtOf(quote) - heldOf(quote)) / slope;
  return Number.isFinite(price) && price > 0 ? price : 0;
}

/** How far the index has to go to the liquidation price, percent: negative for a long, positive for a short. */
export function liquidateRatePct(liquidatePrice: number, indexPrice: number): number {
  return liquidatePrice === 0 ? 0 : (liquidatePrice / indexPrice - 1) * 100;
}
