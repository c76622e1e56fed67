import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
const SECOND = 1000;
const DAY = 86_400 * SECOND;

test.each([
  ["0", 0],
  ["1", SECOND],
  ["120", 120 * SECOND],
  [" 7 ", 7 * SECOND],
  ["2592000", 30 * DAY],
  ["Sat, 21 Nov 2026 12:01:30 GMT", 90 * SECOND],
  ["Sat, 21 Nov 2026 12:00:00 GMT", 0],
  ["Sat, 21 Nov 2026 11:59:59 GMT", undefined],
  ["Sat, 21 Nov 2026 12:01:30", undefined],
  ["2026-11-21T12:01:30Z", undefined],
  ["Xyz, 99 Qqq 2026 99:99:99 GMT", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["", undefined],
  ["soon", undefined],
  ["99999999999999999999", Number.MAX_SAFE_INTEGER],
  ["9".repeat(400), Number.MAX_SAFE_INTEGER],
  [undefined, undefined],
])("reads %j", (text, expected) => {
  expect(retryAfterMs(text, NOW)).toBe(expected);
});

test("measures a date by the answer's own Date, not by a clock that may be wrong", () => {
  const until = "Sat, 21 Nov 2026 12:01:30 GMT";
  expect(retryAfterMs(until, NOW - DAY, "Sat, 21 Nov 2026 12:01:00 GMT")).toBe(30 * SECOND);
  expect(retryAfterMs(until, NOW, "yesterday")).toBe(90 * SECOND);
});
