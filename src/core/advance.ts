// Observations meet the states of the alerts: out come changed states and what is to be told. Pure; the caller commits both in
// one transaction and only then makes the changes its own.

import type { Insight, InsightQuery } from "./insight.ts";
import type { AlertState, Transition } from "./lifecycle.ts";
import { end, type Policy, type Reading, rank, step } from "./lifecycle.ts";
import { isOfTime, isQuotient, needsQuotient, type Observation } from "./observe.ts";
import type { AlertId, Bars, Severity, Subject } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { Rule } from "./rules/compile.ts";
import type { FieldName } from "./rules/fields.ts";
import type { Route } from "./rules/types.ts";
import type { ConfigProblem, Facts, Known, Situation } from "./situation.ts";

/** States of all alerts that are not quiet: by `stateKey`, then by rule. */
export type States = ReadonlyMap<string, ReadonlyMap<string, AlertState>>;

export interface AlertChange {
  readonly id: AlertId;
  /** Undefined: quiet again. */
  readonly state: AlertState | undefined;
}

/** What the config says about alerts, compiled. */
export interface Rulebook {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
  /** Names of all notifiers. */
  readonly notifiers: readonly string[];
  /** watchdog.staleAfter: the longest gap between observations that counts as observed. */
  readonly maxGapMs: number;
}

export interface Advance {
  readonly changes: readonly AlertChange[];
  readonly situations: readonly Situation[];
}

export interface Scene {
  readonly states: States;
  readonly book: Rulebook;
  readonly bars: Bars;
  readonly nowMs: number;
  /** What was last known of a subject, for messages about its disappearance. */
  known(account: string, subject: Subject): Known | undefined;
  /** What a message may say beside the observation; asked only for what is told. */
  insight?(query: InsightQuery): Insight;
}

export function stateKey(account: string, subject: Subject): string {
  return `${account}|${subject}`;
}

/** The states after these changes; what did not change is shared. */
export function applied(states: States, changes: readonly AlertChange[]): States {
  if (changes.length === 0) return states;
  const after = new Map(states);
  const copied = new Map<string, Map<string, AlertState>>();
  for (const { id, state } of changes) {
    const key = stateKey(id.account, id.subject);
    const rules = copied.get(key) ?? new Map(states.get(key));
    copied.set(key, rules);
    after.set(key, rules);
    if (state === undefined) rules.delete(id.rule);
    else rules.set(id.rule, state);
  }
  return after;
}

/** One cycle. Observations that are INVALID change nothing. */
export function advance(observations: readonly Observation[], scene: Scene): Advance {
  const changes: AlertChange[] = [];
  const situations: Situation[] = [];
  for (const observation of observations) {
    if (observation.class === "INVALID") continue;
    const states = scene.states.get(stateKey(observation.account, observation.subject));
    for (const outcome of outcomes(observation, states, scene)) {
      changes.push(outcome.change);
      if (outcome.situation !== undefined) situations.push(outcome.situation);
    }
  }
  return { changes, situations };
}

/** A single alert of margind's own (blindness) moves. */
export function advanceOwn(
  id: AlertId,
  severity: Severity | null,
  facts: Facts,
  scene: Omit<Scene, "known" | "bars">,
): Advance {
  const state = scene.states.get(stateKey(id.account, id.subject))?.get(id.rule);
  if (state === undefined && severity === null) return { changes: [], situations: [] };
  const outcome = ownOutcome(id, severity, facts, state, scene.nowMs, scene.book);
  return { changes: [outcome.change], situations: outcome.situation === undefined ? [] : [outcome.situation] };
}

/** Something happened that nobody can end: it is told once, as opened, and no alert stays. */
export function notice(
  id: AlertId,
  severity: Severity,
  facts: Facts,
  { book, nowMs }: Pick<Scene, "book" | "nowMs">,
): Advance {
  const { situation } = ownOutcome(id, severity, facts, undefined, nowMs, book);
  return { changes: [], situations: situation === undefined ? [] : [situation] };
}

/** Alerts that nothing in the config watches any more: they end, and say so. */
export function endOrphans(
  states: readonly AlertChange[],
  isWatched: (id: AlertId) => boolean,
  nowMs: number,
): Advance {
  const orphans = states.filter(({ id, state }) => state !== undefined && !isWatched(id));
  const ended = orphans.flatMap(({ id, state }) => (state === undefined ? [] : [{ id, ...end(state, nowMs) }]));
  return {
    changes: ended.map(({ id }) => ({ id, state: undefined })),
    situations: ended.flatMap(({ id, transition }) =>
      transition === undefined ? [] : [{ id, transition, facts: { about: "removed", field: id.rule } as const }],
    ),
  };
}

interface Outcome {
  readonly change: AlertChange;
  readonly situation: Situation | undefined;
}

function* outcomes(
  observation: Observation,
  states: ReadonlyMap<string, AlertState> | undefined,
  scene: Scene,
): Generator<Outcome> {
  yield* ownOutcomes(observation, states, scene);
  if (observation.class !== "OK") return;
  for (const rule of scene.book.rules) {
    if (!rule.covers(observation)) continue;
    if (isUnknown(rule, observation)) continue; // as it was: nobody can say
    const verdict = rule.evaluate(observation, scene.bars);
    const state = states?.get(rule.id);
    if (verdict === undefined && state === undefined) continue; // the common case
    if (isHalfKnown(rule, observation, scene.bars, state)) continue;
    const id: AlertId = { account: observation.account, subject: observation.subject, rule: rule.id };
    const value = verdict?.value ?? observation.values[rule.field];
    const reading: Reading = {
      atMs: observation.atMs,
      breached: verdict?.breached ?? null,
      held: verdict?.held ?? null,
      // Without debt a level of 999 or 0 says nothing, and must not become the worst value of the incident.
      value: verdict === undefined && !observation.hasDebt ? undefined : value,
    };
    const moved = step(state, reading, policyOf(rule, id, state, reading.breached, scene.book), identity(id));
    const { transition } = moved;
    const facts: Facts = {
      about: "field",
      field: rule.field,
      ladder: rule.ladder.kind,
      verdict,
      observation,
      bars: scene.bars,
      target: rule.target(scene.bars),
      insight: transition && scene.insight?.({ id, observation, transition, bars: scene.bars }),
    };
    yield { change: { id, state: moved.state }, situation: situationOf(id, transition, facts) };
  }
}

/** A value that comes of time may be unknown while the answer is valid: that neither opens nor ends anything. */
const isUnknown = ({ field, ladder, id }: Rule, { values, falls, hasDebt }: Observation): boolean =>
  hasDebt && (ladder.kind === "drop" ? falls?.has(id) !== true : mayBeUnknown(field) && values[field] === undefined);

const mayBeUnknown = (field: FieldName): boolean => isOfTime(field) || needsQuotient(field);

/** A fall over a window with a hole may have been larger: then it lowers and ends nothing. */
function isHalfKnown(rule: Rule, observation: Observation, bars: Bars, state: AlertState | undefined): boolean {
  const fall = rule.ladder.kind === "drop" ? observation.falls?.get(rule.id) : undefined;
  if (fall === undefined || fall.mostPct <= fall.dropPct || state?.phase !== "firing") return false;
  const least = rule.evaluate(observation, bars)?.held ?? null;
  if (rank(least) >= rank(state.severity)) return false;
  const most = rule.evaluate({ ...observation, falls: new Map([[rule.id, { ...fall, dropPct: fall.mostPct }]]) }, bars);
  return rank(most?.held ?? null) > rank(least);
}

/**
 * An account whose level is no quotient has no distance to liquidation: the rule on it watches nothing, and that is told. Not of
 * minutesToLiquidation: it is a field that may be unknown, and a built-in rule asks for it.
 */
function isAbsent({ on, field }: Rule, { source, hasDebt }: Observation): boolean {
  if (on !== "cross" || !hasDebt || source === undefined || !("source" in source)) return false;
  return field === "liquidationDistancePct" && !isQuotient(source);
}

/** The alerts that every subject can have without a rule: it is gone, or the config does not fit it. */
function* ownOutcomes(
  observation: Observation,
  states: ReadonlyMap<string, AlertState> | undefined,
  { book, bars, nowMs, known }: Scene,
): Generator<Outcome> {
  const { account, subject } = observation;
  const isMissing = observation.class === "MISSING";
  const gone = states?.get("position-gone");
  if (isMissing || gone !== undefined) {
    const back = isMissing ? undefined : observation.hasDebt ? "with debt" : "without debt";
    const facts: Facts = { about: "gone", last: known(account, subject), back };
    const id: AlertId = { account, subject, rule: "position-gone" };
    yield ownOutcome(id, isMissing ? "critical" : null, facts, gone, nowMs, book);
  }
  const config = states?.get("config");
  const problem = isMissing ? undefined : configProblem(observation, book.rules, bars);
  if (problem !== undefined || (config !== undefined && !isMissing)) {
    const id: AlertId = { account, subject, rule: "config" };
    yield ownOutcome(id, problem === undefined ? null : "warning", { about: "config", problem }, config, nowMs, book);
  }
}

function configProblem(observation: Observation, rules: readonly Rule[], bars: Bars): ConfigProblem | undefined {
  const { problem } = observation;
  if (problem?.kind === "not_opened" || problem?.kind === "not_created") return problem;
  if (observation.subject !== "cross") return undefined; // bars are thresholds of the cross account only
  const absent = rules.find((rule) => isAbsent(rule, observation));
  if (absent !== undefined)
    return {
      kind: "no_field",
      rule: absent.id,
      field: absent.field,
      accountType: String(observation.values.accountType),
    };
  for (const rule of rules) {
    const pair = rule.on === "cross" ? rule.disorder(bars) : undefined;
    if (pair !== undefined) return { kind: "disorder", rule: rule.id, milder: pair[0], worse: pair[1] };
  }
  return undefined;
}

function ownOutcome(
  id: AlertId,
  severity: Severity | null,
  facts: Facts,
  state: AlertState | undefined,
  atMs: number,
  book: Rulebook,
): Outcome {
  const reading: Reading = { atMs, breached: severity, held: severity, value: undefined };
  const moved = step(state, reading, policyOf(undefined, id, state, severity, book), identity(id));
  return { change: { id, state: moved.state }, situation: situationOf(id, moved.transition, facts) };
}

function policyOf(
  rule: Rule | undefined,
  id: AlertId,
  state: AlertState | undefined,
  breached: Severity | null,
  book: Rulebook,
): Policy {
  const severity = state?.phase === "firing" ? state.severity : (breached ?? "critical");
  const { repeatEveryMs } = routeOf(book.routes, book.notifiers, id, severity);
  const kind = rule?.ladder.kind;
  const worse = kind === "below" ? "lower" : kind === "above" || kind === "drop" ? "higher" : undefined;
  return {
    forMs: rule?.forMs ?? 0,
    clearAfterMs: rule?.clearAfterMs ?? 0,
    repeatEveryMs,
    maxGapMs: book.maxGapMs,
    worse,
  };
}

function situationOf(id: AlertId, transition: Transition | undefined, facts: Facts): Situation | undefined {
  return transition === undefined ? undefined : { id, transition, facts };
}

const identity = ({ account, subject, rule }: AlertId): string => `${account}|${subject}|${rule}`;
