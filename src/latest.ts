// The last valid answers of one account, for who looks at the book between polls. The one thing to know: what could not be read this
// time is as it was, or unknown, never absent: absence would read as "nothing is held any more".
import type { Holdings } from "./core/delisting.ts";
import type { Observation } from "./core/observe.ts";
import type { Answer, PairAnswer } from "./core/ports.ts";

export interface Latest {
  holdings(): Holdings;
  keep(answer: Answer, observations: readonly Observation[]): void;
}

export function startLatest(): Latest {
  let kept: Holdings = { cross: undefined, pairs: undefined };
  return {
    holdings: () => kept,
    keep(answer, observations) {
      const invalid = new Set(
        observations.filter(({ class: kind }) => kind === "INVALID").map(({ subject }) => subject),
      );
      if (answer.source === "cross") {
        if (!invalid.has("cross")) kept = { ...kept, cross: answer };
        return;
      }
      const before = kept.pairs;
      const known = (symbol: string) => before?.find((pair) => pair.symbol === symbol);
      const rows = answer.pairs.map((pair) =>
        invalid.has(`isolated ${pair.symbol}`) ? (known(pair.symbol) ?? unknownPair(pair)) : pair,
      );
      const unread = answer.unread?.symbols ?? [];
      if (unread.some((symbol) => known(symbol) === undefined) && before === undefined) return;
      kept = { ...kept, pairs: [...rows, ...unread.flatMap((symbol) => known(symbol) ?? [])] };
    },
  };
}

/** Nobody knows what it holds. */
const unknownPair = (pair: PairAnswer): PairAnswer => ({ ...pair, base: undefined, quote: undefined });
