// One account's watch: what a poll of it needs, and whether its key is refused for good.
import type { Holdings } from "./core/delisting.ts";
import { startHealth } from "./core/feed.ts";
import type { HourlyRates } from "./core/interest.ts";
import type { Prices } from "./core/market.ts";
import { type Context, isOfTime } from "./core/observe.ts";
import type { Exchange, ReadResult, Source } from "./core/ports.ts";
import type { FieldName } from "./core/rules/fields.ts";
import { type CycleParts, startTurns } from "./cycle.ts";
import { rememberFlags } from "./flags.ts";
import { startLatest } from "./latest.ts";
import type { Log } from "./lib/log.ts";
import { type AccountMemory, createMemory } from "./memory.ts";
import type { RowsOf } from "./rows.ts";
import { createSources, type Sources } from "./sources.ts";
import { isKeyRefusal } from "./startup.ts";
import type { Teller } from "./tell.ts";

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
  /** The faster schedule while something fires or comes near. */
  readonly pollWhenFiring?: string | undefined;
  /** Interest rates are read, and told when they are above `times` their own median; pairs that owe too. */
  readonly interest?: { readonly poll: string; readonly times: number } | undefined;
  /** Listen to what the exchange pushes. */
  readonly stream?: boolean;
}

interface Slowly {
  readonly poll: string;
  readonly isolated: "all" | "none" | readonly string[];
}

export interface Watch {
  readonly account: WatchedAccount;
  readonly parts: CycleParts;
  /** How every source of this account fares, also those that are not polled. */
  readonly sources: Sources;
  readonly memory: AccountMemory;
  /** Next hourly interest rates, as soon as somebody reads them. */
  readonly rates: { read(isIsolated: boolean): HourlyRates | undefined };
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

/** What is known beside the account's own answers. */
export interface Around {
  /** Fresh public prices, or none. */
  prices(): Prices | undefined;
  /** See CycleParts. */
  readonly started?: Promise<void>;
  /** Of the stored history. */
  readonly rows: RowsOf;
}

const NOTHING_AROUND: Around = { prices: () => undefined, rows: () => ({}) };

export function watchOf(
  account: WatchedAccount,
  exchange: Exchange,
  shared: Teller,
  log: Log,
  around: Around = NOTHING_AROUND,
): Watch {
  const sources: readonly Source[] = [
    ...(account.cross ? ["cross" as const] : []),
    ...(account.isolated === "none" ? [] : ["isolated" as const]),
  ];
  const { ledger, book, clock } = shared;
  for (const source of sources) {
    const okAtMs = ledger.snapshot(account.name)?.okAtMs[source] ?? null;
    ledger.setHealth(account.name, startHealth(source, clock.monoMs(), okAtMs));
  }
  const isIn = (field: FieldName) => !isOfTime(field); // those are in no answer
  const fields = (on: Source) =>
    new Set(book.rules.flatMap((rule) => (rule.on === on && isIn(rule.field) ? rule.field : [])));
  const used: Context["used"] = { cross: fields("cross"), isolated: fields("isolated") };
  const sourceWatch = createSources(shared, account.name);
  const latest = startLatest();
  const rates: Watch["rates"] = { read: () => undefined };
  const memory = createMemory({
    account: account.name,
    rules: book.rules,
    ledger,
    prices: around.prices,
    rates: (isIsolated) => rates.read(isIsolated),
    rows: around.rows,
    log,
  });
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
      memory,
      prices: around.prices,
      ...(around.started && { started: around.started }),
    },
    sources: sourceWatch,
    memory,
    rates,
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
