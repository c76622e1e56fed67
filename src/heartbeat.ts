// The dead man's switch: an outside service is pinged only after a full good cycle of every account with nothing stuck in the
// outbox, and told of a failure otherwise. It, and not we, notices when this machine, this process or its network is gone.
import { request } from "undici";
import type { Clock } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";
import type { Secret } from "./lib/secret.ts";

export interface Pulse {
  readonly everyMs: number;
  /** Tells the service: all is well, or what is not. Never rejects. */
  ping(problem: string | undefined): Promise<void>;
}

export interface HeartbeatParts extends Pulse {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined when all is well, else what is not. */
  trouble(): string | undefined;
}

const TIMEOUT_MS = 10_000;

/** Beats until aborted. */
export async function beat({ everyMs, clock, log, trouble, ping }: HeartbeatParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    const problem = trouble();
    if (problem !== undefined) log.warn({ problem }, "the heartbeat tells of a failure");
    await ping(problem);
  }
}

/** GET on the url when all is well, POST on url/fail with the reason when not: the convention of healthchecks.io, which others share. */
export function createPulse({ url, everyMs }: { readonly url: Secret; readonly everyMs: number }, log: Log): Pulse {
  return {
    everyMs,
    async ping(problem) {
      try {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        const { statusCode, body } =
          problem === undefined
            ? await request(url.reveal(), { method: "GET", signal })
            : await request(failUrl(url.reveal()), { method: "POST", signal, body: problem });
        await body.dump();
        if (statusCode >= 300) log.warn({ statusCode }, "the heartbeat service did not accept the ping");
      } catch (error) {
        // The address is a secret, and an error's text may hold it: only its kind is told.
        log.warn({ kind: error instanceof Error ? error.name : "unknown" }, "the heartbeat service cannot be reached");
      }
    },
  };
}

/** https://hc-ping.com/UUID → https://hc-ping.com/UUID/fail; a query stays where it is. */
function failUrl(text: string): URL {
  const url = new URL(text);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/fail`;
  return url;
}
