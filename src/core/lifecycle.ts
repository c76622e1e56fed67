// One alert's life: quiet → pending → firing → quiet. Pure: time comes in with the reading, outcomes are values.
// The one thing to know: only observed time counts. A gap between two readings that is longer than maxGapMs (data lost, daemon
// down, clock stepped) adds nothing to `for` or `clearAfter`, so blindness can neither open nor resolve an alert.
import { SEVERITIES, type Severity, type TransitionKind } from "./ports.ts";
import type { Flag } from "./rules/types.ts";

/** What one valid observation says about one alert. */
export interface Reading {
  readonly atMs: number;
  /** Highest rung breached. */
  readonly breached: Severity | null;
  /** Highest rung not left yet, hysteresis included: at least `breached`. */
  readonly held: Severity | null;
  readonly value: number | Flag | undefined;
}

export interface Policy {
  readonly forMs: number;
  readonly clearAfterMs: number;
  /** Time between reminders while nothing changes. */
  readonly repeatEveryMs: number;
  /** The longest gap between two readings that still counts as observed. */
  readonly maxGapMs: number;
  /** Which end of the scale is worse; undefined for flags, which have no worst value. */
  readonly worse: "lower" | "higher" | undefined;
}

/** The conversation in which a notifier was told of an incident. */
export interface Thread {
  /** Id of the notification that opened it. */
  readonly root: string;
  /** The e-mail subject of the conversation. */
  readonly subject: string;
  /** How many incidents began in its first message. */
  readonly size: number;
}

export interface Pending {
  readonly phase: "pending";
  readonly sinceMs: number;
  /** Part of the time since then that was observed. */
  readonly observedMs: number;
  readonly lastAtMs: number;
}

export interface Firing {
  readonly phase: "firing";
  /** Short id of the incident: part of every reference that people see ("A1B2"). */
  readonly incident: string;
  /** Number of the last transition, 1 = opened. */
  readonly seq: number;
  readonly severity: Severity;
  /** When the condition began. */
  readonly openedAtMs: number;
  /** When the present severity began, and the one before it. */
  readonly sinceMs: number;
  readonly previous: { readonly severity: Severity; readonly sinceMs: number } | null;
  readonly peak: Severity;
  readonly value: number | Flag | null;
  readonly worst: { readonly value: number; readonly atMs: number } | null;
  /** On the way out of the present rung: the highest rung held meanwhile, and the time observed. */
  readonly clearing: { readonly to: Severity | null; readonly observedMs: number } | null;
  readonly lastAtMs: number;
  /** When people were last told of it. */
  readonly toldAtMs: number;
  /** Every notifier that was told of this incident, so that each of them hears its end. */
  readonly threads: Readonly<Record<string, Thread>>;
  /** Notifications that told of it. */
  readonly messages: number;
}

/** A quiet alert has no state. */
export type AlertState = Pending | Firing;

export interface Transition {
  readonly kind: TransitionKind;
  /** Severity now; for resolved and ended: the last one. */
  readonly severity: Severity;
  readonly from: Severity | null;
  readonly atMs: number;
  /** The incident as it stands after the transition (for resolved and ended: as it stood at its end). */
  readonly state: Firing;
}

export interface Step {
  readonly state: AlertState | undefined;
  readonly transition: Transition | undefined;
}

/** How bad, as a number: −1 for none, then the place on the ladder. */
export function rank(severity: Severity | null): number {
  return severity === null ? -1 : SEVERITIES.indexOf(severity);
}

/** @param identity text that is unique to the alert; with the time of opening it makes the incident's short id. */
export function step(state: AlertState | undefined, reading: Reading, policy: Policy, identity: string): Step {
  if (state === undefined)
    return hold(
      { phase: "pending", sinceMs: reading.atMs, observedMs: 0, lastAtMs: reading.atMs },
      reading,
      policy,
      identity,
    );
  if (state.phase === "pending") {
    const observedMs = state.observedMs + observedSince(state.lastAtMs, reading.atMs, policy);
    return hold({ ...state, observedMs, lastAtMs: reading.atMs }, reading, policy, identity);
  }
  return fire(state, reading, policy);
}

/** Ends an alert whose rule is gone from the config: said as such, never as resolved. */
export function end(state: AlertState, atMs: number): Step {
  if (state.phase === "pending") return { state: undefined, transition: undefined };
  const last = { ...state, seq: state.seq + 1 };
  return {
    state: undefined,
    transition: { kind: "ended", severity: state.severity, from: state.severity, atMs, state: last },
  };
}

function hold(pending: Pending, reading: Reading, policy: Policy, identity: string): Step {
  const { breached, atMs, value } = reading;
  if (breached === null) return { state: undefined, transition: undefined };
  if (pending.observedMs < policy.forMs) return { state: pending, transition: undefined };
  const opened: Firing = {
    phase: "firing",
    incident: shortId(`${identity}|${pending.sinceMs}`),
    seq: 1,
    severity: breached,
    openedAtMs: pending.sinceMs,
    sinceMs: pending.sinceMs,
    previous: null,
    peak: breached,
    value: value ?? null,
    worst: typeof value === "number" && policy.worse !== undefined ? { value, atMs } : null,
    clearing: null,
    lastAtMs: atMs,
    toldAtMs: atMs,
    threads: {},
    messages: 0,
  };
  return told(opened, "opened", null, atMs);
}

function fire(before: Firing, reading: Reading, policy: Policy): Step {
  const { breached, held, atMs } = reading;
  const observedMs = observedSince(before.lastAtMs, atMs, policy);
  const now: Firing = {
    ...before,
    lastAtMs: atMs,
    value: reading.value ?? null,
    worst: worstOf(before.worst, reading, policy.worse),
  };
  if (rank(breached) > rank(now.severity))
    return move({ ...now, clearing: null }, "raised", breached ?? now.severity, atMs);
  if (rank(held) >= rank(now.severity)) return remind({ ...now, clearing: null }, policy, atMs);

  // Off the rung. The way down leads to the highest rung seen since it was left, and counts only observed time.
  const to = rank(held) > rank(before.clearing?.to ?? null) ? held : (before.clearing?.to ?? null);
  const clearing = { to, observedMs: before.clearing === null ? 0 : before.clearing.observedMs + observedMs };
  // No reminders meanwhile: "still" would be wrong of a value that is off the rung.
  if (clearing.observedMs < policy.clearAfterMs) return { state: { ...now, clearing }, transition: undefined };
  if (to !== null) return move({ ...now, clearing: null }, "lowered", to, atMs);
  const last = { ...now, seq: now.seq + 1, clearing: null };
  return {
    state: undefined,
    transition: { kind: "resolved", severity: now.severity, from: now.severity, atMs, state: last },
  };
}

function move(state: Firing, kind: "raised" | "lowered", severity: Severity, atMs: number): Step {
  const previous = { severity: state.severity, sinceMs: state.sinceMs };
  const peak = rank(severity) > rank(state.peak) ? severity : state.peak;
  const moved = { ...state, seq: state.seq + 1, severity, sinceMs: atMs, previous, peak, toldAtMs: atMs };
  return told(moved, kind, state.severity, atMs);
}

// toldAtMs in the future is a clock that stepped back: it must not silence the reminders.
function remind(state: Firing, policy: Policy, atMs: number): Step {
  const sinceToldMs = atMs - state.toldAtMs;
  if (sinceToldMs >= 0 && sinceToldMs < policy.repeatEveryMs) return { state, transition: undefined };
  if (sinceToldMs < 0) return { state: { ...state, toldAtMs: atMs }, transition: undefined };
  return told({ ...state, seq: state.seq + 1, toldAtMs: atMs }, "reminded", state.severity, atMs);
}

function told(state: Firing, kind: TransitionKind, from: Severity | null, atMs: number): Step {
  return { state, transition: { kind, severity: state.severity, from, atMs, state } };
}

function observedSince(lastAtMs: number, atMs: number, policy: Policy): number {
  const gapMs = atMs - lastAtMs;
  return gapMs >= 0 && gapMs <= policy.maxGapMs ? gapMs : 0;
}

function worstOf(worst: Firing["worst"], { value, atMs }: Reading, worse: Policy["worse"]): Firing["worst"] {
  if (typeof value !== "number" || worse === undefined) return worst;
  if (worst === null || (worse === "lower" ? value < worst.value : value > worst.value)) return { value, atMs };
  return worst;
}

// FNV-1a, 32 bit (http://www.isthe.com/chongo/tech/comp/fnv/), shown as four characters without look-alikes. It names an
// incident among those that people talk about on one day; identity in the store is the alert and its time of opening.
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function shortId(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  const mixed = (hash ^ (hash >>> 15)) >>> 0;
  return [0, 5, 10, 15].map((shift) => LETTERS[(mixed >>> shift) & 31]).join("");
}
