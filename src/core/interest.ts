// Interest rates: when one is far above what is usual of it, and what a debt costs. The one thing to know: an alert ends only by a rate
// that was read, or by a valid answer of the account in which nothing of the asset is owed; what is unknown changes nothing.

import type { Advance, Scene } from "./advance.ts";
import { firingSubjects, type Holdings } from "./delisting.ts";
import type { Read } from "./history.ts";
import { type RateHistory, type RateKey, type RateTrack, rateKey, timesUsual } from "./interest-median.ts";
import type { Prices } from "./market.ts";
import { debtOf, owes } from "./observe.ts";
import type { AlertId, AssetBalance } from "./ports.ts";
import { advanceSlowly, allOf } from "./slow.ts";
import { priceInUsdt } from "./usdt-price.ts";

/** Asset → next hourly rate, as a share of the debt (0.000005 is 0.0005 % an hour). Source: GET /sapi/v1/margin/next-hourly-interest-rate. */
export type HourlyRates = ReadonlyMap<string, number>;

/** A rate that is above a multiple of its own median, or was. */
export interface InterestNews {
  readonly asset: string;
  /** The rate of debts in isolated pairs; else that of the cross account. */
  readonly isIsolated: boolean;
  readonly hourlyRate: number;
  /** Of the 7 days before the alert; above zero. */
  readonly medianRate: number;
  /** How many times the median is still usual. */
  readonly times: number;
  /** Units of the asset, borrowed and interest. */
  readonly owed: number;
}

/** One key's view of the rates, which depend on its VIP level. Behind the account's reads, like a MarketReader. Does not reject. */
export interface InterestReader {
  /** Of these assets, 20 at most; one that the answer leaves out is left out. */
  rates(assets: readonly string[], isIsolated: boolean, signal: AbortSignal): Promise<Read<HourlyRates>>;
}

export const INTEREST_RULE = "interest-rate";
const REMIND_MS = 86_400_000;
/** The rate must fall below the threshold by a tenth of it before an alert ends. */
const LEAVES = 0.9;
/** Less than this is what is left over when a debt is repaid. */
const WORTH_MIN_USDT = 1;
/** While it is told, a debt matters until it is worth less than this share of the minimum: prices move. */
const STAYS = 0.8;
/** Exactly so many times what is usual is not more, whatever floating point makes of it. */
const ROUNDING = 1e-9;

// ---------------------------------------------------------------- what is owed

/** Asset → units owed. Assets of which nothing is owed are not in it. */
type Owed = ReadonlyMap<string, number>;

export interface Debts {
  /** Undefined: not read yet. */
  readonly cross: Owed | undefined;
  readonly isolated: Owed | undefined;
  /** Some pair cannot be read: what is not in `isolated` may be owed in it. */
  readonly isIsolatedPart: boolean;
}

/** What the config has read of the account. */
export interface Books {
  readonly cross: boolean;
  readonly isolated: boolean;
}

/** What nobody has read counts as owing nothing: it would be unknown for good. */
export function debtsIn({ cross, pairs }: Holdings, books: Books): Debts {
  const legs = books.isolated ? pairs?.flatMap(({ base, quote }) => [base, quote]) : [];
  return {
    cross: books.cross ? cross?.assets && sumOf(cross.assets) : new Map(),
    isolated: legs && sumOf(legs.filter((leg) => leg !== undefined)),
    isIsolatedPart: legs?.includes(undefined) ?? false,
  };
}

function sumOf(balances: readonly AssetBalance[]): Owed {
  const sums = new Map<string, number>();
  for (const balance of balances) {
    if (owes(balance)) sums.set(balance.asset, (sums.get(balance.asset) ?? 0) + debtOf(balance));
  }
  return sums;
}

/** Undefined: nobody can say. */
function owedOf(asset: string, isIsolated: boolean, { cross, isolated, isIsolatedPart }: Debts): number | undefined {
  const owed = isIsolated ? isolated : cross;
  return owed?.get(asset) ?? (owed === undefined || (isIsolated && isIsolatedPart) ? undefined : 0);
}

// ---------------------------------------------------------------- the alert

export interface RateReading {
  readonly rate: number;
  /** What was usual before this was read: see usualRate. Undefined: not known. */
  readonly usualRate: number | undefined;
}

export interface InterestLook {
  readonly debts: Debts;
  /** Fresh ones only. */
  readonly readings: ReadonlyMap<RateKey, RateReading>;
  readonly history: RateHistory;
  readonly times: number;
  /** Public prices; where there is none for it a debt matters. */
  readonly prices: Prices | undefined;
}

type Judging = Omit<Scene, "known" | "bars"> & { readonly account: string };

/** What changed, and the history with what the open alerts are measured by: both are to be kept together. The same one when it did not change. */
export function judgeInterest(look: InterestLook, scene: Judging): { advance: Advance; history: RateHistory } {
  const { cross, isolated } = look.debts;
  const firing = new Set(
    firingSubjects(scene.states, scene.account, INTEREST_RULE).map((subject) => subject.slice("asset ".length)),
  );
  const frozen = [...look.history].flatMap(([key, track]) => (track.frozenRate === undefined ? [] : [assetIn(key)]));
  const assets = new Set([...firing, ...frozen, ...(cross?.keys() ?? []), ...(isolated?.keys() ?? [])]);
  const judged = [...assets].map((asset) => ({ asset, stands: standsOf(asset, firing.has(asset), look) }));
  return {
    advance: allOf(judged.map(({ asset, stands }) => moved(asset, stands, scene))),
    history: measured(
      look.history,
      judged.flatMap(({ stands }) => stands),
    ),
  };
}

/** How the rate of one kind of debt stands. "unknown": as it was before. "none": there is nothing to say of it. */
type Stand = { readonly key: RateKey } & (
  | { readonly kind: "high" | "usual"; readonly news: InterestNews }
  | { readonly kind: "unknown" | "none" }
);

/** The worse of the two is told. While one that was told is unknown, nothing is over. */
function moved(asset: string, stands: readonly Stand[], scene: Judging): Advance {
  const [high, usual] = (["high", "usual"] as const).map((wanted) => worst(stands, wanted));
  if (high === undefined && stands.some(({ kind }) => kind === "unknown")) return allOf([]);
  const id: AlertId = { account: scene.account, subject: `asset ${asset}`, rule: INTEREST_RULE };
  const facts = { about: "interest", news: high ?? usual } as const;
  return advanceSlowly(id, high === undefined ? null : "warning", facts, scene, REMIND_MS);
}

function worst(stands: readonly Stand[], wanted: "high" | "usual"): InterestNews | undefined {
  const news = stands.flatMap((stand) => (stand.kind === wanted ? [stand.news] : []));
  return news.sort((a, b) => timesUsual(b) - timesUsual(a))[0];
}

function standsOf(asset: string, isFiring: boolean, look: InterestLook): readonly Stand[] {
  const kinds = [false, true].map((isIsolated) => {
    const key = rateKey(asset, isIsolated);
    // What was frozen counts only while the alert is open: it may have ended with a config that did not have it watched.
    return { key, isIsolated, frozenRate: isFiring ? look.history.get(key)?.frozenRate : undefined };
  });
  const isLost = isFiring && kinds.every(({ frozenRate }) => frozenRate === undefined);
  return kinds.map(({ key, isIsolated, frozenRate }): Stand => {
    const isTold = isLost || frozenRate !== undefined;
    const unknown = { key, kind: isTold ? "unknown" : "none" } as const;
    const owed = owedOf(asset, isIsolated, look.debts);
    const reading = look.readings.get(key);
    if (owed === undefined) return unknown;
    if (!matters(asset, owed, isTold, look.prices)) return { key, kind: "none" };
    if (reading === undefined) return unknown;
    const medianRate = frozenRate ?? reading.usualRate;
    if (medianRate === undefined || medianRate <= 0) return unknown; // of a rate that was nothing, any other is infinitely many times
    const { times } = look;
    const isHigh = reading.rate > times * medianRate * (isTold ? LEAVES : 1) * (1 + ROUNDING);
    if (!isHigh && !isTold) return { key, kind: "none" };
    const news = { asset, isIsolated, hourlyRate: reading.rate, medianRate, times, owed };
    return { key, kind: isHigh ? "high" : "usual", news };
  });
}

/** With what an alert is measured by while it is open; forgotten when the rate is usual again or the debt is gone. */
function measured(history: RateHistory, stands: readonly Stand[]): RateHistory {
  const changed = stands.flatMap((stand): [RateKey, RateTrack][] => {
    const track = history.get(stand.key);
    const frozenRate = stand.kind === "high" ? stand.news.medianRate : undefined;
    if (stand.kind === "unknown" || track === undefined || track.frozenRate === frozenRate) return [];
    return [[stand.key, { ...track, frozenRate }]];
  });
  return changed.length === 0 ? history : new Map([...history, ...changed]);
}

function matters(asset: string, owed: number, isTold: boolean, prices: Prices | undefined): boolean {
  const worth = owed * (priceInUsdt(asset, prices) ?? Number.POSITIVE_INFINITY);
  return owed > 0 && worth >= WORTH_MIN_USDT * (isTold ? STAYS : 1);
}

const assetIn = (key: RateKey): string => key.slice(key.indexOf(" ") + 1);
