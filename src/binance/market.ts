// The MarketReader port on Binance: delistings, restrictions, prices. What it asks for is the same for everybody, so one key asks for all.
import type { Read } from "../core/history.ts";
import type { MarketReader } from "../core/market.ts";
import type { Asker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { PATHS } from "./endpoints.ts";
import { parseDelistings, parsePrices, parseRestrictions } from "./market-parse.ts";
import { failureOf } from "./reads.ts";

export function createMarketReader(
  asker: Pick<Asker, "askKeyed">,
  { log, nowMs }: Pick<Shared, "log"> & Pick<MarketReader, "nowMs">,
): MarketReader {
  async function read<T>(path: string, parse: (body: unknown) => T, signal: AbortSignal): Promise<Read<T>> {
    try {
      return { ok: true, value: parse(await asker.askKeyed("GET", path, [], signal)) };
    } catch (error) {
      return { ok: false, failure: failureOf(error, signal, log) };
    }
  }
  return {
    nowMs,
    delistings: (signal) => read(PATHS.delistSchedule, parseDelistings, signal),
    restrictions: (signal) => read(PATHS.restrictedAssets, parseRestrictions, signal),
    prices: (signal) => read(PATHS.prices, parsePrices, signal),
  };
}
