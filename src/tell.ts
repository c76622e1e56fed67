// Makes what moved durable, with the facts that keep it from being told twice, and hands it to the channels. Who tells something has these
// parts; a poll (cycle.ts) and a run over the history (history-batch.ts) have more to commit at once, and do it themselves.
import type { Advance, Rulebook } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import type { Locale } from "./core/format.ts";
import type { Clock, OutboxRow } from "./core/ports.ts";
import type { Fact } from "./core/store.ts";
import type { Ledger } from "./ledger.ts";

export interface Teller {
  readonly ledger: Ledger;
  readonly book: Rulebook;
  readonly clock: Clock;
  readonly locale: Locale;
  deliver(rows: readonly OutboxRow[]): void;
  /** Notifiers that get no reminders now: see mutedBy in deliver.ts. */
  muted(): ReadonlySet<string>;
}

export function tell({ changes, situations }: Advance, teller: Teller, facts: readonly Fact[] = []): void {
  const { ledger, book, clock, locale } = teller;
  const nowMs = clock.wallMs();
  const audience = { book, states: ledger.states, nowMs, locale, muted: teller.muted() };
  teller.deliver(ledger.commit(announce(changes, situations, audience), undefined, nowMs, { facts }));
}
