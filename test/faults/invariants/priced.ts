// Prices, and what they may do: bring a poll forward, and nothing else. An alert moves with an answer of the account and never without
// one; the account is not stormed with polls; and prices are asked for without its key.
import type { AlertState } from "../../../src/core/lifecycle.ts";
import type { AlertId } from "../../../src/core/ports.ts";
import { isSpike } from "../answers.ts";
import { PATHS } from "../exchange.ts";
import type { Happening } from "../history.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../time.ts";
import { isFiring, minutes, nameOf, type Oracle, type OracleParts } from "./scene.ts";

/** From an answer to its commit, as elsewhere. */
const WORK_MS = 90 * SECOND;
const STORM_WINDOW_MS = 10 * MINUTE;
/** What starts and reloads add, and a poll that left out what was still being read. */
const STORM_SLACK = 4;
/** Rates are known for so long after they were read. */
const RATES_MS = 3 * HOUR + WORK_MS;

export function priced({ scenario, time, scene, violate }: OracleParts): Oracle {
  /** Valid answers about a subject of which no alert has made use. */
  const unused = new Map<string, { readonly atMs: number; readonly watch: number }>();
  /** As last committed, by alert. */
  const states = new Map<string, AlertState | undefined>();
  const polls = new Map<string, number[]>();
  const owing = new Map<string, boolean>();
  let failedMs = Number.NEGATIVE_INFINITY;

  // ---------------------------------------------------------------- by answers alone

  function onCommit({ change, watch }: Happening & { readonly kind: "commit" }): void {
    const used = new Set<string>();
    for (const { id, state } of change.alerts) {
      const name = nameOf(id);
      const before = states.get(name);
      if (before === state && states.has(name)) continue; // what the disk did not take before
      states.set(name, state);
      if (id.rule === "interest-rate") onInterest(id, before, state);
      if (!isOfAnswers(id, state)) continue;
      const place = `${id.account}|${id.subject}`;
      used.add(place);
      const look = unused.get(place);
      const isFresh =
        look?.watch === watch &&
        time.nowMs() - Math.max(look.atMs, Math.min(time.frozenUntilMs(), time.nowMs())) <= WORK_MS;
      if (!isFresh)
        violate(
          "estimate",
          `${name} became ${state?.phase ?? "quiet"}, and no answer about it came since it last moved`,
        );
    }
    for (const place of used) unused.delete(place);
  }

  /** A rule of the config, that watches and is not just ending with the config that had it. */
  const isOfAnswers = ({ rule }: AlertId, state: AlertState | undefined) =>
    scene.config?.rules.some(({ id }) => id === rule) === true && (state !== undefined || !isBeginning());
  const isBeginning = () => time.nowMs() - scene.watchingSinceMs < SECOND;

  // ---------------------------------------------------------------- no storms

  function onRequest({ account, path }: Happening & { readonly kind: "request" }): void {
    const found = scene.config?.accounts.find(({ name }) => name === account);
    if (found === undefined) return;
    if (path === PATHS.prices && found.delistings === undefined)
      violate("lane", `prices are asked for with the key of ${account}, in the lane of its polls`);
    if (path !== PATHS.cross || found.stream === true) return; // streams bring polls forward, too
    const lately = (polls.get(account) ?? []).filter((atMs) => atMs > time.nowMs() - STORM_WINDOW_MS);
    polls.set(account, [...lately, time.nowMs()]);
    const beganMs = time.nowMs() - 2 * STORM_WINDOW_MS;
    if (Math.max(failedMs, scene.disturbedMs, scene.watchingSinceMs) > beganMs) return;
    const times = (everyMs: number | undefined) => (everyMs === undefined ? 0 : Math.ceil(STORM_WINDOW_MS / everyMs));
    const urgentMs = found.pollWhenFiring === undefined ? undefined : Number(found.pollWhenFiring);
    const most = times(scenario.pollMs) + times(urgentMs) + times(scene.config?.prices?.everyMs) + STORM_SLACK;
    if (lately.length > most)
      violate(
        "storm",
        `${account} was asked for ${lately.length} times within ${minutes(STORM_WINDOW_MS)}, ${most} are enough`,
      );
  }

  // ---------------------------------------------------------------- interest

  function onInterest(
    { account, subject }: AlertId,
    before: AlertState | undefined,
    after: AlertState | undefined,
  ): void {
    const found = scene.config?.accounts.find(({ name }) => name === account);
    if (isFiring(before) === isFiring(after) || found?.interest === undefined) return;
    if (scene.clockTouchedMs > time.nowMs() - DAY) return;
    const [, asset = ""] = subject.split(" ");
    const isSeen = (isHigh: boolean) =>
      [0, 1, 2, 3].some(
        (hours) => isSpike(asset, time.nowMs() - Math.min(hours * HOUR, RATES_MS), scenario.calmMs) === isHigh,
      );
    if (isFiring(after) && !isSeen(true))
      violate("interest", `${account} ${asset} is called dear, and no rate was unusual within ${minutes(RATES_MS)}`);
    if (!isFiring(after) && !isSeen(false) && owesAnything(account))
      violate("interest", `${account} ${asset} is called usual, and its rate was high for ${minutes(RATES_MS)}`);
  }

  const owesAnything = (account: string) =>
    [...owing].every(([place, owes]) => !place.startsWith(`${account}|`) || owes);

  return {
    see(happening) {
      switch (happening.kind) {
        case "commit":
          return onCommit(happening);
        case "request":
          return onRequest(happening);
        case "reply": {
          const { account, reply, watch, atMs } = happening;
          if (reply.kind === "failure" || reply.kind === "silence") failedMs = atMs;
          if (reply.kind !== "answer") return;
          for (const { subject, isValid, isPresent, hasDebt } of reply.seen) {
            if (!isValid) continue;
            unused.set(`${account}|${subject}`, { atMs, watch });
            if (isPresent) owing.set(`${account}|${subject}`, hasDebt);
          }
          return;
        }
        case "watching":
          states.clear();
          return;
        default:
          return;
      }
    },
  };
}
