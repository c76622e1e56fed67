// The accounts behind the keys: each with its book, played up to a moment, and its history.
import type { ScriptedAction } from "./actions.ts";
import { crossAccount, isolatedPair, type KeyRestrictions } from "./answers.ts";
import { createVerify, type KeyCredential, type Verify } from "./auth.ts";
import type { Book } from "./book.ts";
import { type Push, pushesOf } from "./events.ts";
import { createHistory, type History } from "./history.ts";
import { play, type Script, type SimEvent } from "./play.ts";
import { type PricePath, type Prices, pricesAt } from "./price-path.ts";
import type { Times } from "./times.ts";

export interface SimKey {
  readonly apiKey: string;
  readonly credential: KeyCredential;
  /** The positions of this key's accounts, as they are at `bookAtMs`. */
  readonly book: Book;
  /** Where it differs from a key that may only read, from listed addresses. */
  readonly restrictions?: Partial<KeyRestrictions>;
}

export interface Account {
  readonly apiKey: string;
  readonly verify: Verify;
  readonly restrictions: Partial<KeyRestrictions>;
  readonly actions: readonly ScriptedAction[];
  readonly history: History;
  book: Book;
  playedMs: number;
}

export interface AccountsOptions {
  readonly keys: readonly SimKey[];
  readonly path: PricePath;
  readonly actions: readonly ScriptedAction[];
  /** Simulated time at which the books are as given. */
  readonly bookAtMs: number;
  /** The server's time of the start. */
  readonly startMs: number;
}

/** Throws when a book holds what the price path has no price for, or an action names a key that is not there. */
export function openAccounts({
  keys,
  path,
  actions,
  bookAtMs,
  startMs,
}: AccountsOptions): ReadonlyMap<string, Account> {
  const ordered = [...actions].sort((a, b) => a.atMs - b.atMs);
  const accounts = new Map<string, Account>();
  for (const [index, { apiKey, credential, book, restrictions = {} }] of keys.entries()) {
    assertPriced(book, pricesAt(path, bookAtMs));
    accounts.set(apiKey, {
      apiKey,
      verify: createVerify(credential),
      restrictions,
      actions: ordered.filter((action) => action.apiKey === apiKey),
      history: createHistory(index, startMs),
      book,
      playedMs: bookAtMs,
    });
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

export interface Reached {
  readonly events: readonly SimEvent[];
  readonly pushes: readonly Push[];
}

/** Plays one account up to a simulated moment; undefined when it is there already. Time that goes back plays nothing. */
export function playTo(
  account: Account,
  simMs: number,
  script: Omit<Script, "actions">,
  times: Times,
): Reached | undefined {
  if (simMs <= account.playedMs) return undefined;
  const { apiKey, actions, book: before } = account;
  const [after, events, postings] = play(before, account.playedMs, simMs, { ...script, actions });
  account.book = after;
  account.playedMs = simMs;
  for (const { atMs, entries } of postings) account.history.post(entries, times.stampMs(atMs));
  return { events, pushes: pushesOf({ apiKey, before, after, postings, atMs: times.serverNowMs() }) };
}
