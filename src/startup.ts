// What is checked when the daemon starts. Whatever the network does, it starts and says loudly what does not work; it only gives
// up when nobody could ever be told (every notifier refused for good) or nothing ever be seen (every key refused for good).
import { type Notifier, NotifyError, type ReadResult } from "./core/ports.ts";
import type { Log } from "./lib/log.ts";

const VERIFY_TIMEOUT_MS = 20_000;

/** Checks every notifier without sending anything. Resolves with a reason when all of them are refused. */
export async function verifyNotifiers(
  notifiers: readonly Notifier[],
  log: Log,
  signal: AbortSignal,
): Promise<string | undefined> {
  const verdicts = await Promise.all(notifiers.map((notifier) => verify(notifier, log, signal)));
  if (!verdicts.every((verdict) => verdict === "refused")) return undefined;
  return "Every notifier is refused for good: see the messages above. Nobody could be told.";
}

async function verify(notifier: Notifier, log: Log, signal: AbortSignal): Promise<"good" | "refused" | "unknown"> {
  const about = { notifier: notifier.name };
  try {
    await notifier.verify(AbortSignal.any([signal, AbortSignal.timeout(VERIFY_TIMEOUT_MS)]));
    log.info(about, "the notifier works");
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
    return isRefused ? "refused" : "unknown";
  }
}

/** A key that will not be accepted until somebody mends it. */
export function isKeyRefusal(result: ReadResult): boolean {
  return !result.ok && (result.failure.code === "rejected_key" || result.failure.code === "bad_signature");
}
