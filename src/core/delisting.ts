// A delisting meets the book: what is held or owed of an asset, or in an isolated pair, that is about to leave margin. The one thing to
// know: it is over only on evidence, a fresh schedule without it or a fresh account without it; that the time has passed is none.
import { type Advance, type Scene, type States, stateKey } from "./advance.ts";
import { alertIdOf, isSubject } from "./announce.ts";
import type { Delisting, Prices } from "./market.ts";
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

/** When a subject (`asset X`, `isolated X`) leaves margin. */
export type DueDates = ReadonlyMap<Subject, number>;

export interface DelistingLook extends Holdings {
  /** The last valid schedule; undefined before the first since the start. */
  readonly schedule: readonly Delisting[] | undefined;
  /** What was due of this account when it was last looked at, also before a restart. */
  readonly before: DueDates;
  readonly prices: Prices | undefined;
}

type Judging = Omit<Scene, "known" | "bars"> & { readonly account: string };

/** `leftMs` before the delisting; past it, it is as bad as just before. */
export function delistingSeverity(leftMs: number): Severity | null {
  return AHEAD.find(([, aheadMs]) => leftMs <= aheadMs)?.[0] ?? null;
}

/** What changed, and what is due of this account now: to be kept for the next look. */
export function judgeDelistings(look: DelistingLook, scene: Judging): { advance: Advance; due: DueDates } {
  const dates = datesOf(look, scene.nowMs);
  const hits = [...dates].flatMap(([subject, atMs]) => hitOf(subject, atMs, look, scene.nowMs) ?? []);
  const isHit = new Set(hits.map(({ subject }) => subject));
  const over = firing(scene).filter((subject) => !isHit.has(subject));
  const moves = [
    ...hits.map(({ subject, severity, threat }) => move(subject, severity, threat, scene)),
    ...over.flatMap((subject) => {
      const why = whyOver(subject, look, dates, scene.nowMs);
      return why === undefined ? [] : [move(subject, null, { kind: "over", why }, scene)];
    }),
  ];
  const kept = [...dates].filter(
    ([subject]) => isHit.has(subject) || (look.before.has(subject) && !isGone(subject, look)),
  );
  return { advance: allOf(moves), due: new Map(kept) };
}

/**
 * The schedule's dates, the first of each subject; and those that passed: the schedule drops them, but what is still held or owed is
 * not safe for that. Without a schedule since the start, what was known before it.
 */
function datesOf({ schedule, before }: DelistingLook, nowMs: number): DueDates {
  if (schedule === undefined) return before;
  const dates = new Map<Subject, number>([...before].filter(([, atMs]) => atMs <= nowMs));
  for (const { atMs, assets, symbols } of [...schedule].sort((a, b) => b.atMs - a.atMs)) {
    for (const asset of assets) dates.set(`asset ${asset}`, atMs);
    for (const symbol of symbols) dates.set(`isolated ${symbol}`, atMs);
  }
  return dates;
}

function hitOf(subject: Subject, atMs: number, look: DelistingLook, nowMs: number) {
  const severity = delistingSeverity(atMs - nowMs);
  if (severity === null) return undefined;
  const threat = threatTo(subject, atMs, look);
  return threat === undefined ? undefined : { subject, severity, threat };
}

function threatTo(subject: Subject, atMs: number, look: DelistingLook): DelistingThreat | undefined {
  const name = nameIn(subject);
  if (subject.startsWith("asset ")) {
    const balance = balanceOf(name, look.cross);
    if (balance === undefined || !isThere(balance)) return undefined;
    const levels = levelsWithout(balance, look.cross, look.prices);
    return { kind: "asset", asset: name, atMs, held: heldOf(balance), owed: debtOf(balance), ...levels };
  }
  const legs = legsOf(name, look.pairs);
  return legs.some(isThere) ? { kind: "pair", symbol: name, atMs, owes: legs.some(owes) } : undefined;
}

/** Nothing is told of where it cannot be known. */
function whyOver(
  subject: Subject,
  look: DelistingLook,
  dates: DueDates,
  nowMs: number,
): "left" | "rescheduled" | undefined {
  if (isGone(subject, look)) return "left";
  const atMs = dates.get(subject);
  const isDue = atMs !== undefined && delistingSeverity(atMs - nowMs) !== null;
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
  const pair = pairs?.find(({ symbol }) => symbol === name);
  if (pairs === undefined || (pair !== undefined && (pair.base === undefined || pair.quote === undefined)))
    return false;
  return !legsOf(name, pairs).some(isThere);
}

/** Assets of the cross account that are held as collateral for a debt and are due: their prices are needed. */
export function needsPrices(look: DelistingLook, nowMs: number): boolean {
  const { cross } = look;
  if (cross?.assets?.some(owes) !== true || cross.accountType === "MARGIN_2") return false;
  return [...datesOf(look, nowMs)].some(([subject, atMs]) => {
    const threat = hitOf(subject, atMs, look, nowMs)?.threat;
    return threat?.kind === "asset" && threat.held > 0;
  });
}

// ---------------------------------------------------------------- the level without it

/**
 * Margin level now, and (A − held · p) / L without this collateral: A, L totalAssetOfBtc and totalLiabilityOfBtc, p the price in BTC.
 * The level as assets over liabilities in BTC: FAQ 360030493931. Undefined without debt, for MARGIN_2, and where no price tells.
 */
export function levelsWithout(
  balance: AssetBalance,
  cross: CrossAnswer | undefined,
  prices: Prices | undefined,
): { readonly level: number | undefined; readonly levelWithout: number | undefined } {
  const unknown = { level: undefined, levelWithout: undefined };
  if (cross?.assets?.some(owes) !== true || cross.accountType === "MARGIN_2") return unknown;
  const { marginLevel: level, totalAssetOfBtc: assets, totalLiabilityOfBtc: liabilities } = cross;
  const held = heldOf(balance);
  if (held <= 0) return { level, levelWithout: level };
  const price = priceInBtc(balance.asset, prices);
  if (assets === undefined || liabilities === undefined || liabilities <= 0 || price === undefined)
    return { level, levelWithout: undefined };
  return { level, levelWithout: Math.max(0, (assets - held * price) / liabilities) };
}

/** From XBTC, else from BTCX, else over USDT. */
export function priceInBtc(asset: string, prices: Prices | undefined): number | undefined {
  if (asset === "BTC") return 1;
  const price = (symbol: string) => {
    const found = prices?.get(symbol);
    return found !== undefined && found > 0 ? found : undefined;
  };
  const direct = price(`${asset}BTC`);
  if (direct !== undefined) return direct;
  const inverse = price(`BTC${asset}`);
  if (inverse !== undefined) return 1 / inverse;
  const [inUsdt, bitcoin] = [price(`${asset}USDT`), price("BTCUSDT")];
  return inUsdt === undefined || bitcoin === undefined ? undefined : inUsdt / bitcoin;
}

// ---------------------------------------------------------------- helpers

const move = (subject: Subject, severity: Severity | null, threat: DelistingThreat, scene: Judging): Advance => {
  const id = { account: scene.account, subject, rule: DELIST_RULE };
  return advanceSlowly(id, severity, { about: "delisting", threat }, scene, REMIND_MS[severity ?? "info"]);
};

const firing = ({ account, states }: Judging): readonly Subject[] => firingSubjects(states, account, DELIST_RULE);

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

function legsOf(symbol: string, pairs: Holdings["pairs"]): readonly AssetBalance[] {
  const pair = pairs?.find((each) => each.symbol === symbol);
  return [pair?.base, pair?.quote].filter((leg) => leg !== undefined);
}

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
