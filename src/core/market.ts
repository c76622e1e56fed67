// What the exchange announces for everybody: delistings, restrictions, prices. Nothing of it is an account's own.
import type { Read } from "./history.ts";

/** One entry of GET /sapi/v1/margin/delist-schedule. The time is the exchange's. */
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

/** Clocks that differ by less than this are in step. */
const IN_STEP_MS = 5_000;

/**
 * A time of the exchange's clock on this machine's, wall ms, to the second where they differ: what people read goes by the clock that
 * they have. In `margind demo` the two are years apart.
 */
export function inOurTime(atMs: number, exchangeNowMs: number, nowMs: number): number {
  const aheadMs = nowMs - exchangeNowMs;
  return Math.abs(aheadMs) < IN_STEP_MS ? atMs : Math.round((atMs + aheadMs) / 1000) * 1000;
}

/** Symbol → last price in its quote asset. Source: GET /api/v3/ticker/price. */
export type Prices = ReadonlyMap<string, number>;
/** Who only asks for single prices. */
export type PriceLookup = Pick<Prices, "get">;

/** Its reads go behind those of the account, and are dropped first when weight or a pause bites. None of them rejects. */
export interface MarketReader {
  /** The exchange's clock: its dates are told by it. */
  nowMs(): number;
  delistings(signal: AbortSignal): Promise<Read<readonly Delisting[]>>;
  restrictions(signal: AbortSignal): Promise<Read<Restrictions>>;
  prices(signal: AbortSignal): Promise<Read<Prices>>;
}

/** Public prices, in a lane of their own: no key's requests wait for them. Does not reject. */
export interface PriceReader {
  /** Of these symbols, else of all. A symbol that the exchange does not know makes the read of a list fail as a whole. */
  prices(symbols: readonly string[] | undefined, signal: AbortSignal): Promise<Read<Prices>>;
}
