import { expect, test } from "vitest";
import { BARS_3X, BARS_5X, cross, debtFree, isolated, longPair, observe } from "../../test/support/answers.ts";
import { isNearRung } from "./near.ts";
import type { Observation, Values } from "./observe.ts";
import type { Bars, Subject } from "./ports.ts";
import { builtinRules } from "./rules/builtin.ts";
import { compile, type Rule } from "./rules/compile.ts";
import type { Ladder, RuleConfig, Threshold } from "./rules/types.ts";

const number = (value: number): Threshold => ({ kind: "number", value });

function ruleOf(ladder: Ladder, over: Partial<RuleConfig> = {}): Rule {
  const usual = {
    on: "cross",
    field: "marginLevel",
    symbols: "all",
    hysteresisPct: 2,
    forMs: 0,
    clearAfterMs: 0,
  } as const;
  const rule = compile({ id: "rule", ...usual, ladder, ...over });
  if (rule === undefined) throw new Error("not compiled");
  return rule;
}

/** An observation with just these values. */
function seen(values: Values, over: Partial<Observation> = {}, subject: Subject = "cross"): Observation {
  const about = { account: "main", subject, atMs: 0, source: undefined, problem: undefined };
  return { ...about, class: "OK", hasDebt: true, values, ...over };
}

const BELOW = ruleOf({ kind: "below", rungs: { info: number(1.5), critical: number(1.2) } });
const ABOVE = ruleOf({ kind: "above", rungs: { info: number(2) } });
const BAR = ruleOf({ kind: "below", rungs: { warning: { kind: "bar", bar: "marginCallBar", plusPct: 5 } } });
const AWAY = ruleOf({ kind: "below", rungs: { info: number(10) } }, { field: "liquidationDistancePct" });
const PASSED = ruleOf({ kind: "below", rungs: { critical: number(-10) } }, { field: "liquidationDistancePct" });
const COLLATERAL = ruleOf({ kind: "below", rungs: { info: number(1.5) } }, { field: "collateralMarginLevel" });
const MINUTES = ruleOf({ kind: "below", rungs: { info: number(60) } }, { field: "minutesToLiquidation" });
const TOTAL = ruleOf({ kind: "above", rungs: { info: number(1) } }, { field: "totalLiabilityOfBtc" });
const FLAG = ruleOf({ kind: "is", rungs: { info: [false] } }, { field: "transferOutEnabled" });
const DROP = ruleOf({ kind: "drop", rungs: { info: 1 }, withinMs: 60_000, onlyBelow: number(2) });

test.each<[string, Rule, Values, boolean]>([
  ["10 % above the highest rung", BELOW, { marginLevel: 1.65 }, false],
  ["just nearer than 10 %", BELOW, { marginLevel: 1.6499999 }, true],
  ["between the rungs, far from the lower one", BELOW, { marginLevel: 1.4 }, true],
  ["below all rungs", BELOW, { marginLevel: 0.9 }, true],
  ["10 % below a rung of what must not rise", ABOVE, { marginLevel: 1.8 }, false],
  ["just nearer than 10 % to it", ABOVE, { marginLevel: 1.8000001 }, true],
  ["10 % above a rung at a bar", BAR, { marginLevel: 1.5015 }, false],
  ["nearer than 10 % to a rung at a bar", BAR, { marginLevel: 1.5014 }, true],
  ["11 % from liquidation, with a rung at 10 %", AWAY, { liquidationDistancePct: 11 }, false],
  ["10.9 % from liquidation, with a rung at 10 %", AWAY, { liquidationDistancePct: 10.9 }, true],
  ["above a rung below zero", PASSED, { liquidationDistancePct: -8.9 }, false],
  ["near a rung below zero", PASSED, { liquidationDistancePct: -9.1 }, true],
  ["near a rung on the collateral margin level", COLLATERAL, { collateralMarginLevel: 1.6 }, true],
  ["without the value of the rule", COLLATERAL, { marginLevel: 1.1 }, false],
  ["near a rung on minutes", MINUTES, { minutesToLiquidation: 5, marginLevel: 1.1 }, false],
  ["near a rung on an amount", TOTAL, { totalLiabilityOfBtc: 5 }, false],
  ["on the rung of a flag", FLAG, { transferOutEnabled: false, marginLevel: 1.1 }, false],
  ["under a rule on speed", DROP, { marginLevel: 1.1 }, false],
])("a position %s", (_, rule, values, isNear) => {
  expect(isNearRung(seen(values), [rule], BARS_3X)).toBe(isNear);
});

const LOW = { marginLevel: 1.1 };
test.each<[string, Observation]>([
  ["without debt", seen(LOW, { hasDebt: false })],
  ["that is not valid", seen(LOW, { class: "INVALID" })],
  ["that is missing", seen(LOW, { class: "MISSING" })],
  ["that no rule covers", seen(LOW, {}, "isolated BTCUSDT")],
])("a position %s is near nothing", (_, observation) => {
  expect(isNearRung(observation, [BELOW], BARS_3X)).toBe(false);
});

test.each<[string, readonly Observation[], Bars, boolean]>([
  ["an account at 1.60", observe(cross(1.6)), BARS_3X, true],
  ["an account at 1.60 whose bars are lower", observe(cross(1.6)), BARS_5X, false],
  ["an account at 2.00", observe(cross(2)), BARS_3X, false],
  ["an account without debt, at 999", observe(debtFree()), BARS_3X, false],
  ["a pair 12 % from liquidation", observe(isolated([longPair("BTCUSDT", 12)])), BARS_3X, false],
  ["a pair 10.5 % from liquidation", observe(isolated([longPair("BTCUSDT", 10.5)])), BARS_3X, true],
])("with the built-in rules: %s", (_, observations, bars, isNear) => {
  const rules = builtinRules.filter(({ ladder }) => ladder.kind === "below").flatMap((rule) => compile(rule) ?? []);
  expect(observations.some((observation) => isNearRung(observation, rules, bars))).toBe(isNear);
});
