// What every invariant needs to know of the run so far: which program runs with which settings, since when, and when the clocks were
// last touched. Made of the history alone.
import type { AlertState } from "../../../src/core/lifecycle.ts";
import type { AlertId, OutboxRow, Section, Severity } from "../../../src/core/ports.ts";
import type { Books } from "../books.ts";
import type { Disk } from "../disk.ts";
import type { Happening } from "../history.ts";
import type { Config, Scenario } from "../scenario.ts";
import type { Time } from "../time.ts";
import type { Truth } from "../truth.ts";

export interface OracleParts {
  readonly scenario: Scenario;
  readonly truth: Truth;
  readonly books: Books;
  readonly time: Time;
  readonly disk: Disk;
  readonly scene: Scene;
  violate(invariant: string, text: string): void;
}

/** Looks on, and says what must not be. */
export interface Oracle {
  see(happening: Happening): void;
  /** Between happenings, every two minutes of true time. */
  look?(): void;
  /** The run is over and nothing was found. */
  end?(): void;
}

export interface Scene {
  /** Undefined while no watch runs. */
  readonly config: Config | undefined;
  readonly watch: number;
  readonly process: number;
  readonly watchingSinceMs: number;
  readonly watchingSinceMonoMs: number;
  /** The clocks were last touched then, or the machine slept or stood still until then: what is late since may be late. */
  readonly disturbedMs: number;
  /** A step of the wall clock, a suspend or a drift: durations by the wall clock are wrong from then on. */
  readonly clockTouchedMs: number;
  /** Since when these settings are in force, over restarts. */
  readonly configSinceMs: number;
  /** The disk refused something since the last time that it took something. */
  readonly isDiskFailing: boolean;
  readonly diskFailedMs: number;
  /** It refused a commit that held memories. The rest of that is tried again at once, so nothing else is known by it. */
  readonly memoriesFailedMs: number;
}

export interface LiveScene {
  readonly scene: Scene;
  see(happening: Happening): void;
}

export function createScene(time: Time): LiveScene {
  const live = {
    config: noConfig(),
    watch: 0,
    process: 0,
    watchingSinceMs: 0,
    watchingSinceMonoMs: 0,
    configSinceMs: 0,
    clockTouchedMs: Number.NEGATIVE_INFINITY,
    isDiskFailing: false,
    diskFailedMs: Number.NEGATIVE_INFINITY,
    memoriesFailedMs: Number.NEGATIVE_INFINITY,
    get disturbedMs() {
      return Math.max(time.frozenUntilMs(), live.clockTouchedMs);
    },
  };
  let lastConfig = noConfig();
  return {
    scene: live,
    see(happening) {
      const { kind, atMs, monoMs, watch, process } = happening;
      if (kind === "watching") {
        Object.assign(live, {
          config: happening.config,
          watch,
          process,
          watchingSinceMs: atMs,
          watchingSinceMonoMs: monoMs,
        });
        live.isDiskFailing = false;
        if (lastConfig !== happening.config) live.configSinceMs = atMs;
        lastConfig = happening.config;
      } else if (kind === "left" || kind === "died" || kind === "stopped") live.config = undefined;
      else if (kind === "machine" && happening.what !== "stall") live.clockTouchedMs = atMs;
      else if (kind === "commit" && happening.added === undefined && (happening.change.memories ?? []).length > 0)
        live.memoriesFailedMs = atMs;
      else if (kind === "commit") {
        live.isDiskFailing = happening.added === undefined;
        if (live.isDiskFailing) live.diskFailedMs = atMs;
      } else if ((kind === "settle" || kind === "supersede" || kind === "fact") && !happening.isAcknowledged)
        live.diskFailedMs = atMs;
    },
  };
}

const noConfig = (): Config | undefined => undefined;

// ---------------------------------------------------------------- small words

export const nameOf = ({ account, subject, rule }: AlertId): string => `${account}|${subject}|${rule}`;

const RANKS: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };
/** −1 for none. */
export const rankOf = (severity: Severity | null | undefined): number =>
  severity === null || severity === undefined ? -1 : RANKS[severity];

export const isFiring = (state: AlertState | undefined): state is Extract<AlertState, { phase: "firing" }> =>
  state?.phase === "firing";

/** What a message says of one incident. */
export interface Mention {
  /** "main|cross|cross-level@1583…" */
  readonly incident: string;
  /** "A1B2" */
  readonly short: string;
  readonly seq: number;
  readonly kind: Section["kind"];
}

const REF = /^#([0-9A-Z]{4})-(\d+)$/;

/** Of the row's message, incident by incident. */
export function mentionsOf({ incidents, message }: Pick<OutboxRow, "incidents" | "message">): readonly Mention[] {
  return [...message.sections, ...(message.moreSections ?? [])].flatMap(({ ref, kind }, index) => {
    const found = REF.exec(ref);
    const incident = incidents[index];
    return found === null || incident === undefined
      ? []
      : [{ incident, short: found[1] ?? "", seq: Number(found[2]), kind }];
  });
}

export const minutes = (ms: number): string => `${Math.round(ms / 6000) / 10} min`;
