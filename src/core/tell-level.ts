// What is said of a margin level beside the distance: the ways back, prices of liquidation, what falls would do, what moved it, what the
// debt costs. The one thing to know: every line stands alone, and where something is not known its line is absent.

import { assetDistances } from "./distance.ts";
import * as format from "./format.ts";
import { isQuotient, type Observation } from "./observe.ts";
import type { CrossAnswer } from "./ports.ts";
import { type Book, type PricedBook, priceBook, STABLE_COINS } from "./priced.ts";
import { type Amount, crossRemedies } from "./remedy.ts";
import type { FieldFacts } from "./situation.ts";
import { stressLadder } from "./stress.ts";
import { asTold, fallLine, isFall, movedLines } from "./tell-cause.ts";
import { pairLines } from "./tell-pair.ts";
import { valueText } from "./tell-value.ts";
import { amountText, levelsOf, waysLine } from "./tell-ways.ts";
import { TRANSFER_OUT_LEVEL } from "./unlock.ts";
import { type Ways, waysBack, waysToCollateral } from "./ways.ts";
import { CAUSE_WORDS } from "./words/cause.ts";
import { DISTANCE_WORDS } from "./words/distance.ts";
import { FLAG_WORDS } from "./words/flags.ts";
import { WORDS } from "./words/index.ts";

/** Prices of liquidation of so many assets: who reads is on a phone. */
const ALONE_MAX = 3;
/** Assets that are named, before the rest is a count. */
const NAMED_MAX = 3;
/** What interest a day costs of a stable coin is not told below this: it would read as 0.00. */
const CENTS_MIN = 0.005;

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
  const lines = "symbol" in source ? pairLines(facts, source, locale.language) : crossLines(facts, source, locale);
  const last = lines.at(-1) ?? [];
  return [...lines.slice(0, -1).flat(), movementLine(facts, nowMs, locale), ...last].filter((line) => line !== "");
}

/** What moved it, and what the debt costs. */
export function movementLine(facts: FieldFacts, nowMs: number, locale: format.Locale): string {
  const { insight, observation, verdict, field } = facts;
  const { language } = locale;
  if (!observation.hasDebt) return "";
  const shown = (value: number) => valueText(field, value, undefined, language);
  const { fall, threshold } = verdict ?? {};
  return WORDS[language].join([
    ...(fall === undefined ? [] : [fallLine(fall, shown, observation.atMs, language, threshold)]),
    ...sinceBefore(facts, nowMs, locale),
    ...(isWorthTelling(insight?.costPerDay)
      ? [CAUSE_WORDS[language].cost(amountText(insight.costPerDay, "about"))]
      : []),
  ]);
}

/** What moved it since before the alert. Beside a fall nobody wants to read that it rose. */
function sinceBefore(
  { insight, observation, ladder, field, verdict }: FieldFacts,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  if (insight?.moved === undefined || !isTold(observation)) return [];
  const moved = asTold(insight.moved.moved, observation.values.marginLevel);
  if (ladder === "drop" && !isFall(moved)) return [];
  const beside = field === "marginLevel" && ladder !== "drop" ? verdict?.threshold : undefined;
  return movedLines(moved, format.zonedTime(insight.moved.sinceMs, nowMs, locale), locale.language, beside);
}

/** Of an account whose level is not assets over liabilities no movement is told. */
const isTold = ({ source }: Observation): boolean =>
  source === undefined || !("source" in source) || isQuotient(source);

function isWorthTelling(cost: Amount | undefined): cost is Amount {
  if (cost === undefined || Number(format.plain(cost.value)) === 0) return false;
  return cost.value >= CENTS_MIN || (cost.value > 0 && !STABLE_COINS.has(cost.asset));
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
  const collateral = collateralLine(facts, cross, book, language);
  if (book === undefined) {
    const back =
      level === undefined ? "" : waysLine(goalText(facts, level, language), crossRemedies(cross, level), language);
    return [[back, collateral], [whyNot(found, insight !== undefined && insight.prices === undefined, language)], []];
  }
  const ways = waysBack(book, cross, { bars, target: level });
  const lineTo = (kind: Ways["goal"]["kind"], goal: string) =>
    ways.filter((each) => each.goal.kind === kind).map((each) => waysLine(goal, each.inUnit, language, each.inDebt));
  const words = DISTANCE_WORDS[language];
  const bar = bars.forceLiquidationBar;
  const prices = [aloneLine(book, bar, language), ladderLine(book, bar, language)];
  return [
    [...lineTo("rule", level === undefined ? "" : goalText(facts, level, language)), collateral],
    lineTo("margin-call", words.outOfCall(format.limit(bars.marginCallBar, 2))),
    prices,
    unlockLines(facts, cross, ways, language),
  ];
}

/** The margin level that a cross account must get back to, by what the rule watches. Of what lies too high no amount is told. */
function crossTarget({ field, ladder, target, bars }: FieldFacts): number | undefined {
  const isSpeed = ladder === "drop";
  if (ladder === "above") return undefined;
  if (field === "marginLevelStatus" || field === "minutesToLiquidation") return bars.normalBar;
  if (isSpeed && (target === undefined || !ABOUT_LEVEL.has(field))) return bars.normalBar;
  if (field === "marginLevel") return target;
  const isReachable = field === "liquidationDistancePct" && target !== undefined && target < 100;
  return isReachable ? bars.forceLiquidationBar / (1 - target / 100) : undefined;
}

function goalText({ field, target }: FieldFacts, level: number, language: format.Language): string {
  const words = WORDS[language];
  if (field === "liquidationDistancePct" && target !== undefined) return words.backToDistance(format.limit(target, 0));
  const text = format.limit(level, 2);
  return field === "collateralMarginLevel" ? words.backToMarginLevel(text) : words.backToLevel(text);
}

/** The way back of a rule on the collateral margin level: to that level. */
function collateralLine(
  { field, ladder, target }: FieldFacts,
  cross: CrossAnswer,
  book: Book | undefined,
  language: format.Language,
): string {
  if (field !== "collateralMarginLevel" || ladder === "above" || target === undefined) return "";
  const ways = waysToCollateral(book, cross, target);
  const goal = WORDS[language].backToCollateral(format.limit(target, 2));
  return waysLine(goal, ways?.inUnit, language, ways?.inDebt);
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
