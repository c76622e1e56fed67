import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fallOf, type Sample } from "../../test/support/falls.ts";
import { createTops, type Tops, type TopsOf } from "./tops.ts";

const MIN = 60_000;
const WITHIN = 15 * MIN;
/** 1/256 of the window. */
const PART = WITHIN / 256;
const OF: TopsOf = { field: "marginLevel", withinMs: WITHIN };
const T0 = 1_000_000 * MIN;

function fresh(text?: string): Tops {
  const tops = createTops(OF, text);
  if (tops === undefined) throw new Error("not readable");
  return tops;
}
const pushAll = (tops: Tops, samples: readonly Sample[]) =>
  samples.map(({ atMs, value }) => tops.push(atMs, value)).at(-1);

/** Looks in their order, dense and with holes. */
const walks = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 1, max: 2 * MIN }),
        fc.integer({ min: 1, max: 20 * MIN }),
      ),
      fc.oneof(fc.double({ min: -1, max: 10, noNaN: true }), fc.constantFrom(1, 1.5, 2)),
    ),
    { minLength: 1, maxLength: 400 },
  )
  .map((steps) => {
    let atMs = T0;
    return steps.map(([gapMs, value]): Sample => {
      atMs += gapMs;
      return { atMs, value };
    });
  });

test("a fall is never smaller than that of all samples, nor larger than that of a window longer by 1/256", () => {
  fc.assert(
    fc.property(walks, (samples) => {
      const tops = fresh();
      samples.forEach(({ atMs, value }, i) => {
        const found = tops.push(atMs, value);
        const seen = samples.slice(0, i + 1);
        const [least, most] = [fallOf(seen, WITHIN, atMs), fallOf(seen, WITHIN + PART, atMs)];
        if (least !== undefined) expect(found?.dropPct).toBeGreaterThanOrEqual(least.dropPct);
        if (found !== undefined) expect(found.dropPct).toBeLessThanOrEqual(most?.dropPct ?? -1);
        if (found !== undefined) expect(seen).toContainEqual({ atMs: found.fromAtMs, value: found.from });
        if (found !== undefined) expect(found.to).toBe(value);
      });
    }),
  );
});

test("looks that are further apart than a part of the window give exactly the fall of all samples", () => {
  fc.assert(
    fc.property(walks, (walk) => {
      const samples = walk.map(({ value }, i) => ({ atMs: T0 + i * 5_000, value }));
      const tops = fresh();
      samples.forEach(({ atMs, value }, i) => {
        expect({ ...tops.push(atMs, value), mostPct: 0 }).toEqual({
          ...fallOf(samples.slice(0, i + 1), WITHIN, atMs),
          mostPct: 0,
        });
      });
    }),
  );
});

test("however dense the looks and however steady the fall, it holds 258 tops at most", () => {
  const tops = fresh();
  let largest = 0;
  for (let i = 0; i < 20_000; i++) {
    tops.push(T0 + i * 250, 10 - i / 1e4);
    largest = Math.max(largest, tops.size);
  }
  expect(largest).toBeGreaterThan(200);
  expect(largest).toBeLessThanOrEqual(258);
});

test("restored in the middle it goes on as if nothing had happened", () => {
  fc.assert(
    fc.property(walks, fc.nat(400), (samples, place) => {
      const cut = Math.min(place, samples.length - 1);
      const first = fresh();
      pushAll(first, samples.slice(0, cut));
      const restored = fresh(first.encode());
      const rest = samples.slice(cut);
      // But it does not know what was between: so its window is not whole before it was watched once over.
      expect({ ...pushAll(restored, rest), mostPct: 0 }).toEqual({ ...pushAll(first, rest), mostPct: 0 });
    }),
  );
});

describe("a clock that is set back", () => {
  test("leaves what was before, and drops what lies in its future", () => {
    const tops = fresh();
    pushAll(tops, [
      { atMs: T0, value: 1.5 },
      { atMs: T0 + 10 * MIN, value: 1.4 },
    ]);
    expect(tops.push(T0 + 5 * MIN, 1.2)).toMatchObject({ from: 1.5, dropPct: 20 });
    expect(tops.push(T0 - 5 * MIN, 1.2)).toMatchObject({ from: 1.2, dropPct: 0 });
  });

  test("by less than a minute it may be two looks that were swapped: none is lost", () => {
    const tops = fresh();
    tops.push(T0 + 1_000, 1.5);
    expect(tops.push(T0, 1.2)).toMatchObject({ dropPct: 20, from: 1.5, fromAtMs: T0, to: 1.2 });
    expect(tops.push(T0 + WITHIN, 1.2)).toMatchObject({ from: 1.5 });
    expect(tops.push(T0 + WITHIN + PART + 1, 1.2)).toMatchObject({ from: 1.2 });
  });
});

describe("by how much it may have fallen", () => {
  /** [ms after the begin, value]: what it fell by, and may have fallen by, at the last of them. */
  const falls = (...looks: readonly (readonly [number, number])[]) => {
    const tops = fresh();
    const [last] = looks.map(([afterMs, value]) => tops.push(T0 + afterMs, value)).slice(-1);
    return [last?.dropPct, last?.mostPct];
  };
  const half = WITHIN / 2;
  const LATE = 2 * WITHIN + PART + 1; // what was seen at WITHIN is too old

  test("is not known until the window was watched once over", () => {
    expect(falls([0, 1], [half, 1], [WITHIN - 1, 0.9])).toEqual([10, Number.POSITIVE_INFINITY]);
    expect(falls([0, 1], [half, 1], [WITHIN, 0.9])).toEqual([10, 10]);
  });
  test("after a time without looks that is as long as it is reaches back to the value before", () => {
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [2 * WITHIN - 1, 0.8])).toEqual([20, 20]);
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [LATE, 0.8])).toEqual([0, 20]);
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [LATE, 0.8], [LATE + half, 0.7])).toEqual([12.5, 30]);
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [LATE, 1.1])).toEqual([0, 0]); // it rose: no fall hides there
  });
  test("is known again when the window was watched once over since", () => {
    expect(falls([0, 1], [2 * WITHIN, 0.8], [2 * WITHIN + half, 0.8], [3 * WITHIN - 1, 0.8])).toEqual([0, 20]);
    expect(falls([0, 1], [2 * WITHIN, 0.8], [2 * WITHIN + half, 0.8], [3 * WITHIN, 0.8])).toEqual([0, 0]);
  });
  test("after a clock that was set back reaches back to the value before", () => {
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [WITHIN - 61_000, 0.8])).toEqual([0, 20]);
    expect(falls([0, 1], [half, 1], [WITHIN, 1], [-WITHIN, 0.8])).toEqual([0, 20]);
  });
  test("after a restart reaches back to the value that was stored last; forgotten, to anything", () => {
    const first = fresh();
    for (const afterMs of [0, half, WITHIN]) first.push(T0 + afterMs, 1);
    expect(fresh(first.encode()).push(T0 + 3 * WITHIN, 0.8)).toMatchObject({ dropPct: 0, mostPct: 20 });
    first.clear();
    expect(first.push(T0 + WITHIN + 1, 0.8)?.mostPct).toBe(Number.POSITIVE_INFINITY);
  });
});

test("a value that is no number is none", () => {
  const tops = fresh();
  tops.push(T0, 1.5);
  expect(tops.push(T0 + 1, Number.NaN)).toBeUndefined();
  expect(tops.push(T0 + 2, 1.2)?.dropPct).toBe(20);
});

test("what was never above zero has no share to fall by", () => {
  expect(
    pushAll(fresh(), [
      { atMs: T0, value: 0 },
      { atMs: T0 + 1, value: -5 },
    ]),
  ).toBeUndefined();
});

test("what is too old is forgotten when somebody asks", () => {
  const tops = fresh();
  tops.push(T0, 1.5);
  tops.expire(T0 + WITHIN);
  expect(tops.size).toBe(1);
  tops.expire(T0 + WITHIN + 1);
  expect(tops.size).toBe(0);
});

test("cleared it knows nothing", () => {
  const tops = fresh();
  tops.push(T0, 1.5);
  tops.clear();
  expect(tops.push(T0 + 1, 1)?.dropPct).toBe(0);
});

test.each([
  "",
  "{}",
  "[1]",
  '[2,"marginLevel",900000,[]]',
  '[1,"indexPrice",900000,[]]',
  '[1,"marginLevel",60000,[]]',
  '[1,"marginLevel",900000,[1,2]]',
  '[1,"marginLevel",900000,[1,2,"3"]]',
  '[1,"marginLevel",900000,[2,1,3]]',
  '[1,"marginLevel",900000,[1,2,3,3,3,4]]',
  '[1,"marginLevel",900000,[5,5,3,3,3,1]]',
])("%j was not written for this rule", (text) => {
  expect(createTops(OF, text)).toBeUndefined();
});
