import { expect, test } from "vitest";
import { networkProblem } from "./network.ts";

const coded = (code: string, cause?: unknown, more: object = {}) =>
  Object.assign(new Error("getaddrinfo https://secret.example?signature=abc", { cause }), { code, ...more });

test.each([
  ["ECONNREFUSED", "connection", "connection refused"],
  ["ECONNRESET", "connection", "connection reset"],
  ["ENOTFOUND", "connection", "name not found, DNS"],
  ["EAI_AGAIN", "connection", "DNS does not answer"],
  ["UND_ERR_SOCKET", "connection", "connection closed by the other side"],
  ["CERT_HAS_EXPIRED", "certificate", "TLS certificate: it has expired"],
  ["CERT_NOT_YET_VALID", "certificate", "TLS certificate: it is not valid yet; is this machine's clock right?"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate", "TLS certificate: it is for another host"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate", "TLS certificate: its issuer is unknown"],
  ["EPROTO", "connection", "TLS handshake failed, EPROTO"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "connection", "TLS handshake failed, ERR_SSL_WRONG_VERSION_NUMBER"],
  ["HPE_INVALID_CONSTANT", "not_http", "not HTTP"],
  ["EWHATEVER", "connection", "the connection failed, EWHATEVER"],
])("%s is a matter of the %s: %s", (code, kind, words) => {
  expect(networkProblem(coded(code))).toEqual({ kind, words });
});

test.each([
  { name: "the known code of a cause", error: coded("ERR_X", coded("ENOTFOUND")), words: "name not found, DNS" },
  {
    name: "the first of several addresses tried",
    error: new AggregateError([coded("EHOSTUNREACH"), coded("ECONNREFUSED")]),
    words: "no route to the host",
  },
  {
    name: "what nodemailer writes its own code over",
    error: coded("ESOCKET", undefined, { originalCode: "CERT_HAS_EXPIRED" }),
    words: "TLS certificate: it has expired",
  },
  { name: "a kind of error without a code", error: new RangeError("x"), words: "the connection failed, RangeError" },
  { name: "a parser's error without a code", error: named("HTTPParserError"), words: "not HTTP" },
  { name: "no code and no kind", error: new Error("secret"), words: "the connection failed" },
  { name: "a code that is no code", error: coded("https://x.test/?token=secret"), words: "the connection failed" },
  { name: "something that is no error", error: "secret", words: "the connection failed" },
  { name: "no end of causes", error: circular(), words: "the connection failed, ERR_ROUND" },
])("$name reads $words", ({ error, words }) => {
  expect(networkProblem(error).words).toBe(words);
});

function named(name: string): Error {
  return Object.assign(new Error("x"), { name });
}

function circular(): Error {
  const error = coded("ERR_ROUND");
  error.cause = error;
  return error;
}
