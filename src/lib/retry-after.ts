// Reads Retry-After, how long the other side asks to be left alone, and the dates of HTTP.

// Date.parse takes much more than the one form of HTTP ("-1" is a year), so the form is checked before.
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Whole seconds, or an HTTP date that is not over; undefined for anything else. Not clamped. A date is measured by `sentAt`, the
 * answer's own Date, where there is one: our clock may be wrong.
 */
export function retryAfterMs(header: string | undefined, nowMs: number, sentAt = ""): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER);
  const untilMs = httpDateMs(text);
  if (untilMs === undefined) return undefined;
  const leftMs = untilMs - (httpDateMs(sentAt) ?? nowMs);
  return leftMs >= 0 ? leftMs : undefined;
}

/** An HTTP date in ms since the epoch; undefined for any other text. */
export function httpDateMs(text: string): number | undefined {
  const ms = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
