// The simulated exchange on HTTP, for the demo, for tests, and for anyone who wants to try a client without an account. It
// never touches a real account. Tests may script what comes back: late, cut, hanging, or something else altogether.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../core/ports.ts";
import { systemClock } from "../lib/clock.ts";
import { withoutSignature } from "./auth.ts";
import { createExchange, type ExchangeOptions, type Incoming } from "./exchange.ts";
import { type Reply, refuse } from "./reply.ts";
import { ROUTES } from "./routes.ts";

export interface SimulatorOptions extends ExchangeOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** For the distance between requests. */
  monoMs(): number;
  /** For scripted delays. Default: real time. */
  readonly sleep?: Clock["sleep"];
  /** How many requests are kept. Default 10,000. */
  readonly requestsMax?: number;
  /** What comes back instead; undefined or a part left out: what the exchange would have answered. */
  answer?(request: ScriptedRequest): ScriptedAnswer | undefined;
}

export interface ScriptedRequest {
  readonly method: string;
  readonly path: string;
  /** As received, signature included. */
  readonly query: string;
  readonly apiKey: string | undefined;
  /** 1 for the first request of this path. */
  readonly count: number;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly body?: string;
  readonly delayMs?: number;
  /**
   * - hang: not a byte, ever.
   * - drop: the socket is closed before the first byte.
   * - cut: the headers announce the whole body, half of it comes, the socket is closed.
   * - stall: as cut, but the socket stays open.
   */
  readonly end?: "hang" | "drop" | "cut" | "stall";
}

export interface RequestRecord {
  /** At its arrival. */
  readonly monoMs: number;
  readonly method: string;
  readonly path: string;
  /** As received, without the signature. */
  readonly query: string;
  readonly apiKey: string | undefined;
  /** Since the previous keyed margin request of this key; undefined for the first and for other requests. */
  readonly gapMs: number | undefined;
  /** Undefined when no status was sent: hang, drop. */
  readonly status: number | undefined;
  /** The exchange's error number in the answer. */
  readonly code: number | undefined;
}

export interface Simulator {
  readonly url: string;
  /** The latest requests, oldest first. */
  readonly requests: readonly RequestRecord[];
  advance(): void;
  close(): Promise<void>;
}

const REQUESTS_MAX = 10_000;
/** Longer than any poll interval: a client that keeps its connection must not lose it between two polls. */
const KEEP_ALIVE_MS = 75_000;

interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Listens when the promise resolves. Rejects when the port is taken, or the books and keys do not fit (see createExchange). */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { sleep = systemClock.sleep, requestsMax = REQUESTS_MAX } = options;
  const exchange = createExchange(options);
  const requests: RequestRecord[] = [];
  const closing = new AbortController();
  const counts = new Map<string, number>();

  const scriptFor = ({ method, path, rawQuery, apiKey }: Incoming): ScriptedAnswer | undefined => {
    const counted = Object.hasOwn(ROUTES, path) ? path : "another path";
    const count = (counts.get(counted) ?? 0) + 1;
    counts.set(counted, count);
    return options.answer?.({ method, path, query: rawQuery, apiKey, count });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const incoming = readRequest(request, options.monoMs());
    const { reply, gapMs } = exchange.handle(incoming);
    const script = scriptFor(incoming);
    const rendered = render(reply, script);
    requests.push(recordOf(incoming, gapMs, rendered, script));
    if (requests.length > requestsMax) requests.shift();
    if (script?.delayMs !== undefined) await sleep(script.delayMs, closing.signal);
    send(response, rendered, script?.end);
  };

  const server = createServer((request, response) => {
    request.resume();
    serve(request, response).catch((error: unknown) => fail(response, error, closing.signal));
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await listen(server, options.port, options.host ?? "127.0.0.1");
  return {
    url: urlOf(server),
    requests,
    advance: exchange.advance,
    close() {
      closing.abort();
      return stop(server);
    },
  };
}

function readRequest(request: IncomingMessage, monoMs: number): Incoming {
  const target = request.url ?? "/";
  const cut = target.indexOf("?");
  const key = request.headers["x-mbx-apikey"];
  return {
    method: request.method ?? "",
    path: cut === -1 ? target : target.slice(0, cut),
    rawQuery: cut === -1 ? "" : target.slice(cut + 1),
    apiKey: typeof key === "string" ? key : undefined,
    address: request.socket.remoteAddress ?? "",
    monoMs,
  };
}

function render(reply: Reply, script: ScriptedAnswer | undefined): Rendered {
  return {
    status: script?.status ?? reply.status,
    headers: { "Content-Type": "application/json;charset=UTF-8", ...reply.headers, ...script?.headers },
    body: script?.body ?? JSON.stringify(reply.body),
  };
}

function recordOf(
  { monoMs, method, path, rawQuery, apiKey }: Incoming,
  gapMs: number | undefined,
  { status, body }: Rendered,
  script: ScriptedAnswer | undefined,
): RequestRecord {
  const isSilent = script?.end === "hang" || script?.end === "drop";
  const code = /^\{"code":(-\d+),/.exec(body)?.[1];
  return {
    monoMs,
    method,
    path,
    query: withoutSignature(rawQuery),
    apiKey,
    gapMs,
    status: isSilent ? undefined : status,
    code: isSilent || code === undefined ? undefined : Number(code),
  };
}

function send(response: ServerResponse, { status, headers, body }: Rendered, end: ScriptedAnswer["end"]): void {
  if (end === "hang") return;
  if (end === "drop") {
    response.destroy();
    return;
  }
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, "Content-Length": bytes.length });
  if (end === undefined) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, bytes.length >> 1), () => {
    if (end === "cut") response.destroy();
  });
}

/** A book or a script that breaks in the middle of a run: whoever watches the client must see why. */
function fail(response: ServerResponse, error: unknown, closing: AbortSignal): void {
  if (closing.aborted || response.headersSent) {
    response.destroy();
    return;
  }
  const text = error instanceof Error ? error.message : String(error);
  send(response, render(refuse(500, -1000, `The simulator failed: ${text}`), undefined), undefined);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

/** An address that a client can use: one that means "all interfaces" becomes the loopback of its family. */
function urlOf(server: Server): string {
  const address = server.address();
  if (!isAddressInfo(address)) throw new Error("the simulator listens on no port");
  const host = { "0.0.0.0": "127.0.0.1", "::": "::1" }[address.address] ?? address.address;
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

const isAddressInfo = (address: string | AddressInfo | null): address is AddressInfo =>
  typeof address === "object" && address !== null;
