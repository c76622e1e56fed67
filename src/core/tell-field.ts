// What is said of an alert on a field: its value beside its threshold, how far liquidation is, what would bring it back, since when.
import * as format from "./format.ts";
import { crossDistancePct, isLong, type Observation } from "./observe.ts";
import type { CrossAnswer, PairAnswer, Section, Severity } from "./ports.ts";
import { crossRemedies, pairRemedies, type Remedies } from "./remedy.ts";
import { type FieldInfo, type FieldName, fieldInfo } from "./rules/fields.ts";
import type { FieldFacts, Situation } from "./situation.ts";
import { transferOutMeans, transferOutReason } from "./tell-flags.ts";
import { WORDS, type Words } from "./words/index.ts";

/** Distance in percent that an isolated pair's remedies lead back to when no rule names one: at least this, … */
const DISTANCE_TARGET_PCT = 10;
/** … and a quarter more than it has, in steps that people can say. */
const DISTANCE_GAIN = 1.25;
const DISTANCE_STEP_PCT = 5;

export function fieldLines(
  facts: FieldFacts,
  situation: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = WORDS[locale.language];
  if (situation.transition.kind === "resolved") return [ending(facts, situation, nowMs, locale)];
  return [
    ...dangers(facts, locale.language),
    ...unlocking(facts, locale.language),
    ...remedy(facts, words),
    timing(facts, situation, nowMs, locale),
  ];
}

export function fieldHeadline(
  facts: FieldFacts,
  kind: Section["kind"],
  subject: string,
  words: Words,
  from: Severity | null,
): string {
  const { field, observation, verdict } = facts;
  const raw = verdict?.value ?? observation.values[field];
  if (raw === undefined || (verdict === undefined && !observation.hasDebt && fieldInfo(field).needsDebt)) {
    return words.is(subject, `${words.field[field]}:`, words.noDebt);
  }
  const text = words.is(subject, words.field[field], valueText(field, raw, verdict?.threshold, words));
  if (kind === "lowered" && from !== null) return `${text} (${words.was(from)})`;
  if (verdict?.threshold === undefined || verdict.breached === null) return text;
  const limit = limitText(field, verdict.threshold);
  return `${text} (${facts.ladder === "above" ? words.above(limit) : words.below(limit)})`;
}

export function valueText(
  field: FieldName,
  value: number | string | boolean,
  beside: number | undefined,
  words: Words,
): string {
  if (typeof value === "number") return numberText(field, value, beside);
  if (typeof value === "boolean") return words.flag(value);
  return fieldInfo(field).type === "status" ? words.status(value) : value;
}

function numberText(field: FieldName, value: number, beside?: number): string {
  const info: FieldInfo = fieldInfo(field);
  if (info.isLevel) return format.level(value, beside);
  if (info.unit === "%") return `${format.percent(value, beside)} %`;
  return info.unit === undefined ? format.plain(value, beside) : `${format.plain(value, beside)} ${info.unit}`;
}

/** A threshold, with all its digits: 1.3601 is below 1.365 and not "below 1.36". */
function limitText(field: FieldName, threshold: number): string {
  const { isLevel, unit }: FieldInfo = fieldInfo(field);
  const text = format.limit(threshold, isLevel ? 2 : 0);
  return unit === undefined ? text : `${text} ${unit}`;
}

/** Distance to liquidation, and what a flag or a status means. */
function dangers(facts: FieldFacts, language: format.Language): readonly string[] {
  const words = WORDS[language];
  const { field, verdict, observation } = facts;
  const out: string[] = [];
  if (isLocked(facts)) out.push(transferOutMeans(crossOf(facts), language));
  if (field === "marginLevelStatus" && typeof verdict?.value === "string") {
    out.push(words.statusMeans(verdict.value, verdict.isUnknownStatus) ?? "");
  }
  const { marginLevel } = observation.values;
  if (field !== "marginLevel" && typeof marginLevel === "number" && observation.hasDebt) {
    out.push(words.levelNow(format.level(marginLevel)));
  }
  out.push(distance(facts, words));
  return [words.join(out.filter((text) => text !== ""))];
}

/** What keeps transfers out of the account off, and what would unlock them. */
function unlocking(facts: FieldFacts, language: format.Language): readonly string[] {
  const cross = crossOf(facts);
  const reason = cross !== undefined && isLocked(facts) ? transferOutReason(cross, language) : undefined;
  return reason === undefined ? [] : [reason];
}

const isLocked = ({ field, verdict }: FieldFacts): boolean =>
  field === "transferOutEnabled" && verdict?.value === false;

const crossOf = ({ observation: { source } }: FieldFacts): CrossAnswer | undefined =>
  source !== undefined && "source" in source ? source : undefined;

function distance({ observation, bars }: FieldFacts, words: Words): string {
  const { source, values, hasDebt, subject } = observation;
  if (source === undefined || !hasDebt) return "";
  if (subject === "cross") {
    const level = values.marginLevel;
    if (typeof level !== "number" || values.accountType === "MARGIN_2") return "";
    const bar = format.limit(bars.forceLiquidationBar, 2);
    const awayPct = crossDistancePct(level, bars.forceLiquidationBar);
    return awayPct > 0 ? words.crossDistance(bar, format.percent(awayPct, 0)) : words.crossPassed(bar);
  }
  return "symbol" in source ? pairDistance(source, values.liquidationDistancePct, words) : "";
}

function pairDistance(pair: PairAnswer, awayPct: unknown, words: Words): string {
  const { base, quote, liquidatePrice, indexPrice } = pair;
  if (!base || !quote || !liquidatePrice || !indexPrice || typeof awayPct !== "number") return "";
  const at = `${format.price(liquidatePrice)} ${quote.asset}`;
  if (awayPct === 0) return words.pairPassed(at);
  return words.pairDistance(at, format.percent(awayPct, 0), !isLong(base, quote), format.price(indexPrice));
}

/** What money can do about it. A flag such as tradeEnabled comes back by no payment. */
function remedy(facts: FieldFacts, words: Words): readonly string[] {
  const { field, target, observation } = facts;
  const { source, hasDebt } = observation;
  if (source === undefined || !hasDebt) return [];
  const isDistance = field === "liquidationDistancePct" && target !== undefined;
  if (!("symbol" in source)) {
    const level = crossTarget(facts);
    if (level === undefined) return [];
    const goal = isDistance ? words.backToDistance(format.limit(target, 0)) : words.backToLevel(format.limit(level, 2));
    return ways(goal, crossRemedies(source, level), words);
  }
  if (!isDistance && field !== "marginLevel" && field !== "marginLevelStatus") return [];
  const pct = isDistance ? target : distanceTarget(observation);
  return ways(words.backToDistance(format.limit(pct, 0)), pairRemedies(source, pct), words);
}

/** The level that a cross account must get back to, by what the rule watches. */
function crossTarget({ field, target, bars }: FieldFacts): number | undefined {
  if (field === "marginLevelStatus") return bars.normalBar;
  if (field === "marginLevel") return target;
  const isReachable = field === "liquidationDistancePct" && target !== undefined && target < 100;
  return isReachable ? bars.forceLiquidationBar / (1 - target / 100) : undefined;
}

function distanceTarget({ values: { liquidationDistancePct: pct } }: Observation): number {
  const better = typeof pct === "number" ? Math.ceil((pct * DISTANCE_GAIN) / DISTANCE_STEP_PCT) * DISTANCE_STEP_PCT : 0;
  return Math.max(DISTANCE_TARGET_PCT, better);
}

function ways(goal: string, remedies: Remedies | undefined, words: Words): readonly string[] {
  const [add, repay, sell] = [remedies?.add, remedies?.repay, remedies?.sell].map((amount) =>
    amount === undefined ? undefined : `${format.amountUp(amount.value)} ${amount.asset}`,
  );
  return add === undefined && repay === undefined && sell === undefined ? [] : [words.ways(goal, add, repay, sell)];
}

/** Since when, and how old the data is. */
function timing({ observation }: FieldFacts, { transition }: Situation, nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  const { state } = transition;
  const begun = format.zonedTime(state.sinceMs, nowMs, locale);
  const { previous } = state;
  const from =
    previous === null
      ? undefined
      : {
          severity: previous.severity,
          time: format.timeBeside(previous.sinceMs, state.sinceMs, nowMs, locale),
          rising: transition.kind !== "lowered",
        };
  const since =
    transition.kind === "reminded"
      ? words.sinceFor(state.severity, begun, format.duration(nowMs - state.sinceMs, locale.language))
      : words.since(state.severity, begun, from);
  const age = format.duration(nowMs - observation.atMs, locale.language);
  return words.join([since, words.data(age, format.clockSeconds(observation.atMs, locale))]);
}

/** How it was, when it is over. */
function ending(
  { observation, field, ladder }: FieldFacts,
  { transition }: Situation,
  nowMs: number,
  locale: format.Locale,
): string {
  const words = WORDS[locale.language];
  const { openedAtMs, peak, worst, messages } = transition.state;
  const extreme =
    worst === null
      ? undefined
      : {
          value: numberText(field, worst.value),
          time: format.zonedTime(worst.atMs, nowMs, locale),
          lower: ladder === "below",
        };
  const lasted = words.lasted(peak, format.duration(nowMs - openedAtMs, locale.language), extreme);
  const noDebt = !observation.hasDebt && fieldInfo(field).type !== "flag" ? words.debtGone : "";
  return words.join([lasted, words.messages(messages), noDebt].filter((text) => text !== ""));
}
