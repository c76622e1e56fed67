// Sections become one message: worst first, the first few in full, the rest by their first lines.
import type { Language } from "./format.ts";
import { type Message, SEVERITIES, type Section, type Severity } from "./ports.ts";
import { WORDS, type Words } from "./words/index.ts";

/** Told in full; the rest by its first line. */
const FULL_SECTIONS = 5;

/** What a message holds besides its sections. */
interface Extra {
  readonly account: string;
  readonly subject: string;
  /** Living messages only: alerts of the conversation that did not change now, worst first, one line each. */
  readonly standing?: readonly { readonly severity: Severity; readonly text: string }[];
  /** Living messages only: how many alerts the conversation began with. */
  readonly size?: number;
}

/** Told in passing: it has happened and is no trouble, so beside something that is over it does not set the tone. */
export type Told = Section & { readonly isPassing?: boolean };

/** Sections (worst first already) as one message. */
export function compose(told: readonly Told[], extra: Extra, language: Language): Message {
  const standing = extra.standing ?? [];
  const sections = told.map(({ isPassing: _, ...section }): Section => section);
  const lasting = told.filter(({ isPassing }) => isPassing !== true);
  const leading = lasting.length === 0 ? told : lasting;
  const firing = [...leading.filter(({ kind }) => !isOver(kind)), ...standing].map(({ severity }) => severity);
  const severity = SEVERITIES.findLast((rung) => firing.includes(rung)) ?? "resolved";
  const rest = sections
    .slice(FULL_SECTIONS)
    .map(({ kind, severity, headline, ref }) => ({ kind, severity, headline, ref }));
  const isLiving = extra.size !== undefined;
  return {
    kind: loudest(leading),
    severity,
    title: title(sections, firing.length, severity, extra, WORDS[language]),
    sections: sections.slice(0, FULL_SECTIONS),
    more: [...rest.map(({ headline, ref }) => `${headline} ${ref}`), ...standing.map(({ text }) => text)],
    ...(rest.length > 0 && !isLiving && { moreSections: rest }),
    subject: extra.subject,
  };
}

function title(
  sections: readonly Section[],
  firing: number,
  severity: Message["severity"],
  { account, size, standing = [] }: Extra,
  words: Words,
): string {
  const [only] = sections;
  const total = sections.length + standing.length;
  if (only !== undefined && total === 1 && (size ?? 1) === 1) return only.headline;
  const isEnded = sections.some(({ kind }) => kind === "ended"); // "resolved" would be said of what nobody watches any more
  const head =
    severity === "resolved" ? (isEnded ? words.head.ended : words.head.resolved) : words.headSeverity[severity];
  const text = size === undefined ? words.count(total) : words.countFiring(firing, Math.max(size, total));
  return `${head} · ${account} · ${text}`;
}

/** The message of `margind test-notify`. */
export function testMessage(notifier: string, ref: string, language: Language): Message {
  const words = WORDS[language];
  const headlineText = `${words.head.test} · ${words.testHead(notifier)}`;
  const only: Section = { kind: "test", severity: "info", headline: headlineText, lines: [words.testLine], ref };
  return {
    kind: "test",
    severity: "info",
    title: headlineText,
    sections: [only],
    more: [],
    subject: words.testSubject,
  };
}

export const isOver = (kind: Section["kind"]): boolean => kind === "resolved" || kind === "ended";

const LOUDEST_FIRST = ["raised", "opened", "reminded", "ended", "resolved", "lowered", "test"] as const;

/** The kind by which people are told: what began or grew worse before all else. */
export function loudest(sections: readonly Pick<Section, "kind">[]): Section["kind"] {
  return LOUDEST_FIRST.find((kind) => sections.some((item) => item.kind === kind)) ?? "lowered";
}
