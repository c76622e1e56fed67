// What every store owes the daemon, the same tests for all. A new store brings an `open` that begins an empty one and says how it
// comes back after a restart.
import { describe, expect, test } from "vitest";
import type { AlertChange } from "../../src/core/advance.ts";
import type { HistoryRow, StoredEvent } from "../../src/core/history.ts";
import type { NewRow, Settlement } from "../../src/core/ports.ts";
import type { Memory, Snapshot, Store } from "../../src/core/store.ts";
import { cross, isolated, longPair } from "./answers.ts";
import { openDesk } from "./desk.ts";
import { critical, keyOf, resolved } from "./messages.ts";

export interface StoreWorld extends Disposable {
  readonly store: Store;
  /** The process ends and starts again: the store before is closed. */
  again(): Store;
}

export const NOW_MS = Date.UTC(2020, 2, 12);

export const newRow = (name: string, over: Partial<NewRow> = {}): NewRow => ({
  key: keyOf(name),
  notifier: "desk",
  recipient: "#alerts",
  incidents: ["main|cross|rule@5"],
  message: critical,
  rootKey: null,
  edits: [],
  enqueuedAtMs: NOW_MS,
  ...over,
});

export const snapshot: Snapshot = {
  account: "main",
  sources: ["cross", "isolated"],
  okAtMs: { cross: 5, isolated: null },
  known: [{ subject: "isolated AUSDT", atMs: 5, level: 1.24, status: null, distancePct: 5.5, severity: "critical" }],
  pairs: 3,
  trouble: "timeout",
};

/** Two alerts that opened, as the core makes them. */
export const changes: readonly AlertChange[] = openDesk().look(
  NOW_MS,
  cross(1.24),
  isolated([longPair("AUSDT", 2)]),
).changes;

export const memory = (kind: string, body: string | null, account = "main"): Memory => ({
  ...{ account, subject: "cross", kind, body },
});

export const nothing = { alerts: [], rows: [], snapshot: undefined };

export const keysOf = (rows: readonly { readonly key: string }[]) => rows.map(({ key }) => key);

export const failed = (error: string, isAmbiguous = false): Settlement => ({ kind: "failed", error, isAmbiguous });
export const delivered = (ts: string, atMs = NOW_MS): Settlement => ({ kind: "delivered", atMs, receipt: { ts } });

export function storeContract(label: string, open: () => StoreWorld): void {
  describe(`${label} keeps the store's contract:`, () => {
    committing(open);
    delivering(open);
    superseding(open);
    forgetting(open);
    remembering(open);
  });
}

/** One without anything in it, or with rows of these names. */
function begin(open: () => StoreWorld, ...names: readonly string[]) {
  const world = open();
  let { store } = world;
  if (names.length > 0) store.commit({ ...nothing, rows: names.map((name) => newRow(name)) });
  return {
    get store() {
      return store;
    },
    again(): Store {
      store = world.again();
      return store;
    },
    settle: (name: string, settlement: Settlement) => store.settle(keyOf(name), settlement),
    receipt: (name: string) => store.receipt(keyOf(name)),
    waiting: () => keysOf(store.pending(0)),
    [Symbol.dispose]: () => world[Symbol.dispose](),
  };
}

function committing(open: () => StoreWorld): void {
  test("what was committed is there after a restart, to the last bit", () => {
    using world = begin(open);
    const edits = [{ key: keyOf("a"), message: resolved }];
    const full = newRow("b", { rootKey: keyOf("a"), edits, incidents: ["x", "y"], recipient: "#others" });
    const rows = [newRow("a"), full];
    const added = world.store.commit({ alerts: changes, rows, snapshot });
    const fresh = { attempts: 0, error: null, isAmbiguous: false };
    expect(added).toEqual(rows.map((row, index) => ({ ...row, id: index + 1, ...fresh })));
    const again = world.again();
    expect(again.alerts()).toHaveLength(2);
    expect(again.alerts()).toEqual(expect.arrayContaining([...changes]));
    expect(again.snapshots()).toEqual([snapshot]);
    expect(again.pending(0)).toEqual(added);
  });

  test("a known key adds no row and changes none, also when it was delivered", () => {
    using world = begin(open, "a");
    const rows = [newRow("a", { message: resolved }), newRow("b")];
    expect(keysOf(world.store.commit({ ...nothing, rows }))).toEqual([keyOf("b")]);
    expect(world.store.pending(0).map(({ message }) => message.title)).toEqual([critical.title, critical.title]);
    world.settle("a", delivered("1"));
    expect(world.store.commit({ ...nothing, rows: [newRow("a")] })).toEqual([]);
    expect(world.waiting()).toEqual([keyOf("b")]);
  });

  test("a key that comes twice in one commit is one row", () => {
    using world = begin(open);
    expect(world.store.commit({ ...nothing, rows: [newRow("a"), newRow("a")] })).toHaveLength(1);
    expect(world.waiting()).toEqual([keyOf("a")]);
  });

  test("the newest state of an alert replaces the one before; a quiet alert is forgotten, the others stay", () => {
    using world = begin(open);
    const [first] = changes;
    if (first === undefined) throw new Error("no change");
    world.store.commit({ ...nothing, alerts: changes });
    const pending = { phase: "pending", sinceMs: 5, observedMs: 0, lastAtMs: 5 } as const;
    world.store.commit({ ...nothing, alerts: [{ id: first.id, state: pending }] });
    expect(world.store.alerts()).toHaveLength(2);
    expect(world.store.alerts()).toContainEqual({ id: first.id, state: pending });
    world.store.commit({ ...nothing, alerts: [{ id: first.id, state: undefined }] });
    expect(world.again().alerts()).toEqual(changes.slice(1));
  });

  test("the newest picture of an account replaces the one before", () => {
    using world = begin(open);
    for (const [account, pairs] of [
      ["main", 3],
      ["other", 3],
      ["main", 4],
    ] as const)
      world.store.commit({ ...nothing, snapshot: { ...snapshot, account, pairs } });
    const seen = new Map(
      world
        .again()
        .snapshots()
        .map(({ account, pairs }) => [account, pairs]),
    );
    expect([seen.size, seen.get("main"), seen.get("other")]).toEqual([2, 4, 3]);
  });

  test("facts are kept, and replaced", () => {
    using world = begin(open);
    expect(world.store.fact("ban")).toBeUndefined();
    world.store.setFact("ban", "5");
    world.store.setFact("ban", "7");
    expect([world.again().fact("ban"), world.again().fact("bars")]).toEqual(["7", undefined]);
  });

  test("what this process writes changes no data version", () => {
    using world = begin(open);
    const before = world.store.dataVersion();
    world.store.commit({ ...nothing, rows: [newRow("a")] });
    expect(world.store.dataVersion()).toBe(before);
  });
}

function delivering(open: () => StoreWorld): void {
  test("rows wait in the order of their commits, and only those after the one asked for", () => {
    using world = begin(open, "a", "b");
    world.store.commit({ ...nothing, rows: [newRow("c")] });
    expect(world.waiting()).toEqual(["a", "b", "c"].map(keyOf));
    expect(keysOf(world.store.pending(1))).toEqual(["b", "c"].map(keyOf));
    expect(world.store.pending(3)).toEqual([]);
  });

  test("failures are counted with the last error; a delivery ends the wait and keeps the receipt", () => {
    using world = begin(open, "a");
    world.settle("a", failed("connection refused"));
    world.settle("a", failed("HTTP 503"));
    expect(world.store.pending(0)).toMatchObject([{ attempts: 2, error: "HTTP 503", isAmbiguous: false }]);
    expect(world.receipt("a")).toBeUndefined();
    world.settle("a", { kind: "delivered", atMs: NOW_MS, receipt: { channel: "C1", ts: "1.5" } });
    const again = world.again();
    expect(again.pending(0)).toEqual([]);
    expect(again.receipt(keyOf("a"))).toEqual({ channel: "C1", ts: "1.5" });
    expect(again.receipt(keyOf("never"))).toBeUndefined();
  });

  test("once an attempt was ambiguous the row stays so, whatever the next ones say, and over a restart", () => {
    using world = begin(open, "a", "b");
    world.settle("a", failed("timeout", true));
    world.settle("a", failed("connection refused", false));
    world.settle("b", failed("connection refused", false));
    const waiting = world.again().pending(0);
    expect(waiting.map(({ attempts, isAmbiguous }) => [attempts, isAmbiguous])).toEqual([
      [2, true],
      [1, false],
    ]);
  });

  test("settling a row that only memory had is nothing", () => {
    using world = begin(open, "a");
    world.settle("only in memory", delivered("1"));
    world.settle("only in memory", failed("x", true));
    expect(world.store.pending(0)).toMatchObject([{ attempts: 0, isAmbiguous: false }]);
    expect(world.receipt("only in memory")).toBeUndefined();
  });
}

function superseding(open: () => StoreWorld): void {
  test("a late row takes the place of waiting ones: it alone waits, also after a restart", () => {
    using world = begin(open, "a", "b", "other");
    const late = world.store.supersede([keyOf("a"), keyOf("b")], newRow("late"));
    expect(late).toEqual({ ...newRow("late"), id: 4, attempts: 0, error: null, isAmbiguous: false });
    expect(world.waiting()).toEqual(["other", "late"].map(keyOf));
    world.again();
    expect(world.waiting()).toEqual(["other", "late"].map(keyOf));
    expect(["a", "b", "late"].map(world.receipt)).toEqual([undefined, undefined, undefined]);
  });

  test("when the late row is delivered so are those it took the place of, and its receipt is theirs", () => {
    using world = begin(open, "a", "b", "other");
    world.store.supersede([keyOf("a"), keyOf("b")], newRow("late"));
    world.settle("late", failed("timeout", true));
    expect(world.receipt("a")).toBeUndefined();
    world.settle("late", delivered("9"));
    world.again();
    const receipts = ["a", "b", "late", "other"].map((name) => world.receipt(name)?.["ts"]);
    expect(receipts).toEqual(["9", "9", "9", undefined]);
    expect(world.waiting()).toEqual([keyOf("other")]);
    world.store.prune(NOW_MS + 1, new Set());
    expect(["a", "b", "late"].map(world.receipt)).toEqual([undefined, undefined, undefined]);
  });

  test("a late row that is superseded itself takes along all that was merged into it", () => {
    using world = begin(open, "a", "b", "c");
    world.store.supersede([keyOf("a"), keyOf("b")], newRow("late"));
    world.store.supersede([keyOf("late"), keyOf("c")], newRow("later"));
    expect(world.waiting()).toEqual([keyOf("later")]);
    world.settle("later", delivered("9"));
    expect(["a", "b", "c", "late", "later"].map((name) => world.receipt(name)?.["ts"])).toEqual(Array(5).fill("9"));
  });

  test("a row that was delivered before keeps its own receipt", () => {
    using world = begin(open, "a", "b");
    world.settle("a", delivered("1"));
    world.store.supersede([keyOf("a"), keyOf("b")], newRow("late"));
    world.settle("late", delivered("9"));
    expect(["a", "b"].map((name) => world.receipt(name)?.["ts"])).toEqual(["1", "9"]);
  });

  test("an attempt that was under way when its row was superseded is noted for that row alone", () => {
    using world = begin(open, "a", "b");
    world.store.supersede([keyOf("a"), keyOf("b")], newRow("late"));
    world.settle("a", delivered("1"));
    world.settle("b", failed("timeout", true));
    expect(world.store.pending(0)).toMatchObject([{ key: keyOf("late"), attempts: 0, isAmbiguous: false }]);
    world.settle("late", delivered("9"));
    expect(["a", "b"].map((name) => world.receipt(name)?.["ts"])).toEqual(["1", "9"]);
  });

  test("keys that are not stored are passed over", () => {
    using world = begin(open, "a");
    const late = world.store.supersede([keyOf("only in memory"), keyOf("a")], newRow("late"));
    expect(late.id).toBe(2);
    expect(world.waiting()).toEqual([keyOf("late")]);
    world.settle("late", delivered("9"));
    expect(world.receipt("only in memory")).toBeUndefined();
  });

  test("superseding once more with the same late row adds none and takes the rest into it", () => {
    using world = begin(open, "a", "b");
    world.store.supersede([keyOf("a")], newRow("late"));
    world.settle("late", failed("timeout", true));
    const late = world.store.supersede([keyOf("a"), keyOf("b"), keyOf("late")], newRow("late"));
    expect(late).toMatchObject({ id: 3, key: keyOf("late"), attempts: 1, error: "timeout", isAmbiguous: true });
    expect(world.waiting()).toEqual([keyOf("late")]);
  });

  test("what is merged into a row that was delivered already is delivered with it", () => {
    using world = begin(open, "a", "late");
    world.settle("late", delivered("9"));
    world.store.supersede([keyOf("a")], newRow("late"));
    expect([world.waiting(), world.receipt("a")]).toEqual([[], { ts: "9" }]);
  });

  test("a superseded row's key is known still: it is not added again", () => {
    using world = begin(open, "a");
    world.store.supersede([keyOf("a")], newRow("late"));
    expect(world.store.commit({ ...nothing, rows: [newRow("a")] })).toEqual([]);
    expect(world.waiting()).toEqual([keyOf("late")]);
  });
}

function forgetting(open: () => StoreWorld): void {
  test("a dropped row waits no longer, and neither does what was merged into it", () => {
    using world = begin(open, "a", "b", "c");
    world.store.drop(1);
    expect(world.waiting()).toEqual(["b", "c"].map(keyOf));
    const { id } = world.store.supersede([keyOf("b")], newRow("late"));
    world.store.drop(id);
    expect(world.waiting()).toEqual([keyOf("c")]);
    expect(world.store.commit({ ...nothing, rows: [newRow("b")] })).toHaveLength(1);
  });

  test("an id is never given twice, also when the row is gone", () => {
    using world = begin(open, "a", "b");
    world.store.drop(2);
    expect(world.again().commit({ ...nothing, rows: [newRow("c")] })).toMatchObject([{ id: 3 }]);
  });

  test("old delivered rows are dropped; undelivered ones, newer ones and the roots of conversations are not", () => {
    using world = begin(open, "old", "older", "root", "edge", "undelivered");
    world.settle("old", delivered("1", 99));
    world.settle("older", delivered("1", 1));
    world.settle("root", delivered("1", 1));
    world.settle("edge", delivered("1", 100));
    world.store.prune(100, new Set([keyOf("root")]));
    const kept = ["old", "older", "root", "edge"].filter((name) => world.receipt(name) !== undefined);
    expect(kept).toEqual(["root", "edge"]);
    expect(world.waiting()).toEqual([keyOf("undelivered")]);
  });

  test("a superseded row is kept as the root of a conversation when the row it was merged into is dropped", () => {
    using world = begin(open, "a");
    world.store.supersede([keyOf("a")], newRow("late"));
    world.settle("late", delivered("9", 1));
    world.store.prune(100, new Set([keyOf("a")]));
    expect(["a", "late"].map((name) => world.receipt(name)?.["ts"])).toEqual(["9", undefined]);
  });

  test("an account that is forgotten has no picture any more, and nothing is remembered of it", () => {
    using world = begin(open);
    for (const account of ["main", "other"])
      world.store.commit({ ...nothing, snapshot: { ...snapshot, account }, memories: [memory("track", "1", account)] });
    world.store.forget("main");
    world.store.forget("never seen");
    const again = world.again();
    expect(again.snapshots().map(({ account }) => account)).toEqual(["other"]);
    expect([again.memories("main"), again.memories("other")]).toEqual([[], [memory("track", "1", "other")]]);
  });
}

const flow = (id: string, atMs: number): HistoryRow => ({
  kind: "flow",
  ...{ id, atMs, symbol: undefined, type: "BORROW", asset: "USDT", amount: 1 },
});
const stored = (row: HistoryRow, isTold = false): StoredEvent => ({
  account: "main",
  stream: { kind: row.kind, symbol: row.symbol },
  row,
  isTold,
});

function remembering(open: () => StoreWorld): void {
  const cross = { kind: "flow", symbol: undefined } as const;

  test("rows of the history are kept once, with every digit of their ids, beside facts of the same transaction", () => {
    using world = begin(open);
    const [big, bigger] = [flow("1352286576452864727", 5), flow("1352286576452864728", 4)];
    const facts = [{ name: "cursor", value: "5" }];
    world.store.commit({ ...nothing, events: [stored(big, true)], facts });
    world.store.commit({ ...nothing, events: [stored(flow(big.id, 6)), stored(bigger)] });
    const again = world.again();
    expect(again.events("main", 0)).toEqual([stored(bigger), stored(big, true)]);
    expect(again.events("main", 5)).toEqual([stored(big, true)]);
    expect(again.events("other", 0)).toEqual([]);
    expect(again.fact("cursor")).toBe("5");
    expect([...again.knownEvents("main", cross, [big.id, "7"])]).toEqual([big.id]);
    expect(again.knownEvents("main", { kind: "flow", symbol: "BTCUSDT" }, [big.id]).size).toBe(0);
    expect(again.knownEvents("other", cross, [big.id]).size).toBe(0);
  });

  test("what is remembered of a subject is kept beside the rest of its transaction, to the last character", () => {
    using world = begin(open);
    const long = '[1583971200000,1.2345678901234567,"\u{1F4C9}"],'.repeat(2500);
    const memories = [memory("track", long), { ...memory("track", "5"), subject: "isolated AUSDT" } as const];
    world.store.commit({ ...nothing, rows: [newRow("a")], memories });
    world.store.commit({
      ...nothing,
      memories: [memory("before cross-margin-level", ""), memory("track", "7", "other")],
    });
    const again = world.again();
    const all = [memory("before cross-margin-level", ""), ...memories];
    expect(again.memories("main")).toHaveLength(3);
    expect(again.memories("main")).toEqual(expect.arrayContaining(all));
    expect([again.memories("other"), again.memories("never seen")]).toEqual([[memory("track", "7", "other")], []]);
    expect(keysOf(again.pending(0))).toEqual([keyOf("a")]);
  });

  test("of each account, subject and kind the newest is remembered; one without a body is forgotten, the others stay", () => {
    using world = begin(open);
    const pair = { ...memory("track", "1"), subject: "isolated AUSDT" } as const;
    const others = [pair, memory("before", "1"), memory("track", "1", "other")];
    world.store.commit({ ...nothing, memories: [memory("track", "1"), ...others, memory("track", "2")] });
    expect(world.store.memories("main")).toContainEqual(memory("track", "2"));
    world.store.commit({ ...nothing, memories: [memory("track", "3")] });
    expect(world.store.memories("main")).toContainEqual(memory("track", "3"));
    const never = memory("never there", null);
    world.store.commit({ ...nothing, memories: [memory("track", null), never] });
    const again = world.again();
    expect(again.memories("main")).toHaveLength(2);
    expect(again.memories("main")).toEqual(expect.arrayContaining([pair, memory("before", "1")]));
    expect(again.memories("other")).toEqual([memory("track", "1", "other")]);
    again.commit({ ...nothing, memories: [memory("before", null), memory("before", "4")] });
    expect(again.memories("main")).toContainEqual(memory("before", "4"));
  });

  test("transfers and liquidations come back as they were, what they do not have left out", () => {
    using world = begin(open);
    const common = { id: "1", atMs: 1, symbol: "BTCUSDT" };
    const ends = { from: "SPOT", to: undefined, fromSymbol: undefined, toSymbol: "BTCUSDT" };
    const rows: readonly HistoryRow[] = [
      { kind: "transfer", ...common, type: "ROLL_OUT", asset: "BTC", amount: 0.5, status: "CONFIRMED", ...ends },
      { kind: "liquidation", ...common, pair: "BTCUSDT", side: "SELL", avgPrice: undefined, executedQty: 1 },
    ];
    world.store.commit({ ...nothing, events: rows.map((row) => stored(row)) });
    const found = world.again().events("main", 0);
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining(rows.map((row) => stored(row))));
  });

  test("old rows of a stream are dropped, those that were told of later than the others", () => {
    using world = begin(open);
    const rows = [flow("1", 1), flow("2", 9), flow("3", 10)];
    world.store.commit({
      ...nothing,
      events: [...rows.map((row) => stored(row)), stored(flow("4", 1), true), stored(flow("5", 2), true)],
    });
    world.store.dropEvents("main", { kind: "flow", symbol: "BTCUSDT" }, { untoldMs: 99, toldMs: 99 });
    world.store.dropEvents("main", cross, { untoldMs: 10, toldMs: 2 });
    const left = world.again().events("main", 0);
    expect(left.map(({ row }) => row.id)).toEqual(["5", "3"]);
  });
}
