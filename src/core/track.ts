// How one subject's margin level went: every look of the last hour, then one a minute, then one a quarter of an hour.
// The one thing to know: only fresh valid looks are in it, so a hole is a time in which nobody looked, never a level.
import type { Observation } from "./observe.ts";

export interface Point {
  /** Wall ms. */
  readonly atMs: number;
  /** To six decimals. */
  readonly level: number;
  /** To four decimals, percent. */
  readonly distancePct: number | undefined;
}

export interface Track {
  /** Oldest first, every stamp once. */
  readonly points: readonly Point[];
  /** First look at the debt that there is now; undefined while nothing is owed. What was before says nothing of its danger. */
  readonly debtSinceMs: number | undefined;
}

/** Looks older than `fromMs` are kept once in every `stepMs`: the last one. */
export interface Tier {
  readonly fromMs: number;
  readonly stepMs: number;
}

/** How long and how densely a track is kept. Tiers: youngest first; every step is a whole multiple of the one before. */
export interface Keeping {
  readonly tiers: readonly Tier[];
  readonly keepMs: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One look a second at most, which is more than the exchange allows; so at most 3,660 + 1,396 + 2,785 points. */
export const KEEP_LONG: Keeping = {
  tiers: [
    { fromMs: 0, stepMs: SECOND_MS },
    { fromMs: HOUR_MS, stepMs: MINUTE_MS },
    { fromMs: DAY_MS, stepMs: 15 * MINUTE_MS },
  ],
  keepMs: 30 * DAY_MS,
};

/** For hundreds of pairs: what an estimate of the way to liquidation needs, and a week to look back on. At most 2,000 points. */
export const KEEP_SHORT: Keeping = {
  tiers: [
    { fromMs: 0, stepMs: 5 * SECOND_MS },
    { fromMs: HOUR_MS, stepMs: MINUTE_MS },
    { fromMs: 6 * HOUR_MS, stepMs: 15 * MINUTE_MS },
  ],
  keepMs: 7 * DAY_MS,
};

export const NO_TRACK: Track = { points: [], debtSinceMs: undefined };

/** Looks that overlap may end in another order than they began. A stamp that is further back is a clock that was set back. */
const SWAPPED_MS = MINUTE_MS;

/** The track with this look, if it is valid and there is debt; and without what has become too old at its time. */
export function look(track: Track, observation: Observation, keeping: Keeping = KEEP_LONG): Track {
  const { class: kind, hasDebt, atMs, values } = observation;
  const { marginLevel: level, liquidationDistancePct: distancePct } = values;
  if (kind !== "OK") return track;
  if (!hasDebt) return track.debtSinceMs === undefined ? track : { ...track, debtSinceMs: undefined };
  if (typeof level !== "number") return track;
  return add(track, { atMs, level, distancePct: typeof distancePct === "number" ? distancePct : undefined }, keeping);
}

/**
 * The track with this point, which stands in its order, in the place of one with the same stamp. After a clock that was set back, what
 * lies in the new future is dropped: nobody can say when it was.
 */
export function add(track: Track, point: Point, keeping: Keeping = KEEP_LONG): Track {
  const { atMs } = point;
  const told = rounded(point);
  if (told === undefined) return track;
  const sinceMs = track.debtSinceMs;
  const debtSinceMs = sinceMs === undefined ? atMs : Math.min(sinceMs, atMs);
  const last = track.points.at(-1);
  if (last === undefined || atMs > last.atMs) return { points: append(track.points, told, keeping), debtSinceMs };
  const isSetBack = last.atMs - atMs > SWAPPED_MS;
  const kept = isSetBack ? track.points.slice(0, after(track.points, atMs)) : track.points;
  const place = after(kept, atMs);
  const before = kept[place - 1]?.atMs === atMs ? place - 1 : place;
  const points = [...kept.slice(0, before), told, ...kept.slice(place)];
  return { points: downsample(points, points.at(-1)?.atMs ?? atMs, keeping), debtSinceMs };
}

// Hot path (hundreds of pairs a poll): the whole track is gone through only when a step of the second tier has ended.
function append(points: readonly Point[], point: Point, keeping: Keeping): readonly Point[] {
  const last = points.at(-1);
  if (last === undefined) return [point];
  const [first, second] = keeping.tiers;
  const isSame = (stepMs: number) => Math.floor(last.atMs / stepMs) === Math.floor(point.atMs / stepMs);
  const grown = first !== undefined && isSame(first.stepMs) ? points.slice(0, -1) : points.slice();
  grown.push(point);
  const isEnded = second === undefined || !isSame(second.stepMs);
  return isEnded ? downsample(grown, point.atMs, keeping) : grown;
}

/**
 * As few points as are kept at `nowMs`. Every tier keeps the last point of each of its steps, and steps begin at multiples of their
 * length, so that it does not matter how often this is done.
 */
export function downsample(points: readonly Point[], nowMs: number, { tiers, keepMs }: Keeping): readonly Point[] {
  const first = points.findIndex(({ atMs }) => atMs >= nowMs - keepMs);
  if (first < 0) return [];
  const kept: Point[] = [];
  for (let i = first; i < points.length; i++) {
    const [point, next] = [points[i], points[i + 1]];
    if (point === undefined) continue;
    const stepMs = stepAt(point.atMs, nowMs, tiers);
    const isLast = next === undefined || Math.floor(next.atMs / stepMs) !== Math.floor(point.atMs / stepMs);
    if (isLast) kept.push(point);
  }
  return kept.length === points.length ? points : kept;
}

/** The longest step that has ended so long ago as its tier says. 1 ms: still every look. */
function stepAt(atMs: number, nowMs: number, tiers: readonly Tier[]): number {
  let longest = 1;
  for (const { fromMs, stepMs } of tiers) {
    const endMs = (Math.floor(atMs / stepMs) + 1) * stepMs;
    if (endMs <= nowMs - fromMs) longest = stepMs;
  }
  return longest;
}

/** The points later than `nowMs − lengthMs`, up to now, of the debt that there is now. */
export function window({ points, debtSinceMs }: Track, lengthMs: number, nowMs: number): readonly Point[] {
  if (debtSinceMs === undefined) return [];
  const begin = Math.max(after(points, nowMs - lengthMs), after(points, debtSinceMs - 1));
  return points.slice(begin, after(points, nowMs));
}

/** How many points are not later than this. */
function after(points: readonly Point[], atMs: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.atMs ?? 0) <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ---------------------------------------------------------------- as text

const LEVEL_UNIT = 1e6;
const PCT_UNIT = 1e4;

/** What is not a level: not finite, negative, or too large to be one. Undefined then. */
function rounded({ atMs, level, distancePct }: Point): Point | undefined {
  if (!Number.isSafeInteger(atMs) || !(level >= 0 && level <= LEVEL_MAX)) return undefined;
  const isTold = distancePct !== undefined && Math.abs(distancePct) <= LEVEL_MAX;
  return {
    atMs,
    level: Math.round(level * LEVEL_UNIT) / LEVEL_UNIT + 0,
    // + 0: there is no −0 in text.
    distancePct: isTold ? Math.round(distancePct * PCT_UNIT) / PCT_UNIT + 0 : undefined,
  };
}
const LEVEL_MAX = 1e6;

const VERSION = "1";

/** "1|debt since|ms since the one before,level·10⁶,distance·10⁴;…", every number in base 36: about 12 characters a point. */
export function encode({ points, debtSinceMs }: Track): string {
  let lastMs = 0;
  const rows = points.map(({ atMs, level, distancePct }) => {
    const sinceMs = atMs - lastMs;
    lastMs = atMs;
    const parts = [short(sinceMs), short(level * LEVEL_UNIT)];
    return (distancePct === undefined ? parts : [...parts, short(distancePct * PCT_UNIT)]).join(",");
  });
  return [VERSION, debtSinceMs === undefined ? "" : short(debtSinceMs), rows.join(";")].join("|");
}

/** What `encode` made. Undefined: it was not made by it. */
export function decode(text: string): Track | undefined {
  const [version, since = "", body, ...more] = text.split("|");
  const debtSinceMs = since === "" ? undefined : long(since);
  if (version !== VERSION || body === undefined || more.length > 0 || Number.isNaN(debtSinceMs)) return undefined;
  const points: Point[] = [];
  for (const row of body === "" ? [] : body.split(";")) {
    const lastMs = points.at(-1)?.atMs;
    const point = pointOf(row, lastMs ?? 0);
    if (point === undefined || (lastMs !== undefined && point.atMs <= lastMs)) return undefined;
    points.push(point);
  }
  return { points, debtSinceMs };
}

function pointOf(row: string, lastMs: number): Point | undefined {
  const parts = row.split(",");
  const [sinceMs = Number.NaN, level = Number.NaN, distance] = parts.map(long);
  if (parts.length > 3 || Number.isNaN(distance)) return undefined;
  return rounded({
    atMs: lastMs + sinceMs,
    level: level / LEVEL_UNIT,
    distancePct: distance === undefined ? undefined : distance / PCT_UNIT,
  });
}

const short = (value: number): string => Math.round(value).toString(36);
const long = (text: string): number => (/^-?[0-9a-z]+$/.test(text) ? Number.parseInt(text, 36) : Number.NaN);
