// One absolute deadline over a whole attempt: connecting, headers, body, every line that a server drips. Time-outs of
// libraries measure silence; a peer that sends a byte a second would hold an attempt for ever.
import type { Clock } from "../core/ports.ts";

export class DeadlineError extends Error {
  override readonly name = "DeadlineError";

  constructor(missing: string, ms: number) {
    super(`${missing} within ${Math.round(ms / 1000)} s`);
  }
}

interface Limits {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What the error then says is missing. */
  readonly missing?: string;
}

/**
 * Runs `work` with a signal that aborts when `signal` does, or with a DeadlineError after `ms`. `work` must mind the signal:
 * only it knows how far it had come, and that decides what its failure means. Leaves no timer and no listener behind.
 */
export async function within<T>(
  ms: number,
  { clock, signal, missing = "no complete answer" }: Limits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const timer = new AbortController();
  const stop = () => limit.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => limit.abort(new DeadlineError(missing, ms)),
    () => undefined, // the work ended first
  );
  try {
    return await work(limit.signal);
  } finally {
    signal.removeEventListener("abort", stop);
    timer.abort();
  }
}

/** Never resolves; rejects with the signal's reason. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
