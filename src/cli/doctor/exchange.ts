// What the doctor asks the exchange: its clock once, then of each account the reads of a poll and what its key may do. These are the
// fewest requests that show whether a watch would work; each key keeps its spacing, as in the daemon.
import { DEFAULT_BARS } from "../../binance/bars.ts";
import { type Ban, type BinanceExchange, createBinance } from "../../binance/client.ts";
import type { AccountConfig, Config } from "../../config/config.ts";
import { nextPolls } from "../../config/cron.ts";
import { type Check, good, warning } from "../../core/finding.ts";
import type { HistoryKind } from "../../core/history.ts";
import type { RightsRead } from "../../core/key-rights.ts";
import type { PriceReader } from "../../core/market.ts";
import type { Clock, ReadResult } from "../../core/ports.ts";
import { PUSH_STREAMS, type PushEvent, type PushReader, type PushStream } from "../../core/push.ts";
import { silentLog } from "../../lib/log.ts";
import { clockFinding, historyFinding, interestFinding, keyFinding, pricesFinding, readFinding } from "./judge.ts";

export interface ExchangeParts {
  readonly clock: Clock;
  /** A ban that the daemon has kept: nothing may be asked before its end. */
  readonly ban: Ban | undefined;
  /** A daemon polls with the same keys. */
  readonly isDaemonRunning: boolean;
}

export interface ExchangeChecks {
  readonly checks: readonly Check[];
  close(): Promise<void>;
}

type ReadClock = (signal: AbortSignal) => ReturnType<BinanceExchange["clock"]>;

/** Signed requests wait no longer than this for the exchange's clock. */
const CLOCK_MAX_MS = 3_000;

export function exchangeChecks({ exchange, accounts }: Config, parts: ExchangeParts): ExchangeChecks {
  const { clock, ban } = parts;
  const binance = createBinance({
    ...exchange,
    clock,
    random: Math.random,
    log: silentLog,
    bans: { load: () => ban, save() {}, clear() {} },
    barsStore: { load: () => ({ bars: DEFAULT_BARS, atMs: clock.wallMs() }), save() {} }, // as if just read: no finding needs them
  });
  const visits = accounts.map((account) => ({ account, exchange: binance.exchange(account) }));
  const readClock = visits.slice(0, 1).map(({ exchange }) => once((signal) => exchange.clock(signal)));
  const limits = { recvWindowMs: exchange.recvWindowMs };
  return {
    checks: readClock.flatMap((read) => [
      {
        name: "clock",
        run: async (signal) => clockFinding(await read(signal), { ...limits, nowMs: clock.wallMs() }),
      },
      ...(exchange.prices === undefined ? [] : [pricesCheck(binance.prices, clock)]),
      ...visits.flatMap(({ account, exchange }) => accountChecks(account, exchange, read, parts)),
    ]),
    close: () => binance.close(),
  };
}

/** Once: they are the same for every key, and need none. */
const pricesCheck = (prices: PriceReader, clock: Clock): Check => ({
  name: "prices",
  run: async (signal) => pricesFinding(await prices.prices(undefined, signal), clock.wallMs()),
});

/** Several checks share one request; the first of them makes it. */
function once<T>(begin: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let begun: Promise<T> | undefined;
  return (signal) => {
    begun ??= begin(signal);
    return begun;
  };
}

interface Visit {
  readonly reads: readonly Promise<ReadResult>[];
  readonly rights: Promise<RightsRead>;
}

function accountChecks(
  account: AccountConfig,
  exchange: BinanceExchange,
  readClock: ReadClock,
  { clock, isDaemonRunning }: ExchangeParts,
): readonly Check[] {
  const { name, cross, isolated, poll, requireReadOnlyKey } = account;
  const visit = once(async (signal): Promise<Visit> => {
    const pause = (ms: number) => clock.sleep(ms, signal).catch(() => undefined); // the reads will say that they were stopped
    await Promise.race([readClock(signal), pause(CLOCK_MAX_MS)]);
    if (isDaemonRunning) await pause(quietWaitMs(poll, clock.wallMs()));
    return { reads: exchange.poll(signal), rights: exchange.rights(signal) };
  });
  const sources = [...(cross ? ["cross"] : []), ...(isolated === "none" ? [] : ["isolated"])];
  return [
    {
      name: `key ${name}`,
      run: async (signal) => keyFinding(await (await visit(signal)).rights, requireReadOnlyKey, clock.wallMs()),
    },
    ...sources.map((source, index) => ({
      name: `${source} ${name}`,
      async run(signal: AbortSignal) {
        const result = await (await visit(signal)).reads[index];
        if (result === undefined) throw new RangeError("a read without a result");
        return readFinding(result);
      },
    })),
    // A running daemon's own reads beside the polls come at no time that could be avoided.
    ...(isDaemonRunning
      ? [leftToDaemon(name)]
      : historyChecks(
          account,
          exchange,
          async (signal) => void (await Promise.all((await visit(signal)).reads)),
          clock,
        )),
  ];
}

const leftToDaemon = (account: string): Check => ({
  name: `history ${account}`,
  run: async () => good("not tried: the running margind reads it with the same key, and tells when it cannot"),
});

/** A row or none: what counts is that the exchange lets this key read it. */
const HISTORY_SPAN_MS = 60_000;

/** What is read beside the polls, as far as the config wants it: one small request each, after those of the poll. */
function historyChecks(
  account: AccountConfig,
  exchange: BinanceExchange,
  visited: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): readonly Check[] {
  const { name, cross, flows, transfers, delistings, interest, stream } = account;
  const { history, market, push } = exchange;
  const rows = (kind: HistoryKind) => async (signal: AbortSignal) => {
    const parts = history.read({ kind, symbol: undefined }, history.nowMs() - HISTORY_SPAN_MS, signal);
    for await (const part of parts) if (!part.ok) return part.failure;
    return undefined;
  };
  const schedule = async (signal: AbortSignal) => {
    const read = await market.delistings(signal);
    return read.ok ? undefined : read.failure;
  };
  const wanted = [
    ...(flows !== undefined && cross ? [{ name: "capital flow", read: rows("flow") }] : []),
    ...(transfers !== undefined && cross ? [{ name: "transfers", read: rows("transfer") }] : []),
    ...(delistings !== undefined ? [{ name: "delistings", read: schedule }] : []),
  ];
  const others = [
    ...(stream && cross ? [streamCheck(name, push, visited, clock)] : []),
    ...(interest === undefined ? [] : [interestCheck(account, exchange, visited, clock)]),
  ];
  if (wanted.length === 0) return others;
  return [
    ...others,
    {
      name: `history ${name}`,
      async run(signal) {
        await visited(signal);
        const found = await Promise.all(
          wanted.map(async (each) => ({ name: each.name, failure: await each.read(signal) })),
        );
        return historyFinding(found, clock.wallMs());
      },
    },
  ];
}

/** Most accounts owe it, and its rate is known on both margins. */
const RATE_OF = "USDT";

function interestCheck(
  { name, cross }: AccountConfig,
  { interest }: BinanceExchange,
  visited: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Check {
  return {
    name: `interest ${name}`,
    async run(signal) {
      await visited(signal);
      return interestFinding(await interest.rates([RATE_OF], !cross, signal), RATE_OF, clock.wallMs());
    },
  };
}

/** Longer than a connection takes that works. */
const STREAM_MAX_MS = 10_000;

/** Whether both streams can be connected. Not to have them is no failure: polling sees the same, a little later. */
function streamCheck(
  account: string,
  push: PushReader,
  visited: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Check {
  return {
    name: `stream ${account}`,
    async run(signal) {
      await visited(signal);
      const connected = new Set<PushStream>();
      let reason = "";
      const over = new AbortController();
      const hear = (event: PushEvent) => {
        if (event.kind === "connected") connected.add(event.stream);
        if (event.kind === "retired" || event.kind === "unavailable") reason = `: ${event.reason}`;
        if (connected.size === PUSH_STREAMS.length || reason !== "") over.abort();
      };
      const both = AbortSignal.any([signal, over.signal]);
      const listening = push.listen(PUSH_STREAMS, hear, both);
      await clock.sleep(STREAM_MAX_MS, both).catch(() => undefined); // connected, refused or stopped before that
      over.abort();
      await listening;
      const missing = PUSH_STREAMS.filter((stream) => !connected.has(stream));
      if (missing.length === 0) return good("the risk stream and the user stream connect");
      const what = missing.map((stream) => `the ${stream} stream`).join(" and ");
      return warning(
        `${what} did not connect${reason}`,
        "polling goes on without; look at exchange.stream and the network",
      );
    },
  };
}

/** After a poll its requests may still be leaving; before the next one ours must have left. */
const AFTER_POLL_MS = 1_500;
const BEFORE_POLL_MS = 2_000;
const QUIET_WAIT_MAX_MS = 5_000;

/**
 * How long to wait for a moment between two polls of a daemon that uses the same key: two processes cannot keep 500 ms between the
 * requests of one. Nothing where its polls leave no such moment, or none soon.
 */
export function quietWaitMs(poll: string, nowMs: number): number {
  let atMs = nowMs;
  for (const pollMs of nextPolls(poll, nowMs - AFTER_POLL_MS, 20)) {
    if (pollMs + AFTER_POLL_MS > atMs && pollMs - BEFORE_POLL_MS < atMs) atMs = pollMs + AFTER_POLL_MS;
  }
  return atMs - nowMs <= QUIET_WAIT_MAX_MS ? atMs - nowMs : 0;
}
