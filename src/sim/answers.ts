// A book in the words of the exchange: every answer has the documented fields, in the documented order, decimals as strings.
// https://developers.binance.com/docs/margin_trading/account/Query-Cross-Margin-Account-Details
// https://developers.binance.com/docs/margin_trading/account/Query-Isolated-Margin-Account-Info
// https://developers.binance.com/docs/wallet/account/api-key-permission
import type { AssetBalance, Bars } from "../core/ports.ts";
import { ASSET_NAMES, splitSymbol } from "./assets.ts";
import {
  type CrossBook,
  crossRights,
  heldOf,
  holding,
  levelOf,
  liquidatePrice,
  liquidateRatePct,
  NO_DEBT_LEVEL,
  netOf,
  type PairBook,
  pairLevel,
  pairOwes,
  pairStatus,
  worthOf,
} from "./book.ts";
import type { Prices } from "./price-path.ts";

/** Eight decimals, as the exchange writes amounts. A tiny negative remainder is written as zero, never as "-0.00000000". */
export function decimal(value: number): string {
  const text = value.toFixed(8);
  return text === "-0.00000000" ? "0.00000000" : text;
}

// ---------------------------------------------------------------- the key

const READ_ONLY_KEY = {
  ipRestrict: true,
  createTime: 1_698_645_219_000,
  enableReading: true,
  enableWithdrawals: false,
  enableInternalTransfer: false,
  enableMargin: false,
  enableFutures: false,
  permitsUniversalTransfer: false,
  enableVanillaOptions: false,
  enableFixApiTrade: false,
  enableFixReadOnly: true,
  enableSpotAndMarginTrading: false,
  enablePortfolioMarginTrading: false,
};
export type KeyRestrictions = Readonly<typeof READ_ONLY_KEY>;

/** What a key may do: read, from listed addresses only, but for what is said otherwise. */
export const keyRestrictions = (other: Partial<KeyRestrictions>): KeyRestrictions => ({ ...READ_ONLY_KEY, ...other });

// ---------------------------------------------------------------- cross

export function crossAccount(cross: CrossBook, prices: Prices): object {
  const { assets, liabilities, collateral } = worthOf(cross.assets, prices);
  const collateralLevel = levelOf(collateral, liabilities);
  const rights = crossRights(cross, collateralLevel);
  const bitcoin = prices.usdt("BTC");
  return {
    created: true,
    borrowEnabled: rights.borrowEnabled,
    marginLevel: decimal(levelOf(assets, liabilities)),
    collateralMarginLevel: decimal(collateralLevel),
    totalAssetOfBtc: decimal(assets / bitcoin),
    totalLiabilityOfBtc: decimal(liabilities / bitcoin),
    totalNetAssetOfBtc: decimal((assets - liabilities) / bitcoin),
    TotalCollateralValueInUSDT: decimal(collateral),
    totalOpenOrderLossInUSDT: decimal(0),
    tradeEnabled: rights.tradeEnabled,
    transferInEnabled: rights.transferInEnabled,
    transferOutEnabled: rights.transferOutEnabled,
    accountType: "MARGIN_1",
    userAssets: listedAssets(cross.assets).map(userAsset),
  };
}

/** The real answer lists every asset of the exchange, most of them with zeros. */
function listedAssets(assets: readonly AssetBalance[]): readonly AssetBalance[] {
  const missing = ASSET_NAMES.filter((name) => !assets.some(({ asset }) => asset === name));
  return [...assets, ...missing.map((name) => holding(name))];
}

const userAsset = (balance: AssetBalance) => ({
  asset: balance.asset,
  borrowed: decimal(balance.borrowed),
  free: decimal(balance.free),
  interest: decimal(balance.interest),
  locked: decimal(balance.locked),
  netAsset: decimal(netOf(balance)),
});

/** Bars are written without padding: "1.5". */
export const tradeCoefficients = ({ normalBar, marginCallBar, forceLiquidationBar }: Bars): object => ({
  normalBar: `${normalBar}`,
  marginCallBar: `${marginCallBar}`,
  forceLiquidationBar: `${forceLiquidationBar}`,
});

// ---------------------------------------------------------------- isolated

export function isolatedPair(pair: PairBook, prices: Prices): object {
  const indexPrice = prices.index(pair.symbol);
  const liquidation = liquidatePrice(pair);
  const canTrade = pair.enabled && pair.liquidatingSinceMs === undefined;
  return {
    ...pairHead(pair, prices),
    isolatedCreated: true,
    enabled: pair.enabled,
    marginLevel: pairOwes(pair) ? decimal(pairLevel(pair, indexPrice)) : `${NO_DEBT_LEVEL}`,
    marginLevelStatus: pairStatus(pair, indexPrice),
    marginRatio: `${pair.tier.maxLeverage}`,
    indexPrice: decimal(indexPrice),
    liquidatePrice: liquidation === 0 ? "0" : decimal(liquidation),
    liquidateRate: liquidation === 0 ? "0" : decimal(liquidateRatePct(liquidation, indexPrice)),
    tradeEnabled: canTrade,
  };
}

/** A pair that exists but was never opened by this account: a full row without anything in it. */
export function placeholderPair(symbol: string, prices: Prices): object | undefined {
  const [base, quote] = splitSymbol(symbol) ?? [];
  if (base === undefined || quote === undefined) return undefined;
  return {
    ...pairHead({ symbol, base: holding(base), quote: holding(quote) }, prices),
    isolatedCreated: false,
    enabled: false,
    marginLevel: `${NO_DEBT_LEVEL}`,
    marginLevelStatus: "EXCESSIVE",
    marginRatio: "10",
    indexPrice: decimal(prices.index(symbol)),
    liquidatePrice: "0",
    liquidateRate: "0",
    tradeEnabled: false,
  };
}

const pairHead = ({ symbol, base, quote }: Pick<PairBook, "symbol" | "base" | "quote">, prices: Prices) => ({
  baseAsset: pairLeg(base, prices),
  quoteAsset: pairLeg(quote, prices),
  symbol,
});

const pairLeg = (leg: AssetBalance, prices: Prices) => ({
  asset: leg.asset,
  borrowEnabled: true,
  borrowed: decimal(leg.borrowed),
  free: decimal(leg.free),
  interest: decimal(leg.interest),
  locked: decimal(leg.locked),
  netAsset: decimal(netOf(leg)),
  netAssetOfBtc: decimal(netOf(leg) === 0 ? 0 : (netOf(leg) * prices.usdt(leg.asset)) / prices.usdt("BTC")),
  repayEnabled: true,
  totalAsset: decimal(heldOf(leg)),
});

/** Only an answer about all pairs has totals. */
export function isolatedTotals(pairs: readonly PairBook[], prices: Prices): object {
  const { assets, liabilities } = worthOf(
    pairs.flatMap(({ base, quote }) => [base, quote]),
    prices,
  );
  const bitcoin = prices.usdt("BTC");
  return {
    totalAssetOfBtc: decimal(assets / bitcoin),
    totalLiabilityOfBtc: decimal(liabilities / bitcoin),
    totalNetAssetOfBtc: decimal((assets - liabilities) / bitcoin),
  };
}
