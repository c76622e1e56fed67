// A situation becomes what people read. The first line must be enough on a locked phone: how bad, where, how far; the second
// says what to do. Words come from words/, numbers from format.ts; this file only decides what is said.
import type { Told } from "./compose.ts";
import * as format from "./format.ts";
import type { Firing } from "./lifecycle.ts";
import { symbolOf } from "./observe.ts";
import type { AlertId, Section, Severity } from "./ports.ts";
import type { Rule } from "./rules/compile.ts";
import type { Situation } from "./situation.ts";
import { daemonHeadline, daemonLines } from "./tell-daemon.ts";
import { blindLines, goneLines, undeliveredLines } from "./tell-feed.ts";
import { fieldLines } from "./tell-field.ts";
import { flagsHeadline, flagsLines } from "./tell-flags.ts";
import { historyHeadline, historyLines } from "./tell-history.ts";
import { interestHeadline, interestLines } from "./tell-interest.ts";
import { marketHeadline, marketLines } from "./tell-market.ts";
import { pushHeadline, pushLines } from "./tell-push.ts";
import { sourceHeadline, sourceLines } from "./tell-source.ts";
import { fieldHeadline, standingText, watched } from "./tell-value.ts";
import { isOwnEvent } from "./words/events.ts";
import { WORDS, type Words } from "./words/index.ts";

/** Subjects that the subject of an e-mail names. */
const SUBJECTS_MAX = 3;

/**
 * One alert in words. `nowMs` is the time of the commit: ages and "since" are seen from there. Not in full: the first line alone, for those
 * of hundreds that nobody reads further.
 */
export function section(situation: Situation, nowMs: number, locale: format.Locale, isInFull = true): Told {
  const { transition } = situation;
  return {
    ...(isPassing(situation) && { isPassing: true }),
    kind: transition.kind,
    severity: transition.severity,
    headline: headline(situation, nowMs, locale),
    lines: isInFull ? lines(situation, nowMs, locale).filter((line) => line !== "") : [],
    ref: refOf(transition.state),
  };
}

/** Good or harmless news that is told once: a right that is back, a row that the user wants to hear of. */
export function isPassing({ transition, facts }: Situation): boolean {
  return (
    transition.severity === "info" && (facts.about === "flags" || facts.about === "history" || facts.about === "stream")
  );
}

/** The line of an alert that did not change now, for the living message. `rule`: undefined for our own rules. */
export function standing(
  id: AlertId,
  state: Firing,
  rule: Pick<Rule, "field" | "ladder"> | undefined,
  locale: format.Locale,
): string {
  const { language } = locale;
  const words = WORDS[language];
  const subject = words.subject(id.subject);
  const what =
    rule === undefined ? `${subject}: ${ownWords(id.rule, words)}` : standingText(subject, rule, state.value, language);
  return `${words.headSeverity[state.severity]} · ${id.account} · ${what} ${refOf(state)}`;
}

/** "#A1B2-3": incident and number of its last transition. */
export function refOf({ incident, seq }: Pick<Firing, "incident" | "seq">): string {
  return `#${incident}-${seq}`;
}

/** What margind's own rules are about; any other rule by its name. */
function ownWords(rule: string, words: Words): string {
  if (rule === "position-gone") return words.gone;
  if (rule === "undelivered") return words.cannotDeliver;
  if (rule === "disk") return words.disk;
  if (rule === "config-rejected") return words.configRejected;
  if (isOwnEvent(rule)) return words.event[rule];
  return rule === "config" ? words.configWrong : rule;
}

/** E-mail subject of the conversation that these situations open: it names the alert, never its state. */
export function conversation(situations: readonly Situation[], language: format.Language): string {
  const words = WORDS[language];
  const [first] = situations;
  if (first === undefined) return "margind";
  const { account } = first.id;
  if (situations.length === 1) return words.mailSubject(account, about(first, language));
  const subjects = [...new Set(situations.map(({ id }) => symbolOf(id.subject) || words.subject(id.subject)))];
  const some = subjects.slice(0, SUBJECTS_MAX).join(", ");
  return words.mailSubjectMany(account, situations.length, subjects.length > SUBJECTS_MAX ? `${some}, …` : some);
}

// ---------------------------------------------------------------- the first line

function headline(situation: Situation, nowMs: number, locale: format.Locale): string {
  const { id, transition, facts } = situation;
  const { language } = locale;
  const words = WORDS[language];
  const subject = words.subject(id.subject);
  const head = (text: string) =>
    `${headWord(transition.kind, transition.severity, id.rule, words)} · ${id.account} · ${text}`;
  switch (facts.about) {
    case "field":
      return head(fieldHeadline(facts, transition.kind, subject, language, transition.from));
    case "blind": {
      const lastedMs = facts.blindness?.silentMs ?? nowMs - transition.state.openedAtMs;
      const lasted = format.duration(lastedMs, language);
      return head(transition.kind === "resolved" ? words.seesAgain(lasted) : words.blind(lasted));
    }
    case "config": {
      const { problem } = facts;
      if (problem === undefined) return head(`${subject}: ${words.configRight}`);
      if (problem.kind === "disorder") return head(`${subject}: ${words.disorder(problem.rule)}`);
      if (problem.kind === "no_field") return head(`${subject}: ${words.noField(problem.rule)}`);
      return head(`${subject}: ${problem.kind === "not_opened" ? words.notOpened : words.notCreated}`);
    }
    case "gone":
      return head(`${subject}: ${facts.back === undefined ? words.gone : words.goneBack}`);
    case "undelivered":
      return head(`${subject} ${facts.trouble === undefined ? words.deliversAgain : words.cannotDeliver}`);
    case "daemon":
      return head(daemonHeadline(facts.trouble, transition.kind, nowMs, locale));
    case "removed":
      if (isOwnEvent(id.rule)) return head(`${subject} ${words.unwatched(words.event[id.rule])}`);
      return head(`${subject} ${words.removed(facts.field ?? id.rule)}`);
    case "history":
    case "loan":
      return head(historyHeadline(facts, situation, nowMs, locale));
    case "flags":
      return head(flagsHeadline(facts, situation, nowMs, locale));
    case "delisting":
    case "restriction":
      return head(marketHeadline(facts, situation, nowMs, locale));
    case "margin-call":
    case "stream":
      return head(pushHeadline(facts, situation, nowMs, locale));
    case "source":
      return head(sourceHeadline(facts, situation, nowMs, locale));
    case "interest":
      return head(interestHeadline(facts, situation, nowMs, locale));
  }
}

function headWord(kind: Section["kind"], severity: Severity, rule: string, words: Words): string {
  if (kind === "resolved") return words.head.resolved;
  if (kind === "ended") return words.head.ended;
  if (rule === "blind") return kind === "reminded" ? words.head.stillBlind : words.head.blind;
  return kind === "reminded" ? words.head.still(words.headSeverity[severity]) : words.headSeverity[severity];
}

function about({ id, facts }: Situation, language: format.Language): string {
  const words = WORDS[language];
  const subject = words.subject(id.subject);
  if (facts.about === "field") return watched(facts, subject, language);
  if (facts.about === "undelivered") return `${subject} ${words.cannotDeliver}`;
  if (facts.about === "blind") return words.head.blind.toLowerCase();
  if (facts.about === "daemon") return ownWords(id.rule, words);
  if (isOwnEvent(id.rule)) return `${subject}: ${words.event[id.rule]}`;
  return facts.about === "gone" ? `${subject}: ${words.gone}` : `${subject}: ${id.rule}`;
}

// ---------------------------------------------------------------- what follows

function lines(situation: Situation, nowMs: number, locale: format.Locale): readonly string[] {
  const { id, facts, transition } = situation;
  const words = WORDS[locale.language];
  switch (facts.about) {
    case "field":
      return fieldLines(facts, situation, nowMs, locale);
    case "blind":
      return blindLines(facts.blindness, facts.known, nowMs, locale);
    case "config": {
      const { problem } = facts;
      if (problem === undefined) return [];
      if (problem.kind === "no_field") return [words.noFieldDo(words.field[problem.field], problem.accountType)];
      if (problem.kind === "disorder") return [words.disorderDo(problem.milder, problem.worse)];
      return [problem.kind === "not_opened" ? words.notOpenedDo : words.notCreatedDo];
    }
    case "gone":
      return goneLines(facts, nowMs, locale);
    case "undelivered":
      return undeliveredLines(facts.trouble, nowMs, locale);
    case "daemon":
      return daemonLines(facts.trouble, transition.kind, locale);
    case "removed":
      return [isOwnEvent(id.rule) ? words.unwatchedDo : words.removedDo];
    case "history":
    case "loan":
      return historyLines(facts, situation, nowMs, locale);
    case "flags":
      return flagsLines(facts, situation, nowMs, locale);
    case "delisting":
    case "restriction":
      return marketLines(facts, situation, nowMs, locale);
    case "margin-call":
    case "stream":
      return pushLines(facts, situation, nowMs, locale);
    case "source":
      return sourceLines(facts, situation, nowMs, locale);
    case "interest":
      return interestLines(facts, situation, nowMs, locale);
  }
}
