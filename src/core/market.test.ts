import { expect, test } from "vitest";
import { inOurTime } from "./market.ts";

const NOW_MS = 1_700_000_000_000;

test.each([
  ["in step", 0, 5],
  ["nearly in step, the exchange ahead", 4_999, 5],
  ["nearly in step, the exchange behind", -4_999, 5],
  ["five seconds apart", 5_000, -5_000],
  ["years apart", 400 * 86_400_000, -400 * 86_400_000],
])("a time of the exchange, clocks %s", (_, aheadMs, shiftMs) => {
  const shift = Math.abs(shiftMs) < 1000 ? 0 : shiftMs;
  expect(inOurTime(NOW_MS, NOW_MS + aheadMs, NOW_MS)).toBe(NOW_MS + shift);
});

test("is rounded to the second where the clocks differ: the round trip is no date", () => {
  expect(inOurTime(NOW_MS + 59_993, NOW_MS + 3_600_000, NOW_MS)).toBe(NOW_MS + 60_000 - 3_600_000);
});
