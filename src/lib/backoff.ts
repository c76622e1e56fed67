// How long to wait before the next try: exponential growth, full jitter (a random share of the whole step), so that many
// waiters do not come back together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The longest wait before try number `attempt` (1 = the first retry): firstMs, doubled each time, at most maxMs. */
export function stepMs({ firstMs, maxMs }: Backoff, attempt: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
}

/** A wait in [0, stepMs). `random` yields [0, 1). */
export function fullJitterMs(backoff: Backoff, attempt: number, random: () => number): number {
  return stepMs(backoff, attempt) * random();
}
