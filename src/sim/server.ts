// The simulated exchange on HTTP and WebSocket, for the demo, the benchmarks, and for anyone who wants to try a client without an account. It
// never touches a real account.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PushStream } from "../core/push.ts";
import { withoutSignature } from "./auth.ts";
import { createExchange, type ExchangeOptions, type Incoming } from "./exchange.ts";
import { type Reply, refuse } from "./reply.ts";
import { type ConnectionInfo, createStreams, type Streams } from "./streams.ts";

export interface SimulatorOptions extends ExchangeOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** For the distance between requests. */
  monoMs(): number;
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
  readonly status: number;
  /** The exchange's error number in the answer. */
  readonly code: number | undefined;
}

declare global {
  interface JSON {
    /** Stands for the text as it is in the output of stringify. ES2026, in Node since 21. */
    rawJSON(text: string): object;
  }
}

export interface Simulator {
  /** http://host:port */
  readonly url: string;
  /** ws://host:port, the address of the risk stream; that of the user stream is /ws-api/v3 below it. */
  readonly streamUrl: string;
  /** The latest requests, oldest first. */
  readonly requests: readonly RequestRecord[];
  /** Plays all books up to now and ends what has expired, so that events and pushes come without a request. */
  advance(): void;
  /** The path answers from now on as one that the exchange has given up: HTTP 410, -1020. */
  retire(path: string): void;
  /** Open streams. */
  connections(): readonly ConnectionInfo[];
  /** Sends any event to every subscription of a stream, whether or not it is true. */
  push(stream: PushStream, event: object): void;
  /** Tears all streams down without a close frame. */
  dropStreams(): void;
  /** While true the streams are open and dead: nothing is sent, nothing read, no ping answered. */
  hangStreams(isHung: boolean): void;
  close(): Promise<void>;
}

/** How many requests are kept. */
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
  const exchange = createExchange(options, (push) => streams.push(push));
  const streams = createStreams({ listen: exchange.listen, serverNowMs: exchange.times.serverNowMs });
  const requests: RequestRecord[] = [];

  const replyTo = (request: IncomingMessage): Rendered => {
    const incoming = readRequest(request, options.monoMs());
    const { reply, gapMs } = exchange.handle(incoming);
    streams.sweep();
    const rendered = render(reply);
    requests.push(recordOf(incoming, gapMs, rendered));
    if (requests.length > REQUESTS_MAX) requests.shift();
    return rendered;
  };

  const server = createServer((request, response) => {
    request.resume();
    try {
      send(response, replyTo(request));
    } catch (error) {
      send(response, render(failure(error)));
    }
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.on("upgrade", streams.upgrade);
  await listen(server, options.port, options.host ?? "127.0.0.1");
  const url = urlOf(server);
  return {
    url,
    streamUrl: url.replace("http:", "ws:"),
    requests,
    advance() {
      exchange.advance();
      streams.sweep();
    },
    retire: exchange.retire,
    connections: streams.connections,
    push: streams.lie,
    dropStreams: streams.drop,
    hangStreams: streams.hang,
    close: () => stop(server, streams),
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

function render({ status, headers, body }: Reply): Rendered {
  return {
    status,
    headers: { "Content-Type": "application/json;charset=UTF-8", ...headers },
    body: body === undefined ? "" : JSON.stringify(body, exactly),
  };
}

/** Ids beyond 2^53 are bigints, and go out as bare numbers with every digit right. */
const exactly = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? JSON.rawJSON(`${value}`) : value;

function recordOf(
  { monoMs, method, path, rawQuery, apiKey }: Incoming,
  gapMs: number | undefined,
  { status, body }: Rendered,
): RequestRecord {
  const code = /^\{"code":(-\d+),/.exec(body)?.[1];
  return {
    monoMs,
    method,
    path,
    query: withoutSignature(rawQuery),
    apiKey,
    gapMs,
    status,
    code: code === undefined ? undefined : Number(code),
  };
}

function send(response: ServerResponse, { status, headers, body }: Rendered): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, "Content-Length": bytes.length });
  response.end(bytes);
}

/** A book or an action that breaks in the middle of a run: whoever watches the client must see why. */
function failure(error: unknown): Reply {
  const text = error instanceof Error ? error.message : String(error);
  return refuse(500, -1000, `The simulator failed: ${text}`);
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

function stop(server: Server, streams: Streams): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
    streams.drop(); // an upgraded connection is no longer one of the server's own
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
