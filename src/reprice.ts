// Between two polls: public prices make a guess of every book, and where a guess crosses a rung the account is polled at once. The one
// thing to know: it can ask for polls and knows nothing of alerts. What the poll answers opens them, or does not.
import { crossesRung, estimated } from "./core/estimate.ts";
import type { Prices } from "./core/market.ts";
import type { Bars, Clock, Subject } from "./core/ports.ts";
import { type Exposure, exposureOf, rank } from "./core/ranking.ts";
import type { Rule } from "./core/rules/compile.ts";
import type { Log } from "./lib/log.ts";
import type { Shot } from "./memory.ts";

export interface RepricedAccount {
  readonly name: string;
  /** Subjects with debt, as they were last seen. */
  shots(): readonly Shot[];
  readonly rules: readonly Rule[];
  bars(): Bars;
  /** Brings the next poll forward. Cheap: it paces itself. */
  pollSoon(): void;
}

export interface RepriceParts {
  accounts(): readonly RepricedAccount[];
  readonly clock: Pick<Clock, "monoMs">;
  readonly log: Log;
}

export interface Reprice {
  /** To be called whenever prices were read. */
  look(prices: Prices): void;
}

/** A poll that was asked for and brought no newer look by then has failed, or is slow: it is asked for again. */
const AGAIN_MS = 5_000;

/** A look on which a poll was asked for. */
interface Asked {
  /** Of the observation, wall ms. */
  readonly atMs: number;
  readonly monoMs: number;
}

export function createReprice({ accounts, clock, log }: RepriceParts): Reprice {
  const asked = new Map<string, Map<Subject, Asked>>();
  /** By account and subject, the prices that stand for those of a look that came before there were any. */
  const first = new Map<string, { readonly atMs: number; readonly prices: Prices }>();

  /** A look that has no prices of its own begins with the first that fit it; else a start would be blind to prices until the next poll. */
  const thenOf = (account: RepricedAccount, { observation, prices }: Shot, now: Prices): Prices | undefined => {
    if (prices !== undefined && first.size === 0) return prices; // the common case
    const { subject, atMs } = observation;
    const key = `${account.name} ${subject}`;
    if (prices !== undefined) {
      first.delete(key);
      return prices;
    }
    const kept = first.get(key);
    if (kept?.atMs === atMs) return kept.prices;
    if (estimated(observation, now, now, account.bars()) === undefined) return undefined;
    first.set(key, { atMs, prices: now });
    return now;
  };

  /** What stands on a worse rung at these prices than when it was last seen, and was not asked for yet. */
  const crossingIn = (account: RepricedAccount, prices: Prices): readonly Exposure[] => {
    const before = asked.get(account.name);
    const after = new Map<Subject, Asked>();
    const nowMs = clock.monoMs();
    const bars = account.bars();
    const found: Exposure[] = [];
    for (const shot of account.shots()) {
      const { observation } = shot;
      const { subject, atMs } = observation;
      const then = thenOf(account, shot, prices);
      const last = before?.get(subject);
      const isAsked = last?.atMs === atMs && nowMs - last.monoMs < AGAIN_MS;
      if (isAsked) after.set(subject, last);
      if (isAsked || then === prices) continue;
      const guess = estimated(observation, then, prices, bars);
      if (guess === undefined || !crossesRung(observation, guess, account.rules, bars)) continue;
      after.set(subject, { atMs, monoMs: nowMs });
      const exposure = exposureOf(guess, prices) ?? { subject, distancePct: undefined, debt: undefined };
      found.push({ ...exposure, account: account.name });
    }
    asked.set(account.name, after);
    return found;
  };

  return {
    look(prices) {
      const watched = new Map(accounts().map((account) => [account.name, account]));
      const crossing = rank([...watched.values()].flatMap((account) => crossingIn(account, prices)));
      for (const name of new Set(crossing.map(({ account }) => account))) {
        const subjects = crossing.filter(({ account }) => account === name).map(({ subject }) => subject);
        log.debug(
          { account: name, subjects: subjects.slice(0, 5), count: subjects.length },
          "at the prices of now a rung is crossed: polling",
        );
        watched.get(name)?.pollSoon();
      }
    },
  };
}
