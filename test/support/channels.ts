// Fake channels behind the real delivery, in virtual time: every attempt is written down, and the test says what comes of it.
// `restart` is a process that was killed and started anew on the same store and the same channels.
import type { Announcement } from "../../src/core/announce.ts";
import {
  type Delivery,
  type NewRow,
  type Notifier,
  NotifyError,
  type OutboxRow,
  type Receipt,
} from "../../src/core/ports.ts";
import { type Deliveries, startDelivery } from "../../src/deliver.ts";
import type { Log } from "../../src/lib/log.ts";
import { createTestClock, START_WALL_MS, type TestClock } from "./clock.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";
import { critical, keyOf } from "./messages.ts";

export interface Attempt {
  readonly atMs: number;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
}

export interface FakeNotifier extends Notifier {
  readonly attempts: readonly Attempt[];
  /** Deliveries that the other side took, and said so. */
  readonly accepted: readonly Delivery[];
  /** What comes of an attempt; by default it is accepted. */
  outcome: (delivery: Delivery, signal: AbortSignal) => Promise<Receipt>;
}

export interface Channels {
  readonly clock: TestClock;
  readonly store: MemoryStore;
  readonly logged: readonly string[];
  readonly settled: string[];
  readonly notifiers: readonly FakeNotifier[];
  readonly first: FakeNotifier;
  readonly deliveries: Deliveries;
  /** Kills the process: what it had in memory is gone, and attempts under way end unheard. Then starts the next. */
  restart(): void;
}

export const accept = async ({ key }: Delivery): Promise<Receipt> => ({ ts: key });
export const fail = (kind: NotifyError["kind"], retryAfterMs?: number) => async (): Promise<Receipt> => {
  throw new NotifyError(kind, `it is ${kind}`, retryAfterMs === undefined ? {} : { retryAfterMs });
};
/** Never settles and does not heed its signal. */
export const hang = (): Promise<Receipt> => new Promise(() => {});
/** Hangs until it is cut off, as an adapter should. */
export const waitForCut = (_: Delivery, signal: AbortSignal): Promise<Receipt> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new NotifyError("ambiguous", "cut off")), { once: true });
  });

/** `random` of a half makes every wait half of its step. */
export function openChannels({
  channels = { desk: ["#alerts"] },
  random = () => 0.5,
  store = createMemoryStore(),
}: {
  channels?: Record<string, string[]>;
  random?: () => number;
  store?: MemoryStore;
} = {}): Channels {
  const clock = createTestClock();
  const startMs = clock.monoMs();
  const logged: string[] = [];
  const settled: string[] = [];
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  const log: Log = { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
  const notifiers = Object.entries(channels).map(([name, recipients]): FakeNotifier => {
    const attempts: Attempt[] = [];
    const accepted: Delivery[] = [];
    const fake: FakeNotifier = {
      name,
      recipients,
      attempts,
      accepted,
      outcome: accept,
      async send(delivery, signal) {
        attempts.push({ atMs: clock.monoMs() - startMs, delivery, signal });
        const receipt = await fake.outcome(delivery, signal);
        accepted.push(delivery);
        return receipt;
      },
      async verify() {},
      async close() {},
    };
    return fake;
  });
  const [first] = notifiers;
  if (first === undefined) throw new Error("no notifier");

  let run = 0;
  const start = (): Deliveries => {
    const mine = ++run;
    const isDead = () => mine !== run;
    return startDelivery({
      notifiers: notifiers.map((notifier) => mortal(notifier, isDead)),
      store: mortalStore(store, isDead),
      clock,
      random,
      log,
      locale: { timezone: "UTC", language: "en" },
      onSettled: (row, error) => settled.push(`${row.id} ${error?.kind ?? "delivered"}`),
    });
  };
  let deliveries = start();
  return {
    clock,
    store,
    logged,
    settled,
    notifiers,
    first,
    get deliveries() {
      return deliveries;
    },
    restart() {
      deliveries = start();
      deliveries.add(store.pending(0), true);
    },
  };
}

/** A dead process sends nothing more, and never hears of what it had sent. */
function mortal(notifier: FakeNotifier, isDead: () => boolean): Notifier {
  const unlessDead = <T>(result: () => T) => (isDead() ? new Promise<never>(() => {}) : result());
  return {
    ...notifier,
    send: (delivery, signal) =>
      unlessDead(() =>
        notifier.send(delivery, signal).then(
          (receipt) => unlessDead(() => receipt),
          (error) => unlessDead(() => Promise.reject(error)),
        ),
      ),
    decorate: (delivery, signal) => unlessDead(async () => notifier.decorate?.(delivery, signal)),
  };
}

/** Nor does it write. Looks a method up when it is called: tests replace them. */
function mortalStore(store: MemoryStore, isDead: () => boolean): MemoryStore {
  return {
    ...store,
    receipt: (key) => store.receipt(key),
    settle(key, settlement) {
      if (!isDead()) store.settle(key, settlement);
    },
    supersede: (keys, row) =>
      isDead() ? { ...row, id: 0, attempts: 0, error: null, isAmbiguous: false } : store.supersede(keys, row),
  };
}

export function rowOf(name: string, over: Partial<NewRow> = {}): NewRow {
  return {
    key: keyOf(name),
    notifier: "desk",
    recipient: "#alerts",
    incidents: [name],
    message: critical,
    rootKey: null,
    edits: [],
    enqueuedAtMs: START_WALL_MS,
    ...over,
  };
}

export const commit = (store: MemoryStore, ...rows: NewRow[]): readonly OutboxRow[] =>
  store.commit({ alerts: [], rows, snapshot: undefined });

/** What was told at this moment, as the ledger would enqueue it for one recipient. */
export function rowsOf({ notifications }: Pick<Announcement, "notifications">, enqueuedAtMs: number): NewRow[] {
  return notifications.map(({ id, notifier, incidents, message, root, edits }) => ({
    key: keyOf(id),
    notifier,
    recipient: "#alerts",
    incidents,
    message,
    rootKey: root === undefined ? null : keyOf(root),
    edits: edits.map((edit) => ({ key: keyOf(edit.of), message: edit.message })),
    enqueuedAtMs,
  }));
}
