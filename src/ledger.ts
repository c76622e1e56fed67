// The daemon's memory of alerts, accounts and health, and the one way to change it: commit(). What is in memory is what the store
// holds, plus whatever the store could not take: when the disk fails, alerts go on from memory and are stored when it is back.
import { createHash } from "node:crypto";
import { type AlertChange, type States, stateKey } from "./core/advance.ts";
import { type Announcement, alertIdOf, alertKey, type Notification } from "./core/announce.ts";
import type { SourceHealth } from "./core/feed.ts";
import { type HistoryRow, type HistoryStream, type StoredEvent, streamName } from "./core/history.ts";
import type { AlertState } from "./core/lifecycle.ts";
import { type NewRow, type Notifier, type OutboxRow, type Source, StoreError, type Subject } from "./core/ports.ts";
import type { Change, Fact, Memory, Snapshot, Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";

export interface Ledger {
  readonly states: States;
  health(account: string, source: Source): SourceHealth | undefined;
  setHealth(account: string, health: SourceHealth): void;
  snapshot(account: string): Snapshot | undefined;
  /** Makes an announcement durable and its own. Yields the rows to deliver: also those that could only be kept in memory. */
  commit(
    announcement: Announcement,
    snapshot: Snapshot | undefined,
    nowMs: number,
    more?: Pick<Change, "events" | "facts" | "memories">,
  ): readonly OutboxRow[];
  /** As committed, also where the store could not take it. Throws StoreError: a cursor that cannot be read is not one that never was. */
  fact(name: string): string | undefined;
  /** What is remembered of the account's subjects, as committed. Throws StoreError. */
  memories(account: string): readonly Memory[];
  /** Those of the rows that were never committed. Throws StoreError. */
  unknownEvents(account: string, stream: HistoryStream, rows: readonly HistoryRow[]): readonly HistoryRow[];
  /** Every alert that is not quiet. */
  alerts(): readonly AlertChange[];
  /** Every source of the account gave a valid answer since the start. */
  hasSeen(account: string): boolean;
  /** Keys of the rows that began the conversations of what is firing: later messages answer to them. */
  neededKeys(): ReadonlySet<string>;
  /** Why the store takes nothing, in words; undefined while it works. */
  storeTrouble(): string | undefined;
  /** Tries again to store what could only be kept in memory. */
  retry(): void;
}

export interface LedgerParts {
  readonly store: Store;
  /** Part of every idempotency key: two installations never share one. */
  readonly instance: string;
  readonly notifiers: readonly Pick<Notifier, "name" | "recipients">[];
  readonly log: Log;
  /** Does the config cover this subject, or a kind of them, of this account? */
  isWatched(account: string, about: Subject | "isolated"): boolean;
  /** Tells, as of now, whether the row with a key is undelivered. */
  stillWaiting(): (key: string) => boolean;
}

export function openLedger({ store, instance, notifiers, log, isWatched, stillWaiting }: LedgerParts): Ledger {
  const states = new Map<string, Map<string, AlertState>>();
  const health = new Map<string, SourceHealth>();
  const snapshots = new Map(stillWatched(store, isWatched).map((snapshot) => [snapshot.account, snapshot]));
  const unsaved = new Map<string, AlertChange>();
  const unsavedFacts = new Map<string, Fact>();
  const unsavedEvents = new Map<string, StoredEvent>();
  /** Since the store refused some; null bodies among them. */
  const unsavedMemories = new Map<string, Memory>();
  /** Rows that live in memory only, because the disk took nothing. */
  let volatile: readonly NewRow[] = [];
  let failing: string | undefined;
  let lastVolatileId = 0;
  for (const change of store.alerts()) apply(states, change);

  const rowsOf = (notification: Notification, nowMs: number): NewRow[] => {
    const recipients = notifiers.find(({ name }) => name === notification.notifier)?.recipients ?? [];
    return recipients.map((recipient) => {
      const key = (id: string) => deliveryKey(instance, id, recipient);
      return {
        key: key(notification.id),
        notifier: notification.notifier,
        recipient,
        incidents: notification.incidents,
        message: notification.message,
        rootKey: notification.root === undefined ? null : key(notification.root),
        edits: notification.edits.map(({ of, message }) => ({ key: key(of), message })),
        enqueuedAtMs: nowMs,
      };
    });
  };

  const save = ({ alerts, rows, snapshot, events = [], facts = [], memories = [] }: Change): readonly OutboxRow[] => {
    const all = [...unsaved.values(), ...alerts];
    const allEvents = [...unsavedEvents.values(), ...events];
    const allFacts = [...unsavedFacts.values(), ...facts]; // of one name the last holds
    const isWaiting = volatile.length === 0 ? () => false : stillWaiting();
    const kept = volatile.filter(({ key }) => isWaiting(key));
    try {
      const underWay = new Set(kept.map(({ key }) => key));
      // By key, not by place: a commit that failed may have reached the disk all the same, and then a known key adds no row.
      const added = store
        .commit({
          alerts: all,
          rows: [...kept, ...rows],
          snapshot,
          ...(allEvents.length > 0 && { events: allEvents }),
          ...(allFacts.length > 0 && { facts: allFacts }),
          ...(memories.length > 0 && { memories }),
        })
        .filter(({ key }) => !underWay.has(key));
      if (failing !== undefined) log.warn({}, "the state can be written again");
      for (const waiting of [unsaved, unsavedFacts, unsavedEvents]) waiting.clear();
      volatile = [];
      failing = undefined;
      return added;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (memories.length > 0) return saveWithout(memories, error, { alerts, rows, snapshot, events, facts });
      if (failing === undefined)
        log.error(
          { error },
          "the state cannot be written: alerts go on from memory, a restart now may repeat or lose some",
        );
      failing = error.message;
      for (const change of alerts) unsaved.set(alertKey(change.id), change);
      for (const fact of facts) unsavedFacts.set(fact.name, fact);
      // Of the history only what was told, so that it is not told again: the rest may be many, and is missed by nobody.
      for (const event of events.filter(({ isTold }) => isTold)) unsavedEvents.set(eventKey(event), event);
      volatile = [...kept, ...rows];
      return rows.map(onlyInMemory);
    }
  };

  const onlyInMemory = (row: NewRow): OutboxRow => ({
    ...row,
    ...{ id: --lastVolatileId, attempts: 0, error: null, isAmbiguous: false },
  });

  /** Memories may be megabytes: they must not keep an alert from the little room that a full disk has left. */
  const saveWithout = (memories: readonly Memory[], error: StoreError, rest: Change): readonly OutboxRow[] => {
    for (const memory of memories) unsavedMemories.set(memoryKey(memory), memory);
    const added = save(rest);
    if (failing === undefined) log.warn({ error }, "what is remembered of the levels is kept in memory only");
    // The commit that was refused may have reached the disk all the same, and then a known key adds no row.
    const known = new Set(added.map(({ key }) => key));
    return [...added, ...rest.rows.filter(({ key }) => !known.has(key)).map(onlyInMemory)];
  };

  /** After a refusal in a transaction of their own, until they are stored. */
  const saveMemories = (): void => {
    if (failing !== undefined || unsavedMemories.size === 0) return;
    try {
      store.commit({ alerts: [], rows: [], snapshot: undefined, memories: [...unsavedMemories.values()] });
      unsavedMemories.clear();
      log.info({}, "what is remembered of the levels is stored again");
    } catch (error) {
      if (!(error instanceof StoreError)) throw error; // they are tried again with the next commit
    }
  };

  const saveAll = ({ memories = [], ...rest }: Change): readonly OutboxRow[] => {
    if (unsavedMemories.size === 0) return save({ ...rest, memories });
    for (const memory of memories) unsavedMemories.set(memoryKey(memory), memory);
    const added = save(rest);
    saveMemories();
    return added;
  };

  return {
    states,
    health: (account, source) => health.get(`${account}|${source}`),
    setHealth: (account, value) => void health.set(`${account}|${value.source}`, value),
    hasSeen: (account) => [...health].every(([key, { hasSeen }]) => hasSeen || !key.startsWith(`${account}|`)),
    alerts: () => listStates(states),
    neededKeys: () => new Set(listStates(states).flatMap(({ state }) => rootsOf(state, notifiers, instance))),
    snapshot: (account) => snapshots.get(account),
    commit({ changes, notifications }, snapshot, nowMs, { events = [], facts = [], memories = [] } = {}) {
      const rows = notifications.flatMap((notification) => rowsOf(notification, nowMs));
      const more = events.length + facts.length + memories.length;
      const nothing = changes.length === 0 && rows.length === 0 && snapshot === undefined && more === 0;
      const added = nothing ? [] : saveAll({ alerts: changes, rows, snapshot, events, facts, memories });
      for (const change of changes) apply(states, change);
      if (snapshot !== undefined) snapshots.set(snapshot.account, snapshot);
      return added;
    },
    storeTrouble: () => failing,
    retry() {
      if (failing !== undefined) save({ alerts: [], rows: [], snapshot: undefined });
      saveMemories();
    },
    memories(account) {
      const all = [...store.memories(account), ...unsavedMemories.values()].filter((each) => each.account === account);
      return [...new Map(all.map((each) => [memoryKey(each), each])).values()].filter(({ body }) => body !== null);
    },
    fact: (name) => unsavedFacts.get(name)?.value ?? store.fact(name),
    unknownEvents(account, stream, rows) {
      const ids = rows.map(({ id }) => id);
      const known = store.knownEvents(account, stream, ids);
      return rows.filter(({ id }) => !known.has(id) && !unsavedEvents.has(eventKey({ account, stream, row: { id } })));
    },
  };
}

const memoryKey = ({ account, subject, kind }: Memory): string => `${stateKey(account, subject)}|${kind}`;

const eventKey = ({
  account,
  stream,
  row,
}: Pick<StoredEvent, "account" | "stream"> & { row: { id: string } }): string =>
  `${account}|${streamName(stream)}|${row.id}`;

/** What the store knows of accounts and subjects that the config still covers. The rest would look like data that grows old. */
function stillWatched(store: Store, isWatched: LedgerParts["isWatched"]): readonly Snapshot[] {
  return store.snapshots().flatMap((snapshot) => {
    const { account, okAtMs } = snapshot;
    if (!isWatched(account, "feed")) {
      forget(store, account);
      return [];
    }
    const known = snapshot.known.filter(({ subject }) => isWatched(account, subject));
    const cross = isWatched(account, "cross") ? okAtMs.cross : null;
    const isolated = isWatched(account, "isolated") ? okAtMs.isolated : null;
    return [{ ...snapshot, known, okAtMs: { cross, isolated } }];
  });
}

/** A disk that fails keeps it until the next start: it is only in the way of nobody. */
function forget(store: Store, account: string): void {
  try {
    store.forget(account);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

function listStates(states: States): AlertChange[] {
  return [...states].flatMap(([key, rules]) =>
    [...rules].flatMap(([rule, state]) => {
      const id = alertIdOf(key, rule);
      return id === undefined ? [] : [{ id, state }];
    }),
  );
}

function rootsOf(state: AlertState | undefined, notifiers: LedgerParts["notifiers"], instance: string): string[] {
  if (state?.phase !== "firing") return [];
  return Object.entries(state.threads).flatMap(([name, { root }]) => {
    const recipients = notifiers.find((notifier) => notifier.name === name)?.recipients ?? [];
    return recipients.map((recipient) => deliveryKey(instance, root, recipient));
  });
}

/** sha256 of what makes a delivery unique: the same on every attempt, and for a repeated commit of the same transition. */
export function deliveryKey(instance: string, notificationId: string, recipient: string): string {
  return createHash("sha256").update(`${instance}|${notificationId}|${recipient}`).digest("hex");
}

function apply(states: Map<string, Map<string, AlertState>>, { id, state }: AlertChange): void {
  const key = stateKey(id.account, id.subject);
  const rules = states.get(key) ?? new Map<string, AlertState>();
  if (state === undefined) rules.delete(id.rule);
  else rules.set(id.rule, state);
  if (rules.size === 0) states.delete(key);
  else states.set(key, rules);
}
