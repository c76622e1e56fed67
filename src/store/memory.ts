// A database in memory for a disk that gives or takes nothing at the start: seeded with what could be read, and carried back to the
// disk when that works again. The one thing to know: nothing on the disk is ever replaced by less than was read from it.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "../core/ports.ts";
import { checkIntegrity } from "./database.ts";
import { isDamage } from "./errors.ts";
import { DATABASE_FILE, isBegun, isEmpty, scratchFolder, sizeOf } from "./folder.ts";
import type { Lost } from "./lost.ts";
import { checkNotNewer, createTables, versionOf } from "./migrate.ts";

export interface MemoryDatabase {
  readonly db: DatabaseSync;
  /** The last row id that the disk had when it was read; undefined when it could not be read. */
  readonly seededUpTo: number | undefined;
  readonly lost: Lost | undefined;
}

/**
 * Throws StoreError when what is on the disk was written by a newer margind.
 * @param isLocked another program has the database open.
 */
export function openMemory(stateDir: string, isLocked: boolean): MemoryDatabase {
  const db = new DatabaseSync(":memory:");
  createTables(db);
  try {
    if (!isEmpty(join(stateDir, DATABASE_FILE)))
      return { db, seededUpTo: seed(db, stateDir, isLocked), lost: undefined };
    return { db, seededUpTo: 0, lost: isBegun(stateDir) ? { kind: "vanished", movedTo: undefined } : undefined };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const kind = isDamage(error) ? "damaged" : "unreadable";
    return { db, seededUpTo: undefined, lost: { kind, movedTo: undefined } };
  }
}

/** Reads a copy that lies in RAM: where nothing can be written SQLite cannot open a journal, and so not even read what is in it. */
function seed(db: DatabaseSync, stateDir: string, isLocked: boolean): number {
  const scratch = mkdtempSync(join(scratchFolder(), "margind-"));
  try {
    const copy = join(scratch, DATABASE_FILE);
    if (isLocked) copyBeside(join(stateDir, DATABASE_FILE), copy);
    else copyFiles(join(stateDir, DATABASE_FILE), copy);
    bringUpToDate(copy);
    db.prepare("ATTACH ? AS disk").run(copy);
    db.exec(SEED);
    const last = db.prepare("SELECT seq FROM main.sqlite_sequence WHERE name = 'outbox'").get()?.["seq"];
    db.exec("DETACH disk");
    return Number(last ?? 0);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Nobody here has the database open now, so `fs` may. */
function copyFiles(file: string, copy: string): void {
  for (const suffix of ["", "-wal"]) {
    if (sizeOf(file + suffix) !== undefined) copyFileSync(file + suffix, copy + suffix);
  }
}

/** Files that another program writes to may not fit together: SQLite reads what was committed last. */
function copyBeside(file: string, copy: string): void {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    db.prepare("VACUUM INTO ?").run(copy);
  } finally {
    db.close();
  }
}

function bringUpToDate(file: string): void {
  const db = new DatabaseSync(file);
  try {
    checkIntegrity(db);
    const version = versionOf(db);
    checkNotNewer(version);
    createTables(db, version);
  } finally {
    db.close();
  }
}

// Both have the same schema, brought there by the same steps: the columns are in the same order.
const SEED = `
  BEGIN;
  INSERT INTO main.alert SELECT * FROM disk.alert;
  INSERT INTO main.snapshot SELECT * FROM disk.snapshot;
  INSERT INTO main.fact SELECT * FROM disk.fact;
  INSERT INTO main.event SELECT * FROM disk.event;
  INSERT INTO main.memory SELECT * FROM disk.memory;
  INSERT INTO main.outbox SELECT * FROM disk.outbox;
  DELETE FROM main.sqlite_sequence;
  INSERT INTO main.sqlite_sequence SELECT * FROM disk.sqlite_sequence;
  COMMIT;
`;

/** Carries all that happened in memory to the database on the disk, which must be up to date, in one transaction. */
export function carryBack({ db, seededUpTo }: MemoryDatabase, stateDir: string): void {
  db.prepare("ATTACH ? AS disk").run(join(stateDir, DATABASE_FILE));
  try {
    db.exec(`PRAGMA disk.synchronous = FULL; BEGIN IMMEDIATE; ${seededUpTo === undefined ? "" : FORGET} `);
    if (seededUpTo !== undefined) db.prepare(FORGET_ROWS).run(seededUpTo);
    db.exec(`${seededUpTo === undefined ? CARRY_UNREAD_FACTS : CARRY_FACTS} ${CARRY} COMMIT;`);
  } finally {
    if (db.isTransaction) db.exec("ROLLBACK");
    db.exec("DETACH disk");
  }
}

// What was read from the disk and is gone in memory has ended there. What was never read stays.
const FORGET = "DELETE FROM disk.alert; DELETE FROM disk.snapshot; DELETE FROM disk.memory;";
const FORGET_ROWS = "DELETE FROM disk.outbox WHERE id <= ? AND key NOT IN (SELECT key FROM main.outbox)";

// Rows get new ids there: another process may have added some meanwhile.
const COLUMNS = `key, notifier, recipient, body, enqueued_ms, attempts, error, delivered_ms, receipt, ambiguous, merged_into, sum`;
const CARRY_FACTS = "INSERT OR REPLACE INTO disk.fact SELECT * FROM main.fact;";
// How far a history was read, which flags were seen: what could not be read began anew in memory, and must not take the place of what
// the disk has known all along, or all that happened in between would be skipped.
const REMEMBERED = ["cursor.*", "history.*", "flags.*", "delistings.*", "push.*", "renamed.*"]
  .map((pattern) => `name GLOB '${pattern}'`)
  .join(" OR ");
const CARRY_UNREAD_FACTS = `
  INSERT OR REPLACE INTO disk.fact SELECT * FROM main.fact WHERE NOT (${REMEMBERED});
  INSERT OR IGNORE INTO disk.fact SELECT * FROM main.fact WHERE ${REMEMBERED};
`;
const CARRY = `
  INSERT OR REPLACE INTO disk.alert SELECT * FROM main.alert;
  INSERT OR REPLACE INTO disk.snapshot SELECT * FROM main.snapshot;
  INSERT OR REPLACE INTO disk.memory SELECT * FROM main.memory;
  INSERT OR IGNORE INTO disk.event SELECT * FROM main.event;
  INSERT INTO disk.outbox (${COLUMNS}) SELECT ${COLUMNS} FROM main.outbox WHERE true ORDER BY id
    ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, error = excluded.error, delivered_ms = excluded.delivered_ms,
      receipt = excluded.receipt, ambiguous = excluded.ambiguous, merged_into = excluded.merged_into;
  INSERT INTO disk.damaged SELECT * FROM main.damaged;
`;
