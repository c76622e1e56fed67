// From what the exchange really answered to what was committed: every transition has its rows (P1), an end has its evidence (P4),
// nothing opens without a breach, nothing is missed, reminders are neither too many nor too few.
import type { AlertState, Firing } from "../../../src/core/lifecycle.ts";
import { type AlertId, type NewRow, OWN_ACCOUNT, type Severity } from "../../../src/core/ports.ts";
import type { RuleConfig } from "../../../src/core/rules/types.ts";
import { decodeState } from "../../../src/store/decode.ts";
import type { Happening, Seen } from "../history.ts";
import { LONGEST_FALL_MS } from "../priced.ts";
import type { Config } from "../scenario.ts";
import { DAY, HOUR, SECOND } from "../time.ts";
import { createFalls } from "./falls.ts";
import { covers, judge, type OfTime } from "./judge.ts";
import { isFiring, type Mention, mentionsOf, minutes, nameOf, type Oracle, type OracleParts, rankOf } from "./scene.ts";

/** From an answer to its commit: a list that is read in parts waits for the last of them. Below every poll interval. */
const WORK_MS = 90 * SECOND;
const SLACK_MS = 5 * SECOND;
/** P7 allows two seconds from an answer to the sink; this is the part up to the commit, once the bars are known. */
const COMMIT_MS = 1200;
const BARS_MS = 60 * SECOND;
const KEPT = 60;
/** A flood of polls must not push out what a rule still counts from. */
const KEPT_MS = LONGEST_FALL_MS + HOUR;
/** Alerts that last for days have a pace of their own. */
const SLOW_MS: Readonly<Record<string, Readonly<Record<Severity, number>>>> = {
  "exchange-changed": { critical: HOUR, warning: DAY, info: DAY },
  "delist-schedule": { critical: 4 * HOUR, warning: DAY, info: DAY },
  "restricted-asset": { critical: 7 * DAY, warning: 7 * DAY, info: 7 * DAY },
};

export interface Look {
  readonly atMs: number;
  readonly watch: number;
  readonly seen: Seen;
  /** What rules say that look back. */
  readonly ofTime: OfTime;
}

const said = (rule: RuleConfig, { seen, ofTime }: Look) => judge(rule, seen, ofTime);

export interface AlertOracle extends Oracle {
  /** States as the running program holds them, by alert. */
  readonly states: ReadonlyMap<string, AlertState>;
}

export function alerts({ scenario, time, disk, scene, violate }: OracleParts): AlertOracle {
  const states = new Map<string, AlertState>();
  /** Valid answers about a subject, "main|cross", the latest last. */
  const looks = new Map<string, Look[]>();
  /** When a stream last used a worse word than the first, by account. */
  const pushedMs = new Map<string, number>();
  /** When what was seen of an account was last stored. */
  const storedMs = new Map<string, number>();
  /** When the severity of an alert last moved. */
  const movedMs = new Map<string, number>();
  /** When people were last told of an incident, and how many looks have shown it since. */
  const told = new Map<string, { atMs: number; looks: number }>();

  const falls = createFalls(scene);

  const looksOf = (account: string, subject: string): Look[] => looks.get(`${account}|${subject}`) ?? [];
  /** Long enough ago, with a machine that ran all the while. */
  const isWorkedOff = (atMs: number) => time.nowMs() - Math.max(atMs, time.frozenUntilMs()) >= WORK_MS;
  /** Recent, not counting a time in which the machine stood still. */
  const isFresh = (atMs: number) =>
    time.nowMs() - Math.max(atMs, Math.min(time.frozenUntilMs(), time.nowMs())) <= WORK_MS;

  const isSettledIn = () => time.nowMs() - scene.watchingSinceMs > BARS_MS;

  // ---------------------------------------------------------------- what the exchange showed

  function onAnswer(account: string, list: readonly Seen[], watch: number): void {
    for (const seen of list) {
      if (!seen.isValid) continue;
      const before = looksOf(account, seen.subject);
      if (scene.config !== undefined) expectCaught(account, seen.subject, before, scene.config, watch);
      const isLong = before.length > 2 * KEPT;
      const kept = isLong ? before.filter(({ atMs }, i) => i >= KEPT || atMs > time.nowMs() - KEPT_MS) : before;
      const place = `${account}|${seen.subject}`;
      const look = { atMs: time.nowMs(), watch, seen };
      kept.push({ ...look, ofTime: falls.judgements(place, look, kept) });
      looks.set(place, kept);
    }
  }

  /** What was shown twice must be firing by now. */
  function expectCaught(account: string, subject: string, shown: readonly Look[], config: Config, watch: number): void {
    const present = shown.filter((look) => look.watch === watch && look.seen.isPresent);
    const [before, last] = [present.at(-2), present.at(-1)];
    if (before === undefined || last === undefined || !isWorkedOff(last.atMs)) return;
    expectGone(account, subject, shown, watch);
    for (const rule of config.rules) {
      if (!covers(rule, subject)) continue;
      const rank = Math.min(said(rule, before).sure, said(rule, last).sure);
      if (rank < 0 || !isHeldLongEnough(rule, present)) continue;
      const state = states.get(nameOf({ account, subject: subjectOf(subject), rule: rule.id }));
      if (isFiring(state) && rankOf(state.severity) >= rank) continue;
      violate(
        "missed",
        `${account} ${subject} ${rule.id}: two answers in a row showed rung ${rank} (${last.seen.value} ${last.seen.status}), and the alert is ${isFiring(state) ? state.severity : (state?.phase ?? "quiet")}`,
      );
    }
  }

  function expectGone(account: string, subject: string, shown: readonly Look[], watch: number): void {
    const [before, last] = [shown.at(-2), shown.at(-1)];
    if (before === undefined || last === undefined || before.watch !== watch || last.watch !== watch) return;
    if (last.seen.isPresent || !before.seen.isPresent || !before.seen.hasDebt || !isWorkedOff(last.atMs)) return;
    const name = nameOf({ account, subject: subjectOf(subject), rule: "position-gone" });
    const wasTold = (movedMs.get(name) ?? 0) >= last.atMs; // and it came back since, in answers that were disregarded
    if (!isFiring(states.get(name)) && !wasTold)
      violate("X16", `${account} ${subject} had debt and was absent from a valid answer, and nobody was told`);
  }

  /** The `for` of the rule has passed, over answers without a gap and clocks that nobody touched. */
  function isHeldLongEnough(rule: RuleConfig, shown: readonly Look[]): boolean {
    if (rule.forMs === 0) return true;
    const run = runOf(shown, (look) => said(rule, look).sure >= 0, scenario.staleAfterMs - SLACK_MS);
    const [first, last] = [run[0], run.at(-1)];
    if (first === undefined || last === undefined || scene.disturbedMs >= first.atMs) return false;
    return last.atMs - first.atMs >= rule.forMs + SLACK_MS;
  }

  // ---------------------------------------------------------------- what was committed

  function onCommit(happening: Happening & { readonly kind: "commit" }): void {
    const { change, watch, isStored } = happening;
    const { config } = scene;
    if (isStored) falls.onStored(change, watch, time.nowMs());
    if (isStored && change.snapshot !== undefined) storedMs.set(change.snapshot.account, time.nowMs());
    if (config === undefined) return;
    const mentions = change.rows.map((row) => ({ row, mentions: mentionsOf(row) }));
    for (const { id, state } of change.alerts) {
      const name = nameOf(id);
      const before = states.get(name);
      if (state === undefined) states.delete(name);
      else states.set(name, state);
      move(id, before, state, mentions, config, watch);
    }
  }

  function move(
    id: AlertId,
    before: AlertState | undefined,
    after: AlertState | undefined,
    rows: readonly { readonly row: NewRow; readonly mentions: readonly Mention[] }[],
    config: Config,
    watch: number,
  ): void {
    const name = nameOf(id);
    if (!isFiring(after)) {
      if (!isFiring(before)) return;
      const kind = expectTold(id, before, before.seq + 1, Object.keys(before.threads), rows, config);
      told.delete(name);
      if (kind === "ended") expectUnwatched(id, config);
      else expectEvidence(id, before, -1, config, watch);
      return;
    }
    if (!isFiring(before)) {
      expectTold(id, after, after.seq, listeners(id, after, config), rows, config);
      expectBreach(id, after, config, watch, true);
      movedMs.set(name, time.nowMs());
      told.set(name, { atMs: time.nowMs(), looks: 0 });
      return;
    }
    if (after.incident !== before.incident || after.openedAtMs !== before.openedAtMs)
      violate("P1", `${name}: incident ${before.incident} was replaced by ${after.incident} without an end`);
    if (after.seq < before.seq) violate("P3", `${name}: the number of the transition went back`);
    const [was, is] = [rankOf(before.severity), rankOf(after.severity)];
    if (is > was) {
      expectTold(id, after, after.seq, listeners(id, after, config), rows, config);
      expectBreach(id, after, config, watch, false);
    } else if (is < was) {
      expectTold(id, after, after.seq, Object.keys(before.threads), rows, config);
      expectEvidence(id, before, is, config, watch);
    } else if (after.seq > before.seq) {
      expectDue(id, after.severity, config);
    } else {
      onStill(id, after);
      return;
    }
    if (is !== was) movedMs.set(name, time.nowMs());
    told.set(name, { atMs: time.nowMs(), looks: 0 });
  }

  /** P1: a row for everybody, in the same transaction. Yields what the rows call it. */
  function expectTold(
    id: AlertId,
    state: Firing,
    seq: number,
    notifiers: readonly string[],
    rows: readonly { readonly row: NewRow; readonly mentions: readonly Mention[] }[],
    config: Config,
  ): Mention["kind"] | undefined {
    const incident = `${nameOf(id)}@${state.openedAtMs}`;
    let kind: Mention["kind"] | undefined;
    for (const { name, recipients } of config.channels) {
      if (!notifiers.includes(name) || id.subject === `notifier ${name}`) continue;
      for (const recipient of recipients) {
        const mention = rows
          .filter(({ row }) => row.notifier === name && row.recipient === recipient)
          .flatMap(({ mentions }) => mentions)
          .find((each) => each.incident === incident && each.seq === seq);
        kind ??= mention?.kind;
        if (mention === undefined)
          violate("P1", `transition ${seq} of ${incident} was committed without a row for ${recipient} of ${name}`);
      }
    }
    return kind;
  }

  /** Nothing opens or rises without an answer that shows it. */
  function expectBreach(id: AlertId, state: Firing, config: Config, watch: number, isOpening: boolean): void {
    const { account, subject } = id;
    const last = looksOf(account, subject).at(-1);
    const rule = config.rules.find((each) => each.id === id.rule);
    if (id.rule === "position-gone") {
      if (last === undefined || last.watch !== watch || last.seen.isPresent)
        violate("X16", `${account} ${subject} is called gone, and the last valid answer holds it`);
      return;
    }
    if (rule === undefined) return;
    if (
      last === undefined ||
      last.watch !== watch ||
      !isFresh(last.atMs) ||
      said(rule, last).maybe < rankOf(state.severity)
    )
      violate("false", `${nameOf(id)} became ${state.severity}, and ${evidenceWords(last, watch)}`);
    const tookMs = time.nowMs() - (last?.atMs ?? Number.NEGATIVE_INFINITY);
    if (scenario.isFaultFree && isSettledIn() && !isInParts(id, config) && tookMs > COMMIT_MS)
      violate("P7", `nothing is wrong anywhere, and ${nameOf(id)} was committed ${tookMs} ms after the answer`);
    if (!isOpening || rule.forMs === 0) return;
    const sinceMs = heldSince(account, subject, (look) => said(rule, look).maybe >= 0);
    if (time.nowMs() - sinceMs < rule.forMs - SLACK_MS)
      violate(
        "false",
        `${nameOf(id)} opened after ${minutes(time.nowMs() - sinceMs)}, its rule says for ${minutes(rule.forMs)}`,
      );
  }

  /** P4: a fresh valid answer about the same subject, newer than the firing, that shows that the rung is left. */
  function expectEvidence(id: AlertId, before: Firing, to: number, config: Config, watch: number): void {
    const { account, subject, rule: ruleId } = id;
    if (account === OWN_ACCOUNT || subject === "feed" || ruleId === "config") return;
    const last = looksOf(account, subject).at(-1);
    const isNew = last !== undefined && last.watch === watch && isFresh(last.atMs);
    if (ruleId === "position-gone") {
      if (!isNew || !last.seen.isPresent)
        violate("P4", `${nameOf(id)} was resolved, and ${evidenceWords(last, watch)}`);
      return;
    }
    const rule = config.rules.find((each) => each.id === ruleId);
    if (rule === undefined) return;
    const isLeft = isNew && isThere(account, subject) && said(rule, last).heldSure < rankOf(before.severity);
    const isOlder = last !== undefined && last.atMs < (movedMs.get(nameOf(id)) ?? 0) - WORK_MS;
    if (!isLeft || isOlder)
      violate(
        "P4",
        `${nameOf(id)} went from ${before.severity} to ${to < 0 ? "resolved" : to}, and ${evidenceWords(last, watch)}`,
      );
    if (rule.clearAfterMs === 0) return;
    const sinceMs = heldSince(account, subject, (look) => said(rule, look).heldSure < rankOf(before.severity));
    if (time.nowMs() - sinceMs < rule.clearAfterMs - SLACK_MS)
      violate(
        "P4",
        `${nameOf(id)} left its rung after ${minutes(time.nowMs() - sinceMs)}, its rule says clearAfter ${minutes(rule.clearAfterMs)}`,
      );
  }

  /** Since when every look has shown this; for ever, where clocks or settings were touched meanwhile and nobody can tell. */
  function heldSince(account: string, subject: string, holds: (look: Look) => boolean): number {
    const shown = looksOf(account, subject).filter(({ seen }) => seen.isPresent);
    const run = runOf(shown, holds, Number.POSITIVE_INFINITY);
    const before = shown.at(-run.length - 1)?.atMs ?? Number.NEGATIVE_INFINITY;
    const sinceMs = run[0]?.atMs ?? time.nowMs();
    return scene.disturbedMs >= sinceMs || scene.configSinceMs > before ? Number.NEGATIVE_INFINITY : sinceMs;
  }

  /** Present, or absent without ever having owed anything: then there is nothing that could have disappeared. */
  function isThere(account: string, subject: string): boolean {
    const shown = looksOf(account, subject);
    return shown.at(-1)?.seen.isPresent === true || shown.findLast(({ seen }) => seen.isPresent)?.seen.hasDebt !== true;
  }

  /** By account: pairs of a list that were answered in the read under way, and when the last read had all of them. */
  const parts = new Map<string, { readonly subjects: Set<string>; wholeMs: number }>();

  function notePart({ account, reply, path, atMs }: Happening & { readonly kind: "reply" }): void {
    const wanted = scene.config?.accounts.find(({ name }) => name === account)?.isolated;
    if (!path.includes("isolated/account") || wanted === undefined || typeof wanted === "string") return;
    const part = parts.get(account) ?? { subjects: new Set<string>(), wholeMs: 0 };
    parts.set(account, part);
    if (reply.kind === "answer") for (const { subject } of reply.seen) part.subjects.add(subject);
    if (part.subjects.size >= wanted.length) part.wholeMs = atMs;
    if (part.subjects.size >= wanted.length || reply.kind !== "answer") part.subjects.clear();
  }

  /** A list is read in parts: when the key is refused to one of them, those before it are not used. */
  function disregard({ account, path, atMs, watch }: Happening & { readonly kind: "reply" }): void {
    const isList = Array.isArray(scene.config?.accounts.find(({ name }) => name === account)?.isolated);
    if (!path.includes("isolated") || !isList) return;
    const wholeMs = parts.get(account)?.wholeMs ?? 0;
    for (const [place, shown] of looks) {
      if (place.startsWith(`${account}|isolated`))
        looks.set(
          place,
          shown.filter((look) => look.atMs < atMs - WORK_MS || look.atMs <= wholeMs || look.watch !== watch),
        );
    }
  }

  /** A program that dies takes with it what it had not stored yet. */
  function forget(): void {
    for (const [place, shown] of looks) {
      const keptMs = storedMs.get(place.split("|")[0] ?? "") ?? 0;
      looks.set(
        place,
        shown.filter(({ atMs }) => atMs <= keptMs),
      );
    }
  }

  function expectUnwatched({ account, subject, rule }: AlertId, config: Config): void {
    const isRule = config.rules.some(({ id }) => id === rule);
    if (isRule && config.accounts.some(({ name }) => name === account))
      violate("P4", `${account} ${subject} ${rule} was ended as if nobody watched it`);
  }

  // ---------------------------------------------------------------- reminders

  function expectDue(id: AlertId, severity: Severity, config: Config): void {
    const name = nameOf(id);
    const everyMs = SLOW_MS[id.rule]?.[severity] ?? config.repeatEveryMs;
    const sinceMs = time.nowMs() - (told.get(name)?.atMs ?? Number.NEGATIVE_INFINITY);
    // A worse word of the exchange is told at once, and as a reminder: it cannot get more severe than critical.
    if (id.rule === "stream-margin-call" && isFresh(pushedMs.get(id.account) ?? 0)) return;
    // What the disk did not take is forgotten with the process.
    const isUndisturbed = Math.max(scene.clockTouchedMs, scene.diskFailedMs) < time.nowMs() - sinceMs;
    if (isUndisturbed && sinceMs < everyMs - SLACK_MS)
      violate("reminders", `${name} is told again after ${minutes(sinceMs)}, and not every ${minutes(everyMs)}`);
  }

  /** Where a level of the same account is just as critical, its reminders are those of the call, too. */
  function isToldBeside({ account, subject }: AlertId, { rules }: Config): boolean {
    return rules.some(({ id, ladder }) => {
      const state = states.get(nameOf({ account, subject, rule: id }));
      return ladder.kind !== "is" && isFiring(state) && state.severity === "critical";
    });
  }

  /** Looked at, still firing, not told again: for how long by now? */
  function onStill(id: AlertId, { clearing, severity }: Firing): void {
    const entry = told.get(nameOf(id));
    if (entry === undefined || scene.config === undefined) return;
    if (id.rule === "stream-margin-call" && isToldBeside(id, scene.config)) {
      entry.atMs = time.nowMs();
      entry.looks = 0;
      return;
    }
    if (clearing !== null || entry.atMs < scene.clockTouchedMs) {
      // On the way out nobody is reminded; and after a step of the clock the time begins anew.
      entry.atMs = clearing !== null ? entry.atMs : scene.clockTouchedMs;
      entry.looks = 0;
      return;
    }
    entry.looks += 1;
    const sinceMs = time.nowMs() - entry.atMs;
    const everyMs = Math.max(scene.config.repeatEveryMs, SLOW_MS[id.rule]?.[severity] ?? 0);
    const isOverdue = sinceMs > 2 * everyMs + 2 * scenario.pollMs;
    if (isOverdue && entry.looks > 3)
      violate("reminders", `${nameOf(id)} still fires, and nobody was reminded for ${minutes(sinceMs)}`);
  }

  return {
    states,
    see(happening) {
      switch (happening.kind) {
        case "reply":
          if (happening.reply.kind === "answer") onAnswer(happening.account, happening.reply.seen, happening.watch);
          if (happening.reply.kind === "failure" && happening.reply.isHopeless) disregard(happening);
          notePart(happening);
          return;
        case "commit":
          return onCommit(happening);
        case "pushed":
          if (happening.event.kind === "margin-level" && happening.event.status !== "MARGIN_CALL")
            pushedMs.set(happening.account, time.nowMs());
          return;
        case "died":
          return forget();
        case "watching":
          parts.clear();
          // What the program starts from is what lies on the disk.
          states.clear();
          for (const [name, text] of disk.content.alerts) {
            const state = decodeState(text);
            if (state !== undefined) states.set(name, state);
            if (isFiring(state) && !told.has(name)) told.set(name, { atMs: time.nowMs(), looks: 0 });
          }
          return;
        default:
          return;
      }
    },
  };
}

/** A list of pairs that holds one that does not exist is read pair by pair, and the first waits for the last. */
const isInParts = ({ account, subject }: AlertId, { accounts }: Config): boolean =>
  subject.startsWith("isolated ") && Array.isArray(accounts.find(({ name }) => name === account)?.isolated);

/** Who must hear of an alert of this severity: the first route that matches; margind's own trouble goes to everybody. */
function listeners({ account, subject, rule }: AlertId, { severity }: Firing, config: Config): readonly string[] {
  const isOwn = subject === "feed" || subject === "daemon" || subject.startsWith("notifier ");
  return isOwn ? config.channels.map(({ name }) => name) : listenersOf({ account, rule, severity }, config);
}

export function listenersOf(
  { account, rule, severity }: Pick<AlertId, "account" | "rule"> & { readonly severity: Severity },
  { routes, channels }: Config,
): readonly string[] {
  const everybody = channels.map(({ name }) => name);
  const route = routes.find(
    ({ match }) =>
      (match.severity?.includes(severity) ?? true) &&
      (match.account?.includes(account) ?? true) &&
      (match.rule?.includes(rule) ?? true),
  );
  return route?.notify ?? everybody;
}

/** The latest looks in a row of which this holds, none further from the next than this. */
function runOf(shown: readonly Look[], holds: (look: Look) => boolean, gapMs: number): readonly Look[] {
  let from = shown.length;
  for (let i = shown.length - 1; i >= 0; i--) {
    const [look, next] = [shown[i], shown[i + 1]];
    if (look === undefined || !holds(look) || (next !== undefined && next.atMs - look.atMs > gapMs)) break;
    from = i;
  }
  return shown.slice(from);
}

function evidenceWords(last: Look | undefined, watch: number): string {
  if (last === undefined) return "no valid answer ever showed it";
  const { isPresent, hasDebt, value, status } = last.seen;
  const what = !isPresent ? "its absence" : hasDebt ? `${value} ${status}` : "no debt";
  return `the last valid answer${last.watch === watch ? "" : ", to a watch before this one,"} showed ${what}`;
}

const subjectOf = (text: string): AlertId["subject"] =>
  text === "cross" ? "cross" : `isolated ${text.slice("isolated ".length)}`;
