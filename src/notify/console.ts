// The terminal: what the demo shows, and a channel for people who keep one open. Colour where the terminal has it.
import { styleText } from "node:util";
import { z } from "zod";
import { clockTime } from "../core/format.ts";
import { type Delivery, type Notifier, NotifyError, type Section } from "../core/ports.ts";
import type { NotifierDeps, NotifierType, Out } from "./adapter.ts";
import { rendered } from "./raw.ts";
import { adapterWords, clean, isSingle, sectionLines, type Tone, toneOf } from "./text.ts";

const schema = z.strictObject({ type: z.literal("console") });
export type ConsoleSettings = z.output<typeof schema>;

const TERMINAL = "terminal";
const BAR = "┃";

function create(name: string, _settings: ConsoleSettings, deps: NotifierDeps): Notifier {
  return {
    name,
    recipients: [TERMINAL],
    async send(delivery, signal) {
      if (signal.aborted) throw new NotifyError("not_sent", "stopped");
      const resort = { message: delivery.message, words: adapterWords(deps.language), log: deps.log };
      const plainest = (lines: readonly string[]) => `${lines.map((line) => `${BAR} ${line}`).join("\n")}\n\n`;
      deps.out.write(rendered(resort, () => printed(delivery, deps), plainest));
      return { printedAt: new Date(deps.clock.wallMs()).toISOString() };
    },
    async verify() {},
    async close() {},
  };
}

export const terminal = { schema, create } satisfies NotifierType<ConsoleSettings>;

type Colour = "red" | "yellow" | "cyan" | "green" | "gray";
type Style = Colour | "bold" | "dim";

const COLOUR: Readonly<Record<Tone, Colour>> = {
  critical: "red",
  warning: "yellow",
  info: "cyan",
  resolved: "green",
  ended: "gray",
};

/** A bar in the colour of the severity down the left side of each alert, its headline bold, its reference dim. */
function printed({ message, enqueuedAtMs }: Delivery, { out, timezone, language }: NotifierDeps): string {
  const paint = painter(out);
  const width = out.isTTY === true ? Math.max(40, out.columns ?? 100) : Number.POSITIVE_INFINITY;
  // seen from the epoch, so that the day is always said: a terminal keeps yesterday's lines
  const time = clockTime(enqueuedAtMs, 0, { timezone, language });

  const framed = (colour: Colour, indent: string, text: string, ink: (line: string) => string): string[] => {
    const margin = `${paint(colour, BAR)} ${indent}`;
    return wrap(clean(text), width - indent.length - 2).map((line) => margin + ink(line));
  };
  const head = (colour: Colour, text: string) => framed(colour, "", text, (line) => paint("bold", paint(colour, line)));
  const section = (each: Section, lead: string): string[] => {
    const colour = COLOUR[toneOf(each)];
    const [headline = "", ...lines] = sectionLines(each);
    const dimRef = (line: string) =>
      line.endsWith(each.ref) ? line.slice(0, -each.ref.length) + paint("dim", each.ref) : line;
    return [...head(colour, lead + headline), ...lines.flatMap((line) => framed(colour, "  ", line, dimRef))];
  };

  const lines = isSingle(message)
    ? message.sections.flatMap((each) => section(each, `${time}  `))
    : [
        ...head(COLOUR[message.severity], `${time}  ${clean(message.title)}`),
        ...message.sections.flatMap((each) => section(each, "")),
        ...message.more.flatMap((headline) => framed("gray", "", `• ${headline}`, (line) => line)),
      ];
  return `${lines.join("\n")}\n\n`;
}

function painter(out: Out): (style: Style, text: string) => string {
  if (out.isTTY !== true || out.hasColors?.() !== true) return (_style, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/**
 * Breaks at spaces and between Chinese characters, which are two columns wide; a longer word is broken where the line ends, so that
 * no piece of it begins a line by itself and passes for one of ours.
 */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const piece of piecesOf(text, width)) {
    if (line !== "" && used + columns(piece.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = "";
      used = 0;
    }
    line += piece;
    used += columns(piece);
  }
  return [...lines, line.trimEnd()];
}

/** Words with the space behind them, none wider than a line. */
function piecesOf(text: string, width: number): string[] {
  if (width === Number.POSITIVE_INFINITY) return [text];
  const half = Math.floor(width / 2); // every character may be two columns wide
  return text.split(/(?<= )|(?=\p{Script=Han})/u).flatMap((word) => {
    if (columns(word) <= width) return [word];
    const chars = [...word];
    return Array.from({ length: Math.ceil(chars.length / half) }, (_, n) =>
      chars.slice(n * half, (n + 1) * half).join(""),
    );
  });
}

function columns(text: string): number {
  const wide = text.match(/[\p{Script=Han}\u3000-\u303F\uFF00-\uFF60]/gu)?.length ?? 0;
  return [...text].length + wide;
}
