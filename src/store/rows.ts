// Rows of the tables, to and from the nouns of core. Every row carries a checksum of what must not change unseen: SQLite's own check
// finds pages that do not fit together, and never a digit that became another.
import { crc32 } from "node:zlib";
import type { AlertChange } from "../core/advance.ts";
import { isSubject } from "../core/announce.ts";
import type { StoredEvent } from "../core/history.ts";
import type { NewRow, OutboxRow } from "../core/ports.ts";
import type { Memory, Snapshot } from "../core/store.ts";
import { decodeBody, decodeHistoryRow, decodeSnapshot, decodeState } from "./decode.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Of a row's values in the order of its columns. */
export const rowSum = (...values: readonly unknown[]): number => crc32(JSON.stringify(values));

export function bodyOf({ incidents, message, rootKey, edits }: NewRow): string {
  return JSON.stringify({ incidents, message, rootKey, edits });
}

// Undefined, from here on: the row is not what was written.

export function alertOf({ account, subject, rule, state, sum }: Row): AlertChange | undefined {
  const decoded = decodeState(String(state));
  const about = String(subject);
  if (decoded === undefined || !isSubject(about) || sum !== rowSum(account, subject, rule, state)) return undefined;
  return { id: { account: String(account), subject: about, rule: String(rule) }, state: decoded };
}

export function snapshotOf({ account, body, sum }: Row): Snapshot | undefined {
  return sum === rowSum(account, body) ? decodeSnapshot(String(body)) : undefined;
}

export function factOf({ name, value, sum }: Row): string | undefined {
  return typeof value === "string" && sum === rowSum(name, value) ? value : undefined;
}

export function memoryOf({ account, subject, kind, body, sum }: Row): Memory | undefined {
  const about = String(subject);
  if (!isSubject(about) || sum !== rowSum(account, subject, kind, body)) return undefined;
  return { account: String(account), subject: about, kind: String(kind), body: String(body) };
}

export const eventSum = ({ account, row }: StoredEvent, stream: string, body: string): number =>
  rowSum(account, stream, row.id, row.atMs, body);

export function eventOf({ account, stream, id, at_ms: atMs, told, body, sum }: Row): StoredEvent | undefined {
  const row = decodeHistoryRow(String(body));
  if (row === undefined || sum !== rowSum(account, stream, id, atMs, body)) return undefined;
  return { account: String(account), stream: { kind: row.kind, symbol: row.symbol }, row, isTold: told === 1 };
}

export function outboxRowOf(row: Row): OutboxRow | undefined {
  const { key, notifier, recipient, body, enqueued_ms: enqueuedAtMs, sum } = row;
  const decoded = decodeBody(String(body));
  if (decoded === undefined || sum !== rowSum(key, notifier, recipient, body, enqueuedAtMs)) return undefined;
  const [keyText, notifierName, to] = [String(key), String(notifier), String(recipient)];
  const common = { key: keyText, notifier: notifierName, recipient: to, enqueuedAtMs: Number(enqueuedAtMs) };
  return { ...decoded, ...common, ...progressOf(row) };
}

/** The tables are strict: these columns hold integers, whatever was written. */
export function progressOf({ id, attempts, error, ambiguous }: Row): Omit<OutboxRow, keyof NewRow> {
  return {
    id: Number(id),
    attempts: Number(attempts),
    error: typeof error === "string" ? error : null,
    isAmbiguous: ambiguous === 1,
  };
}
