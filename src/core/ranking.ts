// Whom first: positions by what is at stake and how near it is. The one thing to know: what is not known counts as the worst, so that
// nothing ends among "and 12 more" because its price or its debt could not be read.

import type { Prices } from "./market.ts";
import { debtOf, isQuotient, type Observation } from "./observe.ts";
import type { CrossAnswer, PairAnswer, Subject } from "./ports.ts";
import { priceBook } from "./priced.ts";
import type { Amount } from "./remedy.ts";
import { usdtPrice } from "./usdt-price.ts";

/** A position with debt, as far as it can be ranked. */
export interface Exposure {
  readonly account: string;
  readonly subject: Subject;
  /** Way to liquidation, percent; undefined: not known. */
  readonly distancePct: number | undefined;
  /** All that is owed: in USDT, where a price tells, else in the unit that the answer has; undefined: not known. */
  readonly debt: Amount | undefined;
}

/** Told in full, the worst first; of the rest there is a count. */
export const TOLD_IN_FULL = 5;

/** Nearer than this is all the same: it is being liquidated. Percent. */
const NEAREST_PCT = 0.1;

/**
 * How much is at stake: debt / distance², USDT per squared percent. By Kolmogorov's inequality a random walk goes as far as d with a
 * chance of at most σ²/d², so this is, but for the market's common σ², a bound of the debt that is expected to be liquidated. More
 * debt is more, nearer is more; twice as near counts as four times the debt. Below 0.1 % the distance counts as 0.1 %.
 */
export const danger = (debtUsdt: number, distancePct: number): number =>
  debtUsdt / Math.max(NEAREST_PCT, distancePct) ** 2;

/** Worst first: by danger, then the nearer, then the larger debt, then by name. A distance that is not known counts as none left, a
 * debt that is not known in USDT as the largest of the list. */
export function rank<E extends Exposure>(exposures: readonly E[]): readonly E[] {
  const debts = exposures.map(({ debt }) => inUsdt(debt));
  const largest = debts.reduce<number>((most, debt) => Math.max(most, debt ?? 0), 0) || 1;
  const marked = exposures.map((exposure, index) => {
    const debt = debts[index] ?? largest;
    const awayPct = exposure.distancePct ?? 0;
    return { exposure, debt, awayPct, score: danger(debt, awayPct) };
  });
  marked.sort(
    (a, b) =>
      b.score - a.score || a.awayPct - b.awayPct || b.debt - a.debt || byName(nameOf(a.exposure), nameOf(b.exposure)),
  );
  return marked.map(({ exposure }) => exposure);
}

/**
 * What an observation has at stake. Undefined without debt and when it is not OK. The distance of an account whose level is not assets
 * over liabilities (`isQuotient`) is not known: it stands first and shows none.
 */
export function exposureOf(observation: Observation, prices: Prices | undefined): Exposure | undefined {
  const { account, subject, source, values, hasDebt } = observation;
  if (observation.class !== "OK" || !hasDebt || source === undefined) return undefined;
  const isKnown = !("source" in source) || isQuotient(source);
  const distancePct = isKnown ? values.liquidationDistancePct : undefined;
  return {
    account,
    subject,
    distancePct: typeof distancePct === "number" ? distancePct : undefined,
    debt: "source" in source ? crossDebt(source, prices) : pairDebt(source, prices),
  };
}

/** From the priced book; else from Binance's total in BTC, in USDT where bitcoin has a price. */
function crossDebt(cross: CrossAnswer, prices: Prices | undefined): Amount | undefined {
  const book = priceBook(cross, prices);
  if (book?.isTrusted === true) return { value: book.liabilitiesWorth, asset: book.unit };
  const { totalLiabilityOfBtc } = cross;
  return totalLiabilityOfBtc === undefined || totalLiabilityOfBtc <= 0
    ? undefined
    : asUsdt({ value: totalLiabilityOfBtc, asset: "BTC" }, prices);
}

/** Both legs at the index price, in the quote asset, then in USDT where that has a price. */
function pairDebt({ base, quote, indexPrice }: PairAnswer, prices: Prices | undefined): Amount | undefined {
  if (base === undefined || quote === undefined) return undefined;
  if (debtOf(base) > 0 && (indexPrice === undefined || indexPrice <= 0)) return undefined;
  return asUsdt({ value: debtOf(base) * (indexPrice ?? 0) + debtOf(quote), asset: quote.asset }, prices);
}

function asUsdt(amount: Amount, prices: Prices | undefined): Amount {
  if (amount.asset === "USDT") return amount; // of hundreds of pairs nearly all
  const price = usdtPrice(amount.asset, prices)?.price;
  return price === undefined ? amount : { value: amount.value * price, asset: "USDT" };
}

/** Undefined when no price tells. */
export const inUsdt = (amount: Amount | undefined): number | undefined =>
  amount?.asset === "USDT" && Number.isFinite(amount.value) ? amount.value : undefined;

const nameOf = ({ account, subject }: Exposure): string => `${account} ${subject}`;
const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
