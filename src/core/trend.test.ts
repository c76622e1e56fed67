import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Estimate,
  estimate,
  fieldOf,
  type LevelPoint,
  minutesToLiquidation,
  type Outlook,
  roundMinutes,
  theilSen,
} from "./trend.ts";

const MIN = 60_000;
const NOW = 30_000_000 * MIN;
const OUTLOOK: Outlook = { bar: 1.1, floor: 1.5 };

/** A level by minutes before now, looked at every `everyMin`. */
function looks(levelAt: (agoMin: number) => number, fromMin: number, everyMin = 0.5): readonly LevelPoint[] {
  const points: LevelPoint[] = [];
  for (let ago = fromMin; ago >= 0; ago -= everyMin) points.push({ atMs: NOW - ago * MIN, level: levelAt(ago) });
  return points;
}

/** Falls by this share a minute and is at `level` now. */
const falling =
  (perMin: number, level = 1.2) =>
  (ago: number) =>
    level * Math.exp(perMin * ago);
/** Falls by one share a minute before a moment, by another after it. */
const bent =
  (before: number, after: number, bendMin: number, level = 1.2) =>
  (ago: number) =>
    level * Math.exp(after * Math.min(ago, bendMin) + before * Math.max(0, ago - bendMin));

const kind = (points: readonly LevelPoint[], over: Partial<Outlook> = {}, level = points.at(-1)?.level ?? 1.2) =>
  estimate(points, level, { ...OUTLOOK, ...over }, NOW).kind;

/** ln(1.2 / 1.1) is a fall of 8.7 %: at 0.2 % a minute 43.5 min. */
const LEFT = Math.log(1.2 / 1.1);

test("a steady fall is told exactly, by both ends", () => {
  const found = minutesToLiquidation(looks(falling(0.002), 360), 1.2, OUTLOOK, NOW);
  expect(found?.fromMin).toBeCloseTo(LEFT / 0.002, 6);
  expect(found?.toMin).toBeCloseTo(LEFT / 0.002, 6);
});

test("spans that differ by less than three times are told as a range, the nearer end first", () => {
  const found = minutesToLiquidation(looks(bent(0.001, 0.002, 20), 60), 1.2, OUTLOOK, NOW);
  expect(found?.fromMin).toBeCloseTo(LEFT / 0.002, 6);
  expect(found?.toMin).toBeGreaterThan(LEFT / 0.002);
  expect(found?.toMin).toBeLessThan(LEFT / 0.001 + 1e-6);
});

test.each<{ name: string; points: readonly LevelPoint[]; kind: Estimate["kind"]; over?: Partial<Outlook> }>([
  { name: "a constant level", points: looks(() => 1.2, 360), kind: "calm" },
  { name: "a rising level", points: looks(falling(-0.002), 360), kind: "calm" },
  { name: "a fall that stopped 15 min ago", points: looks(bent(0.002, 0, 16), 360), kind: "calm" },
  { name: "a fall that turned 15 min ago", points: looks(bent(0.002, -0.001, 16), 360), kind: "calm" },
  { name: "a fall so slow that it takes more than a day", points: looks(falling(0.00006), 360), kind: "calm" },
  { name: "a fall that takes just less than a day", points: looks(falling(0.0000605), 360), kind: "falling" },
  { name: "a fall that began 14 min ago", points: looks(bent(0, 0.002, 14), 360), kind: "unknown" },
  {
    name: "a fall three times as fast as before, just now",
    points: looks(bent(0.0005, 0.002, 15), 360),
    kind: "unknown",
  },
  { name: "a level on the floor", points: looks(falling(0.002, 1.5), 360), kind: "calm" },
  { name: "a level just below the floor", points: looks(falling(0.002, 1.4999), 360), kind: "falling" },
  { name: "a level just above the bar", points: looks(falling(0.002, 1.1001), 360), kind: "falling" },
  { name: "one span only", points: looks(falling(0.002), 15), kind: "unknown" },
  { name: "an hour less than 60 % observed", points: looks(falling(0.002), 35), kind: "unknown" },
  { name: "an hour a little more than 60 % observed", points: looks(falling(0.002), 37), kind: "falling" },
  { name: "no points", points: [], kind: "unknown" },
  { name: "looks 3 min apart", points: looks(falling(0.002), 360, 3), kind: "falling" },
  { name: "looks 4 min apart", points: looks(falling(0.002), 360, 4), kind: "unknown" },
  {
    name: "looks 4 min apart, where they may be",
    points: looks(falling(0.002), 360, 4),
    kind: "falling",
    over: { maxGapMs: 5 * MIN },
  },
  {
    name: "no look for 4 min",
    points: looks(falling(0.002), 360).filter(({ atMs }) => atMs <= NOW - 4 * MIN),
    kind: "unknown",
  },
])("$name is $kind", ({ points, kind: expected, over = {} }) => {
  expect(kind(points, over)).toBe(expected);
  const found = minutesToLiquidation(points, points.at(-1)?.level ?? 1.2, { ...OUTLOOK, ...over }, NOW);
  expect(found !== undefined).toBe(expected === "falling");
});

test("a bar that is reached is no minutes away, whatever was observed", () => {
  expect(minutesToLiquidation([], 1.1, OUTLOOK, NOW)).toEqual({ fromMin: 0, toMin: 0 });
  expect(minutesToLiquidation([], 1.1001, OUTLOOK, NOW)).toBeUndefined();
});

test.each([
  ["level", Number.NaN, OUTLOOK],
  ["level", 0, OUTLOOK],
  ["bar", 1.2, { bar: 0, floor: 1.5 }],
])("a %s that is none tells nothing", (_, level, outlook) => {
  expect(estimate(looks(falling(0.002), 360), level, outlook, NOW)).toEqual({ kind: "unknown" });
});

describe("once it falls, it takes a little more to end it", () => {
  test("above the floor", () => {
    const points = looks(falling(0.002, 1.51), 360);
    expect([kind(points), kind(points, { wasFalling: true })]).toEqual(["calm", "falling"]);
  });
  test("where the spans agree less", () => {
    const points = looks(bent(0.0005, 0.002, 16), 60);
    expect([kind(points), kind(points, { wasFalling: true })]).toEqual(["unknown", "falling"]);
    const apart = looks(bent(0.0003, 0.002, 16), 60);
    expect(kind(apart, { wasFalling: true })).toBe("unknown");
  });
});

test("the field is the lower end, a day when it is calm, and none when nobody knows", () => {
  expect(fieldOf({ kind: "falling", fromMin: 38.4, toMin: 52 })).toBe(38.4);
  expect(fieldOf({ kind: "calm" })).toBe(1440);
  expect(fieldOf({ kind: "unknown" })).toBeUndefined();
});

// ---------------------------------------------------------------- for people

test.each([
  [0, 0, 0, 0],
  [0.4, 0.9, 0, 1],
  [4.2, 5.1, 4, 6],
  [9.9, 10.1, 9, 15],
  [12, 26, 10, 30],
  [38, 43.5, 30, 50],
  [40, 40, 40, 40],
  [89, 91, 80, 120],
  [125, 170, 120, 180],
  [239, 241, 210, 300],
  [500, 900, 480, 900],
])("%d to %d min is said as %d to %d", (fromMin, toMin, from, to) => {
  expect(roundMinutes({ fromMin, toMin })).toEqual({ fromMin: from, toMin: to });
});

test("rounding never makes the range narrower", () => {
  const minutes = fc.double({ min: 0, max: 5_000, noNaN: true });
  fc.assert(
    fc.property(minutes, minutes, (one, other) => {
      const [fromMin, toMin] = [Math.min(one, other), Math.max(one, other)];
      const told = roundMinutes({ fromMin, toMin });
      expect(told.fromMin).toBeLessThanOrEqual(fromMin + 1e-6);
      expect(told.toMin).toBeGreaterThanOrEqual(toMin - 1e-6);
    }),
  );
});

// ---------------------------------------------------------------- robust

/** Deterministic numbers in [−1, 1]: fast-check gives the seed. */
function noise(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
const seeds = fc.integer({ min: 1, max: 2 ** 31 });

test("noise of a quarter of a percent moves a fall of 0.2 % a minute by less than a quarter", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = noise(seed);
      const points = looks((ago) => falling(0.002)(ago) * (1 + 0.0025 * random()), 360);
      const found = minutesToLiquidation(points, 1.2, OUTLOOK, NOW);
      expect(found?.fromMin).toBeGreaterThan((LEFT / 0.002) * 0.75);
      expect(found?.toMin).toBeLessThan((LEFT / 0.002) * 1.25);
    }),
  );
});

test("up to a quarter of the looks may be nonsense", () => {
  fc.assert(
    fc.property(
      seeds,
      fc.double({ min: 0, max: 0.25, noNaN: true }),
      fc.constantFrom(0.5, 1, 2),
      (seed, part, everyMin) => {
        const random = noise(seed);
        const points = [...looks(falling(0.002), 60, everyMin)];
        // So many of every span, at random places in it: the spans are nested, so a quarter of each quarter of an hour.
        const size = Math.round(15 / everyMin);
        for (let start = 0; start < points.length; start += size) {
          const places = Array.from({ length: Math.min(size, points.length - start) }, (_, i) => start + i);
          places.sort(() => random());
          for (const place of places.slice(0, Math.floor(places.length * part))) {
            const point = points[place];
            if (point !== undefined)
              points[place] = {
                ...point,
                level: random() > 0 ? 0.01 + Math.abs(random()) : 2 + 900 * Math.abs(random()),
              };
          }
        }
        const found = minutesToLiquidation(points, 1.2, OUTLOOK, NOW);
        expect(found?.fromMin).toBeGreaterThan((LEFT / 0.002) * 0.33);
        expect(found?.toMin).toBeLessThan((LEFT / 0.002) * 3);
      },
    ),
  );
});

test("noise about a constant level is never called a fall, however large", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = noise(seed * 7_919);
    const points = looks(() => 1.2 * (1 + 0.03 * random()), 360);
    expect(minutesToLiquidation(points, 1.2, OUTLOOK, NOW), `seed ${seed}`).toBeUndefined();
  }
});

test("looks that are missing here and there change nothing about a steady fall", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = noise(seed);
      const all = looks(falling(0.002), 360);
      const points = all.filter((_, i) => i === all.length - 1 || random() > -0.2);
      const found = estimate(points, 1.2, OUTLOOK, NOW);
      if (found.kind === "falling") expect(found.fromMin).toBeCloseTo(LEFT / 0.002, 6);
      expect(found.kind).toBe("falling");
    }),
  );
});

test("points at any times, swapped, repeated and of the future, give a range or none", () => {
  const point = fc.record({
    atMs: fc.integer({ min: -400, max: 20 }).map((min) => NOW + min * MIN),
    level: fc.oneof(fc.double({ min: 0, max: 999, noNaN: true }), fc.constant(1.2)),
  });
  fc.assert(
    fc.property(fc.array(point, { maxLength: 200 }), fc.double({ min: 0.5, max: 2, noNaN: true }), (points, level) => {
      const found = minutesToLiquidation(points, level, OUTLOOK, NOW);
      if (found === undefined) return;
      expect(found.fromMin).toBeGreaterThanOrEqual(0);
      expect(found.toMin).toBeGreaterThanOrEqual(found.fromMin);
      expect(Number.isFinite(found.toMin)).toBe(true);
    }),
  );
});

test("after a clock that was set forward by an hour it is silent until enough was observed again", () => {
  const before = looks(falling(0.002), 60).map(({ atMs, level }) => ({ atMs: atMs - 65 * MIN, level }));
  expect(kind([...before, ...looks(falling(0.002), 5)])).toBe("unknown");
});

describe("Theil–Sen", () => {
  const line = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ atMs: NOW + i * MIN, level: Math.exp(-0.01 * i) }));
  test("is the median of all slopes", () => {
    expect(theilSen(line(2))?.perMin).toBeCloseTo(-0.01, 12);
    const points = [
      { atMs: 0, level: 1 },
      { atMs: MIN, level: Math.exp(-1) },
      { atMs: 2 * MIN, level: Math.exp(-4) },
    ];
    expect(theilSen(points)?.perMin).toBeCloseTo(-2, 12); // slopes −1, −2, −3
    expect(theilSen(points)?.fallingRatio).toBe(1);
  });
  test("has none for one point, or one time", () => {
    expect(theilSen(line(1))).toBeUndefined();
    expect(
      theilSen([
        { atMs: 0, level: 1 },
        { atMs: 0, level: 2 },
      ]),
    ).toBeUndefined();
  });
  test("bears a quarter of points that are wrong all the same way", () => {
    const points = line(100).map((one, i) => (i >= 75 ? { ...one, level: 500 } : one));
    expect(theilSen(points)?.perMin).toBeCloseTo(-0.01, 3);
    const tooMany = line(100).map((one, i) => (i >= 60 ? { ...one, level: 500 } : one));
    expect(theilSen(tooMany)?.perMin).toBeGreaterThan(-0.005);
  });
});
