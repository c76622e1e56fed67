import { expect, test } from "vitest";
import { createTimes } from "./times.ts";

test("an announcement lies as far ahead of its clock as it lies ahead in simulated time", () => {
  const clocks = { simNowMs: () => 1000, serverNowMs: () => 500_000 };
  expect(createTimes(clocks).announceMs(1070)).toBe(500_070);
  expect(createTimes({ ...clocks, announceNowMs: clocks.simNowMs }).announceMs(1070)).toBe(1070);
});
