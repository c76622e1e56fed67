// What the account answers look like before anything of them is believed: every field may be there, be missing, or be anything.

/** An object of parsed JSON that may have these fields. */
export type Raw<Field extends string> = { readonly [name in Field]?: unknown };

export const DEBTS = ["borrowed", "interest"] as const;
export const AMOUNTS = ["free", "locked", ...DEBTS] as const;
export const CROSS_DECIMALS = [
  "marginLevel",
  "collateralMarginLevel",
  "totalAssetOfBtc",
  "totalLiabilityOfBtc",
  "totalNetAssetOfBtc",
  "TotalCollateralValueInUSDT",
  "totalOpenOrderLossInUSDT",
] as const;
export const CROSS_FLAGS = [
  "created",
  "borrowEnabled",
  "tradeEnabled",
  "transferInEnabled",
  "transferOutEnabled",
] as const;
/** What said both until September 2024; older answers have only this. */
export const OLD_TRANSFER_FLAG = "transferEnabled";
export const PAIR_DECIMALS = ["marginLevel", "marginRatio", "indexPrice", "liquidatePrice", "liquidateRate"] as const;
export const PAIR_FLAGS = ["isolatedCreated", "enabled", "tradeEnabled"] as const;

export type RawBalance = Raw<"asset" | "totalAsset" | (typeof AMOUNTS)[number]>;
export type RawCross = Raw<
  | "userAssets"
  | "accountType"
  | typeof OLD_TRANSFER_FLAG
  | (typeof CROSS_DECIMALS)[number]
  | (typeof CROSS_FLAGS)[number]
>;
type PairText = "symbol" | "marginLevelStatus";
type PairLegName = "baseAsset" | "quoteAsset";
export type RawPair = Raw<PairText | PairLegName | (typeof PAIR_DECIMALS)[number] | (typeof PAIR_FLAGS)[number]>;

/** Any object is a Raw: its fields are all optional and of unknown type. */
export const isObject = <R extends Raw<string>>(value: unknown): value is R =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const flag = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);

const TEXT_MAX = 40;
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+$/u;

/** A name or status: short, printable, no spaces. It will be read in alerts, so what could disguise itself there is refused. */
export function shortText(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length === 0 || value.length > TEXT_MAX) return undefined;
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code < 33 || code > 126) return PRINTABLE.test(value) ? value : undefined; // rare: a name outside ASCII
  }
  return value;
}
