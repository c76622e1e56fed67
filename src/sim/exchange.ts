// The simulated exchange without its HTTP: one request goes in, the reply comes out. It keeps what an exchange keeps: keys,
// their books, weights and bans. The order of the checks is the order in which a client meets them: ban, path, method,
// weight, key, signature, spacing.
import type { ScriptedAction } from "./actions.ts";
import { crossAccount, isolatedPair, type KeyRestrictions } from "./answers.ts";
import { checkSigned, createVerify, findKey, type KeyCredential, type Verify } from "./auth.ts";
import type { Book } from "./book.ts";
import { BINANCE_LIMITS, createScale, createSpacing, type Limits } from "./limits.ts";
import { play, type SimEvent } from "./play.ts";
import { type PricePath, type Prices, pricesAt } from "./price-path.ts";
import { frameworkError, type Reply, tooFast } from "./reply.ts";
import { type Ask, isSpaced, ROUTES, type Route } from "./routes.ts";

export interface SimKey {
  readonly apiKey: string;
  readonly credential: KeyCredential;
  /** The positions of this key's accounts, as they are at `bookAtMs`. */
  readonly book: Book;
  /** Where it differs from a key that may only read, from listed addresses. */
  readonly restrictions?: Partial<KeyRestrictions>;
}

export interface ExchangeOptions {
  readonly keys: readonly SimKey[];
  readonly path: PricePath;
  /** Time on the price path; the caller may run it faster than real time. Going back changes prices, never a book. */
  simNowMs(): number;
  /** The server's own clock: timestamps of requests are checked against it. */
  serverNowMs(): number;
  /** Simulated time at which the books are as given. Default: the time of the start. */
  readonly bookAtMs?: number;
  readonly actions?: readonly ScriptedAction[];
  /** How long FORCE_LIQUIDATION shows before the collateral is sold, simulated ms. Default: one minute. */
  readonly liquidationMs?: number;
  readonly limits?: Partial<Limits>;
  /** Actions and liquidations as they happen: when a request or advance() reaches them. */
  onEvent?(event: SimEvent & { readonly apiKey: string }): void;
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
}

interface Account {
  readonly apiKey: string;
  readonly verify: Verify;
  readonly restrictions: Partial<KeyRestrictions>;
  readonly actions: readonly ScriptedAction[];
  book: Book;
  playedMs: number;
}

const LIQUIDATION_MS = 60_000;

/** Throws when a book holds what the price path has no price for, or an action names a key that is not there. */
export function createExchange(options: ExchangeOptions): SimExchange {
  const { path, liquidationMs = LIQUIDATION_MS } = options;
  const limits: Limits = { ...BINANCE_LIMITS, ...options.limits };
  const accounts = openAccounts(options);
  const scale = createScale(limits);
  const spacing = createSpacing();

  const playTo = (account: Account, simMs: number) => {
    if (simMs <= account.playedMs) return;
    const [book, events] = play(account.book, account.playedMs, simMs, {
      path,
      actions: account.actions,
      liquidationMs,
    });
    account.book = book;
    account.playedMs = simMs;
    for (const event of events) options.onEvent?.({ ...event, apiKey: account.apiKey });
  };

  const answer = (route: Route, incoming: Incoming, gapMs: number | undefined, serverMs: number): Reply => {
    const simMs = options.simNowMs();
    const params = new URLSearchParams(incoming.rawQuery);
    const ask: Ask = { params, serverMs, simMs, path, prices: pricesAt(path, simMs) };
    if (route.security === "none") return route.answer(ask);
    const found = findKey(incoming.apiKey, accounts);
    if ("refusal" in found) return found.refusal;
    const refusal = route.security === "key" ? undefined : checkSigned(incoming.rawQuery, found.key.verify, serverMs);
    if (refusal !== undefined) return refusal;
    if (gapMs !== undefined && gapMs < limits.minSpacingMs) return tooFast();
    playTo(found.key, simMs);
    const { book, restrictions } = found.key;
    return route.answer({ ...ask, book, restrictions });
  };

  return {
    handle(incoming) {
      const { address, apiKey, monoMs } = incoming;
      const serverMs = options.serverNowMs();
      const route = Object.hasOwn(ROUTES, incoming.path) ? ROUTES[incoming.path] : undefined;
      const isKept =
        route !== undefined && isSpaced(incoming.path, route) && apiKey !== undefined && accounts.has(apiKey);
      const gapMs = isKept ? spacing(apiKey, monoMs) : undefined;
      const banned = scale.banned(address, serverMs);
      if (banned !== undefined) return { reply: banned, gapMs };
      if (route === undefined) return { reply: frameworkError(404, incoming.path, serverMs), gapMs };
      if (incoming.method !== "GET") return { reply: frameworkError(405, incoming.path, serverMs), gapMs };
      const weight = route.weight(new URLSearchParams(incoming.rawQuery));
      const { headers, refusal } = scale.weigh({ address, path: incoming.path, weight }, serverMs);
      const reply = refusal ?? answer(route, incoming, gapMs, serverMs);
      return { reply: { ...reply, headers: { ...headers, ...reply.headers } }, gapMs };
    },
    advance() {
      for (const account of accounts.values()) playTo(account, options.simNowMs());
    },
  };
}

function openAccounts(options: ExchangeOptions): ReadonlyMap<string, Account> {
  const { keys, path, simNowMs, bookAtMs: playedMs = simNowMs(), actions = [] } = options;
  const ordered = [...actions].sort((a, b) => a.atMs - b.atMs);
  const accounts = new Map<string, Account>();
  for (const { apiKey, credential, book, restrictions = {} } of keys) {
    assertPriced(book, pricesAt(path, playedMs));
    const own = ordered.filter((action) => action.apiKey === apiKey);
    accounts.set(apiKey, { apiKey, verify: createVerify(credential), restrictions, actions: own, book, playedMs });
  }
  const stranger = ordered.find(({ apiKey }) => !accounts.has(apiKey));
  if (stranger !== undefined)
    throw new Error(`the action "${stranger.text}" is for a key that the exchange does not have`);
  return accounts;
}

/** What cannot be answered now could not be answered later either: better to refuse the book than to answer 500. */
function assertPriced(book: Book, prices: Prices): void {
  if (book.cross !== undefined) crossAccount(book.cross, prices);
  for (const pair of book.isolated) isolatedPair(pair, prices);
}
