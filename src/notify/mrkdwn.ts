// Slack's markup, avoided. Only & < > can be escaped; * _ ~ ` and :names: cannot. So text that holds one of those goes out as
// plain_text, where nothing is markup, and only harmless text gets the bold headline.

/** `verbatim`: no links, channels or people are made out of plain words. */
export type SlackText =
  | { type: "plain_text"; text: string; emoji: false }
  | { type: "mrkdwn"; text: string; verbatim: true };

const ENTITY: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Slack reads < > as mentions and links (<!channel>, <@U1>) in every text, so these three are escaped everywhere. */
export function escapeSlack(text: string): string {
  return text.replace(/[&<>]/g, (char) => ENTITY[char] ?? char);
}

/** Formatting, emoji names (but not the :01: of a time), and a > that opens a quotation (Slack reads it even when escaped). */
const MARKUP = /[*_~`]|:(?!\d\d:)[\w'+-]+:|^\s*(>|&gt;)/im;

/** A headline behind an emoji, bold where that is safe, and the lines below it; all of it escaped already. */
export function textObject(lead: string, headline: string, lines: readonly string[]): SlackText {
  const isHarmless = ![headline, ...lines].some((line) => MARKUP.test(line));
  const first = isHarmless && headline.trim() !== "" ? `*${headline.trim()}*` : headline;
  const text = [`${lead} ${first}`, ...lines].join("\n");
  return isHarmless ? { type: "mrkdwn", text, verbatim: true } : { type: "plain_text", text, emoji: false };
}
