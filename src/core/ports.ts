// The nouns of margind and what its drivers need from the world: the exchange, the store, the notifiers, the clock.
// The interfaces live here, with their consumers; the adapters implement them and know nothing of each other.
import type { Answer, Bars, Source } from "./answers.ts";
import type { Finding } from "./finding.ts";

export type {
  Answer,
  AssetBalance,
  BarName,
  Bars,
  CrossAnswer,
  IsolatedAnswer,
  PairAnswer,
  PairLeg,
  Source,
} from "./answers.ts";

// ---------------------------------------------------------------- severity and identity

/** The rungs of a ladder, mildest first. */
export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * What an alert is about. `feed` is the data itself: is anything valid still arriving? `daemon` is margind: its disk, its config, its own
 * life. `flow` and `transfer`: rows of the history, of the cross account or of an isolated pair. `asset`: one that is held or owed.
 * `source`: something that the exchange offers to be read.
 */
export type Subject =
  | "cross"
  | `isolated ${string}`
  | "feed"
  | `notifier ${string}`
  | "daemon"
  | "flow"
  | `flow ${string}`
  | "transfer"
  | `transfer ${string}`
  | `asset ${string}`
  | `source ${string}`;

/** In the place of an account, for alerts about margind itself. */
export const OWN_ACCOUNT = "margind";

/** An alert's identity. It is the same over restarts and config reloads, so it holds rule ids and never a hash of the config. */
export interface AlertId {
  readonly account: string;
  readonly subject: Subject;
  readonly rule: string;
}

// ---------------------------------------------------------------- what the exchange answers

/** What one read of a poll came to. A failure is a value: it changes no alert, it only lets the staleness clock run. */
export type ReadResult =
  | { readonly ok: true; readonly atMs: number; readonly answer: Answer }
  | { readonly ok: false; readonly atMs: number; readonly source: Source; readonly failure: Failure };

/** Why the exchange gave no valid answer, in a form that core can put into words. */
export interface Failure {
  readonly code:
    | "unreachable" // no connection, DNS, TLS, reset
    | "timeout" // the absolute deadline over headers and body
    | "unavailable" // 5xx, -1000, -1001, -3044 …: Binance's side
    | "rate_limited" // 429, -1003, 403 of the firewall
    | "banned" // 418
    | "rejected_key" // -2008, -2014, -2015, -1002: key, its address list or its permissions
    | "bad_signature" // -1022: the secret does not belong to the key
    | "clock_skew" // -1021, also after the offset was read again
    | "bad_response"; // not JSON, cut, not of the documented shape, redirect, too large
  /** One clause for a person, without URL, header, key or body: "HTTP 502", "connection refused". */
  readonly detail: string;
  /** Wall time, ms since the epoch, until which nothing of the kind may be asked. Only with rate_limited and banned. */
  readonly untilMs?: number;
  /** Binance's own error number, where it sent one. */
  readonly exchangeCode?: number;
}

/** One API key's margin accounts, as the daemon reads them. */
export interface Exchange {
  readonly account: string;
  /**
   * Starts the reads of one poll, paced in the key's lane, and returns one promise per read; none of them rejects.
   * A batched read (a long list of pairs) is one promise. A source whose read of an earlier poll is still under way is left out.
   */
  poll(signal: AbortSignal): readonly Promise<ReadResult>[];
  /** The bars last read for this account (kept for an hour, last good value on failure, else the defaults 1.5 / 1.3 / 1.1). */
  bars(): Bars;
}

// ---------------------------------------------------------------- what people read

export type TransitionKind = "opened" | "raised" | "lowered" | "reminded" | "resolved" | "ended";

/** One alert inside a message. Plain text in the configured language: adapters escape for their medium. */
export interface Section {
  readonly kind: TransitionKind | "test";
  /** How bad it is now; for resolved: what it was. */
  readonly severity: Severity;
  /** "CRITICAL · main · cross margin level 1.24 (below 1.30)" */
  readonly headline: string;
  /** What follows, one sentence or two a line: distance, what to do, since when, age of the data. */
  readonly lines: readonly string[];
  /** "#A1B2-3": incident and number of the transition, so that two people can talk about the same message. */
  readonly ref: string;
}

/** One notification in words, frozen when it is committed: every resend has the same bytes. Worst section first. */
export interface Message {
  /** The loudest kind of its sections: raised and opened before reminded before resolved before lowered. */
  readonly kind: TransitionKind | "test";
  /** The worst severity that still holds; "resolved" when nothing of it holds any more. */
  readonly severity: Severity | "resolved";
  /** The first line. With one section it is that section's headline; with several it counts them. */
  readonly title: string;
  readonly sections: readonly Section[];
  /** Further alerts that are not told in full, as people read it: how many, how bad, which. */
  readonly more: readonly string[];
  /** The alerts behind `more`, worst first, so that a late message can be made of several. */
  readonly moreSections?: readonly Omit<Section, "lines">[] | undefined;
  /** Made of rows that had waited: it stands in their place, and its words are final. */
  readonly isLate?: boolean | undefined;
  /** E-mail subject: the same for the whole conversation, so it names the alert and not its state. */
  readonly subject: string;
}

// ---------------------------------------------------------------- delivery

/** What a channel says when it has accepted a message; kept with the delivery. Slack: { channel, ts }; e-mail: { messageId, response }. */
export type Receipt = Readonly<Record<string, string>>;

/** A message of the same conversation that was delivered before, to be answered or edited. */
export interface Earlier {
  readonly key: string;
  /** Undefined when the receipt is no longer kept: then the adapter posts a message of its own. */
  readonly receipt: Receipt | undefined;
}

/** One outbox row on its way: one notification for one recipient. */
export interface Delivery {
  /** Idempotency key: 64 hex digits, the same on every attempt. */
  readonly key: string;
  readonly recipient: string;
  /** 1 as long as no copy can be on the other side; from then on the number of the attempt. */
  readonly attempt: number;
  readonly enqueuedAtMs: number;
  readonly message: Message;
  /** The conversation's first message, when this one is not it. */
  readonly root: Earlier | undefined;
  /** Living messages to bring up to date in place, where the medium can. */
  readonly edits: readonly { readonly of: Earlier; readonly message: Message }[];
  /** After payload failures: the plainest form that the medium accepts. */
  readonly plain: boolean;
}

/** One configured channel. */
export interface Notifier {
  readonly name: string;
  /** One outbox row and one worker for each: the Slack channel, every e-mail address. */
  readonly recipients: readonly string[];
  /**
   * Hands one delivery over, one attempt, no retry of its own; the pipeline owns retry.
   * Resolves with the receipt only when the other side has accepted it. Rejects with NotifyError.
   */
  send(delivery: Delivery, signal: AbortSignal): Promise<Receipt>;
  /** Brings earlier messages of the conversation up to date (Slack's living message), after the receipt is stored. Decoration: resolves whatever happens. */
  decorate?(delivery: Delivery, signal: AbortSignal): Promise<void>;
  /**
   * Checks credentials and reachability without sending. Rejects with NotifyError; `refused` means: wrong for good. What it saw
   * beside that is handed to `remark`.
   */
  verify(signal: AbortSignal, remark?: (finding: Finding) => void): Promise<void>;
  close(): Promise<void>;
}

/** Why one attempt failed; `kind` tells the pipeline what to do. */
export class NotifyError extends Error {
  override readonly name = "NotifyError";
  /**
   * - not_sent: surely not delivered (refused connection, 429, 4xx reply of a mail server): retry, the channel backs off.
   * - ambiguous: may have been delivered (timeout or reset after writing, 5xx): retry with the same key.
   * - refused: the channel is broken until someone mends it (token, channel, password): keep the row, retry slowly.
   * - payload: this very message was refused: retry it in plain form.
   */
  readonly kind: "not_sent" | "ambiguous" | "refused" | "payload";
  /** Least wait that the other side asked for, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: NotifyError["kind"], message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

// ---------------------------------------------------------------- time

/** Injected, so that tests and the fault simulator own time. */
export interface Clock {
  /** Wall time, ms since the epoch. May step. For stamps only. */
  wallMs(): number;
  /** Monotonic ms from an arbitrary start. For every duration. */
  monoMs(): number;
  /** Resolves after at least `ms` of monotonic time (any size: longer than 2^31 ms too); rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

// ---------------------------------------------------------------- the store

/** One delivery to be kept until it is accepted. */
export interface NewRow {
  /** Idempotency key: 64 hex digits, from the notification and the recipient. A key that is there already is not added again. */
  readonly key: string;
  readonly notifier: string;
  readonly recipient: string;
  /** Incidents that it tells of; rows that share one are delivered in order. */
  readonly incidents: readonly string[];
  readonly message: Message;
  /** Key of the conversation's first row for this recipient; null when this is it. */
  readonly rootKey: string | null;
  readonly edits: readonly { readonly key: string; readonly message: Message }[];
  readonly enqueuedAtMs: number;
}

export interface OutboxRow extends NewRow {
  /** Order of enqueueing. */
  readonly id: number;
  /** Attempts that failed so far. */
  readonly attempts: number;
  /** Why the last one failed; null before the first failure. */
  readonly error: string | null;
  /** An attempt may have been accepted without our knowing: from then on every attempt has the same bytes, so that copies can collapse. */
  readonly isAmbiguous: boolean;
}

/** What became of one attempt. */
export type Settlement =
  | { readonly kind: "delivered"; readonly atMs: number; readonly receipt: Receipt }
  | { readonly kind: "failed"; readonly error: string; readonly isAmbiguous: boolean };

/** The store failed: full or read-only disk, I/O error, locked for too long. The message is fit for people. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}
