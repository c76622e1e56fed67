// A margin call that the exchange pushed: the push opens its alert, and only the account's own answers end it. The one thing to know: a
// stream can lie, repeat itself or die, so nothing that it says counts as evidence that the account is well.
import { type Advance, type Rulebook, type Scene, stateKey } from "./advance.ts";
import { type AlertState, type Policy, type Reading, type Step, step } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import type { AlertId } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { FactsOf, PushedCall } from "./situation.ts";
import type { Fact } from "./store.ts";

/** Words of the exchange that call for help, mildest first; any other one only makes the next poll come sooner. */
export const FIRST_WORD = "MARGIN_CALL";
const CALLS: readonly string[] = [FIRST_WORD, "PRE_LIQUIDATION", "FORCE_LIQUIDATION"];
/** Above the bar by so much, percent of it, the account is out of the call. */
const CLEAR_PCT = 2;
const CLEAR_AFTER_MS = 30_000;
/** Above the bar by more than this, percent of it, the account is so far from a call that one more is doubted. */
const FAR_PCT = 10;
/** For so long after the account's own answers ended a call. */
const DOUBT_MS = 30 * 60_000;
const NOTHING: Advance = { changes: [], situations: [] };

export const isMarginCall = (status: string): boolean => CALLS.includes(status);

/** When the account's own answers last ended a call, on both clocks: the monotonic one is believed in the process that wrote it. */
export interface Ended {
  readonly wallMs: number;
  readonly monoMs: number;
}

export const endedName = (account: string): string => `push.${account}.call-ended`;
export const endedFact = (account: string, { wallMs, monoMs }: Ended): Fact => ({
  name: endedName(account),
  value: `${wallMs} ${monoMs}`,
});

/** Undefined for what no version wrote. */
export function endedIn(value: string | undefined): Ended | undefined {
  const [wallMs = Number.NaN, monoMs = Number.NaN] = (value ?? "").split(" ").map(Number);
  return Number.isFinite(wallMs) && Number.isFinite(monoMs) ? { wallMs, monoMs } : undefined;
}

/** The exchange called. Opens the alert; while it fires, a worse word is told at once, and any other takes back what counted to its end. */
export function pushed(account: string, call: PushedCall, scene: Scene): Advance {
  if (!isMarginCall(call.status)) return NOTHING;
  const id = idOf(account);
  const state = stateIn(id, scene);
  const isWorse = isWorseThan(state, call.status);
  if (state?.phase === "firing" && state.clearing === null && !isWorse) return NOTHING;
  const level = scene.known(account, "cross")?.level ?? undefined;
  const facts = { about: "margin-call", pushed: call, level } as const;
  const word = state === undefined || isWorse ? call.status : wordOf(state);
  return moved(id, state, { isCalled: true, atMs: scene.nowMs, word }, facts, scene);
}

/**
 * Do the account's own answers speak against this call? Only where they ended one `endedAgoMs` ago, or are about to: the first call of all
 * is believed whatever the account says, and so is a worse word while the alert fires.
 */
export function isDoubted(account: string, call: PushedCall, scene: Scene, endedAgoMs: number | undefined): boolean {
  const state = stateIn(idOf(account), scene);
  if (state?.phase === "firing" && (state.clearing === null || isWorseThan(state, call.status))) return false;
  if (state?.phase !== "firing" && (endedAgoMs === undefined || endedAgoMs >= DOUBT_MS)) return false;
  const known = scene.known(account, "cross");
  if (known === undefined) return true; // no debt
  return known.level !== null && known.level > scene.bars.marginCallBar * (1 + FAR_PCT / 100);
}

/** What a cycle saw of the cross account, and whose calls it `ended`: only a level that was read can end the alert, after it held for 30 s of observed time. */
export function judgeCalls(
  observations: readonly Observation[],
  scene: Scene,
): Advance & { readonly ended: readonly string[] } {
  const parts = observations.flatMap((observation) => {
    const id = idOf(observation.account);
    const state = stateIn(id, scene);
    const seen = levelIn(observation);
    if (state === undefined || seen === undefined) return [];
    const isCalled = seen.level !== undefined && seen.level <= scene.bars.marginCallBar * (1 + CLEAR_PCT / 100);
    const facts = { about: "margin-call", pushed: undefined, level: seen.level } as const;
    return [moved(id, state, { isCalled, atMs: observation.atMs, word: wordOf(state) }, facts, scene)];
  });
  const changes = parts.flatMap((part) => part.changes);
  return {
    changes,
    situations: parts.flatMap(({ situations }) => situations),
    ended: changes.flatMap(({ id, state }) => (state === undefined ? [id.account] : [])),
  };
}

/** The worst word of the exchange in this incident; states of older versions hold the pushed level in its place. */
export const wordOf = (state: AlertState): string =>
  state.phase === "firing" && typeof state.value === "string" && isMarginCall(state.value) ? state.value : FIRST_WORD;

/** Of two calls the one with the worse word; of equals the later one. */
export const worseOf = (earlier: PushedCall, later: PushedCall): PushedCall =>
  CALLS.indexOf(earlier.status) > CALLS.indexOf(later.status) ? earlier : later;

const isWorseThan = (state: AlertState | undefined, status: string): boolean =>
  state?.phase === "firing" && CALLS.indexOf(status) > CALLS.indexOf(wordOf(state));

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
  /** The worst that the exchange said: a pushed level is hearsay, and no incident is measured by it. */
  readonly word: string;
}

function moved(
  id: AlertId,
  state: AlertState | undefined,
  { isCalled, atMs, word }: Look,
  facts: FactsOf<"margin-call">,
  scene: Scene,
): Advance {
  const severity = isCalled ? "critical" : null;
  const reading: Reading = { atMs, breached: severity, held: severity, value: word };
  const { repeatEveryMs } = routeIn(scene.book, id);
  const { maxGapMs } = scene.book;
  const policy: Policy = { forMs: 0, clearAfterMs: CLEAR_AFTER_MS, repeatEveryMs, maxGapMs, worse: undefined };
  const after = step(state, reading, policy, `${id.account}|${id.subject}|${id.rule}`);
  const said = isWorseThan(state, word)
    ? worsened(after, atMs)
    : isReminded(after)
      ? reminded(after, id, scene)
      : after;
  const situations = said.transition === undefined ? [] : [{ id, transition: said.transition, facts }];
  return { changes: [{ id, state: said.state }], situations };
}

const isReminded = ({ transition }: Step): boolean => transition?.kind === "reminded";

/** Told at once, as a reminder: it cannot get more severe than critical. */
function worsened(after: Step, atMs: number): Step {
  const { state } = after;
  if (state?.phase !== "firing" || isReminded(after)) return after;
  const told = { ...state, seq: state.seq + 1, toldAtMs: atMs };
  return {
    state: told,
    transition: { kind: "reminded", severity: told.severity, from: told.severity, atMs, state: told },
  };
}

/** Where a level of the same account is just as critical and tells the same people, its reminder is enough. */
function reminded(after: Step, id: AlertId, { states, book }: Scene): Step {
  const { state } = after;
  if (state?.phase !== "firing") return after;
  const isToldBeside = [...(states.get(stateKey(id.account, id.subject)) ?? [])].some(([rule, other]) => {
    if (other.phase !== "firing" || other.severity !== "critical" || other.clearing !== null) return false;
    if (!book.rules.some((own) => own.id === rule && own.ladder.kind !== "is")) return false; // not about a level
    const { notify } = routeIn(book, { ...id, rule });
    return routeIn(book, id).notify.every((notifier) => notify.includes(notifier));
  });
  return isToldBeside ? { state: { ...state, seq: state.seq - 1 }, transition: undefined } : after;
}

const routeIn = ({ routes, notifiers }: Rulebook, id: AlertId) => routeOf(routes, notifiers, id, "critical");
