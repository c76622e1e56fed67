// One account's watch: what a poll of it needs, and whether its key is refused for good. Also what happens at a start with another
// config than before: what nobody watches any more ends, and says so.
import { endOrphans, type Rulebook } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import type { Holdings } from "./core/delisting.ts";
import { startHealth } from "./core/feed.ts";
import type { Locale } from "./core/format.ts";
import { type Context, isAsked } from "./core/observe.ts";
import type { AlertId, Exchange, OutboxRow, ReadResult, Source, Subject } from "./core/ports.ts";
import { OWN_RULES, type OwnRule } from "./core/rules/types.ts";
import { type CycleParts, startTurns } from "./cycle.ts";
import { rememberFlags } from "./flags.ts";
import { startLatest } from "./latest.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";
import { createSources, type Sources } from "./sources.ts";
import { isKeyRefusal } from "./startup.ts";

/** What the config says of an account, as far as the watch is concerned. */
export interface WatchedAccount {
  readonly name: string;
  readonly poll: string;
  readonly cross: boolean;
  readonly isolated: "all" | "none" | readonly string[];
  /** What is read beside the polls, and how often; undefined: not at all. */
  readonly flows?: Slowly | undefined;
  readonly transfers?: (Slowly & { readonly allow: readonly string[] }) | undefined;
  readonly delistings?: Pick<Slowly, "poll"> | undefined;
  /** Listen to what the exchange pushes. */
  readonly stream?: boolean;
}

interface Slowly {
  readonly poll: string;
  readonly isolated: "all" | "none" | readonly string[];
}

export type Shared = Pick<CycleParts, "ledger" | "book" | "clock" | "locale" | "deliver" | "muted">;

export interface Watch {
  readonly account: WatchedAccount;
  readonly parts: CycleParts;
  /** How every source of this account fares, also those that are not polled. */
  readonly sources: Sources;
  /** The last valid answers; undefined before the first. */
  latest(): Holdings;
  note(results: readonly ReadResult[]): void;
  /** Resolves after the first poll. */
  readonly polled: Promise<void>;
  /** Resolves after the first valid answer: from then on the exchange's clock is known well enough. */
  readonly seen: Promise<void>;
  /** What the last poll's refusal said. */
  refusal(): string | undefined;
  /** The key was refused for every source, more than once, and never accepted since the start. */
  isRefused(): boolean;
}

/** Once can be a hiccup of the exchange. */
const REFUSALS_MIN = 2;

export function watchOf(account: WatchedAccount, exchange: Exchange, shared: Shared, log: Log): Watch {
  const sources: readonly Source[] = [
    ...(account.cross ? ["cross" as const] : []),
    ...(account.isolated === "none" ? [] : ["isolated" as const]),
  ];
  const { ledger, book, clock } = shared;
  for (const source of sources) {
    const okAtMs = ledger.snapshot(account.name)?.okAtMs[source] ?? null;
    ledger.setHealth(account.name, startHealth(source, clock.monoMs(), okAtMs));
  }
  const fields = (on: Source) => new Set(book.rules.filter((rule) => rule.on === on).map(({ field }) => field));
  const used: Context["used"] = { cross: fields("cross"), isolated: fields("isolated") };
  const sourceWatch = createSources(shared, account.name);
  const latest = startLatest();
  const polled = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  let hasSeen = false;
  let last: readonly ReadResult[] = [];
  let lastFlaw = "";
  /** Refusals of the key in a row. */
  const refusals = new Map<Source, number>();
  return {
    account,
    parts: {
      ...shared,
      exchange,
      sources,
      used,
      turns: startTurns(),
      flags: rememberFlags(ledger, account.name),
      sourceWatch,
      latest,
    },
    sources: sourceWatch,
    latest: latest.holdings,
    polled: polled.promise,
    seen: seen.promise,
    note(results) {
      if (results.length === 0) return; // everything was still being read
      if (!hasSeen && results.some(({ ok }) => ok)) log.info({ account: account.name }, "the first valid answer");
      hasSeen ||= results.some(({ ok }) => ok);
      if (hasSeen) seen.resolve();
      const [now, before] = [failureIn(results), failureIn(last)];
      if (now !== undefined && now !== before) log.warn({ account: account.name }, `a poll failed: ${now}`);
      if (now === undefined && before !== undefined) log.info({ account: account.name }, "polls succeed again");
      last = results;
      const flaw = sources.map((source) => ledger.health(account.name, source)?.invalid ?? "").join("");
      if (flaw !== "" && flaw !== lastFlaw) log.warn({ account: account.name }, `an answer cannot be used: ${flaw}`);
      lastFlaw = flaw;
      for (const result of results) {
        const source = result.ok ? result.answer.source : result.source;
        refusals.set(source, isKeyRefusal(result) ? (refusals.get(source) ?? 0) + 1 : 0);
      }
      polled.resolve();
    },
    refusal: () => failureIn(last),
    isRefused: () => !hasSeen && sources.every((source) => (refusals.get(source) ?? 0) >= REFUSALS_MIN),
  };
}

/** The first failure of a poll, for the log. */
function failureIn(results: readonly ReadResult[]): string | undefined {
  for (const result of results) {
    if (!result.ok) return `${result.failure.code}: ${result.failure.detail}`;
  }
  return undefined;
}

/** Alerts whose rule, account or subject is no longer watched end as such, and people are told. */
export function sayOrphans(
  accounts: readonly WatchedAccount[],
  ledger: Ledger,
  book: Rulebook,
  nowMs: number,
  locale: Locale,
): readonly OutboxRow[] {
  const rules = new Map(book.rules.map((rule) => [rule.id, rule]));
  const isWatched = ({ account, subject, rule }: AlertId): boolean =>
    subject === "daemon" ||
    book.notifiers.some((name) => subject === `notifier ${name}`) ||
    (isWatchedSubject(accounts, account, subject) &&
      (isOwnRule(rule)
        ? isRead(accounts, account, subject, rule)
        : (rules.get(rule)?.coversSubject(subject) ?? false)));
  const { changes, situations } = endOrphans(ledger.alerts(), isWatched, nowMs);
  return ledger.commit(announce(changes, situations, { book, states: ledger.states, nowMs, locale }), undefined, nowMs);
}

type Part = "cross" | "isolated" | "flows" | "transfers" | "delistings";

/** What the config must have read for one of our own alerts to go on. Those that are not here are looked after by every poll. */
const PART_OF: Readonly<Partial<Record<OwnRule, Part>>> = {
  "liquidation-loan": "flows",
  "delist-schedule": "delistings",
  "restricted-asset": "delistings",
};
const PART_OF_SOURCE: Readonly<Record<string, Part>> = {
  "capital flow": "flows",
  "forced liquidations": "flows",
  "liquidation loans": "flows",
  "transfer history": "transfers",
  "delist schedule": "delistings",
  "restricted assets": "delistings",
  "cross account": "cross",
  "isolated pairs": "isolated",
};

const isOwnRule = (rule: string): rule is OwnRule => OWN_RULES.some((own) => own === rule);

/** Would anybody ever notice the end of this alert? */
function isRead(accounts: readonly WatchedAccount[], account: string, subject: Subject, rule: OwnRule): boolean {
  const watched = accounts.find(({ name }) => name === account);
  const part = PART_OF[rule] ?? (subject.startsWith("source ") ? PART_OF_SOURCE[subject.slice(7)] : undefined);
  if (watched === undefined || part === undefined) return true;
  if (part === "cross") return watched.cross;
  const isOfCross =
    subject.startsWith("asset ") || rule === "liquidation-loan" || subject === "source liquidation loans";
  if (isOfCross && !watched.cross) return false;
  return part === "isolated" ? watched.isolated !== "none" : watched[part] !== undefined;
}

/** Does the config cover this subject of this account? `isolated`: any pair; `feed` and the like: the account itself. */
export function isWatchedSubject(
  accounts: readonly WatchedAccount[],
  account: string,
  about: Subject | "isolated",
): boolean {
  const watched = accounts.find(({ name }) => name === account);
  if (watched === undefined) return false;
  const { cross, isolated } = watched;
  if (about === "cross") return cross;
  if (about === "isolated") return isolated !== "none";
  if (!about.startsWith("isolated ")) return true;
  return isolated !== "none" && isAsked(about, isolated);
}
