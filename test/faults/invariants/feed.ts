// Blindness is loud (P5): when nothing valid arrives, BLIND is committed in time, is not cried without a reason, and ends only with
// fresh evidence. And the dead man's switch says good only when all is good, and bad only when something is.
import type { AlertState } from "../../../src/core/lifecycle.ts";
import type { Source } from "../../../src/core/ports.ts";
import type { Happening, Outcome, Reply } from "../history.ts";
import { HOUR, MINUTE, SECOND } from "../time.ts";
import type { DeliveryOracle } from "./delivery.ts";
import { isFiring, minutes, type Oracle, type OracleParts } from "./scene.ts";

/** Waiting for companions and bars, and a guard. */
const WORK_MS = 10 * SECOND;
const STUCK_MS = 2 * MINUTE;

interface Sight {
  /** Monotonic time of the last answer in which everything could be read, or of the start of the watch. */
  okMonoMs: number;
  hasSeen: boolean;
  /** Since the last valid answer: a failure that time alone does not mend. */
  isHopeless: boolean;
  /** By symbol, where a list is asked for in parts. */
  readonly symbols: Map<string, number>;
}

export function feed(
  { scenario, time, scene, violate }: OracleParts,
  states: ReadonlyMap<string, AlertState>,
  { duties }: DeliveryOracle,
): Oracle {
  const sights = new Map<string, Sight>();
  /** What each channel said last, by notifier and recipient. */
  const refused = new Set<string>();
  const troubled = new Set<string>();
  let blindSinceMs = new Map<string, number>();
  let lastPingMonoMs: number | undefined;
  let isBanKept = false;
  let isSilent = false;

  const sourcesOf = (account: string): readonly Source[] => {
    const found = scene.config?.accounts.find(({ name }) => name === account);
    if (found === undefined) return [];
    return [...(found.cross ? ["cross" as const] : []), ...(found.isolated === "none" ? [] : ["isolated" as const])];
  };
  const each = (): readonly { readonly account: string; readonly source: Source; readonly sight: Sight }[] =>
    (scene.config?.accounts ?? []).flatMap(({ name }) =>
      sourcesOf(name).flatMap((source) => {
        const sight = sights.get(`${name}|${source}`);
        return sight === undefined ? [] : [{ account: name, source, sight }];
      }),
    );
  const blindState = (account: string) => states.get(`${account}|feed|blind`);
  const isUnrested = () => time.nowMs() < time.frozenUntilMs() + WORK_MS + scenario.tickMs;

  function onReply(account: string, reply: Reply): void {
    const named = account === "nobody" ? [] : sourcesOf(account);
    if (reply.kind === "failure" && reply.isHopeless)
      for (const source of named) sight(account, source).isHopeless = true;
    // A ban concerns every key behind the address.
    if (reply.kind === "silence" && reply.isBan) for (const { sight: every } of each()) every.isHopeless = true;
    if (reply.kind === "silence") isSilent = true;
    if (reply.kind !== "answer") return;
    isSilent = false;
    const isList = Array.isArray(scene.config?.accounts.find(({ name }) => name === account)?.isolated);
    const seen = sight(account, reply.source);
    if (reply.source === "cross" || !isList) {
      if (reply.isWhole) valid(seen);
      return;
    }
    for (const { subject, isValid } of reply.seen) if (isValid) seen.symbols.set(subject, time.monoMs());
    const wanted = scene.config?.accounts.find(({ name }) => name === account)?.isolated;
    if (typeof wanted === "string" || wanted === undefined) return;
    const oldest = Math.min(
      ...wanted.map((symbol) => seen.symbols.get(`isolated ${symbol}`) ?? Number.NEGATIVE_INFINITY),
    );
    // The parts of one read are asked for within it.
    if (reply.isWhole && time.monoMs() - oldest < MINUTE) valid(seen);
  }

  function sight(account: string, source: Source): Sight {
    const name = `${account}|${source}`;
    const found = sights.get(name) ?? {
      okMonoMs: time.monoMs(),
      hasSeen: false,
      isHopeless: false,
      symbols: new Map(),
    };
    sights.set(name, found);
    return found;
  }

  function valid(seen: Sight): void {
    Object.assign(seen, { okMonoMs: time.monoMs(), hasSeen: true, isHopeless: false });
  }

  // ---------------------------------------------------------------- BLIND

  function look(): void {
    if (scene.config === undefined || isUnrested()) return;
    for (const { account, source, sight: seen } of each()) {
      const gapMs = time.monoMs() - Math.max(seen.okMonoMs, monoAt(time.frozenUntilMs()));
      const lateMs = scenario.staleAfterMs + scenario.tickMs + WORK_MS;
      if (gapMs > lateMs && !isFiring(blindState(account)))
        violate(
          "P5",
          `${account}: no valid answer of ${source} for ${minutes(gapMs)}, staleAfter is ${minutes(scenario.staleAfterMs)}, and nobody is told`,
        );
    }
    expectFed();
    if (
      lastPingMonoMs !== undefined &&
      time.monoMs() - Math.max(lastPingMonoMs, monoAt(time.frozenUntilMs())) > scenario.beatMs + MINUTE
    )
      violate("heartbeat", `no ping for ${minutes(time.monoMs() - lastPingMonoMs)}`);
  }

  /** Nothing is wrong anywhere: then nothing that is read beside the account makes its own data older than a poll. */
  function expectFed(): void {
    const isCalm = scenario.isFaultFree || time.nowMs() > scenario.calmMs + HOUR;
    // How long a silence is kept is for pacing to judge.
    if (!isCalm || isSilent || time.nowMs() - scene.watchingSinceMs < HOUR) return;
    for (const { account, source, sight: seen } of each()) {
      const gapMs = time.monoMs() - seen.okMonoMs;
      if (gapMs > scenario.pollMs + 2 * WORK_MS)
        violate("starved", `${account}: ${source} was last seen ${minutes(gapMs)} ago, and nothing is wrong`);
    }
  }

  /** Monotonic time of a moment since which the machine ran. */
  const monoAt = (atMs: number) => time.monoMs() - Math.max(0, time.nowMs() - atMs);

  function onCommit({ change }: Happening & { readonly kind: "commit" }): void {
    for (const { id, state } of change.alerts) {
      if (id.rule !== "blind") continue;
      const before = blindSinceMs.get(id.account);
      if (isFiring(state) && before === undefined) {
        blindSinceMs.set(id.account, time.monoMs());
        expectReason(id.account);
      }
      if (state === undefined && before !== undefined) {
        blindSinceMs.delete(id.account);
        expectSight(id.account, before);
      }
    }
  }

  function expectReason(account: string): void {
    const isBlind = each().some(
      ({ account: name, sight: seen }) =>
        name === account &&
        (seen.isHopeless ||
          isBanKept ||
          time.monoMs() - seen.okMonoMs > scenario.staleAfterMs - WORK_MS ||
          !seen.hasSeen),
    );
    if (!isBlind) violate("P5", `${account} is called blind, and all of it was seen lately`);
  }

  /** P4 for the feed: something new since it began, and nothing of it that is old. */
  function expectSight(account: string, sinceMonoMs: number): void {
    const own = each().filter(({ account: name }) => name === account);
    const unseen = own.find(
      ({ sight: seen }) => !seen.hasSeen || time.monoMs() - seen.okMonoMs > scenario.staleAfterMs + WORK_MS,
    );
    if (unseen !== undefined && !isUnrested())
      violate("P4", `${account} is said to be seen again, and there was no valid answer of ${unseen.source} lately`);
    if (own.every(({ sight: seen }) => !seen.hasSeen || seen.okMonoMs < sinceMonoMs))
      violate("P4", `${account} is said to be seen again, and there was no valid answer since it was blind`);
  }

  // ---------------------------------------------------------------- the heartbeat

  function onPing(problem: string | undefined): void {
    const gapMs = time.monoMs() - (lastPingMonoMs ?? Number.NEGATIVE_INFINITY);
    if (gapMs < scenario.beatMs - SECOND)
      violate("heartbeat", `pinged after ${minutes(gapMs)}, not every ${minutes(scenario.beatMs)}`);
    lastPingMonoMs = time.monoMs();
    if (isUnrested()) return;
    const reasons = problems();
    if (problem === undefined && reasons.sure.length > 0)
      violate("heartbeat", `it says that all is well, and ${reasons.sure.join(", ")}`);
    if (problem !== undefined && reasons.maybe.length === 0)
      violate("heartbeat", `it tells of a failure (${problem}), and all is well`);
  }

  /** What surely keeps the watch from being good, and what may. */
  function problems(): { readonly sure: readonly string[]; readonly maybe: readonly string[] } {
    const sure: string[] = [];
    const maybe: string[] = [];
    for (const { account, source, sight: seen } of each()) {
      const gapMs = time.monoMs() - seen.okMonoMs;
      if (!seen.hasSeen || gapMs > scenario.staleAfterMs + scenario.tickMs + WORK_MS)
        sure.push(`${account} ${source} is not seen`);
      if (!seen.hasSeen || gapMs < WORK_MS || gapMs > scenario.staleAfterMs - WORK_MS) maybe.push("not seen");
      if (isFiring(blindState(account))) sure.push(`${account} is blind`);
    }
    for (const { notifier, sinceMonoMs } of duties.values()) {
      const waitsMs = time.monoMs() - sinceMonoMs;
      if (waitsMs > STUCK_MS + WORK_MS) sure.push(`${notifier} holds a message for ${minutes(waitsMs)}`);
      if (waitsMs > STUCK_MS - WORK_MS) maybe.push("stuck");
    }
    if (scene.isDiskFailing) sure.push("the disk takes nothing");
    if (time.nowMs() - scene.diskFailedMs < MINUTE) maybe.push("disk");
    if (refused.size > 0) sure.push(`${[...refused].join(", ")} refuses`);
    return { sure, maybe: [...maybe, ...sure, ...troubled] };
  }

  /** Of a message to one of its recipients, or of a check that concerns all of them. */
  function onChannel(notifier: string, recipient: string | undefined, outcome: Outcome): void {
    const recipients = scene.config?.channels.find(({ name }) => name === notifier)?.recipients ?? [];
    for (const each of recipient === undefined ? recipients : [recipient]) {
      const place = `${notifier} ${each}`;
      if (outcome === "ok") {
        refused.delete(place);
        troubled.delete(place);
      } else troubled.add(place);
      if (outcome === "refused") refused.add(place);
    }
  }

  return {
    look,
    see(happening) {
      switch (happening.kind) {
        case "reply":
          return onReply(happening.account, happening.reply);
        case "commit":
          return onCommit(happening);
        case "ping":
          return onPing(happening.problem);
        case "outcome":
          return onChannel(happening.notifier, happening.recipient, happening.outcome);
        case "verified":
          return onChannel(happening.notifier, undefined, happening.outcome);
        case "fact":
          if (happening.name === "ban") isBanKept = happening.value !== "";
          return;
        case "watching":
          sights.clear();
          refused.clear();
          troubled.clear();
          for (const { name } of happening.config.accounts) for (const source of sourcesOf(name)) sight(name, source);
          blindSinceMs = new Map(
            happening.config.accounts.flatMap(({ name }) =>
              isFiring(blindState(name)) ? [[name, Number.NEGATIVE_INFINITY]] : [],
            ),
          );
          lastPingMonoMs = undefined;
          return;
        default:
          return;
      }
    },
  };
}
