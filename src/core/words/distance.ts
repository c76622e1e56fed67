// What is said of prices of liquidation, of the stress ladder, and of each way back in two assets.
import type { Language } from "../format.ts";

const en = {
  /** "BTC alone: liquidation at 5,012 USDT, a 12.0 % fall." */
  alone: (asset: string, price: string, pct: string, rises: boolean) =>
    `${asset} alone: liquidation at ${price}, ${articleFor(pct)} ${pct} % ${rises ? "rise" : "fall"}.`,
  /** "If all you hold falls 5 / 10 / 20 %: level 1.18 / 1.12 / 0.99 (liquidation at 1.10)." */
  falls: (pcts: readonly string[], levels: readonly string[], bar: string | undefined) =>
    `If all you hold falls ${pcts.join(" / ")} %: level ${levels.join(" / ")}${bar === undefined ? "" : ` (liquidation at ${bar})`}.`,
  /** Follows `falls`, or stands alone. */
  rises: (pcts: readonly string[], levels: readonly string[]) =>
    `If the coins you owe rise ${pcts.join(" / ")} %: level ${levels.join(" / ")}.`,
  /** Of a pair, whose collateral hangs on one price: "If FET falls 5 / 10 / 20 %: level 1.28 / 1.21 / 1.08 (liquidation at 1.1575)." */
  moves: (asset: string, rises: boolean, pcts: readonly string[], levels: readonly string[], bar: string) =>
    `If ${asset} ${rises ? "rises" : "falls"} ${pcts.join(" / ")} %: level ${levels.join(" / ")} (liquidation at ${bar}).`,
  /** A distance that is none any more: "5.5 % below the liquidation bar". */
  passedBy: (pct: string) => `${pct} % below the liquidation bar`,
  passed: "liquidation bar passed",
  /** Two assets for one amount: "11,700 USDT (1.17 BTC)". */
  sum: (amount: string, inDebt: string | undefined) => (inDebt === undefined ? amount : `${amount} (${inDebt})`),
  /** Stand where `backToLevel` stands, before the ways. */
  outOfCall: (bar: string) => `Out of the margin call (above ${bar}), a little more than this`,
  toTransferOut: (level: string) => `To transfer out again (collateral level above ${level}), a little more than this`,
  /** Of a trusted book: what it leaves out. */
  uncounted: (assets: string, more: number) => `No price for ${assets}${moreEn(more)}: not counted.`,
  assumed: (assets: string) => `No price for ${assets}: counted as 1 USDT.`,
  noPrice: (assets: string, more: number) =>
    `No price for ${assets}${moreEn(more)}: prices of liquidation cannot be told.`,
  noPrices: "There are no market prices now: prices of liquidation cannot be told.",
  disagree: "Market prices and Binance's level do not agree: prices of liquidation cannot be told.",
  listed: (assets: readonly string[]) => assets.join(", "),
};

type DistanceWords = typeof en;

const zh: DistanceWords = {
  alone: (asset, price, pct, rises) => `仅 ${asset} ${rises ? "上涨" : "下跌"} ${pct} %：到 ${price} 即强平。`,
  falls: (pcts, levels, bar) =>
    `若持有的全部资产下跌 ${pcts.join(" / ")} %：风险率 ${levels.join(" / ")}${bar === undefined ? "" : `（强平线 ${bar}）`}。`,
  rises: (pcts, levels) => `若所欠的币上涨 ${pcts.join(" / ")} %：风险率 ${levels.join(" / ")}。`,
  moves: (asset, rises, pcts, levels, bar) =>
    `若 ${asset} ${rises ? "上涨" : "下跌"} ${pcts.join(" / ")} %：风险率 ${levels.join(" / ")}（强平线 ${bar}）。`,
  passedBy: (pct) => `低于强平线 ${pct} %`,
  passed: "已跌破强平线",
  sum: (amount, inDebt) => (inDebt === undefined ? amount : `${amount}（${inDebt}）`),
  outOfCall: (bar) => `脱离追加保证金状态（高于 ${bar}），须略多于`,
  toTransferOut: (level) => `恢复转出（质押风险率高于 ${level}），须略多于`,
  uncounted: (assets, more) => `${assets}${moreZh(more)}没有价格：未计入。`,
  assumed: (assets) => `${assets} 没有价格：按 1 USDT 计。`,
  noPrice: (assets, more) => `${assets}${moreZh(more)}没有价格：无法算出强平价。`,
  noPrices: "目前没有市场价格：无法算出强平价。",
  disagree: "市场价格与币安的风险率不符：无法算出强平价。",
  listed: (assets) => assets.join("、"),
};

export const DISTANCE_WORDS: Readonly<Record<Language, DistanceWords>> = { en, "zh-CN": zh };

const moreEn = (more: number): string => (more > 0 ? ` and ${more} more` : "");
const moreZh = (more: number): string => (more > 0 ? ` 等另外 ${more} 种资产` : " ");

/** "an 8.1 % fall", "an 11.3 % fall", "a 12.0 % fall". */
export const articleFor = (pct: string): "a" | "an" => (/^(8|11(?!\d)|18(?!\d))/.test(pct) ? "an" : "a");
