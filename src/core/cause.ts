// What moved the margin level between two looks: price, borrowing, repaying, interest, transfers, trades, as shares that add up to the
// change. The one thing to know: what cannot be told apart is one share of its own ("transferOrTrading"), never a guess.
import { type Between, type Book, type Cause, changesOf, type Holding, join, owedBy } from "./cause-changes.ts";

export interface PriceShare {
  readonly asset: string;
  /** Units of the level. */
  readonly share: number;
  /** Of the asset's price, percent. */
  readonly changePct: number;
}

export interface Moved {
  readonly kind: "moved";
  /** Levels of the two books: assets / liabilities. */
  readonly from: number;
  readonly to: number;
  /** Units of the level; they add up to `to − from`. */
  readonly shares: Readonly<Record<Cause, number>>;
  /** The share of price, by asset, largest first. */
  readonly priceOf: readonly PriceShare[];
  /** Held, but nobody gave a price: left out of both levels. */
  readonly unpriced: readonly string[];
}

/** noDebt: before or after nothing is owed. noPrice: what is owed has none, or nothing that is held has one. */
export type Unmoved = {
  readonly kind: "unknown";
  readonly why: "noDebt" | "noPrice";
  readonly assets: readonly string[];
};

/**
 * Shares of the change of level A/L, which do not depend on any order of the causes and add up to it exactly:
 *
 * 1. The change of a worth h·p goes to price and amount at the mean of the other: h̄·Δp and p̄·Δh (T. L. Bennet 1920, "The Theory of
 *    Measurement of Changes in Cost of Living", J. R. Stat. Soc. 83; the Shapley value of a product of two). So ΔA = Σ a, ΔL = Σ l.
 * 2. Along the straight path from (A₀, L₀) to (A₁, L₁) every cause counts with the gradient of A/L (Aumann and Shapley 1974, "Values of
 *    Non-Atomic Games"; as attribution: Sun and Sundararajan 2011, arXiv:1102.0989): share = a·∫1/L − l·∫A/L².
 */
export function whatMoved(before: Book, after: Book, rows: Between = {}): Moved | Unmoved {
  const { holdings, unpriced, unpricedDebt } = join(before, after);
  if (unpricedDebt.length > 0) return { kind: "unknown", why: "noPrice", assets: unpricedDebt };
  const sum = (worth: (holding: Holding) => number) => holdings.reduce((total, each) => total + worth(each), 0);
  const [a0, a1] = [sum(({ was, p0 }) => was.held * p0), sum(({ now, p1 }) => now.held * p1)];
  const [l0, l1] = [sum(({ was, p0 }) => owedBy(was) * p0), sum(({ now, p1 }) => owedBy(now) * p1)];
  if (!(l0 > 0 && l1 > 0)) return { kind: "unknown", why: "noDebt", assets: [] };
  if (a0 + a1 === 0 && unpriced.length > 0) return { kind: "unknown", why: "noPrice", assets: unpriced };

  const weights = weightsOf(a0, a1, l0, l1);
  const shares: Record<string, number> = {};
  const given = (cause: Cause, share: number) => {
    shares[cause] = (shares[cause] ?? 0) + share;
  };
  const byAsset = new Map(holdings.map((holding) => [holding.asset, holding]));
  for (const { asset, cause, held, debt } of changesOf(holdings, rows)) {
    const { p0 = 0, p1 = 0 } = byAsset.get(asset) ?? {};
    given(cause, ((p0 + p1) / 2) * (held * weights.assets + debt * weights.debts));
  }
  const priceOf = holdings.map((holding) => priceShare(holding, weights)).filter(({ share }) => share !== 0);
  for (const { share } of priceOf) given("price", share);
  priceOf.sort((one, other) => Math.abs(other.share) - Math.abs(one.share));
  return { kind: "moved", from: a0 / l0, to: a1 / l1, shares: whole(shares), priceOf, unpriced };
}

/** The levels of the books are those that the exchange tells, to 1 %: else a price is off, and the shares are not worth telling. */
export function isCredible({ from, to }: Moved, toldFrom: number, toldTo: number): boolean {
  const isNear = (own: number, told: number) => Math.abs(own - told) <= told * TOLD_RATIO;
  return isNear(from, toldFrom) && isNear(to, toldTo);
}
const TOLD_RATIO = 0.01;

// ---------------------------------------------------------------- the weights

interface Weights {
  /** ∫ 1/L: level per unit of assets. */
  readonly assets: number;
  /** −∫ A/L²: level per unit of debt. */
  readonly debts: number;
}

/**
 * Over t from 0 to 1 with A = A₀ + t·ΔA, L = L₀·(1 + t·δ), r = L₁/L₀ = 1 + δ: ∫1/L = ln r/(δ·L₀), ∫A/L² = (A₀/r + ΔA·J)/L₀² with
 * J = ∫ t/(1+t·δ)² = (ln r − δ/r)/δ².
 */
function weightsOf(a0: number, a1: number, l0: number, l1: number): Weights {
  const ratio = l1 / l0;
  const delta = (l1 - l0) / l0;
  // Where the debt all but vanishes, r keeps digits that 1 + δ has lost; near 1 it is the other way round.
  const isNear = Math.abs(delta) <= 0.01;
  const logRatio = isNear ? Math.log1p(delta) : Math.log(ratio);
  const tail = isNear ? series(delta) : (logRatio - delta / ratio) / delta / delta;
  const assets = (delta === 0 ? 1 : logRatio / delta) / l0;
  return { assets, debts: -(a0 / ratio + (a1 - a0) * tail) / l0 / l0 };
}

/** J near δ = 0, where its closed form has lost its digits: Σ (−δ)^k·(k+1)/(k+2). */
function series(delta: number): number {
  let sum = 0;
  for (let k = 9; k >= 0; k--) sum = -delta * sum + (k + 1) / (k + 2);
  return sum;
}

function priceShare({ asset, was, now, p0, p1 }: Holding, weights: Weights): PriceShare {
  const held = (was.held + now.held) / 2;
  const debt = (owedBy(was) + owedBy(now)) / 2;
  return { asset, share: (p1 - p0) * (held * weights.assets + debt * weights.debts), changePct: 100 * (p1 / p0 - 1) };
}

function whole(shares: Readonly<Record<string, number>>): Readonly<Record<Cause, number>> {
  const of = (cause: Cause) => shares[cause] ?? 0;
  return {
    price: of("price"),
    borrow: of("borrow"),
    repay: of("repay"),
    interest: of("interest"),
    transferIn: of("transferIn"),
    transferOut: of("transferOut"),
    trading: of("trading"),
    transferOrTrading: of("transferOrTrading"),
  };
}
