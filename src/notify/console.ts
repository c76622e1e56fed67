// The terminal: what the demo shows, and a channel for people who keep one open. Colour where the terminal has it.
import { styleText } from "node:util";
import { z } from "zod";
import { clockTime } from "../core/format.ts";
import { type Delivery, type Notifier, NotifyError, type Section, type Severity } from "../core/ports.ts";
import type { NotifierDeps, NotifierType, Out } from "./adapter.ts";
import { clean, isSingle, sectionLines } from "./text.ts";

const schema = z.strictObject({ type: z.literal("console") });
export type ConsoleSettings = z.output<typeof schema>;

const TERMINAL = "terminal";

function create(name: string, _settings: ConsoleSettings, deps: NotifierDeps): Notifier {
  return {
    name,
    recipients: [TERMINAL],
    async send(delivery, signal) {
      if (signal.aborted) throw new NotifyError("not_sent", "stopped");
      deps.out.write(printed(delivery, deps));
      return { printedAt: new Date(deps.clock.wallMs()).toISOString() };
    },
    async verify() {},
    async close() {},
  };
}

export const terminal = { schema, create } satisfies NotifierType<ConsoleSettings>;

type Colour = "red" | "yellow" | "cyan" | "green" | "gray";
type Style = Colour | "bold" | "dim";

const COLOUR: Readonly<Record<Severity | "resolved" | "ended", Colour>> = {
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
    const margin = `${paint(colour, "┃")} ${indent}`;
    return wrap(clean(text), width - indent.length - 2).map((line) => margin + ink(line));
  };
  const head = (colour: Colour, text: string) => framed(colour, "", text, (line) => paint("bold", paint(colour, line)));
  const section = (each: Section, lead: string): string[] => {
    const colour = COLOUR[each.kind === "resolved" || each.kind === "ended" ? each.kind : each.severity];
    const [headline = "", ...lines] = sectionLines(each);
    const dimRef = (line: string) =>
      line.endsWith(each.ref) ? line.slice(0, -each.ref.length) + paint("dim", each.ref) : line;
    return [...head(colour, lead + headline), ...lines.flatMap((line) => framed(colour, "  ", line, dimRef))];
  };

  const lines = isSingle(message)
    ? message.sections.flatMap((each) => section(each, `${time}  `))
    : [
        ...head(COLOUR[message.severity], `${time}  ${message.title}`),
        ...message.sections.flatMap((each) => section(each, "")),
        ...message.more.flatMap((headline) => framed("gray", "", `• ${headline}`, (line) => line)),
      ];
  return `${lines.join("\n")}\n\n`;
}

function painter(out: Out): (style: Style, text: string) => string {
  if (out.isTTY !== true || out.hasColors?.() !== true) return (_style, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** Breaks at spaces and between Chinese characters, which are two columns wide; a longer word runs over. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const piece of text.split(/(?<= )|(?=\p{Script=Han})/u)) {
    if (line !== "" && columns(line) + columns(piece.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += piece;
  }
  return [...lines, line.trimEnd()];
}

function columns(text: string): number {
  const wide = text.match(/[\p{Script=Han}\u3000-\u303F\uFF00-\uFF60]/gu)?.length ?? 0;
  return [...text].length + wide;
}
