// How subjects stood before the alerts that fire now. The one thing to know: a baseline belongs to one incident, by its time of opening,
// so one that was left behind by another is never taken for it.
import type { AlertChange } from "./core/advance.ts";
import { type Baseline, baselineOf, encodeBaseline, type Look, type Step, withStep } from "./core/calm.ts";
import type { AlertState, Firing } from "./core/lifecycle.ts";
import type { AlertId, Subject } from "./core/ports.ts";
import type { Memory } from "./core/store.ts";

export const beforeKind = (rule: string): string => `before ${rule}`;

export interface Baselines {
  /** Of the incident, also of one that is just about to open. */
  of(id: AlertId, state: Firing, isOpening: boolean): Baseline | undefined;
  /** Something moved at a look at the subject. */
  add(subject: Subject, step: Step): void;
  /** What begins, goes on and ends with these changes. */
  due(changes: readonly AlertChange[]): readonly Memory[];
  /** Yields the subjects of which an alert ended. */
  keep(changes: readonly AlertChange[]): readonly Subject[];
}

export interface BaselineParts {
  readonly account: string;
  /** Is it a rule on a field? Other alerts have no level to compare. */
  isOurs(rule: string): boolean;
  /** What the subject looked like before its last look; its last look where there was none before. */
  calmBefore(subject: Subject): Look | undefined;
  /** Transfers and trades since then. */
  steps(subject: Subject): readonly Step[];
}

export function createBaselines(
  { account, isOurs, calmBefore, steps }: BaselineParts,
  stored: ReadonlyMap<string, Baseline>,
): Baselines {
  const baselines = new Map(stored);
  /** As the store has them. */
  const written = new Map(stored);
  const firing = new Set<string>();

  const fresh = (id: AlertId, state: Firing): Baseline | undefined => {
    const look = calmBefore(id.subject);
    return look && baselineOf(look, state.openedAtMs, steps(id.subject));
  };
  const kept = (key: string, state: Firing) => {
    const baseline = baselines.get(key);
    return baseline?.openedAtMs === state.openedAtMs ? baseline : undefined;
  };
  /** The baseline with this change: the same object where nothing changes. */
  const next = ({ id, state }: AlertChange): Baseline | undefined => {
    const key = keyOf(id.subject, id.rule);
    if (state?.phase !== "firing") return undefined;
    return kept(key, state) ?? (isOpening(state) && !firing.has(key) ? fresh(id, state) : undefined);
  };
  const ours = (changes: readonly AlertChange[]) =>
    changes.filter(({ id }) => id.account === account && isOurs(id.rule));

  return {
    of: (id, state, isNew) => kept(keyOf(id.subject, id.rule), state) ?? (isNew ? fresh(id, state) : undefined),
    add(subject, step) {
      for (const [key, baseline] of baselines) {
        if (key.startsWith(`${subject}|`)) baselines.set(key, withStep(baseline, step));
      }
    },
    due(changes) {
      return ours(changes).flatMap((change) => {
        const { subject, rule } = change.id;
        const baseline = next(change);
        if (baseline === written.get(keyOf(subject, rule))) return [];
        const body = baseline === undefined ? null : encodeBaseline(baseline);
        return [{ account, subject, kind: beforeKind(rule), body }];
      });
    },
    keep(changes) {
      const ended: Subject[] = [];
      for (const change of ours(changes)) {
        const { subject, rule } = change.id;
        const key = keyOf(subject, rule);
        const baseline = next(change);
        const wasFiring = firing.delete(key) || baselines.delete(key);
        for (const map of [baselines, written]) {
          if (baseline === undefined) map.delete(key);
          else map.set(key, baseline);
        }
        if (change.state?.phase === "firing") firing.add(key);
        else if (wasFiring) ended.push(subject);
      }
      return ended;
    },
  };
}

export const keyOf = (subject: Subject, rule: string): string => `${subject}|${rule}`;

/** Told for the first time by this very look. After a restart a state that fires is not new, however it was stored. */
const isOpening = (state: AlertState): boolean =>
  state.phase === "firing" && state.seq === 1 && state.toldAtMs === state.lastAtMs;
