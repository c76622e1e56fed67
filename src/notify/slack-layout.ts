// A message as Slack shows it: blocks for the eye, and a plain `text` for the lock screen, search and screen readers.
// Slack refuses what is over its limits (4,000 characters of text, 3,000 a section, 50 blocks, about 13,200 in all blocks
// together), so everything is cut to fit, worst first, and says what was left out.
import type { Message, Section, Severity } from "../core/ports.ts";
import { escapeSlack, type SlackText, textObject } from "./mrkdwn.ts";
import { type AdapterWords, clean, clip, fitLines, isSingle, messageLines, sectionLines } from "./text.ts";

type TextBlock = { type: "section"; text: SlackText };

export type SlackBlock = TextBlock | { type: "divider" } | { type: "context"; elements: SlackText[] };

export interface SlackBody {
  text: string;
  /** Empty in plain form. */
  blocks: SlackBlock[];
}

const TEXT_MAX_CHARS = 4_000;
const SECTION_MAX_CHARS = 2_900;
const BLOCKS_MAX_CHARS = 8_000; // of sections told in full; title, list and context stay well under the rest
const SECTIONS_MAX = 20; // with their dividers well under 50 blocks
const LINE_MAX_CHARS = 500;

const SEVERITY_ICON: Readonly<Record<Severity | "resolved", string>> = {
  critical: "🔴",
  warning: "🟠",
  info: "🔵",
  resolved: "🟢",
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

function fallback(message: Message, words: AdapterWords): string {
  const [first = "", ...rest] = messageLines(message).map(escapedLine);
  return fitLines([`${SEVERITY_ICON[message.severity]} ${first}`, ...rest], TEXT_MAX_CHARS, words.more).join("\n");
}

function blocks(message: Message, { words, attempt }: LayoutOptions): SlackBlock[] {
  const again = attempt > 1 ? [words.again(attempt)] : [];
  const [single] = message.sections;
  if (single !== undefined && isSingle(message)) {
    return [sectionBlock(single, single.lines, words), context([clean(single.ref), ...again])];
  }
  const told = toldInFull(message.sections, words);
  const listed = [...message.sections.slice(told.length).map((section) => section.headline), ...message.more];
  return [
    { type: "section", text: textObject(SEVERITY_ICON[message.severity], escapedLine(clean(message.title)), []) },
    ...told.flatMap((block): SlackBlock[] => [{ type: "divider" }, block]),
    ...list(listed, words),
    ...(again.length === 0 ? [] : [context(again)]),
  ];
}

/** The worst sections, as many as have room. */
function toldInFull(sections: readonly Section[], words: AdapterWords): TextBlock[] {
  const told: TextBlock[] = [];
  let used = 0;
  for (const section of sections.slice(0, SECTIONS_MAX)) {
    const block = sectionBlock(section, sectionLines(section).slice(1), words);
    used += block.text.text.length;
    if (used > BLOCKS_MAX_CHARS) break;
    told.push(block);
  }
  return told;
}

function sectionBlock(section: Section, lines: readonly string[], words: AdapterWords): TextBlock {
  const [headline = "", ...rest] = [section.headline, ...lines].map((line) => escapedLine(clean(line)));
  return {
    type: "section",
    text: textObject(icon(section), headline, fitLines(rest, SECTION_MAX_CHARS - headline.length, words.more)),
  };
}

function icon(section: Section): string {
  if (section.kind === "resolved") return SEVERITY_ICON.resolved;
  return section.kind === "ended" ? "⚪" : SEVERITY_ICON[section.severity];
}

function list(headlines: readonly string[], words: AdapterWords): SlackBlock[] {
  if (headlines.length === 0) return [];
  const lines = headlines.map((headline) => `• ${escapedLine(clean(headline))}`);
  const text = fitLines(lines, SECTION_MAX_CHARS, words.more).join("\n");
  return [{ type: "divider" }, { type: "section", text: { type: "plain_text", text, emoji: false } }];
}

/** Small grey print: what people refer to a message by. */
function context(parts: readonly string[]): SlackBlock {
  const text = escapedLine(parts.join(" · "));
  return { type: "context", elements: [{ type: "plain_text", text, emoji: false }] };
}

/** Cut before it is escaped, so that no entity is cut in half. */
const escapedLine = (line: string): string => escapeSlack(clip(line, LINE_MAX_CHARS));
