// What the disk and SQLite throw, in plain words and in kinds: is the disk full, can this connection still be trusted, is the file
// damaged? The one thing to know: node:sqlite gives every error the same `code`; only `errcode` tells them apart.
import { StoreError } from "../core/ports.ts";

/** The file is there and cannot be believed. */
export class DamageError extends Error {
  override readonly name = "DamageError";
}

/** A database was begun here once and is gone, or empty. */
export class VanishedError extends Error {
  override readonly name = "VanishedError";
}

/** SQLite's result codes that are told apart here: https://sqlite.org/rescode.html */
export const SQLITE = { busy: 5, readOnly: 8, io: 10, corrupt: 11, full: 13, cannotOpen: 14, notDatabase: 26 } as const;

const SQLITE_WORDS: Readonly<Record<number, string>> = {
  [SQLITE.busy]: "locked by another program",
  [SQLITE.readOnly]: "read-only (check that its files belong to margind's user)",
  [SQLITE.io]: "disk I/O error",
  [SQLITE.corrupt]: "the database is damaged",
  [SQLITE.full]: "the disk is full",
  [SQLITE.cannotOpen]: "cannot be opened (check that the folder exists and belongs to margind's user)",
  [SQLITE.notDatabase]: "the database is damaged",
};

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "the folder cannot be created there",
  ENOTDIR: "the folder cannot be created there",
  EEXIST: "a file stands where the folder should be",
  EACCES: "no permission to read or write it",
  EPERM: "no permission to read or write it",
  EROFS: "the file system is read-only",
  EIO: "disk I/O error",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk is full",
};

/** -shm cannot grow: the disk is full, although SQLite calls it an I/O error. */
const SHM_CANNOT_GROW = 4874;
/** Somebody moved the file away while it was open. */
const FILE_MOVED = 1032;

/** A StoreError in plain words, whatever was thrown. */
export function explain(error: unknown, stateDir: string): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError(`the state in ${stateDir}: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  if (errcodeOf(error) === SHM_CANNOT_GROW) return "the disk is full";
  const words = SQLITE_WORDS[primaryCode(error) ?? 0] ?? SYSTEM_WORDS[systemCode(error)];
  return words ?? (error instanceof Error ? error.message : String(error));
}

/** SQLite's result code without its extension; undefined for any other error. */
export function primaryCode(error: unknown): number | undefined {
  const code = errcodeOf(error);
  return code === undefined ? undefined : code & 255;
}

/** Of the error or of what it explains. */
function errcodeOf(error: unknown): number | undefined {
  if (error instanceof StoreError) return errcodeOf(error.cause);
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode;
}

export function systemCode(error: unknown): string {
  if (error instanceof StoreError) return systemCode(error.cause);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** What SQLite says of the file, or what a check of our own found. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StoreError) return isDamage(error.cause);
  const code = primaryCode(error);
  return error instanceof DamageError || code === SQLITE.corrupt || code === SQLITE.notDatabase;
}

export function isFull(error: unknown): boolean {
  return (
    primaryCode(error) === SQLITE.full ||
    errcodeOf(error) === SHM_CANNOT_GROW ||
    ["ENOSPC", "EDQUOT"].includes(systemCode(error))
  );
}

/**
 * After this the connection must not be used again. Above all a failed fsync: the kernel may have forgotten the pages that it could
 * not write, and SQLite would accept the next commit as if nothing had happened.
 */
export function isFatalForConnection(error: unknown): boolean {
  const code = errcodeOf(error);
  return (primaryCode(error) === SQLITE.io && code !== SHM_CANNOT_GROW) || code === FILE_MOVED || isDamage(error);
}
