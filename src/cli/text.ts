// Small pieces of text that several commands print.
import { duration } from "../core/format.ts";

/** "for 3 h 12 min" since an ISO time. */
export function ageOf(since: string, nowMs: number): string {
  return `for ${duration(nowMs - Date.parse(since), "en")}`;
}

/** "1 rule", "2 rules". */
export function count(number: number, noun: string, nouns = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : nouns}`;
}
