// Files that are refused: the exact lines that a user reads, and that none of them ever holds a secret.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { tempFolder } from "../../test/support/folder.ts";
import { FIELDS } from "../core/rules/fields.ts";
import { OWN_RULES } from "../core/rules/types.ts";
import { httpUrl, secretText } from "../lib/zod.ts";
import { ConfigError, loadConfig } from "./load.ts";
import { READINGS } from "./readings.ts";

const temp = tempFolder();
afterAll(() => temp[Symbol.dispose]());
const folder = temp.path;

const notifierSchemas = {
  slack: z.strictObject({
    type: z.literal("slack"),
    token: secretText(),
    channel: z.string(),
    apiUrl: httpUrl({ keyed: true }).prefault("https://slack.com/api/"),
  }),
  email: z.strictObject({
    type: z.literal("email"),
    url: secretText(),
    to: z.array(z.email()).min(1),
    tls: z.enum(["none", "required"]).optional(),
  }),
};

const FILE = join(folder, "margind.yaml");

function load(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(FILE, yaml, { mode: 0o600 });
  return loadConfig(FILE, { env, notifierSchemas, nowMs: Date.UTC(2026, 10, 21) });
}

function refusal(yaml: string, env?: Record<string, string>): ConfigError {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("the file was taken");
}

/** The lines without the folder of the test, and without the last one, which must hold the right count. */
function linesOf(error: ConfigError): readonly string[] {
  const lines = error.format().replaceAll(FILE, "margind.yaml").split("\n");
  const last = lines.pop();
  expect(last).toBe(`${lines.length} mistake${lines.length === 1 ? "" : "s"}, nothing was started.`);
  return lines.map((line) => line.replace(/^margind\.yaml:/, ""));
}

const ACCOUNTS = "accounts:\n  main: { apiKey: k1, apiSecret: s1 }\n";
const NOTIFIERS = "notifiers:\n  desk: { type: slack, token: t1, channel: C1 }\n";
/** Four lines: what a case adds begins in line 5. */
const BASE = ACCOUNTS + NOTIFIERS;

const DURATION = "expected a duration such as 500ms, 30s, 5m, 2h, 7d";
const SYMBOL = "expected a symbol such as BTCUSDT: 2 to 20 capital letters and digits";
const THRESHOLD =
  "expected a number, a bar (normalBar, marginCallBar, forceLiquidationBar) or a bar and a share of it such as marginCallBar + 5%";
const CRON = 'expected five or six fields such as "*/5 * * * * *" (second minute hour day month weekday)';
const REFERENCE = `expected \${NAME} or \${file:/path}; write $\${ where the text itself holds \${`;
const ENDLESS =
  "with its hysteresis it is left only beyond 1440 minutes (24 h), as far as estimates reach: the alert would never end";
const OVER = "must be shorter than within: a fall that stops is older than that before it is told";
const TOO_FAR =
  "with its hysteresis it is left only at 100 % or beyond, and nothing is so far away: the alert would not end";
const FURTHEST = "nothing is further than 100 % from its liquidation, so this never holds: expected less than 100";
const ALL_OF_IT = "a level is liquidated long before it has fallen by so much, expected at most 99%";
const NO_FALL = "must be more than 0, or no fall ever counts";
const NO_LEVEL_BELOW = "must be more than 0: no level is lower, so this never holds";
const SHARE = "expected a share of the highest value such as 10%: more than 0, at most 100";
const STATUSES = "expected one of EXCESSIVE, NORMAL, MARGIN_CALL, PRE_LIQUIDATION, FORCE_LIQUIDATION";
const BLOCKS =
  "stateDir, timezone, language, exchange, requireReadOnlyKey, flows, transfers, delistings, interest, stream, accounts, rules, watchdog, notifiers, routes, http";
const PEM = "expected a PEM private key (-----BEGIN PRIVATE KEY-----, PKCS#8), Ed25519 or RSA, without passphrase";
const OWN = OWN_RULES.join(", ");
const RULES = `cross-margin-level, cross-level-drop, cross-time-to-liquidation, cross-transfer-out, isolated-status, isolated-liquidation-distance, ${OWN}`;

const ENDS =
  "SPOT, FUTURES, FIAT, DELIVERY, MINING, ISOLATED_MARGIN, FUNDING, MOTHER_SPOT, OPTION, SUB_SPOT, SUB_MARGIN, CROSS_MARGIN";
const LISTEN_PATH =
  "expected a path such as /sapi/v1/margin/listen-key: it begins with / and ends in listen-key or userListenToken";
const NO_LEVEL = "belongs to rules on: cross or isolated; a row of the history is told once and never resolves";
const NO_ROW = "belongs to rules on: flow or transfer, which are about rows of the history";
const FLOWS =
  "expected one of TRANSFER, BORROW, REPAY, BUY_INCOME, BUY_EXPENSE, SELL_INCOME, SELL_EXPENSE, TRADING_COMMISSION, BUY_LIQUIDATION, " +
  "SELL_LIQUIDATION, REPAY_LIQUIDATION, OTHER_LIQUIDATION, LIQUIDATION_FEE, SMALL_BALANCE_CONVERT, COMMISSION_RETURN, SMALL_CONVERT, " +
  "or the end of some such as *_LIQUIDATION";
const FIELD_NAMES = Object.keys(FIELDS).join(", ");

// ---------------------------------------------------------------- the words, exactly

test("O1: the refused configuration of the design", () => {
  const lines = [
    "exchange: { weightBudgetPct: 50 }",
    ...BASE.trimEnd().split("\n"),
    ...Array.from({ length: 21 }, () => "#"),
    "rules:",
    "  cross-margin-level:",
    "    on: cross",
    "    field: marginLevel",
    "    below: { info: 1.2, warning: 1.5, critical: 1.1 }",
    ...Array.from({ length: 10 }, () => "#"),
    "  isolated-out:",
    "    on: isolated",
    "    field: transferOutEnabled",
    "    is: { warning: false }",
  ];
  expect(refusal(lines.join("\n")).format().replaceAll(FILE, "margind.yaml")).toBe(
    `margind.yaml:31:14: rules.cross-margin-level.below: info 1.2 must lie above warning 1.5 (a level falls through info first)
margind.yaml:44:12: rules.isolated-out.field: isolated pairs have no transferOutEnabled; cross has. Did you mean on: cross?
2 mistakes, nothing was started.`,
  );
});

interface Case {
  readonly name: string;
  readonly yaml: string;
  readonly env?: Record<string, string>;
  readonly lines: readonly string[];
}

const syntax: readonly Case[] = [
  {
    name: "an empty file",
    yaml: "",
    lines: ["1:1: accounts: missing, expected a block of keys", "1:1: notifiers: missing, expected a block of keys"],
  },
  { name: "a list", yaml: "- a", lines: ["1:1: expected a block of keys, not a list"] },
  {
    name: "an open bracket",
    yaml: "a: [b",
    lines: ["1:6: not valid YAML: the indentation does not fit what is above, or a bracket is not closed"],
  },
  { name: "a tab", yaml: "accounts:\n\tmain: 1\n", lines: ["2:1: not valid YAML: a tab cannot indent: use spaces"] },
  {
    name: "two slips, without what only follows from them",
    yaml: "a: @x\nb: 'y' z\nc: `\n",
    lines: [
      "1:4: not valid YAML: a value that begins with this character needs quotes",
      "3:4: not valid YAML: a value that begins with this character needs quotes",
    ],
  },
  {
    name: "a reference in a flow block",
    yaml: `accounts:\n  main: { apiKey: \${K}, apiSecret: s1 }\n${NOTIFIERS}`,
    lines: [`2:20: not valid YAML: inside [ ] or { } a \${…} needs quotes: "\${NAME}"`],
  },
  {
    name: "a tag",
    yaml: `${BASE}stateDir: !path x\n`,
    lines: ["5:11: not valid YAML: tags (!…) are not known here: a value that begins with ! needs quotes"],
  },
  {
    name: "a second document",
    yaml: `${BASE}---\nx: 1\n`,
    lines: ["5:1: not valid YAML: a second document (---) begins here; one file holds one configuration"],
  },
  {
    name: "a key that is a list",
    yaml: `${BASE}? [a]\n: 1\n`,
    lines: ["5:3: not valid YAML: a key must be plain text"],
  },
  { name: "a key given twice", yaml: `${BASE}${ACCOUNTS}`, lines: ["5:1: accounts: given twice, first in line 1"] },
  { name: "a key of the language", yaml: `${BASE}__proto__: 1\n`, lines: ["5:1: __proto__: not allowed as a name"] },
  {
    name: "an alias of nothing",
    yaml: `${BASE}stateDir: *x\n`,
    lines: ["5:11: stateDir: nothing before this is marked &x"],
  },
  {
    name: "an alias of itself",
    yaml: `${BASE}routes: &r [*r, *r]\n`,
    lines: ["5:12: routes: nested deeper than 32 levels"],
  },
  {
    name: "1.1 words for yes, and a 1.1 merge",
    yaml:
      "%YAML 1.1\n---\nbase: &b { apiKey: k }\naccounts:\n  main: { <<: *b, apiKey: k, apiSecret: s, cross: yes }\n" +
      NOTIFIERS,
    lines: [
      `3:1: base: unknown key, expected one of ${BLOCKS}`,
      "5:11: accounts.main.<<: unknown key, expected one of apiKey, apiSecret, privateKey, poll, pollWhenFiring, cross, isolated, requireReadOnlyKey, flows, transfers, delistings, interest, stream",
      "5:51: accounts.main.cross: expected true or false",
    ],
  },
];

const shapes: readonly Case[] = [
  {
    name: "an unknown key",
    yaml: `${BASE}colour: 1\n`,
    lines: [`5:1: colour: unknown key, expected one of ${BLOCKS}`],
  },
  {
    name: "a key with a slip",
    yaml: `${BASE}watchdg: {}\n`,
    lines: ["5:1: watchdg: unknown key. Did you mean watchdog?"],
  },
  {
    name: "a key that every object inherits",
    yaml: `${BASE}constructor: 1\n`,
    lines: [`5:1: constructor: unknown key, expected one of ${BLOCKS}`],
  },
  {
    name: "no account and no notifier",
    yaml: "accounts:\nnotifiers: {}\n",
    lines: ["1:10: accounts: expected a block of keys, not nothing", "2:12: notifiers: expected at least one notifier"],
  },
  {
    name: "words for the whole",
    yaml: `${BASE}rules: {}\nroutes: []\ntimezone: Mars\nlanguage: de\nstateDir: ~/x\nhttp: off\n`,
    lines: [
      "5:8: rules: an empty set would watch nothing; leave `rules` out for the built-in set",
      "7:11: timezone: unknown time zone, expected an IANA name such as UTC, Europe/Berlin or Asia/Shanghai",
      "8:11: language: expected one of en, zh-CN",
      `9:11: stateDir: ~ is not expanded here, expected a whole path or \${HOME}/…`,
      "10:7: http: expected a block of keys, not text",
    ],
  },
  {
    name: "limits of the exchange block",
    yaml: `${BASE}exchange:
  baseUrl: http://api.binance.com
  minSpacing: 499ms
  timeout: 0s
  recvWindow: 61s
  weightBudgetPct: 101
`,
    lines: [
      "6:12: exchange.baseUrl: plain http would show the keys to the network: expected https (http only to this machine, such as 127.0.0.1)",
      "7:15: exchange.minSpacing: must be at least 500ms",
      "8:12: exchange.timeout: must be at least 1ms",
      "9:15: exchange.recvWindow: must be at most 1m",
      "10:20: exchange.weightBudgetPct: expected a number from 1 to 100",
    ],
  },
  {
    name: "wrong units and types in the exchange block",
    yaml: `${BASE}exchange:
  baseUrl: https://a.b/?x=1
  minSpacing: 30
  timeout: 30sec
  recvWindow: "5"
  weightBudgetPct: 5%
  retries: 3
`,
    lines: [
      "6:12: exchange.baseUrl: must not have a query or fragment (? or #)",
      `7:15: exchange.minSpacing: ${DURATION}`,
      `8:12: exchange.timeout: ${DURATION}`,
      `9:15: exchange.recvWindow: ${DURATION}`,
      "10:20: exchange.weightBudgetPct: expected a number from 1 to 100",
      "11:3: exchange.retries: unknown key, expected one of baseUrl, minSpacing, timeout, recvWindow, weightBudgetPct, stream, prices",
    ],
  },
  {
    name: "watchdog and status page",
    yaml: `${BASE}watchdog: { staleAfter: 5s, heartbeat: { url: "ftp://x", every: 0s } }\nhttp: { listen: 127.0.0.1, tokn: x }\n`,
    lines: [
      "5:25: watchdog.staleAfter: must be longer than the longest gap between polls of main, 5s: it would alert between polls",
      "5:47: watchdog.heartbeat.url: expected an address such as https://example.com/…",
      "5:65: watchdog.heartbeat.every: must be at least 1s",
      "6:17: http.listen: expected host:port such as 127.0.0.1:9464 or [::1]:9464",
      "6:28: http.tokn: unknown key. Did you mean token?",
    ],
  },
  {
    name: "a heartbeat to nowhere",
    yaml: `${BASE}watchdog: { heartbeat: {} }`,
    lines: ["5:13: watchdog.heartbeat.url: missing, expected an address such as https://example.com/…"],
  },
  {
    name: "a port too large",
    yaml: `${BASE}http: { listen: "[::1]:65536" }`,
    lines: ["5:17: http.listen: the port must be at most 65535"],
  },
  {
    name: "a status page for everybody",
    yaml: `${BASE}http: { listen: 0.0.0.0:9464 }`,
    lines: [
      "5:17: http.listen: other machines can reach this address: expected http.token beside it, or a loopback address such as 127.0.0.1:9464",
    ],
  },
];

const accounts: readonly Case[] = [
  {
    name: "an account of nothing",
    yaml: `accounts:\n  main:\n${NOTIFIERS}`,
    lines: ["2:8: accounts.main: expected a block of keys, not nothing"],
  },
  {
    name: "types and lists",
    yaml: `accounts:\n  main: { apiKey: "a b", apiSecret: 5, poll: [1], cross: on, isolated: [btc, ETHUSDT, ETHUSDT] }\n${NOTIFIERS}`,
    lines: [
      "2:19: accounts.main.apiKey: must hold only ASCII letters, digits and signs, no spaces or line ends",
      "2:37: accounts.main.apiSecret: expected text, not a number: put it in quotes",
      "2:46: accounts.main.poll: expected text, not a list",
      "2:58: accounts.main.cross: expected true or false",
      `2:73: accounts.main.isolated[0]: ${SYMBOL}`,
      "2:87: accounts.main.isolated[2]: listed twice",
    ],
  },
  {
    name: "credentials",
    yaml: `accounts:
  none: { apiKey: k1 }
  both: { apiKey: k2, apiSecret: s, privateKey: t }
  same: { apiKey: k1, apiSecret: "-----BEGIN PRIVATE KEY-----" }
  no key: { apiSecret: s }
${NOTIFIERS}`,
    lines: [
      "2:3: accounts.none: needs apiSecret (HMAC key) or privateKey (Ed25519 or RSA key)",
      "3:37: accounts.both.privateKey: apiSecret and privateKey in one account, expected only one of them",
      `3:49: accounts.both.privateKey: ${PEM}`,
      "4:19: accounts.same.apiKey: the same key as accounts.none, expected one account for each key",
      "4:34: accounts.same.apiSecret: a PEM key belongs into privateKey, expected the secret of an HMAC key",
      "5:3: accounts.no key.apiKey: missing, expected text",
    ],
  },
  {
    name: "polls and what they read",
    yaml: `accounts:
  a: { apiKey: k1, apiSecret: s, poll: "61 * * * *", isolated: BTCUSDT }
  b: { apiKey: k2, apiSecret: s, poll: "* *", isolated: [] }
  c: { apiKey: k3, apiSecret: s, poll: "0 */10 9-17 * * 1-5", cross: false, isolated: none }
  d/e: { apiKey: k4, apiSecret: s }
${NOTIFIERS}`,
    lines: [
      `2:40: accounts.a.poll: the minute 61 is impossible, ${CRON}`,
      "2:64: accounts.a.isolated: expected all, none or a list of symbols such as [BTCUSDT, ETHUSDT]",
      `3:40: accounts.b.poll: not a cron expression, ${CRON}`,
      "3:57: accounts.b.isolated: the list is empty, expected at least one symbol",
      "4:3: accounts.c: watches nothing, expected cross: true or isolated pairs",
      "4:40: accounts.c.poll: watchdog.staleAfter, 30s, must be longer than the longest gap between polls of c, 2d 15h 10m: it would alert between polls",
      "5:3: accounts.d/e: a name has 1 to 64 letters, digits, spaces, dots, _ or -, the first a letter or digit",
    ],
  },
];

const readings: readonly Case[] = [
  {
    name: "what is read beside the polls, under an account and at the top",
    yaml: `accounts:
  a:
    apiKey: k1
    apiSecret: s1
    flows: { pol: x, poll: "0 61 * * * *", isolated: BTCUSDT }
    transfers: { poll: 5, isolated: [btc], allow: [SPOT, FUNDNG, spot, HOME] }
    delistings: { poll: "* *", isolated: all }
    stream: 1
  b: { apiKey: k2, apiSecret: s2, flows: off, transfers: 5, delistings: [x] }
${NOTIFIERS}flows: { poll: "0 0 32 * * *" }
transfers: { allow: SPOT }
delistings: { poll: "" }
stream: always
`,
    lines: [
      "5:14: accounts.a.flows.pol: unknown key. Did you mean poll?",
      `5:28: accounts.a.flows.poll: the minute 61 is impossible, ${CRON}`,
      "5:54: accounts.a.flows.isolated: expected all, none or a list of symbols such as [BTCUSDT, ETHUSDT]",
      "6:24: accounts.a.transfers.poll: expected text, not a number: put it in quotes",
      `6:38: accounts.a.transfers.isolated[0]: ${SYMBOL}`,
      "6:58: accounts.a.transfers.allow[1]: unknown word. Did you mean FUNDING?",
      "6:66: accounts.a.transfers.allow[2]: unknown word. Did you mean SPOT?",
      `6:72: accounts.a.transfers.allow[3]: expected one of ${ENDS}`,
      `7:25: accounts.a.delistings.poll: not a cron expression, ${CRON}`,
      "7:32: accounts.a.delistings.isolated: unknown key, expected one of poll",
      "8:13: accounts.a.stream: expected true or false",
      "9:42: accounts.b.flows: expected false, or a block of keys such as { poll: … }",
      "9:58: accounts.b.transfers: expected false, or a block of keys such as { poll: … }",
      "9:73: accounts.b.delistings: expected false, or a block of keys such as { poll: … }",
      `12:16: flows.poll: the hour 32 is impossible, ${CRON}`,
      "13:21: transfers.allow: expected a list, not text",
      `14:21: delistings.poll: not a cron expression, ${CRON}`,
      "15:9: stream: expected true or false",
    ],
  },
  {
    name: "streams in the clear, or to other paths than those of listen keys",
    yaml: `${BASE}exchange:
  stream:
    riskUrl: ws://margin-stream.binance.com
    listenKeyPath: /api/v3/order
    userUrl: https://ws-api.binance.com
    listenTokenPath: sapi/v1/userListenToken
    token: x
`,
    lines: [
      "7:14: exchange.stream.riskUrl: plain ws would show the listen keys to the network: expected wss (ws only to this machine, such as 127.0.0.1)",
      `8:20: exchange.stream.listenKeyPath: ${LISTEN_PATH}`,
      "9:14: exchange.stream.userUrl: expected an address such as wss://stream.example.com",
      `10:22: exchange.stream.listenTokenPath: ${LISTEN_PATH}`,
      "11:5: exchange.stream.token: unknown key, expected one of riskUrl, listenKeyPath, userUrl, listenTokenPath",
    ],
  },
  {
    name: "streams with more than an address",
    yaml: `${BASE}exchange: { stream: { riskUrl: "wss://u:p@h", userUrl: "wss://h/?listenKey=x", listenKeyPath: /x/../listen-key, listenTokenPath: "/listen-key?x=/listen-key" } }`,
    lines: [
      "5:32: exchange.stream.riskUrl: must not hold a user or password",
      "5:56: exchange.stream.userUrl: must not have a query or fragment (? or #)",
      `5:95: exchange.stream.listenKeyPath: ${LISTEN_PATH}`,
      `5:130: exchange.stream.listenTokenPath: ${LISTEN_PATH}`,
    ],
  },
];

const events: readonly Case[] = [
  {
    name: "rules on rows with keys of rules on levels",
    yaml: `${BASE}rules:
  a: { on: flow, severity: info, field: marginLevel, below: { info: 1 }, hysteresisPct: 2, for: 0s, clearAfter: 0s }
  b: { on: transfer, severity: info, above: { info: 1 }, is: { info: true } }
`,
    lines: [
      `6:34: rules.a.field: ${NO_LEVEL}`,
      `6:54: rules.a.below: ${NO_LEVEL}`,
      `6:74: rules.a.hysteresisPct: ${NO_LEVEL}`,
      `6:92: rules.a.for: ${NO_LEVEL}`,
      `6:101: rules.a.clearAfter: ${NO_LEVEL}`,
      `7:38: rules.b.above: ${NO_LEVEL}`,
      `7:58: rules.b.is: ${NO_LEVEL}`,
    ],
  },
  {
    name: "rules on levels with keys of rules on rows",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, below: { info: 1 }, type: BORROW, asset: BTC, direction: in, severity: info }
  b: { on: isolated, field: enabled, is: { info: false }, amountAbove: 1, allow: [SPOT] }
`,
    lines: [
      `6:59: rules.a.type: ${NO_ROW}`,
      `6:73: rules.a.asset: ${NO_ROW}`,
      `6:85: rules.a.direction: ${NO_ROW}`,
      "6:100: rules.a.severity: belongs to rules on: flow or transfer; here the rungs of below, above, is or dropsBy say how bad it is",
      `7:59: rules.b.amountAbove: ${NO_ROW}`,
      `7:75: rules.b.allow: ${NO_ROW}`,
    ],
  },
  {
    name: "values of rules on rows",
    yaml: `${BASE}rules:
  a: { on: flow, type: BOROW, asset: usdt, symbols: btc, direction: both, amountAbove: -1 }
  b: { on: flow, type: ["*_LIQUIDATON", "*_FEES", "*", ROLL_OUT, borrow], severity: bad, allow: [SPOT] }
  c: { on: transfer, type: [ROLL_OT, "*_OUT", BORROW], allow: [SPO], severity: critical }
  d: { on: transfer, type: [], asset: [], severity: [info] }
  blind: { on: flow, severity: info }
`,
    lines: [
      "6:3: rules.a.severity: missing, expected one of info, warning, critical",
      "6:24: rules.a.type: unknown type. Did you mean BORROW?",
      "6:38: rules.a.asset: expected an asset such as USDT: 1 to 30 capital letters and digits; leave the key out for every asset",
      "6:53: rules.a.symbols: expected all or a list of symbols such as [BTCUSDT, ETHUSDT]",
      "6:69: rules.a.direction: expected one of in, out",
      "6:88: rules.a.amountAbove: must be at least 0",
      "7:25: rules.b.type[0]: unknown type. Did you mean *_LIQUIDATION?",
      `7:41: rules.b.type[1]: ${FLOWS}`,
      `7:51: rules.b.type[2]: ${FLOWS}`,
      `7:56: rules.b.type[3]: ${FLOWS}`,
      "7:66: rules.b.type[4]: unknown type. Did you mean BORROW?",
      "7:85: rules.b.severity: expected one of info, warning, critical",
      "7:90: rules.b.allow: only transfers have another end, and this rule is on: flow",
      "8:29: rules.c.type[0]: unknown type. Did you mean ROLL_OUT?",
      "8:38: rules.c.type[1]: expected one of ROLL_IN, ROLL_OUT",
      "8:47: rules.c.type[2]: expected one of ROLL_IN, ROLL_OUT",
      "8:64: rules.c.allow[0]: unknown word. Did you mean SPOT?",
      "9:28: rules.d.type: the list is empty",
      "9:39: rules.d.asset: the list is empty",
      "9:53: rules.d.severity: expected one of info, warning, critical",
      "10:3: rules.blind: margind uses this name itself, expected another",
    ],
  },
  {
    name: "rules without a subject, by what else they say",
    yaml: `${BASE}rules:
  a: { severity: info, type: NOPE }
  b: { on: flows, type: BORROW }
  c: { on: cross, below: { info: 1 } }
  d: { on: cros }
`,
    lines: [
      "6:3: rules.a.on: missing, expected one of cross, isolated, flow, transfer",
      "7:3: rules.b.severity: missing, expected one of info, warning, critical",
      "7:12: rules.b.on: expected one of cross, isolated, flow, transfer. Did you mean flow?",
      `8:3: rules.c.field: missing, expected one of ${FIELD_NAMES}`,
      `9:3: rules.d.field: missing, expected one of ${FIELD_NAMES}`,
      "9:3: rules.d: needs one of below, above, is or dropsBy",
      "9:12: rules.d.on: expected one of cross, isolated, flow, transfer. Did you mean cross?",
    ],
  },
  {
    name: "types from the environment, without showing them",
    env: { TYPE: "BOROW" },
    yaml: `${BASE}rules:\n  a: { on: flow, type: "\${TYPE}", severity: info }\n`,
    lines: [`6:24: rules.a.type: ${FLOWS}`],
  },
];

const rules: readonly Case[] = [
  {
    name: "fields",
    yaml: `${BASE}rules:
  blind: { on: cross, field: marginLvl, below: { info: 1 } }
  a: { on: cross, field: liquidatePrice, below: { info: 1 } }
  b: { on: cross, field: tradeEnabled, below: { info: 2 } }
  c: { on: cross, field: marginLevel, is: { info: NORMAL } }
  d: { on: cros, field: nothing, below: {} }
  e: 5
`,
    lines: [
      "6:3: rules.blind: margind uses this name itself, expected another",
      "6:30: rules.blind.field: unknown word. Did you mean marginLevel?",
      "7:26: rules.a.field: the cross account has no liquidatePrice; isolated pairs have. Did you mean on: isolated?",
      "8:40: rules.b.below: tradeEnabled is true or false: expected is, not below",
      "9:39: rules.c.is: marginLevel is a number: expected below, above or dropsBy, not is",
      "10:12: rules.d.on: expected one of cross, isolated, flow, transfer. Did you mean cross?",
      `10:25: rules.d.field: expected one of ${FIELD_NAMES}`,
      "10:34: rules.d.below: has no rung, expected at least one of info, warning, critical",
      "11:6: rules.e: expected a block of keys, not a number",
    ],
  },
  {
    name: "ladders",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel }
  b: { on: cross, field: marginLevel, below: { info: 1 }, above: { info: 1 } }
  c: { on: cross, field: marginLevel, below: { info: normlBar, warning: 10 %, worst: 1 } }
  d: { on: cross, field: marginLevel, below: { info: 1 }, symbols: [BTCUSDT], for: 3, clearAfter: 1week, hysteresisPct: 101 }
`,
    lines: [
      "6:3: rules.a: needs one of below, above, is or dropsBy",
      "7:59: rules.b: below and above in one rule, expected only one of them",
      `8:54: rules.c.below.info: ${THRESHOLD}`,
      `8:73: rules.c.below.warning: ${THRESHOLD}`,
      "8:79: rules.c.below.worst: unknown key, expected one of info, warning, critical",
      "9:59: rules.d.symbols: only isolated pairs have symbols, and this rule is on: cross",
      `9:84: rules.d.for: ${DURATION}`,
      `9:99: rules.d.clearAfter: ${DURATION}`,
      "9:121: rules.d.hysteresisPct: expected a number from 0 to 100",
    ],
  },
  {
    name: "rungs out of order",
    yaml: `${BASE}rules:
  a: { on: isolated, field: marginLevel, below: { info: 1.5, warning: 1.5 } }
  b: { on: isolated, field: indexPrice, above: { info: 5, warning: 4, critical: 4.5 } }
  c: { on: cross, field: marginLevel, below: { info: normalBar, warning: marginCallBar, critical: marginCallBar + 5% } }
  d: { on: cross, field: marginLevel, below: { warning: marginCallBar, critical: normalBar } }
  e: { on: cross, field: marginLevel, below: { info: 1, warning: marginCallBar, critical: 2 }, for: 30 }
  f: { on: cross, field: marginLevel, above: { info: marginCallBar, critical: forceLiquidationBar + 0% } }
`,
    lines: [
      "6:51: rules.a.below: info 1.5 must lie above warning 1.5 (a level falls through info first)",
      "7:50: rules.b.above: info 5 must lie below warning 4 (a value rises through info first)",
      "8:65: rules.c.below: warning marginCallBar must lie above critical marginCallBar + 5% (a level falls through warning first)",
      "9:48: rules.d.below: warning marginCallBar must lie above critical normalBar (a level falls through warning first)",
      "10:48: rules.e.below: info 1 must lie above critical 2 (a level falls through info first)",
      `10:101: rules.e.for: ${DURATION}`,
      "11:48: rules.f.above: info marginCallBar must lie below critical forceLiquidationBar (a level rises through info first)",
    ],
  },
  {
    name: "bars and values that do not fit the field",
    yaml: `${BASE}rules:
  a: { on: isolated, field: marginLevel, below: { info: 1.5, warning: normalBar } }
  b: { on: cross, field: liquidationDistancePct, below: { info: normalBar } }
  c: { on: cross, field: marginLevelStatus, is: { info: MARGINCALL, warning: [NORMAL, true] } }
  d: { on: cross, field: borrowEnabled, is: { info: [true, maybe] } }
  e: { on: cross, field: accountType, is: { info: false, warning: [] } }
`,
    lines: [
      "6:71: rules.a.below.warning: bars are those of the cross account; an isolated pair has tiers of its own, which the exchange does not tell. Expected a number, or a rule on marginLevelStatus or liquidationDistancePct",
      "7:65: rules.b.below.info: bars are margin levels and liquidationDistancePct is none, expected a number",
      `8:57: rules.c.is.info: ${STATUSES}. Did you mean MARGIN_CALL?`,
      `8:87: rules.c.is.warning[1]: ${STATUSES}`,
      "9:60: rules.d.is.info[1]: borrowEnabled is true or false, expected one of them",
      "10:51: rules.e.is.info: accountType is a word, expected one (true and false need quotes)",
      "10:67: rules.e.is.warning: the list is empty",
    ],
  },
];

const speeds: readonly Case[] = [
  {
    name: "a speed without its time, and a time without a speed",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, dropsBy: { warning: 10% } }
  b: { on: cross, field: marginLevel, below: { info: 2 }, within: 15m, onlyBelow: 3 }
  c: { on: cross, field: marginLevel, dropBy: { info: 1% }, within: 15m }
  d: { on: flow, severity: info, dropsBy: { info: 5 }, within: 15m, onlyBelow: 2, target: 2 }
`,
    lines: [
      "6:3: rules.a.within: missing, dropsBy needs a time such as 15m: from 1m to 24h",
      "7:59: rules.b.within: belongs to rules with dropsBy",
      "7:72: rules.b.onlyBelow: belongs to rules with dropsBy",
      "8:3: rules.c: needs one of below, above, is or dropsBy",
      "8:39: rules.c.dropBy: unknown key. Did you mean dropsBy?",
      "8:61: rules.c.within: belongs to rules with dropsBy",
      `9:34: rules.d.dropsBy: ${NO_LEVEL}`,
      `9:56: rules.d.within: ${NO_LEVEL}`,
      `9:69: rules.d.onlyBelow: ${NO_LEVEL}`,
      `9:83: rules.d.target: ${NO_LEVEL}`,
    ],
  },
  {
    name: "shares and times",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, within: 59s, dropsBy: { info: 0%, warning: 100.1, critical: ten } }
  b: { on: cross, field: marginLevel, within: 1441m, dropsBy: { info: -5%, warning: 10 percent, critical: 5%%, worst: 1 } }
  c: { on: cross, field: marginLevel, within: 15, dropsBy: {}, onlyBelow: normlBar }
  d: { on: cross, field: marginLevel, within: 15m, dropsBy: 10% }
`,
    lines: [
      "6:47: rules.a.within: must be at least 1m",
      `6:69: rules.a.dropsBy.info: ${SHARE}`,
      `6:82: rules.a.dropsBy.warning: ${SHARE}`,
      `6:99: rules.a.dropsBy.critical: ${SHARE}`,
      "7:47: rules.b.within: must be at most 1d",
      `7:71: rules.b.dropsBy.info: ${SHARE}`,
      `7:85: rules.b.dropsBy.warning: ${SHARE}`,
      `7:107: rules.b.dropsBy.critical: ${SHARE}`,
      "7:112: rules.b.dropsBy.worst: unknown key, expected one of info, warning, critical",
      `8:47: rules.c.within: ${DURATION}`,
      "8:51: rules.c.dropsBy: has no rung, expected at least one of info, warning, critical",
      `8:75: rules.c.onlyBelow: ${THRESHOLD}`,
      "9:61: rules.d.dropsBy: expected a block of keys, not text",
    ],
  },
  {
    name: "falls out of order, of what cannot fall, and with another ladder",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, within: 15m, dropsBy: { info: 10%, warning: 10, critical: 20 } }
  b: { on: cross, field: marginLevel, within: 15m, dropsBy: { info: 20, critical: 10% } }
  c: { on: cross, field: borrowEnabled, within: 15m, dropsBy: { info: 10 } }
  d: { on: cross, field: marginLevel, within: 15m, dropsBy: { info: 10 }, below: { info: 2 } }
  e: { on: isolated, field: marginLevel, within: 15m, dropsBy: { info: 10 }, onlyBelow: normalBar }
  f: { on: cross, field: totalNetAssetOfBtc, within: 15m, dropsBy: { info: 10 }, onlyBelow: normalBar + 5% }
`,
    lines: [
      "6:63: rules.a.dropsBy: info 10% must lie below warning 10% (a fall grows through info first)",
      "7:63: rules.b.dropsBy: info 20% must lie below critical 10% (a fall grows through info first)",
      "8:54: rules.c.dropsBy: borrowEnabled is true or false: expected is, not dropsBy",
      "9:52: rules.d: below and dropsBy in one rule, expected only one of them",
      "10:89: rules.e.onlyBelow: bars are those of the cross account; an isolated pair has tiers of its own, which the exchange does not tell. Expected a number, or a rule on marginLevelStatus or liquidationDistancePct",
      "11:93: rules.f.onlyBelow: bars are margin levels and totalNetAssetOfBtc is none, expected a number",
    ],
  },
  {
    name: "the time to liquidation as anything but a floor of minutes",
    yaml: `${BASE}rules:
  a: { on: cross, field: minutesToLiquidation, above: { info: 10 } }
  b: { on: cross, field: minutesToLiquidation, within: 15m, dropsBy: { info: 10 } }
  c: { on: isolated, field: minutesToLiquidation, is: { info: 10m } }
  d: { on: isolated, field: minutesToLiquidation, below: { info: 2h, warning: normalBar, critical: 30 }, target: 60 }
`,
    lines: [
      "6:48: rules.a.above: minutesToLiquidation is the time that is left: expected below, not above",
      "7:61: rules.b.dropsBy: minutesToLiquidation is the time that is left: expected below, not dropsBy",
      "8:51: rules.c.is: minutesToLiquidation is the time that is left: expected below, not is",
      `9:66: rules.d.below.info: ${THRESHOLD}`,
      "9:79: rules.d.below.warning: bars are margin levels and minutesToLiquidation is none, expected a number",
      "9:106: rules.d.target: amounts lead back to a level or a distance, and minutesToLiquidation is neither",
    ],
  },
  {
    name: "minutes that no estimate comes to, or comes back from",
    yaml: `${BASE}rules:
  a: { on: cross, field: minutesToLiquidation, below: { info: 1152, warning: 1, critical: 0 }, hysteresisPct: 25 }
  b: { on: cross, field: minutesToLiquidation, below: { info: 1152.1 }, hysteresisPct: 25 }
  c: { on: isolated, field: minutesToLiquidation, below: { info: 1440 } }
  d: { on: isolated, field: minutesToLiquidation, below: { info: 1440 }, hysteresisPct: 0 }
`,
    lines: [
      "6:91: rules.a.below.critical: must be more than 0",
      `7:63: rules.b.below.info: ${ENDLESS}`,
      `8:66: rules.c.below.info: ${ENDLESS}`,
    ],
  },
  {
    name: "falls that are over before they are told",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: 15m, for: 20m }
  b: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: 15m, for: 15m }
  c: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: 15m, for: 899s }
  d: { on: cross, field: marginLevel, below: { info: 1.5 }, for: 2d }
  e: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: 20s, for: 30s }
`,
    lines: [`6:80: rules.a.for: ${OVER}`, `7:80: rules.b.for: ${OVER}`, "10:70: rules.e.within: must be at least 1m"],
  },
  {
    name: "rungs that nothing comes to, or comes back from",
    yaml: `${BASE}rules:
  a: { on: cross, field: liquidationDistancePct, below: { info: 150, warning: 99, critical: 98 } }
  b: { on: isolated, field: liquidationDistancePct, below: { info: 100 }, hysteresisPct: 0 }
  c: { on: isolated, field: liquidationDistancePct, below: { info: 99.9 }, hysteresisPct: 0 }
  d: { on: cross, field: liquidationDistancePct, above: { info: 99.9, warning: 100, critical: 120 } }
  e: { on: isolated, field: liquidationDistancePct, above: { info: 120 } }
  f: { on: cross, field: marginLevel, dropsBy: { info: 99, warning: 99.1, critical: 100% }, within: 15m }
  g: { on: cross, field: marginLevel, dropsBy: { info: 10 }, within: 15m, onlyBelow: -1 }
  h: { on: isolated, field: liquidationDistancePct, dropsBy: { info: 100 }, within: 15m, onlyBelow: 0 }
  i: { on: cross, field: totalNetAssetOfBtc, dropsBy: { info: 100 }, within: 15m, onlyBelow: 0 }
  j: { on: cross, field: collateralMarginLevel, below: { info: 0, critical: -1 } }
  k: { on: isolated, field: marginLevel, below: { info: 0.1 } }
`,
    lines: [
      `6:65: rules.a.below.info: ${TOO_FAR}`,
      `6:79: rules.a.below.warning: ${TOO_FAR}`,
      `7:68: rules.b.below.info: ${TOO_FAR}`,
      `9:80: rules.d.above.warning: ${FURTHEST}`,
      `9:95: rules.d.above.critical: ${FURTHEST}`,
      `11:69: rules.f.dropsBy.warning: ${ALL_OF_IT}`,
      `11:85: rules.f.dropsBy.critical: ${ALL_OF_IT}`,
      `12:86: rules.g.onlyBelow: ${NO_FALL}`,
      `13:101: rules.h.onlyBelow: ${NO_FALL}`,
      `15:64: rules.j.below.info: ${NO_LEVEL_BELOW}`,
      `15:77: rules.j.below.critical: ${NO_LEVEL_BELOW}`,
    ],
  },
  {
    name: "targets that end nothing, or cannot be reached",
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, below: { info: 1.5, critical: 1.2 }, target: 1.5 }
  b: { on: cross, field: marginLevel, below: { warning: normalBar + 5%, critical: 1.2 }, target: normalBar }
  c: { on: cross, field: marginLevel, below: { info: normalBar, critical: 1.2 }, target: 1.1 }
  d: { on: cross, field: marginLevel, above: { info: 5 }, target: 6 }
  e: { on: cross, field: tradeEnabled, is: { info: false }, target: 2 }
  f: { on: isolated, field: indexPrice, below: { info: 5 }, target: 6 }
  g: { on: isolated, field: liquidationDistancePct, below: { info: 5 }, target: 100 }
  h: { on: isolated, field: marginLevel, below: { info: 1.2 }, target: normalBar }
  i: { on: cross, field: marginLevel, below: { info: 0.9 }, target: 1 }
  j: { on: cross, field: marginLevel, below: { info: 1.5 }, target: high }
  k: { on: cross, field: marginLevel, within: 15m, dropsBy: { info: 5% }, target: 0.5 }
  l: { on: cross, field: liquidationDistancePct, below: { info: 5 }, target: 0 }
  m: { on: isolated, field: liquidationDistancePct, above: { info: 5 }, target: 4 }
`,
    lines: [
      "6:84: rules.a.target: target 1.5 must lie above info 1.5 (the amounts would not end the alert)",
      "7:98: rules.b.target: target normalBar must lie above warning normalBar + 5% (the amounts would not end the alert)",
      "8:90: rules.c.target: target 1.1 must lie above critical 1.2 (the amounts would not end the alert)",
      "9:59: rules.d.target: amounts lead back from below only",
      "10:61: rules.e.target: amounts lead back to a level or a distance, and tradeEnabled is neither",
      "11:61: rules.f.target: amounts lead back to a level or a distance, and indexPrice is neither",
      "12:81: rules.g.target: expected a distance of more than 0 and less than 100",
      "13:72: rules.h.target: bars are those of the cross account; an isolated pair has tiers of its own, which the exchange does not tell. Expected a number, or a rule on marginLevelStatus or liquidationDistancePct",
      "14:69: rules.i.target: must lie above 1, where all that is held covers the debt just so",
      `15:69: rules.j.target: ${THRESHOLD}`,
      "16:83: rules.k.target: must lie above 1, where all that is held covers the debt just so",
      "17:78: rules.l.target: expected a distance of more than 0 and less than 100",
      "18:73: rules.m.target: amounts lead back from below only",
    ],
  },
  {
    name: "what the environment has of speeds and targets, without showing it",
    env: { BIG: "20%", SMALL: "5", LOW: "1.2", TEXT: "half" },
    yaml: `${BASE}rules:
  a: { on: cross, field: marginLevel, within: 15m, dropsBy: { info: "\${BIG}", warning: "\${SMALL}", critical: "\${TEXT}" } }
  b: { on: cross, field: marginLevel, below: { info: "\${SMALL}" }, target: "\${LOW}" }
`,
    lines: [
      "6:63: rules.a.dropsBy: info must lie below warning (a fall grows through info first)",
      `6:110: rules.a.dropsBy.critical: ${SHARE}`,
      "7:76: rules.b.target: target must lie above info (the amounts would not end the alert)",
    ],
  },
];

const fasts: readonly Case[] = [
  {
    name: "polls while something fires, interest and prices",
    yaml: `accounts:
  a: { apiKey: k1, apiSecret: s1, pollWhenFiring: "61 * * * *", interest: { times: 1, pol: x } }
  b: { apiKey: k2, apiSecret: s2, pollWhenFiring: 5s, interest: 3 }
  c: { apiKey: k3, apiSecret: s3, pollWhenFirng: "* * * * * *", interest: { poll: "* *", times: "2x" } }
  d: { apiKey: k4, apiSecret: s4, pollWhenFiring: 5 }
${NOTIFIERS}exchange: { prices: { every: 999ms, evry: 1s } }
interest: { poll: "61 * * * * *", times: 0 }
`,
    lines: [
      `2:51: accounts.a.pollWhenFiring: the minute 61 is impossible, ${CRON}`,
      "2:84: accounts.a.interest.times: must be more than 1: it is so many times what is usual of a rate",
      "2:87: accounts.a.interest.pol: unknown key. Did you mean poll?",
      `3:51: accounts.b.pollWhenFiring: not a cron expression, ${CRON}`,
      "3:65: accounts.b.interest: expected false, or a block of keys such as { poll: … }",
      "4:35: accounts.c.pollWhenFirng: unknown key. Did you mean pollWhenFiring?",
      `4:83: accounts.c.interest.poll: not a cron expression, ${CRON}`,
      "4:97: accounts.c.interest.times: expected a number",
      "5:51: accounts.d.pollWhenFiring: expected text, not a number: put it in quotes",
      "8:30: exchange.prices.every: must be at least 1s",
      "8:37: exchange.prices.evry: unknown key. Did you mean every?",
      `9:19: interest.poll: the second 61 is impossible, ${CRON}`,
      "9:42: interest.times: must be more than 1: it is so many times what is usual of a rate",
    ],
  },
  {
    name: "a word for the prices",
    yaml: `${BASE}exchange: { prices: 5s }`,
    lines: ["5:21: exchange.prices: expected false, or a block of keys such as { every: 5s }"],
  },
];

const channels: readonly Case[] = [
  {
    name: "notifiers",
    yaml: `${ACCOUNTS}notifiers:
  a: { type: slak, token: x }
  b: { token: x }
  c: 5
  d: { type: slack, tokn: x, channel: 5, apiUrl: "http://slack.com/" }
  e: { type: email, url: u, to: [] }
  f: { type: email, url: u, to: [ops], tls: non }
`,
    lines: [
      "4:14: notifiers.a.type: expected one of slack, email. Did you mean slack?",
      "5:3: notifiers.b.type: missing, expected one of slack, email",
      "6:6: notifiers.c: expected a block of keys, not a number",
      "7:3: notifiers.d.token: missing, expected text",
      "7:21: notifiers.d.tokn: unknown key. Did you mean token?",
      "7:39: notifiers.d.channel: expected text, not a number: put it in quotes",
      "7:50: notifiers.d.apiUrl: plain http would show the keys to the network: expected https (http only to this machine, such as 127.0.0.1)",
      "8:33: notifiers.e.to: must have at least one entry",
      "9:34: notifiers.f.to[0]: expected an e-mail address",
      "9:45: notifiers.f.tls: expected one of none, required. Did you mean none?",
    ],
  },
  {
    name: "routes",
    yaml: `${BASE}routes:
  - match: { severity: [critcal], account: mian, rule: [blind, nope], symbol: x, pair: y }
    notify: desk
  - notify: [desk]
  - notify: [dsk, other]
    repeatEvery: 0s
  - 5
`,
    lines: [
      "6:25: routes[0].match.severity[0]: expected one of info, warning, critical. Did you mean critical?",
      "6:44: routes[0].match.account: no account has the name mian. Did you mean main?",
      `6:64: routes[0].match.rule[1]: no rule has the name nope, expected one of ${RULES}`,
      `6:79: routes[0].match.symbol: ${SYMBOL}`,
      "6:82: routes[0].match.pair: unknown key, expected one of severity, account, rule, symbol",
      "7:13: routes[0].notify: expected a list, not text",
      "9:5: routes[2]: never reached: routes[1] above takes everything",
      "9:14: routes[2].notify[0]: no notifier has the name dsk. Did you mean desk?",
      "9:19: routes[2].notify[1]: no notifier has the name other, expected one of desk",
      "10:18: routes[2].repeatEvery: must be at least 1s",
      "11:5: routes[3]: expected a block of keys, not a number",
    ],
  },
  {
    name: "names that are there, though wrong inside, are still names",
    yaml: `accounts:
  main: { apiKey: k1 }
notifiers:
  desk: { type: slack }
rules:
  mine: { on: cross, field: marginLevel, below: { info: 1sec } }
routes:
  - match: { account: main, rule: mine }
    notify: [desk]
  - match: { rule: cross-margin-level }
    notify: [desk]
`,
    lines: [
      "2:3: accounts.main: needs apiSecret (HMAC key) or privateKey (Ed25519 or RSA key)",
      "4:3: notifiers.desk.token: missing, expected text",
      "4:3: notifiers.desk.channel: missing, expected text",
      `6:57: rules.mine.below.info: ${THRESHOLD}`,
      `10:20: routes[1].match.rule: no rule has the name cross-margin-level, expected one of mine, ${OWN}`,
    ],
  },
];

const references: readonly Case[] = [
  {
    name: "what the environment lacks, without complaints that only follow",
    env: { EMPTY: "" },
    yaml: `accounts:
  main:
    apiKey: \${KEY}
    apiSecret: x\${EMPTY}\${SECRET}
    poll: "\${POLL"
    isolated: ["\${A}", BTCUSDT]
notifiers:
  desk: { type: "\${TYPE}" }
  mail: { type: email, url: "\${file:none}", to: ["\${TO}"] }
routes:
  - notify: ["\${NAME}", desk]
`,
    lines: [
      "3:13: accounts.main.apiKey: environment variable KEY is not set",
      "4:16: accounts.main.apiSecret: environment variable EMPTY is empty",
      "4:16: accounts.main.apiSecret: environment variable SECRET is not set",
      `5:11: accounts.main.poll: ${REFERENCE}`,
      "6:16: accounts.main.isolated[0]: environment variable A is not set",
      "8:17: notifiers.desk.type: environment variable TYPE is not set",
      "9:29: notifiers.mail.url: file none cannot be read: no such file",
      "9:50: notifiers.mail.to[0]: environment variable TO is not set",
      "11:14: routes[0].notify[0]: environment variable NAME is not set",
    ],
  },
  {
    name: "what the environment has, without showing it",
    env: {
      POLL: "61 * * * *",
      NAME: "dsk",
      ACCOUNT: "mian",
      HIGH: "1.5",
      LOW: "1.2",
      STATUS: "NORMALL",
      TYPE: "slakk",
    },
    yaml: `accounts:
  main: { apiKey: k1, apiSecret: s1, poll: "\${POLL}" }
notifiers:
  desk: { type: "\${TYPE}" }
rules:
  a: { on: cross, field: marginLevel, below: { info: "\${LOW}", warning: "\${HIGH}" } }
  b: { on: cross, field: marginLevelStatus, is: { info: "\${STATUS}" } }
routes:
  - { match: { account: "\${ACCOUNT}" }, notify: ["\${NAME}"] }
`,
    lines: [
      `2:44: accounts.main.poll: the minute is impossible, ${CRON}`,
      "4:17: notifiers.desk.type: expected one of slack, email",
      "6:48: rules.a.below: info must lie above warning (a level falls through info first)",
      `7:57: rules.b.is.info: ${STATUSES}`,
      "9:25: routes[0].match.account: no account has this name, expected one of main",
      "9:50: routes[0].notify[0]: no notifier has this name, expected one of desk",
    ],
  },
];

const refused = [...[syntax, shapes, accounts, readings, fasts], ...[rules, speeds, events, channels, references]];
test.each(refused.flat())("O1: refuses $name", ({ yaml, env, lines }) => {
  expect(linesOf(refusal(yaml, env))).toEqual(lines);
});

test.each([
  { file: join(folder, "none.yaml"), reason: "no such file" },
  { file: folder, reason: "it is a folder" },
])("O1: says what to do about a file that is not there: $reason", ({ file, reason }) => {
  const reading = () => loadConfig(file, { env: {}, notifierSchemas, nowMs: 0 });
  expect(reading).toThrow(ConfigError);
  expect(reading).toThrow(
    `${file}: cannot be read: ${reason}. Name the configuration with --config FILE or in MARGIND_CONFIG, ` +
      "or put it at ./margind.yaml; config.example.yaml is a good start\n1 mistake, nothing was started.",
  );
});

test("a tower of aliases is stopped before it fills the memory", () => {
  const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(", ")}]`);
  const error = refusal(`l0: &l0 [x]\n${levels.join("\n")}\n`);
  expect(error.format()).toContain("more than 20000 values, aliases counted");
});

// ---------------------------------------------------------------- no secret, whatever is wrong

test("O5: no value of a secret or of the environment shows in a refusal", () => {
  const canary = (n: number) => `canary${n}x`;
  const env = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`C${i}`, canary(i)]));
  const yaml = `
stateDir: ["\${C0}"]
timezone: \${C1}
language: \${C2}
exchange: { baseUrl: "http://\${C3}/", minSpacing: "\${C4}", weightBudgetPct: "\${C5}", "\${C6}": 1, prices: { every: "\${C4}" }, stream: { riskUrl: "ws://\${C7}/", listenKeyPath: "\${C8}" } }
flows: { poll: "\${C9} * * * *", isolated: "\${C10}" }
transfers: { allow: ["\${C11}"] }
stream: "\${C12}"
interest: { poll: "\${C9} * * * *", times: "\${C10}" }
accounts:
  main: { apiKey: "canary x", apiSecret: { canary: canary20x }, poll: "\${C7} * * * *", pollWhenFiring: "\${C9} * * * *", isolated: ["\${C8}"] }
  two: { apiKey: canary21x, privateKey: canary22x, cross: "\${C9}", isolated: "\${C10}" }
  three: { apiKey: canary21x, apiSecret: [canary23x] }
rules:
  a: { on: "\${C11}", field: "\${C12}", below: { info: "\${C13}" }, for: "\${C14}" }
  b: { on: cross, field: marginLevelStatus, is: { info: "\${C15}" } }
  d: { on: cross, field: marginLevel, dropsBy: { info: "\${C13}" }, within: "\${C14}", onlyBelow: "\${C15}", target: "\${C16}" }
  c: { on: flow, type: "\${C13}", asset: "\${C14}", direction: "\${C15}", amountAbove: "\${C16}", severity: "\${C17}" }
watchdog: { heartbeat: { url: "canary24x" } }
notifiers:
  desk: { type: "\${C16}", token: canary25x }
  other: { type: slack, token: { x: canary26x }, channel: "\${C17}", apiUrl: "http://canary:canary27x@h/" }
  mail: { type: email, url: 5, to: ["\${C18}"] }
routes: [{ match: { rule: "\${C19}" }, notify: ["\${C17}"] }]
http: { listen: "\${C18}", token: [canary28x] }
`;
  const error = refusal(yaml, env);
  expect(error.problems.length).toBeGreaterThan(35);
  for (const text of [
    error.format(),
    error.message,
    String(error.stack),
    JSON.stringify(error.problems),
    inspect(error),
  ]) {
    expect(text).not.toMatch(/canary\d+x/);
  }
});

test.each([
  `accounts:\n  main: { apiKey: "canary\\qcanary", apiSecret: 'canary }\n`,
  "accounts:\n  main:\n    apiKey: canary\n     apiSecret: canary\n   x: @canary\n",
  "accounts: !canary { a: *canary }\n%canary\n",
  "canary canary\ncanary: [canary, {canary\n",
])("O5: no part of a file that is not YAML shows in a refusal: %j", (yaml) => {
  expect(refusal(yaml).format()).not.toContain("canary");
});

test.each([
  { name: "what came from the environment", token: `"\${TOKEN}"`, schema: z.string() },
  { name: "a secret", token: "canary", schema: z.string().meta({ secret: true }) },
])("not even the words of a careless schema show $name", ({ token, schema }) => {
  const careless = schema.refine(() => false, { error: (issue) => `bad: ${issue.input}` });
  const schemas = { slack: z.strictObject({ type: z.literal("slack"), token: careless }) };
  writeFileSync(FILE, `${ACCOUNTS}notifiers:\n  desk: { type: slack, token: ${token} }\n`);
  const reading = () => loadConfig(FILE, { env: { TOKEN: "canary" }, notifierSchemas: schemas, nowMs: 0 });
  expect(reading).toThrow("notifiers.desk.token: bad: …");
});

// ---------------------------------------------------------------- whatever the file holds

/** Taken, or refused with places inside the file and whole sentences: nothing else may happen. */
function isTakenOrRefused(yaml: string): boolean {
  try {
    return load(yaml, { A: "1", B: "x" }).file === FILE;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = yaml.split("\n").length;
    return (
      error.problems.length > 0 &&
      error.problems.every(({ line, column, text }) => {
        return line >= 1 && line <= lines && column >= 1 && text !== "" && !/undefined|\[object|NaN/.test(text);
      })
    );
  }
}

const EXAMPLE = readFileSync(resolve(import.meta.dirname, "../../config.example.yaml"), "utf8");
const WORDS = [
  ...new Set(EXAMPLE.match(/[A-Za-z_]+|\d+[a-z]*|[^\s\w]/g)),
  ...["\n", "\n  ", "\n    ", "- ", ": ", "~", "null", "&a ", "*a ", "!t ", "'", '"', `\${A}`, `\${file:x}`, `$\${`],
  ...["__proto__", "constructor", "1e999", ".nan", "0x1f", "\t", "\u0000", "%YAML 1.1\n---\n"],
];

test("O1: any text is taken or refused", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom(...WORDS)).map((words) => words.join("")),
  );
  fc.assert(fc.property(texts, isTakenOrRefused), { numRuns: 200 });
});

test("O1: the example with anything put in the place of anything is taken or refused", () => {
  const cut = fc.record({
    at: fc.nat(EXAMPLE.length),
    length: fc.nat(40),
    words: fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }),
  });
  const mutate = (text: string, { at, length, words }: { at: number; length: number; words: string[] }) =>
    text.slice(0, at) + words.join("") + text.slice(at + length);
  fc.assert(
    fc.property(fc.array(cut, { minLength: 1, maxLength: 3 }), (cuts) =>
      isTakenOrRefused(cuts.reduce(mutate, EXAMPLE)),
    ),
    { numRuns: 150 },
  );
});

test("O1: any values under the right keys are taken or refused", () => {
  const leaf = fc.oneof(fc.constantFrom(...WORDS, true, false, null, 0, -1, 1.5, [], {}), fc.double(), fc.string());
  const value = fc.oneof(
    leaf,
    fc.array(leaf, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...WORDS), leaf, { maxKeys: 4 }),
  );
  const block = (...keys: readonly string[]) =>
    fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
  const named = (inner: fc.Arbitrary<unknown>) =>
    fc.dictionary(fc.constantFrom("main", "blind", "x y", "__proto__", ""), inner, { maxKeys: 2 });
  const ladder = block("info", "warning", "critical");
  const rule = fc.record(
    {
      on: fc.constantFrom("cross", "isolated", "flow", "transfer", "x"),
      field: fc.constantFrom(
        "marginLevel",
        "minutesToLiquidation",
        "marginLevelStatus",
        "enabled",
        "accountType",
        "toString",
      ),
      below: ladder,
      is: ladder,
      dropsBy: ladder,
      within: fc.oneof(value, fc.constantFrom("15m", "7h")),
      onlyBelow: value,
      target: fc.oneof(value, fc.constantFrom(2, "normalBar + 5%")),
      symbols: value,
      for: value,
      type: fc.oneof(value, fc.constantFrom("BORROW", "*_LIQUIDATION", "*", "ROLL_OUT")),
      asset: value,
      direction: fc.constantFrom("in", "out", "x"),
      amountAbove: value,
      allow: value,
      severity: fc.constantFrom("info", "x"),
    },
    { requiredKeys: ["on"] },
  );
  const reading = fc.oneof(value, block("poll", "isolated", "allow"));
  const file = fc.record(
    {
      ...Object.fromEntries(READINGS.map((key) => [key, reading])),
      stream: value,
      accounts: fc.oneof(
        value,
        named(
          block(
            "apiKey",
            "apiSecret",
            "privateKey",
            "poll",
            "pollWhenFiring",
            "cross",
            "isolated",
            ...READINGS,
            "stream",
          ),
        ),
      ),
      notifiers: fc.oneof(value, named(block("type", "token", "channel", "to"))),
      exchange: block("baseUrl", "minSpacing", "timeout", "recvWindow", "weightBudgetPct", "stream", "prices"),
      rules: fc.oneof(value, named(rule)),
      watchdog: block("staleAfter", "heartbeat"),
      routes: fc.oneof(value, fc.array(block("match", "notify", "repeatEvery"), { maxLength: 3 })),
      http: block("listen", "token"),
      timezone: value,
      stateDir: value,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(file, (tree) => isTakenOrRefused(stringify(tree))),
    { numRuns: 150 },
  );
});
