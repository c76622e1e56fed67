// What is said of delistings and restrictions that meet a position.
import type * as format from "./format.ts";
import type { FactsOf, Situation } from "./situation.ts";

type Told = FactsOf<"delisting" | "restriction">;

/** What follows "CRITICAL · main · ". */
export function marketHeadline(facts: Told, { id }: Situation, _nowMs: number, _locale: format.Locale): string {
  return `${id.subject} ${facts.about}`;
}

export function marketLines(
  _facts: Told,
  _situation: Situation,
  _nowMs: number,
  _locale: format.Locale,
): readonly string[] {
  return [];
}
