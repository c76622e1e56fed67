// Whom first in a message: the worst severity, then the position with the most at stake. The one thing to know: each position is
// judged once, by its observation, so that a crash of hundreds of pairs costs one pass and one sort.
import { stateKey } from "./advance.ts";
import { isOver } from "./compose.ts";
import { rank as rankOf } from "./lifecycle.ts";
import { isPassing } from "./message.ts";
import type { Observation } from "./observe.ts";
import { type Exposure, exposureOf, rank } from "./ranking.ts";
import type { Situation } from "./situation.ts";

/** What is at stake, by `stateKey`. */
type Stakes = ReadonlyMap<string, Exposure>;

interface Ranked extends Exposure {
  readonly situation: Situation;
}

/**
 * Raised and opened before what merely ends, what is told in passing last; then by severity; then positions by `rank`, those that are
 * gone or of which nothing is known before the others. Alerts about anything else keep their place.
 */
export function worstFirst(situations: readonly Situation[]): readonly Situation[] {
  const stakes = stakesOf(situations);
  const groups = new Map<number, Situation[]>();
  for (const situation of situations) {
    const weight = weightOf(situation);
    const group = groups.get(weight) ?? [];
    groups.set(weight, group);
    group.push(situation);
  }
  return [...groups].sort(([a], [b]) => b - a).flatMap(([, group]) => byDanger(group, stakes));
}

function weightOf(situation: Situation): number {
  const { kind, severity } = situation.transition;
  if (isPassing(situation)) return -1;
  return isOver(kind) ? 0 : 10 + rankOf(severity);
}

function byDanger(group: readonly Situation[], stakes: Stakes): readonly Situation[] {
  const unknown: Situation[] = [];
  const known: Ranked[] = [];
  for (const situation of group.filter(isPosition)) {
    const exposure = stakes.get(keyOf(situation));
    if (exposure === undefined) unknown.push(situation);
    else known.push({ ...exposure, situation });
  }
  const inOrder = [...unknown, ...rank(known).map(({ situation }) => situation)].values();
  return group.map((situation) => (isPosition(situation) ? (inOrder.next().value ?? situation) : situation));
}

/** Of what can be liquidated; not of the feed, a flag, a row of the history, the config. */
function isPosition({ facts }: Situation): boolean {
  if (facts.about === "gone") return facts.back === undefined;
  return facts.about === "field" || (facts.about === "margin-call" && facts.pushed !== undefined);
}

function stakesOf(situations: readonly Situation[]): Stakes {
  const observations = new Map<string, Observation>();
  for (const { facts } of situations) {
    if (facts.about !== "field" || facts.observation.class !== "OK") continue;
    const { account, subject } = facts.observation;
    observations.set(stateKey(account, subject), facts.observation);
  }
  const prices = situations.flatMap(({ facts }) => (facts.about === "field" ? (facts.insight?.prices ?? []) : []))[0];
  return new Map(
    [...observations].map(([key, observation]) => [key, exposureOf(observation, prices) ?? none(observation)]),
  );
}

/** Who owes nothing has nothing at stake. */
const none = ({ account, subject }: Observation): Exposure => ({
  account,
  subject,
  distancePct: 100,
  debt: { value: 0, asset: "USDT" },
});

const keyOf = ({ id }: Situation): string => stateKey(id.account, id.subject);
