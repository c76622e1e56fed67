// The shape of margind.yaml: every key, its type, default and description. What one value must be by itself is said here; what
// values must be to each other is in check.ts, which also runs when the shape is wrong.
// The texts must not repeat the value that they refuse: it may be a secret.
import { createPrivateKey } from "node:crypto";
import { z } from "zod";
import { LANGUAGES } from "../core/format.ts";
import { type BarName, SEVERITIES } from "../core/ports.ts";
import { FIELDS } from "../core/rules/fields.ts";
import type { Threshold } from "../core/rules/types.ts";
import { duration, flag, httpUrl, number, secretText, secretUrl } from "../lib/zod.ts";
import { EVENT_SUBJECTS, eventKeys, RULE_SUBJECTS } from "./events.ts";
import { readingKeys } from "./readings.ts";
import { oneOrMore, pairs, symbol, symbolList } from "./shapes.ts";
import { stream } from "./stream.ts";

export type NotifierSchemas = Readonly<Record<string, z.ZodObject>>;

const NAME_SHAPE = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u;
const name = z
  .string()
  .regex(NAME_SHAPE, "a name has 1 to 64 letters, digits, spaces, dots, _ or -, the first a letter or digit");

// ---------------------------------------------------------------- exchange and accounts

const exchange = z.strictObject({
  baseUrl: httpUrl({ keyed: true, base: true })
    .describe("Address of the exchange's REST API. Plain http only to this machine, for a simulator.")
    .prefault("https://api.binance.com"),
  minSpacing: duration({ minMs: 500 })
    .describe("Least time between the starts of two requests of one API key. At least 500ms.")
    .prefault("500ms"),
  timeout: duration({ minMs: 1 }).describe("Limit for one request, headers and body together.").prefault("10s"),
  recvWindow: duration({ minMs: 1, maxMs: 60_000 })
    .describe("How long the exchange may take a signed request as fresh. At most 60s.")
    .prefault("5s"),
  weightBudgetPct: number({ min: 1, max: 100 })
    .describe("Share of the per-IP weight limit that may be used before margind slows down, percent.")
    .prefault(50),
  stream: stream.nullish().describe("Where the exchange's streams are, for accounts with stream: true."),
});

// An HTTP header carries it, and no key of Binance's holds anything else.
const keyText = secretText().refine(
  (secret) => /^[\x21-\x7e]+$/.test(secret.reveal()),
  "must hold only ASCII letters, digits and signs, no spaces or line ends",
);

const account = z.strictObject({
  apiKey: keyText.describe("API key with the right to read margin accounts, and no other right."),
  apiSecret: secretText().describe("Secret of an HMAC key. Either this or privateKey.").optional(),
  privateKey: secretText()
    .refine(
      (secret) => isSigningKey(secret.reveal()),
      "expected a PEM private key (-----BEGIN PRIVATE KEY-----, PKCS#8), Ed25519 or RSA, without passphrase",
    )
    .describe(
      `PKCS#8 PEM of an Ed25519 or RSA key, best as \${file:/run/secrets/binance.pem}. Either this or apiSecret.`,
    )
    .optional(),
  poll: z
    .string()
    .describe('When to read the account: cron with seconds, in UTC, such as "*/5 * * * * *".')
    .prefault("*/5 * * * * *"),
  cross: flag().describe("Watch the cross margin account.").prefault(true),
  isolated: pairs.describe("Isolated pairs to watch: all, none or a list of symbols.").prefault("all"),
  requireReadOnlyKey: flag()
    .describe("For this account alone, in the place of requireReadOnlyKey at the top of the file.")
    .optional(),
  ...readingKeys,
});

function isSigningKey(pem: string): boolean {
  try {
    return ["ed25519", "rsa"].includes(createPrivateKey(pem).asymmetricKeyType ?? "");
  } catch {
    return false; // every reason has the same remedy, which the text names
  }
}

// ---------------------------------------------------------------- rules

const BARS = ["normalBar", "marginCallBar", "forceLiquidationBar"] as const satisfies readonly BarName[];
const THRESHOLD_SHAPE = /^(?<bar>[A-Za-z]+)(?:\s*\+\s*(?<plusPct>\d+(?:\.\d+)?)\s*%)?$/;
const THRESHOLD_EXPECTED = `expected a number, a bar (${BARS.join(", ")}) or a bar and a share of it such as marginCallBar + 5%`;

const threshold = z.union([z.number(), z.string()], THRESHOLD_EXPECTED).transform((text, context): Threshold => {
  const found = readThreshold(text);
  if (found !== undefined) return found;
  context.issues.push({ code: "custom", input: text, message: THRESHOLD_EXPECTED });
  return z.NEVER;
});

function readThreshold(text: number | string): Threshold | undefined {
  if (typeof text === "number") return { kind: "number", value: text };
  if (/^-?\d+(\.\d+)?$/.test(text)) return { kind: "number", value: Number(text) };
  const parts = THRESHOLD_SHAPE.exec(text.trim())?.groups;
  const bar = BARS.find((each) => each === parts?.["bar"]);
  return bar === undefined ? undefined : { kind: "bar", bar, plusPct: Number(parts?.["plusPct"] ?? 0) };
}

const rungs = z.strictObject({
  info: threshold.describe("The mildest rung.").optional(),
  warning: threshold.describe("The middle rung.").optional(),
  critical: threshold.describe("The worst rung.").optional(),
});

const flagValues = oneOrMore(z.union([z.boolean(), z.string()], "expected true, false or a word"));
const flagRungs = z.strictObject({
  info: flagValues.describe("Value or values that are worth an info.").optional(),
  warning: flagValues.describe("Value or values that are worth a warning.").optional(),
  critical: flagValues.describe("Value or values that are critical.").optional(),
});

/** Two kinds in one: which keys belong to which, and which are needed, is said in events.ts, so that every mistake is told at once. */
const rule = z
  .strictObject({
    on: z
      .enum([...RULE_SUBJECTS, ...EVENT_SUBJECTS])
      .describe(
        "What the rule watches: the cross account, every isolated pair, or rows of the history: flow or transfer.",
      ),
    field: z
      .enum(Object.keys(FIELDS))
      .describe("The field that the rule watches. Of rules on: cross or isolated.")
      .optional(),
    symbols: z
      .union([z.enum(["all"]), symbolList], "expected all or a list of symbols such as [BTCUSDT, ETHUSDT]")
      .describe("Isolated pairs that the rule covers: all, or a list of symbols.")
      .optional(),
    below: rungs.describe("Breached while the value lies below: numbers or bars, info highest.").optional(),
    above: rungs.describe("Breached while the value lies above: numbers or bars, info lowest.").optional(),
    is: flagRungs.describe("Breached while the value is one of these: for flags, statuses and words.").optional(),
    hysteresisPct: number({ min: 0, max: 100 })
      .describe("To leave a rung the value must pass its threshold by this share of it, percent.")
      .prefault(2),
    for: duration().describe("The condition must hold this long before the alert opens.").prefault("0s"),
    clearAfter: duration().describe("The condition must be gone this long before a rung is left.").prefault("30s"),
    ...eventKeys,
  })
  .meta({ oneOf: [{ required: ["field"] }, { required: ["severity"] }] });

// ---------------------------------------------------------------- watchdog, routes, http

const heartbeat = z.strictObject({
  url: secretUrl().describe("Address of the dead man's switch, fetched after a good cycle."),
  every: duration({ minMs: 1_000 }).describe("How often at most.").prefault("1m"),
});

const watchdog = z.strictObject({
  staleAfter: duration({ minMs: 1_000 })
    .describe(
      "No valid answer for this long raises the blind alert on every notifier. Longer than the longest gap between polls.",
    )
    .prefault("30s"),
  heartbeat: heartbeat.nullish().describe("Optional dead man's switch."),
});

const match = z.strictObject({
  severity: oneOrMore(z.enum(SEVERITIES)).describe("Severities that this route takes.").optional(),
  account: oneOrMore(z.string()).describe("Names of accounts.").optional(),
  rule: oneOrMore(z.string()).describe("Ids of rules.").optional(),
  symbol: oneOrMore(symbol).describe("Symbols of isolated pairs.").optional(),
});

const route = z.strictObject({
  match: match.nullish().describe("What this route takes; left out: everything. All of its keys must hold."),
  notify: z.array(z.string()).describe("Names of notifiers. An empty list drops the alert on purpose."),
  repeatEvery: duration({ minMs: 1_000 })
    .describe("How often to remind while the alert goes on; left out: the default of the severity.")
    .optional(),
});

const LISTEN_SHAPE = /^(?<host>\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):(?<port>\d{1,5})$/;

const http = z.strictObject({
  listen: z
    .string()
    .regex(LISTEN_SHAPE, { error: "expected host:port such as 127.0.0.1:9464 or [::1]:9464", abort: true })
    .refine((text) => readListen(text).port <= 65_535, "the port must be at most 65535")
    .describe("Address on which /healthz is answered. Anything but loopback needs token."),
  token: secretText()
    .describe("Bearer token that every request must carry. Needed when others can reach the address.")
    .optional(),
});

/** The host without brackets. Call it only with what the schema has taken. */
export function readListen(listen: string): { readonly host: string; readonly port: number } {
  const parts = LISTEN_SHAPE.exec(listen)?.groups;
  return { host: (parts?.["host"] ?? "").replace(/^\[|\]$/g, ""), port: Number(parts?.["port"]) };
}

// ---------------------------------------------------------------- the whole file

const isTimeZone = (text: string): boolean => {
  try {
    return text === "UTC" || new Intl.DateTimeFormat("en", { timeZone: text }) !== undefined;
  } catch {
    return false; // RangeError is how Intl says no
  }
};

export const fileSchema = z.strictObject({
  stateDir: z
    .string()
    .min(1, "expected a folder")
    .refine((text) => !text.startsWith("~"), `~ is not expanded here, expected a whole path or \${HOME}/…`)
    .describe("Folder for the database and the instance lock. Relative to this file's folder.")
    .prefault("./state"),
  timezone: z
    .string()
    .refine(isTimeZone, "unknown time zone, expected an IANA name such as UTC, Europe/Berlin or Asia/Shanghai")
    .describe("Time zone of the times in messages, an IANA name. Polls run in UTC.")
    .prefault("UTC"),
  language: z.enum(LANGUAGES).describe("Language of the alerts.").prefault("en"),
  exchange: exchange.nullish().describe("How requests to the exchange are made."),
  requireReadOnlyKey: flag()
    .describe("Refuse to run with an API key that may trade, borrow, transfer or withdraw.")
    .prefault(false),
  ...readingKeys,
  accounts: z
    .record(name, account)
    .refine((accounts) => Object.keys(accounts).length > 0, "expected at least one account")
    .describe("The accounts to watch, one per API key. The name is what alerts say."),
  rules: z
    .record(name, rule)
    .refine(
      (rules) => Object.keys(rules).length > 0,
      "an empty set would watch nothing; leave `rules` out for the built-in set",
    )
    .nullish()
    .describe("What to watch for. Left out: the built-in set."),
  watchdog: watchdog.nullish().describe("Alerts about the data itself. Cannot be turned off."),
  notifiers: z
    .record(name, z.looseObject({}))
    .refine((notifiers) => Object.keys(notifiers).length > 0, "expected at least one notifier")
    .describe("The channels on which people are told."),
  routes: z
    .array(route)
    .nullish()
    .describe("Which alerts go where; the first match wins. Left out: everything to every notifier."),
  http: http.nullish().describe("The address of /healthz. Left out: off."),
});

/** What can be said of a file that has mistakes: everything may be missing. Made only when it is needed. */
export const draftSchema = () => z.deepPartial(fileSchema);

export type Draft = z.output<ReturnType<typeof draftSchema>>;
export type File = z.output<typeof fileSchema>;
export type Exchange = z.output<typeof exchange>;
export type Account = z.output<typeof account>;
export type Rule = z.output<typeof rule>;
export type Watchdog = z.output<typeof watchdog>;
export type Route = z.output<typeof route>;
export type Http = z.output<typeof http>;

export const exchangeDefaults = (): Exchange => exchange.parse({});
export const watchdogDefaults = (): Watchdog => watchdog.parse({});
