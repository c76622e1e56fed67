// Writes to the database. The outcome of a delivery, or a fact, that the disk refuses is owed: it is written with the next write that
// succeeds. Without that a message that went out while the disk was full would go out again after the next start. States and new rows
// are owed by the ledger, which knows them better.
import { StoreError } from "../core/ports.ts";
import type { Connection } from "./connection.ts";
import { primaryCode } from "./errors.ts";
import type { DiskTrouble } from "./held.ts";
import { rowSum } from "./rows.ts";
import { type Session, transaction } from "./sql.ts";

type Work<T> = (session: Session) => T;

export interface Writer {
  /** In one transaction, with all that is owed. */
  write<T>(work: Work<T>): T;
  /**
   * The same for what must not be forgotten: when the disk refuses, it throws and is owed.
   * @param name of what is owed: work of the same name takes its place, so that what is told again is not done twice.
   */
  writeOrOwe(name: string, work: Work<void>): void;
  /** Also a fact that the disk refuses is known from then on. */
  setFact(name: string, value: string): void;
  owedFact(name: string): string | undefined;
  /** Tries to write what is owed. Does not throw for what the disk does. */
  settleUp(): void;
  trouble(): DiskTrouble | undefined;
}

/** SQLite's complaints about the statement or its values (SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, RANGE): so again. */
const MISTAKES = [1, 18, 19, 20, 21, 25];

export function createWriter(connection: Connection): Writer {
  const owed = new Map<string, Work<void>>();
  const facts = new Map<string, string>();
  let reason = "";

  /** @param name of what is owed that this work takes the place of. */
  const write = <T>(work: Work<T>, name?: string): T => {
    const result = connection.use((session) =>
      transaction(session, () => {
        for (const [other, pay] of owed) if (other !== name) pay(session);
        for (const [fact, value] of facts) session.run("setFact", fact, value, rowSum(fact, value));
        return work(session);
      }),
    );
    owed.clear();
    facts.clear();
    return result;
  };

  const attempt = (work: Work<void>, owe: () => void, name?: string): void => {
    try {
      write(work, name);
    } catch (error) {
      if (!MISTAKES.includes(primaryCode(error) ?? 0)) owe();
      if (error instanceof StoreError) reason = error.message;
      throw error;
    }
  };

  return {
    write,
    writeOrOwe: (name, work) => attempt(work, () => owed.set(name, work), name),
    setFact: (name, value) =>
      attempt(
        (session) => void session.run("setFact", name, value, rowSum(name, value)),
        () => facts.set(name, value),
      ),
    owedFact: (name) => facts.get(name),
    settleUp() {
      if (owed.size + facts.size === 0) return;
      try {
        write(() => {});
      } catch (error) {
        if (!(error instanceof StoreError)) throw error; // else it stays owed, and trouble() says so
      }
    },
    trouble: () => (owed.size + facts.size > 0 ? { kind: "failing", reason } : undefined),
  };
}
