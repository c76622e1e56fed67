// The database that the store has open at this moment, and the one place that changes which: on the disk, in memory where the disk gave
// or took nothing at the start, or none, when a connection could not be trusted any more and no other one can be opened.
import type { DatabaseSync } from "node:sqlite";
import { type Clock, StoreError } from "../core/ports.ts";
import { openDatabase, reopenDatabase } from "./database.ts";
import { explain, isFatalForConnection } from "./errors.ts";
import { type DiskFault, diskFaultOf } from "./folder.ts";
import { type Lost, noteLost } from "./lost.ts";
import { carryBack, type MemoryDatabase, openMemory } from "./memory.ts";
import { type Session, sessionOf } from "./sql.ts";

export interface DiskParts {
  readonly clock: Pick<Clock, "wallMs">;
  /** Told of every turn for better or worse, for the log. */
  readonly onDisk: (what: string) => void;
}

/** Why the state is in danger, fit for people. */
export interface DiskTrouble {
  readonly kind:
    | "reserve" // the disk is full: the room that was kept back for this is being used up
    | "memory" // nothing could be stored since the start; a restart loses it
    | "failing"; // nothing can be stored now
  readonly reason: string;
}

export interface Held {
  readonly lost: Lost | undefined;
  /** Opens the database again where it was given up. Throws StoreError when there is none. */
  session(): Session;
  /** After a failure: a connection that cannot be trusted any more is given up. False when it can go on. */
  isGivenUp(session: Session, error: unknown): boolean;
  isOnDisk(): boolean;
  /** Changes when another database took the place of the one before. */
  generation(): number;
  trouble(): DiskTrouble | undefined;
  /** Tries to get back to the disk. Does not throw for what the disk does. */
  comeBack(): void;
  close(): void;
}

type State =
  | { readonly kind: "disk"; readonly session: Session }
  | { readonly kind: "memory"; readonly session: Session; readonly memory: MemoryDatabase; readonly reason: string }
  /** `isTried`: to open it again has failed once; only comeBack() tries it once more. */
  | { readonly kind: "closed"; readonly reason: string; readonly isTried: boolean }
  | { readonly kind: "ended" };

/** Throws StoreError for what no disk is to blame for. @param makeRoom on a full disk; false when that cannot be done. */
export function holdDatabase(stateDir: string, { clock, onDisk }: DiskParts, makeRoom: () => boolean): Held {
  let generation = 0;
  let lost: Lost | undefined;
  let state = begin();

  function begin(): State {
    const open = () =>
      openDatabase(stateDir, clock.wallMs(), (found) => {
        lost ??= found;
        noteLost(stateDir, lost);
      });
    try {
      return { kind: "disk", session: withRoom(open) };
    } catch (error) {
      const fault = diskFaultOf(error, stateDir);
      if (fault === undefined) throw error;
      const reason = diskReason(error, stateDir);
      const memory = openMemory(stateDir, fault === "locked");
      lost ??= memory.lost;
      onDisk(`${reason}: everything is kept in memory, and a restart loses it`);
      return { kind: "memory", session: sessionOf(memory.db), memory, reason };
    }
  }

  function withRoom(open: () => DatabaseSync): Session {
    try {
      return sessionOf(open());
    } catch (error) {
      if (diskFaultOf(error, stateDir) !== "full" || !makeRoom()) throw error;
      return sessionOf(open());
    }
  }

  function session(): Session {
    if (state.kind === "ended") throw new StoreError(`the state in ${stateDir} was closed`);
    if (state.kind !== "closed") return state.session;
    if (state.isTried) throw new StoreError(state.reason);
    try {
      const reopened = withRoom(() => reopenDatabase(stateDir, clock.wallMs()));
      state = { kind: "disk", session: reopened };
      generation += 1;
      onDisk(`the state in ${stateDir}: the database is open again`);
      return reopened;
    } catch (error) {
      state = { kind: "closed", reason: diskReason(error, stateDir), isTried: true };
      throw explain(error, stateDir);
    }
  }

  function toDisk(memory: MemoryDatabase): void {
    // If the database there is damaged or gone, it is not what is known now that is lost.
    const onLost = ({ kind, movedTo }: Lost) =>
      onDisk(`the state in ${stateDir}: the database there is ${kind}${movedTo ? `, it was moved to ${movedTo}` : ""}`);
    try {
      openDatabase(stateDir, clock.wallMs(), onLost).close();
      carryBack(memory, stateDir);
      state = { kind: "disk", session: sessionOf(reopenDatabase(stateDir, clock.wallMs())) };
      generation += 1;
      closeQuietly(memory.db);
      onDisk(`the state in ${stateDir}: it can be written again, what was kept in memory is stored`);
    } catch (error) {
      state = { kind: "memory", session: sessionOf(memory.db), memory, reason: diskReason(error, stateDir) };
    }
  }

  return {
    lost,
    session,
    isGivenUp({ db }, error) {
      if (!isFatalForConnection(error) || state.kind !== "disk") return false;
      closeQuietly(db);
      const reason = diskReason(error, stateDir);
      state = { kind: "closed", reason, isTried: false };
      onDisk(`${reason}: this connection to the database is given up`);
      return true;
    },
    isOnDisk: () => state.kind === "disk",
    generation: () => generation,
    trouble() {
      if (state.kind === "memory") return { kind: "memory", reason: state.reason };
      return state.kind === "closed" ? { kind: "failing", reason: state.reason } : undefined;
    },
    comeBack() {
      if (state.kind === "memory") toDisk(state.memory);
      if (state.kind !== "closed") return;
      state = { ...state, isTried: false };
      try {
        session();
      } catch (error) {
        if (!(error instanceof StoreError)) throw error; // why stands in the state
      }
    },
    close() {
      if (state.kind === "disk" || state.kind === "memory") state.session.db.close();
      state = { kind: "ended" };
    },
  };
}

const FAULT_WORDS: Readonly<Record<DiskFault, string>> = {
  full: "the disk is full",
  "read-only": "the file system is read-only",
  failing: "disk I/O error",
  locked: "locked by another program",
};

/** What SQLite calls "cannot be opened" may be a disk that is read-only. */
function diskReason(error: unknown, stateDir: string): string {
  const fault = diskFaultOf(error, stateDir);
  return fault === undefined ? explain(error, stateDir).message : `the state in ${stateDir}: ${FAULT_WORDS[fault]}`;
}

/** Of a connection that is not trusted any more nothing is expected, not even that it closes. */
function closeQuietly(db: DatabaseSync): void {
  try {
    db.close();
  } catch {
    // what made it so was told
  }
}
