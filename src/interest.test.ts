// The rates of one account over time: what is asked, what is kept over a restart, and what a failed read must not do.
import { beforeEach, describe, expect, test } from "vitest";
import { balance, cross, emptyPair, longPair } from "../test/support/answers.ts";
import { openShared, type SharedOptions, type TestShared } from "../test/support/shared.ts";
import type { Holdings } from "./core/delisting.ts";
import type { HourlyRates } from "./core/interest.ts";
import { decodeRates } from "./core/interest-median.ts";
import { type Failure, StoreError } from "./core/ports.ts";
import { createInterestWatch, type InterestParts } from "./interest.ts";
import { silentLog } from "./lib/log.ts";

const MIN = 60_000;
const H = 60 * MIN;
const D = 24 * H;
const NEVER = new AbortController().signal;
const FAILURE: Failure = { code: "timeout", detail: "" };
const USUAL = 0.0000025;
const ALERT = "asset USDT/interest-rate warning";

interface World {
  rate: number;
  /** What fails: the assets of these requests. */
  fails(assets: readonly string[], isIsolated: boolean): boolean;
  holdings: Holdings;
  readonly asked: string[];
  readonly noted: string[];
}

const owing = (...assets: readonly string[]): Holdings => ({
  cross: cross(2, {
    assets: [...assets.map((asset) => balance(asset, { borrowed: 1000 })), balance("BNB", { free: 7 })],
  }),
  pairs: [emptyPair("ETHUSDT")],
});

let world: World;
let shared: TestShared;

beforeEach(() => {
  shared = openShared();
  world = { rate: USUAL, fails: () => false, holdings: owing("USDT"), asked: [], noted: [] };
});

function open(over: Partial<InterestParts> = {}, options: SharedOptions = {}) {
  shared = openShared({ clock: shared.clock, store: shared.store, ...options });
  const watch = createInterestWatch({
    ...shared,
    ...{ account: "main", cross: true, isolated: true, times: 4 },
    reader: {
      rates(assets, isIsolated) {
        world.asked.push(`${isIsolated ? "isolated" : "cross"} ${assets.join(" ")}`);
        if (world.fails(assets, isIsolated)) return Promise.resolve({ ok: false, failure: FAILURE });
        const value: HourlyRates = new Map(assets.map((asset) => [asset, world.rate]));
        return Promise.resolve({ ok: true, value });
      },
    },
    latest: () => world.holdings,
    sources: { note: (source, outcome) => void world.noted.push(`${source}: ${outcome?.code ?? "ok"}`) },
    log: silentLog,
    ...over,
  });
  return { ...watch, run: (signal = NEVER) => watch.run(signal) };
}

type Opened = ReturnType<typeof open>;

/** As many hours, each with a read at its end. */
async function hours(watch: Opened, count: number) {
  for (let hour = 0; hour < count; hour++) {
    await shared.clock.advance(H);
    await watch.run();
  }
}

/** A usual day, then a rate of five times as much. */
async function spiked(): Promise<Opened> {
  const watch = open();
  await hours(watch, 24);
  world.rate = 5 * USUAL;
  await hours(watch, 1);
  expect(shared.firing()).toEqual([ALERT]);
  return watch;
}

// ---------------------------------------------------------------- what is asked

describe("what is asked", () => {
  test("nothing while nothing is owed, or nothing is known", async () => {
    for (const holdings of [owing(), { cross: undefined, pairs: undefined }]) {
      world.holdings = holdings;
      await open().run();
    }
    expect([world.asked, world.noted]).toEqual([[], []]);
  });

  test("cross and isolated debts each by themselves", async () => {
    world.holdings = { ...owing("USDT", "BTC"), pairs: [longPair("ETHUSDT", 20), longPair("BNBUSDT", 20)] };
    await open().run();
    expect(world.asked).toEqual(["cross BTC USDT", "isolated USDT"]);
    expect(world.noted).toEqual(["interest rates: ok"]);
  });

  test("not what the config does not have read", async () => {
    world.holdings = { ...owing("BTC"), pairs: [longPair("ETHUSDT", 20)] };
    await open({ cross: false }).run();
    await open({ isolated: false }).run();
    expect(world.asked).toEqual(["isolated USDT", "cross BTC"]);
  });

  test.each([
    [20, [20]],
    [21, [20, 1]],
    [45, [20, 20, 5]],
  ])("%i assets in requests of 20 at most", async (count, sizes) => {
    const assets = Array.from({ length: count }, (_, index) => `C${index}`);
    world.holdings = owing(...assets);
    const watch = open();
    await watch.run();
    expect(world.asked.map((each) => each.split(" ").length - 1)).toEqual(sizes);
    expect([...(watch.rates(false)?.keys() ?? [])].sort()).toEqual([...assets].sort());
  });
});

// ---------------------------------------------------------------- rates for others

test("the last good rates stand for three hours, whatever fails", async () => {
  world.holdings = { ...owing("USDT"), pairs: [] };
  const watch = open();
  expect([watch.rates(false), watch.rates(true)]).toEqual([undefined, undefined]);
  await watch.run();
  expect([watch.rates(false), watch.rates(true)]).toEqual([new Map([["USDT", USUAL]]), undefined]);
  world.fails = () => true;
  await shared.clock.advance(3 * H);
  await watch.run();
  expect(watch.rates(false)).toEqual(new Map([["USDT", USUAL]]));
  await shared.clock.advance(1);
  expect(watch.rates(false)).toBeUndefined();
});

test("one request that fails is noted, and the others count", async () => {
  world.holdings = { ...owing("BTC"), pairs: [longPair("ETHUSDT", 20)] };
  world.fails = (_, isIsolated) => !isIsolated;
  const watch = open();
  await watch.run();
  expect(world.noted).toEqual(["interest rates: timeout"]);
  expect([watch.rates(false), watch.rates(true)]).toEqual([undefined, new Map([["USDT", USUAL]])]);
});

test("a run that is stopped changes nothing and blames nobody", async () => {
  world.fails = () => true;
  const watch = open();
  await watch.run(AbortSignal.abort());
  expect([world.noted, shared.store.fact("rates.main"), watch.rates(false)]).toEqual([[], undefined, undefined]);
});

// ---------------------------------------------------------------- the alert

test.each([
  [23, []],
  [24, [ALERT]],
])("after %i hours a rate of five times: %j", async (count, firing) => {
  const watch = open();
  await hours(watch, count);
  world.rate = 5 * USUAL;
  await hours(watch, 1);
  expect(shared.firing()).toEqual(firing);
});

test("many reads within an hour are one sample", async () => {
  const watch = open();
  for (let read = 0; read < 200; read++) await hours(watch, 0).then(() => watch.run());
  world.rate = 5 * USUAL;
  await hours(watch, 1);
  expect(shared.firing()).toEqual([]);
});

test("what was read before in the same hour is not yet part of what is usual", async () => {
  const watch = open();
  await hours(watch, 24); // the last of these is read in the present hour
  world.rate = 5 * USUAL;
  await shared.clock.advance(H - 1);
  await watch.run();
  expect(shared.firing()).toEqual([]);
  await shared.clock.advance(1);
  await watch.run();
  expect(shared.firing()).toEqual([ALERT]);
});

test("what is read", async () => {
  const watch = await spiked();
  expect(shared.told()).toEqual([
    `WARNING · main · interest of USDT is 5.0 × its usual rate
What you owe costs 0.300 USDT a day instead of 0.060 USDT. Repay USDT, or borrow another asset in its place.
The rate is 0.00125 % an hour, 11.0 % a year; usual before: 0.00025 % an hour, 2.2 % a year (median of 7 days). You owe 1,000 USDT.
#1`,
  ]);
  world.rate = USUAL;
  await hours(watch, 1);
  expect(shared.told()).toEqual([
    `RESOLVED · main · interest of USDT is down to 1.0 × its usual rate
What you owe costs 0.060 USDT a day. The rate is 0.00025 % an hour, 2.2 % a year; usual before: 0.00025 % an hour, 2.2 % a year (median of 7 days).
The alert was open for 1 h.
#2`,
  ]);
});

describe("an open alert", () => {
  test("B14: ends by no read that fails, also when no rate is known any more", async () => {
    const watch = await spiked();
    world.fails = () => true;
    world.rate = USUAL;
    await hours(watch, 30);
    watch.look();
    expect(shared.firing()).toEqual([ALERT]);
    world.fails = () => false;
    await hours(watch, 1);
    expect(shared.firing()).toEqual([]);
  });

  test("ends by the next poll when nothing is owed any more, also while rates cannot be read", async () => {
    const watch = await spiked();
    world.fails = () => true;
    shared.told();
    world.holdings = { cross: undefined, pairs: undefined };
    await shared.clock.advance(2 * MIN);
    watch.look();
    expect(shared.firing()).toEqual([ALERT]);
    world.holdings = owing();
    await shared.clock.advance(2 * MIN);
    watch.look();
    expect(shared.told()).toEqual([
      `RESOLVED · main · USDT: nothing that counts is owed at the high interest rate any more
The alert was open for 4 min.
#2`,
    ]);
  });

  test("does not end because the high rate has become usual, also over a restart", async () => {
    let watch = await spiked();
    for (let day = 0; day < 10; day++) {
      await hours(watch, 24);
      watch = open();
    }
    expect(shared.firing()).toEqual([ALERT]);
    world.rate = 3.61 * USUAL;
    await hours(watch, 1);
    expect(shared.firing()).toEqual([ALERT]);
    world.rate = 3.6 * USUAL;
    await hours(watch, 1);
    expect(shared.firing()).toEqual([]);
  });

  test("is told again by no restart, and reminded of once a day", async () => {
    let watch = await spiked();
    shared.told();
    const told: number[] = [];
    for (let hour = 1; hour <= 50; hour++) {
      watch = open();
      watch.look();
      await hours(watch, 1);
      if (shared.told().length > 0) told.push(hour);
    }
    expect(told).toEqual([24, 48]);
  });

  test("goes on over a restart with another number of times, by that", async () => {
    await spiked();
    const watch = open({ times: 6 });
    await watch.run();
    expect(shared.firing()).toEqual([]);
  });

  test("is known to the store together with what it is measured by", async () => {
    const watch = open();
    await hours(watch, 24);
    const commits = shared.store.commit;
    const seen: string[] = [];
    shared.store.commit = (change) => {
      const fact = change.facts?.find(({ name }) => name === "rates.main")?.value ?? "";
      seen.push(`${change.alerts.length} ${fact.includes('"frozen"')}`);
      return commits(change);
    };
    world.rate = 5 * USUAL;
    await hours(watch, 1);
    world.rate = USUAL;
    await hours(watch, 1);
    expect(seen).toEqual(["1 true", "1 false"]);
  });
});

test("what is left over of a debt is not told where a price tells what it is worth", async () => {
  world.holdings = owing("BTC", "USDT");
  const watch = open({ prices: () => new Map([["BTCUSDT", 0.0005]]) });
  await hours(watch, 24);
  world.rate = 5 * USUAL;
  await hours(watch, 1);
  expect(shared.firing()).toEqual([ALERT]); // a thousand of the other are worth half a dollar
  const more = open();
  await more.run();
  expect([...shared.firing()].sort()).toEqual(["asset BTC/interest-rate warning", ALERT]);
});

test.each([
  [3 * H, [ALERT]],
  [3 * H + 1, []],
])(
  "what is borrowed again %i ms after the last read is judged by the rates that are fresh: %j",
  async (afterMs, firing) => {
    const watch = await spiked();
    world.holdings = owing();
    await shared.clock.advance(2 * MIN);
    watch.look();
    expect(shared.firing()).toEqual([]);
    world.holdings = owing("USDT");
    await shared.clock.advance(afterMs - 2 * MIN);
    watch.look();
    expect(shared.firing()).toEqual(firing);
  },
);

test("it looks at most once a minute", async () => {
  const watch = await spiked();
  world.holdings = owing();
  await shared.clock.advance(MIN - 1);
  watch.look();
  expect(shared.firing()).toEqual([ALERT]);
  await shared.clock.advance(1);
  watch.look();
  expect(shared.firing()).toEqual([]);
});

test("a look that changes nothing writes nothing", async () => {
  const watch = await spiked();
  let commits = 0;
  shared.store.commit = () => {
    commits += 1;
    return [];
  };
  await shared.clock.advance(2 * MIN);
  watch.look();
  expect(commits).toBe(0);
  await watch.run();
  expect(commits).toBe(1);
});

test("a look by itself takes no sample", async () => {
  const watch = open();
  await hours(watch, 23);
  for (let minute = 0; minute < 3 * 60; minute += 2) {
    await shared.clock.advance(2 * MIN);
    watch.look();
  }
  world.rate = 5 * USUAL;
  await watch.run();
  expect(shared.firing()).toEqual([]);
});

test("a clock that is set back drops what lies ahead, and measures by the rest", async () => {
  const watch = open();
  await hours(watch, 48);
  world.rate = 3 * USUAL;
  await hours(watch, 20); // with these the median is as before; without the last 30 of all, also
  shared.clock.stepWall(-30 * H);
  world.rate = 5 * USUAL;
  await watch.run();
  expect(shared.firing()).toEqual([ALERT]);
  expect(decodeRates(shared.store.fact("rates.main")).get("cross USDT")?.samples.size).toBe(38);
});

test("a clock set back by more than everything leaves nothing to measure by", async () => {
  const watch = open();
  await hours(watch, 48);
  shared.clock.stepWall(-3 * D);
  world.rate = 5 * USUAL;
  await watch.run();
  expect(shared.firing()).toEqual([]);
});

test("a store that cannot be read is asked again, and nothing is judged meanwhile", async () => {
  await spiked();
  const { fact } = shared.store;
  shared.store.fact = () => {
    throw new StoreError("the disk does not give it");
  };
  const watch = open();
  world.rate = USUAL;
  await watch.run();
  expect(shared.firing()).toEqual([ALERT]);
  shared.store.fact = fact;
  await shared.clock.advance(MIN);
  watch.look();
  expect(shared.firing()).toEqual([]);
});
