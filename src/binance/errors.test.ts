import { expect, test } from "vitest";
import { complaintError, complaintIn, ExchangeError, isUnknownPair, networkError, statusError } from "./errors.ts";

test.each([
  [
    { code: -1121, msg: "Invalid symbol." },
    { code: -1121, msg: "Invalid symbol." },
  ],
  [{ code: -1121 }, { code: -1121, msg: "" }],
  [
    { code: -1121, msg: 7 },
    { code: -1121, msg: "" },
  ],
  [{ code: 0, msg: "" }, undefined],
  [{ code: 200, msg: "success" }, undefined],
  [{ code: -1.5, msg: "" }, undefined],
  [{ code: "-1121", msg: "" }, undefined],
  [{ marginLevel: "1" }, undefined],
  [[{ code: -1 }], undefined],
  [null, undefined],
  [undefined, undefined],
  ["-1121", undefined],
])("sees in %j the complaint %j", (body, expected) => {
  expect(complaintIn(body)).toEqual(expected);
});

test.each([
  [-1000, "unavailable", "soon"],
  [-1001, "unavailable", "soon"],
  [-1002, "rejected_key", "no"],
  [-1004, "unavailable", "slow"],
  [-1006, "unavailable", "soon"],
  [-1007, "unavailable", "soon"],
  [-1008, "unavailable", "slow"],
  [-1016, "unavailable", "no"],
  [-1020, "unavailable", "no"],
  [-1021, "clock_skew", "resync"],
  [-1022, "bad_signature", "no"],
  [-1099, "rejected_key", "no"],
  [-1100, "bad_response", "no"],
  [-1106, "bad_response", "no"],
  [-1111, "bad_response", "no"],
  [-1121, "bad_response", "no"],
  [-1130, "bad_response", "no"],
  [-1131, "bad_response", "no"],
  [-2008, "rejected_key", "no"],
  [-2014, "rejected_key", "no"],
  [-2015, "rejected_key", "no"],
  [-3000, "unavailable", "soon"],
  [-3003, "bad_response", "no"],
  [-3037, "unavailable", "soon"],
  [-3042, "unavailable", "slow"],
  [-3044, "unavailable", "slow"],
  [-4005, "unavailable", "slow"],
  [-11001, "bad_response", "no"],
  [-21003, "unavailable", "spaced"],
  [-1099999, "unavailable", "soon"], // nobody knows it: Binance's trouble, a few retries, never a crash
])("takes error %d for %s and asks again: %s", (code, failureCode, retry) => {
  const error = complaintError({ code, msg: "text of the exchange" });
  expect(error).toMatchObject({ failure: { code: failureCode, exchangeCode: code }, retry });
  expect(error.failure.detail).toMatch(new RegExp(`^error ${code}, [a-z]`));
  expect(error.failure.detail).not.toContain("text of the exchange");
});

test.each([
  [301, "bad_response", "HTTP 301, a redirect, not followed", "no"],
  [308, "bad_response", "HTTP 308, a redirect, not followed", "no"],
  [400, "bad_response", "HTTP 400", "no"],
  [404, "bad_response", "HTTP 404", "no"],
  [408, "unavailable", "HTTP 408", "soon"],
  [500, "unavailable", "HTTP 500", "soon"],
  [599, "unavailable", "HTTP 599", "soon"],
])("takes HTTP %d for %s", (status, code, detail, retry) => {
  expect(statusError(status)).toMatchObject({ failure: { code, detail }, retry });
});

test.each([
  ["ECONNREFUSED", "unreachable", "connection refused", "soon"],
  ["CERT_HAS_EXPIRED", "unreachable", "TLS certificate: it has expired", "no"],
  ["EPROTO", "unreachable", "TLS handshake failed, EPROTO", "soon"],
  ["HPE_INVALID_CONSTANT", "bad_response", "not HTTP", "no"],
  ["EWHATEVER", "unreachable", "the connection failed, EWHATEVER", "soon"],
])("takes %s for %s: %s", (systemCode, code, detail, retry) => {
  const error = networkError(Object.assign(new Error("https://secret.example?signature=abc"), { code: systemCode }));
  expect(error).toMatchObject({ failure: { code, detail }, retry });
  expect(error.cause).toBeUndefined();
});

test.each([
  [-11001, true],
  [-1121, true],
  [-3028, true],
  [-3003, false],
  [-1100, false],
])("takes error %d for an unknown pair: %s", (code, expected) => {
  expect(isUnknownPair(complaintError({ code, msg: "" }))).toBe(expected);
});

test("takes no other error for an unknown pair", () => {
  expect(isUnknownPair(new ExchangeError({ code: "timeout", detail: "" }))).toBe(false);
  expect(isUnknownPair(new Error("x"))).toBe(false);
});
