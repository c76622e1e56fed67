// Files that are taken, and what becomes of them. What is refused, and in which words, is in refuse.test.ts.
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { tempFolder } from "../../test/support/folder.ts";
import { builtinRules } from "../core/rules/builtin.ts";
import { Secret } from "../lib/secret.ts";
import { duration, httpUrl, number, secretText } from "../lib/zod.ts";
import type { AccountConfig, Config } from "./config.ts";
import { ConfigError, loadConfig, staleAfterOf, stateDirOf } from "./load.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../config.example.yaml");
const temp = tempFolder();
afterAll(() => temp[Symbol.dispose]());
const folder = temp.path;

const notifierSchemas = {
  slack: z.strictObject({
    type: z.literal("slack"),
    token: secretText(),
    channel: z.string(),
    apiUrl: httpUrl({ keyed: true }).prefault("https://slack.com/api/"),
    timeout: duration().optional(),
    burst: number({ min: 1 }).optional(),
  }),
  email: z.strictObject({
    type: z.literal("email"),
    url: secretText(),
    from: z.string(),
    to: z.array(z.string()).min(1),
  }),
};

const MINIMAL = `
accounts:
  main: { apiKey: k1, apiSecret: s1 }
notifiers:
  desk: { type: slack, token: t1, channel: C1 }
`;

function load(yaml: string, env: Record<string, string> = {}, mode = 0o600): Config {
  const file = join(folder, "margind.yaml");
  writeFileSync(file, yaml);
  chmodSync(file, mode);
  return loadConfig(file, { env, notifierSchemas, nowMs: Date.UTC(2026, 10, 21) });
}

const revealed = (value: unknown): string => (value instanceof Secret ? value.reveal() : `no secret: ${String(value)}`);

// ---------------------------------------------------------------- the example

const EXAMPLE_ENV = {
  BINANCE_API_KEY: "key-1",
  BINANCE_API_SECRET: "secret-1",
  SLACK_BOT_TOKEN: "xoxb-1",
  SMTP_URL: "smtps://u:p@smtp.example.com:465",
  HEARTBEAT_URL: "https://beat.example.com/abc?x=1",
};
const loadExample = () => loadConfig(EXAMPLE, { env: EXAMPLE_ENV, notifierSchemas, nowMs: Date.UTC(2026, 10, 21) });

test("reads the example as it says it is", () => {
  const { accounts, notifiers, watchdog, rules, ...rest } = loadExample();
  expect(rest).toEqual({
    file: EXAMPLE,
    stateDir: resolve(EXAMPLE, "../state"),
    timezone: "UTC",
    language: "en",
    exchange: {
      baseUrl: "https://api.binance.com",
      minSpacingMs: 500,
      timeoutMs: 10_000,
      recvWindowMs: 5_000,
      weightBudgetPct: 50,
      stream: {
        riskUrl: "wss://margin-stream.binance.com",
        listenKeyPath: "/sapi/v1/margin/listen-key",
        userUrl: "wss://ws-api.binance.com:443/ws-api/v3",
        listenTokenPath: "/sapi/v1/userListenToken",
      },
      prices: { everyMs: 5_000 },
    },
    eventRules: [],
    routes: [
      { match: { severity: ["critical"] }, notify: ["desk-slack", "oncall-mail"], repeatEveryMs: 300_000 },
      { match: {}, notify: ["desk-slack"], repeatEveryMs: 14_400_000 },
    ],
    http: { host: "127.0.0.1", port: 9464, token: undefined },
    warnings: [],
  });
  expect(accounts).toHaveLength(1);
  expect(accounts[0]).toMatchObject({
    name: "main",
    poll: "*/5 * * * * *",
    cross: true,
    isolated: "all",
    flows: { poll: "20 */5 * * * *", isolated: "all" },
    transfers: { poll: "40 */5 * * * *", isolated: "all", allow: [] },
    delistings: { poll: "50 7 * * * *" },
    interest: { poll: "0 7 * * * *", times: 3 },
    pollWhenFiring: undefined,
    stream: false,
  });
  expect(revealed(accounts[0]?.apiKey)).toBe("key-1");
  expect(accounts[0]?.credential.kind).toBe("hmac");
  expect(revealed(accounts[0]?.credential.secret)).toBe("secret-1");
  expect(watchdog).toMatchObject({ staleAfterMs: 30_000, heartbeat: { everyMs: 60_000 } });
  expect(revealed(watchdog.heartbeat?.url)).toBe("https://beat.example.com/abc?x=1");
  expect(notifiers.map(({ name, type }) => [name, type])).toEqual([
    ["desk-slack", "slack"],
    ["oncall-mail", "email"],
  ]);
  expect(notifiers[1]?.settings).toMatchObject({ to: ["ops@example.com", "desk@example.com"] });
  expect(rules).toEqual(builtinRules);
});

test("the rules of the example are exactly the built-in ones", () => {
  expect(readFileSync(EXAMPLE, "utf8")).toContain("\nrules: ");
  expect(loadExample().rules).toEqual(builtinRules);
  expect(loadExample().rules).not.toBe(builtinRules);
});

test("the example names the schema for editors in its first line", () => {
  const [first] = readFileSync(EXAMPLE, "utf8").split("\n");
  expect(first).toBe("# yaml-language-server: $schema=./margind.schema.json");
});

test("everything but accounts and notifiers has the default that the example shows", () => {
  const { accounts, notifiers, file, stateDir, watchdog, routes, http, ...rest } = load(MINIMAL);
  const example = loadExample();
  expect(rest).toEqual({
    timezone: example.timezone,
    language: example.language,
    exchange: example.exchange,
    rules: example.rules,
    eventRules: [],
    warnings: [],
  });
  expect(stateDir).toBe(join(folder, "state"));
  const withoutKeys = ({ apiKey, credential, ...rest }: AccountConfig) => rest;
  expect(accounts.map(withoutKeys)).toEqual(example.accounts.map(withoutKeys));
  expect(watchdog).toEqual({ staleAfterMs: 30_000, heartbeat: undefined });
  expect(routes).toEqual([]);
  expect(http).toBeUndefined();
});

test("a block whose lines are all commented out is left out", () => {
  const blank = load(`${MINIMAL}exchange:\nrules:\nwatchdog:\nroutes:\nhttp:\n`);
  expect(blank).toEqual(load(MINIMAL));
  expect(load(`${MINIMAL}watchdog:\n  heartbeat:\n`)).toEqual(load(MINIMAL));
});

test.each([
  { name: "nowhere: a key may do what it likes", top: "", own: "", required: false },
  { name: "at the top of the file, for every account", top: "requireReadOnlyKey: true\n", own: "", required: true },
  { name: "under one account", top: "", own: ", requireReadOnlyKey: true", required: true },
  {
    name: "under an account against the top",
    top: "requireReadOnlyKey: true\n",
    own: ", requireReadOnlyKey: false",
    required: false,
  },
  { name: "from the environment, as text", top: `requireReadOnlyKey: \${STRICT}\n`, own: "", required: true },
])("requireReadOnlyKey may stand $name", ({ top, own, required }) => {
  const yaml = `${top}${MINIMAL.replace("apiSecret: s1", `apiSecret: s1${own}`)}`;
  expect(load(yaml, { STRICT: "true" }).accounts.map(({ requireReadOnlyKey }) => requireReadOnlyKey)).toEqual([
    required,
  ]);
});

// ---------------------------------------------------------------- forms

test("takes every form of a rule", () => {
  const { rules } = load(`${MINIMAL}rules:
  bars:
    { on: cross, field: marginLevel, below: { info: normalBar+2.5%, critical: 1.2 }, hysteresisPct: 0, for: 1.5h, clearAfter: 0s }
  rising: { on: isolated, field: indexPrice, symbols: [BTCUSDT], above: { warning: -1 } }
  flags: { on: cross, field: borrowEnabled, is: { critical: [false, "true"] } }
  words: { on: cross, field: accountType, is: { info: MARGIN_1 } }
  pairs: { on: isolated, field: enabled, symbols: all, is: { warning: "false" } }
`);
  const usual = { symbols: "all", hysteresisPct: 2, forMs: 0, clearAfterMs: 30_000 };
  expect(rules).toEqual([
    {
      ...usual,
      id: "bars",
      on: "cross",
      field: "marginLevel",
      ladder: {
        kind: "below",
        rungs: { info: { kind: "bar", bar: "normalBar", plusPct: 2.5 }, critical: { kind: "number", value: 1.2 } },
      },
      hysteresisPct: 0,
      forMs: 5_400_000,
      clearAfterMs: 0,
    },
    {
      ...usual,
      id: "rising",
      on: "isolated",
      field: "indexPrice",
      symbols: ["BTCUSDT"],
      ladder: { kind: "above", rungs: { warning: { kind: "number", value: -1 } } },
    },
    {
      ...usual,
      id: "flags",
      on: "cross",
      field: "borrowEnabled",
      ladder: { kind: "is", rungs: { critical: [false, true] } },
    },
    { ...usual, id: "words", on: "cross", field: "accountType", ladder: { kind: "is", rungs: { info: ["MARGIN_1"] } } },
    { ...usual, id: "pairs", on: "isolated", field: "enabled", ladder: { kind: "is", rungs: { warning: [false] } } },
  ]);
});

test("takes every form of a rule on speed, and of a target", () => {
  const { rules, warnings } = load(
    `${MINIMAL}rules:
  shares: { on: cross, field: marginLevel, dropsBy: { info: 5, warning: "10 %", critical: 12.5% }, within: 1m, onlyBelow: normalBar + 20%, target: normalBar }
  whole: { on: isolated, field: liquidationDistancePct, dropsBy: { critical: 100 }, within: 6h, onlyBelow: 20, target: 30, hysteresisPct: 0 }
  worth: { on: cross, field: totalNetAssetOfBtc, dropsBy: { info: "\${SHARE}" }, within: "\${TIME}" }
  level: { on: cross, field: marginLevel, below: { warning: 1.5, critical: 1.3 }, target: marginCallBar + 30% }
  minutes: { on: isolated, field: minutesToLiquidation, below: { warning: 60 } }
`,
    { SHARE: "10%", TIME: "24h" },
  );
  const bar = (name: string, plusPct: number) => ({ kind: "bar", bar: name, plusPct });
  const rows = rules.map(({ id, ladder, target, hysteresisPct }) => ({ id, ladder, target, hysteresisPct }));
  expect(rows).toEqual([
    {
      id: "shares",
      ladder: {
        kind: "drop",
        rungs: { info: 5, warning: 10, critical: 12.5 },
        withinMs: 60_000,
        onlyBelow: bar("normalBar", 20),
      },
      target: bar("normalBar", 0),
      hysteresisPct: 20,
    },
    {
      id: "whole",
      ladder: {
        kind: "drop",
        rungs: { critical: 100 },
        withinMs: 21_600_000,
        onlyBelow: { kind: "number", value: 20 },
      },
      target: { kind: "number", value: 30 },
      hysteresisPct: 0,
    },
    {
      id: "worth",
      ladder: { kind: "drop", rungs: { info: 10 }, withinMs: 86_400_000, onlyBelow: undefined },
      target: undefined,
      hysteresisPct: 20,
    },
    {
      id: "level",
      ladder: {
        kind: "below",
        rungs: { warning: { kind: "number", value: 1.5 }, critical: { kind: "number", value: 1.3 } },
      },
      target: bar("marginCallBar", 30),
      hysteresisPct: 2,
    },
    {
      id: "minutes",
      ladder: { kind: "below", rungs: { warning: { kind: "number", value: 60 } } },
      target: undefined,
      hysteresisPct: 2,
    },
  ]);
  expect(warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual([
    "9:89: rules.worth.within: so long a time makes a fall of every slow slide, and is told as long; expected 6h at most",
  ]);
});

test.each([
  { below: "{ info: 1.5 }", target: "1.53", warns: undefined }, // 1.5 and 2 %: there it ends
  { below: "{ info: 1.6 }", target: "1.632", warns: undefined }, // 1.6 · 1.02 is a little more in binary
  { below: "{ info: 1.5 }", target: "1.529", warns: "info" },
  { below: "{ info: 1.5 }", target: "1.5001", more: ", hysteresisPct: 0", warns: undefined },
  { below: "{ warning: 1.5, critical: 1.4 }", target: "1.59", more: ", hysteresisPct: 10", warns: "warning" },
  { below: "{ info: normalBar }", target: "normalBar + 2%", warns: undefined },
  { below: "{ info: normalBar }", target: "normalBar + 1.9%", warns: "info" },
  { below: "{ warning: marginCallBar + 5% }", target: "marginCallBar + 7%", warns: "warning" },
  { below: "{ warning: marginCallBar + 5% }", target: "marginCallBar + 7.1%", warns: undefined },
])("a target of $target beside $below is warned of: $warns", ({ below, target, more = "", warns }) => {
  const rule = `a: { target: ${target}, on: cross, field: marginLevel, below: ${below}${more} }`;
  const text = `7:16: rules.a.target: lies within the hysteresis of ${warns}: the amounts would not end the alert`;
  expect(load(`${MINIMAL}rules:\n  ${rule}\n`).warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual(
    warns === undefined ? [] : [text],
  );
});

test.each([
  { below: "{ info: normalBar }", target: "1.1", warns: "info" },
  { below: "{ info: normalBar }", target: "1.529", warns: "info" }, // 1.5 and 2 %: there it ends
  { below: "{ info: normalBar }", target: "1.53", warns: undefined },
  { below: "{ info: normalBar, critical: marginCallBar }", target: "1.4", warns: "info" },
  { below: "{ warning: marginCallBar + 5%, critical: 1.3 }", target: "1.39", warns: "warning" },
  { below: "{ warning: marginCallBar + 5%, critical: 1.3 }", target: "1.4", warns: undefined },
  { below: "{ info: 1.6 }", target: "normalBar", warns: "info" },
  { below: "{ info: 1.4 }", target: "normalBar", warns: undefined },
  { below: "{ info: normalBar }", target: "marginCallBar + 10%", warns: "info" },
])("a target of $target that only the bars compare with $below is warned of: $warns", ({ below, target, warns }) => {
  const rule = `a: { target: ${target}, on: cross, field: marginLevel, below: ${below} }`;
  const text =
    `7:16: rules.a.target: with the bars of a 3x account (1.5, 1.3 and 1.1) this does not lead out of ${warns}: ` +
    "where it does not, the amounts lead to where the alert ends";
  expect(load(`${MINIMAL}rules:\n  ${rule}\n`).warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual(
    warns === undefined ? [] : [text],
  );
});

test.each([
  { rung: "1", warns: true },
  { rung: "0.5", warns: true },
  { rung: "1.001", warns: false },
  { rung: "forceLiquidationBar", warns: false },
])("a level below $rung is warned of: $warns", ({ rung, warns }) => {
  const { warnings } = load(`${MINIMAL}rules:\n  a: { on: cross, field: marginLevel, below: { critical: ${rung} } }\n`);
  expect(warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual(
    warns
      ? ["7:58: rules.a.below.critical: liquidation comes before, at a level above 1: nobody would be warned of it"]
      : [],
  );
});

test.each([
  { poll: "0 */3 * * * *", warns: [] },
  {
    poll: "0 */4 * * * *",
    warns: [
      expect.stringContaining(
        "polls of main can be 4m apart, and the time to liquidation is known only with a look every 3m",
      ),
    ],
  },
])("a rule on the time to liquidation with polls at $poll is warned of: $warns", ({ poll, warns }) => {
  const yaml = `${MINIMAL.replace("s1 }", `s1, poll: "${poll}" }`)}watchdog: { staleAfter: 10m }
rules:
  a: { on: cross, field: minutesToLiquidation, below: { warning: 60 } }
`;
  expect(load(yaml).warnings).toEqual(warns);
});

test.each([
  { share: "1", warns: [] },
  {
    share: "0.1",
    warns: [expect.stringContaining("rules.a.dropsBy.info: is 0.1 %, less than a level moves in a minute")],
  },
])("a fall by $share is warned of: $warns", ({ share, warns }) => {
  const yaml = `${MINIMAL}rules:
  a: { on: cross, field: marginLevel, dropsBy: { info: ${share} }, within: 5m }
  b: { on: isolated, field: marginLevel, below: { info: 1.2 } }
`;
  expect(load(yaml).warnings).toEqual(warns);
});

test.each([
  { poll: "0 */5 * * * *", within: "5m", warns: undefined },
  {
    poll: "0 */5 * * * *",
    within: "4m",
    warns: "polls of main can be 5m apart, so a fall within this time can pass unseen",
  },
  { poll: "0 */5 * * * *", within: "4m", more: ", cross: false", warns: undefined },
])("a fall within $within of polls at $poll is warned of: $warns", ({ poll, within, more = "", warns }) => {
  const yaml = `${MINIMAL.replace("s1 }", `s1, poll: "${poll}"${more} }`)}watchdog: { staleAfter: 10m }
rules:
  a: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: ${within} }
  b: { on: isolated, field: marginLevel, below: { info: 1.2 } }
`;
  expect(load(yaml).warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual(
    warns === undefined ? [] : [`8:70: rules.a.within: ${warns}`],
  );
});

test.each([
  { fast: "*/2 * * * * *", warns: undefined },
  { fast: "2-59/5 * * * * *", warns: undefined }, // as often, between the others
  { fast: "*/6 * * * * *", warns: "6s" },
  { fast: "0 0 0 1 1 *", warns: "366d" },
])("pollWhenFiring at $fast is warned of: $warns", ({ fast, warns }) => {
  const config = load(MINIMAL.replace("s1 }", `s1, pollWhenFiring: "${fast}" }`));
  expect(config.accounts[0]?.pollWhenFiring).toBe(fast);
  const text = `3:54: accounts.main.pollWhenFiring: slower than poll: up to ${warns} between two, and poll leaves 5s at most`;
  expect(config.warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual(warns === undefined ? [] : [text]);
});

test.each([
  { prices: "{ every: 1s }", said: { everyMs: 1_000 } },
  { prices: "{}", said: { everyMs: 5_000 } },
  { prices: "", said: { everyMs: 5_000 } },
  { prices: "true", said: { everyMs: 5_000 } },
  { prices: "false", said: undefined },
  { prices: `"\${OFF}"`, said: undefined },
])("prices may be $prices", ({ prices, said }) => {
  expect(load(`${MINIMAL}exchange:\n  prices: ${prices}\n`, { OFF: "false" }).exchange.prices).toEqual(said);
});

test.each([
  "{ info: normalBar, warning: forceLiquidationBar + 20% }",
  "{ info: 1.0, warning: marginCallBar, critical: 0.9 }",
  "{ info: marginCallBar + 10%, warning: marginCallBar + 5%, critical: marginCallBar }",
])("takes rungs that only the bars of the exchange can put out of order: %s", (below) => {
  expect(load(`${MINIMAL}rules:\n  a: { on: cross, field: marginLevel, below: ${below} }\n`).rules).toHaveLength(1);
});

test("a single match stands for a list of one, and an empty notify list drops", () => {
  const { routes } = load(`${MINIMAL}routes:
  - { match: { severity: info, account: main, rule: [blind, isolated-status], symbol: BTCUSDT }, notify: [] }
  - { notify: [desk], repeatEvery: 1s }
`);
  expect(routes).toEqual([
    {
      match: { severity: ["info"], account: ["main"], rule: ["blind", "isolated-status"], symbol: ["BTCUSDT"] },
      notify: [],
      repeatEveryMs: undefined,
    },
    { match: {}, notify: ["desk"], repeatEveryMs: 1_000 },
  ]);
});

test.each([
  { listen: "127.0.0.1:9464", host: "127.0.0.1", port: 9464 },
  { listen: "localhost:0", host: "localhost", port: 0 },
  { listen: "'[::1]:65535'", host: "::1", port: 65_535 },
])("listens on $listen without a token", ({ listen, host, port }) => {
  expect(load(`${MINIMAL}http: { listen: ${listen} }`).http).toEqual({ host, port, token: undefined });
});

test("listens for other machines with a token", () => {
  const { http } = load(`${MINIMAL}http: { listen: 0.0.0.0:80, token: t2 }`);
  expect([http?.host, revealed(http?.token)]).toEqual(["0.0.0.0", "t2"]);
});

test.each([
  { type: "Ed25519", key: generateKeyPairSync("ed25519").privateKey },
  { type: "RSA", key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey },
])("takes the $type key in a file beside the configuration, line ends and all", ({ key }) => {
  const pem = key.export({ type: "pkcs8", format: "pem" }).toString();
  writeFileSync(join(folder, "key.pem"), pem);
  const { accounts } = load(MINIMAL.replace("apiSecret: s1", `privateKey: "\${file:key.pem}"`));
  expect(accounts[0]?.credential.kind).toBe("pem");
  expect(revealed(accounts[0]?.credential.secret)).toBe(pem.replace(/\n$/, ""));
});

test("what comes from the environment is text, and stands for numbers and flags too", () => {
  const yaml = `
stateDir: \${STATE}/margind
exchange: { weightBudgetPct: "\${BUDGET}", timeout: "\${TIMEOUT}" }
accounts:
  main: { apiKey: k1, apiSecret: "\${DIGITS}", cross: "\${CROSS}", isolated: ["\${BASE}USDT"] }
rules:
  a: { on: cross, field: marginLevel, below: { info: "\${LEVEL}" } }
notifiers:
  desk: { type: slack, token: "$\${t}", channel: C1, burst: "\${BUDGET}" }
`;
  const env = {
    STATE: "/var/lib",
    BUDGET: "40",
    TIMEOUT: "3s",
    DIGITS: "0123",
    CROSS: "false",
    BASE: "BTC",
    LEVEL: "1.25",
  };
  const config = load(yaml, env);
  expect(config.stateDir).toBe("/var/lib/margind");
  expect(config.exchange).toMatchObject({ weightBudgetPct: 40, timeoutMs: 3_000 });
  expect(config.accounts[0]).toMatchObject({ cross: false, isolated: ["BTCUSDT"] });
  expect(revealed(config.accounts[0]?.credential.secret)).toBe("0123");
  expect(config.rules[0]?.ladder).toEqual({ kind: "below", rungs: { info: { kind: "number", value: 1.25 } } });
  const settings = z.looseObject({ token: z.unknown(), burst: z.number() }).parse(config.notifiers[0]?.settings);
  expect([revealed(settings.token), settings.burst]).toEqual([`\${t}`, 40]);
});

test("text from the environment never becomes keys, lists or comments", () => {
  const { accounts } = load(MINIMAL.replace("s1", `"\${X}"`), { X: "a # b\nisolated: none\n- [c, {d: e}]" });
  expect(accounts[0]?.isolated).toBe("all");
  expect(revealed(accounts[0]?.credential.secret)).toBe("a # b\nisolated: none\n- [c, {d: e}]");
});

test("anchors and aliases work", () => {
  const { rules } = load(`${MINIMAL}rules:
  a: { on: cross, field: marginLevel, below: &steps { info: 2, critical: 1.1 } }
  b: { on: isolated, field: marginLevel, below: *steps }
`);
  expect(rules[1]?.ladder).toEqual(rules[0]?.ladder);
});

// ---------------------------------------------------------------- the result

test("the result cannot be changed, at any depth", () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== "object" ||
    value === null ||
    value instanceof Secret ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  expect(frozen(loadExample())).toBe(true);
});

test("nothing in the printed result is a secret", () => {
  const printed = JSON.stringify(loadExample());
  for (const value of Object.values(EXAMPLE_ENV)) expect(printed).not.toContain(value);
});

test.each([
  { mode: 0o600, count: 0 },
  { mode: 0o640, count: 0 },
  { mode: 0o644, count: 3 },
])("warns of $count literal secrets when the mode is $mode", ({ mode, count }) => {
  expect(load(MINIMAL, {}, mode).warnings).toHaveLength(count);
});

test("a warning names the place and not the secret", () => {
  const file = join(folder, "margind.yaml");
  const { warnings } = load(MINIMAL.replace("k1", `"\${K}"`).replace("t1", `"\${T}"`), { K: "k", T: "t" }, 0o644);
  expect(warnings).toEqual([
    `${file}:3:38: accounts.main.apiSecret: a secret in a file that everyone on this machine can read: chmod 600 ${file}, or use \${…}`,
  ]);
});

test("warns of rules and routes for pairs that no account watches", () => {
  const yaml = `${MINIMAL.replace("s1 }", "s1, isolated: [BTCUSDT] }")}
rules:
  a: { on: isolated, symbols: [BTCUSDT, ETHUSDT], field: marginLevel, below: { info: 1.2 } }
routes: [{ match: { symbol: SOLUSDT }, notify: [desk] }]
`;
  expect(load(yaml).warnings.map((warning) => warning.replace(/^.*yaml:/, ""))).toEqual([
    "8:41: rules.a.symbols[1]: no account watches ETHUSDT, so this never holds",
    "9:29: routes[0].match.symbol: no account watches SOLUSDT, so this never holds",
  ]);
  expect(load(yaml.replace("[BTCUSDT] }", "all }")).warnings).toEqual([]);
});

// ---------------------------------------------------------------- only the folder of the state

test("finds the state without any of the secrets", () => {
  expect(stateDirOf(EXAMPLE, {})).toBe(resolve(EXAMPLE, "../state"));
  const file = join(folder, "state-only.yaml");
  writeFileSync(file, `stateDir: \${STATE}\naccounts: 5\nrules: { a: { below: 1 } }\n`);
  expect(stateDirOf(file, { STATE: "/var/lib/margind" })).toBe("/var/lib/margind");
});

test.each([
  { yaml: "watchdog: { staleAfter: 45s }\n", staleAfterMs: 45_000 },
  {
    yaml: `accounts: { a: { apiKey: "\${KEY}" } }\nwatchdog: { staleAfter: 2m, heartbeat: { url: 5 } }\n`,
    staleAfterMs: 120_000,
  },
  { yaml: "watchdog: { staleAfter: 45 }\n", staleAfterMs: 30_000 },
  { yaml: "stateDir: x\n", staleAfterMs: 30_000 },
  { yaml: "", staleAfterMs: 30_000 },
])("knows how old data may be, whatever else is wrong: $yaml", ({ yaml, staleAfterMs }) => {
  const file = join(folder, "stale-only.yaml");
  writeFileSync(file, yaml);
  expect(staleAfterOf(file, {})).toBe(staleAfterMs);
});

test.each([
  { yaml: `stateDir: \${STATE}\n`, says: "1:11: stateDir: environment variable STATE is not set" },
  { yaml: "stateDir: [a]\n", says: "1:11: stateDir: expected text, not a list" },
  { yaml: "stateDir: 'a\n", says: "2:1: not valid YAML" },
])("refuses $yaml when only the state is asked for", ({ yaml, says }) => {
  const file = join(folder, "state-only.yaml");
  writeFileSync(file, yaml);
  expect(() => stateDirOf(file, {})).toThrow(ConfigError);
  expect(() => stateDirOf(file, {})).toThrow(says);
});
