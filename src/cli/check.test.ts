// What `margind check` prints of a config: a wrong idea of it must show here.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  expect(text).toContain(
    "cross-level-drop: cross, marginLevel: warning when it falls by 10 %, critical when it falls by 20 %, within 15 min, only while below normalBar + 20 %\n" +
      "    left only when the fall is 20 % smaller, opens after 1 min, clears after 1 min\n",
  );
  expect(text).toContain(
    "cross-time-to-liquidation: cross, minutesToLiquidation: warning below 120, critical below 30\n" +
      "    left only 25 % beyond the threshold, opens after 2 min, clears after 30 min\n",
  );
  expect(text).toContain(
    '  interest rates at "0 7 * * * *", next 12:07:00: told above 3 times their own median of 7 days\n',
  );
  expect(text).toContain("public prices every 5 s: an estimate that crosses a rung brings the poll forward\n");
  expect(text).toContain("severity critical → desk-slack, oncall-mail, again every 5 min");
  expect(text).toContain("everything → desk-slack, again every 4 h");
  expect(text).toContain("Blind after 30 s");
});

test("says what is read beside the polls, and which rows of the history are told", () => {
  const folder = mkdtempSync(join(tmpdir(), "margind-check-"));
  const file = join(folder, "margind.yaml");
  writeFileSync(
    file,
    `accounts:
  main: { apiKey: k, apiSecret: s, pollWhenFiring: "*/2 * * * * *", interest: false, stream: true, flows: false, transfers: { isolated: none, allow: [SPOT] } }
notifiers: { term: { type: console } }
exchange: { prices: false }
rules:
  level: { on: cross, field: marginLevel, below: { critical: 1.3 }, target: normalBar + 5% }
  slide: { on: isolated, field: indexPrice, dropsBy: { info: 2.5% }, within: 1h, hysteresisPct: 0 }
  big: { on: transfer, direction: out, asset: [USDT, USDC], amountAbove: 1000, allow: [FUNDING], severity: warning }
  repaid: { on: flow, type: REPAY, severity: info }
`,
    { mode: 0o600 },
  );
  const text = describe(loadConfig(file, { env, notifierSchemas, nowMs: NOW_MS }), NOW_MS).join("\n");
  rmSync(folder, { recursive: true });
  for (const line of [
    "  capital flow: not read",
    '  transfers at "40 */5 * * * *", next 12:00:40: cross; places that need no alert: SPOT',
    '  delistings at "50 7 * * * *", next 12:07:50',
    "  streams: yes, of the cross account",
    '  and at "*/2 * * * * *" while something fires or a level is within 10 % of a rung',
    "  interest rates: not read",
    "public prices: not read, so between polls nothing brings one forward",
    "4 rules:",
    "    left only 2 % beyond the threshold, opens at once, clears after 30 s, amounts lead back to normalBar + 5 %",
    "  slide: isolated pairs, all, indexPrice: info when it falls by 2.5 %, within 1 h\n    left at the threshold itself, opens",
    "  big: every transfer out, of USDT or USDC, more than 1000, but not with FUNDING: warning, told once",
    "  repaid: every flow REPAY: info, told once",
  ])
    expect(text).toContain(line);
});

test("shows no secret", () => {
  const text = describe(loadConfig(EXAMPLE, { env, notifierSchemas, nowMs: NOW_MS }), NOW_MS).join("\n");
  expect(text).not.toContain("canary");
});

test("the example's rules are the built-in ones: what the file shows is what holds without it", () => {
  const example = readFileSync(EXAMPLE, "utf8");
  expect(example).toContain("below: { info: normalBar, warning: marginCallBar + 5%, critical: marginCallBar }");
});
