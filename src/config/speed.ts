// What rules on time must be beyond their ladder: dropsBy and within belong together and fit the polls, and minutesToLiquidation has an end.
import { SEVERITIES } from "../core/ports.ts";
import { durationText } from "../lib/duration.ts";
import { longestGapMs } from "./cron.ts";
import type { RuleDraft } from "./events.ts";
import type { RuleCheck } from "./ladder.ts";
import type { Check } from "./report.ts";
import { HYSTERESIS_PCT } from "./rule-keys.ts";
import { blocksAt, type Path } from "./source.ts";

export function checkSpeed({ path, source, report }: Omit<RuleCheck, "rule">): void {
  const has = (key: string) => source.has([...path, key]);
  if (has("dropsBy")) {
    if (!has("within")) report.add([...path, "within"], "missing, dropsBy needs a time such as 15m: from 1m to 24h");
    return;
  }
  for (const key of ["within", "onlyBelow"]) {
    if (has(key)) report.add([...path, key], "belongs to rules with dropsBy", { part: "key" });
  }
}

/** A fall counts until its top is older than `within`, and one that stops counts no longer. */
export function checkFor({ rule, path, source, report }: RuleCheck): void {
  const { within, for: forMs } = rule;
  if (within === undefined || forMs === undefined || forMs < within || !source.has([...path, "dropsBy"])) return;
  report.add([...path, "for"], "must be shorter than within: a fall that stops is older than that before it is told");
}

/** core/trend.ts looks no further, and calls everything beyond it just so. */
const HORIZON_MIN = 1_440;

/** Minutes that no estimate can come to, or from which none can come back. */
export function checkMinutes({ rule, path, report }: RuleCheck): void {
  const { below, hysteresisPct = HYSTERESIS_PCT.below } = rule;
  for (const rung of SEVERITIES) {
    const threshold = below?.[rung];
    if (threshold?.kind !== "number") continue;
    const isEndless = threshold.value * (1 + hysteresisPct / 100) > HORIZON_MIN;
    if (threshold.value <= 0) report.add([...path, "below", rung], "must be more than 0");
    if (isEndless) report.add([...path, "below", rung], ENDLESS);
  }
}

const ENDLESS = `with its hysteresis it is left only beyond ${HORIZON_MIN} minutes (24 h), as far as estimates reach: the alert would never end`;

/** A fall goes on being one until its top is older than the time. */
const SENSIBLE_MS = 6 * 3_600_000;

/** Times that are taken, and are hardly what was meant. */
export function warnOfTime({ draft, source, report, nowMs }: Check, rule: RuleDraft, path: Path): void {
  const { within } = rule;
  const withinPath = [...path, "within"];
  if (rule.field === "minutesToLiquidation") {
    for (const { name, gapMs } of pollGaps({ draft, source, report, nowMs }, rule)) {
      if (gapMs > LOOK_MS)
        report.warn([...path, "field"], `polls of ${name} can be ${durationText(gapMs)} apart, ${UNSEEN}`);
    }
  }
  if (within === undefined || !source.has([...path, "dropsBy"])) return;
  for (const rung of SEVERITIES) {
    const pct = rule.dropsBy?.[rung];
    if (pct !== undefined && pct < 1)
      report.warn([...path, "dropsBy", rung], `is ${pct} %, less than a level moves in a minute; 10% is a tenth`);
  }
  if (within > SENSIBLE_MS) {
    report.warn(
      withinPath,
      "so long a time makes a fall of every slow slide, and is told as long; expected 6h at most",
    );
  }
  for (const { name, gapMs } of pollGaps({ draft, source, report, nowMs }, rule)) {
    if (gapMs <= within) continue;
    const gap = durationText(gapMs);
    report.warn(withinPath, `polls of ${name} can be ${gap} apart, so a fall within this time can pass unseen`);
  }
}

/** An estimate takes no time for watched that is longer than this without a look: MAX_GAP_MS of core/trend.ts. */
const LOOK_MS = 3 * 60_000;
const UNSEEN = "and the time to liquidation is known only with a look every 3m: this never holds";

/** The longest time between two polls of each account that the rule covers. */
function pollGaps({ draft, source, report, nowMs }: Check, { on }: RuleDraft) {
  return blocksAt(source, "accounts", draft.accounts).flatMap(([name, account]) => {
    const isRead = on === "cross" ? account.cross !== false : account.isolated !== "none";
    if (!isRead || account.poll === undefined || report.isWrong(["accounts", name, "poll"])) return [];
    return [{ name, gapMs: longestGapMs(account.poll, nowMs) }];
  });
}
