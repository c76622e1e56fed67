import { beforeEach, describe, expect, test } from "vitest";
import { balance, cross, debtFree, emptyPair, isolated, leg, longPair, observe } from "../test/support/answers.ts";
import { openShared, type SharedOptions, type TestShared, ZH } from "../test/support/shared.ts";
import type { Holdings } from "./core/delisting.ts";
import type { Read } from "./core/history.ts";
import type { Delisting, Prices, Restrictions } from "./core/market.ts";
import { type AssetBalance, type Failure, StoreError } from "./core/ports.ts";
import { startLatest } from "./latest.ts";
import { silentLog } from "./lib/log.ts";
import { createMarketWatch } from "./market.ts";

const MIN = 60_000;
const H = 60 * MIN;
const D = 24 * H;
const NEVER = new AbortController().signal;
const FAILURE: Failure = { code: "timeout", detail: "" };

interface World {
  schedule: readonly Delisting[] | Failure;
  restrictions: Restrictions | Failure;
  prices: Prices | Failure;
  holdings: Holdings;
  exchangeAheadMs: number;
  readonly asked: string[];
  readonly noted: string[];
}

const isFailure = (value: object): value is Failure => "code" in value;
const read = <T extends object>(value: T | Failure): Read<T> =>
  isFailure(value) ? { ok: false, failure: value } : { ok: true, value };

const portfolio = (...assets: readonly AssetBalance[]) =>
  cross(2, { accountType: "MARGIN_2", assets: [balance("USDT", { borrowed: 45_000 }), ...assets] });

/** ROSE is held against a debt, and owed a little; its pair has a position too. */
const book = (...assets: readonly AssetBalance[]): Holdings => ({
  cross: cross(2, { assets: [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: 7 }), ...assets] }),
  pairs: [longPair("ROSEUSDT", 20), emptyPair("ETHUSDT")],
});
const ROSE = balance("ROSE", { free: 390_000, locked: 10_000, borrowed: 500 });

let world: World;
let shared: TestShared;

beforeEach(() => {
  shared = openShared();
  world = {
    schedule: [],
    restrictions: { openLong: [], maxCollateral: [] },
    prices: new Map([["ROSEBTC", 0.000005]]),
    holdings: book(ROSE),
    exchangeAheadMs: 0,
    asked: [],
    noted: [],
  };
});

function open(options: SharedOptions = {}) {
  shared = openShared({ clock: shared.clock, store: shared.store, ...options });
  const ask = <T extends object>(name: string, value: T | Failure): Promise<Read<T>> => {
    world.asked.push(name);
    return Promise.resolve(read(value));
  };
  const watch = createMarketWatch({
    ...shared,
    account: "main",
    reader: {
      nowMs: () => shared.clock.wallMs() + world.exchangeAheadMs,
      delistings: () => ask("delistings", world.schedule),
      restrictions: () => ask("restrictions", world.restrictions),
      prices: () => ask("prices", world.prices),
    },
    latest: () => world.holdings,
    sources: { note: (source, outcome) => void world.noted.push(`${source}: ${outcome?.code ?? "ok"}`) },
    log: silentLog,
  });
  return { run: () => watch.run(NEVER), look: watch.look };
}

const inMs = (ms: number, over: Partial<Delisting> = {}): Delisting => ({
  atMs: shared.clock.wallMs() + ms,
  assets: ["ROSE"],
  symbols: [],
  ...over,
});

const ALERT = "asset ROSE/delist-schedule";

// ---------------------------------------------------------------- delistings

test("a delisting climbs its ladder as the time comes near, and stays after it while something is there", async () => {
  const { run, look } = open();
  world.schedule = [inMs(7 * D + MIN)];
  await run();
  expect(shared.firing()).toEqual([]);
  for (const [afterMs, severity] of [
    [MIN, "info"],
    [4 * D - MIN, "info"],
    [MIN, "warning"],
    [2 * D, "critical"],
    [D, "critical"],
    [5 * D, "critical"],
  ] as const) {
    await shared.clock.advance(afterMs);
    look();
    expect(shared.firing()).toEqual([`${ALERT} ${severity}`]);
  }
});

test("what is read: when, what is there, what the level would be, what to do", async () => {
  const { run } = open();
  world.schedule = [inMs(2 * D + 4 * H)];
  await run();
  expect(shared.told().join("\n")).toMatchInlineSnapshot(`
    "WARNING · main · ROSE leaves cross margin in 2 d 4 h; level without it 1.56
    Before 15 Mar 03:00 UTC: repay what is owed, then sell it. At delisting Binance closes by force what is still open.
    You hold 400,000 ROSE, you owe 500 ROSE. Margin level 2.00, without this collateral 1.56.
    Moving it out may be refused: of an asset that is to be delisted, Binance may let you transfer no more than what is owed less the collateral that is there (error -3065).
    #1"
  `);
  shared = openShared({ clock: shared.clock });
  await open({ locale: ZH }).run();
  expect(shared.told().join("\n")).toMatchInlineSnapshot(`
    "警告 · main · ROSE 将在 2天4小时后从全仓杠杆下架；去掉它后风险率为 1.56
    请在 3月15日 11:00 GMT+8 之前还清负债，然后卖出。下架时币安会强制平掉未了结的仓位。
    持有 400,000 ROSE，负债 500 ROSE。风险率 2.00，去掉这部分质押资产后为 1.56。
    转出可能被拒绝：对即将下架的资产，币安可能只允许划转不超过“负债减去已有质押资产”的数量（错误 -3065）。
    #1"
  `);
});

test("a pair is told as the pair that it is", async () => {
  const { run, look } = open();
  world.schedule = [inMs(20 * H, { assets: [], symbols: ["ROSEUSDT", "ETHUSDT", "DOGEUSDT"] })];
  await run();
  expect(shared.firing()).toEqual(["isolated ROSEUSDT/delist-schedule critical"]);
  expect(shared.told().join("\n")).toMatchInlineSnapshot(`
    "CRITICAL · main · ROSEUSDT isolated leaves margin trading in 20 h
    Before 13 Mar 19:00 UTC: close the position, repay, then move what is left out. At delisting Binance closes by force what is still open.
    The pair has debt.
    #1"
  `);
  await shared.clock.advance(22 * H);
  look();
  expect(shared.told().join("\n")).toMatchInlineSnapshot(`
    "STILL CRITICAL · main · ROSEUSDT isolated left margin trading 2 h ago, something of it is still there
    It was due at 19:00 UTC. Binance may be closing the position by force: look at the account now.
    The pair has debt.
    #2"
  `);
});

test("an asset that is only owed is told too, and its price is not asked for", async () => {
  const { run } = open();
  world.holdings = book(balance("ROSE", { interest: 0.25 }));
  world.schedule = [inMs(5 * D)];
  await run();
  expect(world.asked).toEqual(["delistings", "restrictions"]);
  expect(shared.told().join("\n")).toMatchInlineSnapshot(`
    "INFO · main · ROSE leaves cross margin in 5 d
    Before 17 Mar 23:00 UTC: repay what is owed. At delisting Binance closes by force what is still open.
    You owe 0.2500 ROSE.
    #1"
  `);
});

test.each<[string, Partial<World>]>([
  ["nothing of it is held or owed", { holdings: book(balance("ROSE")) }],
  ["the account was not seen yet", { holdings: { cross: undefined, pairs: undefined } }],
  ["its balances cannot be read", { holdings: { cross: cross(2, { assets: undefined }), pairs: undefined } }],
])("tells nothing when %s", async (_, over) => {
  const { run } = open();
  Object.assign(world, over);
  world.schedule = [inMs(D, { symbols: ["ETHUSDT"] })];
  await run();
  expect(shared.firing()).toEqual([]);
});

test("says so when no price tells what the level would be", async () => {
  const { run } = open();
  world.schedule = [inMs(D)];
  world.prices = FAILURE;
  await run();
  expect(shared.told().join("\n")).toContain(
    "Margin level 2.00; what it would be without this collateral is not known: no price.",
  );
});

describe("an open alert", () => {
  let watch: ReturnType<typeof open>;
  beforeEach(async () => {
    watch = open();
    world.schedule = [inMs(2 * D, { symbols: ["ROSEUSDT"] })];
    await watch.run();
    expect(shared.told()).toHaveLength(1); // both in one message
    expect(shared.firing()).toHaveLength(2);
  });

  /** The firing severity of ROSE, after a look a while later. */
  const later = async (ms = 2 * MIN) => {
    await shared.clock.advance(ms);
    watch.look();
    return shared.firing();
  };

  test("ends when the account does not hold it any more", async () => {
    world.holdings = { ...book(), pairs: [emptyPair("ROSEUSDT")] };
    expect(await later()).toEqual([]);
    expect(shared.told().join("\n")).toMatchInlineSnapshot(`
      "RESOLVED · main · 2 alerts, worst first
      RESOLVED · main · ROSE: nothing is held or owed of it any more, its delisting does not matter now
      The alert was open for 2 min.
      #2
      RESOLVED · main · ROSEUSDT isolated: nothing is held or owed of it any more, its delisting does not matter now
      The alert was open for 2 min.
      #2"
    `);
  });

  test("ends when a valid answer does not hold the pair any more", async () => {
    world.holdings = { ...world.holdings, pairs: [] };
    expect(await later()).toEqual([`${ALERT} warning`]);
  });

  test("ends when a new schedule does not hold it, or holds it for later", async () => {
    world.schedule = [inMs(30 * D)];
    await watch.run();
    expect(shared.firing()).toEqual([]);
    expect(shared.told().join("\n")).toContain("RESOLVED · main · ROSE is not due for delisting any more");
  });

  test("is lowered when it is moved to later within the week", async () => {
    world.schedule = [inMs(5 * D, { symbols: ["ROSEUSDT"] })];
    await watch.run();
    expect(shared.firing()).toEqual([`${ALERT} info`, "isolated ROSEUSDT/delist-schedule info"]);
  });

  test("is not touched by a schedule that cannot be read, but goes on climbing by the last good one", async () => {
    world.schedule = FAILURE;
    await watch.run();
    expect(shared.firing()).toEqual([`${ALERT} warning`, "isolated ROSEUSDT/delist-schedule warning"]);
    await shared.clock.advance(D);
    await watch.run();
    expect(shared.firing()).toEqual([`${ALERT} critical`, "isolated ROSEUSDT/delist-schedule critical"]);
    expect(world.noted.filter((note) => note.startsWith("delist"))).toEqual([
      "delist schedule: ok",
      "delist schedule: timeout",
      "delist schedule: timeout",
    ]);
  });

  test("is not touched by an account that cannot be read", async () => {
    world.holdings = { cross: cross(2, { assets: undefined }), pairs: undefined };
    expect(await later()).toHaveLength(2);
    world.holdings = { cross: undefined, pairs: [emptyPair("ROSEUSDT", { base: undefined })] };
    expect(await later()).toHaveLength(2);
  });

  test("is not touched by an account or a pair that owed and is gone", async () => {
    const latest = startLatest();
    const indebted = new Set(["cross", "isolated ROSEUSDT"] as const);
    const answers = [
      ...[world.holdings.cross ?? cross(2), isolated(world.holdings.pairs ?? [])],
      ...[cross(999, { opened: false, assets: [] }), isolated([emptyPair("ETHUSDT")])],
    ];
    for (const answer of answers) latest.keep(answer, observe(answer, { indebted }));
    world.holdings = latest.holdings();
    expect(await later()).toHaveLength(2);
  });

  test("outlives the schedule's entry: that the time has passed is no end", async () => {
    await shared.clock.advance(2 * D);
    world.schedule = [];
    await watch.run();
    expect(shared.firing()).toEqual([`${ALERT} critical`, "isolated ROSEUSDT/delist-schedule critical"]);
    watch = open();
    await watch.run();
    expect(await later()).toHaveLength(2);
    world.holdings = { ...book(), pairs: [] };
    expect(await later()).toEqual([]);
  });

  test("is told again by no restart, also while nothing can be read", async () => {
    shared.told();
    watch = open();
    expect(await later()).toHaveLength(2);
    world.schedule = FAILURE;
    await watch.run();
    world.schedule = [inMs(2 * D - 4 * MIN, { symbols: ["ROSEUSDT"] })];
    await watch.run();
    expect(await later()).toHaveLength(2);
    expect(shared.told()).toEqual([]);
  });

  test("ends by no schedule that was never read, also when what was known before is lost", async () => {
    world.schedule = FAILURE;
    shared.store.setFact("delistings.main", "{}");
    watch = open();
    await watch.run();
    expect(await later()).toHaveLength(2);
  });

  test("goes on climbing after a restart, also when the schedule cannot be read any more", async () => {
    world.schedule = FAILURE;
    watch = open();
    await watch.run();
    expect(await later(D)).toEqual([`${ALERT} critical`, "isolated ROSEUSDT/delist-schedule critical"]);
  });

  test("is reminded of once a day, in its last day every four hours", async () => {
    shared.told();
    const hours: number[] = [];
    for (let hour = 1; hour <= 40; hour++) {
      await later(H);
      if (shared.told().length > 0) hours.push(hour);
    }
    expect(hours).toEqual([24, 28, 32, 36, 40]);
  });
});

test("it looks at most once a minute", async () => {
  const { run, look } = open();
  world.schedule = [inMs(D)];
  await run();
  world.holdings = book();
  await shared.clock.advance(MIN - 1);
  look();
  expect(shared.firing()).toHaveLength(1);
  await shared.clock.advance(1);
  look();
  expect(shared.firing()).toEqual([]);
});

test("a run that is stopped changes nothing and blames nobody", async () => {
  const watch = createMarketWatch({
    ...shared,
    account: "main",
    reader: {
      nowMs: () => shared.clock.wallMs() + world.exchangeAheadMs,
      delistings: () => Promise.resolve({ ok: false, failure: FAILURE }),
      restrictions: () => Promise.reject(new Error("asked")),
      prices: () => Promise.reject(new Error("asked")),
    },
    latest: () => world.holdings,
    sources: { note: (source) => void world.noted.push(source) },
    log: silentLog,
  });
  await watch.run(AbortSignal.abort());
  expect(world.noted).toEqual([]);
});

// ---------------------------------------------------------------- restrictions

describe("a restriction", () => {
  test.each<[string, AssetBalance, Restrictions, readonly string[]]>([
    ["held, collateral full", ROSE, { maxCollateral: ["ROSE"], openLong: [] }, ["warning"]],
    ["held, no new longs", balance("ROSE", { locked: 1 }), { maxCollateral: [], openLong: ["ROSE"] }, ["info"]],
    ["held, both", ROSE, { maxCollateral: ["ROSE"], openLong: ["ROSE"] }, ["warning"]],
    ["owed, no new longs", balance("ROSE", { borrowed: 1 }), { maxCollateral: [], openLong: ["ROSE"] }, ["info"]],
    ["owed, collateral full", balance("ROSE", { borrowed: 1 }), { maxCollateral: ["ROSE"], openLong: [] }, []],
    ["neither", balance("ROSE"), { maxCollateral: ["ROSE"], openLong: ["ROSE"] }, []],
    ["another asset", ROSE, { maxCollateral: ["DOGE"], openLong: ["DOGE"] }, []],
  ])("%s", async (_, row, restrictions, severities) => {
    const { run } = open();
    Object.assign(world, { holdings: book(row), restrictions });
    await run();
    expect(shared.firing()).toEqual(severities.map((severity) => `asset ROSE/restricted-asset ${severity}`));
  });

  test("is told in words, and ends only on evidence", async () => {
    const watch = open();
    world.restrictions = { maxCollateral: ["ROSE"], openLong: ["ROSE"] };
    await watch.run();
    expect(shared.told().join("\n")).toMatchInlineSnapshot(`
      "WARNING · main · ROSE: Binance takes no more of it as collateral
      More ROSE adds nothing to the collateral value of this account. To raise the level, add another asset or repay.
      Binance restricts new long positions in ROSE. What is held or owed stays as it is.
      #1"
    `);
    world.restrictions = FAILURE;
    world.holdings = { cross: undefined, pairs: undefined };
    await watch.run();
    expect(shared.firing()).toHaveLength(1);
    world.holdings = book(ROSE);
    world.restrictions = { maxCollateral: [], openLong: [] };
    await watch.run();
    expect(shared.told().join("\n")).toMatchInlineSnapshot(`
      "RESOLVED · main · ROSE: not restricted, or not in this account, any more
      The alert was open for 0 s.
      #2"
    `);
  });

  test("ends when the asset is not held any more, also after a restart", async () => {
    world.restrictions = { maxCollateral: ["ROSE"], openLong: [] };
    await open().run();
    const watch = open();
    world.holdings = book();
    watch.look();
    expect(shared.firing()).toHaveLength(1); // no list was read since the start
    await watch.run();
    expect(shared.firing()).toEqual([]);
  });
});

test("nothing is judged while what was due before cannot be read, and the failure of the disk goes no further", async () => {
  world.schedule = [inMs(D)];
  const { ledger } = shared;
  let isBroken = true;
  const broken = createMarketWatch({
    ...shared,
    ledger: {
      ...ledger,
      fact(name) {
        if (isBroken) throw new StoreError("disk I/O error");
        return ledger.fact(name);
      },
    },
    account: "main",
    reader: {
      nowMs: () => shared.clock.wallMs() + world.exchangeAheadMs,
      delistings: () => Promise.resolve(read(world.schedule)),
      restrictions: () => Promise.resolve(read(world.restrictions)),
      prices: () => Promise.resolve(read(world.prices)),
    },
    latest: () => world.holdings,
    sources: { note: () => {} },
    log: silentLog,
  });
  await broken.run(NEVER);
  expect(shared.firing()).toEqual([]);
  isBroken = false;
  await broken.run(NEVER);
  expect(shared.firing()).toEqual([`${ALERT} critical`]);
});

test.each([0, 3_000, 400 * D, -400 * D])(
  "a date goes by the exchange's clock, also one that is %d ms ahead",
  async (aheadMs) => {
    world.exchangeAheadMs = aheadMs;
    world.schedule = [inMs(D + MIN + aheadMs)];
    const { run } = open();
    await run();
    expect(shared.firing()).toEqual([`${ALERT} warning`]);
    world.schedule = [inMs(D - MIN + aheadMs)];
    await run();
    expect(shared.firing()).toEqual([`${ALERT} critical`]);
  },
);

// ---------------------------------------------------------------- clocks

test.each([40 * D, -40 * D, 2 * H])(
  "a step of this machine's clock by %d ms moves no date, and the date is told by the clock as it is then",
  async (stepMs) => {
    world.schedule = [inMs(5 * D)];
    const { run, look } = open();
    await run();
    expect(shared.firing()).toEqual([`${ALERT} info`]);
    shared.clock.stepWall(stepMs);
    world.exchangeAheadMs = -stepMs; // the exchange's clock does not step
    shared.told();
    await shared.clock.advance(2 * D);
    look();
    expect(shared.firing()).toEqual([`${ALERT} warning`]);
    expect(shared.told().join()).toContain("ROSE leaves cross margin in 3 d");
  },
);

test("what is due is kept by the exchange's clock, so that a restart with another clock finds the same date", async () => {
  world.exchangeAheadMs = 40 * D;
  world.schedule = [inMs(42 * D)];
  await open().run();
  expect(shared.firing()).toEqual([`${ALERT} warning`]);
  shared.clock.stepWall(40 * D);
  world.exchangeAheadMs = 0;
  world.schedule = FAILURE;
  const { run, look } = open();
  await run();
  look();
  expect(shared.firing()).toEqual([`${ALERT} warning`]);
});

describe("a schedule without the entry", () => {
  const dropAt = async (leftMs: number, schedule: readonly Delisting[] = []) => {
    world.schedule = [inMs(6 * D)];
    const { run, look } = open();
    await run();
    await shared.clock.advance(6 * D - leftMs);
    look();
    world.schedule = schedule;
    await run();
    return { run, look };
  };

  test.each([
    ["more than a day before its date", D + 1, []],
    ["a day before", D, [`${ALERT} critical`]],
    ["seconds before", 4_000, [`${ALERT} critical`]],
    ["after", -1, [`${ALERT} critical`]],
  ] as const)("ends it only earlier than a day before the date: %s", async (_, leftMs, firing) => {
    const { run } = await dropAt(leftMs);
    expect(shared.firing()).toEqual(firing);
    await shared.clock.advance(H);
    await run();
    expect(shared.firing()).toEqual(firing);
  });

  test("but another date ends it, and so does an account without it", async () => {
    const { run, look } = await dropAt(4_000);
    await shared.clock.advance(2 * MIN);
    world.holdings = book();
    look();
    expect(shared.firing()).toEqual([]);
    world.holdings = book(ROSE);
    await run();
    expect(shared.firing()).toEqual([]);
    shared = openShared();
    world.schedule = [inMs(H)];
    const other = open();
    await other.run();
    expect(shared.firing()).toEqual([`${ALERT} critical`]);
    world.schedule = [inMs(20 * D)];
    await other.run();
    expect(shared.firing()).toEqual([]);
  });
});

// ---------------------------------------------------------------- how much it matters

describe("what matters of a delisting", () => {
  const at = async (leftMs: number) => {
    world.schedule = [inMs(leftMs, { symbols: ["ROSEUSDT"] })];
    const watch = open();
    await watch.run();
    return watch;
  };
  const onlyCross = (...assets: readonly AssetBalance[]): Holdings => ({ ...book(...assets), pairs: [] });
  const free = (assets: readonly AssetBalance[], pairs: Holdings["pairs"] = []): Holdings => ({
    cross: debtFree({ assets }),
    pairs,
  });
  /** 0.000005 BTC each, 4.5 BTC owed: 9,000 of them are 0.01 of the level. */
  const rose = (amount: number, over: Partial<AssetBalance> = {}) => balance("ROSE", { free: amount, ...over });
  const withUsdt = new Map([
    ["ROSEUSDT", 0.05],
    ["BTCUSDT", 10_000],
  ]);

  test.each<[string, Partial<World>, number, string | undefined]>([
    ["a level that is the same without it", { holdings: onlyCross(rose(8_900)) }, H, "info"],
    ["a level that is another without it", { holdings: onlyCross(rose(9_100)) }, H, "critical"],
    ["what is owed, however little", { holdings: onlyCross(rose(0, { interest: 1e-8 })) }, H, "critical"],
    ["little that is held, some of it owed", { holdings: onlyCross(rose(1, { borrowed: 1e-8 })) }, H, "critical"],
    ["little, of unknown price", { holdings: onlyCross(rose(1)), prices: new Map() }, H, "critical"],
    ["no debt", { holdings: free([rose(400_000)]) }, H, "warning"],
    [
      "debt that only the total tells of",
      { holdings: { cross: debtFree({ assets: [rose(400_000)], totalLiabilityOfBtc: 1 }), pairs: [] } },
      H,
      "critical",
    ],
    ["no debt, before the last day", { holdings: free([rose(400_000)]) }, 5 * D, "info"],
    ["no debt, worth 1 USDT", { holdings: free([rose(20)]), prices: withUsdt }, H, "warning"],
    ["no debt, worth less", { holdings: free([rose(19.9)]), prices: withUsdt }, H, "info"],
    ["no debt, no price", { holdings: free([rose(1)]), prices: FAILURE }, H, "warning"],
    ["another type of account", { holdings: { ...free([rose(1e-8)]), cross: portfolio(rose(1e-8)) } }, H, "critical"],
    [
      "the same, with a price",
      { holdings: { ...free([]), cross: portfolio(rose(19.9)) }, prices: withUsdt },
      H,
      "info",
    ],
  ])("an asset: %s", async (_, over, leftMs, severity) => {
    Object.assign(world, over);
    await at(leftMs);
    expect(shared.firing()).toEqual([`${ALERT} ${severity}`]);
  });

  const pair = (base: number, quote: number, borrowed = 0) =>
    emptyPair("ROSEUSDT", { base: leg("ROSE", { free: base }), quote: leg("USDT", { free: quote, borrowed }) });

  test.each([
    ["in debt", pair(19, 0, 0.01), withUsdt, "critical"],
    ["without debt", pair(19, 0.05), withUsdt, "warning"],
    ["without debt, worth little", pair(19, 0.04), withUsdt, "info"],
    ["without debt, one leg of unknown price", pair(1e-8, 0.04), new Map(), "warning"],
  ] as const)("a pair: %s", async (_, row, prices, severity) => {
    Object.assign(world, { holdings: free([], [row]), prices });
    await at(H);
    expect(shared.firing()).toEqual([`isolated ROSEUSDT/delist-schedule ${severity}`]);
  });

  test("what does not matter is told once more at most after the date, never again", async () => {
    world.holdings = onlyCross(rose(1e-8));
    const { look } = await at(20 * H);
    shared.told();
    await shared.clock.advance(21 * H);
    for (let hour = 0; hour < 24 * 5; hour++) {
      await shared.clock.advance(H);
      look();
    }
    expect(shared.firing()).toEqual([`${ALERT} info`]);
    expect(shared.told()).toEqual([]);
  });

  test("what does not matter is reminded of once a day before the date", async () => {
    world.holdings = onlyCross(rose(1e-8));
    const { look } = await at(60 * H);
    shared.told();
    const hours: number[] = [];
    for (let hour = 1; hour <= 100; hour++) {
      await shared.clock.advance(H);
      look();
      if (shared.told().length > 0) hours.push(hour);
    }
    expect(hours).toEqual([24, 48]);
  });

  test("what did not matter stays so until it is a quarter more than the least that matters", async () => {
    world.holdings = onlyCross(rose(8_900));
    const { look } = await at(20 * H);
    for (const [amount, severity] of [
      [11_200, "info"],
      [11_300, "critical"],
      [9_100, "critical"],
      [8_900, "info"],
    ] as const) {
      await shared.clock.advance(2 * MIN);
      world.holdings = onlyCross(rose(amount));
      look();
      expect(shared.firing()).toEqual([`${ALERT} ${severity}`]);
    }
  });

  test("what is left over after a sale is lowered, and does not come and go with the digits of the level", async () => {
    const { look } = await at(20 * H);
    shared.told();
    world.holdings = onlyCross(rose(8_900));
    for (const level of [2.0049, 2.0051, 2.0149, 2.0151, 2.0249]) {
      await shared.clock.advance(2 * MIN);
      const assetsBtc = 4.5 * level;
      world.holdings = {
        ...world.holdings,
        cross: cross(level, { ...onlyCross(rose(8_900)).cross, marginLevel: level, totalAssetOfBtc: assetsBtc }),
      };
      look();
      expect(shared.firing()).toContain(`${ALERT} info`);
    }
    expect(shared.told()).toHaveLength(1);
  });

  test("a restart raises nothing before prices were asked for; when there are none, it does", async () => {
    world.holdings = onlyCross(rose(1));
    await at(H);
    expect(shared.firing()).toEqual([`${ALERT} info`]);
    const watch = open();
    watch.look();
    expect(shared.firing()).toEqual([`${ALERT} info`]);
    world.prices = FAILURE;
    await watch.run();
    expect(shared.firing()).toEqual([`${ALERT} critical`]);
  });

  test("what becomes due between two runs climbs, also without prices", async () => {
    world.holdings = onlyCross(rose(400_000));
    const { look } = await at(8 * D);
    for (const [afterMs, severity] of [
      [D, "info"],
      [4 * D, "warning"],
      [2 * D, "critical"],
    ] as const) {
      await shared.clock.advance(afterMs);
      look();
      expect(shared.firing()).toEqual([`${ALERT} ${severity}`]);
    }
  });

  const textsOf = async (over: Partial<World>, options: SharedOptions = {}) => {
    shared = openShared();
    Object.assign(world, over);
    world.schedule = [inMs(20 * H, { symbols: ["ROSEUSDT"] })];
    const { run, look } = open(options);
    await run();
    const before = shared.told();
    await shared.clock.advance(50 * H);
    look();
    return [...before, ...shared.told()].join("\n");
  };

  test("what is read of it, before and after the date", async () => {
    const inDebt = { holdings: onlyCross(rose(400_000)) };
    const debtless = { holdings: free([rose(400_000)], [pair(500, 0)]) };
    const little = { holdings: onlyCross(rose(8_900)) };
    const leftOver = { holdings: free([rose(19)]), prices: withUsdt };
    expect(await textsOf(inDebt)).toMatchInlineSnapshot(`
      "CRITICAL · main · ROSE leaves cross margin in 20 h; level without it 1.56
      Before 13 Mar 19:00 UTC: sell it. At delisting Binance closes by force what is still open.
      You hold 400,000 ROSE. Margin level 2.00, without this collateral 1.56.
      Moving it out may be refused: of an asset that is to be delisted, Binance may let you transfer no more than what is owed less the collateral that is there (error -3065).
      #1
      STILL CRITICAL · main · ROSE left cross margin 1 d 6 h ago, something of it is still there; level without it 1.56
      It was due at 13 Mar 19:00 UTC. Binance may be closing the position by force: look at the account now.
      You hold 400,000 ROSE. Margin level 2.00, without this collateral 1.56.
      #2"
    `);
    expect(await textsOf(inDebt, { locale: ZH })).toMatchInlineSnapshot(`
      "严重 · main · ROSE 将在 20小时后从全仓杠杆下架；去掉它后风险率为 1.56
      请在 3月14日 03:00 GMT+8 之前卖出。下架时币安会强制平掉未了结的仓位。
      持有 400,000 ROSE。风险率 2.00，去掉这部分质押资产后为 1.56。
      转出可能被拒绝：对即将下架的资产，币安可能只允许划转不超过“负债减去已有质押资产”的数量（错误 -3065）。
      #1
      仍为严重 · main · ROSE 已于 1天6小时前从全仓杠杆下架，账户中仍有余额或负债；去掉它后风险率为 1.56
      下架时间为 3月14日 03:00 GMT+8。币安可能正在强制平仓：请立即查看账户。
      持有 400,000 ROSE。风险率 2.00，去掉这部分质押资产后为 1.56。
      #2"
    `);
    expect(await textsOf(debtless)).toMatchInlineSnapshot(`
      "WARNING · main · 2 alerts, worst first
      WARNING · main · ROSE leaves cross margin in 20 h
      Before 13 Mar 19:00 UTC: sell it or move it out. Without debt nothing can be liquidated.
      You hold 400,000 ROSE.
      Moving it out may be refused: of an asset that is to be delisted, Binance may let you transfer no more than what is owed less the collateral that is there (error -3065).
      #1
      WARNING · main · ROSEUSDT isolated leaves margin trading in 20 h
      Before 13 Mar 19:00 UTC: sell it or move it out. Without debt nothing can be liquidated.
      The pair holds something, without debt.
      #1
      WARNING · main · 2 alerts, worst first
      STILL WARNING · main · ROSE left cross margin 1 d 6 h ago, something of it is still there
      It was due at 13 Mar 19:00 UTC. Without debt nothing can be liquidated; see in the account what became of it.
      You hold 400,000 ROSE.
      #2
      STILL WARNING · main · ROSEUSDT isolated left margin trading 1 d 6 h ago, something of it is still there
      It was due at 13 Mar 19:00 UTC. Without debt nothing can be liquidated; see in the account what became of it.
      The pair holds something, without debt.
      #2"
    `);
    expect(await textsOf(debtless, { locale: ZH })).toMatchInlineSnapshot(`
      "警告 · main · 2 个告警，最严重的在前
      警告 · main · ROSE 将在 20小时后从全仓杠杆下架
      请在 3月14日 03:00 GMT+8 之前卖出或转出。没有负债，不会被强平。
      持有 400,000 ROSE。
      转出可能被拒绝：对即将下架的资产，币安可能只允许划转不超过“负债减去已有质押资产”的数量（错误 -3065）。
      #1
      警告 · main · ROSEUSDT 逐仓 将在 20小时后从杠杆交易下架
      请在 3月14日 03:00 GMT+8 之前卖出或转出。没有负债，不会被强平。
      此交易对仍有资产，没有负债。
      #1
      警告 · main · 2 个告警，最严重的在前
      仍为警告 · main · ROSE 已于 1天6小时前从全仓杠杆下架，账户中仍有余额或负债
      下架时间为 3月14日 03:00 GMT+8。没有负债，不会被强平；请查看账户中这部分资产的情况。
      持有 400,000 ROSE。
      #2
      仍为警告 · main · ROSEUSDT 逐仓 已于 1天6小时前从杠杆交易下架，账户中仍有余额或负债
      下架时间为 3月14日 03:00 GMT+8。没有负债，不会被强平；请查看账户中这部分资产的情况。
      此交易对仍有资产，没有负债。
      #2"
    `);
    expect(await textsOf(leftOver)).toMatchInlineSnapshot(`
      "INFO · main · ROSE leaves cross margin in 20 h
      So little that it does not matter: nothing is in danger. It is due at 13 Mar 19:00 UTC.
      You hold 19 ROSE.
      #1"
    `);
    expect(await textsOf(leftOver, { locale: ZH })).toMatchInlineSnapshot(`
      "提示 · main · ROSE 将在 20小时后从全仓杠杆下架
      数额很小，没有风险。下架时间为 3月14日 03:00 GMT+8。
      持有 19 ROSE。
      #1"
    `);
    expect(await textsOf(little)).toMatchInlineSnapshot(`
      "INFO · main · ROSE leaves cross margin in 20 h
      The margin level hardly depends on it: nothing is in danger. It is due at 13 Mar 19:00 UTC.
      You hold 8,900 ROSE. Margin level 2.00, without this collateral 1.99.
      #1"
    `);
    expect(await textsOf(little, { locale: ZH })).toMatchInlineSnapshot(`
      "提示 · main · ROSE 将在 20小时后从全仓杠杆下架
      对风险率几乎没有影响，没有风险。下架时间为 3月14日 03:00 GMT+8。
      持有 8,900 ROSE。风险率 2.00，去掉这部分质押资产后为 1.99。
      #1"
    `);
  });
});
