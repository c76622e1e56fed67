// The faster schedule while something fires or comes near a rung (`pollWhenFiring`). The one thing to know: it stands behind the ordinary
// one. Where both hit the same moment it gives way, and the ordinary polls go as if it were not there.
import { type States, stateKey } from "./core/advance.ts";
import { isNearRung } from "./core/near.ts";
import type { Bars, Clock, Subject } from "./core/ports.ts";
import type { Rule } from "./core/rules/compile.ts";
import type { Shot } from "./memory.ts";

export interface UrgentParts {
  readonly account: string;
  states(): States;
  /** Subjects with debt, as they were last seen. */
  shots(): readonly Shot[];
  readonly rules: readonly Rule[];
  bars(): Bars;
}

/** What the config says wrongly stays wrong until somebody mends it: no reason to look more often. */
const NOT_OF_POSITION = "config";

/** Some alert fires on a position of the account, whatever its rule, or a level or distance is within 10 % of a rung. */
export function isUrgent({ account, states, shots, rules, bars }: UrgentParts): boolean {
  for (const [key, alerts] of states()) {
    if (!isPosition(key, account)) continue;
    for (const [rule, { phase }] of alerts) {
      if (phase === "firing" && rule !== NOT_OF_POSITION) return true;
    }
  }
  const barsNow = bars();
  return shots().some(({ observation }) => isNearRung(observation, rules, barsNow));
}

const CROSS: Subject = "cross";
const PAIRS: Subject = "isolated ";
const isPosition = (key: string, account: string): boolean =>
  key === stateKey(account, CROSS) || key.startsWith(stateKey(account, PAIRS));

/** Polls of one account, whoever asks for them. */
export interface NotedPolls<T> {
  poll(): Promise<T>;
  /** Monotonic time at which the last one began; undefined before the first. */
  lastMs(): number | undefined;
}

export function notePolls<T>(poll: () => Promise<T>, clock: Pick<Clock, "monoMs">): NotedPolls<T> {
  let lastMs: number | undefined;
  return {
    poll() {
      lastMs = clock.monoMs();
      return poll();
    },
    lastMs: () => lastMs,
  };
}

/** A poll that began so long ago is as good as one now: the lane of the key starts a request every 500 ms. */
const RECENT_MS = 500;
/** Schedules that hit the same moment fire in no order that is known. So long the urgent one waits for the other. */
const GIVE_WAY_MS = 50;

export interface UrgentRun {
  isUrgent(): boolean;
  readonly polls: NotedPolls<unknown>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One run of the faster schedule. */
export function runUrgent({ isUrgent, polls, clock, signal }: UrgentRun): () => Promise<void> {
  return async () => {
    if (!isUrgent()) return;
    await clock.sleep(GIVE_WAY_MS, signal).catch(() => undefined); // aborted: seen below
    const lastMs = polls.lastMs();
    if (signal.aborted || (lastMs !== undefined && clock.monoMs() - lastMs < RECENT_MS)) return;
    await polls.poll();
  };
}
