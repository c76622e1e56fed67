// A message as Slack shows it: blocks for the eye, and a plain `text` for the lock screen, search and screen readers.
// Slack refuses what is over its limits (3,000 characters a section, 50 blocks, about 13,200 in all blocks together; 4,000 of text
// in an edit, and a longer post is cut in pieces), so everything is made to fit, worst first, and says how many alerts were left out.
import type { Message, Section } from "../core/ports.ts";
import { escapeSlack, type SlackText, textObject } from "./mrkdwn.ts";
import { type AdapterWords, clean, clip, fitLines, isSingle, sectionLines, type Tone, toneOf } from "./text.ts";

/** `expand`: Slack folds a long text behind "see more" otherwise, and what to do stands in its middle. */
type TextBlock = { type: "section"; text: SlackText; expand?: true };

export type SlackBlock = TextBlock | { type: "divider" } | { type: "context"; elements: SlackText[] };

export interface SlackBody {
  text: string;
  /** Empty in plain form. */
  blocks: SlackBlock[];
}

const TEXT_MAX_CHARS = 4_000;
const SECTION_MAX_CHARS = 2_900;
const BLOCKS_MAX_CHARS = 9_000; // of sections told in full, their cost with them; title and list take up to 3,500 and 500
const SECTION_COST_CHARS = 250; // a block costs about 125 more than its text, and each section has its divider
const SECTIONS_MAX = 10; // with their dividers well under 50 blocks
const LINE_MAX_CHARS = 500;

const ICON: Readonly<Record<Tone, string>> = {
  critical: "🔴",
  warning: "🟠",
  info: "🔵",
  resolved: "🟢",
  ended: "⚪",
};

export interface LayoutOptions {
  readonly words: AdapterWords;
  /** More than 1 may be a repeat, and says so. */
  readonly attempt: number;
  readonly plain: boolean;
}

export function slackBody(message: Message, options: LayoutOptions): SlackBody {
  return { text: fallback(message, options.words), blocks: options.plain ? [] : blocks(message, options) };
}

/** What goes out when the layout fails: the values as they are, as many as have room. */
export function rawSlackBody(lines: readonly string[]): SlackBody {
  return { text: clip(escapeSlack(lines.join("\n")), TEXT_MAX_CHARS), blocks: [] };
}

function fallback(message: Message, words: AdapterWords): string {
  const lead = `${iconOf(message.severity)} `;
  const [single] = message.sections;
  const lines =
    single !== undefined && isSingle(message)
      ? fitLines(sectionLines(single, shown), TEXT_MAX_CHARS - lead.length, words.more)
      : fitAlerts(message, TEXT_MAX_CHARS - lead.length, words);
  return lead + lines.join("\n");
}

/** An alert with its lines, and by its headline alone. */
interface Listed {
  readonly full: readonly string[];
  readonly brief: string;
}

/** The title; then whole alerts as long as there is room for them, then headlines, then how many alerts are missing. */
function fitAlerts({ title, sections, more }: Message, maxChars: number, words: AdapterWords): string[] {
  const alerts: Listed[] = [
    ...sections.map((section) => ({
      full: sectionLines(section, shown),
      brief: `• ${shown(section.headline)} ${shown(section.ref)}`,
    })),
    ...more.map((headline) => ({ full: [], brief: `• ${shown(headline)}` })),
  ];
  const lines = [shown(title)];
  const lengthOf = (added: readonly string[]) => [...lines, ...added].join("\n").length;
  const room = maxChars - words.more(alerts.length).length - 1;
  const kept = keptFor(alerts, room);
  let told = 0;
  let isList = false;
  for (const [index, { full, brief }] of alerts.entries()) {
    const gap: readonly string[] = index === 0 || isList ? [] : [""]; // none below the title: a lock screen shows two lines
    const after = kept[index + 1] ?? 0;
    const isFull: boolean = !isList && full.length > 0 && lengthOf([...gap, ...full]) + after <= room;
    const listed = isFull ? [...gap, ...full] : [...gap, brief];
    if (!isFull && lengthOf(listed) > room) break;
    lines.push(...listed);
    isList = !isFull;
    told += 1;
  }
  return told === alerts.length ? lines : [...lines, words.more(alerts.length - told)];
}

/** Room that is kept for the headlines from each one on, so that no long alert takes it from them; none where they are too many. */
function keptFor(alerts: readonly Listed[], room: number): readonly number[] {
  const kept = [1]; // the empty line before the list
  for (const { brief } of alerts.toReversed()) kept.unshift((kept[0] ?? 0) + brief.length + 1);
  return (kept[0] ?? 0) <= room / 2 ? kept : [];
}

function blocks(message: Message, { words, attempt }: LayoutOptions): SlackBlock[] {
  const again = attempt > 1 ? [words.again(attempt)] : [];
  const [single] = message.sections;
  if (single !== undefined && isSingle(message)) {
    return [sectionBlock(single, single.lines.map(shown), words), ...context([single.ref, ...again])];
  }
  const told = toldInFull(message.sections, words);
  const listed = [
    ...message.sections.slice(told.length).map(({ headline, ref }) => `${headline} ${ref}`),
    ...message.more,
  ];
  return [
    { type: "section", text: textObject(iconOf(message.severity), shown(message.title), []) },
    ...told.flatMap((block): SlackBlock[] => [{ type: "divider" }, block]),
    ...list(listed, words),
    ...context(again),
  ];
}

/** The worst sections, as many as have room. */
function toldInFull(sections: readonly Section[], words: AdapterWords): TextBlock[] {
  const told: TextBlock[] = [];
  let used = 0;
  for (const section of sections.slice(0, SECTIONS_MAX)) {
    const block = sectionBlock(section, sectionLines(section, shown).slice(1), words);
    used += block.text.text.length + SECTION_COST_CHARS;
    if (used > BLOCKS_MAX_CHARS) break;
    told.push(block);
  }
  return told;
}

/** `lines` as `shown` makes them. */
function sectionBlock(section: Section, lines: readonly string[], words: AdapterWords): TextBlock {
  const headline = shown(section.headline);
  return {
    type: "section",
    text: textObject(
      iconOf(toneOf(section)),
      headline,
      fitLines(lines, SECTION_MAX_CHARS - headline.length, words.more),
    ),
    expand: true,
  };
}

/** A row that a later version stored may hold a severity of its own. */
const iconOf = (tone: Tone): string => ICON[tone] ?? ICON.ended;

function list(headlines: readonly string[], words: AdapterWords): SlackBlock[] {
  if (headlines.length === 0) return [];
  const lines = headlines.map((headline) => `• ${shown(headline)}`);
  const text = fitLines(lines, SECTION_MAX_CHARS, words.more).join("\n");
  return [{ type: "divider" }, { type: "section", text: { type: "plain_text", text, emoji: false } }];
}

/** Small grey print: what people refer to a message by. */
function context(parts: readonly string[]): SlackBlock[] {
  const text = shown(parts.join(" · "));
  return text === "" ? [] : [{ type: "context", elements: [{ type: "plain_text", text, emoji: false }] }];
}

/** One line as Slack gets it: clean, escaped, and at most so long with its entities, none of them cut in half. */
function shown(text: string): string {
  const line = escapeSlack(clean(text));
  return line.length <= LINE_MAX_CHARS ? line : clip(line, LINE_MAX_CHARS).replace(/&[a-z]{0,3}…$/, "…");
}
