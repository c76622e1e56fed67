// A rule on speed: a field that fell by a share of itself within a time. The one thing to know: both ends of a fall must lie within the
// window. A fall over a time without looks is real, but where its top is older than the window, nobody knows how fast it was.
import type { Observation } from "./observe.ts";
import { symbolOf } from "./observe.ts";
import { SEVERITIES, type Severity, type Subject } from "./ports.ts";
import { FIELDS, type FieldInfo, type FieldName, isFieldName } from "./rules/fields.ts";
import type { RuleSubject } from "./rules/types.ts";

export interface DropConfig {
  /** The key in the config: part of the alert's identity. */
  readonly id: string;
  readonly on: RuleSubject;
  readonly field: string;
  /** Isolated pairs that it covers. */
  readonly symbols: "all" | readonly string[];
  /** By how much it falls, percent of the highest value within the time. */
  readonly dropsByPct: Readonly<Partial<Record<Severity, number>>>;
  readonly withinMs: number;
  /** To leave a rung the fall must be smaller than it by this share of it, 0–100. */
  readonly hysteresisPct: number;
  readonly forMs: number;
  readonly clearAfterMs: number;
}

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

export interface DropVerdict extends Fall {
  /** The worst rung whose share the fall has reached; null when it only lies inside the hysteresis of one. */
  readonly breached: Severity | null;
  readonly held: Severity;
  /** The share of `breached`, else of `held`, percent. */
  readonly thresholdPct: number;
}

export interface DropRule extends DropConfig {
  readonly field: FieldName;
  covers(observation: Observation): boolean;
  coversSubject(subject: Subject): boolean;
  /**
   * Samples oldest first, the last of them from `nowMs`. Undefined: nothing breached and nothing held. Call it for observations of class
   * OK only, like a rule's `evaluate`.
   */
  evaluate(samples: readonly Sample[], nowMs: number, hasDebt: boolean): DropVerdict | undefined;
}

/** Returns undefined for a field that does not exist or is no number; the config loader refuses such a rule before. */
export function compileDrop(config: DropConfig): DropRule | undefined {
  const { field, on } = config;
  if (!isFieldName(field)) return undefined;
  const info: FieldInfo = FIELDS[field];
  if (info.type !== "number") return undefined;
  const symbols = config.symbols === "all" ? undefined : new Set(config.symbols);
  const rungs = rungsOf(config);
  const coversSubject = (subject: Subject): boolean => {
    if (on === "cross") return subject === "cross";
    return subject.startsWith("isolated ") && (symbols === undefined || symbols.has(symbolOf(subject)));
  };
  return {
    ...config,
    field,
    coversSubject,
    covers: ({ subject }) => coversSubject(subject),
    evaluate: (samples, nowMs, hasDebt) => {
      if (info.needsDebt === true && !hasDebt) return undefined;
      const fall = fallOf(samples, config.withinMs, nowMs);
      return fall === undefined ? undefined : verdictOn(fall, rungs);
    },
  };
}

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
  if (latest === undefined || top === undefined || top.value <= 0) return undefined;
  const dropPct = tidy((100 * (top.value - latest.value)) / top.value);
  return { dropPct, from: top.value, fromAtMs: top.atMs, to: latest.value };
}

interface Rung {
  readonly severity: Severity;
  readonly atPct: number;
  /** The fall must be smaller than this to leave the rung. */
  readonly leavePct: number;
}

/** Worst first. */
function rungsOf({ dropsByPct, hysteresisPct }: DropConfig): readonly Rung[] {
  return [...SEVERITIES].reverse().flatMap((severity) => {
    const atPct = dropsByPct[severity];
    return atPct === undefined ? [] : [{ severity, atPct, leavePct: tidy(atPct * (1 - hysteresisPct / 100)) }];
  });
}

function verdictOn(fall: Fall, rungs: readonly Rung[]): DropVerdict | undefined {
  const { dropPct } = fall;
  if (dropPct <= 0) return undefined;
  const breached = rungs.find(({ atPct }) => dropPct >= atPct);
  const held = rungs.find(({ atPct, leavePct }) => dropPct >= Math.min(atPct, leavePct));
  if (held === undefined) return undefined;
  return {
    ...fall,
    breached: breached?.severity ?? null,
    held: held.severity,
    thresholdPct: (breached ?? held).atPct,
  };
}

/** 1.5 to 1.35 is 9.999999999999991 % in binary: without this it would not be a fall of 10 %. */
const tidy = (value: number): number => Math.round(value * 1e10) / 1e10;
