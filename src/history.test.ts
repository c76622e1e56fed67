// The driver of the history, with a store in memory and an exchange that is a list of rows: what is told, what is kept, and what is asked.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { bookOf, messageText, UTC } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import type {
  FlowRow,
  HistoryReader,
  HistoryRow,
  HistoryStream,
  LiquidationRow,
  Loan,
  TransferRow,
} from "./core/history.ts";
import { streamName } from "./core/history.ts";
import { type Failure, type OutboxRow, StoreError } from "./core/ports.ts";
import { createHistoryWatch, type HistoryParts } from "./history.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;
const DOWN: Failure = { code: "unreachable", detail: "connection refused" };
const SPENT: Failure = { code: "rate_limited", detail: "weight" };

let lastId = 0;
const flow = (atMs: number, over: Partial<FlowRow> = {}): FlowRow => ({
  kind: "flow",
  id: `${9_007_199_254_740_993n + BigInt(++lastId)}`,
  atMs,
  symbol: undefined,
  type: "SELL_LIQUIDATION",
  asset: "BTC",
  amount: 1,
  ...over,
});
const transfer = (atMs: number, over: Partial<TransferRow> = {}): TransferRow => ({
  kind: "transfer",
  id: `${++lastId}`,
  atMs,
  symbol: undefined,
  type: "ROLL_OUT",
  asset: "USDT",
  amount: 10,
  from: undefined,
  to: undefined,
  fromSymbol: undefined,
  toSymbol: undefined,
  status: "CONFIRMED",
  ...over,
});
const order = (atMs: number, symbol: string | undefined, over: Partial<LiquidationRow> = {}): LiquidationRow => ({
  kind: "liquidation",
  id: `${++lastId}`,
  atMs,
  symbol,
  pair: "BTCUSDT",
  side: "SELL",
  avgPrice: 1,
  executedQty: 1,
  ...over,
});

interface World {
  readonly clock: ReturnType<typeof createTestClock>;
  readonly store: MemoryStore;
  /** All that the exchange holds, by stream. */
  rows: readonly HistoryRow[];
  loans: readonly Loan[];
  owing: readonly string[];
  /** What the exchange's clock is ahead of the wall's. */
  aheadMs: number;
  windowMs: number;
  /** Taken in turn by each window and each look at the loans, then nothing fails. */
  fails: (stream: string) => Failure | undefined;
  /** Called before each window is handed over. */
  onWindow: (stream: string) => void;
  readonly asked: string[];
  readonly notes: string[];
  readonly delivered: OutboxRow[];
  readonly logged: string[];
  /** Told to people, first lines. */
  titles(): readonly string[];
  /** The process begins anew over the same store. */
  restart(over?: Partial<HistoryParts>): ReturnType<typeof createHistoryWatch>;
}

function world(over: Partial<HistoryParts> = {}): World & { watch: ReturnType<typeof createHistoryWatch> } {
  const clock = createTestClock();
  const store = createMemoryStore();
  const made: World = {
    clock,
    store,
    rows: [],
    loans: [],
    owing: [],
    aheadMs: 0,
    windowMs: 7 * DAY,
    fails: () => undefined,
    onWindow: () => {},
    asked: [],
    notes: [],
    delivered: [],
    logged: [],
    titles: () => made.delivered.map(({ message }) => message.title),
    restart: (more = {}) => createHistoryWatch(partsOf(made, { ...over, ...more })),
  };
  return Object.assign(made, { watch: made.restart() });
}

function partsOf(made: World, over: Partial<HistoryParts>): HistoryParts {
  const { clock, store } = made;
  const say = (_: object, text: string) => void made.logged.push(text);
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers: [{ name: "desk", recipients: ["desk"] }],
    log: silentLog,
    isWatched: () => true,
    stillWaiting: () => () => true,
  });
  return {
    ledger,
    book: bookOf(),
    clock,
    locale: UTC,
    deliver: (rows) => void made.delivered.push(...rows),
    muted: () => new Set(),
    account: "main",
    reader: readerOf(made),
    eventRules: [],
    flows: { isolated: "all" },
    transfers: { isolated: "none", allow: ["SPOT"] },
    cross: true,
    owing: () => made.owing,
    sources: { note: (source, outcome) => void made.notes.push(`${source}: ${outcome?.code ?? "ok"}`) },
    dropEvents: store.dropEvents,
    log: { ...silentLog, warn: say, error: say },
    ...over,
  };
}

function readerOf(made: World): HistoryReader {
  const nowMs = () => made.clock.wallMs() + made.aheadMs;
  const isIn = (row: HistoryRow, stream: HistoryStream) => row.kind === stream.kind && row.symbol === stream.symbol;
  return {
    account: "main",
    nowMs,
    async *read(stream, fromMs, signal) {
      const name = streamName(stream);
      const endMs = nowMs();
      made.asked.push(name);
      for (let fromNowMs = Math.max(fromMs, endMs - 90 * DAY); fromNowMs < endMs; fromNowMs += made.windowMs) {
        const readToMs = Math.min(fromNowMs + made.windowMs, endMs);
        await made.clock.settle();
        made.onWindow(name);
        const failure = signal.aborted ? DOWN : made.fails(name);
        if (failure !== undefined) return yield { ok: false, failure };
        const rows = made.rows
          .filter((row) => isIn(row, stream) && row.atMs >= fromNowMs && row.atMs <= readToMs)
          .sort((a, b) => a.atMs - b.atMs);
        yield { ok: true, value: { rows, readToMs } };
      }
    },
    async loans() {
      made.asked.push("loans");
      const failure = made.fails("loans");
      return failure === undefined ? { ok: true, value: made.loans } : { ok: false, failure };
    },
  };
}

const signal = () => new AbortController().signal;
/** Ids of the rows that were told, in the order of their messages. */
const toldIds = (store: MemoryStore): string[] =>
  store.commits.flatMap(({ events = [] }) => events.flatMap(({ row, isTold }) => (isTold ? [row.id] : [])));
const cursorIn = ({ store }: World, name: string): unknown => JSON.parse(store.fact(`cursor.main.${name}`) ?? "null");

/** A world whose first run is over, a minute ago. */
async function begun(over: Partial<HistoryParts> = {}) {
  const made = world(over);
  await made.watch.flows(signal());
  await made.watch.transfers(signal());
  await made.clock.advance(MIN);
  for (const list of [made.asked, made.notes]) list.length = 0;
  return made;
}

// ---------------------------------------------------------------- beginning

test("at the very first run nothing of the history is asked for, and nothing that is old is ever told", async () => {
  const made = world();
  const startMs = made.clock.wallMs();
  made.rows = [flow(startMs - 1000), order(startMs - 1000, undefined)];
  await made.watch.flows(signal());
  expect(made.asked).toEqual(["loans"]);
  expect(cursorIn(made, "flow")).toEqual({ sinceMs: startMs, readToMs: startMs });
  await made.clock.advance(MIN);
  await made.watch.flows(signal());
  expect(made.asked.slice(1)).toEqual(expect.arrayContaining(["flow", "liquidation"]));
  expect(made.titles()).toEqual([]);
  expect(made.store.events("main", 0)).toHaveLength(2); // stored all the same
});

test("a row of the very second of the first run is told, also when it is stamped in whole seconds", async () => {
  const made = world();
  await made.clock.advance(700);
  await made.watch.transfers(signal());
  made.rows = [transfer(made.clock.wallMs() - 700)];
  await made.clock.advance(MIN);
  await made.watch.transfers(signal());
  expect(made.titles()).toHaveLength(1);
});

test("what is not configured is not read", async () => {
  const made = world({ flows: undefined, transfers: undefined });
  await made.watch.flows(signal());
  await made.watch.transfers(signal());
  expect([made.asked, made.store.commits]).toEqual([[], []]);
});

// ---------------------------------------------------------------- telling

test("a row that trips is told once, and stored once, however often it is read", async () => {
  const made = await begun();
  const row = flow(made.clock.wallMs() - 1);
  made.rows = [row, row];
  for (let run = 0; run < 3; run++) {
    await made.watch.flows(signal());
    await made.clock.advance(MIN);
  }
  expect(made.titles()).toEqual(["CRITICAL · main · Binance is liquidating cross margin: 1 row in the capital flow"]);
  expect(made.store.events("main", 0)).toMatchObject([{ row: { id: row.id }, isTold: true }]);
});

test("rows, cursors and messages of all streams of a run are one commit, and one message", async () => {
  const made = await begun();
  made.owing = ["ETHUSDT"];
  await made.watch.flows(signal());
  await made.clock.advance(MIN);
  const nowMs = made.clock.wallMs();
  made.rows = [
    flow(nowMs - 5),
    order(nowMs - 4, undefined),
    flow(nowMs - 3, { symbol: "ETHUSDT" }),
    flow(nowMs - 2, { type: "BORROW" }),
  ];
  const before = made.store.commits.length;
  await made.watch.flows(signal());
  expect(made.store.commits.length - before).toBe(1);
  const commit = made.store.commits.at(-1);
  expect(commit?.events?.map(({ isTold }) => isTold).sort()).toEqual([false, true, true, true]);
  expect(commit?.facts?.filter(({ name }) => name.startsWith("cursor."))).toHaveLength(4);
  expect(commit?.rows).toHaveLength(1);
  expect(made.titles()).toEqual(["CRITICAL · main · 3 alerts, worst first"]);
});

test("a row that the exchange writes up to an hour late is told", async () => {
  const made = await begun();
  await made.clock.advance(2 * HOUR);
  await made.watch.flows(signal());
  made.rows = [flow(made.clock.wallMs() - 55 * MIN)];
  await made.clock.advance(4 * MIN);
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
});

test("two notices of one alert in one millisecond are two messages, and so are those of a clock that stepped back", async () => {
  const made = await begun();
  const rows = [1, 2, 3].map((i) => flow(made.clock.wallMs() - i));
  for (const row of rows) {
    made.rows = [row];
    await made.watch.flows(signal());
  }
  made.clock.stepWall(-1);
  made.aheadMs = 1;
  made.rows = [flow(made.clock.wallMs() - 9)];
  await made.restart().flows(signal());
  expect(new Set(made.delivered.map(({ key }) => key)).size).toBe(4);
});

/** The answer about the cross account holds this order of a pair too. */
function mixing(made: World, row: LiquidationRow): HistoryReader {
  const { reader } = partsOf(made, {});
  return {
    ...reader,
    async *read(stream, fromMs, abort) {
      for await (const part of reader.read(stream, fromMs, abort)) {
        const isMixed = part.ok && streamName(stream) === "liquidation";
        yield isMixed ? { ok: true, value: { ...part.value, rows: [row] } } : part;
      }
    },
  };
}

test("an order of a pair that the answer about the cross account holds too is told once, for the pair", async () => {
  const made = await begun();
  made.owing = ["BTCUSDT"];
  const row = order(made.clock.wallMs() - 1, "BTCUSDT");
  made.rows = [row];
  const watch = made.restart({ reader: mixing(made, row) });
  for (let run = 0; run < 3; run++) await watch.flows(signal());
  expect(made.titles()).toEqual(["CRITICAL · main · Binance is liquidating BTCUSDT isolated: 1 forced order"]);
});

test("such an order from before the cross account was watched is still told by its pair, which was", async () => {
  const made = await begun({ cross: false, flows: { isolated: ["BTCUSDT"] } });
  const row = order(made.clock.wallMs() - 1, "BTCUSDT");
  made.rows = [row];
  made.fails = (name) => (name.endsWith("BTCUSDT") ? DOWN : undefined);
  const watch = made.restart({ cross: true, reader: mixing(made, row) });
  for (let run = 0; run < 3; run++) {
    await watch.flows(signal());
    await made.clock.advance(MIN);
  }
  expect(made.titles()).toEqual([]);
  made.fails = () => undefined;
  await watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
});

test("the user's rules and the places allowed decide over transfers", async () => {
  const made = await begun({
    eventRules: [
      {
        id: "money-in",
        on: "transfer",
        types: "all",
        assets: ["USDT"],
        symbols: "all",
        direction: "in",
        amountAbove: 5,
        allow: [],
        severity: "info",
      },
    ],
  });
  const nowMs = made.clock.wallMs();
  made.rows = [
    transfer(nowMs - 3, { to: "SPOT" }),
    transfer(nowMs - 2, { type: "ROLL_IN", from: "SPOT" }),
    transfer(nowMs - 1, { type: "ROLL_IN", from: "SPOT", amount: 5 }),
  ];
  await made.watch.transfers(signal());
  expect(made.titles()).toEqual([
    "INFO · main · 10 USDT transferred into cross margin from the spot wallet at 23:00:59 UTC",
  ]);
});

// ---------------------------------------------------------------- catching up

test("what happened while the daemon was down is caught up in order, up to 90 days", async () => {
  const made = await begun();
  const sinceMs = made.clock.wallMs();
  await made.clock.advance(80 * DAY);
  made.windowMs = DAY;
  made.rows = Array.from({ length: 60 }, (_, i) => flow(sinceMs + i * DAY + HOUR)).reverse();
  await made.restart().flows(signal());
  const ids = [...made.rows].reverse().map(({ id }) => id);
  expect(toldIds(made.store)).toEqual(ids);
  expect(made.delivered.length).toBeGreaterThan(1); // bounded memory: several commits
  expect(made.delivered.length).toBeLessThan(6);
});

test("many rows are not held in memory, they are committed on the way", async () => {
  const made = await begun();
  const sinceMs = made.clock.wallMs();
  await made.clock.advance(3 * DAY);
  made.windowMs = DAY;
  made.rows = Array.from({ length: 12_000 }, (_, i) => flow(sinceMs + i * 20_000, { type: "BORROW" }));
  const before = made.store.commits.length;
  await made.watch.flows(signal());
  const sizes = made.store.commits.slice(before).map(({ events = [] }) => events.length);
  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBeLessThan(5000 + 4321); // and the window that came last
});

test("what was read is told after a minute, however long the rest of the run takes", async () => {
  const made = await begun();
  made.rows = [flow(made.clock.wallMs())];
  await made.clock.advance(2 * HOUR);
  made.windowMs = 20 * MIN;
  const toldBefore: number[] = [];
  made.onWindow = (name) => {
    made.clock.stall(20_000);
    if (name === "liquidation") toldBefore.push(made.titles().length);
  };
  await made.watch.flows(signal());
  expect(toldBefore[0]).toBe(1);
});

// ---------------------------------------------------------------- failures

test("a stream that fails keeps its cursor and the others go on", async () => {
  const made = await begun();
  const before = cursorIn(made, "flow");
  made.rows = [flow(made.clock.wallMs() - 2), order(made.clock.wallMs() - 1, undefined)];
  made.fails = (name) => (name === "flow" ? DOWN : undefined);
  await made.watch.flows(signal());
  expect(made.titles()).toEqual(["CRITICAL · main · Binance is liquidating cross margin: 1 forced order"]);
  expect(cursorIn(made, "flow")).toEqual(before);
  expect([...made.notes].sort()).toEqual([
    "capital flow: unreachable",
    "forced liquidations: ok",
    "liquidation loans: ok",
  ]);
  made.fails = () => undefined;
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(2);
});

test("a window that fails leaves those before it standing", async () => {
  const made = await begun();
  const sinceMs = made.clock.wallMs();
  await made.clock.advance(10 * DAY);
  made.windowMs = DAY;
  made.rows = [flow(sinceMs + DAY), flow(sinceMs + 9 * DAY)];
  let windows = 0;
  made.fails = (name) => (name === "flow" && ++windows > 5 ? DOWN : undefined);
  await made.watch.flows(signal());
  expect(toldIds(made.store)).toEqual([made.rows[0]?.id]);
  made.fails = () => undefined;
  await made.watch.flows(signal());
  expect(toldIds(made.store)).toEqual(made.rows.map(({ id }) => id));
});

test("an endpoint that succeeded for one stream is noted as good, once a run", async () => {
  const made = await begun();
  made.owing = ["ETHUSDT"];
  made.fails = (name) => (name.endsWith("ETHUSDT") ? DOWN : undefined);
  await made.watch.flows(signal());
  expect([...made.notes].sort()).toEqual(["capital flow: ok", "forced liquidations: ok", "liquidation loans: ok"]);
  expect(made.logged.filter((line) => line.includes("ETHUSDT"))).not.toEqual([]);
});

test.each(["rate_limited", "banned"] as const)(
  "after %s the rest is left for the next run, which begins with it",
  async (code) => {
    const made = await begun();
    made.owing = ["AUSDT", "BUSDT"];
    await made.watch.flows(signal());
    const all = new Set([
      "flow",
      "liquidation",
      "flow AUSDT",
      "liquidation AUSDT",
      "flow BUSDT",
      "liquidation BUSDT",
      "loans",
    ]);
    const done = new Set<string>();
    for (let run = 0; run < 3; run++) {
      await made.clock.advance(MIN);
      made.asked.length = 0;
      let left = 3;
      made.fails = () => (left-- > 0 ? undefined : { code, detail: "" });
      await made.watch.flows(signal());
      expect(made.asked).toHaveLength(4);
      for (const name of made.asked.slice(0, 3)) done.add(name);
    }
    expect(done).toEqual(all);
  },
);

test("what was read before the pause is told", async () => {
  const made = await begun();
  made.rows = [flow(made.clock.wallMs() - 1)];
  made.fails = (name) => (name === "liquidation" ? SPENT : undefined);
  await made.watch.flows(signal());
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
});

test("an aborted run changes nothing and notes nothing", async () => {
  const made = await begun();
  made.rows = [flow(made.clock.wallMs() - 1)];
  const stopping = new AbortController();
  made.onWindow = () => stopping.abort();
  const before = made.store.commits.length;
  await made.watch.flows(stopping.signal);
  expect([made.store.commits.length - before, made.notes]).toEqual([0, []]);
});

test("a run that is called for while one is under way is that one", async () => {
  const made = await begun();
  await Promise.all([made.watch.flows(signal()), made.watch.flows(signal())]);
  expect(made.asked.filter((name) => name === "flow")).toHaveLength(1);
});

test("a disk that takes nothing: told from memory, once, and stored when it is back", async () => {
  const made = await begun();
  made.rows = [flow(made.clock.wallMs() - 1)];
  made.store.failure = "disk full";
  await made.watch.flows(signal());
  await made.watch.flows(signal());
  made.store.failure = undefined;
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
  expect(toldIds(made.store)).toEqual(made.rows.map(({ id }) => id));
});

test.each(["fact", "knownEvents"] as const)(
  "a disk that cannot be read (%s) leaves the run for later",
  async (method) => {
    const made = await begun();
    made.rows = [flow(made.clock.wallMs() - 1)];
    const works = made.store[method];
    const broken = {
      [method]: () => {
        throw new StoreError("unreadable");
      },
    };
    Object.assign(made.store, broken);
    await made.watch.flows(signal());
    expect(made.titles()).toEqual([]);
    expect(made.logged.join()).toContain("left for the next time");
    Object.assign(made.store, { [method]: works });
    await made.watch.flows(signal());
    expect(made.titles()).toHaveLength(1);
  },
);

// ---------------------------------------------------------------- cursors and clocks

test("a cursor that cannot be read is said, repeats nothing that was told, and loses nothing", async () => {
  const made = await begun();
  made.rows = [flow(made.clock.wallMs() - 1)];
  await made.watch.flows(signal());
  await made.clock.advance(20 * DAY);
  made.rows = [...made.rows, flow(made.clock.wallMs() - 10 * DAY)];
  made.store.setFact("cursor.main.flow", "{");
  await made.restart().flows(signal());
  expect(toldIds(made.store)).toEqual(made.rows.map(({ id }) => id));
  expect(made.logged.join()).toContain("is lost");
});

test("a first run by a clock that was a day ahead does not keep margind silent for a day", async () => {
  const made = world();
  made.aheadMs = DAY;
  await made.watch.flows(signal());
  made.aheadMs = 0;
  await made.clock.advance(MIN);
  made.rows = [flow(made.clock.wallMs() - 1)];
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
});

test("a clock that was a day ahead for one run loses nothing", async () => {
  const made = await begun();
  made.aheadMs = DAY;
  await made.watch.flows(signal());
  made.aheadMs = 0;
  await made.clock.advance(10 * MIN);
  made.rows = [flow(made.clock.wallMs() - 1)];
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
});

// ---------------------------------------------------------------- pairs

describe("isolated: all", () => {
  test("a pair that began to owe after the last run is told of from before that", async () => {
    const made = await begun();
    made.owing = ["ETHUSDT"];
    made.rows = [flow(made.clock.wallMs() - 30_000, { symbol: "ETHUSDT" })];
    await made.watch.flows(signal());
    expect(made.titles()).toHaveLength(1);
  });

  test("a pair that owes no more is read for seven days, also over a restart", async () => {
    const made = await begun();
    made.owing = ["ETHUSDT"];
    await made.watch.flows(signal());
    made.owing = [];
    await made.clock.advance(7 * DAY);
    made.asked.length = 0;
    await made.restart().flows(signal());
    expect(made.asked).toContain("flow ETHUSDT");
    await made.clock.advance(1);
    made.asked.length = 0;
    await made.restart().flows(signal());
    expect(made.asked).not.toContain("flow ETHUSDT");
  });
});

test("named pairs are read whether they owe or not, each once", async () => {
  const made = await begun({ flows: { isolated: ["AUSDT", "AUSDT"] }, cross: false });
  made.owing = ["ETHUSDT"];
  await made.watch.flows(signal());
  expect(made.asked.sort()).toEqual(["flow AUSDT", "liquidation AUSDT"]);
});

// ---------------------------------------------------------------- loans

test("a loan is critical while anything remains; only a good answer with nothing ends it", async () => {
  const made = await begun();
  made.loans = [
    { asset: "USDC", remaining: 12.5 },
    { asset: "USDT", remaining: 0 },
  ];
  await made.watch.flows(signal());
  made.loans = [];
  made.fails = (name) => (name === "loans" ? DOWN : undefined);
  await made.watch.flows(signal());
  expect(made.store.alerts()).toHaveLength(1);
  made.fails = () => undefined;
  made.loans = [{ asset: "USDC", remaining: 0 }];
  await made.watch.flows(signal());
  expect(made.titles()).toEqual([
    "CRITICAL · main · a liquidation left a loan: 12.5 USDC to be paid back",
    "RESOLVED · main · the loan that a liquidation left is paid back",
  ]);
  expect(made.store.alerts()).toEqual([]);
});

test("without a cross account nobody asks for loans", async () => {
  const made = world({ cross: false });
  await made.watch.flows(signal());
  expect(made.asked).toEqual([]);
});

// ---------------------------------------------------------------- retention

test("rows are dropped at most once an hour: untold ones after three days, told ones after a hundred", async () => {
  const drops: string[] = [];
  const made = await begun({
    dropEvents: (_, stream, { untoldMs, toldMs }) => {
      drops.push(
        `${streamName(stream)} ${(made.clock.wallMs() - untoldMs) / DAY} ${(made.clock.wallMs() - toldMs) / DAY}`,
      );
    },
  });
  drops.length = 0;
  for (let run = 0; run < 3; run++) await made.watch.flows(signal());
  expect(drops.sort()).toEqual(["flow 3 100", "liquidation 3 100"]);
  await made.clock.advance(HOUR);
  await made.watch.flows(signal());
  expect(drops).toHaveLength(4);
});

test("a disk that drops nothing is no reason to tell nothing", async () => {
  const made = await begun({
    dropEvents: () => {
      throw new StoreError("read-only");
    },
  });
  made.rows = [flow(made.clock.wallMs() - 1)];
  await made.watch.flows(signal());
  expect(made.titles()).toHaveLength(1);
  expect(made.logged.join()).toContain("cannot be dropped");
});

// ---------------------------------------------------------------- everything at once

/** Rows that were told after a younger one of their stream, although they were there when that was told. */
function outOfOrder({ commits }: MemoryStore, addedAfter: ReadonlyMap<string, number>): string[] {
  const told = commits.flatMap(({ events = [] }, commit) =>
    events.flatMap(({ stream, row, isTold }) => (isTold ? [{ name: streamName(stream), row, commit }] : [])),
  );
  return told.flatMap(({ name, row }, i) => {
    const younger = told.slice(0, i).filter((one) => one.name === name && one.row.atMs > row.atMs);
    return younger.some(({ commit }) => (addedAfter.get(row.id) ?? 0) <= commit) ? [row.id] : [];
  });
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("row" as const),
      pair: fc.boolean(),
      trips: fc.boolean(),
      lateMs: fc.integer({ min: 0, max: 50 * MIN }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      fails: fc.array(fc.constantFrom(undefined, DOWN, SPENT), { maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 5 * MIN, 6 * HOUR, 4 * DAY) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("disk" as const), works: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const) }) },
);

test("whatever fails, every row that trips is told: at least once, without crashes exactly once, in order, and none from before", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const made = world({ flows: { isolated: ["AUSDT"] } });
      made.windowMs = DAY;
      const startMs = made.clock.wallMs();
      let watch = made.watch;
      let isCrashed = false;
      let isDiskGood = true;
      /** How many commits there were when a row appeared, by its id. */
      const addedAfter = new Map<string, number>();
      await watch.flows(signal());
      const due: HistoryRow[] = [];
      const add = (pair: boolean, trips: boolean, atMs: number) => {
        const row = flow(atMs, {
          symbol: pair ? "AUSDT" : undefined,
          type: trips ? "LIQUIDATION_FEE" : "BORROW",
          asset: `T${made.rows.length}X`,
        });
        made.rows = [...made.rows, row];
        addedAfter.set(row.id, made.store.commits.length);
        if (trips && atMs >= startMs) due.push(row);
      };
      for (const each of steps) {
        if (each.kind === "row") add(each.pair, each.trips, made.clock.wallMs() - each.lateMs);
        if (each.kind === "wait") await made.clock.advance(each.ms);
        if (each.kind === "disk" && !each.works) isDiskGood = false;
        if (each.kind === "disk") made.store.failure = each.works ? undefined : "disk full";
        if (each.kind === "crash") {
          isCrashed = true;
          watch = made.restart();
        }
        if (each.kind === "run") {
          const fails = [...each.fails];
          made.fails = () => fails.shift();
          await watch.flows(signal());
        }
        if (each.kind === "abort") {
          const stopping = new AbortController();
          made.onWindow = (name) => name.includes("AUSDT") && stopping.abort();
          await watch.flows(stopping.signal);
          made.onWindow = () => {};
        }
      }
      made.fails = () => undefined;
      made.store.failure = undefined;
      await made.clock.advance(1000);
      await watch.flows(signal());
      const texts = made.delivered.map(({ message }) => messageText(message));
      for (const row of made.rows.filter((one): one is FlowRow => one.kind === "flow")) {
        const times = texts.filter((text) => text.includes(row.asset)).length;
        if (!due.includes(row)) expect(times).toBe(0);
      }
      const told = toldIds(made.store);
      expect(new Set(told)).toEqual(new Set(due.map(({ id }) => id)));
      const inMessages = made.delivered
        .flatMap(({ message }) => message.sections)
        .reduce((sum, { headline }) => sum + Number(/(\d+) rows?/.exec(headline)?.[1] ?? 0), 0);
      if (isDiskGood) expect(outOfOrder(made.store, addedAfter)).toEqual([]);
      if (isCrashed) expect(inMessages).toBeGreaterThanOrEqual(due.length);
      else expect(inMessages).toBe(due.length);
    }),
    { numRuns: 150 },
  );
}, 60_000);
