// `margind run`: the daemon in the foreground, until a signal ends it or it must give up.
import { startDaemon } from "../app.ts";
import type { Config } from "../config/config.ts";
import { deadline, systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { systemd } from "../lib/systemd.ts";
import { CommandError, type ConfigOption, environmentLog, readConfig } from "./context.ts";

/** A daemon that must give up still tells the channels that work; longer than this nobody waits. */
const LAST_WORDS_MS = 10_000;
const STOP_WITHIN_MS = 4500;

export async function run(options: ConfigOption): Promise<void> {
  const log = environmentLog();
  const config = await readConfig(options);
  for (const warning of config.warnings) log.warn({}, warning);
  const supervisor = systemd(process.env, log);
  const stopping = stopSignal(log);
  const daemon = await startDaemon(config, {
    clock: systemClock,
    random: Math.random,
    log,
    out: process.stdout,
    pid: process.pid,
  });
  log.info({ pid: process.pid }, summary(config));
  supervisor.ready(summary(config));
  supervisor.watchdog(systemClock, stopping);
  const reason = await Promise.race([daemon.refused, aborted(stopping)]);
  supervisor.stopping();
  if (reason !== undefined) {
    log.error({}, reason);
    await daemon.deliveries
      .drained(AbortSignal.any([stopping, AbortSignal.timeout(LAST_WORDS_MS)]))
      .catch(() => undefined);
  }
  await daemon.stop();
  const { count } = daemon.deliveries.backlog();
  log.info(
    { undelivered: count },
    count === 0 ? "stopped" : "stopped; undelivered messages are kept and sent after the next start",
  );
  if (reason !== undefined) throw new CommandError(reason);
}

/** SIGTERM and SIGINT stop the daemon; a second one ends the process at once. */
function stopSignal(log: Log): AbortSignal {
  const stopping = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(signal === "SIGINT" ? 130 : 143);
    log.info({ signal }, "stopping; a second signal stops at once");
    stopping.abort();
    // The parts have deadlines of their own; this one holds whatever they do. The outbox is safe at every moment.
    deadline(STOP_WITHIN_MS, () => process.exit(0));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return stopping.signal;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function summary({ accounts, notifiers, rules }: Config): string {
  const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name).join(", ");
  return `watching ${names(accounts)} with ${rules.length} rules, telling ${names(notifiers)}`;
}
