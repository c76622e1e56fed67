// Brings a database to the schema of this margind, after a backup beside it; refuses one that a newer margind wrote.
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../core/ports.ts";
import { makeFile } from "./folder.ts";
import { rowSum } from "./rows.ts";
import { MIGRATIONS } from "./schema.ts";

/** Does the steps that are missing, each in a transaction of its own. @param file where the backup goes beside; none when it is new. */
export function migrate(db: DatabaseSync, file: string): void {
  const version = versionOf(db);
  checkNotNewer(version);
  if (version === MIGRATIONS.length) return;
  if (version > 0) makeFile(`${file}.v${version}-backup`, (partial) => db.prepare("VACUUM INTO ?").run(partial));
  createTables(db, version);
}

/** @param version steps that were done before. */
export function createTables(db: DatabaseSync, version = 0): void {
  db.function("row_sum", { varargs: true, deterministic: true }, (...values) => rowSum(...values));
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec(`BEGIN IMMEDIATE; ${MIGRATIONS[next] ?? ""} PRAGMA user_version = ${next + 1}; COMMIT;`);
  }
}

export function checkNotNewer(version: number): void {
  if (version <= MIGRATIONS.length) return;
  throw new StoreError(
    `the state was written by a newer margind (schema ${version}, this one knows ${MIGRATIONS.length}): install that version again, or point stateDir elsewhere`,
  );
}

/** For those who only look, or come beside a running daemon: they change no schema. */
export function checkVersion(db: DatabaseSync): void {
  const version = versionOf(db);
  checkNotNewer(version);
  if (version === MIGRATIONS.length) return;
  throw new StoreError(
    `the state was written by an older margind (schema ${version}, this one knows ${MIGRATIONS.length}): start this version of margind once, it brings it up to date`,
  );
}

export function versionOf(db: DatabaseSync): number {
  const version = db.prepare("PRAGMA user_version").get()?.["user_version"];
  return typeof version === "number" ? version : 0;
}
