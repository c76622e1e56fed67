// The promise of delivery, checked on what the channels have accepted and on what the state folder holds. Every breach is a sentence.
import { CHANNELS, type Channel, type Copy, type IncidentWorld } from "./incident-world.ts";
import type { State } from "./state.ts";

/** What a channel must hear of one incident, in this order. */
const STORY = ["opened", "resolved"];

export interface Expectations {
  /** Copies of one message that a channel may get. */
  readonly copiesMax: number;
  /** Did the disk fail? Then margind may speak of itself, which it has no reason to otherwise. */
  readonly didDiskFail?: boolean;
  /** Did it go on failing? Then what it never took is told again after the start, in order, as a new message under the old key. */
  readonly mayStartOver?: boolean;
}

/** P1 to P4 of a world whose daemon has done its work and was stopped. */
export function breaches(world: IncidentWorld, state: State, expectations: Expectations): string[] {
  const all = world.copies();
  const told = all.filter(({ kind }) => STORY.includes(kind));
  const strange = all.filter(
    (copy) => !told.includes(copy) && !(expectations.didDiskFail && copy.kind.startsWith("margind ")),
  );
  return [
    ...CHANNELS.flatMap((channel) => storyBreaches(channel, told, expectations)),
    ...strange.map(({ channel, kind, title }) => `${channel} was told something else (${kind}): ${title}`),
    ...(world.isResolvedUnseen() ? ["RESOLVED was told before an answer had shown it"] : []),
    ...stateBreaches(state, all),
    ...(state.alerts === 0 ? [] : [`${state.alerts} alerts are left in the database`]),
    ...state.rows.filter((row) => !row.isDelivered).map((row) => `${row.notifier}: row ${row.key} is still pending`),
  ];
}

/** What must hold at every moment, also right after a crash: `told` are the copies that were accepted by then. */
export function stateBreaches({ integrity, damaged }: State, told: readonly Copy[]): string[] {
  const nameless = told.filter(({ key }) => !/^[0-9a-f]{64}$/.test(key));
  return [
    ...(integrity === "ok" ? [] : [`integrity_check says ${integrity}`]),
    ...damaged.map((file) => `the database was taken for damaged: ${file}`),
    ...nameless.map(({ channel, title }) => `${channel} got a message without a key: ${title}`),
  ];
}

/** P1: every row that was ever committed is told by a message that its channel has accepted. */
export function lostRows({ rows }: State, later: State, told: readonly Copy[]): string[] {
  const toldBy = new Map(later.rows.map((row) => [row.key, row.toldBy]));
  return rows.flatMap(({ key, notifier }) => {
    const carrier = toldBy.get(key);
    if (carrier === undefined) return [`${notifier}: row ${key} was committed and is gone`];
    const isTold = told.some((copy) => copy.channel === notifier && copy.key === carrier);
    return isTold ? [] : [`${notifier}: row ${key} was committed and never accepted`];
  });
}

/** A message that no row tells of was sent before it was committed. */
export function uncommitted({ rows }: State, told: readonly Copy[]): string[] {
  const keys = new Set(rows.map(({ key }) => key));
  return told
    .filter(({ key }) => !keys.has(key))
    .map(({ channel, title }) => `${channel} got a message that was not committed: ${title}`);
}

/** Copies beyond the first of each message. */
export function duplicatesIn(copies: readonly Copy[]): number {
  return copies.length - new Set(copies.map(({ channel, key }) => `${channel} ${key}`)).size;
}

function storyBreaches(channel: Channel, told: readonly Copy[], expectations: Expectations): string[] {
  const heard = told.filter((copy) => copy.channel === channel);
  const kinds = heard.map(({ kind }) => kind);
  const runs = expectations.mayStartOver ? [...Map.groupBy(heard, ({ life }) => life).values()] : [heard];
  const isInOrder = kinds[0] === STORY[0] && runs.every(isOrdered);
  return [
    ...STORY.filter((kind) => !kinds.includes(kind)).map((kind) => `${channel} never heard ${kind}`),
    ...(isInOrder ? [] : [`${channel} heard ${kinds.join(", ")}`]),
    ...STORY.flatMap((kind) =>
      copyBreaches(
        `${channel}, ${kind}`,
        heard.filter((copy) => copy.kind === kind),
        expectations,
      ),
    ),
  ];
}

const isOrdered = (copies: readonly Copy[]): boolean =>
  copies.every(({ kind }, index) => STORY.indexOf(kind) >= STORY.indexOf(copies[index - 1]?.kind ?? ""));

/** P2: few copies, all with one key; of a mail also the same bytes. */
function copyBreaches(
  what: string,
  copies: readonly Copy[],
  { copiesMax, mayStartOver = false }: Expectations,
): string[] {
  const keys = new Set(copies.map(({ key }) => key));
  const [first] = copies;
  const isSame = mayStartOver || copies.every(({ bytes }) => bytes === undefined || first?.bytes?.equals(bytes));
  return [
    ...(keys.size > 1 ? [`${what}: told under ${keys.size} keys`] : []),
    ...(copies.length > copiesMax ? [`${what}: ${copies.length} copies`] : []),
    ...(keys.size > 1 || isSame ? [] : [`${what}: the copies of one mail differ`]),
  ];
}
