// Slack's own Web API client, tamed. Its retry, time-out and queue are off: it would post again after a time-out and hold every
// message on a 429. Its transport is our POST, whose failures say whether the request had been written.
import type { FetchFunction, Logger, LogLevel, WebAPICallResult } from "@slack/web-api";
import { type Clock, NotifyError } from "../core/ports.ts";
import type { Secret } from "../lib/secret.ts";
import { type Answer, askedWaitMs, createPoster, type Poster } from "./post.ts";
import { NOT_SLACK } from "./slack-errors.ts";

/** Slack's yes or no to one call. */
export type Outcome =
  | { readonly ok: true; readonly result: WebAPICallResult }
  | { readonly ok: false; readonly code: string; readonly retryAfterMs: number };

export interface SlackClient {
  /** Rejects with NotifyError when there was neither a yes nor a no. */
  call(method: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Outcome>;
  close(): Promise<void>;
}

interface ClientSettings {
  readonly token: Secret;
  readonly apiUrl: string;
  readonly clock: Clock;
}

export function createSlackClient({ token, apiUrl, clock }: ClientSettings): SlackClient {
  const poster = createPoster("Slack");
  return {
    async call(method, args, signal) {
      const { WebClient, LogLevel, WebAPIPlatformError, WebAPIRequestError } = await import("@slack/web-api");
      let waitMs = 0;
      const onAnswer = (answer: Answer) => {
        waitMs = askedWaitMs(answer, clock.wallMs());
      };
      // One client a call: it costs 50 µs, and its transport is the only way to give a call a signal.
      const client = new WebClient(token.reveal(), {
        slackApiUrl: apiUrl,
        retryConfig: { retries: 0 },
        rejectRateLimitedCalls: true,
        allowAbsoluteUrls: false,
        fetch: transport(poster, onAnswer, clock, signal),
        logger: silentLogger(LogLevel.ERROR),
      });
      try {
        return { ok: true, result: await client.apiCall(method, { ...args }) };
      } catch (error) {
        if (error instanceof WebAPIRequestError && error.original instanceof NotifyError) throw error.original;
        if (!(error instanceof WebAPIPlatformError)) throw new NotifyError("ambiguous", NOT_SLACK);
        return { ok: false, code: String(error.data.error), retryAfterMs: waitMs };
      }
    },
    close: () => poster.close(),
  };
}

/** `onAnswer` sees the header that the client drops: it reads no HTTP date from a Retry-After. */
function transport(
  poster: Poster,
  onAnswer: (answer: Answer) => void,
  clock: Clock,
  signal: AbortSignal,
): FetchFunction {
  return async (url, init) => {
    const body = typeof init?.body === "string" ? init.body : "";
    const answer = await poster.post({ url: String(url), headers: init?.headers ?? {}, body }, signal);
    onAnswer(answer);
    if (answer.status !== 200) throw statusFailure(answer, clock.wallMs());
    return asResponse(String(url), answer);
  };
}

/** Slack itself answers 200, 429 or 5xx; anything else comes from something on the way. */
function statusFailure(answer: Answer, nowMs: number): NotifyError {
  const { status } = answer;
  if (status === 429) {
    const waitMs = askedWaitMs(answer, nowMs);
    return new NotifyError("not_sent", "Slack asks to wait (HTTP 429)", { retryAfterMs: waitMs });
  }
  if (status >= 500) return new NotifyError("ambiguous", `Slack failed (HTTP ${status})`);
  return new NotifyError("not_sent", `HTTP ${status} instead of Slack's answer: check apiUrl, proxy and firewall`);
}

function asResponse(url: string, { status, text, header }: Answer): Awaited<ReturnType<FetchFunction>> {
  return {
    ok: true,
    status,
    statusText: "",
    url,
    headers: { get: (name) => header(name.toLowerCase()) ?? null, entries: () => [] },
    text: async () => text,
    json: async () => JSON.parse(text),
    arrayBuffer: async () => new TextEncoder().encode(text).buffer,
  };
}

/** The client logs requests and answers; what matters of them is in the error. */
function silentLogger(level: LogLevel): Logger {
  const nothing = () => undefined;
  return {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    setLevel: nothing,
    setName: nothing,
    getLevel: () => level,
  };
}
