// The user stream: everything that happens in the account, by listen token over the WebSocket API. The one thing to know: a token's time
// runs out and nothing renews it by itself; a new one is subscribed on the same connection before.
// https://developers.binance.com/docs/margin_trading/trade-data-stream
import { problemOf, StreamError } from "./problem.ts";
import {
  converse,
  type Request,
  type Session,
  type SessionParts,
  type StreamEvent,
  type Tell,
  textIn,
  valueIn,
} from "./session.ts";

const SUBSCRIBE = "userDataStream.subscribe.listenToken";
/** Default and most of a token's `validity`. */
const LIFE_MAX_MS = 24 * 3_600_000;
/** What is believed of a token's life at least: this machine's clock may be wrong, and it must not be renewed all the time. */
const LIFE_MIN_MS = 10 * 60_000;
/** Renewed so long before its end, or half-way where that is sooner. */
const RENEW_BEFORE_MS = 3_600_000;
const RENEW_RETRY_MS = 60_000;

interface Token {
  readonly text: string;
  /** From now. */
  readonly renewMs: number;
}

export function userSession(parts: SessionParts): Session {
  const { account, asker, clock, stream, log } = parts;

  async function newToken(signal: AbortSignal): Promise<Token> {
    const answer = await asker.askLater(stream.listenTokenPath, [], signal, { method: "POST" }); // signed: whether that is needed is not confirmed, and it does no harm
    return { text: textIn(answer, "token"), renewMs: renewInMs(answer, clock.wallMs()) };
  }

  /** As long as the token before it lives there is time to try again. */
  async function renewed(signal: AbortSignal): Promise<Token> {
    for (;;) {
      try {
        return await newToken(signal);
      } catch (error) {
        const problem = problemOf(error);
        if (signal.aborted || problem === undefined || problem.kind === "gone") throw error;
        log.debug(
          { account, stream: "user", reason: problem.message },
          "there is no new listen token yet; trying again",
        );
        await clock.sleep(RENEW_RETRY_MS, signal);
      }
    }
  }

  return async (tell, signal) => {
    let token = await newToken(signal);
    let subscription: number | undefined;
    const subscribe = async (request: Request, scope: AbortSignal): Promise<void> => {
      subscription = (await request(SUBSCRIBE, { listenToken: token.text }, scope)).subscriptionId;
      tell({ kind: "connected", stream: "user" });
    };
    await converse(
      parts,
      stream.userUrl,
      (event) => onEvent(event, subscription, tell),
      async (request, scope) => {
        for (;;) {
          await subscribe(request, scope);
          await clock.sleep(token.renewMs, scope);
          token = await renewed(scope);
        }
      },
      signal,
    );
  };
}

function onEvent({ name, subscriptionId }: StreamEvent, current: number | undefined, tell: Tell): void {
  if (name === "serverShutdown") throw new StreamError("lost", "the exchange restarts its server");
  if (name === "eventStreamTerminated") {
    // The end of a subscription that another one took the place of is none of the stream.
    const isCurrent = current === undefined || subscriptionId === undefined || subscriptionId === current;
    if (isCurrent) throw new StreamError("lost", "the exchange ended the subscription");
  } else tell({ kind: "change", stream: "user" });
}

/** `expirationTime`: ms since the epoch on the exchange's clock. Where it is missing, the documented life is believed. */
function renewInMs(answer: unknown, nowMs: number): number {
  const stamp = Number(valueIn(answer, "expirationTime"));
  const statedMs = Number.isFinite(stamp) ? stamp - nowMs : LIFE_MAX_MS;
  const lifeMs = Math.min(LIFE_MAX_MS, Math.max(LIFE_MIN_MS, statedMs));
  return lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 2);
}
