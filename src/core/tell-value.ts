// A value of a field as people say it, and the first line of an alert on a field. The one thing to know: the value of a rule on speed is
// the fall in percent, whatever its field is counted in.
import * as format from "./format.ts";
import type { Section, Severity } from "./ports.ts";
import type { Rule } from "./rules/compile.ts";
import { type FieldInfo, type FieldName, fieldInfo } from "./rules/fields.ts";
import type { FieldFacts } from "./situation.ts";
import { leftText } from "./tell-cause.ts";
import { CAUSE_WORDS } from "./words/cause.ts";
import { DISTANCE_WORDS } from "./words/distance.ts";
import { WORDS } from "./words/index.ts";

export function fieldHeadline(
  facts: FieldFacts,
  kind: Section["kind"],
  subject: string,
  language: format.Language,
  from: Severity | null,
): string {
  const words = WORDS[language];
  const text = whatNow(facts, kind, subject, language);
  if (text === undefined) return words.is(subject, `${words.field[facts.field]}:`, words.noDebt);
  if (kind === "lowered" && from !== null) return `${text}${words.aside(words.was(from))}`;
  return `${text}${limitOf(facts, language)}`;
}

/** Undefined: nothing is owed, so there is nothing to tell. */
function whatNow(
  facts: FieldFacts,
  kind: Section["kind"],
  subject: string,
  language: format.Language,
): string | undefined {
  const { field, ladder, observation, verdict } = facts;
  if (verdict === undefined && !observation.hasDebt && fieldInfo(field).needsDebt) return undefined;
  if (ladder === "drop") return speed(facts, kind, subject, language);
  if (field === "minutesToLiquidation") return timeLeft(facts, kind, subject, language);
  const raw = verdict?.value ?? observation.values[field];
  if (raw === undefined) return undefined;
  return stands(subject, field, raw, verdict?.threshold, language);
}

/** "cross margin level 1.24"; of a distance that is passed "cross: 5.5 % below the liquidation bar". */
function stands(
  subject: string,
  field: FieldName,
  value: number | string | boolean,
  beside: number | undefined,
  language: format.Language,
): string {
  const words = WORDS[language];
  const text = valueText(field, value, beside, language);
  return isPassed(field, value)
    ? CAUSE_WORDS[language].head.passed(subject, text)
    : words.is(subject, words.field[field], text);
}

const isPassed = (field: FieldName, value: unknown): value is number =>
  field === "liquidationDistancePct" && typeof value === "number" && value < 0;

function limitOf({ field, ladder, verdict }: FieldFacts, language: format.Language): string {
  const words = WORDS[language];
  if (ladder === "drop" || field === "minutesToLiquidation") return "";
  if (verdict?.threshold === undefined || verdict.breached === null || isPassed(field, verdict.value)) return "";
  const limit = limitText(field, verdict.threshold);
  return words.aside(ladder === "above" ? words.above(limit) : words.below(limit));
}

/** "cross margin level 1.24, fell 11.3 % in 12 min" */
function speed(
  { field, observation, verdict }: FieldFacts,
  kind: Section["kind"],
  subject: string,
  language: format.Language,
): string {
  const words = WORDS[language];
  const { head } = CAUSE_WORDS[language];
  const fall = verdict?.fall;
  const now = fall?.to ?? observation.values[field];
  const nothing = () => words.is(subject, words.field[field], "").trim();
  const what = now === undefined ? nothing() : stands(subject, field, now, undefined, language);
  if (fall === undefined || kind === "resolved") return head.slower(what);
  const within = format.duration(observation.atMs - fall.fromAtMs, language);
  return head.fell(what, format.percent(fall.dropPct, verdict?.threshold), within);
}

/** "cross: liquidation 40–60 min away at this pace" */
function timeLeft(
  { observation, verdict, insight }: FieldFacts,
  kind: Section["kind"],
  subject: string,
  language: format.Language,
): string {
  const { head } = CAUSE_WORDS[language];
  const value = verdict?.value;
  if (kind === "resolved" || typeof value !== "number") return head.calm(subject);
  const minutes = insight?.minutes ?? { fromMin: value, toMin: value };
  const { liquidationDistancePct: awayPct } = observation.values;
  const isReached = minutes.toMin === 0 || (typeof awayPct === "number" && awayPct <= 0);
  return isReached ? head.reached(subject) : head.away(subject, leftText(minutes, language));
}

/** What an alert stands at, between two messages: "cross margin level 1.24", "cross margin level fell 11.3 %". */
export function standingText(
  subject: string,
  { field, ladder }: Pick<Rule, "field" | "ladder">,
  value: number | string | boolean | null,
  language: format.Language,
): string {
  const words = WORDS[language];
  const isSpeed = ladder.kind === "drop";
  if (value !== null && !isSpeed) return stands(subject, field, value, undefined, language).trim();
  const what = words.is(subject, words.field[field], "").trim();
  return isSpeed && typeof value === "number" ? CAUSE_WORDS[language].fellBy(what, format.percent(value)) : what;
}

/** What the alert watches, whatever it stands at: "cross margin level". */
export function watched({ field, ladder }: FieldFacts, subject: string, language: format.Language): string {
  const words = WORDS[language];
  const what = words.is(subject, words.field[field], "").trim();
  return ladder === "drop" ? CAUSE_WORDS[language].speed(what) : what;
}

/** The worst value of an incident in words, and whether that is the lowest; undefined: the words tell. */
export function worstShown({ field, ladder }: FieldFacts, worst: number | undefined, language: format.Language) {
  if (ladder === "drop") {
    return { value: (pct: number) => CAUSE_WORDS[language].worstFall(format.percent(pct)), lower: undefined };
  }
  const lower = isPassed(field, worst) ? undefined : ladder === "below";
  return { value: (value: number) => numberText(field, value, undefined, language), lower };
}

export function valueText(
  field: FieldName,
  value: number | string | boolean,
  beside: number | undefined,
  language: format.Language,
): string {
  const words = WORDS[language];
  if (typeof value === "number") return numberText(field, value, beside, language);
  if (typeof value === "boolean") return words.flag(value);
  return fieldInfo(field).type === "status" ? words.status(value) : value;
}

function numberText(field: FieldName, value: number, beside: number | undefined, language: format.Language): string {
  const info: FieldInfo = fieldInfo(field);
  if (isPassed(field, value)) return passedText(value, language);
  if (info.isLevel) return format.level(value, beside);
  if (info.unit === "min") return leftText({ fromMin: value, toMin: value }, language);
  if (info.unit === "%") return `${format.percent(value, beside)} %`;
  return info.unit === undefined ? format.plain(value, beside) : `${format.plain(value, beside)} ${info.unit}`;
}

/**
 * How far the level lies below the bar: of a distance d = 100·(1 − bar/level) it is 100·(1 − level/bar) = −100·d / (100 − d). Nothing is
 * counted below −100, so that is no number.
 */
function passedText(awayPct: number, language: format.Language): string {
  const words = DISTANCE_WORDS[language];
  const pct = format.percent((-100 * awayPct) / (100 - awayPct));
  return awayPct <= -100 || Number(pct) === 0 ? words.passed : words.passedBy(pct);
}

/** A threshold, with all its digits: 1.3601 is below 1.365 and not "below 1.36". */
function limitText(field: FieldName, threshold: number): string {
  const { isLevel, unit }: FieldInfo = fieldInfo(field);
  const text = format.limit(threshold, isLevel ? 2 : 0);
  return unit === undefined ? text : `${text} ${unit}`;
}
