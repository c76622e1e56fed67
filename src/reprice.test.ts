// A guess that crosses a rung brings the poll of its account forward: once for what was seen, the riskiest account first.
import { expect, test } from "vitest";
import { BARS_3X, balance, cross, debtFree, isolated, longPair, observe } from "../test/support/answers.ts";
import { createTestClock } from "../test/support/clock.ts";
import type { Prices } from "./core/market.ts";
import type { Answer } from "./core/ports.ts";
import { builtinRules } from "./core/rules/builtin.ts";
import { compile } from "./core/rules/compile.ts";
import { silentLog } from "./lib/log.ts";
import type { Shot } from "./memory.ts";
import { createPriceFeed, neededFor } from "./prices.ts";
import { createReprice } from "./reprice.ts";
import { createSooner } from "./sooner.ts";

const rules = builtinRules.flatMap((rule) => compile(rule) ?? []);
const THEN = 10_000;
const at = (price: number, more: Readonly<Record<string, number>> = {}): Prices =>
  new Map(Object.entries({ BTCUSDT: price, ETHUSDT: THEN, SOLUSDT: THEN, ...more }));

/** A pair of a fifth of the debt of `cross`, so much from its liquidation. */
const pairs = (...list: readonly (readonly [symbol: string, awayPct: number])[]): Answer =>
  isolated(list.map(([symbol, awayPct]) => longPair(symbol, awayPct)));

function world(names: readonly string[] = ["main"]) {
  const clock = createTestClock();
  const polls: string[] = [];
  const shots = new Map<string, readonly Shot[]>();
  const accounts = names.map((name) => ({
    name,
    shots: () => shots.get(name) ?? [],
    rules,
    bars: () => BARS_3X,
    pollSoon: () => void polls.push(name),
  }));
  const reprice = createReprice({ accounts: () => accounts, clock, log: silentLog });
  let atMs = 0;
  return {
    clock,
    /** Accounts that were polled for these prices, in order. */
    look(prices: Prices) {
      reprice.look(prices);
      return polls.splice(0);
    },
    /** What a poll saw, at these prices; "none": there were none yet. */
    seen(name: string, answers: readonly Answer[], then: Prices | "none" = at(THEN)) {
      const prices = then === "none" ? undefined : then;
      atMs += 1;
      const observations = answers.flatMap((answer) => observe(answer, { account: name, atMs }));
      shots.set(
        name,
        observations.map((observation) => ({ observation, prices })),
      );
    },
  };
}

test.each<[string, readonly Answer[], Prices, boolean]>([
  ["a cross account that falls onto a rung", [cross(1.4)], at(9_700), true],
  ["a cross account that falls and stays off it", [cross(1.4)], at(9_760), false],
  ["a cross account that rises", [cross(1.2)], at(12_000), false],
  ["a pair that comes nearer than a rung", [pairs(["BTCUSDT", 10.5])], at(9_900), true],
  ["a pair that stays away", [pairs(["BTCUSDT", 10.5])], at(9_960), false],
  ["a pair of another coin", [pairs(["ETHUSDT", 10.5])], at(9_000), false],
  ["an account without debt", [debtFree()], at(5_000), false],
  ["prices that are the same", [cross(1.4)], at(THEN), false],
])("polled or not: %s", (_, answers, prices, isPolled) => {
  const { seen, look } = world();
  seen("main", answers);
  expect(look(prices)).toEqual(isPolled ? ["main"] : []);
});

test("nothing is polled where nothing was seen, or seen without prices", () => {
  const { seen, look } = world();
  expect(look(at(5_000))).toEqual([]);
  seen("main", [cross(1.4)], new Map());
  expect(look(at(5_000))).toEqual([]);
});

test("what was seen is polled for once, and again when the poll brought nothing within five seconds", async () => {
  const { clock, seen, look } = world();
  seen("main", [cross(1.4)]);
  expect(look(at(9_700))).toEqual(["main"]);
  await clock.advance(4_999);
  expect(look(at(9_600))).toEqual([]);
  await clock.advance(1);
  expect(look(at(9_600))).toEqual(["main"]);
  expect(look(at(9_500))).toEqual([]);
});

test("a newer look at prices of its own is asked about anew", () => {
  const { seen, look } = world();
  seen("main", [cross(1.4)]);
  expect(look(at(9_700))).toEqual(["main"]);
  const owed = 45_000 / 9_700;
  const assets = [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: 1.358 * owed })];
  const totals = { totalAssetOfBtc: 1.358 * owed, totalLiabilityOfBtc: owed };
  seen("main", [cross(1.358, { assets, ...totals })], at(9_700)); // past the rung at 1.365, the next one is at 1.3
  expect(look(at(9_690))).toEqual([]);
  expect(look(at(9_200))).toEqual(["main"]);
  expect(look(at(9_200))).toEqual([]);
});

test("another subject of the account that crosses later is asked about by itself", () => {
  const { seen, look } = world();
  seen("main", [cross(1.4), pairs(["ETHUSDT", 10.5])]);
  expect(look(at(9_700))).toEqual(["main"]);
  expect(look(at(9_700, { ETHUSDT: 9_000 }))).toEqual(["main"]);
  expect(look(at(9_700, { ETHUSDT: 9_000 }))).toEqual([]);
});

test("an account with many pairs that cross is asked for once", () => {
  const { seen, look } = world();
  seen("main", [pairs(["BTCUSDT", 10.5], ["ETHUSDT", 10.5], ["SOLUSDT", 10.5])]);
  expect(look(at(9_000, { ETHUSDT: 9_000, SOLUSDT: 9_000 }))).toEqual(["main"]);
});

test("of several accounts the riskiest at the prices of now is first", () => {
  const { seen, look } = world(["small", "far", "near"]);
  seen("small", [pairs(["ETHUSDT", 10.5])]);
  seen("far", [cross(1.4)]);
  seen("near", [cross(1.32)]);
  expect(look(at(9_700, { ETHUSDT: 9_940 }))).toEqual(["near", "far", "small"]);
  seen("small", [pairs(["SOLUSDT", 10.5])]);
  seen("far", [cross(1.4)]);
  seen("near", [cross(1.32)]);
  expect(look(at(9_700, { SOLUSDT: 9_020 }))).toEqual(["small", "near", "far"]);
});

test("only the accounts that cross are polled", () => {
  const { seen, look } = world(["well", "ill"]);
  seen("well", [cross(2)]);
  seen("ill", [cross(1.4)]);
  expect(look(at(9_700))).toEqual(["ill"]);
});

test("read, guessed and polled: a fall between two polls is looked at within one read of prices, and again while polls bring nothing", async () => {
  const clock = createTestClock();
  const startMs = clock.monoMs();
  const stopping = new AbortController();
  const [observation] = observe(cross(1.4), { atMs: 1 });
  if (observation === undefined) throw new Error("nothing observed");
  let price = THEN;
  let kept: readonly Shot[] = [];
  const polledAtMs: number[] = [];
  const poll = async () => polledAtMs.push(clock.monoMs() - startMs) > 0; // it fails: nothing newer is seen
  const sooner = createSooner(poll, () => undefined, clock, stopping.signal);
  const account = { name: "main", shots: () => kept, rules, bars: () => BARS_3X, pollSoon: sooner.poll };
  const reprice = createReprice({ accounts: () => [account], clock, log: silentLog });
  const feed = createPriceFeed({
    reader: { prices: async () => ({ ok: true, value: at(price) }) },
    everyMs: 3_000,
    needed: () => neededFor(kept),
    onPrices: reprice.look,
    clock,
    log: silentLog,
  });
  const ended = feed.run(stopping.signal);
  await clock.settle();
  kept = [{ observation, prices: feed.latest() }];
  await clock.advance(10_000);
  expect(polledAtMs).toEqual([]);
  price = 9_500;
  await clock.advance(20_000);
  expect(polledAtMs).toEqual([12_000, 18_000, 24_000, 30_000]);
  stopping.abort();
  await Promise.all([ended, sooner.idle()]);
});

test("what was seen before there were prices is guessed from the first ones that fit it", () => {
  const { seen, look } = world();
  seen("main", [cross(1.4)], "none");
  expect(look(at(THEN))).toEqual([]);
  expect(look(at(9_700))).toEqual(["main"]);
  seen("main", [cross(1.4), pairs(["ETHUSDT", 10.5])], "none"); // a newer look begins anew
  expect(look(at(9_500))).toEqual([]);
  expect(look(at(9_500, { ETHUSDT: 9_800 }))).toEqual(["main"]);
});

test("first prices that do not fit what was seen are no beginning: nothing is known", () => {
  const { seen, look } = world();
  seen("main", [cross(1.4)], "none");
  expect(look(at(9_000))).toEqual([]);
  expect(look(at(THEN))).toEqual([]);
  expect(look(at(9_700))).toEqual(["main"]);
});
