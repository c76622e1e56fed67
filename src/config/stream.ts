// Where the exchange's streams are. They have moved before, so all of it can be set.
import { z } from "zod";
import { isLoopback } from "../lib/loopback.ts";

const EXPECTED = "expected an address such as wss://stream.example.com";

/** A ws(s) address without user, query or fragment. Listen keys travel there, so plain ws is only for this very machine. */
function streamUrl() {
  return z
    .string(EXPECTED)
    .transform((text, context) => {
      const problem = mistakeIn(text);
      if (problem === undefined) return text.replace(/\/+$/, "");
      context.issues.push({ code: "custom", input: text, message: problem });
      return z.NEVER;
    })
    .meta({ pattern: "^wss?://" });
}

function mistakeIn(text: string): string | undefined {
  const url = /^wss?:\/\/\S+$/i.test(text) ? URL.parse(text) : null;
  if (url === null) return EXPECTED;
  if (url.username !== "" || url.password !== "") return "must not hold a user or password";
  if (/[?#]/.test(text)) return "must not have a query or fragment (? or #)";
  if (url.protocol === "ws:" && !isLoopback(url.hostname)) {
    return "plain ws would show the listen keys to the network: expected wss (ws only to this machine, such as 127.0.0.1)";
  }
  return undefined;
}

/** The only paths that margind sends anything but GET to, so nothing else may be put here. */
const listenPath = z
  .string()
  .regex(
    /^\/(?:[A-Za-z0-9_-]+\/)*(?:listen-key|userListenToken)$/,
    "expected a path such as /sapi/v1/margin/listen-key: it begins with / and ends in listen-key or userListenToken",
  );

export const stream = z.strictObject({
  riskUrl: streamUrl()
    .describe("Address of the cross margin risk stream, without the listen key.")
    .prefault("wss://margin-stream.binance.com"),
  listenKeyPath: listenPath
    .describe("Path of the REST API that gives the risk stream its listen key.")
    .prefault("/sapi/v1/margin/listen-key"),
  userUrl: streamUrl()
    .describe("Address of the WebSocket API that takes listen tokens.")
    .prefault("wss://ws-api.binance.com:443/ws-api/v3"),
  listenTokenPath: listenPath
    .describe("Path of the REST API that gives the user stream its token.")
    .prefault("/sapi/v1/userListenToken"),
});

export const streamDefaults = (): z.output<typeof stream> => stream.parse({});
