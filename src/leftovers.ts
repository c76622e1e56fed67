// What the last run left in the outbox, under the config of this one. Somebody may have mended a channel's address meanwhile, just as
// they were told to: what waited for the old address goes to the new one. What waited for a notifier that is gone goes nowhere.
import { createHash } from "node:crypto";
import type { NewRow, Notifier, OutboxRow } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";

type Channel = Pick<Notifier, "name" | "recipients">;

/** The rows to deliver, in order. Rows for addresses that are gone are replaced in the store or dropped, and the log says so. */
export function leftovers(store: Store, channels: readonly Channel[], log: Log): readonly OutboxRow[] {
  const rows = store.pending(0);
  const lost = rows.filter((row) => !recipientsOf(row, channels).includes(row.recipient));
  if (lost.length === 0) return rows;
  const moved = lost.flatMap((row) => readdressed(row, channels));
  store.commit({ alerts: [], rows: moved, snapshot: undefined });
  for (const row of lost) {
    store.drop(row.id);
    const { notifier, recipient, message } = row;
    const goesOn = recipientsOf(row, channels).length > 0;
    const what = goesOn
      ? "undelivered, goes to the new address"
      : "never delivered, its notifier is gone from the config";
    log.warn({ notifier, to: recipient }, `${what}: ${message.title}`);
  }
  return store.pending(0);
}

function recipientsOf({ notifier }: NewRow, channels: readonly Channel[]): readonly string[] {
  return channels.find(({ name }) => name === notifier)?.recipients ?? [];
}

/**
 * The same message for each recipient that the notifier has now, as a conversation of its own. The key is made of the incidents and
 * the words, so that what waited for two old addresses reaches a new one once.
 */
function readdressed(row: OutboxRow, channels: readonly Channel[]): NewRow[] {
  return recipientsOf(row, channels).map((recipient) => {
    const identity = [row.notifier, recipient, row.enqueuedAtMs, row.message.title, ...row.incidents].join("|");
    const key = createHash("sha256").update(identity).digest("hex");
    return { ...row, key, recipient, rootKey: null, edits: [] };
  });
}
