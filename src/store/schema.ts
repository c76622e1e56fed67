// The database's schema, one step a version: PRAGMA user_version counts the steps that were applied. Steps are never edited after
// a release, only added. Tables are STRICT: SQLite would otherwise store a string in a number's column and say nothing.
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE alert (
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (account, subject, rule)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE snapshot (
    account TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    notifier TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    enqueued_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    delivered_ms INTEGER,
    receipt TEXT
  ) STRICT;
  CREATE INDEX outbox_pending ON outbox (id) WHERE delivered_ms IS NULL;
  CREATE INDEX outbox_delivered ON outbox (delivered_ms) WHERE delivered_ms IS NOT NULL;

  CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
