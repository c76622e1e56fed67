// What the simulated exchange answers about prices and rates, as the real client reads it: right, failing, silent and taken away.
import { expect, test } from "vitest";
import { createBinance } from "../../src/binance/client.ts";
import type { Prices } from "../../src/core/market.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Secret } from "../../src/lib/secret.ts";
import { NO_STREAM } from "../support/no-stream.ts";
import { drawBooks } from "./books.ts";
import { createFakeExchange, KEYS, PATHS } from "./exchange.ts";
import type { Deed } from "./history.ts";
import { PRICE_LIES, type PriceLie } from "./priced.ts";
import { createRandom } from "./random.ts";
import { drawScenario, type ExchangeFault, type Scenario } from "./scenario.ts";
import { BEGIN_MS, createTime, DAY, HOUR, type Life, SECOND } from "./time.ts";
import { drawTruth } from "./truth.ts";

const never = new AbortController().signal;
const PRICE = 10_000;

interface Setup {
  /** Meets every request. */
  readonly fault?: ExchangeFault;
  readonly bans?: Scenario["exchange"]["bans"];
  /** What all public prices do. */
  readonly lie?: PriceLie;
  readonly seed?: number;
}

function open({ fault, bans = [], lie, seed = 1 }: Setup = {}) {
  const drawn = drawScenario(seed, { days: 2, isLive: true });
  const episodes = fault === undefined ? [] : [{ kind: fault, fromMs: 0, untilMs: BEGIN_MS + DAY, share: 1 }];
  const kinds = fault === undefined ? [] : [fault];
  const scenario: Scenario = {
    ...drawn,
    beside: undefined,
    priced: { lies: lie === undefined ? [] : [{ kind: lie, fromMs: 0, untilMs: BEGIN_MS + DAY, share: 1 }], tight: [] },
    exchange: { ...drawn.exchange, kinds, rate: 0, episodes, bans },
  };
  const { calmMs, endMs } = scenario;
  const time = createTime(() => expect.unreachable("a loop that never waits"));
  const life: Life = { id: 1, beganMonoMs: time.monoMs(), isAlive: true, watch: 1, sleeping: 0 };
  const deeds: Deed[] = [];
  const subjects = ["cross", "BTCUSDT", "ETHUSDT", "SOLUSDT"].map((subject) => `main ${subject}`);
  const truth = drawTruth(subjects, false, calmMs, endMs, (subject) => createRandom(seed, "truth", subject));
  const books = drawBooks({ accounts: [], calmMs, endMs, randomFor: (what) => createRandom(seed, "books", what) });
  const [config] = scenario.configs;
  const exchange = createFakeExchange({
    ...{ scenario, time, truth, books, random: createRandom(seed, "exchange") },
    config: () => ({ ...config, accounts: config.accounts.filter(({ name }) => name === "main") }),
    record: (_, deed) => void deeds.push(deed),
    mayDie: () => undefined,
  });
  const binance = createBinance({
    stream: NO_STREAM,
    baseUrl: "https://api.binance.com",
    minSpacingMs: 500,
    timeoutMs: 5 * SECOND,
    recvWindowMs: 5_000,
    weightBudgetPct: 50,
    clock: time.clockOf(life),
    random: () => 0.5,
    bans: { load: () => undefined, save: () => undefined, clear: () => undefined },
    barsStore: { load: () => undefined, save: () => undefined },
    serverClock: () => time.nowMs(),
    http: exchange.httpFor(life),
    log: silentLog,
  });
  const { key = "", secret = "" } = KEYS["main"] ?? {};
  const main = binance.exchange({
    ...{ name: "main", cross: true, isolated: "none", apiKey: new Secret(key) },
    credential: { kind: "hmac", secret: new Secret(secret) },
  });
  return {
    truth,
    time,
    prices: (symbols?: readonly string[]) => settled(binance.prices.prices(symbols, never)),
    rates: (assets: readonly string[]) => settled(main.interest.rates(assets, false, never)),
    asked: () => deeds.flatMap((deed) => (deed.kind === "request" ? [`${deed.account} ${deed.path}`] : [])),
    replies: () => deeds.flatMap((deed) => (deed.kind === "reply" ? [deed.reply.kind] : [])),
    pass: (ms: number) => time.run(time.nowMs() + ms, () => false),
  };

  /** Lets time pass until it is there. */
  async function settled<T>(reading: Promise<T>): Promise<T> {
    let isOver = false;
    void reading.then(() => {
      isOver = true;
    });
    await time.run(time.nowMs() + 60 * SECOND, () => isOver);
    return reading;
  }
}

test("prices are those of the truth, for whoever asks without a key", async () => {
  const { prices, truth, time, asked, replies } = open();
  const read = await prices();
  const index = (symbol: string) => 8_000 / (1 - truth.at(`main ${symbol}`, time.nowMs()).value / 100);
  expect(read).toEqual({
    ok: true,
    value: new Map([
      ["BTCUSDT", PRICE],
      ["ETHUSDT", expect.closeTo(index("ETHUSDT"), 6)],
      ["SOLUSDT", expect.closeTo(index("SOLUSDT"), 6)],
    ]),
  });
  expect(await prices(["BTCUSDT"])).toEqual({ ok: true, value: new Map([["BTCUSDT", PRICE]]) });
  expect(await prices(["BTCUSDT", "SOLUSDT"])).toMatchObject({ ok: true });
  expect(await prices(["BTCUSDT", "NOPE"])).toMatchObject({ ok: false, failure: { exchangeCode: -1121 } });
  expect(asked()).toEqual(Array(4).fill(`public ${PATHS.prices}`));
  expect(replies()).toEqual(Array(4).fill("other"));
});

test.each<[PriceLie, object]>([
  ["half", { ok: true, value: expect.toSatisfy((all: Prices) => all.get("BTCUSDT") === PRICE / 2) }],
  ["double", { ok: true, value: expect.toSatisfy((all: Prices) => all.get("BTCUSDT") === 2 * PRICE) }],
  ["one", { ok: true, value: expect.toSatisfy((all: Prices) => all.size === 3) }],
  ["flapping", { ok: true }],
  ["stale", { ok: true, value: expect.toSatisfy((all: Prices) => all.size === 3) }],
  ["missing", { ok: true, value: expect.toSatisfy((all: Prices) => all.size === 2 && !all.has("BTCUSDT")) }],
  ["unknown", { ok: true }],
  ["hang", { ok: false }],
])("prices can lie: %s", async (lie, read) => {
  expect(await open({ lie }).prices()).toMatchObject(read);
});

test("a list is unknown as a whole, and what does not stand still is another price at every read", async () => {
  expect(await open({ lie: "unknown" }).prices(["BTCUSDT", "ETHUSDT"])).toMatchObject({
    failure: { exchangeCode: -1121 },
  });
  const { prices } = open({ lie: "flapping" });
  expect(await prices(["BTCUSDT"])).not.toEqual(await prices(["BTCUSDT"]));
});

test("whatever prices say, it is never said of an account, and it costs the account nothing", async () => {
  for (const lie of PRICE_LIES) {
    const { prices, asked, replies } = open({ lie });
    await prices();
    expect(asked().every((each) => each === `public ${PATHS.prices}`)).toBe(true);
    expect(new Set(replies())).toEqual(new Set(["other"]));
  }
});

test("rates are for a key, and spike now and then", async () => {
  const { rates, pass, asked } = open();
  const seen = new Set<number | undefined>();
  for (let hour = 0; hour < 24; hour++) {
    const read = await rates(["BTC", "USDT", "ETH"]);
    expect(read).toMatchObject({ ok: true });
    if (read.ok) for (const rate of read.value.values()) seen.add(rate);
    await pass(HOUR);
  }
  expect(seen).toEqual(new Set([0.000009, 0.000072]));
  expect(new Set(asked())).toEqual(new Set([`main ${PATHS.rates}`]));
});

const OFTEN = Array.from({ length: 20 }, (_, index) => index + 1);

test.each<[ExchangeFault, RegExp, RegExp]>([
  ["rate", /^rate_limited$/, /^rate_limited$/],
  ["server", /^(unavailable|bad_response)$/, /^(unavailable|bad_response)$/],
  ["page", /^bad_response$/, /^bad_response$/],
  ["redirect", /^bad_response$/, /^bad_response$/],
  ["refuse", /^unreachable$/, /^unreachable$/],
  ["reset", /^unreachable$/, /^unreachable$/],
  ["hang", /^timeout$/, /^timeout$/],
  ["cut", /^bad_response$/, /^bad_response$/],
  ["field", /^bad_response$/, /^bad_response$/],
  ["busy", /^unavailable$/, /^unavailable$/],
  // Without a key there is none to refuse, nor a timestamp.
  ["clock", /^ok$/, /^clock_skew$/],
  ["signature", /^ok$/, /^bad_signature$/],
  ["key", /^ok$/, /^rejected_key$/],
  // One symbol is not listed, one asset has no rate.
  ["absent", /^ok$/, /^ok$/],
])("%s: prices %s, rates %s", async (fault, prices, rates) => {
  for (const seed of OFTEN) {
    const exchange = open({ fault, seed });
    const told = await exchange.prices();
    expect(told.ok ? "ok" : told.failure.code).toMatch(prices);
    if (fault === "absent")
      expect(told).toMatchObject({
        value: new Map([
          ["ETHUSDT", expect.anything()],
          ["SOLUSDT", expect.anything()],
        ]),
      });
    const other = open({ fault, seed });
    const rated = await other.rates(["BTC", "USDT"]);
    expect(rated.ok ? "ok" : rated.failure.code).toMatch(rates);
    if (fault === "absent") expect(rated).toEqual({ ok: true, value: new Map([["USDT", expect.anything()]]) });
    // What becomes of prices excuses nobody.
    expect(exchange.replies()).not.toContain("failure");
  }
});

test("a spent budget drops prices and rates alike", async () => {
  const { prices, rates } = open({ fault: "weight" });
  expect(await prices()).toMatchObject({ ok: true });
  expect(await prices()).toMatchObject({ ok: false, failure: { code: "rate_limited" } });
  expect(await rates(["BTC"])).toMatchObject({ ok: true });
  expect(await rates(["BTC"])).toMatchObject({ ok: false, failure: { code: "rate_limited" } });
});

test("a ban is for prices, too", async () => {
  const ban = { atMs: BEGIN_MS, lastsMs: HOUR, how: "header" } as const;
  const { prices, rates, asked, replies } = open({ bans: [ban] });
  expect(await prices()).toMatchObject({ ok: false, failure: { code: "banned" } });
  expect(await rates(["BTC"])).toMatchObject({ ok: false, failure: { code: "banned" } });
  expect(asked()).toHaveLength(1);
  expect(replies()).toEqual(["silence"]);
});
