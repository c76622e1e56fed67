// Delistings and restrictions against the book of one account: the announcements are read seldom, the account is looked at again with
// what the polls bring. The one thing to know: a read that fails leaves the last good announcement standing.
import {
  type DelistingLook,
  type DueDates,
  decodeDue,
  encodeDue,
  type Holdings,
  judgeDelistings,
  needsPrices,
} from "./core/delisting.ts";
import type { Delisting, MarketReader, Prices, Restrictions } from "./core/market.ts";
import { StoreError } from "./core/ports.ts";
import { judgeRestrictions } from "./core/restriction.ts";
import { allOf } from "./core/slow.ts";
import type { Log } from "./lib/log.ts";
import type { Sources } from "./sources.ts";
import { type Teller, tell } from "./tell.ts";

export interface MarketParts extends Teller {
  readonly account: string;
  readonly reader: MarketReader;
  /** The last valid answers of the account. */
  latest(): Holdings;
  readonly sources: Pick<Sources, "note">;
  readonly log: Log;
}

export interface MarketWatch {
  /** Reads what is announced, then judges it. Best after the first poll: then it is known whether prices are needed. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** To be called after every poll: judges again what was read, at most once a minute. */
  look(): void;
}

const LOOK_MS = 60_000;

export function createMarketWatch(parts: MarketParts): MarketWatch {
  const { account, reader, sources, clock } = parts;
  const factName = `delistings.${account}`;
  let schedule: readonly Delisting[] | undefined;
  let restrictions: Restrictions | undefined;
  let prices: Prices | undefined;
  let before: DueDates | undefined;
  let lookedMonoMs: number | undefined;

  const delistings = (due: DueDates): DelistingLook => {
    return { ...parts.latest(), schedule, before: due, prices, exchangeNowMs: reader.nowMs() };
  };

  /** What was due before; undefined while it cannot be read: then what is past could be taken for rescheduled. */
  const recall = (): DueDates | undefined => {
    try {
      before ??= decodeDue(parts.ledger.fact(factName));
      return before;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      parts.log.warn({ account, error }, "the delistings known before cannot be read: not looked at this time");
      return undefined;
    }
  };

  const judge = (): void => {
    lookedMonoMs = clock.monoMs();
    const known = recall();
    if (known === undefined) return;
    const scene = { account, states: parts.ledger.states, book: parts.book, nowMs: clock.wallMs() };
    const { advance, due } = judgeDelistings(delistings(known), scene);
    const restricted = judgeRestrictions(restrictions, parts.latest().cross, scene);
    before = due;
    const value = encodeDue(due);
    tell(allOf([advance, restricted]), parts, value === encodeDue(known) ? [] : [{ name: factName, value }]);
  };

  /** Where they cannot be read, the last good ones stand. */
  const readPrices = async (signal: AbortSignal): Promise<void> => {
    const known = recall();
    if (known === undefined) return;
    prices ??= new Map();
    if (!needsPrices(delistings(known))) return;
    const read = await reader.prices(signal);
    if (signal.aborted) return;
    if (read.ok) prices = read.value;
    else parts.log.warn({ account }, `prices cannot be read: ${read.failure.code}: ${read.failure.detail}`);
  };

  return {
    async run(signal) {
      const read = await reader.delistings(signal);
      if (signal.aborted) return;
      sources.note("delist schedule", read.ok ? undefined : read.failure);
      if (read.ok) schedule = read.value;
      const restricted = await reader.restrictions(signal);
      if (signal.aborted) return;
      sources.note("restricted assets", restricted.ok ? undefined : restricted.failure);
      if (restricted.ok) restrictions = restricted.value;
      await readPrices(signal);
      if (signal.aborted) return;
      judge();
    },
    look() {
      const isSoon = lookedMonoMs !== undefined && clock.monoMs() - lookedMonoMs < LOOK_MS;
      if (!isSoon) judge();
    },
  };
}
