// A rule on speed: a field that fell by a share of itself within a time. The one thing to know: both ends of a fall must lie within the
// window. A fall over a time without looks is real, but where its top is older than the window, nobody knows how fast it was.
import type { Observation } from "./observe.ts";
import { type Bars, SEVERITIES, type Severity } from "./ports.ts";
import type { Verdict } from "./rules/compile.ts";
import { type FieldName, fieldInfo } from "./rules/fields.ts";
import { thresholdAt, tidy } from "./rules/threshold.ts";
import type { Ladder } from "./rules/types.ts";

/** From the highest value within the window to the latest. */
export interface Fall {
  /** Percent of the highest; 0 where the latest is the highest. */
  readonly dropPct: number;
  readonly from: number;
  readonly fromAtMs: number;
  readonly to: number;
  /**
   * By how much it may have fallen: `dropPct` where all of the window was watched, more where what was before a time without looks was higher,
   * Infinity where that is not known.
   */
  readonly mostPct: number;
}

/** A rule's verdict from `observation.falls`. Nothing is known of falls there: undefined. */
export function fallEvaluator(
  id: string,
  field: FieldName,
  ladder: Extract<Ladder, { kind: "drop" }>,
  hysteresisPct: number,
): (observation: Observation, bars: Bars) => Verdict | undefined {
  const needsDebt = fieldInfo(field).needsDebt === true;
  const rungs = rungsOf(ladder.rungs, hysteresisPct);
  const { onlyBelow } = ladder;
  return ({ falls, hasDebt }, bars) => {
    const fall = falls?.get(id);
    if (fall === undefined || (needsDebt && !hasDebt)) return undefined;
    const edge = onlyBelow === undefined ? Number.POSITIVE_INFINITY : thresholdAt(onlyBelow, bars);
    if (fall.to >= edge * EDGE_RATIO) return undefined;
    const verdict = verdictOn(fall, rungs);
    return verdict === undefined || fall.to < edge ? verdict : { ...verdict, breached: null };
  };
}

/** Above `onlyBelow` nothing opens, and what is open stays so until the value is 2 % above it: else it would flap at that edge. */
const EDGE_RATIO = 1.02;

/** From a top to a value. Undefined where the top is not above zero. `before`: see `mostPct`; undefined: nothing is in doubt. */
export function fallFrom(top: number, topAtMs: number, to: number, before?: number): Fall | undefined {
  if (top <= 0) return undefined;
  const dropPct = tidy((100 * (top - to)) / top);
  const mostPct = before === undefined || before <= top ? dropPct : fallPct(before, to);
  return { dropPct, from: top, fromAtMs: topAtMs, to, mostPct };
}

const fallPct = (from: number, to: number): number =>
  from === Number.POSITIVE_INFINITY ? from : tidy((100 * (from - to)) / from);

interface Rung {
  readonly severity: Severity;
  readonly atPct: number;
  /** The fall must be smaller than this to leave the rung. */
  readonly leavePct: number;
}

/** Worst first. */
function rungsOf(dropsByPct: Readonly<Partial<Record<Severity, number>>>, hysteresisPct: number): readonly Rung[] {
  return [...SEVERITIES].reverse().flatMap((severity) => {
    const atPct = dropsByPct[severity];
    return atPct === undefined ? [] : [{ severity, atPct, leavePct: tidy(atPct * (1 - hysteresisPct / 100)) }];
  });
}

function verdictOn(fall: Fall, rungs: readonly Rung[]): Verdict | undefined {
  const { dropPct } = fall;
  if (dropPct <= 0) return undefined;
  const breached = rungs.find(({ atPct }) => dropPct >= atPct);
  const held = rungs.find(({ atPct, leavePct }) => dropPct >= Math.min(atPct, leavePct));
  if (held === undefined) return undefined;
  return {
    breached: breached?.severity ?? null,
    held: held.severity,
    value: dropPct,
    threshold: (breached ?? held).atPct,
    fall,
    isUnknownStatus: false,
  };
}
