// A desk as large as the figures ask for: 600 isolated pairs that all owe, a cross account that holds or owes each of its 400 assets, and
// every public price, in the exchange's words (the simulator's). The one thing to know: all three hang on the same prices, so that the
// book is trusted, and `turn` moves them a little, as they move from one poll to the next.
import { crossAccount, decimal, isolatedPair, isolatedTotals } from "../../src/sim/answers.ts";
import { ASSET_NAMES, isStable } from "../../src/sim/assets.ts";
import { type Amounts, crossBook, holding, type PairBook, TIERS } from "../../src/sim/book.ts";
import type { Prices } from "../../src/sim/price-path.ts";

export interface LargeBook {
  readonly crossText: string;
  readonly pairsText: string;
  /** GET /api/v3/ticker/price of all symbols. */
  readonly pricesText: string;
}

export const PAIRS = 600;
export const ASSETS = 400;
/** What the exchange lists in all: some 3,500 in 2026. */
const SYMBOLS = 3_500;
const INTEREST = 0.00012;
/** One pair in so many is short, one asset in so many is owed. */
const SHORT_EVERY = 10;
const OWED_EVERY = 10;
/** One pair in so many is near its end. */
const NEAR_EVERY = 50;
const CROSS_LEVEL = 1.24;

const coin = (index: number): string => `C${index}`;
/** USDT of each asset of the cross account. */
const WORTH = 1_000;

/** `fallPct`: all coins stand so much lower. */
export function largeBook(turn: number, fallPct = 0): LargeBook {
  const prices = pricesOf(turn, 1 - fallPct / 100);
  const pairs = Array.from({ length: PAIRS }, (_, index) => pair(index));
  return {
    crossText: JSON.stringify(crossAccount(crossBook(crossAssets()), prices)),
    pairsText: JSON.stringify({
      assets: pairs.map((each) => isolatedPair(each, prices)),
      ...isolatedTotals(pairs, prices),
    }),
    pricesText: JSON.stringify(tickers(prices)),
  };
}

/** Wall ms apart, price by price a few thousandths. */
function pricesOf(turn: number, times: number): Prices {
  const usdt = (asset: string) =>
    isStable(asset)
      ? 1
      : restingPrice(asset) * times * (1 + 0.003 * Math.sin(turn + asset.length + restingPrice(asset)));
  return { usdt, index: (symbol) => usdt(symbol.slice(0, -"USDT".length)) };
}

function restingPrice(asset: string): number {
  if (isStable(asset)) return 1;
  const place = ASSET_NAMES.indexOf(asset);
  return place === -1 ? 0.5 + Number(asset.slice(1)) * 1.73 : 60_000 / (1 + place * 40);
}

// ---------------------------------------------------------------- cross

function crossAssets() {
  const names = [...ASSET_NAMES, ...Array.from({ length: ASSETS - ASSET_NAMES.length }, (_, index) => coin(index))];
  const coins = names.filter((name) => name !== "USDT");
  const owed = coins.filter((name, index) => isOwed(name, index)).length * WORTH;
  const held = (coins.length - owed / WORTH) * WORTH;
  const dollars = held / CROSS_LEVEL - owed;
  const rows = coins.map((name, index) => {
    const units = WORTH / restingPrice(name);
    return holding(name, isOwed(name, index) ? debt(units) : { free: units * 0.9, locked: units * 0.1 });
  });
  return [...rows, holding("USDT", debt(dollars))];
}

const isOwed = (name: string, index: number): boolean => index % OWED_EVERY === OWED_EVERY - 1 && !isStable(name);
const debt = (units: number): Amounts => ({ borrowed: units, interest: units * INTEREST });

// ---------------------------------------------------------------- isolated

function pair(index: number): PairBook {
  const tier = TIERS["3x"];
  const price = restingPrice(coin(index));
  const awayPct = index % NEAR_EVERY === 0 ? 4 : 20 + (index % 30);
  const units = 100 + index;
  const isShort = index % SHORT_EVERY === SHORT_EVERY - 1;
  const endPrice = price * (1 + ((isShort ? 1 : -1) * awayPct) / 100);
  const dollars = isShort ? tier.liquidationRatio * units * endPrice : (units * endPrice) / tier.liquidationRatio;
  return {
    symbol: `${coin(index)}USDT`,
    base: holding(coin(index), isShort ? debt(units) : { free: units * 0.9, locked: units * 0.1 }),
    quote: holding("USDT", isShort ? { free: dollars } : debt(dollars)),
    tier,
    enabled: true,
    liquidatingSinceMs: undefined,
  };
}

// ---------------------------------------------------------------- prices

function tickers(prices: Prices): readonly { readonly symbol: string; readonly price: string }[] {
  const coins = [...ASSET_NAMES.filter((name) => name !== "USDT"), ...Array.from({ length: PAIRS }, (_, i) => coin(i))];
  const known = coins.map((name) => ({ symbol: `${name}USDT`, price: decimal(prices.usdt(name)) }));
  const others = Array.from({ length: SYMBOLS - known.length }, (_, index) => ({
    symbol: `O${index}BTC`,
    price: decimal(0.0001 + index / 1e6),
  }));
  return [...known, ...others];
}
