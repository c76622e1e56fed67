// `margind run`: the daemon in the foreground, until a signal ends it or it must give up. SIGHUP reads the configuration again.
import { type Daemon, startDaemon } from "../app.ts";
import type { Config } from "../config/config.ts";
import { deadline, systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { redact } from "../lib/secret.ts";
import { systemd } from "../lib/systemd.ts";
import { ReloadError } from "../reload.ts";
import { CommandError, type ConfigOption, EXIT, environmentLog, readConfig } from "./context.ts";
import { count } from "./text.ts";

/** A daemon that must give up still tells the channels that work; longer than this nobody waits. */
const LAST_WORDS_MS = 10_000;
const STOP_WITHIN_MS = 4500;
/** Housekeeping comes round every second. When it has not for this long, the watch stands still. */
const ALIVE_MS = 10_000;

type Supervisor = ReturnType<typeof systemd>;

export async function run(options: ConfigOption): Promise<void> {
  const hangups = listenForHangups();
  const log = environmentLog();
  const config = await readConfig(options);
  for (const warning of config.warnings) log.warn({}, warning);
  const supervisor = systemd(process.env, log);
  const stopping = stopSignal(log);
  let daemon: Daemon | undefined;
  const onFailure = (error: unknown) => fail(error, daemon, log);
  process.on("uncaughtException", onFailure);
  daemon = await startDaemon(config, {
    clock: systemClock,
    random: Math.random,
    log,
    out: process.stdout,
    pid: process.pid,
    startedMonoMs: 0, // the monotonic clock begins with the process
    fatal: onFailure,
  });
  const started = daemon;
  const { running } = started;
  hangups.listen(() => void reload(options, started, supervisor, log).catch(onFailure));
  log.info({ pid: process.pid }, summary(config));
  supervisor.ready(summary(config));
  const isAlive = () => systemClock.monoMs() - running().lastTickMs() < ALIVE_MS;
  supervisor.watchdog(systemClock, isAlive, stopping);
  const refusal = await Promise.race([daemon.refused, aborted(stopping)]);
  supervisor.stopping();
  const { deliveries } = running();
  if (refusal !== undefined) {
    log.error({}, refusal.reason);
    await deliveries.drained(AbortSignal.any([stopping, AbortSignal.timeout(LAST_WORDS_MS)])).catch(() => undefined);
  }
  await daemon.stop();
  const { count } = deliveries.backlog();
  log.info(
    { undelivered: count },
    count === 0 ? "stopped" : "stopped; undelivered messages are kept and sent after the next start",
  );
  if (refusal !== undefined) throw new CommandError(refusal.reason, refusal.isConfig ? EXIT.config : EXIT.failed);
}

/** A SIGHUP during the start must neither end the process nor be forgotten: the configuration may have been read before it. */
function listenForHangups(): { listen(onHangup: () => void): void } {
  let isDue = false;
  let onHangup = () => {
    isDue = true;
  };
  process.on("SIGHUP", () => onHangup());
  return {
    listen(handler) {
      onHangup = handler;
      if (isDue) handler();
    },
  };
}

/** Whatever is wrong with the new configuration, the old one goes on, and people are told. */
async function reload(options: ConfigOption, daemon: Daemon, supervisor: Supervisor, log: Log): Promise<void> {
  log.info({}, "SIGHUP: reading the configuration again");
  try {
    const config = await readConfig(options);
    for (const warning of config.warnings) log.warn({}, warning);
    await daemon.reload(config);
    log.info({}, `the new configuration is in force: ${summary(config)}`);
    supervisor.status(summary(config));
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof ReloadError)) throw error;
    const problems = (error instanceof CommandError ? error.problems : [error.message]).map(redact);
    for (const problem of problems) log.error({}, problem);
    log.error({}, "the new configuration is refused; the old one goes on");
    daemon.rejected(problems);
  }
}

/** The state is safe at every moment: what nobody foresaw ends the process, and its supervisor starts it anew. */
function fail(error: unknown, daemon: Daemon | undefined, log: Log): void {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  log.error(
    { stack: error instanceof Error ? error.stack : undefined },
    `margind failed in an unforeseen way: ${text}`,
  );
  daemon?.noteCrash(redact(text));
  process.exit(1);
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

function summary({ accounts, notifiers, rules, eventRules }: Config): string {
  const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name).join(", ");
  return `watching ${names(accounts)} with ${count(rules.length + eventRules.length, "rule")}, telling ${names(notifiers)}`;
}
