// The state folder as the daemon would find it, and who holds it. The doctor only looks: it creates nothing, takes no lock, and opens the
// database for reading, because a daemon may be running on it.
import { accessSync, constants, type Stats, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Ban } from "../../binance/client.ts";
import { type Finding, failed, good, warning } from "../../core/finding.ts";
import { explain, isDamage } from "../../store/errors.ts";
import { banOf } from "../../store/facts.ts";
import { type Holder, lockHolder } from "../../store/lock.ts";
import { openStoreForReading } from "../../store/sqlite.ts";
import { ageOf } from "../text.ts";

/** `uid`: of this process; undefined where the system has none. */
export function stateFinding(stateDir: string, uid: number | undefined): Finding {
  const found = statOf(stateDir);
  if (found instanceof Error) return failed(found.message, otherFolder(stateDir));
  if (found === undefined) return creatable(stateDir);
  if (!found.isDirectory()) return failed(`${stateDir} is a file`, otherFolder(stateDir));
  const denied = denial(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
  if (denied !== undefined) return failed(denied, `give ${stateDir} to the user that runs margind, with mode 700`);
  const damage = readable(stateDir);
  if (damage !== undefined) return damage;
  if (uid !== undefined && found.uid !== uid) {
    const text = `${stateDir} belongs to user ${found.uid}, and this is user ${uid}`;
    return warning(text, "run margind, and its doctor, as one user: the owner of that folder");
  }
  const mode = found.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    return warning(
      `others on this machine may look into ${stateDir} (mode ${mode.toString(8)})`,
      `chmod 700 ${stateDir}`,
    );
  }
  return good(`${stateDir} can be written, by its owner alone`);
}

const otherFolder = (stateDir: string): string =>
  `move what stands in the way of ${stateDir}, or name another stateDir`;

/** Nothing is there yet: could the daemon make it? */
function creatable(stateDir: string): Finding {
  const above = nearest(dirname(stateDir));
  const found = statOf(above);
  if (found !== undefined && !(found instanceof Error) && !found.isDirectory()) {
    return failed(`${above} is a file`, otherFolder(stateDir));
  }
  const denied = denial(above, constants.W_OK | constants.X_OK);
  if (denied === undefined) return good(`${stateDir} is not there yet; run makes it`);
  return failed(denied, `make ${stateDir} for the user that runs margind, with mode 700`);
}

/** The path, or the nearest one above it where something is. */
function nearest(path: string): string {
  const isThere = statOf(path) !== undefined;
  return isThere || dirname(path) === path ? path : nearest(dirname(path));
}

/** Undefined when nothing is there; an error that people can read when nobody can know. */
function statOf(path: string): Stats | undefined | Error {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return explain(error, path);
  }
}

function denial(path: string, mode: number): string | undefined {
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    return explain(error, path).message;
  }
}

/** What is wrong with the database; undefined when it can be read, or is not there. */
function readable(stateDir: string): Finding | undefined {
  try {
    keptBan(stateDir);
    return undefined;
  } catch (error) {
    if (isDamage(error)) {
      const todo = "restore a back-up, or let run move it aside and begin an empty one: alerts may then be repeated";
      return failed("the database is damaged", todo);
    }
    return failed(
      explain(error, stateDir).message,
      `see that ${stateDir} and the files in it belong to the user that runs margind`,
    );
  }
}

/** The ban that the daemon keeps over restarts. Throws StoreError when the database cannot be read. */
export function keptBan(stateDir: string): Ban | undefined {
  const store = openStoreForReading(stateDir, () => undefined);
  try {
    return store === undefined ? undefined : banOf(store).load();
  } finally {
    store?.close();
  }
}

// ---------------------------------------------------------------- the disk

const MIB = 1024 * 1024;
const FREE_WARNING_BYTES = 100 * MIB;
/** Below this SQLite cannot even write its log of a commit. */
const FREE_MIN_BYTES = MIB;

export function diskFinding(stateDir: string): Finding {
  try {
    const { bavail, bsize } = statfsSync(nearest(stateDir));
    return freeFinding(bavail * bsize);
  } catch (error) {
    return warning(`the free space cannot be read: ${explain(error, stateDir).message}`);
  }
}

export function freeFinding(freeBytes: number): Finding {
  const text = `${free(freeBytes)} free where the state is`;
  const todo = "free some space: with a full disk alerts go on, but a restart may repeat or lose some";
  if (freeBytes < FREE_MIN_BYTES) return failed(text, todo);
  return freeBytes < FREE_WARNING_BYTES ? warning(text, todo) : good(text);
}

const free = (bytes: number): string =>
  bytes >= 1024 * MIB ? `${(bytes / MIB / 1024).toFixed(1)} GiB` : `${Math.floor(bytes / MIB)} MiB`;

// ---------------------------------------------------------------- the daemon

/** Who runs on the folder; an error that people can read when nobody can know. */
export function holderOf(stateDir: string): Holder | undefined | Error {
  try {
    return lockHolder(stateDir);
  } catch (error) {
    return explain(error, stateDir);
  }
}

export function daemonFinding(holder: Holder | undefined | Error, nowMs: number): Finding {
  if (holder instanceof Error) return warning(`whether margind is running here cannot be told: ${holder.message}`);
  if (holder === undefined) return good("margind is not running with this state folder");
  const since = new Date(holder.sinceMs).toISOString();
  const who = holder.pid === 0 ? "" : ` (process ${holder.pid} on ${holder.host}, ${ageOf(since, nowMs)})`;
  return good(
    `margind is running${who}; it uses the same keys, so one of its reads may have been refused and repeated`,
  );
}
