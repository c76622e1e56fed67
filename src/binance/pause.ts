// Silence that the exchange asked for. Limits are per IP, so one pause stops every key behind it; asking on during a 429 is what
// turns it into a ban. It is handed to the caller to be kept, because neither a restart nor a reload lifts it.
import type { Clock } from "../core/ports.ts";
import { type Backoff, stepMs } from "../lib/backoff.ts";
import type { Log } from "../lib/log.ts";
import { ExchangeError } from "./errors.ts";
import type { Stop } from "./limits.ts";
import type { Urgency } from "./pace.ts";

/** Wall ms. The beginning tells a clock that is wrong: nothing was kept before it happened. */
export interface Ban {
  readonly beginMs: number;
  readonly untilMs: number;
  /** Undefined: a ban, as older versions wrote it. */
  readonly kind?: Stop["kind"];
}

export interface Bans {
  /** The pause that was kept last; undefined when there is none. */
  load(): Ban | undefined;
  save(ban: Required<Ban>): void;
  clear(): void;
}

export interface Pause {
  /** The failure that every read has now, or undefined when requests may be sent. What can wait stays silent for longer. */
  current(urgency?: Urgency): ExchangeError | undefined;
  /**
   * Notes that the exchange asked for silence; returns the failure of the request that it said it to. A firewall that refuses what can
   * wait (a POST, a path that it does not like) silences only that: the account is not blinded for it.
   */
  begin(stop: Stop, urgency?: Urgency): ExchangeError;
  /** What `begin` silences by such a stop, in words for the log. */
  silenced(stop: Pick<Stop, "kind">, urgency?: Urgency): string;
  /** An answer came through: the next pause without a stated length starts short again. */
  answered(): void;
}

type Least = Readonly<Record<Stop["kind"], Backoff>>;

const OWN_WAIT: Backoff = { firstMs: 5_000, maxMs: 600_000 };
const always = (ms: number): Backoff => ({ firstMs: ms, maxMs: ms });
const LEAST: Least = { rate: always(1_000), firewall: always(60_000), ban: always(1_000) };
const MOST_MS = { rate: 600_000, firewall: 600_000, ban: 3 * 86_400_000 } as const satisfies Record<
  Stop["kind"],
  number
>;
const STATUS = { rate: 429, firewall: 403, ban: 418 } as const satisfies Record<Stop["kind"], number>;
/** After a pause the account is read first, and for so long alone. */
const CALM_MS = 300_000;
const UNSTATED_BAN_MS = 120_000; // the shortest ban that Binance documents
/** By so much a clock may be set back between the ban and the restart and still be believed. */
const CLOCK_SLACK_MS = 60_000;

export interface PauseOptions {
  readonly clock: Clock;
  readonly bans: Bans;
  /** The shortest pause, whatever is asked for: the first, and how those that follow it without an answer grow. */
  readonly least?: Least;
  readonly log: Log;
}

const isOnlyLater = ({ kind }: Pick<Stop, "kind">, urgency: Urgency): boolean =>
  kind === "firewall" && urgency === "later";

export function createPause({ clock, bans, least = LEAST, log }: PauseOptions): Pause {
  // On the monotonic clock: a wall clock that is set forward must not end a ban early.
  let untilMonoMs = Number.NEGATIVE_INFINITY;
  let reason: Pick<Stop, "kind" | "detail"> = { kind: "rate", detail: "" };
  let strikes = 0;
  let laterUntilMonoMs = Number.NEGATIVE_INFINITY;
  let laterReason: typeof reason = reason;

  const kept = bans.load();
  let isKept = kept !== undefined;
  if (kept !== undefined && isAhead(kept, clock)) {
    // A machine without a battery-backed clock starts in the past: an old ban would last as long as that is.
    log.warn(
      { ...kept },
      "a ban is kept that begins in the future: this machine's clock is wrong, and the ban is ignored",
    );
  } else if (kept !== undefined) {
    const { kind = "ban" } = kept;
    untilMonoMs = clock.monoMs() + Math.min(kept.untilMs - clock.wallMs(), MOST_MS[kind]);
    reason = { kind, detail: `HTTP ${STATUS[kind]}, before the restart` };
  }

  const leftMs = () => untilMonoMs - clock.monoMs();
  const failure = ({ kind, detail }: typeof reason, waitMs: number): ExchangeError =>
    new ExchangeError({
      code: kind === "ban" ? "banned" : "rate_limited",
      detail,
      untilMs: Math.round(clock.wallMs() + waitMs),
    });
  const waitFor = ({ kind, askedMs }: Stop): number => {
    const unstatedMs = kind === "ban" ? UNSTATED_BAN_MS : stepMs(OWN_WAIT, strikes);
    const leastMs = stepMs(least[kind], Math.max(1, strikes));
    return Math.min(MOST_MS[kind], Math.max(leastMs, askedMs ?? unstatedMs));
  };

  return {
    current(urgency = "now") {
      const waitMs = leftMs() + (urgency === "later" ? CALM_MS : 0);
      if (waitMs > 0) return failure(reason, waitMs);
      const laterMs = urgency === "later" ? laterUntilMonoMs - clock.monoMs() : 0;
      return laterMs > 0 ? failure(laterReason, laterMs) : undefined;
    },
    begin(stop, urgency = "now") {
      if (isOnlyLater(stop, urgency)) {
        const waitMs = Math.max(CALM_MS, waitFor(stop));
        laterUntilMonoMs = clock.monoMs() + waitMs;
        laterReason = stop;
        return failure(stop, waitMs);
      }
      // Answers to requests that were under way together are one strike, not several.
      if (leftMs() <= 0) strikes++;
      const waitMs = waitFor(stop);
      if (waitMs > leftMs()) {
        untilMonoMs = clock.monoMs() + waitMs;
        reason = stop;
      }
      const error = failure(reason, leftMs());
      isKept = true;
      bans.save({ beginMs: Math.round(clock.wallMs()), untilMs: error.failure.untilMs ?? 0, kind: reason.kind });
      return error;
    },
    silenced: (stop, urgency = "now") =>
      isOnlyLater(stop, urgency) ? "nothing that can wait is asked" : "no request of any key",
    answered() {
      if (leftMs() > 0) return; // to a request that was under way when the pause began
      strikes = 0;
      if (!isKept) return;
      isKept = false;
      bans.clear();
    },
  };
}

const isAhead = ({ beginMs }: Ban, clock: Clock): boolean => clock.wallMs() < beginMs - CLOCK_SLACK_MS;
