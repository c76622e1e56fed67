// What is said below the first line of an alert on a field: how far liquidation is, what would bring it back, since when; and how it was,
// when it is over. The order is that of a lock screen: distance and pace, the way out, the rest.
import { MATTERS_PCT, pairDistance } from "./distance.ts";
import * as format from "./format.ts";
import { crossDistancePct, isQuotient } from "./observe.ts";
import type { CrossAnswer, PairAnswer } from "./ports.ts";
import { type IncidentReport, reportLines } from "./report.ts";
import { fieldInfo } from "./rules/fields.ts";
import type { FieldFacts, Situation } from "./situation.ts";
import { asTold, paceLine } from "./tell-cause.ts";
import { transferOutMeans, transferOutReason } from "./tell-flags.ts";
import { isAboutLevel, levelLines, movementLine, unlockingInDebt } from "./tell-level.ts";
import { worstShown } from "./tell-value.ts";
import { WORDS } from "./words/index.ts";

export function fieldLines(
  facts: FieldFacts,
  situation: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  if (situation.transition.kind === "resolved") return ending(facts, situation, nowMs, locale);
  return [
    dangers(facts, locale.language),
    ...unlocking(facts, locale.language),
    ...(isAboutLevel(facts) ? levelLines(facts, nowMs, locale) : []),
    isLocked(facts) ? movementLine(facts, nowMs, locale) : "",
    timing(facts, situation, nowMs, locale),
  ];
}

/** Distance to liquidation and how fast it shrinks, and what a flag or a status means. */
function dangers(facts: FieldFacts, language: format.Language): string {
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
  out.push(...distance(facts, language));
  return words.join(out.filter((text) => text !== ""));
}

/** What keeps transfers out of the account off, and what would unlock them. */
function unlocking(facts: FieldFacts, language: format.Language): readonly string[] {
  const cross = crossOf(facts);
  if (cross === undefined || !isLocked(facts)) return [];
  const reason = unlockingInDebt(facts, cross, language) ?? transferOutReason(cross, language);
  return reason === undefined ? [] : [reason];
}

const isLocked = ({ field, verdict }: FieldFacts): boolean =>
  field === "transferOutEnabled" && verdict?.value === false;

const crossOf = ({ observation: { source } }: FieldFacts): CrossAnswer | undefined =>
  source !== undefined && "source" in source ? source : undefined;

function distance(facts: FieldFacts, language: format.Language): readonly string[] {
  const { source, values, hasDebt } = facts.observation;
  if (source === undefined || !hasDebt) return [];
  if ("symbol" in source) return pairAway(facts, source, language);
  const words = WORDS[language];
  const level = values.marginLevel;
  if (typeof level !== "number" || !isQuotient(source)) return [];
  const { forceLiquidationBar } = facts.bars;
  const bar = format.limit(forceLiquidationBar, 2);
  const awayPct = crossDistancePct(level, forceLiquidationBar);
  if (awayPct <= 0) return [words.crossPassed(bar)];
  return [words.crossDistance(bar, format.percent(awayPct, 0)), pace(facts, language)];
}

function pairAway(facts: FieldFacts, pair: PairAnswer, language: format.Language): readonly string[] {
  const words = WORDS[language];
  const base = pairDistance(pair)?.base;
  if (base === undefined || typeof facts.observation.values.liquidationDistancePct !== "number") return [];
  const at = `${format.price(base.price)} ${base.unit}`;
  if (base.awayPct === 0) return [words.pairPassed(at)];
  if (base.direction === "fall" && base.awayPct >= MATTERS_PCT) return []; // to next to nothing: that is no news
  const [pct, index] = [format.percent(base.awayPct, 0), format.price(base.priceNow)];
  return [words.pairDistance(at, pct, base.direction === "rise", index), pace(facts, language)];
}

/** Behind a distance that is left; a first line that tells the time is enough. */
function pace({ field, ladder, insight }: FieldFacts, language: format.Language): string {
  const isTold = field === "minutesToLiquidation" && ladder !== "drop";
  const minutes = insight?.minutes;
  return isTold || minutes === undefined || minutes.toMin === 0 ? "" : paceLine(minutes, language);
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

function movement(facts: FieldFacts, moved: IncidentReport["moved"]): IncidentReport["moved"] {
  const cross = crossOf(facts);
  if (cross !== undefined && !isQuotient(cross)) return undefined;
  return moved?.kind === "moved" ? asTold(moved, facts.observation.values.marginLevel) : moved;
}

/** How it was, when it is over. */
function ending(facts: FieldFacts, { transition }: Situation, nowMs: number, locale: format.Locale): readonly string[] {
  const words = WORDS[locale.language];
  const { observation, field, insight } = facts;
  const worstNow = insight?.report === undefined ? transition.state.worst : insight.report.worst;
  const shown = worstShown(facts, worstNow?.value, locale.language);
  const noDebt = !observation.hasDebt && fieldInfo(field).type !== "flag" ? words.debtGone : "";
  if (insight?.report !== undefined) {
    const moved = movement(facts, insight.report.moved);
    return [...reportLines({ ...insight.report, moved }, shown, nowMs, locale), noDebt];
  }
  const { openedAtMs, peak, worst, messages } = transition.state;
  const extreme = worst && {
    value: shown.value(worst.value),
    time: format.zonedTime(worst.atMs, nowMs, locale),
    lower: shown.lower,
  };
  const lasted = words.lasted(peak, format.duration(nowMs - openedAtMs, locale.language), extreme ?? undefined);
  return [words.join([lasted, words.messages(messages), noDebt].filter((text) => text !== ""))];
}
