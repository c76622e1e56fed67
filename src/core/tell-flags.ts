// What is said of flags that flipped.
import type * as format from "./format.ts";
import type { FactsOf, Situation } from "./situation.ts";

type Told = FactsOf<"flags">;

/** What follows "CRITICAL · main · ". */
export function flagsHeadline(facts: Told, { id }: Situation, _nowMs: number, _locale: format.Locale): string {
  return `${id.subject} ${facts.about}`;
}

export function flagsLines(
  _facts: Told,
  _situation: Situation,
  _nowMs: number,
  _locale: format.Locale,
): readonly string[] {
  return [];
}
