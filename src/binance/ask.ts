// One API key asks: signature, clock, retry. The one thing to know: whatever waits, waits before the timestamp is taken, and every
// retry is signed again.
import pRetry from "p-retry";
import { type Backoff, fullJitterMs, stepMs } from "../lib/backoff.ts";
import { createCall, type Shared } from "./call.ts";
import { badResponse, ExchangeError } from "./errors.ts";
import type { Lane } from "./pace.ts";
import type { Method } from "./request.ts";
import { SKEW_WARNING_MS, serverTimeIn } from "./server-time.ts";
import { type Params, queryString, type Sign, signedQuery } from "./sign.ts";

export interface Key {
  readonly account: string;
  readonly apiKey: string;
  readonly sign: Sign;
  readonly lane: Lane;
}

export interface LaterOptions {
  /** POST only for a listen token. */
  readonly method?: Method;
  /** An empty body is an answer too; it reads as null. */
  readonly mayBeEmpty?: boolean;
  /** False: numbers of the answer stay numbers. */
  readonly isExact?: boolean;
}

export interface Asker {
  /** A signed GET, asked again where that can help. Resolves with parsed JSON; rejects with ExchangeError, or as aborted. */
  ask(path: string, params: Params, signal: AbortSignal): Promise<unknown>;
  /** The same without a second try. */
  askOnce(path: string, params: Params, signal: AbortSignal): Promise<unknown>;
  /**
   * A signed GET for what is not the account itself: once, after everything urgent that waits, and dropped first when the weight budget
   * or a pause bites. Numbers of the answer are text unless said otherwise.
   */
  askLater(path: string, params: Params, signal: AbortSignal, options?: LaterOptions): Promise<unknown>;
  /** The same with the key alone, not signed; POST and PUT only for listen keys. */
  askKeyed(method: Method, path: string, params: Params, signal: AbortSignal): Promise<unknown>;
  /** Reads the exchange's clock. */
  syncTime(signal: AbortSignal): Promise<ClockRead>;
}

/** By how much this machine's clock is ahead of the exchange's, wrong by half the round trip at most. */
export interface ClockRead {
  readonly aheadMs: number;
  readonly roundTripMs: number;
}

const TIME_PATH = "/api/v3/time";
const URGENT = { method: "GET", urgency: "now", isExact: false, mayBeEmpty: false } as const;
const LATER = { method: "GET", urgency: "later", isExact: true, mayBeEmpty: false } as const;
const RETRIES = 2;
const SOON: Backoff = { firstMs: 500, maxMs: 2_000 };
const SLOW: Backoff = { firstMs: 2_000, maxMs: 8_000 };

export function createAsker(shared: Shared, { account, apiKey, sign, lane }: Key): Asker {
  const { serverTime, freshness, clock, random, minSpacingMs, timeoutMs, recvWindowMs, log } = shared;
  const call = createCall(shared, account, lane);
  const keyed = { "X-MBX-APIKEY": apiKey };
  const signed = (params: Params) => () => `?${signedQuery(params, { recvWindowMs, atMs: serverTime.nowMs(), sign })}`;

  async function askOnce(path: string, params: Params, signal: AbortSignal) {
    const { body, headers, startedMonoMs } = await call(
      { ...URGENT, path, query: signed(params), headers: keyed },
      signal,
    );
    freshness.check(headers, startedMonoMs);
    return body;
  }

  async function askLater(path: string, params: Params, signal: AbortSignal, options: LaterOptions = {}) {
    return (await call({ ...LATER, ...options, path, query: signed(params), headers: keyed }, signal)).body;
  }

  async function askKeyed(method: Method, path: string, params: Params, signal: AbortSignal) {
    const query = () => (params.length === 0 ? "" : `?${queryString(params)}`);
    return (await call({ ...LATER, method, path, query, headers: keyed }, signal)).body;
  }

  async function syncTime(signal: AbortSignal): Promise<ClockRead> {
    const { body, headers, startedMonoMs, endedMonoMs } = await call(
      { ...URGENT, path: TIME_PATH, query: () => "", headers: {} },
      signal,
    );
    const serverMs = serverTimeIn(body);
    if (serverMs === undefined) throw badResponse("no serverTime in the answer");
    // The exchange looked at its clock somewhere between; the middle is wrong by half the round trip at most.
    const atMonoMs = (startedMonoMs + endedMonoMs) / 2;
    freshness.anchor(headers, atMonoMs);
    const aheadMs = Math.round(serverTime.set(serverMs, atMonoMs));
    const read = { aheadMs, roundTripMs: Math.round(endedMonoMs - startedMonoMs) };
    if (Math.abs(aheadMs) <= SKEW_WARNING_MS) log.debug(read, "read the exchange's clock");
    else
      log.warn(
        read,
        "this machine's clock differs from the exchange's: requests use the exchange's, but mend it (NTP)",
      );
    return read;
  }

  /** Waits as the failure asks for, or throws it when asking again cannot help. */
  async function beforeRetry(error: ExchangeError, attempt: number, signal: AbortSignal) {
    switch (error.retry) {
      case "no":
        throw error;
      case "soon":
        return clock.sleep(fullJitterMs(SOON, attempt, random), signal);
      case "slow":
        return clock.sleep(fullJitterMs(SLOW, attempt, random), signal);
      case "spaced":
        // The whole key was too fast, not this one path.
        return lane.hold(stepMs({ firstMs: minSpacingMs, maxMs: SLOW.maxMs }, attempt));
      case "resync":
        await syncTime(signal).catch((cause: unknown) => {
          log.debug({ account, error: cause }, "the exchange's clock cannot be read; the last offset stays");
        });
    }
  }

  return {
    askOnce,
    askLater,
    askKeyed,
    syncTime,
    ask(path, params, signal) {
      const startedMs = clock.monoMs();
      let isSynced = false;
      return pRetry(() => askOnce(path, params, signal), {
        retries: RETRIES,
        minTimeout: 0, // the waiting is done below, on the injected clock
        signal,
        async onFailedAttempt({ error, attemptNumber, retriesLeft }) {
          // The next poll is as good as a retry that starts later than one deadline after the first try.
          const isLate = clock.monoMs() - startedMs >= timeoutMs;
          if (!(error instanceof ExchangeError) || retriesLeft === 0 || isLate) throw error;
          const isAboutTime = error.retry === "resync";
          if (isAboutTime && isSynced) throw error;
          isSynced ||= isAboutTime;
          log.debug({ account, path, attempt: attemptNumber, reason: error.message }, "asking again");
          await beforeRetry(error, attemptNumber, signal);
        },
      });
    },
  };
}
