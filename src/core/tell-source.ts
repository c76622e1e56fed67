// What is said of something that the exchange offered and that cannot be read any more.
import type * as format from "./format.ts";
import type { FactsOf, Situation } from "./situation.ts";

type Told = FactsOf<"source">;

/** What follows "CRITICAL · main · ". */
export function sourceHeadline(facts: Told, { id }: Situation, _nowMs: number, _locale: format.Locale): string {
  return `${id.subject} ${facts.about}`;
}

export function sourceLines(
  _facts: Told,
  _situation: Situation,
  _nowMs: number,
  _locale: format.Locale,
): readonly string[] {
  return [];
}
