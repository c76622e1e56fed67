import { describe, expect, test } from "vitest";
import { frameOf, marginLevelIn } from "./frames.ts";

const NOW_MS = 1_701_949_763_462;

test.each([
  ["bare", { e: "USER_LIABILITY_CHANGE", a: "BTC" }, undefined],
  ["wrapped by stream", { stream: "key", data: { e: "USER_LIABILITY_CHANGE", a: "BTC" } }, undefined],
  ["wrapped by subscription", { subscriptionId: 3, event: { e: "USER_LIABILITY_CHANGE", a: "BTC" } }, 3],
])("an event is read: %s", (_, frame, subscriptionId) => {
  expect(frameOf(JSON.stringify(frame))).toEqual({
    kind: "event",
    name: "USER_LIABILITY_CHANGE",
    body: { e: "USER_LIABILITY_CHANGE", a: "BTC" },
    subscriptionId,
  });
});

test.each([
  [{ result: null, id: 1 }, undefined, undefined],
  [{ id: 1, status: 200, result: { subscriptionId: 0 } }, undefined, 0],
  [{ id: 1, status: 400, error: { code: -1209, msg: "bad" } }, { code: -1209, status: 400 }, undefined],
  [{ id: 1, error: { code: 2, msg: "bad" } }, { code: 2, status: undefined }, undefined],
  [{ id: 1, code: 2, msg: "bad" }, { code: 2, status: undefined }, undefined],
  [{ id: 1, status: 418 }, { code: undefined, status: 418 }, undefined],
  [{ id: 1, error: "odd" }, { code: undefined, status: undefined }, undefined],
])("an answer is read: %j", (frame, refusal, subscriptionId) => {
  expect(frameOf(JSON.stringify(frame))).toEqual({ kind: "reply", id: 1, refusal, subscriptionId });
});

test.each(["", "oops", "[]", "null", "1", '"e"', "{}", '{"e":7}', '{"id":"1"}', '{"data":{"x":1}}', "{".repeat(1000)])(
  "anything else is nothing: %s",
  (text) => {
    expect(frameOf(text)).toBeUndefined();
  },
);

describe("a margin level", () => {
  const read = (body: object) => marginLevelIn("MARGIN_LEVEL_STATUS_CHANGE", { ...body }, NOW_MS);

  test.each([
    ["1.1", 1.1],
    ["0", 0],
    ["-1", undefined],
    [1.1, undefined],
    ["", undefined],
    ["NaN", undefined],
    [null, undefined],
  ])("is a decimal of no negative value or unknown: %j is %j", (l, level) => {
    expect(read({ s: "MARGIN_CALL", l, E: NOW_MS })).toEqual({
      kind: "margin-level",
      status: "MARGIN_CALL",
      level,
      atMs: NOW_MS,
    });
  });

  test.each([
    ["ten minutes old", NOW_MS - 600_000, NOW_MS - 600_000],
    ["older", NOW_MS - 600_001, NOW_MS],
    ["ten minutes ahead", NOW_MS + 600_000, NOW_MS + 600_000],
    ["further ahead", NOW_MS + 600_001, NOW_MS],
    ["a text", String(NOW_MS), NOW_MS],
    ["missing", undefined, NOW_MS],
  ])("is stamped with its own time, or with that of its arrival: %s", (_, E, atMs) => {
    expect(read({ s: "MARGIN_CALL", l: "1.1", E })).toMatchObject({ atMs });
  });

  test("without a status it is none, and neither is another event", () => {
    expect(read({ l: "1.1" })).toBeUndefined();
    expect(marginLevelIn("USER_LIABILITY_CHANGE", { s: "MARGIN_CALL" }, NOW_MS)).toBeUndefined();
  });
});
