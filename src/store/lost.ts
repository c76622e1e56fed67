// What was stored and is not any more. It stands in a file of its own until people were told: a crash right after the start must not
// swallow it, and the database that could remember it is the one that was lost.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LostState } from "../core/situation.ts";
import { parseJson } from "../lib/json.ts";
import { diskFaultOf, makeFile } from "./folder.ts";

export interface Lost {
  readonly kind: LostState;
  /** Where the damaged database lies now. */
  readonly movedTo: string | undefined;
}

const KINDS = ["damaged", "vanished", "unreadable", "rows"] as const satisfies readonly LostState[];
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
  const parsed = parseJson(text);
  const found = new Map(Object.entries(typeof parsed === "object" && parsed !== null ? parsed : {}));
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
