// Drains the outbox: one worker for each (notifier, recipient), endless retry, in order within an incident. A channel that hangs
// holds up nothing but itself. The one thing to know: a row counts as undelivered until its receipt is stored, so after a crash it
// is sent again; at least once, never exactly once.
import { openNotes } from "./attempt.ts";
import type { ChannelTrouble } from "./core/channel.ts";
import type { Locale } from "./core/format.ts";
import type { Clock, Notifier, NotifyError, OutboxRow } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";
import type { Waiting } from "./waiting.ts";
import { startWorker, type WorkerTrouble } from "./worker.ts";

export interface DeliveryParts {
  readonly notifiers: readonly Notifier[];
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** For the words of what is delivered late. */
  readonly locale: Locale;
  /** For the demo's and the test command's account of what happened. */
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
}

export interface Deliveries {
  /**
   * Undelivered rows, in order. One that waits already, or whose outcome the disk has not taken yet, is not added again.
   * @param mayBeOut the run that left them died, perhaps while it was sending one: such a row goes out as it is, with its own key.
   */
  add(rows: readonly OutboxRow[], mayBeOut?: boolean): void;
  /** Undelivered rows: how many, and since when the oldest waits (wall ms). */
  backlog(): { readonly count: number; readonly oldestAtMs: number | undefined };
  /** Tells, as of now, whether a row is undelivered here, by itself or in a late one that the store does not hold yet. */
  stillWaiting(): (key: string) => boolean;
  /** Channels that refuse, or have held a message for over two minutes; one entry for each notifier. */
  troubles(): readonly ChannelTrouble[];
  /** The notifier was seen to work since the start, and nothing old waits for it. */
  isClear(notifier: string): boolean;
  /** What a check of the notifier found without a message: the refusal, or undefined when it works. */
  note(notifier: string, refusal: string | undefined): void;
  /** Resolves when nothing is waiting. */
  drained(signal?: AbortSignal): Promise<void>;
  /** Stops after the attempts under way, or after `graceMs`; what is not delivered stays in the outbox. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Notifiers that need no reminders now: what waits for them tells it already, and a hundred more would only flood them later. One of
 * whose recipients some work goes on reminding them.
 */
export function mutedBy(deliveries: Pick<Deliveries, "troubles">): ReadonlySet<string> {
  return new Set(deliveries.troubles().flatMap(({ notifier, isWhole }) => (isWhole ? [notifier] : [])));
}

const keysOf = (items: readonly Waiting[]): Set<string> =>
  new Set(items.flatMap(({ row, covers }) => [row.key, ...covers]));

/** Something of its recipient failed and was noted, so the channel took nothing, and this one was hardly on its way. */
function isFailing({ notifier, recipient }: OutboxRow, rows: readonly OutboxRow[]): boolean {
  return rows.some((row) => row.attempts > 0 && row.notifier === notifier && row.recipient === recipient);
}

export function startDelivery(parts: DeliveryParts): Deliveries {
  const [stopping, cutting] = [new AbortController(), new AbortController()];
  const notes = openNotes(parts, stopping.signal);
  const shared = {
    ...parts,
    notes,
    stopping: stopping.signal,
    cutting: cutting.signal,
  };
  const workers = parts.notifiers.flatMap((notifier) =>
    notifier.recipients.map((recipient) => startWorker(notifier, recipient, shared)),
  );
  const waiting = () => workers.flatMap((worker) => worker.waiting());
  return {
    add(rows, mayBeOut = false) {
      const known = keysOf(waiting());
      for (const row of rows) {
        if (known.has(row.key) || notes.owes(row.key)) continue;
        known.add(row.key);
        const worker = workers.find((each) => each.takes(row));
        if (worker === undefined)
          parts.log.warn(
            { notifier: row.notifier, to: row.recipient },
            "undelivered row for a channel that is no longer configured",
          );
        else worker.add(row, mayBeOut && !isFailing(row, rows));
      }
    },
    backlog() {
      const since = waiting().map(({ row }) => row.enqueuedAtMs);
      return { count: since.length, oldestAtMs: since.length === 0 ? undefined : Math.min(...since) };
    },
    stillWaiting() {
      const keys = keysOf(waiting());
      return (key) => keys.has(key);
    },
    isClear: (notifier) => workers.every((worker) => worker.notifier !== notifier || worker.isClear()),
    troubles() {
      const found = new Map<string, WorkerTrouble>();
      const working = new Set<string>();
      for (const worker of workers) {
        const trouble = worker.trouble();
        if (trouble === undefined) working.add(worker.notifier);
        else if (found.get(trouble.notifier)?.isRefused !== true) found.set(trouble.notifier, trouble);
      }
      return [...found.values()].map((trouble) => ({ ...trouble, isWhole: !working.has(trouble.notifier) }));
    },
    note(notifier, refusal) {
      for (const worker of workers) if (worker.notifier === notifier) worker.note(refusal);
    },
    async drained(signal) {
      while (waiting().length > 0) await parts.clock.sleep(20, signal);
    },
    async stop(graceMs) {
      stopping.abort();
      const done = Promise.all(workers.map((worker) => worker.done));
      const patience = new AbortController();
      await Promise.race([done, parts.clock.sleep(graceMs, patience.signal).catch(() => undefined)]);
      patience.abort();
      cutting.abort(new Error("margind is stopping"));
      await done;
    },
  };
}
