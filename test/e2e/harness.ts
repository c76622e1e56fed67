// What the end-to-end suites share: named checks that print one line each, and waiting for a condition instead of for a time.
import { systemClock } from "../../src/lib/clock.ts";

/** Where a suite finds what was built before it. */
export interface Bench {
  /** A temporary folder that everybody may enter: the mail server delivers as another user. */
  readonly folder: string;
  /** Root of the repository. */
  readonly root: string;
  /** The installed program: main.js of the unpacked package. */
  readonly main: string;
  /** Also what takes long and has never shown anything else. */
  readonly isThorough: boolean;
}

export interface Check {
  /** Runs one named check and prints how it went. What it resolves with is a remark for the reader. Throws when it failed. */
  (name: string, body: () => Promise<string | undefined>): Promise<void>;
  /** Says loudly that something was not checked, and why. */
  skip(name: string, why: string): void;
}

export type Suite = (check: Check, bench: Bench) => Promise<void>;

/** A check failed and was told; the rest of its suite builds on it and is left out. */
export class SuiteEnded extends Error {
  override readonly name = "SuiteEnded";
}

/** A failed expectation: its text is all that the reader needs. */
export class Failed extends Error {
  override readonly name = "Failed";
}

export interface Tally {
  readonly check: Check;
  failed(): number;
  /** "21 passed, 0 failed" */
  summary(): string;
}

export function createTally(print: (line: string) => void): Tally {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const check = async (name: string, body: () => Promise<string | undefined>) => {
    const startedMs = systemClock.monoMs();
    const took = () => `${((systemClock.monoMs() - startedMs) / 1000).toFixed(1)} s`;
    try {
      const remark = await body();
      passed += 1;
      print(`✔ ${name} (${took()})${remark === undefined ? "" : `: ${remark}`}`);
    } catch (error) {
      failed += 1;
      print(`✘ ${name} (${took()}): ${describe(error)}`);
      throw new SuiteEnded(name);
    }
  };
  const skip = (name: string, why: string) => {
    skipped += 1;
    print(`!!! NOT CHECKED: ${name}: ${why}`);
  };
  return {
    check: Object.assign(check, { skip }),
    failed: () => failed,
    summary: () => `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} NOT CHECKED`}`,
  };
}

export function describe(error: unknown): string {
  if (error instanceof Failed) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Failed(otherwise);
}

const LOOK_EVERY_MS = 50;

/** Looks until `probe` finds something; fails with `what` and the last thing seen when the deadline passes. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
  seen: () => string = () => "",
): Promise<T> {
  const startedMs = systemClock.monoMs();
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (systemClock.monoMs() - startedMs > deadlineMs) {
      throw new Failed(`not within ${deadlineMs / 1000} s: ${what}${indent(seen())}`);
    }
    await systemClock.sleep(LOOK_EVERY_MS);
  }
}

/** Output of a program, set off from the line that it explains. */
export const indent = (text: string): string =>
  text.trim() === ""
    ? ""
    : `\n${text
        .trim()
        .split("\n")
        .slice(-40)
        .map((line) => `    ${line}`)
        .join("\n")}`;
