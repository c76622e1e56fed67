// The assets that the simulated exchange knows. Only BTC has a price path of its own; all others follow it by a fixed table,
// so THEIR PRICES ARE DERIVED, NOT REAL: they serve to fill pairs that move plausibly together in a crash.

export interface AssetFacts {
  /** Price in USDT when BTC stands at REFERENCE_BTC. Roughly the market of early March 2020, where the asset existed. */
  readonly referenceUsdt: number;
  /** price = referenceUsdt · (btc / REFERENCE_BTC)^beta: a fall of BTC by 10 % is one of about 12 % at beta 1.2. */
  readonly beta: number;
}

export const REFERENCE_BTC = 8_000;

const STABLE: AssetFacts = { referenceUsdt: 1, beta: 0 };

const ASSETS: Readonly<Record<string, AssetFacts>> = {
  BTC: { referenceUsdt: REFERENCE_BTC, beta: 1 },
  ETH: { referenceUsdt: 200, beta: 1.2 },
  BNB: { referenceUsdt: 17, beta: 1.15 },
  XRP: { referenceUsdt: 0.21, beta: 1.1 },
  LTC: { referenceUsdt: 50, beta: 1.15 },
  ADA: { referenceUsdt: 0.042, beta: 1.3 },
  SOL: { referenceUsdt: 0.9, beta: 1.4 },
  DOGE: { referenceUsdt: 0.0023, beta: 1.1 },
  LINK: { referenceUsdt: 4, beta: 1.35 },
  USDT: STABLE,
  USDC: STABLE,
  FDUSD: STABLE,
};

const QUOTES = ["USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB"];

export const ASSET_NAMES: readonly string[] = Object.keys(ASSETS);

export const isStable = (asset: string): boolean => ASSETS[asset] === STABLE;

/** Price of an asset in USDT while BTC costs `btc`; undefined for an asset that is not in the table. */
export function derivedUsdt(asset: string, btc: number): number | undefined {
  const facts = ASSETS[asset];
  if (facts === undefined) return undefined;
  return asset === "BTC" ? btc : facts.referenceUsdt * (btc / REFERENCE_BTC) ** facts.beta;
}

/** "ETHBTC" → ["ETH", "BTC"]; undefined when the symbol is not made of two known assets. */
export function splitSymbol(symbol: string): readonly [base: string, quote: string] | undefined {
  const quote = QUOTES.find((name) => symbol.endsWith(name) && Object.hasOwn(ASSETS, symbol.slice(0, -name.length)));
  if (quote === undefined) return undefined;
  const base = symbol.slice(0, -quote.length);
  return base === quote ? undefined : [base, quote];
}

/** Is the first the quote asset of the market between the two? The quotes stand in order: BTC is quoted in USDT, ETH in BTC. */
export function isQuoteOf(asset: string, other: string): boolean {
  const [own, others] = [asset, other].map((name) => (QUOTES.includes(name) ? QUOTES.indexOf(name) : QUOTES.length));
  return (own ?? 0) < (others ?? 0);
}

/** Every market of the table: what /api/v3/ticker/price lists when nobody asks for a symbol. */
export const LISTED_SYMBOLS: readonly string[] = QUOTES.flatMap((quote) =>
  ASSET_NAMES.filter((base) => isQuoteOf(quote, base)).map((base) => `${base}${quote}`),
);
