// `margind test-notify`: a test message through the real outbox. Beside a running daemon the daemon delivers it; without one this
// command does, with the same worker. Either way it waits for the receipt, so "sent" means that the other side has accepted it.
import { randomUUID } from "node:crypto";
import type { Config } from "../config/config.ts";
import { testMessage } from "../core/compose.ts";
import { duration } from "../core/format.ts";
import type { NewRow, NotifyError, OutboxRow } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { startDelivery } from "../deliver.ts";
import { deliveryKey } from "../ledger.ts";
import { systemClock } from "../lib/clock.ts";
import { parseDurationMs } from "../lib/duration.ts";
import { silentLog } from "../lib/log.ts";
import { createNotifier } from "../notify/index.ts";
import { instanceOf } from "../store/facts.ts";
import { makeStateDir } from "../store/folder.ts";
import { takeLock } from "../store/lock.ts";
import { openStore, openStoreBeside } from "../store/sqlite.ts";
import { CommandError, type ConfigOption, readConfig } from "./context.ts";
import { count } from "./text.ts";

export interface TestNotifyOptions extends ConfigOption {
  readonly to?: string;
  readonly timeout: string;
}

type Notifier = ReturnType<typeof createNotifier>;

export async function testNotify(options: TestNotifyOptions): Promise<void> {
  const config = await readConfig(options);
  const timeoutMs = parseDurationMs(options.timeout);
  if (timeoutMs === undefined) throw new CommandError("--timeout: expected a duration such as 30s or 2m");
  makeStateDir(config.stateDir);
  const lock = takeLock(config.stateDir, process.pid, systemClock.wallMs());
  const store = lock.ok ? openOwn(config.stateDir) : openStoreBeside(config.stateDir, () => undefined);
  const notifiers = openNotifiers(config, options.to, instanceOf(store));
  const rows = store.commit({ alerts: [], rows: newRows(notifiers, config, instanceOf(store)), snapshot: undefined });
  try {
    const undelivered = lock.ok
      ? await deliverHere(rows, notifiers, store, config, timeoutMs)
      : await watchDaemon(rows, store, timeoutMs);
    if (lock.ok) for (const { id } of undelivered) store.drop(id);
    if (undelivered.length > 0)
      throw new CommandError(`${count(undelivered.length, "test message")} of ${rows.length} not delivered.`);
    process.stdout.write(`All ${rows.length} delivered.\n`);
  } finally {
    await Promise.all(notifiers.map((notifier) => notifier.close()));
    store.close();
    if (lock.ok) lock.release();
  }
}

/** No daemon holds the state: what it finds there is the next daemon's to tell. */
function openOwn(stateDir: string): Store {
  const quiet = () => undefined;
  return openStore(stateDir, { clock: systemClock, onUnreadable: quiet, onDisk: quiet }).store;
}

function openNotifiers(config: Config, only: string | undefined, instance: string): readonly Notifier[] {
  const chosen = config.notifiers.filter(({ name }) => only === undefined || name === only);
  if (chosen.length === 0) throw new CommandError(`There is no notifier ${only ?? ""} in ${config.file}.`);
  const { timezone, language } = config;
  const deps = { clock: systemClock, log: silentLog, out: process.stdout, instance, timezone, language };
  return chosen.map((notifier) => createNotifier(notifier, deps));
}

function newRows(notifiers: readonly Notifier[], { language }: Config, instance: string): NewRow[] {
  const run = randomUUID();
  return notifiers.flatMap(({ name, recipients }) =>
    recipients.map((recipient) => ({
      key: deliveryKey(instance, `${name}:test ${run}`, recipient),
      notifier: name,
      recipient,
      incidents: [`test ${run}`],
      message: testMessage(name, `#${run.slice(0, 4).toUpperCase()}-1`, language),
      rootKey: null,
      edits: [],
      enqueuedAtMs: systemClock.wallMs(),
    })),
  );
}

/** No daemon is running: deliver with workers of our own. Yields what was not delivered. */
async function deliverHere(
  rows: readonly OutboxRow[],
  notifiers: readonly Notifier[],
  store: Store,
  { timezone, language }: Config,
  timeoutMs: number,
): Promise<readonly OutboxRow[]> {
  const undelivered = new Map(rows.map((row) => [row.id, row]));
  const undecided = new Set(undelivered.keys());
  const decided = new AbortController();
  const startedMs = systemClock.monoMs();
  const onSettled = (row: OutboxRow, error: NotifyError | undefined) => {
    report(row, error?.message, systemClock.monoMs() - startedMs);
    if (error === undefined) undelivered.delete(row.id);
    if (error === undefined || error.kind === "refused") undecided.delete(row.id); // a refusal does not pass by waiting
    if (undecided.size === 0) decided.abort();
  };
  const deliveries = startDelivery({
    notifiers,
    store,
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    locale: { timezone, language },
    onSettled,
  });
  deliveries.add(rows);
  await systemClock.sleep(timeoutMs, decided.signal).catch(() => undefined); // rejects when all is decided
  await deliveries.stop(0);
  return [...undelivered.values()];
}

/** A daemon holds the state folder: it finds the rows within a second, and this only watches them. */
async function watchDaemon(rows: readonly OutboxRow[], store: Store, timeoutMs: number): Promise<readonly OutboxRow[]> {
  process.stdout.write("margind is running here: it delivers the test.\n");
  const startedMs = systemClock.monoMs();
  const waiting = new Map(rows.map((row) => [row.id, row]));
  const firstId = Math.min(...waiting.keys());
  while (waiting.size > 0 && systemClock.monoMs() - startedMs < timeoutMs) {
    await systemClock.sleep(200);
    const pending = new Map(store.pending(firstId - 1).map((row) => [row.id, row]));
    for (const [id, before] of waiting) {
      const now = pending.get(id);
      if (now === undefined) waiting.delete(id);
      else waiting.set(id, now);
      if (now === undefined || now.attempts > before.attempts) {
        report(before, now?.error ?? undefined, systemClock.monoMs() - startedMs);
      }
    }
  }
  return [...waiting.values()];
}

function report({ notifier, recipient }: OutboxRow, error: string | undefined, tookMs: number): void {
  const what =
    error === undefined
      ? `✔ ${notifier} → ${recipient}: delivered after ${duration(tookMs, "en")}`
      : `✘ ${notifier} → ${recipient}: ${error}`;
  process.stdout.write(`${what}\n`);
}
