// The composition root: config + world → running daemon. The only file, with cli/ and the tests, that knows the adapters.
// Parts are opened outside-in; when one fails to start, those before it are closed in reverse order.
import { type Binance, createBinance, type RequestInfo } from "./binance/client.ts";
import type { Config } from "./config/config.ts";
import type { Rulebook } from "./core/advance.ts";
import type { Locale } from "./core/format.ts";
import { severityOf } from "./core/picture.ts";
import type { Clock, Notifier, NotifyError, OutboxRow, Subject } from "./core/ports.ts";
import { compile } from "./core/rules/compile.ts";
import type { Store } from "./core/store.ts";
import { runCycle } from "./cycle.ts";
import { type Deliveries, mutedBy, startDelivery } from "./deliver.ts";
import { beat } from "./heartbeat.ts";
import { keepHouse } from "./housekeeping.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { leftovers } from "./leftovers.ts";
import type { Log } from "./lib/log.ts";
import { createNotifier } from "./notify/index.ts";
import { startSchedule } from "./schedule.ts";
import { type VerifyParts, watchNotifiers } from "./startup.ts";
import { makeStateDir } from "./store/database.ts";
import { banOf, barsOf, instanceOf } from "./store/facts.ts";
import { type Holder, takeLock } from "./store/lock.ts";
import { openStore } from "./store/sqlite.ts";
import { isWatchedSubject, sayOrphans, type Watch, watchOf } from "./watch.ts";

/** What the daemon needs from outside itself. */
export interface World {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Where the console notifier writes. */
  readonly out: { write(text: string): void; readonly isTTY?: boolean };
  readonly pid: number;
  /** Binance's clock before the first synchronisation; the wall clock unless that is not real (the demo). */
  readonly serverClock?: () => number;
  readonly onRequest?: (request: RequestInfo) => void;
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
}

export interface Daemon {
  readonly store: Store;
  readonly deliveries: Deliveries;
  /** Resolves with the reason when the daemon must give up: every key or every notifier is refused for good. */
  readonly refused: Promise<string>;
  /** What keeps the watch from being good now; undefined when all is well. */
  trouble(): string | undefined;
  /** Polls no more, lets attempts under way end, closes everything. */
  stop(): Promise<void>;
}

/** Another process watches with this state folder. */
export class LockedError extends Error {
  override readonly name = "LockedError";

  constructor(stateDir: string, holder: Holder | undefined) {
    const who =
      holder === undefined
        ? ""
        : ` (process ${holder.pid} on ${holder.host}, since ${new Date(holder.sinceMs).toISOString()})`;
    super(`another margind${who} is running with ${stateDir}: stop it first, or give this one its own stateDir`);
  }
}

const STOP_GRACE_MS = 3000;

/** Throws LockedError or StoreError when it cannot start; whatever the network does, it starts. */
export async function startDaemon(config: Config, world: World): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  const { clock, log } = world;
  const stopping = new AbortController();
  const store = openState(config.stateDir, world, stack);
  const instance = instanceOf(store);
  const notifiers = openNotifiers(config, world, instance, stack);
  const binance = openExchange(config, world, store);
  stack.defer(() => binance.close());
  const isWatched = (account: string, about: Subject | "isolated") => isWatchedSubject(config.accounts, account, about);
  const ledger = openLedger({
    store,
    instance,
    notifiers,
    log,
    isWatched,
    isWaiting: (key) => deliveries.isWaiting(key),
  });
  const book = rulebook(config, log);

  const deliveries = startDelivery({ ...world, notifiers, store });
  stack.defer(() => deliveries.stop(STOP_GRACE_MS));
  deliveries.add(leftovers(store, notifiers, log));

  const locale: Locale = { timezone: config.timezone, language: config.language };
  const muted = () => mutedBy(deliveries);
  const shared = { ledger, book, clock, locale, deliver: deliveries.add, muted };
  const watches = config.accounts.map((account) => watchOf(account, binance.exchange(account), shared, log));
  deliveries.add(sayOrphans(config.accounts, ledger, book, clock.wallMs(), locale));

  const refused = Promise.withResolvers<string>();
  for (const watch of watches) {
    const run = async () => {
      watch.note(await runCycle(watch.parts, stopping.signal));
      if (watches.every(({ isRefused }) => isRefused())) refused.resolve(keysRefused(watches));
    };
    const schedule = startSchedule({ name: watch.account.name, expression: watch.account.poll, log, run });
    stack.defer(() => schedule.stop());
  }

  const trouble = () => troubleOf(config, ledger, deliveries);
  await openHttp(config.http, trouble, log, stack);
  const background = (work: Promise<unknown>) => void work.catch((error: unknown) => crash(error, stopping.signal));
  const accounts = watches.map(({ parts }) => parts);
  background(keepHouse({ accounts, deliveries, store, ledger, book, locale, clock, log }, stopping.signal));
  background(checkNotifiers({ notifiers, deliveries, clock, log }, watches, stopping.signal, refused.resolve));
  const { heartbeat } = config.watchdog;
  if (heartbeat !== undefined) background(beat({ ...heartbeat, clock, log, trouble }, stopping.signal));
  stack.defer(() => stopping.abort(new Error("margind is stopping")));

  const owned = stack.move();
  return { store, deliveries, refused: refused.promise, trouble, stop: () => owned.disposeAsync() };
}

// ---------------------------------------------------------------- opening the parts

function openState(stateDir: string, { clock, log, pid }: World, stack: AsyncDisposableStack): Store {
  makeStateDir(stateDir);
  const lock = takeLock(stateDir, pid, clock.wallMs());
  if (!lock.ok) throw new LockedError(stateDir, lock.holder);
  stack.defer(() => lock.release());
  const { store, movedTo } = openStore(stateDir, clock.wallMs(), (row) =>
    log.error({ row }, "a stored row cannot be read and is left out"),
  );
  stack.defer(() => store.close());
  if (movedTo !== undefined)
    log.error({ movedTo }, "the state was damaged and was moved aside: alerts may be repeated");
  return store;
}

function openNotifiers(
  config: Config,
  { clock, log, out }: World,
  instance: string,
  stack: AsyncDisposableStack,
): readonly Notifier[] {
  const { timezone, language } = config;
  return config.notifiers.map((notifier) => {
    const made = createNotifier(notifier, { clock, log, out, instance, timezone, language });
    stack.defer(() => made.close());
    return made;
  });
}

function openExchange({ exchange }: Config, world: World, store: Store): Binance {
  const { clock, random, log, serverClock, onRequest } = world;
  return createBinance({
    ...exchange,
    clock,
    random,
    log,
    bans: banOf(store),
    barsStore: barsOf(store),
    ...(serverClock && { serverClock }),
    ...(onRequest && { onRequest }),
  });
}

/** A taken port is told and no reason not to watch. */
async function openHttp(
  http: Config["http"],
  trouble: () => string | undefined,
  log: Log,
  stack: AsyncDisposableStack,
): Promise<void> {
  if (http === undefined) return;
  const { startHealth } = await import("./http/health.ts"); // loads node:http's server only for those who use it
  try {
    const server = await startHealth({ ...http, trouble });
    stack.defer(() => server.close());
    log.info({ host: http.host, port: server.port }, "answering /healthz");
  } catch (error) {
    log.error({ error }, "http.listen cannot be opened: there is no /healthz");
  }
}

function rulebook(config: Config, log: Log): Rulebook {
  const rules = config.rules.flatMap((rule) => compile(rule) ?? []);
  if (rules.length < config.rules.length) log.error({}, "a rule could not be compiled"); // the config loader refuses such a rule
  return {
    rules,
    routes: config.routes,
    notifiers: config.notifiers.map(({ name }) => name),
    maxGapMs: config.watchdog.staleAfterMs,
  };
}

// ---------------------------------------------------------------- in the background

async function checkNotifiers(
  parts: VerifyParts,
  watches: readonly Watch[],
  signal: AbortSignal,
  refuse: (reason: string) => void,
): Promise<void> {
  await Promise.race(watches.map(({ polled }) => polled)); // the first poll must not wait for anything else
  const reason = await watchNotifiers(parts, signal);
  if (reason !== undefined) refuse(reason);
}

function troubleOf(config: Config, ledger: Ledger, deliveries: Deliveries): string | undefined {
  const blind = config.accounts.find(({ name }) => severityOf(ledger.states, name, "feed") !== null);
  if (blind !== undefined) return `${blind.name} is blind`;
  const unseen = config.accounts.find(({ name }) => !ledger.hasSeen(name));
  if (unseen !== undefined) return `${unseen.name} was not seen yet`;
  if (ledger.storeFailingSinceMs() !== undefined) return "the state cannot be written";
  const [stuck] = deliveries.troubles();
  return stuck === undefined ? undefined : `notifier ${stuck.notifier} cannot deliver`;
}

function keysRefused(watches: readonly Watch[]): string {
  const reasons = watches.map(({ account, refusal }) => `${account.name}: ${refusal() ?? "refused"}`);
  return `Binance refuses every API key, so nothing can be watched (${reasons.join("; ")}). Mend the keys in the configuration, or their permissions and address lists at Binance.`;
}

/** Nothing in the background may fail unseen: an unforeseen error ends the process, and its supervisor starts it anew. */
function crash(error: unknown, signal: AbortSignal): void {
  if (signal.aborted) return;
  queueMicrotask(() => {
    throw error;
  });
}
