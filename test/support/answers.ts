// What the exchange answers, typed, for tests: a cross account and the FETUSDT pair of the reference, and what is observed of them.
import { type Context, type Observation, observeCross, observeIsolated } from "../../src/core/observe.ts";
import type { AssetBalance, Bars, CrossAnswer, IsolatedAnswer, PairAnswer, PairLeg } from "../../src/core/ports.ts";

export const BARS_3X: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
/** As the FAQ suggests for accounts of 5x. */
export const BARS_5X: Bars = { normalBar: 1.25, marginCallBar: 1.16, forceLiquidationBar: 1.1 };

export function balance(asset: string, over: Partial<AssetBalance> = {}): AssetBalance {
  return { asset, free: 0, locked: 0, borrowed: 0, interest: 0, ...over };
}

export function leg(asset: string, over: Partial<PairLeg> = {}): PairLeg {
  const amounts = balance(asset, over);
  return { ...amounts, totalAsset: amounts.free + amounts.locked, ...over };
}

/** The book of the design document: 45,000 USDT owed, bitcoin at 10,000 held for `level` times as much. */
export function cross(level: number | undefined, over: Partial<CrossAnswer> = {}): CrossAnswer {
  const assetsBtc = 4.5 * (level ?? 1.24);
  return {
    source: "cross",
    opened: true,
    marginLevel: level,
    collateralMarginLevel: level,
    totalAssetOfBtc: assetsBtc,
    totalLiabilityOfBtc: 4.5,
    totalNetAssetOfBtc: assetsBtc - 4.5,
    borrowEnabled: true,
    tradeEnabled: true,
    transferInEnabled: true,
    transferOutEnabled: true,
    accountType: "MARGIN_1",
    assets: [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: assetsBtc })],
    problems: [],
    ...over,
  };
}

/** As Binance answers for an account without debt. */
export function debtFree(over: Partial<CrossAnswer> = {}): CrossAnswer {
  const assets = [balance("USDT"), balance("BTC", { free: 1 })];
  const totals = { totalAssetOfBtc: 1, totalLiabilityOfBtc: 0, totalNetAssetOfBtc: 1 };
  return cross(999, { ...totals, assets, ...over });
}

/** The one public sample of a pair with debt (reference, isolated accounts); all other fields as documented. */
export const FETUSDT: PairAnswer = {
  symbol: "FETUSDT",
  isolatedCreated: true,
  enabled: true,
  tradeEnabled: true,
  marginLevel: 1.34371923,
  marginLevelStatus: "EXCESSIVE",
  marginRatio: 4.2,
  indexPrice: 0.60221962,
  liquidatePrice: 0.51628838,
  liquidateRate: -14.269087,
  base: leg("FET", { free: 1954.7144 }),
  quote: leg("USDT", { free: 20.65536756, borrowed: 889.66509394, interest: 0.05560407 }),
  problems: [],
};

/** One coin at 10,000 USDT, bought with borrowed ones: `awayPct` from its liquidation at a level of 1.05. */
export function longPair(symbol: string, awayPct: number, over: Partial<PairAnswer> = {}): PairAnswer {
  const liquidatePrice = 10_000 - 100 * awayPct;
  const borrowed = liquidatePrice / 1.05;
  return {
    ...FETUSDT,
    symbol,
    marginLevel: 10_000 / borrowed,
    marginLevelStatus: "NORMAL",
    marginRatio: 10,
    indexPrice: 10_000,
    liquidatePrice,
    liquidateRate: -awayPct,
    base: leg(symbol.replace(/USDT$/, ""), { free: 1 }),
    quote: leg("USDT", { borrowed }),
    ...over,
  };
}

/** An empty pair, as the documents show it. */
export function emptyPair(symbol: string, over: Partial<PairAnswer> = {}): PairAnswer {
  return {
    ...FETUSDT,
    symbol,
    marginLevel: 0,
    marginLevelStatus: "EXCESSIVE",
    marginRatio: 0,
    indexPrice: 10_000,
    liquidatePrice: 1_000,
    liquidateRate: 1,
    base: leg(symbol.replace(/USDT$/, "")),
    quote: leg("USDT"),
    ...over,
  };
}

export function isolated(pairs: readonly PairAnswer[], asked: IsolatedAnswer["asked"] = "all"): IsolatedAnswer {
  return { source: "isolated", asked, pairs };
}

function contextOf(over: Partial<Context> = {}): Context {
  const used: Context["used"] = {
    cross: new Set(["marginLevel", "transferOutEnabled"]),
    isolated: new Set(["marginLevelStatus", "liquidationDistancePct"]),
  };
  return { account: "main", atMs: 0, bars: BARS_3X, used, indebted: new Set(), ...over };
}

/** What is seen of an answer. */
export function observe(answer: CrossAnswer | IsolatedAnswer, over: Partial<Context> = {}): readonly Observation[] {
  const context = contextOf(over);
  return answer.source === "cross" ? [observeCross(answer, context)] : observeIsolated(answer, context);
}
