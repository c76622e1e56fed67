import { expect, test } from "vitest";
import { didYouMean, editDistance, nearest } from "./nearest.ts";

test.each([
  ["poll", "poll", 0],
  ["pol", "poll", 1],
  ["polll", "poll", 1],
  ["bell", "poll", 2],
  ["plol", "poll", 1],
  ["", "poll", 4],
  ["poll", "", 4],
])("from %j to %j are %i steps", (a, b, steps) => {
  expect(editDistance(a, b)).toBe(steps);
});

test.each([
  { word: "watchdg", options: ["watchdog", "routes"], found: "watchdog" },
  { word: "MARGINLEVEL", options: ["marginLevel"], found: "marginLevel" },
  { word: "tokne", options: ["token", "type"], found: "token" },
  { word: "cros", options: ["cross", "isolated"], found: "cross" },
  { word: "x", options: ["cross", "on"], found: undefined },
  { word: "foo", options: ["for", "field"], found: "for" },
  { word: "banana", options: ["below", "above"], found: undefined },
  { word: "poll", options: [], found: undefined },
])("for $word it is $found", ({ word, options, found }) => {
  expect(nearest(word, options)).toBe(found);
});

test("asks only when there is something to ask", () => {
  expect(didYouMean("pol", ["poll"])).toBe(". Did you mean poll?");
  expect(didYouMean("pol", ["symbols"])).toBe("");
});
