// What is said of an isolated pair beside its distance: the ways back, and what other prices of its base would do. The one thing to know:
// a rule on the level leads back to its level, any other to a distance, which is how the exchange itself tells a pair's danger.
import * as format from "./format.ts";
import type { PairAnswer } from "./ports.ts";
import { levelWhen, pairBook } from "./priced.ts";
import { pairRemedies } from "./remedy.ts";
import type { FieldFacts } from "./situation.ts";
import { FALLS_PCT, pairLiquidationLevel, RISES_PCT, type StressStep } from "./stress.ts";
import { levelsOf, SAME_LEVEL, waysLine } from "./tell-ways.ts";
import { pairWaysTo } from "./ways.ts";
import { DISTANCE_WORDS } from "./words/distance.ts";
import { WORDS } from "./words/index.ts";

/** Distance in percent that the remedies lead back to when no rule names one: at least this, … */
const DISTANCE_TARGET_PCT = 10;
/** … and a quarter more than it has, in steps that people can say. */
const DISTANCE_GAIN = 1.25;
const DISTANCE_STEP_PCT = 5;

/** Groups of lines; the last goes behind what moved it. */
export function pairLines(
  facts: FieldFacts,
  pair: PairAnswer,
  language: format.Language,
): readonly (readonly string[])[] {
  return [[backLine(facts, pair, language)], [pairLadder(pair, language)], []];
}

/** Of what lies too high no amount is told. */
function backLine(
  { field, ladder, target, observation }: FieldFacts,
  pair: PairAnswer,
  language: format.Language,
): string {
  const words = WORDS[language];
  if (ladder === "above") return "";
  if (field === "marginLevel" && target !== undefined) {
    const ways = pairWaysTo(pair, target);
    return waysLine(words.backToLevel(format.limit(target, 2)), ways, language, ways?.inDebt);
  }
  const isDistance = field === "liquidationDistancePct" && target !== undefined;
  const pct = isDistance ? target : distanceTarget(observation.values.liquidationDistancePct);
  const remedies = pairRemedies(pair, pct);
  return waysLine(words.backToDistance(format.limit(pct, 0)), remedies, language, remedies?.inDebt);
}

function distanceTarget(pct: unknown): number {
  const better = typeof pct === "number" ? Math.ceil((pct * DISTANCE_GAIN) / DISTANCE_STEP_PCT) * DISTANCE_STEP_PCT : 0;
  return Math.max(DISTANCE_TARGET_PCT, better);
}

/** What other prices of the base would do: a pair hangs on that one price, so its ladder goes along it, as its distance does. */
function pairLadder(pair: PairAnswer, language: format.Language): string {
  const book = pairBook(pair);
  const bar = book && pairLiquidationLevel(pair, book);
  const [base] = book?.assets ?? [];
  if (book === undefined || bar === undefined || base === undefined || book.level <= bar) return "";
  const isLong = levelWhen(book, ({ asset }) => (asset === base.asset ? 2 : 1)) > book.level;
  const steps = (isLong ? FALLS_PCT : RISES_PCT).map((pct) => {
    const changePct = isLong ? -pct : pct;
    return { changePct, level: levelWhen(book, ({ asset }) => (asset === base.asset ? 1 + changePct / 100 : 1)) };
  });
  const shownBar = shortBar(bar, steps);
  const { pcts, levels } = levelsOf(steps, shownBar);
  return DISTANCE_WORDS[language].moves(base.asset, !isLong, pcts, levels, format.limit(shownBar, 2));
}

/** A pair's bar is worked out and has no end of digits: as few as leave every step on its side of it, for what is read must be true. */
function shortBar(bar: number, steps: readonly StressStep[]): number {
  for (let decimals = 2; decimals < 9; decimals++) {
    const short = Number(bar.toFixed(decimals));
    const isTrue = ({ level }: StressStep) =>
      Math.abs(level - bar) < SAME_LEVEL || Math.sign(level - short) === Math.sign(level - bar);
    if (steps.every(isTrue)) return short;
  }
  return bar;
}
