// What is said of delistings and restrictions that meet a position: when, what of it is there, what to do by then.

import { isWorseWithout } from "./delisting-worth.ts";
import * as format from "./format.ts";
import type { DelistingThreat, FactsOf, Restriction, Situation } from "./situation.ts";
import { WORDS } from "./words/index.ts";
import { MARKET_WORDS } from "./words/market.ts";

type Told = FactsOf<"delisting" | "restriction">;
type Threat = Exclude<DelistingThreat, { readonly kind: "over" }>;

/** What follows "CRITICAL · main · ". */
export function marketHeadline(facts: Told, { id }: Situation, nowMs: number, { language }: format.Locale): string {
  const own = MARKET_WORDS[language];
  if (facts.about === "restriction") return restrictionHeadline(facts.restriction, language);
  const subject = WORDS[language].subject(id.subject);
  const { threat } = facts;
  if (threat.kind === "over") return own.over(subject, threat.why);
  const leftMs = threat.atMs - nowMs;
  const isPair = threat.kind === "pair";
  const when =
    leftMs > 0
      ? own.leaves(subject, format.duration(leftMs, language), isPair)
      : own.left(subject, format.duration(-leftMs, language), isPair);
  return `${when}${loss(threat, language)}`;
}

/** What it would cost the level, where that can be seen. */
function loss(threat: Threat, language: format.Language): string {
  if (threat.kind === "pair" || threat.levelWithout === undefined || !isWorseWithout(threat)) return "";
  return MARKET_WORDS[language].levelWithout(format.level(threat.levelWithout));
}

export function marketLines(
  facts: Told,
  { transition }: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const own = MARKET_WORDS[locale.language];
  const isOver = transition.kind === "resolved";
  const ending = own.overTold(format.duration(nowMs - transition.state.openedAtMs, locale.language));
  if (facts.about === "restriction") return isOver ? [ending] : restrictionLines(facts.restriction, locale.language);
  return facts.threat.kind === "over" ? [ending] : threatLines(facts.threat, nowMs, locale);
}

function threatLines(threat: Threat, nowMs: number, locale: format.Locale): readonly string[] {
  const own = MARKET_WORDS[locale.language];
  const isHeld = threat.kind === "asset" && threat.held > 0;
  const isLimited = isHeld && !threat.isMinor && threat.atMs > nowMs;
  const there =
    threat.kind === "pair" ? own.holdsPair(threat.inDebt) : WORDS[locale.language].join(stake(threat, locale.language));
  return [whatToDo(threat, nowMs, locale), there, isLimited ? own.limited : ""].filter((line) => line !== "");
}

function whatToDo(threat: Threat, nowMs: number, locale: format.Locale): string {
  const own = MARKET_WORDS[locale.language];
  const { kind, atMs, inDebt, isMinor } = threat;
  const time = format.zonedTime(atMs, nowMs, locale);
  const isPast = atMs <= nowMs;
  if (isMinor) return own.minor(time, kind === "asset" && threat.levelWithout !== undefined && !isWorseWithout(threat));
  if (!inDebt) return isPast ? own.nowFree(time) : own.byThenFree(time);
  if (isPast) return own.now(time);
  return kind === "pair" ? own.byThenPair(time) : own.byThen(time, threat.owed > 0, threat.held > 0);
}

/** What is there of the asset, and what the level would be without it. */
function stake(threat: Extract<Threat, { kind: "asset" }>, language: format.Language): readonly string[] {
  const own = MARKET_WORDS[language];
  const { asset, held, owed, level, levelWithout } = threat;
  const amount = (value: number) => (value > 0 ? `${format.plain(value)} ${asset}` : undefined);
  const holds = own.holds(amount(held), amount(owed));
  if (level === undefined || held <= 0) return [holds];
  return [holds, own.levels(format.level(level), levelWithout === undefined ? undefined : format.level(levelWithout))];
}

function restrictionHeadline({ asset, maxCollateral, openLong }: Restriction, language: format.Language): string {
  const own = MARKET_WORDS[language];
  if (maxCollateral) return own.full(asset);
  return openLong ? own.noLong(asset) : own.free(asset);
}

function restrictionLines(
  { asset, maxCollateral, openLong }: Restriction,
  language: format.Language,
): readonly string[] {
  const own = MARKET_WORDS[language];
  return [...(maxCollateral ? [own.fullDo(asset)] : []), ...(openLong ? [own.noLongDo(asset)] : [])];
}
