// A file that has passed every check, as the program uses it: units in names, every default filled in, frozen.
import { resolve } from "node:path";
import { builtinRules } from "../core/rules/builtin.ts";
import type { Route } from "../core/rules/types.ts";
import type { AccountConfig, Config, ExchangeConfig } from "./config.ts";
import { eventRule } from "./events.ts";
import { ruleConfig } from "./ladder.ts";
import { readingsOf } from "./readings.ts";
import {
  type Account,
  type Exchange,
  exchangeDefaults,
  type File,
  type Http,
  pricesDefaults,
  type Route as RouteBlock,
  type Rule,
  readListen,
  type Watchdog,
  watchdogDefaults,
} from "./schema.ts";
import { streamDefaults } from "./stream.ts";

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
    rules: rules ? each(rules, ruleConfig) : builtinRules,
    eventRules: each(rules ?? {}, eventRule),
    watchdog: watchdogOf(parsed.watchdog ?? watchdogDefaults()),
    routes: (parsed.routes ?? []).map(routeOf),
    http: http ? httpOf(http) : undefined,
  };
}

/** The rules of one kind. */
function each<T>(rules: NonNullable<File["rules"]>, read: (id: string, rule: Rule) => T | undefined): readonly T[] {
  return Object.entries(rules).flatMap(([id, rule]) => read(id, rule) ?? []);
}

function exchangeOf(exchange: Exchange): ExchangeConfig {
  const { baseUrl, minSpacing, timeout, recvWindow, weightBudgetPct, stream } = exchange;
  return {
    baseUrl,
    minSpacingMs: minSpacing,
    timeoutMs: timeout,
    recvWindowMs: recvWindow,
    weightBudgetPct,
    stream: stream ?? streamDefaults(),
    prices: pricesOf(exchange.prices),
  };
}

function pricesOf(prices: Exchange["prices"]): ExchangeConfig["prices"] {
  if (prices === false) return undefined;
  const { every } = prices === true ? pricesDefaults() : (prices ?? pricesDefaults());
  return { everyMs: every };
}

function accountOf(name: string, account: Account, file: File): AccountConfig {
  const { apiKey, apiSecret, privateKey, poll, pollWhenFiring, cross, isolated } = account;
  return {
    name,
    apiKey,
    credential: credentialOf(apiSecret, privateKey),
    poll,
    pollWhenFiring,
    cross,
    isolated,
    requireReadOnlyKey: account.requireReadOnlyKey ?? file.requireReadOnlyKey,
    ...readingsOf(account, file),
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
