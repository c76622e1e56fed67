// A file of real bytes that is only there to be deleted: when the disk is full it makes room for the next commits, and gives people
// the time to free some more.
import { randomBytes } from "node:crypto";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemCode } from "./errors.ts";
import { makeFile, sizeOf } from "./folder.ts";

/**
 * A commit takes 4 to 40 KiB of the journal, and the journal's room is used over and over again: enough for a day of trouble. Memories
 * may take megabytes, so while the disk is short they are refused.
 */
export const RESERVE_BYTES = 1_048_576;
/** It is made anew only where this much is free: it must not take away what somebody has just freed. */
const ROOM_BYTES = 4 * RESERVE_BYTES;

const FILE = "margind.reserve";

export interface Reserve {
  /** The disk is full. False when no room could be made. */
  free(): boolean;
  /** Makes it anew where there is room for it. */
  restore(): void;
  /** The disk was full, or nearly so when the reserve should have been made, and still is. */
  isShort(): boolean;
}

/** @param onDisk told when the disk gets full, and when there is room again. */
export function reserveIn(stateDir: string, onDisk: (what: string) => void): Reserve {
  const file = join(stateDir, FILE);
  let isShort = false;
  const turn = (to: boolean, what: string) => {
    if (isShort !== to) onDisk(`the state in ${stateDir}: ${what}`);
    isShort = to;
  };
  return {
    free() {
      const isFreed = despiteDisk(() => remove(file));
      turn(true, `the disk is full${isFreed ? ", and the reserve is freed" : ""}`);
      return isFreed;
    },
    restore() {
      if (despiteDisk(() => make(file, stateDir))) turn(false, "there is room on the disk again");
      else turn(true, `less than ${ROOM_BYTES / 1_048_576} MiB are free on the disk`);
    },
    isShort: () => isShort,
  };
}

function remove(file: string): boolean {
  const isThere = sizeOf(file) !== undefined;
  rmSync(file, { force: true });
  return isThere;
}

function make(file: string, stateDir: string): boolean {
  if (sizeOf(file) === RESERVE_BYTES) return true;
  const { bavail, bsize } = statfsSync(stateDir);
  if (bavail * bsize < ROOM_BYTES) return false;
  makeFile(file, (partial) => writeFileSync(partial, randomBytes(RESERVE_BYTES))); // no zeros: file systems compress
  return true;
}

/** Whatever the file system refuses: there is no reserve then, and its absence is told. */
function despiteDisk(work: () => boolean): boolean {
  try {
    return work();
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return false;
  }
}
