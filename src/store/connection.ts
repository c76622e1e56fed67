// The database as the store uses it: whatever happens to the disk, this is the one object that stays. On a full disk it frees the
// ballast; a connection that cannot be trusted any more is closed and another one opened; where nothing can be opened at the start it
// goes on in memory, and comes back to the disk when that works again.
import type { DatabaseSync } from "node:sqlite";
import { type Clock, StoreError } from "../core/ports.ts";
import { ballastIn } from "./ballast.ts";
import { openDatabase, reopenDatabase } from "./database.ts";
import { explain, isFatalForConnection, isFull } from "./errors.ts";
import { type DiskFault, diskFaultOf } from "./folder.ts";
import { type Lost, noteLost } from "./lost.ts";
import { carryBack, type Memory, openMemory } from "./memory.ts";
import { type Session, sessionOf } from "./sql.ts";

/** Why the state is in danger, fit for people. */
export interface DiskTrouble {
  readonly kind:
    | "reserve" // the disk is full: the room that was kept back for this is being used up
    | "memory" // nothing could be stored since the start; a restart loses it
    | "failing"; // nothing can be stored now
  readonly reason: string;
}

export interface Connection {
  /** Runs work on the open database, once more when the disk was full and room could be made. Throws StoreError. */
  use<T>(work: (session: Session) => T): T;
  /** Changes when another database took the place of the one before. */
  generation(): number;
  trouble(): DiskTrouble | undefined;
  /** Tries to get back to the disk, and to make the ballast anew. Does not throw for what the disk does. */
  mend(): void;
  close(): void;
}

export interface DiskParts {
  readonly clock: Pick<Clock, "wallMs">;
  /** Told of every turn for better or worse, for the log. */
  readonly onDisk: (what: string) => void;
}

type State =
  | { readonly kind: "disk"; readonly session: Session }
  | { readonly kind: "memory"; readonly session: Session; readonly memory: Memory; readonly reason: string }
  /** `isTried`: to open it again has failed once; only mend() tries it once more. */
  | { readonly kind: "closed"; readonly reason: string; readonly isTried: boolean }
  | { readonly kind: "ended" };

export interface Connected {
  readonly connection: Connection;
  readonly lost: Lost | undefined;
}

/** For the holder of the lock. Throws StoreError for what no disk is to blame for: a newer margind's state, a wrong owner. */
export function connect(stateDir: string, { clock, onDisk }: DiskParts): Connected {
  const ballast = ballastIn(stateDir, onDisk);
  /** What SQLite calls "cannot be opened" may be a disk that is read-only. */
  const says = (error: unknown) => {
    const fault = diskFaultOf(error, stateDir);
    return fault === undefined ? explain(error, stateDir).message : `the state in ${stateDir}: ${FAULT_WORDS[fault]}`;
  };
  let generation = 0;
  let lost: Lost | undefined;

  const open = (): DatabaseSync =>
    openDatabase(stateDir, clock.wallMs(), (found) => {
      lost ??= found;
      noteLost(stateDir, lost);
    });
  /** For what is in memory: if the database is damaged or gone, it is not what is known now that is lost. */
  const openAgain = (): DatabaseSync =>
    openDatabase(stateDir, clock.wallMs(), ({ kind, movedTo }) =>
      onDisk(`the state in ${stateDir}: the database there is ${kind}${movedTo ? `, it was moved to ${movedTo}` : ""}`),
    );
  const reopen = () => reopenDatabase(stateDir, clock.wallMs());
  const withRoom = (opening: () => DatabaseSync): Session => {
    try {
      return sessionOf(opening());
    } catch (error) {
      if (diskFaultOf(error, stateDir) !== "full" || !ballast.free()) throw error;
      return sessionOf(opening());
    }
  };

  let state: State = begin();

  function begin(): State {
    try {
      return { kind: "disk", session: withRoom(open) };
    } catch (error) {
      if (diskFaultOf(error, stateDir) === undefined) throw error;
      const reason = says(error);
      const memory = openMemory(stateDir);
      lost ??= memory.lost;
      onDisk(`${reason}: everything is kept in memory, and a restart loses it`);
      return { kind: "memory", session: sessionOf(memory.db), memory, reason };
    }
  }

  function live(): Session {
    if (state.kind === "ended") throw new StoreError(`the state in ${stateDir} was closed`);
    if (state.kind !== "closed") return state.session;
    if (state.isTried) throw new StoreError(state.reason);
    try {
      const session = withRoom(reopen);
      state = { kind: "disk", session };
      generation += 1;
      onDisk(`the state in ${stateDir}: the database is open again`);
      return session;
    } catch (error) {
      state = { kind: "closed", reason: says(error), isTried: true };
      throw explain(error, stateDir);
    }
  }

  /** What a failure means for the connection. True when room was made, and the same may be tried again. */
  function digest({ db }: Session, error: unknown): boolean {
    const isFull = diskFaultOf(error, stateDir) === "full";
    if (isFull) ballast.free();
    if (!isFatalForConnection(error) || state.kind !== "disk") return isFull;
    closeQuietly(db);
    state = { kind: "closed", reason: says(error), isTried: false };
    onDisk(`${says(error)}: this connection to the database is given up`);
    return false;
  }

  function comeBack(memory: Memory): void {
    try {
      openAgain().close();
      carryBack(memory, stateDir);
      state = { kind: "disk", session: sessionOf(reopen()) };
      generation += 1;
      closeQuietly(memory.db);
      onDisk(`the state in ${stateDir}: the disk works again, what was kept in memory is stored`);
    } catch (error) {
      state = { kind: "memory", session: sessionOf(memory.db), memory, reason: says(error) };
    }
  }

  function comeAlive(): void {
    if (state.kind === "closed") state = { ...state, isTried: false };
    try {
      live();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error; // why stands in the state
    }
  }

  const connection: Connection = {
    use(work) {
      const session = live();
      try {
        return work(session);
      } catch (error) {
        if (!digest(session, error)) throw explain(error, stateDir);
      }
      try {
        emptyJournal(session);
        return work(session);
      } catch (error) {
        digest(session, error);
        throw explain(error, stateDir);
      }
    },
    generation: () => generation,
    trouble() {
      if (state.kind === "memory") return { kind: "memory", reason: state.reason };
      if (state.kind === "closed") return { kind: "failing", reason: state.reason };
      const reason = `the state in ${stateDir}: the disk is full or nearly so`;
      return ballast.isShort() ? { kind: "reserve", reason } : undefined;
    },
    mend() {
      if (state.kind === "memory") comeBack(state.memory);
      if (state.kind === "closed") comeAlive();
      if (state.kind === "disk") ballast.restore();
    },
    close() {
      if (state.kind === "disk" || state.kind === "memory") state.session.db.close();
      state = { kind: "ended" };
    },
  };
  return { connection, lost };
}

const FAULT_WORDS: Readonly<Record<DiskFault, string>> = {
  full: "the disk is full",
  "read-only": "the file system is read-only",
  failing: "disk I/O error",
};

/** The journal's room is given back to the disk, where there is enough of it left for that. */
function emptyJournal({ db }: Session): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/** Of a connection that is not trusted any more nothing is expected, not even that it closes. */
function closeQuietly(db: DatabaseSync): void {
  try {
    db.close();
  } catch {
    // what made it so was told
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
