// Prices are read while somebody needs them, told while they are fresh, and their failures are said once and touch nothing else.

import { expect, test } from "vitest";
import { BARS_3X, balance, cross, debtFree, emptyPair, FETUSDT, isolated, observe } from "../test/support/answers.ts";
import { createTestClock, type TestClock } from "../test/support/clock.ts";
import type { Read } from "./core/history.ts";
import type { Prices } from "./core/market.ts";
import type { Failure } from "./core/ports.ts";
import { usdtPrice } from "./core/usdt-price.ts";

import type { Log } from "./lib/log.ts";
import { createPriceFeed, neededFor, type PriceFeedParts } from "./prices.ts";

const EVERY_MS = 5_000;
const MINUTE = 60_000;
/** What the exchange has, in the order of the letters. */
const MARKET = { BTCUSDT: 10_000, ETHBTC: 0.05, ETHUSDT: 500, EURUSDT: 1.1, FETUSDT: 0.6, SOLETH: 0.02, SOLUSDC: 10 };

type Reply = Read<Prices> | "slow";
const fails = (code: Failure["code"], over: Partial<Failure> = {}): Read<Prices> => ({
  ok: false,
  failure: { code, detail: "in a test", ...over },
});

/** An exchange that answers from `market`, unless the test says otherwise. */
function world(
  over: Partial<PriceFeedParts> = {},
  { names = ["BTC"], first }: { names?: readonly string[]; first?: (wallMs: number) => Reply } = {},
) {
  const clock = createTestClock();
  const startMs = clock.monoMs();
  const market = new Map<string, number>(Object.entries(MARKET));
  const needed = new Set<string>(names);
  const reads: string[] = [];
  const logged: string[] = [];
  const told: Prices[] = [];
  const stopping = new AbortController();
  let reply: (list: readonly string[] | undefined) => Reply | undefined = () => first?.(clock.wallMs());
  const say = (level: string) => (_: object, text: string) => void logged.push(`${level}: ${text}`);
  const log: Log = { trace() {}, debug() {}, info: say("info"), warn: say("warn"), error: say("error") };
  const answer = (list: readonly string[] | undefined): Read<Prices> => {
    if (list === undefined) return { ok: true, value: new Map(market) };
    if (list.some((symbol) => !market.has(symbol))) return fails("bad_response", { exchangeCode: -1121 });
    return { ok: true, value: new Map(list.map((symbol) => [symbol, market.get(symbol) ?? 0])) };
  };
  const reader = {
    async prices(list: readonly string[] | undefined, signal: AbortSignal): Promise<Read<Prices>> {
      reads.push(`${(clock.monoMs() - startMs) / 1000} ${list?.join(",") ?? "all"}`);
      const special = reply(list);
      if (special !== "slow") return special ?? answer(list);
      await clock.sleep(20_000, signal).catch(() => undefined);
      return answer(list);
    },
  };
  const onPrices = (prices: Prices) => void told.push(prices);
  const feed = createPriceFeed({ reader, everyMs: EVERY_MS, needed: () => needed, onPrices, clock, log, ...over });
  let hasEnded = false;
  const ended = feed.run(stopping.signal).then(() => {
    hasEnded = true;
  });
  return {
    clock,
    market,
    needed,
    logged,
    told,
    feed,
    ended,
    stop: () => stopping.abort(new Error("the test is over")),
    hasEnded: () => hasEnded,
    replyWith: (next: typeof reply) => {
      reply = next;
    },
    /** What was read since the last call: seconds and symbols. */
    reads: () => reads.splice(0),
  };
}

const settled = async (clock: TestClock, ms: number) => {
  await clock.advance(ms);
  await clock.settle();
};

// ---------------------------------------------------------------- what is read

test("all first, then what is needed every few seconds, and all again every ten minutes", async () => {
  const { clock, reads } = world();
  await settled(clock, 12_000);
  expect(reads()).toEqual(["0 all", "5 BTCUSDT", "10 BTCUSDT"]);
  await settled(clock, 10 * MINUTE);
  expect(reads().filter((line) => line.endsWith("all"))).toEqual(["600 all"]);
});

test("nothing is read while nobody needs anything, but once at the start", async () => {
  const { clock, reads, needed } = world();
  needed.clear();
  await settled(clock, 30 * MINUTE);
  expect(reads()).toEqual(["0 all"]);
  needed.add("ETH");
  await settled(clock, 2 * EVERY_MS);
  expect(reads().map((line) => line.split(" ")[1])).toEqual(
    ["all", "BTCUSDT,ETHBTC,ETHUSDT"].slice(0, 1).concat("BTCUSDT,ETHUSDT"),
  );
});

test("all are read when something is needed that was not before, once", async () => {
  const { clock, reads, needed } = world();
  await settled(clock, EVERY_MS);
  needed.add("NOBODY").add("EUR");
  await settled(clock, 3 * EVERY_MS);
  needed.delete("NOBODY");
  await settled(clock, EVERY_MS);
  needed.add("NOBODY");
  await settled(clock, EVERY_MS);
  expect(reads()).toEqual([
    "0 all",
    "5 BTCUSDT",
    "10 all",
    "15 BTCUSDT,EURUSDT",
    "20 BTCUSDT,EURUSDT",
    "25 BTCUSDT,EURUSDT",
    "30 BTCUSDT,EURUSDT",
  ]);
});

test("what is needed since the question was asked is new, though the answer came later", async () => {
  const { clock, reads, needed, market } = world();
  needed.add("NEW"); // the first read is out
  market.set("NEWUSDT", 1);
  await settled(clock, 2 * EVERY_MS);
  expect(reads()).toEqual(["0 all", "5 all", "10 BTCUSDT,NEWUSDT"]);
});

test.each([
  ["its own pair", "ETH", "BTCUSDT,ETHUSDT"],
  ["a pair with another stable coin", "SOL", "BTCUSDT,SOLUSDC"],
  ["the symbol of an isolated pair", "SOLETH", "BTCUSDT,SOLETH"],
  ["the unit itself: bitcoin, which every book needs", "USDT", "BTCUSDT"],
])("a list holds what a price is worked out of: %s", async (_, name, symbols) => {
  const { clock, reads } = world({}, { names: [name] });
  await settled(clock, EVERY_MS);
  expect(reads()).toEqual(["0 all", `5 ${symbols}`]);
});

test("prices of a list are the same as of all, for every asset", async () => {
  const assets = ["BTC", "ETH", "EUR", "FET", "SOL", "USDT", "USDC"];
  const { clock, feed, market } = world({}, { names: assets });
  await settled(clock, 1);
  for (const [symbol, price] of market) market.set(symbol, price * 1.5);
  await settled(clock, EVERY_MS);
  for (const asset of assets) expect(usdtPrice(asset, feed.latest())).toEqual(usdtPrice(asset, market));
});

test("a list that would be too long is not asked for", async () => {
  const { clock, reads, needed, market } = world();
  for (let i = 0; i < 200; i++) {
    needed.add(`C${i}`);
    market.set(`C${i}USDT`, 1);
  }
  await settled(clock, 2 * EVERY_MS);
  expect(reads()).toEqual(["0 all", "5 all", "10 all"]);
  needed.delete("C0");
  await settled(clock, EVERY_MS);
  expect(reads().map((line) => line.split(",").length)).toEqual([200]);
});

// ---------------------------------------------------------------- what is told

test("what was read is told, symbol by symbol the latest, and a map that was handed out stays as it was", async () => {
  const { clock, feed, told, market } = world();
  await settled(clock, 1);
  const first = feed.latest();
  market.set("BTCUSDT", 9_000).set("ETHUSDT", 400);
  await settled(clock, EVERY_MS);
  expect([first?.get("BTCUSDT"), feed.latest()?.get("BTCUSDT"), feed.latest()?.get("ETHUSDT")]).toEqual([
    10_000, 9_000, 500,
  ]);
  expect(told).toEqual([first, feed.latest()]);
});

test("prices are told for 30 s after they were asked for, then not until they are read again", async () => {
  const { clock, feed, replyWith } = world();
  await settled(clock, 1);
  replyWith(() => fails("unreachable"));
  await settled(clock, 29_998);
  expect(feed.latest()).toBeDefined();
  await settled(clock, 1);
  expect(feed.latest()).toBeUndefined();
  replyWith(() => undefined);
  await settled(clock, MINUTE);
  expect(feed.latest()?.get("BTCUSDT")).toBe(10_000);
});

test("after the machine slept nothing is told before prices are read again; a clock set back changes nothing", async () => {
  const { clock, feed } = world();
  await settled(clock, 1);
  clock.stepWall(-600 * MINUTE);
  expect(feed.latest()).toBeDefined();
  clock.stepWall(1_200 * MINUTE);
  expect(feed.latest()).toBeUndefined();
  await settled(clock, EVERY_MS);
  expect(feed.latest()).toBeDefined();
});

test("B13: after the machine slept all are read again, and nothing of the night before is told", async () => {
  const { clock, feed, reads, market } = world();
  await settled(clock, EVERY_MS);
  reads();
  market.set("SOLUSDC", 20).delete("FETUSDT");
  clock.stepWall(600 * MINUTE); // the monotonic clock stood still
  await settled(clock, EVERY_MS);
  expect(reads()).toEqual(["10 all"]);
  expect([feed.latest()?.get("SOLUSDC"), feed.latest()?.has("FETUSDT")]).toEqual([20, false]);
});

test("by the wall clock, too, nothing older than ten minutes is told of symbols that are not needed", async () => {
  const { clock, feed, replyWith } = world();
  await settled(clock, 5 * MINUTE);
  clock.stepWall(5 * MINUTE - 2 * EVERY_MS);
  replyWith((list) => (list === undefined ? fails("unreachable") : undefined));
  await settled(clock, EVERY_MS);
  expect([...(feed.latest()?.keys() ?? [])]).toContain("FETUSDT");
  await settled(clock, EVERY_MS);
  expect([...(feed.latest()?.keys() ?? [])]).toEqual(["BTCUSDT"]);
});

test.each([
  ["for two of them", 20_000, 40_000],
  ["for two of them, two minutes at most", MINUTE, 2 * MINUTE],
  ["for two minutes, and then not before the next", 60 * MINUTE, 2 * MINUTE],
])("where reads are rarer than that, prices are told %s", async (_, everyMs, freshMs) => {
  const { clock, feed, replyWith } = world({ everyMs });
  await settled(clock, 1);
  replyWith(() => fails("unreachable"));
  await settled(clock, freshMs - 2);
  expect(feed.latest()).toBeDefined();
  await settled(clock, 1);
  expect(feed.latest()).toBeUndefined();
});

test("a slow answer is as old as its question, and no second one is asked meanwhile", async () => {
  const { clock, feed, reads, replyWith } = world();
  replyWith((list) => (list === undefined ? undefined : "slow"));
  await settled(clock, EVERY_MS + 20_000);
  replyWith(() => fails("unreachable"));
  expect(reads()).toEqual(["0 all", "5 BTCUSDT"]);
  await settled(clock, 9_999);
  expect(feed.latest()).toBeDefined();
  await settled(clock, 1);
  expect(feed.latest()).toBeUndefined();
});

test("of symbols that are not needed nothing older than ten minutes is told", async () => {
  const { clock, feed, replyWith } = world();
  await settled(clock, 1);
  replyWith((list) => (list === undefined ? fails("unreachable") : undefined));
  await settled(clock, 10 * MINUTE - 2);
  expect([...(feed.latest()?.keys() ?? [])]).toContain("FETUSDT");
  await settled(clock, 1);
  expect([...(feed.latest()?.keys() ?? [])]).toEqual(["BTCUSDT"]);
});

test("nothing is told before the first answer", async () => {
  const { clock, feed, told } = world({}, { first: () => fails("timeout") });
  await settled(clock, MINUTE);
  expect([feed.latest(), told]).toEqual([undefined, []]);
});

// ---------------------------------------------------------------- failures

test("a list with a symbol that is gone is refused: all are read at once, then lists again without it", async () => {
  const { clock, reads, market, logged } = world({}, { names: ["BTC", "ETH"] });
  await settled(clock, EVERY_MS);
  market.delete("ETHUSDT");
  await settled(clock, 2 * EVERY_MS);
  expect(reads()).toEqual(["0 all", "5 BTCUSDT,ETHUSDT", "10 BTCUSDT,ETHUSDT", "10 all", "15 BTCUSDT,ETHBTC"]);
  expect(logged).toEqual([]);
});

test("when lists are refused again and again, all are read instead, and no list is tried any more", async () => {
  const { clock, reads, replyWith, logged } = world();
  replyWith((list) => (list === undefined ? undefined : fails("bad_response")));
  await settled(clock, 4 * EVERY_MS);
  expect(reads()).toEqual(["0 all", "5 BTCUSDT", "5 all", "10 BTCUSDT", "10 all", "15 all", "20 all"]);
  await settled(clock, 60 * MINUTE);
  expect(reads().filter((line) => !line.endsWith("all"))).toEqual([]);
  expect(logged).toEqual([]);
});

test("lists that are refused long after each other are two symbols that went", async () => {
  const { clock, reads, market } = world({}, { names: ["BTC", "ETH", "EUR"] });
  await settled(clock, EVERY_MS);
  market.delete("ETHUSDT");
  await settled(clock, 2 * EVERY_MS);
  market.delete("EURUSDT");
  await settled(clock, 2 * EVERY_MS);
  expect(reads().at(-1)).toBe("25 BTCUSDT,ETHBTC");
});

test("a failure is said once and asked again ever more rarely, at most a minute apart; its end is said once", async () => {
  const { clock, reads, replyWith, logged } = world();
  await settled(clock, 1);
  replyWith(() => fails("unavailable"));
  await settled(clock, 5 * MINUTE);
  const atS = reads().map((line) => Number(line.split(" ")[0]));
  expect(atS).toEqual([0, 5, 10, 15, 23, 39, 71, 131, 191, 251]);
  expect(logged).toEqual(["warn: prices cannot be read (unavailable: in a test); alerts do without them"]);
  replyWith(() => undefined);
  await settled(clock, 2 * MINUTE);
  expect(logged.slice(1)).toEqual(["info: prices are read again"]);
  reads();
  await settled(clock, 2 * EVERY_MS);
  expect(reads()).toHaveLength(2);
  replyWith(() => fails("unavailable"));
  await settled(clock, 3 * EVERY_MS);
  expect(reads()).toHaveLength(3); // the first waits are short again
});

test("where the exchange wants silence until a time, nothing is asked before it", async () => {
  const { clock, reads, replyWith } = world(
    {},
    { first: (wallMs) => fails("banned", { untilMs: wallMs + 17 * MINUTE + 300 }) },
  );
  await settled(clock, 17 * MINUTE + 299);
  expect(reads()).toEqual(["0 all"]);
  replyWith(() => undefined);
  await settled(clock, 1);
  expect(reads()).toEqual(["1020.3 all"]);
});

test.each([
  ["back", -60 * MINUTE],
  ["forward", 600 * MINUTE],
])("a clock that is set %s makes the silence neither longer nor shorter", async (_, stepMs) => {
  const { clock, reads, replyWith } = world(
    {},
    { first: (wallMs) => fails("rate_limited", { untilMs: wallMs + 30_000 }) },
  );
  await settled(clock, 10_000);
  replyWith(() => undefined);
  clock.stepWall(stepMs);
  await settled(clock, MINUTE);
  expect(reads().slice(0, 2)).toEqual(["0 all", "30 all"]);
});

test("who works with the prices may fail: it is said once, and they are read and told all the same", async () => {
  let isBroken = true;
  const { clock, feed, reads, logged } = world({
    onPrices() {
      if (isBroken) throw new Error("a mistake");
    },
  });
  await settled(clock, 2 * EVERY_MS);
  expect(reads()).toHaveLength(3);
  expect(feed.latest()).toBeDefined();
  isBroken = false;
  await settled(clock, EVERY_MS);
  expect(logged).toEqual([
    "warn: prices cannot be worked with (Error: a mistake); please report this",
    "info: prices can be worked with again",
  ]);
});

test.each([
  ["while it waits", undefined],
  ["while it reads", "slow"],
] as const)("the feed ends with the signal %s", async (_, reply) => {
  const { clock, stop, hasEnded, ended, told, replyWith, reads } = world();
  replyWith((list) => (list === undefined ? undefined : reply));
  await settled(clock, EVERY_MS + 1);
  const before = told.length;
  stop();
  await ended;
  await settled(clock, MINUTE);
  expect([hasEnded(), reads().length, told.length - before]).toEqual([true, 2, 0]);
});

// ---------------------------------------------------------------- what is needed

const shotsOf = (...answers: readonly Parameters<typeof observe>[0][]) =>
  answers
    .flatMap((answer) => observe(answer, { bars: BARS_3X }))
    .map((observation) => ({ observation, prices: undefined }));

test.each<[string, ReturnType<typeof shotsOf>, readonly string[]]>([
  ["nothing", [], []],
  ["a cross account: what is held and owed", shotsOf(cross(1.24)), ["BTC", "USDT"]],
  [
    "what is neither is left out",
    shotsOf(cross(1.24, { assets: [balance("ETH"), balance("BTC", { interest: 1 })] })),
    ["BTC"],
  ],
  ["an account without debt", shotsOf(debtFree()), []],
  ["a pair: its symbol and its legs", shotsOf(isolated([FETUSDT])), ["FET", "FETUSDT", "USDT"]],
  ["a pair without debt", shotsOf(isolated([emptyPair("FETUSDT")])), []],
])("needed: %s", (_, shots, names) => {
  expect([...neededFor(shots)].sort()).toEqual(names);
});
