// What is remembered of one subject, and how a look changes it. The one thing to know: it changes in place, because hundreds of pairs are
// looked at every few seconds, and nearly all of them have nothing new to say.
import {
  type Calm,
  isSameAmounts,
  type Look,
  lookBefore,
  NOT_SEEN,
  type Step,
  stepBetween,
  turned,
} from "./core/calm.ts";
import type { Fall } from "./core/drops.ts";
import type { Prices } from "./core/market.ts";
import type { Observation } from "./core/observe.ts";
import type { Subject } from "./core/ports.ts";
import type { Rule } from "./core/rules/compile.ts";
import { fieldInfo } from "./core/rules/fields.ts";
import { createTape, type Tape } from "./core/tape.ts";
import { createTops, type Tops } from "./core/tops.ts";
import { KEEP_LONG, KEEP_SHORT, type Track } from "./core/track.ts";
import type { Estimate } from "./core/trend.ts";

/** The window of one rule on speed. */
export interface Window {
  readonly rule: Rule;
  readonly tops: Tops;
  /** A low value is only dangerous with debt: without it there is nothing to fall. */
  readonly needsDebt: boolean;
}

export interface Remembered {
  readonly subject: Subject;
  readonly tape: Tape;
  readonly windows: readonly Window[];
  /** Some rule asks for the time to liquidation. */
  readonly asksMinutes: boolean;
  /** The last valid look with debt; undefined: none since the start, or nothing is owed. */
  observation: Observation | undefined;
  prices: Prices | undefined;
  /** It was absent from the last answer. */
  isMissing: boolean;
  calm: Calm;
  /** What an alert that opens with the last look is compared with. */
  calmBefore: Look | undefined;
  /** Transfers and trades since `calmBefore`. */
  steps: readonly Step[];
  estimate: { readonly found: Estimate; readonly atMs: number } | undefined;
  /** When it was last seen that an estimate needs the whole track. */
  waitsSinceMs: number | undefined;
  /** Something is new since it was stored. */
  isChanged: boolean;
  storedAtMs: number | undefined;
}

/** What of a subject was stored, as far as it can be read. */
export interface Stored {
  readonly track: Track | undefined;
  /** By rule. */
  readonly tops: ReadonlyMap<string, Tops>;
}

export const NOTHING_STORED: Stored = { track: undefined, tops: new Map() };
export const TRACK = "track";
export const topsKind = (rule: Pick<Rule, "id">): string => `tops ${rule.id}`;

/** Takes up what was stored. */
export function remember(subject: Subject, rules: readonly Rule[], { track, tops }: Stored): Remembered {
  const own = rules.filter((rule) => rule.coversSubject(subject));
  return {
    subject,
    tape: createTape(subject === "cross" ? KEEP_LONG : KEEP_SHORT, track),
    windows: own.flatMap((rule) => windowOf(rule, tops.get(rule.id)) ?? []),
    asksMinutes: own.some(({ field }) => field === "minutesToLiquidation"),
    observation: undefined,
    prices: undefined,
    isMissing: false,
    calm: NOT_SEEN,
    calmBefore: undefined,
    steps: [],
    estimate: undefined,
    waitsSinceMs: undefined,
    isChanged: track !== undefined || tops.size > 0, // so that it is looked through once, and forgotten where nobody sees it again
    storedAtMs: undefined,
  };
}

function windowOf(rule: Rule, stored: Tops | undefined): Window | undefined {
  const tops = stored ?? topsFor(rule);
  return tops && { rule, tops, needsDebt: fieldInfo(rule.field).needsDebt === true };
}

/** Undefined: it is no rule on speed, or the text was not written for it. */
export function topsFor({ field, ladder }: Rule, text?: string): Tops | undefined {
  return ladder.kind === "drop" ? createTops({ field, withinMs: ladder.withinMs }, text) : undefined;
}

/** A valid look at it; yields what moved since the one before. Without debt what was before is forgotten: a new debt is another danger. */
export function see(about: Remembered, observation: Observation, prices: Prices | undefined): Step | undefined {
  about.isMissing = false;
  if (about.tape.look(observation)) about.isChanged = true;
  const step = stepOf(about, observation, prices);
  if (!observation.hasDebt) {
    about.observation = undefined;
    about.prices = undefined;
    about.calm = NOT_SEEN;
    about.calmBefore = undefined;
    about.steps = [];
    about.estimate = undefined;
    about.waitsSinceMs = undefined;
    return step;
  }
  about.observation = observation;
  about.prices = prices;
  about.calmBefore = lookBefore(about.calm);
  about.calm = turned(about.calm, observation, prices);
  if (step !== undefined) about.steps = [...about.steps, step];
  if (about.steps.length > 0) {
    const sinceMs = about.calmBefore?.observation.atMs ?? 0;
    about.steps = about.steps.filter(({ atMs }) => atMs > sinceMs);
  }
  return step;
}

function stepOf({ observation: last, prices: then }: Remembered, observation: Observation, prices: Prices | undefined) {
  if (last === undefined || isSameAmounts(last, observation)) return undefined;
  return stepBetween({ observation: last, prices: then }, { observation, prices });
}

/** An alert ended: the next one is compared with now. */
export function beginAnew(about: Remembered): void {
  const { observation, prices } = about;
  const now = observation && { observation, prices };
  about.calm = { earlier: now, middle: now };
  about.steps = [];
}

/** How far the fields fell that rules on speed ask for, the present value included. Undefined: none of them is known. */
export function fallsOf(
  about: Remembered,
  { values, atMs, hasDebt }: Observation,
): ReadonlyMap<string, Fall> | undefined {
  let falls: Map<string, Fall> | undefined;
  for (const { rule, tops, needsDebt } of about.windows) {
    if (needsDebt && !hasDebt) {
      tops.clear();
      continue;
    }
    const value = values[rule.field];
    if (typeof value !== "number") continue;
    about.isChanged = true;
    const fall = tops.push(atMs, value);
    if (fall === undefined) continue;
    falls ??= new Map();
    falls.set(rule.id, fall);
  }
  return falls;
}

/** Nothing is left that could be stored or told. */
export const isForgotten = ({ observation, tape, windows }: Remembered): boolean =>
  observation === undefined && tape.size === 0 && windows.every(({ tops }) => tops.size === 0);
