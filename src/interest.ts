// Interest rates of what one account owes: read seldom, remembered over 7 days, judged again with what the polls bring. The one thing to
// know: a read that fails leaves the last good rates standing, for three hours; after that nothing is known, and nothing is over by it.

import type { Holdings } from "./core/delisting.ts";
import { debtsIn, type HourlyRates, type InterestReader, judgeInterest, type RateReading } from "./core/interest.ts";
import {
  decodeRates,
  encodeRates,
  hourOf,
  NO_RATES,
  type RateHistory,
  type RateKey,
  rateKey,
  recorded,
  usualRate,
} from "./core/interest-median.ts";
import type { Prices } from "./core/market.ts";
import { type Failure, StoreError } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";
import type { Sources } from "./sources.ts";
import { type Teller, tell } from "./tell.ts";

export interface InterestParts extends Teller {
  readonly account: string;
  readonly reader: InterestReader;
  /** What the config has read of the account. */
  readonly cross: boolean;
  readonly isolated: boolean;
  /** The last valid answers of the account. */
  latest(): Holdings;
  /** Public prices, to tell what is left over of a debt; without them every debt matters. */
  prices?(): Prices | undefined;
  /** A rate is told when it is above so many times its own median. */
  readonly times: number;
  readonly sources: Pick<Sources, "note">;
  readonly log: Log;
}

export interface InterestWatch {
  /** Reads the rates of what is owed, then judges them. Best after the first valid answer. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** To be called after every poll: judges again with what is owed now, at most once a minute. */
  look(): void;
  /** The last good rates of debts of the cross account, or in isolated pairs; undefined when none is fresh. */
  rates(isIsolated: boolean): HourlyRates | undefined;
}

interface Rate {
  readonly asset: string;
  readonly isIsolated: boolean;
  readonly rate: number;
}

type Kept = Rate & RateReading & { readonly readMonoMs: number };

const LOOK_MS = 60_000;
const FRESH_MS = 3 * 3_600_000;
/** Assets of one request. Source: GET /sapi/v1/margin/next-hourly-interest-rate. */
const BATCH_MAX = 20;

export function createInterestWatch(parts: InterestParts): InterestWatch {
  const { account, reader, sources, clock } = parts;
  const factName = `rates.${account}`;
  const kept = new Map<RateKey, Kept>();
  let history: RateHistory | undefined;
  /** As it was last committed. */
  let stored: RateHistory | undefined;
  let lookedMonoMs: number | undefined;

  const debts = () => debtsIn(parts.latest(), parts);

  /** Undefined while it cannot be read: what an open alert is measured by would be lost. */
  const recall = (): RateHistory | undefined => {
    try {
      stored ??= decodeRates(parts.ledger.fact(factName));
      history ??= stored;
      return history;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      parts.log.warn({ account, error }, "the interest rates known before cannot be read: not looked at this time");
      return undefined;
    }
  };

  const take = (read: readonly Rate[]): void => {
    const known = recall();
    const hour = hourOf(clock.wallMs());
    const samples = new Map<RateKey, number>();
    for (const each of read) {
      const key = rateKey(each.asset, each.isIsolated);
      samples.set(key, each.rate);
      const usual = known && usualRate(known.get(key) ?? NO_RATES, hour);
      kept.set(key, { ...each, usualRate: usual, readMonoMs: clock.monoMs() });
    }
    if (known !== undefined && read.length > 0) history = recorded(known, samples, hour);
  };

  const fresh = (): ReadonlyMap<RateKey, Kept> =>
    new Map([...kept].filter(([, { readMonoMs }]) => clock.monoMs() - readMonoMs <= FRESH_MS));

  const judge = (): void => {
    lookedMonoMs = clock.monoMs();
    const known = recall();
    if (known === undefined) return;
    const look = { debts: debts(), readings: fresh(), history: known, times: parts.times, prices: parts.prices?.() };
    const { ledger, book } = parts;
    const judged = judgeInterest(look, { account, states: ledger.states, book, nowMs: clock.wallMs() });
    const isSame = judged.history === stored;
    history = stored = judged.history;
    tell(judged.advance, parts, isSame ? [] : [{ name: factName, value: encodeRates(judged.history) }]);
  };

  return {
    async run(signal) {
      const { cross, isolated } = debts();
      const asked = [...batches(cross, false), ...batches(isolated, true)];
      const read: Rate[] = [];
      let failure: Failure | undefined;
      for (const { assets, isIsolated } of asked) {
        const answer = await reader.rates(assets, isIsolated, signal);
        if (signal.aborted) return;
        if (answer.ok) read.push(...[...answer.value].map(([asset, rate]) => ({ asset, isIsolated, rate })));
        else failure ??= answer.failure;
      }
      if (asked.length > 0) sources.note("interest rates", failure);
      take(read);
      judge();
    },
    look() {
      const isSoon = lookedMonoMs !== undefined && clock.monoMs() - lookedMonoMs < LOOK_MS;
      if (!isSoon) judge();
    },
    rates(isIsolated) {
      const ofKind = [...fresh().values()].filter((each) => each.isIsolated === isIsolated);
      return ofKind.length === 0 ? undefined : new Map(ofKind.map(({ asset, rate }) => [asset, rate]));
    },
  };
}

function batches(owed: ReadonlyMap<string, number> | undefined, isIsolated: boolean) {
  const assets = [...(owed?.keys() ?? [])].sort();
  const starts = Array.from({ length: Math.ceil(assets.length / BATCH_MAX) }, (_, index) => index * BATCH_MAX);
  return starts.map((start) => ({ assets: assets.slice(start, start + BATCH_MAX), isIsolated }));
}
