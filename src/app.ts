// The composition root: config + world → running daemon. The only file, with cli/ and the tests, that knows the adapters.
// Parts are opened outside-in; when one fails to start, those before it are closed in reverse order. What a config can change
// (exchange, notifiers, the running watch) is one part, so that a reload takes it down and puts another in its place; the lock and
// the state stay.
import { type Binance, type BinanceExchange, createBinance, type RequestInfo } from "./binance/client.ts";
import type { AccountConfig, Config } from "./config/config.ts";
import type { Clock, Notifier, NotifyError, OutboxRow } from "./core/ports.ts";
import type { Disk, Store } from "./core/store.ts";
import { type Ports, type Refusal, type Running, startRunning } from "./daemon.ts";
import { createPulse } from "./heartbeat.ts";
import type { Log } from "./lib/log.ts";
import { beginLife, configVerdict, endLife, troubleNotice } from "./life.ts";
import { createNotifier } from "./notify/index.ts";
import { checkKey, isSameHttp, oneAtATime, ReloadError, refuseOnDisk, reloadError } from "./reload.ts";
import { startSchedule } from "./schedule.ts";
import { banOf, barsOf, instanceOf } from "./store/facts.ts";
import { makeStateDir } from "./store/folder.ts";
import { takeLock } from "./store/lock.ts";
import { LockedError } from "./store/locked.ts";
import { openStore } from "./store/sqlite.ts";

/** What the daemon needs from outside itself. */
export interface World {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Where the console notifier writes. */
  readonly out: { write(text: string): void; readonly isTTY?: boolean };
  readonly pid: number;
  /** Monotonic time at which this process began. */
  readonly startedMonoMs: number;
  /** An error that nobody foresaw, from the background: the process must end. */
  fatal(error: unknown): void;
  /** Binance's clock before the first synchronisation; the wall clock unless that is not real (the demo). */
  readonly serverClock?: () => number;
  readonly onRequest?: (request: RequestInfo) => void;
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
}

export interface Daemon {
  readonly store: Store;
  /** The watch as it runs now: another one after a reload. */
  running(): Running;
  /** Resolves when the daemon must give up: see Running. */
  readonly refused: Promise<Refusal>;
  /** Puts another configuration in force; state is kept by the names in it. Rejects with ReloadError, and the old one goes on. */
  reload(config: Config): Promise<void>;
  /** Tells people that a new configuration was refused: its mistakes, a line each. */
  rejected(problems: readonly string[]): void;
  /** Polls no more, lets attempts under way end, closes everything. */
  stop(): Promise<void>;
  /** For the last moment of a process that failed: notes why, so that the next start can tell. */
  noteCrash(text: string): void;
}

/** Beside the spacing itself: what a first request, on a fresh connection, may be early or late by (see binance/pace.ts). */
const SPACING_GUARD_MS = 25;

/** Throws LockedError or StoreError when it cannot start; whatever the network does, it starts. */
export async function startDaemon(config: Config, world: World): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  const { clock, log, startedMonoMs } = world;
  const { store, opened, lost } = openState(config.stateDir, world, stack);
  const life = beginLife(store, clock.wallMs(), config.watchdog.staleAfterMs);
  if (life.delayMs > 0)
    log.warn({ delayMs: life.delayMs }, "restarted again and again: the watch begins a little later");
  await clock.sleep(life.delayMs);

  const refused = Promise.withResolvers<Refusal>();
  /** People were told of a loss, and the disk may not know it yet. */
  let isLossDue = false;
  const disk: Disk = {
    trouble: opened.trouble,
    mend() {
      opened.mend();
      if (!isLossDue || watch.running.ledger.storeTrouble() !== undefined) return;
      opened.told(); // only now it is sure that people will hear of it
      isLossDue = false;
    },
  };
  const instance = instanceOf(store);
  const shared = { ...world, store, disk, instance, refuse: refused.resolve };
  const open = (wanted: Config, quietUntilMs: number) =>
    openWatch(wanted, { ...shared, quietUntilMs, isAfterCrash: false, mayGiveUp: false });
  let current = config;
  // The run before this one may have sent a request just before it died.
  const quietUntilMs = life.isRestart ? startedMonoMs + quietMs(config) : 0;
  let watch = await openWatch(config, { ...shared, quietUntilMs, isAfterCrash: life.isAfterCrash, mayGiveUp: true });
  stack.defer(() => watch.close());
  let http = await openHttp(config.http, () => watch.running.trouble(), log);
  stack.defer(() => http?.close());
  for (const trouble of [...lost, ...life.troubles]) {
    watch.running.tell(troubleNotice(trouble, clock.wallMs(), watch.running.book));
  }
  isLossDue = lost.length > 0;
  life.told();
  watch.running.tell(configVerdict(watch.running, [], clock.wallMs()));

  /** The new watch, or the old one again when the new one cannot be opened after all. */
  const replace = async (next: Config): Promise<void> => {
    refuseOnDisk(watch.running);
    await watch.close();
    const quietUntilMs = clock.monoMs() + Math.max(quietMs(current), quietMs(next));
    try {
      watch = await open(next, quietUntilMs);
    } catch (error) {
      watch = await open(current, quietUntilMs);
      throw reloadError(error);
    }
    if (!isSameHttp(current.http, next.http)) {
      await http?.close();
      http = await openHttp(next.http, () => watch.running.trouble(), log);
    }
    current = next;
  };

  const reloads = oneAtATime(async (next: Config) => {
    await checkReload(current, next, watch, world, store);
    await replace(next);
    watch.running.tell(configVerdict(watch.running, [], clock.wallMs()));
  });
  const owned = stack.move();
  return {
    store,
    running: () => watch.running,
    refused: refused.promise,
    reload: reloads.run,
    rejected: (problems) => watch.running.tell(configVerdict(watch.running, problems, clock.wallMs())),
    noteCrash: (text) => endLife(store, text, clock.wallMs()),
    async stop() {
      await reloads.idle();
      endLife(store, null, clock.wallMs());
      await owned.disposeAsync();
    },
  };
}

const quietMs = ({ exchange }: Config): number => exchange.minSpacingMs + SPACING_GUARD_MS;

// ---------------------------------------------------------------- what a reload replaces

interface OpenWatch {
  readonly running: Running;
  /** By account. */
  readonly exchanges: ReadonlyMap<string, BinanceExchange>;
  close(): Promise<void>;
}

interface Inherited extends World {
  readonly store: Store;
  readonly disk: Disk;
  readonly instance: string;
  /** Monotonic time before which no request may leave. */
  readonly quietUntilMs: number;
  readonly isAfterCrash: boolean;
  readonly mayGiveUp: boolean;
  refuse(refusal: Refusal): void;
}

async function openWatch(config: Config, world: Inherited): Promise<OpenWatch> {
  const { store, instance, quietUntilMs, refuse } = world;
  await using stack = new AsyncDisposableStack();
  const { timezone, language, watchdog } = config;
  const notifiers = openNotifiers(config, world, instance, stack);
  const binance = openExchange(config, world, store, quietUntilMs);
  stack.defer(() => binance.close());
  const exchanges = new Map<string, BinanceExchange>();
  const exchange: Ports["exchange"] = (watched, indebted) => {
    const made = binance.exchange({ ...accountIn(config, watched), indebted });
    exchanges.set(watched.name, made); // one lane a key: its rights are asked for in the same one
    return made;
  };
  const key: Ports["key"] = (watched) => {
    const { name, requireReadOnlyKey } = accountIn(config, watched);
    const made = exchanges.get(name);
    return made === undefined ? undefined : { account: name, rights: made.rights, mustBeReadOnly: requireReadOnlyKey };
  };
  const locale = { timezone, language };
  const { prices } = config.exchange;
  const settings = { ...config, staleAfterMs: watchdog.staleAfterMs, prices, locale };
  const pulse = watchdog.heartbeat === undefined ? undefined : createPulse(watchdog.heartbeat, world.log);
  const running = startRunning(settings, {
    ...world,
    notifiers,
    exchange,
    key,
    readers: ({ name }) => exchanges.get(name),
    prices: binance.prices,
    checks: async () => (await import("./cli/doctor/start.ts")).startChecks(config), // nothing that a first poll should wait for
    schedule: startSchedule,
    pulse,
  });
  stack.defer(() => running.stop());
  void running.refused.then(refuse);
  const owned = stack.move();
  return { running, exchanges, close: () => owned.disposeAsync() };
}

function accountIn({ accounts }: Config, { name }: { readonly name: string }): AccountConfig {
  const found = accounts.find((account) => account.name === name);
  if (found === undefined) throw new Error(`no account ${name} in the config`);
  return found;
}

/** Everything that can be found wrong without touching what runs: a reload must not end the watch. */
async function checkReload(current: Config, next: Config, watch: OpenWatch, world: World, store: Store): Promise<void> {
  const { running, exchanges } = watch;
  if (next.stateDir !== current.stateDir)
    throw new ReloadError("stateDir cannot change while margind runs: restart it for that");
  refuseOnDisk(running);
  await using stack = new AsyncDisposableStack();
  try {
    openNotifiers(next, world, instanceOf(store), stack);
    const binance = openExchange(next, world, store, 0);
    stack.defer(() => binance.close());
    for (const account of next.accounts) {
      const made = binance.exchange({ ...account, indebted: [] });
      const before = current.accounts.find(({ apiKey }) => apiKey.reveal() === account.apiKey.reveal());
      const reader = (before === undefined ? undefined : exchanges.get(before.name)) ?? made; // never two lanes of one key
      if (account.requireReadOnlyKey) await checkKey(account.name, reader);
    }
  } catch (error) {
    throw reloadError(error);
  }
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

function openExchange({ exchange }: Config, world: World, store: Store, quietUntilMs: number): Binance {
  const { clock, random, log, serverClock, onRequest } = world;
  return createBinance({
    ...exchange,
    clock,
    random,
    log,
    bans: banOf(store),
    priceBans: banOf(store, "ban.prices"),
    barsStore: barsOf(store),
    notBeforeMonoMs: quietUntilMs,
    ...(serverClock && { serverClock, announcedBy: () => clock.wallMs() }),
    ...(onRequest && { onRequest }),
  });
}

// ---------------------------------------------------------------- what stays

function openState(stateDir: string, { clock, log, pid }: World, stack: AsyncDisposableStack) {
  makeStateDir(stateDir);
  const lock = takeLock(stateDir, pid, clock.wallMs());
  if (!lock.ok) throw new LockedError(stateDir, lock.holder);
  stack.defer(() => lock.release());
  const opened = openStore(stateDir, {
    clock,
    onUnreadable: (row) => log.error({ row }, "a stored row cannot be read and is left out"),
    onDisk: (what) => log.warn({}, what),
  });
  const { store } = opened;
  stack.defer(() => store.close());
  if (opened.lost !== undefined) log.error({ ...opened.lost }, "stored state was lost: alerts may be repeated");
  const lost =
    opened.lost === undefined
      ? []
      : [{ kind: "state-lost", what: opened.lost.kind, movedTo: opened.lost.movedTo } as const];
  return { store, opened, lost };
}

/** A taken port is told and no reason not to watch. */
async function openHttp(http: Config["http"], trouble: () => string | undefined, log: Log) {
  if (http === undefined) return undefined;
  const { startHealth } = await import("./http/health.ts"); // loads node:http's server only for those who use it
  try {
    const server = await startHealth({ ...http, trouble });
    log.info({ host: http.host, port: server.port }, "answering /healthz");
    return server;
  } catch (error) {
    log.error({ error }, "http.listen cannot be opened: there is no /healthz");
    return undefined;
  }
}
