import { expect, test } from "vitest";
import { DeadlineError } from "./deadline.ts";
import { attemptProblem } from "./network.ts";

const NEVER = new AbortController().signal;
const broken = Object.assign(new Error("x"), { code: "UND_ERR_SOCKET" });

test("a broken connection and a deadline are told as what they are", () => {
  expect(attemptProblem(broken, NEVER)).toBe("connection closed by the other side");
  expect(attemptProblem(new DeadlineError("no connection", 10_000), NEVER)).toBe("no connection within 10 s");
});

test.each([
  {
    name: "the deadline of the attempt",
    reason: new DeadlineError("no complete answer", 15_000),
    words: "no complete answer within 15 s",
  },
  { name: "the program's stop", reason: new Error("margind is stopping"), words: "stopped" },
  { name: "a time limit from outside", reason: new DOMException("late", "TimeoutError"), words: "no answer in time" },
])("$name is told, whatever error it came out as", ({ reason, words }) => {
  expect(attemptProblem(broken, AbortSignal.abort(reason))).toBe(words);
});
