import { expect, test } from "vitest";
import { createTestClock } from "../../test/support/clock.ts";
import { createLane, type Start } from "./pace.ts";

const never = new AbortController().signal;
const GUARD_MS = 8;
const FIRST_GUARD_MS = 25;

/** A lane of 500 ms whose sends are written at once and answered at once, and what started when. */
function laneOf() {
  const clock = createTestClock();
  const lane = createLane(500, clock);
  const starts: Start[] = [];
  const send = (answer: Promise<unknown> = Promise.resolve(), isFirst = false) =>
    lane.run("now", never, (written) => {
      starts.push(written(isFirst));
      return answer;
    });
  return { clock, lane, starts, send };
}

test("starts the first at once and the second after the spacing and the guard", async () => {
  const { clock, starts, send } = laneOf();
  await send();
  const second = send();
  await clock.advance(499 + GUARD_MS);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await second;
  expect(starts[0]?.gapMs).toBeUndefined();
  expect(starts[1]?.gapMs).toBeGreaterThanOrEqual(500 + GUARD_MS);
});

test("does not wait when the spacing has passed anyway", async () => {
  const { clock, starts, send } = laneOf();
  await send();
  await clock.advance(10_000);
  await send();
  expect(starts).toHaveLength(2);
});

test("keeps a wider distance from the first request of a connection", async () => {
  const { clock, starts, send } = laneOf();
  await send(undefined, true);
  const second = send();
  await clock.advance(499 + FIRST_GUARD_MS);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await second;
});

test("counts from the write, not from the hand-over: a connection that takes 300 ms shifts everything", async () => {
  const { clock, lane, starts, send } = laneOf();
  const connected = Promise.withResolvers<void>();
  const first = lane.run("now", never, async (written) => {
    await connected.promise;
    starts.push(written(false));
  });
  const second = send();
  await clock.advance(500 + GUARD_MS);
  expect(starts).toHaveLength(0); // nobody overtakes a request that is still connecting
  connected.resolve();
  await first;
  await clock.advance(499 + GUARD_MS);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await second;
  expect(starts[1]?.gapMs).toBeGreaterThanOrEqual(500);
});

test("counts a request that never reached its socket from its hand-over", async () => {
  const { clock, lane, starts, send } = laneOf();
  await expect(lane.run("now", never, () => Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  const second = send();
  await clock.advance(499 + GUARD_MS);
  expect(starts).toHaveLength(0);
  await clock.advance(1);
  await second;
});

test("starts nothing before the moment that it was given: the process before may have sent a request just now", async () => {
  const clock = createTestClock();
  const lane = createLane(500, clock, clock.monoMs() + 300);
  const starts: Start[] = [];
  const send = () => lane.run("now", never, async (written) => void starts.push(written(false)));
  const both = [send(), send()];
  await clock.advance(299);
  expect(starts).toHaveLength(0);
  await clock.advance(1);
  expect(starts).toHaveLength(1);
  await clock.advance(499 + GUARD_MS);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await Promise.all(both);
  expect(starts[0]?.gapMs).toBeUndefined();
});

test("starts in the order of asking", async () => {
  const { clock, lane } = laneOf();
  const order: number[] = [];
  const all = [1, 2, 3].map((n) =>
    lane.run("now", never, async (written) => {
      order.push(n);
      written(false);
    }),
  );
  for (let i = 0; i < 3; i++) {
    await clock.settle();
    expect(order).toHaveLength(i + 1);
    await clock.advance(500 + GUARD_MS);
  }
  await Promise.all(all);
  expect(order).toEqual([1, 2, 3]);
});

test("has at most four answers pending", async () => {
  const { clock, starts, send } = laneOf();
  const slow = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const all = slow.map(({ promise }) => send(promise));
  for (let i = 1; i <= 4; i++) {
    await clock.settle();
    expect(starts).toHaveLength(i);
    await clock.advance(500 + GUARD_MS);
  }
  await clock.settle();
  expect(starts).toHaveLength(4);
  slow[2]?.resolve();
  await clock.settle();
  expect(starts).toHaveLength(5);
  for (const { resolve } of slow) resolve();
  await Promise.all(all);
});

test("holds everything for as long as told, also what already waits", async () => {
  const { clock, lane, starts, send } = laneOf();
  await send();
  const second = send();
  lane.hold(2000);
  await clock.advance(1999);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await second;
});

test("never shortens a wait by a hold", async () => {
  const { clock, lane, starts, send } = laneOf();
  await send();
  lane.hold(1);
  const second = send();
  await clock.advance(499 + GUARD_MS);
  expect(starts).toHaveLength(1);
  await clock.advance(1);
  await second;
});

test("lets go of a request that is stopped while it waits, and keeps the order of the others", async () => {
  const { clock, lane, starts, send } = laneOf();
  const pending = Promise.withResolvers<void>();
  const first = lane.run("now", never, () => pending.promise); // connecting: everybody waits
  const stopping = new AbortController();
  const second = lane.run("now", stopping.signal, () => Promise.reject(new Error("it must not be sent")));
  const third = send();
  stopping.abort(new Error("why ever"));
  await expect(second).rejects.toThrow("the poll was stopped");
  expect(starts).toHaveLength(0);
  pending.resolve();
  await first;
  await clock.advance(500 + GUARD_MS);
  await third;
});

test("what can wait is overtaken by everything urgent until its very start, and keeps the spacing", async () => {
  const { clock, lane, starts, send } = laneOf();
  const order: string[] = [];
  const named = (name: string, urgency: "now" | "later") =>
    lane.run(urgency, never, async (written) => {
      order.push(name);
      starts.push(written(false));
    });
  await send();
  const later = [named("history 1", "later"), named("history 2", "later")];
  await clock.advance(400);
  const urgent = [named("account 1", "now"), named("account 2", "now")];
  await clock.advance(10_000);
  await Promise.all([...later, ...urgent]);
  expect(order).toEqual(["account 1", "account 2", "history 1", "history 2"]);
  for (const { gapMs } of starts.slice(1)) expect(gapMs).toBeGreaterThanOrEqual(500 + GUARD_MS);
});

test("a history that hangs leaves places for the account", async () => {
  const { clock, lane, starts, send } = laneOf();
  const hanging = new Promise<never>(() => undefined);
  for (let i = 0; i < 5; i++)
    void lane.run("later", never, (written) => {
      starts.push(written(false));
      return hanging;
    });
  await clock.advance(10_000);
  expect(starts).toHaveLength(2);
  const account = send();
  await clock.advance(1000);
  await account;
  expect(starts).toHaveLength(3);
});

test("lets go of a history that is stopped while it waits", async () => {
  const { clock, lane, send } = laneOf();
  await send();
  const stopping = new AbortController();
  const later = lane.run("later", stopping.signal, () => Promise.reject(new Error("it must not be sent")));
  const next = lane.run("later", never, async () => "sent");
  stopping.abort(new Error("why ever"));
  await expect(later).rejects.toThrow("the poll was stopped");
  await clock.advance(1000);
  expect(await next).toBe("sent");
});

test("in a lane without a gap, what can wait takes one turn after two minutes", async () => {
  const { clock, lane, starts, send } = laneOf();
  let laterAtMs = Number.NaN;
  let urgent = 0;
  const startMs = clock.monoMs();
  const saturate = async (): Promise<void> => {
    for (;;) {
      const next = send(); // always one waiting behind the one that starts
      urgent += 1;
      await clock.sleep(400);
      void next;
    }
  };
  void saturate();
  await clock.advance(1000);
  const later = lane.run("later", never, async (written) => {
    laterAtMs = clock.monoMs() - startMs;
    starts.push(written(false));
  });
  await clock.advance(119_000);
  expect(laterAtMs).toBeNaN();
  await clock.advance(60_000); // everything that was queued by then goes first
  await later;
  expect(laterAtMs).toBeGreaterThanOrEqual(121_000);
  for (const { gapMs } of starts.slice(1)) expect(gapMs).toBeGreaterThanOrEqual(500 + GUARD_MS);
  expect(urgent).toBeGreaterThan(300);
});
