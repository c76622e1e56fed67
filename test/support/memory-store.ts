// The Store port in memory: what is committed lasts as long as the object, which a test may hand to a second ledger as if the
// process had started anew. It can be told to fail like a full disk.
import { type AlertChange, stateKey } from "../../src/core/advance.ts";
import { type NewRow, type OutboxRow, type Receipt, StoreError } from "../../src/core/ports.ts";
import type { Change, Snapshot, Store } from "../../src/core/store.ts";

export interface MemoryStore extends Store {
  /** While set, whatever writes throws StoreError with this text. */
  failure: string | undefined;
  /** Every commit that was accepted. */
  readonly commits: readonly Change[];
  /** Every row that was ever accepted, delivered or not. */
  rows(): readonly OutboxRow[];
}

interface Kept {
  row: OutboxRow;
  deliveredAtMs?: number;
  receipt?: Receipt;
}

export function createMemoryStore(): MemoryStore {
  const alerts = new Map<string, AlertChange>();
  const snapshots = new Map<string, Snapshot>();
  const facts = new Map<string, string>();
  const outbox = new Map<number, Kept>();
  const commits: Change[] = [];

  const add = (row: NewRow): OutboxRow[] => {
    if ([...outbox.values()].some((kept) => kept.row.key === row.key)) return [];
    const added: OutboxRow = { ...row, id: outbox.size + 1, attempts: 0, error: null };
    outbox.set(added.id, { row: added });
    return [added];
  };

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
      if (change.snapshot !== undefined) snapshots.set(change.snapshot.account, change.snapshot);
      return change.rows.flatMap(add);
    },
    pending: (afterId) =>
      [...outbox.values()].flatMap(({ row, deliveredAtMs }) =>
        deliveredAtMs === undefined && row.id > afterId ? [row] : [],
      ),
    settle(key, settlement) {
      check();
      const kept = [...outbox.values()].find(({ row }) => row.key === key);
      if (kept === undefined) return;
      if (settlement.kind === "failed") {
        kept.row = { ...kept.row, attempts: kept.row.attempts + 1, error: settlement.error };
        return;
      }
      kept.deliveredAtMs = settlement.atMs;
      kept.receipt = settlement.receipt;
    },
    forget: (account) => void snapshots.delete(account),
    drop: (id) => void outbox.delete(id),
    receipt: (key) => [...outbox.values()].find(({ row }) => row.key === key)?.receipt,
    fact: (name) => facts.get(name),
    setFact: (name, value) => void facts.set(name, value),
    dataVersion: () => 1,
    prune() {},
    close() {},
  };
  return store;

  function check(): void {
    if (store.failure !== undefined) throw new StoreError(store.failure);
  }
}
