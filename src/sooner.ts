// Brings an account's next poll forward. However often it is asked for, one poll a second is enough, and while it is asked for again and
// again the polls grow rarer: a busy account must not fill the lane and keep everything else from being read. A poll that left out
// what was being read when something happened is followed by another, for that answer may be older than what happened.
import type { Clock } from "./core/ports.ts";
import { type Backoff, stepMs } from "./lib/backoff.ts";

export interface Sooner {
  /** Polls soon. Cheap: a flood of calls is one poll. */
  poll(): void;
  /** Resolves when nothing is under way any more; call it after the signal was aborted. */
  idle(): Promise<void>;
}

/** The wait after a poll that was brought forward; it doubles while the next one was asked for meanwhile. */
const WAIT: Backoff = { firstMs: 1000, maxMs: 8000 };

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
    for (let row = 1; isWanted && !signal.aborted; row++) {
      isWanted = false;
      void once().then((isWhole) => isWhole || wish()); // also one that takes longer than the wait
      await clock.sleep(stepMs(WAIT, row), signal).catch(() => undefined); // aborted: the loop ends
    }
    loop = undefined;
  };

  const wish = (): void => {
    if (signal.aborted) return;
    isWanted = true;
    loop ??= run();
  };

  return {
    poll: wish,
    idle: async () => loop,
  };
}
