// `target:` of a rule: where the amounts in messages lead back to. It must be somewhere to get to, and end the alert.
import { type Bars, SEVERITIES } from "../core/ports.ts";
import { type FieldName, fieldInfo } from "../core/rules/fields.ts";
import { thresholdAt } from "../core/rules/threshold.ts";
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
  if (source.has([...path, "above"])) {
    report.add(targetPath, "amounts lead back from below only", { part: "key" });
    return;
  }
  const { target } = rule;
  if (target === undefined) return;
  const text = wrongNumber(target, isLevel) ?? wrongSide(check, target);
  if (text !== undefined) report.add(targetPath, text);
  else warnOfShortness(check, target);
}

/** At a level of 1 everything would have to be sold, and further than 100 % nothing can fall. */
function wrongNumber(target: Threshold, isLevel: boolean): string | undefined {
  if (target.kind !== "number") return undefined;
  if (isLevel) return target.value > 1 ? undefined : "must lie above 1, where all that is held covers the debt just so";
  return target.value > 0 && target.value < 100 ? undefined : "expected a distance of more than 0 and less than 100";
}

function wrongSide({ rule, path, source }: RuleCheck, target: Threshold): string | undefined {
  const { below } = rule;
  const rung = SEVERITIES.find((each) => isShort(target, below?.[each]));
  if (rung === undefined) return undefined;
  const say = (name: string, threshold: Threshold | undefined, key: readonly string[]) =>
    shown(name, threshold, source.isInterpolated([...path, ...key]));
  const beside = say(rung, below?.[rung], ["below", rung]);
  return `${say("target", target, ["target"])} must lie above ${beside} (the amounts would not end the alert)`;
}

/** Equal is short too: a rung is left only beyond it. */
function isShort(target: Threshold, rung: Threshold | undefined): boolean {
  const order = compare(target, rung);
  return order !== undefined && order <= 0;
}

function warnOfShortness({ rule, path, report }: RuleCheck, target: Threshold): void {
  const { below, hysteresisPct = HYSTERESIS_PCT.below } = rule;
  const leaves = SEVERITIES.flatMap((rung) => {
    const threshold = below?.[rung];
    return threshold === undefined ? [] : [{ rung, leaveAt: leaving(threshold, hysteresisPct) }];
  });
  const within = leaves.find(({ leaveAt }) => (compare(target, leaveAt) ?? 0) < -EQUAL);
  if (within !== undefined) {
    report.warn(
      [...path, "target"],
      `lies within the hysteresis of ${within.rung}: the amounts would not end the alert`,
    );
    return;
  }
  const usual = leaves.find(({ leaveAt }) => thresholdAt(target, BARS_3X) < thresholdAt(leaveAt, BARS_3X) - EQUAL);
  if (usual !== undefined) report.warn([...path, "target"], `${WITH_BARS} ${usual.rung}: ${AND_THEN}`);
}

/** Before the exchange tells its own. Source: FAQ 360030493931. */
const BARS_3X: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
const WITH_BARS = "with the bars of a 3x account (1.5, 1.3 and 1.1) this does not lead out of";
const AND_THEN = "where it does not, the amounts lead to where the alert ends";

/** Products of shares are not exact in binary. */
const EQUAL = 1e-9;

/** Where a rung is left, as core/rules/compile.ts works it out. */
function leaving(rung: Threshold, byPct: number): Threshold {
  if (rung.kind === "number") return { kind: "number", value: rung.value + (Math.abs(rung.value) * byPct) / 100 };
  return { ...rung, plusPct: rung.plusPct + (100 + rung.plusPct) * (byPct / 100) };
}
