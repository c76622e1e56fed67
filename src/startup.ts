// What is checked when the daemon starts. Whatever the network does, it starts and says loudly what does not work; it only gives
// up when nobody could ever be told (every notifier refused for good) or nothing ever be seen (every key refused for good).
import { refusesKey } from "./core/failure.ts";
import { type Clock, type Notifier, NotifyError, type ReadResult } from "./core/ports.ts";
import type { Deliveries } from "./deliver.ts";
import type { Log } from "./lib/log.ts";

const VERIFY_TIMEOUT_MS = 20_000;
/** How often a channel that refused is looked at again: somebody may have mended it. */
const RECHECK_MS = 60_000;

export interface VerifyParts {
  readonly notifiers: readonly Notifier[];
  readonly deliveries: Pick<Deliveries, "note">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Checks every notifier without sending anything; resolves with a reason when all of them are refused. Otherwise it goes on looking
 * at those that refuse, once a minute, until aborted.
 */
export async function watchNotifiers(parts: VerifyParts, signal: AbortSignal): Promise<string | undefined> {
  let refused = await refusing(parts.notifiers, parts, signal);
  if (refused.length === parts.notifiers.length && !signal.aborted) {
    return "Every notifier is refused for good: see the messages above. Nobody could be told.";
  }
  while (refused.length > 0) {
    await parts.clock.sleep(RECHECK_MS, signal);
    refused = await refusing(refused, parts, signal);
  }
  return undefined;
}

/** Those that refuse. */
async function refusing(
  notifiers: readonly Notifier[],
  parts: VerifyParts,
  signal: AbortSignal,
): Promise<readonly Notifier[]> {
  const verdicts = await Promise.all(notifiers.map((notifier) => verify(notifier, parts, signal)));
  return notifiers.filter((_, index) => verdicts[index] === "refused");
}

async function verify(
  notifier: Notifier,
  { deliveries, log }: VerifyParts,
  signal: AbortSignal,
): Promise<"good" | "refused" | "unknown"> {
  const about = { notifier: notifier.name };
  try {
    await notifier.verify(AbortSignal.any([signal, AbortSignal.timeout(VERIFY_TIMEOUT_MS)]));
    log.info(about, "the notifier works");
    deliveries.note(notifier.name, undefined);
    return "good";
  } catch (error) {
    if (signal.aborted) return "unknown";
    const text = error instanceof Error ? error.message : String(error);
    const isRefused = error instanceof NotifyError && error.kind === "refused";
    log.error(
      about,
      isRefused
        ? `the notifier does not work: ${text}`
        : `the notifier does not work now, margind keeps trying: ${text}`,
    );
    if (isRefused) deliveries.note(notifier.name, text);
    return isRefused ? "refused" : "unknown";
  }
}

/** A key that will not be accepted until somebody mends it. */
export function isKeyRefusal(result: ReadResult): boolean {
  return !result.ok && refusesKey(result.failure);
}
