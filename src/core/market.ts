// What the exchange announces for everybody: delistings, restrictions, prices. Nothing of it is an account's own.
import type { Read } from "./history.ts";

/** One entry of GET /sapi/v1/margin/delist-schedule. */
export interface Delisting {
  readonly atMs: number;
  /** Assets that leave cross margin. */
  readonly assets: readonly string[];
  /** Pairs that leave isolated margin. */
  readonly symbols: readonly string[];
}

/** GET /sapi/v1/margin/restricted-asset. */
export interface Restrictions {
  /** Assets that cannot be bought with borrowed money now. */
  readonly openLong: readonly string[];
  /** Assets of which the exchange takes no more as collateral now. */
  readonly maxCollateral: readonly string[];
}

/** Symbol → last price in its quote asset. Source: GET /api/v3/ticker/price. */
export type Prices = ReadonlyMap<string, number>;

/** Its reads go behind those of the account, and are dropped first when weight or a pause bites. None of them rejects. */
export interface MarketReader {
  delistings(signal: AbortSignal): Promise<Read<readonly Delisting[]>>;
  restrictions(signal: AbortSignal): Promise<Read<Restrictions>>;
  prices(signal: AbortSignal): Promise<Read<Prices>>;
}
