// What a message is about: a transition and the facts behind it, before they are put into words.
import type { ChannelTrouble } from "./channel.ts";
import type { Blindness } from "./feed.ts";
import type { HistoryRow, Loan } from "./history.ts";
import type { Insight } from "./insight.ts";
import type { InterestNews } from "./interest.ts";
import type { Transition } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import type { AlertId, Bars, CrossAnswer, Failure, Severity, Subject } from "./ports.ts";
import type { PushStream } from "./push.ts";
import type { Verdict } from "./rules/compile.ts";
import type { FieldName } from "./rules/fields.ts";
import type { Ladder } from "./rules/types.ts";

/** What was last known of a subject. */
export interface Known {
  readonly subject: Subject;
  readonly atMs: number;
  readonly level: number | null;
  readonly status: string | null;
  readonly distancePct: number | null;
  /** All that is owed, in USDT; null: no price tells. Undefined when an older version wrote this. */
  readonly debtUsdt?: number | null | undefined;
  /** The worst severity that fires on it now. */
  readonly severity: Severity | null;
}

export interface FieldFacts {
  readonly about: "field";
  readonly field: FieldName;
  readonly ladder: Ladder["kind"];
  /** Undefined when the alert is over. */
  readonly verdict: Verdict | undefined;
  readonly observation: Observation;
  readonly bars: Bars;
  /** Where to get back to, as a number: see Rule.target. */
  readonly target: number | undefined;
  /** What is known beside the observation; undefined where nobody remembers anything. */
  readonly insight?: Insight | undefined;
}

export type Facts =
  | FieldFacts
  | { readonly about: "blind"; readonly blindness: Blindness | undefined; readonly known: readonly Known[] }
  | { readonly about: "config"; readonly problem: ConfigProblem | undefined }
  | {
      readonly about: "gone";
      readonly last: Known | undefined;
      readonly back: "with debt" | "without debt" | undefined;
    }
  | { readonly about: "undelivered"; readonly trouble: ChannelTrouble | undefined }
  | { readonly about: "daemon"; readonly trouble: DaemonTrouble }
  | { readonly about: "removed"; readonly field: string | undefined }
  /** Rows of one cycle that one rule told of, oldest first. */
  | { readonly about: "history"; readonly rows: readonly HistoryRow[] }
  /** Empty when everything is paid back. */
  | { readonly about: "loan"; readonly loans: readonly Loan[] }
  | { readonly about: "flags"; readonly flips: readonly Flip[]; readonly cross: CrossAnswer | undefined }
  | { readonly about: "delisting"; readonly threat: DelistingThreat }
  | { readonly about: "restriction"; readonly restriction: Restriction }
  /** `level` is what the account itself says; undefined before the first answer. */
  | { readonly about: "margin-call"; readonly pushed: PushedCall | undefined; readonly level: number | undefined }
  /** `news` undefined: it is over, for nothing of the asset is owed any more. */
  | { readonly about: "interest"; readonly news: InterestNews | undefined }
  | { readonly about: "source"; readonly trouble: SourceTrouble | undefined }
  /** `reason` undefined: it works again. `isOffered`: it is not retired, and cannot be connected all the same. */
  | {
      readonly about: "stream";
      readonly stream: PushStream;
      readonly reason: string | undefined;
      readonly isOffered: boolean;
    };

export type FactsOf<About extends Facts["about"]> = Extract<Facts, { readonly about: About }>;

/** A flag or the account type that is not what it was. `field` is one of FIELDS. */
export interface Flip {
  readonly field: FieldName;
  readonly from: boolean | string;
  readonly to: boolean | string;
  /** It flipped so often that it is not told again for an hour. */
  readonly isFlapping?: boolean;
}

/** A delisting that meets a position. `kind` over: it is not on the schedule any more, or nothing is held or owed of it. */
export type DelistingThreat =
  | { readonly kind: "over"; readonly why: "left" | "rescheduled" }
  | {
      readonly kind: "asset";
      readonly asset: string;
      readonly atMs: number;
      readonly held: number;
      readonly owed: number;
      /** Margin level now, and as it would be without this collateral; undefined where no price tells, or without debt. */
      readonly level: number | undefined;
      readonly levelWithout: number | undefined;
      /** The account owes anything at all: only then can it be liquidated. */
      readonly inDebt: boolean;
      /** Nothing of it is owed, and it is so little that nobody would miss it. */
      readonly isMinor: boolean;
    }
  | {
      readonly kind: "pair";
      readonly symbol: string;
      readonly atMs: number;
      readonly inDebt: boolean;
      readonly isMinor: boolean;
    };

/** What the exchange restricts of an asset that is held or owed; both false when nothing any more. */
export interface Restriction {
  readonly asset: string;
  readonly maxCollateral: boolean;
  readonly openLong: boolean;
}

export interface PushedCall {
  /** The exchange's word: MARGIN_CALL … */
  readonly status: string;
  readonly level: number | undefined;
  readonly atMs: number;
}

/** Why something that the exchange offered cannot be read any more. */
export type SourceTrouble =
  /** -1016, -1020: the exchange took it away. `detail` is a clause. */
  | { readonly kind: "gone"; readonly detail: string }
  /** A field that a rule uses is not in the answers any more. */
  | { readonly kind: "field"; readonly field: string }
  /** Known under an older name only, which is used in its place. */
  | { readonly kind: "renamed"; readonly field: string; readonly oldName: string }
  /** It was not readable for long, for another reason. */
  | { readonly kind: "unread"; readonly sinceMs: number; readonly failure: Failure };

export type ConfigProblem =
  | { readonly kind: "not_opened" }
  | { readonly kind: "not_created" }
  /** A rule on what an account of this type does not have. */
  | { readonly kind: "no_field"; readonly rule: string; readonly field: FieldName; readonly accountType: string }
  | { readonly kind: "disorder"; readonly rule: string; readonly milder: Severity; readonly worse: Severity };

/** What can be wrong with margind itself. `disk` and `config-rejected` last until they are over; the others are told once. */
export type DaemonTrouble =
  /** `isShort`: it still takes what is written, into the room that was kept back. */
  | { readonly kind: "disk"; readonly reason: string | undefined; readonly isShort: boolean }
  | { readonly kind: "config-rejected"; readonly problems: readonly string[] }
  | { readonly kind: "gives-up"; readonly reason: string }
  /** First lines of messages whose notifier is gone from the config. */
  | { readonly kind: "undelivered"; readonly titles: readonly string[] }
  | { readonly kind: "state-lost"; readonly what: LostState; readonly movedTo: string | undefined }
  | { readonly kind: "restarts"; readonly count: number; readonly sinceMs: number; readonly crash: string | undefined }
  | { readonly kind: "gap"; readonly fromMs: number; readonly toMs: number; readonly why: "down" | "asleep" };

/** The database was damaged, is gone or empty, is not given by the disk, or holds rows that are not what was written. */
export type LostState = "damaged" | "vanished" | "unreadable" | "rows";

export interface Situation {
  readonly id: AlertId;
  readonly transition: Transition;
  readonly facts: Facts;
}
