// The dead man's switch: an outside service is pinged only after a full good cycle of every account with nothing stuck in the
// outbox. It, and not we, notices when this machine, this process or its network is gone.
import { request } from "undici";
import type { Clock } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";
import type { Secret } from "./lib/secret.ts";

export interface HeartbeatParts {
  readonly url: Secret;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined when all is well, else what is not. */
  trouble(): string | undefined;
}

const TIMEOUT_MS = 10_000;

/** Pings until aborted. Failures are logged: a missed ping is for the other side to notice. */
export async function beat({ url, everyMs, clock, log, trouble }: HeartbeatParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    const problem = trouble();
    if (problem === undefined) await ping(url, log);
    else log.warn({ problem }, "no heartbeat is sent");
  }
}

async function ping(url: Secret, log: Log): Promise<void> {
  try {
    const { statusCode, body } = await request(url.reveal(), {
      method: "GET",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await body.dump();
    if (statusCode >= 300) log.warn({ statusCode }, "the heartbeat service did not accept the ping");
  } catch (error) {
    // The address is a secret, and an error's text may hold it: only its kind is told.
    log.warn({ kind: error instanceof Error ? error.name : "unknown" }, "the heartbeat service cannot be reached");
  }
}
