// What is said when the daemon cannot see or cannot tell: why, what was last seen, what still fires, what to do by hand. And of a position that
// the exchange's answer no longer holds.

import type { ChannelTrouble } from "./channel.ts";
import type { Blindness } from "./feed.ts";
import * as format from "./format.ts";
import { sourceOf } from "./observe.ts";
import type { Facts, Known } from "./situation.ts";
import { WORDS, type Words } from "./words/index.ts";
import { RANKING_WORDS } from "./words/ranking.ts";

type GoneFacts = Extract<Facts, { about: "gone" }>;

/** Subjects that a blind message names. */
const LISTED_MAX = 5;
/** A time within this needs no date. */
const TODAY_MS = 12 * 3_600_000;

export function blindLines(
  blindness: Blindness | undefined,
  known: readonly Known[],
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = WORDS[locale.language];
  const firing = known.filter(({ severity }) => severity !== null);
  const text = (items: readonly Known[]) => words.stillFiring(listed(items, locale));
  if (blindness === undefined) return [firing.length === 0 ? words.nothingFiring : text(firing)];
  const { failure } = blindness;
  const lost = outOfSight(blindness, known);
  const others = firing.filter((item) => !lost.includes(item)); // those were just named with their severity
  const because = words.join([cause(blindness, nowMs, locale), lastSeenBefore(blindness, lost, nowMs, locale)]);
  const still = firing.length === 0 ? [words.nothingFiring] : others.length === 0 ? [] : [text(others)];
  return [because, words.join([words.blindMeans, ...still, words.byHand(failure)])];
}

function cause({ failure, invalid, source }: Blindness, nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  if (invalid !== null) return words.unreadable(words.source[source], invalid);
  if (failure === null) return words.noAnswerYet;
  const { untilMs } = failure;
  if (untilMs === undefined) return words.failure(failure, undefined);
  const time = format.zonedTime(untilMs, nowMs, locale);
  return words.failure(failure, { time, left: format.duration(untilMs - nowMs, locale.language) });
}

/** What is out of sight now, worst first. What another source still shows is not. */
function outOfSight({ sources }: Blindness, known: readonly Known[]): readonly Known[] {
  return known.filter(({ subject, level }) => level !== null && sources.includes(sourceOf(subject)));
}

/** The first few in words, the rest as a count. */
function listed(items: readonly Known[], { language }: format.Locale): readonly string[] {
  const first = items.slice(0, LISTED_MAX).map((item) => knownText(item, WORDS[language]));
  const more = items.length - first.length;
  return more === 0 ? first : [...first, RANKING_WORDS[language].andMore(more)];
}

function lastSeenBefore(
  { lastOkAtMs }: Blindness,
  lost: readonly Known[],
  nowMs: number,
  locale: format.Locale,
): string {
  const words = WORDS[locale.language];
  if (lost.length > 0) return lastSeen(lost, nowMs, locale);
  return lastOkAtMs === null ? words.neverSeen : words.lastSeenNothing;
}

/** The worst few subjects with debt as they were last seen. */
function lastSeen(known: readonly Known[], nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  const newestMs = Math.max(...known.map(({ atMs }) => atMs));
  const isToday = Math.abs(nowMs - newestMs) < TODAY_MS;
  const time = isToday ? format.clockSeconds(newestMs, locale) : format.clockTime(newestMs, nowMs, locale);
  return words.lastSeen(listed(known, locale), `${time} ${format.zoneName(newestMs, locale.timezone)}`);
}

function knownText({ subject, level, severity }: Known, words: Words): string {
  const text = level === null ? words.subject(subject) : `${words.subject(subject)} ${format.level(level)}`;
  return severity === null ? text : `${text} (${words.severity[severity]})`;
}

export function goneLines({ last, back }: GoneFacts, nowMs: number, locale: format.Locale): readonly string[] {
  const words = WORDS[locale.language];
  const seen = last === undefined ? [] : [lastSeen([last], nowMs, locale)];
  if (back === undefined) return [words.join([words.goneMeans, ...seen]), words.goneDo];
  return back === "with debt" ? [words.goneBackInDebt] : [words.debtGone];
}

export function undeliveredLines(
  trouble: ChannelTrouble | undefined,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  if (trouble === undefined) return [];
  const words = WORDS[locale.language];
  const { reason, waiting, oldestAtMs } = trouble;
  const since = oldestAtMs === null ? "" : format.zonedTime(oldestAtMs, nowMs, locale);
  return [reason ?? words.noReason, oldestAtMs === null ? words.nothingWaits : words.waiting(waiting, since)];
}
