// Answers of the documented shape and of a realistic size: the real cross answer lists every asset of the exchange, most of them
// with zeros, and the isolated one every pair that was ever opened.

const ASSETS = 400;
const NOTHING = "0.00000000";
const decimal = (value: number): string => value.toFixed(8);

/** 45,000 USDT owed, and bitcoin held for `level` times as much. */
export function crossText(level: number): string {
  const owner = [
    { asset: "BTC", borrowed: NOTHING, free: decimal(4.5 * level), interest: NOTHING, locked: NOTHING },
    { asset: "USDT", borrowed: "45000.00000000", free: NOTHING, interest: NOTHING, locked: NOTHING },
  ].map((row) => ({ ...row, netAsset: decimal(Number(row.free) - Number(row.borrowed)) }));
  const zeros = Array.from({ length: ASSETS - owner.length }, (_, index) => zeroAsset(`COIN${index}`));
  return JSON.stringify({
    created: true,
    borrowEnabled: true,
    marginLevel: decimal(level),
    collateralMarginLevel: decimal(level * 0.95),
    totalAssetOfBtc: decimal(4.5 * level),
    totalLiabilityOfBtc: decimal(4.5),
    totalNetAssetOfBtc: decimal(4.5 * (level - 1)),
    TotalCollateralValueInUSDT: decimal(42_750 * level),
    totalOpenOrderLossInUSDT: NOTHING,
    tradeEnabled: true,
    transferInEnabled: true,
    transferOutEnabled: true,
    accountType: "MARGIN_1",
    userAssets: [...owner, ...zeros],
  });
}

const zeroAsset = (asset: string) => ({
  asset,
  borrowed: NOTHING,
  free: NOTHING,
  interest: NOTHING,
  locked: NOTHING,
  netAsset: NOTHING,
});

/**
 * `count` pairs: every second one empty, the others long with debt, most of them far from liquidation, one in fifty near it.
 * `turn` changes every number a little, as prices do from one poll to the next.
 */
export function pairsText(count: number, turn: number): string {
  return JSON.stringify({ assets: Array.from({ length: count }, (_, index) => pair(index, turn)) });
}

function pair(index: number, turn: number) {
  const symbol = `C${index}USDT`;
  const price = 10 + index * 1.73 + turn * 0.0137;
  const isOwing = index % 2 === 0;
  const awayPct = index % 50 === 0 ? 4 : 20 + (index % 30);
  const liquidatePrice = isOwing ? price * (1 - awayPct / 100) : 0;
  const held = isOwing ? 100 + index : 0;
  const owed = (held * liquidatePrice) / 1.05;
  const level = isOwing ? (held * price) / owed : 999;
  return {
    baseAsset: leg(`C${index}`, held, 0, price),
    quoteAsset: leg("USDT", 0, owed, 1),
    symbol,
    isolatedCreated: true,
    enabled: true,
    marginLevel: isOwing ? decimal(level) : "999",
    marginLevelStatus: level < 1.1 ? "MARGIN_CALL" : level < 1.25 ? "NORMAL" : "EXCESSIVE",
    marginRatio: "5",
    indexPrice: decimal(price),
    liquidatePrice: isOwing ? decimal(liquidatePrice) : "0",
    liquidateRate: isOwing ? decimal(-awayPct) : "0",
    tradeEnabled: true,
  };
}

const leg = (asset: string, held: number, borrowed: number, price: number) => ({
  asset,
  borrowEnabled: true,
  borrowed: decimal(borrowed),
  free: decimal(held),
  interest: decimal(borrowed * 0.00012),
  locked: NOTHING,
  netAsset: decimal(held - borrowed),
  netAssetOfBtc: decimal(((held - borrowed) * price) / 10_000),
  repayEnabled: true,
  totalAsset: decimal(held),
});
