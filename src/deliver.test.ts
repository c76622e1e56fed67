import { expect, test } from "vitest";
import { createTestClock, START_WALL_MS } from "../test/support/clock.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import { critical, keyOf } from "../test/support/messages.ts";
import { type Delivery, type NewRow, type Notifier, NotifyError, type OutboxRow, type Receipt } from "./core/ports.ts";
import { type Deliveries, startDelivery } from "./deliver.ts";
import type { Log } from "./lib/log.ts";

const S = 1000;
const MIN = 60 * S;

interface Attempt {
  readonly atMs: number;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
}

interface FakeNotifier extends Notifier {
  readonly attempts: readonly Attempt[];
  /** What comes of an attempt; by default it is accepted. */
  outcome: (delivery: Delivery, signal: AbortSignal) => Promise<Receipt>;
}

const accept = async ({ key }: Delivery): Promise<Receipt> => ({ ts: key });
const fail = (kind: NotifyError["kind"], retryAfterMs?: number) => async (): Promise<Receipt> => {
  throw new NotifyError(kind, `it is ${kind}`, retryAfterMs === undefined ? {} : { retryAfterMs });
};
/** Never settles and does not heed its signal. */
const hang = (): Promise<Receipt> => new Promise(() => {});
/** Hangs until it is cut off, as an adapter should. */
const waitForCut = (_: Delivery, signal: AbortSignal): Promise<Receipt> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new NotifyError("ambiguous", "cut off")), { once: true });
  });

/** Delivery over fake channels in virtual time. `random` of a half makes every wait half of its step. */
function open({
  channels = { desk: ["#alerts"] },
  random = () => 0.5,
}: {
  channels?: Record<string, string[]>;
  random?: () => number;
} = {}) {
  const clock = createTestClock();
  const startMs = clock.monoMs();
  const store = createMemoryStore();
  const logged: string[] = [];
  const settled: string[] = [];
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  const log: Log = { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
  const notifiers = Object.entries(channels).map(([name, recipients]): FakeNotifier => {
    const attempts: Attempt[] = [];
    const fake: FakeNotifier = {
      name,
      recipients,
      attempts,
      outcome: accept,
      send(delivery, signal) {
        attempts.push({ atMs: clock.monoMs() - startMs, delivery, signal });
        return fake.outcome(delivery, signal);
      },
      async verify() {},
      async close() {},
    };
    return fake;
  });
  const [first] = notifiers;
  if (first === undefined) throw new Error("no notifier");
  const deliveries = startDelivery({
    notifiers,
    store,
    clock,
    random,
    log,
    onSettled: (row, error) => settled.push(`${row.id} ${error?.kind ?? "delivered"}`),
  });
  return { clock, store, logged, settled, notifiers, first, deliveries };
}

function rowOf(name: string, over: Partial<NewRow> = {}): NewRow {
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

const commit = (store: MemoryStore, ...rows: NewRow[]): readonly OutboxRow[] =>
  store.commit({ alerts: [], rows, snapshot: undefined });

function enqueue({ store, deliveries }: { store: MemoryStore; deliveries: Deliveries }, ...rows: NewRow[]): void {
  deliveries.add(commit(store, ...rows));
}

const keys = ({ attempts }: FakeNotifier): string[] => attempts.map(({ delivery }) => delivery.key.slice(0, 6));
const named = (...names: string[]): string[] => names.map((name) => keyOf(name).slice(0, 6));
const times = ({ attempts }: FakeNotifier): number[] => attempts.map(({ atMs }) => atMs);
const waits = (notifier: FakeNotifier): number[] =>
  times(notifier).flatMap((atMs, index, all) => (index === 0 ? [] : [atMs - (all[index - 1] ?? 0)]));

// ---------------------------------------------------------------- the good case

test("a row is delivered at once, its receipt kept, and it waits no longer", async () => {
  const desk = open();
  await desk.clock.advance(10 * S);
  enqueue(desk, rowOf("a"));
  expect(desk.deliveries.backlog()).toEqual({ count: 1, oldestAtMs: START_WALL_MS });
  await desk.clock.settle();
  expect(times(desk.first)).toEqual([10 * S]);
  expect(desk.first.attempts[0]?.delivery).toEqual({
    key: keyOf("a"),
    recipient: "#alerts",
    attempt: 1,
    enqueuedAtMs: START_WALL_MS,
    message: critical,
    root: undefined,
    edits: [],
    plain: false,
  });
  expect(desk.deliveries.backlog()).toEqual({ count: 0, oldestAtMs: undefined });
  expect(desk.store.pending(0)).toEqual([]);
  expect(desk.store.receipt(keyOf("a"))).toEqual({ ts: keyOf("a") });
  expect(desk.settled).toEqual(["1 delivered"]);
});

test("every recipient has a row and a worker of its own", async () => {
  const desk = open({ channels: { mail: ["a@example.com", "b@example.com"], desk: ["#alerts"] } });
  const to = (recipient: string) => rowOf(`x ${recipient}`, { notifier: "mail", recipient, incidents: ["x"] });
  desk.first.outcome = (delivery) => (delivery.recipient === "a@example.com" ? hang() : accept(delivery));
  enqueue(desk, to("a@example.com"), to("b@example.com"), rowOf("y"));
  await desk.clock.settle();
  expect(desk.settled.sort()).toEqual(["2 delivered", "3 delivered"]);
  expect(desk.deliveries.backlog().count).toBe(1);
});

test("rows of a channel that is not configured are told, and not counted as waiting", async () => {
  const desk = open();
  enqueue(desk, rowOf("a", { notifier: "gone" }), rowOf("b", { recipient: "#other" }));
  await desk.clock.settle();
  expect(desk.first.attempts).toEqual([]);
  expect(desk.deliveries.backlog().count).toBe(0);
  expect(desk.logged.filter((line) => line.startsWith("warn: undelivered row"))).toHaveLength(2);
});

test("a row that is added twice is delivered once", async () => {
  const desk = open();
  const rows = commit(desk.store, rowOf("a"));
  desk.deliveries.add(rows);
  desk.deliveries.add(desk.store.pending(0));
  await desk.clock.settle();
  desk.deliveries.add(rows);
  await desk.clock.advance(MIN);
  expect(desk.first.attempts).toHaveLength(1);
});

test("a row that another process added between two of ours is not passed over", async () => {
  const desk = open();
  const [theirs] = commit(desk.store, rowOf("theirs"));
  enqueue(desk, rowOf("ours"));
  await desk.clock.settle();
  desk.deliveries.add(desk.store.pending(0));
  await desk.clock.settle();
  expect(theirs?.id).toBe(1);
  expect(keys(desk.first)).toEqual(named("ours", "theirs"));
});

test("the backlog is of all channels, as old as its oldest row", async () => {
  const desk = open({ channels: { desk: ["#alerts"], mail: ["a@example.com"] } });
  for (const notifier of desk.notifiers) notifier.outcome = hang;
  const mail = (enqueuedAtMs: number) =>
    rowOf(`m${enqueuedAtMs}`, { notifier: "mail", recipient: "a@example.com", enqueuedAtMs });
  enqueue(desk, rowOf("a", { enqueuedAtMs: 7 }), mail(5), mail(9));
  expect(desk.deliveries.backlog()).toEqual({ count: 3, oldestAtMs: 5 });
});

test("drained resolves when nothing waits any more, on any channel", async () => {
  const desk = open({ channels: { desk: ["#alerts"], mail: ["a@example.com"] } });
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"));
  let isDrained = false;
  const drained = desk.deliveries.drained().then(() => {
    isDrained = true;
  });
  await desk.clock.advance(5 * S);
  expect(isDrained).toBe(false);
  desk.first.outcome = accept;
  await desk.clock.advance(MIN);
  await drained;
  expect(isDrained).toBe(true);
});

// ---------------------------------------------------------------- order

test("within an incident nothing overtakes: resolved waits for opened, however long that takes", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("opened", { incidents: ["i"] }), rowOf("resolved", { incidents: ["i"] }));
  await desk.clock.advance(2 * 60 * MIN);
  expect(new Set(keys(desk.first))).toEqual(new Set(named("opened")));
  desk.first.outcome = accept;
  await desk.clock.advance(5 * MIN);
  expect(keys(desk.first).slice(-2)).toEqual(named("opened", "resolved"));
});

test("other incidents overtake a row whose own message is refused; its own incident waits", async () => {
  const desk = open();
  desk.first.outcome = async (delivery) => (delivery.key === keyOf("bad") ? fail("payload")() : accept(delivery));
  enqueue(
    desk,
    rowOf("bad", { incidents: ["i", "j"] }),
    rowOf("same", { incidents: ["j", "k"] }),
    rowOf("also behind", { incidents: ["k"] }),
    rowOf("other", { incidents: ["l"] }),
  );
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("bad", "bad", "other"));
  desk.first.outcome = accept;
  await desk.clock.advance(MIN);
  expect(keys(desk.first).slice(3)).toEqual(named("bad", "same", "also behind"));
});

test.each([
  ["refused", 1],
  ["ambiguous", 4],
  ["not_sent", 4],
] as const)("a row that always ends as %s holds up no other incident for ever", async (kind, tries) => {
  const desk = open();
  desk.first.outcome = async (delivery) => (delivery.key === keyOf("bad") ? fail(kind)() : accept(delivery));
  enqueue(desk, rowOf("bad", { incidents: ["i"] }), rowOf("critical", { incidents: ["j"] }));
  await desk.clock.advance(10 * MIN);
  expect(keys(desk.first).slice(0, tries + 1)).toEqual(named(...Array(tries).fill("bad"), "critical"));
  expect(desk.deliveries.isWaiting(keyOf("bad"))).toBe(true);
});

test("a channel in trouble is named: at once when it refuses, after two minutes when nothing gets through", async () => {
  const desk = open({ channels: { desk: ["#alerts"], mail: ["a@x.com"] } });
  const troubles = () =>
    desk.deliveries.troubles().map(({ notifier, isRefused, reason }) => [notifier, isRefused, reason]);
  const outcomes = (...all: FakeNotifier["outcome"][]) => {
    for (const [index, outcome] of all.entries()) Object.assign(desk.notifiers[index] ?? {}, { outcome });
  };
  outcomes(fail("refused"), fail("not_sent"));
  enqueue(desk, rowOf("a"), rowOf("b", { notifier: "mail", recipient: "a@x.com" }));
  await desk.clock.settle();
  expect(troubles()).toEqual([["desk", true, "it is refused"]]);
  await desk.clock.advance(2 * MIN + S);
  expect(troubles()).toEqual([
    ["desk", true, "it is refused"],
    ["mail", false, "it is not_sent"],
  ]);
  outcomes(accept, accept);
  await desk.clock.advance(10 * MIN);
  expect(troubles()).toEqual([]);
});

test("a check that finds the channel mended sends what waits at once", async () => {
  const desk = open();
  desk.first.outcome = fail("refused");
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  desk.first.outcome = accept;
  desk.deliveries.note("desk", undefined);
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("a", "a"));
  expect(desk.deliveries.troubles()).toEqual([]);
});

test("a check that succeeds does not shorten a wait that the channel asked for", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent", 60 * S);
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  desk.deliveries.note("desk", undefined);
  await desk.clock.advance(59 * S);
  expect(keys(desk.first)).toEqual(named("a"));
});

test("a channel that fails is left alone as a whole, and begins again in order", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"), rowOf("b"));
  await desk.clock.advance(499);
  expect(keys(desk.first)).toEqual(named("a"));
  desk.first.outcome = accept;
  await desk.clock.advance(1);
  expect(keys(desk.first)).toEqual(named("a", "a", "b"));
});

test("a message that comes while the channel rests waits like the others", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent", 10 * S);
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(5 * S);
  desk.first.outcome = accept;
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(4_999);
  expect(keys(desk.first)).toEqual(named("a"));
  await desk.clock.advance(1);
  expect(keys(desk.first)).toEqual(named("a", "a", "b"));
});

// ---------------------------------------------------------------- retry

test.each(["not_sent", "ambiguous"] as const)(
  "%s is tried again without end, ever more slowly, at most 5 minutes apart",
  async (kind) => {
    const desk = open();
    desk.first.outcome = fail(kind);
    enqueue(desk, rowOf("a"));
    await desk.clock.advance(24 * 60 * MIN);
    const all = waits(desk.first);
    expect(all.slice(0, 20)).toEqual(
      [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 120, 240, 300, 300].map((step) => (step * S) / 2),
    );
    expect(new Set(all.slice(20))).toEqual(new Set([150 * S]));
    expect(all.length).toBeGreaterThan(500);
    expect(new Set(keys(desk.first)).size).toBe(1);
    expect(desk.first.attempts.map(({ delivery }) => delivery.attempt).slice(0, 3)).toEqual([1, 2, 3]);
    expect(desk.store.rows()[0]).toMatchObject({ attempts: all.length + 1, error: `it is ${kind}` });
  },
);

test("a channel that refuses for good is tried rarely, at most 5 minutes apart, also after many tries", async () => {
  const desk = open();
  desk.first.outcome = fail("refused");
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(3 * 60 * MIN);
  const all = waits(desk.first);
  expect(all.slice(0, 4)).toEqual([15 * S, 30 * S, 60 * S, 120 * S]);
  expect(new Set(all.slice(4))).toEqual(new Set([150 * S]));
  expect(all.length).toBeGreaterThan(50);
});

test.each([
  [0, 250],
  [0.999999, 1000],
])("a wait is a random share of its step, and never next to nothing (%d)", async (share, expectedMs) => {
  const desk = open({ random: () => share });
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(1_000);
  expect(waits(desk.first)[0]).toBeCloseTo(expectedMs, 0);
});

test.each([
  ["longer than the own wait is heeded", 90 * S, 90 * S],
  ["shorter than the own wait does not shorten it", 100, 500],
])("a Retry-After %s", async (_, retryAfterMs, expectedMs) => {
  const desk = open();
  desk.first.outcome = fail("not_sent", retryAfterMs);
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(expectedMs);
  expect(waits(desk.first)).toEqual([expectedMs]);
});

test("a delivery that succeeds makes the channel as good as new", async () => {
  const desk = open();
  let failures = 5;
  desk.first.outcome = async (delivery) => (failures-- > 0 ? fail("not_sent")() : accept(delivery));
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(MIN);
  expect(desk.settled.at(-1)).toBe("1 delivered");
  failures = 1;
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(MIN);
  expect(waits(desk.first).at(-1)).toBe(500);
});

test("attempts of earlier runs count: what goes out may be a repeat", async () => {
  const desk = open();
  const [row] = commit(desk.store, rowOf("a"));
  desk.deliveries.add(row === undefined ? [] : [{ ...row, attempts: 3 }]);
  await desk.clock.settle();
  expect(desk.first.attempts[0]?.delivery.attempt).toBe(4);
});

test("an error that no adapter foresaw counts as ambiguous", async () => {
  const desk = open();
  desk.first.outcome = async () => {
    throw new TypeError("terminated");
  };
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  expect(desk.settled).toEqual(["1 ambiguous"]);
  expect(desk.store.rows()[0]?.error).toBe("terminated");
});

test("a refused message goes out plain at once, and stays plain; then others go first", async () => {
  const desk = open();
  desk.first.outcome = fail("payload");
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(30 * 60 * MIN);
  const attempts = desk.first.attempts.map(({ delivery }) => delivery);
  expect(attempts.map(({ plain }) => plain).slice(0, 4)).toEqual([false, true, true, true]);
  expect(waits(desk.first).slice(0, 4)).toEqual([0, 1 * S, 2 * S, 4 * S]);
  expect(Math.max(...waits(desk.first))).toBe(150 * S);
});

test("of two broken messages each is tried again when its own time comes", async () => {
  const desk = open();
  desk.first.outcome = fail("payload");
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(2 * S);
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(1 * S - 1);
  expect(keys(desk.first)).toEqual(named("a", "a", "a", "b", "b"));
  await desk.clock.advance(1);
  expect(keys(desk.first).slice(5).sort()).toEqual(named("a", "b").sort());
});

test("a broken message does not slow the channel down", async () => {
  const desk = open();
  desk.first.outcome = async (delivery) => (delivery.key === keyOf("bad") ? fail("payload")() : accept(delivery));
  enqueue(desk, rowOf("bad"));
  await desk.clock.advance(10 * MIN);
  const atMs = desk.clock.monoMs();
  enqueue(desk, rowOf("b"));
  await desk.clock.settle();
  expect(desk.clock.monoMs()).toBe(atMs);
  expect(keys(desk.first).at(-1)).toEqual(named("b")[0]);
});

// ---------------------------------------------------------------- hanging

test("a notifier that hangs delays no other", async () => {
  const desk = open({ channels: { desk: ["#alerts"], mail: ["a@example.com"] } });
  desk.first.outcome = hang;
  enqueue(desk, rowOf("a"), rowOf("b", { notifier: "mail", recipient: "a@example.com", incidents: ["a"] }));
  await desk.clock.settle();
  expect(desk.settled).toEqual(["2 delivered"]);
});

test.each([
  ["heeds its signal", waitForCut, "cut off"],
  ["does not", hang, "no outcome within 90 s"],
] as const)(
  "an attempt without an outcome is given up after 90 s, whether the adapter %s, and tried again",
  async (_, outcome, error) => {
    const desk = open();
    desk.first.outcome = outcome;
    enqueue(desk, rowOf("a"));
    await desk.clock.advance(90 * S - 1);
    expect(desk.settled).toEqual([]);
    await desk.clock.advance(1);
    expect(desk.settled).toEqual(["1 ambiguous"]);
    expect(desk.first.attempts[0]?.signal.aborted).toBe(true);
    expect(desk.store.rows()[0]?.error).toBe(error);
    desk.first.outcome = accept;
    await desk.clock.advance(S);
    expect(desk.settled).toEqual(["1 ambiguous", "1 delivered"]);
    expect(desk.clock.sleepers()).toEqual([]);
  },
);

test("a late outcome of an attempt that was given up changes nothing", async () => {
  const desk = open();
  const late = Promise.withResolvers<Receipt>();
  desk.first.outcome = () => late.promise;
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(90 * S);
  desk.first.outcome = fail("not_sent");
  late.resolve({ ts: "late" });
  await desk.clock.advance(10 * S);
  expect(desk.store.receipt(keyOf("a"))).toBeUndefined();
  expect(desk.deliveries.backlog().count).toBe(1);
});

// ---------------------------------------------------------------- stopping

test("stop lets an attempt under way end, and sends nothing more; the rest stays in the outbox", async () => {
  const desk = open();
  const slow = Promise.withResolvers<Receipt>();
  desk.first.outcome = () => slow.promise;
  enqueue(desk, rowOf("a"), rowOf("b"));
  await desk.clock.settle();
  const stopped = desk.deliveries.stop(3 * S);
  await desk.clock.advance(1 * S);
  slow.resolve({ ts: "1" });
  await stopped;
  expect(keys(desk.first)).toEqual(named("a"));
  expect(desk.store.pending(0).map(({ key }) => key)).toEqual([keyOf("b")]);
  expect(desk.clock.sleepers()).toEqual([]);
});

test.each([
  ["heeds its signal", waitForCut],
  ["does not", hang],
])(
  "stop cuts an attempt off after its grace, whether the adapter %s; it is not counted as failed",
  async (_, outcome) => {
    const desk = open();
    desk.first.outcome = outcome;
    enqueue(desk, rowOf("a"));
    await desk.clock.settle();
    let isStopped = false;
    const stopped = desk.deliveries.stop(3 * S).then(() => {
      isStopped = true;
    });
    await desk.clock.advance(3 * S - 1);
    expect(isStopped).toBe(false);
    await desk.clock.advance(1);
    await stopped;
    expect(desk.first.attempts[0]?.signal.aborted).toBe(true);
    expect(desk.store.pending(0)).toMatchObject([{ key: keyOf("a"), attempts: 0, error: null }]);
    expect(desk.clock.sleepers()).toEqual([]);
  },
);

test("stop is at once when the channels are idle or at rest", async () => {
  const desk = open({ channels: { desk: ["#alerts"], mail: ["a@example.com"] } });
  desk.first.outcome = fail("refused");
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  await desk.deliveries.stop(3 * S);
  expect(desk.clock.sleepers()).toEqual([]);
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(10 * MIN);
  expect(desk.first.attempts).toHaveLength(1);
});

// ---------------------------------------------------------------- conversations and a failing store

test("what came before in the conversation goes along with its receipt, as it is when the attempt is made", async () => {
  const desk = open();
  desk.first.outcome = async (delivery) => (delivery.key === keyOf("root") ? fail("not_sent")() : accept(delivery));
  const edits = [{ key: keyOf("root"), message: critical }];
  enqueue(
    desk,
    rowOf("root", { incidents: ["i"] }),
    rowOf("reply", { incidents: ["i"], rootKey: keyOf("root"), edits }),
  );
  await desk.clock.settle();
  desk.first.outcome = accept;
  await desk.clock.advance(S);
  const earlier = { key: keyOf("root"), receipt: { ts: keyOf("root") } };
  expect(desk.first.attempts.at(-1)?.delivery).toMatchObject({
    key: keyOf("reply"),
    root: earlier,
    edits: [{ of: earlier, message: critical }],
  });
});

test("a receipt that is no longer kept, or that a failing disk cannot give, is no reason to wait", async () => {
  const desk = open();
  enqueue(desk, rowOf("a", { rootKey: keyOf("forgotten") }));
  await desk.clock.settle();
  desk.store.receipt = () => {
    throw new Error("disk I/O error");
  };
  enqueue(desk, rowOf("b", { rootKey: keyOf("a") }));
  await desk.clock.settle();
  expect(desk.first.attempts.map(({ delivery }) => delivery.root)).toEqual([
    { key: keyOf("forgotten"), receipt: undefined },
    { key: keyOf("a"), receipt: undefined },
  ]);
  expect(desk.settled).toEqual(["1 delivered", "2 delivered"]);
});

test("what was accepted is not sent again when the disk cannot record it; it says so", async () => {
  const desk = open();
  enqueue(desk, rowOf("a"));
  desk.store.failure = "the disk is full";
  await desk.clock.advance(10 * MIN);
  expect(desk.first.attempts).toHaveLength(1);
  expect(desk.deliveries.backlog().count).toBe(0);
  expect(desk.logged).toContain(
    "error: the outcome of a delivery could not be stored: it may be repeated after a restart",
  );
});

test("a failed attempt is tried again although the disk cannot record it", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"));
  desk.store.failure = "the disk is full";
  await desk.clock.advance(10 * S);
  expect(desk.first.attempts.length).toBeGreaterThan(3);
});

test("rows that only memory holds are delivered like the others", async () => {
  const desk = open();
  desk.deliveries.add([
    { ...rowOf("a"), id: -1, attempts: 0, error: null },
    { ...rowOf("b"), id: -2, attempts: 0, error: null },
  ]);
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("a", "b"));
});
