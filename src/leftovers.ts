// What the last run left in the outbox, under the config of this one. Somebody may have mended a channel's address meanwhile, just as
// they were told to: what waited for the old address goes to the new one. What waited for a notifier that is gone goes nowhere, and the others
// are told so.
import { createHash } from "node:crypto";
import { type NewRow, type Notifier, type OutboxRow, StoreError } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";

type Channel = Pick<Notifier, "name" | "recipients">;

export interface Leftovers {
  /** To deliver, in order. */
  readonly rows: readonly OutboxRow[];
  /** First lines of what nobody will be told any more: people should hear of that. */
  readonly undelivered: readonly string[];
}

/** Rows for addresses that are gone are replaced in the store or dropped. A disk that fails leaves them as they are until the next start. */
export function leftovers(store: Store, channels: readonly Channel[], log: Log): Leftovers {
  const rows = store.pending(0);
  const lost = rows.filter((row) => !recipientsOf(row, channels).includes(row.recipient));
  if (lost.length === 0) return { rows, undelivered: [] };
  try {
    store.commit({ alerts: [], rows: lost.flatMap((row) => readdressed(row, channels)), snapshot: undefined });
    for (const { id } of lost) store.drop(id);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error }, "messages for addresses that are gone from the config could not be readdressed");
    return { rows: rows.filter((row) => !lost.includes(row)), undelivered: [] };
  }
  const gone = lost.filter((row) => recipientsOf(row, channels).length === 0);
  for (const { notifier, recipient, message } of lost) {
    log.warn(
      { notifier, to: recipient },
      `undelivered under an address that is gone from the config: ${message.title}`,
    );
  }
  return { rows: store.pending(0), undelivered: [...new Set(gone.map(({ message }) => message.title))] };
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
