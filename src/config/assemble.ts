// A file that has passed every check, as the program uses it: units in names, every default filled in, frozen.
import { resolve } from "node:path";
import { builtinRules } from "../core/rules/builtin.ts";
import type { Route } from "../core/rules/types.ts";
import type { AccountConfig, Config, ExchangeConfig } from "./config.ts";
import { ruleConfig } from "./ladder.ts";
import {
  type Account,
  type Exchange,
  exchangeDefaults,
  type File,
  type Http,
  type Route as RouteBlock,
  readListen,
  type Watchdog,
  watchdogDefaults,
} from "./schema.ts";

/** Everything but the notifiers, whose blocks their own schemas have read. */
export function configOf(parsed: File, file: string, folder: string): Omit<Config, "notifiers" | "warnings"> {
  const { rules, http } = parsed;
  return {
    file,
    stateDir: resolve(folder, parsed.stateDir),
    timezone: parsed.timezone,
    language: parsed.language,
    exchange: exchangeOf(parsed.exchange ?? exchangeDefaults()),
    accounts: Object.entries(parsed.accounts).map(([name, account]) => accountOf(name, account, parsed)),
    rules: rules ? Object.entries(rules).map(([id, rule]) => ruleConfig(id, rule)) : builtinRules,
    eventRules: [],
    watchdog: watchdogOf(parsed.watchdog ?? watchdogDefaults()),
    routes: (parsed.routes ?? []).map(routeOf),
    http: http ? httpOf(http) : undefined,
  };
}

const STREAM = {
  riskUrl: "wss://margin-stream.binance.com",
  listenKeyPath: "/sapi/v1/margin/listen-key",
  userUrl: "wss://ws-api.binance.com:443/ws-api/v3",
  listenTokenPath: "/sapi/v1/userListenToken",
} as const;

function exchangeOf({ baseUrl, minSpacing, timeout, recvWindow, weightBudgetPct }: Exchange): ExchangeConfig {
  return { baseUrl, minSpacingMs: minSpacing, timeoutMs: timeout, recvWindowMs: recvWindow, weightBudgetPct, stream: STREAM };
}

function accountOf(name: string, account: Account, { requireReadOnlyKey }: File): AccountConfig {
  const { apiKey, apiSecret, privateKey, poll, cross, isolated } = account;
  return {
    name,
    apiKey,
    credential: credentialOf(apiSecret, privateKey),
    poll,
    cross,
    isolated,
    requireReadOnlyKey: account.requireReadOnlyKey ?? requireReadOnlyKey,
    flows: undefined,
    transfers: undefined,
    delistings: undefined,
    stream: false,
  };
}

function credentialOf(apiSecret: Account["apiSecret"], privateKey: Account["privateKey"]): AccountConfig["credential"] {
  if (privateKey !== undefined) return { kind: "pem", secret: privateKey };
  if (apiSecret !== undefined) return { kind: "hmac", secret: apiSecret };
  throw new TypeError("an account without a credential has passed the checks");
}

function watchdogOf({ staleAfter, heartbeat }: Watchdog): Config["watchdog"] {
  return {
    staleAfterMs: staleAfter,
    heartbeat: heartbeat ? { url: heartbeat.url, everyMs: heartbeat.every } : undefined,
  };
}

function routeOf({ match, notify, repeatEvery }: RouteBlock): Route {
  const { severity, account, rule, symbol } = match ?? {};
  return {
    match: {
      ...(severity && { severity }),
      ...(account && { account }),
      ...(rule && { rule }),
      ...(symbol && { symbol }),
    },
    notify,
    repeatEveryMs: repeatEvery,
  };
}

function httpOf({ listen, token }: Http): Config["http"] {
  return { ...readListen(listen), token };
}

/** Plain objects and lists all the way down; a Secret keeps its value in a private field and cannot be changed anyway. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
