// The risk stream of the cross account: margin calls and changes of the debt, by listen key. The one thing to know: the key alone lets
// anybody listen, so it travels in a frame and never in an address, and is kept nowhere else.
// https://developers.binance.com/docs/margin_trading/risk-data-stream
import { hasCode } from "../errors.ts";
import { marginLevelIn } from "./frames.ts";
import { problemOf, StreamError } from "./problem.ts";
import { converse, type Session, type SessionParts, type StreamEvent, type Tell, textIn } from "./session.ts";

/** The documents say 60 minutes in one place and 24 hours in another. */
const KEEP_ALIVE_MS = 30 * 60_000;
const KEEP_ALIVE_RETRY_MS = 60_000;
/** The exchange does not know the key any more. */
const UNKNOWN_KEY = [-1125, -3038] as const;

export function riskSession(parts: SessionParts): Session {
  const { account, asker, clock, stream, log } = parts;
  const url = riskAddress(stream.riskUrl);

  async function keepAlive(listenKey: string, signal: AbortSignal): Promise<never> {
    for (let waitMs = KEEP_ALIVE_MS; ; ) {
      await clock.sleep(waitMs, signal);
      waitMs = KEEP_ALIVE_MS;
      try {
        await asker.askKeyed("PUT", stream.listenKeyPath, [["listenKey", listenKey]], signal);
      } catch (error) {
        if (UNKNOWN_KEY.some((code) => hasCode(error, code)))
          throw new StreamError("lost", "the listen key is not known");
        const problem = problemOf(error);
        if (signal.aborted || problem === undefined || problem.kind === "gone") throw error;
        // The events still come: there is time to try again.
        log.debug(
          { account, stream: "risk", reason: problem.message },
          "the listen key could not be kept alive; trying again",
        );
        waitMs = KEEP_ALIVE_RETRY_MS;
      }
    }
  }

  return async (tell, signal) => {
    const listenKey = textIn(await asker.askKeyed("POST", stream.listenKeyPath, [], signal), "listenKey");
    await converse(
      parts,
      url,
      (event) => onEvent(event, tell, clock.wallMs()),
      async (request, scope) => {
        await request("SUBSCRIBE", [listenKey], scope);
        tell({ kind: "connected", stream: "risk" });
        await keepAlive(listenKey, scope);
      },
      signal,
    );
  };
}

function onEvent({ name, body }: StreamEvent, tell: Tell, nowMs: number): void {
  if (name === "listenKeyExpired") throw new StreamError("lost", "the listen key has expired");
  if (name === "serverShutdown") throw new StreamError("lost", "the exchange restarts its server");
  tell(marginLevelIn(name, body, nowMs) ?? { kind: "change", stream: "risk" });
}

/** On /ws a connection begins without streams: they are subscribed on it. */
function riskAddress(riskUrl: string): string {
  const bare = riskUrl.replace(/\/+$/, "");
  return /^wss?:\/\/[^/]+$/i.test(bare) ? `${bare}/ws` : bare;
}
