// What is said of history rows, and of loans that a liquidation left.
import type * as format from "./format.ts";
import type { FactsOf, Situation } from "./situation.ts";

type Told = FactsOf<"history" | "loan">;

/** What follows "CRITICAL · main · ". */
export function historyHeadline(facts: Told, { id }: Situation, _nowMs: number, _locale: format.Locale): string {
  return `${id.subject} ${facts.about}`;
}

export function historyLines(
  _facts: Told,
  _situation: Situation,
  _nowMs: number,
  _locale: format.Locale,
): readonly string[] {
  return [];
}
