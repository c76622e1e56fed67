import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BARS_3X,
  BARS_5X,
  cross,
  debtFree,
  emptyPair,
  isolated,
  longPair,
  observe,
} from "../../../test/support/answers.ts";
import type { Observation, Values } from "../observe.ts";
import type { Bars, Severity, Subject } from "../ports.ts";
import { builtinRules } from "./builtin.ts";
import { compile, type Rule } from "./compile.ts";
import { LEVEL_STATUSES } from "./fields.ts";
import { thresholdAt } from "./threshold.ts";
import type { Ladder, RuleConfig, Threshold } from "./types.ts";

const number = (value: number): Threshold => ({ kind: "number", value });
const bar = (name: keyof Bars, plusPct = 0): Threshold => ({ kind: "bar", bar: name, plusPct });

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
function seen(values: Values, hasDebt = true, subject: Subject = "cross"): Observation {
  const about = { account: "main", subject, atMs: 0, source: undefined, problem: undefined };
  return { ...about, class: "OK", hasDebt, values };
}

const rungOf = (rule: Rule, value: number, bars: Bars = BARS_3X): string => {
  const verdict = rule.evaluate(seen({ [rule.field]: value }), bars);
  return verdict === undefined ? "none" : `${verdict.breached ?? "-"}/${verdict.held} ${verdict.threshold}`;
};

const builtin = (id: string): Rule => {
  const config = builtinRules.find((rule) => rule.id === id);
  const rule = config === undefined ? undefined : compile(config);
  if (rule === undefined) throw new Error(`no rule ${id}`);
  return rule;
};

// ---------------------------------------------------------------- ladders of numbers

const level = builtin("cross-margin-level");

// breached/held threshold; the bars are 1.5 / 1.3 / 1.1, so the rungs are 1.5, 1.365 and 1.3, left at 1.53, 1.3923 and 1.326
test.each([
  [9.99, "none"],
  [1.53, "none"],
  [1.5299999, "-/info 1.5"],
  [1.5, "-/info 1.5"],
  [1.4999999, "info/info 1.5"],
  [1.3923, "info/info 1.5"],
  [1.3922999, "info/warning 1.5"],
  [1.365, "info/warning 1.5"],
  [1.3649999, "warning/warning 1.365"],
  [1.326, "warning/warning 1.365"],
  [1.3259999, "warning/critical 1.365"],
  [1.3, "warning/critical 1.365"],
  [1.2999999, "critical/critical 1.3"],
  [0.5, "critical/critical 1.3"],
  [0, "critical/critical 1.3"],
])("a level of %d is %s: thresholds are strict, and a rung is left by passing it by 2 %%", (value, expected) => {
  expect(rungOf(level, value)).toBe(expected);
});

// 1.25, 1.16 · 1.05 = 1.218, 1.16
test.each([
  [1.275, "none"],
  [1.25, "-/info 1.25"],
  [1.2499999, "info/info 1.25"],
  [1.218, "info/warning 1.25"],
  [1.2179999, "warning/warning 1.218"],
  [1.16, "warning/critical 1.218"],
  [1.1599999, "critical/critical 1.16"],
])("an account of 5x has bars of its own: a level of %d is %s", (value, expected) => {
  expect(rungOf(level, value, BARS_5X)).toBe(expected);
});

test("the same rule follows the bars from one look to the next", () => {
  expect([BARS_3X, BARS_5X, BARS_3X].map((bars) => rungOf(level, 1.29, bars))).toEqual([
    "critical/critical 1.3",
    "none",
    "critical/critical 1.3",
  ]);
});

test.each([
  [number(1.2), 1.2],
  [bar("normalBar"), 1.5],
  [bar("marginCallBar", 5), 1.365],
  [bar("forceLiquidationBar", 12.5), 1.2375],
  [bar("marginCallBar", -10), 1.17],
])("the threshold %j is %d exactly, without a binary tail", (threshold, expected) => {
  expect(thresholdAt(threshold, BARS_3X)).toBe(expected);
});

const debt = ruleOf(
  { kind: "above", rungs: { info: number(1), warning: number(2), critical: number(4) } },
  { field: "totalLiabilityOfBtc", hysteresisPct: 10 },
);

test.each([
  [0.9, "none"],
  [0.9000001, "-/info 1"],
  [1, "-/info 1"],
  [1.0000001, "info/info 1"],
  [1.8, "info/info 1"],
  [1.8000001, "info/warning 1"],
  [2, "info/warning 1"],
  [2.0000001, "warning/warning 2"],
  [3.6000001, "warning/critical 2"],
  [4, "warning/critical 2"],
  [4.0000001, "critical/critical 4"],
])("with a ladder that is climbed upwards, %d BTC owed is %s", (value, expected) => {
  expect(rungOf(debt, value)).toBe(expected);
});

test("a threshold below zero is left upwards too", () => {
  const rule = ruleOf({ kind: "below", rungs: { critical: number(-5) } }, { field: "liquidationDistancePct" });
  expect([-4.9, -4.900001, -5, -5.000001].map((value) => rungOf(rule, value))).toEqual([
    "none",
    "-/critical -5",
    "-/critical -5",
    "critical/critical -5",
  ]);
});

test("a ladder may leave rungs out", () => {
  const rule = ruleOf({ kind: "below", rungs: { warning: number(1.2) } });
  expect([1.2, 1.1].map((value) => rungOf(rule, value))).toEqual(["-/warning 1.2", "warning/warning 1.2"]);
});

test("without hysteresis a rung is left where it is entered", () => {
  const rule = ruleOf({ kind: "below", rungs: { critical: number(1.3) } }, { hysteresisPct: 0 });
  expect([1.3, 1.2999999].map((value) => rungOf(rule, value))).toEqual(["none", "critical/critical 1.3"]);
});

test("a field that was not seen breaches nothing: whether that is INVALID was decided before", () => {
  expect(level.evaluate(seen({}), BARS_3X)).toBeUndefined();
});

test.each([
  ["marginLevel", { marginLevel: 0 }],
  ["marginLevel", { marginLevel: 1.05 }],
  ["collateralMarginLevel", { collateralMarginLevel: 0 }],
  ["liquidationDistancePct", { liquidationDistancePct: 0 }],
])("without debt no rung below a %s can be breached (%j)", (field, values) => {
  const rule = ruleOf({ kind: "below", rungs: { critical: number(10) } }, { field });
  expect(rule.evaluate(seen(values, false), BARS_3X)).toBeUndefined();
  expect(rule.evaluate(seen(values, true), BARS_3X)).toMatchObject({ breached: "critical" });
});

test("without debt other numbers are what they are", () => {
  const rule = ruleOf({ kind: "below", rungs: { critical: number(10) } }, { field: "totalAssetOfBtc" });
  expect(rule.evaluate(seen({ totalAssetOfBtc: 1 }, false), BARS_3X)).toMatchObject({ breached: "critical" });
});

test("whatever the value, what is breached is held, and no milder rung is", () => {
  const ladder = { kind: "below", rungs: { info: number(1.5), warning: number(1.4), critical: number(1.3) } } as const;
  fc.assert(
    fc.property(
      fc.double({ min: -1, max: 3, noNaN: true }),
      fc.double({ min: 0, max: 50, noNaN: true }),
      (value, pct) => {
        const verdict = ruleOf(ladder, { hysteresisPct: pct }).evaluate(seen({ marginLevel: value }), BARS_3X);
        const rank = (severity: Severity | null) => ["info", "warning", "critical"].indexOf(severity ?? "");
        if (verdict === undefined) return value >= 1.5;
        return rank(verdict.held) >= rank(verdict.breached);
      },
    ),
  );
});

// ---------------------------------------------------------------- order of the rungs

const mixed = { info: number(1.4), warning: bar("marginCallBar", 5), critical: bar("marginCallBar") } as const;

test.each<[string, Ladder, Bars, readonly [Severity, Severity] | undefined]>([
  ["in order", { kind: "below", rungs: mixed }, BARS_3X, undefined],
  ["in order without a middle", { kind: "below", rungs: { info: number(2), critical: number(1) } }, BARS_3X, undefined],
  [
    "with equal rungs",
    { kind: "below", rungs: { info: number(1.3), critical: bar("marginCallBar") } },
    BARS_3X,
    ["info", "critical"],
  ],
  [
    "turned round by the bars",
    { kind: "below", rungs: { info: number(1.2), critical: bar("marginCallBar") } },
    BARS_3X,
    ["info", "critical"],
  ],
  [
    "right for 5x, by the same numbers",
    { kind: "below", rungs: { info: number(1.2), critical: bar("marginCallBar") } },
    BARS_5X,
    undefined,
  ],
  [
    "wrong among the worst two",
    { kind: "below", rungs: { ...mixed, critical: number(1.38) } },
    BARS_3X,
    ["warning", "critical"],
  ],
  ["upwards in order", { kind: "above", rungs: { info: number(1), critical: number(2) } }, BARS_3X, undefined],
  [
    "upwards with equal rungs",
    { kind: "above", rungs: { info: number(2), critical: number(2) } },
    BARS_3X,
    ["info", "critical"],
  ],
  ["of flags", { kind: "is", rungs: { info: [true], critical: [false] } }, BARS_3X, undefined],
])("a ladder %s: disorder", (_, ladder, bars, expected) => {
  expect(ruleOf(ladder).disorder(bars)).toEqual(expected);
});

test("in a ladder out of order the stricter rung holds, and the way back leads past it", () => {
  const rule = ruleOf({ kind: "below", rungs: { info: number(1.2), critical: bar("marginCallBar") } });
  expect([1.25, 1.1].map((value) => rungOf(rule, value))).toEqual(["critical/critical 1.3", "critical/critical 1.3"]);
  // critical 1.3 is left at 1.326, beyond info's 1.224; under the bars of 5x critical 1.16 is left at 1.1832, and info is last
  expect(rule.target(BARS_3X)).toBe(1.326);
  expect(rule.target(BARS_5X)).toBe(1.224);
});

test.each<[Ladder, number | undefined]>([
  [{ kind: "below", rungs: mixed }, 1.428],
  [{ kind: "below", rungs: { critical: bar("marginCallBar") } }, 1.326],
  [{ kind: "above", rungs: { info: number(1), critical: number(2) } }, 0.98],
  [{ kind: "is", rungs: { critical: [false] } }, undefined],
  [{ kind: "drop", rungs: { critical: 20 }, withinMs: 900_000, onlyBelow: undefined }, undefined],
])("the way back of %j leads to where its last rung is left: %d", (ladder, target) => {
  expect(ruleOf(ladder).target(BARS_3X)).toBe(target);
});

test("a hysteresis of its own, or none, moves the way back", () => {
  const ladder = { kind: "below", rungs: mixed } as const;
  expect(ruleOf(ladder, { hysteresisPct: 10 }).target(BARS_3X)).toBe(1.54);
  expect(ruleOf(ladder, { hysteresisPct: 0 }).target(BARS_3X)).toBe(1.4);
});

test.each<[Ladder, Threshold, number]>([
  [{ kind: "below", rungs: mixed }, number(1.8), 1.8],
  [{ kind: "below", rungs: mixed }, bar("normalBar", 10), 1.65],
  [{ kind: "above", rungs: { info: number(1) } }, number(0.5), 0.5],
  [{ kind: "drop", rungs: { critical: 20 }, withinMs: 900_000, onlyBelow: undefined }, bar("normalBar"), 1.5],
  // Short of where the alert ends: amounts that leave it open would be no way back.
  [{ kind: "below", rungs: mixed }, number(1.2), 1.428],
  [{ kind: "below", rungs: mixed }, number(1.41), 1.428],
  [{ kind: "below", rungs: mixed }, number(1.428), 1.428],
  [{ kind: "below", rungs: mixed }, number(1.429), 1.429],
  [{ kind: "above", rungs: { info: number(1) } }, number(0.99), 0.98],
  [{ kind: "above", rungs: { info: number(1) } }, number(0.97), 0.97],
  [{ kind: "drop", rungs: { critical: 20 }, withinMs: 900_000, onlyBelow: undefined }, number(1.2), 1.2],
])("of %j with a target of its own, %j: %d", (ladder, target, expected) => {
  expect(ruleOf(ladder, { target }).target(BARS_3X)).toBe(expected);
});

// ---------------------------------------------------------------- flags and statuses

const transferOut = builtin("cross-transfer-out");

test.each([
  [false, { breached: "warning", held: "warning", value: false, threshold: undefined, isUnknownStatus: false }],
  [true, undefined],
])("transferOutEnabled %s", (value, expected) => {
  expect(transferOut.evaluate(seen({ transferOutEnabled: value }), BARS_3X)).toEqual(expected);
  expect(transferOut.evaluate(seen({ transferOutEnabled: value }, false), BARS_3X)).toEqual(expected);
});

const status = builtin("isolated-status");
const statusOf = (value: string, hasDebt = true) =>
  status.evaluate(seen({ marginLevelStatus: value }, hasDebt, "isolated BTCUSDT"), BARS_3X);

test.each([
  ["EXCESSIVE", null],
  ["NORMAL", null],
  ["MARGIN_CALL", "warning"],
  ["PRE_LIQUIDATION", "critical"],
  ["FORCE_LIQUIDATION", "critical"],
])("the documented status %s is %s", (value, severity) => {
  expect(statusOf(value)?.breached ?? null).toBe(severity);
  expect(statusOf(value)?.isUnknownStatus ?? false).toBe(false);
});

test("the table of statuses above is whole", () => {
  expect(LEVEL_STATUSES).toEqual(["EXCESSIVE", "NORMAL", "MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"]);
});

test("an unknown status in debt counts as the worst rung and says so; without debt it is nothing", () => {
  expect(statusOf("BANKRUPTCY")).toMatchObject({ breached: "critical", held: "critical", isUnknownStatus: true });
  expect(statusOf("excessive")).toMatchObject({ breached: "critical", isUnknownStatus: true });
  expect(statusOf("BANKRUPTCY", false)).toBeUndefined();
});

test("an unknown status counts as the worst rung that the rule has, and no worse", () => {
  const rule = ruleOf({ kind: "is", rungs: { info: ["MARGIN_CALL"] } }, { on: "isolated", field: "marginLevelStatus" });
  expect(rule.evaluate(seen({ marginLevelStatus: "X" }), BARS_3X)).toMatchObject({ breached: "info" });
});

test("a text that is not a status has no unknown values", () => {
  const rule = ruleOf({ kind: "is", rungs: { critical: ["MARGIN_2"] } }, { field: "accountType" });
  expect(rule.evaluate(seen({ accountType: "MARGIN_3" }), BARS_3X)).toBeUndefined();
  expect(rule.evaluate(seen({ accountType: "MARGIN_2" }), BARS_3X)).toMatchObject({ isUnknownStatus: false });
});

test("a value under two rungs counts as the worse", () => {
  const rule = ruleOf({ kind: "is", rungs: { info: [false], critical: [false] } }, { field: "tradeEnabled" });
  expect(rule.evaluate(seen({ tradeEnabled: false }), BARS_3X)).toMatchObject({ breached: "critical" });
});

// ---------------------------------------------------------------- what a rule covers

test.each<[Partial<RuleConfig>, Subject[]]>([
  [{ on: "cross" }, ["cross"]],
  [{ on: "isolated" }, ["isolated BTCUSDT", "isolated ETHUSDT"]],
  [{ on: "isolated", symbols: ["ETHUSDT"] }, ["isolated ETHUSDT"]],
  [{ on: "isolated", symbols: [] }, []],
])("a rule with %j covers %j", (over, expected) => {
  const rule = ruleOf({ kind: "below", rungs: { critical: number(1) } }, over);
  const subjects: Subject[] = ["cross", "isolated BTCUSDT", "isolated ETHUSDT", "feed", "notifier desk"];
  expect(subjects.filter(rule.coversSubject)).toEqual(expected);
  const observed = subjects.filter((subject) => subject === "cross" || subject.startsWith("isolated ")); // only these have fields
  expect(observed.filter((subject) => rule.covers(seen({}, true, subject)))).toEqual(expected);
});

test("a field that does not exist makes no rule", () => {
  const usual = { id: "x", on: "cross", symbols: "all", hysteresisPct: 2, forMs: 0, clearAfterMs: 0 } as const;
  const ladder = { kind: "below", rungs: {} } as const;
  expect(compile({ ...usual, field: "toString", ladder })).toBeUndefined();
  expect(compile({ ...usual, field: "marginlevel", ladder })).toBeUndefined();
});

// ---------------------------------------------------------------- the built-in rules, on what the exchange answers

function firing(observation: Observation | undefined): string[] {
  if (observation === undefined) return [];
  return builtinRules.flatMap((config) => {
    const rule = compile(config);
    const severity = rule?.covers(observation) ? rule.evaluate(observation, BARS_3X)?.breached : undefined;
    return severity ? [`${config.id} ${severity}`] : [];
  });
}

test.each<[string, Observation | undefined, string[]]>([
  ["a healthy account", observe(cross(2))[0], []],
  ["an account below all rungs", observe(cross(1.29))[0], ["cross-margin-level critical"]],
  ["an account between warning and critical", observe(cross(1.32))[0], ["cross-margin-level warning"]],
  ["an account below the normal bar", observe(cross(1.45))[0], ["cross-margin-level info"]],
  [
    "an account that cannot transfer out",
    observe(cross(2, { transferOutEnabled: false }))[0],
    ["cross-transfer-out warning"],
  ],
  ["an account without debt", observe(debtFree({ marginLevel: 0 }))[0], []],
  ["an empty pair as documented", observe(isolated([emptyPair("BTCUSDT")]))[0], []],
  ["a pair 10 % away", observe(isolated([longPair("BTCUSDT", 10)]))[0], []],
  ["a pair 9.99 % away", observe(isolated([longPair("BTCUSDT", 9.99)]))[0], ["isolated-liquidation-distance info"]],
  ["a pair 5.99 % away", observe(isolated([longPair("BTCUSDT", 5.99)]))[0], ["isolated-liquidation-distance warning"]],
  [
    "a pair 2.99 % away under margin call",
    observe(isolated([longPair("BTCUSDT", 2.99, { marginLevelStatus: "MARGIN_CALL" })]))[0],
    ["isolated-status warning", "isolated-liquidation-distance critical"],
  ],
])("the built-in rules on %s", (_, observation, expected) => {
  expect(firing(observation)).toEqual(expected);
});
