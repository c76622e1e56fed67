// What a threshold is as a number. The one thing to know: sums in binary leave a last digit over, and a threshold is meant to the digit.
import type { BarName, Bars } from "../ports.ts";
import type { Threshold } from "./types.ts";

/** A threshold's number under these bars. */
export function thresholdAt(threshold: Threshold, bars: Bars): number {
  if (threshold.kind === "number") return threshold.value;
  const bar: BarName = threshold.bar;
  return tidy(bars[bar] * (1 + threshold.plusPct / 100));
}

/** 1.3 · 1.05 is 1.3650000000000002 in binary: without this a level of exactly 1.365 would breach "below 1.365". */
export function tidy(value: number): number {
  return Math.round(value * 1e10) / 1e10;
}
