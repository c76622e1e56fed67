// What is watched of an account beside its polls: history, delistings, interest, and what the exchange pushes. Each runs on a schedule of its own,
// begins after the first valid answer, and never holds one up: its requests go behind those of the account.
import type { HistoryReader } from "./core/history.ts";
import type { InterestReader } from "./core/interest.ts";
import type { MarketReader } from "./core/market.ts";
import { symbolOf } from "./core/observe.ts";
import { PUSH_STREAMS, type PushReader } from "./core/push.ts";
import type { EventRule } from "./core/rules/types.ts";
import type { Store } from "./core/store.ts";
import { createHistoryWatch } from "./history.ts";
import { createInterestWatch } from "./interest.ts";
import type { Log } from "./lib/log.ts";
import { createMarketWatch } from "./market.ts";
import { startPush } from "./push.ts";
import type { Schedule, StartSchedule } from "./schedule.ts";
import type { Sources } from "./sources.ts";
import type { Teller } from "./tell.ts";
import type { Watch } from "./watch.ts";

/** What one key can read beside its account. */
export interface Readers {
  readonly history: HistoryReader;
  readonly market: MarketReader;
  readonly push: PushReader;
  readonly interest: InterestReader;
}

export interface BesideParts {
  readonly readers: Readers;
  readonly shared: Teller;
  readonly sources: Sources;
  readonly store: Pick<Store, "dropEvents">;
  readonly eventRules: readonly EventRule[];
  readonly schedule: StartSchedule;
  readonly log: Log;
  /** Something moved: poll soon. */
  pollSoon(): void;
  /** A failure that nobody foresaw. */
  background(work: Promise<void>): void;
}

export interface Beside {
  /** Everything else ends with the signal. */
  readonly schedules: readonly Schedule[];
  /** To be called after every poll. */
  look(): void;
}

export function startBeside(watch: Watch, parts: BesideParts, signal: AbortSignal): Beside {
  const { shared, readers, log } = parts;
  const { account } = watch;
  const common = { ...shared, account: account.name, sources: parts.sources, log };
  const owing = () =>
    (shared.ledger.snapshot(account.name)?.known ?? []).flatMap(({ subject }) => symbolOf(subject) || []);
  const history = createHistoryWatch({
    ...common,
    reader: readers.history,
    eventRules: parts.eventRules,
    flows: account.flows,
    transfers: account.transfers,
    cross: account.cross,
    owing,
    lookedAtMs: () => shared.ledger.snapshot(account.name)?.okAtMs.isolated ?? null,
    dropEvents: parts.store.dropEvents,
  });
  const { interest: wanted } = account;
  const interest =
    wanted &&
    createInterestWatch({
      ...common,
      reader: readers.interest,
      cross: account.cross,
      isolated: account.isolated !== "none",
      latest: watch.latest,
      prices: watch.parts.prices ?? (() => undefined),
      times: wanted.times,
    });
  if (interest !== undefined) watch.rates.read = interest.rates;
  const market = createMarketWatch({ ...common, reader: readers.market, latest: watch.latest });

  const slowly = (name: string, poll: string | undefined, run: (signal: AbortSignal) => Promise<void>): Schedule[] =>
    poll === undefined
      ? []
      : [parts.schedule({ name: `${account.name} ${name}`, expression: poll, log, run: onceSeen(watch, run, signal) })];
  const schedules = [
    ...slowly("flows", account.flows?.poll, history.flows),
    ...slowly("transfers", account.transfers?.poll, history.transfers),
    ...slowly("delistings", account.delistings?.poll, market.run),
    ...(interest === undefined ? [] : slowly("interest", wanted?.poll, interest.run)),
  ];
  if (account.stream === true && account.cross) {
    const push = { ...common, push: readers.push, streams: PUSH_STREAMS, pollNow: parts.pollSoon };
    parts.background(startPush({ ...push, bars: watch.parts.exchange.bars }, signal));
  }
  return {
    schedules,
    look() {
      if (account.delistings !== undefined) market.look();
      interest?.look();
    },
  };
}

/** One run at a time, the first after the account was seen: before that "now" may be what a wrong clock of this machine says. */
function onceSeen(watch: Watch, run: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): () => Promise<void> {
  let isRunning = false;
  const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  return async () => {
    if (isRunning) return;
    isRunning = true;
    try {
      await Promise.race([watch.seen, stopped]);
      if (!signal.aborted) await run(signal);
    } finally {
      isRunning = false;
    }
  };
}
