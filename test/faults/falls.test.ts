// The oracle of rules that look back: what it is sure of, what it leaves open, and what it forgets.
import { describe, expect, test } from "vitest";
import type { RuleConfig } from "../../src/core/rules/types.ts";
import type { Change } from "../../src/core/store.ts";
import { createFalls } from "./invariants/falls.ts";
import type { Scene } from "./invariants/scene.ts";
import { drawScenario } from "./scenario.ts";
import { BEGIN_MS, DAY, HOUR, MINUTE } from "./time.ts";

const RULE: RuleConfig = {
  ...{ id: "fast", on: "cross", field: "marginLevel", symbols: "all", hysteresisPct: 20, forMs: 0, clearAfterMs: 0 },
  ladder: { kind: "drop", rungs: { warning: 10, critical: 20 }, withinMs: HOUR, onlyBelow: undefined },
};
const LEFT: RuleConfig = {
  ...{ id: "left", on: "cross", field: "minutesToLiquidation", symbols: "all", hysteresisPct: 0, forMs: 0 },
  clearAfterMs: 0,
  ladder: { kind: "below", rungs: { critical: { kind: "number", value: 20 } } },
};
const [CONFIG] = drawScenario(1, { days: 1, isLive: false }).configs;
const SCENE: Scene = {
  ...{ config: { ...CONFIG, rules: [RULE, LEFT] }, watch: 1, process: 1, watchingSinceMs: 0, watchingSinceMonoMs: 0 },
  ...{
    disturbedMs: 0,
    clockTouchedMs: 0,
    configSinceMs: 0,
    isDiskFailing: false,
    diskFailedMs: 0,
    memoriesFailedMs: 0,
  },
};

interface Shown {
  readonly afterMs: number;
  readonly level?: number;
  readonly watch?: number;
  readonly hasDebt?: boolean;
  /** Written then by the watch that saw it. */
  readonly isWritten?: boolean;
}

/** What is said of the last of these looks. */
function lastOf(shown: readonly Shown[], scene: Partial<Scene> = {}, rule = "fast") {
  const falls = createFalls({ ...SCENE, ...scene });
  const before: { atMs: number; watch: number; seen: ReturnType<typeof seenAt> }[] = [];
  let said = falls.judgements("main|cross", lookAt({ afterMs: 0 }), []);
  for (const each of shown) {
    const look = lookAt(each);
    said = falls.judgements("main|cross", look, before);
    before.push(look);
    if (each.isWritten === true) falls.onStored(WRITTEN, look.watch, look.atMs);
  }
  return said.get(rule);
}

const WRITTEN: Change = {
  ...{ alerts: [], rows: [] },
  snapshot: {
    ...{ account: "main", okAtMs: { cross: 1, isolated: null }, known: [], pairs: 0, trouble: null },
  },
  memories: [{ account: "main", subject: "cross", kind: "tops fast", body: "x" }],
};
const seenAt = (value: number, hasDebt: boolean) => {
  return { subject: "cross", isValid: true, isPresent: true, hasDebt, value, status: "", flags: {} };
};
// The first look of all is at the level of 1.0, so that it is the top of nothing.
const lookAt = ({ afterMs, level = 1, watch = 1, hasDebt = true }: Shown) => {
  return { atMs: BEGIN_MS + DAY + afterMs, watch, seen: seenAt(level, hasDebt) };
};

describe("a rule on speed", () => {
  test.each<{ name: string; shown: readonly Shown[]; sure: number; maybe: number; heldSure?: number }>([
    {
      name: "a fall of 15 % is a warning",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 10 * MINUTE, level: 1.7 },
      ],
      ...{ sure: 1, maybe: 1 },
    },
    {
      name: "a fall of 9 % is none, and holds one",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 10 * MINUTE, level: 1.82 },
      ],
      ...{ sure: -1, maybe: -1, heldSure: 1 },
    },
    {
      name: "what is older than the window is nothing",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 64 * MINUTE, level: 1.4 },
      ],
      ...{ sure: -1, maybe: -1 },
    },
    {
      name: "at the edge of the window nobody can tell",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 60 * MINUTE, level: 1.4 },
      ],
      ...{ sure: -1, maybe: 2 },
    },
    {
      name: "what a watch before this one saw and did not write may be lost",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 10 * MINUTE, level: 1.4, watch: 2 },
      ],
      ...{ sure: -1, maybe: 2 },
    },
    {
      name: "and what it wrote is not",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 5 * MINUTE, level: 1.9, isWritten: true },
        { afterMs: 10 * MINUTE, level: 1.4, watch: 2 },
      ],
      ...{ sure: 2, maybe: 2 },
    },
    {
      name: "a debt that was paid back is another debt afterwards",
      shown: [
        { afterMs: 0, level: 2 },
        { afterMs: 5 * MINUTE, hasDebt: false },
        { afterMs: 10 * MINUTE, level: 1.4 },
      ],
      ...{ sure: -1, maybe: -1 },
    },
  ])("$name", ({ shown, sure, maybe, heldSure = sure }) => {
    expect(lastOf(shown)).toMatchObject({ sure, maybe, heldSure });
  });

  test("by a clock that was set nobody knows how long ago anything was", () => {
    const shown = [
      { afterMs: 0, level: 2 },
      { afterMs: 10 * MINUTE, level: 1.4 },
    ];
    expect(lastOf(shown, { clockTouchedMs: BEGIN_MS + DAY })).toEqual({
      sure: -1,
      maybe: 2,
      heldSure: -1,
      heldMaybe: 2,
    });
  });
});

test.each([
  { level: 1.05, sure: 2, maybe: 2 },
  { level: 1.3, sure: -1, maybe: 2 },
  { level: 1.6, sure: -1, maybe: -1 },
])("the time that is left at $level", ({ level, sure, maybe }) => {
  const shown = [
    { afterMs: 0, level },
    { afterMs: 10 * MINUTE, level },
  ];
  expect(lastOf(shown, {}, "left")).toMatchObject({ sure, maybe });
});
