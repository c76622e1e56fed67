// One attempt to hand a row over, with a deadline of our own, and the note that the store takes of it. The one thing to know: what was
// accepted stays accepted, whatever the disk says; a note that it cannot take is made again with the next one.
import { isDigest } from "./core/late.ts";
import { type Clock, type Delivery, type Notifier, NotifyError, type Receipt, type Settlement } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";
import type { Waiting } from "./waiting.ts";

/** No notifier's own deadline is longer; this one catches an adapter that forgets it. */
const ATTEMPT_DEADLINE_MS = 90_000;
/** An adapter that heeds its signal says within this time how far it had come. */
const HEED_MS = 250;
/** An error that no adapter foresaw is most likely one of laying the message out: from this attempt on it goes in its plainest form. */
const UNFORESEEN_TRIES = 3;
const RETRY_MS = 10_000;
/** In the receipt of a row that was told in a message with other conversations. */
const SHARED = "shared";

export type Outcome = { readonly receipt: Receipt; readonly error?: undefined } | { readonly error: NotifyError };

export interface AttemptParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** Rejects never. `cutting` ends it at once. */
export async function sendOnce(
  notifier: Notifier,
  item: Waiting,
  { store, clock }: AttemptParts,
  cutting: AbortSignal,
): Promise<Outcome> {
  try {
    const send = (signal: AbortSignal) => notifier.send(deliveryOf(item, store), signal);
    return { receipt: await withDeadline(send, clock, cutting) };
  } catch (error) {
    if (error instanceof NotifyError) return { error };
    const kind = item.failures + 1 >= UNFORESEEN_TRIES && !cutting.aborted ? "payload" : "ambiguous";
    return { error: new NotifyError(kind, error instanceof Error ? error.message : String(error), { cause: error }) };
  }
}

/** Brings living messages up to date. The message is out: nothing that happens here may make it look unsent, or hold up the next. */
export async function decorate(
  notifier: Notifier,
  item: Waiting,
  { store, clock, log }: AttemptParts,
  cutting: AbortSignal,
): Promise<void> {
  if (notifier.decorate === undefined) return;
  try {
    await withDeadline(async (signal) => notifier.decorate?.(deliveryOf(item, store), signal), clock, cutting);
  } catch (error) {
    log.warn({ notifier: notifier.name, error }, "living messages could not be brought up to date");
  }
}

/** An attempt ends when it is cut off or its time is over, also when the adapter does not heed its signal. */
async function withDeadline<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  cutting: AbortSignal,
): Promise<T> {
  const [late, done] = [new AbortController(), new AbortController()];
  const overdue = async (): Promise<never> => {
    const tooLate = new NotifyError("ambiguous", `no outcome within ${ATTEMPT_DEADLINE_MS / 1000} s`);
    const reason: unknown = await clock.sleep(ATTEMPT_DEADLINE_MS, AbortSignal.any([cutting, done.signal])).then(
      () => tooLate,
      () => cutting.reason,
    );
    if (!done.signal.aborted) late.abort(reason);
    await clock.sleep(HEED_MS, done.signal);
    throw reason;
  };
  try {
    return await Promise.race([attempt(AbortSignal.any([cutting, late.signal])), overdue()]);
  } finally {
    done.abort();
  }
}

function deliveryOf({ row, failures, payloadFailures, isAmbiguous }: Waiting, store: Store): Delivery {
  const earlier = (key: string) => ({ key, receipt: tryReceipt(store, key) });
  const edits = row.edits.map(({ key, message }) => ({ of: earlier(key), message }));
  return {
    key: row.key,
    recipient: row.recipient,
    attempt: isAmbiguous ? failures + 1 : 1,
    enqueuedAtMs: row.enqueuedAtMs,
    message: row.message,
    root: row.rootKey === null ? undefined : earlier(row.rootKey),
    edits: edits.filter(({ of }) => of.receipt?.[SHARED] === undefined),
    plain: payloadFailures > 0,
  };
}

// A receipt only decides thread or new message: a disk that fails must not hold up the alert.
function tryReceipt(store: Store, key: string) {
  try {
    return store.receipt(key);
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------- what is written down

export interface Notes {
  /** Stores what became of an attempt; a late row takes the place of those that it covers with its first outcome. */
  delivered(item: Waiting, receipt: Receipt): void;
  failed(item: Waiting, error: NotifyError): void;
  /** The disk has not taken the outcome of this row yet. */
  owes(key: string): boolean;
}

interface Debt {
  /** Rows that the late one stands for: the store still holds them as undelivered. */
  readonly covers: readonly string[];
  note(): void;
}

/** @param stopping ends the attempts to make up for notes that the disk did not take. */
export function openNotes({ store, clock, log }: AttemptParts, stopping: AbortSignal): Notes {
  /** What the disk did not take yet and must, by the row's key: else what was accepted would be sent again after a restart. */
  const owed = new Map<string, Debt>();
  let isRetrying = false;

  const write = (item: Waiting, settlement: Settlement): void => {
    if (item.covers.length > 0) store.supersede(item.covers, item.row);
    item.covers = [];
    store.settle(item.row.key, settlement);
  };
  const owe = (item: Waiting, settlement: Settlement): void =>
    void owed.set(item.row.key, { covers: item.covers, note: () => write(item, settlement) });
  const catchUp = (): void => {
    for (const [key, { note }] of owed) {
      note();
      owed.delete(key);
    }
  };
  const retry = async (): Promise<void> => {
    while (owed.size > 0 && !stopping.aborted) {
      await clock.sleep(RETRY_MS, stopping).catch(() => undefined);
      attempt(catchUp, (error) => log.debug({ error }, "the outcome of a delivery can still not be stored"));
    }
    isRetrying = false;
  };
  const keep = (work: () => void): void => {
    attempt(work, (error) =>
      log.error({ error }, "the outcome of a delivery could not be stored: it may be repeated after a restart"),
    );
    if (owed.size === 0 || isRetrying) return;
    isRetrying = true;
    void retry();
  };

  return {
    owes: (key) => owed.has(key) || [...owed.values()].some(({ covers }) => covers.includes(key)),
    delivered(item, receipt) {
      const settled = isDigest(item.row) ? { ...receipt, [SHARED]: "true" } : receipt;
      const atMs = clock.wallMs();
      owe(item, { kind: "delivered", atMs, receipt: settled });
      keep(catchUp);
    },
    failed(item, { kind, message }) {
      const settlement = { kind: "failed", error: message, isAmbiguous: item.isAmbiguous } as const;
      if (kind === "ambiguous") owe(item, settlement);
      keep(() => {
        catchUp();
        if (kind !== "ambiguous") write(item, settlement);
      });
    },
  };
}

function attempt(work: () => void, onError: (error: unknown) => void): void {
  try {
    work();
  } catch (error) {
    onError(error);
  }
}
