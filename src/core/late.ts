// Rows that waited too long for their recipient become one message: each incident once, as it stands by now, with the time of the
// event and the words "delivered late" in the first line. Pure, and made of the rows alone: the same rows give the same words, also
// after a restart.
import { alertIdOf, nameOf } from "./announce.ts";
import { compose, isOver, loudest, type Told } from "./compose.ts";
import * as format from "./format.ts";
import { rank } from "./lifecycle.ts";
import type { Message, NewRow, Section } from "./ports.ts";
import { WORDS, type Words } from "./words/index.ts";

export interface LateContext {
  /** Of the late row: made of the keys of the rows, by the caller. */
  readonly key: string;
  /** Why the rows waited, as the last failed attempt said; null when none failed. */
  readonly reason: string | null;
  /** Only decides whether a time needs its day. */
  readonly nowMs: number;
  readonly locale: format.Locale;
}

/** What a row says of one incident. */
interface Mention {
  readonly section: Section;
  readonly atMs: number;
  readonly incident: string;
}

/** All that waits of one incident, in order. */
type Story = readonly [Mention, ...Mention[]];

/** The rows, in order, as one. Rows of one conversation stay in it; rows of several begin one of their own, which has no root. */
export function lateRow(rows: readonly [NewRow, ...NewRow[]], context: LateContext): NewRow {
  const [{ notifier, recipient, enqueuedAtMs }] = rows;
  const conversations = new Set(rows.map(conversationOf));
  const edits = new Map(rows.flatMap((row) => row.edits.map((edit) => [edit.key, edit])));
  for (const { key } of rows) edits.delete(key); // it never went out
  return {
    key: context.key,
    notifier,
    recipient,
    incidents: [...new Set(rows.flatMap(({ incidents }) => incidents))],
    message: lateMessage(rows, conversations.size === 1, context),
    rootKey: conversations.size === 1 ? conversationOf(rows[0]) : null,
    edits: [...edits.values()],
    enqueuedAtMs,
  };
}

/** A late row of several conversations: a living message of one of them must never be written over it. */
export function isDigest({ message, rootKey }: NewRow): boolean {
  return message.isLate === true && rootKey === null;
}

const conversationOf = ({ key, rootKey }: NewRow): string => rootKey ?? key;

function lateMessage(
  rows: readonly [NewRow, ...NewRow[]],
  isOneConversation: boolean,
  { reason, nowMs, locale }: LateContext,
): Message {
  const words = WORDS[locale.language];
  const stories = worstFirst(storiesOf(rows));
  const isOnly = stories.length === 1;
  const sections = stories.map((story, index): Told => {
    const because = index > 0 || reason === null ? [] : [words.lateReason(rows[0].notifier, reason.replace(/\.$/, ""))];
    const id = incidentIn(story[0].incident);
    const told = lateSection(story, isOnly, because, nowMs, locale);
    return id === undefined ? told : { ...told, name: nameOf(id, locale) };
  });
  const account = [...new Set(rows.flatMap(({ incidents }) => incidents.flatMap(accountOf)))].join(", ");
  const subject = isOneConversation ? rows[0].message.subject : words.lateSubject(account, sections.length);
  const message = compose(sections, { account, subject }, locale.language);
  const when = span(
    rows.map((row) => row.enqueuedAtMs),
    nowMs,
    locale,
  );
  return { ...message, title: isOnly ? message.title : words.late(message.title, when), isLate: true };
}

function lateSection(
  story: Story,
  isOnly: boolean,
  because: readonly string[],
  nowMs: number,
  locale: format.Locale,
): Section {
  const words = WORDS[locale.language];
  const [first] = story;
  const last = story.at(-1) ?? first;
  const { section } = last;
  const when = span(
    story.map(({ atMs }) => atMs),
    nowMs,
    locale,
  );
  const before = first === last ? [] : [beforeIt(story, words, nowMs, locale)];
  return {
    ...section,
    // What is not over by now is as loud as the loudest of it.
    kind: isOver(section.kind)
      ? section.kind
      : loudest(story.map((mention) => mention.section).filter(({ kind }) => !isOver(kind))),
    headline: (isOnly ? words.late : words.lateItem)(section.headline, when),
    lines: [...section.lines, ...before, ...because],
  };
}

/** What came before the last word, in one line. */
function beforeIt(story: Story, words: Words, nowMs: number, locale: format.Locale): string {
  const [{ atMs, section }] = story;
  const time = `${format.clockTime(atMs, nowMs, locale)} ${format.zoneName(atMs, locale.timezone)}`;
  return words.lateBefore(story.length - 1, time, section.headline);
}

/** "of 23:05 UTC", "of 23:05 to 02:17 UTC". */
function span(times: readonly number[], nowMs: number, locale: format.Locale): string {
  const words = WORDS[locale.language];
  const [fromMs, toMs] = [Math.min(...times), Math.max(...times)];
  const zone = format.zoneName(toMs, locale.timezone);
  const from = format.clockTime(fromMs, nowMs, locale);
  // its day only where that is neither the day just said nor today
  const [inSpan, today] = [format.clockTime(toMs, fromMs, locale), format.clockTime(toMs, nowMs, locale)];
  const to = inSpan.length < today.length ? inSpan : today;
  return from === today ? words.lateAt(`${from} ${zone}`) : words.lateSpan(from, `${to} ${zone}`);
}

// ---------------------------------------------------------------- who says what

/** By incident, in the order in which they were first told. */
function storiesOf(rows: readonly NewRow[]): readonly Story[] {
  const stories = new Map<string, [Mention, ...Mention[]]>();
  for (const row of rows) {
    for (const [index, section] of toldBy(row.message).entries()) {
      const incident = row.incidents[index] ?? `${row.key}#${index}`;
      const mention: Mention = { section, atMs: row.enqueuedAtMs, incident };
      const story = stories.get(incident);
      if (story === undefined) stories.set(incident, [mention]);
      else story.push(mention);
    }
  }
  return [...stories.values()];
}

/** Everything that a message tells, in the order of its row's incidents; of what it did not tell in full the headline is left. */
function toldBy({ sections, more, moreSections, kind, severity }: Message): readonly Section[] {
  const unknown = { kind, severity: severity === "resolved" ? "info" : severity, ref: "" } as const; // written by an older version
  const rest = moreSections ?? more.map((headline) => ({ ...unknown, headline }));
  return [...sections, ...rest.map((heading) => ({ ...heading, lines: [] }))];
}

function worstFirst(stories: readonly Story[]): readonly Story[] {
  const weight = (story: Story) => {
    const { kind, severity } = (story.at(-1) ?? story[0]).section;
    return rank(severity) + (isOver(kind) ? 0 : 10);
  };
  return [...stories].sort((a, b) => weight(b) - weight(a));
}

/** The account in an incident's id: see incidentKey in announce.ts. */
const accountOf = (incident: string): readonly string[] => {
  const at = incident.indexOf("|");
  return at === -1 ? [] : [incident.slice(0, at)];
};

/** The alert in an incident's id, without its rule. */
const incidentIn = (incident: string) => alertIdOf(incident.slice(0, Math.max(0, incident.lastIndexOf("|"))), "");
