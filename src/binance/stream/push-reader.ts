// The PushReader port on Binance: one WebSocket for each stream of an account. Start here: a session (risk.ts, user.ts) is one life of a
// stream, keep.ts begins the next one, socket.ts is the connection itself.
import { PUSH_STREAMS, type PushReader, type PushStream } from "../../core/push.ts";
import { type KeepParts, keepOpen } from "./keep.ts";
import { riskSession } from "./risk.ts";
import type { Session, SessionParts, StreamOptions } from "./session.ts";
import { userSession } from "./user.ts";

export type { StreamOptions };

/**
 * `asker`: the key's own, so that listen keys go through its lane, behind the reads of the account. `lookup`: one for all keys, or questions
 * that hang could take every thread there is for them.
 */
export type PushReaderParts = SessionParts & KeepParts;

const SESSIONS = { risk: riskSession, user: userSession } as const satisfies Record<
  PushStream,
  (parts: SessionParts) => Session
>;

export function createPushReader(parts: PushReaderParts): PushReader {
  return {
    async listen(streams, onEvent, signal) {
      const wanted = PUSH_STREAMS.filter((stream) => streams.includes(stream));
      await Promise.all(wanted.map((stream) => keepOpen(stream, SESSIONS[stream](parts), onEvent, parts, signal)));
    },
  };
}
