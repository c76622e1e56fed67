// The store port: what the daemon keeps over a restart. One implementation, SQLite, in store/.
import type { AlertChange } from "./advance.ts";
import type { HistoryStream, StoredEvent } from "./history.ts";
import type { NewRow, OutboxRow, Receipt, Settlement, Source, Subject } from "./ports.ts";
import type { Known } from "./situation.ts";

/** What was last seen of an account, for `status`, for blind messages and for positions that disappear. */
export interface Snapshot {
  readonly account: string;
  /** What the config has read of it; undefined when an older version wrote this. */
  readonly sources?: readonly Source[];
  /** Wall time of the last valid answer of each source; null before the first. */
  readonly okAtMs: { readonly cross: number | null; readonly isolated: number | null };
  /** Subjects with debt, worst first. */
  readonly known: readonly Known[];
  /** Isolated pairs seen in the last answer, with and without debt. */
  readonly pairs: number;
  /** Why the last read failed; null when it did not. */
  readonly trouble: string | null;
}

export interface Change {
  readonly alerts: readonly AlertChange[];
  readonly rows: readonly NewRow[];
  readonly snapshot: Snapshot | undefined;
  /** Rows of the exchange's history; one that is stored already is not added again. */
  readonly events?: readonly StoredEvent[];
  readonly facts?: readonly Fact[];
  /** Each takes the place of the one before of the same account, subject and kind. */
  readonly memories?: readonly Memory[];
}

/** What is remembered of a subject over time: how its level went, how it stood before an alert. */
export interface Memory {
  readonly account: string;
  readonly subject: Subject;
  /** Names it among those of the subject: "track", "before cross-margin-level". */
  readonly kind: string;
  /** Null: forgotten. */
  readonly body: string | null;
}

/** A small durable thing, by its name: a cursor, the flags last seen. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** The disk behind the store, as far as a daemon looks after it. */
export interface Disk {
  /** Why the state is in danger, in words: the reserve is being used, it is only in memory, the disk fails. Undefined while it is not. */
  trouble(): { readonly kind: "reserve" | "memory" | "failing"; readonly reason: string } | undefined;
  /** To be called every few seconds: gets back to the disk when it works again, makes the reserve anew when there is room. */
  mend(): void;
}

/** Every method throws StoreError when the disk fails it. All are synchronous: SQLite is in-process. */
export interface Store {
  /** Every alert that is not quiet. */
  alerts(): readonly AlertChange[];
  snapshots(): readonly Snapshot[];
  /** States, rows and snapshot in one transaction, durable when it returns. Yields the rows with their ids; a known key adds none. */
  commit(change: Change): readonly OutboxRow[];
  /** Undelivered rows in order, those after row `afterId` only. */
  pending(afterId: number): readonly OutboxRow[];
  /** What became of an attempt of the row with this key. A key that is not stored (the disk was full then) changes nothing. */
  settle(key: string, settlement: Settlement): void;
  /**
   * One late row takes the place of waiting ones, in one transaction: they are pending no more, they count as delivered when it is, and
   * its receipt is theirs. Keys that are not stored (the disk was full then) are passed over. Yields the row with its id.
   */
  supersede(keys: readonly string[], row: NewRow): OutboxRow;
  /** Which of these ids of a stream are stored. */
  knownEvents(account: string, stream: HistoryStream, ids: readonly string[]): ReadonlySet<string>;
  /** Rows of the history since then, oldest first. */
  events(account: string, sinceMs: number): readonly StoredEvent[];
  /** Forgets rows of a stream that are older: those that no alert told of before `untoldMs`, the others before `toldMs`. */
  dropEvents(
    account: string,
    stream: HistoryStream,
    before: { readonly untoldMs: number; readonly toldMs: number },
  ): void;
  /** What is remembered of an account's subjects. */
  memories(account: string): readonly Memory[];
  /** Forgets the snapshot and the memories of an account that is no longer in the config. */
  forget(account: string): void;
  /** Forgets an undelivered row: only for one that nobody waits for, or whose channel is gone from the config. */
  drop(id: number): void;
  /** Receipt of a delivered row, as long as the row is kept. */
  receipt(key: string): Receipt | undefined;
  /** A small durable fact (a ban's end, the bars, the instance's id). */
  fact(name: string): string | undefined;
  setFact(name: string, value: string): void;
  /** Changes when another process wrote: then pending() may hold rows of its own. */
  dataVersion(): number;
  /** Drops delivered rows older than `beforeMs`, except those whose keys are still needed as roots of conversations. */
  prune(beforeMs: number, neededKeys: ReadonlySet<string>): void;
  close(): void;
}
