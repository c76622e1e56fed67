// Reads the isolated pairs of one account: all of them in one request, or a list in batches of five. The one thing to know: one
// wrong symbol makes the exchange refuse its whole batch, so such a batch is asked again symbol by symbol and the wrong one left out.
import type { Clock, PairAnswer } from "../core/ports.ts";
import type { Log } from "../lib/log.ts";
import type { Asker } from "./ask.ts";
import { hasCode, isUnknownPair, NO_ISOLATED_ACCOUNT } from "./errors.ts";
import { parsePairs } from "./parse.ts";

export interface PairsReader {
  /** Whole or failed. `atMs` is the age of its oldest part. */
  read(signal: AbortSignal): Promise<{ readonly pairs: readonly PairAnswer[]; readonly atMs: number }>;
}

export interface PairsOptions {
  readonly account: string;
  readonly asker: Asker;
  readonly clock: Clock;
  readonly log: Log;
}

const PATH = "/sapi/v1/margin/isolated/account";
const BATCH_MAX = 5; // "Max 5 symbols can be sent"
/** How soon an unknown symbol is asked for again: a slip in the config seldom, a pair that was there before soon. */
const ASK_AGAIN_MS = { neverSeen: 600_000, seen: 60_000 } as const;

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

function listedPairs(symbols: readonly string[], { account, asker, clock, log }: PairsOptions): PairsReader {
  /** Symbol that the exchange does not know → monotonic time at which to ask for it again. */
  const unknown = new Map<string, number>();
  const seen = new Set<string>();
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

  async function askBatch(batch: readonly string[], signal: AbortSignal): Promise<readonly PairAnswer[]> {
    try {
      return await ask(batch, signal);
    } catch (error) {
      if (!isUnknownPair(error)) throw error;
    }
    if (batch.length === 1) return leaveOut(batch);
    const pairs: PairAnswer[] = [];
    for (const symbol of batch) pairs.push(...(await askBatch([symbol], signal)));
    return pairs;
  }

  function leaveOut(batch: readonly string[]): readonly PairAnswer[] {
    for (const symbol of batch) {
      if (!unknown.has(symbol)) log.warn({ account, symbol }, "the exchange knows no such isolated pair; left out");
      unknown.set(symbol, clock.monoMs() + (seen.has(symbol) ? ASK_AGAIN_MS.seen : ASK_AGAIN_MS.neverSeen));
    }
    return [];
  }

  /** Known symbols in batches; unknown ones alone and now and then, but never nothing: an answer without a request proves nothing. */
  function batches(): readonly (readonly string[])[] {
    const known = symbols.filter((symbol) => !unknown.has(symbol));
    const due = symbols.filter((symbol) => (unknown.get(symbol) ?? Number.POSITIVE_INFINITY) <= clock.monoMs());
    const alone = known.length + due.length > 0 ? due : symbols.slice(0, 1);
    return [...chunks(known, BATCH_MAX), ...chunks(alone, 1)];
  }

  return {
    async read(signal) {
      const pairs: PairAnswer[] = [];
      let atMs: number | undefined;
      for (const batch of batches()) {
        const found = await askBatch(batch, signal);
        atMs ??= clock.wallMs();
        for (const { symbol } of found) {
          unknown.delete(symbol);
          seen.add(symbol);
        }
        pairs.push(...found);
      }
      return { pairs, atMs: atMs ?? clock.wallMs() };
    },
  };
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
