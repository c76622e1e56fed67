import fc from "fast-check";
import { expect, test } from "vitest";
import { BARS_3X, cross, debtFree } from "../../test/support/answers.ts";
import { type Observation, observeCross } from "./observe.ts";
import type { CrossAnswer } from "./ports.ts";
import { createTape, type Tape } from "./tape.ts";
import { add, decode, downsample, encode, KEEP_LONG, KEEP_SHORT, NO_TRACK, type Track } from "./track.ts";

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const T0 = 20_000 * D;

function seen(answer: CrossAnswer, atMs: number): Observation {
  const used = { cross: new Set(["marginLevel"] as const), isolated: new Set<never>() };
  return observeCross(answer, { account: "main", atMs, bars: BARS_3X, used, indebted: new Set() });
}
const owing = seen(cross(1.24), T0);
const at = (atMs: number, level = 1.5, over: Partial<Observation> = {}): Observation => ({
  ...owing,
  atMs,
  values: { marginLevel: level },
  ...over,
});
const tapeOf = (looks: readonly Observation[], keeping = KEEP_SHORT): Tape => {
  const tape = createTape(keeping);
  for (const look of looks) tape.look(look);
  return tape;
};
const levels = (tape: Tape, lengthMs: number, nowMs: number) => tape.window(lengthMs, nowMs).map(({ level }) => level);

test("a valid look with debt is kept, with its distance", () => {
  expect(tapeOf([owing]).track()).toEqual({
    points: [{ atMs: T0, level: 1.24, distancePct: 11.2903 }],
    debtSinceMs: T0,
  });
});

test("a look that is not valid changes nothing", () => {
  const tape = tapeOf([owing]);
  const before = tape.track();
  expect(tape.look(seen(cross(undefined), T0 + S))).toBe(false);
  expect(tape.look(at(T0 + S, 1.2, { class: "MISSING" }))).toBe(false);
  expect(tape.look(at(T0 + S, Number.NaN))).toBe(false);
  expect(tape.look(at(T0 + S, -1))).toBe(false);
  expect(tape.look(at(T0 + 0.5, 1.2))).toBe(false);
  expect(tape.track()).toEqual(before);
});

test("without debt there is no level, and a new debt begins anew", () => {
  const tape = tapeOf([owing]);
  expect(tape.look(seen(debtFree(), T0 + MIN))).toBe(true);
  expect(tape.track()).toEqual(NO_TRACK);
  expect(tape.look(seen(debtFree(), T0 + 2 * MIN))).toBe(false);
  tape.look(at(T0 + 3 * MIN, 1.6));
  expect(levels(tape, H, T0 + 3 * MIN)).toEqual([1.6]);
  expect(tape.debtSinceMs).toBe(T0 + 3 * MIN);
});

/** Steps between looks, in ms: mostly on, now and then back. */
const walks = fc
  .array(
    fc.tuple(
      fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 1, max: 20 * S }) },
        { weight: 2, arbitrary: fc.integer({ min: 1, max: 12 * H }) },
        { weight: 1, arbitrary: fc.integer({ min: -2 * H, max: 0 }) },
      ),
      fc.double({ min: 0, max: 5, noNaN: true }),
    ),
    { minLength: 1, maxLength: 400 },
  )
  .map((steps) => {
    let atMs = T0;
    return steps.map(([gapMs, level]) => {
      atMs += gapMs;
      return at(atMs, level);
    });
  });

test("thinned, it is what the track is that is made anew at every look", () => {
  fc.assert(
    fc.property(walks, fc.constantFrom(KEEP_LONG, KEEP_SHORT), fc.nat(400), (looks, keeping, place) => {
      const tape = createTape(keeping);
      let track = NO_TRACK;
      let newestMs = 0;
      looks.forEach((look, i) => {
        tape.look(look);
        const level = typeof look.values.marginLevel === "number" ? look.values.marginLevel : 0;
        track = add(track, { atMs: look.atMs, level, distancePct: undefined }, keeping);
        newestMs = track.points.at(-1)?.atMs ?? 0;
        if (i === place) tape.thin(newestMs);
      });
      tape.thin(newestMs);
      expect(tape.track()).toEqual({ ...track, points: downsample(track.points, newestMs, keeping) });
    }),
  );
});

test("what is thinned by the time that a clock is set back does not come back with it", () => {
  const looks = [1, S, H + 42_339, H + MIN, H - 1].map((afterMs) => at(T0 + afterMs, 1.5));
  const tape = createTape(KEEP_LONG);
  for (const look of looks) tape.look(look);
  tape.thin(T0 + H - 1);
  expect(tape.track().points.map(({ atMs }) => atMs - T0)).toEqual([S, H - 1]);
});

test("restored from its track it is the same", () => {
  fc.assert(
    fc.property(walks, (looks) => {
      const tape = tapeOf(looks);
      expect(createTape(KEEP_SHORT, tape.track()).track()).toEqual(tape.track());
    }),
  );
});

/** One look a minute: the last of each. */
function minutely({ points, debtSinceMs }: Track): Track {
  const minute = (place: number) => Math.floor((points[place]?.atMs ?? Number.POSITIVE_INFINITY) / MIN);
  return { points: points.filter((_, i) => minute(i) !== minute(i + 1)), debtSinceMs };
}

test("as text it is its looks, one a minute", () => {
  fc.assert(
    fc.property(walks, fc.constantFrom(KEEP_LONG, KEEP_SHORT), (looks, keeping) => {
      const tape = tapeOf(looks, keeping);
      const newestMs = tape.track().points.at(-1)?.atMs ?? 0;
      const text = tape.encode(newestMs); // thins, too
      expect(text).toBe(encode(minutely(tape.track())));
    }),
  );
});

test("read back and thinned it is the same, however often it was written before", () => {
  fc.assert(
    fc.property(walks, fc.array(fc.nat(400), { maxLength: 5 }), (looks, written) => {
      const tape = createTape(KEEP_SHORT);
      looks.forEach((look, i) => {
        tape.look(look);
        if (written.includes(i)) tape.encode(look.atMs);
      });
      const newestMs = tape.track().points.at(-1)?.atMs ?? 0;
      const back = createTape(KEEP_SHORT, decode(tape.encode(newestMs)));
      back.thin(newestMs);
      tape.thin(newestMs);
      const kept = minutely(back.track());
      expect(kept).toEqual(minutely(tape.track()));
    }),
  );
});

test("of a debt that is gone nothing is left in the text", () => {
  const tape = tapeOf([at(T0), at(T0 + 3 * H)]);
  tape.encode(T0 + 3 * H);
  tape.look(seen(debtFree(), T0 + 3 * H + S));
  tape.look(at(T0 + 3 * H + 2 * S, 1.6));
  expect(decode(tape.encode(T0 + 3 * H + 2 * S))).toEqual(tape.track());
});

test("that nobody thins it does not let it grow for ever", () => {
  const tape = createTape(KEEP_SHORT);
  let largest = 0;
  for (let atMs = T0; atMs < T0 + 12 * H; atMs += 1_300) {
    tape.look(at(atMs));
    largest = Math.max(largest, tape.size);
  }
  expect(largest).toBeGreaterThan(1_000);
  expect(largest).toBeLessThanOrEqual(3_480); // of 1,740 that are kept, and room to work in
});

test("a window holds what is later than its begin, up to now", () => {
  const tape = tapeOf([at(T0, 1), at(T0 + MIN, 2), at(T0 + 2 * MIN, 3), at(T0 + 3 * MIN, 4)]);
  expect(levels(tape, 2 * MIN, T0 + 3 * MIN)).toEqual([3, 4]);
  expect(levels(tape, 2 * MIN, T0 + 2 * MIN + 1)).toEqual([2, 3]);
  expect(levels(tape, H, T0 - 1)).toEqual([]);
  expect(levels(createTape(KEEP_SHORT), H, T0)).toEqual([]);
});
