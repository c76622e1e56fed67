import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { mountDisk, testWith } from "../../test/support/disk.ts";
import { tempFolder } from "../../test/support/folder.ts";
import { keyOf } from "../../test/support/messages.ts";
import { changes, keysOf, memory, NOW_MS, newRow, nothing, snapshot } from "../../test/support/store-contract.ts";
import { StoreError } from "../core/ports.ts";
import { openBeside } from "./database.ts";
import { DATABASE_FILE } from "./folder.ts";
import { bodyOf, rowSum } from "./rows.ts";
import { MIGRATIONS } from "./schema.ts";
import { openStore, openStoreForReading } from "./sqlite.ts";

const start = (path: string) =>
  openStore(path, {
    clock: { wallMs: () => NOW_MS },
    onUnreadable: (row) => expect.fail(`unreadable: ${row}`),
    onDisk: () => {},
  });

/** A database as the first version of margind left it. */
function firstVersion(path: string): void {
  const db = new DatabaseSync(join(path, DATABASE_FILE));
  db.exec(`PRAGMA journal_mode = WAL; ${MIGRATIONS[0] ?? ""} PRAGMA user_version = 1`);
  for (const { id, state } of changes)
    db.prepare("INSERT INTO alert VALUES (?, ?, ?, ?)").run(id.account, id.subject, id.rule, JSON.stringify(state));
  db.prepare("INSERT INTO snapshot VALUES (?, ?)").run(snapshot.account, JSON.stringify(snapshot));
  db.exec("INSERT INTO fact VALUES ('instance', 'abcd1234')");
  const insert =
    "INSERT INTO outbox (key, notifier, recipient, body, enqueued_ms, attempts, error, delivered_ms, receipt)";
  const row = newRow("a");
  const values = [row.key, row.notifier, row.recipient, bodyOf(row), row.enqueuedAtMs] as const;
  db.prepare(`${insert} VALUES (?, ?, ?, ?, ?, 3, 'timeout', NULL, NULL)`).run(...values);
  db.prepare(`${insert} VALUES (?, ?, ?, ?, ?, 0, NULL, 5, '{"ts":"1"}')`).run(keyOf("b"), ...values.slice(1));
  db.close();
}

/** All that firstVersion() stored. */
function checkContent(path: string): void {
  const { store, lost } = start(path);
  expect([store.alerts(), store.snapshots(), store.fact("instance")]).toEqual([changes, [snapshot], "abcd1234"]);
  expect(store.pending(0)).toEqual([{ ...newRow("a"), id: 1, attempts: 3, error: "timeout", isAmbiguous: false }]);
  expect([store.receipt(keyOf("b")), lost]).toEqual([{ ts: "1" }, undefined]);
  store.close();
}

test("O7: an older database is brought up to date with all that is in it", () => {
  using folder = tempFolder();
  firstVersion(folder.path);
  checkContent(folder.path);
  checkContent(folder.path);
});

/** The same as the third version left it, with a row of the history; it has remembered nothing yet. */
function thirdVersion(path: string): void {
  firstVersion(path);
  const db = new DatabaseSync(join(path, DATABASE_FILE));
  db.function("row_sum", { varargs: true }, (...values) => rowSum(...values));
  db.exec(`${MIGRATIONS.slice(1, 3).join(";")} PRAGMA user_version = 3;`);
  const values = ["main", "flow", event.id, event.atMs, JSON.stringify(event)] as const;
  db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, 1, ?, ?)").run(...values, rowSum(...values));
  db.close();
}
const event = { kind: "flow", id: "7", atMs: 5, type: "BORROW", asset: "USDT", amount: 1 } as const;

test("O7: a database of the third version keeps all that is in it, and remembers from then on", () => {
  using folder = tempFolder();
  thirdVersion(folder.path);
  checkContent(folder.path);
  const { store } = start(folder.path);
  expect(store.events("main", 0)).toMatchObject([{ row: event, isTold: true }]);
  expect(store.memories("main")).toEqual([]);
  store.commit({ ...nothing, memories: [memory("track", "1")] });
  store.close();
  const again = start(folder.path).store;
  expect(again.memories("main")).toEqual([memory("track", "1")]);
  again.close();
  expect(existsSync(join(folder.path, `${DATABASE_FILE}.v3-backup`))).toBe(true);
});

test("O7: before that it is copied beside, whole, for its owner alone; later starts copy nothing", () => {
  using folder = tempFolder();
  firstVersion(folder.path);
  start(folder.path).store.close();
  const backup = join(folder.path, `${DATABASE_FILE}.v1-backup`);
  expect(statSync(backup).mode & 0o777).toBe(0o600);
  const db = new DatabaseSync(backup, { readOnly: true });
  expect(db.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
  expect(db.prepare("SELECT count(*) AS rows FROM outbox").get()).toEqual({ rows: 2 });
  db.close();
  const bytes = readFileSync(backup);
  start(folder.path).store.close();
  expect(readFileSync(backup)).toEqual(bytes);
  expect(readdirSync(folder.path).sort()).toEqual(["margind.begun", DATABASE_FILE, `${DATABASE_FILE}.v1-backup`]);
});

test("O7: a new database needs no copy", () => {
  using folder = tempFolder();
  start(folder.path).store.close();
  expect(readdirSync(folder.path).filter((name) => name.includes("backup"))).toEqual([]);
});

test("O7: who does not hold the lock changes no schema under a running daemon", () => {
  using folder = tempFolder();
  firstVersion(folder.path);
  const text = `the state was written by an older margind (schema 1, this one knows ${MIGRATIONS.length}): start this version of margind once, it brings it up to date`;
  expect(() => openBeside(folder.path)).toThrow(new StoreError(text));
  expect(() => openStoreForReading(folder.path, () => {})).toThrow(new StoreError(text));
  checkContent(folder.path);
});

testWith(
  "a disk of its own",
  "O7: on a full disk an older database is read, and brought up to date when there is room",
  () => {
    using disk = mountDisk("8m");
    firstVersion(disk.path);
    disk.fill();
    const { store, trouble, mend } = start(disk.path);
    expect([store.alerts(), keysOf(store.pending(0)), trouble()?.kind]).toEqual([changes, [keyOf("a")], "memory"]);
    disk.free();
    mend();
    expect(trouble()).toBeUndefined();
    store.close();
    checkContent(disk.path);
    expect(existsSync(join(disk.path, `${DATABASE_FILE}.v1-backup`))).toBe(true);
  },
);

testWith(
  "a disk of its own",
  "O7: a newer database is refused on a full disk too: it is not gone, it is not understood",
  () => {
    using disk = mountDisk("8m");
    start(disk.path).store.close();
    const db = new DatabaseSync(join(disk.path, DATABASE_FILE));
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    disk.fill();
    expect(() => start(disk.path)).toThrow("the state was written by a newer margind");
  },
);
