// A book in money: what is held and owed, each at its price, one unit for all of it. Everything about distance, stress and ways back is
// worked out on it. The one thing to know: prices are ours, the level is the exchange's. Where the two do not agree, there is no book.
import type { Prices } from "./market.ts";
import { debtOf, heldOf, isQuotient, owes } from "./observe.ts";
import type { AssetBalance, CrossAnswer, PairAnswer } from "./ports.ts";
import { usdtPrice } from "./usdt-price.ts";

/** Coins meant to be worth one dollar: that they rise is no danger to who owes them. */
export const STABLE_COINS: ReadonlySet<string> = new Set([
  "USDT",
  "USDC",
  "FDUSD",
  "TUSD",
  "BUSD",
  "DAI",
  "USDP",
  "USD1",
]);
/** A book further than this share from what the exchange says is not calculated with. Index and last price differ by some 0.2 %. */
const TOLERANCE = 0.02;
/** Totals of the exchange have 8 decimals. */
const TOTAL_STEP_BTC = 1e-8;
/** The level of an account without debt that counts. It is no quotient. Source: binance-margin reference, `marginLevel`. */
const LEVEL_MAX = 999;

/** One asset that is held or owed. */
export interface PricedAsset {
  readonly asset: string;
  /** In the book's unit, as the market tells it. */
  readonly price: number;
  /** In the book's unit. What is held is scaled, see `Book`. */
  readonly heldWorth: number;
  readonly owedWorth: number;
  /** In units of the asset, borrowed and interest. */
  readonly owed: number;
  readonly isStable: boolean;
}

/**
 * A book that agrees with the exchange.
 *
 * What is held counts `scale` times its market worth, so that assets / liabilities is the exchange's level to the last digit. Binance
 * values the account at index prices that no public answer holds, and ours are last prices: unscaled, a message would say "level 1.24"
 * in its first line and begin its ladder at 1.2371, and a price of liquidation would not lead to the bar that is named beside it. The
 * debt is left as it is, because what is owed is mostly in stable coins and known to the cent.
 */
export interface Book {
  readonly isTrusted: true;
  /** USDT for the cross account, the quote asset for a pair. */
  readonly unit: string;
  readonly level: number;
  /** level · liabilitiesWorth. */
  readonly assetsWorth: number;
  readonly liabilitiesWorth: number;
  readonly scale: number;
  readonly assets: readonly PricedAsset[];
  /** Held or owed, without a price, not in the sums: what they are worth is not known, only that all of it is within the tolerance. */
  readonly missing: readonly string[];
  /** Stable coins that were counted as 1 USDT, because the market told no price. */
  readonly assumed: readonly string[];
}

/** Ours and the exchange's differ too much: nothing is derived from it, and a message can only say why. */
export interface DistrustedBook {
  readonly isTrusted: false;
  readonly missing: readonly string[];
  /** Assets over liabilities as far as prices go; undefined when no debt has a price. */
  readonly ownLevel: number | undefined;
}

export type PricedBook = Book | DistrustedBook;

/**
 * The cross account in USDT. Undefined without debt, and for accounts whose level is not assets over liabilities (`isQuotient`). It is trusted when assets over liabilities is within 2 % of `marginLevel`, and assets and liabilities each of
 * totalAssetOfBtc and totalLiabilityOfBtc, where BTC has a price. A missing price is forgiven only when the totals show that it does
 * not matter: the level alone would not, when something held and something owed are missing at once.
 */
export function priceBook(cross: CrossAnswer, prices: Prices | undefined): PricedBook | undefined {
  const last = lastBooks.get(cross);
  if (last !== undefined && last.prices === prices) return last.book;
  const book = pricedNow(cross, prices);
  lastBooks.set(cross, { prices, book });
  return book;
}

/** Of an answer the last: the picture, the lines of an alert and the estimate between polls all ask for the same one. */
const lastBooks = new WeakMap<
  CrossAnswer,
  { readonly prices: Prices | undefined; readonly book: PricedBook | undefined }
>();

function pricedNow(cross: CrossAnswer, prices: Prices | undefined): PricedBook | undefined {
  const { marginLevel: level, assets } = cross;
  if (!isQuotient(cross) || level === undefined || level <= 0 || level >= LEVEL_MAX) return undefined;
  if (assets === undefined || !assets.some(owes)) return undefined;
  const lines: Line[] = [];
  const [missing, assumed]: [string[], string[]] = [[], []];
  for (const balance of assets) {
    if (heldOf(balance) <= 0 && debtOf(balance) <= 0) continue;
    const priced = usdtPrice(balance.asset, prices);
    if (priced === undefined) missing.push(balance.asset);
    else lines.push({ balance, price: priced.price });
    if (priced?.isAssumed === true) assumed.push(balance.asset);
  }
  const sums = sum(lines);
  const bitcoin = usdtPrice("BTC", prices)?.price;
  if (agrees(sums, cross, level, bitcoin, missing.length > 0)) {
    return bookOf(lines, sums, { unit: "USDT", level, missing, assumed });
  }
  return { isTrusted: false, missing, ownLevel: sums.owed > 0 ? sums.held / sums.owed : undefined };
}

/**
 * An isolated pair in its quote asset, from its own legs at indexPrice; where marginLevel is missing, its own quotient is the level.
 * Undefined without debt or index price, and when the legs are not within 2 % of the level (0.2 % is usual: FETUSDT of the reference).
 */
export function pairBook(pair: PairAnswer): Book | undefined {
  const worth = pairWorth(pair);
  if (worth === undefined) return undefined;
  const { base, quote, price, level } = worth;
  const lines = [
    { balance: base, price },
    { balance: quote, price: 1 },
  ];
  return bookOf(lines, worth, { unit: quote.asset, level, missing: [], assumed: [] });
}

/** `levelWhen` on the book of a pair whose base costs so many times its price of now. Without making the book: it is asked of hundreds. */
export function pairLevelWhen(pair: PairAnswer, times: number): number | undefined {
  const worth = pairWorth(pair);
  if (worth === undefined) return undefined;
  const { base, quote, price } = worth;
  const scale = (worth.level * worth.owed) / worth.held;
  const held = heldOf(base) * price * scale * times + heldOf(quote) * scale;
  return held / (debtOf(base) * price * times + debtOf(quote));
}

function pairWorth({ base, quote, indexPrice: price, marginLevel }: PairAnswer) {
  if (base === undefined || quote === undefined || price === undefined || price <= 0) return undefined;
  if (!owes(base) && !owes(quote)) return undefined;
  const held = heldOf(base) * price + heldOf(quote);
  const owed = debtOf(base) * price + debtOf(quote);
  const level = marginLevel ?? held / owed;
  if (held <= 0 || level >= LEVEL_MAX || !isNear(held / owed, level)) return undefined;
  return { base, quote, price, held, owed, level };
}

/** The level when the prices are other ones: `times` says how many times its price of now an asset has then. */
export function levelWhen(book: Book, times: (asset: PricedAsset) => number): number {
  let [held, owed] = [0, 0];
  for (const asset of book.assets) {
    const factor = times(asset);
    held += asset.heldWorth * factor;
    owed += asset.owedWorth * factor;
  }
  return held / owed;
}

/** The asset that most is owed of. */
export function largestDebt({ assets }: Book): PricedAsset | undefined {
  return assets.reduce<PricedAsset | undefined>(
    (most, asset) => (asset.owedWorth > (most?.owedWorth ?? 0) ? asset : most),
    undefined,
  );
}

// ---------------------------------------------------------------- the sums

interface Line {
  readonly balance: AssetBalance;
  readonly price: number;
}

interface Sums {
  readonly held: number;
  readonly owed: number;
}

function sum(lines: readonly Line[]): Sums {
  let [held, owed] = [0, 0];
  for (const { balance, price } of lines) {
    held += heldOf(balance) * price;
    owed += debtOf(balance) * price;
  }
  return { held, owed };
}

function agrees(
  { held, owed }: Sums,
  cross: CrossAnswer,
  level: number,
  bitcoin: number | undefined,
  isPartial: boolean,
): boolean {
  if (held <= 0 || owed <= 0 || !isNear(held / owed, level)) return false;
  const { totalAssetOfBtc, totalLiabilityOfBtc } = cross;
  if (bitcoin === undefined || totalAssetOfBtc === undefined || totalLiabilityOfBtc === undefined) return !isPartial;
  const step = TOTAL_STEP_BTC * bitcoin;
  return isNear(held, totalAssetOfBtc * bitcoin, step) && isNear(owed, totalLiabilityOfBtc * bitcoin, step);
}

const isNear = (own: number, told: number, atLeast = 0): boolean => Math.abs(own - told) <= TOLERANCE * told + atLeast;

function bookOf(
  lines: readonly Line[],
  { held, owed }: Sums,
  told: Pick<Book, "unit" | "level" | "missing" | "assumed">,
): Book {
  const assetsWorth = told.level * owed;
  const scale = assetsWorth / held;
  const assets = lines.map(({ balance, price }) => ({
    asset: balance.asset,
    price,
    heldWorth: heldOf(balance) * price * scale,
    owedWorth: debtOf(balance) * price,
    owed: debtOf(balance),
    isStable: STABLE_COINS.has(balance.asset),
  }));
  return { isTrusted: true, ...told, assetsWorth, liabilitiesWorth: owed, scale, assets };
}
