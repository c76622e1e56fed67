// Spans of time as people write and read them: 500ms, 30s, 5m, 1.5h, 7d. Inside the program they are milliseconds.

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;
const UNITS = ["d", "h", "m", "s", "ms"] as const satisfies readonly Unit[];

/** Ten years: beyond it a duration is a slip of the hand, and sums of stamps stay exact integers. */
const LONGEST_MS = 3_650 * UNIT_MS.d;

export const DURATION_PATTERN = "^\\d+(\\.\\d+)?(ms|s|m|h|d)$";
export const DURATION_EXPECTED = "expected a duration such as 500ms, 30s, 5m, 2h, 7d";

const SHAPE = new RegExp(DURATION_PATTERN);
const isUnit = (text: string): text is Unit => Object.hasOwn(UNIT_MS, text);

/** Whole milliseconds, or undefined when the text is no duration: a bare "30" has no unit, "30sec" a wrong one. */
export function parseDurationMs(text: string): number | undefined {
  if (!SHAPE.test(text)) return undefined;
  const digits = Number.parseFloat(text);
  const unit = text.replace(/^[\d.]+/, "");
  if (!isUnit(unit)) return undefined;
  const ms = Math.round(digits * UNIT_MS[unit]);
  return ms <= LONGEST_MS ? ms : undefined;
}

/** As people say it, largest unit first: 90000 → "1m 30s". A single unit is what parseDurationMs reads back. */
export function durationText(ms: number): string {
  const parts: string[] = [];
  let restMs = ms;
  for (const unit of UNITS) {
    const count = Math.floor(restMs / UNIT_MS[unit]);
    if (count > 0) parts.push(`${count}${unit}`);
    restMs -= count * UNIT_MS[unit];
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}
