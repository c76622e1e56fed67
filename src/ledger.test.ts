import { expect, test } from "vitest";
import { cross, isolated, longPair } from "../test/support/answers.ts";
import { type Desk, openDesk } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import { startHealth } from "./core/feed.ts";
import type { StoredEvent } from "./core/history.ts";
import { StoreError } from "./core/ports.ts";
import type { Memory, Snapshot } from "./core/store.ts";
import { deliveryKey, type Ledger, type LedgerParts, openLedger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";

const S = 1000;
const MAIL = { name: "mail", recipients: ["a@x.com", "b@x.com"] };

function open(store: MemoryStore = createMemoryStore(), over: Partial<LedgerParts> = {}) {
  const logged: string[] = [];
  const say = (_: object, text: string) => void logged.push(text);
  const log: Log = { trace() {}, debug() {}, info() {}, warn: say, error: say };
  const ledger = openLedger({
    store,
    instance: "i1",
    notifiers: [MAIL],
    log,
    isWatched: () => true,
    stillWaiting: () => () => true,
    ...over,
  });
  return { store, ledger, logged };
}

const desk = (): Desk => openDesk({ notifiers: ["mail"] });
const snapshot = (over: Partial<Snapshot> = {}): Snapshot => ({
  account: "main",
  okAtMs: { cross: 5, isolated: 6 },
  known: [],
  pairs: 0,
  trouble: null,
  ...over,
});
const stateOf = ({ states }: Ledger, key: string): string[] => [...(states.get(key)?.keys() ?? [])];

test("what is committed is in memory and in the store, row for row", () => {
  const { store, ledger } = open();
  const told = desk().look(0, cross(1.24), isolated([longPair("AUSDT", 2)]));
  const rows = ledger.commit(told, snapshot(), 7);
  expect(rows).toMatchObject([
    {
      id: 1,
      recipient: "a@x.com",
      notifier: "mail",
      enqueuedAtMs: 7,
      attempts: 0,
      error: null,
      rootKey: null,
      edits: [],
    },
    { id: 2, recipient: "b@x.com" },
  ]);
  expect(rows.map(({ key }) => key)).toEqual(
    MAIL.recipients.map((recipient) => deliveryKey("i1", told.notifications[0]?.id ?? "", recipient)),
  );
  expect(store.pending(0)).toEqual(rows);
  expect(ledger.alerts()).toEqual(store.alerts());
  expect(ledger.snapshot("main")).toEqual(snapshot());
  expect(open(store).ledger.states).toEqual(ledger.states);
});

test("nothing to say is no commit", () => {
  const { store, ledger } = open();
  expect(ledger.commit({ changes: [], notifications: [] }, undefined, 0)).toEqual([]);
  expect(store.commits).toEqual([]);
});

test("the same announcement twice is one set of rows", () => {
  const { store, ledger } = open();
  const told = desk().look(0, cross(1.24));
  ledger.commit(told, undefined, 0);
  expect(ledger.commit(told, undefined, 5)).toEqual([]);
  expect(store.rows()).toHaveLength(2);
});

test("a quiet alert leaves no trace, not even an empty place for its subject", () => {
  const { ledger } = open();
  const watched = desk();
  const [first] = watched.look(0, cross(1.24)).changes;
  if (first === undefined) throw new Error("no change");
  ledger.commit({ changes: [first], notifications: [] }, undefined, 0);
  expect(stateOf(ledger, "main|cross")).toEqual(["cross-margin-level"]);
  ledger.commit({ changes: [{ id: first.id, state: undefined }], notifications: [] }, undefined, 0);
  expect(ledger.states.size).toBe(0);
});

test("keys are 64 hex digits that differ by installation, notification and recipient, and by nothing else", () => {
  const key = deliveryKey("i", "n", "r");
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(deliveryKey("i", "n", "r")).toBe(key);
  const others = [deliveryKey("j", "n", "r"), deliveryKey("i", "m", "r"), deliveryKey("i", "n", "s")];
  expect(new Set([key, ...others]).size).toBe(4);
});

test("the rows that began the conversations of what fires are needed, for every recipient; no others are", () => {
  const { ledger } = open();
  const watched = desk();
  const opened = watched.look(0, cross(1.24), isolated([longPair("AUSDT", 2)]));
  const rows = ledger.commit(opened, undefined, 0);
  expect(ledger.neededKeys()).toEqual(new Set(rows.map(({ key }) => key)));
  const ended = opened.changes.map(({ id }) => ({ id, state: undefined }));
  ledger.commit({ changes: ended, notifications: [] }, undefined, 5 * S);
  expect(ledger.neededKeys()).toEqual(new Set());
});

test("a notifier that is no longer configured gets no rows, and its conversations are not needed", () => {
  const { store, ledger } = open();
  ledger.commit(desk().look(0, cross(1.24)), undefined, 0);
  const other = open(store, { notifiers: [{ name: "slack", recipients: ["#a"] }] }).ledger;
  expect(other.neededKeys()).toEqual(new Set());
  expect(other.commit(desk().look(5 * S, isolated([longPair("AUSDT", 2)])), undefined, 0)).toEqual([]);
});

test("an account was seen when every source of it was", () => {
  const { ledger } = open();
  const health = (source: "cross" | "isolated", hasSeen: boolean) => ({ ...startHealth(source, 0, null), hasSeen });
  ledger.setHealth("main", health("cross", true));
  ledger.setHealth("main", health("isolated", false));
  ledger.setHealth("main 2", health("cross", true));
  expect([ledger.hasSeen("main"), ledger.hasSeen("main 2")]).toEqual([false, true]);
  ledger.setHealth("main", health("isolated", true));
  expect(ledger.hasSeen("main")).toBe(true);
});

// ---------------------------------------------------------------- what the config no longer covers

test("what was known of a subject that the config no longer covers is forgotten, and of an account altogether", () => {
  const known = ["cross", "isolated AUSDT"].map((subject) => ({
    subject: subject === "cross" ? ("cross" as const) : ("isolated AUSDT" as const),
    atMs: 0,
    level: 2,
    status: null,
    distancePct: null,
    severity: null,
  }));
  const store = createMemoryStore();
  store.commit({ alerts: [], rows: [], snapshot: snapshot({ known }) });
  store.commit({ alerts: [], rows: [], snapshot: snapshot({ account: "gone" }) });
  const { ledger } = open(store, {
    isWatched: (account, about) => account === "main" && !about.startsWith("isolated"),
  });
  expect(ledger.snapshot("main")).toEqual(snapshot({ known: known.slice(0, 1), okAtMs: { cross: 5, isolated: null } }));
  expect(ledger.snapshot("gone")).toBeUndefined();
  expect(store.snapshots().map(({ account }) => account)).toEqual(["main"]);
});

// ---------------------------------------------------------------- a disk that fails

test("while the store fails, rows come from memory, each with an id of its own that no stored row has", () => {
  const { store, ledger, logged } = open();
  const watched = desk();
  store.failure = "the disk is full";
  const first = ledger.commit(watched.look(0, cross(1.36)), undefined, 3);
  expect(logged).toHaveLength(1);
  const second = ledger.commit(watched.look(5 * S, cross(1.24)), undefined, 8);
  const ids = [...first, ...second].map(({ id }) => id);
  expect(new Set(ids).size).toBe(4);
  expect(ids.every((id) => id < 0)).toBe(true);
  expect(stateOf(ledger, "main|cross")).toEqual(["cross-margin-level"]);
  expect(ledger.storeTrouble()).toBe("the disk is full");
  expect(logged).toEqual([expect.stringContaining("the state cannot be written")]);
});

test("when it is back, all that changed meanwhile is stored with the next commit, the newest of each", () => {
  const { store, ledger, logged } = open();
  const watched = desk();
  store.failure = "the disk is full";
  ledger.commit(watched.look(0, cross(1.36)), undefined, 0);
  ledger.commit(watched.look(5 * S, cross(1.24)), undefined, 0);
  store.failure = undefined;
  ledger.commit({ changes: [], notifications: [] }, snapshot(), 0);
  expect(store.alerts()).toMatchObject([{ state: { severity: "critical" } }]);
  expect(ledger.storeTrouble()).toBeUndefined();
  expect(logged.at(-1)).toBe("the state can be written again");
  expect(store.commits.at(-1)?.alerts).toHaveLength(1);
  ledger.commit({ changes: [], notifications: [] }, snapshot(), 0);
  expect(store.commits.at(-1)?.alerts).toEqual([]);
});

test("a commit that failed but reached the disk all the same hides no row of the next one", () => {
  const { store, ledger } = open();
  const watched = desk();
  const commit = store.commit.bind(store);
  store.commit = (change) => {
    commit(change);
    throw new StoreError("disk I/O error");
  };
  ledger.commit(watched.look(0, cross(1.36)), undefined, 0);
  store.commit = commit;
  const added = ledger.commit(watched.look(5 * S, cross(1.24)), undefined, 5);
  expect(added.map(({ message }) => message.kind)).toEqual(["raised", "raised"]);
});

test("what the disk did not take is tried again without anything new to store", () => {
  const { store, ledger } = open();
  store.failure = "the disk is full";
  ledger.commit(desk().look(0, cross(1.24)), undefined, 0);
  ledger.retry();
  expect(ledger.storeTrouble()).toBe("the disk is full");
  store.failure = undefined;
  ledger.retry();
  expect(ledger.storeTrouble()).toBeUndefined();
  expect(store.alerts()).toMatchObject([{ state: { severity: "critical" } }]);
  const before = store.commits.length;
  ledger.retry();
  expect(store.commits.length).toBe(before);
});

test("what is not the store's failure is thrown", () => {
  const { store, ledger } = open();
  store.commit = () => {
    throw new RangeError("x");
  };
  expect(() => ledger.commit(desk().look(0, cross(1.24)), undefined, 0)).toThrow(RangeError);
  store.commit = () => {
    throw new StoreError("x");
  };
  expect(() => ledger.commit(desk().look(0, cross(1.24)), undefined, 0)).not.toThrow();
});

// ---------------------------------------------------------------- rows of the history

const CROSS_FLOW = { kind: "flow", symbol: undefined } as const;
const flowEvent = (id: string, isTold: boolean): StoredEvent => ({
  account: "main",
  stream: CROSS_FLOW,
  row: { kind: "flow", id, atMs: 1, symbol: undefined, type: "BORROW", asset: "USDT", amount: 1 },
  isTold,
});
const NOTHING = { changes: [], notifications: [] };
const unknownIds = ({ ledger }: { ledger: Ledger }, ...ids: readonly string[]) =>
  ledger
    .unknownEvents(
      "main",
      CROSS_FLOW,
      ids.map((id) => flowEvent(id, false).row),
    )
    .map(({ id }) => id);

test("rows and facts are there after the commit and after a restart", () => {
  const first = open();
  first.ledger.commit(NOTHING, undefined, 0, { events: [flowEvent("1", true)], facts: [{ name: "c", value: "5" }] });
  for (const { ledger } of [first, open(first.store)]) {
    expect(ledger.fact("c")).toBe("5");
    expect(unknownIds({ ledger }, "1", "2")).toEqual(["2"]);
  }
});

test("while the disk takes nothing, facts and the rows that were told are known all the same, and stored when it is back", () => {
  const { store, ledger } = open();
  store.failure = "the disk is full";
  const events = [flowEvent("1", true), flowEvent("2", false)];
  ledger.commit(NOTHING, undefined, 0, { events, facts: [{ name: "c", value: "5" }] });
  ledger.commit(NOTHING, undefined, 0, { facts: [{ name: "c", value: "6" }] });
  expect(ledger.fact("c")).toBe("6");
  expect(unknownIds({ ledger }, "1", "2")).toEqual(["2"]); // of many thousands only those that must not be told again
  expect(store.fact("c")).toBeUndefined();
  store.failure = undefined;
  ledger.retry();
  expect(store.fact("c")).toBe("6");
  expect(unknownIds(open(store), "1", "2")).toEqual(["2"]);
});

test("a commit that fails in an unforeseen way leaves nothing known", () => {
  const { store, ledger } = open();
  const { commit } = store;
  store.commit = () => {
    throw new RangeError("x");
  };
  const more = { events: [flowEvent("1", true)], facts: [{ name: "c", value: "5" }] };
  expect(() => ledger.commit(NOTHING, undefined, 0, more)).toThrow(RangeError);
  store.commit = commit;
  expect(ledger.fact("c")).toBeUndefined();
  expect(unknownIds({ ledger }, "1")).toEqual(["1"]);
});

// ---------------------------------------------------------------- what is remembered

const memory = (kind: string, body: string | null, account = "main"): Memory => ({
  ...{ account, subject: "cross", kind, body },
});
const keep = (ledger: Ledger, ...memories: readonly Memory[]) => ledger.commit(NOTHING, undefined, 0, { memories });

/** A disk that takes everything but what is remembered; on demand it took it all the same, and only says that it did not. */
function refusing(store: MemoryStore, { isTaken = false } = {}): { isOn: boolean; readonly refused: () => number } {
  const commit = store.commit.bind(store);
  let count = 0;
  const refusal = { isOn: true, refused: () => count };
  store.commit = (change) => {
    if (!refusal.isOn || change.memories === undefined) return commit(change);
    count += 1;
    if (isTaken) commit(change);
    throw new StoreError("the disk is full");
  };
  return refusal;
}

test("what is remembered goes with its alerts in one commit, and alone; it is there after a restart", () => {
  const { store, ledger } = open();
  ledger.commit(desk().look(0, cross(1.24)), undefined, 0, { memories: [memory("track", "1"), memory("before", "2")] });
  expect(store.commits).toMatchObject([{ alerts: [{}], rows: [{}, {}], memories: [{}, {}] }]);
  keep(ledger, memory("track", "3"), memory("before", null), memory("track", "4", "other"));
  for (const each of [ledger, open(store).ledger]) {
    expect(each.memories("main")).toEqual([memory("track", "3")]);
    expect(each.memories("other")).toEqual([memory("track", "4", "other")]);
  }
  expect(store.commits).toHaveLength(2);
});

test("while the disk takes nothing it is remembered all the same, the latest of each, and what was forgotten is gone", () => {
  const { store, ledger } = open();
  keep(ledger, memory("track", "1"), memory("before", "1"));
  store.failure = "the disk is full";
  keep(ledger, memory("track", "2"), memory("before", null), memory("new", "2"), memory("track", "2", "other"));
  keep(ledger, memory("track", "3"), memory("passing", "3"));
  keep(ledger, memory("passing", null));
  const now = [memory("track", "3"), memory("new", "2")];
  expect(ledger.storeTrouble()).toBe("the disk is full");
  expect(ledger.memories("main")).toEqual(now);
  expect(ledger.memories("other")).toEqual([memory("track", "2", "other")]);
  expect(store.memories("main")).toEqual([memory("track", "1"), memory("before", "1")]);
  store.failure = undefined;
  ledger.commit(NOTHING, snapshot(), 0);
  expect([ledger.storeTrouble(), store.memories("main"), ledger.memories("main")]).toEqual([undefined, now, now]);
  expect(store.memories("other")).toEqual([memory("track", "2", "other")]);
});

test("what is remembered is tried again without anything new to store, and then no more", () => {
  const { store, ledger } = open();
  store.failure = "the disk is full";
  keep(ledger, memory("track", "1"));
  ledger.retry();
  store.failure = undefined;
  ledger.retry();
  expect(store.memories("main")).toEqual([memory("track", "1")]);
  const before = store.commits.length;
  ledger.retry();
  expect(store.commits.length).toBe(before);
});

test("a disk that takes nothing is asked once for each commit, however much is waiting", () => {
  const { store, ledger } = open();
  let asked = 0;
  store.commit = () => {
    asked += 1;
    throw new StoreError("the disk is full");
  };
  keep(ledger, memory("track", "1"));
  const before = asked;
  keep(ledger, memory("track", "2"));
  ledger.retry();
  expect([asked - before, ledger.memories("main")]).toEqual([2, [memory("track", "2")]]);
});

test("where the disk has room for the alerts only, they are stored at once, and what is remembered when there is more", () => {
  const { store, ledger, logged } = open();
  const watched = desk();
  const refusal = refusing(store);
  const told = watched.look(0, cross(1.36));
  const rows = ledger.commit(told, snapshot(), 0, {
    memories: [memory("track", "1")],
    facts: [{ name: "c", value: "5" }],
  });
  expect(store.pending(0)).toEqual(rows);
  expect([store.alerts(), store.snapshots(), store.fact("c")]).toEqual([ledger.alerts(), [snapshot()], "5"]);
  expect([ledger.storeTrouble(), logged]).toEqual([
    undefined,
    ["what is remembered of the levels is kept in memory only"],
  ]);
  const more = ledger.commit(watched.look(5 * S, cross(1.24)), undefined, 0, { memories: [memory("track", "2")] });
  expect(store.pending(0)).toEqual([...rows, ...more]);
  expect([ledger.memories("main"), store.memories("main")]).toEqual([[memory("track", "2")], []]);
  const before = refusal.refused();
  ledger.retry();
  expect([refusal.refused(), logged.length]).toEqual([before + 1, 1]);
  refusal.isOn = false;
  ledger.retry();
  expect(store.memories("main")).toEqual([memory("track", "2")]);
  keep(ledger, memory("track", "3"));
  expect(store.commits.at(-1)?.memories).toEqual([memory("track", "3")]); // in one commit again
});

test("a commit with memories that failed but reached the disk all the same hides none of its rows", () => {
  const { store, ledger } = open();
  refusing(store, { isTaken: true });
  const told = desk().look(0, cross(1.36));
  const rows = ledger.commit(told, undefined, 0, { memories: [memory("track", "1")] });
  expect(rows.map(({ key }) => key)).toEqual(store.rows().map(({ key }) => key));
  expect(rows).toHaveLength(2);
});

test("what is remembered of an account that the config no longer has is forgotten", () => {
  const store = createMemoryStore();
  for (const account of ["main", "gone"])
    store.commit({ alerts: [], rows: [], snapshot: snapshot({ account }), memories: [memory("track", "1", account)] });
  const { ledger } = open(store, { isWatched: (account) => account === "main" });
  expect([ledger.memories("main"), ledger.memories("gone")]).toEqual([[memory("track", "1")], []]);
});
