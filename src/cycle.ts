// One pass over an account: read → observe → rules → lifecycle → commit → deliver. Start reading here.
// A failed or invalid answer changes no alert; it only lets the staleness clock run, and the watchdog makes the same pass once a
// second with nothing read, so that silence is noticed too.
import { type Advance, advance, advanceOwn, applied, type Rulebook, type States, stateKey } from "./core/advance.ts";
import { announce } from "./core/announce.ts";
import { blindness, noteFailure, noteInvalid, noteValid, startHealth } from "./core/feed.ts";
import type { Locale } from "./core/format.ts";
import { endedFact, judgeCalls } from "./core/margin-call.ts";
import type { Prices } from "./core/market.ts";
import { type Context, type Observation, observeCross, observeIsolated, symbolOf } from "./core/observe.ts";
import { pictureOf, withSeverities } from "./core/picture.ts";
import type { Answer, Clock, Exchange, OutboxRow, ReadResult, Source } from "./core/ports.ts";
import type { Known } from "./core/situation.ts";
import { allOf } from "./core/slow.ts";
import { ACCOUNT_SOURCES } from "./core/source-trouble.ts";
import type { FlagMemory } from "./flags.ts";
import type { Latest } from "./latest.ts";
import type { Ledger } from "./ledger.ts";
import type { AccountMemory } from "./memory.ts";
import type { Sources } from "./sources.ts";

export interface CycleParts {
  readonly exchange: Exchange;
  readonly sources: readonly Source[];
  readonly ledger: Ledger;
  readonly book: Rulebook;
  readonly used: Context["used"];
  readonly clock: Clock;
  readonly locale: Locale;
  deliver(rows: readonly OutboxRow[]): void;
  /** Notifiers that get no reminders now: see mutedBy in deliver.ts. */
  muted(): ReadonlySet<string>;
  readonly turns: Turns;
  /** Flags as people know them: their flips are told with the rest. */
  readonly flags?: FlagMemory;
  /** Hears how the account's two sources fare. */
  readonly sourceWatch?: Sources;
  /** How it went until now: falls, causes, the time that is left. */
  readonly memory?: AccountMemory;
  /** Public prices of now, for whom first. */
  prices?(): Prices | undefined;
  /** Resolves when prices were read once, or did not come soon: what is told at a start is to know them. */
  readonly started?: Promise<void>;
  /** Keeps the last valid answers, for who looks at the book between polls. */
  readonly latest?: Latest;
}

/** Polls overlap, and an answer may wait for its companion: so it is known which poll each source was last heard of in. */
export interface Turns {
  last: number;
  readonly heard: Map<Source, number>;
}

export const startTurns = (): Turns => ({ last: 0, heard: new Map() });

const UNUSABLE = "margind could not work with the answer; please report this";
/** Answers that come this soon after each other are one pass, so that what changes together is one message. */
const TOGETHER_MS = 1000;
/** But no answer waits longer than this for another: a slow list of pairs must not hold back the cross account. */
const TOGETHER_MAX_MS = 2000;

export async function runCycle(parts: CycleParts, signal: AbortSignal): Promise<readonly ReadResult[]> {
  const all: ReadResult[] = [];
  parts.turns.last += 1;
  const turn = parts.turns.last;
  for await (const results of together(parts.exchange.poll(signal), parts.clock)) {
    if (parts.started !== undefined) await parts.started;
    if (signal.aborted) break;
    const news = results.filter((result) => isNews(result, turn, parts.turns));
    if (news.length > 0) pass(parts, news);
    all.push(...results);
  }
  return all;
}

/**
 * An answer that was asked for before one that was already taken is history: it must not lower what that one raised. A failure is no news of
 * the account, so it makes nothing old.
 */
function isNews(result: ReadResult, turn: number, { heard }: Turns): boolean {
  const source = result.ok ? result.answer.source : result.source;
  if ((heard.get(source) ?? 0) > turn) return false;
  if (result.ok) heard.set(source, turn);
  return true;
}

/** One pass. Without results it only looks at the clocks. */
export function pass(parts: CycleParts, results: readonly ReadResult[]): void {
  const { exchange, sources, ledger } = parts;
  const before = sources.flatMap((source) => ledger.health(exchange.account, source) ?? []);
  try {
    advanceAll(parts, results);
  } catch (error) {
    // A mistake of ours on this very answer: it must not count as seen, or the account would be watched by nobody and look well.
    for (const health of before) ledger.setHealth(exchange.account, noteInvalid(health, UNUSABLE));
    throw error;
  }
}

function advanceAll(parts: CycleParts, results: readonly ReadResult[]): void {
  const { exchange, ledger, book, clock, locale, memory } = parts;
  const nowMs = clock.wallMs();
  const { account } = exchange;
  const bars = exchange.bars();
  const taken = results.flatMap((result) => take(parts, result));
  const observations = memory?.enrich(taken, bars, nowMs) ?? taken;
  const before = ledger.snapshot(account);
  const known = (_account: string, subject: string) => before?.known.find((item) => item.subject === subject);
  const insight = memory?.insight;
  const scene = { states: ledger.states, book, bars, nowMs, known, ...(insight && { insight }) };
  const seen = advance(observations, scene);
  const states = applied(ledger.states, seen.changes);
  const look = { account, sources: parts.sources, before, states, observations, results, prices: parts.prices?.() };
  const snapshot = results.length === 0 ? undefined : pictureOf(look);
  const flips = parts.flags?.look(observations, book, nowMs);
  const blind = watch(parts, snapshot?.known ?? before?.known ?? [], states, nowMs);
  const called = judgeCalls(observations, scene);
  const moved = allOf([seen, blind, called, ...(flips === undefined ? [] : [flips.advance])]);
  const announcement = announce(moved.changes, moved.situations, {
    book,
    states: ledger.states,
    nowMs,
    locale,
    muted: parts.muted(),
    known: snapshot?.known ?? before?.known ?? [],
  });
  const ended = called.ended.map((name) => endedFact(name, { wallMs: nowMs, monoMs: clock.monoMs() }));
  const facts = [...(flips?.facts ?? []), ...ended];
  const memories = memory?.due(announcement.changes, nowMs) ?? [];
  parts.deliver(ledger.commit(announcement, snapshot, nowMs, { facts, memories }));
  memory?.keep(announcement.changes, nowMs);
  if (flips !== undefined) parts.flags?.keep(flips);
  for (const result of results) heed(parts, result);
}

/** What an answer says of the exchange itself: a source that is gone, a field that is. */
function heed({ sourceWatch, used }: CycleParts, result: ReadResult): void {
  if (result.ok) sourceWatch?.noteAnswer(result.answer, used);
  else sourceWatch?.note(ACCOUNT_SOURCES[result.source], result.failure);
}

/** Notes the health of the source; a valid answer becomes observations. */
function take({ exchange, ledger, used, clock, latest }: CycleParts, result: ReadResult): readonly Observation[] {
  const { account } = exchange;
  const source = result.ok ? result.answer.source : result.source;
  const health = ledger.health(account, source) ?? startHealth(source, clock.monoMs(), null);
  if (!result.ok) {
    ledger.setHealth(account, noteFailure(health, result.failure));
    return [];
  }
  const indebted = new Set((ledger.snapshot(account)?.known ?? []).map(({ subject }) => subject));
  const context: Context = { account, atMs: result.atMs, bars: exchange.bars(), used, indebted };
  const { answer } = result;
  const observations = answer.source === "cross" ? [observeCross(answer, context)] : observeIsolated(answer, context);
  latest?.keep(answer, observations);
  const text = unreadableIn(answer, observations);
  ledger.setHealth(
    account,
    text === undefined ? noteValid(health, clock.monoMs(), result.atMs) : noteInvalid(health, text),
  );
  return observations;
}

/** What of a valid answer could not be used, in words; undefined when all of it could. */
function unreadableIn(answer: Answer, observations: readonly Observation[]): string | undefined {
  if (answer.source === "isolated" && answer.unread !== undefined) {
    const { symbols, failure } = answer.unread;
    return `${symbols.join(", ")}: ${failure.detail}`;
  }
  const bad = observations.find(({ class: kind }) => kind === "INVALID");
  const pair = bad === undefined || bad.subject === "cross" ? "" : `${symbolOf(bad.subject)}: `;
  return bad?.problem?.kind === "field" ? `${pair}${bad.problem.text}` : undefined;
}

/** The feed's own alert: are we blind? */
function watch(
  { exchange, sources, ledger, book, clock }: CycleParts,
  known: readonly Known[],
  states: States,
  nowMs: number,
): Advance {
  const { account } = exchange;
  const healths = sources.flatMap((source) => ledger.health(account, source) ?? []);
  const id = { account, subject: "feed", rule: "blind" } as const;
  const isBlind = states.get(stateKey(account, "feed"))?.has("blind") ?? false;
  const blind = blindness(healths, { monoMs: clock.monoMs(), wallMs: nowMs, staleAfterMs: book.maxGapMs, isBlind });
  const facts = { about: "blind", blindness: blind, known: withSeverities(known, states, account) } as const;
  return advanceOwn(id, blind === undefined ? null : "critical", facts, { states, book, nowMs });
}

/** Groups promises as they settle: each group is what came within TOGETHER_MS of its predecessor. */
async function* together(reads: readonly Promise<ReadResult>[], clock: Clock): AsyncGenerator<readonly ReadResult[]> {
  const settled: ReadResult[] = [];
  let open = reads.length;
  let wake = () => {};
  for (const read of reads) {
    void read.then((result) => {
      settled.push(result);
      open -= 1;
      wake();
    });
  }
  const next = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  while (open > 0 || settled.length > 0) {
    if (settled.length === 0) await next();
    const endMs = clock.monoMs() + TOGETHER_MAX_MS;
    for (let before = -1; open > 0 && before !== settled.length && clock.monoMs() < endMs; ) {
      before = settled.length;
      await soonest(next(), Math.min(TOGETHER_MS, endMs - clock.monoMs()), clock);
    }
    yield settled.splice(0);
  }
}

/** Waits for the promise, at most this long. */
async function soonest(event: Promise<void>, ms: number, clock: Clock): Promise<void> {
  const nap = new AbortController();
  await Promise.race([event, clock.sleep(ms, nap.signal).catch(() => undefined)]);
  nap.abort();
}
