// Opening the database: WAL, synchronous=FULL set and read back on every open (it is not kept in the file, and a Node linked to a
// system SQLite may have another default), the schema brought up to date, damage found before anything is trusted.
import { chmodSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../core/ports.ts";
import { MIGRATIONS } from "./schema.ts";

export const DATABASE_FILE = "margind.db";

/** Waiting for another process's lock blocks the event loop, so it is short. */
const BUSY_TIMEOUT_MS = 2000;

export interface Opened {
  readonly db: DatabaseSync;
  /** Where a damaged database was moved to, when it was. */
  readonly movedTo: string | undefined;
}

/** Creates the folder (0700) where needed. Throws StoreError: cannot be opened, or written by a newer margind. */
export function openDatabase(stateDir: string, nowMs: number): Opened {
  const file = join(stateDir, DATABASE_FILE);
  try {
    return { db: open(file), movedTo: undefined };
  } catch (error) {
    if (!isDamage(error)) throw explain(error, stateDir);
  }
  const movedTo = moveAside(file, nowMs);
  try {
    return { db: open(file), movedTo };
  } catch (error) {
    throw explain(error, stateDir);
  }
}

/** For `margind status` beside a running daemon. Undefined when there is no database yet. */
export function openForReading(stateDir: string): DatabaseSync | undefined {
  const file = join(stateDir, DATABASE_FILE);
  let db: DatabaseSync | undefined;
  try {
    if (statSync(file, { throwIfNoEntry: false }) === undefined) return undefined;
    db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, readOnly: true });
    checkVersion(versionOf(db));
    return db;
  } catch (error) {
    db?.close();
    throw explain(error, stateDir);
  }
}

/** Creates the folder, 0700, where needed. */
export function makeStateDir(stateDir: string): void {
  try {
    makeFolder(stateDir);
  } catch (error) {
    throw explain(error, stateDir);
  }
}

// One by one: Node's own recursive mkdir never returns where a folder cannot be made although its parent is there (/proc).
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
  chmodSync(path, 0o700); // whatever the umask made of it
}

function open(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304;");
    expectPragma(db, "journal_mode", "wal");
    expectPragma(db, "synchronous", 2);
    checkIntegrity(db);
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function migrate(db: DatabaseSync): void {
  const version = versionOf(db);
  checkVersion(version);
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[next] ?? ""} PRAGMA user_version = ${next + 1}; COMMIT;`);
  }
}

function checkVersion(version: number): void {
  if (version <= MIGRATIONS.length) return;
  throw new StoreError(
    `the state was written by a newer margind (schema ${version}, this one knows ${MIGRATIONS.length}): install that version again, or point stateDir elsewhere`,
  );
}

function checkIntegrity(db: DatabaseSync): void {
  const result = db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
  if (result !== "ok") throw new DamageError(`integrity_check: ${String(result)}`);
}

function expectPragma(db: DatabaseSync, name: string, expected: string | number): void {
  const value = db.prepare(`PRAGMA ${name}`).get()?.[name];
  if (value !== expected)
    throw new StoreError(`SQLite does not accept ${name} = ${expected} (it says ${String(value)})`);
}

function versionOf(db: DatabaseSync): number {
  const version = db.prepare("PRAGMA user_version").get()?.["user_version"];
  return typeof version === "number" ? version : 0;
}

function moveAside(file: string, nowMs: number): string {
  const target = `${file}.corrupt-${new Date(nowMs).toISOString().replace(/[:.]/g, "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (statSync(file + suffix, { throwIfNoEntry: false }) !== undefined) renameSync(file + suffix, target + suffix);
  }
  return target;
}

class DamageError extends Error {
  override readonly name = "DamageError";
}

// SQLITE_CORRUPT 11, SQLITE_NOTADB 26.
function isDamage(error: unknown): boolean {
  return error instanceof DamageError || [11, 26].includes(primaryCode(error) ?? 0);
}

const CODES: Readonly<Record<number, string>> = {
  5: "locked by another program",
  8: "read-only",
  10: "disk I/O error",
  13: "the disk is full",
  14: "cannot be opened (check that the folder exists and belongs to margind's user)",
};

/** A StoreError in plain words, whatever was thrown. */
export function explain(error: unknown, stateDir: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = primaryCode(error);
  const reason = (code === undefined ? undefined : CODES[code]) ?? systemReason(error);
  return new StoreError(`the state in ${stateDir}: ${reason}`, { cause: error });
}

/** SQLite's result code without its extension (https://sqlite.org/rescode.html); undefined for any other error. */
export function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 255;
}

function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "ENOENT" || code === "ENOTDIR") return "the folder cannot be created there";
  if (code === "EEXIST") return "a file stands where the folder should be";
  if (code === "EACCES" || code === "EPERM") return "no permission to read or write it";
  if (code === "EROFS") return "the file system is read-only";
  return code === "ENOSPC" ? "the disk is full" : error.message;
}
