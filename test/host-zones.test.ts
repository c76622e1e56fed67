// Daylight saving: what people read over both changes of the clocks. Inside everything is UTC; only messages know a zone. That polls
// go on through the hour that is skipped or comes twice is shown beside the schedule.
import { expect, test } from "vitest";
import { cross } from "./support/answers.ts";
import { messageText, openDesk } from "./support/desk.ts";

const S = 1000;
const MIN = 60 * S;

/** Minute by minute after a moment: the cross level. */
type Course = readonly (readonly [afterMin: number, level: number])[];

/** The last message of such a course. */
function lastMessage(fromMs: number, course: Course, timezone: string): string {
  const desk = openDesk({ locale: { timezone, language: "en" } });
  const told = course.map(([afterMin, level]) => desk.look(fromMs + afterMin * MIN, cross(level)));
  const [last] = told.at(-1)?.notifications ?? [];
  return last === undefined ? "" : messageText(last.message);
}

/** Calm, a warning, an hour of it, then critical. */
const WORSE: Course = [
  [0, 2],
  [1, 1.34],
  [61, 1.24],
];
/** Calm, critical at its worst, an hour of it, and half a minute of calm again. */
const OVER: Course = [
  [0, 2],
  [1, 1.24],
  [61, 1.25],
  [62, 2],
  [62.5, 2],
];

test.each([
  {
    name: "no change of the clocks lies between",
    timezone: "Europe/Berlin",
    fromMs: Date.UTC(2026, 2, 28, 0, 29),
    since: "Critical since 02:30 CET, rising from warning since 01:30.",
    data: "Data 2 s old at 02:30:00.",
  },
  {
    name: "the clocks went forward: half past two does not exist",
    timezone: "Europe/Berlin",
    fromMs: Date.UTC(2026, 2, 29, 0, 29),
    since: "Critical since 03:30 CEST, rising from warning since 01:30 CET.",
    data: "Data 2 s old at 03:30:00.",
  },
  {
    name: "the clocks went back: half past two comes twice",
    timezone: "Europe/Berlin",
    fromMs: Date.UTC(2026, 9, 25, 0, 29),
    since: "Critical since 02:30 CET, rising from warning since 02:30 CEST.",
    data: "Data 2 s old at 02:30:00.",
  },
  {
    name: "a zone that moves by half an hour",
    timezone: "Australia/Lord_Howe",
    fromMs: Date.UTC(2026, 3, 4, 14, 29),
    since: "Critical since 02:00 GMT+10:30, rising from warning since 01:30 GMT+11.",
    data: "Data 2 s old at 02:00:00.",
  },
  {
    name: "UTC has no such days",
    timezone: "UTC",
    fromMs: Date.UTC(2026, 9, 25, 0, 29),
    since: "Critical since 01:30 UTC, rising from warning since 00:30.",
    data: "Data 2 s old at 01:30:00.",
  },
])("H7: times in an alert are those of their own moment: $name", ({ timezone, fromMs, since, data }) => {
  const text = lastMessage(fromMs, WORSE, timezone);
  expect(text).toContain(since);
  expect(text).toContain(data);
});

test.each([
  { change: "forward", fromMs: Date.UTC(2026, 2, 29, 0, 29), time: "lowest 1.24 at 01:30 CET" },
  { change: "back", fromMs: Date.UTC(2026, 9, 25, 0, 29), time: "lowest 1.24 at 02:30 CEST" },
])("H7: an end after the clocks went $change names its lowest point's own time, and the true duration", (scene) => {
  const text = lastMessage(scene.fromMs, OVER, "Europe/Berlin");
  expect(text).toMatch(/^RESOLVED · main · cross margin level 2\.00\n/);
  expect(text).toMatch(/ for 1 h 2 min, /);
  expect(text).toContain(`, ${scene.time}. `);
});
