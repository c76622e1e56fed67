// What is watched beside levels and histories: margin calls that were pushed, flags that flip, delistings, restrictions and loans. What a
// stream says opens an alert and never ends one; a flip is told once; the others begin and end with a good answer that shows it.
import type { AlertState } from "../../../src/core/lifecycle.ts";
import { type AlertId, SEVERITIES, type Severity } from "../../../src/core/ports.ts";
import { isSubjectHeld, OWED_ASSET } from "../answers.ts";
import { AHEAD_MS, type Delisted, type Loaned, type Restricted } from "../books.ts";
import { PATHS } from "../exchange.ts";
import type { Happening, Seen } from "../history.ts";
import { CALL_LEVEL } from "../push.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../time.ts";
import { isFiring, minutes, nameOf, type Oracle, type OracleParts, rankOf } from "./scene.ts";

/** Events are worked on once a second, after a commit that may be under way. */
const OPENS_MS = 5 * SECOND;
/** The account must be out of the call by this much of the bar, for so long. */
const OUT_OF_CALL = 1.02 * CALL_LEVEL;
const CLEAR_MS = 30 * SECOND;
const SLACK_MS = 3 * SECOND;
const DOUBT = 1e-4;
/** For so long after that a call is doubted while the account is this far above the bar. */
const DOUBTED_MS = 30 * MINUTE + SLACK_MS;
const FAR = 1.1 * CALL_LEVEL;
const CALLS = ["MARGIN_CALL", "PRE_LIQUIDATION", "FORCE_LIQUIDATION"];
/** An extra poll a second, and what retries of it cost. */
const FLOOD_WINDOW_MS = 30 * SECOND;
const FLOOD_MOST = 34;
const FLIPS_MOST = 3;
/** From an answer to its commit, at most. */
const UNSURE_MS = 2 * MINUTE;
/** Flips from before it was learned may hold a flag back until an hour after the third of them. */
const LEARNED_MS = 2 * HOUR + UNSURE_MS;

interface Look {
  readonly atMs: number;
  readonly watch: number;
  readonly seen: Seen;
}

/** What people were told of the flags of a subject, and how often lately. */
interface Known {
  readonly flags: Map<string, boolean>;
  /** Told flips that surely count towards the most of an hour, and those that perhaps do. */
  readonly times: Map<string, number[]>;
  readonly perhaps: Map<string, number[]>;
  /** Flags of which nobody can tell whether a message told them too, since then, or since they last moved. */
  readonly doubtful: Map<string, number>;
  isStored: boolean;
  process: number;
  /** When it was last learned anew: what the program knew before is not known here. */
  sinceMs: number;
  changedMs: number;
}

export function beside(
  { scenario, truth, books, time, disk, scene, violate }: OracleParts,
  states: ReadonlyMap<string, AlertState>,
): Oracle {
  /** Valid looks at cross accounts since the last one that was not out of the call. */
  const outSince = new Map<string, number>();
  const looks = new Map<string, Look>();
  const calledMs = new Map<string, { readonly atMs: number; readonly watch: number }>();
  const firing = new Map<string, AlertState>();
  const polls = new Map<string, number[]>();
  const flags = new Map<string, Known>();
  /** The last good answers, by account; over restarts, as a new process knows the dates. */
  const schedules = new Map<string, readonly Delisted[]>();
  const restrictions = new Map<string, { readonly watch: number; readonly what: Restricted }>();
  const loans = new Map<string, { readonly watch: number; readonly loan: Loaned | undefined }>();
  let diedMs = Number.NEGATIVE_INFINITY;
  let failedMs = Number.NEGATIVE_INFINITY;

  /** The config has what this alert is about no more: then it ends as removed. */
  function isOff({ account, rule }: AlertId): boolean {
    const { flows, delistings, stream } = scene.config?.accounts.find(({ name }) => name === account) ?? {};
    if (rule === "stream-margin-call") return stream !== true;
    return (rule === "liquidation-loan" ? flows : delistings) === undefined;
  }

  // ---------------------------------------------------------------- margin calls

  function onPushed({ account, event, watch }: Happening & { readonly kind: "pushed" }): void {
    if (event.kind !== "margin-level" || !CALLS.includes(event.status)) return;
    if (isDoubtful(account))
      endedMs.set(account, time.nowMs()); // a stream that goes on lying is doubted on
    else if (!isFiring(states.get(`${account}|cross|stream-margin-call`))) waiting.set(account, time.nowMs());
    calledMs.set(account, { atMs: time.nowMs(), watch });
  }

  /** The account's own answers ended a call just now, and show it far from the next one. */
  function isDoubtful(account: string): boolean {
    const look = looks.get(`${account} cross`)?.seen;
    const isEnded = time.nowMs() - (endedMs.get(account) ?? Number.NEGATIVE_INFINITY) < DOUBTED_MS;
    const isUnsure = scene.clockTouchedMs > time.nowMs() - DAY; // the half hour is counted by the wall clock
    return (isEnded || isUnsure) && look !== undefined && (!look.hasDebt || look.value > FAR - DOUBT);
  }

  /** When a call was last ended, by account. */
  const endedMs = new Map<string, number>();
  /** Called, and its alert does not fire yet. */
  const waiting = new Map<string, number>();

  function expectOpened(): void {
    for (const [account, atMs] of waiting) {
      if (time.nowMs() - Math.max(atMs, time.frozenUntilMs()) < OPENS_MS) continue;
      violate("push", `${account} was called ${minutes(time.nowMs() - atMs)} ago over its stream, and no alert opened`);
    }
  }

  function onCall(id: AlertId, before: AlertState | undefined, after: AlertState | undefined): void {
    const { account } = id;
    const called = calledMs.get(account);
    const name = nameOf(id);
    if (isFiring(after)) {
      waiting.delete(account);
      const sinceMs = time.nowMs() - Math.max(called?.atMs ?? 0, Math.min(time.frozenUntilMs(), time.nowMs()));
      // A doubted call is held back until an answer has judged it, or none came for staleAfter.
      const heldMs = endedMs.has(account) ? scenario.staleAfterMs + OPENS_MS : 0;
      if (!isFiring(before) && (called?.watch !== scene.watch || sinceMs > OPENS_MS + heldMs))
        violate("push", `${name} opened, and no stream called lately`);
      return;
    }
    if (!isFiring(before) || isOff(id)) return;
    endedMs.set(account, time.nowMs());
    const look = looks.get(`${account} cross`);
    const sinceMs = outSince.get(account);
    const isSeen = look !== undefined && look.watch === scene.watch && time.nowMs() - look.atMs <= 2 * MINUTE;
    if (!isSeen || sinceMs === undefined || !isOut(look.seen))
      violate("P4", `${name} was resolved, and no valid answer showed the account out of the call`);
    else if (scene.disturbedMs < sinceMs && time.nowMs() - sinceMs < CLEAR_MS - SLACK_MS)
      violate(
        "P4",
        `${name} was resolved ${minutes(time.nowMs() - sinceMs)} after the account was seen out of the call`,
      );
  }

  const isOut = ({ hasDebt, value }: Seen) => !hasDebt || value > OUT_OF_CALL - DOUBT;

  // ---------------------------------------------------------------- answers

  function onAnswer(account: string, list: readonly Seen[], watch: number): void {
    for (const seen of list) {
      if (!seen.isValid) continue;
      const subject = `${account} ${seen.subject.replace("isolated ", "")}`;
      if (seen.subject === "cross" && seen.isPresent) {
        if (!isOut(seen)) outSince.delete(account);
        else if (!outSince.has(account)) outSince.set(account, time.nowMs());
      }
      const before = looks.get(subject);
      expectFlip(account, seen.subject, before);
      looks.set(subject, { atMs: time.nowMs(), watch, seen });
      const known = flags.get(`${account}|${seen.subject}`);
      const isUnsure = known !== undefined && time.nowMs() - known.sinceMs < LEARNED_MS;
      if (!seen.isPresent) {
        if (isUnsure) known.sinceMs = time.nowMs();
        continue;
      }
      if (known !== undefined) expectSettled(known, seen, before);
      if (known === undefined) learn(account, seen);
      else if (isUnsure) {
        // What is held back because it flaps stays as people know it.
        for (const [name, value] of Object.entries(seen.flags))
          if (!mayBeHeld(known, name)) known.flags.set(name, value);
      }
    }
  }

  // ---------------------------------------------------------------- flags

  function learn(account: string, { subject, flags: shown }: Seen): void {
    const [flagsNow, nowMs] = [new Map(Object.entries(shown)), time.nowMs()];
    const counted = { times: new Map(), perhaps: new Map(), doubtful: new Map() };
    const known = {
      flags: flagsNow,
      ...counted,
      isStored: true,
      process: scene.process,
      sinceMs: nowMs,
      changedMs: nowMs,
    };
    flags.set(`${account}|${subject}`, known);
  }

  /** Rules of the config tell of this flag by themselves. */
  const isRule = (subject: string, name: string) =>
    subject === "cross" && scene.config?.rules.some(({ field }) => field === name) === true;

  /** The flips that count; `doubtMs`: how much longer they do, where it is doubtful. */
  const recent = (times: readonly number[], atMs: number, doubtMs = 0): readonly number[] => {
    const isWithin = (toldMs: number) => atMs - toldMs < HOUR + doubtMs;
    if (times.length < FLIPS_MOST) return times.filter(isWithin);
    return isWithin(times.at(-1) ?? 0) ? times : [];
  };

  /** Flags that are not what people know, without those that flap. */
  function flipped(account: string, { seen, atMs }: Look, doubtMs: number): readonly string[] {
    const known = flags.get(`${account}|${seen.subject}`);
    return Object.entries(seen.flags).flatMap(([name, value]) => {
      const was = known?.flags.get(name);
      const told = doubtMs > 0 ? known?.perhaps : known?.times;
      const isLeft = recent(told?.get(name) ?? [], atMs, doubtMs).length >= FLIPS_MOST;
      const isOpen = was === undefined || was === value || known?.doubtful.has(name) === true;
      return isOpen || isLeft || isRule(seen.subject, name) ? [] : [name];
    });
  }

  const mayBeHeld = (known: Known, name: string) =>
    recent(known.perhaps.get(name) ?? [], time.nowMs(), UNSURE_MS).length >= FLIPS_MOST;

  /** What is doubtful is known again: as it is seen now. */
  function settle(known: Known, seen: Seen): void {
    for (const name of known.doubtful.keys()) known.flags.set(name, seen.flags[name] ?? false);
    known.doubtful.clear();
  }

  /** What stays the same for so long is not held back any more: it was told, or is what was told last. */
  function expectSettled(known: Known, seen: Seen, before: Look | undefined): void {
    for (const [name, sinceMs] of known.doubtful) {
      const isSame = before?.seen.isPresent === true && before.seen.flags[name] === seen.flags[name];
      if (!isSame) known.doubtful.set(name, time.nowMs());
      else if (time.nowMs() - sinceMs > LEARNED_MS) {
        known.flags.set(name, seen.flags[name] ?? false);
        known.doubtful.delete(name);
      }
    }
  }

  /** The flaps of an hour are counted by a clock, and by what the disk took. */
  const isFlagUnsure = () => Math.max(scene.clockTouchedMs, scene.diskFailedMs) > time.nowMs() - 3 * HOUR;

  function onFlip(account: string, subject: string, isStored: boolean): void {
    const look = looks.get(`${account} ${subject.replace("isolated ", "")}`);
    const known = flags.get(`${account}|${subject}`);
    if (look === undefined || known === undefined) return;
    const names = flipped(account, look, -2 * MINUTE);
    const isNew = time.nowMs() - known.sinceMs < LEARNED_MS + UNSURE_MS;
    const isTold = names.length > 0 || known.doubtful.size > 0;
    if (!isNew && !isFlagUnsure() && (!isTold || look.watch !== scene.watch))
      violate("flags", `a flip of ${account} ${subject} is told, and nothing has flipped since the last one`);
    if (isNew) known.sinceMs = time.nowMs(); // as long as it flips, nobody can tell what holds it back
    if (names.length === 0 && known.doubtful.size === 1) settle(known, look.seen);
    // Beside others that were told, one that may be held back was told, too, or was not.
    const held = names.length === 1 ? [] : names.filter((name) => mayBeHeld(known, name));
    for (const name of held) known.doubtful.set(name, time.nowMs());
    // While it is learned nobody can tell which flag it was: it may have been any.
    for (const name of isNew ? Object.keys(look.seen.flags) : names) {
      const perhaps = recent(known.perhaps.get(name) ?? [], time.nowMs(), UNSURE_MS);
      known.perhaps.set(name, [...perhaps, time.nowMs()]);
    }
    for (const name of names.filter((each) => !held.includes(each))) {
      known.flags.set(name, look.seen.flags[name] ?? false);
      known.times.set(name, [...recent(known.times.get(name) ?? [], time.nowMs(), -UNSURE_MS), time.nowMs()]);
    }
    known.isStored = isStored;
    known.process = scene.process;
    known.changedMs = time.nowMs();
  }

  /** Of the look before this one everything that flipped was told. */
  function expectFlip(account: string, subject: string, before: Look | undefined): void {
    const known = flags.get(`${account}|${subject}`);
    if (before === undefined || before.watch !== scene.watch || known === undefined || !before.seen.isPresent) return;
    for (const [name, value] of Object.entries(before.seen.flags)) {
      if (isRule(subject, name)) known.flags.set(name, value); // as the program does: the rule's own alert tells
    }
    const isOld = time.nowMs() - Math.max(before.atMs, time.frozenUntilMs()) > 2 * MINUTE;
    if (!isOld || before.atMs - known.sinceMs < LEARNED_MS + UNSURE_MS) return;
    if (isFlagUnsure()) {
      known.sinceMs = time.nowMs();
      return;
    }
    const names = flipped(account, before, 2 * MINUTE);
    if (names.length > 0) violate("flags", `${names.join(", ")} of ${account} ${subject} flipped, and nobody was told`);
  }

  // ---------------------------------------------------------------- what is announced

  function onAnnounced(id: AlertId, before: AlertState | undefined, after: AlertState | undefined): void {
    if (scene.clockTouchedMs > time.nowMs() - DAY) return; // dates are compared by a clock that is wrong
    const [was, is] = [isFiring(before) ? before.severity : null, isFiring(after) ? after.severity : null];
    if (was === is || (is === null && isOff(id))) return;
    const severities = announcedOf(id);
    if (severities === undefined || severities.includes(is)) return;
    violate(
      "announced",
      `${nameOf(id)} went from ${was ?? "quiet"} to ${is ?? "resolved"}, and the answers say ${severities.map((each) => each ?? "nothing").join(" or ")}`,
    );
  }

  /** What may be, by the last good answers; undefined: nobody can tell. */
  function announcedOf({ account, subject, rule }: AlertId): readonly (Severity | null)[] | undefined {
    if (rule === "liquidation-loan") {
      const known = loans.get(account);
      return known?.watch === scene.watch ? [known.loan === undefined ? null : "critical"] : [];
    }
    const name = subject.replace(/^(asset|isolated) /, "");
    const isAsset = subject.startsWith("asset ");
    const look = looks.get(`${account} ${isAsset ? "cross" : name}`)?.seen;
    if (look?.isPresent !== true) return undefined; // what is absent is as it was, for all that anybody knows
    const isHeld = isSubjectHeld(name, look);
    const isOwed = look.hasDebt && (name === OWED_ASSET || !isAsset);
    if (rule === "restricted-asset") {
      const known = restrictions.get(account);
      if (known?.watch !== scene.watch) return [];
      if (isHeld && known.what.maxCollateral.includes(name)) return ["warning"];
      return [(isHeld || isOwed) && known.what.openLong.includes(name) ? "info" : null];
    }
    const entries = schedules.get(account);
    if (entries === undefined) return [];
    if (!isHeld && !isOwed) return [null];
    const dates = entries.filter(({ assets, symbols }) => (isAsset ? assets : symbols).includes(name));
    // What is near or past stays due, though the schedule does not say it any more.
    if (dates.length === 0) return [null, ...SEVERITIES];
    const leftMs = Math.min(...dates.map(({ atMs }) => atMs)) - time.nowMs() - AHEAD_MS;
    const [late, early] = [aheadOf(leftMs - UNSURE_MS), aheadOf(leftMs + UNSURE_MS)];
    // What is owed is judged by the time alone; the rest may matter less.
    return isOwed ? [late, early] : [early, ...SEVERITIES.filter((each) => rankOf(each) <= rankOf(late))];
  }

  function aheadOf(leftMs: number): Severity | null {
    if (leftMs <= DAY) return "critical";
    if (leftMs <= 3 * DAY) return "warning";
    return leftMs <= 7 * DAY ? "info" : null;
  }

  // ---------------------------------------------------------------- the whole

  function onCommit({ change, isStored }: Happening & { readonly kind: "commit" }): void {
    for (const { id, state } of change.alerts) {
      const name = nameOf(id);
      const before = firing.get(name);
      if (state === undefined) firing.delete(name);
      else firing.set(name, state);
      if (id.rule === "stream-margin-call") onCall(id, before, state);
      if (/^(delist-schedule|restricted-asset|liquidation-loan)$/.test(id.rule)) onAnnounced(id, before, state);
    }
    const told = new Set(change.rows.flatMap(({ incidents }) => incidents));
    for (const incident of told) {
      const [account = "", subject = "", rest = ""] = incident.split("|");
      if (!rest.startsWith("flag-flip@") || incidents.has(incident)) continue;
      incidents.add(incident);
      onFlip(account, subject, isStored);
    }
  }

  const incidents = new Set<string>();

  function onRequest({ account, path }: Happening & { readonly kind: "request" }): void {
    if (path !== PATHS.cross) return;
    const lately = (polls.get(account) ?? []).filter((atMs) => atMs > time.nowMs() - FLOOD_WINDOW_MS);
    polls.set(account, [...lately, time.nowMs()]);
    if (
      lately.length > FLOOD_MOST &&
      time.nowMs() - failedMs > FLOOD_WINDOW_MS &&
      scene.disturbedMs < time.nowMs() - MINUTE
    )
      violate("flood", `${account} was asked for ${lately.length} times within ${FLOOD_WINDOW_MS / SECOND} s`);
  }

  function onReply({ account, reply, watch }: Happening & { readonly kind: "reply" }): void {
    if (reply.kind === "answer") onAnswer(account, reply.seen, watch);
    if (reply.kind === "failure" || reply.kind === "silence") failedMs = time.nowMs();
    if (reply.kind === "schedule") schedules.set(account, reply.entries);
    if (reply.kind === "restrictions") restrictions.set(account, { watch, what: reply.what });
    if (reply.kind === "loan") loans.set(account, { watch, loan: reply.loan });
  }

  function begin(): void {
    waiting.clear();
    firing.clear();
    for (const [name, state] of states) firing.set(name, state);
    // What the disk did not take is forgotten with the process: nobody can tell what the next one knows.
    for (const [subject, known] of flags) {
      const isLost = !known.isStored || !disk.content.facts.has(`flags.${subject.split("|")[0]}`);
      const isCutOff = diedMs - known.changedMs < UNSURE_MS;
      if ((isLost || isCutOff) && known.process !== scene.process) flags.delete(subject);
    }
    if (scene.diskFailedMs > time.nowMs() - DAY) flags.clear();
  }

  /** Nothing has moved for hours: what fires is what is so. */
  function expectCalm(): void {
    for (const { name, cross, flows, delistings } of scene.config?.accounts ?? []) {
      const position = truth.at(`${name} cross`, time.nowMs());
      const call = states.get(`${name}|cross|stream-margin-call`);
      const isWell = position.isPresent && (!position.hasDebt || position.value > OUT_OF_CALL + DOUBT);
      if (cross && isWell && isFiring(call))
        violate("liveness", `${name} is well for hours, and a pushed call still fires`);
      if (!cross) continue;
      const loan = books.loan(name, time.nowMs() + AHEAD_MS);
      if (flows !== undefined && isFiring(states.get(`${name}|cross|liquidation-loan`)) !== (loan !== undefined))
        violate(
          "liveness",
          `${name} has ${loan === undefined ? "no loan" : "a loan"} for hours, and its alert says otherwise`,
        );
      if (delistings === undefined || !position.isPresent || scene.clockTouchedMs > Number.NEGATIVE_INFINITY) continue;
      for (const asset of ["BTC", OWED_ASSET]) {
        for (const rule of ["delist-schedule", "restricted-asset"]) {
          const id = { account: name, subject: `asset ${asset}`, rule } as const;
          const state = states.get(nameOf(id));
          const severities = announcedOf(id);
          if (severities !== undefined && !severities.includes(isFiring(state) ? state.severity : null))
            violate(
              "liveness",
              `${nameOf(id)} is ${isFiring(state) ? state.severity : "quiet"}, and the answers say ${severities.map((each) => each ?? "nothing").join(" or ")}`,
            );
        }
      }
    }
  }

  return {
    look: expectOpened,
    end() {
      if (time.nowMs() >= scenario.calmMs) expectCalm();
    },
    see(happening) {
      switch (happening.kind) {
        case "pushed":
          return onPushed(happening);
        case "commit":
          return onCommit(happening);
        case "request":
          return onRequest(happening);
        case "reply":
          return onReply(happening);
        case "watching":
          return begin();
        case "died":
          diedMs = time.nowMs();
          return waiting.clear();
        case "left":
        case "stopped":
          return waiting.clear();
        default:
          return;
      }
    },
  };
}
