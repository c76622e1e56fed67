// The state folder as the file system sees it: made, synced, its disk tried out, a damaged database moved aside, and the mark that
// says "a database was begun here", without which an empty file could not be told from a first start. The one thing to know: the
// files of SQLite are never opened by `fs` while SQLite has them open, because closing any descriptor drops its POSIX locks.
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { explain, isFull, primaryCode, SQLITE, systemCode } from "./errors.ts";

export const DATABASE_FILE = "margind.db";
const MARK_FILE = "margind.begun";
const MARK = "margind keeps its state in this folder. This file tells a first start from a database that was lost.\n";

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
  try {
    sync(dirname(path));
  } catch {
    // A power cut now may take the new folder away again: no reason not to watch.
  }
}

/** A file or folder. What was created or renamed is only there after a power cut when its folder was synced too. */
export function sync(path: string): void {
  const opened = openSync(path, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/**
 * Makes a file, 0600, that is there with all its bytes or not at all, also after a power cut.
 * @param fill writes it; it finds an empty file of that name.
 */
export function makeFile(path: string, fill: (partial: string) => void): void {
  const partial = `${path}.partial`;
  try {
    writeFileSync(partial, "", { mode: 0o600 });
    fill(partial);
    sync(partial);
    renameSync(partial, path);
  } catch (error) {
    removeQuietly(partial);
    throw error;
  }
  sync(dirname(path));
}

// ---------------------------------------------------------------- was there a database?

export const isBegun = (stateDir: string): boolean => sizeOf(join(stateDir, MARK_FILE)) !== undefined;

export function markBegun(stateDir: string): void {
  makeFile(join(stateDir, MARK_FILE), (partial) => writeFileSync(partial, MARK));
}

/** Undefined when there is no such file. */
export const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size;

/** There is no such file, or nothing in it. */
export const isEmpty = (file: string): boolean => (sizeOf(file) ?? 0) === 0;

/** The database with its journal and index, under a name that says when. Undefined when nothing was there to move. */
export function moveAside(stateDir: string, nowMs: number): string | undefined {
  const file = join(stateDir, DATABASE_FILE);
  const stamp = new Date(nowMs).toISOString().replace(/[:.]/g, "-");
  const there = ["", "-wal", "-shm"].filter((suffix) => sizeOf(file + suffix) !== undefined);
  const target = freeName(`${file}.corrupt-${stamp}`);
  for (const suffix of there) renameSync(file + suffix, target + suffix);
  if (there.length > 0) sync(stateDir);
  return there.length > 0 ? target : undefined;
}

/** Nothing that was moved aside before is ever overwritten. */
function freeName(wanted: string): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}-${count}`;
    if (["", "-wal", "-shm"].every((suffix) => sizeOf(name + suffix) === undefined)) return name;
  }
}

// ---------------------------------------------------------------- the disk itself

export type DiskFault = "full" | "read-only" | "failing" | "locked"; // the database, by a program that is no margind: whoever asks holds margind's own lock

const FAULTS: Readonly<Record<string, DiskFault>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  EROFS: "read-only",
  EIO: "failing",
};

/**
 * Is it the disk that makes this fail? Undefined: no. SQLite's "cannot open" and "read-only" may as well mean a wrong owner, which is
 * a mistake for somebody to mend, so then it is tried out.
 */
export function diskFaultOf(error: unknown, stateDir: string): DiskFault | undefined {
  if (isFull(error)) return "full";
  const code = primaryCode(error);
  if (code === SQLITE.busy) return "locked";
  if (code === SQLITE.io) return tryDisk(stateDir) ?? "failing";
  const mayBeOwner = code === SQLITE.readOnly || code === SQLITE.cannotOpen;
  return mayBeOwner ? tryDisk(stateDir) : FAULTS[systemCode(error)];
}

/** Writes and syncs a little file: what keeps it from that, if it is the disk. */
function tryDisk(stateDir: string): DiskFault | undefined {
  const file = join(stateDir, "margind.probe");
  try {
    writeFileSync(file, "x".repeat(4096), { mode: 0o600, flush: true });
    return undefined;
  } catch (error) {
    return FAULTS[systemCode(error)];
  } finally {
    removeQuietly(file);
  }
}

/** A disk that lets nothing be removed has been told of by then. */
function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // the file stays, as on any disk that takes no change
  }
}

/** A folder in RAM where there is one: it must work while the disk does not. */
export function scratchFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return "/dev/shm";
  } catch {
    return tmpdir(); // not Linux, or barred
  }
}
