// How long it takes to liquidation, for the rules that ask. The one thing to know: an estimate costs as much as a hundred looks, so of
// hundreds of pairs that are near their end only a few are worked out at a look: the nearest, and those that waited longest.

import type { Observation } from "./core/observe.ts";
import { isQuotient } from "./core/observe.ts";
import type { Bars } from "./core/ports.ts";
import { pairBook } from "./core/priced.ts";
import { pairLiquidationLevel } from "./core/stress.ts";
import { type Estimate, estimate, fieldOf, type LevelPoint, type Outlook } from "./core/trend.ts";
import type { Remembered } from "./memory-subject.ts";

/** A value serves for so long. */
const FRESH_MS = 30_000;
/** After so long it says nothing any more: others were nearer. */
const OLD_MS = 5 * 60_000;
/** Two are worked out for every so long between looks: the nearest, and the one that waited longest. */
const EVERY_MS = 2_500;
const AT_ONCE_MAX = 24;
/** The longest span that an estimate looks at. */
const SPAN_MS = 6 * 60 * 60_000;
/** A pair's floor lies so many times above its own bar. */
const PAIR_FLOOR_TIMES = 1.2;
const NO_POINTS: readonly LevelPoint[] = [];

/** The bar and the floor of a subject; undefined where its level is no quotient, or no price liquidates it. */
function outlookOf({ source }: Observation, bars: Bars): Outlook | undefined {
  if (source === undefined) return undefined;
  if (!("symbol" in source))
    return isQuotient(source) ? { bar: bars.forceLiquidationBar, floor: bars.normalBar } : undefined;
  const book = pairBook(source);
  const bar = book && pairLiquidationLevel(source, book);
  return bar === undefined ? undefined : { bar, floor: bar * PAIR_FLOOR_TIMES };
}

/** As of now, from all that is remembered. Undefined: there is nothing to estimate. */
export function estimateOf(about: Remembered, bars: Bars, nowMs: number): Estimate | undefined {
  const kept = about.estimate;
  if (kept !== undefined && kept.atMs === nowMs) return kept.found;
  return workOut(about, bars, nowMs, (untilMs) => about.tape.window(SPAN_MS, untilMs));
}

export interface Estimates {
  /** Brings the estimates of those that ask for one up to date, as far as it is time to. Once a look. */
  refresh(seen: readonly (Remembered | undefined)[], bars: Bars, nowMs: number): void;
}

export function createEstimates(): Estimates {
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    refresh(seen, bars, nowMs) {
      const open = seen.filter((about) => about !== undefined && isOpen(about, bars, nowMs));
      const sinceMs = Math.max(0, nowMs - lastMs);
      lastMs = nowMs;
      const most = Math.min(AT_ONCE_MAX, Math.ceil(sinceMs / EVERY_MS) * 2);
      for (const about of chosen(open, Math.max(2, most))) {
        const found = estimateOf(about, bars, nowMs);
        about.estimate = found && { found, atMs: nowMs };
        about.waitsSinceMs = undefined;
      }
    },
  };
}

/** Does it need an estimate from its track? What can be said without is said here. */
function isOpen(about: Remembered, bars: Bars, nowMs: number): boolean {
  if (!about.asksMinutes || about.observation === undefined) return false;
  if (isFresh(about.estimate?.atMs, nowMs)) return false;
  if (isFresh(about.waitsSinceMs, nowMs)) return true;
  const quick = workOut(about, bars, nowMs, () => NO_POINTS); // far away, or there already: no point is needed to say so
  about.waitsSinceMs = quick?.kind === "unknown" ? nowMs : undefined;
  if (quick?.kind === "unknown") return true;
  about.estimate = quick && { found: quick, atMs: nowMs };
  return false;
}

const isFresh = (atMs: number | undefined, nowMs: number): boolean =>
  atMs !== undefined && nowMs >= atMs && nowMs - atMs < FRESH_MS;

/** The nearest to liquidation, and as many of the others that waited longest. */
function chosen(open: readonly (Remembered | undefined)[], count: number): readonly Remembered[] {
  const all = open.filter((about) => about !== undefined);
  if (all.length <= count) return all;
  const nearest = least(all, count / 2, ({ observation }) => {
    const distancePct = observation?.values.liquidationDistancePct;
    return typeof distancePct === "number" ? distancePct : Number.POSITIVE_INFINITY;
  });
  const others = all.filter((about) => !nearest.includes(about));
  return [...nearest, ...least(others, count / 2, ({ estimate: kept }) => kept?.atMs ?? Number.NEGATIVE_INFINITY)];
}

/** The so many of which this is least. By passes: there are few to be found among many. */
function least(all: readonly Remembered[], count: number, by: (about: Remembered) => number): readonly Remembered[] {
  const found: Remembered[] = [];
  while (found.length < count) {
    const rest = all.filter((about) => !found.includes(about));
    const [first] = rest;
    if (first === undefined) return found;
    found.push(rest.reduce((best, about) => (by(about) < by(best) ? about : best), first));
  }
  return found;
}

function workOut(
  { observation, estimate: kept }: Remembered,
  bars: Bars,
  nowMs: number,
  pointsUntil: (untilMs: number) => readonly LevelPoint[],
): Estimate | undefined {
  if (observation === undefined) return undefined;
  const level = observation.values.marginLevel;
  const outlook = outlookOf(observation, bars);
  if (outlook === undefined || typeof level !== "number") return undefined;
  const untilMs = Math.max(nowMs, observation.atMs);
  const wasFalling = kept?.found.kind === "falling";
  return estimate(pointsUntil(untilMs), level, { ...outlook, wasFalling }, untilMs);
}

/** The value of the field. Undefined: unknown, and every alert on it stays as it is. */
export function minutesOf({ estimate: kept }: Remembered, nowMs: number): number | undefined {
  return kept === undefined || nowMs - kept.atMs > OLD_MS ? undefined : fieldOf(kept.found);
}
