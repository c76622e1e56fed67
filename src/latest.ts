// The last valid answers of one account, for who looks at the book between polls. The one thing to know: what could not be read this
// time, and what owed and is not answered any more, is as it was, or unknown, never absent: absence would read as "nothing is held".
import type { Holdings } from "./core/delisting.ts";
import { type Observation, symbolOf } from "./core/observe.ts";
import type { Answer, CrossAnswer, IsolatedAnswer, PairAnswer, Subject } from "./core/ports.ts";

export interface Latest {
  holdings(): Holdings;
  keep(answer: Answer, observations: readonly Observation[]): void;
}

export function startLatest(): Latest {
  let kept: Holdings = { cross: undefined, pairs: undefined };
  return {
    holdings: () => kept,
    keep(answer, observations) {
      const unusable = observations.filter(({ class: kind }) => kind !== "OK").map(({ subject }) => subject);
      kept = answer.source === "cross" ? withCross(kept, answer, unusable) : withPairs(kept, answer, unusable);
    },
  };
}

const withCross = (kept: Holdings, answer: CrossAnswer, unusable: readonly Subject[]): Holdings =>
  unusable.includes("cross") ? kept : { ...kept, cross: answer };

/** A pair that is answered and cannot be used, or that owed and is not answered (MISSING), is as it was before. */
function withPairs(kept: Holdings, { pairs, unread }: IsolatedAnswer, unusable: readonly Subject[]): Holdings {
  const known = (symbol: string) => kept.pairs?.find((pair) => pair.symbol === symbol);
  const notRead = unread?.symbols ?? [];
  if (notRead.length > 0 && kept.pairs === undefined) return kept;
  const asBefore = new Set(unusable.map(symbolOf));
  const read = pairs.filter(({ symbol }) => !asBefore.has(symbol));
  const stale = [...asBefore].map((symbol) => known(symbol) ?? unknownPair(symbol));
  return { ...kept, pairs: [...read, ...stale, ...notRead.flatMap((symbol) => known(symbol) ?? [])] };
}

/** Nobody knows what it holds. */
const unknownPair = (symbol: string): PairAnswer => ({
  symbol,
  isolatedCreated: undefined,
  enabled: undefined,
  tradeEnabled: undefined,
  marginLevel: undefined,
  marginLevelStatus: undefined,
  marginRatio: undefined,
  indexPrice: undefined,
  liquidatePrice: undefined,
  liquidateRate: undefined,
  base: undefined,
  quote: undefined,
  problems: [],
});
