// The shape of margind.yaml: every key, its type, default and description. What one value must be by itself is said here; what
// values must be to each other is in check.ts, which also runs when the shape is wrong.
// The texts must not repeat the value that they refuse: it may be a secret.
import { createPrivateKey } from "node:crypto";
import { z } from "zod";
import { LANGUAGES } from "../core/format.ts";
import { SEVERITIES } from "../core/ports.ts";
import { duration, flag, httpUrl, number, secretText, secretUrl } from "../lib/zod.ts";
import { readingKeys } from "./readings.ts";
import { rule } from "./rule-keys.ts";
import { oneOrMore, orOff, pairs, symbol } from "./shapes.ts";
import { stream } from "./stream.ts";

export type NotifierSchemas = Readonly<Record<string, z.ZodObject>>;

const NAME_SHAPE = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u;
const name = z
  .string()
  .regex(NAME_SHAPE, "a name has 1 to 64 letters, digits, spaces, dots, _ or -, the first a letter or digit");

// ---------------------------------------------------------------- exchange and accounts

const prices = z.strictObject({
  every: duration({ minMs: 1_000, maxMs: 60_000 })
    .describe("How often they are read. At least 1s, at most 1m: older ones are not worked with.")
    .prefault("5s"),
});

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
  prices: orOff(prices, "{ every: 5s }").describe(
    "Public prices, to see between polls where a level goes. No key is used. false: not read.",
  ),
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
  pollWhenFiring: z
    .string()
    .describe(
      'A faster schedule beside poll, such as "*/2 * * * * *": while something fires, or a level is within 10 % of a rung.',
    )
    .optional(),
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
export const pricesDefaults = (): z.output<typeof prices> => prices.parse({});
export const watchdogDefaults = (): Watchdog => watchdog.parse({});
