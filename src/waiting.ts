// What waits for one recipient, and when it may go: order within an incident, back-off of the channel and of a single row. The one
// thing to know: a row that fails by its own fault must never hold up a channel, so rows under suspicion let others go first.
import { rank } from "./core/lifecycle.ts";
import type { Clock, NotifyError, OutboxRow } from "./core/ports.ts";
import { type Backoff, fullJitterMs } from "./lib/backoff.ts";

/** A row in memory with what only matters while the process lives. */
export interface Waiting {
  readonly row: OutboxRow;
  /** Monotonic: a clock that is set forward makes nothing stuck. */
  readonly addedMs: number;
  /** How long it had waited before, under an earlier run: by wall stamps, so it may be wrong, but never negative. */
  readonly ageMs: number;
  /** Keys of the rows that it stands for, as long as the store holds those in its place. */
  covers: readonly string[];
  failures: number;
  payloadFailures: number;
  /** Failures that may be this row's own fault: rows with fewer go first, so that no row can hold up a channel for ever. */
  suspicion: number;
  notBeforeMs: number;
  /** Why the last attempt failed. */
  error: string | null;
  /** A copy may be on the other side: from now on every attempt has the same bytes. */
  isAmbiguous: boolean;
  /** It failed while the channel worked: it is not put into one message with rows that have nothing to do with it. */
  isApart: boolean;
}

/** What is known of the channel as a whole. */
export interface Channel {
  notBeforeMs: number;
  /** The part of that wait which the other side asked for: nothing shortens it. */
  askedUntilMs: number;
  failures: number;
  /** Why it refused the last message. Only an accepted one clears it: a check sees less than a send. */
  sendRefusal: string | undefined;
  /** Why the last check found it refusing. */
  checkRefusal: string | undefined;
  /** A message was accepted or a check went well since the start: what an earlier run said of it may be taken back. */
  isProven: boolean;
  /** The last attempt was accepted. */
  works: boolean;
  /** Until when the messages accepted so far would take, at a steady pace. */
  paidUntilMs: number;
}

export const idleChannel = (): Channel => ({
  notBeforeMs: 0,
  askedUntilMs: 0,
  failures: 0,
  sendRefusal: undefined,
  checkRefusal: undefined,
  isProven: false,
  works: false,
  paidUntilMs: 0,
});

/** @param mayBeOut the run before this one may have died while it was sending the row. */
export function startWaiting(row: OutboxRow, clock: Clock, mayBeOut: boolean): Waiting {
  return {
    row,
    addedMs: clock.monoMs(),
    ageMs: Math.max(0, clock.wallMs() - row.enqueuedAtMs),
    covers: [],
    failures: row.attempts,
    payloadFailures: 0,
    suspicion: 0,
    notBeforeMs: 0,
    error: row.error,
    // A late row is only stored with its first outcome; of any other every failed attempt is noted.
    isAmbiguous: row.isAmbiguous || row.message.isLate === true || (mayBeOut && row.attempts === 0),
    isApart: false,
  };
}

/** After an attempt that surely or possibly failed: doubling to a minute, then, when it lasts, to five. */
const QUICK: Backoff = { firstMs: 1000, maxMs: 60_000 };
const SLOW: Backoff = { firstMs: 60_000, maxMs: 300_000 };
const QUICK_ATTEMPTS = 15;
const NETWORK_TRIES = 3;
/** A refused channel is mended by a person, but nobody should wait long for it once it is. */
const REFUSED: Backoff = { firstMs: 30_000, maxMs: 300_000 };
const LEAST_WAIT_MS = 250;
/** Messages that may follow each other at once, and the pace after them. */
const BURST = 5;
const PACE_MS = 1000;

/**
 * The row that may go now: its time has come and no earlier row of one of its incidents is still waiting; of several the least
 * suspicious, then the worst, then the first. Without one, when to look again.
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
    else if (best === undefined || goesBefore(item, best)) best = item;
  }
  return { item: best, dueMs };
}

function goesBefore(a: Waiting, b: Waiting): boolean {
  const urgency = ({ row: { message } }: Waiting) => (message.severity === "resolved" ? -1 : rank(message.severity));
  return a.suspicion < b.suspicion || (a.suspicion === b.suspicion && urgency(a) > urgency(b));
}

/** Notes an accepted message. After a burst the next one has to wait: Slack takes one a second in a channel, and mail servers no more. */
export function accepted(channel: Channel, nowMs: number): void {
  const paidUntilMs = Math.max(nowMs, channel.paidUntilMs) + PACE_MS;
  Object.assign(channel, {
    ...idleChannel(),
    works: true,
    isProven: true,
    paidUntilMs,
    notBeforeMs: paidUntilMs - (BURST - 1) * PACE_MS,
  });
}

/** Notes a failed attempt of these rows in one message, `item` first among them, and when to try again. */
export function backOff(
  item: Waiting,
  batch: readonly Waiting[],
  channel: Channel,
  error: NotifyError,
  nowMs: number,
  random: () => number,
): void {
  item.failures += 1;
  item.error = error.message;
  if (error.kind === "ambiguous") item.isAmbiguous = true;
  // It failed before, others were accepted since, and it fails again: then it is not the channel.
  if (channel.works && item.suspicion > 0) for (const each of batch) each.isApart = true;
  channel.works = false;
  // A refusal may be about this row alone, and so may a second complaint about its payload; trouble of the network rarely is.
  const isItsOwn = error.kind === "refused" || (error.kind === "payload" && item.payloadFailures > 0);
  if (isItsOwn || item.failures > NETWORK_TRIES) item.suspicion += 1;
  if (error.kind === "payload") {
    // Only this message is at fault. The plain form may go at once; if that is refused too, others go first.
    for (const each of batch) {
      each.payloadFailures += 1;
      each.notBeforeMs = each.payloadFailures === 1 ? nowMs : nowMs + waitMs(each.payloadFailures, "not_sent", random);
    }
    return;
  }
  channel.failures += 1;
  if (error.kind === "refused") channel.sendRefusal = error.message;
  channel.askedUntilMs = nowMs + (error.retryAfterMs ?? 0);
  channel.notBeforeMs = Math.max(channel.askedUntilMs, nowMs + waitMs(channel.failures, error.kind, random));
}

function waitMs(failures: number, kind: NotifyError["kind"], random: () => number): number {
  const jittered = (backoff: Backoff, attempt: number) =>
    Math.max(LEAST_WAIT_MS, fullJitterMs(backoff, attempt, random));
  if (kind === "refused") return jittered(REFUSED, failures);
  return failures > QUICK_ATTEMPTS ? jittered(SLOW, failures - QUICK_ATTEMPTS) : jittered(QUICK, failures);
}
