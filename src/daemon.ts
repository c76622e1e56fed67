// The running watch, over its ports: ledger, deliveries, one schedule an account, housekeeping, heartbeat. Knows no adapter: app.ts
// opens those and hands them over, and the fault simulator hands over its own. To stop it is safe at every moment, and starting it
// again with another config is how a reload works.
import type { Readers } from "./beside.ts";
import { sayChecks } from "./checks.ts";
import type { Advance, Rulebook } from "./core/advance.ts";
import type { Check } from "./core/finding.ts";
import type { Locale } from "./core/format.ts";
import type { PriceReader, Prices } from "./core/market.ts";
import { severityOf } from "./core/picture.ts";
import type { Clock, Exchange, Notifier, NotifyError, OutboxRow, Subject } from "./core/ports.ts";
import { compile } from "./core/rules/compile.ts";
import type { EventRule, Route, RuleConfig } from "./core/rules/types.ts";
import type { Disk, Store } from "./core/store.ts";
import { isWatchedSubject, sayOrphans } from "./coverage.ts";
import { runCycle } from "./cycle.ts";
import { type Deliveries, mutedBy, startDelivery } from "./deliver.ts";
import { beat, type Pulse } from "./heartbeat.ts";
import { keepHouse, tellOwn } from "./housekeeping.ts";
import { type WatchedKey, watchKeys } from "./keys.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { leftovers } from "./leftovers.ts";
import type { Log } from "./lib/log.ts";
import { troubleNotice } from "./life.ts";
import { startPolling } from "./polling.ts";
import { createPriceFeed, neededFor, type PriceFeed } from "./prices.ts";
import { createReprice } from "./reprice.ts";
import { rowsOf } from "./rows.ts";
import type { StartSchedule } from "./schedule.ts";
import { watchNotifiers } from "./startup.ts";
import { type Watch, type WatchedAccount, watchOf } from "./watch.ts";

/** What the config says, as far as the watch is concerned. */
export interface Settings {
  readonly accounts: readonly WatchedAccount[];
  readonly rules: readonly RuleConfig[];
  readonly eventRules?: readonly EventRule[];
  /** Empty: everything to every notifier. */
  readonly routes: readonly Route[];
  readonly staleAfterMs: number;
  /** How often public prices are read; undefined: never. */
  readonly prices?: { readonly everyMs: number } | undefined;
  readonly locale: Locale;
}

export interface Ports {
  readonly store: Store;
  /** Where the store is on a disk. */
  readonly disk?: Disk;
  /** Part of every idempotency key. */
  readonly instance: string;
  readonly notifiers: readonly Notifier[];
  /** `indebted`: what had debt when the account was last seen. */
  exchange(account: WatchedAccount, indebted: readonly Subject[]): Exchange;
  /** What else the key of an account can read; without it only the polls are made. */
  readers?(account: WatchedAccount): Readers | undefined;
  /** Public prices; without it nothing is worked out of prices. */
  readonly prices?: PriceReader;
  /** What the API key of an account may do beside reading, where somebody wants to know. */
  key?(account: WatchedAccount): Omit<WatchedKey, "polled"> | undefined;
  /** Checks of the machine whose findings are logged after the first poll. */
  checks?(): Promise<readonly Check[]>;
  readonly schedule: StartSchedule;
  /** The dead man's switch, where there is one. */
  readonly pulse: Pulse | undefined;
  /** False after a reload: then a watch that was good goes on, whatever is refused now. True unless given. */
  readonly mayGiveUp?: boolean;
  /** The run before this one was cut off, and may have died while it was sending something. */
  readonly isAfterCrash?: boolean;
  /** Time between two rounds of housekeeping; a second unless given. */
  readonly tickMs?: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** An error that nobody foresaw, from the background: the process must end, and its supervisor start it anew. */
  fatal(error: unknown): void;
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
}

export interface Refusal {
  readonly reason: string;
  /** Only another configuration, or another key, can mend it: a restart cannot. */
  readonly isConfig: boolean;
}

export interface Running {
  readonly deliveries: Deliveries;
  readonly ledger: Ledger;
  readonly book: Rulebook;
  /** Resolves when the daemon must give up: every key or every notifier is refused for good, or a key may do what is forbidden. */
  readonly refused: Promise<Refusal>;
  /** Commits what came of something of our own, and hands it to the channels. */
  tell(moved: Advance): void;
  /** What keeps the watch from being good now; undefined when all is well. */
  trouble(): string | undefined;
  /** Monotonic time of the last round of housekeeping: when it stands still, nobody looks at the clocks. */
  lastTickMs(): number;
  /** Polls no more and lets attempts under way end. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 3000;
/** So long after the start no look is taken before the first prices: they come hardly later than the account, and an alert is told once. */
const PRICES_WAIT_MS = 500;
const TICK_MS = 1000;
const CHECKS_MAX_MS = 20_000;

export function startRunning(settings: Settings, ports: Ports): Running {
  const { accounts, locale } = settings;
  const { store, instance, notifiers, clock, log } = ports;
  const stopping = new AbortController();
  const book = rulebook(settings, notifiers, log);
  const isWatched = (account: string, about: Subject | "isolated") => isWatchedSubject(accounts, account, about);
  const stillWaiting = () => deliveries.stillWaiting();
  const ledger = openLedger({ store, instance, notifiers, log, isWatched, stillWaiting });
  const deliveries = startDelivery({ ...ports, locale });
  const left = leftovers(store, notifiers, log);
  deliveries.add(left.rows, ports.isAfterCrash ?? false);

  const muted = () => mutedBy(deliveries);
  const tellOf = (moved: Advance) => tellOwn([moved], { deliveries, ledger, book, locale, clock });
  const shared = { ledger, book, clock, locale, deliver: deliveries.add, muted };
  let feed: PriceFeed | undefined;
  const started = Promise.withResolvers<void>();
  const watches = accounts.map((account) => {
    const indebted = (ledger.snapshot(account.name)?.known ?? []).map(({ subject }) => subject);
    const around = { prices: () => feed?.latest(), started: started.promise, rows: rowsOf(account.name, store, log) };
    return watchOf(account, ports.exchange(account, indebted), shared, log, around);
  });
  deliveries.add(sayOrphans(accounts, ledger, book, clock.wallMs(), locale));
  if (left.undelivered.length > 0) {
    const trouble = { kind: "undelivered", titles: left.undelivered } as const;
    tellOf(troubleNotice(trouble, clock.wallMs(), book));
  }

  const refused = Promise.withResolvers<Refusal>();
  let saidLast: string | undefined;
  /** Asked after every poll, said once. */
  const goOn = (reason: string) => {
    if (reason !== saidLast) log.error({}, `${reason} margind goes on.`);
    saidLast = reason;
  };
  const giveUp = (reason: string | undefined, isConfig = false) => {
    if (reason === undefined) return;
    if (ports.mayGiveUp === false) return goOn(reason);
    if (isConfig) tellOf(troubleNotice({ kind: "gives-up", reason }, clock.wallMs(), book)); // of the others they know already
    refused.resolve({ reason, isConfig });
  };
  /** Resolves with whether everything was asked for: what is still being read is left out. */
  const poll = async ({ parts, note }: Watch): Promise<boolean> => {
    const results = await runCycle(parts, stopping.signal);
    note(results);
    if (watches.every(({ isRefused }) => isRefused())) giveUp(keysRefused(watches));
    return results.length >= parts.sources.length;
  };
  const { disk, schedule } = ports;
  const trouble = () => troubleOf(watches, ledger, deliveries, disk);
  let lastTickMs = clock.monoMs();
  const onTick = () => {
    lastTickMs = clock.monoMs();
  };
  const background = (work: Promise<unknown>) =>
    void work.catch((error: unknown) => stopping.signal.aborted || ports.fatal(error));
  const { eventRules = [] } = settings;
  const reading = { shared, store, eventRules, schedule, log, background };
  const polling = watches.map((watch) => {
    const readers = ports.readers?.(watch.account);
    const { pollSoon, schedules } = startPolling(
      { ...reading, watch, readers, poll: () => poll(watch) },
      stopping.signal,
    );
    return { watch, pollSoon, schedules };
  });
  feed = startPrices(settings, ports, polling, book, started.resolve);
  if (feed === undefined) started.resolve();
  else {
    background(feed.run(stopping.signal));
    const waited = clock.sleep(PRICES_WAIT_MS, stopping.signal).catch(() => undefined); // aborted: nothing is told any more
    background(waited.then(started.resolve));
  }
  const rounds = watches.map(({ parts }) => parts);
  const house = { accounts: rounds, deliveries, store, ledger, disk, book, locale, clock, log, onTick };
  background(keepHouse({ ...house, tickMs: ports.tickMs ?? TICK_MS }, stopping.signal));
  const { signal } = stopping;
  const polled = Promise.race(watches.map((watch) => watch.polled)); // the first poll must not wait for anything else
  background(polled.then(() => watchNotifiers({ notifiers, deliveries, clock, log }, signal)).then(giveUp));
  background(watchKeys({ keys: keysOf(watches, ports), clock, log }, signal).then((reason) => giveUp(reason, true)));
  background(polled.then(() => checkMachine(ports, signal)));
  if (ports.pulse !== undefined) background(beat({ ...ports.pulse, clock, log, trouble }, stopping.signal));

  return {
    deliveries,
    ledger,
    book,
    refused: refused.promise,
    tell: tellOf,
    trouble,
    lastTickMs: () => lastTickMs,
    async stop() {
      stopping.abort(new Error("margind is stopping"));
      await Promise.all(polling.flatMap(({ schedules }) => schedules.map((each) => each.stop())));
      await deliveries.stop(STOP_GRACE_MS);
      const memories = watches.flatMap(({ memory }) => memory.rest(clock.wallMs()));
      // Also what only memory holds: it would be told again after the next start.
      if (memories.length === 0) ledger.retry();
      else ledger.commit({ changes: [], notifications: [] }, undefined, clock.wallMs(), { memories });
    },
  };
}

/** Public prices, and what they bring forward; undefined where they are not read. */
function startPrices(
  { prices }: Settings,
  { prices: reader, clock, log }: Ports,
  polling: readonly { readonly watch: Watch; pollSoon(): void }[],
  { rules }: Rulebook,
  onFirst: () => void,
): PriceFeed | undefined {
  if (prices === undefined || reader === undefined) return undefined;
  const accounts = polling.map(({ watch: { account, memory, parts }, pollSoon }) => {
    return { name: account.name, shots: memory.shots, rules, bars: () => parts.exchange.bars(), pollSoon };
  });
  const reprice = createReprice({ accounts: () => accounts, clock, log });
  const needed = () => neededFor(accounts.flatMap(({ shots }) => shots()));
  const onPrices = (read: Prices) => {
    onFirst(); // a promise is resolved once
    reprice.look(read);
  };
  return createPriceFeed({ reader, everyMs: prices.everyMs, needed, onPrices, clock, log });
}

function rulebook({ rules, routes, staleAfterMs }: Settings, notifiers: Ports["notifiers"], log: Log): Rulebook {
  const compiled = rules.flatMap((rule) => compile(rule) ?? []);
  if (compiled.length < rules.length) log.error({}, "a rule could not be compiled"); // the config loader refuses such a rule
  return { rules: compiled, routes, notifiers: notifiers.map(({ name }) => name), maxGapMs: staleAfterMs };
}

function keysOf(watches: readonly Watch[], ports: Ports): readonly WatchedKey[] {
  return watches.flatMap(({ account, polled }) => {
    const key = ports.key?.(account);
    return key === undefined ? [] : [{ ...key, polled }];
  });
}

async function checkMachine({ checks, clock, log }: Ports, signal: AbortSignal): Promise<void> {
  if (checks !== undefined) await sayChecks(await checks(), { clock, log, deadlineMs: CHECKS_MAX_MS }, signal);
}

function troubleOf(
  watches: readonly Watch[],
  ledger: Ledger,
  deliveries: Deliveries,
  disk: Disk | undefined,
): string | undefined {
  const names = watches.map(({ account }) => account.name);
  const blind = names.find((name) => severityOf(ledger.states, name, "feed") !== null);
  if (blind !== undefined) return `${blind} is blind`;
  const unseen = names.find((name) => !ledger.hasSeen(name));
  if (unseen !== undefined) return `${unseen} was not seen yet`;
  if (disk?.trouble() !== undefined || ledger.storeTrouble() !== undefined) return "the disk does not take the state";
  const [stuck] = deliveries.troubles();
  return stuck === undefined ? undefined : `notifier ${stuck.notifier} cannot deliver`;
}

function keysRefused(watches: readonly Watch[]): string {
  const reasons = watches.map(({ account, refusal }) => `${account.name}: ${refusal() ?? "refused"}`);
  return `Binance refuses every API key, so nothing can be watched (${reasons.join("; ")}). Mend the keys in the configuration, or their permissions and address lists at Binance.`;
}
