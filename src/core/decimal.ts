// Decimal strings of the exchange become numbers here and nowhere else. Only -?digits[.digits] passes: what JavaScript would
// take on top of that ("" and null are 0, "NaN" compares false with every threshold) is a false panic or a false calm.

const MINUS = 45;
const DOT = 46;
const ZERO = 48;

// A whole number below 2^53 divided by a power of ten up to 10^22 is rounded once, so the quotient is the nearest double, the
// same that Number() finds slowly (W. D. Clinger, "How to read floating point numbers accurately", 1990). Amounts of the
// exchange have 8 places, so nearly all of them go this way: hundreds of pairs make thousands of decimals a poll.
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

/** The number that a decimal string says; undefined for everything else, also for one too large to be finite. */
export function parseDecimal(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const { length } = value;
  const first = value.charCodeAt(0) === MINUS ? 1 : 0;
  let digits = 0;
  let dotAt = -1;
  for (let at = first; at < length; at++) {
    const digit = value.charCodeAt(at) - ZERO;
    if (digit >= 0 && digit <= 9) digits = digits * 10 + digit;
    else if (digit === DOT - ZERO && dotAt === -1 && at > first) dotAt = at;
    else return undefined;
  }
  if (length === first || dotAt === length - 1) return undefined;
  const places = dotAt === -1 ? 0 : length - dotAt - 1;
  if (length - first - (dotAt === -1 ? 0 : 1) > EXACT_DIGITS) return finite(Number(value));
  const size = digits / (POWERS_OF_TEN[places] ?? 1);
  return first === 1 && size !== 0 ? -size : size;
}

/** Adding zero turns -0 into 0. */
function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value + 0 : undefined;
}
