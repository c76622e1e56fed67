// A rule on speed: a field that fell by a share of itself within a time. The one thing to know: both ends of a fall must lie within the
// window. A fall over a time without looks is real, but where its top is older than the window, nobody knows how fast it was.
import type { Observation } from "./observe.ts";
import { type Bars, SEVERITIES, type Severity } from "./ports.ts";
import type { Verdict } from "./rules/compile.ts";
import { type FieldName, fieldInfo } from "./rules/fields.ts";
import { thresholdAt, tidy } from "./rules/threshold.ts";
import type { Ladder } from "./rules/types.ts";

/** One value that was observed. */
export interface Sample {
  /** Wall ms. */
  readonly atMs: number;
  readonly value: number;
}

/** From the highest value within the window to the latest. */
export interface Fall {
  /** Percent of the highest; 0 where the latest is the highest. */
  readonly dropPct: number;
  readonly from: number;
  readonly fromAtMs: number;
  readonly to: number;
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

/**
 * The fall that ends with the latest sample of the window. Undefined where it is not known as a share: nothing was observed in the
 * window, or the highest value is not above zero.
 */
export function fallOf(samples: readonly Sample[], withinMs: number, nowMs: number): Fall | undefined {
  let [latest, top]: [Sample | undefined, Sample | undefined] = [undefined, undefined];
  for (let i = samples.length - 1; i >= 0; i--) {
    const sample = samples[i];
    if (sample === undefined || sample.atMs > nowMs || !Number.isFinite(sample.value)) continue;
    if (sample.atMs < nowMs - withinMs) break;
    latest ??= sample;
    // Of two equal tops the later one: that is where the fall began.
    if (top === undefined || sample.value > top.value) top = sample;
  }
  return latest === undefined || top === undefined ? undefined : fallFrom(top.value, top.atMs, latest.value);
}

/** From a top to a value. Undefined where the top is not above zero. */
export function fallFrom(top: number, topAtMs: number, to: number): Fall | undefined {
  return top > 0 ? { dropPct: tidy((100 * (top - to)) / top), from: top, fromAtMs: topAtMs, to } : undefined;
}

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
