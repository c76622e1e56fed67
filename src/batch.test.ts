// What is kept for a channel that does not work, and how it goes out when it works again. The real delivery over fake channels and the
// store in memory, in virtual time.
import { describe, expect, test } from "vitest";
import { cross } from "../test/support/answers.ts";
import {
  accept,
  type Channels,
  commit,
  type FakeNotifier,
  fail,
  openChannels as open,
  rowOf,
  rowsOf,
} from "../test/support/channels.ts";
import { openDesk } from "../test/support/desk.ts";
import { critical, keyOf, resolved } from "../test/support/messages.ts";
import { type Delivery, type NewRow, StoreError } from "./core/ports.ts";

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
/** The longest wait between two attempts; the tests' random takes half of it. */
const TRY_AGAIN = 5 * MIN;

function enqueue({ clock, store, deliveries }: Channels, ...rows: NewRow[]): void {
  deliveries.add(commit(store, ...rows.map((row) => ({ ...row, enqueuedAtMs: clock.wallMs() }))));
}

/** One alert in the words of a test. */
function say(incident: string, text: string, over: Partial<NewRow> = {}): NewRow {
  const base = text === "RESOLVED" ? resolved : critical;
  const headline = `${incident} ${text}`;
  const sections = base.sections.map((section) => ({ ...section, headline, lines: [] }));
  const incidents = [`main|cross|${incident}@1`];
  return rowOf(headline, { incidents, message: { ...base, title: headline, sections }, ...over });
}

/** The next attempt is on its way when `meanwhile` happens, and may have been accepted; the channel is down again after it. */
async function lost(desk: Channels, meanwhile: () => void): Promise<Delivery> {
  const attempt = Promise.withResolvers<Delivery>();
  desk.first.outcome = async (delivery) => {
    desk.first.outcome = fail("not_sent");
    attempt.resolve(delivery);
    meanwhile();
    return fail("ambiguous")();
  };
  await desk.clock.advance(TRY_AGAIN);
  return attempt.promise;
}

const titles = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ message }) => message.title);
const accepted = ({ accepted: taken }: FakeNotifier): string[] => titles(taken);
const tried = ({ attempts }: FakeNotifier): string[] => titles(attempts.map(({ delivery }) => delivery));
const lastTry = ({ attempts }: FakeNotifier): Delivery => attempts.at(-1)?.delivery ?? expect.fail("no attempt");

/** The cross alert of the design document, watched while `desk` delivers. */
function watchOn(desk: Channels) {
  const watch = openDesk({ ageMs: 0 });
  return async (level: number, ...afterMs: readonly number[]) => {
    for (const ms of afterMs) {
      await desk.clock.advance(ms);
      const nowMs = desk.clock.wallMs();
      desk.deliveries.add(commit(desk.store, ...rowsOf(watch.look(nowMs, cross(level)), nowMs)));
    }
  };
}

describe("N7: a channel that is down for hours", () => {
  test("what began, grew worse, was reminded of and ended meanwhile is one message with both times", async () => {
    const desk = open();
    const level = watchOn(desk);
    desk.first.outcome = fail("not_sent");
    await level(1.36, 5 * MIN); // 23:05
    await level(1.24, 30 * MIN, 10 * S, 30 * MIN);
    await level(1.6, 2 * H, 30 * S, 30 * S);
    expect(desk.store.pending(0).map(({ message }) => message.kind)).toEqual([
      "opened",
      "raised",
      "reminded",
      "resolved",
    ]);
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(accepted(desk.first)).toEqual([
      "RESOLVED · main · cross margin level 1.60 · of 12 Mar 23:05 to 02:05 UTC, delivered late",
    ]);
    expect(lastTry(desk.first).message.sections[0]?.lines.slice(-2)).toEqual([
      "Not delivered since 12 Mar 23:05 UTC: 3 messages, the first WARNING · main · cross margin level 1.36 (below 1.365)",
      "Waited for desk: it is not_sent.",
    ]);
    expect(desk.store.pending(0)).toEqual([]);
    expect(desk.deliveries.backlog().count).toBe(0);
    await desk.clock.advance(H);
    expect(accepted(desk.first)).toHaveLength(1);
  });

  test("what still fires is told with the time it began, and what follows goes on in its conversation", async () => {
    const desk = open();
    const level = watchOn(desk);
    desk.first.outcome = fail("not_sent");
    await level(1.36, 5 * MIN);
    await level(1.24, 30 * MIN);
    desk.first.outcome = accept;
    await level(1.24, 30 * MIN);
    expect(accepted(desk.first)).toEqual([
      "CRITICAL · main · cross margin level 1.24 (below 1.30) · of 23:05 to 23:35 UTC, delivered late",
    ]);
    await level(1.6, 30 * S, 30 * S, 30 * S);
    const end = lastTry(desk.first);
    expect(end.message.title).toBe("RESOLVED · main · cross margin level 1.60");
    const late = desk.first.accepted[0]?.key;
    expect(end.root?.receipt).toEqual({ ts: late });
    expect(end.edits.map(({ of }) => of.receipt)).toEqual([{ ts: late }]); // it is the living message now
  });

  test("what ended a moment ago goes along: nobody is woken for what is over", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"));
    await desk.clock.advance(H);
    enqueue(desk, say("i", "RESOLVED"));
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(accepted(desk.first)).toEqual(["i RESOLVED · of 12 Mar 23:00 to 00:00 UTC, delivered late"]);
  });

  test("what has just begun is a message of its own, and goes first when it is worse", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
    await desk.clock.advance(30 * MIN);
    desk.first.outcome = accept;
    enqueue(desk, say("k", "CRITICAL"));
    await desk.clock.advance(TRY_AGAIN);
    expect(accepted(desk.first)).toHaveLength(2);
    expect(accepted(desk.first)).toContain("k CRITICAL");
    expect(accepted(desk.first)).toContain("CRITICAL · main · 2 alerts, worst first · of 23:00 UTC, delivered late");
  });

  test("two minutes are in time, more are late", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent", 2 * MIN);
    enqueue(desk, say("i", "CRITICAL"));
    await desk.clock.advance(2 * MIN);
    expect(tried(desk.first)).toEqual(["i CRITICAL", "i CRITICAL"]);
    desk.first.outcome = accept;
    await desk.clock.advance(2 * MIN);
    expect(accepted(desk.first)).toEqual(["i CRITICAL · of 23:00 UTC, delivered late"]);
  });

  test("an outage writes nothing but its failed attempts, however long it lasts", async () => {
    const desk = open();
    let merges = 0;
    const { supersede } = desk.store;
    desk.store.supersede = (...args) => {
      merges += 1;
      return supersede(...args);
    };
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
    await desk.clock.advance(24 * H);
    expect(merges).toBe(0);
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(merges).toBe(1);
  });

  test("a test message is not one of them", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    const trial = say("t", "TEST");
    enqueue(desk, say("i", "CRITICAL"), { ...trial, message: { ...trial.message, kind: "test", severity: "info" } });
    await desk.clock.advance(H);
    desk.first.outcome = accept;
    await desk.clock.advance(2 * TRY_AGAIN);
    expect(accepted(desk.first).sort()).toEqual(["i CRITICAL · of 12 Mar 23:00 UTC, delivered late", "t TEST"].sort());
  });

  test("of two recipients only the one out of reach hears late", async () => {
    const desk = open({ channels: { mail: ["a@example.com", "b@example.com"] } });
    const isDown = { now: true };
    desk.first.outcome = (delivery) =>
      (isDown.now && delivery.recipient === "a@example.com" ? fail("not_sent") : accept)(delivery);
    for (const text of ["CRITICAL", "RESOLVED"]) {
      for (const recipient of desk.first.recipients) {
        enqueue(desk, say("i", text, { key: keyOf(`${recipient} ${text}`), notifier: "mail", recipient }));
      }
      await desk.clock.advance(H);
    }
    isDown.now = false;
    await desk.clock.advance(TRY_AGAIN);
    const to = (recipient: string) => titles(desk.first.accepted.filter((each) => each.recipient === recipient));
    expect(to("b@example.com")).toEqual(["i CRITICAL", "i RESOLVED"]);
    expect(to("a@example.com")).toEqual(["i RESOLVED · of 12 Mar 23:00 to 00:00 UTC, delivered late"]);
  });

  test("N14: when all are down everything is kept for each, and told to each when it works again", async () => {
    const desk = open({ channels: { desk: ["#alerts"], mail: ["a@example.com"] } });
    for (const notifier of desk.notifiers) notifier.outcome = fail("not_sent");
    for (const text of ["CRITICAL", "RESOLVED"]) {
      enqueue(
        desk,
        say("i", text),
        say("i", text, { key: keyOf(`m ${text}`), notifier: "mail", recipient: "a@example.com" }),
      );
      await desk.clock.advance(H);
    }
    expect(desk.deliveries.backlog().count).toBe(4);
    expect(desk.deliveries.troubles()).toHaveLength(2);
    for (const notifier of desk.notifiers) notifier.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(desk.notifiers.map(accepted)).toEqual(
      Array(2).fill(["i RESOLVED · of 12 Mar 23:00 to 00:00 UTC, delivered late"]),
    );
  });
});

describe("N4, N11: once a copy may be on the other side", () => {
  test("the words stay, no matter how late; what follows waits for it and is late on its own", async () => {
    const desk = open();
    desk.first.outcome = fail("ambiguous");
    enqueue(desk, say("i", "CRITICAL"));
    await desk.clock.advance(30 * MIN);
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "RESOLVED"));
    await desk.clock.advance(H);
    desk.first.outcome = accept;
    await desk.clock.advance(2 * TRY_AGAIN);
    const mine = desk.first.attempts.filter(({ delivery }) => delivery.key === keyOf("i CRITICAL"));
    expect(new Set(mine.map(({ delivery }) => JSON.stringify(delivery.message))).size).toBe(1);
    expect(accepted(desk.first)).toEqual(["i CRITICAL", "i RESOLVED · of 12 Mar 23:30 UTC, delivered late"]);
  });

  test.each([
    ["", false],
    [", over a restart", true],
  ])(
    "that holds for a late message too%s; what came while it was on its way comes after it",
    async (_, isRestarted) => {
      const desk = open();
      desk.first.outcome = fail("not_sent");
      enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
      await desk.clock.advance(H);
      const first = await lost(desk, () => enqueue(desk, say("i", "RESOLVED")));
      expect(first.message.isLate).toBe(true);
      await desk.clock.advance(H);
      if (isRestarted) desk.restart();
      await desk.clock.advance(H);
      desk.first.outcome = accept;
      await desk.clock.advance(TRY_AGAIN);
      const [late, end, ...more] = desk.first.accepted;
      expect(more).toEqual([]);
      expect([late?.key, late?.message, late?.enqueuedAtMs]).toEqual([first.key, first.message, first.enqueuedAtMs]);
      expect(late?.attempt).toBeGreaterThan(first.attempt);
      expect(end?.message.title).toMatch(/^i RESOLVED · of 00:\d\d UTC, delivered late$/);
      expect(desk.store.pending(0)).toEqual([]);
    },
  );

  test("also when the process ends before it is noted that a copy may be there", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
    await desk.clock.advance(H);
    const { settle } = desk.store;
    const first = await lost(desk, () => {
      desk.store.settle = () => {
        throw new StoreError("no more");
      };
    });
    desk.restart();
    desk.store.settle = settle;
    enqueue(desk, say("i", "RESOLVED"));
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(desk.first.accepted.map(({ key, message }) => [key, message]).slice(0, 1)).toEqual([
      [first.key, first.message],
    ]);
    expect(accepted(desk.first).slice(1)).toEqual(["i RESOLVED"]);
  });

  test("nothing that is merged overtakes what stays behind", async () => {
    const desk = open();
    const both = say("j", "CRITICAL", { key: keyOf("j and k"), incidents: ["main|cross|j@1", "main|cross|k@1"] });
    enqueue(desk, say("j", "CRITICAL", { key: keyOf("before") }));
    desk.first.outcome = fail("ambiguous");
    await desk.clock.settle();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("k", "CRITICAL"), both);
    await desk.clock.advance(H);
    desk.first.outcome = (delivery) => (delivery.key === keyOf("before") ? fail("not_sent") : accept)(delivery);
    await desk.clock.advance(H);
    expect(accepted(desk.first)).toEqual(["k CRITICAL · of 12 Mar 23:00 UTC, delivered late"]);
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(desk.first.accepted.slice(1).map(({ message }) => message.sections.length)).toEqual([1, 1]);
    expect(desk.first.accepted[1]?.key).toBe(keyOf("before"));
  });
});

describe("H1: a kill and a restart", () => {
  test("in the middle of an outage change nothing: it is still one message", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"));
    await desk.clock.advance(H);
    desk.restart();
    await desk.clock.advance(10 * S);
    enqueue(desk, say("i", "RESOLVED"));
    await desk.clock.advance(S);
    desk.restart();
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(accepted(desk.first)).toEqual(["i RESOLVED · of 12 Mar 23:00 to 00:00 UTC, delivered late"]);
  });

  test("between the sending of a late message and its receipt make the copy the same, key and words", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
    await desk.clock.advance(10 * MIN);
    desk.first.outcome = async (delivery) => {
      desk.restart(); // it is accepted, and nobody hears of it
      desk.first.outcome = accept;
      return accept(delivery);
    };
    await desk.clock.advance(TRY_AGAIN);
    const [first, copy, ...more] = desk.first.accepted;
    expect(more).toEqual([]);
    expect(copy).toEqual(first);
    expect(desk.store.pending(0)).toEqual([]);
  });

  test.each([
    ["2 minutes before counts as in time", -2 * MIN, "i CRITICAL"],
    ["longer before counts as late", -2 * MIN - 1, "i CRITICAL · of 22:57 UTC, delivered late"],
    ["in the future, by a clock that was set back, counts as in time", H, "i CRITICAL"],
  ])("H6: what was enqueued %s", async (_, agoMs, title) => {
    const desk = open();
    const row = say("i", "CRITICAL");
    commit(desk.store, { ...row, enqueuedAtMs: desk.clock.wallMs() + agoMs });
    desk.deliveries.add(desk.store.pending(0)); // as after a clean end
    await desk.clock.settle();
    expect(accepted(desk.first)).toEqual([title]);
  });
});

describe("H3: a disk that is full meanwhile", () => {
  test("stops no late message; the rows that it holds are settled when it can be written again", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("i", "RESOLVED"));
    await desk.clock.advance(H);
    desk.store.failure = "the disk is full";
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(accepted(desk.first)).toEqual(["i RESOLVED · of 12 Mar 23:00 UTC, delivered late"]);
    expect(desk.store.pending(0)).toHaveLength(2);
    desk.store.failure = undefined;
    enqueue(desk, say("k", "CRITICAL"));
    await desk.clock.settle();
    expect(desk.store.pending(0)).toEqual([]);
    expect(desk.first.accepted).toHaveLength(2);
  });

  test("loses no row that only memory holds, and keeps the words of what may have been accepted", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    const rows = ["CRITICAL", "RESOLVED"].map((text) => ({ ...say("i", text), enqueuedAtMs: desk.clock.wallMs() }));
    desk.store.failure = "the disk is full";
    desk.deliveries.add(rows.map((row, n) => ({ ...row, id: -1 - n, attempts: 0, error: null, isAmbiguous: false })));
    await desk.clock.advance(H);
    desk.first.outcome = fail("ambiguous");
    await desk.clock.advance(TRY_AGAIN);
    const words = lastTry(desk.first);
    expect(rows.every(({ key }) => desk.deliveries.stillWaiting()(key))).toBe(true); // so the ledger stores them when it can
    desk.store.failure = undefined;
    commit(desk.store, ...rows);
    await desk.clock.advance(2 * TRY_AGAIN);
    expect(desk.store.pending(0).map(({ key, isAmbiguous }) => [key, isAmbiguous])).toEqual([[words.key, true]]);
    desk.restart();
    desk.first.outcome = accept;
    await desk.clock.advance(TRY_AGAIN);
    expect(desk.first.accepted.map(({ key, message }) => [key, message])).toEqual([[words.key, words.message]]);
    expect(desk.store.pending(0)).toEqual([]);
  });

  test("a late row that another process finds in the store is not sent twice", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"));
    await desk.clock.advance(H);
    desk.first.outcome = fail("ambiguous");
    await desk.clock.advance(TRY_AGAIN);
    desk.deliveries.add(desk.store.pending(0));
    expect(desk.deliveries.backlog().count).toBe(1);
  });
});

describe("a message that is refused by its own fault", () => {
  test("N3: a late one goes in its plainest form at once; then each row tries for itself, as it was", async () => {
    const desk = open();
    desk.first.outcome = fail("not_sent");
    enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
    await desk.clock.advance(10 * MIN);
    const before = desk.first.attempts.length;
    desk.first.outcome = (delivery) => (delivery.message.isLate ? fail("payload") : accept)(delivery);
    await desk.clock.advance(TRY_AGAIN);
    const after = desk.first.attempts.slice(before).map(({ delivery }) => delivery);
    expect(after.map(({ plain, message }) => [plain, message.isLate === true])).toEqual([
      [false, true],
      [true, true],
      [true, false],
      [true, false],
    ]);
    expect(accepted(desk.first).sort()).toEqual(["i CRITICAL", "j CRITICAL"]);
  });

  test.each(["refused", "not_sent"] as const)(
    "holds back no other for ever, though all are late (%s)",
    async (kind) => {
      const desk = open();
      desk.first.outcome = fail("not_sent");
      enqueue(desk, say("i", "CRITICAL"), say("bad", "CRITICAL"), say("j", "CRITICAL"), say("j", "RESOLVED"));
      await desk.clock.advance(H);
      desk.first.outcome = (delivery) =>
        (JSON.stringify(delivery.message).includes("bad CRITICAL") ? fail(kind) : accept)(delivery);
      await desk.clock.advance(2 * H);
      expect(desk.deliveries.backlog().count).toBe(1);
      const before = desk.first.attempts.length;
      while (desk.first.attempts.length === before) await desk.clock.advance(S);
      enqueue(desk, say("k", "CRITICAL"));
      await desk.clock.advance(TRY_AGAIN / 2); // late by then, and it would be held back once more
      expect(accepted(desk.first).at(-1)).toMatch(/^k CRITICAL · .*delivered late$/);
      const told = desk.first.accepted.flatMap(({ message }) => message.sections.map(({ headline }) => headline));
      for (const text of ["i CRITICAL", "j RESOLVED", "k CRITICAL"]) {
        expect(told.filter((headline) => headline.startsWith(text))).toHaveLength(1);
      }
      expect(desk.deliveries.backlog().count).toBe(1);
      desk.first.outcome = accept;
      await desk.clock.advance(TRY_AGAIN);
      expect(desk.deliveries.backlog().count).toBe(0);
    },
  );
});

test("a late message of several conversations is not written over by the living message of one of them", async () => {
  const desk = open();
  desk.first.outcome = fail("not_sent");
  enqueue(desk, say("i", "CRITICAL"), say("j", "CRITICAL"));
  await desk.clock.advance(10 * MIN);
  desk.first.outcome = accept;
  await desk.clock.advance(TRY_AGAIN);
  const rootKey = keyOf("i CRITICAL");
  enqueue(desk, say("i", "RESOLVED", { rootKey, edits: [{ key: rootKey, message: resolved }] }));
  await desk.clock.settle();
  const [late, end] = desk.first.accepted;
  expect(end?.root?.receipt?.["ts"]).toBe(late?.key); // it goes on in its thread
  expect(end?.edits).toEqual([]);
});
