// The flags of one account as people know them, kept over restarts: written with the very commit that tells of a flip.
import type { Advance, Rulebook } from "./core/advance.ts";
import { decodeFlags, encodeFlags, lookAtFlags, type SeenFlags } from "./core/flags.ts";
import type { Observation } from "./core/observe.ts";
import { StoreError } from "./core/ports.ts";
import type { Fact } from "./core/store.ts";
import type { Ledger } from "./ledger.ts";

export interface FlagMemory {
  /** What flipped; undefined where nothing can be said: no observation, or what was known cannot be read now. */
  look(observations: readonly Observation[], book: Rulebook, nowMs: number): FlagLook | undefined;
  /** To be called when what the look said is committed. */
  keep(look: FlagLook): void;
}

export interface FlagLook {
  readonly advance: Advance;
  readonly seen: SeenFlags;
  /** To be committed together with what is told; empty when nothing changed. */
  readonly facts: readonly Fact[];
}

export function rememberFlags(ledger: Pick<Ledger, "fact">, account: string): FlagMemory {
  const name = `flags.${account}`;
  let kept: SeenFlags | undefined;

  const recall = (): SeenFlags | undefined => {
    try {
      return decodeFlags(ledger.fact(name));
    } catch (error) {
      if (error instanceof StoreError) return undefined; // a disk in trouble is told by itself; flags that are on it are not lost
      throw error;
    }
  };

  return {
    look(observations, book, nowMs) {
      if (observations.length === 0) return undefined;
      kept ??= recall();
      if (kept === undefined) return undefined;
      const { advance, seen } = lookAtFlags(observations, kept, { book, nowMs });
      return { advance, seen, facts: seen === kept ? [] : [{ name, value: encodeFlags(seen) }] };
    },
    keep({ seen }) {
      kept = seen;
    },
  };
}
