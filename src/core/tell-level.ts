// What is said of a margin level beside the distance: the ways back, prices of liquidation, what falls would do, what moved it, what the
// debt costs. The one thing to know: every line stands alone, and where something is not known its line is absent.

import { assetDistances } from "./distance.ts";
import * as format from "./format.ts";
import { isQuotient } from "./observe.ts";
import type { CrossAnswer, PairAnswer } from "./ports.ts";
import { type Book, levelWhen, type PricedBook, pairBook, priceBook } from "./priced.ts";
import { type Amount, crossRemedies, pairRemedies, type Remedies } from "./remedy.ts";
import type { FieldFacts } from "./situation.ts";
import { FALLS_PCT, pairLiquidationLevel, RISES_PCT, type StressStep, stressLadder } from "./stress.ts";
import { asTold, fallLine, movedLines } from "./tell-cause.ts";
import { valueText } from "./tell-value.ts";
import { TRANSFER_OUT_LEVEL } from "./unlock.ts";
import { type Ways, waysBack } from "./ways.ts";
import { CAUSE_WORDS } from "./words/cause.ts";
import { DISTANCE_WORDS } from "./words/distance.ts";
import { FLAG_WORDS } from "./words/flags.ts";
import { WORDS } from "./words/index.ts";

/** Prices of liquidation of so many assets: who reads is on a phone. */
const ALONE_MAX = 3;
/** Assets that are named, before the rest is a count. */
const NAMED_MAX = 3;
/** Distance in percent that an isolated pair's remedies lead back to when no rule names one: at least this, … */
const DISTANCE_TARGET_PCT = 10;
/** … and a quarter more than it has, in steps that people can say. */
const DISTANCE_GAIN = 1.25;
const DISTANCE_STEP_PCT = 5;
/** Levels that differ by less are the same: what rounding in binary leaves must not read as 1.0500000001. */
const SAME_LEVEL = 1e-9;

const ABOUT_LEVEL: ReadonlySet<string> = new Set([
  "marginLevel",
  "collateralMarginLevel",
  "marginLevelStatus",
  "liquidationDistancePct",
  "minutesToLiquidation",
]);

/** Is the alert about how near liquidation is? */
export const isAboutLevel = ({ field, ladder }: FieldFacts): boolean => ladder === "drop" || ABOUT_LEVEL.has(field);

/** What follows the distance. Empty without debt, and where the level is not assets over liabilities but for what the debt costs. */
export function levelLines(facts: FieldFacts, nowMs: number, locale: format.Locale): readonly string[] {
  const { source, hasDebt } = facts.observation;
  if (source === undefined || !hasDebt) return [];
  const lines = "symbol" in source ? pairLines(facts, source, locale) : crossLines(facts, source, locale);
  const last = lines.at(-1) ?? [];
  return [...lines.slice(0, -1).flat(), movementLine(facts, nowMs, locale), ...last].filter((line) => line !== "");
}

/** What moved it, and what the debt costs. */
export function movementLine(facts: FieldFacts, nowMs: number, locale: format.Locale): string {
  const { insight, observation, verdict, field } = facts;
  const { language } = locale;
  if (!observation.hasDebt) return "";
  const cost = insight?.costPerDay;
  const costs = cost === undefined || cost.value <= 0 ? [] : [CAUSE_WORDS[language].cost(amountText(cost, "about"))];
  const movement = (): readonly string[] => {
    const { source, values } = observation;
    if (source !== undefined && "source" in source && !isQuotient(source)) return [];
    if (insight?.moved !== undefined) {
      const since = format.zonedTime(insight.moved.sinceMs, nowMs, locale);
      return movedLines(asTold(insight.moved.moved, values.marginLevel), since, language);
    }
    const shown = (value: number) => valueText(field, value, undefined, language);
    return verdict?.fall === undefined ? [] : [fallLine(verdict.fall, shown, observation.atMs, language)];
  };
  return WORDS[language].join([...movement(), ...costs]);
}

// ---------------------------------------------------------------- cross

/** Groups of lines; the last goes behind what moved it. */
function crossLines(facts: FieldFacts, cross: CrossAnswer, locale: format.Locale): readonly (readonly string[])[] {
  const { language } = locale;
  if (!isQuotient(cross)) return [];
  const { insight, bars } = facts;
  const found = insight === undefined ? undefined : priceBook(cross, insight.prices);
  const level = crossTarget(facts);
  const book = found?.isTrusted === true ? found : undefined;
  if (book === undefined) {
    const back =
      level === undefined ? "" : waysLine(goalText(facts, level, language), crossRemedies(cross, level), language);
    return [[back], [whyNot(found, insight !== undefined && insight.prices === undefined, language)], []];
  }
  const ways = waysBack(book, cross, { bars, target: level });
  const lineTo = (kind: Ways["goal"]["kind"], goal: string) =>
    ways.filter((each) => each.goal.kind === kind).map((each) => waysLine(goal, each.inUnit, language, each.inDebt));
  const words = DISTANCE_WORDS[language];
  const bar = bars.forceLiquidationBar;
  const prices = [aloneLine(book, bar, language), ladderLine(book, bar, language)];
  return [
    lineTo("rule", level === undefined ? "" : goalText(facts, level, language)),
    lineTo("margin-call", words.outOfCall(format.limit(bars.marginCallBar, 2))),
    prices,
    unlockLines(facts, cross, ways, language),
  ];
}

/** The level that a cross account must get back to, by what the rule watches. */
function crossTarget({ field, ladder, target, bars }: FieldFacts): number | undefined {
  const isSpeed = ladder === "drop";
  if (field === "marginLevelStatus" || field === "minutesToLiquidation") return bars.normalBar;
  if (isSpeed && (target === undefined || !ABOUT_LEVEL.has(field))) return bars.normalBar;
  if (field === "marginLevel") return target;
  const isReachable = field === "liquidationDistancePct" && target !== undefined && target < 100;
  return isReachable ? bars.forceLiquidationBar / (1 - target / 100) : undefined;
}

function goalText({ field, target }: FieldFacts, level: number, language: format.Language): string {
  const words = WORDS[language];
  const isDistance = field === "liquidationDistancePct" && target !== undefined;
  return isDistance ? words.backToDistance(format.limit(target, 0)) : words.backToLevel(format.limit(level, 2));
}

function aloneLine(book: Book, bar: number, language: format.Language): string {
  const words = DISTANCE_WORDS[language];
  const alone = assetDistances(book, bar)
    .slice(0, ALONE_MAX)
    .map(({ asset, price, unit, awayPct, direction }) =>
      words.alone(asset, `${format.price(price)} ${unit}`, format.percent(awayPct, 0), direction === "rise"),
    );
  const notes = [
    book.missing.length === 0 ? "" : words.uncounted(...named(book.missing, language)),
    book.assumed.length === 0 ? "" : words.assumed(words.listed(book.assumed)),
  ];
  return WORDS[language].join([...alone, ...notes].filter((text) => text !== ""));
}

function ladderLine(book: Book, bar: number, language: format.Language): string {
  if (book.level <= bar) return "";
  const words = DISTANCE_WORDS[language];
  const { falls, rises } = stressLadder(book);
  const [fallen, risen] = [levelsOf(falls, bar), levelsOf(rises, bar)];
  const parts = [words.falls(fallen.pcts, fallen.levels, format.limit(bar, 2))];
  if (rises.length > 0) parts.push(words.rises(risen.pcts, risen.levels));
  return WORDS[language].join(parts);
}

function levelsOf(steps: readonly StressStep[], bar: number) {
  const shown = (level: number) => format.level(level, Math.abs(level - bar) < SAME_LEVEL ? undefined : bar);
  return {
    pcts: steps.map(({ changePct }) => `${Math.abs(changePct)}`),
    levels: steps.map(({ level }) => shown(level)),
  };
}

/** Why there are no prices of liquidation; undefined prices are not the fault of a single asset. */
function whyNot(book: PricedBook | undefined, hasNoPrices: boolean, language: format.Language): string {
  const words = DISTANCE_WORDS[language];
  if (book === undefined || book.isTrusted) return "";
  if (hasNoPrices) return words.noPrices;
  return book.missing.length === 0 ? words.disagree : words.noPrice(...named(book.missing, language));
}

function named(assets: readonly string[], language: format.Language): [string, number] {
  const shown = assets.slice(0, NAMED_MAX);
  return [DISTANCE_WORDS[language].listed(shown), assets.length - shown.length];
}

/** Behind everything else, and short: who is close to liquidation thinks of transfers out last. Of a rule on them: see `unlocking`. */
function unlockLines(
  { field }: FieldFacts,
  { transferOutEnabled }: CrossAnswer,
  ways: readonly Ways[],
  language: format.Language,
): readonly string[] {
  const isAsked = field === "collateralMarginLevel" || transferOutEnabled === false;
  const out = ways.find(({ goal }) => isAsked && goal.kind === "transfer-out");
  return out === undefined ? [] : [unlockLine({ ...out, inUnit: { ...out.inUnit, sell: undefined } }, language)];
}

function unlockLine({ inUnit, inDebt }: Ways, language: format.Language): string {
  const goal = DISTANCE_WORDS[language].toTransferOut(format.limit(TRANSFER_OUT_LEVEL, 0));
  return waysLine(goal, inUnit, language, inDebt);
}

/**
 * What unlocks transfers out, in the largest debt's asset too. Undefined where that is USDT or not known: then what tell-flags.ts says in
 * USDT is all that there is to say.
 */
export function unlockingInDebt(facts: FieldFacts, cross: CrossAnswer, language: format.Language): string | undefined {
  const book = facts.insight && priceBook(cross, facts.insight.prices);
  const { collateralMarginLevel: level } = cross;
  if (book?.isTrusted !== true || level === undefined) return undefined;
  const out = waysBack(book, cross, { bars: facts.bars, target: undefined }).find(
    ({ goal }) => goal.kind === "transfer-out",
  );
  if (out?.inDebt === undefined) return undefined;
  const limit = format.limit(TRANSFER_OUT_LEVEL, 0);
  const why = FLAG_WORDS[language].outNeeds(limit, format.level(level, TRANSFER_OUT_LEVEL));
  return WORDS[language].join([why, unlockLine(out, language)]);
}

// ---------------------------------------------------------------- isolated pairs

function pairLines(facts: FieldFacts, pair: PairAnswer, { language }: format.Locale): readonly (readonly string[])[] {
  const { field, target, observation } = facts;
  const isDistance = field === "liquidationDistancePct" && target !== undefined;
  const pct = isDistance ? target : distanceTarget(observation.values.liquidationDistancePct);
  const remedies = pairRemedies(pair, pct);
  const goal = WORDS[language].backToDistance(format.limit(pct, 0));
  return [[waysLine(goal, remedies, language, remedies?.inDebt)], [pairLadder(pair, language)], []];
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

// ---------------------------------------------------------------- amounts

/** Empty when nothing leads there. */
function waysLine(
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
const amountText = ({ value, asset }: Amount, kind: "enough" | "about" = "enough"): string =>
  `${format.unpadded(kind === "enough" ? format.amountUp(value) : format.plain(value))} ${asset}`;
