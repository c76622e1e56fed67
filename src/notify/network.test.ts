import { expect, test } from "vitest";
import { DeadlineError } from "./deadline.ts";
import { networkProblem } from "./network.ts";

const NEVER = new AbortController().signal;
const coded = (code: string, cause?: unknown, more: object = {}) =>
  Object.assign(new Error("x", { cause }), { code, ...more });

test.each([
  { name: "a code of the system", error: coded("ECONNREFUSED"), words: "connection refused" },
  {
    name: "the known code of a cause",
    error: coded("ERR_X", coded("ENOTFOUND")),
    words: "the name is not known (DNS)",
  },
  {
    name: "the first of several addresses tried",
    error: new AggregateError([coded("EHOSTUNREACH"), coded("ECONNREFUSED")]),
    words: "no route to the host",
  },
  {
    name: "what nodemailer writes its own code over",
    error: coded("ESOCKET", undefined, { originalCode: "CERT_HAS_EXPIRED" }),
    words: "its certificate has expired",
  },
  {
    name: "an unknown code as it is",
    error: coded("ERR_SSL_WRONG_VERSION_NUMBER"),
    words: "the connection failed (ERR_SSL_WRONG_VERSION_NUMBER)",
  },
  { name: "no code", error: new Error("secret"), words: "the connection failed" },
  { name: "a code that is no code", error: coded("https://x.test/?token=secret"), words: "the connection failed" },
  { name: "something that is no error", error: "secret", words: "the connection failed" },
  { name: "a deadline", error: new DeadlineError("no connection", 10_000), words: "no connection within 10 s" },
  { name: "no end of causes", error: circular(), words: "the connection failed (ERR_ROUND)" },
])("$name reads $words", ({ error, words }) => {
  expect(networkProblem(error, NEVER)).toBe(words);
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
  expect(networkProblem(coded("UND_ERR_SOCKET"), AbortSignal.abort(reason))).toBe(words);
});

function circular(): Error {
  const error = coded("ERR_ROUND");
  error.cause = error;
  return error;
}
