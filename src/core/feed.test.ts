import { expect, test } from "vitest";
import { blindness, noteFailure, noteInvalid, noteValid, type SourceHealth, startHealth } from "./feed.ts";
import type { Failure } from "./ports.ts";

const S = 1000;
const STALE = 30 * S;
const WALL_MS = 1_000_000;
const failure = (code: Failure["code"]): Failure => ({ code, detail: "" });

/** Health after these events, from a start at 0. A number is a valid answer at that time. */
function health(source: "cross" | "isolated", ...events: (number | Failure["code"] | "invalid")[]): SourceHealth {
  return events.reduce<SourceHealth>(
    (now, event) => {
      if (typeof event === "number") return noteValid(now, event, WALL_MS + event);
      return event === "invalid" ? noteInvalid(now, "x is missing") : noteFailure(now, failure(event));
    },
    startHealth(source, 0, null),
  );
}

/** By default nobody was told of blindness yet. */
const blindAt = (sources: readonly SourceHealth[], monoMs: number, isBlind = false) =>
  blindness(sources, { monoMs, wallMs: WALL_MS + monoMs, staleAfterMs: STALE, isBlind });

test.each<[string, SourceHealth, number, boolean]>([
  ["at the start", health("cross"), 0, false],
  ["at the start, exactly staleAfter later", health("cross"), STALE, false],
  ["at the start, longer than that", health("cross"), STALE + 1, true],
  ["exactly staleAfter after an answer", health("cross", 10 * S), 40 * S, false],
  ["longer than that after it", health("cross", 10 * S), 40 * S + 1, true],
  ["after failures shorter than that", health("cross", 10 * S, "timeout", "unavailable", "timeout"), 40 * S, false],
  ["after failures longer than that", health("cross", 10 * S, "timeout"), 40 * S + 1, true],
  ["after unreadable answers longer than that", health("cross", 10 * S, "invalid", "invalid"), 40 * S + 1, true],
  ["after unreadable answers shorter than that", health("cross", 10 * S, "invalid", "invalid"), 40 * S, false],
  ["at once when banned", health("cross", 10 * S, "banned"), 10 * S, true],
  ["at once when the signature does not fit", health("cross", 10 * S, "bad_signature"), 10 * S, true],
  ["not after one refusal of the key", health("cross", 10 * S, "rejected_key"), 10 * S, false],
  ["at once after two of them in a row", health("cross", 10 * S, "rejected_key", "rejected_key"), 10 * S, true],
  [
    "not after a refusal, a timeout and a refusal",
    health("cross", 10 * S, "rejected_key", "timeout", "rejected_key"),
    10 * S,
    false,
  ],
  ["not after a timeout and a refusal", health("cross", 10 * S, "timeout", "rejected_key"), 10 * S, false],
  [
    "not after a refusal, an answer and a refusal",
    health("cross", "rejected_key", 10 * S, "rejected_key"),
    10 * S,
    false,
  ],
  ["not after 429, which passes by itself", health("cross", 10 * S, "rate_limited", "rate_limited"), 10 * S, false],
  ["not after the ban, with a valid answer", health("cross", 10 * S, "banned", 20 * S), 20 * S, false],
])("blind %s", (_, source, nowMs, isBlind) => {
  expect(blindAt([source], nowMs) !== undefined).toBe(isBlind);
});

test("it says which source, for how long, since when by the wall clock, and why", () => {
  expect(blindAt([health("cross", 5 * S, "timeout"), health("isolated", 40 * S)], 50 * S)).toEqual({
    source: "cross",
    sources: ["cross"],
    silentMs: 45 * S,
    lastOkAtMs: 1_005_000,
    failure: failure("timeout"),
    invalid: null,
  });
  expect(blindAt([health("cross", 5 * S, "timeout", "invalid")], 50 * S)).toMatchObject({
    failure: null,
    invalid: "x is missing",
  });
});

test("of two blind sources it tells of the one with a cause, then of the one that is silent for longer", () => {
  const silent = health("isolated", 1 * S);
  expect(blindAt([silent, health("cross", 5 * S, "timeout")], 99 * S)?.source).toBe("cross");
  expect(blindAt([health("cross", 5 * S), silent], 99 * S)?.source).toBe("isolated");
  expect(blindAt([health("cross", 5 * S), silent], 99 * S)?.sources).toHaveLength(2);
});

test("before the first answer since a start, the silence goes back to the last one of the run before", () => {
  const lastMs = WALL_MS - 3600 * S;
  expect(blindAt([startHealth("cross", 0, lastMs)], 31 * S)).toMatchObject({
    silentMs: 3631 * S,
    lastOkAtMs: lastMs,
  });
  expect(blindAt([startHealth("cross", 0, null)], 31 * S)).toMatchObject({ silentMs: 31 * S, lastOkAtMs: null });
});

test.each<[string, SourceHealth[], boolean]>([
  ["a restart", [health("cross")], true],
  ["a restart of one source only", [health("cross", 5 * S), health("isolated")], true],
  ["a failure after it", [health("cross", 5 * S, "timeout")], true],
  ["an answer that cannot be read", [health("cross", 5 * S, "invalid")], true],
  ["a valid answer of every source", [health("cross", 5 * S), health("isolated", 6 * S)], false],
])("who was told of blindness is not told that it is over by %s", (_, sources, isStillBlind) => {
  expect(blindAt(sources, 7 * S, true) !== undefined).toBe(isStillBlind);
});

test("nothing to watch is not blindness", () => {
  expect(blindAt([], 99 * S)).toBeUndefined();
});
