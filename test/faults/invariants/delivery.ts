// From what was committed to the sinks: nothing is lost (P1), nothing is told twice without a reason (P2), nothing overtakes (P3), a
// channel in trouble holds up no other (P6, P7). A copy is excused by what happened to the one before it, and by nothing else.
import type { Delivery, Message, NewRow } from "../../../src/core/ports.ts";
import type { StoredRow } from "../disk.ts";
import type { Happening, Outcome } from "../history.ts";
import { SECOND } from "../time.ts";
import { type Mention, mentionsOf, minutes, type Oracle, type OracleParts } from "./scene.ts";

/** A channel without faults takes half a second a message; so many may come at once. */
const PROMPT_MS = 15 * SECOND;
/** P7 allows two seconds from an answer to the sink; this is the part from the commit on. */
const AT_ONCE_MS = 800;
const CROWD_MS = 10 * SECOND;

/** One copy at a sink. */
interface Copy {
  readonly key: string;
  readonly bytes: string;
  readonly process: number;
  readonly atMs: number;
  readonly delivery: Delivery;
  /** The disk had taken its row. */
  readonly isStored: boolean;
  /** What the program was told of it. */
  outcome: Outcome | undefined;
  /** It is on the disk that it was delivered. */
  isSettled: boolean;
}

/** A row that the program must deliver. */
interface Duty {
  readonly notifier: string;
  readonly recipient: string;
  readonly mentions: readonly Mention[];
  /** When this process took it up. */
  readonly sinceMonoMs: number;
  readonly sinceMs: number;
  /** Another message was on its way to the same recipient. */
  readonly isCrowded: boolean;
}

export interface DeliveryOracle extends Oracle {
  /** Rows that the program that runs now still has to deliver. */
  readonly duties: ReadonlyMap<string, Duty>;
}

export function delivery({ scenario, time, disk, scene, violate }: OracleParts): DeliveryOracle {
  /** By key: the latest copy, and every copy of a transition by recipient. */
  const copies = new Map<string, Copy>();
  const told = new Map<string, Copy>();
  /** The copy that the attempt under way has brought, by key. */
  const arrived = new Map<string, Copy>();
  /** Rows that the store acknowledged, by key, as they lay there. */
  const acknowledged = new Map<
    string,
    { readonly notifier: string; readonly recipient: string; readonly mentions: readonly Mention[] }
  >();
  /** Rows that went into another one, and rows that were dropped with their address. */
  const mergedInto = new Map<string, string>();
  const duties = new Map<string, Duty>();
  /** Incidents behind the short ids that people see: more than one, and nobody can tell. And the other way round. */
  const incidents = new Map<string, Set<string>>();
  const shorts = new Map<string, string>();
  /** The highest transition that surely reached a recipient, by recipient and incident. */
  const reached = new Map<string, number>();
  const clean = new Set(
    scenario.channels.filter(({ kinds, episodes }) => kinds.length + episodes.length === 0).map(({ name }) => name),
  );
  /** When a recipient was last given something. */
  const takenMs = new Map<string, number>();
  /** What waited for an address that is gone goes to each address that is left, by recipient, incident and transition. */
  const readdressed = new Set<string>();

  function learn(row: NewRow): readonly Mention[] {
    const mentions = row.message.isLate === true ? mentionsOfLate(row) : mentionsOf(row);
    for (const { incident, short } of mentions) {
      shorts.set(incident, short);
      const known = incidents.get(short) ?? new Set();
      incidents.set(short, known.add(incident));
    }
    return mentions;
  }

  /** A late message has its worst incident first, whatever came first. */
  function mentionsOfLate({ incidents: names, message }: NewRow): readonly Mention[] {
    return mentionsOf({
      incidents: refsIn(message).map(
        (ref) => names.find((name) => ref.startsWith(`#${shorts.get(name)}-`)) ?? incidentBehind(ref),
      ),
      message,
    });
  }

  /** What a message at a sink tells of, as far as its short ids are unique. */
  function heard({ message }: Delivery): readonly Mention[] {
    return mentionsOf({ incidents: refsIn(message).map(incidentBehind), message }).filter(
      ({ incident }) => incident !== "",
    );
  }

  const refsIn = ({ sections, moreSections }: Message) => [...sections, ...(moreSections ?? [])].map(({ ref }) => ref);

  function incidentBehind(ref: string): string {
    const found = incidents.get(/^#([0-9A-Z]{4})-/.exec(ref)?.[1] ?? "");
    const [only = ""] = found ?? [];
    return found?.size === 1 ? only : "";
  }

  function take(
    key: string,
    { notifier, recipient }: Pick<NewRow, "notifier" | "recipient">,
    mentions: readonly Mention[],
    { sinceMs, sinceMonoMs }: Pick<Duty, "sinceMs" | "sinceMonoMs"> = {
      sinceMs: time.nowMs(),
      sinceMonoMs: time.monoMs(),
    },
  ): void {
    const isCrowded = time.nowMs() - (takenMs.get(recipient) ?? Number.NEGATIVE_INFINITY) < CROWD_MS;
    takenMs.set(recipient, time.nowMs());
    duties.set(key, { notifier, recipient, mentions, sinceMs, sinceMonoMs, isCrowded });
  }

  // ---------------------------------------------------------------- at the sink

  function onAccepted(happening: Happening & { readonly kind: "accepted" }): void {
    const { delivery: sent, bytes, process, atMs, notifier } = happening;
    const { key, recipient } = sent;
    const before = copies.get(key);
    const isStored = disk.content.rows.has(key) || sent.message.isLate === true;
    const copy: Copy = { key, bytes, process, atMs, delivery: sent, isStored, outcome: undefined, isSettled: false };
    // Of a row that the disk did not take the words are made anew; and an adapter that breaks says nothing of what it has done.
    const isExcused = before?.isStored === false || before?.outcome === "error";
    if (before !== undefined && before.bytes !== bytes && !isExcused && canonical(before.bytes) !== canonical(bytes))
      violate("P2", `two copies of ${key.slice(0, 8)} to ${recipient} differ: ${before.bytes} and ${bytes}`);
    copies.set(key, copy);
    if (process === scene.process) arrived.set(key, copy);
    // What a dead process had on the wire may come at any time.
    if (process === scene.process) expectOrder(sent, notifier);
    for (const { incident, seq } of heard(sent)) told.set(`${recipient}|${incident}#${seq}`, copy);
    if (clean.has(notifier)) expectPrompt(key, sent);
  }

  /** P2: nothing is sent again that surely arrived. */
  function onAttempt({ delivery: sent }: Happening & { readonly kind: "attempt" }): void {
    const before = copies.get(sent.key);
    arrived.delete(sent.key);
    if (!disk.content.rows.has(sent.key) && !duties.has(sent.key) && sent.message.isLate !== true)
      violate("P1", `a message goes to ${sent.recipient} that was never committed: ${sent.message.title}`);
    if (before !== undefined) expectExcuse(before, `${sent.message.title}, to ${sent.recipient}`);
    for (const { incident, seq } of heard(sent)) {
      const place = `${sent.recipient}|${incident}#${seq}`;
      const twin = told.get(place);
      if (twin !== undefined && twin.key !== sent.key && !readdressed.has(place))
        expectExcuse(twin, `transition ${seq} of ${incident}, to ${sent.recipient}`);
    }
  }

  function expectExcuse(before: Copy, what: string): void {
    const diedFirst = before.process !== scene.process && !before.isSettled;
    const isUnnoted = !before.isSettled && scene.diskFailedMs >= before.atMs;
    if (before.outcome !== "ok" || isUnnoted || diedFirst) return;
    violate(
      "P2",
      `told twice, though the first copy was accepted and ${before.isSettled ? "noted" : "the program lives"}: ${what}`,
    );
  }

  /** P3: by incident, and nothing waits that should have come before. */
  function expectOrder(sent: Delivery, notifier: string): void {
    for (const { incident, seq, kind } of heard(sent)) {
      const place = `${sent.recipient}|${incident}`;
      const last = reached.get(place) ?? 0;
      if (!told.has(`${place}#${seq}`) && seq < last && !readdressed.has(`${place}#${seq}`))
        violate("P3", `${sent.recipient} heard of transition ${seq} of ${incident} after ${last}`);
      for (const [key, duty] of duties) {
        const isEarlier = duty.mentions.some(
          (each) => each.incident === incident && each.seq < seq && !readdressed.has(`${place}#${each.seq}`),
        );
        if (!isEarlier || key === sent.key || duty.recipient !== sent.recipient || duty.notifier !== notifier) continue;
        if (copies.has(key) || sent.message.isLate === true) continue;
        violate(
          "P3",
          `${sent.recipient} heard of ${kind} (${seq}) of ${incident} while an earlier message about it waits`,
        );
      }
    }
  }

  /** P6 and P7: a channel without faults is never kept waiting, whatever the others do. */
  function expectPrompt(key: string, { recipient, message }: Delivery): void {
    const duty = duties.get(key);
    if (duty === undefined) return;
    const fromMs = Math.max(duty.sinceMs, time.frozenUntilMs());
    if (scenario.isFaultFree && !duty.isCrowded && time.nowMs() - fromMs > AT_ONCE_MS)
      violate(
        "P7",
        `nothing is wrong anywhere, and ${recipient} waited ${time.nowMs() - fromMs} ms for: ${message.title}`,
      );
    if (time.nowMs() - fromMs > PROMPT_MS)
      violate(
        "P6",
        `${recipient}, whose channel has no fault, waited ${minutes(time.nowMs() - fromMs)} for: ${message.title}`,
      );
  }

  /** The same for what never came. */
  function expectNobodyWaits(): void {
    if (scene.config === undefined || time.nowMs() < time.frozenUntilMs() + PROMPT_MS) return;
    for (const { notifier, recipient, sinceMs } of duties.values()) {
      if (clean.has(notifier) && time.nowMs() - Math.max(sinceMs, time.frozenUntilMs()) > 2 * PROMPT_MS)
        violate("P6", `${recipient}, whose channel has no fault, waits since ${minutes(time.nowMs() - sinceMs)}`);
    }
  }

  // ---------------------------------------------------------------- what the program was told, and what it noted

  function onOutcome({ key, recipient, notifier, outcome }: Happening & { readonly kind: "outcome" }): void {
    const copy = arrived.get(key);
    if (copy !== undefined) copy.outcome = outcome;
    if (outcome !== "ok" || copy === undefined) return;
    duties.delete(key);
    for (const { incident, seq } of heard(copy.delivery)) {
      const place = `${recipient}|${incident}`;
      for (const [other, duty] of duties) {
        const isTold =
          duty.recipient === recipient &&
          duty.notifier === notifier &&
          duty.mentions.every((each) => isHeard(each, copy.delivery));
        if (copy.delivery.message.isLate === true && isTold) duties.delete(other);
      }
      if (!readdressed.has(`${place}#${seq}`)) reached.set(place, Math.max(reached.get(place) ?? 0, seq));
    }
  }

  const isHeard = ({ incident, seq }: Mention, sent: Delivery) =>
    heard(sent).some((each) => each.incident === incident && each.seq >= seq);

  function onSettle({ key, settlement, isAcknowledged, isStored }: Happening & { readonly kind: "settle" }): void {
    const copy = copies.get(key);
    if (settlement.kind !== "delivered") return;
    if (copy === undefined)
      violate("P1", `a row is noted as delivered that no sink ever accepted (${key.slice(0, 8)})`);
    // Of a row that the disk never took nothing can be noted.
    else if (isStored && typeof disk.content.rows.get(key)?.deliveredAtMs === "number") copy.isSettled = true;
    if (isAcknowledged) duties.delete(key);
  }

  function onSupersede({ keys, row, isStored }: Happening & { readonly kind: "supersede" }): void {
    const mentions = learn(row);
    const copy = copies.get(row.key);
    const since = keys.map((key) => duties.get(key)).find((duty) => duty !== undefined) ?? duties.get(row.key);
    for (const key of keys) {
      const covered = acknowledged.get(key) ?? duties.get(key);
      const missing = covered?.mentions.find(
        ({ incident, seq }) => !mentions.some((each) => each.incident === incident && each.seq >= seq),
      );
      if (missing !== undefined)
        violate("P1", `a late message leaves out transition ${missing.seq} of ${missing.incident}`);
      if (isStored) mergedInto.set(key, row.key);
      duties.delete(key);
    }
    if (isStored) acknowledged.set(row.key, { notifier: row.notifier, recipient: row.recipient, mentions });
    if (!duties.has(row.key) && copy?.outcome !== "ok") take(row.key, row, mentions, since);
  }

  function onCommit({ change, added, atMs }: Happening & { readonly kind: "commit" }): void {
    const isMove = atMs === scene.watchingSinceMs && change.alerts.length === 0 && change.snapshot === undefined;
    for (const row of change.rows) {
      const mentions = learn(row);
      if (added !== undefined && !acknowledged.has(row.key)) {
        const { notifier, recipient } = row;
        acknowledged.set(row.key, { notifier, recipient, mentions });
      }
      const copy = copies.get(row.key);
      const isKnown = duties.has(row.key) || (copy?.outcome === "ok" && copy.process === scene.process);
      if (!isKnown) take(row.key, row, mentions);
      for (const { incident, seq } of isMove ? mentions : []) readdressed.add(`${row.recipient}|${incident}#${seq}`);
    }
  }

  function onDrop(key: string): void {
    const { notifier = "", recipient = "" } = acknowledged.get(key) ?? {};
    const channel = scene.config?.channels.find(({ name }) => name === notifier);
    if (channel?.recipients.includes(recipient) === true)
      violate("P1", `a row to ${recipient} was dropped, though the address is configured`);
    acknowledged.delete(key);
    duties.delete(key);
    for (const [covered, into] of mergedInto) if (into === key && covered !== key) acknowledged.delete(covered);
  }

  // ---------------------------------------------------------------- the whole

  /** P1: everything that was acknowledged reached its recipient, or lies on the disk and waits. */
  function expectNothingLost(): void {
    for (const [key, { recipient, mentions }] of acknowledged) {
      const row = rowBehind(key);
      const isWaiting = row !== undefined && row.deliveredAtMs === null;
      if (isWaiting || isAccepted(key)) continue;
      const what = mentions.map(({ incident, kind }) => `${kind} of ${incident}`).join(", ");
      violate("P1", `lost: ${what}, to ${recipient} (${key.slice(0, 8)}): neither accepted nor on the disk`);
    }
  }

  function rowBehind(key: string): StoredRow | undefined {
    const row = disk.content.rows.get(key);
    return row?.mergedInto === null || row === undefined ? row : (disk.content.rows.get(row.mergedInto) ?? row);
  }

  function isAccepted(key: string): boolean {
    const into = mergedInto.get(key);
    return copies.has(key) || (into !== undefined && into !== key && isAccepted(into));
  }

  return {
    duties,
    see(happening) {
      switch (happening.kind) {
        case "attempt":
          return onAttempt(happening);
        case "accepted":
          return onAccepted(happening);
        case "outcome":
          return onOutcome(happening);
        case "settle":
          return onSettle(happening);
        case "supersede":
          return onSupersede(happening);
        case "commit":
          return onCommit(happening);
        case "drop":
          return onDrop(happening.key);
        case "disk":
          return expectNothingLost();
        case "watching":
          duties.clear();
          for (const row of happening.leftovers) take(row.key, row, learn(row));
          return;
        default:
          return;
      }
    },
    look: expectNobodyWaits,
    end: expectNothingLost,
  };
}

/** Names in order, so that only what is said counts. */
function canonical(bytes: string): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, sorted(inner)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(sorted(JSON.parse(bytes)));
}
