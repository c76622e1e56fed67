import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["[::1]", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["[::]", false],
  ["example.com", false],
  ["localhost.example.com", false],
])("loopback: %s is %s", (host, is) => {
  expect(isLoopback(host)).toBe(is);
});
