// What goes on between the polls, in the real program: public prices and a faster schedule hasten them, interest rates are read beside
// them. By the schedule polls are half a day apart where nothing else is said: all but the first were brought forward.
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { encodeRates, hourOf, rateKey } from "../src/core/interest-median.ts";
import { systemClock } from "../src/lib/clock.ts";
import { bookOf, crossBook, holding } from "../src/sim/book.ts";
import { makeStateDir } from "../src/store/folder.ts";
import { openStore } from "../src/store/sqlite.ts";
import { API_KEY, CROSS, keyed, PRICES, RATES, type Seen, shortestGapMs } from "./support/exchange.ts";
import { accountAt, pricesAt } from "./support/priced.ts";
import { untilTrue } from "./support/server.ts";
import { startTrader } from "./support/trader.ts";
import { fromEnv, storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();
const OFF = { flows: false, transfers: false, delistings: false, interest: false, watchdog: { staleAfter: "13h" } };
const OFTEN = { prices: { every: "1s" } };
const TWICE_A_DAY = "0 0 */12 * * *";
const account = { apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), poll: TWICE_A_DAY, isolated: "none" };

vi.setConfig({ testTimeout: 30_000 });

const asked = (path: string): readonly Seen[] => world.now.exchange.seen.filter((request) => request.path === path);
/** Prices were read so often from now on: that long, in seconds, nothing else needs to happen. */
async function untilPrices(count: number): Promise<void> {
  const before = asked(PRICES).length;
  await untilTrue(() => asked(PRICES).length >= before + count);
}

describe("between two polls", () => {
  test("a price that crashes has the account read within seconds, also right after a start; its answer is what opens the alert", async () => {
    const book = bookOf({ cross: crossBook([holding("BTC", { free: 2 }), holding("USDT", { borrowed: 8_000 })]) });
    await using trader = await startTrader(book, 8_000);
    world.writeConfig({
      exchange: { baseUrl: trader.simulator.url, ...OFTEN },
      accounts: { main: account },
      rules: { level: { on: "cross", field: "marginLevel", below: { critical: 1.3 } } },
      ...OFF,
    });
    await using _margind = world.daemon();
    const prices = () => trader.simulator.requests.filter(({ path }) => path === PRICES).length;
    await untilTrue(() => trader.polls().length > 0 && prices() > 1);
    const crashMs = systemClock.monoMs();
    trader.setBitcoin(5_000);
    await untilTrue(() => world.now.slack.posts.length === 1);
    const polledMs = trader.polls().at(-1) ?? 0;
    expect(polledMs - crashMs).toBeGreaterThan(0);
    expect(polledMs - crashMs).toBeLessThan(8_000);
    expect(world.texts()[0]).toContain("CRITICAL · main · cross margin level 1.25 (below 1.30)");
  });

  test("prices that lie open nothing, and storm nothing: at most one poll a second", async () => {
    const { answers } = world.now.account;
    const bitcoin = 6_502; // a level just above the rung, and every read of prices takes it below
    let reads = 0;
    answers[PRICES] = (request) => pricesAt(bitcoin * (1 - 0.0005 * reads++))(request);
    answers[CROSS] = accountAt(bitcoin);
    world.writeConfig({
      exchange: { baseUrl: world.now.exchange.url, ...OFTEN },
      accounts: { main: account },
      rules: { level: { on: "cross", field: "marginLevel", below: { critical: 1.3 } } },
      ...OFF,
    });
    await using margind = world.daemon();
    await untilTrue(() => asked(CROSS).length >= 4); // that of the start, and three that were brought forward
    await untilPrices(1);
    expect(margind.err().split("a rung is crossed: polling").length).toBeGreaterThan(3);
    expect(shortestGapMs(asked(CROSS).slice(1))).toBeGreaterThan(700); // a second, but for what the lane held one of them up
    expect(world.texts()).toEqual([]);
  });
});

test("while something fires the polls are dense, and sparse when it is over; no two requests come too near", async () => {
  const { answers } = world.now.account;
  answers[PRICES] = pricesAt(6_200);
  answers[CROSS] = accountAt(6_200);
  const urgent = { ...account, pollWhenFiring: "* * * * * *" };
  world.writeConfig({ exchange: { baseUrl: world.now.exchange.url, ...OFTEN }, accounts: { main: urgent }, ...OFF });
  await using _margind = world.daemon();
  await untilTrue(() => world.now.slack.posts.length === 1 && asked(CROSS).length >= 3);
  answers[PRICES] = pricesAt(10_000);
  answers[CROSS] = accountAt(10_000);
  await untilTrue(() => world.now.slack.posts.length === 2);
  expect(world.texts()[1]).toContain("RESOLVED · main · cross margin level 2.00");
  await untilPrices(1);
  const dense = asked(CROSS).length;
  await untilPrices(2);
  expect(asked(CROSS).length - dense).toBeLessThanOrEqual(1); // of the schedule, if its time is just now
  expect(shortestGapMs(keyed(world.now.exchange.seen))).toBeGreaterThanOrEqual(500);
});

test("an interest rate far above its median is told once, over a kill -9, and ends when it falls", async () => {
  const book = bookOf({ cross: crossBook([holding("BTC", { free: 2 }), holding("USDT", { borrowed: 5_000 })]) });
  await using trader = await startTrader(book, 8_000);
  world.writeConfig({
    exchange: { baseUrl: trader.simulator.url },
    accounts: { main: { ...account, poll: "*/2 * * * * *" } },
    ...OFF,
    interest: { poll: "* * * * * *", times: 3 },
  });
  const hour = hourOf(systemClock.wallMs());
  const samples = new Map(Array.from({ length: 30 }, (_, index) => [hour - 1 - index, 0.000004] as const));
  const stateDir = join(world.now.home.folder, "state");
  makeStateDir(stateDir);
  const { store } = openStore(stateDir, {
    ...{ clock: systemClock, onUnreadable: () => undefined, onDisk: () => undefined },
  });
  store.setFact("rates.main", encodeRates(new Map([[rateKey("USDT", false), { samples, frozenRate: undefined }]])));
  store.close();
  trader.setRate("USDT", 0.00002);
  {
    await using first = world.daemon();
    await untilTrue(() => storedDeliveries(first) === 3);
    expect(world.texts()[0]).toMatch(/WARNING · main · interest of USDT is 5\.0 × its usual rate/);
    expect(world.texts()[0]).toMatch(/What you owe costs 2\.40 USDT a day instead of 0\.48/);
    first.kill("SIGKILL");
    await first.exited;
  }
  await using _second = world.daemon();
  const reads = () => trader.simulator.requests.filter(({ path }) => path === RATES).length;
  const before = reads();
  await untilTrue(() => reads() > before); // it is as high as before
  trader.setRate("USDT", 0.000005);
  await untilTrue(() => world.now.slack.posts.length === 2);
  expect(world.texts()[1]).toMatch(/RESOLVED · main · interest of USDT is down to 1\.\d+ × its usual rate/);
});
