import { expect, test } from "vitest";
import { durationText, parseDurationMs } from "./duration.ts";

test.each([
  { text: "0s", ms: 0 },
  { text: "500ms", ms: 500 },
  { text: "30s", ms: 30_000 },
  { text: "5m", ms: 300_000 },
  { text: "2h", ms: 7_200_000 },
  { text: "7d", ms: 604_800_000 },
  { text: "1.5h", ms: 5_400_000 },
  { text: "0.0004s", ms: 0 },
  { text: "3650d", ms: 315_360_000_000 },
  { text: "3651d", ms: undefined },
  { text: `${"9".repeat(400)}d`, ms: undefined },
  { text: "30", ms: undefined },
  { text: "30sec", ms: undefined },
  { text: "30 s", ms: undefined },
  { text: "30S", ms: undefined },
  { text: "-1s", ms: undefined },
  { text: "1.h", ms: undefined },
  { text: "1e3s", ms: undefined },
  { text: "", ms: undefined },
])("reads $text as $ms ms", ({ text, ms }) => {
  expect(parseDurationMs(text)).toBe(ms);
});

test.each([
  { ms: 0, text: "0s" },
  { ms: 500, text: "500ms" },
  { ms: 60_000, text: "1m" },
  { ms: 90_000, text: "1m 30s" },
  { ms: 227_400_000, text: "2d 15h 10m" },
])("says $ms ms as $text", ({ ms, text }) => {
  expect(durationText(ms)).toBe(text);
});
