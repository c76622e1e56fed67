// What is kept of an account between polls: for `status`, for blind messages, and to notice that a position is gone. Pure.
import { type States, stateKey } from "./advance.ts";
import { alertIdOf } from "./announce.ts";
import { type AlertState, rank as rankOf } from "./lifecycle.ts";
import type { Prices } from "./market.ts";
import { type Observation, sourceOf } from "./observe.ts";
import { type ReadResult, SEVERITIES, type Severity, type Source, type Subject } from "./ports.ts";
import { type Exposure, exposureOf, inUsdt, rank } from "./ranking.ts";
import type { Known } from "./situation.ts";
import type { Snapshot } from "./store.ts";

/** One pass over an account, and what was known before it. */
export interface Look {
  readonly account: string;
  /** What the config has read of it. */
  readonly sources: readonly Source[];
  readonly before: Snapshot | undefined;
  /** As they are after the pass. */
  readonly states: States;
  readonly observations: readonly Observation[];
  readonly results: readonly ReadResult[];
  /** Public prices: what is owed in other coins is worth something only by them. */
  readonly prices?: Prices | undefined;
}

/** The snapshot after a look: sources that gave no valid answer keep what was known of them. */
export function pictureOf(look: Look): Snapshot {
  const { account, sources, before, states, observations, results, prices } = look;
  const seen = new Map<Subject, Observation>();
  for (const item of observations) if (item.class === "OK") seen.set(item.subject, item);
  const severities = severitiesIn(states, account);
  const severity = (subject: Subject) => severities.get(subject) ?? null;
  const known: Known[] = [];
  for (const item of before?.known ?? []) {
    if (!seen.has(item.subject)) known.push({ ...item, severity: severity(item.subject) });
  }
  for (const item of seen.values()) {
    if (item.hasDebt) known.push(knownOf(item, prices, severity(item.subject)));
  }
  const failed = results.find((result) => !result.ok);
  return {
    account,
    sources,
    okAtMs: { cross: okAt("cross", look), isolated: okAt("isolated", look) },
    known: worstFirst(known, account),
    pairs: pairsIn(results) ?? before?.pairs ?? 0,
    trouble: failed?.ok === false ? failed.failure.code : (unreadIn(results) ?? troubleOf(observations)),
  };
}

/** What was known, with what fires on it now; also subjects of which nothing was owed, when something fires on them. */
export function withSeverities(known: readonly Known[], states: States, account: string): readonly Known[] {
  const listed = new Set(known.map(({ subject }) => subject));
  const others = [...states].flatMap(([key, rules]): Known[] => {
    const id = alertIdOf(key, "");
    const [state] = rules.values();
    if (id?.account !== account || !isPosition(id.subject) || listed.has(id.subject) || state === undefined) return [];
    return [
      { subject: id.subject, atMs: state.lastAtMs, level: null, status: null, distancePct: null, severity: null },
    ];
  });
  return [...known, ...others].map((item) => ({ ...item, severity: severityOf(states, account, item.subject) }));
}

const isPosition = (subject: Subject): boolean => subject === "cross" || subject.startsWith("isolated ");

function knownOf(observation: Observation, prices: Prices | undefined, severity: Severity | null): Known {
  const { subject, atMs, values } = observation;
  const { marginLevel, marginLevelStatus } = values;
  const exposure = exposureOf(observation, prices);
  return {
    subject,
    atMs,
    level: typeof marginLevel === "number" ? marginLevel : null,
    status: typeof marginLevelStatus === "string" ? marginLevelStatus : null,
    distancePct: exposure?.distancePct ?? null,
    debtUsdt: inUsdt(exposure?.debt) ?? null,
    severity,
  };
}

/** The worst severity of every subject of the account on which something fires. Few do: cheaper than to ask for each of hundreds. */
function severitiesIn(states: States, account: string): ReadonlyMap<Subject, Severity> {
  const severities = new Map<Subject, Severity>();
  for (const [key, rules] of states) {
    const severity = worstOf(rules);
    const id = severity === null ? undefined : alertIdOf(key, "");
    if (severity !== null && id?.account === account) severities.set(id.subject, severity);
  }
  return severities;
}

/** The worst severity that fires on a subject. */
export function severityOf(states: States, account: string, subject: Subject): Severity | null {
  return worstOf(states.get(stateKey(account, subject)));
}

function worstOf(rules: ReadonlyMap<string, AlertState> | undefined): Severity | null {
  let worst: Severity | null = null;
  for (const state of rules?.values() ?? []) {
    if (state.phase === "firing" && rankOf(state.severity) > rankOf(worst)) worst = state.severity;
  }
  return worst;
}

/** An answer in which something was unreadable, or of which a part is missing, is none. */
function okAt(source: Source, { before, observations, results }: Look): number | null {
  const result = results.find((item) => item.ok && item.answer.source === source);
  const isInvalid = observations.some((item) => item.class === "INVALID" && sourceOf(item.subject) === source);
  const isBroken = isInvalid || (source === "isolated" && unreadIn(results) !== undefined);
  return (isBroken ? undefined : result?.atMs) ?? before?.okAtMs[source] ?? null;
}

function pairsIn(results: readonly ReadResult[]): number | undefined {
  for (const result of results) {
    if (result.ok && result.answer.source === "isolated") return result.answer.pairs.length;
  }
  return undefined;
}

/** Why a part of the isolated pairs could not be read. */
function unreadIn(results: readonly ReadResult[]): string | undefined {
  for (const result of results) {
    if (result.ok && result.answer.source === "isolated" && result.answer.unread !== undefined)
      return result.answer.unread.failure.code;
  }
  return undefined;
}

function troubleOf(observations: readonly Observation[]): string | null {
  const { problem } = observations.find(({ class: kind }) => kind === "INVALID") ?? {};
  return problem?.kind === "field" ? problem.text : null;
}

interface Standing extends Exposure {
  readonly item: Known;
}

/** By severity, then by what is at stake. */
function worstFirst(known: readonly Known[], account: string): readonly Known[] {
  const groups = new Map<Severity | null, Standing[]>([...SEVERITIES.toReversed(), null].map((rung) => [rung, []]));
  for (const item of known) {
    const { subject, distancePct, debtUsdt } = item;
    const debt = typeof debtUsdt === "number" ? { value: debtUsdt, asset: "USDT" } : undefined;
    groups.get(item.severity)?.push({ account, subject, distancePct: distancePct ?? undefined, debt, item });
  }
  return [...groups.values()].flatMap((group) => rank(group).map(({ item }) => item));
}
