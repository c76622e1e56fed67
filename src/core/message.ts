// A situation becomes what people read. The first line must be enough on a locked phone: how bad, where, how far; the second
// says what to do. Words come from words/, numbers from format.ts; this file only decides what is said.
import type { Blindness } from "./feed.ts";
import * as format from "./format.ts";
import type { Firing } from "./lifecycle.ts";
import { crossDistancePct, isLong, type Observation, sourceOf, symbolOf } from "./observe.ts";
import { type AlertId, type Message, type PairAnswer, SEVERITIES, type Section, type Severity } from "./ports.ts";
import { crossRemedies, pairRemedies, type Remedies } from "./remedy.ts";
import type { FieldInfo, FieldName } from "./rules/fields.ts";
import { fieldInfo } from "./rules/fields.ts";
import type { Facts, FieldFacts, Known, Situation } from "./situation.ts";
import { en, type Words } from "./words/en.ts";
import { zh } from "./words/zh.ts";

/** Distance in percent that an isolated pair's remedies lead back to when no rule names one: at least this, … */
const DISTANCE_TARGET_PCT = 10;
/** … and a quarter more than it has, in steps that people can say. */
const DISTANCE_GAIN = 1.25;
const DISTANCE_STEP_PCT = 5;

type GoneFacts = Extract<Facts, { about: "gone" }>;

/** Subjects that a blind message lists. */
const LAST_SEEN_MAX = 5;
/** A time within this needs no date. */
const TODAY_MS = 12 * 3_600_000;

const WORDS: Readonly<Record<format.Language, Words>> = { en, "zh-CN": zh };

export function wordsOf(language: format.Language): Words {
  return WORDS[language];
}

/** One alert in words. `nowMs` is the time of the commit: ages and "since" are seen from there. */
export function section(situation: Situation, nowMs: number, locale: format.Locale): Section {
  const { transition } = situation;
  return {
    kind: transition.kind,
    severity: transition.severity,
    headline: headline(situation, nowMs, locale),
    lines: lines(situation, nowMs, locale).filter((line) => line !== ""),
    ref: `#${transition.state.incident}-${transition.state.seq}`,
  };
}

/** The line of an alert that did not change now, for the living message. */
export function standing(id: AlertId, state: Firing, locale: format.Locale): string {
  const words = WORDS[locale.language];
  const value = typeof state.value === "number" ? ` ${format.plain(state.value)}` : "";
  return `${words.headSeverity[state.severity]} · ${id.account} · ${words.subject(id.subject)} · ${id.rule}${value} #${state.incident}-${state.seq}`;
}

/** E-mail subject of the conversation that these situations open: it names the alert, never its state. */
export function conversation(situations: readonly Situation[], language: format.Language): string {
  const words = WORDS[language];
  const [first] = situations;
  if (first === undefined) return "margind";
  const account = first.id.account;
  if (situations.length === 1) return words.mailSubject(account, about(first, words));
  const subjects = [...new Set(situations.map(({ id }) => symbolOf(id.subject) || words.subject(id.subject)))];
  return words.mailSubjectMany(account, situations.length, subjects.slice(0, 3).join(", "));
}

// ---------------------------------------------------------------- the first line

function headline({ id, transition, facts }: Situation, nowMs: number, { language }: format.Locale): string {
  const words = WORDS[language];
  const subject = words.subject(id.subject);
  const head = (text: string) =>
    `${headWord(transition.kind, transition.severity, id.rule, words)} · ${id.account} · ${text}`;
  switch (facts.about) {
    case "field":
      return head(fieldHeadline(facts, transition.kind, subject, words, transition.from));
    case "blind": {
      const lastedMs = facts.blindness?.silentMs ?? nowMs - transition.state.openedAtMs;
      const lasted = format.duration(lastedMs, language);
      return head(transition.kind === "resolved" ? words.seesAgain(lasted) : words.blind(lasted));
    }
    case "config": {
      const { problem } = facts;
      if (problem === undefined) return head(`${subject}: ${words.configRight}`);
      if (problem.kind === "disorder") return head(`${subject}: ${words.disorder(problem.rule)}`);
      return head(`${subject}: ${problem.kind === "not_opened" ? words.notOpened : words.notCreated}`);
    }
    case "gone":
      return head(`${subject}: ${facts.back === undefined ? words.gone : words.goneBack}`);
    case "removed":
      return head(`${subject} ${words.removed(facts.field ?? id.rule)}`);
  }
}

function headWord(kind: Section["kind"], severity: Severity, rule: string, words: Words): string {
  if (kind === "resolved") return words.head.resolved;
  if (kind === "ended") return words.head.ended;
  if (rule === "blind") return kind === "reminded" ? words.head.stillBlind : words.head.blind;
  return kind === "reminded" ? words.head.still(words.headSeverity[severity]) : words.headSeverity[severity];
}

function fieldHeadline(
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

function valueText(
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

function about({ id, facts }: Situation, words: Words): string {
  const subject = words.subject(id.subject);
  if (facts.about === "field") return words.is(subject, words.field[facts.field], "").trim();
  if (facts.about === "blind") return words.head.blind.toLowerCase();
  return facts.about === "gone" ? `${subject}: ${words.gone}` : `${subject}: ${id.rule}`;
}

// ---------------------------------------------------------------- what follows

function lines(situation: Situation, nowMs: number, locale: format.Locale): readonly string[] {
  const { facts, transition } = situation;
  const words = WORDS[locale.language];
  switch (facts.about) {
    case "field":
      return transition.kind === "resolved"
        ? [ending(facts, situation, nowMs, locale)]
        : [...dangers(facts, words), ...remedy(facts, words), timing(facts, situation, nowMs, locale)];
    case "blind":
      return blindLines(facts.blindness, facts.known, nowMs, locale);
    case "config": {
      const { problem } = facts;
      if (problem === undefined) return [];
      if (problem.kind === "disorder") return [words.disorderDo(problem.milder, problem.worse)];
      return [problem.kind === "not_opened" ? words.notOpenedDo : words.notCreatedDo];
    }
    case "gone":
      return goneLines(facts, nowMs, locale);
    case "removed":
      return [words.removedDo];
  }
}

/** Distance to liquidation, and what a flag or a status means. */
function dangers(facts: FieldFacts, words: Words): readonly string[] {
  const { field, verdict, observation } = facts;
  const out: string[] = [];
  if (field === "transferOutEnabled" && verdict?.value === false) out.push(words.transferOutMeans);
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
  const zone = format.zoneName(nowMs, locale.timezone);
  const at = (ms: number) => format.clockTime(ms, nowMs, locale);
  const { previous } = state;
  const from =
    previous === null
      ? undefined
      : { severity: previous.severity, time: at(previous.sinceMs), rising: transition.kind !== "lowered" };
  const since =
    transition.kind === "reminded"
      ? words.sinceFor(
          state.severity,
          `${at(state.sinceMs)} ${zone}`,
          format.duration(nowMs - state.sinceMs, locale.language),
        )
      : words.since(state.severity, `${at(state.sinceMs)} ${zone}`, from);
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
  const zone = format.zoneName(nowMs, locale.timezone);
  const extreme =
    worst === null
      ? undefined
      : {
          value: numberText(field, worst.value),
          time: `${format.clockTime(worst.atMs, nowMs, locale)} ${zone}`,
          lower: ladder === "below",
        };
  const lasted = words.lasted(peak, format.duration(nowMs - openedAtMs, locale.language), extreme);
  const noDebt = !observation.hasDebt && fieldInfo(field).type !== "flag" ? words.debtGone : "";
  return words.join([lasted, words.messages(messages), noDebt].filter((text) => text !== ""));
}

// ---------------------------------------------------------------- blindness and disappearance

function blindLines(
  blindness: Blindness | undefined,
  known: readonly Known[],
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = WORDS[locale.language];
  const firing = known.filter(({ severity }) => severity !== null).map((item) => knownText(item, words));
  const still = firing.length === 0 ? words.nothingFiring : words.stillFiring(firing);
  if (blindness === undefined) return [still];
  const because = cause(blindness, nowMs, locale);
  const { failure } = blindness;
  const last = lastSeenBefore(blindness, known, nowMs, locale);
  return [words.join([because, last]), words.join([words.blindMeans, still, words.byHand(failure)])];
}

function cause({ failure, invalid, source }: Blindness, nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  if (invalid !== null) return words.unreadable(words.source[source], invalid);
  if (failure === null) return words.noAnswerYet;
  const { untilMs } = failure;
  if (untilMs === undefined) return words.failure(failure, undefined);
  const time = `${format.clockTime(untilMs, nowMs, locale)} ${format.zoneName(untilMs, locale.timezone)}`;
  return words.failure(failure, { time, left: format.duration(untilMs - nowMs, locale.language) });
}

/** What is out of sight now, as it was when it was last seen. What another source still shows is not out of sight. */
function lastSeenBefore(
  { sources, lastOkAtMs }: Blindness,
  known: readonly Known[],
  nowMs: number,
  locale: format.Locale,
): string {
  const words = WORDS[locale.language];
  const lost = known.filter(({ subject }) => sources.includes(sourceOf(subject)));
  const worth = lost.filter(({ level }) => level !== null).slice(0, LAST_SEEN_MAX);
  if (worth.length > 0) return lastSeen(worth, nowMs, locale);
  return lastOkAtMs === null ? words.neverSeen : words.lastSeenNothing;
}

/** The worst few subjects with debt as they were last seen. */
function lastSeen(known: readonly Known[], nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  const newestMs = Math.max(...known.map(({ atMs }) => atMs));
  const isToday = Math.abs(nowMs - newestMs) < TODAY_MS;
  const time = isToday ? format.clockSeconds(newestMs, locale) : format.clockTime(newestMs, nowMs, locale);
  return words.lastSeen(
    known.map((item) => knownText(item, words)),
    `${time} ${format.zoneName(newestMs, locale.timezone)}`,
  );
}

function knownText({ subject, level, severity }: Known, words: Words): string {
  const text = level === null ? words.subject(subject) : `${words.subject(subject)} ${format.level(level)}`;
  return severity === null ? text : `${text} (${words.severity[severity]})`;
}

function goneLines({ last, back }: GoneFacts, nowMs: number, locale: format.Locale): readonly string[] {
  const words = WORDS[locale.language];
  const seen = last === undefined ? [] : [lastSeen([last], nowMs, locale)];
  if (back === undefined) return [words.join([words.goneMeans, ...seen]), words.goneDo];
  return back === "with debt" ? [words.goneBackInDebt] : [words.debtGone];
}

// ---------------------------------------------------------------- several alerts in one message

/** Told in full; the rest by its first line. */
const FULL_SECTIONS = 5;

/** What a message holds besides its sections. */
interface Extra {
  readonly account: string;
  readonly subject: string;
  /** Living messages only: alerts of the conversation that did not change now, worst first, one line each. */
  readonly standing?: readonly { readonly severity: Severity; readonly text: string }[];
  /** Living messages only: how many alerts the conversation began with. */
  readonly size?: number;
}

/** Sections (worst first already) as one message. */
export function compose(sections: readonly Section[], extra: Extra, language: format.Language): Message {
  const standing = extra.standing ?? [];
  const firing = [...sections.filter(({ kind }) => !isOver(kind)), ...standing].map(({ severity }) => severity);
  const severity = SEVERITIES.findLast((rung) => firing.includes(rung)) ?? "resolved";
  const more = sections.slice(FULL_SECTIONS).map(({ headline, ref }) => `${headline} ${ref}`);
  return {
    kind: loudest(sections),
    severity,
    title: title(sections, firing.length, severity, extra, WORDS[language]),
    sections: sections.slice(0, FULL_SECTIONS),
    more: [...more, ...standing.map(({ text }) => text)],
    subject: extra.subject,
  };
}

function title(
  sections: readonly Section[],
  firing: number,
  severity: Message["severity"],
  { account, size, standing = [] }: Extra,
  words: Words,
): string {
  const [only] = sections;
  const total = sections.length + standing.length;
  if (only !== undefined && total === 1 && (size ?? 1) === 1) return only.headline;
  const head = severity === "resolved" ? words.head.resolved : words.headSeverity[severity];
  const text = size === undefined ? words.count(total) : words.countFiring(firing, Math.max(size, total));
  return `${head} · ${account} · ${text}`;
}

/** The message of `margind test-notify`. */
export function testMessage(notifier: string, ref: string, language: format.Language): Message {
  const words = WORDS[language];
  const headlineText = `${words.head.test} · ${words.testHead(notifier)}`;
  const only: Section = { kind: "test", severity: "info", headline: headlineText, lines: [words.testLine], ref };
  return {
    kind: "test",
    severity: "info",
    title: headlineText,
    sections: [only],
    more: [],
    subject: words.testSubject,
  };
}

export const isOver = (kind: Section["kind"]): boolean => kind === "resolved" || kind === "ended";

const LOUDEST_FIRST = ["raised", "opened", "reminded", "ended", "resolved", "lowered", "test"] as const;

function loudest(sections: readonly Section[]): Section["kind"] {
  return LOUDEST_FIRST.find((kind) => sections.some((item) => item.kind === kind)) ?? "lowered";
}
