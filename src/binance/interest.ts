// The InterestReader port on Binance: what an hour of debt will cost this key, by its VIP level.
import type { HourlyRates, InterestReader } from "../core/interest.ts";
import type { Asker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { PATHS } from "./endpoints.ts";
import { badResponse } from "./errors.ts";
import { parseRates } from "./market-parse.ts";
import { failureOf } from "./reads.ts";

/** "List of assets, separated by commas, up to 20." More is a failure without a request, as the exchange would refuse it. */
const ASSETS_MAX = 20;

export function createInterestReader(asker: Pick<Asker, "askLater">, { log }: Pick<Shared, "log">): InterestReader {
  async function read(assets: readonly string[], isIsolated: boolean, signal: AbortSignal): Promise<HourlyRates> {
    const wanted = [...new Set(assets)];
    if (wanted.length === 0) return new Map();
    if (wanted.length > ASSETS_MAX) throw badResponse(`rates of more than ${ASSETS_MAX} assets were asked for at once`);
    const params = [
      ["assets", wanted.join(",")],
      ["isIsolated", isIsolated ? "TRUE" : "FALSE"],
    ] as const;
    return parseRates(await asker.askLater(PATHS.interestRates, params, signal, { isExact: false }));
  }
  return {
    async rates(assets, isIsolated, signal) {
      try {
        return { ok: true, value: await read(assets, isIsolated, signal) };
      } catch (error) {
        return { ok: false, failure: failureOf(error, signal, log) };
      }
    },
  };
}
