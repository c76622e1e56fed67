// `margind status`: what the daemon knows, read from its store beside it. Exit 0 only when somebody watches, sees, and can tell:
// so a container's health check or a script can use it as it is.

import { ConfigError, staleAfterOf, stateDirOf } from "../config/load.ts";
import { STUCK_MS } from "../core/channel.ts";
import { duration, level, percent, plain } from "../core/format.ts";
import { rank } from "../core/lifecycle.ts";
import { refOf } from "../core/message.ts";
import type { Severity, Source } from "../core/ports.ts";
import { TOLD_IN_FULL } from "../core/ranking.ts";
import type { Snapshot, Store } from "../core/store.ts";
import { en } from "../core/words/en.ts";
import { systemClock } from "../lib/clock.ts";
import { type Holder, lockHolder } from "../store/lock.ts";
import { openStoreForReading } from "../store/sqlite.ts";
import { CommandError, type ConfigOption, configFile, EXIT } from "./context.ts";
import { ageOf, count } from "./text.ts";

/** What `margind status --json` prints. Times are ISO 8601, ages in ms. */
export interface Status {
  readonly healthy: boolean;
  /** Why not, one clause each. */
  readonly problems: readonly string[];
  readonly running: { readonly pid: number; readonly host: string; readonly since: string } | null;
  readonly accounts: readonly AccountStatus[];
  readonly alerts: readonly AlertStatus[];
  readonly undelivered: readonly UndeliveredStatus[];
}

interface AccountStatus {
  readonly account: string;
  /** Last valid answer of the cross account and of the isolated pairs; null: never, or not watched. */
  readonly crossAt: string | null;
  readonly isolatedAt: string | null;
  readonly dataAgeMs: number | null;
  /** Sources that the config has read and that never gave a valid answer: nothing is known of them. */
  readonly unknown: readonly Source[];
  readonly trouble: string | null;
  readonly pairs: number;
  /** Subjects with debt, worst first: by what fires on them, then by what is at stake. */
  readonly positions: readonly PositionStatus[];
}

interface PositionStatus {
  readonly subject: string;
  readonly marginLevel: number | null;
  readonly marginLevelStatus: string | null;
  readonly liquidationDistancePct: number | null;
  /** All that is owed; null: no price tells. */
  readonly debtUsdt: number | null;
  readonly at: string;
}

interface AlertStatus {
  readonly account: string;
  readonly subject: string;
  readonly rule: string;
  readonly phase: "pending" | "firing";
  readonly severity: Severity | null;
  readonly since: string;
  readonly ref: string | null;
}

interface UndeliveredStatus {
  readonly notifier: string;
  readonly recipient: string;
  readonly title: string;
  readonly waitingMs: number;
  readonly attempts: number;
  readonly error: string | null;
}

/** What a running daemon may need, beyond staleAfter, to say that it is blind. Older data means that it cannot even say that. */
const SAYING_MS = 5_000;

export function status(options: ConfigOption & { readonly json?: boolean }): void {
  const file = configFile(options);
  const { stateDir, staleAfterMs } = readPlaces(file);
  const nowMs = systemClock.wallMs();
  const store = openStoreForReading(stateDir, () => undefined);
  if (store === undefined)
    throw new CommandError(`Nothing was ever stored in ${stateDir}: margind has not run there yet.`);
  const found = collect(store, lockHolder(stateDir), staleAfterMs, nowMs);
  store.close();
  process.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : text(found, nowMs));
  process.exitCode = found.healthy ? 0 : 1;
}

/** A configuration that is broken by now says nothing of the daemon, which goes on with the one that it read. */
function readPlaces(file: string): { stateDir: string; staleAfterMs: number } {
  try {
    return { stateDir: stateDirOf(file, process.env), staleAfterMs: staleAfterOf(file, process.env) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const text = "so it does not say where the state is; a daemon that runs goes on with what it read";
    throw new CommandError(`${error.lines().join("\n")}\nThe configuration cannot be read, ${text}.`, EXIT.config);
  }
}

/** What it is read from. */
type Kept = Pick<Store, "snapshots" | "alerts" | "pending">;

export function collect(store: Kept, holder: Holder | undefined, staleAfterMs: number, nowMs: number): Status {
  const accounts = store.snapshots().map((snapshot) => accountOf(snapshot, nowMs));
  const alerts = alertsOf(store);
  const undelivered = store.pending(0).map((row) => ({
    notifier: row.notifier,
    recipient: row.recipient,
    title: row.message.title,
    waitingMs: nowMs - row.enqueuedAtMs,
    attempts: row.attempts,
    error: row.error,
  }));
  const problems = problemsOf(holder, accounts, alerts, undelivered, staleAfterMs + SAYING_MS);
  const running = holder === undefined ? null : { pid: holder.pid, host: holder.host, since: iso(holder.sinceMs) };
  return { healthy: problems.length === 0, problems, running, accounts, alerts, undelivered };
}

function accountOf({ account, sources = [], okAtMs, known, pairs, trouble }: Snapshot, nowMs: number): AccountStatus {
  const times = [okAtMs.cross, okAtMs.isolated].filter((atMs) => atMs !== null);
  return {
    account,
    crossAt: okAtMs.cross === null ? null : iso(okAtMs.cross),
    isolatedAt: okAtMs.isolated === null ? null : iso(okAtMs.isolated),
    dataAgeMs: times.length === 0 ? null : nowMs - Math.min(...times),
    unknown: sources.filter((source) => okAtMs[source] === null),
    trouble,
    pairs,
    positions: known.map((item) => ({
      subject: item.subject,
      marginLevel: item.level,
      marginLevelStatus: item.status,
      liquidationDistancePct: item.distancePct,
      debtUsdt: item.debtUsdt ?? null,
      at: iso(item.atMs),
    })),
  };
}

function alertsOf(store: Kept): AlertStatus[] {
  const severityOf = (alert: AlertStatus) => rank(alert.severity);
  return store
    .alerts()
    .flatMap(({ id, state }): AlertStatus[] => {
      if (state === undefined) return [];
      if (state.phase === "pending")
        return [{ ...id, phase: "pending", severity: null, since: iso(state.sinceMs), ref: null }];
      return [{ ...id, phase: "firing", severity: state.severity, since: iso(state.sinceMs), ref: refOf(state) }];
    })
    .sort((a, b) => severityOf(b) - severityOf(a));
}

function problemsOf(
  holder: Holder | undefined,
  accounts: readonly AccountStatus[],
  alerts: readonly AlertStatus[],
  undelivered: readonly UndeliveredStatus[],
  oldMs: number,
): string[] {
  const problems: string[] = [];
  if (holder === undefined) problems.push("margind is not running");
  if (accounts.length === 0) problems.push("no account was seen yet");
  for (const { account, dataAgeMs, unknown } of accounts) {
    for (const source of unknown) problems.push(`nothing is known of ${en.source[source]} of ${account}`);
    if (alerts.some((alert) => alert.account === account && alert.rule === "blind"))
      problems.push(`${account} is blind`);
    else if (dataAgeMs !== null && dataAgeMs > oldMs)
      problems.push(
        `the data of ${account} is ${duration(dataAgeMs, "en")} old${holder === undefined ? "" : ": margind stands still, or cannot write its state"}`,
      );
  }
  if (alerts.some(({ subject, rule }) => subject === "daemon" && rule === "disk"))
    problems.push("the disk does not take the state, or not for long");
  for (const { subject, rule } of alerts) if (rule === "undelivered") problems.push(`${subject} cannot deliver`);
  const stuck = undelivered.filter(({ waitingMs }) => waitingMs > STUCK_MS).length;
  if (stuck > 0) problems.push(`${count(stuck, "message waits", "messages wait")} undelivered for over two minutes`);
  return problems;
}

// ---------------------------------------------------------------- as text

export function text(found: Status, nowMs: number): string {
  const { running, problems } = found;
  const head =
    running === null
      ? "margind is NOT running."
      : `margind is running (process ${running.pid} on ${running.host}, ${ageOf(running.since, nowMs)}).`;
  const others = problems.filter((problem) => running !== null || problem !== "margind is not running");
  return [
    head,
    ...others.map((problem) => `! ${problem}`),
    ...found.accounts.flatMap((account) => ["", ...accountLines(account)]),
    "",
    ...section(
      "Alerts",
      "Nothing is firing.",
      found.alerts.map((alert) => alertLine(alert, nowMs)),
    ),
    "",
    ...section("Undelivered", "Everything was delivered.", found.undelivered.map(undeliveredLine)),
    "",
  ].join("\n");
}

function accountLines({ account, dataAgeMs, positions, pairs, trouble, unknown }: AccountStatus): string[] {
  const age = dataAgeMs === null ? "never seen" : `data ${duration(dataAgeMs, "en")} old`;
  const title = `${account}: ${age}${pairs > 0 ? `, ${count(pairs, "isolated pair")}` : ""}${trouble === null ? "" : `, last read failed: ${trouble}`}`;
  const isKnown = dataAgeMs !== null && unknown.length === 0;
  if (positions.length === 0) return [title, isKnown ? "  no debt" : "  nothing known"];
  const shown = positions.length > TOLD_IN_FULL + 1 ? TOLD_IN_FULL : positions.length; // one as a count would be no shorter
  return [title, ...positions.slice(0, shown).map(positionLine), ...restLine(positions.slice(shown))];
}

function positionLine(position: PositionStatus): string {
  const { subject, marginLevel, marginLevelStatus, liquidationDistancePct: awayPct, debtUsdt } = position;
  const shown = marginLevel === null ? "-" : level(marginLevel);
  const away = awayPct === null ? [] : [awayPct > 0 ? `liquidation ${awayText(awayPct)}` : awayText(awayPct)];
  const owed = debtUsdt === null ? [] : [`${plain(debtUsdt)} USDT owed`];
  const rest = [...away, ...owed].join(", ");
  return `  ${subject.padEnd(20)} level ${shown.padEnd(8)} ${(marginLevelStatus ?? "").padEnd(18)} ${rest}`.trimEnd();
}

function restLine(rest: readonly PositionStatus[]): string[] {
  if (rest.length === 0) return [];
  const nearestPct = Math.min(...rest.flatMap(({ liquidationDistancePct: pct }) => pct ?? []));
  const nearest = Number.isFinite(nearestPct) ? `, the nearest ${awayText(nearestPct)}` : "";
  return [`  and ${rest.length} more with debt${nearest}`];
}

/** What is not passed never reads as "0.0". */
const awayText = (awayPct: number): string =>
  awayPct > 0 ? `${percent(awayPct, 0)} % away` : "past the liquidation bar";

function alertLine({ account, subject, rule, phase, severity, since, ref }: AlertStatus, nowMs: number): string {
  const how = phase === "pending" ? "pending" : (severity ?? "").toUpperCase();
  return `  ${how.padEnd(9)} ${account}  ${subject}  ${rule}  ${ageOf(since, nowMs)}${ref === null ? "" : `  ${ref}`}`;
}

function undeliveredLine({ notifier, recipient, title, waitingMs, attempts, error }: UndeliveredStatus): string {
  const tries = attempts === 0 ? "not tried yet" : count(attempts, "try", "tries");
  return `  ${notifier} → ${recipient}: waiting ${duration(waitingMs, "en")}, ${tries}${error === null ? "" : `: ${error}`}\n    ${title}`;
}

function section(title: string, empty: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [empty] : [`${title}:`, ...lines];
}

const iso = (ms: number): string => new Date(ms).toISOString();
