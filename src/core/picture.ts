// What is kept of an account between polls: for `status`, for blind messages, and to notice that a position is gone. Pure.
import { type States, stateKey } from "./advance.ts";
import { rank } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import type { ReadResult, Severity, Subject } from "./ports.ts";
import type { Known } from "./situation.ts";
import type { Snapshot } from "./store.ts";

interface Before {
  readonly states: States;
  snapshot(account: string): Snapshot | undefined;
}

/** The snapshot after these results: sources that gave no valid answer keep what was known of them. */
export function pictureOf(
  account: string,
  before: Before,
  observations: readonly Observation[],
  results: readonly ReadResult[],
): Snapshot {
  const old = before.snapshot(account);
  const seen = new Map(observations.filter(({ class: kind }) => kind === "OK").map((item) => [item.subject, item]));
  const kept = (old?.known ?? []).filter(({ subject }) => !seen.has(subject));
  const fresh = [...seen.values()]
    .filter(({ hasDebt }) => hasDebt)
    .map((item) => knownOf(item, account, before.states));
  const failed = results.find((result) => !result.ok);
  return {
    account,
    okAtMs: { cross: okAt("cross", results, old), isolated: okAt("isolated", results, old) },
    known: [...kept, ...fresh].sort(worstFirst),
    pairs: pairsIn(results) ?? old?.pairs ?? 0,
    trouble: failed?.ok === false ? failed.failure.code : troubleOf(observations),
  };
}

function knownOf({ subject, atMs, values }: Observation, account: string, states: States): Known {
  const { marginLevel, marginLevelStatus, liquidationDistancePct } = values;
  return {
    subject,
    atMs,
    level: typeof marginLevel === "number" ? marginLevel : null,
    status: typeof marginLevelStatus === "string" ? marginLevelStatus : null,
    distancePct: typeof liquidationDistancePct === "number" ? liquidationDistancePct : null,
    severity: severityOf(states, account, subject),
  };
}

/** The worst severity that fires on a subject. */
export function severityOf(states: States, account: string, subject: Subject): Severity | null {
  let worst: Severity | null = null;
  for (const state of states.get(stateKey(account, subject))?.values() ?? []) {
    if (state.phase === "firing" && rank(state.severity) > rank(worst)) worst = state.severity;
  }
  return worst;
}

function okAt(source: "cross" | "isolated", results: readonly ReadResult[], old: Snapshot | undefined): number | null {
  const result = results.find((item) => item.ok && item.answer.source === source);
  return result?.atMs ?? old?.okAtMs[source] ?? null;
}

function pairsIn(results: readonly ReadResult[]): number | undefined {
  for (const result of results) {
    if (result.ok && result.answer.source === "isolated") return result.answer.pairs.length;
  }
  return undefined;
}

function troubleOf(observations: readonly Observation[]): string | null {
  const { problem } = observations.find(({ class: kind }) => kind === "INVALID") ?? {};
  return problem?.kind === "field" ? problem.text : null;
}

function worstFirst(a: Known, b: Known): number {
  return rank(b.severity) - rank(a.severity) || (a.distancePct ?? 100) - (b.distancePct ?? 100);
}
