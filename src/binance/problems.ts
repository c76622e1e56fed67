// The slow look: says which field of an answer did not read and why, in a clause that may be logged and shown. Only asked when
// something did not read.
import { parseDecimal } from "../core/decimal.ts";
import { badResponse } from "./errors.ts";
import {
  AMOUNTS,
  CROSS_DECIMALS,
  CROSS_FLAGS,
  DEBTS,
  isObject,
  OLD_TRANSFER_FLAG,
  PAIR_DECIMALS,
  PAIR_FLAGS,
  type RawBalance,
  type RawCross,
  type RawPair,
  shortText,
} from "./raw.ts";

// A field that older answers lack is undefined without a problem; observe.ts decides whether a rule needs it.
const malformed = (path: string, value: unknown, isRead: boolean, expected: string): readonly string[] =>
  isRead || value === undefined ? [] : [`${path} is ${kindOf(value)}, not ${expected}`];

export function crossProblems(body: RawCross): readonly string[] {
  const rows = Array.isArray(body.userAssets) ? body.userAssets : undefined;
  return [
    ...CROSS_DECIMALS.flatMap((name) => malformedDecimal(name, body[name])),
    ...CROSS_FLAGS.flatMap((name) => malformedFlag(name, body[name])),
    // Only where it is read: beside its successors nobody asks what it says.
    ...(isOldStyle(body) ? malformedFlag(OLD_TRANSFER_FLAG, body[OLD_TRANSFER_FLAG]) : []),
    ...malformedText("accountType", body.accountType),
    ...(rows?.flatMap((row, i) => balanceProblems(`userAssets[${i}]`, row)) ?? ["userAssets is missing"]),
  ];
}

const isOldStyle = ({ transferInEnabled, transferOutEnabled }: RawCross): boolean =>
  transferInEnabled === undefined || transferOutEnabled === undefined;

export function pairProblems(row: RawPair): readonly string[] {
  return [
    ...PAIR_DECIMALS.flatMap((name) => malformedDecimal(name, row[name])),
    ...PAIR_FLAGS.flatMap((name) => malformedFlag(name, row[name])),
    ...malformedText("marginLevelStatus", row.marginLevelStatus),
    ...balanceProblems("baseAsset", row.baseAsset),
    ...balanceProblems("quoteAsset", row.quoteAsset),
  ];
}

// Amounts and the asset's name are never optional: without them nobody can say whether there is debt.
function balanceProblems(path: string, row: unknown): readonly string[] {
  if (!isObject<RawBalance>(row)) return [`${path} is ${kindOf(row)}, not an object`];
  return [
    ...(shortText(row.asset) === undefined ? [`${path}.asset is ${kindOf(row.asset)}, not a short name`] : []),
    ...AMOUNTS.filter((name) => parseDecimal(row[name]) === undefined).map(
      (name) => `${path}.${name} is ${kindOf(row[name])}, not a decimal`,
    ),
    ...DEBTS.filter((name) => (parseDecimal(row[name]) ?? 0) < 0).map(
      (name) => `${path}.${name} is ${kindOf(row[name])}, not an amount owed`,
    ),
    ...malformedDecimal(`${path}.totalAsset`, row.totalAsset),
  ];
}

const malformedDecimal = (path: string, value: unknown) =>
  malformed(path, value, parseDecimal(value) !== undefined, "a decimal");
const malformedFlag = (path: string, value: unknown) =>
  malformed(path, value, typeof value === "boolean", "true or false");
const malformedText = (path: string, value: unknown) =>
  malformed(path, value, shortText(value) !== undefined, "a short text");

export const shapeError = (path: string, value: unknown, expected: string) =>
  badResponse(`${path} is ${kindOf(value)}, not ${expected}`);

/** Names, statuses and numbers are shorter; keys and signatures are longer. */
const SHOWN_MAX = 40;

/** What a person is told of a value that does not fit: its kind, and a short text itself. */
function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value !== "string") return `the ${typeof value} ${value}`;
  if (value.length > SHOWN_MAX) return `a text of ${value.length} characters`;
  return `"${value.replaceAll(/[^\x20-\x7e]/g, "?")}"`;
}
