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
import type { EventRule, Route } from "./core/rules/types.ts";
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
  /** Undefined: just now. */
  lookedAtMs: number | undefined;
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
    lookedAtMs: undefined,
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
    notifiers: ["desk", "mail"].map((name) => ({ name, recipients: [name] })),
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
    lookedAtMs: () => made.lookedAtMs ?? clock.wallMs(),
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
    async *read(stream, fromMs, signal, toMs = Number.POSITIVE_INFINITY) {
      const name = streamName(stream);
      const endMs = Math.min(nowMs(), toMs);
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
  expect(cursorIn(made, "flow")).toMatchObject({ sinceMs: startMs, readToMs: startMs });
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

test("a row that trips is told within half a minute, whatever becomes of a hundred other pairs", async () => {
  const made = world();
  made.owing = Array.from({ length: 100 }, (_, i) => `P${i}USDT`);
  await made.watch.flows(signal());
  await made.clock.advance(MIN);
  await made.watch.flows(signal());
  await made.clock.advance(MIN);
  made.rows = [flow(made.clock.wallMs() - 1000)];
  const startMs = made.clock.monoMs();
  let windows = 0;
  made.onWindow = (name) => {
    if (name !== "flow") made.clock.stall(10_000);
  };
  // Never three in a row: then the run would end.
  made.fails = (name) => (name === "flow" || ++windows % 3 === 0 ? undefined : { code: "timeout", detail: "" });
  const restarted = made.restart();
  made.delivered.length = 0;
  let toldMs: number | undefined;
  const inner = made.onWindow;
  made.onWindow = (name) => {
    if (made.delivered.length > 0) toldMs ??= made.clock.monoMs() - startMs;
    inner(name);
  };
  await restarted.flows(signal());
  const flowAtMs = (made.asked.lastIndexOf("flow") - made.asked.lastIndexOf("loans") - 1) * 10_000;
  expect(toldMs).toBeDefined();
  expect((toldMs ?? 0) - Math.max(0, flowAtMs)).toBeLessThanOrEqual(30_000);
});

test("a loan does not wait for the rest of the run", async () => {
  const made = await begun();
  await made.clock.advance(3 * HOUR);
  await made.watch.flows(signal());
  made.windowMs = 5 * MIN; // so that the hour before goes on and on
  made.loans = [{ asset: "USDC", remaining: 1 }];
  let owedMs: number | undefined;
  let toldMs: number | undefined;
  made.onWindow = () => {
    if (made.asked.includes("loans")) owedMs ??= made.clock.monoMs();
    if (made.delivered.length > 0) toldMs ??= made.clock.monoMs();
    made.clock.stall(8_000);
  };
  made.asked.length = 0;
  await made.watch.flows(signal());
  expect((toldMs ?? Number.POSITIVE_INFINITY) - (owedMs ?? 0)).toBeLessThanOrEqual(24_000);
});

test("what does not trip is committed after a minute, not sooner", async () => {
  const made = world();
  made.owing = Array.from({ length: 9 }, (_, i) => `P${i}USDT`);
  await made.watch.flows(signal());
  await made.clock.advance(MIN);
  made.onWindow = () => made.clock.stall(10_000);
  const before = made.store.commits.length;
  await made.watch.flows(signal());
  expect(made.store.commits.length - before).toBe(4); // of 200 s
});

// ---------------------------------------------------------------- more than comes at once

describe("a stream with more rows in its overlap than come at once", () => {
  /** A world in which an answer never spans more than ten minutes, and only so many of them come in a run. */
  async function crowded(windows: number) {
    const made = await begun();
    await made.clock.advance(2 * HOUR);
    await made.watch.flows(signal());
    made.windowMs = 10 * MIN;
    const run = async () => {
      await made.clock.advance(5 * MIN);
      let left = windows;
      made.asked.length = 0;
      made.fails = (name) => (name === "flow" && left-- <= 0 ? SPENT : undefined);
      await made.watch.flows(signal());
    };
    return { made, run };
  }

  test("what is new is read first, the overlap with what is left", async () => {
    const { made, run } = await crowded(3);
    await run();
    made.rows = [flow(made.clock.wallMs() + MIN)];
    await run();
    expect(made.titles()).toHaveLength(1);
    expect(cursorIn(made, "flow")).toMatchObject({ readToMs: made.clock.wallMs() });
  });

  test("what is new is first, too, after a run in which nothing of it could be read", async () => {
    const { made, run } = await crowded(0);
    await run();
    made.windowMs = 30 * MIN;
    await made.clock.advance(5 * MIN);
    let left = 1;
    made.fails = (name) => (name === "flow" && left-- <= 0 ? SPENT : undefined);
    await made.watch.flows(signal());
    expect(cursorIn(made, "flow")).toMatchObject({ readToMs: made.clock.wallMs() });
  });

  test("other streams go before its overlap", async () => {
    const { made, run } = await crowded(2);
    await run();
    await run();
    expect(made.asked.slice(0, 3).sort()).toEqual(["flow", "liquidation", "loans"]);
    expect(made.asked.slice(3)).toContain("flow");
    expect(made.notes).not.toContain("capital flow: rate_limited");
  });

  test("a row that is written up to an hour late is told, however few windows a run has left", async () => {
    for (const lateMs of [5 * MIN, 30 * MIN, 55 * MIN]) {
      const { made, run } = await crowded(3);
      for (let i = 0; i < 3; i++) await run();
      made.rows = [flow(made.clock.wallMs() - lateMs)];
      for (let i = 0; i < 15; i++) await run();
      expect(made.titles()).toHaveLength(1);
    }
  });

  test("what was left of the overlap is read after a restart, however much came since", async () => {
    const { made, run } = await crowded(2);
    await run();
    const late = flow(made.clock.wallMs() - 2 * MIN); // not visible yet
    await made.clock.advance(5 * HOUR);
    made.rows = [late];
    made.watch = made.restart();
    for (let i = 0; i < 60; i++) await run();
    expect(made.titles()).toHaveLength(1);
  });

  test("where a run never gets to the end, a row that is written late is told all the same", async () => {
    const pairs = ["AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT"];
    const made = await begun({ flows: { isolated: pairs }, cross: false });
    made.rows = [];
    for (let i = 0; i < 200; i++) {
      const lateMs = made.clock.wallMs() - 50 * MIN;
      if (i === 20) made.rows = pairs.flatMap((symbol) => [flow(lateMs, { symbol }), order(lateMs, symbol)]);
      await made.clock.advance(5 * MIN);
      let left = 5;
      made.fails = () => (left-- > 0 ? undefined : SPENT);
      await made.watch.flows(signal());
    }
    expect(toldIds(made.store)).toHaveLength(2 * pairs.length);
  });

  test("once it fits again it is asked for at once", async () => {
    const { made, run } = await crowded(30);
    await run();
    made.windowMs = 7 * DAY;
    await run();
    await run();
    expect(made.asked.filter((name) => name === "flow")).toHaveLength(1);
  });
});

// ---------------------------------------------------------------- who hears of a row

const bigOut: EventRule = {
  id: "big-out",
  on: "transfer",
  types: "all",
  assets: "all",
  symbols: "all",
  direction: "out",
  amountAbove: 1000,
  allow: [],
  severity: "warning",
};

async function routed(routes: readonly Route[], notifiers: readonly string[] = ["desk"]) {
  const book = { ...bookOf(), routes, notifiers };
  const made = await begun({ book, eventRules: [bigOut] });
  made.rows = [transfer(made.clock.wallMs() - 1, { to: "FUTURES", amount: 5000 })];
  await made.watch.transfers(signal());
  const told = made.delivered.map(({ notifier, message }) => {
    return `${notifier}: ${message.title} / ${message.sections.length}`;
  });
  return { told, isTold: made.store.events("main", 0).map((event) => event.isTold) };
}

const OUT = "5,000 USDT transferred out of cross margin to the USD-M futures wallet at 23:00:59 UTC / 1";

test("a row whose worst rule is routed to nobody is told by the next that is not", async () => {
  const dropped: Route = { match: { rule: ["transfer-not-allowed"] }, notify: [], repeatEveryMs: undefined };
  expect(await routed([dropped])).toEqual({ told: [`desk: WARNING · main · ${OUT}`], isTold: [true] });
});

test("a row that reaches nobody counts as not told", async () => {
  const dropped: Route = { match: {}, notify: [], repeatEveryMs: undefined };
  expect(await routed([dropped])).toEqual({ told: [], isTold: [false] });
});

test("each notifier reads a row once, by the worst rule that is routed to it", async () => {
  const toDesk: Route = { match: { rule: ["transfer-not-allowed"] }, notify: ["desk"], repeatEveryMs: undefined };
  const { told, isTold } = await routed([toDesk], ["desk", "mail"]);
  expect(told.sort()).toEqual([`desk: CRITICAL · main · ${OUT}`, `mail: WARNING · main · ${OUT}`]);
  expect(isTold).toEqual([true]);
});

test("a loan beside a row is one message for each notifier, and one message of its incident", async () => {
  const made = await begun({ book: { ...bookOf(), notifiers: ["desk", "mail"] } });
  made.rows = [flow(made.clock.wallMs() - 1)];
  made.loans = [{ asset: "USDC", remaining: 1 }];
  await made.watch.flows(signal());
  expect(made.delivered.map(({ notifier }) => notifier).sort()).toEqual(["desk", "mail"]);
  const [loan] = made.store.alerts();
  expect(loan?.state).toMatchObject({ messages: 1, threads: { desk: {}, mail: {} } });
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
  expect(made.logged.filter((line) => line.includes("not readable now"))).toHaveLength(2);
});

test("a stream of a source that fails for more than an hour is a failure of the source, whatever its others do", async () => {
  const made = await begun();
  made.owing = ["ETHUSDT"];
  await made.watch.flows(signal());
  made.fails = (name) => (name === "flow ETHUSDT" ? { code: "bad_response", detail: "-1121" } : undefined);
  const noted: string[] = [];
  for (let minutes = 0; minutes < 75; minutes += 5) {
    await made.clock.advance(5 * MIN);
    made.notes.length = 0;
    await made.watch.flows(signal());
    noted.push(made.notes.filter((note) => note.startsWith("capital flow")).join());
  }
  expect(noted.slice(0, 12)).toEqual(noted.slice(0, 12).map(() => "capital flow: ok"));
  expect(noted.slice(12)).toEqual(noted.slice(12).map(() => "capital flow: bad_response"));
  made.fails = () => undefined;
  made.notes.length = 0;
  await made.watch.flows(signal());
  expect(made.notes).toContain("capital flow: ok");
});

test("what no run has reached for more than an hour is a failure, too", async () => {
  const made = await begun();
  made.fails = (name) => (name === "loans" ? undefined : { code: "rate_limited", detail: "weight" });
  for (let minutes = 0; minutes < 75; minutes += 5) {
    await made.clock.advance(5 * MIN);
    made.notes.length = 0;
    await made.watch.flows(signal());
  }
  expect(made.notes).toEqual(
    expect.arrayContaining(["capital flow: rate_limited", "forced liquidations: rate_limited"]),
  );
});

test("one that is always told to pause does not keep the others from being read", async () => {
  const made = await begun();
  made.fails = (name) => (name === "loans" ? { code: "rate_limited", detail: "403" } : undefined);
  made.rows = [flow(made.clock.wallMs() - 1), order(made.clock.wallMs() - 1, undefined)];
  const watch = made.restart();
  for (let run = 0; run < 3; run++) {
    await made.clock.advance(5 * MIN);
    await watch.flows(signal());
  }
  expect(toldIds(made.store)).toHaveLength(2);
});

test.each(["timeout", "unreachable"] as const)(
  "after three %s in a row the rest goes first next time",
  async (code) => {
    const made = await begun();
    made.owing = ["AUSDT", "BUSDT", "CUSDT"];
    await made.watch.flows(signal());
    await made.clock.advance(MIN);
    made.fails = () => ({ code, detail: "" });
    const asked: string[][] = [];
    for (let run = 0; run < 3; run++) {
      made.asked.length = 0;
      await made.watch.flows(signal());
      asked.push([...made.asked]);
    }
    expect(asked.map(({ length }) => length)).toEqual([3, 3, 3]);
    expect(new Set(asked.flat()).size).toBe(9);
  },
);

test("two that time out and one that answers do not end a run", async () => {
  const made = await begun();
  made.owing = ["AUSDT", "BUSDT", "CUSDT"];
  await made.watch.flows(signal());
  await made.clock.advance(MIN);
  made.asked.length = 0;
  let asks = 0;
  made.fails = () => (++asks % 3 === 0 ? undefined : { code: "timeout", detail: "" });
  await made.watch.flows(signal());
  expect(made.asked).toHaveLength(9);
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

test("a cursor that the store put aside is no stream that begins now", async () => {
  const made = await begun();
  await made.watch.flows(signal());
  const startMs = made.clock.wallMs();
  await made.clock.advance(DAY);
  made.rows = [flow(startMs - 10 * MIN), flow(made.clock.wallMs() - 10 * HOUR)];
  const { fact } = made.store;
  let isLost = true;
  made.store.fact = (name) => (isLost && name === "cursor.main.flow" ? undefined : fact(name));
  const watch = made.restart();
  await watch.flows(signal());
  isLost = false;
  await watch.flows(signal());
  expect(toldIds(made.store)).toEqual([made.rows[1]?.id]); // the other is older than the first run
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

  test("a pair that was opened and liquidated in an outage is told, from the last time that anybody looked", async () => {
    const made = await begun();
    made.lookedAtMs = made.clock.wallMs();
    made.fails = () => DOWN;
    for (let i = 0; i < 36; i++) {
      await made.clock.advance(5 * MIN);
      await made.watch.flows(signal());
    }
    made.fails = () => undefined;
    made.owing = ["ETHUSDT"];
    made.lookedAtMs = undefined;
    made.rows = [flow(made.clock.wallMs() - 2 * HOUR, { symbol: "ETHUSDT" })];
    for (let i = 0; i < 3; i++) await made.watch.flows(signal());
    expect(made.titles()).toHaveLength(1);
  });

  test("when somebody looked is told by the exchange's clock", async () => {
    const made = world();
    made.aheadMs = -HOUR;
    await made.watch.flows(signal());
    await made.clock.advance(6 * HOUR);
    made.lookedAtMs = made.clock.wallMs() - HOUR;
    await made.watch.flows(signal());
    const kept = JSON.parse(made.store.fact("history.main.flows") ?? "null");
    expect(kept.all.lookedMs).toBe(made.clock.wallMs() - 2 * HOUR);
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

test("rows are dropped at most once an hour: untold ones after six hours, told ones after a hundred days", async () => {
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
  expect(drops.sort()).toEqual(["flow 0.25 100", "liquidation 0.25 100"]);
  await made.clock.advance(HOUR);
  await made.watch.flows(signal());
  expect(drops).toHaveLength(4);
});

test("rows of a pair that is read no more are dropped all the same, and after a hundred days it is forgotten", async () => {
  const drops: string[] = [];
  const over: Partial<HistoryParts> = {
    flows: { isolated: ["AUSDT"] },
    cross: false,
    dropEvents: (_, stream, { untoldMs, toldMs }) => {
      const ages = [untoldMs, toldMs].map((ms) => (made.clock.wallMs() - ms) / DAY);
      drops.push(`${streamName(stream)} ${ages.join(" ")}`);
    },
  };
  const made = await begun(over);
  await made.watch.flows(signal());
  const watch = made.restart({ ...over, flows: { isolated: ["BUSDT"] } });
  drops.length = 0;
  await watch.flows(signal());
  await watch.flows(signal());
  expect(drops.filter((drop) => drop.includes("AUSDT"))).toEqual(["flow AUSDT 0.25 100", "liquidation AUSDT 0.25 100"]);
  await made.clock.advance(101 * DAY);
  await watch.flows(signal());
  expect(made.store.fact("cursor.main.flow AUSDT")).not.toBe("");
  await made.clock.advance(2 * HOUR);
  drops.length = 0;
  await watch.flows(signal());
  expect(drops.filter((drop) => drop.includes("AUSDT"))).toHaveLength(2);
  expect(made.store.fact("cursor.main.flow AUSDT")).toBe("");
  await made.clock.advance(2 * HOUR);
  drops.length = 0;
  await watch.flows(signal());
  expect(drops.filter((drop) => drop.includes("AUSDT"))).toEqual([]);
  // Should it ever come back, it begins anew.
  await made.restart({ ...over, flows: { isolated: ["AUSDT"] } }).flows(signal());
  expect(cursorIn(made, "flow AUSDT")).toMatchObject({ sinceMs: Math.floor(made.clock.wallMs() / 1000) * 1000 });
  expect(made.logged.join()).not.toContain("is lost");
});

test("orders of a pair that is not read itself are dropped, too", async () => {
  const drops: string[] = [];
  const made = await begun({ dropEvents: (_, stream) => void drops.push(streamName(stream)) });
  const row = order(made.clock.wallMs() - 1, "BTCUSDT");
  made.rows = [row];
  await made
    .restart({ reader: mixing(made, row), dropEvents: (_, stream) => void drops.push(streamName(stream)) })
    .flows(signal());
  made.rows = [];
  await made.clock.advance(2 * HOUR);
  drops.length = 0;
  await made.watch.flows(signal());
  expect(drops).toContain("liquidation BTCUSDT");
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
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.constantFrom(30 * MIN, DAY), async (steps, windowMs) => {
      const made = world({ flows: { isolated: ["AUSDT"] } });
      made.windowMs = windowMs;
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
      // With more than comes at once, what is new goes before what comes late.
      if (isDiskGood && windowMs === DAY) expect(outOfOrder(made.store, addedAfter)).toEqual([]);
      if (isCrashed) expect(inMessages).toBeGreaterThanOrEqual(due.length);
      else expect(inMessages).toBe(due.length);
    }),
    { numRuns: 150 },
  );
}, 60_000);
