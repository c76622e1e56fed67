import { expect, test } from "vitest";
import { parseBars, priceInBar } from "./bars.ts";

const HOUR_MS = 3_600_000;
const THIRD_MS = HOUR_MS / 3;
const falling = { openMs: 0, open: 100, high: 110, low: 70, close: 80 };
const rising = { openMs: 0, open: 80, high: 110, low: 70, close: 100 };
const flat = { openMs: 0, open: 100, high: 110, low: 90, close: 100 };

test.each([
  { name: "a falling bar opens at its open", bar: falling, atMs: 0, price: 100 },
  { name: "a falling bar is half way to its high", bar: falling, atMs: THIRD_MS / 2, price: 105 },
  { name: "a falling bar reaches its high first", bar: falling, atMs: THIRD_MS, price: 110 },
  { name: "a falling bar falls to its low", bar: falling, atMs: 2 * THIRD_MS, price: 70 },
  { name: "a falling bar closes at its close", bar: falling, atMs: HOUR_MS, price: 80 },
  { name: "a rising bar reaches its low first", bar: rising, atMs: THIRD_MS, price: 70 },
  { name: "a rising bar climbs to its high", bar: rising, atMs: 2 * THIRD_MS, price: 110 },
  { name: "a rising bar is half way back to its close", bar: rising, atMs: 2.5 * THIRD_MS, price: 105 },
  { name: "a bar that ends where it began goes low first", bar: flat, atMs: THIRD_MS, price: 90 },
  { name: "before its time a bar stands at its open", bar: falling, atMs: -1, price: 100 },
  { name: "after its time a bar stands at its close", bar: falling, atMs: 2 * HOUR_MS, price: 80 },
])("$name", ({ bar, atMs, price }) => {
  expect(priceInBar(bar, atMs, HOUR_MS)).toBeCloseTo(price, 9);
});

test("reads a file of bars", () => {
  const bars = parseBars("open_time_ms,open,high,low,close\r\n1000,1,2.5,0.5,2\r\n2000,2,2,2,2\r\n");
  expect(bars).toEqual([
    { openMs: 1000, open: 1, high: 2.5, low: 0.5, close: 2 },
    { openMs: 2000, open: 2, high: 2, low: 2, close: 2 },
  ]);
});

const HEAD = "open_time_ms,open,high,low,close";

test.each([
  { name: "refuses another header", csv: "time,open,high,low,close\n1,1,1,1,1", says: "line 1: expected the header" },
  { name: "refuses an empty file", csv: HEAD, says: "no bars" },
  { name: "refuses a missing cell", csv: `${HEAD}\n1,1,1,1`, says: "line 2: expected five positive numbers" },
  { name: "refuses an empty cell", csv: `${HEAD}\n1,1,1,1,`, says: "line 2: expected five positive numbers" },
  { name: "refuses a sixth cell", csv: `${HEAD}\n1,1,1,1,1,1`, says: "line 2: expected five positive numbers" },
  { name: "refuses words", csv: `${HEAD}\n1,1,NaN,1,1`, says: "line 2: expected five positive numbers" },
  { name: "refuses a price of zero", csv: `${HEAD}\n1,1,1,0,1`, says: "line 2: expected five positive numbers" },
  { name: "refuses a low above the close", csv: `${HEAD}\n1,2,2,1.5,1`, says: "line 2: low must not lie above" },
  { name: "refuses a high below the open", csv: `${HEAD}\n1,2,1.5,1,1`, says: "line 2: low must not lie above" },
  { name: "refuses time that stands", csv: `${HEAD}\n1,1,1,1,1\n1,1,1,1,1`, says: "line 3: time goes back" },
])("$name", ({ csv, says }) => {
  expect(() => parseBars(csv)).toThrow(says);
});
