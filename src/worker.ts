// One worker for each (notifier, recipient): takes the row whose turn it is, tries, and waits as long as the outcome asks for. It
// never gives up and never throws.
import { type AttemptParts, decorate, type Notes, sendOnce } from "./attempt.ts";
import { type Batch, batchFor, isLate } from "./batch.ts";
import { type ChannelTrouble, STUCK_MS } from "./core/channel.ts";
import type { Locale } from "./core/format.ts";
import type { Notifier, NotifyError, OutboxRow } from "./core/ports.ts";
import { accepted, backOff, firstReady, idleChannel, startWaiting, type Waiting } from "./waiting.ts";

export interface WorkerParts extends AttemptParts {
  readonly locale: Locale;
  readonly random: () => number;
  readonly notes: Notes;
  readonly onSettled?: (row: OutboxRow, error: NotifyError | undefined) => void;
  /** No new attempts. */
  readonly stopping: AbortSignal;
  /** Ends the attempt under way. */
  readonly cutting: AbortSignal;
}

/** Of one recipient. */
export type WorkerTrouble = Omit<ChannelTrouble, "isWhole">;

export interface Worker {
  readonly done: Promise<void>;
  readonly notifier: string;
  trouble(): WorkerTrouble | undefined;
  /** It was seen to work since the start, and nothing old waits. */
  isClear(): boolean;
  note(refusal: string | undefined): void;
  takes(row: OutboxRow): boolean;
  add(row: OutboxRow, mayBeOut: boolean): void;
  waiting(): readonly Waiting[];
}

export function startWorker(notifier: Notifier, recipient: string, parts: WorkerParts): Worker {
  const { clock, stopping, cutting, notes } = parts;
  const queue: Waiting[] = [];
  const channel = idleChannel();
  let lastError: string | null = null;
  let wake = () => {};
  /** Ends what is only decoration: an alert never waits for it. */
  let interrupt = new AbortController();

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
    const batch = batchFor(item, queue, channel, clock, parts.locale);
    const { rows, sent } = batch;
    const outcome = await sendOnce(notifier, sent, parts, cutting);
    if (outcome.error === undefined) {
      notes.delivered(sent, outcome.receipt);
      say(batch, undefined); // whoever reads it may rely on the receipt being stored
      take(rows);
      accepted(channel, clock.monoMs());
      interrupt = new AbortController();
      const isIdle = firstReady(queue, channel.notBeforeMs, clock.monoMs()).item === undefined;
      if (isIdle) await decorate(notifier, sent, parts, AbortSignal.any([cutting, interrupt.signal]));
    } else {
      say(batch, outcome.error);
      fail(item, batch, outcome.error);
    }
    lastError = outcome.error?.message ?? null;
    for (const { row } of rows) parts.onSettled?.(row, outcome.error);
  };

  const fail = (item: Waiting, { rows, sent }: Batch, error: NotifyError) => {
    if (cutting.aborted && error.kind !== "ambiguous") return; // cut off before anything left: as if it had not been tried
    backOff(item, rows, channel, error, clock.monoMs(), parts.random);
    const isMerged = sent !== item;
    if (!isMerged || error.kind !== "ambiguous") return notes.failed(item, error);
    const { failures, suspicion } = item;
    Object.assign(sent, { failures, suspicion, error: error.message, isAmbiguous: true });
    take(rows, sent);
    notes.failed(sent, error);
  };

  /** Takes rows off the queue; a late one that goes on in their place stands where the first of them stood. */
  const take = (rows: readonly Waiting[], ...instead: readonly Waiting[]) => {
    const at = queue.findIndex((item) => rows.includes(item));
    const rest = queue.filter((item) => !rows.includes(item));
    queue.splice(0, queue.length, ...rest.slice(0, at), ...instead, ...rest.slice(at));
  };

  const say = ({ rows, sent: { row, failures } }: Batch, error: NotifyError | undefined) => {
    const merged = rows.length > 1 ? { rows: rows.length } : {};
    const about = { notifier: notifier.name, to: recipient, row: row.id, attempt: failures + 1, ...merged };
    if (error === undefined) parts.log.info(about, `delivered: ${row.message.title}`);
    else if (!cutting.aborted)
      parts.log[error.kind === "refused" ? "error" : "warn"](about, `not delivered (${error.kind}): ${error.message}`);
  };

  const trouble = (): WorkerTrouble | undefined => {
    const [oldest] = queue;
    const isStuck = oldest !== undefined && clock.monoMs() - oldest.addedMs > STUCK_MS;
    const refusal = channel.sendRefusal ?? channel.checkRefusal;
    if (!isStuck && refusal === undefined) return undefined;
    return {
      notifier: notifier.name,
      isRefused: refusal !== undefined,
      reason: refusal ?? lastError ?? oldest?.error ?? null,
      waiting: queue.length,
      oldestAtMs: oldest?.row.enqueuedAtMs ?? null,
    };
  };

  return {
    done: run(),
    notifier: notifier.name,
    trouble,
    isClear: () => channel.isProven && !queue.some((item) => isLate(item, clock.monoMs())),
    note(refusal) {
      const isMended = channel.checkRefusal !== undefined && refusal === undefined;
      channel.checkRefusal = refusal;
      channel.isProven ||= refusal === undefined;
      if (!isMended) return;
      channel.notBeforeMs = channel.askedUntilMs;
      wake();
    },
    takes: (row) => row.notifier === notifier.name && row.recipient === recipient,
    add(row, mayBeOut) {
      const item = startWaiting(row, clock, mayBeOut);
      // A late row of an earlier run was tried already, so nothing that is still waiting goes before it: its id is only younger.
      if (row.message.isLate === true) queue.unshift(item);
      else queue.push(item);
      interrupt.abort(new Error("there is something to send"));
      wake();
    },
    waiting: () => queue,
  };
}
