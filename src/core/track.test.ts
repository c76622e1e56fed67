import fc from "fast-check";
import { expect, test } from "vitest";
import {
  add,
  decode,
  downsample,
  encode,
  KEEP_LONG,
  KEEP_SHORT,
  type Keeping,
  NO_TRACK,
  type Point,
  type Track,
} from "./track.ts";

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
/** The full hour of a day: steps of every tier begin here. */
const T0 = 20_000 * D;

const at = (atMs: number, level = 1.5): Point => ({ atMs, level, distancePct: undefined });
const trackOf = (points: readonly Point[], keeping?: Keeping): Track =>
  points.reduce((track, point) => add(track, point, keeping), NO_TRACK);
const times = ({ points }: Track): readonly number[] => points.map(({ atMs }) => atMs - T0);

test.each([
  ["not a number", at(T0, Number.NaN)],
  ["endless", at(T0, Number.POSITIVE_INFINITY)],
  ["negative", at(T0, -0.1)],
  ["of no time", at(Number.NaN, 1.2)],
])("a point that is %s is none", (_, point) => {
  expect(add(NO_TRACK, point)).toBe(NO_TRACK);
});

// ---------------------------------------------------------------- the order

test.each([
  { name: "points in their order", stamps: [0, 10 * S, 20 * S], kept: [0, 10 * S, 20 * S] },
  { name: "a stamp that comes again: the later look counts", stamps: [0, 10 * S, 10 * S], kept: [0, 10 * S] },
  { name: "two that were swapped", stamps: [0, 20 * S, 10 * S], kept: [0, 10 * S, 20 * S] },
  { name: "one that is a minute behind", stamps: [0, 2 * MIN, MIN], kept: [0, MIN, 2 * MIN] },
  { name: "a clock that was set back", stamps: [0, 20 * MIN, 40 * MIN, 10 * MIN], kept: [0, 10 * MIN] },
  { name: "a clock that was set forward", stamps: [0, 10 * S, 50 * MIN], kept: [0, 10 * S, 50 * MIN] },
])("$name", ({ stamps, kept }) => {
  expect(times(trackOf(stamps.map((ms) => at(T0 + ms))))).toEqual(kept);
});

test("of looks within one second only the last is kept", () => {
  const stamps = [0, 300, 999, 1_000, 1_999];
  expect(times(trackOf(stamps.map((ms) => at(T0 + ms))))).toEqual([999, 1_999]);
});

test("of two looks with one stamp the later is kept", () => {
  expect(trackOf([at(T0, 1.5), at(T0, 1.4)]).points).toEqual([at(T0, 1.4)]);
  expect(trackOf([at(T0, 1.5), at(T0 + 9 * S, 1.3), at(T0, 1.4)]).points[0]).toEqual(at(T0, 1.4));
});

// ---------------------------------------------------------------- how many

test("every look of the last hour, then the last of each minute, then of each quarter of an hour, for 30 days", () => {
  const nowMs = T0 + 31 * D;
  const points = Array.from({ length: (31 * D) / (20 * S) + 1 }, (_, i) => at(T0 + i * 20 * S));
  const kept = downsample(points, nowMs, KEEP_LONG);
  const within = (from: number, to: number) => kept.filter(({ atMs }) => atMs >= nowMs - to && atMs < nowMs - from);
  expect(within(0, H)).toHaveLength(180);
  expect(within(H, 2 * H)).toHaveLength(60);
  expect(within(H, 2 * H).every(({ atMs }) => atMs % MIN === 40 * S)).toBe(true);
  expect(within(D, 2 * D)).toHaveLength(96);
  expect(within(D, 2 * D).every(({ atMs }) => atMs % (15 * MIN) === 15 * MIN - 20 * S)).toBe(true);
  expect(kept[0]?.atMs).toBe(T0 + D + 15 * MIN - 20 * S);
});

/** Steps between looks: some dense, some with holes. */
const steps = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 3 * S }),
    fc.integer({ min: 1, max: 20 * MIN }),
    fc.integer({ min: 1, max: 2 * D }),
  ),
  {
    minLength: 1,
    maxLength: 300,
  },
);
const walks = steps.map((gaps) => {
  let atMs = T0;
  return gaps.map((gap, i) => {
    atMs += gap;
    return at(atMs, 1 + (i % 50) / 100);
  });
});

test("thinned at every look it is what it would be if it were thinned once", () => {
  fc.assert(
    fc.property(walks, fc.constantFrom(KEEP_LONG, KEEP_SHORT), (points, keeping) => {
      const nowMs = (points.at(-1)?.atMs ?? T0) + 10 * S;
      const often = downsample(trackOf(points, keeping).points, nowMs, keeping);
      expect(often).toEqual(downsample(points, nowMs, keeping));
      expect(downsample(often, nowMs, keeping)).toEqual(often);
    }),
  );
});

test("the latest look is always there, and nothing that is older than it keeps", () => {
  fc.assert(
    fc.property(walks, (points) => {
      const track = trackOf(points);
      const last = points.at(-1);
      expect(track.points.at(-1)).toEqual(last);
      expect((last?.atMs ?? 0) - (track.points[0]?.atMs ?? 0)).toBeLessThanOrEqual(KEEP_LONG.keepMs);
    }),
  );
});

/** Most points that tiers can hold: every step of a tier once, and the steps at its two ends. */
function most({ tiers, keepMs }: Keeping): number {
  return tiers.reduce((sum, { fromMs, stepMs }, i) => {
    const untilMs = (tiers[i + 1]?.fromMs ?? keepMs) + (tiers[i + 1]?.stepMs ?? 0);
    return sum + Math.ceil((untilMs - fromMs) / stepMs) + 1;
  }, 0);
}

test.each([
  ["long", KEEP_LONG, 7_842],
  ["short", KEEP_SHORT, 1_740],
] as const)("however dense the looks, the %s track stays within its bound", (_, keeping, bound) => {
  expect(most(keeping)).toBeLessThanOrEqual(bound);
  // As dense as can be in each tier: several looks in every step.
  const nowMs = T0 + 31 * D;
  const points: Point[] = [];
  for (let atMs = T0; atMs < nowMs - D - H; atMs += 5 * MIN) points.push(at(atMs));
  for (let atMs = nowMs - D - H; atMs < nowMs - 2 * H; atMs += 20 * S) points.push(at(atMs));
  for (let atMs = nowMs - 2 * H; atMs <= nowMs; atMs += 250) points.push(at(atMs));
  const { length } = downsample(points, nowMs, keeping);
  expect(length).toBeLessThanOrEqual(bound);
  expect(length).toBeGreaterThan(bound * 0.9);
});

// ---------------------------------------------------------------- as text

test("what is written is read back the same", () => {
  const looks = fc.array(
    fc.record({
      atMs: fc.integer({ min: 0, max: T0 * 2 }),
      level: fc.double({ min: 0, max: 999, noNaN: true }),
      distancePct: fc.option(fc.double({ min: -100, max: 100, noNaN: true }), { nil: undefined }),
    }),
    { maxLength: 50 },
  );
  fc.assert(
    fc.property(looks, fc.boolean(), (points, isPaid) => {
      const track = trackOf(points);
      const one = isPaid ? { ...track, debtSinceMs: undefined } : track;
      expect(decode(encode(one))).toEqual(one);
    }),
  );
});

test("a point takes about a dozen characters", () => {
  const track = trackOf(
    Array.from({ length: 300 }, (_, i) => ({ ...at(T0 + i * 10_007, 1.3 - i / 1e4), distancePct: 12.3456 })),
  );
  expect(encode(track).length / 300).toBeLessThan(15);
});

test.each(["", "1", "2||", "1|x y|", "1||a", "1||a,b,c,d", "1||5,A", "1||5,5;0,5", "1||5,5;-1,5", "1||5,5|", "1||,"])(
  "%j was not written here",
  (text) => {
    expect(decode(text)).toBeUndefined();
  },
);

test("any text at all is read or refused", () => {
  fc.assert(fc.property(fc.string(), (text) => void decode(text)));
  expect(decode("1||")).toEqual(NO_TRACK);
});
