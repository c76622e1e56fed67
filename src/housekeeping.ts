// Once a second: is anybody blind, is a channel in trouble, did another process add a row, is there something old to drop? The watch goes before the disk:
// what cannot be read or pruned now is tried again later.
import { advanceOwn, type Rulebook } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import type { Locale } from "./core/format.ts";
import { type Clock, OWN_ACCOUNT, StoreError } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import { type CycleParts, pass } from "./cycle.ts";
import { type Deliveries, mutedBy } from "./deliver.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";

export interface HousekeepingParts {
  readonly accounts: readonly CycleParts[];
  readonly deliveries: Deliveries;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly book: Rulebook;
  readonly locale: Locale;
  readonly clock: Clock;
  readonly log: Log;
}

const TICK_MS = 1000;
const PRUNE_EVERY_MS = 3_600_000;
const KEEP_DELIVERED_MS = 14 * 86_400_000;

/** Runs until aborted, then rejects with the abort's reason. */
export async function keepHouse(parts: HousekeepingParts, signal: AbortSignal): Promise<void> {
  const { accounts, clock, log } = parts;
  const adopt = adopter(parts);
  const prune = pruner(parts);
  for (;;) {
    await clock.sleep(TICK_MS, signal);
    for (const account of accounts) pass(account, []);
    watchChannels(parts);
    try {
      adopt();
      prune();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      log.warn({ error }, "the state cannot be read or pruned now");
    }
  }
}

type ChannelParts = Pick<HousekeepingParts, "ledger" | "book" | "locale" | "clock"> & {
  readonly deliveries: Pick<Deliveries, "add" | "troubles">;
};

/** A channel in trouble is announced on the others, and so is its recovery. */
export function watchChannels({ deliveries, ledger, book, locale, clock }: ChannelParts): void {
  const nowMs = clock.wallMs();
  const troubles = deliveries.troubles();
  const moved = book.notifiers.map((name) => {
    const trouble = troubles.find(({ notifier }) => notifier === name);
    const id = { account: OWN_ACCOUNT, subject: `notifier ${name}`, rule: "undelivered" } as const;
    const facts = { about: "undelivered", trouble } as const;
    return advanceOwn(id, trouble === undefined ? null : "critical", facts, { states: ledger.states, book, nowMs });
  });
  const changes = moved.flatMap((each) => each.changes);
  const situations = moved.flatMap((each) => each.situations);
  const audience = { book, states: ledger.states, nowMs, locale, muted: mutedBy(deliveries) };
  deliveries.add(ledger.commit(announce(changes, situations, audience), undefined, nowMs));
}

/** Rows that another process put into the outbox (margind test-notify) are delivered too. */
function adopter({ store, deliveries }: HousekeepingParts): () => void {
  let version: number | undefined;
  return () => {
    const now = store.dataVersion();
    if (now !== version) deliveries.add(store.pending(0)); // known ones are not added twice
    version = now;
  };
}

function pruner({ store, ledger, clock }: HousekeepingParts): () => void {
  let dueMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monoMs() < dueMs) return;
    dueMs = clock.monoMs() + PRUNE_EVERY_MS;
    store.prune(clock.wallMs() - KEEP_DELIVERED_MS, ledger.neededKeys());
  };
}
