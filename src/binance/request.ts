// One HTTP request through undici: one absolute deadline over connect, headers and body, no redirect followed, the answer capped
// after decoding. The one thing to know: the path goes to undici as the very string that was signed, never through URL.
import { gunzipSync } from "node:zlib";
import { Agent, type Dispatcher } from "undici";
import type { Clock } from "../core/ports.ts";
import { createLookup, type Resolve } from "../lib/lookup.ts";
import { badResponse, ExchangeError, networkError, stopped, timedOut } from "./errors.ts";

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Decoded. With an error status it may be empty although there was a body. */
  readonly text: string;
}

/** GET but for listen keys, which hold no account's data and move nothing. */
export type Method = "GET" | "POST" | "PUT";

/** …/listen-key of the risk stream, …/userListenToken of the user stream. */
const LISTEN_PATH = /\/(listen-key|userListenToken)(\?|$)/;

export interface Request {
  readonly method: Method;
  /** Path and query, as signed. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called when the request is written to the socket: after DNS, TCP and TLS, if it is the first on its connection. */
  readonly onWrite: (isFirst: boolean) => void;
}

export interface Http {
  /** Rejects with ExchangeError only. Resolves for every HTTP status. */
  send(request: Request): Promise<Reply>;
  close(): Promise<void>;
}

export interface HttpOptions {
  readonly baseUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Host name → addresses; the system's resolver unless given. */
  readonly resolve?: Resolve;
}

const BODY_MAX_BYTES = 8 * 1024 * 1024;
/** Longer than a poll interval, or every poll pays for a TLS handshake (undici's own default is 4 s). */
const KEEP_ALIVE_MS = 120_000;

/** A resolver that is silent for longer than this will not be quicker for the rest of the deadline. */
const DNS_TIMEOUT_MS = 5_000;

/** One header as text; "" when absent. Names are in lower case. */
export function headerText(headers: Headers, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

export function createHttp({ baseUrl, timeoutMs, clock, resolve }: HttpOptions): Http {
  const { origin, pathname } = new URL(baseUrl);
  const prefix = pathname.replace(/\/$/, "");
  const dnsTimeoutMs = Math.min(DNS_TIMEOUT_MS, timeoutMs / 2);
  const lookup = createLookup({ timeoutMs: dnsTimeoutMs, clock, ...(resolve && { resolve }) });
  // HTTP/1.1 only: there onRequestStart is the moment of the write, and a discarded request takes its socket with it.
  const agent = new Agent({
    allowH2: false,
    connect: { timeout: timeoutMs, lookup, rejectUnauthorized: true }, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    keepAliveTimeoutThreshold: 1_000,
    headersTimeout: 0, // the deadline below is exact and covers both
    bodyTimeout: 0,
  });

  let connections = 0;
  agent.on("connect", () => connections++);

  return {
    async send({ method, path, headers, signal, onWrite }) {
      if (method !== "GET" && !LISTEN_PATH.test(path))
        throw new Error("only listen keys are asked for with anything but GET");
      if (signal.aborted) throw stopped();
      const attempt = new AbortController();
      const onAbort = () => attempt.abort(stopped());
      signal.addEventListener("abort", onAbort, { once: true });
      clock.sleep(timeoutMs, attempt.signal).then(
        () => attempt.abort(timedOut(timeoutMs)),
        () => undefined, // the attempt ended first
      );
      try {
        const options: Dispatcher.DispatchOptions = { origin, path: prefix + path, method, headers };
        const before = connections;
        const noteWrite = () => onWrite(connections > before);
        return decode(await dispatch(agent, options, noteWrite, attempt.signal));
      } finally {
        attempt.abort();
        signal.removeEventListener("abort", onAbort);
      }
    },
    close: () => agent.destroy(),
  };
}

interface RawReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

function dispatch(
  agent: Dispatcher,
  options: Dispatcher.DispatchOptions,
  onWrite: () => void,
  signal: AbortSignal,
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    let live: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: Headers = {};
    let bytes = 0;
    const chunks: Buffer[] = [];

    const fail = (error: ExchangeError) => {
      // 429 or 418 says enough, whatever becomes of its body.
      if (isError(status)) resolve({ status, headers, body: Buffer.alloc(0) });
      else reject(error);
      live?.abort(error); // and the socket with it: nobody knows what is still in it
      live = undefined;
    };
    signal.addEventListener("abort", () => fail(reasonOf(signal)), { once: true });

    agent.dispatch(options, {
      onRequestStart(controller) {
        live = controller;
        if (signal.aborted) return controller.abort(reasonOf(signal));
        onWrite();
      },
      onResponseStart(_, statusCode, responseHeaders) {
        status = statusCode; // a 1xx comes first and is overwritten
        headers = responseHeaders;
      },
      onResponseData(_, chunk) {
        bytes += chunk.length;
        if (bytes > BODY_MAX_BYTES) return fail(tooLarge());
        chunks.push(chunk);
      },
      onResponseEnd() {
        live = undefined;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      },
      onResponseError(_, error) {
        live = undefined;
        fail(networkError(error));
      },
    });
  });
}

function decode({ status, headers, body }: RawReply): Reply {
  const encoding = headerText(headers, "content-encoding").toLowerCase();
  try {
    if (encoding === "" || encoding === "identity") return { status, headers, text: body.toString() };
    if (encoding !== "gzip") throw badResponse("an encoding that was not asked for");
    // One call is enough: the wire bytes are capped already, and decoding stops at the cap too. Not in the thread pool: hung DNS
    // questions, of other hosts too, may hold every thread of it, and then a read would never end.
    const decoded = gunzipSync(body, { maxOutputLength: BODY_MAX_BYTES });
    return { status, headers, text: decoded.toString() };
  } catch (error) {
    if (isError(status)) return { status, headers, text: "" };
    if (error instanceof ExchangeError) throw error;
    throw isTooLarge(error) ? tooLarge() : badResponse("cut or broken gzip");
  }
}

const isError = (status: number): boolean => status >= 400;
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
const tooLarge = (): ExchangeError => badResponse(`larger than ${BODY_MAX_BYTES / 1024 / 1024} MiB`);
const reasonOf = ({ reason }: AbortSignal): ExchangeError => (reason instanceof ExchangeError ? reason : stopped());
