// What a start finds out about the runs before it, and what it tells of it.
import { expect, test } from "vitest";
import { bookOf } from "../test/support/desk.ts";
import { createMemoryStore, type MemoryStore } from "../test/support/memory-store.ts";
import { StoreError } from "./core/ports.ts";
import { beginLife, endLife, gapNotice, noteAlive, troubleNotice } from "./life.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23);
const S = 1000;
const MIN = 60 * S;
const STALE_MS = 30 * S;

const begin = (store: MemoryStore, nowMs: number) => beginLife(store, nowMs, STALE_MS);

function seen(store: MemoryStore, okAtMs: number): void {
  const snapshot = { account: "main", okAtMs: { cross: okAtMs, isolated: null }, known: [], pairs: 0, trouble: null };
  store.commit({ alerts: [], rows: [], snapshot });
}

test("the very first start finds nothing, and waits for nothing", () => {
  expect(begin(createMemoryStore(), NOW_MS)).toEqual({
    isRestart: false,
    isAfterCrash: false,
    delayMs: 0,
    troubles: [],
    told: expect.any(Function),
  });
});

test("a start after a clean end is a restart, and nothing to tell", () => {
  const store = createMemoryStore();
  for (let run = 0; run < 10; run++) {
    expect(begin(store, NOW_MS + run * S)).toEqual({
      isRestart: run > 0,
      isAfterCrash: false,
      delayMs: 0,
      troubles: [],
      told: expect.any(Function),
    });
    endLife(store, null, NOW_MS + run * S);
  }
});

test("H10: a crash loop is told at its third restart with the last error, then ever more rarely, and starts ever later", () => {
  const store = createMemoryStore();
  const told: number[] = [];
  const delays: number[] = [];
  for (let run = 0; run < 30; run++) {
    const { troubles, delayMs, told: sayTold } = begin(store, NOW_MS + run * 10 * S);
    if (troubles.length > 0) told.push(run);
    delays.push(delayMs / S);
    if (run === 3) {
      expect(troubles).toEqual([{ kind: "restarts", count: 3, sinceMs: NOW_MS + 10 * S, crash: "RangeError: x" }]);
    }
    sayTold();
    endLife(store, "RangeError: x", NOW_MS + run * 10 * S);
  }
  expect(told).toEqual([3, 6, 12, 24]);
  expect(delays.slice(0, 10)).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
});

test.each([
  { name: "just within five minutes", gapMs: 5 * MIN - 1, told: true },
  { name: "five minutes apart", gapMs: 5 * MIN, told: false },
])("H10: restarts $name are a loop: $told", ({ gapMs, told }) => {
  const store = createMemoryStore();
  const starts = [0, 1, 2, 3].map((run) => begin(store, NOW_MS + run * gapMs)); // each is killed: no end is noted
  expect(starts.map(({ troubles }) => troubles.length)).toEqual([0, 0, 0, told ? 1 : 0]);
});

test("H10: a clean end closes a loop", () => {
  const store = createMemoryStore();
  for (let run = 0; run < 3; run++) begin(store, NOW_MS + run);
  endLife(store, null, NOW_MS + 5);
  expect(begin(store, NOW_MS + 10).troubles).toEqual([]);
  expect(begin(store, NOW_MS + 11).delayMs).toBe(0);
});

test.each([
  { name: "staleAfter", agoMs: STALE_MS, told: false },
  { name: "a moment more than staleAfter", agoMs: STALE_MS + 1, told: true },
])("H11: a start $name after the last valid answer tells of the gap: $told", ({ agoMs, told }) => {
  const store = createMemoryStore();
  seen(store, NOW_MS - agoMs);
  const gap = { kind: "gap", fromMs: NOW_MS - agoMs, toMs: NOW_MS, why: "down" };
  expect(begin(store, NOW_MS).troubles).toEqual(told ? [gap] : []);
});

test("H11: the same gap is told once, however often the daemon starts, and another one again", () => {
  const store = createMemoryStore();
  seen(store, NOW_MS - 10 * MIN);
  const first = begin(store, NOW_MS);
  expect(first.troubles).toHaveLength(1);
  expect(begin(store, NOW_MS + S).troubles).toHaveLength(1); // the first was killed before it could be told
  first.told();
  expect(begin(store, NOW_MS + MIN).troubles).toEqual([]);
  seen(store, NOW_MS + 2 * MIN);
  expect(begin(store, NOW_MS + 20 * MIN).troubles).toMatchObject([{ fromMs: NOW_MS + 2 * MIN }]);
});

test.each([
  ["its end", (store: MemoryStore) => endLife(store, null, NOW_MS - MIN)],
  ["its last sign of life", (store: MemoryStore) => noteAlive(store, NOW_MS - MIN)],
])("H11: of a daemon that was blind the gap begins with %s: of the blindness people know", (_, end) => {
  const store = createMemoryStore();
  begin(store, NOW_MS - 120 * MIN);
  seen(store, NOW_MS - 100 * MIN);
  end(store);
  expect(begin(store, NOW_MS).troubles).toEqual([{ kind: "gap", fromMs: NOW_MS - MIN, toMs: NOW_MS, why: "down" }]);
});

test("H3: a disk that takes nothing, and a note that is garbage, do not keep it from starting", () => {
  const store = createMemoryStore();
  store.setFact("life", '{"startedMs":"soon"');
  expect(begin(store, NOW_MS).isRestart).toBe(false);
  store.setFact("life", '{"startedMs":"soon"}');
  expect(begin(store, NOW_MS).isRestart).toBe(false);
  store.setFact = () => {
    throw new StoreError("the disk is full");
  };
  expect(begin(store, NOW_MS)).toMatchObject({ delayMs: 0, troubles: [] });
  expect(() => endLife(store, "x", NOW_MS)).not.toThrow();
});

test("what is told once leaves no alert behind, and goes to every notifier", () => {
  const book = { ...bookOf({ routes: [{ match: {}, notify: [], repeatEveryMs: undefined }] }), notifiers: ["desk"] };
  const { changes, situations } = gapNotice(NOW_MS - 34 * MIN, NOW_MS, "asleep", book);
  expect(changes).toEqual([]);
  expect(situations).toMatchObject([{ transition: { kind: "opened", severity: "warning" } }]);
  const lost = troubleNotice({ kind: "state-lost", what: "vanished", movedTo: undefined }, NOW_MS, book);
  expect(lost.situations).toMatchObject([{ transition: { kind: "opened", severity: "critical" } }]);
});
