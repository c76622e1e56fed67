// The fall of a list of samples, worked out in the plainest way: what the program does in less room is measured by it.
import { type Fall, fallFrom } from "../../src/core/drops.ts";

/** One value that was observed. */
export interface Sample {
  /** Wall ms. */
  readonly atMs: number;
  readonly value: number;
}

/**
 * The fall that ends with the latest sample of the window. Undefined where it is not known as a share: nothing was observed in the
 * window, or the highest value is not above zero.
 */
export function fallOf(samples: readonly Sample[], withinMs: number, nowMs: number): Fall | undefined {
  let [latest, top]: [Sample | undefined, Sample | undefined] = [undefined, undefined];
  for (let i = samples.length - 1; i >= 0; i--) {
    const sample = samples[i];
    if (sample === undefined || sample.atMs > nowMs || !Number.isFinite(sample.value)) continue;
    if (sample.atMs < nowMs - withinMs) break;
    latest ??= sample;
    // Of two equal tops the later one: that is where the fall began.
    if (top === undefined || sample.value > top.value) top = sample;
  }
  return latest === undefined || top === undefined ? undefined : fallFrom(top.value, top.atMs, latest.value);
}
