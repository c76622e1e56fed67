// Parameters of a request as the exchange reads them. What is malformed is thrown as a Refusal, which carries the reply.
import { badParameter, illegalCharacters, Refusal } from "./reply.ts";

/** A whole number without a sign, of any size; undefined when it was not sent. */
export function longParam(params: URLSearchParams, name: string): bigint | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,19}$/.test(text)) throw new Refusal(illegalCharacters(name));
  return BigInt(text);
}

/** The same for what is small enough for a number: times in ms. */
export function timeParam(params: URLSearchParams, name: string): number | undefined {
  const value = longParam(params, name);
  return value === undefined ? undefined : Number(value);
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
}

/** How the exchange takes a value out of bounds is documented nowhere; refusing it is what finds mistakes. */
export function boundedParam(params: URLSearchParams, name: string, { min, max, fallback }: Bounds): number {
  const value = timeParam(params, name) ?? fallback;
  if (value < min || value > max) throw new Refusal(badParameter(name));
  return value;
}

/** One of the listed words; undefined when it was not sent. */
export function choiceParam(params: URLSearchParams, name: string, choices: readonly string[]): string | undefined {
  const text = params.get(name);
  if (text !== null && !choices.includes(text)) throw new Refusal(badParameter(name));
  return text ?? undefined;
}
