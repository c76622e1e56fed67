// The exchange's clock: what timestamps are made of. Once read it runs on the monotonic clock, so a step of this machine's wall
// clock changes no timestamp.
import type { Clock } from "../core/ports.ts";

/** A machine whose clock is off by more is told to mend it. */
export const SKEW_WARNING_MS = 1_000;

export interface ServerTime {
  /** Ms since the epoch as the exchange counts them; before the first reading, what this machine believes. */
  nowMs(): number;
  /** `serverMs` was true at this monotonic moment. Returns by how much this machine's own clock is ahead, ms. */
  set(serverMs: number, atMonoMs: number): number;
}

/** `believedMs` is asked until the first reading. */
export function createServerTime(clock: Clock, believedMs: () => number): ServerTime {
  let offsetMs: number | undefined;
  const nowMs = () => (offsetMs === undefined ? believedMs() : clock.monoMs() + offsetMs);
  return {
    nowMs,
    set(serverMs, atMonoMs) {
      offsetMs = serverMs - atMonoMs;
      return believedMs() - nowMs();
    },
  };
}

/** {"serverTime":1499827319559}; undefined for anything else. */
export function serverTimeIn(body: unknown): number | undefined {
  if (typeof body !== "object" || body === null || !("serverTime" in body)) return undefined;
  const { serverTime } = body;
  return typeof serverTime === "number" && Number.isSafeInteger(serverTime) && serverTime > 0 ? serverTime : undefined;
}
