// The Store port in memory: what is committed lasts as long as the object, which a test may hand to a second ledger as if the
// process had started anew. It can be told to fail like a full disk.
import { type AlertChange, stateKey } from "../../src/core/advance.ts";
import { type HistoryStream, type StoredEvent, streamName } from "../../src/core/history.ts";
import { type NewRow, type OutboxRow, type Receipt, StoreError } from "../../src/core/ports.ts";
import type { Change, Memory, Snapshot, Store } from "../../src/core/store.ts";

export interface MemoryStore extends Store {
  /** While set, whatever writes throws StoreError with this text. */
  failure: string | undefined;
  /** Every commit that was accepted. */
  readonly commits: readonly Change[];
  /** Every row that was ever accepted, delivered or not. */
  rows(): readonly OutboxRow[];
}

const eventKey = (account: string, stream: HistoryStream, id: string): string =>
  `${account}|${streamName(stream)}|${id}`;

interface Kept {
  row: OutboxRow;
  deliveredAtMs?: number;
  receipt?: Receipt;
  mergedInto?: string;
}

export function createMemoryStore(): MemoryStore {
  const alerts = new Map<string, AlertChange>();
  const snapshots = new Map<string, Snapshot>();
  const facts = new Map<string, string>();
  const events = new Map<string, StoredEvent>();
  const memories = new Map<string, Memory>();
  const outbox = new Map<number, Kept>();
  const commits: Change[] = [];
  let lastId = 0;

  const find = (key: string) => [...outbox.values()].find(({ row }) => row.key === key);
  const add = (row: NewRow): OutboxRow[] => {
    if (find(row.key) !== undefined) return [];
    const added: OutboxRow = { ...row, id: ++lastId, attempts: 0, error: null, isAmbiguous: false };
    outbox.set(added.id, { row: added });
    return [added];
  };
  const mergedInto = (key: string) =>
    [...outbox.values()].filter((kept) => kept.mergedInto === key && kept.deliveredAtMs === undefined);

  const store: MemoryStore = {
    failure: undefined,
    commits,
    rows: () => [...outbox.values()].map(({ row }) => row),
    alerts: () => [...alerts.values()],
    snapshots: () => [...snapshots.values()],
    commit(change) {
      check();
      commits.push(change);
      for (const { id, state } of change.alerts) {
        const key = `${stateKey(id.account, id.subject)}|${id.rule}`;
        if (state === undefined) alerts.delete(key);
        else alerts.set(key, { id, state });
      }
      for (const event of change.events ?? []) {
        const key = eventKey(event.account, event.stream, event.row.id);
        if (!events.has(key)) events.set(key, event);
      }
      for (const { name, value } of change.facts ?? []) facts.set(name, value);
      for (const memory of change.memories ?? []) {
        const key = `${memory.account}|${memory.subject}|${memory.kind}`;
        if (memory.body === null) memories.delete(key);
        else memories.set(key, memory);
      }
      if (change.snapshot !== undefined) snapshots.set(change.snapshot.account, change.snapshot);
      return change.rows.flatMap(add);
    },
    pending: (afterId) =>
      [...outbox.values()].flatMap(({ row, deliveredAtMs, mergedInto }) =>
        deliveredAtMs === undefined && mergedInto === undefined && row.id > afterId ? [row] : [],
      ),
    settle(key, settlement) {
      check();
      const kept = find(key);
      if (kept === undefined) return;
      if (settlement.kind === "failed") {
        const isAmbiguous = kept.row.isAmbiguous || settlement.isAmbiguous;
        kept.row = { ...kept.row, attempts: kept.row.attempts + 1, error: settlement.error, isAmbiguous };
        return;
      }
      for (const each of [kept, ...mergedInto(key)]) {
        each.deliveredAtMs = settlement.atMs;
        each.receipt = settlement.receipt;
      }
    },
    supersede(keys, row) {
      check();
      const into = add(row)[0] ?? find(row.key)?.row;
      if (into === undefined) throw new Error("a row that was not added is there");
      const { deliveredAtMs, receipt } = outbox.get(into.id) ?? {};
      for (const key of keys) {
        const own = find(key);
        const waiting = own === undefined || own.deliveredAtMs !== undefined || key === row.key ? [] : [own];
        for (const kept of [...waiting, ...mergedInto(key)]) {
          kept.mergedInto = row.key;
          if (deliveredAtMs !== undefined) kept.deliveredAtMs = deliveredAtMs;
          if (receipt !== undefined) kept.receipt = receipt;
        }
      }
      return into;
    },
    knownEvents: (account, stream, ids) => new Set(ids.filter((id) => events.has(eventKey(account, stream, id)))),
    events: (account, sinceMs) =>
      [...events.values()]
        .filter((event) => event.account === account && event.row.atMs >= sinceMs)
        .sort((a, b) => a.row.atMs - b.row.atMs),
    dropEvents(account, stream, { untoldMs, toldMs }) {
      check();
      for (const [key, { row, isTold }] of [...events]) {
        const isOfStream = key.startsWith(eventKey(account, stream, ""));
        if (isOfStream && row.atMs < (isTold ? toldMs : untoldMs)) events.delete(key);
      }
    },
    memories: (account) => [...memories.values()].filter((memory) => memory.account === account),
    forget(account) {
      check();
      snapshots.delete(account);
      for (const [key, memory] of [...memories]) if (memory.account === account) memories.delete(key);
    },
    drop(id) {
      check();
      const key = outbox.get(id)?.row.key;
      if (key !== undefined) for (const { row } of mergedInto(key)) outbox.delete(row.id);
      outbox.delete(id);
    },
    receipt: (key) => find(key)?.receipt,
    fact: (name) => facts.get(name),
    setFact(name, value) {
      check();
      facts.set(name, value);
    },
    dataVersion: () => 1,
    prune(beforeMs, neededKeys) {
      check();
      for (const { row, deliveredAtMs } of [...outbox.values()]) {
        if (deliveredAtMs !== undefined && deliveredAtMs < beforeMs && !neededKeys.has(row.key)) outbox.delete(row.id);
      }
    },
    close() {},
  };
  return store;

  function check(): void {
    if (store.failure !== undefined) throw new StoreError(store.failure);
  }
}
