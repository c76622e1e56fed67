// How fast the level falls, and when it would reach the liquidation bar if it went on like that. The one thing to know: it is silent
// unless two spans of time agree, because a number that is wrong half of the time is worse than none.

/** One level that was observed. */
export interface LevelPoint {
  /** Wall ms. */
  readonly atMs: number;
  readonly level: number;
}

export interface Outlook {
  /** The bar of liquidation. */
  readonly bar: number;
  /** Only below this level is there anything to tell; the account's normalBar as a rule. */
  readonly floor: number;
  /** The longest time between two points that still counts as observed. At least 2 min: older points are kept one a minute. */
  readonly maxGapMs?: number;
  /** The estimate before this one was "falling": then it takes a little more to end it than it took to begin. */
  readonly wasFalling?: boolean;
}

export interface Minutes {
  readonly fromMin: number;
  readonly toMin: number;
}

/** calm: there is evidence that it does not fall, or is far away. unknown: too few looks, or they do not agree. */
export type Estimate =
  | ({ readonly kind: "falling" } & Minutes)
  | { readonly kind: "calm" }
  | { readonly kind: "unknown" };

const MINUTE_MS = 60_000;
/** Shortest first. */
const SPANS_MS = [15 * MINUTE_MS, 60 * MINUTE_MS, 360 * MINUTE_MS] as const;
const MAX_GAP_MS = 3 * MINUTE_MS;
/** So much of a span must have been observed, in so many points at least. */
const OBSERVED_RATIO = 0.6;
const POINTS_MIN = 8;
/** So far ahead nobody can see. */
const HORIZON_MIN = 24 * 60;

/** What it takes to be called falling, and to stay so. */
const BEGIN = { factor: 3, fallingRatio: 0.6, floorTimes: 1 };
const STAY = { factor: 4, fallingRatio: 0.55, floorTimes: 1.02 };

/** Minutes until the bar, or undefined: nothing that is worth saying. */
export function minutesToLiquidation(
  points: readonly LevelPoint[],
  level: number,
  outlook: Outlook,
  nowMs: number,
): Minutes | undefined {
  const found = estimate(points, level, outlook, nowMs);
  return found.kind === "falling" ? { fromMin: found.fromMin, toMin: found.toMin } : undefined;
}

/**
 * From the slopes of ln(level) over 15 min, 1 h and 6 h (prices move by shares of themselves): ln(level / bar) / slope. The shortest span
 * that was observed must fall, and one of the longer must agree with it within a factor of 3: what fell for hours and has stopped is calm,
 * and what has just begun to crash is not yet told.
 */
export function estimate(points: readonly LevelPoint[], level: number, outlook: Outlook, nowMs: number): Estimate {
  const { bar, floor, maxGapMs = MAX_GAP_MS, wasFalling = false } = outlook;
  const terms = wasFalling ? STAY : BEGIN;
  if (!(level > 0 && bar > 0 && Number.isFinite(level))) return { kind: "unknown" };
  if (level <= bar) return { kind: "falling", fromMin: 0, toMin: 0 };
  if (level >= floor * terms.floorTimes) return { kind: "calm" };
  const slopes = SPANS_MS.map((spanMs) => slopeOver(points, spanMs, maxGapMs, nowMs)).filter(
    (each) => each !== undefined,
  );
  const [shortest, ...longer] = slopes;
  if (shortest === undefined || longer.length === 0) return { kind: "unknown" };
  const away = Math.log(level / bar);
  const minutes = (slope: Slope) => away / -slope.perMin;
  const falls = ({ perMin, fallingRatio }: Slope) => perMin < 0 && fallingRatio >= terms.fallingRatio;
  if (!falls(shortest) || minutes(shortest) > HORIZON_MIN) return { kind: "calm" };
  const other = longer.find((each) => falls(each) && isNear(each.perMin / shortest.perMin, terms.factor));
  if (other === undefined) return { kind: "unknown" };
  const [fromMin, toMin] = [minutes(shortest), minutes(other)].sort((one, two) => one - two);
  return { kind: "falling", fromMin: fromMin ?? 0, toMin: toMin ?? 0 };
}

/**
 * The field for rules: the lower end; a day when it is calm, so that a rule on it is left for a reason. Undefined when it is unknown:
 * then the last value goes on.
 */
export function fieldOf(found: Estimate): number | undefined {
  if (found.kind === "falling") return found.fromMin;
  return found.kind === "calm" ? HORIZON_MIN : undefined;
}

/** As people say it: the lower end down, the upper end up, to steps of 1, 5, 10 or 30 min or 1 h; never further than it was reckoned. */
export function roundMinutes({ fromMin, toMin }: Minutes): Minutes {
  const [down, up] = [stepFor(fromMin), stepFor(toMin)];
  return { fromMin: Math.floor(fromMin / down + 1e-9) * down, toMin: Math.max(0, Math.ceil(toMin / up - 1e-9)) * up };
}

function stepFor(minutes: number): number {
  if (minutes < 10) return 1;
  if (minutes < 30) return 5;
  if (minutes < 90) return 10;
  return minutes < 240 ? 30 : 60;
}

// ---------------------------------------------------------------- slopes

export interface Slope {
  /** Change of ln(level) a minute. */
  readonly perMin: number;
  /** Part of all pairs of points that fall. */
  readonly fallingRatio: number;
}

const isNear = (ratio: number, factor: number): boolean => ratio >= 1 / factor && ratio <= factor;

/** Undefined where the span was not observed enough, or not lately. */
function slopeOver(points: readonly LevelPoint[], spanMs: number, maxGapMs: number, nowMs: number): Slope | undefined {
  const inside: LevelPoint[] = [];
  for (const point of points) {
    if (point.atMs > nowMs - spanMs && point.atMs <= nowMs && point.level > 0) inside.push(point);
  }
  if (inside.length < POINTS_MIN || observedMs(inside, maxGapMs, nowMs) < spanMs * OBSERVED_RATIO) return undefined;
  const last = inside.at(-1);
  if (last === undefined || nowMs - last.atMs > maxGapMs) return undefined;
  return theilSen(thin(inside, nowMs - spanMs, spanMs));
}

function observedMs(points: readonly LevelPoint[], maxGapMs: number, nowMs: number): number {
  let sumMs = 0;
  for (let i = 0; i < points.length; i++) {
    const gapMs = (points[i + 1]?.atMs ?? nowMs) - (points[i]?.atMs ?? nowMs);
    if (gapMs >= 0 && gapMs <= maxGapMs) sumMs += gapMs;
  }
  return sumMs;
}

/** Pairs grow with the square of the points: 48 make 1,128 pairs, and a dense last hour weighs no more than a thin one before. */
const THIN_TO = 48;

/** The median point of each of 48 equal parts of the span. */
function thin(points: readonly LevelPoint[], fromMs: number, spanMs: number): readonly LevelPoint[] {
  if (points.length <= THIN_TO) return points;
  const parts: LevelPoint[][] = Array.from({ length: THIN_TO + 1 }, () => []);
  for (const point of points) parts[Math.floor(((point.atMs - fromMs) * THIN_TO) / spanMs)]?.push(point);
  return parts.flatMap(middlePoint);
}

// One of the points, not their mean: a level that was there, at its own time.
function middlePoint(points: readonly LevelPoint[]): readonly LevelPoint[] {
  if (points.length <= 1) return points;
  const levels = new Float64Array(points.length);
  for (let i = 0; i < points.length; i++) levels[i] = points[i]?.level ?? 0;
  const level = select(levels, (points.length - 1) >> 1);
  const middle = points.find((point) => point.level === level);
  return middle === undefined ? [] : [middle];
}

/**
 * The median of the slopes of ln(level) over all pairs of points: H. Theil 1950 ("A rank-invariant method of linear and polynomial
 * regression analysis"), P. K. Sen 1968 ("Estimates of the regression coefficient based on Kendall's tau", J. Am. Stat. Assoc. 63).
 * It bears up to 29.3 % of wrong points. Undefined for fewer than two different times.
 */
export function theilSen(points: readonly LevelPoint[]): Slope | undefined {
  const minutes = new Float64Array(points.length);
  const logs = new Float64Array(points.length);
  for (const [i, { atMs, level }] of points.entries()) {
    minutes[i] = atMs / MINUTE_MS;
    logs[i] = Math.log(level);
  }
  const slopes = new Float64Array((points.length * (points.length - 1)) / 2);
  let count = 0;
  let falling = 0;
  for (let i = 0; i < points.length; i++) {
    const [minute, log] = [minutes[i] ?? 0, logs[i] ?? 0];
    for (let k = i + 1; k < points.length; k++) {
      const slope = ((logs[k] ?? 0) - log) / ((minutes[k] ?? 0) - minute);
      if (!Number.isFinite(slope)) continue; // of one time, or no level
      slopes[count++] = slope;
      if (slope < 0) falling++;
    }
  }
  const perMin = median(slopes.subarray(0, count));
  return perMin === undefined ? undefined : { perMin, fallingRatio: falling / count };
}

// By selection (C. A. R. Hoare 1961, "Algorithm 65: Find"): nobody needs the order of all the rest.
function median(values: Float64Array): number | undefined {
  const { length } = values;
  if (length === 0) return undefined;
  const place = length >> 1;
  const high = select(values, place);
  if (length % 2 === 1) return high;
  let low = values[0] ?? high;
  for (let i = 1; i < place; i++) low = Math.max(low, values[i] ?? low);
  return (low + high) / 2;
}

/** The value that would stand in this place if they were sorted; smaller ones are before it then, larger ones after it. */
function select(values: Float64Array, place: number): number {
  let [left, right] = [0, values.length - 1];
  while (left < right) {
    const pivot = values[(left + right) >> 1] ?? 0;
    let [low, high] = [left, right];
    while (low <= high) {
      while ((values[low] ?? pivot) < pivot) low++;
      while ((values[high] ?? pivot) > pivot) high--;
      if (low > high) break;
      const kept = values[low] ?? 0;
      values[low++] = values[high] ?? 0;
      values[high--] = kept;
    }
    if (place <= high) right = high;
    else if (place >= low) left = low;
    else break;
  }
  return values[place] ?? 0;
}
