// What a message is about: a transition and the facts behind it, before they are put into words.
import type { ChannelTrouble } from "./channel.ts";
import type { Blindness } from "./feed.ts";
import type { Transition } from "./lifecycle.ts";
import type { Observation } from "./observe.ts";
import type { AlertId, Bars, Severity, Subject } from "./ports.ts";
import type { Verdict } from "./rules/compile.ts";
import type { FieldName } from "./rules/fields.ts";

/** What was last known of a subject. */
export interface Known {
  readonly subject: Subject;
  readonly atMs: number;
  readonly level: number | null;
  readonly status: string | null;
  readonly distancePct: number | null;
  /** The worst severity that fires on it now. */
  readonly severity: Severity | null;
}

export interface FieldFacts {
  readonly about: "field";
  readonly field: FieldName;
  readonly ladder: "below" | "above" | "is";
  /** Undefined when the alert is over. */
  readonly verdict: Verdict | undefined;
  readonly observation: Observation;
  readonly bars: Bars;
  /** Where to get back to, as a number: see Rule.target. */
  readonly target: number | undefined;
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
  | { readonly about: "removed"; readonly field: string | undefined };

export type ConfigProblem =
  | { readonly kind: "not_opened" }
  | { readonly kind: "not_created" }
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
