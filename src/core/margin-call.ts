// A margin call that the exchange pushed: the push opens its alert, and only the account's own answers end it. The one thing to know: a
// stream can lie, repeat itself or die, so nothing that it says counts as evidence that the account is well.
import { type Advance, type Scene, stateKey } from "./advance.ts";
import { type AlertState, type Policy, type Reading, step } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import type { AlertId } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { FactsOf, PushedCall } from "./situation.ts";

/** Words of the exchange that call for help; any other one only makes the next poll come sooner. */
const CALLS: readonly string[] = ["MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"];
/** Above the bar by so much, percent of it, the account is out of the call. */
const CLEAR_PCT = 2;
const CLEAR_AFTER_MS = 30_000;
const NOTHING: Advance = { changes: [], situations: [] };

export const isMarginCall = (status: string): boolean => CALLS.includes(status);

/** The exchange called. Opens the alert; while it fires, a repeated call only takes back what was counted towards its end. */
export function pushed(account: string, call: PushedCall, scene: Scene): Advance {
  if (!isMarginCall(call.status)) return NOTHING;
  const id = idOf(account);
  const state = stateIn(id, scene);
  if (state?.phase === "firing" && state.clearing === null) return NOTHING;
  const level = scene.known(account, "cross")?.level ?? undefined;
  const facts = { about: "margin-call", pushed: call, level } as const;
  return moved(id, state, { isCalled: true, atMs: scene.nowMs, value: call.level }, facts, scene);
}

/** What a cycle saw of the cross account: only a level that was read can end the alert, after it held for 30 s of observed time. */
export function afterLook(observations: readonly Observation[], scene: Scene): Advance {
  const parts = observations.flatMap((observation) => {
    const id = idOf(observation.account);
    const state = stateIn(id, scene);
    const seen = levelIn(observation);
    if (state === undefined || seen === undefined) return [];
    const isCalled = seen.level !== undefined && seen.level <= scene.bars.marginCallBar * (1 + CLEAR_PCT / 100);
    const facts = { about: "margin-call", pushed: undefined, level: seen.level } as const;
    return [moved(id, state, { isCalled, atMs: observation.atMs, value: seen.level }, facts, scene)];
  });
  return {
    changes: parts.flatMap(({ changes }) => changes),
    situations: parts.flatMap(({ situations }) => situations),
  };
}

const idOf = (account: string): AlertId => ({ account, subject: "cross", rule: "stream-margin-call" });

const stateIn = ({ account, subject, rule }: AlertId, { states }: Scene): AlertState | undefined =>
  states.get(stateKey(account, subject))?.get(rule);

/** Undefined: no evidence at all. Without a level: nothing is owed. */
function levelIn(observation: Observation): { readonly level: number | undefined } | undefined {
  if (observation.subject !== "cross" || observation.class !== "OK") return undefined;
  if (!observation.hasDebt) return { level: undefined };
  const level = observation.values.marginLevel;
  return typeof level === "number" ? { level } : undefined;
}

interface Look {
  readonly isCalled: boolean;
  readonly atMs: number;
  readonly value: number | undefined;
}

function moved(
  id: AlertId,
  state: AlertState | undefined,
  { isCalled, atMs, value }: Look,
  facts: FactsOf<"margin-call">,
  { book }: Scene,
): Advance {
  const severity = isCalled ? "critical" : null;
  const reading: Reading = { atMs, breached: severity, held: severity, value };
  const { repeatEveryMs } = routeOf(book.routes, book.notifiers, id, "critical");
  const policy: Policy = {
    forMs: 0,
    clearAfterMs: CLEAR_AFTER_MS,
    repeatEveryMs,
    maxGapMs: book.maxGapMs,
    worse: undefined, // a pushed level is hearsay: no incident is measured by it
  };
  const after = step(state, reading, policy, `${id.account}|${id.subject}|${id.rule}`);
  const situations = after.transition === undefined ? [] : [{ id, transition: after.transition, facts }];
  return { changes: [{ id, state: after.state }], situations };
}
