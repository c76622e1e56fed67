// The database as the store uses it: whatever happens to the disk, this is the one object that stays. On a full disk it frees the
// reserve and does the work once more; which database is open at the moment is the matter of held.ts.
import type { DatabaseSync } from "node:sqlite";
import { explain, isFull } from "./errors.ts";
import { diskFaultOf } from "./folder.ts";
import { type DiskParts, type DiskTrouble, holdDatabase } from "./held.ts";
import type { Lost } from "./lost.ts";
import { reserveIn } from "./reserve.ts";
import { type Session, sessionOf } from "./sql.ts";

export interface Connection {
  /** Runs work on the open database, once more when the disk was full and room could be made. Throws StoreError. */
  use<T>(work: (session: Session) => T): T;
  /** Changes when another database took the place of the one before. */
  generation(): number;
  trouble(): DiskTrouble | undefined;
  /** Tries to get back to the disk, and to make the reserve anew. Does not throw for what the disk does. */
  mend(): void;
  close(): void;
}

export interface Connected {
  readonly connection: Connection;
  readonly lost: Lost | undefined;
}

/** For the holder of the lock. Throws StoreError for what no disk is to blame for: a newer margind's state, a wrong owner. */
export function connect(stateDir: string, parts: DiskParts): Connected {
  const reserve = reserveIn(stateDir, parts.onDisk);
  const held = holdDatabase(stateDir, parts, reserve.free);

  /** Makes room, gives up what cannot be trusted. True when the same may be tried again. */
  const digest = (session: Session, error: unknown): boolean => {
    const isShort = diskFaultOf(error, stateDir) === "full";
    if (isShort) reserve.free();
    return !held.isGivenUp(session, error) && isShort;
  };

  /** What was refused lies in the journal: megabytes of it would keep its room from the next commits. */
  const giveBack = (session: Session): void => {
    try {
      emptyJournal(session);
    } catch (error) {
      digest(session, error);
    }
  };

  const connection: Connection = {
    use(work) {
      const session = held.session();
      try {
        return work(session);
      } catch (error) {
        if (!digest(session, error)) throw explain(error, stateDir);
      }
      try {
        emptyJournal(session);
        return work(session);
      } catch (error) {
        if (digest(session, error)) giveBack(session);
        throw explain(error, stateDir);
      }
    },
    generation: held.generation,
    trouble() {
      const reason = `the state in ${stateDir}: the disk is full or nearly so`;
      return held.trouble() ?? (reserve.isShort() ? { kind: "reserve", reason } : undefined);
    },
    mend() {
      held.comeBack();
      if (held.isOnDisk()) reserve.restore();
    },
    close: held.close,
  };
  return { connection, lost: held.lost };
}

/** The journal's room is given back to the disk, where there is enough of it left for that. */
function emptyJournal({ db }: Session): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** Beside a running daemon, or only to read: a failure is told, and mended by nobody here. */
export function plainConnection(db: DatabaseSync, stateDir: string): Connection {
  const session = sessionOf(db);
  return {
    use(work) {
      try {
        return work(session);
      } catch (error) {
        throw explain(error, stateDir);
      }
    },
    generation: () => 0,
    trouble: () => undefined,
    mend() {},
    close: () => db.close(),
  };
}
