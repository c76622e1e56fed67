// Every endpoint of the exchange that margind uses. docs/ENDPOINTS.md says the same for people, and test/endpoints.test.ts holds the two
// and the code in step. The one thing to know: a path that is not in this table is asked nowhere.

/** Keys are the words of the code; values go on the wire as they are. */
export const PATHS = {
  time: "/api/v3/time",
  prices: "/api/v3/ticker/price",
  crossAccount: "/sapi/v1/margin/account",
  isolatedAccount: "/sapi/v1/margin/isolated/account",
  tradeCoeff: "/sapi/v1/margin/tradeCoeff",
  apiRestrictions: "/sapi/v1/account/apiRestrictions",
  capitalFlow: "/sapi/v1/margin/capital-flow",
  transfers: "/sapi/v1/margin/transfer",
  forceLiquidations: "/sapi/v1/margin/forceLiquidationRec",
  liquidationLoan: "/sapi/v1/margin/liquidation-loan",
  delistSchedule: "/sapi/v1/margin/delist-schedule",
  restrictedAssets: "/sapi/v1/margin/restricted-asset",
  interestRates: "/sapi/v1/margin/next-hourly-interest-rate",
  listenKey: "/sapi/v1/margin/listen-key",
  listenToken: "/sapi/v1/userListenToken",
} as const;

/** Where the streams are, unless the configuration says otherwise. */
export const STREAM_URLS = {
  risk: "wss://margin-stream.binance.com",
  user: "wss://ws-api.binance.com:443/ws-api/v3",
} as const;

export interface Endpoint {
  /** WS: a WebSocket is opened. */
  readonly method: "GET" | "POST" | "PUT" | "WS";
  /** Of a REST endpoint its path, of a stream its address. */
  readonly path: string;
  /** Of one request, as margind makes it; undefined where the exchange counts none. */
  readonly weight: number | undefined;
  /** Whose limit the weight is taken from. */
  readonly countedPer: "IP" | "UID";
  /** signed: key and signature. key: the header alone. */
  readonly security: "signed" | "key" | "none";
  /** When it is asked, for people. */
  readonly schedule: string;
  readonly purpose: string;
}

/** The newest entry of the exchange's change log that was known when this table was last checked, UTC. */
export const CHANGE_LOG_CHECKED = "2026-07-10";

/**
 * Source of paths, weights and security: the API pages at https://developers.binance.com/docs/margin_trading (wallet pages for
 * apiRestrictions, spot pages for /api/v3), as they were stored; not looked up at the exchange itself.
 */
export const ENDPOINTS = [
  {
    method: "GET",
    path: PATHS.crossAccount,
    weight: 10,
    countedPer: "IP",
    security: "signed",
    schedule: "every poll (`poll`)",
    purpose: "cross margin: level, debt, flags, balances",
  },
  {
    method: "GET",
    path: PATHS.isolatedAccount,
    weight: 10,
    countedPer: "IP",
    security: "signed",
    schedule: "every poll (`poll`); a list of pairs in batches of five",
    purpose: "isolated pairs: level, status, liquidation price, debt",
  },
  {
    method: "GET",
    path: PATHS.tradeCoeff,
    weight: 10,
    countedPer: "IP",
    security: "signed",
    schedule: "hourly, after a poll",
    purpose: "the account's own bars: normal, margin call, liquidation",
  },
  {
    method: "GET",
    path: PATHS.time,
    weight: 1,
    countedPer: "IP",
    security: "none",
    schedule: "hourly, and after -1021",
    purpose: "the exchange's clock, for the timestamps of requests",
  },
  {
    method: "GET",
    path: PATHS.apiRestrictions,
    weight: 1,
    countedPer: "IP",
    security: "signed",
    schedule: "at the start, and by `margind doctor`",
    purpose: "what the key may do beyond reading",
  },
  {
    method: "GET",
    path: PATHS.capitalFlow,
    weight: 100,
    countedPer: "IP",
    security: "signed",
    schedule: "`flows.poll`; cross, and each pair by itself",
    purpose: "rows of the history: liquidations, fees, transfers, loans",
  },
  {
    method: "GET",
    path: PATHS.forceLiquidations,
    weight: 1,
    countedPer: "IP",
    security: "signed",
    schedule: "`flows.poll`; cross, and each pair by itself",
    purpose: "orders with which the exchange liquidated",
  },
  {
    method: "GET",
    path: PATHS.liquidationLoan,
    weight: 100,
    countedPer: "UID",
    security: "signed",
    schedule: "`flows.poll`",
    purpose: "what a liquidation left to be paid back",
  },
  {
    method: "GET",
    path: PATHS.transfers,
    weight: 1,
    countedPer: "IP",
    security: "signed",
    schedule: "`transfers.poll`; cross, and each pair by itself",
    purpose: "transfers into the account and out of it, and to where",
  },
  {
    method: "GET",
    path: PATHS.delistSchedule,
    weight: 100,
    countedPer: "IP",
    security: "key",
    schedule: "`delistings.poll`",
    purpose: "assets and pairs that leave margin trading, and when",
  },
  {
    method: "GET",
    path: PATHS.restrictedAssets,
    weight: 1,
    countedPer: "IP",
    security: "key",
    schedule: "`delistings.poll`",
    purpose: "assets that count no further as collateral or cannot be bought on margin",
  },
  {
    method: "GET",
    path: PATHS.prices,
    weight: 4,
    countedPer: "IP",
    security: "none",
    schedule: "`exchange.prices.every`; `delistings.poll`, when something in the account is due",
    purpose:
      "public prices: re-prices the book between polls, distances in messages, the level without a delisted asset",
  },
  {
    method: "GET",
    path: PATHS.interestRates,
    weight: 100,
    countedPer: "IP",
    security: "signed",
    schedule: "`interest.poll`; 20 assets at a time, cross and isolated by themselves",
    purpose: "interest of the next hour on what is owed: what it costs a day, and when it jumps",
  },
  {
    method: "POST",
    path: PATHS.listenKey,
    weight: 1,
    countedPer: "UID",
    security: "key",
    schedule: "when the risk stream connects (`stream: true`)",
    purpose: "the listen key of the risk stream",
  },
  {
    method: "PUT",
    path: PATHS.listenKey,
    weight: 1,
    countedPer: "UID",
    security: "key",
    schedule: "every 30 minutes while it is connected",
    purpose: "keeps the listen key alive",
  },
  {
    method: "POST",
    path: PATHS.listenToken,
    weight: 1,
    countedPer: "UID",
    security: "signed",
    schedule: "when the user stream connects, and before its token ends",
    purpose: "the token of the user stream",
  },
  {
    method: "WS",
    path: STREAM_URLS.risk,
    weight: undefined,
    countedPer: "IP",
    security: "none",
    schedule: "stays open, renewed before 24 hours",
    purpose: "cross margin: margin calls, debt; brings the next poll forward",
  },
  {
    method: "WS",
    path: STREAM_URLS.user,
    weight: 2,
    countedPer: "IP",
    security: "none",
    schedule: "stays open, renewed before 24 hours",
    purpose: "balances and orders; brings the next poll forward",
  },
] as const satisfies readonly Endpoint[];
