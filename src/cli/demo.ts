// `margind demo`: the whole program on real input. The bundled exchange replays the six days around 12 March 2020 over real HTTP;
// the real daemon polls it at the real spacing and tells the terminal, and Slack or a mail server too when the environment
// names them. Only one thing is not real: the wall clock runs through six days in about 45 seconds.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../app.ts";
import type { RequestInfo } from "../binance/client.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { clockTime, level } from "../core/format.ts";
import type { Clock, NotifyError, OutboxRow } from "../core/ports.ts";
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

/** The moments of 2020 at which the account is polled, UTC: seldom while nothing happens, often where the market falls. */
const MOMENTS = [
  ...["03-10T12:00", "03-11T06:00", "03-12T00:00", "03-12T09:00", "03-12T11:00", "03-12T22:40"],
  ...["03-12T23:20", "03-12T23:30", "03-12T23:35", "03-12T23:40"],
  ...["03-13T00:00", "03-13T00:40", "03-13T01:20", "03-13T01:40", "03-13T02:20", "03-13T02:40", "03-13T03:40"],
  ...["03-13T06:00", "03-13T12:00", "03-14T00:00", "03-14T12:00", "03-14T16:00", "03-14T20:00"],
].map((text) => Date.parse(`2020-${text}Z`));
const DAY_MS = 86_400_000;
const DRAIN_MS = 10_000;
const LATE_MS = 15_000;

/** One of three seconds, two while something fires: the rest is for what is read beside the polls. */
const POLL = "0-59/3 * * * * *";
const POLL_WHEN_FIRING = "1-59/3 * * * * *";
/** Nothing else sleeps so long: by it the demo's clock knows the price feed. */
const PRICES_EVERY_MS = 1_001;
const LOOK_EVERY_MS = 20;
/** A moment lasts at least so long: between the polls other things are to be read, and people read what it prints. */
const MOMENT_MS = 1_500;
/** So long after it was asked for an answer was surely looked at, and so long before a second begins the price feed may wake. */
const MARGIN_MS = 60;

export async function demo(): Promise<void> {
  const path = crashPath();
  const wall = demoClock(path.startMs);
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

async function replay(config: Config, exchange: Simulator, wall: DemoClock, path: BarsPath): Promise<void> {
  const tally = createTally();
  const daemon = await startDaemon(config, {
    clock: wall.clock,
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

/** Until the last moment or until somebody stops it. Prints a line a day. */
async function untilEnd(daemon: Daemon, { isOver }: DemoClock, path: BarsPath): Promise<void> {
  const interrupted = untilInterrupted();
  let day = 0;
  while (!isOver() && !interrupted.aborted) {
    await systemClock.sleep(100);
    const [seen] = daemon.store.snapshots();
    const seenMs = seen?.okAtMs.cross ?? 0;
    if (seen === undefined || Math.floor(seenMs / DAY_MS) === day) continue;
    day = Math.floor(seenMs / DAY_MS);
    process.stdout.write(dayLine(seenMs, path.priceAt("BTCUSDT", seenMs), seen));
  }
  // What is read every few real seconds may still have to see that something is over.
  const endMs = systemClock.monoMs() + LATE_MS;
  while (daemon.store.alerts().length > 0 && systemClock.monoMs() < endMs && !interrupted.aborted)
    await systemClock.sleep(100);
}

type DemoClock = ReturnType<typeof demoClock>;

/**
 * Real but for its wall, which stands still, so that ages of data are real ages. It moves to the next moment when the price feed wakes,
 * and lets that wake between two polls: prices and levels must be of one moment, or the daemon trusts neither.
 */
function demoClock(startMs: number) {
  const moments = [...MOMENTS];
  let atMs = startMs;
  let isOver = false;
  let movedMs = systemClock.monoMs();
  let [crossMs, isolatedMs] = [0, 0];
  /** The account was read at this moment, cross first, and it is not being read again. */
  const isPolled = () => movedMs < crossMs && crossMs < isolatedMs && systemClock.monoMs() - isolatedMs >= MARGIN_MS;
  const isTime = () =>
    isPolled() && systemClock.monoMs() - movedMs >= MOMENT_MS && systemClock.wallMs() % 1000 < 1000 - MARGIN_MS;
  const clock: Clock = {
    ...systemClock,
    wallMs: () => atMs,
    async sleep(ms, signal) {
      if (ms !== PRICES_EVERY_MS) return systemClock.sleep(ms, signal);
      do await systemClock.sleep(LOOK_EVERY_MS, signal);
      while (!isTime());
      isOver = moments.length === 0;
      movedMs = systemClock.monoMs();
      atMs = moments.shift() ?? atMs;
    },
  };
  return {
    clock,
    nowMs: clock.wallMs,
    /** The last moment was polled. */
    isOver: () => isOver,
    onRequest({ path, startedMonoMs }: RequestInfo): void {
      if (path === "/sapi/v1/margin/account") crossMs = startedMonoMs;
      if (path === "/sapi/v1/margin/isolated/account") isolatedMs = startedMonoMs;
    },
  };
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

// The built-in rules, as they are. Only what is measured in time is stretched or squeezed, because six days pass in 45 seconds.
function writeConfig(
  folder: string,
  { url, streamUrl }: Pick<Simulator, "url" | "streamUrl">,
  channels: Readonly<Record<string, object>>,
): string {
  const file = join(folder, "margind.yaml");
  const notifiers = { terminal: { type: "console" }, ...channels };
  const config = {
    stateDir: join(folder, "state"),
    exchange: {
      baseUrl: url,
      prices: { every: `${PRICES_EVERY_MS}ms` },
      stream: { riskUrl: streamUrl, userUrl: `${streamUrl}/ws-api/v3` },
    },
    accounts: { main: { apiKey: KEY.apiKey, apiSecret: KEY.secret, poll: POLL, pollWhenFiring: POLL_WHEN_FIRING } },
    flows: false, // nothing is liquidated here, and the key's lane is narrow
    transfers: { poll: "2-59/6 * * * * *", isolated: "none" },
    delistings: { poll: "5-59/6 * * * * *" },
    interest: { poll: "2-59/20 * * * * *" },
    stream: true,
    watchdog: { staleAfter: "7d" }, // hours of the demo's time pass between two looks
    notifiers,
    routes: [{ notify: Object.keys(notifiers), repeatEvery: "1d" }],
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 }); // JSON is YAML
  return file;
}

// ---------------------------------------------------------------- what is printed around the alerts

function greeting(url: string, channels: Readonly<Record<string, object>>): string {
  const also = Object.keys(channels).length === 0 ? "" : ` It also sends to: ${Object.keys(channels).join(", ")}.`;
  return `margind demo: Bitcoin's crash of March 2020, six days in about 45 seconds.
The bundled exchange (${url}) replays real hourly prices; the real daemon polls it at moments of those days, minutes or hours apart.
The book: 13.54 BTC and 400 LINK against 45,000 USDT of debt in the cross account, and an isolated BTCUSDT long.
What is not read at such a moment but every few real seconds is told late: a delisting, and a transfer with the time at which it was told.
How long it is to liquidation at the pace of now needs polls every few minutes, and is not told here.
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
    onRequest({ account, path, gapMs }: RequestInfo): void {
      if (account === "") return; // without a key, in a lane of its own
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
