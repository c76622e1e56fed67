// Keeps one stream open: begins a session, and another one after it has ended, for ever. The one thing to know: a stream is a head start
// and no more, so nothing here is urgent, and a session that ends at once must not become a storm of connections.
import type { Clock } from "../../core/ports.ts";
import type { PushEvent, PushStream } from "../../core/push.ts";
import { type Backoff, fullJitterMs } from "../../lib/backoff.ts";
import type { Log } from "../../lib/log.ts";
import { problemOf, StreamError } from "./problem.ts";
import type { Session, Tell } from "./session.ts";

export interface KeepParts {
  readonly account: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

const WAIT: Backoff = { firstMs: 1_000, maxMs: 300_000 };
/** A session that lasted for so long makes the next wait short again. */
const HEALTHY_MS = 300_000;
/** Sessions in a row that ended soon; one alone is everyday life. */
const TROUBLE = 2;
/** Without a connection for so long it is told; and again after as long. */
const UNAVAILABLE_MS = 3_600_000;
const RETIRED_MS = 6 * 3_600_000;

/** Resolves when aborted; never rejects. */
export async function keepOpen(
  stream: PushStream,
  session: Session,
  tell: Tell,
  { account, clock, random, log }: KeepParts,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let isRetired = false;
  let connectedMonoMs: number | undefined;
  /** Since when there has been no connection, or since that was told last. */
  let missingMonoMs = clock.monoMs();
  /** The log's last word of the stream was a bad one, or there was none yet. */
  let isUnsure = true;

  const noting = (event: PushEvent): void => {
    if (event.kind === "connected") {
      connectedMonoMs ??= clock.monoMs();
      isRetired = false;
      if (isUnsure) log.info({ account, stream }, "the stream is open");
      isUnsure = false;
    }
    tell(event);
  };

  const tellUnavailable = (reason: string): void => {
    if (isRetired || clock.monoMs() - missingMonoMs < UNAVAILABLE_MS) return;
    missingMonoMs = clock.monoMs();
    tell({ kind: "unavailable", stream, reason });
  };

  /** Notes why a session ended; how long to wait for the next one. */
  const waitAfter = (problem: StreamError): number => {
    const isHealthy = connectedMonoMs !== undefined && clock.monoMs() - connectedMonoMs >= HEALTHY_MS;
    failures = isHealthy ? 1 : failures + 1;
    if (connectedMonoMs !== undefined) missingMonoMs = clock.monoMs();
    connectedMonoMs = undefined;
    const fields = { account, stream, reason: problem.message };
    if (problem.kind === "gone") {
      if (!isRetired) {
        isRetired = true;
        isUnsure = true;
        log.warn(fields, "the exchange does not offer the stream any more; polling goes on");
        tell({ kind: "retired", stream, reason: problem.message });
      }
      return RETIRED_MS;
    }
    if (failures === TROUBLE) log.warn(fields, "the stream cannot be kept open; polling goes on");
    else log.debug(fields, "the stream ended");
    isUnsure ||= failures === TROUBLE;
    tellUnavailable(problem.message);
    return (problem.kind === "busy" ? WAIT.maxMs : 0) + fullJitterMs(WAIT, failures, random);
  };

  while (!signal.aborted) {
    try {
      await session(noting, signal);
      throw new StreamError("lost", "the session ended by itself");
    } catch (error) {
      if (signal.aborted) return;
      await clock.sleep(waitAfter(problemOf(error) ?? unforeseen(error, log)), signal).catch(() => undefined);
    }
  }
}

/** A mistake of ours. Its own words might hold what a frame or an answer held, so only where it happened is logged. */
function unforeseen(error: unknown, log: Log): StreamError {
  const name = error instanceof Error ? error.name : typeof error;
  const where = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)) : [];
  log.error({ name, where }, "a stream ended in an unforeseen way");
  return new StreamError("lost", name);
}
