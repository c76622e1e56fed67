// The store on real files. What another process or a broken disk does to it is done by a second connection.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { cross, isolated, longPair } from "../../test/support/answers.ts";
import { openDesk } from "../../test/support/desk.ts";
import { tempFolder } from "../../test/support/folder.ts";
import { critical, keyOf, resolved } from "../../test/support/messages.ts";
import type { AlertChange } from "../core/advance.ts";
import { type NewRow, StoreError } from "../core/ports.ts";
import type { Snapshot, Store } from "../core/store.ts";
import { DATABASE_FILE } from "./database.ts";
import { openStore, openStoreForReading } from "./sqlite.ts";

const NOW_MS = Date.UTC(2020, 2, 12);

/** An open store in a folder of its own; closed and removed when the test ends. */
function open() {
  const folder = tempFolder();
  const unreadable: string[] = [];
  const opened: Store[] = [];
  const start = (): Store => {
    const { store } = openStore(folder.path, NOW_MS, (row) => unreadable.push(row));
    opened.push(store);
    return store;
  };
  const stop = (store: Store): void => {
    opened.splice(opened.indexOf(store), 1);
    store.close();
  };
  const first = start();
  return {
    path: folder.path,
    store: first,
    unreadable,
    start,
    stop,
    /** Stops the store and starts it again, as a restart does. */
    again(store: Store = first): Store {
      stop(store);
      return start();
    },
    /** What somebody else does to the file. */
    meddle(sql: string): void {
      const db = new DatabaseSync(join(folder.path, DATABASE_FILE), { timeout: 1000 });
      db.exec(sql);
      db.close();
    },
    [Symbol.dispose]() {
      for (const store of opened) store.close();
      folder[Symbol.dispose]();
    },
  };
}

const row = (name: string, over: Partial<NewRow> = {}): NewRow => ({
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
const snapshot: Snapshot = {
  account: "main",
  okAtMs: { cross: 5, isolated: null },
  known: [{ subject: "isolated AUSDT", atMs: 5, level: 1.24, status: null, distancePct: 5.5, severity: "critical" }],
  pairs: 3,
  trouble: "timeout",
};
const watched = openDesk();
const changes: readonly AlertChange[] = watched.look(NOW_MS, cross(1.24), isolated([longPair("AUSDT", 2)])).changes;
const [firstChange] = changes;
const none = { alerts: [], rows: [], snapshot: undefined };
const names = (rows: readonly { readonly key: string }[]) => rows.map(({ key }) => key);

// ---------------------------------------------------------------- committing

test("what was committed is there after a restart, to the last bit", () => {
  using files = open();
  const full = row("b", {
    rootKey: keyOf("a"),
    edits: [{ key: keyOf("a"), message: resolved }],
    incidents: ["x", "y"],
  });
  const added = files.store.commit({ alerts: changes, rows: [row("a"), full], snapshot });
  expect(added).toEqual([
    { ...row("a"), id: 1, attempts: 0, error: null },
    { ...full, id: 2, attempts: 0, error: null },
  ]);
  const again = files.again();
  expect(again.alerts()).toHaveLength(2);
  expect(again.alerts()).toEqual(expect.arrayContaining([...changes]));
  expect(again.snapshots()).toEqual([snapshot]);
  expect(again.pending(0)).toEqual(added);
  expect(files.unreadable).toEqual([]);
});

test("a commit is one transaction: a row that fails takes the states and the picture with it", () => {
  using files = open();
  const bad = row("bad", { enqueuedAtMs: Number.NaN }); // SQLite has no NaN: it becomes NULL, which the schema refuses
  expect(() => files.store.commit({ alerts: changes, rows: [row("a"), bad], snapshot })).toThrow(StoreError);
  const holds = (store: Store) => [store.alerts(), store.pending(0), store.snapshots()];
  expect(holds(files.store)).toEqual([[], [], []]);
  expect(holds(files.again())).toEqual([[], [], []]);
});

test("after a commit that failed the next one is as good as any", () => {
  using files = open();
  const bad = row("bad", { enqueuedAtMs: Number.NaN });
  expect(() => files.store.commit({ ...none, rows: [bad] })).toThrow(StoreError);
  expect(files.store.commit({ ...none, rows: [row("a")] })).toHaveLength(1);
});

test("a known key adds no row and changes none, also when it was delivered", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a")] });
  expect(names(files.store.commit({ ...none, rows: [row("a", { message: resolved }), row("b")] }))).toEqual([
    keyOf("b"),
  ]);
  expect(files.store.pending(0).map(({ message }) => message.title)).toEqual([critical.title, critical.title]);
  files.store.settle(keyOf("a"), { kind: "delivered", atMs: NOW_MS, receipt: { ts: "1" } });
  expect(files.store.commit({ ...none, rows: [row("a")] })).toEqual([]);
  expect(names(files.store.pending(0))).toEqual([keyOf("b")]);
});

test("a quiet alert is forgotten, the others stay", () => {
  using files = open();
  files.store.commit({ ...none, alerts: changes });
  if (firstChange === undefined) throw new Error("no change");
  files.store.commit({ ...none, alerts: [{ id: firstChange.id, state: undefined }] });
  expect(files.store.alerts()).toEqual(changes.slice(1));
});

test("the newest picture of an account replaces the one before; forgotten is forgotten", () => {
  using files = open();
  files.store.commit({ ...none, snapshot });
  files.store.commit({ ...none, snapshot: { ...snapshot, account: "other" } });
  files.store.commit({ ...none, snapshot: { ...snapshot, pairs: 4 } });
  expect(files.store.snapshots().map(({ account, pairs }) => [account, pairs])).toEqual([
    ["main", 4],
    ["other", 3],
  ]);
  files.store.forget("main");
  expect(
    files
      .again()
      .snapshots()
      .map(({ account }) => account),
  ).toEqual(["other"]);
});

// ---------------------------------------------------------------- delivering

test("rows wait in the order of their commits, and only those after the one asked for", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a"), row("b")] });
  files.store.commit({ ...none, rows: [row("c")] });
  expect(names(files.store.pending(0))).toEqual(["a", "b", "c"].map(keyOf));
  expect(names(files.store.pending(1))).toEqual(["b", "c"].map(keyOf));
  expect(files.store.pending(3)).toEqual([]);
});

test("failures are counted with the last error, a delivery ends it and keeps the receipt", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a")] });
  files.store.settle(keyOf("a"), { kind: "failed", error: "connection refused" });
  files.store.settle(keyOf("a"), { kind: "failed", error: "HTTP 503" });
  const again = files.again();
  expect(again.pending(0)).toMatchObject([{ attempts: 2, error: "HTTP 503" }]);
  expect(again.receipt(keyOf("a"))).toBeUndefined();
  again.settle(keyOf("a"), { kind: "delivered", atMs: NOW_MS, receipt: { channel: "C1", ts: "1.5" } });
  const third = files.again(again);
  expect(third.pending(0)).toEqual([]);
  expect(third.receipt(keyOf("a"))).toEqual({ channel: "C1", ts: "1.5" });
  expect(third.receipt(keyOf("never"))).toBeUndefined();
});

test("settling a row that only memory had is nothing", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a")] });
  files.store.settle(keyOf("only in memory"), { kind: "delivered", atMs: NOW_MS, receipt: {} });
  files.store.settle(keyOf("only in memory"), { kind: "failed", error: "x" });
  expect(files.store.pending(0)).toMatchObject([{ attempts: 0 }]);
});

test("a dropped row waits no longer", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a"), row("b")] });
  files.store.drop(1);
  expect(names(files.store.pending(0))).toEqual([keyOf("b")]);
});

test("an id is never given twice, also when the row is gone", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a"), row("b")] });
  files.store.drop(2);
  expect(files.again().commit({ ...none, rows: [row("c")] })).toMatchObject([{ id: 3 }]);
});

test("old delivered rows are dropped; undelivered ones, newer ones and the roots of conversations are not", () => {
  using files = open();
  files.store.commit({ ...none, rows: ["old", "older", "root", "edge", "undelivered"].map((name) => row(name)) });
  const deliver = (name: string, atMs: number) =>
    files.store.settle(keyOf(name), { kind: "delivered", atMs, receipt: { of: name } });
  deliver("old", 99);
  deliver("older", 1);
  deliver("root", 1);
  deliver("edge", 100);
  files.store.prune(100, new Set([keyOf("root")]));
  const kept = ["old", "older", "root", "edge"].filter((name) => files.store.receipt(keyOf(name)) !== undefined);
  expect(kept).toEqual(["root", "edge"]);
  expect(names(files.store.pending(0))).toEqual([keyOf("undelivered")]);
});

// ---------------------------------------------------------------- facts, other processes

test("facts are kept, and replaced", () => {
  using files = open();
  expect(files.store.fact("ban")).toBeUndefined();
  files.store.setFact("ban", "5");
  files.store.setFact("ban", "7");
  expect(files.again().fact("ban")).toBe("7");
});

test("the data version changes when another process writes, and not by what this one does", () => {
  using files = open();
  const before = files.store.dataVersion();
  files.store.commit({ ...none, rows: [row("a")] });
  expect(files.store.dataVersion()).toBe(before);
  const other = files.start();
  other.commit({ ...none, rows: [row("theirs")] });
  expect(files.store.dataVersion()).not.toBe(before);
  expect(names(files.store.pending(1))).toEqual([keyOf("theirs")]);
});

test("beside a running daemon a reader sees everything and can change nothing", () => {
  using files = open();
  files.store.commit({ alerts: changes, rows: [row("a")], snapshot });
  const reader = openStoreForReading(files.path, () => {});
  expect(reader?.alerts()).toHaveLength(2);
  expect(reader?.snapshots()).toEqual([snapshot]);
  expect(() => reader?.setFact("x", "y")).toThrow(/read-only/);
  files.store.settle(keyOf("a"), { kind: "delivered", atMs: NOW_MS, receipt: {} });
  expect(reader?.pending(0)).toEqual([]);
  reader?.close();
});

test("where nothing was ever stored there is nothing to read, and nothing is made", () => {
  using folder = tempFolder();
  expect(openStoreForReading(folder.path, () => {})).toBeUndefined();
  expect(readdirSync(folder.path)).toEqual([]);
});

test("a database that another program keeps locked is a StoreError that says so", () => {
  using files = open();
  const other = new DatabaseSync(join(files.path, DATABASE_FILE));
  other.exec("BEGIN IMMEDIATE");
  expect(() => files.store.setFact("x", "y")).toThrow("locked by another program");
  other.exec("ROLLBACK");
  files.store.setFact("x", "y");
  other.close();
});

/** Fills the store until the disk refuses, and says what that looked like. Ten commits are in before. */
const FILL = `
  const { openStore } = await import(${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)});
  const { store } = openStore(process.argv[1], 0, () => {});
  let stored = 0;
  let error;
  while (error === undefined) {
    try {
      store.setFact("fact " + stored, "x".repeat(10_000));
      stored += 1;
    } catch (refusal) {
      error = refusal;
    }
  }
  console.log(JSON.stringify({ name: error.name, message: error.message, stored, last: store.fact("fact " + (stored - 1)).length }));
`;

test("a disk that takes no more is a StoreError; what was stored before can be read on, and is there after a restart", () => {
  using folder = tempFolder();
  const command = `trap "" XFSZ; ulimit -f 1000; exec "$0" --input-type=module -e "$1" "$2"`;
  const out = execFileSync("sh", ["-c", command, process.execPath, FILL, folder.path], { encoding: "utf8" });
  const { name, message, stored, last } = JSON.parse(out);
  expect([name, last]).toEqual(["StoreError", 10_000]);
  expect(message).toBe(`the state in ${folder.path}: disk I/O error`);
  expect(stored).toBeGreaterThan(10);
  const { store, movedTo } = openStore(folder.path, NOW_MS, () => {});
  expect([movedTo, store.fact(`fact ${stored - 1}`)?.length, store.fact(`fact ${stored}`)]).toEqual([
    undefined,
    10_000,
    undefined,
  ]);
  store.close();
});

test("a store that was closed throws StoreError, and nothing else", () => {
  using files = open();
  files.stop(files.store);
  for (const use of [
    () => files.store.alerts(),
    () => files.store.commit({ ...none, rows: [row("a")] }),
    () => files.store.dataVersion(),
    () => files.store.prune(5, new Set()),
  ]) {
    expect(use).toThrow(StoreError);
  }
});

// ---------------------------------------------------------------- what cannot be read

test("a row that cannot be read is left out and told by name; the others are there, and it is not deleted", () => {
  using files = open();
  files.store.commit({ alerts: changes, rows: [row("a"), row("b"), row("c")], snapshot });
  files.meddle(`
    UPDATE alert SET state = '{"phase":"firing"}' WHERE subject = 'cross';
    INSERT INTO alert VALUES ('main', 'elsewhere', 'rule', '{"phase":"pending","sinceMs":0,"observedMs":0,"lastAtMs":0}');
    UPDATE outbox SET body = substr(body, 1, 40) WHERE id = 2;
    INSERT INTO snapshot VALUES ('odd', 'null');
  `);
  const again = files.again();
  expect(again.alerts()).toEqual(changes.filter(({ id }) => id.subject !== "cross"));
  expect(names(again.pending(0))).toEqual(["a", "c"].map(keyOf));
  expect(again.snapshots()).toEqual([snapshot]);
  expect(files.unreadable.sort()).toEqual([
    "alert main cross cross-margin-level",
    "alert main elsewhere rule",
    "outbox 2",
    "snapshot odd",
  ]);
  files.meddle("DELETE FROM outbox WHERE id <> 2");
  expect(again.commit({ ...none, rows: [row("b")] })).toEqual([]);
});

test.each([
  ["a severity that does not exist", '"severity":"critical"', '"severity":"fatal"'],
  ["a number that became text", /"seq":\d+/, '"seq":"1"'],
  ["a field that is gone", /"openedAtMs":\d+,/, ""],
  ["no JSON", "{", ""],
])("a state with %s is not believed", (_, from, to) => {
  using files = open();
  files.store.commit({ ...none, alerts: changes.slice(0, 1) });
  const broken = JSON.stringify(firstChange?.state).replace(from, to).replaceAll("'", "''");
  files.meddle(`UPDATE alert SET state = '${broken}'`);
  expect([files.again().alerts(), files.unreadable.length]).toEqual([[], 1]);
});

test("a receipt that cannot be read counts as none", () => {
  using files = open();
  files.store.commit({ ...none, rows: [row("a")] });
  files.store.settle(keyOf("a"), { kind: "delivered", atMs: NOW_MS, receipt: { ts: "1" } });
  files.meddle("UPDATE outbox SET receipt = '{\"ts\":5}'");
  expect(files.store.receipt(keyOf("a"))).toBeUndefined();
});
