// Reads the isolated pairs of one account: all of them in one request, or a list in batches of five. The one thing to know: one
// wrong symbol makes the exchange refuse its whole batch, so such a batch is asked again symbol by symbol and the wrong one left out.
import { refusesKey } from "../core/failure.ts";
import type { IsolatedAnswer, PairAnswer } from "../core/ports.ts";
import type { Asker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { ExchangeError, hasCode, isUnknownPair, NO_ISOLATED_ACCOUNT } from "./errors.ts";
import { parsePairs } from "./parse.ts";

export interface PairsRead extends Pick<IsolatedAnswer, "pairs" | "unread"> {
  /** The age of its oldest part. */
  readonly atMs: number;
}

export interface PairsReader {
  /** Rejects when nothing was read, and at once when the key is refused or the address banned, and at a stop. */
  read(signal: AbortSignal): Promise<PairsRead>;
}

export interface PairsOptions extends Pick<Shared, "clock" | "log" | "pause" | "timeoutMs"> {
  readonly account: string;
  readonly asker: Asker;
  /** Symbols that were really a pair before this process. */
  readonly seen: readonly string[];
}

const PATH = "/sapi/v1/margin/isolated/account";
const BATCH_MAX = 5; // "Max 5 symbols can be sent"
/** How soon a symbol that was never a pair is asked for again: mostly it is a slip in the config. */
const NEVER_SEEN_MS = 600_000;

export function createPairsReader(asked: "all" | readonly string[], options: PairsOptions): PairsReader {
  return asked === "all" ? allPairs(options) : listedPairs([...new Set(asked)], options);
}

function allPairs({ asker, clock }: PairsOptions): PairsReader {
  return {
    async read(signal) {
      const pairs = await asker.ask(PATH, [], signal).then(parsePairs, (error: unknown) => {
        if (hasCode(error, NO_ISOLATED_ACCOUNT)) return []; // no pair was ever opened
        throw error;
      });
      return { pairs, atMs: clock.wallMs() };
    },
  };
}

function listedPairs(symbols: readonly string[], options: PairsOptions): PairsReader {
  const { account, asker, clock, log, pause, timeoutMs } = options;
  /** In the order of asking: what was asked for longest ago comes first, so no batch is cut off poll after poll. */
  let queue = symbols;
  /** Symbol that the exchange does not know → monotonic time at which to ask for it again, always alone. */
  const unknown = new Map<string, number>();
  /** Symbols that were really a pair. One of these that goes may be back any moment, with its debt. */
  const seen = new Set(options.seen);
  let hasWarned = false;

  async function ask(batch: readonly string[], signal: AbortSignal): Promise<readonly PairAnswer[]> {
    const pairs = parsePairs(await asker.ask(PATH, [["symbols", batch.join(",")]], signal));
    const wanted = pairs.filter(({ symbol }) => batch.includes(symbol));
    // A parameter that the exchange does not understand is ignored, and everything comes back.
    if (wanted.length < pairs.length && !hasWarned) {
      hasWarned = true;
      log.warn(
        { account, extra: pairs.length - wanted.length },
        "the exchange sent pairs that were not asked for; dropped",
      );
    }
    return wanted;
  }

  /** The batch's pairs, or why there are none. Rejects when the key is refused or the address banned, and at a stop. */
  async function attempt(
    batch: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly PairAnswer[] | ExchangeError> {
    try {
      const pairs = await ask(batch, signal);
      wasAsked(batch);
      pairs.forEach(learn);
      return pairs;
    } catch (error) {
      if (!(error instanceof ExchangeError) || signal.aborted) throw error;
      if (refusesKey(error.failure) || error.failure.code === "banned") throw error; // that must be loud at once
      if (error.failure.code !== "rate_limited") wasAsked(batch); // else the budget is used, and no request was sent
      return error;
    }
  }

  function wasAsked(batch: readonly string[]): void {
    queue = [...queue.filter((symbol) => !batch.includes(symbol)), ...batch];
  }

  function learn({ symbol, isolatedCreated }: PairAnswer): void {
    unknown.delete(symbol);
    if (isolatedCreated !== false) seen.add(symbol);
  }

  function leaveOut(symbol: string): void {
    if (!unknown.has(symbol)) log.warn({ account, symbol }, "the exchange knows no such isolated pair; left out");
    unknown.set(symbol, clock.monoMs() + (seen.has(symbol) ? 0 : NEVER_SEEN_MS));
  }

  /** Known symbols in batches; unknown ones alone when they are due, but never nothing: an answer without a request proves nothing. */
  function batches(): (readonly string[])[] {
    const known = queue.filter((symbol) => !unknown.has(symbol));
    const due = queue.filter((symbol) => (unknown.get(symbol) ?? Number.POSITIVE_INFINITY) <= clock.monoMs());
    const alone = known.length + due.length > 0 ? due : queue.slice(0, 1);
    return [...chunks(known, BATCH_MAX), ...chunks(alone, 1)];
  }

  return {
    async read(signal) {
      const todo = batches();
      const pairs: PairAnswer[] = [];
      const unread: string[] = [];
      let atMs: number | undefined;
      let error: ExchangeError | undefined;
      let lostMs = 0;
      // Batches that fail may cost one deadline together: the next look at the pairs waits for this one. In a pause nothing more is
      // asked, and what was read before it still counts.
      while (todo.length > 0 && lostMs < timeoutMs && (error === undefined || pause.current() === undefined)) {
        const [batch = []] = todo.splice(0, 1);
        const startedMs = clock.monoMs();
        const found = await attempt(batch, signal);
        if (isUnknownPair(found) && batch.length > 1) {
          todo.unshift(...chunks(batch, 1));
        } else if (found instanceof ExchangeError && !isUnknownPair(found)) {
          error ??= found;
          unread.push(...batch);
          lostMs += clock.monoMs() - startedMs;
        } else {
          atMs ??= clock.wallMs();
          if (found instanceof ExchangeError) batch.forEach(leaveOut);
          else pairs.push(...found);
        }
      }
      if (error === undefined) return { pairs, atMs: atMs ?? clock.wallMs() };
      if (atMs === undefined) throw error;
      return { pairs, atMs, unread: { symbols: [...unread, ...todo.flat()], failure: error.failure } };
    },
  };
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
