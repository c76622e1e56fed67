import { describe, expect, test } from "vitest";
import { BARS_3X, cross, debtFree, emptyPair, isolated, longPair } from "../test/support/answers.ts";
import { createTestClock, type TestClock } from "../test/support/clock.ts";
import { bookOf, messageText, UTC } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import { startHealth } from "./core/feed.ts";
import type { Answer, Failure, OutboxRow, ReadResult, Source } from "./core/ports.ts";
import { type CycleParts, pass, runCycle, startTurns } from "./cycle.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";

const S = 1000;
const NEVER = new AbortController().signal;

interface Watch extends CycleParts {
  /** The headlines of all messages handed to delivery so far. */
  readonly told: string[];
  readonly rows: OutboxRow[];
  /** What the next poll reads: after so long, this. */
  reads: readonly (readonly [number, Answer | Failure["code"]])[];
}

interface Options {
  readonly clock?: TestClock;
  readonly store?: MemoryStore;
  readonly sources?: readonly Source[];
}

const failed = (code: Failure["code"], atMs: number, source: Source = "cross", untilMs?: number): ReadResult => {
  const failure = { code, detail: "", ...(untilMs !== undefined && { untilMs }) };
  return { ok: false, atMs, source, failure };
};

/** A daemon's watch over one account, as a start makes it; a second one with the same store is a restart. */
function open({
  clock = createTestClock(),
  store = createMemoryStore(),
  sources = ["cross", "isolated"],
}: Options = {}) {
  const notifiers = [
    { name: "desk", recipients: ["#alerts"] },
    { name: "mail", recipients: ["a@x.com", "b@x.com"] },
  ];
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers,
    log: silentLog,
    isWatched: () => true,
    stillWaiting: () => () => true,
  });
  for (const source of sources) {
    ledger.setHealth("main", startHealth(source, clock.monoMs(), ledger.snapshot("main")?.okAtMs[source] ?? null));
  }
  const book = bookOf({ notifiers: notifiers.map(({ name }) => name) });
  const used = {
    cross: new Set(book.rules.flatMap(({ on, field }) => (on === "cross" ? [field] : []))),
    isolated: new Set(book.rules.flatMap(({ on, field }) => (on === "isolated" ? [field] : []))),
  };
  const rows: OutboxRow[] = [];
  const told: string[] = [];
  const read = async (afterMs: number, answer: Answer | Failure["code"]): Promise<ReadResult> => {
    await clock.sleep(afterMs);
    const atMs = clock.wallMs();
    return typeof answer === "string" ? failed(answer, atMs) : { ok: true, atMs, answer };
  };
  const watch: Watch = {
    exchange: {
      account: "main",
      bars: () => BARS_3X,
      poll: () => watch.reads.map(([afterMs, answer]) => read(afterMs, answer)),
    },
    sources,
    ledger,
    book,
    used,
    clock,
    locale: UTC,
    muted: () => new Set(),
    turns: startTurns(),
    deliver(added) {
      rows.push(...added);
      told.push(...added.filter(({ notifier }) => notifier === "desk").map(({ message }) => message.title));
    },
    told,
    rows,
    reads: [],
  };
  const texts = () => rows.filter(({ notifier }) => notifier === "desk").map(({ message }) => messageText(message));
  const seen = (...answers: readonly Answer[]): void =>
    pass(
      watch,
      answers.map((answer) => ({ ok: true, atMs: clock.wallMs(), answer })),
    );
  return { ...watch, watch, clock, store, texts, seen };
}

const CRITICAL = "CRITICAL · main · cross margin level 1.24 (below 1.30)";
const PAIR = "CRITICAL · main · BTCUSDT isolated distance to liquidation 2.0 % (below 3 %)";
const healthy = isolated([emptyPair("BTCUSDT")]);
const bad = isolated([longPair("BTCUSDT", 2)]);

// ---------------------------------------------------------------- grouping

describe("answers that come together", () => {
  /** What was told, and after how long, of one cycle. */
  async function cycleOf(...reads: Watch["reads"]) {
    const { watch, clock, told, store } = open();
    watch.reads = reads;
    const startMs = clock.monoMs();
    const moments: [number, number][] = [];
    const deliver = watch.deliver;
    const parts = {
      ...watch,
      deliver: (rows: readonly OutboxRow[]) => {
        moments.push([clock.monoMs() - startMs, rows.length]);
        deliver(rows);
      },
    };
    const running = runCycle(parts, NEVER);
    await clock.advance(60 * S);
    const results = await running;
    expect(clock.sleepers()).toEqual([]);
    return { passes: moments.map(([atMs]) => atMs), told, results, commits: store.commits.length };
  }

  test("are one pass and one message", async () => {
    const { passes, told, commits, results } = await cycleOf([100, cross(1.24)], [700, bad]);
    expect(passes).toEqual([700]);
    expect(told).toEqual(["CRITICAL · main · 2 alerts, worst first"]);
    expect([commits, results.length]).toEqual([1, 2]);
  });

  test("a single read waits for nothing", async () => {
    expect((await cycleOf([100, cross(1.24)])).passes).toEqual([100]);
  });

  test("a slow list of pairs does not hold back the cross account", async () => {
    const { passes, told } = await cycleOf([100, cross(1.24)], [8 * S, bad]);
    expect(passes).toEqual([1_100, 8 * S]);
    expect(told).toEqual([CRITICAL, PAIR]);
  });

  test("nor does the cross account hold back the pairs", async () => {
    const { passes, told } = await cycleOf([8 * S, cross(1.24)], [100, bad]);
    expect(passes).toEqual([1_100, 8 * S]);
    expect(told).toEqual([PAIR, CRITICAL]);
  });

  test("an answer waits two seconds at most, however many follow it", async () => {
    const { passes } = await cycleOf(
      [100, cross(2)],
      [900, healthy],
      [1_700, healthy],
      [2_500, healthy],
      [9 * S, healthy],
    );
    expect(passes).toEqual([2_100, 3_500, 9 * S]);
  });

  test("a failure is a result like any other", async () => {
    const { results, passes } = await cycleOf([100, "timeout"], [200, healthy]);
    expect(results.map(({ ok }) => ok)).toEqual([false, true]);
    expect(passes).toEqual([200]);
  });

  test("nothing to read is no pass", async () => {
    expect(await cycleOf()).toMatchObject({ passes: [], results: [] });
  });

  test("after the daemon was told to stop, nothing is committed any more", async () => {
    const { watch, clock, store } = open();
    watch.reads = [[100, cross(1.24)]];
    const stopping = new AbortController();
    const running = runCycle(watch, stopping.signal);
    await clock.advance(50);
    stopping.abort();
    await clock.advance(S);
    expect(await running).toEqual([]);
    expect(store.commits).toEqual([]);
  });
});

describe("polls that overlap", () => {
  test("an answer that was asked for earlier and comes later changes nothing any more", async () => {
    const { watch, clock, told, ledger } = open();
    watch.reads = [
      [100, cross(2.5)],
      [900, healthy], // the cross answer waits for its companion
    ];
    const first = runCycle(watch, NEVER);
    await clock.advance(500);
    watch.reads = [[100, cross(1.24)]];
    const second = runCycle(watch, NEVER);
    await clock.advance(200);
    expect(told).toEqual([CRITICAL]);
    await clock.advance(60 * S);
    await Promise.all([first, second]);
    expect(told).toEqual([CRITICAL]);
    expect(ledger.snapshot("main")?.known).toMatchObject([{ subject: "cross", level: 1.24 }]);
  });

  test("but a later failure makes no earlier answer old: it is no news of the account", async () => {
    const { watch, clock, told, ledger } = open();
    watch.reads = [[900, cross(1.24)]];
    const first = runCycle(watch, NEVER);
    await clock.advance(500);
    watch.reads = [[100, "rate_limited"]]; // refused at once, without a request
    const second = runCycle(watch, NEVER);
    await clock.advance(60 * S);
    await Promise.all([first, second]);
    expect(told).toEqual([CRITICAL]);
    expect(ledger.snapshot("main")?.known).toMatchObject([{ subject: "cross", level: 1.24 }]);
  });

  test("nor does an earlier failure hide a later answer, and the companion's answer still counts", async () => {
    const { watch, clock, ledger } = open();
    watch.reads = [
      [5 * S, "timeout"],
      [5 * S, healthy],
    ];
    const first = runCycle(watch, NEVER);
    await clock.advance(S);
    watch.reads = [[100, cross(2.5)]];
    const second = runCycle(watch, NEVER);
    await clock.advance(60 * S);
    await Promise.all([first, second]);
    expect(ledger.health("main", "cross")).toMatchObject({ failure: null, hasSeen: true });
    expect(ledger.health("main", "isolated")).toMatchObject({ failure: null, hasSeen: true });
  });
});

// ---------------------------------------------------------------- what a pass commits

test("states, rows and picture go into one commit; every recipient has a row of its own", () => {
  const { seen, store, rows } = open();
  seen(cross(1.24), healthy);
  expect(store.commits).toHaveLength(1);
  expect(store.commits[0]?.alerts.map(({ id, state }) => `${id.subject} ${id.rule} ${state?.phase}`)).toEqual([
    "cross cross-margin-level firing",
  ]);
  expect(store.commits[0]?.snapshot?.known.map(({ subject, severity }) => [subject, severity])).toEqual([
    ["cross", "critical"],
  ]);
  expect(rows.map(({ notifier, recipient }) => `${notifier} ${recipient}`)).toEqual([
    "desk #alerts",
    "mail a@x.com",
    "mail b@x.com",
  ]);
  expect(new Set(rows.map(({ key }) => key)).size).toBe(3);
  for (const { key } of rows) expect(key).toMatch(/^[0-9a-f]{64}$/);
});

test("the watchdog's look commits nothing while nothing changes", () => {
  const { seen, watch, store, clock } = open();
  seen(cross(2), healthy);
  const before = store.commits.length;
  pass(watch, []);
  expect(store.commits).toHaveLength(before);
  expect(clock.sleepers()).toEqual([]);
});

test("what follows names the row that began its conversation, for each recipient", async () => {
  const { seen, rows, clock } = open();
  seen(cross(1.36), healthy);
  await clock.advance(5 * S);
  seen(cross(1.24), healthy);
  const [opened, raised] = [rows.slice(0, 3), rows.slice(3)];
  expect(raised.map(({ rootKey }) => rootKey)).toEqual(opened.map(({ key }) => key));
  expect(raised.map(({ edits }) => edits.map(({ key }) => key))).toEqual(opened.map(({ key }) => [key]));
  expect(raised.map(({ recipient }) => recipient)).toEqual(opened.map(({ recipient }) => recipient));
});

// ---------------------------------------------------------------- failures change nothing

test("failed and unreadable answers change no alert and no picture, whatever they say", async () => {
  const { seen, watch, ledger, clock, told } = open();
  seen(cross(1.24), bad);
  const [states, known] = [structuredClone([...ledger.states]), ledger.snapshot("main")?.known];
  for (const code of ["unreachable", "timeout", "unavailable", "rate_limited", "clock_skew", "bad_response"] as const) {
    await clock.advance(4 * S);
    pass(watch, [failed(code, clock.wallMs()), failed(code, clock.wallMs(), "isolated")]);
    seen(cross(undefined), isolated([longPair("BTCUSDT", 50, { marginLevelStatus: undefined })]));
  }
  expect([...ledger.states]).toEqual(states);
  expect(ledger.snapshot("main")?.known).toEqual(known);
  expect(told).toHaveLength(1);
});

test("an unreadable pair does not keep the others from being watched", () => {
  const { seen, told } = open();
  seen(cross(2), isolated([longPair("AUSDT", 2, { marginLevelStatus: undefined }), longPair("BTCUSDT", 2)]));
  expect(told).toEqual([PAIR]);
});

// ---------------------------------------------------------------- blind

describe("blindness", () => {
  test("is told after staleAfter without an answer, not before, and to every notifier", async () => {
    const { seen, watch, clock, told, rows } = open();
    seen(cross(2), healthy);
    await clock.advance(30 * S);
    pass(watch, []);
    expect(told).toEqual([]);
    await clock.advance(1);
    pass(watch, []);
    expect(told).toEqual(["BLIND · main · no valid answer for 30 s"]);
    expect(rows.map(({ notifier }) => notifier)).toEqual(["desk", "mail", "mail"]);
  });

  test("begins with the start when nothing ever came", async () => {
    const { watch, clock, texts } = open();
    await clock.advance(31 * S);
    pass(watch, [failed("unreachable", clock.wallMs())]);
    expect(texts()[0]).toContain(
      "BLIND · main · no valid answer for 31 s\nBinance cannot be reached. The account was never seen.",
    );
  });

  test("knows after a restart what was seen before it", async () => {
    const first = open();
    first.seen(cross(1.24), healthy);
    const { watch, clock, texts } = open({ store: first.store, clock: first.clock });
    await clock.advance(31 * S);
    pass(watch, [failed("unreachable", clock.wallMs())]);
    expect(texts()[0]).toContain("Last seen cross 1.24 (critical) at 23:00:00 UTC.");
    expect(texts()[0]).toContain("Last seen cross 1.24 (critical) at 23:00:00 UTC.");
  });

  test("is told at once with a ban, with its end", () => {
    const { seen, watch, clock, texts } = open();
    seen(cross(2), healthy);
    pass(watch, [failed("banned", clock.wallMs(), "cross", clock.wallMs() + 12 * 60 * S)]);
    expect(texts()).toEqual([expect.stringContaining("Binance has banned this address until 23:12 UTC (12 min).")]);
  });

  test("counts answers in which something that a rule needs cannot be read", async () => {
    const { seen, clock, texts } = open();
    seen(cross(2), healthy);
    for (let second = 5; second <= 35; second += 5) {
      await clock.advance(5 * S);
      seen(cross(undefined, { problems: ["marginLevel is null, not a decimal"] }), healthy);
    }
    expect(texts()).toHaveLength(1);
    expect(texts()[0]).toContain("The cross account: marginLevel is null, not a decimal.");
  });

  test("of one source leaves the other watched", async () => {
    const { watch, clock, told, seen } = open();
    seen(cross(2), healthy);
    await clock.advance(31 * S);
    pass(watch, [failed("timeout", clock.wallMs()), { ok: true, atMs: clock.wallMs(), answer: bad }]);
    expect(told).toEqual(["CRITICAL · main · 2 alerts, worst first"]);
    await clock.advance(5 * S);
    pass(watch, [
      failed("timeout", clock.wallMs()),
      { ok: true, atMs: clock.wallMs(), answer: isolated([longPair("BTCUSDT", 5)]) },
    ]);
    expect(told).toHaveLength(1);
  });

  test("ends with the first valid answer, in the same pass, and nothing that was firing is resolved by it", async () => {
    const { seen, watch, clock, texts, ledger } = open();
    seen(cross(1.24), healthy);
    await clock.advance(600 * S);
    pass(watch, []);
    await clock.advance(5 * S);
    seen(cross(1.8), healthy);
    expect(texts().at(-1)).toMatch(
      /^RESOLVED · main · the data is fresh again after 5 s\nStill firing: cross 1.80 \(critical\)\./,
    );
    expect([...ledger.states.keys()]).toEqual(["main|cross"]);
  });

  test("does not say that nothing else fires in the same message that tells of something", async () => {
    const { seen, watch, clock, texts } = open();
    seen(cross(2), healthy);
    await clock.advance(31 * S);
    pass(watch, []);
    seen(cross(1.24), healthy);
    expect(texts().at(-1)).toContain(CRITICAL);
    expect(texts().at(-1)).toContain("Still firing: cross 1.24 (critical).");
  });

  test("does not end with a restart: a restart is no sight", async () => {
    const { seen, watch, clock, store } = open();
    seen(cross(2), healthy);
    await clock.advance(31 * S);
    pass(watch, []);
    const second = open({ store, clock });
    pass(second.watch, []);
    pass(second.watch, [failed("timeout", clock.wallMs())]);
    expect(second.told).toEqual([]);
    second.seen(cross(2), healthy);
    expect(second.told).toEqual([expect.stringMatching(/^RESOLVED · main · the data is fresh again/)]);
  });

  test("is a matter of durations: a clock that is set an hour forward or back blinds nobody", async () => {
    const { seen, watch, clock, told } = open();
    seen(cross(2), healthy);
    clock.stepWall(3600 * S);
    pass(watch, []);
    clock.stepWall(-7200 * S);
    await clock.advance(29 * S);
    pass(watch, []);
    expect(told).toEqual([]);
  });

  test("concerns only what is watched", async () => {
    const { seen, watch, clock, told } = open({ sources: ["cross"] });
    seen(cross(2));
    await clock.advance(29 * S);
    seen(cross(2));
    await clock.advance(29 * S);
    pass(watch, []);
    expect(told).toEqual([]);
  });
});

// ---------------------------------------------------------------- gone

test("a position that is absent from a valid answer is gone, also when the daemon was started anew meanwhile", () => {
  const first = open();
  first.seen(cross(2), bad);
  const second = open({ store: first.store, clock: first.clock });
  second.seen(cross(2), isolated([]));
  expect(second.told).toEqual(["CRITICAL · main · BTCUSDT isolated: position disappeared: closed or liquidated"]);
  expect(second.texts()[0]).toContain("Last seen BTCUSDT isolated 1.07 (critical) at 23:00:00 UTC.");
  second.seen(cross(2), isolated([]));
  expect(second.told).toHaveLength(1);
});

test("a failed list of pairs makes nothing disappear", () => {
  const { seen, watch, clock, told } = open();
  seen(cross(2), bad);
  pass(watch, [failed("timeout", clock.wallMs(), "isolated")]);
  seen(cross(2));
  expect(told).toEqual([PAIR]);
});

// ---------------------------------------------------------------- restart

test("a restart repeats nothing, and misses nothing that changed while it was down", async () => {
  const first = open();
  first.seen(cross(1.36), bad);
  const second = open({ store: first.store, clock: first.clock });
  await first.clock.advance(10 * S);
  second.seen(cross(1.36), bad);
  expect(second.told).toEqual([]);
  const third = open({ store: first.store, clock: first.clock });
  third.seen(cross(1.24), bad);
  expect(third.told).toEqual([CRITICAL]);
  expect(third.rows[0]?.rootKey).toBe(first.rows[0]?.key);
});

test("the way out of a rung goes on over a restart", async () => {
  const first = open();
  first.seen(cross(1.24), healthy);
  await first.clock.advance(5 * S);
  first.seen(debtFree(), healthy);
  await first.clock.advance(20 * S);
  const second = open({ store: first.store, clock: first.clock });
  second.seen(debtFree(), healthy);
  await first.clock.advance(9_999);
  second.seen(debtFree(), healthy);
  expect(second.told).toEqual([]);
  await first.clock.advance(1);
  second.seen(debtFree(), healthy);
  expect(second.told).toEqual(["RESOLVED · main · cross margin level: no debt"]);
});

// ---------------------------------------------------------------- a disk that fails

test("when the disk fails, alerts go on from memory, and are stored when it is back", async () => {
  const { seen, store, clock, told, rows, ledger } = open();
  seen(cross(2), healthy);
  store.failure = "the disk is full";
  seen(cross(1.36), healthy);
  await clock.advance(5 * S);
  seen(cross(1.24), healthy);
  expect(told).toEqual(["WARNING · main · cross margin level 1.36 (below 1.365)", CRITICAL]);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  expect(ledger.storeTrouble()).toBe("the disk is full");
  expect(store.alerts()).toEqual([]);

  store.failure = undefined;
  await clock.advance(5 * S);
  seen(cross(1.24), healthy);
  expect(ledger.storeTrouble()).toBeUndefined();
  expect(told).toHaveLength(2);
  const restarted = open({ store, clock });
  restarted.seen(cross(1.24), healthy);
  expect(restarted.told).toEqual([]);
  expect([...restarted.ledger.states]).toEqual([...ledger.states]);
});

test("an alert that ended while the disk failed is not there any more when it is back", async () => {
  const { seen, store, clock } = open();
  seen(debtFree({ transferOutEnabled: false }), healthy);
  store.failure = "the disk is full";
  seen(debtFree(), healthy);
  await clock.advance(30 * S);
  seen(debtFree(), healthy);
  expect(store.alerts()).toHaveLength(1);
  store.failure = undefined;
  await clock.advance(5 * S);
  seen(debtFree(), healthy);
  expect(store.alerts()).toEqual([]);
});

test("an error that is not the disk's is not taken for one", () => {
  const { seen, store } = open();
  store.commit = () => {
    throw new TypeError("a mistake in the program");
  };
  expect(() => seen(cross(1.24), healthy)).toThrow(TypeError);
});
