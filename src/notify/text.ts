// A message as plain text, for every medium that has no better: Slack's notification line, the text part of a mail, the
// webhook's `text`. Whatever an exchange or a config put into a text is made safe for one line here; escaping for a medium
// comes later, in the adapter.
import type { Language } from "../core/format.ts";
import type { Message, Section, Severity } from "../core/ports.ts";

/** The few words that the adapters add of their own. */
export interface AdapterWords {
  more(count: number): string;
  again(attempt: number): string;
  /** Said of a message that could not be laid out. */
  readonly raw: string;
}

const WORDS: Readonly<Record<Language, AdapterWords>> = {
  en: {
    more: (count) => `… and ${count} more`,
    again: (attempt) => `try ${attempt}, may be a repeat`,
    raw: "(margind could not lay this message out: above are its raw values.)",
  },
  "zh-CN": {
    more: (count) => `……还有 ${count} 条`,
    again: (attempt) => `第 ${attempt} 次发送，可能重复`,
    raw: "（margind 无法排版此消息：以上为其原始内容。）",
  },
};

export const adapterWords = (language: Language): AdapterWords => WORDS[language];

/** Characters that move, hide or reorder what stands around them: controls (terminal escapes too), bidi marks and overrides. */
const UNSEEN = /[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u206F\uFFF9-\uFFFB]/gu;

/** One line of well-formed text without control characters. */
export function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\t\r\n\v\f\u0085\u2028\u2029]+/g, " ")
    .replace(UNSEEN, "\uFFFD");
}

/** At most `maxChars` UTF-16 units, never half a character; a cut shows. */
export function clip(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** As many whole lines as fit into `maxChars` with their line ends, and then how many were left out. */
export function fitLines(lines: readonly string[], maxChars: number, more: (count: number) => string): string[] {
  const total = lines.reduce((sum, line) => sum + line.length + 1, 0);
  if (total <= maxChars) return [...lines];
  const room = maxChars - more(lines.length).length - 1;
  let used = 0;
  let kept = 0;
  for (const line of lines) {
    used += line.length + 1;
    if (used > room) break;
    kept += 1;
  }
  return [...lines.slice(0, kept), more(lines.slice(kept).filter((line) => line !== "").length)];
}

/** What a colour or an icon stands for: how bad it is, or how it ended. */
export type Tone = Severity | "resolved" | "ended";

export const toneOf = ({ kind, severity }: Section): Tone =>
  kind === "resolved" || kind === "ended" ? kind : severity;

/** True for a message that tells one alert and nothing else: then its title is the headline and is not said twice. */
export function isSingle(message: Message): boolean {
  const [first] = message.sections;
  return message.sections.length === 1 && message.more.length === 0 && first?.headline === message.title;
}

/**
 * Headline, lines, and the reference at the end of the last line, where it takes no line of its own. `shape` is for media that cut and
 * escape: each line goes through it by itself, so that a cut one does not take the reference with it.
 */
export function sectionLines(section: Section, shape = clean): string[] {
  const lines = [section.headline, ...section.lines].map((line) => shape(line));
  const last = lines.pop() ?? "";
  return [...lines, `${last} ${shape(section.ref)}`];
}

/** The whole message, one entry a line. The first two lines are the ones that must be enough on a locked phone. */
export function messageLines(message: Message): string[] {
  const sections = message.sections.map((section) => sectionLines(section));
  if (isSingle(message)) return sections.flat();
  const more = message.more.map((headline) => `• ${clean(headline)}`);
  const parts = [...sections, ...(more.length === 0 ? [] : [more])];
  return [clean(message.title), ...parts.flatMap((part, index) => (index === 0 ? part : ["", ...part]))];
}
