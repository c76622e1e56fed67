import { expect, test } from "vitest";
import type { z } from "zod";
import { Secret } from "./secret.ts";
import { duration, flag, httpUrl, number, secretText, secretUrl } from "./zod.ts";

/** What the schema makes of the value: the value, or its first complaint. */
function outcome(schema: z.ZodType, value: unknown): unknown {
  const { success, data, error } = schema.safeParse(value);
  return success ? data : (error.issues[0]?.message ?? "");
}

const UNIT = "expected a duration such as 500ms, 30s, 5m, 2h, 7d";
const HOST = "expected an address such as https://example.com";
const CLEAR =
  "plain http would show the keys to the network: expected https (http only to this machine, such as 127.0.0.1)";

test.each([
  { name: "a duration", schema: duration(), value: "5m", to: 300_000 },
  { name: "a bare number as duration", schema: duration(), value: 30, to: UNIT },
  { name: "a duration at its least", schema: duration({ minMs: 500 }), value: "500ms", to: 500 },
  {
    name: "a duration below its least",
    schema: duration({ minMs: 500 }),
    value: "499ms",
    to: "must be at least 500ms",
  },
  { name: "a duration at its most", schema: duration({ maxMs: 60_000 }), value: "1m", to: 60_000 },
  { name: "a duration above its most", schema: duration({ maxMs: 60_000 }), value: "61s", to: "must be at most 1m" },
  { name: "a number", schema: number({ min: 1, max: 100 }), value: 100, to: 100 },
  { name: "a number from the environment", schema: number({ min: 1, max: 100 }), value: "1.5", to: 1.5 },
  {
    name: "a number too large",
    schema: number({ min: 1, max: 100 }),
    value: 100.1,
    to: "expected a number from 1 to 100",
  },
  { name: "an empty text as number", schema: number(), value: "", to: "expected a number" },
  { name: "a hexadecimal text as number", schema: number(), value: "0x10", to: "expected a number" },
  { name: "a flag", schema: flag(), value: false, to: false },
  { name: "a flag from the environment", schema: flag(), value: "true", to: true },
  { name: "yes as flag", schema: flag(), value: "yes", to: "expected true or false" },
  { name: "an address", schema: httpUrl(), value: "http://example.com/x/", to: "http://example.com/x/" },
  {
    name: "a base address",
    schema: httpUrl({ base: true }),
    value: "https://example.com//",
    to: "https://example.com",
  },
  {
    name: "an address with a query",
    schema: httpUrl(),
    value: "https://e.com/?",
    to: "must not have a query or fragment (? or #)",
  },
  {
    name: "an address with a user",
    schema: httpUrl(),
    value: "https://u@e.com",
    to: "must not hold a user or password",
  },
  { name: "another protocol", schema: httpUrl(), value: "ftp://e.com", to: HOST },
  { name: "an address with a space", schema: httpUrl(), value: "https://e.com/ x", to: HOST },
  { name: "keys in the clear", schema: httpUrl({ keyed: true }), value: "http://e.com", to: CLEAR },
  {
    name: "keys in the clear to a name like loopback",
    schema: httpUrl({ keyed: true }),
    value: "http://127.0.0.1.e.com",
    to: CLEAR,
  },
  { name: "keys to this machine", schema: httpUrl({ keyed: true }), value: "http://[::1]:80", to: "http://[::1]:80" },
  { name: "an empty secret", schema: secretText(), value: "", to: "expected a secret, found nothing" },
  { name: "a secret of blanks", schema: secretText(), value: " \n", to: "expected a secret, found nothing" },
])("reads $name", ({ schema, value, to }) => {
  expect(outcome(schema, value)).toBe(to);
});

test("keeps secrets out of sight, and their value at hand", () => {
  const [text, url] = [outcome(secretText(), "hunter2"), outcome(secretUrl(), "https://e.com/k?hunter2")];
  expect(text).toBeInstanceOf(Secret);
  expect(`${text} ${url} ${JSON.stringify([text, url])}`).not.toContain("hunter2");
  expect(text instanceof Secret && text.reveal()).toBe("hunter2");
  expect(url instanceof Secret && url.reveal()).toBe("https://e.com/k?hunter2");
});

test("secrets keep their mark through descriptions, for the loader", () => {
  expect(secretText().describe("a token").meta()).toMatchObject({ secret: true, description: "a token" });
});
