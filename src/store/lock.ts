// One daemon per state folder. The lock is an open exclusive transaction on lock.db: the kernel frees it with the process, also on
// kill -9, and no stale file can keep a daemon from starting. Two traps (measured, see docs/decisions): opening lock.db by `fs`
// inside the holder drops the lock, and so does garbage collection of the handle; so nobody reads that file, who holds it stands
// in a side file, and the handle lives in a module variable.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { explain, primaryCode } from "./database.ts";

export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly sinceMs: number;
}

export type LockResult =
  | { readonly ok: true; release(): void }
  | { readonly ok: false; readonly holder: Holder | undefined };

const LOCK_FILE = "lock.db";
const SQLITE_BUSY = 5;

/** A `margind status` that looks at this very moment holds a read lock for microseconds: wait that out. */
const TAKE_TIMEOUT_MS = 500;

const held = new Map<string, DatabaseSync>();

/** Takes the lock or says who holds it. The folder must exist. Throws StoreError when the folder cannot be written. */
export function takeLock(stateDir: string, pid: number, nowMs: number): LockResult {
  const db = begin(stateDir, "EXCLUSIVE", TAKE_TIMEOUT_MS);
  if (db === undefined) return { ok: false, holder: readHolder(stateDir) };
  held.set(stateDir, db);
  try {
    const holder: Holder = { pid, host: hostname(), sinceMs: nowMs };
    writeFileSync(holderFile(stateDir), `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  } catch {
    // Who holds it is a courtesy to the reader of an error message: a full disk must not keep the daemon from watching.
  }
  return {
    ok: true,
    release() {
      held.delete(stateDir);
      db.close();
    },
  };
}

/** Who holds the lock now; undefined when nobody does. Does not disturb the holder. */
export function lockHolder(stateDir: string): Holder | undefined {
  if (!exists(stateDir)) return undefined;
  const db = begin(stateDir, "DEFERRED", 0);
  if (db === undefined) return readHolder(stateDir) ?? { pid: 0, host: "unknown", sinceMs: 0 };
  db.close();
  return undefined;
}

function exists(stateDir: string): boolean {
  try {
    return statSync(join(stateDir, LOCK_FILE), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw explain(error, stateDir);
  }
}

function begin(stateDir: string, mode: "EXCLUSIVE" | "DEFERRED", timeoutMs: number): DatabaseSync | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(stateDir, LOCK_FILE), { timeout: timeoutMs });
    db.exec(`BEGIN ${mode}; SELECT count(*) FROM sqlite_schema`); // a deferred one takes its read lock at the first read
    return db;
  } catch (error) {
    db?.close();
    if (primaryCode(error) === SQLITE_BUSY) return undefined;
    throw explain(error, stateDir);
  }
}

const holderFile = (stateDir: string): string => join(stateDir, "lock.json");

function readHolder(stateDir: string): Holder | undefined {
  try {
    const raw: unknown = JSON.parse(readFileSync(holderFile(stateDir), "utf8"));
    if (typeof raw !== "object" || raw === null || !("pid" in raw) || !("host" in raw) || !("sinceMs" in raw))
      return undefined;
    const { pid, host, sinceMs } = raw;
    return typeof pid === "number" && typeof host === "string" && typeof sinceMs === "number"
      ? { pid, host, sinceMs }
      : undefined;
  } catch {
    return undefined; // missing or half written: the refusal is told without a name
  }
}
