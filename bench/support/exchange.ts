// The scripted exchange: answers at the moment it chooses and remembers when each request came and when each answer was out. It
// checks nothing, so that it costs little of the machine that is measured; the simulator, which does check, serves `spacing`.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { systemClock } from "../../src/lib/clock.ts";
import { listen } from "../../test/support/server.ts";
import { crossText, pairsText } from "./answers.ts";

/** The level of the cross account above and below the one threshold of `benchRules`. */
export const CALM = 1.52;
export const CRITICAL = 1.24;

export interface Request {
  readonly path: string;
  readonly apiKey: string;
  readonly atMs: number;
}

export interface BenchExchange extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Request[];
  /** When the last answer about the cross account of this key had been handed to the kernel. */
  answeredMs(apiKey: string): number | undefined;
  nextRequest(): Promise<Request>;
}

export interface BenchExchangeOptions {
  /** Is the account in danger in the nth cross answer of its key? From 1. */
  isCritical(nth: number): boolean;
  readonly pairs?: number;
  /** Holds a cross answer back until its moment. */
  gate?(apiKey: string): Promise<void>;
}

const COEFFICIENTS = JSON.stringify({ normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1.1" });

export async function startBenchExchange(options: BenchExchangeOptions): Promise<BenchExchange> {
  const requests: Request[] = [];
  const answeredMs = new Map<string, number>();
  const counts = new Map<string, number>();
  let next = Promise.withResolvers<Request>();
  const [calm, critical] = [crossText(CALM), crossText(CRITICAL)];
  const pairs = pairsText(options.pairs ?? 0, 0);

  const cross = async (apiKey: string, response: ServerResponse) => {
    const nth = (counts.get(apiKey) ?? 0) + 1;
    counts.set(apiKey, nth);
    await options.gate?.(apiKey);
    reply(response, options.isCritical(nth) ? critical : calm);
    answeredMs.set(apiKey, systemClock.monoMs());
  };

  const server = createServer((incoming, response) => {
    const request = requestOf(incoming);
    requests.push(request);
    next.resolve(request);
    next = Promise.withResolvers();
    if (request.path === "/sapi/v1/margin/account") void cross(request.apiKey, response);
    else if (request.path === "/sapi/v1/margin/isolated/account") reply(response, pairs);
    else if (request.path === "/sapi/v1/margin/tradeCoeff") reply(response, COEFFICIENTS);
    else reply(response, JSON.stringify({ serverTime: Math.floor(systemClock.wallMs()) }));
  });
  server.keepAliveTimeout = 75_000;
  const { port, close } = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answeredMs: (apiKey) => answeredMs.get(apiKey),
    nextRequest: () => next.promise,
    [Symbol.asyncDispose]: close,
  };
}

function requestOf({ url = "", headers }: IncomingMessage): Request {
  const [path = ""] = url.split("?");
  return { path, apiKey: String(headers["x-mbx-apikey"] ?? ""), atMs: systemClock.monoMs() };
}

function reply(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/json;charset=UTF-8", "x-sapi-used-ip-weight-1m": "10" });
  response.end(text);
}
