// A dead man's switch over real HTTP, as healthchecks.io has one: it counts the pings of its address, and the failures.
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { listen } from "./server.ts";

export interface Ping {
  readonly isGood: boolean;
  /** What was said of the failure. */
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface HeartbeatDouble {
  readonly url: string;
  /** The secret part of the address. */
  readonly path: string;
  readonly pings: readonly Ping[];
  close(): Promise<void>;
}

export async function startHeartbeat(path = "/ping/8d1c5e0a-heartbeat-canary"): Promise<HeartbeatDouble> {
  const pings: Ping[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    const isGood = method === "GET" && url === path;
    const body = await text(request);
    if (isGood || (method === "POST" && url === `${path}/fail`)) pings.push({ isGood, body, headers });
    else response.statusCode = 404;
    response.end("OK");
  });
  const { port, close } = await listen(server);
  return { url: `http://127.0.0.1:${port}${path}`, path, pings, close };
}
