import { inspect } from "node:util";
import { expect, test } from "vitest";
import { makeLogger } from "./log.ts";
import { redact, Secret } from "./secret.ts";

const VALUE = 'canary "one"/two+three';

test("prints as <secret> wherever it goes, and reveals itself only when asked", () => {
  const secret = new Secret(VALUE);
  const seen = [String(secret), `${secret}`, JSON.stringify({ secret }), inspect({ secret }, { depth: 5 })];
  expect(seen.join("\n")).not.toContain("canary");
  expect(secret.reveal()).toBe(VALUE);
});

test.each([
  ["as it is", VALUE],
  ["as JSON", JSON.stringify(VALUE)],
  ["in a URL", `https://example.com/?token=${encodeURIComponent(VALUE)}&x=1`],
  ["in base64", Buffer.from(VALUE).toString("base64")],
])("is taken out of a text that holds it %s", (_, text) => {
  new Secret(VALUE);
  expect(redact(`before ${text} after`)).not.toMatch(/canary|Y2FuYXJ5/);
  expect(redact(`before ${text} after`)).toMatch(/^before .*<secret>.* after$/);
});

test("of a URL, the password alone is taken out too", () => {
  new Secret("smtp://desk:hunter%2B22@mail.example.com:587");
  expect(redact("535 no such password: hunter+22")).toBe("535 no such password: <secret>");
  expect(redact("535 no such password: hunter%2B22")).toBe("535 no such password: <secret>");
});

test("a very short one is not looked for: it would blank out words that are none", () => {
  new Secret("down");
  expect(redact("the host is down")).toBe("the host is down");
});

test.each(["json", "pretty"] as const)("the logger takes secrets out of whatever it is handed (%s)", (format) => {
  const lines: string[] = [];
  new Secret("a-known-canary");
  const log = makeLogger({ level: "trace", format, write: (line) => lines.push(line) });
  log.error({ error: new Error("refused a-known-canary"), url: "https://x/?k=a-known-canary" }, "with a-known-canary");
  expect(lines.join("")).toContain("<secret>");
  expect(lines.join("")).not.toContain("a-known-canary");
});
