import { inspect } from "node:util";
import { expect, test } from "vitest";
import { DeadlineError } from "./deadline.ts";
import { attemptProblem, bare } from "./network.ts";

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

test("a cause keeps its kind and its place in the code, and not a word of what came in", () => {
  const inner = Object.assign(new Error("canary"), { code: "ECONNRESET", response: "canary" });
  const error = Object.assign(new TypeError("canary\n    at canary", { cause: inner }), { data: "canary", canary: 1 });
  const told = bare(error);
  expect(inspect(told, { depth: 10, showHidden: true })).not.toContain("canary");
  expect(told).toMatchObject({ name: "TypeError", message: "connection reset" });
  expect(told.stack).toMatch(/network\.test\.ts:\d+:\d+/);
});

test.each(["canary", undefined, null, { message: "canary" }])(
  "what is no error has no cause to show (%j)",
  (thrown) => {
    expect(bare(thrown)).toMatchObject({ message: "the connection failed" });
  },
);
