// Brings an account's next poll forward. However often it is asked for, one poll a second is enough; and a poll that left out what was
// being read when something happened is followed by another, for that answer may be older than what happened.
import type { Clock } from "./core/ports.ts";

export interface Sooner {
  /** Polls soon. Cheap: a flood of calls is one poll. */
  poll(): void;
  /** Resolves when nothing is under way any more; call it after the signal was aborted. */
  idle(): Promise<void>;
}

const EVERY_MS = 1000;

/**
 * @param poll one pass; resolves with whether it has asked for everything.
 * @param onError told of a pass that failed in an unforeseen way; the next one follows when it is asked for.
 */
export function createSooner(
  poll: () => Promise<boolean>,
  onError: (error: unknown) => void,
  clock: Clock,
  signal: AbortSignal,
): Sooner {
  let isWanted = false;
  let loop: Promise<void> | undefined;

  const once = (): Promise<boolean> =>
    poll().catch((error: unknown) => {
      onError(error);
      return true;
    });

  const run = async (): Promise<void> => {
    while (isWanted && !signal.aborted) {
      isWanted = false;
      const pause = clock.sleep(EVERY_MS, signal).catch(() => undefined); // aborted: the loop ends
      const isWhole = await Promise.race([once(), pause.then(() => true)]);
      isWanted ||= !isWhole;
      await pause;
    }
    loop = undefined;
  };

  return {
    poll() {
      if (signal.aborted) return;
      isWanted = true;
      loop ??= run();
    },
    idle: async () => loop,
  };
}
