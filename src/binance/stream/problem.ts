// Why a stream ended, in a form that says what to do next. The one thing to know: errors of the WebSocket library can hold the address, so
// only words made here are carried on, without a cause.
import { networkProblem } from "../../lib/network.ts";
import { ExchangeError, isGone } from "../errors.ts";

/** Why a stream has no connection now. The message is a clause, without address, listen key or content of frames. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  /**
   * - lost: anything that may be better a second later.
   * - busy: the exchange asks for a pause.
   * - gone: the exchange does not offer it any more.
   */
  readonly kind: "lost" | "busy" | "gone";

  constructor(kind: StreamError["kind"], words: string) {
    super(words);
    this.kind = kind;
  }
}

const NOT_THERE: readonly number[] = [404, 410];
/** 403 is the firewall: it says nothing of the stream. */
const PAUSES: readonly number[] = [403, 418, 429];

/** For an answer to the upgrade, or inside the stream, that has an HTTP status. */
export function statusProblem(status: number): StreamError {
  if (NOT_THERE.includes(status)) return new StreamError("gone", `HTTP ${status}`);
  if (PAUSES.includes(status)) return new StreamError("busy", `HTTP ${status}`);
  const isRedirect = status >= 300 && status < 400;
  return new StreamError("lost", isRedirect ? `HTTP ${status}, a redirect, not followed` : `HTTP ${status}`);
}

/** What any error means for the stream; undefined for one that is no fault of the exchange or of the network. */
export function problemOf(error: unknown): StreamError | undefined {
  if (error instanceof StreamError) return error;
  if (!(error instanceof ExchangeError)) return undefined;
  const { code, detail, exchangeCode } = error.failure;
  if (isGone(error)) return new StreamError("gone", `error ${exchangeCode}`);
  if (NOT_THERE.some((status) => detail === `HTTP ${status}`)) return new StreamError("gone", detail);
  return new StreamError(code === "banned" || code === "rate_limited" ? "busy" : "lost", detail);
}

/** For an error of the socket. */
export const socketProblem = (error: Error): StreamError => new StreamError("lost", networkProblem(error).words);
