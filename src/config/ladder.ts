// What one rule must be in itself, beyond its shape: a field that its subject has, one ladder, rungs in order, values of the
// field's kind. Runs on drafts, so every part may be missing; what is missing has been told already.
import { SEVERITIES, type Severity } from "../core/ports.ts";
import {
  FIELDS,
  type FieldInfo,
  type FieldName,
  fieldInfo,
  isFieldName,
  LEVEL_STATUSES,
} from "../core/rules/fields.ts";
import type { Flag, Ladder, RuleConfig, RuleSubject, Threshold } from "../core/rules/types.ts";
import { checkNoEventKeys, RULE_SUBJECTS, type RuleDraft } from "./events.ts";
import { didYouMean } from "./nearest.ts";
import { compare, shown } from "./order.ts";
import { checkReach } from "./reach.ts";
import type { Report } from "./report.ts";
import { HYSTERESIS_PCT } from "./rule-keys.ts";
import type { Rule } from "./schema.ts";
import { entryPath, type Path, type Source } from "./source.ts";
import { checkFor, checkMinutes, checkSpeed } from "./speed.ts";
import { checkTarget } from "./target.ts";

type Rungs<T> = Readonly<Partial<Record<Severity, T | undefined>>>;

const LADDERS = ["below", "above", "is", "dropsBy"] as const;
/** Those whose rungs have an order. */
const STEPPED = ["below", "above", "dropsBy"] as const;
type Stepped = (typeof STEPPED)[number];

export function checkRule(rule: RuleDraft, path: Path, source: Source, report: Report): void {
  const check: RuleCheck = { rule, path, source, report };
  if (rule.on !== undefined) checkNoEventKeys(path, source, report);
  if (!source.has([...path, "field"])) {
    report.add([...path, "field"], `missing, expected one of ${Object.keys(FIELDS).join(", ")}`);
  }
  checkLadderCount(check);
  checkSymbols(check);
  for (const kind of LADDERS) checkRungCount(check, kind);
  for (const kind of STEPPED) checkOrder(check, kind);
  checkSpeed(check);
  checkFor(check);
  const { field, on } = rule;
  if (field === undefined || !isFieldName(field) || !isRuleSubject(on)) return;
  if (fieldInfo(field).on.includes(on)) checkAgainstField(check, field, on);
  else report.add([...path, "field"], notOnSubject(field, on));
}

const isRuleSubject = (on: unknown): on is RuleSubject => RULE_SUBJECTS.some((each) => each === on);

/** One rule, as far as it could be read, and its place. */
export interface RuleCheck {
  readonly rule: RuleDraft;
  readonly path: Path;
  readonly source: Source;
  readonly report: Report;
}

// ---------------------------------------------------------------- ladder and symbols

function checkLadderCount({ path, source, report }: RuleCheck): void {
  const given = LADDERS.filter((kind) => source.has([...path, kind]));
  if (given.length === 0) report.add(path, "needs one of below, above, is or dropsBy", { part: "key" });
  const second = given[1];
  if (second === undefined) return;
  report.add(path, `${given.join(" and ")} in one rule, expected only one of them`, {
    at: [...path, second],
    part: "key",
  });
}

function checkRungCount({ rule, path, report }: RuleCheck, kind: (typeof LADDERS)[number]): void {
  const ladder = rule[kind];
  const ladderPath = [...path, kind];
  if (ladder === undefined || Object.keys(ladder).length > 0 || report.isWrong(ladderPath)) return;
  report.add(ladderPath, `has no rung, expected at least one of ${SEVERITIES.join(", ")}`, { part: "key" });
}

function checkSymbols({ rule, path, report }: RuleCheck): void {
  if (rule.on !== "cross" || rule.symbols === undefined) return;
  report.add([...path, "symbols"], "only isolated pairs have symbols, and this rule is on: cross", { part: "key" });
}

// ---------------------------------------------------------------- order

function checkOrder(check: RuleCheck, kind: Stepped): void {
  const { rule, path, report } = check;
  const rungs: Rungs<Threshold | number> = rule[kind] ?? {};
  for (const [index, milder] of SEVERITIES.entries()) {
    const worse = SEVERITIES.slice(index + 1).find((each) => isOutOfOrder(kind, rungs[milder], rungs[each]));
    if (worse === undefined) continue;
    const text = orderText(check, kind, milder, worse);
    report.add([...path, kind], text, { at: [...path, kind, milder], part: "key" });
  }
}

type Rung = Threshold | number | undefined;

function isOutOfOrder(kind: Stepped, milder: Rung, worse: Rung): boolean {
  const order = compare(asThreshold(milder), asThreshold(worse));
  return order !== undefined && (kind === "below" ? order <= 0 : order >= 0);
}

const asThreshold = (rung: Rung): Threshold | undefined =>
  typeof rung === "number" ? { kind: "number", value: rung } : rung;

const ORDER_WORDS = {
  below: { side: "above", what: "", way: "falls" },
  above: { side: "below", what: "", way: "rises" },
  dropsBy: { side: "below", what: "fall", way: "grows" },
} as const satisfies Record<Stepped, unknown>;

/** "info 1.2 must lie above warning 1.5 (a level falls through info first)" */
function orderText({ rule, path, source }: RuleCheck, kind: Stepped, milder: Severity, worse: Severity): string {
  const say = (rung: Severity) => shown(rung, rule[kind]?.[rung], source.isInterpolated([...path, kind, rung]));
  const { side, what, way } = ORDER_WORDS[kind];
  const isLevel = rule.field !== undefined && isFieldName(rule.field) && fieldInfo(rule.field).isLevel;
  const subject = what || (isLevel ? "level" : "value");
  return `${say(milder)} must lie ${side} ${say(worse)} (a ${subject} ${way} through ${milder} first)`;
}

// ---------------------------------------------------------------- field

const SUBJECT_WORDS = {
  cross: { none: "the cross account has no", other: "isolated pairs have. Did you mean on: isolated?" },
  isolated: { none: "isolated pairs have no", other: "cross has. Did you mean on: cross?" },
} as const satisfies Record<RuleSubject, unknown>;

/** Every field is on one of the two subjects at least. */
function notOnSubject(field: FieldName, on: RuleSubject): string {
  return `${SUBJECT_WORDS[on].none} ${field}; ${SUBJECT_WORDS[on].other}`;
}

function checkAgainstField(check: RuleCheck, field: FieldName, on: RuleSubject): void {
  const info = fieldInfo(field);
  const { rule, path, report } = check;
  for (const kind of LADDERS) {
    const text = rule[kind] === undefined ? undefined : wrongLadder(field, info, kind);
    if (text !== undefined) report.add([...path, kind], text, { part: "key" });
  }
  checkTarget(check, field);
  checkReach(check, field);
  if (field === "minutesToLiquidation") checkMinutes(check);
  if (info.type === "number") checkBars(check, field, info, on);
  else checkFlags(check, field, info);
}

const TYPE_WORDS = { number: "a number", flag: "true or false", status: "a status", text: "a word" } as const;

/** Undefined where the field can have such a ladder. */
function wrongLadder(
  field: FieldName,
  { type, isOfTime }: FieldInfo,
  kind: (typeof LADDERS)[number],
): string | undefined {
  if (isOfTime && kind !== "below") return `${field} is the time that is left: expected below, not ${kind}`;
  if ((kind === "is") !== (type === "number")) return undefined;
  return `${field} is ${TYPE_WORDS[type]}: expected ${type === "number" ? "below, above or dropsBy" : "is"}, not ${kind}`;
}

function checkBars({ rule, path, report }: RuleCheck, field: FieldName, info: FieldInfo, on: RuleSubject): void {
  if (info.isLevel && on === "cross") return;
  const text = info.isLevel
    ? "bars are those of the cross account; an isolated pair has tiers of its own, which the exchange does not tell. " +
      "Expected a number, or a rule on marginLevelStatus or liquidationDistancePct"
    : `bars are margin levels and ${field} is none, expected a number`;
  for (const kind of ["below", "above"] as const) {
    for (const rung of SEVERITIES) {
      if (rule[kind]?.[rung]?.kind === "bar") report.add([...path, kind, rung], text);
    }
  }
  for (const key of ["onlyBelow", "target"] as const) {
    if (rule[key]?.kind === "bar") report.add([...path, key], text);
  }
}

function checkFlags({ rule, path, source, report }: RuleCheck, field: FieldName, info: FieldInfo): void {
  for (const rung of SEVERITIES) {
    for (const [index, flag] of (rule.is?.[rung] ?? []).entries()) {
      const flagPath = entryPath(source, [...path, "is", rung], index);
      const text = wrongFlag(flag, field, info, source.isInterpolated(flagPath));
      if (text !== undefined) report.add(flagPath, text);
    }
  }
}

function wrongFlag(flag: Flag, field: FieldName, { type }: FieldInfo, hidden: boolean): string | undefined {
  switch (type) {
    case "flag":
      return typeof asFlag(flag, type) === "boolean" ? undefined : `${field} is true or false, expected one of them`;
    case "status":
      if (LEVEL_STATUSES.some((status) => status === flag)) return undefined;
      return `expected one of ${LEVEL_STATUSES.join(", ")}${hidden ? "" : didYouMean(String(flag), LEVEL_STATUSES)}`;
    case "text":
      return typeof flag === "string" ? undefined : `${field} is a word, expected one (true and false need quotes)`;
    case "number":
      return undefined; // has no `is`, which has been told
  }
}

/** What comes from the environment is text, so "false" stands for false where a flag is watched. */
function asFlag(flag: Flag, type: FieldInfo["type"]): Flag {
  if (type !== "flag" || typeof flag === "boolean") return flag;
  return flag === "true" ? true : flag === "false" ? false : flag;
}

// ---------------------------------------------------------------- the rule as the program uses it

/** Undefined for a rule on rows of the history. */
export function ruleConfig(id: string, rule: Rule): RuleConfig | undefined {
  const { on, field } = rule;
  if (!isRuleSubject(on)) return undefined;
  if (field === undefined) throw new TypeError("a rule without a field has passed the checks");
  const ladder = ladderOf(rule, field);
  return {
    id,
    on,
    field,
    symbols: rule.symbols ?? "all",
    ladder,
    target: rule.target,
    hysteresisPct: rule.hysteresisPct ?? HYSTERESIS_PCT[ladder.kind],
    forMs: rule.for,
    clearAfterMs: rule.clearAfter,
  };
}

function ladderOf({ below, above, is, dropsBy, within, onlyBelow }: Rule, field: string): Ladder {
  if (below !== undefined) return { kind: "below", rungs: mapRungs(below, (threshold) => threshold) };
  if (above !== undefined) return { kind: "above", rungs: mapRungs(above, (threshold) => threshold) };
  if (dropsBy !== undefined && within !== undefined) {
    return { kind: "drop", rungs: mapRungs(dropsBy, (share) => share), withinMs: within, onlyBelow };
  }
  const type = isFieldName(field) ? fieldInfo(field).type : "text";
  return { kind: "is", rungs: mapRungs(is ?? {}, (flags) => flags.map((flag) => asFlag(flag, type))) };
}

/** Leaves out the rungs that are not there, as the types of core ask for. */
function mapRungs<T, U>(rungs: Rungs<T>, map: (value: T) => U): Partial<Record<Severity, U>> {
  const found: Partial<Record<Severity, U>> = {};
  for (const severity of SEVERITIES) {
    const value = rungs[severity];
    if (value !== undefined) found[severity] = map(value);
  }
  return found;
}
