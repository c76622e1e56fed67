// One HTTP POST: no redirects, no retry, a capped answer, and an error that knows whether the request had been written.
// undici's own client and not fetch: the exchange client has loaded it already, while the global fetch would load a second one.
import type { Agent } from "undici";
import { NotifyError } from "../core/ports.ts";
import { retryAfterMs } from "../lib/retry-after.ts";
import { untilAborted } from "./deadline.ts";
import { attemptProblem, bare } from "./network.ts";
import { pulled } from "./pulled.ts";

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

export interface Poster {
  /** Resolves with any HTTP answer; rejects with NotifyError `not_sent` or `ambiguous` when there was none. */
  post(request: PostRequest, signal: AbortSignal): Promise<Answer>;
  /** Loads the library, so that the first alert need not wait for it. */
  load(): Promise<void>;
  close(): Promise<void>;
}

const ANSWER_MAX_BYTES = 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/** `peer` opens the words of every failure: "Slack: connection refused". */
export function createPoster(peer: string): Poster {
  let agent: Agent | undefined;

  async function library() {
    const undici = await import("undici");
    agent ??= new undici.Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, maxResponseSize: ANSWER_MAX_BYTES });
    return { request: undici.request, dispatcher: agent };
  }

  return {
    async post({ url, headers, body }, signal) {
      const { request, dispatcher } = await library();
      const bytes = Buffer.from(body);
      let isWritten = false;
      const exchange = async (): Promise<Answer> => {
        const answer = await request(url, {
          method: "POST",
          headers: { ...headers, "content-length": String(bytes.length) },
          body: pulled(bytes, () => {
            isWritten = true;
          }),
          signal,
          dispatcher,
        });
        const text = await answer.body.text();
        return { status: answer.statusCode, text, header: (name) => firstOf(answer.headers[name]) };
      };
      try {
        // undici looks at the signal only once it has a connection: without the race an abort would wait for that
        return await Promise.race([untilAborted(signal), exchange()]);
      } catch (error) {
        const problem = `${peer}: ${attemptProblem(error, signal)}`;
        throw new NotifyError(isWritten ? "ambiguous" : "not_sent", problem, { cause: bare(error) });
      }
    },
    async load() {
      await library();
    },
    async close() {
      await agent?.destroy();
    },
  };
}

const firstOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Least and longest wait that we take from a Retry-After, whatever it says. */
const RETRY_AFTER_MIN_MS = 1_000;
const RETRY_AFTER_MAX_MS = 300_000;

/** The wait that an answer's Retry-After asks for; missing, over or unreadable counts as the least one. */
export function askedWaitMs({ header }: Pick<Answer, "header">, nowMs: number): number {
  const askedMs = retryAfterMs(header("retry-after"), nowMs, header("date")) ?? 0;
  return Math.min(RETRY_AFTER_MAX_MS, Math.max(RETRY_AFTER_MIN_MS, askedMs));
}
