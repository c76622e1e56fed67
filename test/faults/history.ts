// What happened in one run, in order, as seen from outside the program: at the exchange, at the sinks, on the disk, at the clocks.
// The invariants read it as it is written and judge nothing else.
import type { Delivery, NewRow, OutboxRow, Settlement, Source } from "../../src/core/ports.ts";
import type { PushEvent } from "../../src/core/push.ts";
import type { Change } from "../../src/core/store.ts";
import type { Delisted, Loaned, Restricted } from "./books.ts";
import type { Config } from "./scenario.ts";
import { BEGIN_MS } from "./time.ts";

/** What a well-formed answer said of one subject. */
export interface Seen {
  readonly subject: string;
  /** Everything that a rule needs could be read. */
  readonly isValid: boolean;
  readonly isPresent: boolean;
  readonly hasDebt: boolean;
  readonly value: number;
  /** As the exchange called it. */
  readonly status: string;
  readonly flags: Readonly<Record<string, boolean>>;
}

/** What reached the process of one request. */
export type Reply =
  /** An answer of the account; `isWhole`: nothing in it was spoilt. */
  | { readonly kind: "answer"; readonly source: Source; readonly isWhole: boolean; readonly seen: readonly Seen[] }
  /** What is announced, or owed after a liquidation, as it was really answered. */
  | { readonly kind: "schedule"; readonly entries: readonly Delisted[] }
  | { readonly kind: "restrictions"; readonly what: Restricted }
  | { readonly kind: "loan"; readonly loan: Loaned | undefined }
  /** Anything else that is no answer of the account. */
  | { readonly kind: "other" }
  | { readonly kind: "failure"; readonly what: string; readonly isHopeless: boolean }
  /** The exchange asked for silence until then, true time. */
  | { readonly kind: "silence"; readonly what: string; readonly untilMs: number; readonly isBan: boolean };

export type Outcome = "ok" | "not_sent" | "ambiguous" | "refused" | "payload" | "error";

export type Happening = {
  readonly atMs: number;
  readonly monoMs: number;
  readonly process: number;
  readonly watch: number;
} & Deed;

export type Deed =
  | { readonly kind: "began" }
  | { readonly kind: "watching"; readonly config: Config; readonly leftovers: readonly OutboxRow[] }
  | { readonly kind: "left" }
  | { readonly kind: "died"; readonly how: string }
  | { readonly kind: "stopped"; readonly sleeping: number }
  | { readonly kind: "machine"; readonly what: "step" | "suspend" | "stall" | "drift"; readonly ms: number }
  | { readonly kind: "request"; readonly account: string; readonly path: string; readonly symbols: readonly string[] }
  | { readonly kind: "reply"; readonly account: string; readonly path: string; readonly reply: Reply }
  | {
      readonly kind: "commit";
      readonly change: Change;
      /** Undefined: the store said that it failed. */
      readonly added: readonly OutboxRow[] | undefined;
      readonly isStored: boolean;
    }
  | {
      readonly kind: "settle";
      readonly key: string;
      readonly settlement: Settlement;
      readonly isAcknowledged: boolean;
      readonly isStored: boolean;
    }
  | {
      readonly kind: "supersede";
      readonly keys: readonly string[];
      readonly row: NewRow;
      readonly isAcknowledged: boolean;
      readonly isStored: boolean;
    }
  | { readonly kind: "drop"; readonly key: string }
  | {
      readonly kind: "fact";
      readonly name: string;
      readonly value: string;
      readonly isAcknowledged: boolean;
      readonly isStored: boolean;
    }
  | { readonly kind: "disk"; readonly lost: number }
  /** Something came over a stream. */
  | { readonly kind: "pushed"; readonly account: string; readonly event: PushEvent }
  | { readonly kind: "attempt"; readonly notifier: string; readonly delivery: Delivery }
  | { readonly kind: "accepted"; readonly notifier: string; readonly delivery: Delivery; readonly bytes: string }
  | {
      readonly kind: "outcome";
      readonly notifier: string;
      readonly recipient: string;
      readonly key: string;
      readonly outcome: Outcome;
    }
  | { readonly kind: "verified"; readonly notifier: string; readonly outcome: Outcome }
  | { readonly kind: "ping"; readonly problem: string | undefined }
  | { readonly kind: "log"; readonly level: string; readonly text: string }
  | { readonly kind: "calm" };

export interface History {
  /** The latest, or all of them. */
  readonly happenings: readonly Happening[];
  readonly count: number;
  record(happening: Happening): void;
}

/** What is not kept dies young: two days are thousands of happenings, and of a run in which nothing is wrong nobody reads them. */
const LATEST = 40;

export function createHistory(isKept: boolean, onRecord: (happening: Happening) => void): History {
  const happenings: Happening[] = [];
  const history = {
    happenings,
    count: 0,
    record(happening: Happening) {
      history.count += 1;
      happenings.push(happening);
      if (!isKept && happenings.length > 2 * LATEST) happenings.splice(0, LATEST);
      onRecord(happening);
    },
  };
  return history;
}

/** One line for a person: when, who, what. */
export function lineOf({ atMs, process, watch, ...deed }: Happening): string {
  const sinceMs = atMs - BEGIN_MS;
  const day = Math.floor(sinceMs / 86_400_000);
  const time = new Date(BEGIN_MS + sinceMs).toISOString().slice(11, 23);
  return `day ${day} ${time}  p${process}.${watch}  ${deed.kind.padEnd(9)} ${wordsOf(deed)}`;
}

const short = (key: string): string => key.slice(0, 8);

function wordsOf(deed: Deed & { readonly monoMs: number }): string {
  switch (deed.kind) {
    case "began":
    case "left":
    case "calm":
      return "";
    case "watching":
      return `${deed.config.rules.map(({ id }) => id).join(", ")}; ${deed.leftovers.length} left over`;
    case "died":
      return deed.how;
    case "stopped":
      return deed.sleeping === 0 ? "" : `${deed.sleeping} still sleep`;
    case "machine":
      return `${deed.what} ${Math.round(deed.ms / 1000)} s`;
    case "request":
      return `${deed.account} ${deed.path} ${deed.symbols.join(",")}`;
    case "reply":
      return `${deed.account} ${deed.path} ${replyWords(deed.reply)}`;
    case "commit":
      return commitWords(deed.change, deed.added, deed.isStored);
    case "settle":
      return `${short(deed.key)} ${deed.settlement.kind}${storeWords(deed)}`;
    case "supersede":
      return `${deed.keys.map(short).join(" ")} by ${short(deed.row.key)}${storeWords(deed)}`;
    case "drop":
      return short(deed.key);
    case "fact":
      return `${deed.name} = ${deed.value}${storeWords(deed)}`;
    case "disk":
      return `${deed.lost} unsynced transactions are lost`;
    case "attempt":
    case "accepted":
      return `${deed.notifier} ${deed.delivery.recipient} ${short(deed.delivery.key)} attempt ${deed.delivery.attempt}: ${deed.delivery.message.title}`;
    case "outcome":
      return `${deed.notifier} ${deed.recipient} ${short(deed.key)} ${deed.outcome}`;
    case "verified":
      return `${deed.notifier} ${deed.outcome}`;
    case "pushed":
      return `${deed.account} ${Object.values(deed.event).join(" ")}`;
    case "ping":
      return deed.problem ?? "good";
    case "log":
      return `${deed.level} ${deed.text}`;
  }
}

function storeWords({
  isAcknowledged,
  isStored,
}: {
  readonly isAcknowledged: boolean;
  readonly isStored: boolean;
}): string {
  if (isAcknowledged) return "";
  return isStored ? " (failed, but stored)" : " (failed)";
}

function replyWords(reply: Reply): string {
  if (reply.kind === "other") return "";
  if (reply.kind === "failure") return `failure: ${reply.what}`;
  if (reply.kind === "silence") return `silence: ${reply.what} until ${new Date(reply.untilMs).toISOString()}`;
  if (reply.kind !== "answer") return JSON.stringify(reply);
  const subjects = reply.seen.map(({ subject, isValid, isPresent, hasDebt, value, status, flags }) => {
    if (!isValid) return `${subject} unreadable`;
    if (!isPresent) return `${subject} absent`;
    const off = Object.entries(flags).flatMap(([name, isOn]) => (isOn ? [] : [`no ${name}`]));
    return [subject, hasDebt ? `${value} ${status}` : "no debt", ...off].join(" ");
  });
  return `${reply.isWhole ? "" : "in part: "}${subjects.join(", ")}`;
}

function commitWords(change: Change, added: readonly OutboxRow[] | undefined, isStored: boolean): string {
  const alerts = change.alerts.map(({ id, state }) => {
    const phase =
      state === undefined
        ? "quiet"
        : state.phase === "pending"
          ? "pending"
          : `${state.severity} ${state.incident}-${state.seq}`;
    return `${id.account} ${id.subject} ${id.rule} ${phase}`;
  });
  const rows = change.rows.map(({ key, recipient, message }) => `${short(key)} to ${recipient} ${message.kind}`);
  const events = (change.events ?? []).map(({ row, isTold }) => `${isTold ? "told " : ""}${row.kind} ${row.id}`);
  const facts = (change.facts ?? []).map(({ name, value }) => `${name} = ${value}`);
  const failed = added === undefined ? ` (failed${isStored ? ", but stored" : ""})` : "";
  return `${[...alerts, ...rows, ...events, ...facts].join("; ")}${failed}`;
}
