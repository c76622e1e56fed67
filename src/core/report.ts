// The facts of an incident when it is over, and of what moved the level meanwhile, in lines for people. The one thing to know: only what
// is known is said; without the books of both ends the report is how long and how bad it was.

import { type Moved, type Unmoved, whatMoved } from "./cause.ts";
import { type Between, type Book, type Cause, changesBetween } from "./cause-changes.ts";
import * as format from "./format.ts";
import type { Firing } from "./lifecycle.ts";
import { debtOf } from "./observe.ts";
import type { Severity } from "./ports.ts";
import { movedLines } from "./tell-cause.ts";
import { unpricedWays } from "./unpriced.ts";
import { CAUSE_WORDS, type CauseWords } from "./words/cause.ts";
import { WORDS } from "./words/index.ts";

export type Deed = keyof CauseWords["did"];

/** Something that was done to the account, summed over the incident. */
export interface Done {
  readonly deed: Deed;
  readonly asset: string;
  /** Units of the asset, above zero. */
  readonly amount: number;
}

export interface IncidentReport {
  readonly openedAtMs: number;
  readonly durationMs: number;
  readonly peak: Severity;
  readonly worst: { readonly value: number; readonly atMs: number } | undefined;
  /** Notifications before this one. */
  readonly messages: number;
  /** Undefined: the books of one end are not known. */
  readonly moved: Moved | Unmoved | undefined;
  /** Largest worth first. */
  readonly done: readonly Done[];
}

/** The account before the incident and at its end. Rows: of this subject, in between. */
export interface Ends {
  readonly before: Book | undefined;
  readonly after: Book | undefined;
  readonly rows?: Between;
}

/** @param state the incident as it stood at its end; @param endedAtMs wall ms. */
export function reportOf(state: Firing, endedAtMs: number, { before, after, rows = {} }: Ends): IncidentReport {
  const isKnown = before !== undefined && after !== undefined;
  return {
    openedAtMs: state.openedAtMs,
    durationMs: Math.max(0, endedAtMs - state.openedAtMs),
    peak: state.peak,
    worst: state.worst ?? undefined,
    messages: state.messages,
    moved: isKnown ? whatMoved(before, after, rows) : undefined,
    done: isKnown ? doneBetween(before, after, rows) : [],
  };
}

const DEED: Readonly<Partial<Record<Cause, Deed>>> = {
  transferIn: "added",
  transferOut: "removed",
  borrow: "borrowed",
  repay: "repaid",
  interest: "interest",
};

/** Moved in or out and worth less than this part of the debt: fees and interest that another asset paid, not somebody's deed. */
const TRACE_RATIO = 0.001;

/** Without what is only told apart by prices: borrowed, repaid and interest are in the balances. */
export const surelyDone = (done: readonly Done[]): readonly Done[] =>
  done.filter(({ deed }) => deed !== "added" && deed !== "removed");

function doneBetween(before: Book, after: Book, rows: Between): readonly Done[] {
  const done = allDone(before, after, rows);
  return unpricedWays(before, after).size === 0 ? done : surelyDone(done);
}

function allDone(before: Book, after: Book, rows: Between): readonly Done[] {
  const worth = ({ asset, amount }: Done) => amount * (after.prices.get(asset) ?? 0);
  const owed = before.balances.reduce((sum, each) => sum + debtOf(each) * (before.prices.get(each.asset) ?? 0), 0);
  return changesBetween(before, after, rows)
    .flatMap(({ asset, cause, held, debt }) => {
      const deed = DEED[cause];
      return deed === undefined ? [] : [{ deed, asset, amount: Math.abs(cause === "interest" ? debt : held) }];
    })
    .filter((done) => !(done.deed === "added" || done.deed === "removed") || worth(done) >= owed * TRACE_RATIO)
    .sort((one, other) => worth(other) - worth(one));
}

// ---------------------------------------------------------------- lines

/** How the worst value is said. `lower` undefined: the text says by itself what it is. */
export interface Shown {
  readonly value: (value: number) => string;
  readonly lower: boolean | undefined;
}

/** What is told, as far as it is known: how long and how bad, what moved it, what was done. */
export function reportLines(
  report: IncidentReport,
  shown: Shown,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const words = WORDS[locale.language];
  const { worst, moved } = report;
  const at = worst && {
    value: shown.value(worst.value),
    time: format.zonedTime(worst.atMs, nowMs, locale),
    lower: shown.lower,
  };
  const lasted = words.lasted(report.peak, format.duration(report.durationMs, locale.language), at);
  const joint = locale.language === "en" ? " " : "";
  const first = `${lasted}${joint}${words.messages(report.messages)}`;
  const movement = moved?.kind === "moved" ? movedLines(moved, undefined, locale.language) : [];
  return [first, ...movement, ...doneLine(report.done, locale.language)];
}

const DEEDS: readonly Deed[] = ["added", "removed", "repaid", "borrowed", "interest"];
const AMOUNTS_MAX = 3;

/** "Added 2,000 USDT; repaid 1,333.33 USDT." Empty when nothing was done. */
function doneLine(done: readonly Done[], language: format.Language): readonly string[] {
  const words = CAUSE_WORDS[language];
  const parts = DEEDS.flatMap((deed) => {
    const own = done.filter((each) => each.deed === deed && Number(short(each.amount)) !== 0);
    if (own.length === 0) return [];
    const amounts = own.slice(0, AMOUNTS_MAX).map(({ amount, asset }) => `${short(amount)} ${asset}`);
    const list = words.list(amounts);
    const more = own.length - amounts.length;
    return [words.didPart(words.did[deed], more > 0 ? words.and(list, more) : list)];
  });
  return parts.length === 0 ? [] : [words.didLine(parts)];
}

/** "0.2", "1,333.34" */
const short = (amount: number): string => format.unpadded(format.plain(amount));
