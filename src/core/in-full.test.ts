// Which alerts of a message are told in full: as many subjects as there is room for, and never one alert twice or none.
import fc from "fast-check";
import { expect, test } from "vitest";
import { isolated, longPair } from "../../test/support/answers.ts";
import { openDesk } from "../../test/support/desk.ts";
import { placesOf } from "./in-full.ts";
import type { RuleConfig } from "./rules/types.ts";
import type { Situation } from "./situation.ts";

const usual = { on: "isolated", symbols: "all", hysteresisPct: 2, forMs: 0, clearAfterMs: 0 } as const;
const below = (value: number) => ({ kind: "below", rungs: { critical: { kind: "number", value } } }) as const;
const RULES: readonly RuleConfig[] = [
  {
    ...usual,
    id: "status",
    field: "marginLevelStatus",
    ladder: { kind: "is", rungs: { critical: ["PRE_LIQUIDATION"] } },
  },
  { ...usual, id: "off", field: "tradeEnabled", ladder: { kind: "is", rungs: { critical: [false] } } },
  { ...usual, id: "level", field: "marginLevel", ladder: below(2) },
  { ...usual, id: "distance", field: "liquidationDistancePct", ladder: below(10) },
];
const NAMES = Array.from({ length: 8 }, (_, n) => `P${n}USDT`);
const PAIRS = NAMES.map((name) => longPair(name, 2, { marginLevelStatus: "PRE_LIQUIDATION", tradeEnabled: false }));
const { situations: ALL } = openDesk({ rules: RULES }).look(0, isolated(PAIRS));

const shown = (situations: readonly Situation[]) =>
  placesOf(situations).map(({ situation, isInFull }) => `${situation.id.rule}${isInFull ? " in full" : ""}`);
const of = (name: string) => ALL.filter(({ id }) => id.subject === `isolated ${name}`);

test("of one subject a level stands before the status; what is another matter is told in full", () => {
  expect(of("P0USDT").map(({ id }) => id.rule)).toEqual(["status", "off", "level", "distance"]);
  expect(shown(of("P0USDT"))).toEqual(["level in full", "off in full", "distance", "status"]);
});

test("of alerts that go on only the worst is told in full, and what is over is another matter", () => {
  const [status, , level] = of("P0USDT");
  if (status === undefined || level === undefined) throw new Error("nothing was opened");
  const milder: Situation = { ...status, transition: { ...status.transition, severity: "warning" } };
  const over: Situation = { ...status, transition: { ...status.transition, kind: "resolved" } };
  expect(shown([level, milder, over])).toEqual(["level in full", "status", "status in full"]);
  const mild: Situation = { ...level, transition: { ...level.transition, severity: "warning" } };
  expect(shown([status, mild])).toEqual(["status in full", "level"]);
});

test("nothing is lost, and the full places go to as many subjects as there are", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...ALL]), (situations) => {
      const places = placesOf(situations);
      const full = places.filter(({ isInFull }) => isInFull);
      const subjects = new Set(situations.map(({ id }) => id.subject));
      expect(new Set(places.map(({ situation }) => situation))).toEqual(new Set(situations));
      expect(places).toHaveLength(situations.length);
      expect(full.length).toBeLessThanOrEqual(5);
      expect(places.slice(5).some(({ isInFull }) => isInFull)).toBe(false);
      expect(new Set(full.map(({ situation }) => situation.id.subject)).size).toBe(Math.min(5, subjects.size));
    }),
  );
});
