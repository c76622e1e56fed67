// The paths that the simulated exchange has: one entry for each path and method, with its weight, what it demands of the caller,
// and its answer. A new endpoint is a new entry.
import {
  crossAccount,
  decimal,
  isolatedPair,
  isolatedTotals,
  type KeyRestrictions,
  keyRestrictions,
  placeholderPair,
  tradeCoefficients,
} from "./answers.ts";
import { isStable } from "./assets.ts";
import type { Book } from "./book.ts";
import type { History } from "./history.ts";
import type { Listen } from "./listen.ts";
import { createListenKey, createListenToken, extendListenKey } from "./listen-routes.ts";
import { LOAN_ASSET, remainingOf } from "./loan.ts";
import { delistSchedule, type Market, restrictedAsset } from "./market.ts";
import { choiceParam } from "./params.ts";
import type { PricePath, Prices } from "./price-path.ts";
import { capitalFlow, forceLiquidations, transfers } from "./records.ts";
import {
  badCombination,
  badParameter,
  badSymbol,
  emptyParameter,
  missingParameter,
  noCrossAccount,
  noIsolatedAccount,
  ok,
  type Reply,
} from "./reply.ts";
import type { Times } from "./times.ts";

/** What an answer is made from. */
export interface Ask {
  readonly params: URLSearchParams;
  readonly serverMs: number;
  readonly simMs: number;
  readonly path: PricePath;
  readonly prices: Prices;
  /** Every symbol that has a price, by name: those of the table, and those that only books have. */
  symbols(): Iterable<string>;
}

export interface KeyedAsk extends Ask {
  readonly apiKey: string;
  /** Of the key that asks, played up to now; so is its history. */
  readonly book: Book;
  readonly history: History;
  readonly transferTimeUnit: "s" | "ms";
  readonly market: Market;
  readonly times: Times;
  readonly listen: Listen;
  /** What it may do, where that differs from the usual. */
  readonly restrictions: Partial<KeyRestrictions>;
}

interface Weight {
  /** Source: the head of each endpoint's page. */
  readonly weight: (params: URLSearchParams) => number;
  /** Counted for each user, not for each address. */
  readonly isPerUser?: true;
}

/** `key`: the header alone; `signed`: header, timestamp and signature. */
export type Route = Weight &
  (
    | { readonly security: "none"; readonly answer: (ask: Ask) => Reply }
    | { readonly security: "key" | "signed"; readonly answer: (ask: KeyedAsk) => Reply }
  );

const ISOLATED_SYMBOLS_MAX = 5;
const RATED_ASSETS_MAX = 20;

/** The routes of one path by method. */
export type Path = Readonly<Record<string, Route>>;

export const ROUTES: Readonly<Record<string, Path>> = {
  "/api/v3/time": {
    GET: { security: "none", weight: () => 1, answer: ({ serverMs }) => ok({ serverTime: Math.floor(serverMs) }) },
  },
  "/api/v3/ticker/price": {
    GET: { security: "none", weight: (params) => (params.has("symbol") ? 2 : 4), answer: tickerPrice },
  },
  "/sapi/v1/system/status": {
    GET: { security: "none", weight: () => 1, answer: () => ok({ status: 0, msg: "normal" }) },
  },
  "/sapi/v1/account/apiRestrictions": {
    GET: {
      security: "signed",
      weight: () => 1,
      answer: ({ restrictions }) => ok(keyRestrictions(restrictions)),
    },
  },
  "/sapi/v1/margin/account": { GET: { security: "signed", weight: () => 10, answer: marginAccount } },
  "/sapi/v1/margin/tradeCoeff": { GET: { security: "signed", weight: () => 10, answer: tradeCoeff } },
  "/sapi/v1/margin/isolated/account": { GET: { security: "signed", weight: () => 10, answer: isolatedAccount } },
  "/sapi/v1/margin/priceIndex": { GET: { security: "key", weight: () => 10, answer: priceIndex } },
  "/sapi/v1/margin/capital-flow": { GET: { security: "signed", weight: () => 100, answer: capitalFlow } },
  "/sapi/v1/margin/transfer": { GET: { security: "signed", weight: () => 1, answer: transfers } },
  "/sapi/v1/margin/forceLiquidationRec": { GET: { security: "signed", weight: () => 1, answer: forceLiquidations } },
  "/sapi/v1/margin/liquidation-loan": {
    GET: { security: "signed", weight: () => 100, isPerUser: true, answer: liquidationLoan },
  },
  "/sapi/v1/margin/delist-schedule": { GET: { security: "key", weight: () => 100, answer: delistSchedule } },
  "/sapi/v1/margin/restricted-asset": { GET: { security: "key", weight: () => 1, answer: restrictedAsset } },
  "/sapi/v1/margin/next-hourly-interest-rate": {
    GET: { security: "signed", weight: () => 100, answer: nextHourlyRates },
  },
  "/sapi/v1/margin/listen-key": {
    POST: { security: "key", weight: () => 1, isPerUser: true, answer: createListenKey },
    PUT: { security: "key", weight: () => 1, isPerUser: true, answer: extendListenKey },
  },
  "/sapi/v1/userListenToken": {
    POST: { security: "key", weight: () => 1, isPerUser: true, answer: createListenToken },
  },
};

/** Requests for which a key has to keep its distance. */
export const isSpaced = (path: string, methods: Path): boolean =>
  Object.values(methods).some(({ security }) => security !== "none") &&
  (path.startsWith("/sapi/v1/margin/") || path === "/sapi/v1/userListenToken");

function marginAccount({ book, prices }: KeyedAsk): Reply {
  return book.cross === undefined ? noCrossAccount() : ok(crossAccount(book.cross, prices));
}

function tradeCoeff({ book }: KeyedAsk): Reply {
  return book.cross === undefined ? noCrossAccount() : ok(tradeCoefficients(book.cross.bars));
}

/** Without a loan the body is empty: that is what others have met with, the documents say nothing. */
function liquidationLoan({ book }: KeyedAsk): Reply {
  const loan = book.cross?.loan;
  if (loan === undefined) return ok(undefined);
  return ok({
    asset: LOAN_ASSET,
    amount: decimal(loan.amount),
    repaidAmount: decimal(loan.repaid),
    remainingAmount: decimal(remainingOf(loan)),
  });
}

function isolatedAccount(ask: KeyedAsk): Reply {
  const { params, book, prices } = ask;
  const symbols = params.get("symbols");
  if (symbols !== null) return isolatedBySymbol(symbols.split(","), ask);
  const assets = book.isolated.map((pair) => isolatedPair(pair, prices));
  return ok({ assets, ...isolatedTotals(book.isolated, prices) });
}

function isolatedBySymbol(symbols: readonly string[], { book, path, prices, simMs }: KeyedAsk): Reply {
  if (symbols.includes("")) return emptyParameter("symbols");
  // Documented as the maximum; how the exchange refuses a sixth is not.
  if (symbols.length > ISOLATED_SYMBOLS_MAX) return badParameter("symbols");
  const rows = [...new Set(symbols)].map((symbol) => {
    const pair = book.isolated.find((each) => each.symbol === symbol);
    if (pair !== undefined) return isolatedPair(pair, prices);
    return path.priceAt(symbol, simMs) === undefined ? undefined : placeholderPair(symbol, prices);
  });
  return rows.includes(undefined) ? noIsolatedAccount() : ok({ assets: rows });
}

function priceIndex({ params, path, simMs, serverMs }: KeyedAsk): Reply {
  const symbol = params.get("symbol");
  if (!symbol) return missingParameter("symbol");
  const price = path.priceAt(symbol, simMs);
  return price === undefined ? badSymbol() : ok({ calcTime: Math.floor(serverMs), price: decimal(price), symbol });
}

/**
 * Without a rate in the script it is what the book is charged. How an asset that is none is refused is documented nowhere; here it is
 * left out.
 */
function nextHourlyRates({ params, market, book, path, simMs }: KeyedAsk): Reply {
  const [assets, isIsolated] = [params.get("assets"), choiceParam(params, "isIsolated", ["TRUE", "FALSE"])];
  if (!assets) return missingParameter("assets");
  if (isIsolated === undefined) return missingParameter("isIsolated");
  const names = assets.split(",");
  // Documented as the maximum; how the exchange refuses one more is not.
  if (names.includes("") || names.length > RATED_ASSETS_MAX) return badParameter("assets");
  const isKnown = (asset: string) => isStable(asset) || path.priceAt(`${asset}USDT`, simMs) !== undefined;
  return ok(
    names.filter(isKnown).map((asset) => ({
      asset,
      nextHourlyInterestRate: decimal(market.hourlyRates.get(asset) ?? book.hourlyInterestRate),
    })),
  );
}

function tickerPrice({ params, path, simMs, symbols: listed }: Ask): Reply {
  const [symbol, symbols] = [params.get("symbol"), params.get("symbols")];
  const ticker = (name: string) => {
    const price = path.priceAt(name, simMs);
    return price === undefined ? undefined : { symbol: name, price: decimal(price) };
  };
  if (symbol !== null && symbols !== null) return badCombination();
  if (symbol !== null) return orBadSymbol(ticker(symbol));
  if (symbols === null) return ok([...new Set(listed())].map(ticker).filter((row) => row !== undefined));
  const rows = parseList(symbols)?.map(ticker);
  if (rows === undefined) return badParameter("symbols");
  return orBadSymbol(rows.includes(undefined) ? undefined : rows);
}

const orBadSymbol = (body: object | undefined): Reply => (body === undefined ? badSymbol() : ok(body));

/** ["BTCUSDT","BNBUSDT"] as JSON, not empty. */
function parseList(text: string): readonly string[] | undefined {
  if (!/^\["[^"\\]*"(,"[^"\\]*")*\]$/.test(text)) return undefined;
  return text.slice(2, -2).split('","');
}
