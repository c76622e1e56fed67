// `margind simulate`: the simulated exchange for anyone who wants to try margind, or another client, without an account.
// main.ts reads this file at every start, so what the command itself needs is loaded when it runs.
import { type Command, InvalidArgumentError } from "commander";
import { systemClock } from "../lib/clock.ts";
import { parseIsoTimeMs, TIME_EXPECTED } from "../sim/iso-time.ts";
import { CommandError } from "./context.ts";

interface Options {
  readonly port: number;
  readonly host: string;
  readonly csv?: string | true;
  readonly speed: number;
  readonly start?: number;
  readonly key?: string;
  readonly secret?: string;
  readonly seed: number;
  readonly book?: string;
}

const HELP = `
Examples:
  margind simulate                                     a random market, one simulated minute a second
  margind simulate --csv --start 2020-03-12T09:00Z --speed 600
                                                       the crash of March 2020, ten minutes a second
  margind simulate --book positions.json --start 2020-03-12T09:00Z --seed 7

positions.json holds what the account holds, and what happens to it:
  {
    "cross": { "assets": [{ "asset": "BTC", "free": 2 }, { "asset": "USDT", "borrowed": 6000 }] },
    "isolated": [{ "symbol": "ETHUSDT", "base": { "free": 10 }, "quote": { "borrowed": 1200 }, "tier": "5x" }],
    "actions": [
      { "at": "2020-03-12T12:00:00Z", "do": "deposit", "on": "ETHUSDT", "asset": "USDT", "amount": 300 },
      { "at": "2020-03-12T13:00:00Z", "do": "rights", "set": { "transferOutEnabled": false } },
      { "at": "2020-03-12T14:00:00Z", "do": "transfer", "on": "cross", "asset": "BTC", "amount": 1, "to": "FUNDING" },
      { "at": "2020-03-12T15:00:00Z", "do": "delist", "assets": ["ETH"], "symbols": ["ETHUSDT"], "when": "2020-03-19T15:00:00Z" },
      { "at": "2020-03-12T16:00:00Z", "do": "restrict", "openLong": ["BNB"], "maxCollateral": ["ETH"] }
    ]
  }
  tier: 3x, 5x or 10x. do: deposit, withdraw, borrow, repay, sell (with "into"), transfer (with "to": a wallet such as
  SPOT or FUNDING, cross, or a pair), repayLoan (what a liquidation left), close, remove, enable, disable, rights; and
  for everybody delist (announced at "at", done at "when") and restrict.
  All of it goes into the histories (capital flow, transfers, forced liquidations) and out on the streams.
A file of prices has the header open_time_ms,open,high,low,close. Prices of coins other than BTC are derived, not real.`;

export function addSimulate(program: Command): void {
  program
    .command("simulate")
    .description("run a simulated exchange to try margind without an account")
    .option("--port <number>", "port to listen on, 0 for any", wholeNumber(0, 65_535), 8900)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--csv [file]", "recorded bars instead of a random walk; without a file: BTC in March 2020")
    .option("--speed <number>", "simulated seconds per second", positive, 60)
    .option("--start <time>", "simulated time of the start, such as 2020-03-12T09:00Z", time)
    .option("--key <key>", "API key to accept, with --secret (default: a made-up pair, printed)")
    .option("--secret <secret>", "its HMAC secret")
    .option("--seed <number>", "seed of the random walk", wholeNumber(0, 2 ** 32 - 1), 1)
    .option("--book <file>", "positions as JSON (default: those of the demo)")
    .addHelpText("after", HELP)
    .action(simulate);
}

async function simulate(options: Options): Promise<void> {
  const { runSession, SessionError } = await import("../sim/session.ts");
  const { port, host, csv, speed, start, seed, book } = options;
  const settings = { port, host, csv, speed, startMs: start, seed, book, credentials: credentialsOf(options) };
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    await runSession(settings, { clock: systemClock, print, signal: stopSignal() });
  } catch (error) {
    throw error instanceof SessionError ? new CommandError(error.message) : error;
  }
}

function credentialsOf({ key, secret }: Options): { readonly apiKey: string; readonly secret: string } | undefined {
  if (key === undefined && secret === undefined) return undefined;
  if (key === undefined || secret === undefined) throw new CommandError("--key and --secret belong together.");
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(key)) throw new CommandError("--key: only letters, digits, - and _, at most 128.");
  return { apiKey: key, secret };
}

/** The first SIGINT or SIGTERM ends the session; a second one, without handlers by then, ends the process. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = () => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    stopping.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return stopping.signal;
}

// ---------------------------------------------------------------- options

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

function positive(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= 1_000_000) return value;
  throw new InvalidArgumentError("Expected a number above 0, at most 1000000.");
}

function time(text: string): number {
  const atMs = parseIsoTimeMs(text);
  if (atMs === undefined) throw new InvalidArgumentError(`${TIME_EXPECTED}.`);
  return atMs;
}
