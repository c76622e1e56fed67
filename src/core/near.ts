// Is a position near a rung? Then it is worth looking at more often. The one thing to know: near is meant in the field's own unit, so a
// level of 1.64 is near a rung at 1.50, and a distance of 10.9 % near one at 10 %.
import type { Observation } from "./observe.ts";
import type { Bars } from "./ports.ts";
import type { Rule } from "./rules/compile.ts";
import { type FieldName, fieldInfo } from "./rules/fields.ts";
import { thresholdAt, tidy } from "./rules/threshold.ts";

/** Within this share of a rung's own value, percent. */
const NEAR_PCT = 10;

/** Past a rung of a rule on level or distance, or within 10 % of one. Never without debt: then no level is danger. */
export function isNearRung(observation: Observation, rules: readonly Rule[], bars: Bars): boolean {
  if (observation.class !== "OK" || !observation.hasDebt) return false;
  return rules.some((rule) => {
    const { ladder, field } = rule;
    if ((ladder.kind !== "below" && ladder.kind !== "above") || !isWay(field) || !rule.covers(observation))
      return false;
    const value = observation.values[field];
    if (typeof value !== "number") return false;
    return Object.values(ladder.rungs).some((rung) => {
      const at = thresholdAt(rung, bars);
      const marginal = (Math.abs(at) * NEAR_PCT) / 100;
      return ladder.kind === "below" ? value < tidy(at + marginal) : value > tidy(at - marginal);
    });
  });
}

/** A margin level, or the way to liquidation: what prices move. */
const isWay = (field: FieldName): boolean => fieldInfo(field).isLevel === true || field === "liquidationDistancePct";
