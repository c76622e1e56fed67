// What the sessions of both streams have in common: the words of the stream on one connection, questions and answers over it, and the
// time after which a connection is given up before the exchange does.
import type { LookupFunction } from "node:net";
import type { Clock } from "../../core/ports.ts";
import type { PushEvent } from "../../core/push.ts";
import type { Log } from "../../lib/log.ts";
import type { Asker } from "../ask.ts";
import { type Frame, frameOf } from "./frames.ts";
import { StreamError, statusProblem } from "./problem.ts";
import { within } from "./scope.ts";
import { overSocket, type Send } from "./socket.ts";

/** Where the streams are: from the config, none of it secret. */
export interface StreamOptions {
  /** wss address of the risk stream; without a path, /ws is added. */
  readonly riskUrl: string;
  readonly listenKeyPath: string;
  readonly userUrl: string;
  readonly listenTokenPath: string;
}

export interface SessionParts {
  readonly account: string;
  readonly asker: Pick<Asker, "askKeyed" | "askLater">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly lookup: LookupFunction;
  readonly log: Log;
  readonly stream: StreamOptions;
}

export type Tell = (event: PushEvent) => void;

/** One life of a stream, from its key to the end of its connection. Rejects as it ends; never resolves before it is aborted. */
export type Session = (tell: Tell, signal: AbortSignal) => Promise<void>;

type Reply = Extract<Frame, { kind: "reply" }>;
export type StreamEvent = Extract<Frame, { kind: "event" }>;

/** Asks over the connection. Rejects with StreamError when it is refused or not answered in time. */
export type Request = (method: string, params: unknown, signal: AbortSignal) => Promise<Reply>;

const REPLY_MS = 10_000;
/** The exchange ends every connection after 24 hours. */
const AGE_MAX_MS = 23 * 3_600_000;
const AGE_SPREAD = 0.05;

/** Opens a connection, hands every event to `onEvent` and calls `use`; settles as overSocket does. */
export async function converse(
  { account, clock, log, lookup, random }: SessionParts,
  url: string,
  onEvent: (event: StreamEvent) => void,
  use: (request: Request, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let lastId = 0;
  let waiting: ((reply: Reply) => void) | undefined;
  const onText = (text: string): void => {
    const frame = frameOf(text);
    if (frame === undefined) log.debug({ account, chars: text.length }, "a frame of no known form was ignored");
    else if (frame.kind === "event") onEvent(frame);
    else if (frame.id === lastId) waiting?.(frame);
  };
  const requestOver = (send: Send): Request => {
    return async (method, params, scope) => {
      const answered = Promise.withResolvers<Reply>();
      waiting = answered.resolve;
      send({ method, params, id: ++lastId });
      const late = `no answer to the subscription within ${REPLY_MS / 1000} s`;
      const reply = await within(answered.promise, REPLY_MS, late, clock, scope);
      if (reply.refusal !== undefined) throw refused(reply.refusal);
      return reply;
    };
  };
  const ageMs = AGE_MAX_MS * (1 - AGE_SPREAD * random());
  await overSocket(
    { url, lookup, clock, log, onText },
    async (send, scope) => {
      const old = clock.sleep(ageMs, scope).then(() => {
        throw new StreamError("lost", "renewed before the exchange ends it");
      });
      await Promise.all([use(requestOver(send), scope), old]);
    },
    signal,
  );
}

/** A text of an answer that is not empty. The words of the error do not say what was there instead. */
export function textIn(answer: unknown, name: string): string {
  const value = valueIn(answer, name);
  if (typeof value === "string" && value !== "") return value;
  throw new StreamError("lost", `an answer without ${name}`);
}

export const valueIn = (answer: unknown, name: string): unknown =>
  typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : undefined;

/** -1209 and the like are about the key, and the next session has a new one. */
function refused({ code, status }: NonNullable<Reply["refusal"]>): StreamError {
  if (code !== undefined) return new StreamError(isPause(status) ? "busy" : "lost", `error ${code}`);
  if (status === undefined) return new StreamError("lost", "the subscription was refused");
  return isPause(status) ? statusProblem(status) : new StreamError("lost", `the subscription was refused, ${status}`);
}

const isPause = (status: number | undefined): boolean => status === 418 || status === 429;
