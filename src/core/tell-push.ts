// What is said of what the exchange pushed, and of streams that it gave up.
import type * as format from "./format.ts";
import type { FactsOf, Situation } from "./situation.ts";

type Told = FactsOf<"margin-call" | "stream">;

/** What follows "CRITICAL · main · ". */
export function pushHeadline(facts: Told, { id }: Situation, _nowMs: number, _locale: format.Locale): string {
  return `${id.subject} ${facts.about}`;
}

export function pushLines(
  _facts: Told,
  _situation: Situation,
  _nowMs: number,
  _locale: format.Locale,
): readonly string[] {
  return [];
}
