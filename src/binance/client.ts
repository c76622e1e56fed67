// The Exchange port on Binance. Start here: createBinance makes what all keys behind this address share, .exchange() one key's
// lane and reads. A read never rejects; what goes wrong becomes a Failure.

import type { HistoryReader } from "../core/history.ts";
import type { InterestReader } from "../core/interest.ts";
import type { KeyReader } from "../core/key-rights.ts";
import type { MarketReader, PriceReader } from "../core/market.ts";
import type { Clock, Exchange, Failure, ReadResult, Subject } from "../core/ports.ts";
import type { PushReader } from "../core/push.ts";
import type { Log } from "../lib/log.ts";
import { createLookup } from "../lib/lookup.ts";
import type { Secret } from "../lib/secret.ts";
import { type Asker, type ClockRead, createAsker } from "./ask.ts";
import { type BarsStore, createBarsKeeper } from "./bars.ts";
import type { RequestInfo, Shared } from "./call.ts";
import { createFreshness } from "./freshness.ts";
import { createHistoryReader } from "./history.ts";
import { createInterestReader } from "./interest.ts";
import { createMarketReader } from "./market.ts";
import { createLane } from "./pace.ts";
import { type Ban, type Bans, createPause } from "./pause.ts";
import { parseRights, RIGHTS_PATH } from "./permissions.ts";
import { createPricePause } from "./price-pause.ts";
import { createPriceReader } from "./prices.ts";
import { failureOf, type Read, readsOf } from "./reads.ts";
import { createHttp, type Http } from "./request.ts";
import { createServerTime } from "./server-time.ts";
import { type Credential, createSigner } from "./sign.ts";
import { createPushReader, type StreamOptions } from "./stream/push-reader.ts";
import { createWeightBudget } from "./weight.ts";

export type { Ban, Bans, BarsStore, ClockRead, Credential, RequestInfo };

export interface BinanceOptions {
  readonly baseUrl: string;
  readonly minSpacingMs: number;
  readonly timeoutMs: number;
  readonly recvWindowMs: number;
  readonly weightBudgetPct: number;
  readonly stream: StreamOptions;
  readonly clock: Clock;
  readonly random: () => number;
  /** The ban outlives a restart: the caller keeps it. */
  readonly bans: Bans;
  /** The same for the silence of public prices, which is theirs alone; not kept unless given. */
  readonly priceBans?: Bans;
  readonly barsStore: BarsStore;
  /** Monotonic ms before which no key may send: a process before this one may have sent a request just now. None unless given. */
  readonly notBeforeMonoMs?: number;
  /** What the exchange's clock is believed to say before it was read; the wall clock unless given. */
  readonly serverClock?: () => number;
  /** The clock by which the exchange dates its announcements: its own unless given (in the demo they are of another year). */
  readonly announcedBy?: () => number;
  /** How requests travel: undici unless given. The simulator of faults brings its own. */
  readonly http?: Http;
  /** Told when a request is written to its socket. */
  readonly onRequest?: (info: RequestInfo) => void;
  readonly log: Log;
}

export interface BinanceAccount {
  readonly name: string;
  readonly apiKey: Secret;
  readonly credential: Credential;
  readonly cross: boolean;
  readonly isolated: "all" | "none" | readonly string[];
  /** Subjects that owed something when they were last seen, before this process: when one is gone, it is asked for at every poll. */
  readonly indebted?: readonly Subject[];
}

/** What is read beside the polls, in the key's lane like them. */
export interface BinanceExchange extends Exchange, KeyReader {
  readonly history: HistoryReader;
  readonly market: MarketReader;
  readonly interest: InterestReader;
  readonly push: PushReader;
  /** Reads the exchange's clock now, for all keys; requests are stamped with it from then on. Never rejects. */
  clock(
    signal: AbortSignal,
  ): Promise<({ readonly ok: true } & ClockRead) | { readonly ok: false; readonly failure: Failure }>;
}

export interface Binance {
  /** In a lane of its own, beside those of the keys. */
  readonly prices: PriceReader;
  /** Throws, in a sentence without the key, when its key can never be used. */
  exchange(account: BinanceAccount): BinanceExchange;
  /** Ends the connections; a request under way fails. Abort the signals of the polls first. */
  close(): Promise<void>;
}

/** How long the first answers wait for the account's bars: with those of 3x, a healthy 5x account would be called critical. */
const FIRST_BARS_MS = 1_500;
const DNS_TIMEOUT_MS = 5_000;
const SYNC_EVERY_MS = 3_600_000;
const SYNC_RETRY_MS = 60_000;

export function createBinance(options: BinanceOptions): Binance {
  const { clock, log, weightBudgetPct } = options;
  const http = options.http ?? createHttp(options);
  const serverTime = createServerTime(clock, options.serverClock ?? (() => clock.wallMs()));
  const pause = createPause({ clock, bans: guarded(options.bans, log), log });
  const onSpent = (path: string, waitMs: number) =>
    log.warn(
      { path, waitMs },
      "this address has used its share of the weight limit; the path is not asked before the next minute",
    );
  const shared: Shared = {
    ...options,
    http,
    serverTime,
    freshness: createFreshness(),
    pause,
    pricePause: createPricePause(pause, { clock, bans: guarded(options.priceBans ?? NOT_KEPT, log), log }),
    weights: createWeightBudget({ budgetPct: weightBudgetPct, clock, serverTime, onSpent }),
    onRequest: options.onRequest ?? (() => undefined),
  };
  const barsStore: BarsStore = {
    load: (account) => options.barsStore.load(account),
    save: (account, bars, atMs) => kept(log, () => options.barsStore.save(account, bars, atMs)),
  };
  const sync = createSync(clock, log);
  const announcedBy = options.announcedBy ?? (() => serverTime.nowMs());
  const lookup = createLookup({ timeoutMs: DNS_TIMEOUT_MS, clock });
  const common: Common = { barsStore, sync, stream: options.stream, lookup, announcedBy };
  return {
    exchange: (account) => createExchange(account, shared, common),
    prices: createPriceReader(shared),
    close: () => http.close(),
  };
}

interface Common {
  readonly barsStore: BarsStore;
  readonly sync: Sync;
  readonly stream: StreamOptions;
  /** Of the streams' hosts. */
  readonly lookup: ReturnType<typeof createLookup>;
  announcedBy(): number;
}

function createExchange(
  account: BinanceAccount,
  shared: Shared,
  { barsStore, sync, stream, lookup, announcedBy }: Common,
): BinanceExchange {
  const { clock, log } = shared;
  const asker = createAsker(shared, {
    account: account.name,
    apiKey: headerSafe(account.apiKey),
    sign: createSigner(account.credential),
    lane: createLane(shared.minSpacingMs, clock, shared.notBeforeMonoMs),
  });
  const bars = createBarsKeeper({ account: account.name, asker, store: barsStore, clock, log });
  const reads = readsOf(account, asker, shared);
  const busy = new Set<Read>();
  let isFollowingUp = false;

  /** One read a source at a time: the next poll leaves out a slow one, and goes on with the others. */
  function begin(read: Read, signal: AbortSignal): Promise<ReadResult> {
    busy.add(read);
    return read(signal).finally(() => busy.delete(read));
  }

  /** The result, once the bars are known or have had their time. */
  async function after(learned: Promise<void>, result: Promise<ReadResult>): Promise<ReadResult> {
    const value = await result;
    const patience = new AbortController();
    await Promise.race([learned, clock.sleep(FIRST_BARS_MS, patience.signal).catch(() => undefined)]);
    patience.abort();
    return value;
  }

  /** After the reads of a poll, and never in their way: what is read once an hour. */
  async function followUp(results: readonly Promise<ReadResult>[], signal: AbortSignal): Promise<void> {
    const isSeen = (await Promise.all(results)).some(({ ok }) => ok);
    if (!isSeen || isFollowingUp) return;
    isFollowingUp = true;
    if (bars.isDue()) await bars.learn(signal);
    await sync.ifDue(asker, signal);
    isFollowingUp = false;
  }

  /** The value of what was asked, or why there is none. */
  const settled = <T>(asked: Promise<T>, signal: AbortSignal) =>
    asked.catch((error: unknown) => ({ ok: false as const, failure: failureOf(error, signal, log) }));

  return {
    account: account.name,
    history: createHistoryReader(account.name, asker, shared),
    market: createMarketReader(asker, { ...shared, nowMs: announcedBy }),
    interest: createInterestReader(asker, shared),
    push: createPushReader({ ...shared, stream, lookup, account: account.name, asker }),
    bars: bars.current,
    clock: (signal) =>
      settled(
        sync.now(asker, signal).then((read) => ({ ok: true as const, ...read })),
        signal,
      ),
    rights: (signal) =>
      settled(
        asker.ask(RIGHTS_PATH, [], signal).then((body) => ({ ok: true as const, rights: parseRights(body) })),
        signal,
      ),
    poll(signal) {
      const isNew = account.cross && bars.isUnknown() && bars.isDue();
      const [first, ...others] = reads.filter((read) => !busy.has(read));
      const cross = first === undefined ? [] : [begin(first, signal)];
      const learned = isNew ? bars.learn(signal) : undefined; // second in the lane
      const all = [...cross, ...others.map((read) => begin(read, signal))];
      const results = learned === undefined ? all : all.map((result) => after(learned, result));
      void followUp(results, signal);
      return results;
    },
  };
}

interface Sync {
  /** Reads the exchange's clock, for all keys together. */
  now(asker: Asker, signal: AbortSignal): Promise<ClockRead>;
  /** The same if an hour has passed. Never rejects. */
  ifDue(asker: Asker, signal: AbortSignal): Promise<void>;
}

function createSync(clock: Clock, log: Log): Sync {
  let dueMonoMs = Number.NEGATIVE_INFINITY;
  const now = async (asker: Asker, signal: AbortSignal): Promise<ClockRead> => {
    dueMonoMs = clock.monoMs() + SYNC_EVERY_MS;
    try {
      return await asker.syncTime(signal);
    } catch (error) {
      dueMonoMs = clock.monoMs() + SYNC_RETRY_MS;
      throw error;
    }
  };
  return {
    now,
    async ifDue(asker, signal) {
      if (clock.monoMs() < dueMonoMs) return;
      await now(asker, signal).catch((error: unknown) => {
        log.debug({ error }, "the exchange's clock cannot be read; the last offset stays");
      });
    },
  };
}

const NOT_KEPT: Bans = { load: () => undefined, save: () => undefined, clear: () => undefined };

const guarded = (bans: Bans, log: Log): Bans => ({
  load: () => bans.load(),
  save: (ban) => kept(log, () => bans.save(ban)),
  clear: () => kept(log, () => bans.clear()),
});

/** The state's disk may be full; that must not stop the watch. */
function kept(log: Log, save: () => void): void {
  try {
    save();
  } catch (error) {
    log.warn({ error }, "a fact about the exchange could not be kept; it is lost at a restart");
  }
}

function headerSafe(apiKey: Secret): string {
  const text = apiKey.reveal();
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Error("the API key is empty or holds characters that no Binance key has");
  return text;
}
