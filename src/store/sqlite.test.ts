// The store on real files. What another process or a broken disk does to it is done by a second connection.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import { createMemoryStore } from "../../test/support/memory-store.ts";
import { keyOf } from "../../test/support/messages.ts";
import {
  changes,
  keysOf,
  memory,
  NOW_MS,
  newRow,
  nothing,
  snapshot,
  storeContract,
} from "../../test/support/store-contract.ts";
import { StoreError } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { DATABASE_FILE } from "./folder.ts";
import { rowSum } from "./rows.ts";
import { type OpenedStore, openStore, openStoreForReading } from "./sqlite.ts";

const openHere = (path: string, onUnreadable: (row: string) => void = () => {}) =>
  openStore(path, { clock: { wallMs: () => NOW_MS }, onUnreadable, onDisk: () => {} });

/** An open store in a folder of its own; closed and removed when the test ends. */
function open() {
  const folder = tempFolder();
  const unreadable: string[] = [];
  const opened: Store[] = [];
  const whole: OpenedStore[] = [];
  const start = (): Store => {
    const found = openHere(folder.path, (row) => unreadable.push(row));
    whole.push(found);
    opened.push(found.store);
    return found.store;
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
    /** What the last start found lost. */
    lost: () => whole.at(-1)?.lost,
    told: () => whole.at(-1)?.told(),
    start,
    stop,
    read(sql: string) {
      const db = new DatabaseSync(join(folder.path, DATABASE_FILE), { timeout: 1000, readOnly: true });
      const rows = db.prepare(sql).all();
      db.close();
      return rows;
    },
    /** Stops the store and starts it again, as a restart does. */
    again(store: Store = first): Store {
      stop(store);
      return start();
    },
    /** What somebody else does to the file; row_sum() makes it look as if it had been written so. */
    meddle(sql: string): void {
      const db = new DatabaseSync(join(folder.path, DATABASE_FILE), { timeout: 1000 });
      db.function("row_sum", { varargs: true }, (...values) => rowSum(...values));
      db.exec(sql);
      db.close();
    },
    [Symbol.dispose]() {
      for (const store of opened) store.close();
      folder[Symbol.dispose]();
    },
  };
}

const [firstChange] = changes;

storeContract("SQLite", () => {
  const files = open();
  let { store } = files;
  return {
    store,
    again() {
      store = files.again(store);
      return store;
    },
    [Symbol.dispose]: files[Symbol.dispose],
  };
});
storeContract("the memory store of the tests", () => {
  const store = createMemoryStore();
  return { store, again: () => store, [Symbol.dispose]: () => {} };
});

// ---------------------------------------------------------------- committing

test("a commit is one transaction: a row that fails takes the states and the picture with it", () => {
  using files = open();
  const bad = newRow("bad", { enqueuedAtMs: Number.NaN }); // SQLite has no NaN: it becomes NULL, which the schema refuses
  const change = { alerts: changes, rows: [newRow("a"), bad], snapshot, memories: [memory("track", "1")] };
  expect(() => files.store.commit(change)).toThrow(StoreError);
  const holds = (store: Store) => [store.alerts(), store.pending(0), store.snapshots(), store.memories("main")];
  expect(holds(files.store)).toEqual([[], [], [], []]);
  expect(holds(files.again())).toEqual([[], [], [], []]);
});

test("after a commit that failed the next one is as good as any", () => {
  using files = open();
  const bad = newRow("bad", { enqueuedAtMs: Number.NaN });
  expect(() => files.store.commit({ ...nothing, rows: [bad] })).toThrow(StoreError);
  expect(files.store.commit({ ...nothing, rows: [newRow("a")] })).toHaveLength(1);
});

// ---------------------------------------------------------------- other processes

test("the data version changes when another process writes, and not by what this one does", () => {
  using files = open();
  const before = files.store.dataVersion();
  files.store.commit({ ...nothing, rows: [newRow("a")] });
  expect(files.store.dataVersion()).toBe(before);
  const other = files.start();
  other.commit({ ...nothing, rows: [newRow("theirs")] });
  expect(files.store.dataVersion()).not.toBe(before);
  expect(keysOf(files.store.pending(1))).toEqual([keyOf("theirs")]);
});

test("beside a running daemon a reader sees everything and can change nothing", () => {
  using files = open();
  files.store.commit({ alerts: changes, rows: [newRow("a")], snapshot });
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
  const { store } = openStore(process.argv[1], { clock: { wallMs: () => 0 }, onUnreadable() {}, onDisk() {} });
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
  const { store, lost } = openHere(folder.path);
  expect([lost, store.fact(`fact ${stored - 1}`)?.length, store.fact(`fact ${stored}`)]).toEqual([
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
    () => files.store.commit({ ...nothing, rows: [newRow("a")] }),
    () => files.store.dataVersion(),
    () => files.store.prune(5, new Set()),
  ]) {
    expect(use).toThrow(StoreError);
  }
});

// ---------------------------------------------------------------- what cannot be read

const WRONG = `
  UPDATE alert SET state = '{"phase":"firing"}' WHERE subject = 'cross';
  INSERT INTO alert VALUES ('main', 'elsewhere', 'rule', '{"phase":"pending","sinceMs":0,"observedMs":0,"lastAtMs":0}', 0);
  UPDATE outbox SET body = substr(body, 1, 40) WHERE id = 2;
  INSERT INTO snapshot VALUES ('odd', 'null', 0);
  INSERT INTO memory VALUES ('main', 'elsewhere', 'track', '1', 0);
`;
/** The same, written so: what is read is not believed only because its checksum fits. */
const WRITTEN = `
  UPDATE alert SET sum = row_sum(account, subject, rule, state);
  UPDATE outbox SET sum = row_sum(key, notifier, recipient, body, enqueued_ms);
  UPDATE snapshot SET sum = row_sum(account, body);
  UPDATE memory SET sum = row_sum(account, subject, kind, body);
`;

test.each([
  ["flipped on the disk", WRONG],
  ["written wrongly", WRONG + WRITTEN],
])(
  "H5: a row that was %s is left out and told by name, once; the others are there, and it is put aside whole",
  (_, sql) => {
    using files = open();
    files.store.commit({ alerts: changes, rows: [newRow("a"), newRow("b"), newRow("c")], snapshot });
    files.store.commit({ ...nothing, memories: [memory("track", "1")] });
    files.meddle(sql);
    const names = [
      "alert main cross cross-margin-level",
      "alert main elsewhere rule",
      "memory main elsewhere track",
      "outbox 2",
      "snapshot odd",
    ];
    const again = files.again();
    expect(again.alerts()).toEqual(changes.filter(({ id }) => id.subject !== "cross"));
    expect(keysOf(again.pending(0))).toEqual(["a", "c"].map(keyOf));
    expect(again.snapshots()).toEqual([snapshot]);
    expect(again.memories("main")).toEqual([memory("track", "1")]);
    expect([files.unreadable.sort(), files.lost()]).toEqual([names, { kind: "rows", movedTo: undefined }]);
    expect(files.read("SELECT origin, found_ms FROM damaged ORDER BY origin")).toEqual(
      names.map((origin) => ({ origin, found_ms: NOW_MS })),
    );
    expect(files.read("SELECT content FROM damaged WHERE origin = 'snapshot odd'")[0]?.["content"]).toContain('"null"');
    files.told();
    files.again(again);
    expect([files.unreadable.length, files.lost()]).toEqual([5, undefined]);
  },
);

test("H5: a digit that became another is noticed, in every table", () => {
  using files = open();
  const memories = [memory("track", "[15,16]"), memory("before", "5")];
  files.store.commit({ alerts: changes, rows: [newRow("a")], snapshot, memories });
  files.store.setFact("ban", "1583950000000");
  files.meddle(`
    UPDATE alert SET state = replace(state, '"seq":1', '"seq":2');
    UPDATE outbox SET body = replace(body, '11.3', '41.3');
    UPDATE snapshot SET body = replace(body, '1.24', '9.24');
    UPDATE fact SET value = replace(value, '15', '25') WHERE name = 'ban';
    UPDATE memory SET body = replace(body, '15', '25');
  `);
  const again = files.again();
  expect([again.alerts(), again.pending(0), again.snapshots(), again.fact("ban")]).toEqual([[], [], [], undefined]);
  expect(again.memories("main")).toEqual([memory("before", "5")]);
  expect(files.unreadable).toHaveLength(6);
});

test.each([
  ["its text", "body = replace(body, '11.3', '41.3')"],
  ["its key", "key = 'x' || substr(key, 2)"],
])("H5: a late row that is damaged in %s sets free the intact rows that it covers: they are delivered", (_, damage) => {
  using files = open();
  files.store.commit({ ...nothing, rows: [newRow("a"), newRow("b"), newRow("sent")] });
  files.store.settle(keyOf("sent"), { kind: "delivered", atMs: NOW_MS, receipt: { ts: "1" } });
  files.store.supersede(["a", "b"].map(keyOf), newRow("late"));
  files.store.commit({ ...nothing, rows: [newRow("c"), newRow("d")] });
  files.store.supersede(["c"].map(keyOf), newRow("other late"));
  files.meddle(`UPDATE outbox SET ${damage} WHERE key = '${keyOf("late")}'`);
  const again = files.again();
  expect(keysOf(again.pending(0))).toEqual(["a", "b", "d", "other late"].map(keyOf));
  expect([files.unreadable, files.lost()?.kind]).toEqual([["outbox 4"], "rows"]);
});

test("H5: a row that is damaged while the store is open is told once, however often it is read", () => {
  using files = open();
  files.store.commit({ alerts: [], rows: [newRow("a"), newRow("b")], snapshot: undefined });
  files.meddle("UPDATE outbox SET recipient = '#others' WHERE id = 1");
  for (let look = 0; look < 3; look++) expect(keysOf(files.store.pending(0))).toEqual([keyOf("b")]);
  expect(files.unreadable).toEqual(["outbox 1"]);
  files.store.commit({ ...nothing, memories: [memory("track", "1"), memory("before", "1")] });
  files.meddle("UPDATE memory SET kind = 'trick' WHERE kind = 'track'");
  for (let look = 0; look < 3; look++) expect(files.store.memories("main")).toEqual([memory("before", "1")]);
  expect(files.unreadable).toEqual(["outbox 1", "memory main cross trick"]);
});

test("H5: a loss is told by every start until people were told of it", () => {
  using files = open();
  files.store.commit({ alerts: changes, rows: [], snapshot: undefined });
  files.meddle("UPDATE alert SET sum = 0");
  let store = files.again();
  for (let start = 0; start < 2; start++) {
    expect(files.lost()?.kind).toBe("rows");
    store = files.again(store);
  }
  files.told();
  files.again(store);
  expect(files.lost()).toBeUndefined();
});

test.each([
  ["a severity that does not exist", '"severity":"critical"', '"severity":"fatal"'],
  ["a number that became text", /"seq":\d+/, '"seq":"1"'],
  ["a field that is gone", /"openedAtMs":\d+,/, ""],
  ["no JSON", "{", ""],
])("a state with %s is not believed", (_, from, to) => {
  using files = open();
  files.store.commit({ ...nothing, alerts: changes.slice(0, 1) });
  const broken = JSON.stringify(firstChange?.state).replace(from, to).replaceAll("'", "''");
  files.meddle(`UPDATE alert SET state = '${broken}'; ${WRITTEN}`);
  expect([files.again().alerts(), files.unreadable.length]).toEqual([[], 1]);
});

test("a receipt that cannot be read counts as none", () => {
  using files = open();
  files.store.commit({ ...nothing, rows: [newRow("a")] });
  files.store.settle(keyOf("a"), { kind: "delivered", atMs: NOW_MS, receipt: { ts: "1" } });
  files.meddle("UPDATE outbox SET receipt = '{\"ts\":5}'");
  expect(files.store.receipt(keyOf("a"))).toBeUndefined();
});
