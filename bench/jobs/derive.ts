// The work behind the figure `derive`, in a process of its own so that nothing else has warmed or littered it. Polls as the daemon makes
// them, on virtual time and over full tracks, and clocks each part that came after the rules: what is remembered, the picture of whom first,
// the look for the faster schedule, the guess between polls. Then a message, and all that can be derived of everything at once. Prints its
// costs as one line of JSON.
import { parsePrices } from "../../src/binance/market-parse.ts";
import { parseCross, parsePairs } from "../../src/binance/parse.ts";
import { type Advance, advance, applied, type Rulebook, type States } from "../../src/core/advance.ts";
import { announce } from "../../src/core/announce.ts";
import { bookOf } from "../../src/core/calm.ts";
import { whatMoved } from "../../src/core/cause.ts";
import { costPerDay } from "../../src/core/cost.ts";
import { assetDistances, pairDistance } from "../../src/core/distance.ts";
import type { Prices } from "../../src/core/market.ts";
import { section } from "../../src/core/message.ts";
import { isNearRung } from "../../src/core/near.ts";
import { type Context, isOfTime, type Observation, observeCross, observeIsolated } from "../../src/core/observe.ts";
import { pictureOf } from "../../src/core/picture.ts";
import type { Answer, Bars, Source, Subject } from "../../src/core/ports.ts";
import { pairBook, priceBook } from "../../src/core/priced.ts";
import { exposureOf, rank } from "../../src/core/ranking.ts";
import { pairRemedies } from "../../src/core/remedy.ts";
import { builtinRules } from "../../src/core/rules/builtin.ts";
import { compile } from "../../src/core/rules/compile.ts";
import type { RuleConfig } from "../../src/core/rules/types.ts";
import type { Memory, Snapshot } from "../../src/core/store.ts";
import { pairLiquidationLevel, stressLadder } from "../../src/core/stress.ts";
import { encode, KEEP_LONG, KEEP_SHORT, type Keeping, type Point } from "../../src/core/track.ts";
import { waysBack } from "../../src/core/ways.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { createMemory } from "../../src/memory.ts";
import { createPriceFeed, neededFor, type PriceFeed } from "../../src/prices.ts";
import { createReprice } from "../../src/reprice.ts";
import { ASSETS, type LargeBook, largeBook, PAIRS } from "../support/large-book.ts";
import { median, quantile } from "../support/stats.ts";

/** Of one poll, ms. */
export interface Spread {
  readonly median: number;
  readonly p99: number;
}

export interface DeriveCost {
  /** Of both answers. */
  readonly jsonParse: Spread;
  /** All that follows but `all` and the messages. */
  readonly poll: Spread;
  readonly remembered: Spread;
  readonly stored: Spread;
  readonly picture: Spread;
  readonly near: Spread;
  readonly priceParse: Spread;
  readonly reprice: Spread;
  /** A poll where a rule on speed and one on minutes cover every pair too. */
  readonly pollOfSpeed: Spread;
  /** Everything that can be derived, of everything at once. */
  readonly all: Spread;
  /** JSON.parse of both answers beside it. */
  readonly allJsonParse: Spread;
  /** JSON.parse of all public prices. */
  readonly pricesJson: Spread;
  readonly crashMessage: Spread;
  readonly crossSection: Spread;
  readonly restore: Spread;
}

/** Every so often: a poll, and a read of the prices. */
const EVERY_MS = 5_000;
/** More than the hour in which every look is kept: then the tracks are full. */
const WARM_UP = 800;
const ROUNDS = 400;
const SPEED_ROUNDS = 200;
const ALL_ROUNDS = 400;
const MESSAGES = 60;
const RESTORES = 9;
const TURNS = 8;
const BARS: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
const ACCOUNT = "main";
const BEGIN_MS = Date.parse("2026-01-05T00:00:00Z");
const SOURCES: readonly Source[] = ["cross", "isolated"];
const { monoMs } = systemClock;

/** What a user may ask for beyond the built-in rules, and the most that the memory has to do. */
const speedRules: readonly RuleConfig[] = builtinRules
  .filter(({ id }) => id === "cross-level-drop" || id === "cross-time-to-liquidation")
  .map((rule) => ({ ...rule, id: `isolated-${rule.id}`, on: "isolated" }));

// ---------------------------------------------------------------- the desk

/** Full: as it is after weeks. Stored as the daemon stores it. */
function fullTracks(): readonly Memory[] {
  const subjects: readonly Subject[] = [
    "cross",
    ...Array.from({ length: PAIRS }, (_, index): Subject => `isolated C${index}USDT`),
  ];
  const [long, short] = [bodyOf(KEEP_LONG), bodyOf(KEEP_SHORT)];
  return subjects.map((subject) => {
    return { account: ACCOUNT, subject, kind: "track", body: subject === "cross" ? long : short };
  });
}

function bodyOf({ tiers, keepMs }: Keeping): string {
  const points: Point[] = [];
  for (let ageMs = keepMs; ageMs > 0; ) {
    const stepMs = tiers.findLast(({ fromMs }) => ageMs > fromMs)?.stepMs ?? EVERY_MS;
    points.push({ atMs: BEGIN_MS - ageMs, level: 1.3 + Math.sin(ageMs / 1e7) / 50, distancePct: 22 });
    ageMs -= Math.max(60_000, stepMs); // one a minute at most is stored
  }
  return encode({ points, debtSinceMs: BEGIN_MS - keepMs });
}

const tracks = fullTracks();
const books: readonly LargeBook[] = Array.from({ length: TURNS }, (_, turn) => largeBook(turn));
const crash = largeBook(0, 24);
const rates = new Map(
  [...parsePrices(JSON.parse(crash.pricesText)).keys()].map((symbol) => [symbol.replace(/USDT$/, ""), 0.000005]),
).set("USDT", 0.000006);

function bookOfRules(configs: readonly RuleConfig[]): Rulebook {
  const rules = configs.flatMap((config) => compile(config) ?? []);
  return { rules, routes: [], notifiers: ["desk"], maxGapMs: 30_000 };
}

function openDesk(configs: readonly RuleConfig[]) {
  const book = bookOfRules(configs);
  const { rules } = book;
  const fields = (on: Source) =>
    new Set(rules.flatMap(({ on: of, field }) => (of === on && !isOfTime(field) ? field : [])));
  const used: Context["used"] = { cross: fields("cross"), isolated: fields("isolated") };
  let states: States = new Map();
  let snapshot: Snapshot | undefined;
  /** The read of prices that goes on. */
  let now = { book: crash, atMs: BEGIN_MS, lap: (_: Part) => {} };
  let turn = { isDue: Promise.withResolvers<void>(), isRead: Promise.withResolvers<void>() };
  const ledger = { memories: () => tracks };
  const memory = createMemory({
    account: ACCOUNT,
    rules,
    ledger,
    prices: () => feed.latest(),
    rates: () => rates,
    rows: () => ({}),
    log: silentLog,
  });
  const bars = () => BARS;
  const feed: PriceFeed = createPriceFeed({
    reader: {
      async prices() {
        const body: unknown = JSON.parse(now.book.pricesText);
        now.lap("pricesJson");
        const value = parsePrices(body);
        now.lap("priceParse");
        return { ok: true, value };
      },
    },
    everyMs: EVERY_MS,
    needed: () => neededFor(memory.shots()),
    onPrices: (prices) => reprice.look(prices),
    clock: {
      monoMs: () => now.atMs,
      wallMs: () => now.atMs,
      sleep() {
        turn.isRead.resolve();
        turn = { isDue: Promise.withResolvers(), isRead: Promise.withResolvers() };
        return turn.isDue.promise;
      },
    },
    log: silentLog,
  });
  const reprice = createReprice({
    accounts: () => [{ name: ACCOUNT, shots: memory.shots, rules, bars, pollSoon: () => undefined }],
    clock: systemClock,
    log: silentLog,
  });

  const observe = (crossBody: unknown, pairsBody: unknown, atMs: number) => {
    const indebted = new Set(snapshot?.known.map(({ subject }) => subject));
    const context: Context = { account: ACCOUNT, atMs, bars: BARS, used, indebted };
    const cross = parseCross(crossBody);
    const isolated = { source: "isolated", asked: "all", pairs: parsePairs(pairsBody) } as const;
    const answers: readonly Answer[] = [cross, isolated];
    return { answers, observations: [observeCross(cross, context), ...observeIsolated(isolated, context)] };
  };
  const move = (observations: readonly Observation[], nowMs: number): Advance =>
    advance(observations, {
      states,
      book,
      bars: BARS,
      nowMs,
      known: () => undefined,
      insight: memory.insight,
    });

  /** A poll and a read of prices, each part clocked. */
  const poll = async (large: LargeBook, nowMs: number) => {
    const [clocked, lap] = laps();
    const { crossText, pairsText } = large;
    now = { book: large, atMs: nowMs, lap };
    const { isRead } = turn;
    if (snapshot === undefined) void feed.run(new AbortController().signal);
    else turn.isDue.resolve();
    await isRead.promise;
    lap("reprice");
    const bodies: readonly unknown[] = [JSON.parse(crossText), JSON.parse(pairsText)];
    lap("jsonParse");
    const { answers, observations: plain } = observe(bodies[0], bodies[1], nowMs);
    lap("before");
    const observations = memory.enrich(plain, BARS, nowMs);
    lap("remembered");
    const { changes, situations } = move(observations, nowMs);
    const after = applied(states, changes);
    lap("before");
    const results = answers.map((answer) => ({ ok: true, atMs: nowMs, answer }) as const);
    const look = { account: ACCOUNT, sources: SOURCES, before: snapshot, states: after, observations, results };
    snapshot = pictureOf({ ...look, prices: feed.latest() });
    lap("picture");
    memory.due(changes, nowMs);
    states = after;
    memory.keep(changes, nowMs);
    lap("stored");
    // What isUrgent does while nothing fires or is near: it goes through all of them.
    for (const { observation } of memory.shots()) isNearRung(observation, rules, BARS);
    lap("near");
    return { clocked, observations, situations };
  };
  return { book, memory, observe, move, poll, states: () => states, prices: feed.latest };
}

type Part =
  | "pricesJson"
  | "priceParse"
  | "reprice"
  | "jsonParse"
  | "before"
  | "remembered"
  | "picture"
  | "stored"
  | "near";
const COUNTED: readonly Part[] = ["priceParse", "reprice", "remembered", "picture", "stored", "near"];

function laps(): readonly [ReadonlyMap<Part, number>, (part: Part) => void] {
  const clocked = new Map<Part, number>();
  let lastMs = monoMs();
  const lap = (part: Part) => {
    const nowMs = monoMs();
    clocked.set(part, (clocked.get(part) ?? 0) + nowMs - lastMs);
    lastMs = monoMs();
  };
  return [clocked, lap];
}

const spread = (values: readonly number[]): Spread => ({ median: median(values), p99: quantile(values, 0.99) });

function clockedMs(work: () => unknown): number {
  const startMs = monoMs();
  work();
  return monoMs() - startMs;
}

/** As of another poll: what was worked out of the answer before says nothing of this one. */
const afresh = (observations: readonly Observation[]): readonly Observation[] =>
  observations.map((observation) => ({ ...observation, source: observation.source && { ...observation.source } }));

const spreadOf = (rounds: number, work: () => void): Spread =>
  spread(Array.from({ length: rounds }, () => clockedMs(work)).slice(rounds / 3));

// ---------------------------------------------------------------- polls

async function polls(configs: readonly RuleConfig[], rounds: number) {
  const desk = openDesk(configs);
  const all: Awaited<ReturnType<typeof desk.poll>>[] = [];
  for (let nth = 0; nth < WARM_UP + rounds; nth++) {
    const round = await desk.poll(books[nth % TURNS] ?? crash, BEGIN_MS + nth * EVERY_MS);
    if (nth >= WARM_UP) all.push(round);
  }
  const clocked = all.map((round) => round.clocked);
  const of = (...parts: readonly Part[]) =>
    spread(clocked.map((laps) => parts.reduce((sum, part) => sum + (laps.get(part) ?? 0), 0)));
  const observations = all.at(-1)?.observations ?? [];
  if (observations.filter(({ hasDebt }) => hasDebt).length !== PAIRS + 1) throw new Error("not everything owes");
  return { desk, of, observations };
}

// ---------------------------------------------------------------- all that can be derived

function deriveAll(observations: readonly Observation[], earlier: readonly Observation[], prices: Prices | undefined) {
  let found = 0;
  const exposures = observations.flatMap((observation, place) => {
    const { source } = observation;
    const before = earlier[place];
    if (source === undefined) return [];
    if ("source" in source) {
      const book = priceBook(source, prices);
      if (book?.isTrusted !== true || book.assets.length !== ASSETS) throw new Error("the cross book is not trusted");
      found += assetDistances(book, BARS.forceLiquidationBar).length;
      found += stressLadder(book).rises.length + waysBack(book, source, { bars: BARS, target: 1.53 }).length;
    } else {
      const book = pairBook(source);
      if (book === undefined) throw new Error(`no book of ${source.symbol}`);
      found += pairDistance(source) === undefined ? 0 : 1;
      found += stressLadder(book).falls.length + (pairLiquidationLevel(source, book) ?? 0);
      found += pairRemedies(source, 20)?.add === undefined ? 0 : 1;
    }
    const [was, now] = [before && bookOf(before, prices), bookOf(observation, prices)];
    if (was !== undefined && now !== undefined) found += whatMoved(was, now).kind === "moved" ? 1 : 0;
    found += costPerDay(source, prices, rates)?.value ?? 0;
    return exposureOf(observation, prices) ?? [];
  });
  found += rank(exposures).length;
  if (!(found > 3 * PAIRS)) throw new Error("little was derived");
}

// ---------------------------------------------------------------- the run

const { desk, of, observations } = await polls(builtinRules, ROUNDS);
const speed = await polls([...builtinRules, ...speedRules], SPEED_ROUNDS);
const before = desk.observe(JSON.parse(crash.crossText), JSON.parse(crash.pairsText), BEGIN_MS).observations;
// In turns, so that whatever else the machine does meanwhile weighs on both.
const allRounds = Array.from({ length: ALL_ROUNDS }, (_, nth) => {
  const { crossText, pairsText } = books[nth % TURNS] ?? crash;
  const parseMs = clockedMs(() => [JSON.parse(crossText), JSON.parse(pairsText)]);
  const now = afresh(observations);
  return { parseMs, deriveMs: clockedMs(() => deriveAll(now, before, desk.prices())) };
}).slice(ALL_ROUNDS / 4);

const nowMs = BEGIN_MS + (WARM_UP + ROUNDS) * EVERY_MS;
const fallen = desk.observe(JSON.parse(crash.crossText), JSON.parse(crash.pairsText), nowMs).observations;
const told = desk.memory.enrich(fallen, BARS, nowMs);
const locale = { timezone: "UTC", language: "en" } as const;
const crashMessage = spreadOf(MESSAGES, () => {
  const { changes, situations } = desk.move(afresh(told), nowMs);
  const { book, states } = desk;
  if (situations.length < PAIRS / 2) throw new Error(`only ${situations.length} situations`);
  announce(changes, situations, { book, states: states(), nowMs, locale });
});
const crossOnly = told.filter(({ subject }) => subject === "cross");
const crossSection = spreadOf(MESSAGES * 5, () => {
  for (const situation of desk.move(afresh(crossOnly), nowMs).situations) section(situation, nowMs, locale);
});
const ledger = { memories: () => tracks };
const restoring = {
  account: ACCOUNT,
  rules: desk.book.rules,
  ledger,
  prices: desk.prices,
  rates: () => rates,
  rows: () => ({}),
  log: silentLog,
};
const restore = spreadOf(RESTORES, () => void createMemory(restoring).enrich(crossOnly, BARS, nowMs));

const cost: DeriveCost = {
  jsonParse: of("jsonParse"),
  poll: of(...COUNTED),
  remembered: of("remembered"),
  stored: of("stored"),
  picture: of("picture"),
  near: of("near"),
  priceParse: of("priceParse"),
  reprice: of("reprice"),
  pollOfSpeed: speed.of(...COUNTED),
  all: spread(allRounds.map(({ deriveMs }) => deriveMs)),
  allJsonParse: spread(allRounds.map(({ parseMs }) => parseMs)),
  pricesJson: of("pricesJson"),
  crashMessage,
  crossSection,
  restore,
};
process.stdout.write(`${JSON.stringify(cost)}\n`);
