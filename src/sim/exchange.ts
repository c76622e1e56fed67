// The simulated exchange without its HTTP: one request goes in, the reply comes out. It keeps what an exchange keeps: keys,
// their books and histories, weights and bans. The order of the checks is the order in which a client meets them: ban, path,
// method, weight, key, signature, spacing.
import { type Account, openAccounts, playTo, type SimKey } from "./accounts.ts";
import type { ScriptedAction } from "./actions.ts";
import { LISTED_SYMBOLS } from "./assets.ts";
import { checkSigned, findKey } from "./auth.ts";
import type { Book } from "./book.ts";
import type { Push } from "./events.ts";
import { BINANCE_LIMITS, createScale, createSpacing, type Limits } from "./limits.ts";
import { createListen, type Listen } from "./listen.ts";
import { delistingsOf, type MarketAction, marketAt } from "./market.ts";
import type { SimEvent } from "./play.ts";
import { type PricePath, pricesAt } from "./price-path.ts";
import { frameworkError, gone, Refusal, type Reply, tooFast } from "./reply.ts";
import { type Ask, isSpaced, ROUTES, type Route } from "./routes.ts";
import { createTimes, type Times } from "./times.ts";

export type { SimKey } from "./accounts.ts";

export interface ExchangeOptions {
  readonly keys: readonly SimKey[];
  readonly path: PricePath;
  /** Time on the price path; the caller may run it faster than real time. Going back changes prices, never a book. */
  simNowMs(): number;
  /** The server's own clock: timestamps of requests are checked against it, and rows and events carry it (see times.ts). */
  serverNowMs(): number;
  /** Simulated time at which the books are as given. Default: the time of the start. */
  readonly bookAtMs?: number;
  readonly actions?: readonly ScriptedAction[];
  /** What the exchange announces for everybody; a delisting also happens, to every book. */
  readonly market?: readonly MarketAction[];
  /** See createTimes. */
  announceNowMs?(): number;
  /** How long FORCE_LIQUIDATION shows before the collateral is sold, simulated ms. Default: one minute. */
  readonly liquidationMs?: number;
  /** The unit of the timestamps in the transfer history. Default: seconds, as in the documented sample. */
  readonly transferTimeUnit?: "s" | "ms";
  readonly limits?: Partial<Limits>;
  /** Actions, liquidations and announcements as they happen: when a request or advance() reaches them. */
  onEvent?(event: SimEvent & { readonly apiKey: string | undefined }): void;
}

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly rawQuery: string;
  readonly apiKey: string | undefined;
  readonly address: string;
  readonly monoMs: number;
}

export interface Outcome {
  readonly reply: Reply;
  /** Since the previous keyed margin request of this key, refused ones included. */
  readonly gapMs: number | undefined;
}

export interface SimExchange {
  handle(incoming: Incoming): Outcome;
  /** Plays all books up to now, so that events come without a request. */
  advance(): void;
  /** From now on the path answers as one that the exchange has given up: HTTP 410, -1020. */
  retire(path: string): void;
  readonly listen: Listen;
  readonly times: Times;
}

const LIQUIDATION_MS = 60_000;

/** Throws when a book holds what the price path has no price for, or an action names a key that is not there. */
export function createExchange(options: ExchangeOptions, onPush: (push: Push) => void = () => undefined): SimExchange {
  const { path, simNowMs, actions = [], market = [], liquidationMs = LIQUIDATION_MS, transferTimeUnit = "s" } = options;
  const limits: Limits = { ...BINANCE_LIMITS, ...options.limits };
  const accounts = openAccounts({
    ...options,
    actions,
    bookAtMs: options.bookAtMs ?? simNowMs(),
    startMs: options.serverNowMs(),
  });
  const times = createTimes(options);
  const listen = createListen();
  const scale = createScale(limits);
  const spacing = createSpacing();
  const retired = new Set<string>();
  const script = { path, liquidationMs, delistings: delistingsOf(market) };
  const announce = createAnnouncer(market, simNowMs(), (event) => options.onEvent?.({ ...event, apiKey: undefined }));

  const advance = (account: Account, simMs: number) => {
    announce(simMs);
    const reached = playTo(account, simMs, script, times);
    for (const event of reached?.events ?? []) options.onEvent?.({ ...event, apiKey: account.apiKey });
    for (const push of reached?.pushes ?? []) onPush(push);
  };

  const answer = (route: Route, incoming: Incoming, gapMs: number | undefined, serverMs: number): Reply => {
    const simMs = simNowMs();
    const params = new URLSearchParams(incoming.rawQuery);
    const symbols = () => [...LISTED_SYMBOLS, ...[...accounts.values()].flatMap(({ book }) => symbolsIn(book))];
    const ask: Ask = { params, serverMs, simMs, path, prices: pricesAt(path, simMs), symbols };
    if (route.security === "none") return route.answer(ask);
    const found = findKey(incoming.apiKey, accounts);
    if ("refusal" in found) return found.refusal;
    const refusal = route.security === "key" ? undefined : checkSigned(incoming.rawQuery, found.key.verify, serverMs);
    if (refusal !== undefined) return refusal;
    if (gapMs !== undefined && gapMs < limits.minSpacingMs) return tooFast();
    advance(found.key, simMs);
    const { apiKey, book, history, restrictions } = found.key;
    const own = { apiKey, book, history, restrictions, transferTimeUnit };
    return answering(() => route.answer({ ...ask, ...own, market: marketAt(market, simMs), times, listen }));
  };

  return {
    handle(incoming) {
      const { address, apiKey, method, path, monoMs } = incoming;
      const serverMs = options.serverNowMs();
      const methods = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
      const isKept = methods !== undefined && isSpaced(path, methods) && apiKey !== undefined && accounts.has(apiKey);
      const gapMs = isKept ? spacing(apiKey, monoMs) : undefined;
      const banned = scale.banned(address, serverMs);
      if (banned !== undefined) return { reply: banned, gapMs };
      if (methods === undefined) return { reply: frameworkError(path, serverMs), gapMs };
      if (retired.has(path)) return { reply: gone(), gapMs };
      const route = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (route === undefined) return { reply: frameworkError(path, serverMs, Object.keys(methods)), gapMs };
      const weight = route.weight(new URLSearchParams(incoming.rawQuery));
      const uid = route.isPerUser ? (apiKey ?? "") : undefined;
      const { headers, refusal } = scale.weigh({ address, path, weight, uid }, serverMs);
      const reply = refusal ?? answer(route, incoming, gapMs, serverMs);
      return { reply: { ...reply, headers: { ...headers, ...reply.headers } }, gapMs };
    },
    advance() {
      const simMs = simNowMs();
      announce(simMs);
      for (const account of accounts.values()) advance(account, simMs);
    },
    retire: (path) => void retired.add(path),
    listen,
    times,
  };
}

/** A price path may know more assets than the table. */
const symbolsIn = ({ cross, isolated }: Book): readonly string[] => [
  ...(cross?.assets ?? []).map(({ asset }) => `${asset}USDT`),
  ...isolated.flatMap(({ symbol, base, quote }) => [symbol, `${base.asset}USDT`, `${quote.asset}USDT`]),
];

function answering(answer: () => Reply): Reply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
}

/** Tells each announcement once, when simulated time has come to it; what was announced before the start is not told. */
function createAnnouncer(market: readonly MarketAction[], startMs: number, tell: (event: SimEvent) => void) {
  let toldMs = startMs;
  return (simMs: number): void => {
    const due = market.filter(({ atMs }) => atMs > toldMs && atMs <= simMs).sort((a, b) => a.atMs - b.atMs);
    toldMs = Math.max(toldMs, simMs);
    for (const { atMs, text } of due) tell({ atMs, kind: "announcement", text });
  };
}
