// A rule's config becomes closures: evaluate(observation) → verdict or nothing. Nothing is the common case and allocates nothing.
import { type Fall, fallEvaluator } from "../drops.ts";
import type { Observation, Values } from "../observe.ts";
import { symbolOf } from "../observe.ts";
import { type Bars, SEVERITIES, type Severity, type Subject } from "../ports.ts";
import { FIELDS, type FieldInfo, type FieldName, isFieldName, LEVEL_STATUSES } from "./fields.ts";
import { thresholdAt, tidy } from "./threshold.ts";
import type { Flag, Ladder, RuleConfig } from "./types.ts";

/** What a rule says of one observation. Never made when nothing is breached or held. */
export interface Verdict {
  /** The highest rung that the value breaches; null when it only lies inside the hysteresis of one. */
  readonly breached: Severity | null;
  /** The highest rung that the value has not left by the hysteresis yet. */
  readonly held: Severity;
  readonly value: number | Flag;
  /** The threshold of `breached`, else of `held`; for numbers only. */
  readonly threshold: number | undefined;
  /** Of a rule on speed: then `value` is the fall in percent. */
  readonly fall?: Fall;
  /** The status is not one of the documented: counted as the worst rung. */
  readonly isUnknownStatus: boolean;
}

export interface Rule extends Omit<RuleConfig, "target"> {
  readonly field: FieldName;
  covers(observation: Observation): boolean;
  coversSubject(subject: Subject): boolean;
  /** Pure. `undefined`: nothing breached and nothing held. Call it for observations of class OK only. */
  evaluate(observation: Observation, bars: Bars): Verdict | undefined;
  /** Rungs that these bars put out of order, for a config alert; undefined when the ladder is right. */
  disorder(bars: Bars): readonly [Severity, Severity] | undefined;
  /**
   * The level or distance to get back to, as a number: where every rung is left, hysteresis included, or the rule's own where that is
   * further on the good side. A target of its own that is nearer is not taken, for the alert would go on there. Undefined for flags and
   * statuses, and for rules on speed that name none; where these end no level tells.
   */
  target(bars: Bars): number | undefined;
}

/** One step of a ladder with its numbers worked out, worst first. */
interface Rung {
  readonly severity: Severity;
  readonly at: number;
  /** The value must pass this to leave the rung. */
  readonly leaveAt: number;
}

/** A ladder with its numbers worked out. */
interface Steps {
  readonly rungs: readonly Rung[];
  /** A value from here on the good side has left every rung. */
  readonly clearAt: number;
}

const WORST_FIRST = [...SEVERITIES].reverse();

/** Compiles a rule. Returns undefined for a field that does not exist; the config loader refuses such a rule before. */
export function compile(config: RuleConfig): Rule | undefined {
  const { field, ladder } = config;
  if (!isFieldName(field)) return undefined;
  const symbols = config.symbols === "all" ? undefined : new Set(config.symbols);
  const kind = config.on;
  const coversSubject = (subject: Subject): boolean => {
    if (kind === "cross") return subject === "cross";
    return subject.startsWith("isolated ") && (symbols === undefined || symbols.has(symbolOf(subject)));
  };
  // Asked for every observation by every rule. An observation is of cross or of a pair, so one comparison tells which.
  const covers = ({ subject }: Observation): boolean =>
    (kind === "cross") === (subject === "cross") && (symbols === undefined || coversSubject(subject));
  const base = { ...config, field, covers, coversSubject };
  if (ladder.kind === "is") {
    return {
      ...base,
      evaluate: flagEvaluator(field, ladder.rungs),
      disorder: () => undefined,
      target: () => undefined,
    };
  }
  const aim = config.target;
  if (ladder.kind === "drop") {
    if (FIELDS[field].type !== "number") return undefined; // nothing else has a share to fall by
    return {
      ...base,
      evaluate: fallEvaluator(config.id, field, ladder, config.hysteresisPct),
      disorder: () => undefined,
      target: (bars) => (aim === undefined ? undefined : thresholdAt(aim, bars)),
    };
  }
  const stepsFor = memoize((bars: Bars) => stepsOf(ladder, config.hysteresisPct, bars));
  return {
    ...base,
    evaluate: numberEvaluator(field, ladder.kind, stepsFor),
    disorder: (bars) => disorder(ladder.kind, stepsFor(bars).rungs),
    target: (bars) => {
      const { clearAt } = stepsFor(bars);
      if (aim === undefined) return clearAt;
      return ladder.kind === "below"
        ? Math.max(clearAt, thresholdAt(aim, bars))
        : Math.min(clearAt, thresholdAt(aim, bars));
    },
  };
}

function numberEvaluator(field: FieldName, kind: "below" | "above", stepsFor: (bars: Bars) => Steps) {
  const info: FieldInfo = FIELDS[field];
  const needsDebt = kind === "below" && info.needsDebt === true;
  return ({ values, hasDebt }: Observation, bars: Bars): Verdict | undefined => {
    if (needsDebt && !hasDebt) return undefined;
    const value = numberIn(values, field);
    if (value === undefined) return undefined;
    const { rungs, clearAt } = stepsFor(bars);
    if (kind === "below" ? value >= clearAt : value <= clearAt) return undefined; // the common case
    let breached: Rung | undefined;
    let held: Rung | undefined;
    for (const rung of rungs) {
      if (held === undefined && (kind === "below" ? value < rung.leaveAt : value > rung.leaveAt)) held = rung;
      if (kind === "below" ? value < rung.at : value > rung.at) {
        breached = rung;
        break;
      }
    }
    if (held === undefined) return undefined;
    const threshold = (breached ?? held).at;
    return { breached: breached?.severity ?? null, held: held.severity, value, threshold, isUnknownStatus: false };
  };
}

function flagEvaluator(field: FieldName, rungs: Readonly<Partial<Record<Severity, readonly Flag[]>>>) {
  const isStatus = FIELDS[field].type === "status";
  const known: ReadonlySet<Flag> = new Set(LEVEL_STATUSES);
  const severities = new Map(
    SEVERITIES.flatMap((severity) => rungs[severity]?.map((flag) => [flag, severity] as const) ?? []),
  );
  const worst = WORST_FIRST.find((severity) => rungs[severity] !== undefined);
  return ({ values, hasDebt }: Observation): Verdict | undefined => {
    const value = values[field];
    if (value === undefined || typeof value === "number") return undefined;
    const isUnknownStatus = isStatus && hasDebt && !known.has(value);
    const severity = isUnknownStatus ? worst : severities.get(value);
    if (severity === undefined) return undefined;
    return { breached: severity, held: severity, value, threshold: undefined, isUnknownStatus };
  };
}

function stepsOf(ladder: Extract<Ladder, { kind: "below" | "above" }>, hysteresisPct: number, bars: Bars): Steps {
  const direction = ladder.kind === "below" ? 1 : -1;
  const rungs = WORST_FIRST.flatMap((severity) => {
    const threshold = ladder.rungs[severity];
    if (threshold === undefined) return [];
    const at = thresholdAt(threshold, bars);
    return [{ severity, at, leaveAt: tidy(at + (direction * Math.abs(at) * hysteresisPct) / 100) }];
  });
  const leaves = rungs.map(({ leaveAt }) => leaveAt);
  return { rungs, clearAt: direction * Math.max(...leaves.map((leaveAt) => direction * leaveAt)) };
}

// Rungs come worst first, so below must rise along the list and above must fall.
function disorder(kind: "below" | "above", ladder: readonly Rung[]): readonly [Severity, Severity] | undefined {
  for (let i = 1; i < ladder.length; i++) {
    const [worse, milder] = [ladder[i - 1], ladder[i]];
    if (worse === undefined || milder === undefined) continue;
    if (kind === "below" ? milder.at <= worse.at : milder.at >= worse.at) return [milder.severity, worse.severity];
  }
  return undefined;
}

function numberIn(values: Values, field: FieldName): number | undefined {
  const value = values[field];
  return typeof value === "number" ? value : undefined;
}

// The bars object stays the same for an hour, so one remembered result is enough.
function memoize<A extends object, B>(make: (key: A) => B): (key: A) => B {
  let lastKey: A | undefined;
  let last: B;
  return (key) => {
    if (key !== lastKey) {
      last = make(key);
      lastKey = key;
    }
    return last;
  };
}
