// What waits for one recipient, and when it may go: order within an incident, back-off of the channel and of a single row. The one
// thing to know: a row that fails by its own fault must never hold up a channel, so rows under suspicion let others go first.
import type { NotifyError, OutboxRow } from "./core/ports.ts";
import { type Backoff, fullJitterMs } from "./lib/backoff.ts";

/** A row in memory with what only matters while the process lives. */
export interface Waiting {
  readonly row: OutboxRow;
  /** Monotonic: a clock that is set forward makes nothing stuck. */
  readonly addedMs: number;
  failures: number;
  payloadFailures: number;
  /** Failures that may be this row's own fault: rows with fewer go first, so that no row can hold up a channel for ever. */
  suspicion: number;
  notBeforeMs: number;
}

/** What is known of the channel as a whole. */
export interface Channel {
  notBeforeMs: number;
  failures: number;
  /** Why it refuses, while it does. */
  refusal: string | undefined;
}

/** After an attempt that surely or possibly failed: doubling to a minute, then, when it lasts, to five. */
const QUICK: Backoff = { firstMs: 1000, maxMs: 60_000 };
const SLOW: Backoff = { firstMs: 60_000, maxMs: 300_000 };
const QUICK_ATTEMPTS = 15;
const NETWORK_TRIES = 3;
/** A refused channel is mended by a person, but nobody should wait long for it once it is. */
const REFUSED: Backoff = { firstMs: 30_000, maxMs: 300_000 };
const LEAST_WAIT_MS = 250;

/**
 * The row that may go now: its time has come and no earlier row of one of its incidents is still waiting; of several the least
 * suspicious, then the first. Without one, when to look again.
 */
export function firstReady(
  queue: readonly Waiting[],
  channelNotBeforeMs: number,
  nowMs: number,
): { readonly item: Waiting | undefined; readonly dueMs: number | undefined } {
  if (queue.length === 0) return { item: undefined, dueMs: undefined };
  if (channelNotBeforeMs > nowMs) return { item: undefined, dueMs: channelNotBeforeMs };
  const ahead = new Set<string>();
  let best: Waiting | undefined;
  let dueMs: number | undefined;
  for (const item of queue) {
    const isBlocked = item.row.incidents.some((incident) => ahead.has(incident));
    for (const incident of item.row.incidents) ahead.add(incident);
    if (isBlocked) continue;
    if (item.notBeforeMs > nowMs) dueMs = Math.min(dueMs ?? item.notBeforeMs, item.notBeforeMs);
    else if (best === undefined || item.suspicion < best.suspicion) best = item;
  }
  return { item: best, dueMs };
}

/** Notes a failed attempt and when to try again. */
export function backOff(
  item: Waiting,
  channel: Channel,
  error: NotifyError,
  nowMs: number,
  random: () => number,
): void {
  item.failures += 1;
  // A refusal may be about this row alone, and so may a second complaint about its payload; trouble of the network rarely is.
  const isItsOwn = error.kind === "refused" || (error.kind === "payload" && item.payloadFailures > 0);
  if (isItsOwn || item.failures > NETWORK_TRIES) item.suspicion += 1;
  if (error.kind === "payload") {
    // Only this message is at fault. The plain form may go at once; if that is refused too, others go first.
    item.payloadFailures += 1;
    item.notBeforeMs = item.payloadFailures === 1 ? nowMs : nowMs + waitMs(item.payloadFailures, "not_sent", random);
    return;
  }
  channel.failures += 1;
  if (error.kind === "refused") channel.refusal = error.message;
  channel.notBeforeMs = nowMs + Math.max(error.retryAfterMs ?? 0, waitMs(channel.failures, error.kind, random));
}

function waitMs(failures: number, kind: NotifyError["kind"], random: () => number): number {
  const jittered = (backoff: Backoff, attempt: number) =>
    Math.max(LEAST_WAIT_MS, fullJitterMs(backoff, attempt, random));
  if (kind === "refused") return jittered(REFUSED, failures);
  return failures > QUICK_ATTEMPTS ? jittered(SLOW, failures - QUICK_ATTEMPTS) : jittered(QUICK, failures);
}
