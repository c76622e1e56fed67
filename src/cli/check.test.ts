// What `margind check` prints of a config: a wrong idea of it must show here.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadConfig } from "../config/load.ts";
import { notifierSchemas } from "../notify/index.ts";
import { describe } from "./check.ts";

const EXAMPLE = fileURLToPath(new URL("../../config.example.yaml", import.meta.url));
const NOW_MS = Date.parse("2026-11-21T12:00:01Z");

const env = {
  BINANCE_API_KEY: "key",
  BINANCE_API_SECRET: "canary-secret",
  HEARTBEAT_URL: "https://hc.example/canary-path",
  SLACK_BOT_TOKEN: "xoxb-canary",
  SMTP_URL: "smtps://user:canary-password@smtp.example.com",
};

test("says of the example what it watches, when, and whom it tells", () => {
  const text = describe(loadConfig(EXAMPLE, { env, notifierSchemas, nowMs: NOW_MS }), NOW_MS).join("\n");
  expect(text).toContain('polls at "*/5 * * * * *", next 12:00:05, 12:00:10, 12:00:15 UTC');
  expect(text).toContain(
    "cross-margin-level: cross, marginLevel: info below normalBar, warning below marginCallBar + 5 %",
  );
  expect(text).toContain(
    "isolated-status: isolated pairs, all, marginLevelStatus: warning when MARGIN_CALL, critical when",
  );
  expect(text).toContain("cross-transfer-out: cross, transferOutEnabled: warning when false");
  expect(text).toContain("severity critical → desk-slack, oncall-mail, again every 5 min");
  expect(text).toContain("everything → desk-slack, again every 4 h");
  expect(text).toContain("Blind after 30 s");
});

test("shows no secret", () => {
  const text = describe(loadConfig(EXAMPLE, { env, notifierSchemas, nowMs: NOW_MS }), NOW_MS).join("\n");
  expect(text).not.toContain("canary");
});

test("the example's rules are the built-in ones: what the file shows is what holds without it", () => {
  const example = readFileSync(EXAMPLE, "utf8");
  expect(example).toContain("below: { info: normalBar, warning: marginCallBar + 5%, critical: marginCallBar }");
});
