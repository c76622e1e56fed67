// What went wrong, as a Failure that core can put into words, and whether asking again can help. The one thing to know: the
// exchange's own error number decides, before the HTTP status, and an unknown number is Binance's trouble, never a crash.
// Numbers and meanings: https://developers.binance.com/docs/margin_trading/error-code
import type { Failure } from "../core/ports.ts";
import { networkProblem } from "../lib/network.ts";

/**
 * May the same read be asked again inside its poll?
 * - soon, slow: after a wait with full jitter; slow where the exchange says that it is overloaded.
 * - spaced: the key was asked too fast; its lane holds for at least the spacing.
 * - resync: after its clock was read again, once.
 */
export type Retry = "no" | "soon" | "slow" | "spaced" | "resync";

/** Never holds a URL, header or body, and no cause: a cause of JSON.parse or of undici might. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly failure: Failure;
  readonly retry: Retry;

  constructor(failure: Failure, retry: Retry = "no") {
    super(`${failure.code}: ${failure.detail}`);
    this.failure = failure;
    this.retry = retry;
  }
}

/** {"code":-1121,"msg":"Invalid symbol."} */
export interface Complaint {
  readonly code: number;
  readonly msg: string;
}

/** The complaint that a JSON body is, or undefined when it is something else. */
export function complaintIn(body: unknown): Complaint | undefined {
  if (typeof body !== "object" || body === null || !("code" in body)) return undefined;
  const { code } = body;
  if (typeof code !== "number" || !Number.isInteger(code) || code >= 0) return undefined;
  return { code, msg: "msg" in body && typeof body.msg === "string" ? body.msg : "" };
}

const SERVICE_GONE = -1016;
const NOT_SUPPORTED = -1020;
const TIMESTAMP_OUTSIDE_WINDOW = -1021;
export const NO_CROSS_ACCOUNT = -3003;
export const NO_ISOLATED_ACCOUNT = -11001;

const NO_SUCH_PAIR: ReadonlySet<number> = new Set([NO_ISOLATED_ACCOUNT, -1121, -3028]);

/** "There is no such pair", for a request that named symbols. Not a fault: one of the symbols is wrong or was never opened. */
export const isUnknownPair = (error: unknown): boolean =>
  error instanceof ExchangeError && NO_SUCH_PAIR.has(error.failure.exchangeCode ?? 0);

export const hasCode = (error: unknown, code: number): boolean =>
  error instanceof ExchangeError && error.failure.exchangeCode === code;

/** What was asked for does not exist any more. */
export const isGone = (error: unknown): boolean => hasCode(error, SERVICE_GONE) || hasCode(error, NOT_SUPPORTED);

type Row = readonly [code: Failure["code"], retry: Retry, words: string];

const MEANINGS: Readonly<Record<number, Row>> = {
  [-1000]: ["unavailable", "soon", "unknown internal error"],
  [-1001]: ["unavailable", "soon", "internal disconnect"],
  [-1002]: ["rejected_key", "no", "not authorised"],
  [-1004]: ["unavailable", "slow", "busy"],
  [-1006]: ["unavailable", "soon", "unexpected reply of its back end"],
  [-1007]: ["unavailable", "soon", "its back end timed out"],
  [-1008]: ["unavailable", "slow", "overloaded"],
  [SERVICE_GONE]: ["unavailable", "no", "this service is gone"],
  [NOT_SUPPORTED]: ["unavailable", "no", "this request is not supported any more"],
  [TIMESTAMP_OUTSIDE_WINDOW]: ["clock_skew", "resync", "timestamp outside its window"],
  [-1022]: ["bad_signature", "no", "bad signature"],
  [-1099]: ["rejected_key", "no", "not found or not authorised"],
  [-1121]: ["bad_response", "no", "unknown symbol"],
  [-1131]: ["bad_response", "no", "recvWindow too large"],
  [-2008]: ["rejected_key", "no", "unknown key"],
  [-2014]: ["rejected_key", "no", "key of the wrong form"],
  [-2015]: ["rejected_key", "no", "key, address or permission"],
  [-3000]: ["unavailable", "soon", "internal error"],
  [NO_CROSS_ACCOUNT]: ["bad_response", "no", "no cross margin account"],
  [-3028]: ["bad_response", "no", "not a margin pair"],
  [-3037]: ["unavailable", "soon", "profit and loss is being cleared"],
  [-3042]: ["unavailable", "slow", "no index price for a pair"],
  [-3044]: ["unavailable", "slow", "system busy"],
  [-4005]: ["unavailable", "slow", "too many new requests"],
  [NO_ISOLATED_ACCOUNT]: ["bad_response", "no", "no such isolated account"],
  [-21003]: ["unavailable", "spaced", "margin assets cannot be read"],
};

/** -1100 … -1130: a malformed, missing or extra parameter. Asking the same again gets the same answer. */
const isAboutParameters = (code: number): boolean => code <= -1100 && code >= -1130;

const meaningOf = (code: number): Row =>
  MEANINGS[code] ??
  (isAboutParameters(code)
    ? ["bad_response", "no", "a parameter was refused"]
    : ["unavailable", "soon", "unknown error"]);

export function complaintError({ code }: Complaint): ExchangeError {
  const [failureCode, retry, words] = meaningOf(code);
  return new ExchangeError({ code: failureCode, detail: `error ${code}, ${words}`, exchangeCode: code }, retry);
}

/** For an answer without a complaint and without 2xx. 429, 418 and 403 are a matter of pause.ts. */
export function statusError(status: number): ExchangeError {
  if (status >= 500 || status === 408)
    return new ExchangeError({ code: "unavailable", detail: `HTTP ${status}` }, "soon");
  const isRedirect = status >= 300 && status < 400;
  return badResponse(isRedirect ? `HTTP ${status}, a redirect, not followed` : `HTTP ${status}`);
}

export const badResponse = (detail: string): ExchangeError => new ExchangeError({ code: "bad_response", detail });

export const timedOut = (timeoutMs: number): ExchangeError =>
  new ExchangeError({ code: "timeout", detail: `no whole answer within ${timeoutMs / 1000} s` });

export const stopped = (): ExchangeError =>
  new ExchangeError({ code: "timeout", detail: "the poll was stopped before the answer came" });

/** A failure of connection, TLS or HTTP framing. A wrong certificate will not be right a second later. */
export function networkError(error: Error): ExchangeError {
  const { kind, words } = networkProblem(error);
  if (kind === "not_http") return badResponse(words);
  return new ExchangeError({ code: "unreachable", detail: words }, kind === "certificate" ? "no" : "soon");
}
