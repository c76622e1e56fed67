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

const CODES: Readonly<Record<number, string>> = {
  5: "locked by another program",
  8: "read-only (check that its files belong to margind's user)",
  10: "disk I/O error",
  11: "the database is damaged",
  13: "the disk is full",
  14: "cannot be opened (check that the folder exists and belongs to margind's user)",
  26: "the database is damaged",
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
  const code = primaryCode(error);
  return (code === undefined ? undefined : CODES[code]) ?? systemReason(error);
}

function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "the folder cannot be created there";
  if (code === "EEXIST") return "a file stands where the folder should be";
  if (code === "EACCES" || code === "EPERM") return "no permission to read or write it";
  if (code === "EROFS") return "the file system is read-only";
  if (code === "EIO") return "disk I/O error";
  return code === "ENOSPC" || code === "EDQUOT" ? "the disk is full" : error.message;
}

/** SQLite's result code without its extension (https://sqlite.org/rescode.html); undefined for any other error. */
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

/** SQLITE_CORRUPT 11, SQLITE_NOTADB 26, or what a check of our own found. */
export function isDamage(error: unknown): boolean {
  if (error instanceof StoreError) return isDamage(error.cause);
  return error instanceof DamageError || [11, 26].includes(primaryCode(error) ?? 0);
}

export function isFull(error: unknown): boolean {
  return (
    primaryCode(error) === 13 ||
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
  return (primaryCode(error) === 10 && code !== SHM_CANNOT_GROW) || code === FILE_MOVED || isDamage(error);
}
