// `target:` of a rule: where the amounts in messages lead back to. It must be somewhere to get to, and end the alert.
import { SEVERITIES } from "../core/ports.ts";
import { type FieldName, fieldInfo } from "../core/rules/fields.ts";
import type { Threshold } from "../core/rules/types.ts";
import type { RuleCheck } from "./ladder.ts";
import { compare, shown } from "./order.ts";
import { HYSTERESIS_PCT } from "./rule-keys.ts";

export function checkTarget(check: RuleCheck, field: FieldName): void {
  const { rule, path, source, report } = check;
  const targetPath = [...path, "target"];
  if (!source.has(targetPath)) return;
  const isLevel = fieldInfo(field).isLevel === true;
  if (!isLevel && field !== "liquidationDistancePct") {
    const text = `amounts lead back to a level or a distance, and ${field} is neither`;
    report.add(targetPath, text, { part: "key" });
    return;
  }
  const { target } = rule;
  if (target === undefined) return;
  const text = wrongNumber(target, isLevel) ?? wrongSide(check, target);
  if (text !== undefined) report.add(targetPath, text);
  else warnOfHysteresis(check, target);
}

/** At a level of 1 everything would have to be sold, and further than 100 % nothing can fall. */
function wrongNumber(target: Threshold, isLevel: boolean): string | undefined {
  if (target.kind !== "number") return undefined;
  if (isLevel) return target.value > 1 ? undefined : "must lie above 1, where all that is held covers the debt just so";
  return target.value > 0 && target.value < 100 ? undefined : "expected a distance of more than 0 and less than 100";
}

function wrongSide({ rule, path, source }: RuleCheck, target: Threshold): string | undefined {
  for (const kind of ["below", "above"] as const) {
    const rung = SEVERITIES.find((each) => isShort(kind, target, rule[kind]?.[each]));
    if (rung === undefined) continue;
    const say = (name: string, threshold: Threshold | undefined, key: readonly string[]) =>
      shown(name, threshold, source.isInterpolated([...path, ...key]));
    const side = kind === "below" ? "above" : "below";
    const beside = say(rung, rule[kind]?.[rung], [kind, rung]);
    return `${say("target", target, ["target"])} must lie ${side} ${beside} (the amounts would not end the alert)`;
  }
  return undefined;
}

/** Equal is short too: a rung is left only beyond it. */
function isShort(kind: "below" | "above", target: Threshold, rung: Threshold | undefined): boolean {
  const order = compare(target, rung);
  return order !== undefined && (kind === "below" ? order <= 0 : order >= 0);
}

function warnOfHysteresis({ rule, path, report }: RuleCheck, target: Threshold): void {
  for (const kind of ["below", "above"] as const) {
    const { hysteresisPct = HYSTERESIS_PCT[kind] } = rule;
    const rung = SEVERITIES.find((each) => isWithin(kind, target, rule[kind]?.[each], hysteresisPct));
    if (rung === undefined) continue;
    report.warn([...path, "target"], `lies within the hysteresis of ${rung}: the amounts would not end the alert`);
  }
}

/** Is the rung not left there yet? Exactly at its end it is. */
function isWithin(
  kind: "below" | "above",
  target: Threshold,
  rung: Threshold | undefined,
  hysteresisPct: number,
): boolean {
  if (rung === undefined) return false;
  const order = compare(target, leaving(rung, kind === "below" ? hysteresisPct : -hysteresisPct));
  return order !== undefined && (kind === "below" ? order < -EQUAL : order > EQUAL);
}

/** Products of shares are not exact in binary. */
const EQUAL = 1e-9;

/** Where a rung is left, as core/rules/compile.ts works it out. */
function leaving(rung: Threshold, byPct: number): Threshold {
  if (rung.kind === "number") return { kind: "number", value: rung.value + (Math.abs(rung.value) * byPct) / 100 };
  return { ...rung, plusPct: rung.plusPct + (100 + rung.plusPct) * (byPct / 100) };
}
