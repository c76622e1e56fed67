// Amounts and levels as the lines of an alert show them, of a cross account and of a pair alike.
import * as format from "./format.ts";
import type { Amount, Remedies } from "./remedy.ts";
import type { StressStep } from "./stress.ts";
import { DISTANCE_WORDS } from "./words/distance.ts";
import { WORDS } from "./words/index.ts";

/** Levels that differ by less are the same: what rounding in binary leaves must not read as 1.0500000001. */
export const SAME_LEVEL = 1e-9;

/** Empty when nothing leads there. */
export function waysLine(
  goal: string,
  remedies: Remedies | undefined,
  language: format.Language,
  inDebt?: Remedies | undefined,
): string {
  const { sum } = DISTANCE_WORDS[language];
  const text = (amount: Amount | undefined, other: Amount | undefined) =>
    amount && sum(amountText(amount), other && amountText(other));
  const [add, repay, sell] = [
    text(remedies?.add, inDebt?.add),
    text(remedies?.repay, inDebt?.repay),
    text(remedies?.sell, inDebt?.sell),
  ];
  if (add === undefined && repay === undefined && sell === undefined) return "";
  return WORDS[language].ways(goal, add, repay, sell);
}

/** What must suffice is rounded up; what is only about is not. */
export const amountText = ({ value, asset }: Amount, kind: "enough" | "about" = "enough"): string =>
  `${format.unpadded(kind === "enough" ? format.amountUp(value) : format.plain(value))} ${asset}`;

/** The steps of a stress ladder, each level on its side of the bar. */
export function levelsOf(steps: readonly StressStep[], bar: number) {
  const shown = (level: number) => format.level(level, Math.abs(level - bar) < SAME_LEVEL ? undefined : bar);
  return {
    pcts: steps.map(({ changePct }) => `${Math.abs(changePct)}`),
    levels: steps.map(({ level }) => shown(level)),
  };
}
