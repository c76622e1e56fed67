// Drains the outbox: one worker for each (notifier, recipient), endless retry, in order within an incident. A channel that hangs
// holds up nothing but itself. The one thing to know: a row counts as undelivered until its receipt is stored, so after a crash it
// is sent again under the same key; at least once, never exactly once.
import { type ChannelTrouble, STUCK_MS } from "./core/channel.ts";
import { type Clock, type Delivery, type Notifier, NotifyError, type OutboxRow } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";
import { backOff, type Channel, firstReady, type Waiting } from "./waiting.ts";

export interface DeliveryParts {
  readonly notifiers: readonly Notifier[];
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** For the demo's and the test command's account of what happened. */
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
}

export interface Deliveries {
  /** Undelivered rows, in order. One that was added before is not added again. */
  add(rows: readonly OutboxRow[]): void;
  /** Undelivered rows: how many, and since when the oldest waits (wall ms). */
  backlog(): { readonly count: number; readonly oldestAtMs: number | undefined };
  /** Is this row still undelivered here? */
  isWaiting(key: string): boolean;
  /** Channels that refuse, or have held a message for over two minutes; one entry for each notifier. */
  troubles(): readonly ChannelTrouble[];
  /** What a check of the notifier found without a message: the refusal, or undefined when it works. */
  note(notifier: string, refusal: string | undefined): void;
  /** Resolves when nothing is waiting. */
  drained(signal?: AbortSignal): Promise<void>;
  /** Stops after the attempts under way, or after `graceMs`; what is not delivered stays in the outbox. */
  stop(graceMs: number): Promise<void>;
}

/** Notifiers that need no reminders now: what waits for them tells it already, and a hundred more would only flood them later. */
export function mutedBy(deliveries: Pick<Deliveries, "troubles">): ReadonlySet<string> {
  return new Set(deliveries.troubles().map(({ notifier }) => notifier));
}

/** No notifier's own deadline is longer; this one catches an adapter that forgets it. */
const ATTEMPT_DEADLINE_MS = 90_000;

export function startDelivery(parts: DeliveryParts): Deliveries {
  const stopping = new AbortController();
  const cutting = new AbortController();
  const workers = parts.notifiers.flatMap((notifier) =>
    notifier.recipients.map((recipient) => startWorker(notifier, recipient, parts, stopping.signal, cutting.signal)),
  );
  const added = new Set<string>();
  const find = (row: OutboxRow) => workers.find((worker) => worker.takes(row));
  return {
    add(rows) {
      for (const row of rows) {
        if (added.has(row.key)) continue;
        added.add(row.key);
        const worker = find(row);
        if (worker === undefined)
          parts.log.warn(
            { notifier: row.notifier, to: row.recipient },
            "undelivered row for a channel that is no longer configured",
          );
        else worker.add(row);
      }
    },
    backlog() {
      const waiting = workers.flatMap((worker) => worker.waiting());
      const oldestAtMs =
        waiting.length === 0 ? undefined : Math.min(...waiting.map(({ enqueuedAtMs }) => enqueuedAtMs));
      return { count: waiting.length, oldestAtMs };
    },
    isWaiting: (key) => workers.some((worker) => worker.waiting().some((row) => row.key === key)),
    troubles() {
      const found = new Map<string, ChannelTrouble>();
      for (const trouble of workers.flatMap((worker) => worker.trouble() ?? [])) {
        if (found.get(trouble.notifier)?.isRefused !== true) found.set(trouble.notifier, trouble);
      }
      return [...found.values()];
    },
    note(notifier, refusal) {
      for (const worker of workers) if (worker.notifier === notifier) worker.note(refusal);
    },
    async drained(signal) {
      while (workers.some((worker) => worker.waiting().length > 0)) await parts.clock.sleep(20, signal);
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

interface Worker {
  readonly done: Promise<void>;
  readonly notifier: string;
  trouble(): ChannelTrouble | undefined;
  note(refusal: string | undefined): void;
  takes(row: OutboxRow): boolean;
  add(row: OutboxRow): void;
  waiting(): readonly OutboxRow[];
}

function startWorker(
  notifier: Notifier,
  recipient: string,
  parts: DeliveryParts,
  stopping: AbortSignal,
  cutting: AbortSignal,
): Worker {
  const { clock } = parts;
  const queue: Waiting[] = [];
  const channel: Channel = { notBeforeMs: 0, failures: 0, refusal: undefined };
  let lastError: string | null = null;
  let wake = () => {};

  const idle = async (untilMs: number | undefined) => {
    const nap = new AbortController();
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    stopping.addEventListener("abort", () => wake(), { once: true, signal: nap.signal });
    const due = untilMs === undefined ? [] : [clock.sleep(untilMs - clock.monoMs(), nap.signal).catch(() => undefined)];
    await Promise.race([woken, ...due]);
    nap.abort();
  };

  const run = async () => {
    while (!stopping.aborted) {
      const next = firstReady(queue, channel.notBeforeMs, clock.monoMs());
      if (next.item === undefined) await idle(next.dueMs);
      else await attempt(next.item);
    }
  };

  const attempt = async (item: Waiting) => {
    const error = await sendOnce(notifier, recipient, item, parts, cutting);
    if (error === undefined) {
      queue.splice(queue.indexOf(item), 1);
      channel.failures = 0;
      channel.refusal = undefined;
    } else if (!cutting.aborted) {
      backOff(item, channel, error, clock.monoMs(), parts.random);
    }
    lastError = error?.message ?? null;
    parts.onSettled?.(item.row, error);
  };

  const trouble = (): ChannelTrouble | undefined => {
    const [oldest] = queue;
    const isStuck = oldest !== undefined && clock.monoMs() - oldest.addedMs > STUCK_MS;
    if (!isStuck && channel.refusal === undefined) return undefined;
    return {
      notifier: notifier.name,
      isRefused: channel.refusal !== undefined,
      reason: channel.refusal ?? lastError ?? oldest?.row.error ?? null,
      waiting: queue.length,
      oldestAtMs: oldest?.row.enqueuedAtMs ?? null,
    };
  };

  return {
    done: run(),
    notifier: notifier.name,
    trouble,
    note(refusal) {
      const isMended = channel.refusal !== undefined && refusal === undefined;
      channel.refusal = refusal;
      if (!isMended) return; // a wait that the other side asked for goes on
      channel.notBeforeMs = 0;
      wake();
    },
    takes: (row) => row.notifier === notifier.name && row.recipient === recipient,
    add(row) {
      queue.push({
        row,
        addedMs: clock.monoMs(),
        failures: row.attempts,
        payloadFailures: 0,
        suspicion: 0,
        notBeforeMs: 0,
      });
      wake();
    },
    waiting: () => queue.map(({ row }) => row),
  };
}

async function sendOnce(
  notifier: Notifier,
  recipient: string,
  item: Waiting,
  { store, clock, log }: DeliveryParts,
  cutting: AbortSignal,
): Promise<NotifyError | undefined> {
  const { row } = item;
  const about = { notifier: notifier.name, to: recipient, row: row.id, attempt: item.failures + 1 };
  try {
    const send = (signal: AbortSignal) => notifier.send(deliveryOf(item, recipient, store), signal);
    const receipt = await withDeadline(send, clock, cutting);
    keep(log, () => store.settle(row.key, { kind: "delivered", atMs: clock.wallMs(), receipt }));
    log.info(about, `delivered: ${row.message.title}`);
    await notifier.decorate?.(deliveryOf(item, recipient, store), cutting);
    return undefined;
  } catch (error) {
    const failure =
      error instanceof NotifyError ? error : new NotifyError("ambiguous", messageOf(error), { cause: error });
    if (cutting.aborted) return failure;
    keep(log, () => store.settle(row.key, { kind: "failed", error: failure.message }));
    log[failure.kind === "refused" ? "error" : "warn"](about, `not delivered (${failure.kind}): ${failure.message}`);
    return failure;
  }
}

/** An attempt ends when it is cut off or its time is over, also when the adapter does not heed its signal. */
async function withDeadline<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  cutting: AbortSignal,
): Promise<T> {
  const [late, done] = [new AbortController(), new AbortController()];
  const timeout = clock.sleep(ATTEMPT_DEADLINE_MS, AbortSignal.any([cutting, done.signal])).then(() => {
    const error = new NotifyError("ambiguous", `no outcome within ${ATTEMPT_DEADLINE_MS / 1000} s`);
    late.abort(error);
    throw error;
  });
  try {
    return await Promise.race([attempt(AbortSignal.any([cutting, late.signal])), timeout]);
  } finally {
    done.abort();
  }
}

function deliveryOf({ row, failures, payloadFailures }: Waiting, recipient: string, store: Store): Delivery {
  const earlier = (key: string) => ({ key, receipt: tryReceipt(store, key) });
  return {
    key: row.key,
    recipient,
    attempt: failures + 1,
    enqueuedAtMs: row.enqueuedAtMs,
    message: row.message,
    root: row.rootKey === null ? undefined : earlier(row.rootKey),
    edits: row.edits.map(({ key, message }) => ({ of: earlier(key), message })),
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

// The message is out; a disk that cannot record it costs a duplicate after the next start, and nothing else.
function keep(log: Log, write: () => void): void {
  try {
    write();
  } catch (error) {
    log.error({ error }, "the outcome of a delivery could not be stored: it may be repeated after a restart");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
