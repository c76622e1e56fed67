// Rows that are not what was written, found at the start: they are put aside whole, so that the same damage is told once and somebody
// can look at it. A row is never repaired by guessing.
import { alertOf, factOf, memoryOf, outboxRowOf, type Row, snapshotOf } from "./rows.ts";
import { type Session, transaction } from "./sql.ts";

interface Damaged {
  /** For people: its table and key. */
  readonly name: string;
  readonly row: Row;
  drop(session: Session): void;
}

/** Yields the names of the rows that were put aside. @param beforeChange called first when there are any. */
export function setDamagedAside(session: Session, nowMs: number, beforeChange: () => void): readonly string[] {
  const found = findDamaged(session);
  if (found.length === 0) return [];
  beforeChange();
  transaction(session, () => {
    for (const { name, row, drop } of found) {
      session.run("setAside", Math.round(nowMs), name, JSON.stringify(row));
      drop(session);
    }
    session.run("freeMerged"); // a late row that is put aside, or whose key is damaged, must not take along those that it covers
  });
  return found.map(({ name }) => name);
}

function findDamaged(session: Session): readonly Damaged[] {
  const alerts = session.all("alerts").filter((row) => alertOf(row) === undefined);
  const snapshots = session.all("snapshots").filter((row) => snapshotOf(row) === undefined);
  const rows = session.all("pending", 0).filter((row) => outboxRowOf(row) === undefined);
  const facts = session.all("facts").filter((row) => factOf(row) === undefined);
  const memories = session.all("allMemories").filter((row) => memoryOf(row) === undefined);
  return [
    ...alerts.map((row) => damaged(alertName(row), row, "dropAlert", ["account", "subject", "rule"])),
    ...snapshots.map((row) => damaged(snapshotName(row), row, "dropSnapshot", ["account"])),
    ...rows.map((row) => damaged(outboxName(row), row, "dropRow", ["id"])),
    ...facts.map((row) => damaged(`fact ${String(row["name"])}`, row, "dropFact", ["name"])),
    ...memories.map((row) => damaged(memoryName(row), row, "dropMemory", ["account", "subject", "kind"])),
  ];
}

type Drop = "dropAlert" | "dropSnapshot" | "dropRow" | "dropFact" | "dropMemory";

function damaged(name: string, row: Row, drop: Drop, keys: readonly string[]): Damaged {
  const values = keys.map((key) => (key === "id" ? Number(row[key]) : String(row[key])));
  return { name, row, drop: (session) => void session.run(drop, ...values) };
}

export const alertName = ({ account, subject, rule }: Row) =>
  `alert ${String(account)} ${String(subject)} ${String(rule)}`;
export const snapshotName = ({ account }: Row) => `snapshot ${String(account)}`;
export const outboxName = ({ id }: Row) => `outbox ${String(id)}`;
export const memoryName = ({ account, subject, kind }: Row) =>
  `memory ${String(account)} ${String(subject)} ${String(kind)}`;
export const eventName = ({ account, stream, id }: Row) => `event ${String(account)} ${String(stream)} ${String(id)}`;
