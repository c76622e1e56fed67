// The whole Binance client against a scripted exchange over real sockets, on a clock that a test may jump forward. After each test:
// everything is closed, nothing that the client said holds a secret, and the exchange was sent nothing but GET.

import { afterEach, expect } from "vitest";
import {
  type Ban,
  type Binance,
  type BinanceAccount,
  type BinanceOptions,
  createBinance,
  type RequestInfo,
} from "../../src/binance/client.ts";
import type { Bars, Exchange, ReadResult } from "../../src/core/ports.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { Secret } from "../../src/lib/secret.ts";
import { BARS_3X } from "./answers.ts";
import { API_KEY, API_SECRET, type FakeExchange, type FakeOptions, startExchange } from "./exchange.ts";
import { NO_STREAM } from "./no-stream.ts";
import { untilTrue } from "./server.ts";
import { createWarpClock, type WarpClock } from "./warp-clock.ts";

export interface ClientWorld {
  readonly server: FakeExchange;
  readonly clock: WarpClock;
  readonly binance: Binance;
  readonly exchange: ReturnType<Binance["exchange"]>;
  readonly requests: RequestInfo[];
  readonly bans: Ban[];
  readonly savedBars: Bars[];
  readonly warnings: string[];
  readonly notes: string[];
}

export type Setup = FakeOptions &
  Partial<BinanceOptions> & { readonly account?: Partial<BinanceAccount>; readonly ban?: Ban };

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const never = new AbortController().signal;

export const failureOf = (result: ReadResult | undefined) => (result?.ok === false ? result.failure : undefined);

export const accountOf = (account: Partial<BinanceAccount>): BinanceAccount => ({
  name: "main",
  apiKey: new Secret(API_KEY),
  credential: { kind: "hmac", secret: new Secret(API_SECRET) },
  cross: true,
  isolated: "none",
  ...account,
});

export function useClient() {
  let open = new AsyncDisposableStack();
  /** All that the client said of itself in one test: logs and failures. */
  const said: string[] = [];
  afterEach(async () => {
    await open.disposeAsync();
    open = new AsyncDisposableStack();
    const text = said.splice(0).join("\n");
    for (const secret of [API_KEY, API_SECRET, "signature=", "timestamp=", "?", "http:"])
      expect(text).not.toContain(secret);
  });

  function logTo(warnings: string[], notes: string[]): Log {
    const to = (list: string[]) => (fields: object, text: string) => {
      list.push(text);
      const shown = Object.values(fields).map((value) =>
        value instanceof Error ? `${value.stack}` : JSON.stringify(value),
      );
      said.push(text, ...shown.map((value) => value.replaceAll(/at .*/g, "")));
    };
    return { ...silentLog, warn: to(warnings), debug: to(notes), info: to([]) };
  }

  async function start({ account = {}, ban, script, serverMs, ...options }: Setup = {}): Promise<ClientWorld> {
    const clock = createWarpClock();
    const server = await startExchange({ serverMs: serverMs ?? clock.trueMs, ...(script && { script }) });
    open.defer(() => server.close());
    const requests: RequestInfo[] = [];
    const bans: Ban[] = [];
    const savedBars: Bars[] = [];
    const warnings: string[] = [];
    const notes: string[] = [];
    const binance = createBinance({
      stream: NO_STREAM,
      baseUrl: server.url,
      minSpacingMs: 0,
      timeoutMs: 2 * SECOND,
      recvWindowMs: 5000,
      weightBudgetPct: 50,
      clock,
      random: () => 0.01,
      bans: { load: () => ban, save: (pause) => void bans.push(pause), clear: () => undefined },
      // Known, but so old that they are read again after the first poll.
      barsStore: { load: () => ({ bars: BARS_3X, atMs: 0 }), save: (_, bars) => savedBars.push(bars) },
      onRequest: (info) => requests.push(info),
      log: logTo(warnings, notes),
      ...options,
    });
    open.defer(() => binance.close());
    const exchange = binance.exchange(accountOf(account));
    return { server, clock, binance, exchange, requests, bans, savedBars, warnings, notes };
  }

  async function poll(exchange: Exchange, signal = never): Promise<readonly ReadResult[]> {
    const results = await Promise.all(exchange.poll(signal));
    said.push(JSON.stringify(results.map(failureOf)));
    return results;
  }

  /** The first poll and what follows it, so that later requests are only those of polls. */
  async function warmUp({ exchange, server }: Pick<ClientWorld, "exchange" | "server">): Promise<void> {
    await poll(exchange);
    await untilTrue(() => server.paths().includes("v3/time"));
    await untilTrue(() => server.paths().includes("tradeCoeff"));
  }

  /** What else is to be closed after the test. */
  const defer = (close: () => Promise<void> | void): void => open.defer(close);

  return { start, poll, warmUp, defer, said };
}
