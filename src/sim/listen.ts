// Listen keys of the risk stream and listen tokens of the user stream: who made them, and until when they hold. On the server's
// clock. They are made by hashing a count, so that a run can be repeated; nothing real hangs on them.
import { createHash } from "node:crypto";
import type { Place } from "./journal.ts";

/** What a listen token opens. */
export interface Grant {
  readonly apiKey: string;
  readonly place: Place;
  readonly expiresMs: number;
}

export interface Listen {
  /** The running key, extended, or a new one. */
  keyFor(apiKey: string, nowMs: number): string;
  /** False when the key is unknown, has expired, or is another's. */
  extend(apiKey: string, listenKey: string, nowMs: number): boolean;
  /** Whose it is, as long as it holds. */
  ownerOf(listenKey: string, nowMs: number): string | undefined;
  tokenFor(apiKey: string, place: Place, validityMs: number, nowMs: number): string;
  grantOf(token: string, nowMs: number): Grant | undefined;
}

/** Documented: 60 minutes from POST or PUT (another page says 24 hours). */
export const LISTEN_KEY_MS = 3_600_000;
/** Kept at most; the oldest go first. */
const TOKENS_MAX = 1_000;

export function createListen(): Listen {
  const keys = new Map<string, { readonly listenKey: string; readonly expiresMs: number }>();
  const tokens = new Map<string, Grant>();
  let made = 0;
  const make = (apiKey: string, nowMs: number): string => {
    made += 1;
    return createHash("sha256").update(`${apiKey} ${nowMs} ${made}`).digest("hex");
  };
  const liveKey = (apiKey: string, nowMs: number): string | undefined => {
    const key = keys.get(apiKey);
    return key !== undefined && nowMs < key.expiresMs ? key.listenKey : undefined;
  };
  return {
    keyFor(apiKey, nowMs) {
      const listenKey = liveKey(apiKey, nowMs) ?? make(apiKey, nowMs);
      keys.set(apiKey, { listenKey, expiresMs: nowMs + LISTEN_KEY_MS });
      return listenKey;
    },
    extend(apiKey, listenKey, nowMs) {
      if (liveKey(apiKey, nowMs) !== listenKey) return false;
      keys.set(apiKey, { listenKey, expiresMs: nowMs + LISTEN_KEY_MS });
      return true;
    },
    ownerOf: (listenKey, nowMs) => [...keys.keys()].find((apiKey) => liveKey(apiKey, nowMs) === listenKey),
    tokenFor(apiKey, place, validityMs, nowMs) {
      const token = make(apiKey, nowMs);
      tokens.set(token, { apiKey, place, expiresMs: nowMs + validityMs });
      const [oldest] = tokens.keys();
      if (tokens.size > TOKENS_MAX && oldest !== undefined) tokens.delete(oldest);
      return token;
    },
    grantOf(token, nowMs) {
      const grant = tokens.get(token);
      return grant !== undefined && nowMs < grant.expiresMs ? grant : undefined;
    },
  };
}
