// Answers of the exchange, unknown → typed. The one thing to know: the good path only looks at each field once and keeps no books,
// because hundreds of pairs come every few seconds; only when something did not read, a second and slow look says what and why.
import { parseDecimal } from "../core/decimal.ts";
import { owes } from "../core/observe.ts";
import type { AssetBalance, Bars, CrossAnswer, PairAnswer, PairLeg } from "../core/ports.ts";
import { badResponse } from "./errors.ts";
import { crossProblems, pairProblems, shapeError } from "./problems.ts";
import {
  flag,
  isObject,
  OLD_TRANSFER_FLAG,
  type Raw,
  type RawBalance,
  type RawCross,
  type RawPair,
  shortText,
} from "./raw.ts";

const NO_PROBLEMS: readonly string[] = [];
const NO_NAMES: readonly string[] = [];

/** Throws bad_response when the answer as a whole is not of the documented shape. */
export function parseCross(body: unknown): CrossAnswer {
  if (!isObject<RawCross>(body)) throw shapeError("the cross account", body, "an object");
  const { userAssets } = body;
  if (userAssets !== undefined && !Array.isArray(userAssets)) throw shapeError("userAssets", userAssets, "a list");
  const assets = userAssets === undefined ? undefined : balances(userAssets);
  const renamed = oldStyleFlags(body);
  const fields = {
    marginLevel: parseDecimal(body.marginLevel),
    collateralMarginLevel: parseDecimal(body.collateralMarginLevel),
    totalAssetOfBtc: parseDecimal(body.totalAssetOfBtc),
    totalLiabilityOfBtc: parseDecimal(body.totalLiabilityOfBtc),
    totalNetAssetOfBtc: parseDecimal(body.totalNetAssetOfBtc),
    borrowEnabled: flag(body.borrowEnabled),
    tradeEnabled: flag(body.tradeEnabled),
    transferInEnabled: flag(renamed.includes("transferInEnabled") ? body.transferEnabled : body.transferInEnabled),
    transferOutEnabled: flag(renamed.includes("transferOutEnabled") ? body.transferEnabled : body.transferOutEnabled),
    accountType: shortText(body.accountType),
    totalCollateralValueInUsdt: parseDecimal(body.TotalCollateralValueInUSDT),
    totalOpenOrderLossInUsdt: parseDecimal(body.totalOpenOrderLossInUSDT),
    assets,
  };
  // An account with debt exists, whatever its `created` says.
  const opened = body.created !== false || assets?.some(owes) === true;
  const problems = isComplete(fields) && isFlagOrAbsent(body.created) ? NO_PROBLEMS : crossProblems(body);
  if (renamed.length === 0) return { source: "cross", opened, ...fields, problems };
  const oldNames = renamed.map((field) => ({ field, oldName: OLD_TRANSFER_FLAG }));
  return { source: "cross", opened, ...fields, renamed: oldNames, problems };
}

/** Flags that the answer has only under the name that stood for both. */
function oldStyleFlags(body: RawCross): readonly string[] {
  if (typeof body[OLD_TRANSFER_FLAG] !== "boolean") return NO_NAMES;
  return (["transferInEnabled", "transferOutEnabled"] as const).filter((name) => body[name] === undefined);
}

/** Throws bad_response when the list or the identity of a row cannot be read; anything less is a problem of that pair alone. */
export function parsePairs(body: unknown): readonly PairAnswer[] {
  if (!isObject<Raw<"assets">>(body)) throw shapeError("the isolated account", body, "an object");
  const { assets } = body;
  if (!Array.isArray(assets)) throw shapeError("assets", assets, "a list");
  const pairs = assets.map(parsePair);
  if (new Set(pairs.map(({ symbol }) => symbol)).size < pairs.length) throw badResponse("assets has a pair twice");
  return pairs;
}

function parsePair(row: unknown, index: number): PairAnswer {
  if (!isObject<RawPair>(row)) throw shapeError(`assets[${index}]`, row, "an object");
  const symbol = shortText(row.symbol);
  if (symbol === undefined) throw shapeError(`assets[${index}].symbol`, row.symbol, "a short name");
  const fields = {
    isolatedCreated: flag(row.isolatedCreated),
    enabled: flag(row.enabled),
    tradeEnabled: flag(row.tradeEnabled),
    marginLevel: parseDecimal(row.marginLevel),
    marginLevelStatus: shortText(row.marginLevelStatus),
    marginRatio: parseDecimal(row.marginRatio),
    indexPrice: parseDecimal(row.indexPrice),
    liquidatePrice: parseDecimal(row.liquidatePrice),
    liquidateRate: parseDecimal(row.liquidateRate),
    base: leg(row.baseAsset),
    quote: leg(row.quoteAsset),
  };
  const { base, quote } = fields;
  const isWhole = isComplete(fields) && base?.totalAsset !== undefined && quote?.totalAsset !== undefined;
  return { symbol, ...fields, problems: isWhole ? NO_PROBLEMS : pairProblems(row) };
}

/** {"normalBar":"1.5","marginCallBar":"1.3","forceLiquidationBar":"1.1"}; undefined unless they are bars in their order. */
export function parseBars(body: unknown): Bars | undefined {
  if (!isObject<Raw<keyof Bars>>(body)) return undefined;
  const normalBar = parseDecimal(body.normalBar);
  const marginCallBar = parseDecimal(body.marginCallBar);
  const forceLiquidationBar = parseDecimal(body.forceLiquidationBar);
  if (normalBar === undefined || marginCallBar === undefined || forceLiquidationBar === undefined) return undefined;
  const isOrdered = normalBar > marginCallBar && marginCallBar > forceLiquidationBar && forceLiquidationBar > 1;
  return isOrdered ? { normalBar, marginCallBar, forceLiquidationBar } : undefined;
}

function balances(rows: readonly unknown[]): readonly AssetBalance[] | undefined {
  const read: AssetBalance[] = [];
  for (const row of rows) {
    const one = balance(row);
    if (one === undefined) return undefined;
    read.push(one);
  }
  return read;
}

function balance(row: unknown): AssetBalance | undefined {
  if (!isObject<RawBalance>(row)) return undefined;
  const asset = shortText(row.asset);
  const free = parseDecimal(row.free);
  const locked = parseDecimal(row.locked);
  const borrowed = parseDecimal(row.borrowed);
  const interest = parseDecimal(row.interest);
  if (asset === undefined || free === undefined || locked === undefined) return undefined;
  if (borrowed === undefined || interest === undefined) return undefined;
  if (borrowed < 0 || interest < 0) return undefined; // or a changed sign would read as "owes nothing", and end alerts
  return { asset, free, locked, borrowed, interest };
}

function leg(row: unknown): PairLeg | undefined {
  const amounts = balance(row);
  if (amounts === undefined || !isObject<RawBalance>(row)) return undefined;
  const { asset, free, locked, borrowed, interest } = amounts;
  return { asset, free, locked, borrowed, interest, totalAsset: parseDecimal(row.totalAsset) };
}

const isFlagOrAbsent = (value: unknown): boolean => value === undefined || typeof value === "boolean";

function isComplete(fields: Readonly<Record<string, unknown>>): boolean {
  for (const name in fields) if (fields[name] === undefined) return false;
  return true;
}

/** What a cross account that was never opened amounts to. */
export const NO_CROSS_ANSWER: CrossAnswer = parseCross({ created: false, userAssets: [] });
