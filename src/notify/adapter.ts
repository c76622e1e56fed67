// What every notifier is made of: a config schema beside its adapter, and a function that turns settings into a Notifier.
// The heavy libraries behind an adapter are loaded by its first `verify` or `send`, never when the module is: a poll must
// not wait for the mail library.
import type { z } from "zod";
import type { Language } from "../core/format.ts";
import type { Clock, Notifier } from "../core/ports.ts";
import type { Log } from "../lib/log.ts";

/** What an adapter needs from the program. */
export interface NotifierDeps {
  readonly clock: Clock;
  readonly log: NotifyLog;
  /** Stable id of this installation: the right side of Message-IDs. */
  readonly instance: string;
  readonly timezone: string;
  readonly language: Language;
  /** Where the console notifier prints; process.stdout has this shape. */
  readonly out: Out;
}

/** The part of the log that adapters use: debug for what is worth knowing and changes nothing, warn for a mistake of ours. */
export type NotifyLog = Pick<Log, "debug" | "warn">;

export interface Out {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** Node's own answer for a terminal, which honours NO_COLOR and FORCE_COLOR. */
  hasColors?(): boolean;
}

export interface NotifierType<Settings> {
  readonly schema: z.ZodType<Settings>;
  create(name: string, settings: Settings, deps: NotifierDeps): Notifier;
}
