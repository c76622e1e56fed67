// The weight budget of this address. Binance counts it per path and minute and tells it in every answer; when this daemon has used its
// share of a path, later requests to that path fail until the next minute of the exchange's clock: a read that slept so long would
// hold up the whole poll.
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

// /sapi counts each path by itself; most are limited per IP, some per user.
// Source: https://developers.binance.com/docs/margin_trading/general-info
const LIMITS = [
  { header: "x-sapi-used-ip-weight-1m", perMinute: 12_000 },
  { header: "x-sapi-used-uid-weight-1m", perMinute: 180_000 },
] as const;
const MINUTE_MS = 60_000;

export interface WeightOptions {
  readonly budgetPct: number;
  readonly clock: Clock;
  readonly serverTime: ServerTime;
  readonly onSpent: (path: string, waitMs: number) => void;
}

export function createWeightBudget({ budgetPct, clock, serverTime, onSpent }: WeightOptions): WeightBudget {
  /** Path → monotonic time at which its next minute begins. */
  const spentUntil = new Map<string, number>();
  const halfSpentUntil = new Map<string, number>();
  return {
    note(path, headers) {
      const pct = usedPct(headers);
      const waitMs = MINUTE_MS - (serverTime.nowMs() % MINUTE_MS);
      if (pct >= budgetPct / 2) halfSpentUntil.set(path, clock.monoMs() + waitMs);
      if (pct < budgetPct) return;
      if ((spentUntil.get(path) ?? 0) <= clock.monoMs()) onSpent(path, waitMs);
      spentUntil.set(path, clock.monoMs() + waitMs);
    },
    current(path, urgency) {
      const leftMs = ((urgency === "later" ? halfSpentUntil : spentUntil).get(path) ?? 0) - clock.monoMs();
      if (leftMs <= 0) return undefined;
      const untilMs = Math.round(clock.wallMs() + leftMs);
      return new ExchangeError({ code: "rate_limited", detail: "its weight budget for this minute is used", untilMs });
    },
  };
}

/** Share of the limit that is used, percent; 0 where the answer does not say. */
export function usedPct(headers: Headers): number {
  return Math.max(...LIMITS.map(({ header, perMinute }) => (100 * weight(headerText(headers, header))) / perMinute));
}

const weight = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : 0);
