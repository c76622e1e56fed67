// The Store port on node:sqlite. All of margind's SQL is in this folder.
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { isSubject } from "../core/announce.ts";
import type { NewRow, OutboxRow } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { explain, openDatabase, openForReading } from "./database.ts";
import { decodeBody, decodeReceipt, decodeSnapshot, decodeState } from "./decode.ts";

export interface OpenedStore {
  readonly store: Store;
  /** Set when the database was damaged: it was moved there and an empty one was begun. */
  readonly movedTo: string | undefined;
}

/** @param onUnreadable called with a table and key for a row that cannot be read and is left out. */
export function openStore(stateDir: string, nowMs: number, onUnreadable: (row: string) => void): OpenedStore {
  const { db, movedTo } = openDatabase(stateDir, nowMs);
  return { store: createStore(db, stateDir, onUnreadable), movedTo };
}

/** The same, read-only, beside a running daemon. Undefined when nothing was ever stored. */
export function openStoreForReading(stateDir: string, onUnreadable: (row: string) => void): Store | undefined {
  const db = openForReading(stateDir);
  return db === undefined ? undefined : createStore(db, stateDir, onUnreadable);
}

const SQL = {
  alerts: "SELECT account, subject, rule, state FROM alert",
  snapshots: "SELECT account, body FROM snapshot",
  setAlert: "INSERT OR REPLACE INTO alert (account, subject, rule, state) VALUES (?, ?, ?, ?)",
  dropAlert: "DELETE FROM alert WHERE account = ? AND subject = ? AND rule = ?",
  setSnapshot: "INSERT OR REPLACE INTO snapshot (account, body) VALUES (?, ?)",
  dropSnapshot: "DELETE FROM snapshot WHERE account = ?",
  addRow: `INSERT INTO outbox (key, notifier, recipient, body, enqueued_ms) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING`,
  pending: `SELECT id, key, notifier, recipient, body, enqueued_ms, attempts, error FROM outbox
    WHERE delivered_ms IS NULL AND id > ? ORDER BY id`,
  delivered: "UPDATE outbox SET delivered_ms = ?, receipt = ?, error = NULL WHERE key = ?",
  failed: "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE key = ?",
  receipt: "SELECT receipt FROM outbox WHERE key = ?",
  fact: "SELECT value FROM fact WHERE name = ?",
  setFact: "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)",
  dataVersion: "PRAGMA data_version",
  old: "SELECT id, key FROM outbox WHERE delivered_ms IS NOT NULL AND delivered_ms < ?",
  dropRow: "DELETE FROM outbox WHERE id = ?",
} as const;

type Row = Readonly<Record<string, unknown>>;

function createStore(db: DatabaseSync, stateDir: string, onUnreadable: (row: string) => void): Store {
  const statements = new Map<string, StatementSync>();
  const prepared = (name: keyof typeof SQL): StatementSync => {
    const statement = statements.get(name) ?? db.prepare(SQL[name]);
    statements.set(name, statement);
    return statement;
  };
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw explain(error, stateDir);
    }
  };
  const all = (name: keyof typeof SQL, ...values: SQLInputValue[]): readonly Row[] => prepared(name).all(...values);
  const run = (name: keyof typeof SQL, ...values: SQLInputValue[]) => prepared(name).run(...values);

  const addRow = (row: NewRow): OutboxRow[] => {
    const { incidents, message, rootKey, edits } = row;
    const body = JSON.stringify({ incidents, message, rootKey, edits });
    const { changes, lastInsertRowid } = run("addRow", row.key, row.notifier, row.recipient, body, row.enqueuedAtMs);
    return changes === 0 ? [] : [{ ...row, id: Number(lastInsertRowid), attempts: 0, error: null }];
  };

  const transaction = <T>(work: () => T): T => {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      db.exec("COMMIT");
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  };

  return {
    alerts: () =>
      guarded(() =>
        all("alerts").flatMap(({ account, subject, rule, state }) => {
          const decoded = decodeState(String(state));
          const about = String(subject);
          if (decoded !== undefined && isSubject(about)) {
            return [{ id: { account: String(account), subject: about, rule: String(rule) }, state: decoded }];
          }
          onUnreadable(`alert ${String(account)} ${about} ${String(rule)}`);
          return [];
        }),
      ),
    snapshots: () =>
      guarded(() =>
        all("snapshots").flatMap(({ account, body }) => {
          const decoded = decodeSnapshot(String(body));
          if (decoded === undefined) onUnreadable(`snapshot ${String(account)}`);
          return decoded === undefined ? [] : [decoded];
        }),
      ),
    commit: ({ alerts, rows, snapshot }) =>
      guarded(() =>
        transaction(() => {
          for (const { id, state } of alerts) {
            if (state === undefined) run("dropAlert", id.account, id.subject, id.rule);
            else run("setAlert", id.account, id.subject, id.rule, JSON.stringify(state));
          }
          if (snapshot !== undefined) run("setSnapshot", snapshot.account, JSON.stringify(snapshot));
          return rows.flatMap(addRow);
        }),
      ),
    pending: (afterId) => guarded(() => all("pending", afterId).flatMap((row) => readRow(row, onUnreadable))),
    settle: (key, settlement) =>
      guarded(() => {
        if (settlement.kind === "failed") run("failed", settlement.error, key);
        else run("delivered", settlement.atMs, JSON.stringify(settlement.receipt), key);
      }),
    forget: (account) => guarded(() => void run("dropSnapshot", account)),
    drop: (id) => guarded(() => void run("dropRow", id)),
    receipt: (key) =>
      guarded(() => {
        const text = prepared("receipt").get(key)?.["receipt"];
        return typeof text === "string" ? decodeReceipt(text) : undefined;
      }),
    fact: (name) =>
      guarded(() => {
        const value = prepared("fact").get(name)?.["value"];
        return typeof value === "string" ? value : undefined;
      }),
    setFact: (name, value) => guarded(() => void run("setFact", name, value)),
    dataVersion: () => guarded(() => Number(prepared("dataVersion").get()?.["data_version"] ?? 0)),
    prune: (beforeMs, neededKeys) =>
      guarded(() =>
        transaction(() => {
          for (const { id, key } of all("old", beforeMs)) {
            if (typeof id === "number" && !neededKeys.has(String(key))) run("dropRow", id);
          }
        }),
      ),
    close: () => db.close(),
  };
}

function readRow(row: Row, onUnreadable: (row: string) => void): OutboxRow[] {
  const body = decodeBody(String(row["body"]));
  const { id, key, notifier, recipient, enqueued_ms: enqueuedAtMs, attempts, error } = row;
  if (
    body === undefined ||
    typeof id !== "number" ||
    typeof enqueuedAtMs !== "number" ||
    typeof attempts !== "number"
  ) {
    onUnreadable(`outbox ${String(id)}`);
    return [];
  }
  const [keyText, notifierName, to] = [String(key), String(notifier), String(recipient)];
  const lastError = typeof error === "string" ? error : null;
  return [
    { ...body, id, key: keyText, notifier: notifierName, recipient: to, enqueuedAtMs, attempts, error: lastError },
  ];
}
