// One daemon per state folder. The lock is an open exclusive transaction on lock.db: the kernel frees it with the process, also on
// kill -9, and no stale file can keep a daemon from starting. Traps (measured, see docs/decisions): opening lock.db by `fs` inside
// the holder drops the lock, and so does garbage collection of the handle; and on a file that may only be read SQLite takes a shared
// lock where an exclusive one was asked for, and says nothing. So nobody reads that file, who holds it stands in a side file, the
// handle lives in a module variable, and every lock is tried out with a write that writes nothing.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseJson } from "../lib/json.ts";
import { explain, isDamage, primaryCode, SQLITE } from "./errors.ts";
import { diskFaultOf, scratchFolder, sizeOf } from "./folder.ts";

export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly sinceMs: number;
}

export type LockResult =
  | { readonly ok: true; release(): void }
  | { readonly ok: false; readonly holder: Holder | undefined };

/** A `margind status` that looks at this very moment holds a read lock for microseconds: wait that out. */
const TAKE_TIMEOUT_MS = 500;

/** Garbage collection would close them, and a closed one holds nothing. */
const held = new Map<string, readonly DatabaseSync[]>();

/** Takes the lock or says who holds it. The folder must exist. Throws StoreError when no lock can be had there. */
export function takeLock(stateDir: string, pid: number, nowMs: number): LockResult {
  const locks = held.has(stateDir) ? undefined : takeBoth(stateDir);
  if (locks === undefined) return { ok: false, holder: readHolder(stateDir) };
  held.set(stateDir, locks);
  noteHolder(stateDir, { pid, host: hostname(), sinceMs: nowMs });
  return {
    ok: true,
    release() {
      held.delete(stateDir);
      for (const lock of locks) lock.close();
    },
  };
}

/** Who holds the lock now; undefined when nobody does. Does not disturb the holder. */
export function lockHolder(stateDir: string): Holder | undefined {
  if (sizeOf(stateDir) === undefined) return undefined;
  const isHeld = [lockFile(stateDir), spareFile(stateDir)].some((file) => isTaken(file, stateDir));
  return isHeld ? (readHolder(stateDir) ?? { pid: 0, host: "unknown", sinceMs: 0 }) : undefined;
}

// ---------------------------------------------------------------- two files

const lockFile = (stateDir: string): string => join(stateDir, "lock.db");

/** In RAM, for a state folder in which nothing can be written; the same for every process that means this folder. */
export function spareFile(stateDir: string): string {
  const name = createHash("sha256").update(realpathSync(stateDir)).digest("hex").slice(0, 16);
  return join(scratchFolder(), `margind-${name}.lock.db`);
}

type Grip =
  | { readonly kind: "exclusive"; readonly db: DatabaseSync }
  /** The file may only be read. Nobody takes it exclusively as long as this is held. */
  | { readonly kind: "shared"; readonly db: DatabaseSync; readonly error: unknown }
  | { readonly kind: "taken" }
  | { readonly kind: "none"; readonly error: unknown };

/** Undefined: somebody else holds it. */
function takeBoth(stateDir: string): readonly DatabaseSync[] | undefined {
  const main = grip(lockFile(stateDir));
  if (main.kind === "taken") return undefined;
  if (main.kind !== "exclusive" && diskFaultOf(main.error, stateDir) === undefined) {
    close(main);
    throw explain(main.error, stateDir);
  }
  const spare = spareFile(stateDir);
  if (main.kind !== "exclusive") return takeSpare(stateDir, spare, main);
  return sizeOf(spare) === undefined ? [main.db] : joined(main, grip(spare));
}

/**
 * Nothing can be written in the folder. The order matters: first the spare lock, then another look at the first one, while everybody
 * else looks at the first one, then at the spare. So of two that start while the disk comes back one at least sees the other.
 */
function takeSpare(stateDir: string, file: string, main: Grip): readonly DatabaseSync[] | undefined {
  const spare = grip(file);
  if (spare.kind === "shared" || spare.kind === "none") {
    close(main);
    close(spare);
    throw explain(spare.error, scratchFolder());
  }
  return joined(spare, main.kind === "none" ? grip(lockFile(stateDir)) : main);
}

/** Both, where the second one could be had at all; neither, when somebody else holds one. */
function joined(first: Grip, second: Grip): readonly DatabaseSync[] | undefined {
  if (first.kind !== "taken" && second.kind !== "taken")
    return [first, second].flatMap((each) => ("db" in each ? [each.db] : []));
  close(first);
  close(second);
  return undefined;
}

function close(each: Grip): void {
  if ("db" in each) each.db.close();
}

// ---------------------------------------------------------------- one file

/**
 * A file with something in it is no lock of ours, and would keep every daemon from starting for ever: it is emptied in its place.
 * Nobody holds it then, for a holder's lock shows before the content is read; and as it stays the same file, two that empty it at
 * once still meet at the same lock. Moved aside and made anew it would be two files, with a lock on each.
 */
function grip(file: string): Grip {
  const first = tryGrip(file);
  if (first.kind !== "none" || !isDamage(first.error)) return first;
  try {
    truncateSync(file, 0);
  } catch (error) {
    return { kind: "none", error };
  }
  return tryGrip(file);
}

function tryGrip(file: string): Grip {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: TAKE_TIMEOUT_MS });
    // The journal in memory: an exclusive lock on an empty file would write one, and on a full disk fail.
    db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; SELECT count(*) FROM sqlite_schema");
    db.exec("PRAGMA incremental_vacuum(1)"); // needs the right to write, and writes nothing
    return { kind: "exclusive", db };
  } catch (error) {
    if (primaryCode(error) === SQLITE.readOnly && db?.isTransaction) return { kind: "shared", db, error };
    db?.close();
    return primaryCode(error) === SQLITE.busy ? { kind: "taken" } : { kind: "none", error };
  }
}

function isTaken(file: string, stateDir: string): boolean {
  if (sizeOf(file) === undefined) return false;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    db.exec("BEGIN; SELECT count(*) FROM sqlite_schema"); // takes its read lock at the first read
    return false;
  } catch (error) {
    if (primaryCode(error) === SQLITE.busy) return true;
    if (isDamage(error)) return false; // a holder's lock would have shown first
    throw explain(error, stateDir);
  } finally {
    db?.close();
  }
}

// ---------------------------------------------------------------- who holds it

const holderFiles = (stateDir: string): readonly string[] => [
  join(stateDir, "lock.json"),
  `${spareFile(stateDir)}.json`,
];

/** Who holds it is a courtesy to the reader of an error message: a full disk must not keep the daemon from watching. */
function noteHolder(stateDir: string, holder: Holder): void {
  for (const file of holderFiles(stateDir)) {
    try {
      writeFileSync(file, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
      return;
    } catch {
      // then in the other place, or nowhere
    }
  }
}

/** The newest that is noted: on a disk that cannot be written the name of an earlier one may still stand. */
function readHolder(stateDir: string): Holder | undefined {
  const noted = holderFiles(stateDir).flatMap((file) => readNote(file) ?? []);
  return noted.sort((a, b) => b.sinceMs - a.sinceMs)[0];
}

function readNote(file: string): Holder | undefined {
  try {
    const raw = parseJson(readFileSync(file, "utf8"));
    if (typeof raw !== "object" || raw === null || !("pid" in raw) || !("host" in raw) || !("sinceMs" in raw))
      return undefined;
    const { pid, host, sinceMs } = raw;
    return typeof pid === "number" && typeof host === "string" && typeof sinceMs === "number"
      ? { pid, host, sinceMs }
      : undefined;
  } catch {
    return undefined; // missing, or not to be read: the refusal is told without a name
  }
}
