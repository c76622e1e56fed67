// How long a ban lasts that is told as a time: by the exchange's own clock where the answer shows it.
import { expect, test } from "vitest";
import { stopIn } from "./limits.ts";

const UNTIL_MS = Date.UTC(2020, 2, 12, 23, 10);
const complaint = { code: -1003, msg: `Way too much request weight used; IP banned until ${UNTIL_MS}.` };
const at = (minutes: number): string => new Date(UNTIL_MS - minutes * 60_000).toUTCString();

test.each([
  { name: "a right clock here", headers: { date: at(10) }, hereMin: 10, expectedMin: 10 },
  { name: "a clock here that was set back a day", headers: { date: at(10) }, hereMin: 1450, expectedMin: 10 },
  { name: "a clock here that runs ahead of the end", headers: { date: at(10) }, hereMin: -5, expectedMin: 10 },
  { name: "an answer without a date", headers: {}, hereMin: 7, expectedMin: 7 },
  { name: "an answer whose date is none", headers: { date: "yesterday" }, hereMin: 7, expectedMin: 7 },
])("X2: a ban until a time lasts as long as the exchange means, with $name", ({ headers, hereMin, expectedMin }) => {
  const stop = stopIn(418, headers, complaint, UNTIL_MS - hereMin * 60_000);
  expect(stop).toMatchObject({ kind: "ban", askedMs: expectedMin * 60_000 });
});
