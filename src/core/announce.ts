// Situations of one cycle become notifications: one message for each notifier, worst first, in the conversation where it belongs.
// Also decides which living messages are brought up to date. Pure: the caller turns a notification into outbox rows.
import type { AlertChange, Rulebook, States } from "./advance.ts";
import { compose, isOver, type Told } from "./compose.ts";
import type { Locale } from "./format.ts";
import { type Place, placesOf } from "./in-full.ts";
import { type AlertState, type Firing, rank, shortId, type Thread } from "./lifecycle.ts";
import { conversation, section, standing } from "./message.ts";
import { symbolOf } from "./observe.ts";
import type { AlertId, Message } from "./ports.ts";
import { routeOf } from "./route.ts";
import type { Known, Situation } from "./situation.ts";
import { WORDS } from "./words/index.ts";
import { worstFirst } from "./worst-first.ts";

/** The transitions of one cycle that go to one notifier, in one message. */
export interface Notification {
  /** Stable: made of the notifier's name and the transitions, so that a repeated commit makes the same one. */
  readonly id: string;
  readonly notifier: string;
  readonly message: Message;
  /** Incidents that it tells of ("main|cross|cross-margin-level@1583960000000"): order is kept within each. */
  readonly incidents: readonly string[];
  /** Id of the conversation's first notification, when this is not it. */
  readonly root: string | undefined;
  /** Living messages (by the id of their notification) and what they say now. */
  readonly edits: readonly { readonly of: string; readonly message: Message }[];
}

export interface Announcement {
  /** The changes, with every told notifier's conversation written into the states. */
  readonly changes: readonly AlertChange[];
  readonly notifications: readonly Notification[];
}

export interface Audience {
  readonly book: Rulebook;
  /** States before this cycle, for the living messages of other alerts. */
  readonly states: States;
  readonly nowMs: number;
  readonly locale: Locale;
  /** The account's positions, worst first: in this order stand those in a living message that did not change. */
  readonly known?: readonly Known[];
  /** Notifiers that get no reminders now. */
  readonly muted?: ReadonlySet<string>;
}

export function announce(
  changes: readonly AlertChange[],
  situations: readonly Situation[],
  audience: Audience,
): Announcement {
  if (situations.length === 0) return { changes, notifications: [] };
  const threads = new Map<string, Record<string, Thread>>();
  const notifications = [...byNotifier(situations, audience)].map(([notifier, told]) =>
    notificationFor(notifier, told, changes, threads, audience),
  );
  return { changes: changes.map((change) => withThreads(change, threads)), notifications };
}

function byNotifier(situations: readonly Situation[], audience: Audience): ReadonlyMap<string, readonly Situation[]> {
  const groups = new Map<string, Situation[]>();
  for (const situation of worstFirst(situations)) {
    for (const notifier of listeners(situation, audience)) {
      const group = groups.get(notifier) ?? [];
      groups.set(notifier, group);
      group.push(situation);
    }
  }
  return groups;
}

function listeners({ id, transition }: Situation, { book, muted }: Audience): ReadonlySet<string> {
  const { notify } = routeOf(book.routes, book.notifiers, id, transition.severity);
  const toldBefore = transition.kind === "reminded" ? [] : Object.keys(transition.state.threads);
  const routed = isOver(transition.kind) || transition.kind === "lowered" ? [] : notify;
  // A lowered or resolved incident that nobody heard of (its route dropped it) stays untold.
  const isListening = (notifier: string) =>
    book.notifiers.includes(notifier) &&
    id.subject !== `notifier ${notifier}` && // what a channel cannot deliver is told elsewhere
    !(transition.kind === "reminded" && muted?.has(notifier));
  return new Set([...routed, ...toldBefore].filter(isListening));
}

function notificationFor(
  notifier: string,
  group: readonly Situation[],
  changes: readonly AlertChange[],
  threads: Map<string, Record<string, Thread>>,
  audience: Audience,
): Notification {
  const { nowMs, locale } = audience;
  const placed = placesOf(group);
  const situations = placed.map(({ situation }) => situation); // the incidents of a row stand in the order of the message
  const account = situations[0]?.id.account ?? "";
  const id = notificationId(notifier, situations);
  // What is only told once has no conversation of its own: it goes with the others, and never takes an end out of its thread.
  const changed = new Set(changes.map((change) => alertKey(change.id)));
  const lasting = situations.filter((situation) => changed.has(alertKey(situation.id)));
  const known = (lasting.length === 0 ? situations : lasting).map(
    ({ transition }) => transition.state.threads[notifier],
  );
  const root = commonRoot(known);
  const subject = root?.subject ?? conversation(situations, locale.language);
  const fresh: Thread = { root: id, subject, size: known.filter((thread) => thread === undefined).length };
  for (const situation of situations) {
    const thread = situation.transition.state.threads[notifier] ?? fresh;
    const key = alertKey(situation.id);
    threads.set(key, { ...threads.get(key), [notifier]: thread });
  }
  const sections = placed.map((place) => told(place, nowMs, locale));
  const living = [
    ...new Map(known.flatMap((thread) => (thread === undefined ? [] : [[thread.root, thread]]))).values(),
  ];
  return {
    id,
    notifier,
    message: compose(sections, { account, subject }, locale.language),
    incidents: situations.map(incidentKey),
    root: root?.root,
    edits: living.map((thread) => ({
      of: thread.root,
      message: livingMessage(thread, notifier, situations, changes, audience),
    })),
  };
}

/** The thread that all of them share; undefined when one is new or they differ. */
function commonRoot(known: readonly (Thread | undefined)[]): Thread | undefined {
  const [first] = known;
  return first !== undefined && known.every((thread) => thread?.root === first.root) ? first : undefined;
}

/** The first message of a conversation as it should read now: what changed in full, what stands in one line each. */
function livingMessage(
  thread: Thread,
  notifier: string,
  situations: readonly Situation[],
  changes: readonly AlertChange[],
  { states, nowMs, locale, book, known }: Audience,
): Message {
  const account = situations[0]?.id.account ?? "";
  const rules = new Map(book.rules.map((rule) => [rule.id, rule]));
  const mine = situations.filter(({ transition }) => transition.state.threads[notifier]?.root === thread.root);
  const changed = new Set(mine.map(({ id }) => alertKey(id)));
  const others = current(states, changes).filter(
    ({ id, state }) => state.threads[notifier]?.root === thread.root && !changed.has(alertKey(id)),
  );
  const sections = placesOf(mine).map((place) => told(place, nowMs, locale));
  const places = new Map(known?.map(({ subject }, place) => [subject, place]));
  const placeOf = ({ subject }: AlertId) => places.get(subject) ?? -1; // of what is not known any more first
  const rows = others
    .sort((a, b) => rank(b.state.severity) - rank(a.state.severity) || placeOf(a.id) - placeOf(b.id))
    .map(({ id, state }) => ({
      severity: state.severity,
      text: standing(id, state, rules.get(id.rule), locale),
      name: nameOf(id, locale),
    }));
  return compose(sections, { account, subject: thread.subject, standing: rows, size: thread.size }, locale.language);
}

const told = ({ situation, isInFull }: Place, nowMs: number, locale: Locale): Told => ({
  ...section(situation, nowMs, locale, isInFull),
  name: nameOf(situation.id, locale),
});

/** What an alert goes by where only names have room: "BTCUSDT", "cross". */
export const nameOf = ({ subject }: Pick<AlertId, "subject">, { language }: Locale): string =>
  symbolOf(subject) || WORDS[language].subject(subject);

/** All firing alerts as they stand after the changes. */
function current(states: States, changes: readonly AlertChange[]): { id: AlertId; state: Firing }[] {
  const after = new Map<string, { id: AlertId; state: AlertState | undefined }>();
  for (const [key, rules] of states) {
    for (const [rule, state] of rules) {
      const id = alertIdOf(key, rule);
      if (id !== undefined) after.set(alertKey(id), { id, state });
    }
  }
  for (const change of changes) after.set(alertKey(change.id), change);
  return [...after.values()].flatMap(({ id, state }) => (state?.phase === "firing" ? [{ id, state }] : []));
}

function withThreads({ id, state }: AlertChange, threads: ReadonlyMap<string, Record<string, Thread>>): AlertChange {
  const told = threads.get(alertKey(id));
  if (told === undefined || state?.phase !== "firing") return { id, state };
  return { id, state: { ...state, threads: { ...state.threads, ...told }, messages: state.messages + 1 } };
}

/** The id behind a `stateKey` and a rule. */
export function alertIdOf(key: string, rule: string): AlertId | undefined {
  const at = key.indexOf("|"); // names of accounts have no such sign; who knows of symbols
  const [account, subject] = [key.slice(0, at), key.slice(at + 1)];
  return isSubject(subject) ? { account, subject, rule } : undefined;
}

const SUBJECT_KINDS = ["isolated ", "notifier ", "flow ", "transfer ", "asset ", "source "];

export function isSubject(text: string): text is AlertId["subject"] {
  return (
    text === "cross" ||
    text === "feed" ||
    text === "daemon" ||
    text === "flow" ||
    text === "transfer" ||
    SUBJECT_KINDS.some((kind) => text.startsWith(kind))
  );
}

export const alertKey = ({ account, subject, rule }: AlertId): string => `${account}|${subject}|${rule}`;
const incidentKey = ({ id, transition }: Situation): string => `${alertKey(id)}@${transition.state.openedAtMs}`;
const transitionId = (situation: Situation): string => `${incidentKey(situation)}#${situation.transition.state.seq}`;

// A transition is told to a notifier once, so its first one names a notification. The rest only as a sum: every alert keeps the id
// of its conversation, and in a crash hundreds of pairs move at once.
function notificationId(notifier: string, situations: readonly Situation[]): string {
  const [first = "", ...rest] = situations.map(transitionId);
  return rest.length === 0 ? `${notifier}:${first}` : `${notifier}:${first}+${rest.length}~${shortId(rest.join(","))}`;
}
