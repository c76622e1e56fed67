// What a push sets in motion: polls, one alert, one notice; on virtual time and the store in memory.
import { describe, expect, test } from "vitest";
import { BARS_3X, cross } from "../test/support/answers.ts";
import { createTestClock, START_WALL_MS } from "../test/support/clock.ts";
import { bookOf, UTC } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import type { OutboxRow } from "./core/ports.ts";
import type { PushEvent, PushReader } from "./core/push.ts";
import { type CycleParts, pass, startTurns } from "./cycle.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";
import { startPush } from "./push.ts";
import { createSooner } from "./sooner.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

async function begin(store: MemoryStore = createMemoryStore(), startMs = START_WALL_MS) {
  const clock = createTestClock(startMs);
  const book = bookOf({ rules: [] });
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
  const notes: string[] = [];
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
      log: { ...silentLog, error: (_, text) => void errors.push(text), info: (_, text) => void notes.push(text) },
    },
    stopping.signal,
  );
  await clock.settle();
  const cycle: CycleParts = {
    exchange: { account: "main", poll: () => [], bars: () => BARS_3X },
    sources: ["cross"],
    used: { cross: new Set(), isolated: new Set() },
    turns: startTurns(),
    ...{ ledger, book, clock, locale: UTC, muted: () => new Set<string>() },
    deliver: (rows) => void delivered.push(...rows),
  };
  return {
    clock,
    notes,
    /** The account answers. */
    answer: (level: number) => pass(cycle, [{ ok: true, atMs: clock.wallMs(), answer: cross(level) }]),
    /** It does not. */
    fail: () =>
      pass(cycle, [
        { ok: false, atMs: clock.wallMs(), source: "cross", failure: { code: "timeout", detail: "no answer" } },
      ]),
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

const refused: PushEvent = { kind: "unavailable", stream: "risk", reason: "error -2015" };
const NEVER = "WARNING · main · the risk stream could not be connected for an hour (error -2015)";
const DAY = 86_400 * SECOND;

describe("a stream that cannot be connected", () => {
  test("is told once, and once more when it works", async () => {
    const desk = await begin();
    for (const event of [refused, refused, connected, connected]) {
      await desk.tell(event);
      await desk.clock.advance(SECOND);
    }
    expect(desk.titles()).toEqual([NEVER, BACK]);
    await desk.end();
  });

  test("is not told again for as long as it lasts", async () => {
    const desk = await begin();
    for (let hour = 0; hour < 72; hour++) {
      await desk.tell(refused);
      await desk.clock.advance(3600 * SECOND);
    }
    expect(desk.titles()).toEqual([NEVER]);
    await desk.end();
  });

  test.each([
    ["within a day", DAY - 10 * SECOND, []],
    ["a day later", DAY, [NEVER]],
    ["with a clock that was set back by an hour", -3600 * SECOND, []],
  ])("a restart %s tells %j", async (_, laterMs, told) => {
    const store = createMemoryStore();
    const first = await begin(store);
    await first.tell(refused);
    await first.end();
    const second = await begin(store, START_WALL_MS + laterMs);
    await second.tell(refused);
    expect(second.titles()).toEqual(told);
    await second.end();
  });

  test("after a restart its connection is told", async () => {
    const store = createMemoryStore();
    for (const [event, told, startMs] of [
      [refused, NEVER, START_WALL_MS],
      [connected, BACK, START_WALL_MS + MINUTE],
    ] as const) {
      const desk = await begin(store, startMs);
      await desk.tell(event);
      expect(desk.titles()).toEqual([told]);
      await desk.end();
    }
  });

  test("is told as retired when that becomes known, and not the other way round", async () => {
    const desk = await begin();
    for (const event of [refused, retired, refused]) {
      await desk.tell(event);
      await desk.clock.advance(SECOND);
    }
    expect(desk.titles()).toEqual([NEVER, GONE]);
    await desk.end();
  });

  test("sets no poll in motion", async () => {
    const desk = await begin();
    await desk.tell(refused);
    expect(desk.asked()).toBe(0);
    await desk.end();
  });
});

type Desk = Awaited<ReturnType<typeof begin>>;
const OVER = "RESOLVED · main · margin call is over: margin level 2.41";

/** Lets time pass; the account answers every ten seconds, and the stream lies every `lieS`. */
async function live(desk: Desk, forS: number, { level = 2.41, lieS = 0, status = "MARGIN_CALL" } = {}) {
  for (let atS = 0; atS < forS; atS++) {
    if (lieS > 0 && atS % lieS === 0) await desk.tell(call(status));
    await desk.clock.advance(SECOND);
    if (atS % 10 === 9) desk.answer(level);
  }
}

/** A call that the account's own answers have ended, 50 s later. */
async function begun(store?: MemoryStore, startMs?: number) {
  const desk = await begin(store, startMs);
  desk.answer(2.41);
  await desk.tell(call("MARGIN_CALL"));
  await live(desk, 50);
  expect(desk.titles()).toEqual([CALLED, OVER]);
  return desk;
}

describe("a call again and again beside a healthy account", () => {
  test.each([1, 7, 40, 299, 1700])("every %i s is one incident", async (lieS) => {
    const desk = await begin();
    desk.answer(2.41);
    await live(desk, 2 * 3600, { lieS });
    expect(desk.titles()).toEqual([CALLED, OVER]);
    await desk.end();
  });

  test("is one incident where every other read fails", async () => {
    const desk = await begun();
    for (let minute = 0; minute < 60; minute++) {
      desk.fail();
      await live(desk, 15, { lieS: 3 });
      desk.fail();
      await desk.clock.advance(5 * SECOND);
    }
    expect(desk.titles()).toEqual([CALLED, OVER]);
    await desk.end();
  });

  test("is one incident over restarts", async () => {
    const store = createMemoryStore();
    const first = await begun(store);
    await first.end();
    const startMs = first.clock.wallMs() + MINUTE;
    const second = await begin(store, startMs);
    second.answer(2.41);
    await live(second, 3 * 3600, { lieS: 40 });
    expect(second.titles()).toEqual([]);
    await second.end();
    const third = await begin(store, startMs + 3 * 3600 * SECOND);
    third.answer(2.41);
    await live(third, 60, { lieS: 40 });
    expect(third.titles()).toEqual([]);
    await third.end();
  });

  test("is logged, and brings the poll forward", async () => {
    const desk = await begun();
    const asked = desk.asked();
    await desk.tell(call("MARGIN_CALL"));
    await live(desk, 20);
    expect(desk.asked()).toBe(asked + 1);
    expect(desk.notes).toEqual(["a margin call was pushed again, and the account's own answer speaks against it"]);
    expect(desk.titles()).toEqual([CALLED, OVER]);
    await desk.end();
  });

  test("costs few commits", async () => {
    const desk = await begun();
    const before = desk.store.commits.length;
    await live(desk, 3600, { lieS: 1 });
    expect(desk.store.commits.length - before).toBeLessThan(360 + 20); // those of the answers, and some
    await desk.end();
  });

  test.each([
    [1795, 0, []],
    [1805, 0, [CALLED]],
    [1795, -DAY, []],
    [1805, -DAY, [CALLED]],
  ])("%i s after the last one, with a clock that was set by %i ms, is %j", async (laterS, stepMs, told) => {
    for (const isAgain of [false, true]) {
      const desk = await begun();
      if (isAgain) {
        await live(desk, 600);
        await desk.tell(call("MARGIN_CALL"));
        await desk.clock.advance(SECOND);
        desk.answer(2.41);
        await desk.clock.advance(SECOND);
      }
      desk.clock.stepWall(stepMs);
      desk.answer(2.41);
      await live(desk, laterS - (isAgain ? 1 : 10));
      await desk.tell(call("MARGIN_CALL"));
      expect(desk.titles()).toEqual([CALLED, OVER, ...told]);
      await desk.end();
    }
  });

  test("a clock that was set back over a restart holds calls back for half an hour at most", async () => {
    const store = createMemoryStore();
    await (await begun(store)).end();
    const desk = await begin(store, START_WALL_MS - 365 * DAY);
    desk.answer(2.41);
    await live(desk, 1805);
    await desk.tell(call("MARGIN_CALL"));
    expect(desk.titles()).toEqual([CALLED]);
    await desk.end();
  });
});

describe("an honest call after one that ended", () => {
  test("is told at once where the account is near the bar", async () => {
    const desk = await begun();
    desk.answer(1.43);
    await desk.tell(call("MARGIN_CALL"));
    expect(desk.titles()).toEqual([CALLED, OVER, CALLED]);
    await desk.end();
  });

  test("is told as soon as the answer after it is near the bar", async () => {
    const desk = await begun();
    await desk.tell(call("MARGIN_CALL"));
    expect(desk.titles()).toEqual([CALLED, OVER]);
    desk.answer(1.31);
    await desk.clock.advance(SECOND);
    expect(desk.titles()).toEqual([CALLED, OVER, CALLED]);
    await desk.end();
  });

  test.each([
    [30, []],
    [31, [CALLED]],
  ])("where the last answer is %i s old, %j is told at once", async (ageS, told) => {
    const desk = await begun();
    await desk.clock.advance(ageS * SECOND);
    await desk.tell(call("MARGIN_CALL"));
    expect(desk.titles()).toEqual([CALLED, OVER, ...told]);
    desk.answer(2.41);
    await desk.clock.advance(2 * SECOND);
    await desk.end();
  });

  test("is told half a minute after the last answer where every read fails", async () => {
    const desk = await begun();
    await desk.clock.advance(9 * SECOND);
    await desk.tell(call("MARGIN_CALL"));
    for (let atS = 9; atS < 30; atS++) {
      desk.fail();
      await desk.clock.advance(SECOND);
    }
    expect(desk.titles()).toEqual([CALLED, OVER]);
    await desk.clock.advance(2 * SECOND);
    expect(desk.titles()).toEqual([CALLED, OVER, CALLED]);
    await desk.end();
  });

  test("is told half a minute later where no answer comes at all, with the worst word", async () => {
    const desk = await begun();
    desk.answer(2.41);
    await desk.tell(call("FORCE_LIQUIDATION"));
    for (let atS = 0; atS < 29; atS++) {
      await desk.clock.advance(SECOND);
      await desk.tell(call("MARGIN_CALL"));
    }
    expect(desk.titles()).toEqual([CALLED, OVER]);
    await desk.clock.advance(3 * SECOND);
    expect(desk.titles().at(-1)).toBe("CRITICAL · main · Binance is liquidating (pushed): margin level 1.10");
    await desk.end();
  });

  test("is told at once after a restart, before the first answer", async () => {
    const store = createMemoryStore();
    await (await begun(store)).end();
    const desk = await begin(store, START_WALL_MS + 2 * MINUTE);
    await desk.tell(call("MARGIN_CALL"));
    expect(desk.titles()).toEqual([CALLED]);
    await desk.end();
  });

  test("that no answer has judged yet is told at the end", async () => {
    const desk = await begun();
    await desk.tell(call("MARGIN_CALL"));
    await desk.end();
    expect(desk.titles()).toEqual([CALLED, OVER, CALLED]);
  });
});

test("a call in the last second before the end is told", async () => {
  const desk = await begin();
  await desk.tell(retired);
  await desk.tell(call("MARGIN_CALL"));
  await desk.end();
  expect(desk.titles()).toEqual([GONE, CALLED]);
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
