// The WebSocket side of the simulated exchange, on the port of its HTTP side: /ws, /ws/<listenKey>, /stream and /ws-api/v3. It has
// no timers of its own: what has expired ends, and pings go out, when a request or advance() comes by.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { PushStream } from "../core/push.ts";
import type { Push } from "./events.ts";
import type { Listen } from "./listen.ts";
import { riskSession, type Session, type SessionOptions, userSession } from "./sessions.ts";

export interface StreamsOptions {
  readonly listen: Listen;
  serverNowMs(): number;
}

/** One open connection, without its keys. */
export interface ConnectionInfo {
  readonly stream: PushStream;
  readonly subscriptions: number;
}

export interface Streams {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  push(push: Push): void;
  lie(stream: PushStream, event: object): void;
  sweep(): void;
  connections(): readonly ConnectionInfo[];
  /** Tears every connection down without a close frame, as a lost network does. */
  drop(): void;
  /** While true nothing is sent and nothing read, no ping answered, on old and new connections. */
  hang(isHung: boolean): void;
}

/** Documented for the exchange's streams; for the margin stream it is not confirmed. */
const PING_MS = 20_000;
const FRAME_MAX_BYTES = 65_536;
/** Policy violation: what the frame asked for is not allowed. */
const CLOSE_POLICY = 1008;

type OpenSession = (options: SessionOptions) => Session;

/** What is spoken at an address; undefined where there is nothing. */
function sessionAt(target: string): OpenSession | undefined {
  const [path = "", query = ""] = target.split("?", 2);
  if (path === "/ws-api/v3") return userSession;
  if (path === "/ws") return (options) => riskSession(options, false, []);
  if (path.startsWith("/ws/")) return (options) => riskSession(options, false, [path.slice("/ws/".length)]);
  if (path !== "/stream") return undefined;
  const streams = new URLSearchParams(query).get("streams");
  return (options) => riskSession(options, true, streams === null ? [] : streams.split("/"));
}

export function createStreams({ listen, serverNowMs }: StreamsOptions): Streams {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: FRAME_MAX_BYTES });
  const open = new Map<WebSocket, Session>();
  let pingedMs = serverNowMs();
  let isHung = false;

  const start = (socket: WebSocket, openSession: OpenSession) => {
    const session = openSession({
      listen,
      serverNowMs,
      send: (message) => void (isHung || socket.send(JSON.stringify(message))),
      hangUp: (reason) => socket.close(CLOSE_POLICY, reason),
    });
    open.set(socket, session);
    socket.on("message", (data) => session.receive(textOf(data)));
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.terminate()); // a frame that is none: the close event follows
    if (isHung) socket.pause();
  };

  return {
    upgrade(request, socket, head) {
      const openSession = sessionAt(request.url ?? "/");
      if (openSession !== undefined) {
        sockets.handleUpgrade(request, socket, head, (accepted) => start(accepted, openSession));
        return;
      }
      socket.on("error", () => socket.destroy());
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", () => socket.destroy());
    },
    push(push) {
      for (const session of open.values()) session.push(push);
    },
    lie(stream, event) {
      for (const session of open.values()) if (session.stream === stream) session.lie(event);
    },
    sweep() {
      for (const session of open.values()) session.sweep();
      if (isHung || serverNowMs() - pingedMs < PING_MS) return;
      pingedMs = serverNowMs();
      for (const socket of open.keys()) socket.ping();
    },
    connections: () => [...open.values()].map(({ stream, count }) => ({ stream, subscriptions: count() })),
    drop() {
      for (const socket of open.keys()) socket.terminate();
    },
    hang(hung) {
      isHung = hung;
      for (const socket of open.keys()) hung ? socket.pause() : socket.resume();
    },
  };
}

/** A message arrives as one Buffer unless another binaryType is set. */
const textOf = (data: RawData): string => (Buffer.isBuffer(data) ? data.toString() : "");
