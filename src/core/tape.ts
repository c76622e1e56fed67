// A track that grows in place, for hundreds of pairs at every look. The one thing to know: it says what `add` of track.ts would say, and
// is only thinned when somebody asks or its room is used up, so until then it holds more points, never other ones.
import type { Observation } from "./observe.ts";
import {
  add,
  encodeHead,
  encodeRow,
  isSameLook,
  type Keeping,
  keptPlaces,
  placeAfter,
  type Track,
  toldLevel,
  toldPct,
} from "./track.ts";
import type { LevelPoint } from "./trend.ts";

export interface Tape {
  readonly size: number;
  /** Undefined while nothing is owed. */
  readonly debtSinceMs: number | undefined;
  /** Takes what is valid and of a debt. Yields whether it is another track now. Without debt it is empty: see Track. */
  look(observation: Observation): boolean;
  thin(nowMs: number): void;
  /** The points later than `nowMs − lengthMs`, up to now, of the debt that there is now. */
  window(lengthMs: number, nowMs: number): readonly LevelPoint[];
  track(): Track;
  /** For `decode` of track.ts, with one look a minute: enough to go on after a restart, in half the room. */
  encode(nowMs: number): string;
}

const ROOM_MIN = 64;
/** Where thinning leaves so much of the room in use, more is made: else every look would thin. */
const FULL_RATIO = 0.75;
const GROWTH = 1.5;
const MINUTE_MS = 60_000;
/** The text of what is older than the first tier is made once in so long. */
const TEXT_MS = 120 * MINUTE_MS;
/** Numbers of a point, side by side: hundreds of tapes are appended to at a look, each in one place of the machine's memory. */
const STRIDE = 3;

/** The text of the oldest points, which changes seldom. */
interface OldText {
  readonly rows: string;
  /** Stamp of the last of them; 0: there is none. */
  readonly untilMs: number;
  readonly madeAtMs: number;
}

export function createTape(keeping: Keeping, from?: Track): Tape {
  // Stamp, level and distance of every point, oldest first: points as objects would be four times as large. NaN: no distance.
  let numbers = new Float64Array(ROOM_MIN * STRIDE);
  let size = 0;
  let debtSinceMs: number | undefined;
  let oldText: OldText | undefined;
  const oldMs = keeping.tiers[1]?.fromMs ?? 0;
  const stampAt = (place: number) => numbers[place * STRIDE] ?? 0;
  const levelAt = (place: number) => numbers[place * STRIDE + 1] ?? 0;
  const distanceAt = (place: number) => {
    const distancePct = numbers[place * STRIDE + 2] ?? Number.NaN;
    return Number.isNaN(distancePct) ? undefined : distancePct;
  };
  const put = (place: number, atMs: number, level: number, distancePct: number | undefined) => {
    numbers[place * STRIDE] = atMs;
    numbers[place * STRIDE + 1] = level;
    numbers[place * STRIDE + 2] = distancePct ?? Number.NaN;
  };

  const room = (points: number) => {
    if (points * STRIDE <= numbers.length) return;
    const larger = new Float64Array(Math.ceil(Math.max(points, (numbers.length / STRIDE) * GROWTH)) * STRIDE);
    larger.set(numbers);
    numbers = larger;
  };
  const become = (track: Track) => {
    size = track.points.length;
    debtSinceMs = track.debtSinceMs;
    oldText = undefined;
    room(size);
    for (const [place, { atMs, level, distancePct }] of track.points.entries()) put(place, atMs, level, distancePct);
  };
  const thin = (nowMs: number) => {
    const places = keptPlaces(size, stampAt, nowMs, keeping);
    size = places.length;
    for (let to = 0; to < size; to++) {
      const place = places[to] ?? to;
      if (place !== to) numbers.copyWithin(to * STRIDE, place * STRIDE, (place + 1) * STRIDE);
    }
  };
  const track = (): Track => {
    const points = Array.from({ length: size }, (_, i) => ({
      atMs: stampAt(i),
      level: levelAt(i),
      distancePct: distanceAt(i),
    }));
    return { points, debtSinceMs };
  };
  const append = (atMs: number, level: number, distancePct: number | undefined) => {
    debtSinceMs ??= atMs;
    if (size > 0 && isSameLook(stampAt(size - 1), atMs, keeping)) return put(size - 1, atMs, level, distancePct);
    if (size * STRIDE === numbers.length) {
      thin(atMs);
      if (size * STRIDE > numbers.length * FULL_RATIO) room(numbers.length / STRIDE + 1);
    }
    put(size++, atMs, level, distancePct);
  };

  /** Points from a place on, one a minute. Joined, not added up: what is added up keeps every piece, ten times the room of the text. */
  const rowsFrom = (begin: number, end: number, beforeMs: number) => {
    const rows: string[] = [];
    let lastMs = beforeMs;
    for (let i = begin; i < end; i++) {
      const atMs = stampAt(i);
      if (i + 1 < size && Math.floor(stampAt(i + 1) / MINUTE_MS) === Math.floor(atMs / MINUTE_MS)) continue;
      rows.push(encodeRow(atMs - lastMs, levelAt(i), distanceAt(i)));
      lastMs = atMs;
    }
    return { rows: rows.join(";"), untilMs: lastMs };
  };
  const encode = (nowMs: number) => {
    const ageMs = nowMs - (oldText?.madeAtMs ?? Number.NEGATIVE_INFINITY);
    if (oldText === undefined || ageMs < 0 || ageMs >= TEXT_MS) {
      thin(nowMs);
      oldText = { ...rowsFrom(0, placeAfter(size, stampAt, nowMs - oldMs), 0), madeAtMs: nowMs };
    }
    const { rows, untilMs } = oldText;
    const newer = rowsFrom(placeAfter(size, stampAt, untilMs), size, untilMs).rows;
    return encodeHead(debtSinceMs) + [rows, newer].filter((part) => part !== "").join(";");
  };
  if (from !== undefined) become(from);

  return {
    get size() {
      return size;
    },
    get debtSinceMs() {
      return debtSinceMs;
    },
    look({ class: kind, hasDebt, atMs, values }) {
      if (kind !== "OK") return false;
      if (!hasDebt) {
        const isChanged = size > 0 || debtSinceMs !== undefined;
        size = 0;
        debtSinceMs = undefined;
        oldText = undefined;
        return isChanged;
      }
      const { marginLevel, liquidationDistancePct } = values;
      const level = typeof marginLevel === "number" ? toldLevel(marginLevel) : undefined;
      if (level === undefined || !Number.isSafeInteger(atMs)) return false;
      const distancePct = typeof liquidationDistancePct === "number" ? toldPct(liquidationDistancePct) : undefined;
      if (size === 0 || atMs > stampAt(size - 1)) append(atMs, level, distancePct);
      else {
        thin(stampAt(size - 1)); // swapped, or set back: seldom. What is thinned by now must not come back when the clock goes back
        become(add(track(), { atMs, level, distancePct }, keeping));
      }
      return true;
    },
    thin,
    window(lengthMs, nowMs) {
      if (debtSinceMs === undefined) return [];
      const begin = placeAfter(size, stampAt, Math.max(nowMs - lengthMs, debtSinceMs - 1));
      const points: LevelPoint[] = [];
      const end = placeAfter(size, stampAt, nowMs);
      for (let i = begin; i < end; i++) points.push({ atMs: stampAt(i), level: levelAt(i) });
      return points;
    },
    track,
    encode,
  };
}
