// What is said of what the exchange pushed, and of streams that it gave up.
import * as format from "./format.ts";
import { FIRST_WORD, wordOf } from "./margin-call.ts";
import type { FactsOf, Situation } from "./situation.ts";
import { WORDS } from "./words/index.ts";
import { PUSH_WORDS } from "./words/push.ts";

type Told = FactsOf<"margin-call" | "stream">;
type CallFacts = FactsOf<"margin-call">;

const levelText = (level: number | undefined): string | undefined =>
  level === undefined ? undefined : format.level(level);

/** What follows "CRITICAL · main · ". */
export function pushHeadline(facts: Told, { transition }: Situation, _nowMs: number, locale: format.Locale): string {
  const words = PUSH_WORDS[locale.language];
  if (facts.about === "stream") {
    const { stream, reason, isOffered } = facts;
    if (reason === undefined) return words.worksAgain(stream);
    return isOffered ? words.unavailable(stream, reason) : words.retired(stream, reason);
  }
  const { pushed, level } = facts;
  if (transition.kind === "resolved") return words.callOver(levelText(level));
  return words.called(words.call(wordOf(transition.state)), levelText(pushed?.level ?? level));
}

export function pushLines(facts: Told, situation: Situation, nowMs: number, locale: format.Locale): readonly string[] {
  if (facts.about === "margin-call") return callLines(facts, situation, nowMs, locale);
  const words = PUSH_WORDS[locale.language];
  if (facts.reason === undefined) return [words.worksMeans];
  return [words.retiredMeans, facts.isOffered ? words.unavailableTries : words.retiredTries];
}

function callLines(
  { pushed, level }: CallFacts,
  { transition: { kind, state } }: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = PUSH_WORDS[locale.language];
  const shared = WORDS[locale.language];
  const own = levelText(level);
  if (kind === "resolved") {
    const lasted = format.duration(nowMs - state.openedAtMs, locale.language);
    const said = own === undefined ? shared.debtGone : words.answerAgain(own);
    return [said, shared.join([shared.lasted(state.peak, lasted, undefined), shared.messages(state.messages)])];
  }
  const worst = wordOf(state);

  const said =
    pushed === undefined
      ? words.saidBefore(secondsOf(state.openedAtMs, nowMs, locale), worst === FIRST_WORD ? undefined : worst, own)
      : words.said(pushed.status, secondsOf(pushed.atMs, nowMs, locale), own);
  return [said, shared.join([words.callDo, words.callEnds])];
}

/** A day within which a time needs no date. */
const TODAY_MS = 12 * 3_600_000;

/** "03:12:05 UTC"; with the date where it is long ago. */
function secondsOf(atMs: number, nowMs: number, locale: format.Locale): string {
  if (Math.abs(nowMs - atMs) >= TODAY_MS) return format.zonedTime(atMs, nowMs, locale);
  return `${format.clockSeconds(atMs, locale)} ${format.zoneName(atMs, locale.timezone)}`;
}
