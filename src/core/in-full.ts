// Which alerts of a message are told in full. The one thing to know: several rules may tell of one subject, and one of them says it all, so
// the few full places are for as many subjects as there are.
import { isOver } from "./compose.ts";
import { rank } from "./lifecycle.ts";
import { TOLD_IN_FULL } from "./ranking.ts";
import { fieldInfo } from "./rules/fields.ts";
import type { Situation } from "./situation.ts";

/** In the order in which they are told: the first `TOLD_IN_FULL` of them are the sections of the message. */
export interface Place {
  readonly situation: Situation;
  /** Else by its first line alone, and nothing else of it is worked out. */
  readonly isInFull: boolean;
}

/** Worst first already. Of what goes on with one subject only the worst is told in full, of equals the one that says most. */
export function placesOf(situations: readonly Situation[]): readonly Place[] {
  const all = leadersFirst(situations);
  const seen = new Set<string>();
  const [first, second, third]: [number[], number[], number[]] = [[], [], []];
  for (const [place, { situation, isLeader }] of all.entries()) {
    const subject = subjectOf(situation);
    if (!isLeader) third.push(place);
    else if (seen.has(subject)) second.push(place);
    else first.push(place);
    if (isLeader) seen.add(subject);
  }
  const shown = new Set([...first, ...second, ...third].slice(0, TOLD_IN_FULL));
  const sections = all.filter((_, place) => shown.has(place));
  const rest = all.filter((_, place) => !shown.has(place));
  return [
    ...sections.map(({ situation, isLeader }) => ({ situation, isInFull: isLeader })),
    ...rest.map(({ situation }) => ({ situation, isInFull: false })),
  ];
}

interface Ordered {
  readonly situation: Situation;
  readonly isLeader: boolean;
}

/** Alerts that say the same of one subject stay in the places that they have, the one that says most in the first of them. */
function leadersFirst(situations: readonly Situation[]): readonly Ordered[] {
  const groups = new Map<string, Situation[]>();
  for (const situation of situations) {
    const key = groupOf(situation);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [situation]);
    else group.push(situation);
  }
  const queues = new Map([...groups].map(([key, group]) => [key, { group: byWeight(group), next: 0 }]));
  return situations.map((situation) => {
    const queue = queues.get(groupOf(situation));
    const own = queue?.group[queue.next];
    if (queue === undefined || own === undefined) return { situation, isLeader: true };
    queue.next += 1;
    return { situation: own, isLeader: queue.next === 1 };
  });
}

const byWeight = (group: readonly Situation[]): readonly Situation[] =>
  group.length === 1
    ? group
    : [...group].sort((a, b) => rank(b.transition.severity) - rank(a.transition.severity) || weightOf(a) - weightOf(b));

/** A level or a distance says where the way back ends; how fast it goes and the exchange's word for it do not. */
function weightOf({ facts }: Situation): number {
  if (facts.about !== "field") return 0;
  const isPlace = fieldInfo(facts.field).isLevel === true || facts.field === "liquidationDistancePct";
  if (isPlace) return facts.ladder === "drop" ? 1 : 0;
  return facts.field === "minutesToLiquidation" ? 1 : 2;
}

/** Only alerts on the danger itself say the same: a flag, a row of the history or margind's own state is a matter of its own. */
function isOfDanger({ facts }: Situation): boolean {
  if (facts.about !== "field") return false;
  return fieldInfo(facts.field).needsDebt === true || facts.field === "marginLevelStatus";
}

function subjectOf({ id }: Situation): string {
  return `${id.account}|${id.subject}`;
}

function groupOf(situation: Situation): string {
  const { id, transition } = situation;
  const matter = isOfDanger(situation) ? "" : id.rule;
  const { kind } = transition;
  return `${subjectOf(situation)}|${isOver(kind) ? kind : "goes on"}|${matter}`;
}
