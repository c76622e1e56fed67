// The Store port on node:sqlite: what each of its methods does to the tables.
import { type StoredEvent, streamName } from "../core/history.ts";
import { type NewRow, type OutboxRow, type Settlement, StoreError } from "../core/ports.ts";
import type { Change, Disk, Memory, Store } from "../core/store.ts";
import { type Connection, connect, plainConnection } from "./connection.ts";
import { alertName, eventName, memoryName, outboxName, setDamagedAside, snapshotName } from "./damaged.ts";
import { openBeside, openForReading } from "./database.ts";
import { decodeReceipt } from "./decode.ts";
import type { DiskParts } from "./held.ts";
import { forgetLost, type Lost, notedLost, noteLost } from "./lost.ts";
import {
  alertOf,
  bodyOf,
  eventOf,
  eventSum,
  factOf,
  memoryOf,
  outboxRowOf,
  progressOf,
  type Row,
  rowSum,
  snapshotOf,
} from "./rows.ts";
import type { Session } from "./sql.ts";
import { createWriter, type Writer } from "./writer.ts";

export interface StoreParts extends DiskParts {
  /** Called with a table and key for a row that cannot be read and is left out; once for each. */
  readonly onUnreadable: (row: string) => void;
}

export interface OpenedStore extends Disk {
  readonly store: Store;
  /** What was stored before and is not any more: the same after every start, until told() says that people know. */
  readonly lost: Lost | undefined;
  told(): void;
}

/** For the holder of the lock, who alone may move a damaged database aside. Throws StoreError, but never because a disk is full. */
export function openStore(stateDir: string, parts: StoreParts): OpenedStore {
  const { connection, lost: lostNow } = connect(stateDir, parts);
  const before = lostNow ?? notedLost(stateDir);
  const lostRows: Lost = { kind: "rows", movedTo: undefined };
  const aside = connection.use((session) =>
    setDamagedAside(session, parts.clock.wallMs(), () => noteLost(stateDir, before ?? lostRows)),
  );
  for (const name of aside) parts.onUnreadable(name);
  const writer = createWriter(connection);
  const lost = before ?? (aside.length > 0 ? lostRows : undefined);
  let untold = lost;
  return {
    store: createStore(connection, writer, parts.onUnreadable),
    lost,
    told() {
      untold = undefined;
      forgetLost(stateDir);
    },
    trouble: () => connection.trouble() ?? writer.trouble(),
    mend() {
      connection.mend();
      writer.settleUp();
      if (untold !== undefined) noteLost(stateDir, untold); // the disk may not have taken it before
    },
  };
}

/** Beside the daemon that holds the lock: nothing is created, moved aside or brought up to date. */
export function openStoreBeside(stateDir: string, onUnreadable: (row: string) => void): Store {
  const connection = plainConnection(openBeside(stateDir), stateDir);
  return createStore(connection, createWriter(connection), onUnreadable);
}

/** The same, read-only. Undefined when nothing was ever stored. */
export function openStoreForReading(stateDir: string, onUnreadable: (row: string) => void): Store | undefined {
  const db = openForReading(stateDir);
  if (db === undefined) return undefined;
  const connection = plainConnection(db, stateDir);
  return createStore(connection, createWriter(connection), onUnreadable);
}

/** Other databases that came in the place of the first have data versions of their own. */
const VERSIONS_MAX = 2 ** 32;

function createStore(connection: Connection, writer: Writer, onUnreadable: (row: string) => void): Store {
  const { use } = connection;
  const { write } = writer;
  const readable = readerOf(onUnreadable);
  return {
    alerts: () => use((session) => readable(session.all("alerts"), alertOf, alertName)),
    snapshots: () => use((session) => readable(session.all("snapshots"), snapshotOf, snapshotName)),
    commit(change) {
      const trouble = connection.trouble();
      // What is left of a full disk is for the alerts: megabytes of memories would take it within a few commits.
      if (trouble?.kind === "reserve" && change.memories !== undefined) throw new StoreError(trouble.reason);
      return write((session) => commit(session, change));
    },
    pending: (afterId) => use((session) => readable(session.all("pending", afterId), outboxRowOf, outboxName)),
    settle: (key, settlement) =>
      writer.writeOrOwe(`${key}|${settlement.kind}`, (session) => settle(session, key, settlement)),
    supersede: (keys, row) => write((session) => supersede(session, keys, row)),
    knownEvents: (account, stream, ids) =>
      use((session) => new Set(ids.filter((id) => session.get("knownEvent", account, streamName(stream), id)))),
    events: (account, sinceMs) =>
      use((session) => readable(session.all("events", account, sinceMs), eventOf, eventName)),
    dropEvents: (account, stream, { untoldMs, toldMs }) =>
      write((session) => void session.run("dropEvents", account, streamName(stream), untoldMs, toldMs)),
    memories: (account) => use((session) => readable(session.all("memories", account), memoryOf, memoryName)),
    forget: (account) =>
      write((session) => {
        session.run("dropSnapshot", account);
        session.run("dropMemories", account);
      }),
    drop: (id) =>
      write((session) => {
        session.run("dropMerged", id);
        session.run("dropRow", id);
      }),
    receipt: (key) =>
      use((session) => {
        const text = session.get("receipt", key)?.["receipt"];
        return typeof text === "string" ? decodeReceipt(text) : undefined;
      }),
    fact: (name) => writer.owedFact(name) ?? use((session) => factOf(session.get("fact", name) ?? {})),
    setFact: writer.setFact,
    dataVersion: () =>
      use((session) => {
        const version = Number(session.get("dataVersion")?.["data_version"] ?? 0);
        return connection.generation() * VERSIONS_MAX + version;
      }),
    prune: (beforeMs, neededKeys) =>
      write((session) => {
        for (const { id, key } of session.all("old", beforeMs)) {
          if (!neededKeys.has(String(key))) session.run("dropRow", Number(id));
        }
      }),
    close() {
      writer.settleUp();
      connection.close();
    },
  };
}

function readerOf(onUnreadable: (row: string) => void) {
  const told = new Set<string>();
  return <T>(rows: readonly Row[], decode: (row: Row) => T | undefined, nameOf: (row: Row) => string): T[] =>
    rows.flatMap((row) => {
      const decoded = decode(row);
      if (decoded !== undefined) return [decoded];
      const name = nameOf(row);
      if (!told.has(name)) onUnreadable(name);
      told.add(name);
      return [];
    });
}

// ---------------------------------------------------------------- inside a transaction

function commit(session: Session, change: Change): readonly OutboxRow[] {
  const { alerts, rows, snapshot, events = [], facts = [], memories = [] } = change;
  for (const event of events) addEvent(session, event);
  for (const { name, value } of facts) session.run("setFact", name, value, rowSum(name, value));
  for (const { id, state } of alerts) {
    const { account, subject, rule } = id;
    const text = JSON.stringify(state);
    if (state === undefined) session.run("dropAlert", account, subject, rule);
    else session.run("setAlert", account, subject, rule, text, rowSum(account, subject, rule, text));
  }
  for (const memory of memories) setMemory(session, memory);
  if (snapshot !== undefined) {
    const text = JSON.stringify(snapshot);
    session.run("setSnapshot", snapshot.account, text, rowSum(snapshot.account, text));
  }
  return rows.flatMap((row) => addRow(session, row) ?? []);
}

function setMemory(session: Session, { account, subject, kind, body }: Memory): void {
  if (body === null) session.run("dropMemory", account, subject, kind);
  else session.run("setMemory", account, subject, kind, body, rowSum(account, subject, kind, body));
}

function addEvent(session: Session, event: StoredEvent): void {
  const { account, stream, row, isTold } = event;
  const name = streamName(stream);
  const body = JSON.stringify(row);
  session.run("addEvent", account, name, row.id, row.atMs, isTold ? 1 : 0, body, eventSum(event, name, body));
}

/** Undefined when its key is known. */
function addRow(session: Session, row: NewRow): OutboxRow | undefined {
  const { key, notifier, recipient, enqueuedAtMs } = row;
  const body = bodyOf(row);
  const sum = rowSum(key, notifier, recipient, body, enqueuedAtMs);
  const { isChanged, id } = session.run("addRow", key, notifier, recipient, body, enqueuedAtMs, sum);
  return isChanged ? { ...row, id, attempts: 0, error: null, isAmbiguous: false } : undefined;
}

function settle(session: Session, key: string, settlement: Settlement): void {
  if (settlement.kind === "failed") {
    session.run("failed", settlement.error, settlement.isAmbiguous ? 1 : 0, key);
    return;
  }
  const receipt = JSON.stringify(settlement.receipt);
  session.run("delivered", settlement.atMs, receipt, key);
  session.run("deliveredWith", settlement.atMs, receipt, key);
}

function supersede(session: Session, keys: readonly string[], row: NewRow): OutboxRow {
  const late = addRow(session, row) ?? { ...row, ...progressOf(session.get("progress", row.key) ?? {}) };
  for (const key of keys) session.run("merge", row.key, key);
  return late;
}
