// `margind doctor`: contacts everything that a watch needs and says what works, what does not, and what to do. It sends no message, pings
// nothing and changes nothing, so it may run beside the daemon.
import type { Ban } from "../binance/client.ts";
import { type Checked, runChecks } from "../checks.ts";
import type { Config } from "../config/config.ts";
import { type Check, good, warning } from "../core/finding.ts";
import { deadline, systemClock } from "../lib/clock.ts";
import { redact } from "../lib/secret.ts";
import { type ConfigOption, EXIT, readConfig } from "./context.ts";
import { heartbeatCheck, httpCheck, notifierChecks } from "./doctor/channels.ts";
import { exchangeChecks } from "./doctor/exchange.ts";
import { machineChecks } from "./doctor/start.ts";
import { daemonFinding, holderOf, keptBan } from "./doctor/state.ts";
import { isGood, report, table } from "./doctor/table.ts";
import { count } from "./text.ts";

/** With the start of the program and the end of what hangs, the whole command stays below 20 s. */
const DEADLINE_MS = 16_000;
const CLOSE_MS = 1_000;

export async function doctor(options: ConfigOption & { readonly json?: boolean }): Promise<void> {
  const config = await readConfig(options);
  const { checks, close } = checksOf(config);
  const limits = { clock: systemClock, deadlineMs: DEADLINE_MS };
  const found = [...configRows(config), ...(await runChecks(checks, limits, new AbortController().signal))];
  const { stdout } = process;
  const isColoured = stdout.isTTY && stdout.hasColors(); // which honours NO_COLOR
  const text = options.json ? `${JSON.stringify(report(found), null, 2)}\n` : table(found, { isColoured });
  stdout.write(redact(text));
  process.exitCode = isGood(found) ? EXIT.good : EXIT.failed;
  // A name server that never answers would keep the process for as long as it likes.
  deadline(CLOSE_MS, () => process.exit());
  await close();
}

function configRows({ file, accounts, rules, eventRules, notifiers, warnings }: Config): readonly Checked[] {
  const holds = [
    count(accounts.length, "account"),
    count(rules.length + eventRules.length, "rule"),
    count(notifiers.length, "notifier"),
  ];
  const read = good(`${file}: ${holds.join(", ")}`);
  return [read, ...warnings.map((text) => warning(text))].map((finding) => ({ name: "config", finding }));
}

function checksOf(config: Config): { readonly checks: readonly Check[]; close(): Promise<unknown> } {
  const { stateDir, watchdog, http } = config;
  const holder = holderOf(stateDir);
  const isDaemonRunning = holder !== undefined && !(holder instanceof Error);
  const exchange = exchangeChecks(config, { clock: systemClock, ban: banOrNone(stateDir), isDaemonRunning });
  const notifiers = notifierChecks(config, { clock: systemClock, out: process.stdout });
  const checks: readonly Check[] = [
    ...exchange.checks,
    ...notifiers.checks,
    heartbeatCheck(watchdog),
    ...(http === undefined ? [] : [httpCheck(http, isDaemonRunning)]),
    ...machineChecks(stateDir),
    { name: "daemon", run: async () => daemonFinding(holder, systemClock.wallMs()) },
  ];
  return { checks, close: () => Promise.all([exchange.close(), notifiers.close()]) };
}

function banOrNone(stateDir: string): Ban | undefined {
  try {
    return keptBan(stateDir);
  } catch {
    return undefined; // the check of the state folder says what is wrong with it
  }
}
