// What is read beside the polls, and rules on rows of the history: files that are taken, and what becomes of them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { tempFolder } from "../../test/support/folder.ts";
import { OWN_RULES } from "../core/rules/types.ts";
import type { Config } from "./config.ts";
import { nextPolls } from "./cron.ts";
import { loadConfig } from "./load.ts";

const temp = tempFolder();
afterAll(() => temp[Symbol.dispose]());
const FILE = join(temp.path, "margind.yaml");
const notifierSchemas = { console: z.strictObject({ type: z.literal("console") }) };

/** `own` stands under the account, `top` at the top of the file. */
function load({ own = "", top = "", env = {} }: { own?: string; top?: string; env?: Record<string, string> }): Config {
  const yaml = `accounts:\n  main:\n    apiKey: k\n    apiSecret: s\n    ${own}\nnotifiers: { desk: { type: console } }\n${top}\n`;
  writeFileSync(FILE, yaml, { mode: 0o600 });
  return loadConfig(FILE, { env, notifierSchemas, nowMs: Date.UTC(2026, 10, 21) });
}

const accountOf = (file: Parameters<typeof load>[0]) => load(file).accounts[0];
const warningsOf = (file: Parameters<typeof load>[0]) =>
  load(file).warnings.map((warning) => warning.replace(/^.*yaml:/, ""));

// ---------------------------------------------------------------- under the account and at the top

const FLOWS = { poll: "20 */5 * * * *", isolated: "all" };
const TRANSFERS = { poll: "40 */5 * * * *", isolated: "all", allow: [] };
const DELISTINGS = { poll: "50 7 * * * *" };

test.each([
  { name: "on when nothing is said", own: "", top: "", flows: FLOWS },
  { name: "on when only its key is there", own: "flows:", top: "flows:", flows: FLOWS },
  { name: "on with an empty block", own: "flows: {}", top: "", flows: FLOWS },
  { name: "on by a word", own: "flows: true", top: "", flows: FLOWS },
  { name: "off by a word", own: "flows: false", top: "", flows: undefined },
  { name: "off at the top", own: "", top: "flows: false", flows: undefined },
  { name: "on under the account against the top", own: "flows: true", top: "flows: false", flows: FLOWS },
  {
    name: "on under the account with a block against the top",
    own: "flows: { isolated: none }",
    top: "flows: false",
    flows: { ...FLOWS, isolated: "none" },
  },
  {
    name: "off under the account against a block at the top",
    own: "flows: false",
    top: "flows: { isolated: none }",
    flows: undefined,
  },
  {
    name: "as the top says, where the account says nothing",
    own: "",
    top: 'flows: { poll: "0 * * * *" }',
    flows: { poll: "0 * * * *", isolated: "all" },
  },
  {
    name: "as the top says, where the account says nothing else",
    own: "flows: { isolated: [BTCUSDT, ETHUSDT] }",
    top: 'flows: { poll: "0 * * * *", isolated: none }',
    flows: { poll: "0 * * * *", isolated: ["BTCUSDT", "ETHUSDT"] },
  },
  { name: "off from the environment, as text", own: `flows: "\${OFF}"`, top: "", flows: undefined },
])("flows are $name", ({ own, top, flows }) => {
  const account = accountOf({ own, top, env: { OFF: "false" } });
  expect(account?.flows).toEqual(flows);
  expect(account).toMatchObject({ transfers: TRANSFERS, delistings: DELISTINGS, stream: false });
});

test("transfers, delistings and the stream have the same two places", () => {
  const own = 'transfers: { allow: [SPOT, CROSS_MARGIN] }\n    delistings: { poll: "0 0 8 * * *" }\n    stream: true';
  const top = 'transfers: { poll: "0 0 * * * *", allow: [FUNDING] }\ndelistings: false\nstream: false';
  expect(accountOf({ own, top })).toMatchObject({
    flows: FLOWS,
    transfers: { poll: "0 0 * * * *", isolated: "all", allow: ["SPOT", "CROSS_MARGIN"] },
    delistings: { poll: "0 0 8 * * *" },
    stream: true,
  });
  expect(accountOf({ top })).toMatchObject({
    transfers: { poll: "0 0 * * * *", isolated: "all", allow: ["FUNDING"] },
    delistings: undefined,
    stream: false,
  });
  expect(accountOf({ top: "stream: true" })?.stream).toBe(true);
  expect(accountOf({ own: "stream: false", top: "stream: true" })?.stream).toBe(false);
});

const INTEREST = { poll: "0 7 * * * *", times: 3 };

test.each([
  { name: "on when nothing is said", own: "", top: "", interest: INTEREST },
  { name: "off by a word", own: "interest: false", top: "", interest: undefined },
  { name: "off at the top", own: "", top: "interest: false", interest: undefined },
  { name: "on against the top", own: "interest: {}", top: "interest: false", interest: INTEREST },
  {
    name: "half as the account says, half as the top says",
    own: "interest: { times: 1.5 }",
    top: 'interest: { poll: "0 0 * * * *", times: 10 }',
    interest: { poll: "0 0 * * * *", times: 1.5 },
  },
])("interest rates are $name", ({ own, top, interest }) => {
  expect(accountOf({ own, top })?.interest).toEqual(interest);
});

test("no two of the slow schedules begin at the same moment", () => {
  const { flows, transfers, delistings, interest } = accountOf({}) ?? {};
  const polls = [flows, transfers, delistings, interest].map((each) => each?.poll ?? "");
  const fromMs = Date.UTC(2026, 10, 21);
  const times = polls.flatMap((poll) => nextPolls(poll, fromMs, 24 * 12));
  expect(times.length).toBe(4 * 24 * 12);
  expect(new Set(times).size).toBe(times.length);
});

test("slow schedules have nothing to do with how old an answer of a poll may be", () => {
  expect(load({ own: 'flows: { poll: "0 0 0 * * *" }', top: "watchdog: { staleAfter: 6s }" }).warnings).toEqual([]);
});

test.each([
  { poll: "*/10 * * * * *", warns: undefined },
  { poll: "*/9 * * * * *", warns: "6s" },
  { poll: "*/5 * * * * *", warns: "5s" },
  { poll: "0,55 * * * * *", warns: "5s" },
  { poll: "* * * * *", warns: undefined },
  { poll: "0 0 0 * * *", warns: undefined },
])("flows read at $poll are warned of: $warns", ({ poll, warns }) => {
  const text = (path: string) =>
    warns === undefined
      ? []
      : [`${path}: reads again after ${warns}, and each read weighs 100: expected at least 10s between two`];
  expect(warningsOf({ own: `flows: { poll: "${poll}" }` })).toEqual(text("5:20: accounts.main.flows.poll"));
  expect(warningsOf({ top: `flows: { poll: "${poll}" }` })).toEqual(text("7:16: flows.poll"));
  expect(warningsOf({ own: `delistings: { poll: "${poll}" }` })).toEqual(text("5:25: accounts.main.delistings.poll"));
  const often = (warning: string) => warning.includes("reads again");
  expect(warningsOf({ own: `interest: { poll: "${poll}" }` }).filter(often)).toEqual(
    text("5:23: accounts.main.interest.poll"),
  );
  expect(warningsOf({ own: `transfers: { poll: "${poll}" }` })).toEqual([]);
});

// ---------------------------------------------------------------- where the streams are

const STREAM = {
  riskUrl: "wss://margin-stream.binance.com",
  listenKeyPath: "/sapi/v1/margin/listen-key",
  userUrl: "wss://ws-api.binance.com:443/ws-api/v3",
  listenTokenPath: "/sapi/v1/userListenToken",
};

test.each([
  {
    name: "plain to this machine",
    yaml: "{ riskUrl: ws://127.0.0.1:1/x/, userUrl: 'ws://[::1]:1' }",
    said: { riskUrl: "ws://127.0.0.1:1/x", userUrl: "ws://[::1]:1" },
  },
  {
    name: "on other paths",
    yaml: "{ listenKeyPath: /sapi/v2/margin/uta/listen-key, listenTokenPath: /userListenToken }",
    said: { listenKeyPath: "/sapi/v2/margin/uta/listen-key", listenTokenPath: "/userListenToken" },
  },
  { name: "not said", yaml: "{}", said: {} },
  { name: "commented out", yaml: "", said: {} },
])("where the streams are may be $name", ({ yaml, said }) => {
  expect(load({ top: `exchange:\n  stream: ${yaml}` }).exchange.stream).toEqual({ ...STREAM, ...said });
});

// ---------------------------------------------------------------- rules on rows

const LEVEL = "level: { on: cross, field: marginLevel, below: { info: 1.5 } }";
const rulesOf = (...rules: readonly string[]) => `rules:\n${rules.map((rule) => `  ${rule}\n`).join("")}`;

test("rules on rows stand beside rules on levels, each in its own list and order", () => {
  const { rules, eventRules } = load({
    top: rulesOf(
      "all: { on: transfer, severity: info }",
      LEVEL,
      `full: { on: flow, type: [BORROW, "*_FEE", LIQUIDATION_FEE], asset: [USDT, 币安人生], symbols: [BTCUSDT], amountAbove: "\${SUM}", severity: critical }`,
      "out: { on: transfer, type: ROLL_OUT, asset: BTC, symbols: all, direction: out, amountAbove: 0, allow: [SPOT], severity: warning }",
    ),
    env: { SUM: "1000.5" },
  });
  expect(rules.map(({ id }) => id)).toEqual(["level"]);
  const usual = {
    types: "all",
    assets: "all",
    symbols: "all",
    direction: undefined,
    amountAbove: undefined,
    allow: [],
  };
  expect(eventRules).toEqual([
    { ...usual, id: "all", on: "transfer", severity: "info" },
    {
      ...usual,
      id: "full",
      on: "flow",
      types: ["BORROW", "LIQUIDATION_FEE"],
      assets: ["USDT", "币安人生"],
      symbols: ["BTCUSDT"],
      amountAbove: 1000.5,
      severity: "critical",
    },
    {
      id: "out",
      on: "transfer",
      types: ["ROLL_OUT"],
      assets: ["BTC"],
      symbols: "all",
      direction: "out",
      amountAbove: 0,
      allow: ["SPOT"],
      severity: "warning",
    },
  ]);
});

test.each(["*_LIQUIDATION", "*LIQUIDATION"])("the ending %s stands for every known type that ends so", (type) => {
  const { eventRules } = load({ top: rulesOf(LEVEL, `a: { on: flow, type: "${type}", severity: info }`) });
  expect(eventRules[0]?.types).toEqual([
    "BUY_LIQUIDATION",
    "SELL_LIQUIDATION",
    "REPAY_LIQUIDATION",
    "OTHER_LIQUIDATION",
  ]);
});

test("rules on rows alone leave the levels unwatched, and that is said", () => {
  expect(load({ top: rulesOf("a: { on: flow, severity: info }") }).rules).toEqual([]);
  expect(warningsOf({ top: rulesOf("a: { on: flow, severity: info }") })).toEqual([
    "7:1: rules: no rule watches a margin level, and this block replaces the built-in set: nothing is told before a liquidation. " +
      "Copy the rules of config.example.yaml beside yours",
  ]);
  expect(warningsOf({ top: rulesOf(LEVEL, "a: { on: flow, severity: info }") })).toEqual([]);
});

const ON_FLOW = rulesOf(LEVEL, "a: { on: flow, severity: info }");
const ON_TRANSFER = rulesOf(LEVEL, "a: { on: transfer, severity: info }");

test.each([
  {
    own: "flows: false",
    top: ON_FLOW,
    warns: "9:12: rules.a.on: flows are off for every account, so this never holds",
  },
  {
    own: "",
    top: `${ON_FLOW}flows: false`,
    warns: "9:12: rules.a.on: flows are off for every account, so this never holds",
  },
  { own: "flows: {}", top: `${ON_FLOW}flows: false`, warns: undefined },
  { own: "transfers: false", top: ON_FLOW, warns: undefined },
  {
    own: "transfers: false",
    top: ON_TRANSFER,
    warns: "9:12: rules.a.on: transfers are off for every account, so this never holds",
  },
])("rows that nobody reads: $own $warns", ({ own, top, warns }) => {
  expect(warningsOf({ own, top })).toEqual(warns === undefined ? [] : [warns]);
});

test.each([
  { type: "BORROW", direction: "in", warns: undefined },
  { type: "BORROW", direction: "out", warns: "goes in always, so this never holds with the direction of this rule" },
  { type: '"*_FEE"', direction: "in", warns: "goes out always, so this never holds with the direction of this rule" },
  { type: '"*_LIQUIDATION"', direction: "out", warns: undefined },
  {
    type: '"*_LIQUIDATION"',
    direction: "in",
    warns: "the exchange does not say whether it goes in or out, so this never holds with a direction",
  },
  {
    type: "TRANSFER",
    direction: "out",
    warns: "the exchange does not say whether it goes in or out, so this never holds with a direction",
  },
])("a flow of type $type has the direction $direction: $warns", ({ type, direction, warns }) => {
  const rule = `a: { on: flow, type: ${type}, direction: ${direction}, severity: info }`;
  expect(warningsOf({ top: rulesOf(LEVEL, rule) })).toEqual(
    warns === undefined ? [] : [`9:24: rules.a.type: ${warns}`],
  );
});

test("a transfer of a type that never goes that way is warned of", () => {
  const rule = "a: { on: transfer, type: [ROLL_IN, ROLL_OUT], direction: out, severity: info }";
  expect(warningsOf({ top: rulesOf(LEVEL, rule) })).toEqual([
    "9:29: rules.a.type[0]: goes in always, so this never holds with the direction of this rule",
  ]);
});

test.each([
  { own: "isolated: [BTCUSDT]", warns: "ETHUSDT" },
  { own: "isolated: [BTCUSDT]\n    flows: { isolated: none }", warns: "BTCUSDT ETHUSDT" },
  { own: "isolated: none\n    flows: { isolated: [BTCUSDT, ETHUSDT] }", warns: "" },
  { own: "isolated: all\n    flows: { isolated: [ETHUSDT] }", warns: "BTCUSDT" },
  { own: "isolated: all", warns: "" },
])("pairs whose flows nobody reads: $own: $warns", ({ own, warns }) => {
  const top = rulesOf(LEVEL, "a: { on: flow, symbols: [BTCUSDT, ETHUSDT], severity: info }");
  const said = warningsOf({ own, top }).map((text) => /no account watches (\w+), so this never holds$/.exec(text)?.[1]);
  expect(said.join(" ")).toBe(warns);
});

test("routes know rules on rows, what margind tells by itself, and pairs that only the history has", () => {
  const top = `${ON_FLOW}routes:\n  - { match: { rule: [a, ${OWN_RULES.join(", ")}], symbol: ETHUSDT }, notify: [desk] }\n`;
  const config = load({ own: "isolated: [BTCUSDT]\n    transfers: { isolated: [ETHUSDT] }", top });
  expect(config.routes[0]?.match.rule).toEqual(["a", ...OWN_RULES]);
  expect(config.warnings).toEqual([]);
});

test("interest rates that are read too seldom to know what is usual are warned of", () => {
  const seldom = (poll: string) => warningsOf({ top: `interest: { poll: "${poll}" }` });
  expect(seldom("0 0 */6 * * *")).toEqual([]);
  expect(seldom("0 0 */8 * * *")).toEqual([
    expect.stringContaining(
      "reads nothing for 8h, and what is usual is known from 24 samples in 7 days: expected 7h at most",
    ),
  ]);
});

test.each(["flows", "transfers", "delistings"])(
  "%s that are read more seldom than once a day are warned of",
  (reading) => {
    const seldom = (poll: string) => warningsOf({ top: `${reading}: { poll: "${poll}" }` });
    expect(seldom("0 0 0 * * *")).toEqual([]);
    expect(seldom("0 0 0 */2 * *")).toEqual([
      expect.stringContaining("reads nothing for 2d, and what happens is told so late"),
    ]);
    expect(seldom("0 0 0 29 2 *")).toEqual([expect.stringContaining("reads nothing for 996d")]);
  },
);

test("a stream of an account without cross is warned of, where it is said", () => {
  expect(warningsOf({ own: "cross: false\n    stream: true" })).toEqual([
    expect.stringContaining("accounts.main.stream: main has cross: false, and streams are of the cross account only"),
  ]);
  expect(warningsOf({ own: "cross: false", top: "stream: true" })).toEqual([
    expect.stringMatching(/^\d+:\d+: stream: main has cross: false/),
  ]);
  expect(warningsOf({ own: "cross: false\n    stream: false", top: "stream: true" })).toEqual([]);
});

test("streams of Binance beside another exchange are warned of", () => {
  const local = "exchange: { baseUrl: http://127.0.0.1:8900 }\nstream: true";
  expect(warningsOf({ top: local })).toEqual([
    expect.stringContaining("stream: exchange.baseUrl is not Binance's, and the streams are"),
  ]);
  expect(warningsOf({ top: "exchange: { baseUrl: https://api1.binance.com }\nstream: true" })).toEqual([]);
  const both = "exchange: { baseUrl: http://127.0.0.1:8900, stream: { riskUrl: ws://127.0.0.1:8900 } }\nstream: true";
  expect(warningsOf({ top: both })).toEqual([]);
});
