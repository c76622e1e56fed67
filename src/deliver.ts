// Drains the outbox: one worker for each (notifier, recipient), endless retry, in order within an incident. A channel that hangs
// holds up nothing but itself. The one thing to know: a row counts as undelivered until its receipt is stored, so after a crash it
// is sent again under the same key; at least once, never exactly once.
import { type Clock, type Delivery, type Notifier, NotifyError, type OutboxRow } from "./core/ports.ts";
import type { Store } from "./core/store.ts";
import { type Backoff, fullJitterMs } from "./lib/backoff.ts";
import type { Log } from "./lib/log.ts";

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
  /** Resolves when nothing is waiting. */
  drained(signal?: AbortSignal): Promise<void>;
  /** Stops after the attempts under way, or after `graceMs`; what is not delivered stays in the outbox. */
  stop(graceMs: number): Promise<void>;
}

/** After an attempt that surely or possibly failed: doubling to a minute, then, when it lasts, to five. */
const QUICK: Backoff = { firstMs: 1000, maxMs: 60_000 };
const SLOW: Backoff = { firstMs: 60_000, maxMs: 300_000 };
const QUICK_ATTEMPTS = 15;
/** A refused channel is mended by a person, but nobody should wait long for it once it is. */
const REFUSED: Backoff = { firstMs: 30_000, maxMs: 300_000 };
const LEAST_WAIT_MS = 250;
/** No notifier's own deadline is longer; this one catches an adapter that forgets it. */
const ATTEMPT_DEADLINE_MS = 90_000;

export function startDelivery(parts: DeliveryParts): Deliveries {
  const stopping = new AbortController();
  const cutting = new AbortController();
  const workers = parts.notifiers.flatMap((notifier) =>
    notifier.recipients.map((recipient) => startWorker(notifier, recipient, parts, stopping.signal, cutting.signal)),
  );
  const added = new Set<number>();
  const find = (row: OutboxRow) => workers.find((worker) => worker.takes(row));
  return {
    add(rows) {
      for (const row of rows) {
        if (added.has(row.id)) continue;
        added.add(row.id);
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
  takes(row: OutboxRow): boolean;
  add(row: OutboxRow): void;
  waiting(): readonly OutboxRow[];
}

/** A row in memory with what only matters while the process lives. */
interface Waiting {
  readonly row: OutboxRow;
  failures: number;
  payloadFailures: number;
  notBeforeMs: number;
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
  const channel = { notBeforeMs: 0, failures: 0 };
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
      const next = firstReady(queue, Math.max(channel.notBeforeMs, 0), clock.monoMs());
      if (next.item === undefined) await idle(next.dueMs);
      else await attempt(next.item);
    }
  };

  const attempt = async (item: Waiting) => {
    const error = await sendOnce(notifier, recipient, item, parts, cutting);
    if (error === undefined) {
      queue.splice(queue.indexOf(item), 1);
      channel.failures = 0;
    } else if (!cutting.aborted) {
      backOff(item, channel, error, parts);
    }
    parts.onSettled?.(item.row, error);
  };

  return {
    done: run(),
    takes: (row) => row.notifier === notifier.name && row.recipient === recipient,
    add(row) {
      queue.push({ row, failures: row.attempts, payloadFailures: 0, notBeforeMs: 0 });
      wake();
    },
    waiting: () => queue.map(({ row }) => row),
  };
}

/**
 * The first row that may go now: its time has come and no earlier row of one of its incidents is still waiting. Without one, when
 * to look again.
 */
function firstReady(
  queue: readonly Waiting[],
  channelNotBeforeMs: number,
  nowMs: number,
): { readonly item: Waiting | undefined; readonly dueMs: number | undefined } {
  if (queue.length === 0) return { item: undefined, dueMs: undefined };
  if (channelNotBeforeMs > nowMs) return { item: undefined, dueMs: channelNotBeforeMs };
  const ahead = new Set<string>();
  let dueMs: number | undefined;
  for (const item of queue) {
    const isBlocked = item.row.incidents.some((incident) => ahead.has(incident));
    if (!isBlocked && item.notBeforeMs <= nowMs) return { item, dueMs: undefined };
    if (!isBlocked) dueMs = Math.min(dueMs ?? item.notBeforeMs, item.notBeforeMs);
    for (const incident of item.row.incidents) ahead.add(incident);
  }
  return { item: undefined, dueMs };
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
    keep(log, () => store.settle(row.id, { kind: "delivered", atMs: clock.wallMs(), receipt }));
    log.info(about, `delivered: ${row.message.title}`);
    return undefined;
  } catch (error) {
    const failure =
      error instanceof NotifyError ? error : new NotifyError("ambiguous", messageOf(error), { cause: error });
    if (cutting.aborted) return failure;
    keep(log, () => store.settle(row.id, { kind: "failed", error: failure.message }));
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

function backOff(
  item: Waiting,
  channel: { notBeforeMs: number; failures: number },
  error: NotifyError,
  parts: DeliveryParts,
): void {
  const { clock, random } = parts;
  item.failures += 1;
  const nowMs = clock.monoMs();
  if (error.kind === "payload") {
    // Only this message is at fault. The plain form may go at once; if that is refused too, others go first.
    item.payloadFailures += 1;
    item.notBeforeMs = item.payloadFailures === 1 ? nowMs : nowMs + waitMs(item.payloadFailures, "not_sent", random);
    return;
  }
  channel.failures += 1;
  channel.notBeforeMs = nowMs + Math.max(error.retryAfterMs ?? 0, waitMs(channel.failures, error.kind, random));
}

function waitMs(failures: number, kind: NotifyError["kind"], random: () => number): number {
  const jittered = (backoff: Backoff, attempt: number) =>
    Math.max(LEAST_WAIT_MS, fullJitterMs(backoff, attempt, random));
  if (kind === "refused") return jittered(REFUSED, failures);
  return failures > QUICK_ATTEMPTS ? jittered(SLOW, failures - QUICK_ATTEMPTS) : jittered(QUICK, failures);
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
