// What an alert says beside the level, as the real program tells it: how far, what to do, why, how fast, what it costs, how it ended.
import { describe, expect, test, vi } from "vitest";
import { systemClock } from "../src/lib/clock.ts";
import { borrow, deposit, inTurn, withdraw } from "../src/sim/actions.ts";
import { bookOf, crossBook, holding, pairBook, TIERS } from "../src/sim/book.ts";
import { pairRows, startAccount } from "./support/crash.ts";
import { type Answer, API_KEY, API_SECRET, CROSS, ISOLATED, PRICES, RATES } from "./support/exchange.ts";
import { makeHome, type Process, start } from "./support/margind.ts";
import { accountAt, pricesAt } from "./support/priced.ts";
import { untilTrue } from "./support/server.ts";
import { startTrader, type Trader } from "./support/trader.ts";
import { fromEnv, storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();
const EVERY_S = "* * * * * *";
/** What a test does not ask for; on a busy machine nobody is to be blind by it. */
const OFF = { flows: false, transfers: false, delistings: false, interest: false, watchdog: { staleAfter: "20s" } };
const OFTEN = { prices: { every: "1s" } };
const account = { apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), poll: EVERY_S, isolated: "none" };

vi.setConfig({ testTimeout: 30_000 });

const untilPosts = (count: number) => untilTrue(() => world.now.slack.posts.length >= count);
const asked = (path: string): number => world.now.exchange.seen.filter((request) => request.path === path).length;
/** So many more looks at the account were answered. */
async function untilLooks(count: number): Promise<void> {
  const before = asked(CROSS);
  await untilTrue(() => asked(CROSS) > before + count);
}
async function killed(margind: Process): Promise<void> {
  margind.kill("SIGKILL");
  await margind.exited;
}
/** A number as people read it. */
const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]?.replaceAll(",", ""));

/** Each of these was asked for after what happened until now. */
async function untilAsked({ simulator }: Trader, ...paths: readonly string[]): Promise<void> {
  const times = (path: string) => simulator.requests.filter((request) => request.path.endsWith(path)).length;
  const before = paths.map(times);
  await untilTrue(() => paths.every((path, index) => times(path) > (before[index] ?? 0)));
}

// ---------------------------------------------------------------- one incident, in prices

describe("an incident of the cross account", () => {
  const USUAL = { free: 0, borrowed: 0 };
  /** 16,000 over 10,000 while bitcoin is at 8,000. */
  const book = bookOf({
    cross: {
      ...crossBook([
        holding("BTC", { ...USUAL, free: 2 }),
        holding("ETH", { ...USUAL, borrowed: 27 }),
        holding("USDT", { ...USUAL, borrowed: 4_600 }),
      ]),
      rights: { borrowEnabled: true, transferOutEnabled: false },
    },
  });

  test("names distance, ways back, cause and cost, over a kill -9; the amount that it names ends it, and is in its report", async () => {
    await using trader = await startTrader(book, 8_000);
    world.writeConfig({
      exchange: { baseUrl: trader.simulator.url, ...OFTEN },
      accounts: { main: account },
      rules: {
        level: {
          ...{ on: "cross", field: "marginLevel", below: { info: 1.5, warning: 1.35, critical: 1.3 } },
          ...{ hysteresisPct: 2, clearAfter: "3s" }, // so that the history has been read when it ends
        },
      },
      ...OFF,
      transfers: { poll: EVERY_S, allow: ["SPOT"] },
      interest: { poll: "*/5 * * * * *", times: 3 },
    });
    {
      await using first = world.daemon();
      await untilAsked(trader, "ticker/price");
      await untilAsked(trader, "margin/account"); // with prices, before anything happens
      trader.act(inTurn(borrow("cross", "ETH", 5), withdraw("cross", "BTC", 0.2))); // 15,400 over 11,000
      await untilTrue(() => storedDeliveries(first) === 3);
      expect(world.texts()[0]).toContain("INFO · main · cross margin level 1.40 (below 1.50)");
      await killed(first);
    }
    trader.setBitcoin(7_600);
    await using _second = world.daemon();
    await untilAsked(trader, "ticker/price", "interest-rate");
    await untilAsked(trader, "ticker/price", "margin/account");
    trader.act(withdraw("cross", "BTC", 0.15));
    await untilTrue(() => world.now.slack.posts.length === 2 && world.now.smtp.mails.length === 4);

    const [, raised = ""] = world.texts();
    const eth = 200 * 0.95 ** 1.2; // see src/sim/assets.ts
    const held = 1.65 * 7_600 + 5 * eth;
    const owed = 32 * eth + 4_600;
    const near = (pattern: RegExp, value: number, within = 0.05) =>
      expect(Math.abs(numberIn(raised, pattern) - value)).toBeLessThan(within);
    const both = (goal: string, way: string, usdt: number) => {
      near(new RegExp(`${goal}.*?${way} ([\\d,.]+) USDT`), usdt);
      near(new RegExp(`${goal}.*?${way} [\\d,.]+ USDT \\(([\\d,.]+) ETH\\)`), usdt / eth, 0.011);
    };
    expect(raised).toContain("CRITICAL · main · cross margin level 1.27 (below 1.30)");
    near(/Liquidation at 1\.10 is an? ([\d.]+) % fall away/, 100 * (1 - (1.1 * owed) / held), 0.06);
    for (const [name, level] of [
      ["Back to 1\\.53", 1.53],
      ["above 1\\.30", 1.3],
    ] as const) {
      both(name, "add", level * owed - held);
      both(name, "repay", owed - held / level);
      both(name, "sell and repay", (level * owed - held) / (level - 1));
    }
    near(/BTC alone: liquidation at ([\d,.]+) USDT, a/, (1.1 * owed - 5 * eth) / 1.65);
    near(/ETH alone: liquidation at ([\d,.]+) USDT, an? [\d.]+ % rise/, (1.65 * 7_600 - 1.1 * 4_600) / (1.1 * 32 - 5));
    near(/falls 5 \/ 10 \/ 20 %: level ([\d.]+) /, (0.95 * held) / owed, 0.01);
    expect(raised).toMatch(/If the coins you owe rise 5 \/ 10 %: level 1\.\d+ \/ 1\.\d+/);
    expect(raised).toMatch(/Margin level from 1\.60 to 1\.27 since \d\d:\d\d UTC: transferred out −0\.\d+, /);
    expect(raised).toMatch(/price −0\.\d+ \(BTC −5\.0 %, ETH −6\.0 %\)/);
    expect(raised).toMatch(/new borrowing −0\.\d+/);
    near(/Interest costs about ([\d.]+) USDT a day/, owed * 0.000004 * 24);
    expect(raised).toMatch(/To transfer out again \(collateral level above 2\)/);
    for (const line of raised.split("\n").slice(1))
      expect(world.mailsTo("desk@example.com")[1]?.mail.text).toContain(line);

    const add = numberIn(raised, /Back to 1\.53: add ([\d,.]+) USDT/);
    trader.act(deposit("cross", "USDT", add));
    expect((held + add) / owed).toBeGreaterThanOrEqual(1.53);
    expect((held + add) / owed).toBeCloseTo(1.53, 5);
    await untilTrue(() => world.now.slack.posts.length === 3 && world.now.smtp.mails.length === 6);
    const [, , resolved = ""] = world.texts();
    expect(resolved).toContain("RESOLVED · main · cross margin level 1.53");
    expect(resolved).toMatch(
      /Open for \d+ s, at worst critical, lowest 1\.27 at \d\d:\d\d UTC\. 2 messages before this\./,
    );
    expect(resolved).toContain(`Added ${add.toLocaleString("en")} USDT; taken out 0.35 BTC; borrowed 5 ETH.`);
    expect(world.now.slack.posts[2]?.threadTs).toBe(world.now.slack.posts[0]?.ts);
  });
});

test("isolated pairs, long and short: the amount that the alert names, in either asset, ends it and is in its report", async () => {
  const book = bookOf({
    isolated: [
      pairBook("BTCUSDT", { base: { free: 2 }, quote: { borrowed: 10_000 }, tier: TIERS["5x"] }),
      pairBook("ETHUSDT", { base: { borrowed: 30 }, quote: { free: 8_500 }, tier: TIERS["3x"] }),
    ],
  });
  await using trader = await startTrader(book, 8_000);
  const distance = { on: "isolated", field: "liquidationDistancePct", below: { warning: 12, critical: 3 } };
  world.writeConfig({
    exchange: { baseUrl: trader.simulator.url, ...OFTEN },
    accounts: { main: { ...account, cross: false, isolated: "all" } },
    rules: { distance: { ...distance, clearAfter: "0s" } },
    ...OFF,
  });
  await using _margind = world.daemon();
  await untilAsked(trader, "isolated/account", "ticker/price");
  await untilAsked(trader, "isolated/account");
  trader.setBitcoin(8_900); // ETH at 227.32 USDT
  await untilPosts(1);
  const [short = ""] = world.texts();
  expect(short).toContain("WARNING · main · ETHUSDT isolated distance to liquidation 5.6 % (below 12 %)");
  expect(short).toMatch(/Liquidation at 240\.11 USDT is a 5\.6 % rise away/);
  expect(short).toMatch(/If ETH rises 5 \/ 10 %: level 1\.19 \/ 1\.13 \(liquidation at 1\.18\)/);
  const eth = numberIn(short, /Back to a distance of 12\.24 %: add [\d,.]+ USDT \(([\d,.]+) ETH\)/);
  trader.act(deposit("ETHUSDT", "ETH", eth));
  await untilPosts(2);
  expect(world.texts()[1]).toContain("RESOLVED · main · ETHUSDT isolated distance to liquidation 12.");
  expect(world.texts()[1]).toContain(`Added ${eth} ETH.`);

  trader.setBitcoin(6_200);
  await untilPosts(3);
  const long = world.texts()[2] ?? "";
  expect(long).toMatch(/BTCUSDT .*\n.*Liquidation at 5,750 USDT is a 7\.3 % fall away \(index price 6,200\)/);
  const usdt = numberIn(long, /Back to a distance of 12\.24 %: add ([\d,.]+) USDT,/);
  trader.act(deposit("BTCUSDT", "USDT", usdt));
  await untilPosts(4);
  expect(world.texts()[3]).toContain("RESOLVED · main · BTCUSDT isolated distance to liquidation 12.");
  expect(world.texts()[3]).toContain(`Added ${usdt} USDT.`);
});

// ---------------------------------------------------------------- what cannot be said

describe("where something is missing", () => {
  const NO_PRICES = {
    has: /Back to 1\.80: add [\d,.]+ USDT, or repay .*\nThere are no market prices now: prices of liquidation cannot be told\./,
    hasNot: /alone|If all|If the/,
  };
  interface Case {
    readonly answers?: Readonly<Record<string, Answer | "hang">>;
    readonly over?: object;
    readonly has: RegExp;
    readonly hasNot: RegExp;
  }
  interface Watched {
    readonly name: string;
    /** When the account was read. */
    times(): readonly number[];
    crash(): void;
    isReady(): boolean;
  }
  const CASES: Readonly<Record<string, Case>> = {
    absent: { answers: { [PRICES]: { status: 404, body: { code: -1099, msg: "Not found" } } }, ...NO_PRICES },
    failing: { answers: { [PRICES]: { status: 500, raw: "" } }, ...NO_PRICES },
    garbage: { answers: { [PRICES]: { raw: "<html>welcome</html>" } }, ...NO_PRICES },
    huge: { answers: { [PRICES]: { raw: `[${" ".repeat(40_000_000)}` } }, ...NO_PRICES },
    hanging: { answers: { [PRICES]: "hang" }, ...NO_PRICES },
    unrated: {
      answers: { [RATES]: { status: 500, raw: "" } },
      has: /Back to 1\.80: .*\nBTC alone: liquidation at 5,500 USDT/,
      hasNot: /Interest/,
    },
    pro: {
      over: { accountType: "MARGIN_2" },
      has: /./,
      hasNot: /away|alone|If all|Back to|add |repay|From 2|pace|prices/,
    },
  };

  test("an alert is told as soon as ever, and says so; no poll is late, the heart beats, and nothing else is told", async () => {
    await using open = new AsyncDisposableStack();
    const heartbeat = await world.heartbeat();
    const watched: Watched[] = [];
    for (const [name, { answers = {}, over }] of Object.entries(CASES)) {
      const { account: margin, exchange } = await startAccount();
      open.defer(exchange.close);
      Object.assign(margin.answers, { [PRICES]: pricesAt(6_200), [CROSS]: accountAt(10_000, over), ...answers });
      const home = open.use(makeHome());
      const { slack } = world.now;
      home.writeConfig({
        exchange: { baseUrl: exchange.url, timeout: "15s", ...OFTEN },
        accounts: { [name]: account },
        rules: { level: { on: "cross", field: "marginLevel", below: { critical: 1.3 }, target: 1.8 } },
        ...OFF,
        interest: name === "unrated" && { poll: EVERY_S, times: 3 },
        watchdog: { staleAfter: "20s", ...(name === "hanging" && { heartbeat: { url: heartbeat.url, every: "1s" } }) },
        notifiers: { desk: { type: "slack", token: fromEnv("TOKEN"), channel: slack.channel, apiUrl: slack.url } },
      });
      open.use(start(home, ["run"], { API_SECRET, TOKEN: slack.token }));
      const times = () => exchange.seen.filter(({ path }) => path === CROSS).map(({ atMs }) => atMs);
      const crash = () => {
        margin.answers[CROSS] = accountAt(6_200, over);
      };
      const isReady = () => times().length >= 2 && exchange.paths().includes("ticker/price");
      watched.push({ name, times, crash, isReady });
    }
    await untilTrue(() => watched.every(({ isReady }) => isReady()) && heartbeat.pings.some(({ isGood }) => isGood));
    const beats = heartbeat.pings.length;
    for (const { crash } of watched) crash();
    const before = new Map(watched.map(({ name, times }) => [name, times().length]));
    await untilPosts(watched.length);
    await untilTrue(() => heartbeat.pings.length > beats + 1);
    expect(world.texts()).toHaveLength(watched.length);
    for (const { name, times } of watched) {
      const text = world.texts().find((each) => each.includes(`CRITICAL · ${name} ·`)) ?? "";
      expect(text).toContain(`CRITICAL · ${name} · cross margin level 1.24 (below 1.30)`);
      expect(text).toMatch(CASES[name]?.has ?? /^$/);
      expect(text).not.toMatch(CASES[name]?.hasNot ?? /./);
      const gaps = times().map((atMs, index, all) => atMs - (all[index - 1] ?? atMs));
      expect(times().length).toBeGreaterThan(before.get(name) ?? 0);
      expect(Math.max(...gaps)).toBeLessThan(10_000); // what hangs, hangs for 15 s
    }
    expect(
      heartbeat.pings
        .slice(beats)
        .filter(({ isGood }) => !isGood)
        .map(({ body }) => body),
    ).toEqual([]);
  });
});

// ---------------------------------------------------------------- how fast, how much it costs, whom first

test("a rule on speed knows over a kill -9 from where it fell, is not told anew by another, and ends", async () => {
  const goTo = (bitcoin: number) => {
    world.now.account.answers[CROSS] = accountAt(bitcoin);
    world.now.account.answers[PRICES] = async (request) => {
      await systemClock.sleep(100); // there are thousands of them: they come later than the account
      return pricesAt(bitcoin)(request);
    };
  };
  const speed = {
    ...{ on: "cross", field: "marginLevel", dropsBy: { warning: "10%", critical: "20%" }, within: "1m" },
    ...{ hysteresisPct: 20, clearAfter: "0s" },
  };
  goTo(10_000);
  world.writeConfig({ accounts: { main: account }, rules: { speed }, ...OFF });
  {
    await using first = world.daemon();
    await untilLooks(1);
    await killed(first);
  }
  goTo(8_500);
  {
    await using second = world.daemon();
    await untilTrue(() => storedDeliveries(second) === 3);
    expect(world.texts()[0]).toMatch(/WARNING · main · cross margin level 1\.70, fell 15\.0 % in /);
    expect(world.texts()[0]).toContain("BTC alone: liquidation at 5,500 USDT"); // though it was told at the first look
    await killed(second);
  }
  await using _third = world.daemon();
  await untilLooks(1);
  expect(world.texts()).toHaveLength(1);
  goTo(9_750);
  await untilPosts(2); // it rose since it was seen last, so that no fall hides in the time without looks
  expect(world.texts()[1]).toMatch(/RESOLVED · main · cross margin level 1\.95/);
  expect(world.texts()[1]).toMatch(/at worst warning, a fall of 15\.0 % at/);
});

test("forty pairs that fire at once are one message: five in full by what is at stake, the rest a count; so is status", async () => {
  const pairs = Array.from({ length: 40 }, (_, index) => ({
    symbol: `C${index}USDT`,
    distancePct: 0.5 + ((index * 7) % 40) * 0.06,
    times: 1 + ((index * 13) % 40),
  }));
  const danger = ({ distancePct, times }: (typeof pairs)[number]) => times / distancePct ** 2;
  const byDanger = pairs.toSorted((a, b) => danger(b) - danger(a)).map(({ symbol }) => symbol);
  const byDistance = pairs.toSorted((a, b) => a.distancePct - b.distancePct).map(({ symbol }) => symbol);
  expect(byDanger.slice(0, 5)).not.toEqual(byDistance.slice(0, 5)); // else the test proves nothing
  const rows = pairs.flatMap(({ symbol, distancePct, times }) =>
    pairRows({ [symbol]: distancePct }).map((row) => ({
      ...row,
      baseAsset: { ...row.baseAsset, free: `${3 * times}`, totalAsset: `${3 * times}`, netAsset: `${3 * times}` },
      quoteAsset: { ...row.quoteAsset, borrowed: `${20_000 * times}`, netAsset: `${-20_000 * times}` },
    })),
  );
  world.now.account.answers[ISOLATED] = { body: { assets: rows } };
  world.writeConfig({ accounts: { main: { ...account, isolated: "all", cross: false } }, rules: undefined, ...OFF });
  await using _margind = world.daemon();
  await untilTrue(() => world.now.slack.posts.length > 0 && world.now.smtp.mails.length === 2);
  const [text = ""] = world.texts();
  expect(text).toContain("CRITICAL · main · 40 alerts, worst first");
  expect(text.match(/C\d+USDT(?= isolated)/g)).toEqual(byDanger.slice(0, 5));
  expect(text).toMatch(/35 more: all critical/);
  const [shown, json] = [await world.run("status"), await world.run("status", "--json")];
  expect(shown.out.match(/C\d+USDT(?= +level)/g)).toEqual(byDanger.slice(0, 5));
  expect(shown.out).toContain("and 35 more with debt, the nearest");
  const { accounts } = JSON.parse(json.out);
  expect(accounts[0].positions.map(({ subject }: { subject: string }) => subject)).toEqual(
    byDanger.map((symbol) => `isolated ${symbol}`),
  );
  expect(world.now.slack.posts).toHaveLength(1);
});
