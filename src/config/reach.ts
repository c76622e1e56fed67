// Rungs that are well formed and that no account ever comes to, or comes back from. The one thing to know: such a rule looks like a watch
// and is none, or it fires for ever; so it is refused, with the reason.
import { SEVERITIES, type Severity } from "../core/ports.ts";
import { type FieldName, fieldInfo } from "../core/rules/fields.ts";
import type { RuleCheck } from "./ladder.ts";
import { HYSTERESIS_PCT } from "./rule-keys.ts";

export function checkReach(check: RuleCheck, field: FieldName): void {
  if (fieldInfo(field).isLevel === true) checkLevels(check);
  if (field === "liquidationDistancePct") checkDistances(check);
  checkOnlyBelow(check, field);
}

const LEVEL_FALL_MAX_PCT = 99;
const ALL_OF_IT = `a level is liquidated long before it has fallen by so much, expected at most ${LEVEL_FALL_MAX_PCT}%`;
const NO_LEVEL_BELOW = "must be more than 0: no level is lower, so this never holds";
const TOO_LATE = "liquidation comes before, at a level above 1: nobody would be warned of it";

function checkLevels({ rule, path, report }: RuleCheck): void {
  for (const rung of SEVERITIES) {
    const at = numberIn(rule.below, rung);
    const rungPath = [...path, "below", rung];
    if (at !== undefined && at <= 0) report.add(rungPath, NO_LEVEL_BELOW);
    else if (at !== undefined && at <= 1) report.warn(rungPath, TOO_LATE);
    const fallPct = rule.dropsBy?.[rung];
    if (fallPct !== undefined && fallPct > LEVEL_FALL_MAX_PCT) report.add([...path, "dropsBy", rung], ALL_OF_IT);
  }
}

/** Percent. A fall takes no more than all; only a pair that is short has a rise before it, which may be longer. */
const FURTHEST_PCT = 100;
const TOO_FAR =
  "with its hysteresis it is left only at 100 % or beyond, and nothing is so far away: the alert would not end";
const FURTHEST = "nothing is further than 100 % from its liquidation, so this never holds: expected less than 100";

function checkDistances({ rule, path, report }: RuleCheck): void {
  const { below, above, on, hysteresisPct = HYSTERESIS_PCT.below } = rule;
  for (const rung of SEVERITIES) {
    const [under, over] = [numberIn(below, rung), numberIn(above, rung)];
    const isEndless = under !== undefined && under * (1 + hysteresisPct / 100) >= FURTHEST_PCT;
    if (isEndless) report.add([...path, "below", rung], TOO_FAR);
    if (on === "cross" && over !== undefined && over >= FURTHEST_PCT) report.add([...path, "above", rung], FURTHEST);
  }
}

/** Only what is owned, less what is owed, can be less than nothing. */
function checkOnlyBelow({ rule, path, report }: RuleCheck, field: FieldName): void {
  const { onlyBelow } = rule;
  if (onlyBelow?.kind !== "number" || onlyBelow.value > 0 || field === "totalNetAssetOfBtc") return;
  report.add([...path, "onlyBelow"], "must be more than 0, or no fall ever counts");
}

function numberIn(rungs: RuleCheck["rule"]["below"], rung: Severity): number | undefined {
  const threshold = rungs?.[rung];
  return threshold?.kind === "number" ? threshold.value : undefined;
}
