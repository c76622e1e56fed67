// What each API key may do, looked at once after the first poll of its account: said in the log when it is more than reading, and a
// reason to give up when the configuration forbids it.
import { findingLine } from "./core/finding.ts";
import { judgeKey, type KeyReader, keyRefusal } from "./core/key-rights.ts";
import type { Clock, Failure } from "./core/ports.ts";
import { type Backoff, stepMs } from "./lib/backoff.ts";
import type { Log } from "./lib/log.ts";

/** How soon a key whose rights could not be read is asked again. */
const UNREAD: Backoff = { firstMs: 60_000, maxMs: 3_600_000 };

export interface WatchedKey extends KeyReader {
  /** Refuse to run when it may do more than read. */
  readonly mustBeReadOnly: boolean;
  /** The first poll of its account: nothing may delay that. */
  readonly polled: Promise<void>;
}

export interface KeyParts {
  readonly keys: readonly WatchedKey[];
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Reads once what each key may do, and says in the log what it should not. Resolves with the reason as soon as one may do what the
 * configuration forbids, else when all were read. A key whose rights cannot be read is watched all the same and asked again later.
 */
export function watchKeys({ keys, clock, log }: KeyParts, signal: AbortSignal): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const looks = keys.map(async (key) => {
    const reason = await lookAtKey(key, clock, log, signal);
    if (reason !== undefined) resolve(reason);
  });
  Promise.all(looks).then(() => resolve(undefined), reject);
  return promise;
}

/** Why margind must not run with this key. */
async function lookAtKey(key: WatchedKey, clock: Clock, log: Log, signal: AbortSignal): Promise<string | undefined> {
  const { account, mustBeReadOnly } = key;
  await key.polled;
  let said: string | undefined;
  for (let attempt = 1; ; attempt++) {
    const read = await key.rights(signal);
    if (signal.aborted) return undefined;
    if (read.ok) {
      const finding = judgeKey(read.rights, { mustBeReadOnly });
      if (finding.status !== "good") log.warn({ account }, findingLine(finding));
      return mustBeReadOnly ? keyRefusal(account, read.rights) : undefined;
    }
    const { code, detail } = read.failure;
    const line = `what the API key may do cannot be read (${code}: ${detail}); margind watches and asks again later`;
    if (line !== said) log.warn({ account }, line);
    said = line;
    await clock.sleep(askAgainMs(read.failure, attempt), signal);
  }
}

/** The exchange was asked for something that no alert needs: where it wants silence, that is granted for long. */
const askAgainMs = ({ code }: Failure, attempt: number): number =>
  code === "rate_limited" || code === "banned" ? UNREAD.maxMs : stepMs(UNREAD, attempt);
