// The weight budget of this address. Binance counts it per minute, for each path of /sapi and for all of /api together, and tells it in
// every answer; when this daemon has used its share, later requests there fail until the next minute of the exchange's clock: a read
// that slept so long would hold up the whole poll.
import type { Clock } from "../core/ports.ts";
import { ExchangeError } from "./errors.ts";
import type { Urgency } from "./pace.ts";
import { type Headers, headerText } from "./request.ts";
import type { ServerTime } from "./server-time.ts";

export interface WeightBudget {
  note(path: string, headers: Headers): void;
  /** The failure that every request to the path has now, or undefined when it may be asked. What can wait has half of the share. */
  current(path: string, urgency: Urgency): ExchangeError | undefined;
}

interface Limit {
  readonly header: string;
  readonly perMinute: number;
}

// /sapi counts each path by itself; most are limited per IP, some per user. /api counts nothing of it.
// Source: https://developers.binance.com/docs/margin_trading/general-info
const SAPI_LIMITS: readonly Limit[] = [
  { header: "x-sapi-used-ip-weight-1m", perMinute: 12_000 },
  { header: "x-sapi-used-uid-weight-1m", perMinute: 180_000 },
];
// Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
const API_LIMITS: readonly Limit[] = [{ header: "x-mbx-used-weight-1m", perMinute: 6_000 }];
const isApi = (path: string): boolean => /^\/api\//.test(path);
const counterOf = (path: string): string => (isApi(path) ? "all of /api" : path);
const MINUTE_MS = 60_000;

export interface WeightOptions {
  readonly budgetPct: number;
  readonly clock: Clock;
  readonly serverTime: ServerTime;
  readonly onSpent: (path: string, waitMs: number) => void;
}

export function createWeightBudget({ budgetPct, clock, serverTime, onSpent }: WeightOptions): WeightBudget {
  /** Path, or all of /api → monotonic time at which its next minute begins. */
  const spentUntil = new Map<string, number>();
  const halfSpentUntil = new Map<string, number>();
  return {
    note(path, headers) {
      const pct = usedPct(path, headers);
      const counter = counterOf(path);
      const waitMs = MINUTE_MS - (serverTime.nowMs() % MINUTE_MS);
      if (pct >= budgetPct / 2) halfSpentUntil.set(counter, clock.monoMs() + waitMs);
      // Urgent in /api is only the exchange's clock, of weight 1: what other programs of this address use up there must not keep it away.
      if (pct < budgetPct || isApi(path)) return;
      if ((spentUntil.get(path) ?? 0) <= clock.monoMs()) onSpent(path, waitMs);
      spentUntil.set(path, clock.monoMs() + waitMs);
    },
    current(path, urgency) {
      const leftMs = ((urgency === "later" ? halfSpentUntil : spentUntil).get(counterOf(path)) ?? 0) - clock.monoMs();
      if (leftMs <= 0) return undefined;
      const untilMs = Math.round(clock.wallMs() + leftMs);
      return new ExchangeError({ code: "rate_limited", detail: "its weight budget for this minute is used", untilMs });
    },
  };
}

/** Share of the path's limit that is used, percent; 0 where the answer does not say. */
export function usedPct(path: string, headers: Headers): number {
  const limits = isApi(path) ? API_LIMITS : SAPI_LIMITS;
  return Math.max(...limits.map(({ header, perMinute }) => (100 * weight(headerText(headers, header))) / perMinute));
}

const weight = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : 0);
