// Lives inside lives: what is begun together ends together, and nothing outlives the signal that it was begun under.
import type { Clock } from "../../core/ports.ts";
import { StreamError } from "./problem.ts";

export interface Scope {
  /** Aborted with the outer signal, or by end(). */
  readonly signal: AbortSignal;
  end(): void;
}

/** AbortSignal.any would do, but the outer signal lives for months and would remember every one of these. */
export function scopeIn(outer: AbortSignal): Scope {
  const own = new AbortController();
  const onAbort = () => own.abort(outer.reason);
  if (outer.aborted) onAbort();
  else outer.addEventListener("abort", onAbort, { once: true });
  return {
    signal: own.signal,
    end() {
      outer.removeEventListener("abort", onAbort);
      own.abort();
    },
  };
}

/**
 * Runs the tasks side by side until one of them fails or the signal is aborted; ends the others then, waits for them, and rejects as the
 * first one did. Resolves when all of them have resolved. Every task must end soon after its signal is aborted.
 */
export async function sideBySide(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  outer: AbortSignal,
): Promise<void> {
  const scope = scopeIn(outer);
  const running = tasks.map((task) => task(scope.signal));
  try {
    await Promise.all(running);
  } finally {
    scope.end();
    await Promise.allSettled(running);
  }
}

/** Settles as `wait` does, or rejects: with StreamError after `ms`, or as aborted. */
export async function within<T>(
  wait: Promise<T>,
  ms: number,
  late: string,
  clock: Clock,
  outer: AbortSignal,
): Promise<T> {
  const scope = scopeIn(outer);
  const deadline = clock.sleep(ms, scope.signal).then(() => {
    throw new StreamError("lost", late);
  });
  try {
    return await Promise.race([wait, deadline]);
  } finally {
    scope.end();
  }
}
