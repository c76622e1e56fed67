// Reads from an answer that the exchange wants silence, and for how long. Pure. Source for the rules:
// https://developers.binance.com/docs/margin_trading/general-info (429, 418, Retry-After) and the text of error -1003.
import { httpDateMs, retryAfterMs } from "../lib/retry-after.ts";
import type { Complaint } from "./errors.ts";
import { type Headers, headerText } from "./request.ts";

/** rate: 429 or -1003. ban: 418. firewall: a 403 without an error number. */
export interface Stop {
  readonly kind: "rate" | "ban" | "firewall";
  readonly detail: string;
  /** How long the exchange asks for silence; undefined when it says nothing that makes sense. Not clamped. */
  readonly askedMs: number | undefined;
}

const TOO_MANY_REQUESTS = -1003;
const BANNED_UNTIL = /banned until (\d{13})\b/i;

export function stopIn(
  status: number,
  headers: Headers,
  complaint: Complaint | undefined,
  serverNowMs: number,
): Stop | undefined {
  const isTooMany = complaint?.code === TOO_MANY_REQUESTS;
  const bannedUntilMs = isTooMany ? Number(BANNED_UNTIL.exec(complaint.msg)?.[1] ?? 0) : 0;
  const afterMs = retryAfterMs(headerText(headers, "retry-after"), serverNowMs, headerText(headers, "date"));
  const detail = isTooMany && status < 400 ? `error ${TOO_MANY_REQUESTS}` : `HTTP ${status}`;
  if (status === 418 || bannedUntilMs > 0) {
    // The exchange's own clock, as the answer tells it: this machine's may have been set since it was compared.
    const sentMs = httpDateMs(headerText(headers, "date")) ?? serverNowMs;
    const askedMs = Math.max(afterMs ?? 0, bannedUntilMs - sentMs);
    return { kind: "ban", detail, askedMs: askedMs > 0 ? askedMs : undefined };
  }
  if (status === 429 || isTooMany) return { kind: "rate", detail, askedMs: afterMs };
  if (status === 403 && complaint === undefined) {
    return { kind: "firewall", detail: `${detail} of its firewall`, askedMs: afterMs };
  }
  return undefined;
}
