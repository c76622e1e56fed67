// A delisting meets the book: what is held or owed of an asset, or in an isolated pair, that is about to leave margin. The one thing to
// know: it is over only on evidence, a fresh schedule without it or a fresh account without it; that the time has passed is none. Dates
// are the exchange's and are compared with its clock; only what people read is told by ours.
import { type Advance, type Scene, type States, stateKey } from "./advance.ts";
import { alertIdOf, isSubject } from "./announce.ts";
import { isInDebt, isMinorAsset, isMinorPair, levelsWithout } from "./delisting-worth.ts";
import { rank } from "./lifecycle.ts";
import { type Delisting, inOurTime, type Prices } from "./market.ts";
import { debtOf, heldOf, owes } from "./observe.ts";
import type { AssetBalance, CrossAnswer, PairAnswer, Severity, Subject } from "./ports.ts";
import type { DelistingThreat } from "./situation.ts";
import { advanceSlowly, allOf } from "./slow.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const DELIST_RULE = "delist-schedule";

/** How early which severity begins: exactly so long before counts. */
const AHEAD: readonly (readonly [Severity, number])[] = [
  ["critical", DAY_MS],
  ["warning", 3 * DAY_MS],
  ["info", 7 * DAY_MS],
];
/** A day's alert every five minutes would be switched off before it matters. */
const REMIND_MS: Readonly<Record<Severity, number>> = { critical: 4 * HOUR_MS, warning: DAY_MS, info: DAY_MS };

/** The account's own part: the last valid answers, undefined where there was none since the start. */
export interface Holdings {
  readonly cross: CrossAnswer | undefined;
  readonly pairs: readonly PairAnswer[] | undefined;
}

/** When a subject (`asset X`, `isolated X`) leaves margin, by the exchange's clock. */
export type DueDates = ReadonlyMap<Subject, number>;

export interface DelistingLook extends Holdings {
  /** The last valid schedule; undefined before the first since the start. */
  readonly schedule: readonly Delisting[] | undefined;
  /** What was due of this account when it was last looked at, also before a restart. */
  readonly before: DueDates;
  /** The last valid prices; undefined until the first run since the start, empty while there are none. */
  readonly prices: Prices | undefined;
  /** What the exchange's clock says now. */
  readonly exchangeNowMs: number;
}

type Judging = Omit<Scene, "known" | "bars"> & { readonly account: string };
type Hit = Exclude<DelistingThreat, { readonly kind: "over" }>;

/** `leftMs` before the delisting; past it, it is as bad as just before. */
export function delistingSeverity(leftMs: number): Severity | null {
  return AHEAD.find(([, aheadMs]) => leftMs <= aheadMs)?.[0] ?? null;
}

/** What changed, and what is due of this account now: to be kept for the next look. */
export function judgeDelistings(look: DelistingLook, scene: Judging): { advance: Advance; due: DueDates } {
  const dates = datesOf(look);
  const hits = [...dates].flatMap(([subject, atMs]) => hitOf(subject, atMs, look, scene) ?? []);
  const isHit = new Set(hits.map(({ subject }) => subject));
  const over = firingSubjects(scene.states, scene.account, DELIST_RULE).filter((subject) => !isHit.has(subject));
  const moves = [
    ...hits.map(({ subject, severity, threat, remindMs }) => move(subject, severity, threat, scene, remindMs)),
    ...over.flatMap((subject) => {
      const why = whyOver(subject, look, dates);
      return why === undefined ? [] : [move(subject, null, { kind: "over", why }, scene, 0)];
    }),
  ];
  const kept = [...dates].filter(
    ([subject]) => isHit.has(subject) || (look.before.has(subject) && !isGone(subject, look)),
  );
  return { advance: allOf(moves), due: new Map(kept) };
}

/**
 * The schedule's dates, the first of each subject; and those that have passed or are near: the schedule drops them when they pass, by a
 * clock that is not quite ours, and what is still held or owed is not safe for that. Without a schedule since the start, what was
 * known before it.
 */
function datesOf({ schedule, before, exchangeNowMs }: DelistingLook): DueDates {
  if (schedule === undefined) return before;
  const dates = new Map<Subject, number>([...before].filter(([, atMs]) => atMs - exchangeNowMs <= DAY_MS));
  for (const { atMs, assets, symbols } of [...schedule].sort((a, b) => b.atMs - a.atMs)) {
    for (const asset of assets) dates.set(`asset ${asset}`, atMs);
    for (const symbol of symbols) dates.set(`isolated ${symbol}`, atMs);
  }
  return dates;
}

function hitOf(subject: Subject, atMs: number, look: DelistingLook, scene: Judging) {
  const leftMs = atMs - look.exchangeNowMs;
  const ahead = delistingSeverity(leftMs);
  if (ahead === null) return undefined;
  const state = scene.states.get(stateKey(scene.account, subject))?.get(DELIST_RULE);
  const firing = state?.phase === "firing" ? state.severity : undefined;
  const ourAtMs = inOurTime(atMs, look.exchangeNowMs, scene.nowMs);
  const threat = threatTo(subject, ourAtMs, look, firing === "info");
  if (threat === undefined) return undefined;
  const severity = severityOf(ahead, threat, look, firing);
  const remindMs = threat.isMinor && leftMs <= 0 ? Number.POSITIVE_INFINITY : REMIND_MS[severity];
  return { subject, severity, threat, remindMs };
}

/** What is owed decides by the time alone. Without debt nothing can be liquidated, and what does not matter is only told. */
function severityOf(ahead: Severity, threat: Hit, { prices }: DelistingLook, firing: Severity | undefined): Severity {
  if (isOwed(threat)) return ahead;
  if (threat.isMinor) return milder(ahead, "info");
  const most = threat.inDebt ? ahead : milder(ahead, "warning");
  // After a start: whether it matters is known with the first prices, and a restart is no reason to raise.
  return prices === undefined && firing !== undefined ? milder(most, firing) : most;
}

const milder = (a: Severity, b: Severity): Severity => (rank(a) < rank(b) ? a : b);
const isOwed = (threat: Hit): boolean => (threat.kind === "asset" ? threat.owed > 0 : threat.inDebt);

/** `atMs` by our clock. */
function threatTo(subject: Subject, atMs: number, look: DelistingLook, wasMinor: boolean): Hit | undefined {
  const name = nameIn(subject);
  const { cross, prices } = look;
  if (subject.startsWith("asset ")) {
    const balance = balanceOf(name, cross);
    if (balance === undefined || !isThere(balance)) return undefined;
    const levels = levelsWithout(balance, cross, prices);
    const isMinor = isMinorAsset(balance, levels, prices, wasMinor);
    const amounts = { held: heldOf(balance), owed: debtOf(balance) };
    return { kind: "asset", asset: name, atMs, ...amounts, ...levels, inDebt: isInDebt(cross), isMinor };
  }
  const pair = pairOf(name, look.pairs);
  if (pair === undefined || !legsOf(pair).some(isThere)) return undefined;
  const isMinor = isMinorPair(pair, prices, wasMinor);
  return { kind: "pair", symbol: name, atMs, inDebt: legsOf(pair).some(owes), isMinor };
}

/** Nothing is told of where it cannot be known. */
function whyOver(subject: Subject, look: DelistingLook, dates: DueDates): "left" | "rescheduled" | undefined {
  if (isGone(subject, look)) return "left";
  const atMs = dates.get(subject);
  const isDue = atMs !== undefined && delistingSeverity(atMs - look.exchangeNowMs) !== null;
  return look.schedule !== undefined && !isDue ? "rescheduled" : undefined;
}

/** A valid answer says that nothing is held or owed of it. */
function isGone(subject: Subject, { cross, pairs }: Holdings): boolean {
  const name = nameIn(subject);
  if (subject.startsWith("asset ")) {
    if (cross?.assets === undefined) return false;
    const balance = balanceOf(name, cross);
    return balance === undefined || !isThere(balance);
  }
  if (pairs === undefined) return false;
  const pair = pairOf(name, pairs);
  if (pair === undefined) return true;
  return pair.base !== undefined && pair.quote !== undefined && !legsOf(pair).some(isThere);
}

/** Something that is held is due: its price says whether it matters, and what the level would be without it. */
export function needsPrices(look: DelistingLook): boolean {
  return [...datesOf(look)].some(([subject, atMs]) => {
    if (delistingSeverity(atMs - look.exchangeNowMs) === null) return false;
    const threat = threatTo(subject, atMs, look, false);
    return threat?.kind === "asset" ? threat.held > 0 : threat?.inDebt === false;
  });
}

// ---------------------------------------------------------------- helpers

function move(
  subject: Subject,
  severity: Severity | null,
  threat: DelistingThreat,
  scene: Judging,
  remindMs: number,
): Advance {
  const id = { account: scene.account, subject, rule: DELIST_RULE };
  return advanceSlowly(id, severity, { about: "delisting", threat }, scene, remindMs);
}

/** Subjects of an account on which this rule fires. */
export function firingSubjects(states: States, account: string, rule: string): readonly Subject[] {
  return [...states].flatMap(([key, rules]) => {
    const id = rules.has(rule) ? alertIdOf(key, rule) : undefined;
    return id?.account === account && key === stateKey(account, id.subject) ? [id.subject] : [];
  });
}

/** Anything at all: what is left over of a debt counts too. */
const isThere = (balance: AssetBalance): boolean => heldOf(balance) > 0 || owes(balance);

export const balanceOf = (asset: string, cross: CrossAnswer | undefined): AssetBalance | undefined =>
  cross?.assets?.find((balance) => balance.asset === asset);

const pairOf = (symbol: string, pairs: Holdings["pairs"]): PairAnswer | undefined =>
  pairs?.find((pair) => pair.symbol === symbol);

const legsOf = ({ base, quote }: PairAnswer): readonly AssetBalance[] =>
  [base, quote].filter((leg) => leg !== undefined);

const nameIn = (subject: Subject): string => subject.slice(subject.indexOf(" ") + 1);

// ---------------------------------------------------------------- for the store

/** {"asset ROSE":1583960000000} */
export const encodeDue = (due: DueDates): string => JSON.stringify(Object.fromEntries(due));

/** What an earlier run kept; what cannot be read is nothing. */
export function decodeDue(text: string | undefined): DueDates {
  const due = new Map<Subject, number>();
  for (const [subject, atMs] of Object.entries(parse(text))) {
    if (isSubject(subject) && typeof atMs === "number") due.set(subject, atMs);
  }
  return due;
}

function parse(text: string | undefined): object {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {}; // not what we wrote: what is due is known again with the next schedule
  }
}
