// `margind demo`: the whole program on real input. The bundled exchange replays the six days around 12 March 2020 over real HTTP;
// the real daemon polls it at the real spacing and tells the terminal, and Slack or a mail server too when the environment
// names them. Only one thing is not real: the wall clock runs through six days in about 40 seconds.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../app.ts";
import type { RequestInfo } from "../binance/client.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { clockTime, level } from "../core/format.ts";
import type { NotifyError, OutboxRow } from "../core/ports.ts";
import { TOLD_ONCE } from "../core/rules/types.ts";
import type { Snapshot } from "../core/store.ts";
import { systemClock } from "../lib/clock.ts";
import { makeLogger } from "../lib/log.ts";
import { notifierSchemas } from "../notify/index.ts";
import { crashPath, demoActions, demoAnnouncements, demoBook } from "../sim/demo-book.ts";
import type { BarsPath } from "../sim/price-path.ts";
import { type Simulator, startSimulator } from "../sim/server.ts";
import { CommandError } from "./context.ts";
import { count } from "./text.ts";

const KEY = { apiKey: "demo-key", secret: "demo-secret" };

/** Simulated time by parts: fast while nothing happens, slow through the crash. Hours a second of real time. */
const PACE: readonly { readonly until: string; readonly hoursPerS: number }[] = [
  { until: "2020-03-12T06:00:00Z", hoursPerS: 10 },
  { until: "2020-03-12T23:00:00Z", hoursPerS: 2.5 },
  { until: "2020-03-13T05:00:00Z", hoursPerS: 0.5 },
  { until: "2020-03-13T12:00:00Z", hoursPerS: 3 },
  { until: "2020-03-14T10:00:00Z", hoursPerS: 6 },
  { until: "2020-03-15T00:00:00Z", hoursPerS: 2.5 },
];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DRAIN_MS = 10_000;

export async function demo(): Promise<void> {
  const path = crashPath();
  const wall = demoWall(path.startMs);
  const folder = mkdtempSync(join(tmpdir(), "margind-demo-"));
  const exchange = await openExchange(path, wall.nowMs);
  try {
    const channels = channelsFrom(process.env);
    process.stdout.write(greeting(exchange.url, channels));
    const file = writeConfig(folder, exchange, channels);
    const config = loadConfig(file, { env: process.env, notifierSchemas, nowMs: systemClock.wallMs() });
    await replay(config, exchange, wall, path);
  } finally {
    await exchange.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function openExchange(path: BarsPath, simNowMs: () => number): Promise<Simulator> {
  const credential = { kind: "hmac", secret: KEY.secret } as const;
  return startSimulator({
    port: 0,
    keys: [{ apiKey: KEY.apiKey, credential, book: demoBook() }],
    path,
    simNowMs,
    serverNowMs: systemClock.wallMs,
    announceNowMs: simNowMs,
    monoMs: systemClock.monoMs,
    actions: demoActions(KEY.apiKey),
    market: demoAnnouncements,
    bookAtMs: path.startMs,
    onEvent: ({ atMs, text }) => process.stdout.write(`· ${demoTime(atMs)}  ${text}\n\n`),
  });
}

async function replay(config: Config, exchange: Simulator, wall: Wall, path: BarsPath): Promise<void> {
  const tally = createTally();
  const daemon = await startDaemon(config, {
    clock: { ...systemClock, wallMs: wall.nowMs },
    random: Math.random,
    log: makeLogger({ level: "error", format: "pretty", write: (line) => void process.stderr.write(line) }),
    out: process.stdout,
    pid: process.pid,
    startedMonoMs: 0,
    fatal(error) {
      throw error;
    },
    serverClock: systemClock.wallMs,
    onRequest(request) {
      wall.onRequest(request);
      tally.onRequest(request);
    },
    onSettled: tally.onSettled,
  });
  await untilEnd(daemon, wall, path);
  const { deliveries } = daemon.running();
  await deliveries.drained(AbortSignal.timeout(DRAIN_MS)).catch(() => undefined);
  const undelivered = deliveries.backlog().count;
  await daemon.stop();
  const gaps = exchange.requests.flatMap(({ gapMs }) => gapMs ?? []);
  process.stdout.write(tally.summary(Math.min(...gaps), undelivered));
  if (undelivered > 0) throw new CommandError("Not everything was delivered: see the messages above.");
}

/** Until the prices end or somebody stops it. Prints a line a day. */
async function untilEnd(daemon: Daemon, wall: Wall, path: BarsPath): Promise<void> {
  const interrupted = untilInterrupted();
  let day = 0;
  while (wall.nowMs() < path.endMs && !interrupted.aborted) {
    await systemClock.sleep(100);
    const [seen] = daemon.store.snapshots();
    if (seen === undefined || Math.floor(wall.nowMs() / DAY_MS) === day) continue;
    day = Math.floor(wall.nowMs() / DAY_MS);
    process.stdout.write(dayLine(wall.nowMs(), path.priceAt("BTCUSDT", wall.nowMs()), seen));
  }
}

type Wall = ReturnType<typeof demoWall>;

/** Wall time of the demo. It moves only when a poll begins and stands meanwhile, so that ages of data are real ages. */
function demoWall(startMs: number) {
  let zeroMs: number | undefined;
  let atMs = startMs;
  return {
    nowMs: () => atMs,
    onRequest({ path, startedMonoMs }: RequestInfo): void {
      if (path !== "/sapi/v1/margin/account") return;
      zeroMs ??= startedMonoMs;
      atMs = simulated(startMs, (startedMonoMs - zeroMs) / 1000);
    },
  };
}

function simulated(startMs: number, realS: number): number {
  let atMs = startMs;
  let leftS = realS;
  for (const { until, hoursPerS } of PACE) {
    const lengthS = (Date.parse(until) - atMs) / (hoursPerS * HOUR_MS);
    if (leftS <= lengthS) return Math.round(atMs + leftS * hoursPerS * HOUR_MS);
    atMs = Date.parse(until);
    leftS -= lengthS;
  }
  return Math.round(atMs + leftS * HOUR_MS);
}

// ---------------------------------------------------------------- config

/** In the config a value that stays in the environment, where no file holds it. */
const fromEnv = (name: string): string => `\${${name}}`;

/** Notifiers beside the terminal, for what the environment names. */
function channelsFrom(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, object>> {
  const isSet = (...names: readonly string[]) => names.every((name) => (env[name] ?? "") !== "");
  const slack = {
    type: "slack",
    token: fromEnv("SLACK_BOT_TOKEN"),
    channel: fromEnv("SLACK_CHANNEL"),
    ...(isSet("SLACK_API_URL") && { apiUrl: fromEnv("SLACK_API_URL") }),
  };
  const mail = {
    type: "email",
    url: fromEnv("SMTP_URL"),
    from: isSet("MAIL_FROM") ? fromEnv("MAIL_FROM") : "margind demo <margind@localhost>",
    to: [fromEnv("MAIL_TO")],
    ...(env["SMTP_TLS"] === "none" && { tls: "none" }),
  };
  return { ...(isSet("SLACK_BOT_TOKEN", "SLACK_CHANNEL") && { slack }), ...(isSet("SMTP_URL", "MAIL_TO") && { mail }) };
}

/** Two of three seconds, so that the third has room for what is read beside the polls. */
const POLLS = "0-59/3,1-59/3 * * * * *";

// The built-in rules, as they are. Only what is measured in time is stretched or squeezed, because six days pass in 40 seconds.
function writeConfig(
  folder: string,
  { url, streamUrl }: Pick<Simulator, "url" | "streamUrl">,
  channels: Readonly<Record<string, object>>,
): string {
  const file = join(folder, "margind.yaml");
  const notifiers = { terminal: { type: "console" }, ...channels };
  const config = {
    stateDir: join(folder, "state"),
    exchange: { baseUrl: url, stream: { riskUrl: streamUrl, userUrl: `${streamUrl}/ws-api/v3` } },
    accounts: { main: { apiKey: KEY.apiKey, apiSecret: KEY.secret, poll: POLLS } },
    flows: { poll: "*/15 * * * * *", isolated: "none" },
    transfers: { poll: "*/3 * * * * *", isolated: "none" },
    delistings: { poll: "*/6 * * * * *" },
    stream: true,
    watchdog: { staleAfter: "7d" }, // a busy machine skips hours of the demo's time between two looks
    notifiers,
    routes: [{ notify: Object.keys(notifiers), repeatEvery: "12h" }],
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 }); // JSON is YAML
  return file;
}

// ---------------------------------------------------------------- what is printed around the alerts

function greeting(url: string, channels: Readonly<Record<string, object>>): string {
  const also = Object.keys(channels).length === 0 ? "" : ` It also sends to: ${Object.keys(channels).join(", ")}.`;
  return `margind demo: Bitcoin's crash of March 2020, six days in about 40 seconds.
The bundled exchange (${url}) replays real hourly prices; the real daemon polls it two seconds of three.
The book: 13.6 BTC and 260 LINK against 45,000 USDT of debt in the cross account, and an isolated BTCUSDT long.
Transfers and delistings are read every few real seconds: here they are told late, and a transfer with the time at which it was told.
Below is what a person would have received, with the simulated time (UTC).${also}

`;
}

const demoTime = (atMs: number): string => clockTime(atMs, 0, { timezone: "UTC", language: "en" });

/** One quiet line a day, so that nobody thinks it hangs while nothing is wrong. */
function dayLine(nowMs: number, price: number | undefined, { known }: Snapshot): string {
  const levels = known.map(({ subject, level: value }) => `${subject} ${value === null ? "?" : level(value)}`);
  return `· ${demoTime(nowMs)}  Bitcoin ${Math.round(price ?? 0)} USDT, margin levels: ${levels.join(", ")}\n\n`;
}

/** Incidents begin with "account|subject|rule@"; what is only told has no end. */
const isLasting = (incident = ""): boolean => !TOLD_ONCE.some((rule) => incident.includes(`|${rule}@`));

/** Counts what happens, for the summary. */
function createTally() {
  let polls = 0;
  let opened = 0;
  let resolved = 0;
  let toldOnce = 0;
  let leastGapMs = Number.POSITIVE_INFINITY;
  const delivered = new Map<string, number>();
  return {
    onRequest({ path, gapMs }: RequestInfo): void {
      if (path === "/sapi/v1/margin/account") polls += 1;
      leastGapMs = Math.min(leastGapMs, gapMs ?? Number.POSITIVE_INFINITY);
    },
    onSettled(row: OutboxRow, error: NotifyError | undefined): void {
      if (error !== undefined) return;
      delivered.set(row.notifier, (delivered.get(row.notifier) ?? 0) + 1);
      if (row.notifier !== "terminal") return;
      const kinds = row.message.sections.map(({ kind }, index) => ({
        kind,
        isLasting: isLasting(row.incidents[index]),
      }));
      opened += kinds.filter(({ kind, isLasting }) => kind === "opened" && isLasting).length;
      toldOnce += kinds.filter(({ isLasting }) => !isLasting).length;
      resolved += row.message.sections.filter(({ kind }) => kind === "resolved").length;
    },
    summary(leastAtExchangeMs: number, undelivered: number): string {
      const sent = [...delivered].map(([name, number]) => `${number} to ${name}`).join(", ");
      return `Six days in short: ${count(polls, "poll")}, ${count(opened, "alert")} opened, ${resolved} resolved, ${toldOnce} told once, deliveries: ${sent || "none"}${
        undelivered > 0 ? ` (${undelivered} not delivered)` : ""
      }.
Least spacing of two requests of the key: ${ms(leastGapMs)} as sent, ${ms(leastAtExchangeMs)} as they arrived (500 ms is the limit; a busy machine shifts arrivals by a few).
Next: write a margind.yaml (the README has the smallest one) and run ${isFromClone ? "npm run -s margind -- check" : "margind check"}.
`;
    },
  };
}

/** npm names the script that it runs; who installed the package calls margind itself. */
const isFromClone = process.env["npm_lifecycle_event"] !== undefined;

const ms = (value: number): string => (Number.isFinite(value) ? `${Math.floor(value)} ms` : "none");

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
