// Alerts that last for days: a reminder every few minutes, as a margin call needs it, would teach people to look away.
import { type Advance, advanceOwn, type Scene, stateKey } from "./advance.ts";
import type { AlertId, Severity } from "./ports.ts";
import type { Facts } from "./situation.ts";

/** As advanceOwn, but while nothing changes people are reminded every `remindMs` at most, whatever the route says. */
export function advanceSlowly(
  id: AlertId,
  severity: Severity | null,
  facts: Facts,
  scene: Omit<Scene, "known" | "bars">,
  remindMs: number,
): Advance {
  const state = scene.states.get(stateKey(id.account, id.subject))?.get(id.rule);
  if (state?.phase === "firing" && state.severity === severity) {
    const sinceToldMs = scene.nowMs - state.toldAtMs;
    if (sinceToldMs >= 0 && sinceToldMs < remindMs) return { changes: [], situations: [] };
  }
  return advanceOwn(id, severity, facts, scene);
}

/** Several at once. */
export const allOf = (moves: readonly Advance[]): Advance => ({
  changes: moves.flatMap(({ changes }) => changes),
  situations: moves.flatMap(({ situations }) => situations),
});
