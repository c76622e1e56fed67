// What a rule is once the config has been read: a field and a ladder of rungs.
import type { BarName, Severity } from "../ports.ts";

export type RuleSubject = "cross" | "isolated";

/** A number of the field's own unit, or a bar of the account, optionally raised by a share of itself ("marginCallBar + 5%"). */
export type Threshold =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "bar"; readonly bar: BarName; readonly plusPct: number };

/** A value that a flag or a status may have. */
export type Flag = boolean | string;

/** Exactly one ladder a rule. `below` and `above` are strict: a value equal to the threshold does not breach it. */
export type Ladder =
  | { readonly kind: "below" | "above"; readonly rungs: Readonly<Partial<Record<Severity, Threshold>>> }
  | { readonly kind: "is"; readonly rungs: Readonly<Partial<Record<Severity, readonly Flag[]>>> }
  /** How fast the field falls: by this share of its highest value within the time, percent. Reaching it is a breach. */
  | {
      readonly kind: "drop";
      readonly rungs: Readonly<Partial<Record<Severity, number>>>;
      readonly withinMs: number;
      /** Counts only while the value lies below this; undefined: always. */
      readonly onlyBelow: Threshold | undefined;
    };

export interface RuleConfig {
  /** The key in the config: part of the alert's identity. */
  readonly id: string;
  readonly on: RuleSubject;
  readonly field: string;
  /** Isolated pairs that it covers. */
  readonly symbols: "all" | readonly string[];
  readonly ladder: Ladder;
  /** Where the amounts in messages lead back to; undefined, or nearer than that: where the mildest rung is left. */
  readonly target?: Threshold | undefined;
  /** To leave a rung the value must pass its threshold by this share of it, 0–100. */
  readonly hysteresisPct: number;
  /** The condition must hold this long before the alert opens. */
  readonly forMs: number;
  /** And must be gone this long before a rung is left. */
  readonly clearAfterMs: number;
}

/** One line of `routes`: the first whose match holds decides. An empty list of notifiers drops on purpose. */
export interface Route {
  readonly match: {
    readonly severity?: readonly Severity[];
    readonly account?: readonly string[];
    readonly rule?: readonly string[];
    readonly symbol?: readonly string[];
  };
  readonly notify: readonly string[];
  /** Undefined: the default of the severity. */
  readonly repeatEveryMs: number | undefined;
}

/** Rule ids that margind uses itself; a user's rule may not take them. */
export const OWN_RULES = [
  "blind",
  "config",
  "position-gone",
  "undelivered",
  "flow-liquidation",
  "flow-unknown-type",
  "forced-liquidation",
  "liquidation-loan",
  "transfer-not-allowed",
  "flag-flip",
  "delist-schedule",
  "restricted-asset",
  "stream-margin-call",
  "stream-retired",
  "exchange-changed",
  "interest-rate",
] as const;
/** Of these, the ones that tell what happened: no alert stays, and none resolves. */
export const TOLD_ONCE = [
  "flow-liquidation",
  "flow-unknown-type",
  "forced-liquidation",
  "transfer-not-allowed",
  "flag-flip",
  "stream-retired",
] as const satisfies readonly OwnRule[];
export type OwnRule = (typeof OWN_RULES)[number];

/** A rule on rows of the history: every row that it matches is told once, and never resolves. */
export interface EventRule {
  /** The key in the config: part of the alert's identity. */
  readonly id: string;
  readonly on: "flow" | "transfer";
  /** Types of rows (BORROW, ROLL_OUT …), or all. */
  readonly types: "all" | readonly string[];
  readonly assets: "all" | readonly string[];
  /** Isolated pairs; all: these and the cross account. */
  readonly symbols: "all" | readonly string[];
  /** Into the account or out of it; undefined: both, and rows of which it is not known. */
  readonly direction: "in" | "out" | undefined;
  /** Only rows of more than this, in units of the asset. */
  readonly amountAbove: number | undefined;
  /** Of transfers: these other ends (SPOT, FUNDING …) never match. An end that the row does not name is not allowed. */
  readonly allow: readonly string[];
  readonly severity: Severity;
}
