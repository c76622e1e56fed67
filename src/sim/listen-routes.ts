// How a client comes to its streams: listen keys for the risk stream, listen tokens for the user stream. The key in the header is
// all that is asked of it; parameters are read from the query.
// https://developers.binance.com/docs/margin_trading/risk-data-stream
// https://developers.binance.com/docs/margin_trading/trade-data-stream
import { splitSymbol } from "./assets.ts";
import type { Place } from "./journal.ts";
import type { Listen } from "./listen.ts";
import { boundedParam, choiceParam } from "./params.ts";
import { badSymbol, missingParameter, ok, Refusal, type Reply, unknownListenKey } from "./reply.ts";

interface ListenAsk {
  readonly params: URLSearchParams;
  readonly apiKey: string;
  readonly listen: Listen;
  readonly serverMs: number;
}

const DAY_MS = 86_400_000;
const VALIDITY_MS = { min: 1, max: DAY_MS, fallback: DAY_MS };

export const createListenKey = ({ listen, apiKey, serverMs }: ListenAsk): Reply =>
  ok({ listenKey: listen.keyFor(apiKey, serverMs) });

export function extendListenKey({ params, listen, apiKey, serverMs }: ListenAsk): Reply {
  const listenKey = params.get("listenKey");
  if (!listenKey) return missingParameter("listenKey");
  return listen.extend(apiKey, listenKey, serverMs) ? ok({}) : unknownListenKey();
}

export function createListenToken({ params, listen, apiKey, serverMs }: ListenAsk): Reply {
  const place = placeFor(params);
  const validityMs = boundedParam(params, "validity", VALIDITY_MS);
  const token = listen.tokenFor(apiKey, place, validityMs, serverMs);
  return ok({ token, expirationTime: Math.floor(serverMs + validityMs) });
}

function placeFor(params: URLSearchParams): Place {
  const isIsolated = choiceParam(params, "isIsolated", ["true", "false", "TRUE", "FALSE"]);
  if (isIsolated?.toLowerCase() !== "true") return "cross";
  const symbol = params.get("symbol");
  if (!symbol) throw new Refusal(missingParameter("symbol"));
  if (splitSymbol(symbol) === undefined) throw new Refusal(badSymbol());
  return symbol;
}
