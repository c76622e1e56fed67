// Opening the database: WAL, synchronous=FULL set and read back on every open (it is not kept in the file, and a Node linked to a
// system SQLite may have another default), the schema brought up to date, damage found before anything is trusted, and one write to
// see that the disk takes it. Only who holds the lock may create, change or move aside anything.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../core/ports.ts";
import { DamageError, explain, isDamage, VanishedError } from "./errors.ts";
import { DATABASE_FILE, isBegun, isEmpty, markBegun, moveAside, sync } from "./folder.ts";
import type { Lost } from "./lost.ts";
import { checkVersion, migrate, versionOf } from "./migrate.ts";
import { rowSum } from "./rows.ts";
import { SQL } from "./sql.ts";

/** Waiting for another program's lock blocks the event loop, and with it the watch. */
const BUSY_TIMEOUT_MS = 250;
/** A command watches nothing. */
const BESIDE_TIMEOUT_MS = 2000;

/**
 * For the holder of the lock. The folder must exist. Throws StoreError: cannot be opened or written, or written by a newer margind.
 * @param onLost called when what was there cannot be used, before an empty one takes its place.
 */
export function openDatabase(stateDir: string, nowMs: number, onLost: (lost: Lost) => void): DatabaseSync {
  return guarded(stateDir, () => {
    try {
      return openExisting(stateDir, nowMs);
    } catch (error) {
      const isGone = error instanceof VanishedError;
      if (!isGone && !isDamage(error)) throw error;
      onLost({ kind: isGone ? "vanished" : "damaged", movedTo: moveAside(stateDir, nowMs) });
      return open(stateDir, nowMs);
    }
  });
}

/** The same without taking anything for lost: for a database that was open a moment ago. */
export function reopenDatabase(stateDir: string, nowMs: number): DatabaseSync {
  return guarded(stateDir, () => openExisting(stateDir, nowMs));
}

/** Beside a running daemon, to read and write what is there. */
export function openBeside(stateDir: string): DatabaseSync {
  const db = openThere(stateDir, false);
  if (db === undefined) throw new StoreError(`the state in ${stateDir}: there is no database yet`);
  return db;
}

/** For `margind status`. Undefined when there is no database yet. */
export function openForReading(stateDir: string): DatabaseSync | undefined {
  return openThere(stateDir, true);
}

function openThere(stateDir: string, readOnly: boolean): DatabaseSync | undefined {
  return guarded(stateDir, () => {
    const file = join(stateDir, DATABASE_FILE);
    if (isEmpty(file)) return undefined; // an empty one is one that could not be begun
    return checked(new DatabaseSync(file, { timeout: BESIDE_TIMEOUT_MS, readOnly }), (db) => {
      if (!readOnly) setPragmas(db);
      checkVersion(db);
    });
  });
}

function openExisting(stateDir: string, nowMs: number): DatabaseSync {
  if (isEmpty(join(stateDir, DATABASE_FILE)) && isBegun(stateDir))
    throw new VanishedError("the database is gone or empty");
  return open(stateDir, nowMs);
}

function open(stateDir: string, nowMs: number): DatabaseSync {
  const file = join(stateDir, DATABASE_FILE);
  const isNew = isEmpty(file);
  return checked(new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS }), (db) => {
    setPragmas(db);
    checkIntegrity(db);
    if (versionOf(db) === 0 && !isNew && isBegun(stateDir)) throw new VanishedError("the database has no tables");
    migrate(db, file);
    const opened = new Date(nowMs).toISOString();
    db.prepare(SQL.setFact).run("opened", opened, rowSum("opened", opened));
    if (isNew) sync(stateDir);
    if (!isBegun(stateDir)) markBegun(stateDir);
  });
}

function checked(db: DatabaseSync, check: (db: DatabaseSync) => void): DatabaseSync {
  try {
    check(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function guarded<T>(stateDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explain(error, stateDir);
  }
}

function setPragmas(db: DatabaseSync): void {
  // A short journal: on a full disk its room is all there is for the next commits.
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 64;");
  expectPragma(db, "journal_mode", "wal");
  expectPragma(db, "synchronous", 2);
}

export function checkIntegrity(db: DatabaseSync): void {
  const result = db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
  if (result !== "ok") throw new DamageError(`the database is damaged (${String(result)})`);
}

function expectPragma(db: DatabaseSync, name: string, expected: string | number): void {
  const value = db.prepare(`PRAGMA ${name}`).get()?.[name];
  if (value !== expected)
    throw new StoreError(`SQLite does not accept ${name} = ${expected} (it says ${String(value)})`);
}
