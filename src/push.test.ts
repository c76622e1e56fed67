// What a push sets in motion: polls, one alert, one notice; on virtual time and the store in memory.
import { expect, test } from "vitest";
import { BARS_3X } from "../test/support/answers.ts";
import { createTestClock, START_WALL_MS } from "../test/support/clock.ts";
import { bookOf, UTC } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import type { OutboxRow } from "./core/ports.ts";
import type { PushEvent, PushReader } from "./core/push.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";
import { startPush } from "./push.ts";
import { createSooner } from "./sooner.ts";

const SECOND = 1000;

async function begin(store: MemoryStore = createMemoryStore(), startMs = START_WALL_MS) {
  const clock = createTestClock(startMs);
  const book = bookOf();
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers: book.notifiers.map((name) => ({ name, recipients: [name] })),
    log: silentLog,
    isWatched: () => true,
    stillWaiting: () => () => false,
  });
  const delivered: OutboxRow[] = [];
  const errors: string[] = [];
  const stopping = new AbortController();
  let tell: (event: PushEvent) => void = () => undefined;
  const push: PushReader = {
    async listen(_streams, onEvent, signal) {
      tell = onEvent;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  };
  let polls = 0;
  let asked = 0;
  const sooner = createSooner(
    async () => {
      polls += 1;
      return true;
    },
    () => undefined,
    clock,
    stopping.signal,
  );
  const done = startPush(
    {
      account: "main",
      push,
      streams: ["risk", "user"],
      pollNow: () => {
        asked += 1;
        sooner.poll();
      },
      bars: () => BARS_3X,
      ledger,
      book,
      clock,
      locale: UTC,
      muted: () => new Set(),
      deliver: (rows) => void delivered.push(...rows),
      log: { ...silentLog, error: (_, text) => void errors.push(text) },
    },
    stopping.signal,
  );
  await clock.settle();
  return {
    clock,
    store,
    ledger,
    errors,
    polls: () => polls,
    /** How often a poll was asked for. */
    asked: () => asked,
    tell: async (...events: readonly PushEvent[]) => {
      for (const event of events) tell(event);
      await clock.settle();
    },
    titles: () => delivered.map(({ message }) => message.title),
    async end() {
      stopping.abort();
      await done;
      await sooner.idle();
      expect(clock.sleepers()).toEqual([]);
    },
  };
}

const call = (status: string, level = 1.1): PushEvent => ({ kind: "margin-level", status, level, atMs: 0 });
const connected: PushEvent = { kind: "connected", stream: "risk" };
const retired: PushEvent = { kind: "retired", stream: "risk", reason: "HTTP 410" };
const CALLED = "CRITICAL · main · Binance calls for margin (pushed): margin level 1.10";
const GONE = "WARNING · main · Binance does not offer the risk stream any more (HTTP 410)";
const BACK = "INFO · main · the risk stream works again";

test.each<[string, PushEvent]>([
  ["a connection", connected],
  ["a change", { kind: "change", stream: "user" }],
  ["a level that is no call", call("NORMAL")],
  ["a margin call", call("MARGIN_CALL")],
])("%s brings the next poll forward at once", async (_, event) => {
  const desk = await begin();
  await desk.tell(event);
  expect(desk.polls()).toBe(1);
  await desk.end();
});

test.each([
  ["MARGIN_CALL", 1],
  ["PRE_LIQUIDATION", 1],
  ["FORCE_LIQUIDATION", 1],
  ["NORMAL", 0],
  ["SOMETHING_ELSE", 0],
])("%s is told at once in %i message", async (status, times) => {
  const desk = await begin();
  await desk.tell(call(status));
  expect(desk.titles().length).toBe(times);
  expect(desk.ledger.alerts().map(({ id }) => id.rule)).toEqual(times === 1 ? ["stream-margin-call"] : []);
  await desk.end();
});

test("a flood of 100,000 margin calls is one poll a second, one commit and one message", async () => {
  const desk = await begin();
  await desk.tell(...Array.from({ length: 100_000 }, () => call("MARGIN_CALL")));
  expect(desk.polls()).toBe(1);
  expect(desk.store.commits.length).toBe(1);
  for (let second = 0; second < 10; second++) {
    await desk.clock.advance(SECOND);
    await desk.tell(...Array.from({ length: 100 }, () => call("MARGIN_CALL")));
  }
  expect(desk.polls()).toBeLessThanOrEqual(11);
  expect(desk.store.commits.length).toBe(1);
  expect(desk.titles()).toEqual([CALLED]);
  await desk.end();
});

test("a call among a thousand changes in the same moment is not lost", async () => {
  const desk = await begin();
  const changes = Array.from({ length: 1000 }, (): PushEvent => ({ kind: "change", stream: "risk" }));
  await desk.tell(...changes, call("MARGIN_CALL"), call("NORMAL"), ...changes);
  expect(desk.titles()).toEqual([CALLED]);
  await desk.end();
});

test("a call that comes just after a commit is told a second later", async () => {
  const desk = await begin();
  await desk.tell(retired);
  await desk.tell(call("MARGIN_CALL"));
  expect(desk.titles()).toEqual([GONE]);
  await desk.clock.advance(SECOND);
  expect(desk.titles()).toEqual([GONE, CALLED]);
  await desk.end();
});

test("a retired stream is told once, over restarts too, until it worked again", async () => {
  const store = createMemoryStore();
  let startMs = START_WALL_MS;
  const run = async (...events: readonly PushEvent[]) => {
    startMs += 3600 * SECOND;
    const desk = await begin(store, startMs);
    for (const event of events) {
      await desk.tell(event);
      await desk.clock.advance(SECOND);
    }
    await desk.end();
    return desk.titles();
  };
  expect(await run(connected)).toEqual([]);
  expect(await run(retired, retired)).toEqual([GONE]);
  expect(await run(retired)).toEqual([]);
  expect(await run(connected, connected)).toEqual([BACK]);
  expect(await run(connected, retired)).toEqual([GONE]);
});

test("each stream is told by itself", async () => {
  const desk = await begin();
  await desk.tell(retired, { ...retired, stream: "user" });
  expect(desk.titles()).toEqual([GONE, GONE.replace("risk", "user")]);
  await desk.tell({ kind: "connected", stream: "user" });
  await desk.clock.advance(SECOND);
  expect(desk.titles().at(-1)).toBe(BACK.replace("risk", "user"));
  await desk.end();
});

test("while the disk takes nothing, a call is told all the same", async () => {
  const desk = await begin();
  desk.store.failure = "the disk is full";
  await desk.tell(call("MARGIN_CALL"), retired);
  expect(desk.titles()).toEqual([CALLED, GONE]);
  await desk.end();
});

test("what fails in an unforeseen way is logged, and the next event is worked on", async () => {
  const desk = await begin();
  const { commit } = desk.store;
  desk.store.commit = () => {
    throw new TypeError("odd");
  };
  await desk.tell(call("MARGIN_CALL"));
  expect(desk.errors).toEqual(["an event could not be worked on; polling goes on"]);
  desk.store.commit = commit;
  await desk.clock.advance(SECOND);
  await desk.tell(call("MARGIN_CALL"));
  expect(desk.titles()).toEqual([CALLED]);
  await desk.end();
});

test("what comes after the end sets nothing in motion", async () => {
  const desk = await begin();
  await desk.end();
  await desk.tell(call("MARGIN_CALL"), connected);
  expect(desk.titles()).toEqual([]);
  expect(desk.asked()).toBe(0);
});
