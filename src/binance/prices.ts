// The PriceReader port on Binance: public prices. The one thing to know: they have a lane of their own, without a key, so they never wait
// for an account and no account waits for them. So does their silence: see price-pause.ts.
import type { PriceReader, Prices } from "../core/market.ts";
import { createCall, type Shared } from "./call.ts";
import { PATHS } from "./endpoints.ts";
import { parsePrice, parsePrices } from "./market-parse.ts";
import { createLane } from "./pace.ts";
import { failureOf } from "./reads.ts";
import { type Params, queryString } from "./sign.ts";

/** A longer list makes a URL that nobody promises to take, and all prices weigh no more than two. */
const LISTED_MAX = 200;
const NO_KEY = "";

export function createPriceReader(shared: Shared): PriceReader {
  const { clock, minSpacingMs, log } = shared;
  // What a process before this one may have sent is no reason to wait: the exchange looks at the spacing of keys.
  const call = createCall(shared, NO_KEY, createLane(minSpacingMs, clock));

  async function ask(params: Params, signal: AbortSignal): Promise<unknown> {
    const query = () => (params.length === 0 ? "" : `?${queryString(params)}`);
    return (await call({ ...PUBLIC, query }, signal)).body;
  }

  async function read(symbols: readonly string[] | undefined, signal: AbortSignal): Promise<Prices> {
    if (symbols === undefined) return parsePrices(await ask([], signal));
    const wanted = new Set(symbols);
    const [only] = wanted;
    if (only === undefined) return new Map();
    if (wanted.size === 1) return parsePrice(await ask([["symbol", only]], signal));
    if (wanted.size <= LISTED_MAX) return parsePrices(await ask([["symbols", JSON.stringify([...wanted])]], signal));
    const all = parsePrices(await ask([], signal));
    return new Map([...all].filter(([symbol]) => wanted.has(symbol)));
  }

  return {
    async prices(symbols, signal) {
      try {
        return { ok: true, value: await read(symbols, signal) };
      } catch (error) {
        return { ok: false, failure: failureOf(error, signal, log) };
      }
    },
  };
}

/** Once, dropped first, and only decimals that are texts. */
const PUBLIC = {
  method: "GET",
  path: PATHS.prices,
  headers: {},
  urgency: "later",
  isExact: false,
  mayBeEmpty: false,
} as const;
