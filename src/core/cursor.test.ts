import { describe, expect, test } from "vitest";
import {
  cursorAt,
  cursorName,
  firstCursor,
  inPresent,
  type Kept,
  keptAfter,
  lostCursor,
  OVERLAP_MS,
  parseCursor,
  parseKept,
} from "./cursor.ts";

const DAY = 86_400_000;
const NOW = 1_800_000_000_000;
const PAIR = { kind: "flow", symbol: "BTCUSDT" } as const;
const CROSS = { kind: "flow", symbol: undefined } as const;
const kept = (over: Partial<Kept> = {}): Kept => ({
  sinceMs: NOW - 30 * DAY,
  all: { sinceMs: NOW - 30 * DAY, lookedMs: NOW - DAY },
  owed: {},
  noticedAtMs: 0,
  ...over,
});

test("a cursor is named by its account and stream", () => {
  expect(cursorName("main", PAIR)).toBe("cursor.main.flow BTCUSDT");
  expect(cursorName("main", CROSS)).toBe("cursor.main.flow");
});

test("it begins at the whole second, as a transfer of that second is stamped with it", () => {
  expect(cursorAt(NOW + 999)).toEqual({ sinceMs: NOW, readToMs: NOW });
});

test.each([
  ["the cross account begins now", CROSS, kept(), NOW],
  ["so does everything at the first run", PAIR, undefined, NOW],
  ["a pair that was named begins now", PAIR, kept({ all: null }), NOW],
  ["a pair that began to owe begins at the last look, and an hour before", PAIR, kept(), NOW - DAY - OVERLAP_MS],
  [
    "but not before the first look",
    PAIR,
    kept({ all: { sinceMs: NOW - DAY - 60_000, lookedMs: NOW - DAY } }),
    NOW - DAY - 60_000,
  ],
  ["nor in the future", PAIR, kept({ all: { sinceMs: NOW + DAY, lookedMs: NOW + DAY } }), NOW],
])("%s", (_, stream, before, expected) => {
  expect(firstCursor(stream, before, NOW)).toEqual(cursorAt(expected));
});

test("a lost cursor goes back to the first run, else seven days", () => {
  expect(lostCursor(kept(), NOW)).toEqual(cursorAt(NOW - 30 * DAY));
  expect(lostCursor(undefined, NOW)).toEqual(cursorAt(NOW - 7 * DAY));
});

test.each([
  ["is as it was", { sinceMs: NOW - 5, readToMs: NOW }, { sinceMs: NOW - 5, readToMs: NOW }],
  ["read beyond now: it is read from now", { sinceMs: 5, readToMs: NOW + 1 }, { sinceMs: 5, readToMs: NOW }],
  [
    "begun a minute from now: clocks differ so much",
    { sinceMs: NOW + 60_000, readToMs: NOW + 60_000 },
    { sinceMs: NOW + 60_000, readToMs: NOW + 60_000 },
  ],
  [
    "begun later than that: the clock was wrong",
    { sinceMs: NOW + 60_001, readToMs: NOW + DAY },
    { sinceMs: NOW - OVERLAP_MS, readToMs: NOW },
  ],
])("a cursor %s", (_, cursor, expected) => {
  expect(inPresent(cursor, NOW)).toEqual(expected);
});

describe("what is kept", () => {
  test("pairs that owed within seven days", () => {
    const before = kept({ owed: { A: NOW - 7 * DAY, B: NOW - 7 * DAY - 1, C: NOW - DAY } });
    const after = keptAfter(before, true, ["C", "D"], NOW);
    expect(after.owed).toEqual({ A: NOW - 7 * DAY, C: NOW, D: NOW });
    expect(after.all).toEqual({ sinceMs: NOW - 30 * DAY, lookedMs: NOW });
    expect(after.sinceMs).toBe(NOW - 30 * DAY);
  });

  test("nothing of pairs while they are named: from then on all are new again", () => {
    const named = keptAfter(kept({ owed: { A: NOW } }), false, ["A"], NOW);
    expect(named).toMatchObject({ all: null, owed: {} });
    expect(keptAfter(named, true, [], NOW + DAY).all).toEqual({ sinceMs: NOW + DAY, lookedMs: NOW + DAY });
  });
});

test("what was kept is read again as it was", () => {
  const cursor = { sinceMs: 1, readToMs: 2 };
  expect(parseCursor(JSON.parse(JSON.stringify(cursor)))).toEqual(cursor);
  for (const some of [kept(), kept({ all: null, owed: { A: 5 } })])
    expect(parseKept(JSON.parse(JSON.stringify(some)))).toEqual(some);
});

test.each([
  undefined,
  null,
  5,
  "x",
  [],
  {},
  { sinceMs: "1", readToMs: 2 },
  { sinceMs: 1 },
  { sinceMs: 1, readToMs: null },
])("%j is no cursor, and nothing that was kept", (value) => {
  expect(parseCursor(value)).toBeUndefined();
  expect(parseKept(value)).toBeUndefined();
});

test("what was kept without a usable look is not usable", () => {
  expect(parseKept({ ...kept(), all: {} })).toBeUndefined();
  expect(parseKept({ ...kept(), owed: null })).toBeUndefined();
});
