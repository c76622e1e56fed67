// The configuration as the program uses it: parsed, complete (every default filled in) and frozen. load.ts makes it.
import type { Language } from "../core/format.ts";
import type { EventRule, Route, RuleConfig } from "../core/rules/types.ts";
import type { Secret } from "../lib/secret.ts";

export interface AccountConfig {
  readonly name: string;
  readonly apiKey: Secret;
  /** HMAC secret, or a PKCS#8 PEM private key (Ed25519 or RSA). */
  readonly credential: { readonly kind: "hmac" | "pem"; readonly secret: Secret };
  /** Cron expression with seconds. Runs in UTC: a poll must not skip or repeat the hour of a clock change. */
  readonly poll: string;
  /** The same beside it, while something fires or a level comes near a rung; undefined: none. */
  readonly pollWhenFiring: string | undefined;
  readonly cross: boolean;
  readonly isolated: "all" | "none" | readonly string[];
  /** Refuse to run when the key may do more than read. */
  readonly requireReadOnlyKey: boolean;
  /** Undefined, here and below: not read. */
  readonly flows: HistoryConfig | undefined;
  readonly transfers: (HistoryConfig & { readonly allow: readonly string[] }) | undefined;
  readonly delistings: { readonly poll: string } | undefined;
  /** A rate is told when it is above `times` its own median. */
  readonly interest: { readonly poll: string; readonly times: number } | undefined;
  /** Listen to what the exchange pushes. */
  readonly stream: boolean;
}

export interface HistoryConfig {
  /** Cron expression with seconds, in UTC. */
  readonly poll: string;
  /** Isolated pairs whose history is read; all: those that owe, or owed lately. */
  readonly isolated: "all" | "none" | readonly string[];
}

export interface ExchangeConfig {
  readonly baseUrl: string;
  readonly minSpacingMs: number;
  readonly timeoutMs: number;
  readonly recvWindowMs: number;
  readonly weightBudgetPct: number;
  readonly stream: StreamConfig;
  /** Public prices; undefined: not read. */
  readonly prices: { readonly everyMs: number } | undefined;
}

/** Where the streams are: they have moved before, so all of it can be set. */
export interface StreamConfig {
  /** wss:// address of the risk stream, without the listen key. */
  readonly riskUrl: string;
  readonly listenKeyPath: string;
  /** wss:// address of the WebSocket API that takes listen tokens. */
  readonly userUrl: string;
  readonly listenTokenPath: string;
}

/** One channel. `settings` is what the notifier's own schema (beside its adapter) made of the block. */
export interface NotifierConfig {
  readonly name: string;
  readonly type: string;
  readonly settings: unknown;
}

export interface Config {
  /** The file that it came from, as given. */
  readonly file: string;
  /** Absolute; a relative one in the file is relative to the file's folder. */
  readonly stateDir: string;
  readonly timezone: string;
  readonly language: Language;
  readonly exchange: ExchangeConfig;
  readonly accounts: readonly AccountConfig[];
  readonly rules: readonly RuleConfig[];
  /** Those of `rules` that are about rows of the history. */
  readonly eventRules: readonly EventRule[];
  readonly watchdog: {
    readonly staleAfterMs: number;
    readonly heartbeat: { readonly url: Secret; readonly everyMs: number } | undefined;
  };
  readonly notifiers: readonly NotifierConfig[];
  /** Empty: everything to every notifier. */
  readonly routes: readonly Route[];
  readonly http: { readonly host: string; readonly port: number; readonly token: Secret | undefined } | undefined;
  /** What keeps nothing from starting but is worth a line: "margind.yaml:18:13: accounts.main.apiSecret: a secret in …". */
  readonly warnings: readonly string[];
}
