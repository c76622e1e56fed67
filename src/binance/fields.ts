// Single fields of an answer in which nothing may be wrong: read, or thrown as bad_response that names the field. For histories and
// the market, where a row that does not read must not be skipped; the account's own fields are read one by one in parse.ts.
import { parseDecimal } from "../core/decimal.ts";
import { shapeError } from "./problems.ts";
import { flag, isObject, type Raw, shortText } from "./raw.ts";

const ID = /^(0|[1-9]\d{0,39})$/;
const DIGITS = /^\d{1,16}$/;
const SECONDS_BELOW = 1e11;
const MS_BELOW = 1e14;

export const absent = (value: unknown): value is undefined | null => value === undefined || value === null;

export function objectIn<Field extends string>(path: string, value: unknown): Raw<Field> {
  if (!isObject<Raw<Field>>(value)) throw shapeError(path, value, "an object");
  return value;
}

export function listIn(path: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw shapeError(path, value, "a list");
  return value;
}

export function textIn(path: string, value: unknown): string {
  const text = shortText(value);
  if (text === undefined) throw shapeError(path, value, "a short text");
  return text;
}

/** Undefined when the field is missing, null or empty. */
export const textOrNone = (path: string, value: unknown): string | undefined =>
  absent(value) || value === "" ? undefined : textIn(path, value);

export function decimalIn(path: string, value: unknown): number {
  const number = parseDecimal(value);
  if (number === undefined) throw shapeError(path, value, "a decimal");
  return number;
}

export const decimalOrNone = (path: string, value: unknown): number | undefined =>
  absent(value) || value === "" ? undefined : decimalIn(path, value);

export function flagOrNone(path: string, value: unknown): boolean | undefined {
  if (!absent(value) && flag(value) === undefined) throw shapeError(path, value, "true or false");
  return flag(value);
}

/** An id with every digit. Two ids are the same exactly when their texts are. */
export function idIn(path: string, value: unknown): string {
  if (typeof value !== "string" || !ID.test(value)) throw shapeError(path, value, "an id");
  return value;
}

/**
 * Ms since the epoch. The exchange stamps in seconds, ms or µs, and not always as documented, so the magnitude decides: below 1e11
 * seconds (until the year 5138), below 1e14 ms.
 */
export function timeIn(path: string, value: unknown): number {
  if (typeof value !== "string" || !DIGITS.test(value)) throw shapeError(path, value, "a time");
  const stamp = Number(value);
  if (stamp < SECONDS_BELOW) return stamp * 1000;
  return stamp < MS_BELOW ? stamp : Math.floor(stamp / 1000);
}
