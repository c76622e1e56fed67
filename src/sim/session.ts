// One run of `margind simulate`: a price path, a book, the simulator, and what the person at the terminal reads. Prices may
// run faster than real time; the server's clock is the real one, so that the timestamps of ordinary clients are right.
import { readFileSync } from "node:fs";
import type { Clock } from "../core/ports.ts";
import type { ScriptedAction } from "./actions.ts";
import { parseBars } from "./bars.ts";
import type { Book } from "./book.ts";
import { parseBookFile } from "./book-file.ts";
import { crashPath, demoActions, demoBook } from "./demo-book.ts";
import type { MarketAction } from "./market.ts";
import type { SimEvent } from "./play.ts";
import { type BarsPath, barsPath, type PricePath, randomPath } from "./price-path.ts";
import { type Simulator, startSimulator } from "./server.ts";

export interface SessionSettings {
  readonly port: number;
  readonly host: string;
  /** A file of bars, true for the bundled crash of March 2020, undefined for a random walk. */
  readonly csv: string | true | undefined;
  readonly seed: number;
  /** Simulated seconds per second. */
  readonly speed: number;
  /** Simulated time of the start; undefined: the start of the bars, or now. */
  readonly startMs: number | undefined;
  /** Undefined: a made-up pair, printed. */
  readonly credentials: { readonly apiKey: string; readonly secret: string } | undefined;
  /** A JSON file; undefined: the positions of the demo. */
  readonly book: string | undefined;
}

export interface SessionWorld {
  readonly clock: Clock;
  print(line: string): void;
  /** Ends the session. */
  readonly signal: AbortSignal;
}

/** A mistake that the user can mend; the text says how. */
export class SessionError extends Error {
  override readonly name = "SessionError";
}

// Obviously not keys of Binance, but of the same form.
const DEMO_CREDENTIALS = {
  apiKey: "margindSimulatorKeyThatIsNotRealAndOpensNothing00000000000000000",
  secret: "margindSimulatorSecretThatIsNotRealAndOpensNothing00000000000000",
};
const TICK_MS = 250;
const HOUR_MS = 3_600_000;

interface Market {
  readonly path: PricePath;
  readonly startMs: number;
  /** When the book is as given: with recorded prices it is played from their beginning. */
  readonly bookAtMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** Runs until the signal. Rejects with SessionError for what the user can mend. */
export async function runSession(settings: SessionSettings, { clock, print, signal }: SessionWorld): Promise<void> {
  const market = openMarket(settings, clock.wallMs());
  const credentials = settings.credentials ?? DEMO_CREDENTIALS;
  const { book, actions, announcements } = openBook(settings.book, credentials.apiKey);
  const startedMs = clock.monoMs();
  const simNowMs = () => market.startMs + (clock.monoMs() - startedMs) * settings.speed;
  const simulator = await start({
    port: settings.port,
    host: settings.host,
    keys: [{ apiKey: credentials.apiKey, credential: { kind: "hmac", secret: credentials.secret }, book }],
    path: market.path,
    bookAtMs: market.bookAtMs,
    actions,
    market: announcements,
    simNowMs,
    serverNowMs: clock.wallMs,
    monoMs: clock.monoMs,
    onEvent: (event: SimEvent) => print(`${stamp(event.atMs)}  ${event.text}`),
  });
  try {
    const past = actions.filter(({ atMs }) => atMs <= market.bookAtMs).length;
    for (const line of banner(simulator, market, settings)) print(line);
    if (past > 0)
      print(`${past} of the book's ${actions.length} actions lie before the start and will not happen: see --start.`);
    await tick(simulator, { clock, signal, isOver: () => simNowMs() >= market.endMs, print });
  } finally {
    await simulator.close();
  }
}

interface Ticking extends SessionWorld {
  isOver(): boolean;
}

async function tick(simulator: Simulator, { clock, signal, isOver, print }: Ticking): Promise<void> {
  let hasEnded = false;
  while (!signal.aborted) {
    simulator.advance();
    if (!hasEnded && isOver()) {
      hasEnded = true;
      print("The recorded prices end here; they stay at the last close until you stop.");
    }
    await clock.sleep(TICK_MS, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

// ---------------------------------------------------------------- what it runs on

function openMarket({ csv, seed, startMs }: SessionSettings, nowMs: number): Market {
  if (csv === undefined) {
    const start = startMs ?? Math.floor(nowMs / HOUR_MS) * HOUR_MS;
    const path = randomPath({ seed, startMs: start });
    const text = `a random walk with seed ${seed}, from ${stamp(start)}`;
    return { path, startMs: start, bookAtMs: start, endMs: Number.POSITIVE_INFINITY, text };
  }
  const path = csv === true ? crashPath() : readBars(csv);
  const start = startMs ?? path.startMs;
  const name = csv === true ? "real bitcoin prices of March 2020" : csv;
  const text = `${name}, ${stamp(path.startMs)} to ${stamp(path.endMs)}, from ${stamp(start)}`;
  return { path, startMs: start, bookAtMs: Math.min(path.startMs, start), endMs: path.endMs, text };
}

const readBars = (file: string): BarsPath => reading(file, (text) => barsPath(parseBars(text)));

interface Story {
  readonly book: Book;
  readonly actions: readonly ScriptedAction[];
  readonly announcements: readonly MarketAction[];
}

function openBook(file: string | undefined, apiKey: string): Story {
  if (file === undefined) return { book: demoBook(), actions: demoActions(apiKey), announcements: [] };
  const { book, actionsFor, market } = reading(file, parseBookFile);
  return { book, actions: actionsFor(apiKey), announcements: market };
}

function reading<T>(file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new SessionError(
      reasonLines(error)
        .map((line) => `${file}: ${line}`)
        .join("\n"),
      { cause: error },
    );
  }
}

const reasonLines = (error: unknown): string[] => {
  if (hasCode(error, "ENOENT")) return ["there is no such file"];
  return (error instanceof Error ? error.message : String(error)).split("\n");
};

async function start(options: Parameters<typeof startSimulator>[0]): Promise<Simulator> {
  const where = `${options.host} port ${options.port}`;
  return startSimulator(options).catch((error: unknown) => {
    if (hasCode(error, "EADDRINUSE")) throw new SessionError(`${where} is taken: choose another with --port.`);
    if (hasCode(error, "EADDRNOTAVAIL", "ENOTFOUND"))
      throw new SessionError(`${where}: this machine has no such address.`);
    if (hasCode(error, "EACCES")) throw new SessionError(`${where}: not allowed; ports below 1024 need root.`);
    throw new SessionError(reasonLines(error).join("\n"), { cause: error });
  });
}

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && "code" in error && codes.some((code) => code === error.code);

// ---------------------------------------------------------------- what is printed

function banner(
  { url, streamUrl }: Simulator,
  { text }: Market,
  { speed, credentials }: SessionSettings,
): readonly string[] {
  const { apiKey, secret } = credentials ?? DEMO_CREDENTIALS;
  return [
    `Simulated exchange on ${url}: no real account, no real money.`,
    `Prices: ${text}; ${speed} simulated ${speed === 1 ? "second" : "seconds"} a second.`,
    "",
    "To watch it, save this as margind.yaml and start `margind run` beside it:",
    "",
    "  stateDir: ./state-simulated",
    "  exchange:",
    `    baseUrl: ${url}`,
    "    stream:",
    `      riskUrl: ${streamUrl}`,
    `      userUrl: ${streamUrl}/ws-api/v3`,
    "  accounts:",
    "    simulated:",
    `      apiKey: ${apiKey}`,
    `      apiSecret: ${credentials === undefined ? secret : "# the one that you gave with --secret"}`,
    "      stream: true # pushed events bring the next look forward; without it margind only polls",
    "  notifiers:",
    "    terminal:",
    "      type: console",
    "",
    "Stop with Ctrl-C. What happens, in simulated time (UTC):",
  ];
}

/** "2020-03-12 10:40" */
const stamp = (atMs: number): string => new Date(atMs).toISOString().slice(0, 16).replace("T", " ");
