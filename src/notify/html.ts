// A message as an HTML mail: one table, inline styles, no images, nothing fetched. Mail programs drop style sheets (Gmail) or turn
// colours round in dark mode, so the colours are such that both ways stay readable, and no meaning hangs on colour alone.
// The headline comes first in the source: mail programs show the first words as the preview.
import type { Message, Section } from "../core/ports.ts";
import { clean, isSingle, type Tone, toneOf } from "./text.ts";

interface Palette {
  readonly bar: string;
  readonly text: string;
}

const PALETTE: Readonly<Record<Tone, Palette>> = {
  critical: { bar: "#d92d20", text: "#b42318" },
  warning: { bar: "#f79009", text: "#b54708" },
  info: { bar: "#2e90fa", text: "#175cd3" },
  resolved: { bar: "#12b76a", text: "#027a48" },
  ended: { bar: "#98a2b3", text: "#475467" },
};

/** Of a longer alert the first lines stand out: how far liquidation is, and the way back. */
const LEAD_LINES = 2;

const FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;";
/** A word without end must not make the page wider than a phone. */
const WRAP = "overflow-wrap:anywhere;word-break:break-word;";
const DARK =
  "@media (prefers-color-scheme:dark){.page{background:#101216!important}.card{background:#1b1e24!important}" +
  ".line{color:#e6e8ec!important}.lead{color:#f5f6f8!important}.rest{color:#b4bcc8!important}.grey{color:#98a2b3!important}.critical{color:#ff8a80!important}" +
  ".warning{color:#ffb74d!important}.info{color:#84b6ff!important}.resolved{color:#6fdc9f!important}.ended{color:#c1c7d0!important}}";

export function renderHtml(message: Message, language: string): string {
  const rows = isSingle(message)
    ? message.sections.map(sectionRow)
    : [titleRow(message), ...message.sections.flatMap(apart), ...moreRow(message.more)];
  return [
    `<!DOCTYPE html><html lang="${escapeHtml(language)}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">',
    `<meta name="supported-color-schemes" content="light dark"><style>${DARK}</style></head>`,
    '<body class="page" style="margin:0;padding:0;background:#f2f4f7;-webkit-text-size-adjust:100%;">',
    '<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f2f4f7;">',
    '<tr><td align="center" style="padding:16px 8px;">',
    '<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" ',
    'style="max-width:640px;background:#ffffff;border-radius:6px;">',
    rows.join("\n"),
    "</table></td></tr></table></body></html>",
  ].join("\n");
}

const ENTITY: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For text and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITY[char] ?? char);
}

/** A per cent sign, or the asset of an amount, stays with its number. */
const line = (text: string): string => escapeHtml(clean(text)).replace(/(?<=\d) (?=%|[A-Z]{2,}\b)/g, "&nbsp;");

function titleRow({ title, severity }: Message): string {
  const style = `${FONT}${WRAP}font-size:19px;line-height:25px;font-weight:700;color:${PALETTE[severity].text};`;
  return `<tr><td class="${severity}" style="padding:16px 20px 4px 25px;${style}">${line(title)}</td></tr>`;
}

const GAP = '<tr><td height="10" style="font-size:0;line-height:10px;">&nbsp;</td></tr>';

const apart = (section: Section, index: number): string[] => [...(index === 0 ? [] : [GAP]), sectionRow(section)];

/** A coloured bar beside the alert: the border of the one cell, which every mail program keeps. */
function sectionRow(section: Section): string {
  const tone = toneOf(section);
  const { bar, text } = PALETTE[tone];
  return [
    `<tr><td style="padding:12px 20px;border-left:5px solid ${bar};${FONT}${WRAP}font-size:15px;line-height:22px;">`,
    `<div class="${tone}" style="font-size:17px;font-weight:700;color:${text};">${line(section.headline)}</div>`,
    ...section.lines.map((each, index) => sectionLine(each, index, section.lines.length)),
    `<div class="grey" style="font-size:12px;color:#667085;padding-top:6px;">${line(section.ref)}</div>`,
    "</td></tr>",
  ].join("\n");
}

/** Three lines are read at a glance; of more the first ones are larger, and the others smaller and a little apart. */
function sectionLine(text: string, index: number, count: number): string {
  const styled = (name: string, style: string) => `<div class="${name}" style="${style}">${line(text)}</div>`;
  if (count <= LEAD_LINES + 1) return styled("line", "color:#1d2939;padding-top:6px;");
  if (index < LEAD_LINES) return styled("lead", "font-size:16px;line-height:23px;color:#101828;padding-top:6px;");
  const gapPx = index === LEAD_LINES ? 12 : 5;
  return styled("rest", `font-size:14px;line-height:20px;color:#475467;padding-top:${gapPx}px;`);
}

function moreRow(more: readonly string[]): string[] {
  if (more.length === 0) return [];
  const style = `padding:12px 20px 16px 25px;${FONT}${WRAP}font-size:14px;line-height:21px;`;
  const items = more.map((each) => `<div class="line" style="color:#1d2939;">• ${line(each)}</div>`);
  return [`<tr><td style="${style}">\n${items.join("\n")}\n</td></tr>`];
}
