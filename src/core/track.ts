// How one subject's margin level went: every look of the last hour, then one a minute, then one a quarter of an hour.
// The one thing to know: only fresh valid looks are in it, so a hole is a time in which nobody looked, never a level.

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

function append(points: readonly Point[], point: Point, keeping: Keeping): readonly Point[] {
  const last = points.at(-1);
  const isSame = last !== undefined && isSameLook(last.atMs, point.atMs, keeping);
  return downsample([...(isSame ? points.slice(0, -1) : points), point], point.atMs, keeping);
}

/** In the same step of the first tier the later look takes the place of the one before. */
export function isSameLook(oneMs: number, otherMs: number, { tiers: [first] }: Keeping): boolean {
  return first !== undefined && Math.floor(oneMs / first.stepMs) === Math.floor(otherMs / first.stepMs);
}

/**
 * As few points as are kept at `nowMs`. Every tier keeps the last point of each of its steps, and steps begin at multiples of their
 * length, so that it does not matter how often this is done.
 */
export function downsample(points: readonly Point[], nowMs: number, keeping: Keeping): readonly Point[] {
  const places = keptPlaces(points.length, (i) => points[i]?.atMs ?? 0, nowMs, keeping);
  return places.length === points.length ? points : places.flatMap((place) => points[place] ?? []);
}

/** Which of so many points, oldest first, are kept at `nowMs`. */
export function keptPlaces(
  count: number,
  atMsOf: (place: number) => number,
  nowMs: number,
  { tiers, keepMs }: Keeping,
): readonly number[] {
  const kept: number[] = [];
  for (let i = 0; i < count; i++) {
    const atMs = atMsOf(i);
    if (atMs < nowMs - keepMs) continue;
    const stepMs = stepAt(atMs, nowMs, tiers);
    const isLast = i + 1 === count || Math.floor(atMsOf(i + 1) / stepMs) !== Math.floor(atMs / stepMs);
    if (isLast) kept.push(i);
  }
  return kept;
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

/** How many points are not later than this. */
function after(points: readonly Point[], atMs: number): number {
  return placeAfter(points.length, (i) => points[i]?.atMs ?? 0, atMs);
}

/** How many of so many points, oldest first, are not later than this. */
export function placeAfter(count: number, atMsOf: (place: number) => number, atMs: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (atMsOf(middle) <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ---------------------------------------------------------------- as text

const LEVEL_UNIT = 1e6;
const PCT_UNIT = 1e4;

/** Undefined: not a level. */
function rounded({ atMs, level, distancePct }: Point): Point | undefined {
  const told = Number.isSafeInteger(atMs) ? toldLevel(level) : undefined;
  return told === undefined ? undefined : { atMs, level: told, distancePct: toldPct(distancePct) };
}

/** To its digits. Undefined: it is no level, for it is not finite, negative, or too large to be one. */
export const toldLevel = (level: number): number | undefined =>
  // + 0: there is no −0 in text.
  level >= 0 && level <= LEVEL_MAX ? Math.round(level * LEVEL_UNIT) / LEVEL_UNIT + 0 : undefined;

export const toldPct = (pct: number | undefined): number | undefined =>
  pct !== undefined && Math.abs(pct) <= LEVEL_MAX ? Math.round(pct * PCT_UNIT) / PCT_UNIT + 0 : undefined;

const LEVEL_MAX = 1e6;

const VERSION = "1";

/** "1|debt since|ms since the one before,level·10⁶,distance·10⁴;…", every number in base 36: about 12 characters a point. */
export function encode({ points, debtSinceMs }: Track): string {
  let lastMs = 0;
  const rows = points.map(({ atMs, level, distancePct }) => {
    const sinceMs = atMs - lastMs;
    lastMs = atMs;
    return encodeRow(sinceMs, level, distancePct);
  });
  return encodeHead(debtSinceMs) + rows.join(";");
}

/** The text of a track is this and its rows, with ";" between them. */
export const encodeHead = (debtSinceMs: number | undefined): string =>
  `${VERSION}|${debtSinceMs === undefined ? "" : short(debtSinceMs)}|`;

/** @param sinceMs since the point before; of the first: its stamp. */
export function encodeRow(sinceMs: number, level: number, distancePct: number | undefined): string {
  const told = `${short(sinceMs)},${short(level * LEVEL_UNIT)}`;
  return distancePct === undefined ? told : `${told},${short(distancePct * PCT_UNIT)}`;
}

/** What `encode` made. Undefined: it was not made by it. Nothing is cut out of the text: at a start half a million points are read. */
export function decode(text: string): Track | undefined {
  const sinceAt = text.indexOf("|") + 1;
  const bodyAt = text.indexOf("|", sinceAt) + 1;
  if (text.slice(0, sinceAt) !== `${VERSION}|` || bodyAt === 0) return undefined;
  const debtSinceMs = bodyAt - 1 === sinceAt ? undefined : long(text, sinceAt, bodyAt - 1);
  if (Number.isNaN(debtSinceMs)) return undefined;
  const points: Point[] = [];
  let lastMs: number | undefined;
  for (let at = text.length > bodyAt ? bodyAt : 0; at > 0; ) {
    const next = text.indexOf(";", at);
    const end = next === -1 ? text.length : next;
    const point = pointIn(text, at, end, lastMs ?? 0);
    if (point === undefined || (lastMs !== undefined && point.atMs <= lastMs)) return undefined;
    points.push(point);
    lastMs = point.atMs;
    at = next + 1; // 0: that was the last
  }
  return { points, debtSinceMs };
}

/** The row from a place of the text up to another. */
function pointIn(text: string, at: number, end: number, lastMs: number): Point | undefined {
  const levelAt = text.indexOf(",", at) + 1;
  if (levelAt === 0 || levelAt > end) return undefined;
  const comma = text.indexOf(",", levelAt);
  const levelEnd = comma === -1 || comma > end ? end : comma;
  const distance = levelEnd === end ? undefined : long(text, levelEnd + 1, end);
  if (Number.isNaN(distance)) return undefined;
  return rounded({
    atMs: lastMs + long(text, at, levelAt - 1),
    level: long(text, levelAt, levelEnd) / LEVEL_UNIT,
    distancePct: distance === undefined ? undefined : distance / PCT_UNIT,
  });
}

// toString(36) and parseInt(36) take four times as long, and hundreds of tracks are written and read.
const DIGITS = Array.from({ length: 36 }, (_, digit) => digit.toString(36));
const TWO_DIGITS = DIGITS.flatMap((high) => DIGITS.map((low) => high + low));

function short(value: number): string {
  const whole = Math.round(value);
  if (whole < 0) return `-${short(-whole)}`;
  if (whole < 36) return DIGITS[whole] ?? "";
  if (whole < 1296) return TWO_DIGITS[whole] ?? "";
  return short(Math.floor(whole / 1296)) + (TWO_DIGITS[whole % 1296] ?? "");
}

/** The number from a place of the text up to another; NaN where there is none. */
function long(text: string, at: number, end: number): number {
  const start = text.charCodeAt(at) === MINUS ? at + 1 : at;
  let value = end > start ? 0 : Number.NaN;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    const digit = code >= 48 && code <= 57 ? code - 48 : code >= 97 && code <= 122 ? code - 87 : Number.NaN;
    value = value * 36 + digit;
  }
  return start > at ? -value : value;
}
const MINUS = 45;
