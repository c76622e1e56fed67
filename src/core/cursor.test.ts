import { describe, expect, test } from "vitest";
import {
  cursorAt,
  cursorName,
  firstCursor,
  inPresent,
  isBegun,
  isOverdue,
  type Kept,
  keptAfter,
  lostCursor,
  OVERLAP_MS,
  parseCursor,
  parseKept,
  settled,
} from "./cursor.ts";
import { streamName } from "./history.ts";

const DAY = 86_400_000;
const NOW = 1_800_000_000_000;
const PAIR = { kind: "flow", symbol: "BTCUSDT" } as const;
const CROSS = { kind: "flow", symbol: undefined } as const;
const kept = (over: Partial<Kept> = {}): Kept => ({
  sinceMs: NOW - 30 * DAY,
  all: { sinceMs: NOW - 30 * DAY, lookedMs: NOW - DAY },
  owed: {},
  streams: {},
  noticedAtMs: 0,
  ...over,
});

test("a cursor is named by its account and stream", () => {
  expect(cursorName("main", streamName(PAIR))).toBe("cursor.main.flow BTCUSDT");
  expect(cursorName("main", streamName(CROSS))).toBe("cursor.main.flow");
});

test("it begins at the whole second, as a transfer of that second is stamped with it", () => {
  expect(cursorAt(NOW + 999)).toEqual({ sinceMs: NOW, readToMs: NOW, settledToMs: NOW - OVERLAP_MS });
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

test("a lost cursor goes back to where it began, else to the first run, else seven days", () => {
  const streams = { flow: { sinceMs: NOW - 3 * DAY, atMs: NOW }, liquidation: { sinceMs: null, atMs: NOW } };
  expect(lostCursor("flow", kept({ streams }), NOW)).toEqual(cursorAt(NOW - 3 * DAY));
  expect(lostCursor("liquidation", kept({ streams }), NOW)).toEqual(cursorAt(NOW - 30 * DAY));
  expect(lostCursor("flow", kept(), NOW)).toEqual(cursorAt(NOW - 30 * DAY));
  expect(lostCursor("flow", undefined, NOW)).toEqual(cursorAt(NOW - 7 * DAY));
  expect(["flow", "liquidation", "transfer"].map((name) => isBegun(name, kept({ streams })))).toEqual([
    true,
    false,
    false,
  ]);
  expect(isBegun("flow", undefined)).toBe(false);
});

test.each([
  ["what was read an hour after it happened is settled", NOW - 2 * OVERLAP_MS, NOW - 2 * OVERLAP_MS],
  ["what was read sooner is not", NOW - 5, NOW - OVERLAP_MS],
  ["never back", NOW - 4 * OVERLAP_MS, NOW - 3 * OVERLAP_MS],
])("%s", (_, toMs, expected) => {
  const cursor = { sinceMs: 0, readToMs: NOW, settledToMs: NOW - 3 * OVERLAP_MS };
  expect(settled(cursor, toMs, NOW)).toEqual({ ...cursor, settledToMs: expected });
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
  const settledToMs = NOW - OVERLAP_MS;
  expect(inPresent({ ...cursor, settledToMs: cursor.readToMs - OVERLAP_MS }, NOW)).toEqual({
    ...expected,
    settledToMs,
  });
  const behind = inPresent({ ...cursor, settledToMs: NOW - DAY }, NOW);
  expect(behind).toEqual({ ...expected, settledToMs: NOW - DAY });
});

describe("what is kept", () => {
  test("pairs that owed within seven days", () => {
    const before = kept({ owed: { A: NOW - 7 * DAY, B: NOW - 7 * DAY - 1, C: NOW - DAY } });
    const after = keptAfter(before, { owing: ["C", "D"], atMs: NOW - 5 }, NOW);
    expect(after.owed).toEqual({ A: NOW - 7 * DAY, C: NOW, D: NOW });
    expect(after.all).toEqual({ sinceMs: NOW - 30 * DAY, lookedMs: NOW - 5 });
    expect(after.sinceMs).toBe(NOW - 30 * DAY);
  });

  test("nothing of pairs while they are named: from then on all are new again", () => {
    const named = keptAfter(kept({ owed: { A: NOW } }), undefined, NOW);
    expect(named).toMatchObject({ all: null, owed: {} });
    const again = keptAfter(named, { owing: [], atMs: undefined }, NOW + DAY);
    expect(again.all).toEqual({ sinceMs: NOW + DAY, lookedMs: NOW + DAY });
  });

  test("while nobody looks, the last look stays where it is; and none is in the future", () => {
    const lookedMs = (atMs: number | undefined) => keptAfter(kept(), { owing: [], atMs }, NOW).all?.lookedMs;
    expect(lookedMs(undefined)).toBe(NOW - DAY);
    expect(lookedMs(NOW - 3 * DAY)).toBe(NOW - 3 * DAY);
    expect(lookedMs(NOW + 1)).toBe(NOW);
  });

  test("the streams that there are", () => {
    const streams = { flow: { sinceMs: 1, atMs: 2 } };
    for (const look of [undefined, { owing: [], atMs: NOW }])
      expect(keptAfter(kept({ streams }), look, NOW).streams).toEqual(streams);
  });
});

test.each([
  [2 * OVERLAP_MS, false],
  [2 * OVERLAP_MS + 1, true],
])("settled %d ms ago: overdue %s", (ageMs, expected) => {
  expect(isOverdue({ sinceMs: 0, readToMs: NOW, settledToMs: NOW - ageMs }, NOW)).toBe(expected);
});

test("what was kept is read again as it was", () => {
  const cursor = { sinceMs: 1, readToMs: 2, settledToMs: 1.5 };
  expect(parseCursor(JSON.parse(JSON.stringify(cursor)))).toEqual(cursor);
  const streams = { "flow BTCUSDT": { sinceMs: 1, atMs: 2 }, liquidation: { sinceMs: null, atMs: 2 } };
  for (const some of [kept(), kept({ all: null, owed: { A: 5 }, streams })])
    expect(parseKept(JSON.parse(JSON.stringify(some)))).toEqual(some);
});

test("what the first versions wrote is read, too", () => {
  expect(parseCursor({ sinceMs: NOW, readToMs: NOW })).toEqual(cursorAt(NOW));
  const { streams, ...old } = kept();
  expect(parseKept(old)).toEqual({ ...old, streams });
});

test("a stream that makes no sense is left out, the others stay", () => {
  const flow = { sinceMs: 1, atMs: 2 };
  const streams = { flow, "flow A B": flow, storm: flow, "flow ": flow, transfer: { sinceMs: "1", atMs: 2 }, x: 5 };
  expect(parseKept({ ...kept(), streams })?.streams).toEqual({ flow });
  expect(parseKept({ ...kept(), streams: 5 })).toBeUndefined();
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
