// What a rule says of what the exchange showed: worked out anew from the documents, with a hair's breadth of doubt at each threshold.
// Ranks: −1 none, 0 info, 1 warning, 2 critical.
import { SEVERITIES } from "../../../src/core/ports.ts";
import type { RuleConfig } from "../../../src/core/rules/types.ts";
import type { Seen } from "../history.ts";
import { mayTransferOut } from "../truth.ts";
import { rankOf } from "./scene.ts";

export interface Judgement {
  /** The rung that is breached for sure, and the one that may be. */
  readonly sure: number;
  readonly maybe: number;
  /** The rung that is not left for sure, hysteresis included. */
  readonly heldSure: number;
  readonly heldMaybe: number;
}

export const DOUBT = 1e-4;
export const NOTHING: Judgement = { sure: -1, maybe: -1, heldSure: -1, heldMaybe: -1 };
const KNOWN = ["EXCESSIVE", "NORMAL", "MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"];

export const isOfTime = ({ ladder, field }: RuleConfig): boolean =>
  ladder.kind === "drop" || field === "minutesToLiquidation";

export const covers = (rule: RuleConfig, subject: string): boolean =>
  rule.on === "cross" ? subject === "cross" : subject.startsWith("isolated ");

/** What only time tells of one answer: what rules on speed, and on the time that is left, say of it. By rule. */
export type OfTime = ReadonlyMap<string, Judgement>;

/** Without `ofTime` nothing has moved for hours. */
export function judge(rule: RuleConfig, seen: Seen, ofTime?: OfTime): Judgement {
  if (!seen.hasDebt) return NOTHING;
  const { ladder } = rule;
  if (isOfTime(rule)) return ofTime?.get(rule.id) ?? atRest(rule, seen);
  if (ladder.kind === "is") {
    const value = rule.field === "transferOutEnabled" ? mayTransferOut(seen.value) : seen.status;
    const isUnknown = typeof value === "string" && !KNOWN.includes(value);
    const hit = SEVERITIES.filter((severity) => {
      const values = ladder.rungs[severity];
      return values !== undefined && (isUnknown || values.includes(value));
    });
    const rank = rankOf(hit.at(-1));
    return { sure: rank, maybe: rank, heldSure: rank, heldMaybe: rank };
  }
  if (ladder.kind === "drop") return NOTHING;
  const worst = (isBreached: (at: number) => boolean): number =>
    Math.max(
      -1,
      ...SEVERITIES.map((severity) => {
        const threshold = ladder.rungs[severity];
        return threshold?.kind === "number" && isBreached(threshold.value) ? rankOf(severity) : -1;
      }),
    );
  const leave = 1 + rule.hysteresisPct / 100;
  return {
    sure: worst((at) => seen.value < at - DOUBT),
    maybe: worst((at) => seen.value < at + DOUBT),
    heldSure: worst((at) => seen.value < at * leave - DOUBT),
    heldMaybe: worst((at) => seen.value < at * leave + DOUBT),
  };
}

/** Nothing falls. Above the floor that is known, below it only with many looks: else an alert stays as it was. */
function atRest({ ladder }: RuleConfig, { value }: Seen): Judgement {
  return ladder.kind === "drop" ? NOTHING : left(value);
}

const [BAR, FLOOR] = [1.1, 1.5];
/** What falls is called falling until it is this far above the floor. */
const FLOOR_TIMES = 1.02;

/** What the time that is left must be at this level, by whatever way it got there: nothing at the bar, no matter above the floor. */
export function left(level: number): Judgement {
  if (level > FLOOR * FLOOR_TIMES + DOUBT) return NOTHING;
  const sure = level < BAR - DOUBT ? 2 : -1;
  return { sure, maybe: 2, heldSure: sure, heldMaybe: 2 };
}
