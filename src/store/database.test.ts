import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import { StoreError } from "../core/ports.ts";
import { openDatabase as open, openBeside, openForReading } from "./database.ts";
import { explain } from "./errors.ts";
import { DATABASE_FILE, makeStateDir } from "./folder.ts";
import type { Lost } from "./lost.ts";
import { MIGRATIONS } from "./schema.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23, 5, 4);
const STAMP = "2020-03-12T23-05-04-000Z";

/** What a holder of the lock gets. */
function openDatabase(stateDir: string, nowMs: number) {
  const found: Lost[] = [];
  const db = open(stateDir, nowMs, (lost) => found.push(lost));
  return { db, lost: found[0] };
}

const fact = (db: DatabaseSync, name: string) =>
  db.prepare("SELECT value FROM fact WHERE name = ?").get(name)?.["value"];
const pragma = (db: DatabaseSync, name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name];

test("a folder that can never be made is refused at once", () => {
  expect(() => makeStateDir("/proc/margind/state")).toThrow(
    /the state in \/proc\/margind\/state: the folder cannot be created there/,
  );
});

test("the journal is WAL and every commit is synced, on a new database and on one that is there", () => {
  using folder = tempFolder();
  for (const _ of ["new", "there"]) {
    const { db, lost } = openDatabase(folder.path, NOW_MS);
    expect([pragma(db, "journal_mode"), pragma(db, "synchronous"), lost]).toEqual(["wal", 2, undefined]);
    expect(pragma(db, "user_version")).toBe(MIGRATIONS.length);
    db.close();
  }
});

test("a WAL that crashed is read on", () => {
  using folder = tempFolder();
  const { db } = openDatabase(folder.path, NOW_MS);
  db.exec("INSERT INTO fact VALUES ('a', 'b', 0)");
  const files = [DATABASE_FILE, `${DATABASE_FILE}-wal`].map(
    (name) => [name, readFileSync(join(folder.path, name))] as const,
  );
  db.close();
  using copy = tempFolder();
  for (const [name, bytes] of files) writeFileSync(join(copy.path, name), bytes);
  const { db: again, lost } = openDatabase(copy.path, NOW_MS);
  expect([fact(again, "a"), lost]).toEqual(["b", undefined]);
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
  db.exec(`INSERT INTO fact VALUES ('a', 'b', 0); PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const text = `the state was written by a newer margind (schema ${MIGRATIONS.length + 1}, this one knows ${MIGRATIONS.length}): install that version again, or point stateDir elsewhere`;
  const bytes = readFileSync(join(folder.path, DATABASE_FILE));
  expect(() => openDatabase(folder.path, NOW_MS)).toThrow(new StoreError(text));
  for (const other of [openForReading, openBeside]) expect(() => other(folder.path)).toThrow(new StoreError(text));
  expect(readdirSync(folder.path).sort()).toEqual(["margind.begun", DATABASE_FILE]);
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
  db.exec(`INSERT INTO fact VALUES ('a', '${"x".repeat(20_000)}', 0)`);
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
  const { db, lost } = openDatabase(folder.path, NOW_MS);
  expect(lost).toEqual({ kind: "damaged", movedTo: `${file}.corrupt-${STAMP}` });
  expect(readFileSync(lost?.movedTo ?? "")).toEqual(bytes);
  expect(fact(db, "a")).toBeUndefined();
  db.exec("INSERT INTO fact VALUES ('a', 'b', 0)");
  db.close();
  const again = openDatabase(folder.path, NOW_MS);
  expect([fact(again.db, "a"), again.lost]).toEqual(["b", undefined]);
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

test("a damaged database is no reason to touch anything for those who do not hold the lock", () => {
  using folder = damaged((file) => writeFileSync(file, "garbage".repeat(200)));
  for (const other of [openForReading, openBeside])
    expect(() => other(folder.path)).toThrow(new StoreError(`the state in ${folder.path}: the database is damaged`));
  expect(readdirSync(folder.path).sort()).toEqual(["margind.begun", DATABASE_FILE]);
});

test("a second damage in the same moment overwrites nothing that was moved aside before", () => {
  using folder = damaged((file) => writeFileSync(file, "the first".repeat(200)));
  openDatabase(folder.path, NOW_MS).db.close();
  const file = join(folder.path, DATABASE_FILE);
  writeFileSync(file, "the second".repeat(200));
  const { db, lost } = openDatabase(folder.path, NOW_MS);
  db.close();
  expect(lost?.movedTo).toBe(`${file}.corrupt-${STAMP}-2`);
  expect(readFileSync(`${file}.corrupt-${STAMP}`, "utf8").slice(0, 9)).toBe("the first");
});

// ---------------------------------------------------------------- gone

test.each<[string, (file: string) => void]>([
  ["is gone", (file) => rmSync(file)],
  ["is empty", (file) => truncateSync(file)],
  [
    "has no tables",
    (file) => {
      rmSync(file);
      const db = new DatabaseSync(file);
      db.exec("CREATE TABLE other (a); DROP TABLE other");
      db.close();
    },
  ],
])("H5: a database that %s where one was begun is a loss, told once", (_, damage) => {
  using folder = damaged(damage);
  const { db, lost } = openDatabase(folder.path, NOW_MS);
  expect([lost?.kind, fact(db, "a")]).toEqual(["vanished", undefined]);
  db.close();
  const again = openDatabase(folder.path, NOW_MS);
  expect(again.lost).toBeUndefined();
  again.db.close();
});

test("H5: a journal without its database is kept for somebody to look at", () => {
  using folder = damaged((file) => {
    rmSync(file);
    writeFileSync(`${file}-wal`, "what was in it");
  });
  const { db, lost } = openDatabase(folder.path, NOW_MS);
  expect(readFileSync(`${lost?.movedTo}-wal`, "utf8")).toBe("what was in it");
  db.close();
});

test.each(["nothing", "an empty file"])("H5: a first start that finds %s has lost nothing", (what) => {
  using folder = tempFolder();
  if (what !== "nothing") writeFileSync(join(folder.path, DATABASE_FILE), "");
  const { db, lost } = openDatabase(folder.path, NOW_MS);
  expect(lost).toBeUndefined();
  db.close();
});

test("an empty file is no database yet, for those who do not hold the lock", () => {
  using folder = tempFolder();
  writeFileSync(join(folder.path, DATABASE_FILE), "");
  expect(openForReading(folder.path)).toBeUndefined();
  expect(() => openBeside(folder.path)).toThrow("there is no database yet");
});

test("H5: who does not hold the lock begins no database, and takes none for lost", () => {
  using folder = damaged((file) => rmSync(file));
  expect(() => openBeside(folder.path)).toThrow(
    new StoreError(`the state in ${folder.path}: there is no database yet`),
  );
  expect(readdirSync(folder.path)).toEqual(["margind.begun"]);
});

// ---------------------------------------------------------------- words

const sqliteError = (errcode: number) => Object.assign(new Error("the SQL"), { errcode });
const systemError = (code: string) => Object.assign(new Error("mkdir"), { code });

test.each<[string, unknown]>([
  ["locked by another program", sqliteError(5)],
  ["locked by another program", sqliteError(517)],
  ["read-only (check that its files belong to margind's user)", sqliteError(8)],
  ["the disk is full", sqliteError(13)],
  ["cannot be opened (check that the folder exists and belongs to margind's user)", sqliteError(14)],
  ["disk I/O error", sqliteError(778)], // a write failed
  ["disk I/O error", sqliteError(1034)], // an fsync failed
  ["the disk is full", sqliteError(4874)], // -shm cannot grow
  ["the database is damaged", sqliteError(11)],
  ["the database is damaged", sqliteError(26)],
  ["the SQL", sqliteError(1)],
  ["no permission to read or write it", systemError("EACCES")],
  ["no permission to read or write it", systemError("EPERM")],
  ["the file system is read-only", systemError("EROFS")],
  ["the disk is full", systemError("ENOSPC")],
  ["the disk is full", systemError("EDQUOT")],
  ["disk I/O error", systemError("EIO")],
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
