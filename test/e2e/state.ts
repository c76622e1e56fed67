// What lies in a state folder, read without any of margind's own code: a store that misreads its own files must not vouch for them.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface StoredRow {
  readonly key: string;
  readonly notifier: string;
  readonly isDelivered: boolean;
  /** Key of the message that tells it: its own, or that of the late message it was merged into. */
  readonly toldBy: string;
}

export interface State {
  /** "ok", or what SQLite found. */
  readonly integrity: string;
  readonly rows: readonly StoredRow[];
  /** Alerts that are not quiet. */
  readonly alerts: number;
  /** Databases that were moved aside. */
  readonly damaged: readonly string[];
}

const FILE = "margind.db";

/** Of a folder in which no daemon runs: it is opened as a daemon would, which brings a cut-off transaction to its end. */
export function readState(stateDir: string): State {
  const damaged = existsSync(stateDir) ? readdirSync(stateDir).filter((name) => name.includes("corrupt")) : [];
  if (!existsSync(join(stateDir, FILE))) return { integrity: "ok", rows: [], alerts: 0, damaged };
  using db = new DatabaseSync(join(stateDir, FILE));
  const integrity = String(db.prepare("PRAGMA integrity_check").get()?.["integrity_check"]);
  const hasTables = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'outbox'").get() !== undefined;
  if (!hasTables) return { integrity, rows: [], alerts: 0, damaged };
  const rows = db.prepare("SELECT * FROM outbox ORDER BY id").all().map(storedRow);
  return { integrity, rows, alerts: db.prepare("SELECT * FROM alert").all().length, damaged };
}

function storedRow(row: Readonly<Record<string, unknown>>): StoredRow {
  const { key, notifier, delivered_ms: deliveredMs, merged_into: mergedInto } = row;
  return {
    key: String(key),
    notifier: String(notifier),
    isDelivered: deliveredMs !== null,
    toldBy: typeof mergedInto === "string" ? mergedInto : String(key),
  };
}

/** Beside a running daemon: nothing fires, and everything is delivered? False also while there is nothing to read. */
export function isAtRest(stateDir: string): boolean {
  try {
    using db = new DatabaseSync(join(stateDir, FILE), { readOnly: true, timeout: 1000 });
    const open = "SELECT 1 FROM outbox WHERE delivered_ms IS NULL UNION ALL SELECT 1 FROM alert";
    return db.prepare(open).get() === undefined;
  } catch {
    return false;
  }
}
