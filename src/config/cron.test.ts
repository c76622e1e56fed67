import cron from "node-cron";
import { afterEach, expect, test, vi } from "vitest";
import { cronMistake, longestGapMs, nextPolls, shortestGapMs } from "./cron.ts";

const SATURDAY = Date.UTC(2026, 10, 21, 12, 0, 3);
const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;

afterEach(() => {
  vi.useRealTimers();
});

test.each([
  "*/5 * * * * *",
  "* * * * *",
  "7,3 10-12 */6 * * *",
  "0 0 9-17 * * 1-5",
  "0 0 0 L * *",
  "0 30 4 29 2 *",
  "0 0 12 * * 5#2",
  "58-2 59 23 31 12 *",
  "@hourly",
])("looks ahead as node-cron does: %s", (expression) => {
  vi.useFakeTimers({ now: SATURDAY });
  const task = cron.createTask(expression, () => undefined, { timezone: "UTC" });
  const expected = task.getNextRuns(4).map((date) => date.getTime());
  void task.destroy();
  expect(nextPolls(expression, SATURDAY, 4)).toEqual(expected.slice(0, expression.includes("29 2") ? 1 : 4));
});

test("the next poll lies after the moment asked about, never at it", () => {
  const onTheDot = Date.UTC(2026, 10, 21, 12, 0, 5);
  expect(nextPolls("*/5 * * * * *", onTheDot, 2)).toEqual([onTheDot + 5_000, onTheDot + 10_000]);
});

test("leaves no task behind", () => {
  nextPolls("0 0 9 * * 1", SATURDAY, 3);
  longestGapMs("0 0 9 * * 1", SATURDAY);
  shortestGapMs("0 0 9 * * 1", SATURDAY);
  expect(cron.getTasks().size).toBe(0);
});

test.each([
  { expression: "* * * * * *", gapMs: 1_000 },
  { expression: "*/5 * * * * *", gapMs: 5_000 },
  { expression: "*/7 * * * * *", gapMs: 7_000 },
  { expression: "0,50 * * * * *", gapMs: 50_000 },
  { expression: "* * * * *", gapMs: MIN },
  { expression: "*/10 */20 * * * *", gapMs: 19 * MIN + 10_000 },
  { expression: "0 0 9-17 * * *", gapMs: 16 * HOUR },
  { expression: "0 */10 9-17 * * 1-5", gapMs: 2 * DAY + 15 * HOUR + 10 * MIN },
  { expression: "0 0 0 1 1 *", gapMs: 366 * DAY },
])("$expression leaves at most $gapMs ms between polls", ({ expression, gapMs }) => {
  expect(longestGapMs(expression, SATURDAY)).toBe(gapMs);
});

test("a day that comes once in four years is seen as far away", () => {
  expect(longestGapMs("0 0 0 29 2 *", SATURDAY)).toBeGreaterThan(600 * DAY);
});

const EXPECTED = 'expected five or six fields such as "*/5 * * * * *" (second minute hour day month weekday)';
test.each([
  { expression: "*/5 * * * * *", mistake: undefined },
  { expression: "*/5 * * * *", mistake: undefined },
  { expression: "61 * * * * *", mistake: `the second 61 is impossible, ${EXPECTED}` },
  { expression: "0 25 * * *", mistake: `the hour 25 is impossible, ${EXPECTED}` },
  { expression: "* * 32 * *", mistake: `the day of month 32 is impossible, ${EXPECTED}` },
  { expression: "* * * * 8", mistake: `the day of week 8 is impossible, ${EXPECTED}` },
  { expression: "0 0 31 2 *", mistake: `the day of month 31 is impossible, ${EXPECTED}` },
  { expression: "* * *", mistake: `not a cron expression, ${EXPECTED}` },
  { expression: "@every 5s", mistake: `not a cron expression, ${EXPECTED}` },
  { expression: "", mistake: `not a cron expression, ${EXPECTED}` },
])("about $expression it says $mistake", ({ expression, mistake }) => {
  expect(cronMistake(expression, { show: true })).toBe(mistake);
});

test.each([
  { expression: "* * * * * *", gapMs: 1_000 },
  { expression: "*/7 * * * * *", gapMs: 4_000 },
  { expression: "0,58 * * * * *", gapMs: 2_000 },
  { expression: "0,50 0,30,31 * * * *", gapMs: 10_000 },
  { expression: "20 */5 * * * *", gapMs: 5 * MIN },
  { expression: "50 7 * * * *", gapMs: HOUR },
  { expression: "0 0 9 * * 1,2", gapMs: DAY },
  { expression: "0 0 0 29 2 *", gapMs: Number.POSITIVE_INFINITY },
])("the shortest gap of $expression is $gapMs", ({ expression, gapMs }) => {
  expect(shortestGapMs(expression, SATURDAY)).toBe(gapMs);
});

test("keeps the expression to itself when it must not be shown", () => {
  expect(cronMistake("61 * * * * *", { show: false })).toBe(`the second is impossible, ${EXPECTED}`);
});
