import { expect, test } from "vitest";
import {
  accept,
  type Channels,
  commit,
  type FakeNotifier,
  fail,
  hang,
  openChannels as open,
  rowOf,
  waitForCut,
} from "../test/support/channels.ts";
import { START_WALL_MS } from "../test/support/clock.ts";
import { critical, keyOf, resolved } from "../test/support/messages.ts";
import type { Delivery, NewRow, Receipt } from "./core/ports.ts";
import { mutedBy } from "./deliver.ts";

const S = 1000;
const MIN = 60 * S;
/** What an adapter has to say how far it had come. */
const HEED_MS = 250;

/** Rows that are committed and handed over now, unless a test gives them a time of its own. */
function enqueue({ clock, store, deliveries }: Channels, ...rows: NewRow[]): void {
  const stamped = rows.map((row) =>
    row.enqueuedAtMs === START_WALL_MS ? { ...row, enqueuedAtMs: clock.wallMs() } : row,
  );
  deliveries.add(commit(store, ...stamped));
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
  expect(desk.deliveries.backlog()).toEqual({ count: 1, oldestAtMs: START_WALL_MS + 10 * S });
  await desk.clock.settle();
  expect(times(desk.first)).toEqual([10 * S]);
  expect(desk.first.attempts[0]?.delivery).toEqual({
    key: keyOf("a"),
    recipient: "#alerts",
    attempt: 1,
    enqueuedAtMs: START_WALL_MS + 10 * S,
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
  desk.first.outcome = fail("not_sent");
  desk.deliveries.add(rows);
  desk.deliveries.add(desk.store.pending(0));
  await desk.clock.settle();
  desk.deliveries.add(rows);
  desk.first.outcome = accept;
  await desk.clock.advance(MIN);
  desk.deliveries.add(desk.store.pending(0));
  await desk.clock.advance(MIN);
  expect(desk.first.accepted).toHaveLength(1);
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
  desk.first.outcome = fail("ambiguous");
  enqueue(desk, rowOf("opened", { incidents: ["i"] }), rowOf("resolved", { incidents: ["i"] }));
  await desk.clock.advance(2 * 60 * MIN);
  expect(new Set(keys(desk.first))).toEqual(new Set(named("opened")));
  desk.first.outcome = accept;
  await desk.clock.advance(5 * MIN);
  expect(keys(desk.first).at(-2)).toBe(named("opened")[0]);
  expect(desk.settled.slice(-2)).toEqual(["1 delivered", "2 delivered"]);
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
  const bad = { ...critical, subject: "bad" };
  desk.first.outcome = async (delivery) => (delivery.message.subject === "bad" ? fail(kind)() : accept(delivery));
  enqueue(desk, rowOf("bad", { incidents: ["i"], message: bad }), rowOf("critical", { incidents: ["j"] }));
  await desk.clock.advance(10 * MIN);
  expect(keys(desk.first).slice(0, tries + 1)).toEqual(named(...Array(tries).fill("bad"), "critical"));
  expect(desk.deliveries.stillWaiting()(keyOf("bad"))).toBe(true);
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

test("a notifier one of whose recipients works is in trouble, and goes on reminding", async () => {
  const desk = open({ channels: { mail: ["bad@x.com", "good@x.com"] } });
  desk.first.outcome = (delivery) => (delivery.recipient === "bad@x.com" ? fail("refused")() : accept(delivery));
  const to = (recipient: string) => rowOf(recipient, { notifier: "mail", recipient });
  enqueue(desk, to("bad@x.com"), to("good@x.com"));
  await desk.clock.settle();
  expect(desk.deliveries.troubles()).toMatchObject([{ notifier: "mail", isRefused: true, isWhole: false }]);
  expect([...mutedBy(desk.deliveries)]).toEqual([]);
  desk.first.outcome = fail("refused");
  enqueue(desk, { ...to("good@x.com"), key: keyOf("another") });
  await desk.clock.advance(S);
  expect([...mutedBy(desk.deliveries)]).toEqual(["mail"]);
});

test("a late message that was accepted is not sent again while the disk cannot take its outcome", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"), rowOf("b"));
  await desk.clock.advance(10 * MIN);
  desk.store.failure = "the disk is full";
  desk.first.outcome = accept;
  await desk.clock.advance(MIN);
  desk.deliveries.add(desk.store.pending(0)); // as when another process wrote
  await desk.clock.advance(MIN);
  expect(desk.first.accepted).toHaveLength(1);
  desk.store.failure = undefined;
  await desk.clock.advance(MIN);
  expect(desk.store.pending(0)).toEqual([]);
  expect(desk.first.accepted).toHaveLength(1);
});

test("a check that finds the channel mended sends what waits at once", async () => {
  const desk = open();
  desk.first.outcome = fail("refused");
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  desk.deliveries.note("desk", "no such token");
  desk.first.outcome = accept;
  desk.deliveries.note("desk", undefined);
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("a", "a"));
  expect(desk.deliveries.troubles()).toEqual([]);
});

test("a check that went well all along takes back no refusal of a message: it cannot see what the message ran into", async () => {
  const desk = open();
  desk.first.outcome = fail("refused");
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  desk.deliveries.note("desk", undefined);
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("a"));
  expect(desk.deliveries.troubles()).toMatchObject([{ isRefused: true, reason: "it is refused" }]);
  desk.first.outcome = accept;
  await desk.clock.advance(5 * MIN);
  expect(desk.deliveries.troubles()).toEqual([]);
});

test("nor does a check that finds the channel mended shorten a wait that it asked for", async () => {
  const desk = open();
  desk.deliveries.note("desk", "no such token");
  desk.first.outcome = fail("not_sent", 60 * S);
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  desk.deliveries.note("desk", undefined);
  await desk.clock.advance(59 * S);
  expect(keys(desk.first)).toEqual(named("a"));
});

test("a channel is clear once it was seen to work since the start and nothing old waits for it", async () => {
  const desk = open();
  const isClear = () => desk.deliveries.isClear("desk");
  expect(isClear()).toBe(false);
  desk.deliveries.note("desk", undefined);
  expect(isClear()).toBe(true);
  desk.first.outcome = fail("not_sent");
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(2 * MIN);
  expect(isClear()).toBe(true);
  await desk.clock.advance(S);
  expect(isClear()).toBe(false);
  desk.restart();
  desk.deliveries.note("desk", undefined);
  expect(isClear()).toBe(false); // it waits since the run before
  desk.first.outcome = accept;
  await desk.clock.advance(MIN);
  expect(isClear()).toBe(true);
});

test("H1: what may have been on its way when the process died goes out with the same key and words, however late", async () => {
  const desk = open();
  desk.first.outcome = hang;
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(S);
  desk.first.outcome = accept;
  await desk.clock.advance(10 * MIN);
  desk.restart();
  await desk.clock.advance(MIN);
  const [first, second] = desk.first.attempts.map(({ delivery }) => delivery);
  expect([second?.key, second?.message]).toEqual([first?.key, first?.message]);
});

test("an alert never waits for the decoration of an earlier message", async () => {
  const desk = open();
  const decorations: AbortSignal[] = [];
  Object.assign(desk.first, {
    decorate: (_: Delivery, signal: AbortSignal) => {
      decorations.push(signal);
      return new Promise(() => {}); // hangs, and heeds no signal
    },
  });
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(S);
  expect(decorations).toHaveLength(1);
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(S);
  expect(decorations[0]?.aborted).toBe(true);
  expect(keys(desk.first)).toEqual(named("a", "b"));
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

test.each([
  ["not_sent", [1, 1, 1], 2],
  ["ambiguous", [1, 2, 3], 1],
] as const)(
  "%s is tried again without end, ever more slowly, at most 5 minutes apart",
  async (kind, attempts, wordings) => {
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
    expect(new Set(keys(desk.first)).size).toBe(wordings); // in time, and late
    expect(desk.first.attempts.map(({ delivery }) => delivery.attempt).slice(0, 3)).toEqual(attempts);
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
  desk.deliveries.add(row === undefined ? [] : [{ ...row, attempts: 3, isAmbiguous: true }]);
  await desk.clock.settle();
  expect(desk.first.attempts[0]?.delivery.attempt).toBe(4);
});

test("N16: an error that no adapter foresaw counts as ambiguous; from the third on the message goes in its plainest form", async () => {
  const desk = open();
  desk.first.outcome = async (delivery) => {
    if (delivery.plain) return accept(delivery);
    throw new TypeError("cannot lay this out");
  };
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  expect(desk.settled).toEqual(["1 ambiguous"]);
  expect(desk.store.rows()[0]).toMatchObject({ error: "cannot lay this out", isAmbiguous: true });
  await desk.clock.advance(MIN);
  expect(desk.settled).toEqual(["1 ambiguous", "1 ambiguous", "1 payload", "1 delivered"]);
});

test("N4: only an attempt after which a copy may be there makes the next one a repeat", async () => {
  const desk = open();
  const outcomes = [fail("not_sent"), fail("not_sent"), fail("ambiguous"), fail("not_sent"), accept];
  desk.first.outcome = (delivery) => (outcomes.shift() ?? accept)(delivery);
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(MIN);
  expect(desk.first.attempts.map(({ delivery }) => delivery.attempt)).toEqual([1, 1, 1, 4, 5]);
  expect(new Set(keys(desk.first)).size).toBe(1);
});

test("N1, N15: a storm goes out in a burst of five, then one a second, and a pause earns the next burst", async () => {
  const desk = open();
  enqueue(desk, ...Array.from({ length: 8 }, (_, n) => rowOf(`${n}`)));
  await desk.clock.advance(3 * S);
  expect(times(desk.first)).toEqual([0, 0, 0, 0, 0, 1 * S, 2 * S, 3 * S]);
  await desk.clock.advance(MIN);
  enqueue(desk, ...Array.from({ length: 6 }, (_, n) => rowOf(`later ${n}`)));
  await desk.clock.advance(S);
  expect(times(desk.first).slice(8)).toEqual([63, 63, 63, 63, 63, 64].map((s) => s * S));
});

test("of what may go at once the worst goes first", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  const info = { ...critical, severity: "info" } as const;
  enqueue(
    desk,
    rowOf("ended", { message: resolved }),
    rowOf("info", { message: info }),
    rowOf("critical"),
    rowOf("next"),
  );
  await desk.clock.settle();
  desk.first.outcome = accept;
  await desk.clock.advance(S);
  expect(keys(desk.first).slice(1)).toEqual(named("critical", "next", "info", "ended"));
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
    await desk.clock.advance(1 + HEED_MS);
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
  await desk.clock.advance(90 * S + HEED_MS);
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
  ["may have sent it, and says so", waitForCut, { attempts: 1, error: "cut off", isAmbiguous: true }],
  ["does not heed its signal", hang, { attempts: 1, error: "margind is stopping", isAmbiguous: true }],
  ["has surely not sent it", waitForCut, { attempts: 0, error: null, isAmbiguous: false }],
] as const)("stop cuts an attempt off after its grace; the adapter %s", async (_, outcome, left) => {
  const desk = open();
  desk.first.outcome = (delivery, signal) =>
    outcome(delivery, signal).catch((error) => (left.isAmbiguous ? Promise.reject(error) : fail("not_sent")()));
  enqueue(desk, rowOf("a"));
  await desk.clock.settle();
  let isStopped = false;
  const stopped = desk.deliveries.stop(3 * S).then(() => {
    isStopped = true;
  });
  await desk.clock.advance(3 * S - 1);
  expect(isStopped).toBe(false);
  await desk.clock.advance(1 + HEED_MS);
  await stopped;
  expect(desk.first.attempts[0]?.signal.aborted).toBe(true);
  expect(desk.store.pending(0)).toMatchObject([{ key: keyOf("a"), ...left }]);
  expect(desk.clock.sleepers()).toEqual([]);
});

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

test("what was accepted while the disk was full is written down when it works again", async () => {
  const desk = open();
  enqueue(desk, rowOf("a"), rowOf("b"));
  desk.store.failure = "the disk is full";
  await desk.clock.settle();
  expect(desk.store.pending(0)).toHaveLength(2);
  desk.store.failure = undefined;
  enqueue(desk, rowOf("c"));
  await desk.clock.settle();
  expect(desk.store.pending(0)).toEqual([]);
  expect(keys(desk.first)).toEqual(named("a", "b", "c"));
});

test.each([
  ["fails", async () => Promise.reject(new Error("no such message"))],
  ["hangs", hang],
])("living messages whose update %s make nothing look unsent, and hold up nothing for ever", async (_, decorate) => {
  const desk = open();
  desk.first.decorate = async () => void (await decorate());
  enqueue(desk, rowOf("a"));
  await desk.clock.advance(S);
  expect(desk.store.pending(0)).toEqual([]);
  enqueue(desk, rowOf("b"));
  await desk.clock.advance(3 * MIN);
  expect(desk.settled).toEqual(["1 delivered", "2 delivered"]);
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
    { ...rowOf("a"), id: -1, attempts: 0, error: null, isAmbiguous: false },
    { ...rowOf("b"), id: -2, attempts: 0, error: null, isAmbiguous: false },
  ]);
  await desk.clock.settle();
  expect(keys(desk.first)).toEqual(named("a", "b"));
});
