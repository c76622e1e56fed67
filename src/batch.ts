// What goes out when it is the turn of a row that waited too long: everything late for the recipient, and all that follows in its
// incidents, as one message. It is made anew at every attempt and written down only with its outcome, so an outage of hours writes
// nothing; and the same rows always give the same key and the same words, so what a crash repeats is a copy.
import { createHash } from "node:crypto";
import { STUCK_MS } from "./core/channel.ts";
import type { Locale } from "./core/format.ts";
import { lateRow } from "./core/late.ts";
import type { Clock } from "./core/ports.ts";
import type { Channel, Waiting } from "./waiting.ts";

export interface Batch {
  /** The row whose turn it is, and those that go with it, in order. */
  readonly rows: readonly Waiting[];
  /** What goes out: that row itself, or the late one that takes their place. */
  readonly sent: Waiting;
}

/** While a channel takes nothing, every so often only one alert is sent: should another's row be the reason, this one gets through. */
const PROBE_EVERY = 8;
/** After a formatted and a plain form were refused each row tries for itself, as it is. */
const PAYLOAD_TRIES = 2;

/** What to send when it is this row's turn. */
export function batchFor(
  item: Waiting,
  queue: readonly Waiting[],
  channel: Channel,
  clock: Clock,
  locale: Locale,
): Batch {
  const nowMs = clock.monoMs();
  if (!isLate(item, nowMs) || !isMergeable(item)) return { rows: [item], sent: item };
  const isProbe = channel.failures > 0 && channel.failures % PROBE_EVERY === 0;
  const rows = together(item, queue, (other) => !isProbe && !item.isApart && !other.isApart && isLate(other, nowMs));
  return { rows, sent: inPlaceOf(item, rows, clock.wallMs(), locale) };
}

/** It waits for longer than a working channel takes; counted by wall stamps where an earlier run began to wait. */
export const isLate = ({ ageMs, addedMs }: Waiting, nowMs: number): boolean => ageMs + nowMs - addedMs > STUCK_MS;

/** Its words may still change: no copy can be on the other side. */
function isMergeable({ isAmbiguous, payloadFailures, row }: Waiting): boolean {
  return !isAmbiguous && payloadFailures < PAYLOAD_TRIES && row.message.kind !== "test";
}

/** The row, what `joins` it, and all that follows in the incidents of these; nothing overtakes an earlier row that stays behind. */
function together(item: Waiting, queue: readonly Waiting[], joins: (other: Waiting) => boolean): readonly Waiting[] {
  const told = new Set(item.row.incidents);
  const ahead = new Set<string>();
  return queue.filter((other) => {
    const { incidents } = other.row;
    const isFree = !incidents.some((incident) => ahead.has(incident));
    const follows = other === item || incidents.some((incident) => told.has(incident));
    const isIn = isFree && isMergeable(other) && (follows || joins(other));
    for (const incident of incidents) (isIn ? told : ahead).add(incident);
    return isIn;
  });
}

function inPlaceOf(item: Waiting, rows: readonly Waiting[], nowMs: number, locale: Locale): Waiting {
  const keys = rows.map(({ row }) => row.key);
  const key = createHash("sha256")
    .update(["late", ...keys].join("|"))
    .digest("hex");
  const [first = item, ...rest] = rows;
  const reason = rows.find(({ error }) => error !== null)?.error ?? null;
  const late = lateRow([first.row, ...rest.map(({ row }) => row)], { key, reason, nowMs, locale });
  return {
    ...item,
    row: { ...late, id: item.row.id, attempts: item.failures, error: item.error, isAmbiguous: false },
    addedMs: first.addedMs,
    ageMs: first.ageMs,
    covers: keys,
    payloadFailures: Math.max(...rows.map(({ payloadFailures }) => payloadFailures)),
  };
}
