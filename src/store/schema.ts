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
  // Whether an attempt may have been accepted unseen; which late row took the place of this one; a checksum of every row, and a place
  // for those that do not fit theirs.
  `
  ALTER TABLE outbox ADD COLUMN ambiguous INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE outbox ADD COLUMN merged_into TEXT;
  CREATE INDEX outbox_merged ON outbox (merged_into) WHERE merged_into IS NOT NULL;

  ALTER TABLE alert ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE snapshot ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE outbox ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE fact ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  UPDATE alert SET sum = row_sum(account, subject, rule, state);
  UPDATE snapshot SET sum = row_sum(account, body);
  UPDATE outbox SET sum = row_sum(key, notifier, recipient, body, enqueued_ms);
  UPDATE fact SET sum = row_sum(name, value);

  CREATE TABLE damaged (
    found_ms INTEGER NOT NULL,
    origin TEXT NOT NULL,
    content TEXT NOT NULL
  ) STRICT;
  `,
  // Rows of the exchange's history, each once; told: an alert told of it.
  `
  CREATE TABLE event (
    account TEXT NOT NULL,
    stream TEXT NOT NULL,
    id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    told INTEGER NOT NULL,
    body TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (account, stream, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_time ON event (account, at_ms);
  `,
  // What is remembered of a subject over time, by kind. A body may be 100 kB.
  `
  CREATE TABLE memory (
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (account, subject, kind)
  ) STRICT, WITHOUT ROWID;
  `,
];
