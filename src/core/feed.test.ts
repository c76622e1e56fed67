import { expect, test } from "vitest";
import { blindness, noteFailure, noteInvalid, noteValid, type SourceHealth, startHealth } from "./feed.ts";
import type { Failure } from "./ports.ts";

const S = 1000;
const STALE = 30 * S;
const failure = (code: Failure["code"]): Failure => ({ code, detail: "" });

/** Health after these events, from a start at 0. A number is a valid answer at that time. */
function health(source: "cross" | "isolated", ...events: (number | Failure["code"] | "invalid")[]): SourceHealth {
  return events.reduce<SourceHealth>(
    (now, event) => {
      if (typeof event === "number") return noteValid(now, event, 1_000_000 + event);
      return event === "invalid" ? noteInvalid(now, "x is missing") : noteFailure(now, failure(event));
    },
    startHealth(source, 0, null),
  );
}

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
  expect(blindness([source], nowMs, STALE) !== undefined).toBe(isBlind);
});

test("it says which source, for how long, since when by the wall clock, and why", () => {
  expect(blindness([health("cross", 5 * S, "timeout"), health("isolated", 40 * S)], 50 * S, STALE)).toEqual({
    source: "cross",
    sources: ["cross"],
    silentMs: 45 * S,
    lastOkAtMs: 1_005_000,
    failure: failure("timeout"),
    invalid: null,
  });
  expect(blindness([health("cross", 5 * S, "timeout", "invalid")], 50 * S, STALE)).toMatchObject({
    failure: null,
    invalid: "x is missing",
  });
});

test("of two blind sources it tells of the one with a cause, then of the one that is silent for longer", () => {
  const silent = health("isolated", 1 * S);
  expect(blindness([silent, health("cross", 5 * S, "timeout")], 99 * S, STALE)?.source).toBe("cross");
  expect(blindness([health("cross", 5 * S), silent], 99 * S, STALE)?.source).toBe("isolated");
  expect(blindness([health("cross", 5 * S), silent], 99 * S, STALE)?.sources).toHaveLength(2);
});

test("the last sight before a restart is kept, the silence counts from the start", () => {
  expect(blindness([startHealth("cross", 100 * S, 77)], 131 * S, STALE)).toMatchObject({
    silentMs: 31 * S,
    lastOkAtMs: 77,
  });
});

test("nothing to watch is not blindness", () => {
  expect(blindness([], 99 * S, STALE)).toBeUndefined();
});
