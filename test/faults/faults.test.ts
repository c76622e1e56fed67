// The simulator of a bad year, as part of every test run: some honest seeds, the same seed twice, and every planted fault found by
// the invariant that is there for it. `npm run simulate:faults` runs thousands of seeds.
import { describe, expect, test } from "vitest";
import { PLANTS } from "./plants.ts";
import { BESIDE_PLANTS } from "./plants-beside.ts";
import { PRICED_PLANTS } from "./plants-priced.ts";
import { drawScenario } from "./scenario.ts";
import { simulate, type Violation } from "./simulate.ts";

const OPTIONS = { days: 2, isLive: true };
const WHOLE = { ...OPTIONS, isKept: true };
const HONEST_SEEDS = 40;
/** A plant that so many bad years do not show is not looked for. */
const PLANTED_SEEDS = 200;
const PATIENCE_MS = 240_000;

/** The first seed in which one of these invariants is broken. */
async function firstFound(plant: (typeof PLANTS)[number]): Promise<Violation | undefined> {
  const [isBeside, isPriced] = [BESIDE_PLANTS.includes(plant), PRICED_PLANTS.includes(plant)];
  for (let seed = 1; seed <= PLANTED_SEEDS; seed++) {
    const { beside, priced } = drawScenario(seed, OPTIONS);
    if ((isBeside && beside === undefined) || (isPriced && priced === undefined)) continue; // it reads nothing that the plant could spoil
    const { violation } = await simulate(seed, { ...OPTIONS, plant });
    if (violation !== undefined && plant.foundBy.includes(violation.invariant)) return violation;
  }
  return undefined;
}

describe("a bad year", () => {
  test(`nothing is lost, nothing is false, and nothing is silent in the first ${HONEST_SEEDS} seeds`, {
    timeout: PATIENCE_MS,
  }, async () => {
    const wrong: string[] = [];
    let happened = 0;
    for (let seed = 1; seed <= HONEST_SEEDS; seed++) {
      const { count, violation } = await simulate(seed, OPTIONS);
      happened += count;
      if (violation !== undefined) wrong.push(`seed ${seed}: ${violation.invariant}: ${violation.text}`);
    }
    expect(wrong).toEqual([]);
    expect(happened).toBeGreaterThan(HONEST_SEEDS * 500);
  });

  test("the same seed gives the same history, to the last byte", { timeout: PATIENCE_MS }, async () => {
    const [first, second] = [await simulate(17, WHOLE), await simulate(17, WHOLE)];
    expect(first.happenings.length).toBeGreaterThan(500);
    expect(JSON.stringify(second.happenings)).toBe(JSON.stringify(first.happenings));
  });

  test("another seed gives another history", { timeout: PATIENCE_MS }, async () => {
    const [one, other] = [await simulate(17, WHOLE), await simulate(18, WHOLE)];
    expect(JSON.stringify(other.happenings)).not.toBe(JSON.stringify(one.happenings));
  });
});

/** Faults of docs/RELIABILITY.md that only the simulator shows, and the plants by which it is known to see them. */
const SHOWN_HERE: readonly (readonly [id: string, ...plants: string[]])[] = [
  ["B1", "overlap-forgotten"],
  ["B2", "kept-before-told", "cursor-before-rows"],
  ["B3", "rows-known-in-memory-only"],
  ["B4", "cursor-advanced-on-failure"],
  ["B5", "ids-as-numbers"],
  ["B6", "newest-first"],
  ["B7", "watermark-at-epoch"],
  ["B8", "pushed-level-believed"],
  ["B9", "call-ignored"],
  ["B10", "poll-for-every-event"],
  ["B11", "flips-forgotten"],
  ["B12", "unread-schedule-is-empty"],
];

test("every plant beside the account stands for a fault in the table", () => {
  const named = SHOWN_HERE.flatMap(([, ...plants]) => plants);
  expect(named.sort()).toEqual(BESIDE_PLANTS.map(({ name }) => name).sort());
});

describe("a planted fault is found", () => {
  test.each(PLANTS.map((plant) => ({ plant, name: plant.name, invariants: plant.foundBy.join(" or ") })))(
    "$name, by $invariants",
    { timeout: PATIENCE_MS },
    async ({ plant }) => {
      expect(await firstFound(plant)).toBeDefined();
    },
  );
});
