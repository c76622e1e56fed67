// What the exchange answers to the two account reads of a poll, typed. What was missing or malformed is undefined and told in `problems`.
import type { Failure } from "./ports.ts";

/** The two account reads of a poll. */
export type Source = "cross" | "isolated";

/**
 * Personal margin levels of the cross account at which Binance changes rights, calls and liquidates.
 * Source: GET /sapi/v1/margin/tradeCoeff. 3x: 1.5 / 1.3 / 1.1; 5x about 1.25 / 1.16 / 1.1.
 */
export interface Bars {
  readonly normalBar: number;
  readonly marginCallBar: number;
  readonly forceLiquidationBar: number;
}
export type BarName = keyof Bars;

/** One asset of the cross account. Amounts in units of the asset. */
export interface AssetBalance {
  readonly asset: string;
  readonly free: number;
  readonly locked: number;
  readonly borrowed: number;
  readonly interest: number;
}

/**
 * GET /sapi/v1/margin/account, typed. A field is undefined when it was missing or malformed; then `problems` says so
 * ("marginLevel is null, not a decimal"). Whether that makes the observation INVALID depends on the rules, see observe.ts.
 */
export interface CrossAnswer {
  readonly source: "cross";
  /** False when Binance says that no cross account was ever opened (created:false, or code -3003). */
  readonly opened: boolean;
  readonly marginLevel: number | undefined;
  readonly collateralMarginLevel: number | undefined;
  readonly totalAssetOfBtc: number | undefined;
  readonly totalLiabilityOfBtc: number | undefined;
  readonly totalNetAssetOfBtc: number | undefined;
  readonly borrowEnabled: boolean | undefined;
  readonly tradeEnabled: boolean | undefined;
  readonly transferInEnabled: boolean | undefined;
  readonly transferOutEnabled: boolean | undefined;
  readonly accountType: string | undefined;
  /** Collateral after haircuts, and what open orders would lose; both in USDT. */
  readonly totalCollateralValueInUsdt?: number | undefined;
  readonly totalOpenOrderLossInUsdt?: number | undefined;
  /** Fields that were read under an older name, because the answer has only that. */
  readonly renamed?: readonly { readonly field: string; readonly oldName: string }[];
  /** Undefined when the list is missing or one row's amounts are malformed: then nobody can say whether there is debt. */
  readonly assets: readonly AssetBalance[] | undefined;
  readonly problems: readonly string[];
}

/** One leg of an isolated pair. Amounts in units of the asset. */
export interface PairLeg extends AssetBalance {
  readonly totalAsset: number | undefined;
}

/** One row of GET /sapi/v1/margin/isolated/account, typed. The rules for undefined and `problems` are those of CrossAnswer. */
export interface PairAnswer {
  readonly symbol: string;
  readonly isolatedCreated: boolean | undefined;
  readonly enabled: boolean | undefined;
  readonly tradeEnabled: boolean | undefined;
  readonly marginLevel: number | undefined;
  readonly marginLevelStatus: string | undefined;
  readonly marginRatio: number | undefined;
  readonly indexPrice: number | undefined;
  readonly liquidatePrice: number | undefined;
  readonly liquidateRate: number | undefined;
  /** Undefined when one of the leg's amounts is malformed. */
  readonly base: PairLeg | undefined;
  readonly quote: PairLeg | undefined;
  readonly problems: readonly string[];
}

export interface IsolatedAnswer {
  readonly source: "isolated";
  /** What was asked for: a pair asked for and not answered is MISSING, and with "all" so is one that was there before. */
  readonly asked: "all" | readonly string[];
  readonly pairs: readonly PairAnswer[];
  /** Symbols of batches that could not be read this time, and why: nothing is known of them, they are not missing. */
  readonly unread?: { readonly symbols: readonly string[]; readonly failure: Failure };
}

export type Answer = CrossAnswer | IsolatedAnswer;
