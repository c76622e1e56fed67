// Sections become one message: worst first, the first few in full, the rest as a count with names. The one thing to know: what people
// read is short, but nothing is lost: `moreSections` names every alert, for programs and for the message that is made of late rows.
import type { Language } from "./format.ts";
import { type Message, SEVERITIES, type Section, type Severity } from "./ports.ts";
import { TOLD_IN_FULL } from "./ranking.ts";
import { WORDS, type Words } from "./words/index.ts";
import { RANKING_WORDS, type Standing } from "./words/ranking.ts";

/** Names behind the count. */
const NAMES_MAX = 30;

/** What a message holds besides its sections. */
interface Extra {
  readonly account: string;
  readonly subject: string;
  /** Living messages only: alerts of the conversation that did not change now, worst first, one line each. */
  readonly standing?: readonly StandingRow[];
  /** Living messages only: how many alerts the conversation began with. */
  readonly size?: number;
}

interface StandingRow {
  readonly severity: Severity;
  readonly text: string;
  /** What it goes by among many; else it is only counted. */
  readonly name?: string;
}

/**
 * `isPassing`: it has happened and is no trouble, so beside something that is over it does not set the tone. `name`: what it goes by
 * among many, "BTCUSDT"; else its reference.
 */
export type Told = Section & { readonly isPassing?: boolean; readonly name?: string };

/** Sections (worst first already) as one message. */
export function compose(told: readonly Told[], extra: Extra, language: Language): Message {
  const standing = extra.standing ?? [];
  const sections = told.map(({ isPassing: _, name: __, ...section }): Section => section);
  const lasting = told.filter(({ isPassing }) => isPassing !== true);
  const leading = lasting.length === 0 ? told : lasting;
  const firing = [...leading.filter(({ kind }) => !isOver(kind)), ...standing].map(({ severity }) => severity);
  const severity = SEVERITIES.findLast((rung) => firing.includes(rung)) ?? "resolved";
  const rest = sections
    .slice(TOLD_IN_FULL)
    .map(({ kind, severity, headline, ref }) => ({ kind, severity, headline, ref }));
  const isLiving = extra.size !== undefined;
  return {
    kind: loudest(leading),
    severity,
    title: title(sections, firing.length, severity, extra, WORDS[language]),
    sections: sections.slice(0, TOLD_IN_FULL),
    more: [...restLines(told, language), ...standingLines(standing, language)],
    ...(rest.length > 0 && !isLiving && { moreSections: rest }),
    subject: extra.subject,
  };
}

/** What is not told in full. One alone by its first line: as a count it would be no shorter. */
function restLines(told: readonly Told[], language: Language): readonly string[] {
  const rest = told.slice(TOLD_IN_FULL);
  const words = RANKING_WORDS[language];
  if (rest.length < 2) return rest.map(({ headline, ref }) => `${headline} ${ref}`);
  const kinds = rest.map(({ kind, severity }) => (kind === "resolved" || kind === "ended" ? kind : severity));
  const above = new Set(told.slice(0, TOLD_IN_FULL).map(({ name }) => name));
  const isNew = ({ name }: Told) => name === undefined || !above.has(name);
  const inOrder = [...rest.filter(isNew), ...rest.filter((each) => !isNew(each))];
  const names = inOrder.map(({ name, ref }) => name ?? ref).filter((name) => name !== ""); // older versions wrote no ref
  return [words.rest(rest.length, counted(kinds, language), listed(names, language))];
}

function standingLines(rows: readonly StandingRow[], language: Language): readonly string[] {
  const words = RANKING_WORDS[language];
  if (rows.length <= TOLD_IN_FULL + 1) return rows.map(({ text }) => text);
  const rest = rows.slice(TOLD_IN_FULL);
  const kinds = rest.map(({ severity }) => severity);
  const names = rest.flatMap(({ name }) => name ?? []);
  return [
    ...rows.slice(0, TOLD_IN_FULL).map(({ text }) => text),
    words.standingRest(rest.length, counted(kinds, language), listed(names, language)),
  ];
}

const WORST_FIRST = [...SEVERITIES.toReversed(), "resolved", "ended"] as const;

/** "20 critical", "15 warning". */
function counted(kinds: readonly Standing[], language: Language): readonly string[] {
  const words = RANKING_WORDS[language];
  return WORST_FIRST.flatMap((standing) => {
    const count = kinds.filter((kind) => kind === standing).length;
    if (count === 0) return [];
    return [count === kinds.length ? words.all(words.standing[standing]) : words.some(count, words.standing[standing])];
  });
}

/** The first of them, each once. */
function listed(all: readonly string[], language: Language): string {
  const names = [...new Set(all)].filter((name) => name !== "");
  const shown = names.length > NAMES_MAX ? [...names.slice(0, NAMES_MAX), "…"] : names;
  return RANKING_WORDS[language].names(shown);
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
