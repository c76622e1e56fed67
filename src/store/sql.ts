// All of margind's SQL but the schema, and the open database that runs it.
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { primaryCode, SQLITE } from "./errors.ts";
import type { Row } from "./rows.ts";

export const SQL = {
  alerts: "SELECT account, subject, rule, state, sum FROM alert",
  snapshots: "SELECT account, body, sum FROM snapshot",
  setAlert: "INSERT OR REPLACE INTO alert (account, subject, rule, state, sum) VALUES (?, ?, ?, ?, ?)",
  dropAlert: "DELETE FROM alert WHERE account = ? AND subject = ? AND rule = ?",
  setSnapshot: "INSERT OR REPLACE INTO snapshot (account, body, sum) VALUES (?, ?, ?)",
  dropSnapshot: "DELETE FROM snapshot WHERE account = ?",
  addRow: `INSERT INTO outbox (key, notifier, recipient, body, enqueued_ms, sum) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING`,
  pending: `SELECT id, key, notifier, recipient, body, enqueued_ms, attempts, error, ambiguous, sum FROM outbox
    WHERE delivered_ms IS NULL AND merged_into IS NULL AND id > ? ORDER BY id`,
  delivered: "UPDATE outbox SET delivered_ms = ?, receipt = ?, error = NULL WHERE key = ?",
  deliveredWith: `UPDATE outbox SET delivered_ms = ?, receipt = ?, error = NULL
    WHERE merged_into = ? AND delivered_ms IS NULL`,
  failed: "UPDATE outbox SET attempts = attempts + 1, error = ?, ambiguous = max(ambiguous, ?) WHERE key = ?",
  progress: "SELECT id, attempts, error, ambiguous FROM outbox WHERE key = ?",
  // Into a row that was delivered already (?1 was stored before): then they are delivered with it.
  merge: `UPDATE outbox SET merged_into = ?1, error = NULL,
      delivered_ms = (SELECT delivered_ms FROM outbox WHERE key = ?1),
      receipt = (SELECT receipt FROM outbox WHERE key = ?1)
    WHERE (key = ?2 OR merged_into = ?2) AND delivered_ms IS NULL AND key <> ?1`,
  receipt: "SELECT receipt FROM outbox WHERE key = ?",
  fact: "SELECT name, value, sum FROM fact WHERE name = ?",
  setFact: "INSERT OR REPLACE INTO fact (name, value, sum) VALUES (?, ?, ?)",
  facts: "SELECT name, value, sum FROM fact",
  dropFact: "DELETE FROM fact WHERE name = ?",
  dataVersion: "PRAGMA data_version",
  busyTimeout: "PRAGMA busy_timeout",
  old: "SELECT id, key FROM outbox WHERE delivered_ms IS NOT NULL AND delivered_ms < ?",
  dropRow: "DELETE FROM outbox WHERE id = ?",
  dropMerged: `DELETE FROM outbox WHERE delivered_ms IS NULL
    AND merged_into = (SELECT key FROM outbox WHERE id = ?)`,
  // Nothing undelivered waits for a row that is not there.
  freeMerged: `UPDATE outbox SET merged_into = NULL
    WHERE delivered_ms IS NULL AND merged_into IS NOT NULL AND merged_into NOT IN (SELECT key FROM outbox)`,
  addEvent: `INSERT INTO event (account, stream, id, at_ms, told, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, stream, id) DO NOTHING`,
  knownEvent: "SELECT 1 FROM event WHERE account = ? AND stream = ? AND id = ?",
  events:
    "SELECT account, stream, id, at_ms, told, body, sum FROM event WHERE account = ? AND at_ms >= ? ORDER BY at_ms",
  dropEvents: "DELETE FROM event WHERE account = ? AND stream = ? AND at_ms < CASE told WHEN 0 THEN ? ELSE ? END",
  memories: "SELECT account, subject, kind, body, sum FROM memory WHERE account = ?",
  allMemories: "SELECT account, subject, kind, body, sum FROM memory",
  setMemory: "INSERT OR REPLACE INTO memory (account, subject, kind, body, sum) VALUES (?, ?, ?, ?, ?)",
  dropMemory: "DELETE FROM memory WHERE account = ? AND subject = ? AND kind = ?",
  dropMemories: "DELETE FROM memory WHERE account = ?",
  setAside: "INSERT INTO damaged (found_ms, origin, content) VALUES (?, ?, ?)",
} as const;

type Name = keyof typeof SQL;

/** An open database with its prepared statements. */
export interface Session {
  readonly db: DatabaseSync;
  all(name: Name, ...values: readonly SQLInputValue[]): readonly Row[];
  get(name: Name, ...values: readonly SQLInputValue[]): Row | undefined;
  run(name: Name, ...values: readonly SQLInputValue[]): { readonly isChanged: boolean; readonly id: number };
  /** Whether a lock of another program is waited for, as it is at first. */
  setPatient(isPatient: boolean): void;
}

export function sessionOf(db: DatabaseSync): Session {
  const statements = new Map<Name, StatementSync>();
  const prepared = (name: Name): StatementSync => {
    const statement = statements.get(name) ?? db.prepare(SQL[name]);
    statements.set(name, statement);
    return statement;
  };
  let patienceMs: number | undefined; // while it has none: what it had
  return {
    db,
    all: (name, ...values) => prepared(name).all(...values),
    get: (name, ...values) => prepared(name).get(...values),
    run(name, ...values) {
      const { changes, lastInsertRowid } = prepared(name).run(...values);
      return { isChanged: changes > 0, id: Number(lastInsertRowid) };
    },
    setPatient(isPatient) {
      if (isPatient === (patienceMs === undefined)) return;
      const nextMs = patienceMs ?? 0;
      patienceMs = isPatient ? undefined : Number(prepared("busyTimeout").get()?.["timeout"] ?? 0);
      db.exec(`PRAGMA busy_timeout = ${nextMs}`);
    },
  };
}

/** A lock that was waited for in vain is not waited for again until a transaction succeeds: every wait holds up the watch. */
export function transaction<T>(session: Session, work: () => T): T {
  try {
    const result = inTransaction(session, work);
    session.setPatient(true);
    return result;
  } catch (error) {
    if (primaryCode(error) === SQLITE.busy) session.setPatient(false);
    throw error;
  }
}

function inTransaction<T>({ db }: Session, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
