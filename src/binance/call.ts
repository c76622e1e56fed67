// One request of one API key, or of none: budget, lane, request, and what its answer means. The one thing to know: a pause may begin, or the budget
// be used up, while a request waits in its lane, so both are looked at before the wait and again after it.
import type { Clock } from "../core/ports.ts";
import { parseExactJson, parseJson } from "../lib/json.ts";
import type { Log } from "../lib/log.ts";
import { PATHS } from "./endpoints.ts";
import { badResponse, complaintError, complaintIn, statusError } from "./errors.ts";
import { excerpt } from "./excerpt.ts";
import type { Freshness } from "./freshness.ts";
import { stopIn } from "./limits.ts";
import type { Lane, Start, Urgency } from "./pace.ts";
import type { Pause } from "./pause.ts";
import { type Headers, type Http, headerText, type Method, type Reply } from "./request.ts";
import type { ServerTime } from "./server-time.ts";
import type { WeightBudget } from "./weight.ts";

export interface RequestInfo extends Start {
  /** Empty: of no key. */
  readonly account: string;
  readonly path: string;
}

/** What all keys behind this address share. */
export interface Shared {
  readonly http: Http;
  readonly pause: Pause;
  /** Of the paths of public prices, whoever asks; that of everything unless given. */
  readonly pricePause?: Pause;
  readonly weights: WeightBudget;
  readonly serverTime: ServerTime;
  readonly freshness: Freshness;
  readonly clock: Clock;
  readonly random: () => number;
  readonly minSpacingMs: number;
  readonly notBeforeMonoMs?: number;
  readonly timeoutMs: number;
  readonly recvWindowMs: number;
  readonly onRequest: (info: RequestInfo) => void;
  readonly log: Log;
}

/** One answer that is JSON and no complaint, and when it was asked for. */
export interface Answered {
  readonly body: unknown;
  readonly headers: Headers;
  readonly startedMonoMs: number;
  readonly endedMonoMs: number;
}

export interface Asked {
  readonly method: Method;
  readonly path: string;
  /** Called after all waits: what it stamps is fresh. */
  readonly query: () => string;
  readonly headers: Readonly<Record<string, string>>;
  readonly urgency: Urgency;
  /** Numbers of the answer are read as their text: ids beyond 2^53 stay what they are. */
  readonly isExact: boolean;
  /** An empty body is an answer too; it reads as null. */
  readonly mayBeEmpty: boolean;
}

/** Rejects with ExchangeError, or as aborted. */
export type Call = (asked: Asked, signal: AbortSignal) => Promise<Answered>;

export function createCall(shared: Shared, account: string, lane: Lane): Call {
  const { http, weights, clock } = shared;
  const refuseWhileSilent = (path: string, urgency: Urgency): void => {
    const error = pauseOf(path, shared).current(urgency) ?? weights.current(path, urgency);
    if (error !== undefined) throw error;
  };
  return async (asked, signal) => {
    const { method, path, query, headers, urgency } = asked;
    refuseWhileSilent(path, urgency);
    return lane.run(urgency, signal, async (written) => {
      refuseWhileSilent(path, urgency);
      let start: Start = { startedMonoMs: clock.monoMs(), gapMs: undefined };
      const onWrite = (isFirst: boolean) => {
        start = written(isFirst);
        shared.onRequest({ account, path, ...start });
      };
      const all = { ...COMMON_HEADERS, ...headers };
      const reply = await http.send({ method, path: path + query(), headers: all, signal, onWrite });
      const endedMonoMs = clock.monoMs();
      weights.note(path, reply.headers);
      const body = jsonIn(reply, asked, shared);
      return { body, headers: reply.headers, startedMonoMs: start.startedMonoMs, endedMonoMs };
    });
  };
}

const pauseOf = (path: string, { pause, pricePause }: Shared): Pause =>
  path === PATHS.prices ? (pricePause ?? pause) : pause;

/** The answer's JSON, or throws what the exchange means instead. */
function jsonIn(
  { status, headers, text }: Reply,
  { path, isExact, mayBeEmpty, urgency }: Asked,
  shared: Shared,
): unknown {
  const { serverTime, log } = shared;
  const pause = pauseOf(path, shared);
  const body = parseJson(text);
  const complaint = complaintIn(body);
  const stop = stopIn(status, headers, complaint, serverTime.nowMs());
  if (stop !== undefined) {
    const error = pause.begin(stop, urgency);
    const { code, untilMs } = error.failure;
    const page = stop.kind === "firewall" ? { type: headerText(headers, "content-type"), page: excerpt(text) } : {};
    const fields = { path, status, code, untilMs, ...page };
    log.warn(fields, `the exchange asks for silence: ${pause.silenced(stop, urgency)} until then`);
    throw error;
  }
  if (complaint !== undefined) throw complaintError(complaint);
  if (status < 200 || status > 299) throw statusError(status);
  const isEmpty = mayBeEmpty && text.trim() === "";
  if (body === undefined && !isEmpty) throw badResponse(`HTTP ${status} with ${formOf(headers)} instead of JSON`);
  pause.answered();
  if (isEmpty) return null;
  return isExact ? parseExactJson(text) : body;
}

const COMMON_HEADERS = { accept: "application/json", "accept-encoding": "gzip", "user-agent": "margind" } as const;

function formOf(headers: Headers): string {
  const type = headerText(headers, "content-type").toLowerCase();
  if (type.startsWith("text/html")) return "a web page";
  return type.startsWith("application/json") ? "a cut or malformed text" : "something else";
}
