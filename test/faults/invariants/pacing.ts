// The exchange's side: how far apart the requests of a key are, and that nothing is asked while it wants silence.
import { PATHS, PUBLIC } from "../exchange.ts";
import type { Happening } from "../history.ts";
import { isBeside } from "../pages.ts";
import { SECOND } from "../time.ts";
import { minutes, type Oracle, type OracleParts } from "./scene.ts";

const SPACING_LEAST_MS = 500;
/** A pause counts from the moment at which its answer was read. */
const SLACK_MS = 20;
const POLL_SLACK_MS = 90 * SECOND;
/** After a silence whose length nobody stated the program may wait longer and longer, up to this. */
const OWN_WAIT_MOST_MS = 600 * SECOND;

/** Of the account itself: whatever else is asked for shows nothing of its levels. */
const isPoll = (path: string): boolean => path === PATHS.cross || path === PATHS.isolated;

interface Silence {
  readonly untilMs: number;
  /** Until then nobody needs to ask. */
  excusedUntilMs: number;
  readonly beganMs: number;
  readonly what: string;
  readonly isBan: boolean;
  readonly watch: number;
  /** Nothing is known that kept the program from storing it. */
  isKept: boolean;
}

export function pacing({ scenario, time, scene, violate }: OracleParts): Oracle {
  const lastMs = new Map<string, number>();
  let silence: Silence | undefined;
  let besideUntilMs = Number.NEGATIVE_INFINITY;
  let besideWatch = 0;
  /** Prices are told to be silent for themselves, but for a ban. */
  let pricesUntilMs = Number.NEGATIVE_INFINITY;
  let pricesWatch = 0;
  /** Since then there was a reason not to ask, or nobody who could. */
  let excusedMonoMs = 0;
  const lastPollMonoMs = new Map<string, number>();

  function onRequest(happening: Happening & { readonly kind: "request" }): void {
    const { atMs, account, path, watch } = happening;
    // The time is asked for in the lane of a key, but not by its name.
    const accounts = scene.config?.accounts ?? [];
    const key = account !== "nobody" ? account : accounts.length === 1 ? accounts[0]?.name : undefined;
    if (key !== undefined) {
      // Spacing is of keys: what was sent without one before a restart or a reload holds up nobody.
      const lane = key === PUBLIC ? `${key} ${watch}` : key;
      const gapMs = atMs - (lastMs.get(lane) ?? Number.NEGATIVE_INFINITY);
      if (gapMs < Math.max(SPACING_LEAST_MS, scenario.minSpacingMs))
        violate("pacing", `two requests of the key of ${key} left ${Math.round(gapMs)} ms apart (${path})`);
      lastMs.set(lane, atMs);
      if (isPoll(path)) lastPollMonoMs.set(key, happening.monoMs);
    }
    if (isBeside(path) && atMs < besideUntilMs - SLACK_MS && watch === besideWatch)
      violate("X3", `a request to ${path} ${minutes(besideUntilMs - atMs)} before the end of a silence for such paths`);
    if (path === PATHS.prices && atMs < pricesUntilMs - SLACK_MS && watch === pricesWatch)
      violate("B13", `a request to ${path} ${minutes(pricesUntilMs - atMs)} before the end of a silence of prices`);
    if (silence === undefined || atMs >= silence.untilMs - SLACK_MS) return;
    const isOther = watch !== silence.watch;
    // Only a ban is kept over a restart or a reload, by the wall clock, as far as the disk took it.
    const isExcused = isOther && (!silence.isBan || !silence.isKept || scene.clockTouchedMs >= silence.beganMs);
    if (isExcused) silence = undefined;
    else
      violate(
        silence.isBan ? "X2" : "X1",
        `a request to ${path} ${minutes(silence.untilMs - atMs)} before the end of a silence that the exchange asked for (${silence.what}${isOther ? ", before a restart" : ""})`,
      );
  }

  return {
    see(happening) {
      switch (happening.kind) {
        case "request":
          return onRequest(happening);
        case "reply": {
          const { reply, watch, atMs, path } = happening;
          if (reply.kind === "silence" && !reply.isBan && path === PATHS.prices) {
            [pricesUntilMs, pricesWatch] = [reply.untilMs, watch];
            return;
          }
          // A firewall that refuses what can wait silences nothing else.
          if (reply.kind === "silence" && reply.what === "403" && isBeside(path)) {
            [besideUntilMs, besideWatch] = [reply.untilMs, watch];
            return;
          }
          if (reply.kind !== "silence" || reply.untilMs <= (silence?.untilMs ?? 0)) return;
          const { untilMs, what, isBan } = reply;
          const isGuess = what.includes("text") && scene.clockTouchedMs > 0;
          const excusedUntilMs = isGuess ? Number.POSITIVE_INFINITY : untilMs;
          silence = { untilMs, excusedUntilMs, what, isBan, watch, beganMs: atMs, isKept: true };
          return;
        }
        case "fact":
          if (happening.name === "ban" && !happening.isStored && silence !== undefined) silence.isKept = false;
          return;
        case "died":
          if (happening.atMs === silence?.beganMs) silence.isKept = false;
          return;
        case "watching":
          lastPollMonoMs.clear();
          excusedMonoMs = happening.monoMs;
          return;
        case "machine":
          // A pause runs on the monotonic clock: it is as much longer as the machine slept. And by a clock that is wrong, the moment at
          // which a ban ends is taken to be later than it is.
          if (silence !== undefined && happening.what === "suspend") silence.excusedUntilMs += happening.ms;
          excusedMonoMs = happening.monoMs + (happening.what === "stall" ? happening.ms : 0);
          return;
        default:
          return;
      }
    },
    /** Somebody must ask. */
    look() {
      if (scene.config === undefined || time.nowMs() < time.frozenUntilMs()) return;
      if (silence !== undefined && time.nowMs() < silence.excusedUntilMs + OWN_WAIT_MOST_MS) {
        excusedMonoMs = time.monoMs();
        return;
      }
      for (const { name } of scene.config.accounts) {
        const sinceMs = Math.max(lastPollMonoMs.get(name) ?? 0, excusedMonoMs);
        // A refused key is asked once a minute, a spent weight budget ends with the minute: both are below a poll.
        const leastMs = scenario.pollMs + POLL_SLACK_MS + 10 * scenario.timeoutMs;
        if (time.monoMs() - sinceMs > leastMs)
          violate("P5", `nobody has asked for ${name} for ${minutes(time.monoMs() - sinceMs)}`);
      }
    },
  };
}
