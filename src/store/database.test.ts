import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import { StoreError } from "../core/ports.ts";
import { DATABASE_FILE, explain, makeStateDir, openDatabase, openForReading } from "./database.ts";
import { MIGRATIONS } from "./schema.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23, 5, 4);
const STAMP = "2020-03-12T23-05-04-000Z";

const pragma = (db: DatabaseSync, name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name];

test("a folder that can never be made is refused at once", () => {
  expect(() => makeStateDir("/proc/margind/state")).toThrow(
    /the state in \/proc\/margind\/state: the folder cannot be created there/,
  );
});

test("the journal is WAL and every commit is synced, on a new database and on one that is there", () => {
  using folder = tempFolder();
  for (const _ of ["new", "there"]) {
    const { db, movedTo } = openDatabase(folder.path, NOW_MS);
    expect([pragma(db, "journal_mode"), pragma(db, "synchronous"), movedTo]).toEqual(["wal", 2, undefined]);
    expect(pragma(db, "user_version")).toBe(MIGRATIONS.length);
    db.close();
  }
});

test("a WAL that crashed is read on", () => {
  using folder = tempFolder();
  const { db } = openDatabase(folder.path, NOW_MS);
  db.exec("INSERT INTO fact VALUES ('a', 'b')");
  const files = [DATABASE_FILE, `${DATABASE_FILE}-wal`].map(
    (name) => [name, readFileSync(join(folder.path, name))] as const,
  );
  db.close();
  using copy = tempFolder();
  for (const [name, bytes] of files) writeFileSync(join(copy.path, name), bytes);
  const { db: again, movedTo } = openDatabase(copy.path, NOW_MS);
  expect([again.prepare("SELECT value FROM fact").get()?.["value"], movedTo]).toEqual(["b", undefined]);
  again.close();
});

// ---------------------------------------------------------------- the folder

test("the folder is made for its owner alone, with its parents, whatever the umask", () => {
  using folder = tempFolder();
  const before = process.umask(0o022);
  try {
    const deep = join(folder.path, "a", "b");
    process.umask(0);
    makeStateDir(deep);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    process.umask(0o277);
    const other = join(folder.path, "c");
    makeStateDir(other);
    expect(statSync(other).mode & 0o777).toBe(0o700);
  } finally {
    process.umask(before);
  }
});

test("a folder that is there is left as its owner made it", () => {
  using folder = tempFolder();
  const mode = statSync(folder.path).mode;
  makeStateDir(folder.path);
  expect(statSync(folder.path).mode).toBe(mode);
});

test("a file where the folder should be is a StoreError", () => {
  using folder = tempFolder();
  const file = join(folder.path, "file");
  writeFileSync(file, "");
  expect(() => makeStateDir(file)).toThrow(StoreError);
  expect(() => openDatabase(file, NOW_MS)).toThrow(
    "cannot be opened (check that the folder exists and belongs to margind's user)",
  );
});

// ---------------------------------------------------------------- versions

test("a database of a newer margind is refused with what to do, and left as it is", () => {
  using folder = tempFolder();
  const { db } = openDatabase(folder.path, NOW_MS);
  db.exec(`INSERT INTO fact VALUES ('a', 'b'); PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const text = `the state was written by a newer margind (schema ${MIGRATIONS.length + 1}, this one knows ${MIGRATIONS.length}): install that version again, or point stateDir elsewhere`;
  const bytes = readFileSync(join(folder.path, DATABASE_FILE));
  expect(() => openDatabase(folder.path, NOW_MS)).toThrow(new StoreError(text));
  expect(readdirSync(folder.path)).toEqual([DATABASE_FILE]);
  expect(() => openForReading(folder.path)).toThrow(new StoreError(text));
  expect(readFileSync(join(folder.path, DATABASE_FILE))).toEqual(bytes);
});

test("tables are strict: a text in a number's place is refused, not stored", () => {
  using folder = tempFolder();
  const { db } = openDatabase(folder.path, NOW_MS);
  const insert = "INSERT INTO outbox (key, notifier, recipient, body, enqueued_ms) VALUES ('k', 'n', 'r', 'b', 'soon')";
  expect(() => db.exec(insert)).toThrow(/cannot store TEXT/);
  db.close();
});

// ---------------------------------------------------------------- damage

function damaged(damage: (file: string) => void) {
  const folder = tempFolder();
  const { db } = openDatabase(folder.path, NOW_MS);
  db.exec(`INSERT INTO fact VALUES ('a', '${"x".repeat(20_000)}')`);
  db.close();
  damage(join(folder.path, DATABASE_FILE));
  return folder;
}

const overwrite = (from: number) => (file: string) => {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, from, from + 4096);
  writeFileSync(file, bytes);
};

test.each<[string, (file: string) => void]>([
  ["garbage", (file) => writeFileSync(file, "this is no database, and it is longer than a header".repeat(40))],
  ["a page of garbage within", overwrite(8192)],
  ["a cut end", (file) => truncateSync(file, 8192)],
  ["a garbled first page", overwrite(100)],
])("a database with %s is moved aside, whole, and an empty one is begun", (_, damage) => {
  using folder = damaged(damage);
  const file = join(folder.path, DATABASE_FILE);
  const bytes = readFileSync(file);
  const { db, movedTo } = openDatabase(folder.path, NOW_MS);
  expect(movedTo).toBe(`${file}.corrupt-${STAMP}`);
  expect(readFileSync(movedTo ?? "")).toEqual(bytes);
  expect(db.prepare("SELECT count(*) AS n FROM fact").get()).toMatchObject({ n: 0 });
  db.exec("INSERT INTO fact VALUES ('a', 'b')");
  db.close();
  const again = openDatabase(folder.path, NOW_MS);
  expect(again.movedTo).toBeUndefined();
  again.db.close();
});

test("an old journal is never read into the new database", () => {
  using folder = damaged((file) => {
    writeFileSync(file, "garbage".repeat(200));
    writeFileSync(`${file}-wal`, "an old journal");
  });
  const { db } = openDatabase(folder.path, NOW_MS);
  expect(db.prepare("PRAGMA integrity_check").all()).toMatchObject([{ integrity_check: "ok" }]);
  expect(readFileSync(join(folder.path, `${DATABASE_FILE}-wal`)).includes("an old journal")).toBe(false);
  db.close();
});

test("a damaged database is no reason to touch anything when somebody only wants to read", () => {
  using folder = damaged((file) => writeFileSync(file, "garbage".repeat(200)));
  expect(() => openForReading(folder.path)).toThrow(StoreError);
  expect(readdirSync(folder.path)).toEqual([DATABASE_FILE]);
});

// ---------------------------------------------------------------- words

const sqliteError = (errcode: number) => Object.assign(new Error("the SQL"), { errcode });
const systemError = (code: string) => Object.assign(new Error("mkdir"), { code });

test.each<[string, unknown]>([
  ["locked by another program", sqliteError(5)],
  ["locked by another program", sqliteError(517)],
  ["read-only", sqliteError(8)],
  ["the disk is full", sqliteError(13)],
  ["cannot be opened (check that the folder exists and belongs to margind's user)", sqliteError(14)],
  ["disk I/O error", sqliteError(778)], // a write failed
  ["disk I/O error", sqliteError(1034)], // an fsync failed
  ["disk I/O error", sqliteError(4874)], // -shm cannot grow
  ["the SQL", sqliteError(1)],
  ["no permission to read or write it", systemError("EACCES")],
  ["no permission to read or write it", systemError("EPERM")],
  ["the file system is read-only", systemError("EROFS")],
  ["the disk is full", systemError("ENOSPC")],
  ["something else", new Error("something else")],
  ["a text", "a text"],
])("a failure is told in plain words: %s (%#)", (words, error) => {
  const explained = explain(error, "/var/lib/margind");
  expect(explained).toEqual(new StoreError(`the state in /var/lib/margind: ${words}`, { cause: error }));
});

test("what was explained before is not explained again", () => {
  const error = new StoreError("x");
  expect(explain(error, "/y")).toBe(error);
});
