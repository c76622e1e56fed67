// The store port on a modelled disk. What is on it is text, as in reality, so nothing is shared over a restart. A transaction is on
// the disk when the call returns, unless the disk says that it failed; then it may be there or not.
import { isSubject } from "../../src/core/announce.ts";
import { type StoredEvent, streamName } from "../../src/core/history.ts";
import { type NewRow, type OutboxRow, type Receipt, StoreError } from "../../src/core/ports.ts";
import type { Memory, Store } from "../../src/core/store.ts";
import { decodeBody, decodeHistoryRow, decodeSnapshot, decodeState } from "../../src/store/decode.ts";
import type { Deed } from "./history.ts";
import type { Random } from "./random.ts";
import { type Death, type DiskPlan, type Episode, faultAt } from "./scenario.ts";
import { Died, type Life, SECOND, type Time } from "./time.ts";

/** One outbox row as it lies on the disk. */
export interface StoredRow {
  readonly id: number;
  readonly key: string;
  readonly notifier: string;
  readonly recipient: string;
  readonly enqueuedAtMs: number;
  readonly body: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly isAmbiguous: boolean;
  readonly deliveredAtMs: number | null;
  readonly receipt: string | null;
  readonly mergedInto: string | null;
}

/** Everything that is stored. */
export interface Content {
  readonly alerts: Map<string, string>;
  readonly snapshots: Map<string, string>;
  readonly facts: Map<string, string>;
  readonly rows: Map<string, StoredRow>;
  readonly events: Map<string, StoredRowOfHistory>;
  readonly memories: Map<string, Memory>;
}

export interface StoredRowOfHistory {
  readonly account: string;
  readonly body: string;
  readonly isTold: boolean;
}

export interface Disk {
  /** What would be found after the power is back. */
  readonly content: Content;
  open(life: Life): Store;
  /** The process that had it open is dead: what was not synced may be gone. Yields how many transactions were lost. */
  crash(): number;
  /** Switched off by the plant that forgets fsync. */
  isSynced: boolean;
}

function readEvent({ account, body, isTold }: StoredRowOfHistory): StoredEvent {
  const row = decodeHistoryRow(body);
  if (row === undefined) throw new Error(`what was stored cannot be read: ${body}`);
  return { account, stream: { kind: row.kind, symbol: row.symbol }, row, isTold };
}

export interface DiskParts {
  readonly plan: DiskPlan;
  /** There is room for alerts and not for what is remembered. */
  readonly tight: readonly Episode<"tight">[];
  readonly calmMs: number;
  readonly random: Random;
  readonly time: Time;
  record(life: Life, deed: Deed): void;
  /** Dies here when that was planned. */
  mayDie(life: Life, where: Death): void;
}

type Undo = () => void;

export function createDisk({ plan, tight, calmMs, random, time, record, mayDie }: DiskParts): Disk {
  const content: Content = {
    alerts: new Map(),
    snapshots: new Map(),
    facts: new Map(),
    rows: new Map(),
    events: new Map(),
    memories: new Map(),
  };
  let lastId = 0;
  let errorsDue = [...plan.errorsAtMs].sort((a, b) => a - b);
  /** How to take back each transaction that is not synced, the oldest first. */
  let unsynced: Undo[][] = [];

  const fault = () => faultAt(plan, time.nowMs(), calmMs, random);
  const isTight = () => tight.some(({ fromMs, untilMs }) => time.nowMs() >= fromMs && time.nowMs() < untilMs);

  /** Runs a transaction; what it changes can be taken back. */
  function write<T>(
    work: (undo: Undo[]) => T,
    isLarge = false,
  ): {
    readonly result: T | undefined;
    readonly failure: StoreError | undefined;
  } {
    const kind = fault();
    if (kind === "slow") time.stall(random.between(SECOND, 20 * SECOND));
    if (kind === "full" || (isLarge && isTight()))
      return { result: undefined, failure: new StoreError("the disk is full") };
    const isError = (errorsDue[0] ?? Number.POSITIVE_INFINITY) <= time.nowMs();
    if (isError) errorsDue = errorsDue.slice(1);
    if (isError && random.chance(0.5)) return { result: undefined, failure: new StoreError("input/output error") };
    const undo: Undo[] = [];
    const result = work(undo);
    if (!disk.isSynced) unsynced.push(undo);
    return isError ? { result, failure: new StoreError("input/output error") } : { result, failure: undefined };
  }

  function put<V>(undo: Undo[], map: Map<string, V>, key: string, value: V | undefined): true {
    const before = map.get(key);
    undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    return true;
  }

  function add(undo: Undo[], row: NewRow): OutboxRow | undefined {
    if (content.rows.has(row.key)) return undefined;
    const { key, notifier, recipient, enqueuedAtMs, incidents, message, rootKey, edits } = row;
    const body = JSON.stringify({ incidents, message, rootKey, edits });
    lastId += 1;
    const progress = { attempts: 0, error: null, isAmbiguous: false };
    const fresh = { deliveredAtMs: null, receipt: null, mergedInto: null };
    put(undo, content.rows, key, { id: lastId, key, notifier, recipient, enqueuedAtMs, body, ...progress, ...fresh });
    return { ...row, id: lastId, ...progress };
  }

  function deliver(undo: Undo[], key: string, atMs: number, receipt: string): void {
    const row = content.rows.get(key);
    if (row === undefined) return;
    put(undo, content.rows, key, { ...row, deliveredAtMs: atMs, receipt, error: null });
    for (const each of merged(key))
      put(undo, content.rows, each.key, { ...each, deliveredAtMs: atMs, receipt, error: null });
  }

  /** Every key that ever went into another row: few, so that looking through them is cheap. */
  const everMerged = new Set<string>();
  const merged = (key: string) =>
    [...everMerged].flatMap((each) => {
      const row = content.rows.get(each);
      return row?.mergedInto === key && row.deliveredAtMs === null ? [row] : [];
    });

  function open(life: Life): Store {
    const alive = () => {
      if (!life.isAlive) throw new Died();
    };
    const finish = <T>({ result, failure }: ReturnType<typeof write<T>>): T => {
      alive();
      if (failure !== undefined) throw failure;
      if (result === undefined) throw new Error("a transaction without a result");
      return result;
    };
    return {
      alerts() {
        alive();
        return [...content.alerts].map(([name, text]) => {
          const [account = "", subject = "", rule = ""] = name.split("|");
          const state = decodeState(text);
          if (state === undefined || !isSubject(subject))
            throw new Error(`what was stored cannot be read: ${name} ${text}`);
          return { id: { account, subject, rule }, state };
        });
      },
      snapshots() {
        alive();
        return [...content.snapshots.values()].map((text) => {
          const snapshot = decodeSnapshot(text);
          if (snapshot === undefined) throw new Error(`what was stored cannot be read: ${text}`);
          return snapshot;
        });
      },
      commit(change) {
        alive();
        mayDie(life, "before commit");
        alive();
        const done = write(
          (undo) => {
            for (const { id, state } of change.alerts) {
              const name = `${id.account}|${id.subject}|${id.rule}`;
              put(undo, content.alerts, name, state === undefined ? undefined : JSON.stringify(state));
            }
            for (const { account, stream, row, isTold } of change.events ?? []) {
              const name = `${account}|${streamName(stream)}|${row.id}`;
              if (!content.events.has(name))
                put(undo, content.events, name, { account, body: JSON.stringify(row), isTold });
            }
            for (const { name, value } of change.facts ?? []) put(undo, content.facts, name, value);
            for (const memory of change.memories ?? []) {
              const name = `${memory.account}|${memory.subject}|${memory.kind}`;
              put(undo, content.memories, name, memory.body === null ? undefined : memory);
            }
            if (change.snapshot !== undefined)
              put(undo, content.snapshots, change.snapshot.account, JSON.stringify(change.snapshot));
            return change.rows.flatMap((row) => add(undo, row) ?? []);
          },
          (change.memories ?? []).length > 0,
        );
        const added = done.failure === undefined ? done.result : undefined;
        record(life, { kind: "commit", change, added, isStored: done.result !== undefined });
        if (change.rows.length > 0) mayDie(life, "after commit");
        return finish(done);
      },
      pending(afterId) {
        alive();
        return [...content.rows.values()]
          .filter(({ id, deliveredAtMs, mergedInto }) => id > afterId && deliveredAtMs === null && mergedInto === null)
          .sort((a, b) => a.id - b.id)
          .map(readRow);
      },
      settle(key, settlement) {
        alive();
        mayDie(life, "before settle");
        alive();
        const done = write((undo) => {
          const row = content.rows.get(key);
          if (settlement.kind === "delivered") deliver(undo, key, settlement.atMs, JSON.stringify(settlement.receipt));
          else if (row !== undefined) {
            const isAmbiguous = row.isAmbiguous || settlement.isAmbiguous;
            put(undo, content.rows, key, { ...row, attempts: row.attempts + 1, error: settlement.error, isAmbiguous });
          }
          return true;
        });
        const isAcknowledged = done.failure === undefined;
        record(life, { kind: "settle", key, settlement, isAcknowledged, isStored: done.result !== undefined });
        mayDie(life, "after settle");
        finish(done);
      },
      supersede(keys, row) {
        alive();
        mayDie(life, "before commit");
        alive();
        const done = write((undo) => {
          const added = add(undo, row) ?? readRow(stored(row.key));
          const into = stored(row.key);
          for (const key of keys) {
            const own = content.rows.get(key);
            const waiting = own === undefined || own.deliveredAtMs !== null || key === row.key ? [] : [own];
            for (const each of [...waiting, ...merged(key)]) {
              everMerged.add(each.key);
              const { deliveredAtMs, receipt } = into.deliveredAtMs === null ? each : into;
              put(undo, content.rows, each.key, { ...each, mergedInto: row.key, error: null, deliveredAtMs, receipt });
            }
          }
          return added;
        });
        const isAcknowledged = done.failure === undefined;
        record(life, { kind: "supersede", keys, row, isAcknowledged, isStored: done.result !== undefined });
        mayDie(life, "after commit");
        return finish(done);
      },
      knownEvents(account, stream, ids) {
        alive();
        return new Set(ids.filter((id) => content.events.has(`${account}|${streamName(stream)}|${id}`)));
      },
      events(account, sinceMs) {
        alive();
        return [...content.events.values()]
          .map(readEvent)
          .filter((event) => event.account === account && event.row.atMs >= sinceMs)
          .sort((a, b) => a.row.atMs - b.row.atMs);
      },
      dropEvents(account, stream, { untoldMs, toldMs }) {
        alive();
        finish(
          write((undo) => {
            for (const [name, stored] of [...content.events]) {
              const { row, isTold } = readEvent(stored);
              const isOld = row.atMs < (isTold ? toldMs : untoldMs);
              if (isOld && name.startsWith(`${account}|${streamName(stream)}|`))
                put(undo, content.events, name, undefined);
            }
            return true;
          }),
        );
      },
      memories(account) {
        alive();
        return [...content.memories.values()].filter((memory) => memory.account === account);
      },
      forget(account) {
        alive();
        finish(
          write((undo) => {
            for (const [name, memory] of [...content.memories])
              if (memory.account === account) put(undo, content.memories, name, undefined);
            return put(undo, content.snapshots, account, undefined);
          }),
        );
      },
      drop(id) {
        alive();
        const row = [...content.rows.values()].find((each) => each.id === id);
        finish(
          write((undo) => {
            for (const each of row === undefined ? [] : [row, ...merged(row.key)])
              put(undo, content.rows, each.key, undefined);
            return true;
          }),
        );
        if (row !== undefined) record(life, { kind: "drop", key: row.key });
      },
      receipt(key) {
        alive();
        const text = content.rows.get(key)?.receipt;
        return text === undefined || text === null ? undefined : receiptIn(text);
      },
      fact(name) {
        alive();
        return content.facts.get(name);
      },
      setFact(name, value) {
        alive();
        const done = write((undo) => put(undo, content.facts, name, value));
        const isAcknowledged = done.failure === undefined;
        // A sign of life every minute would be half of the history.
        if (name !== "alive" || !isAcknowledged)
          record(life, { kind: "fact", name, value, isAcknowledged, isStored: done.result !== undefined });
        finish(done);
      },
      dataVersion() {
        alive();
        return 1;
      },
      prune(beforeMs, neededKeys) {
        alive();
        finish(
          write((undo) => {
            for (const { key, deliveredAtMs } of [...content.rows.values()]) {
              if (deliveredAtMs !== null && deliveredAtMs < beforeMs && !neededKeys.has(key))
                put(undo, content.rows, key, undefined);
            }
            return true;
          }),
        );
      },
      close() {},
    };
  }

  function stored(key: string): StoredRow {
    const row = content.rows.get(key);
    if (row === undefined) throw new Error("a row that was not added is there");
    return row;
  }

  const disk: Disk = {
    content,
    open,
    isSynced: true,
    crash() {
      // A log that is written from front to back: some of the last transactions are missing, never one in the middle.
      const lost = random.whole(0, unsynced.length);
      for (const undo of unsynced.slice(unsynced.length - lost).reverse()) {
        for (const back of undo.reverse()) back();
      }
      unsynced = [];
      return lost;
    },
  };
  return disk;
}

function readRow(row: StoredRow): OutboxRow {
  const body = decodeBody(row.body);
  if (body === undefined) throw new Error(`what was stored cannot be read: ${row.body}`);
  const { id, key, notifier, recipient, enqueuedAtMs, attempts, error, isAmbiguous } = row;
  return { ...body, id, key, notifier, recipient, enqueuedAtMs, attempts, error, isAmbiguous };
}

/** Asked for at every attempt, so it goes the short way. */
function receiptIn(text: string): Receipt {
  const parsed: unknown = JSON.parse(text);
  return Object.fromEntries(Object.entries(parsed ?? {}).map(([name, value]) => [name, String(value)]));
}
