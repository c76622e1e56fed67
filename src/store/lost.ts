// What was stored and is not any more. It stands in a file of its own until people were told: a crash right after the start must not
// swallow it, and the database that could remember it is the one that was lost.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskFaultOf, makeFile } from "./folder.ts";

export interface Lost {
  readonly kind:
    | "damaged" // the database; it was moved aside
    | "vanished" // one was begun here, and it is gone or empty
    | "unreadable" // the disk does not give it
    | "rows"; // some rows are not what was written; they were put into the table `damaged`
  /** Where the damaged database lies now. */
  readonly movedTo: string | undefined;
}

const KINDS = ["damaged", "vanished", "unreadable", "rows"] as const;
const fileIn = (stateDir: string): string => join(stateDir, "margind.lost");

export function noteLost(stateDir: string, lost: Lost): void {
  despiteDisk(stateDir, () =>
    makeFile(fileIn(stateDir), (partial) => writeFileSync(partial, `${JSON.stringify(lost)}\n`)),
  );
}

/** A loss that nobody was told of yet. */
export function notedLost(stateDir: string): Lost | undefined {
  const text = readText(fileIn(stateDir));
  if (text === undefined) return undefined;
  const found = new Map(Object.entries(parse(text)));
  const movedTo = found.get("movedTo");
  const kind = KINDS.find((each) => each === found.get("kind")) ?? "damaged"; // that file itself may be cut
  return { kind, movedTo: typeof movedTo === "string" ? movedTo : undefined };
}

export function forgetLost(stateDir: string): void {
  despiteDisk(stateDir, () => rmSync(fileIn(stateDir), { force: true }));
}

/** A disk that takes nothing is told of elsewhere; this run tells of the loss from memory. */
function despiteDisk(stateDir: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (diskFaultOf(error, stateDir) === undefined) throw error;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // there is none, or the disk does not give it
  }
}

function parse(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
