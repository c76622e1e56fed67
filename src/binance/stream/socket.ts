// One WebSocket, from the handshake to its end, by the package ws. The one thing to know: a connection that says nothing is dead long
// before TCP knows it, so it is pinged, and it ends when it does not answer. ws has real timers of its own; none of them is used.
import type { LookupFunction } from "node:net";
import type { WebSocket } from "ws";
import type { Clock } from "../../core/ports.ts";
import type { Log } from "../../lib/log.ts";
import { startEasing } from "./ease.ts";
import { StreamError, socketProblem, statusProblem } from "./problem.ts";
import { scopeIn, sideBySide, within } from "./scope.ts";

export interface SocketOptions {
  /** ws or wss; holds no secret. */
  readonly url: string;
  readonly lookup: LookupFunction;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for every text frame, at once and in order. Throws StreamError to end the connection. */
  readonly onText: (text: string) => void;
}

export type Send = (frame: object) => void;

const HANDSHAKE_MS = 10_000;
const PING_EVERY_MS = 60_000;
/**
 * Pings in a row after which nothing at all was heard: three minutes of silence, noticed within another one. Counted, not measured: after
 * the process or the machine stood still, what came meanwhile is heard before the connection is given up.
 */
const UNHEARD_MAX = 3;
/** The largest event that is known has a few KB. */
const FRAME_MAX_BYTES = 64 * 1024;

/**
 * Connects and calls `use` on the open connection. Rejects with StreamError when that cannot be, when the connection ends, or as `use`
 * does; also rejects when aborted. The connection is closed when it settles.
 */
export async function overSocket(
  options: SocketOptions,
  use: (send: Send, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = options;
  const socket = await connecting(options);
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  let isHeard = false;
  const hear = () => {
    isHeard = true;
  };
  socket.once("open", () => opened.resolve());
  socket.on("ping", hear).on("pong", hear);
  socket.on("error", (error) => ended.reject(socketProblem(error)));
  socket.once("close", (code) => {
    const problem = new StreamError("lost", `closed by the other side, code ${code}`);
    ended.reject(problem);
    opened.reject(problem);
  });
  socket.on("unexpected-response", (_, { statusCode = 0 }) => {
    ended.reject(statusProblem(statusCode));
    socket.terminate();
  });
  const life = scopeIn(signal);
  const easing = startEasing(socket, clock, life.signal);
  socket.on("message", (data, isBinary) => {
    hear();
    easing.took();
    if (socket.readyState !== socket.OPEN) return; // what was still in the buffer when it ended
    try {
      if (!isBinary && Buffer.isBuffer(data)) options.onText(data.toString());
      else log.debug({}, "a frame that is not text was ignored");
    } catch (error) {
      ended.reject(error);
      socket.terminate();
    }
  });

  const untilEnded = async (scope: AbortSignal): Promise<void> => {
    const hangUp = () => socket.terminate();
    if (scope.aborted) hangUp();
    else scope.addEventListener("abort", hangUp, { once: true });
    await ended.promise;
  };
  const inUse = async (scope: AbortSignal): Promise<void> => {
    await within(opened.promise, HANDSHAKE_MS, `no WebSocket within ${HANDSHAKE_MS / 1000} s`, clock, scope);
    const send: Send = (frame) => socket.send(JSON.stringify(frame), () => undefined); // a failure ends the socket too
    await use(send, scope);
  };
  const untilSilent = async (scope: AbortSignal): Promise<void> => {
    await opened.promise;
    for (let unheard = 0; unheard < UNHEARD_MAX; unheard = isHeard ? 0 : unheard + 1) {
      isHeard = false;
      socket.ping(undefined, true, () => undefined);
      await clock.sleep(PING_EVERY_MS, scope);
    }
    throw new StreamError("lost", `nothing heard for ${(UNHEARD_MAX * PING_EVERY_MS) / 60_000} min`);
  };

  try {
    await sideBySide([untilEnded, inUse, untilSilent], signal);
  } finally {
    life.end();
    await closed; // `untilEnded` has hung up by now
    await easing.idle();
  }
}

/** Loaded when the first stream is wanted: most installations want none. */
async function connecting({ url, lookup }: SocketOptions): Promise<WebSocket> {
  const ws = await import("ws");
  try {
    // Without an agent, so that no proxy of the environment is used: https://nodejs.org/api/http.html (options.createConnection).
    return new ws.WebSocket(url, {
      followRedirects: false,
      perMessageDeflate: false,
      maxPayload: FRAME_MAX_BYTES,
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      headers: { "user-agent": "margind" },
      lookup,
    });
  } catch {
    // Its error quotes the address.
    throw new StreamError("lost", "the address is not one of a WebSocket");
  }
}
