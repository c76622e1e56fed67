// Public prices over a real socket: what is asked, what is made of the answer, and that no key's requests meet them.
import { expect, test } from "vitest";
import {
  type ClientWorld,
  failureOf,
  HOUR,
  MINUTE,
  never,
  SECOND,
  type Setup,
  useClient,
} from "../../test/support/client.ts";
import { type Answer, CROSS, complaint, type Script } from "../../test/support/exchange.ts";
import { untilTrue } from "../../test/support/server.ts";
import type { Prices } from "../core/market.ts";
import { systemClock } from "../lib/clock.ts";
import type { Ban } from "./client.ts";
import { PATHS } from "./endpoints.ts";

const { start, poll } = useClient();

const BTC = { symbol: "BTCUSDT", price: "64000.10000000" };
const ETH = { symbol: "ETHUSDT", price: "3100.00000000" };

const answering =
  (answer: (nth: number) => Answer | Promise<Answer>): Script =>
  ({ path }, nth) =>
    path === PATHS.prices ? answer(nth) : undefined;

/** One read of these symbols, of an exchange that answers so. */
async function readOf(symbols: readonly string[] | undefined, answer: Answer, setup: Setup = {}) {
  const world = await start({ script: answering(() => answer), ...setup });
  return { ...world, read: await world.binance.prices.prices(symbols, never) };
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `C${index}USDT`);

test.each<{ name: string; symbols: readonly string[] | undefined; query: string; body: unknown; prices: Prices }>([
  {
    name: "all",
    symbols: undefined,
    query: "",
    body: [BTC, ETH],
    prices: new Map([
      ["BTCUSDT", 64_000.1],
      ["ETHUSDT", 3_100],
    ]),
  },
  {
    name: "one",
    symbols: ["BTCUSDT"],
    query: "symbol=BTCUSDT",
    body: BTC,
    prices: new Map([["BTCUSDT", 64_000.1]]),
  },
  {
    name: "the same one twice",
    symbols: ["BTCUSDT", "BTCUSDT"],
    query: "symbol=BTCUSDT",
    body: BTC,
    prices: new Map([["BTCUSDT", 64_000.1]]),
  },
  {
    name: "a list, without what is not traded",
    symbols: ["BTCUSDT", "ETHUSDT", "BTCUSDT"],
    query: "symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D",
    body: [BTC, { ...ETH, price: "0.00000000" }],
    prices: new Map([["BTCUSDT", 64_000.1]]),
  },
  {
    name: "the longest list",
    symbols: many(200),
    query: `symbols=${encodeURIComponent(JSON.stringify(many(200)))}`,
    body: [],
    prices: new Map(),
  },
  {
    name: "all, where the list is longer, and what was asked for of it",
    symbols: [...many(200), "BTCUSDT"],
    query: "",
    body: [BTC, ETH],
    prices: new Map([["BTCUSDT", 64_000.1]]),
  },
])("asks for $name", async ({ symbols, query, body, prices }) => {
  const { server, requests, read } = await readOf(symbols, { body });
  expect(read).toEqual({ ok: true, value: prices });
  expect(server.seen.map((seen) => [seen.path, seen.query, seen.headers["x-mbx-apikey"]])).toEqual([
    ["/api/v3/ticker/price", query, undefined],
  ]);
  expect(requests.map(({ account }) => account)).toEqual([""]);
});

test("asks for nothing when nothing is wanted", async () => {
  const { server, read } = await readOf([], { body: [] });
  expect(read).toEqual({ ok: true, value: new Map() });
  expect(server.seen).toEqual([]);
});

test.each<[string, readonly string[] | undefined, Answer, object]>([
  ["an unknown symbol", ["BTCUSDT", "NOPE"], complaint(-1121), { code: "bad_response", exchangeCode: -1121 }],
  [
    "a price that is a number",
    undefined,
    { raw: '[{"symbol":"BTCUSDT","price":64000.1}]' },
    { code: "bad_response", detail: "[0].price is the number 64000.1, not a decimal" },
  ],
  [
    "a price that is none",
    ["BTCUSDT"],
    { body: { ...BTC, price: "NaN" } },
    { code: "bad_response", detail: '[0].price is "NaN", not a decimal' },
  ],
  [
    "a list for one",
    ["BTCUSDT"],
    { body: [BTC] },
    { code: "bad_response", detail: "the price is a list, not an object" },
  ],
  [
    "one for a list",
    undefined,
    { body: BTC },
    { code: "bad_response", detail: "the list of prices is an object, not a list" },
  ],
  ["a web page", undefined, { raw: "<html>" }, { code: "bad_response" }],
  ["a server in trouble", undefined, { status: 502, raw: "" }, { code: "unavailable" }],
])("%s is a failure, after one try", async (_, symbols, answer, failure) => {
  const { server, read } = await readOf(symbols, answer);
  expect(read).toMatchObject({ ok: false, failure });
  expect(server.seen).toHaveLength(1);
});

test("a read that is given up fails at once", async () => {
  const asked = Promise.withResolvers<void>();
  const giveUp = new AbortController();
  const { binance } = await start({
    script: answering(() => {
      asked.resolve();
      return new Promise(() => undefined);
    }),
  });
  const read = binance.prices.prices(undefined, giveUp.signal);
  await asked.promise;
  giveUp.abort();
  expect(await read).toMatchObject({ ok: false, failure: { code: "timeout" } });
});

// ---------------------------------------------------------------- its own lane

test("B13: prices that hang hold up no key, and a key that hangs holds up no prices", async () => {
  const held: (() => void)[] = [];
  let hung: string = PATHS.prices;
  const { binance, exchange, server } = await start({
    minSpacingMs: 40,
    script: async ({ path }) => {
      if (path === hung) await new Promise<void>((resolve) => held.push(resolve));
      return path === PATHS.prices ? { body: [BTC] } : undefined;
    },
  });
  const slow = [1, 2, 3, 4, 5].map(() => binance.prices.prices(undefined, never));
  await untilTrue(() => held.length === 2); // more of what can wait is never under way at once
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([true]);
  hung = CROSS;
  while (server.paths().filter((path) => path === "ticker/price").length < 5) {
    for (const release of held.splice(0)) release();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const release of held.splice(0)) release();
  await Promise.all(slow);
  const polled = Promise.all(exchange.poll(never));
  await untilTrue(() => held.length === 1);
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: true });
  for (const release of held.splice(0)) release();
  expect((await polled).map(({ ok }) => ok)).toEqual([true]);
});

test("each lane keeps its spacing, and neither counts the other's requests", async () => {
  const { binance, exchange, requests } = await start({
    minSpacingMs: 500,
    script: answering(() => ({ body: [BTC] })),
  });
  const reads = [binance.prices.prices(undefined, never), binance.prices.prices(["BTCUSDT"], never)];
  await Promise.all([...exchange.poll(never), ...reads]);
  await untilTrue(() => requests.filter(({ account }) => account === "main").length >= 3); // the bars and the clock follow
  await Promise.all(exchange.poll(never));
  const of = (name: string) => requests.filter(({ account }) => account === name);
  expect(of("")).toHaveLength(2);
  for (const name of ["", "main"]) {
    const [first, ...others] = of(name);
    expect(first?.gapMs).toBeUndefined();
    for (const { gapMs } of others) expect(gapMs).toBeGreaterThanOrEqual(500);
  }
});

test("prices need not wait for what a process before this one may have sent: that is counted by key", async () => {
  const { binance, requests, clock } = await start({
    minSpacingMs: 500,
    notBeforeMonoMs: systemClock.monoMs() + HOUR,
    script: answering(() => ({ body: [BTC] })),
  });
  const beganMs = clock.monoMs();
  expect(await binance.prices.prices(undefined, AbortSignal.timeout(5 * SECOND))).toMatchObject({ ok: true });
  expect(requests.map(({ startedMonoMs }) => startedMonoMs - beganMs < 5 * SECOND)).toEqual([true]);
});

// ---------------------------------------------------------------- silence

const TOO_MANY: Answer = { ...complaint(-1003, "Too many requests.", 429), headers: { "retry-after": "600" } };
const PAGE: Answer = { status: 403, raw: "<html>" };
const FREE: Answer = { body: { openLongRestrictedAsset: [], maxCollateralExceededAsset: [] } };

/** How long public prices are silent from now, seconds; 0 when they are read. */
async function silenceS({ binance, clock }: ClientWorld): Promise<number> {
  const read = await binance.prices.prices(undefined, never);
  return read.ok ? 0 : Math.round(((read.failure.untilMs ?? Number.NaN) - clock.wallMs()) / SECOND);
}

const pricedAt = (world: ClientWorld) => world.server.seen.filter(({ path }) => path === PATHS.prices).length;

test("a ban that prices meet is for all: the account first when it is over, and for a while alone", async () => {
  const ban: Answer = { status: 418, raw: "", headers: { "retry-after": "60" } };
  const world = await start({ script: answering((nth) => (nth === 1 ? ban : { body: [BTC] })) });
  const { binance, exchange, clock } = world;
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: false, failure: { code: "banned" } });
  expect(await silenceS(world)).toBeGreaterThan(0);
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([false]);
  expect(pricedAt(world)).toBe(1);
  clock.skip(61 * SECOND);
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([true]);
  expect(await silenceS(world)).toBeGreaterThan(0);
  clock.skip(5 * MINUTE);
  expect(await silenceS(world)).toBe(0);
});

test.each<[string, "public" | "keyed", Answer, number]>([
  ["a 429", "public", TOO_MANY, 600],
  ["a -1003 with HTTP 200", "public", complaint(-1003, "Too many requests.", 200), 5],
  ["the page of a firewall", "public", PAGE, 60],
  ["a 429 to the prices of a key", "keyed", TOO_MANY, 600],
  ["the page of a firewall to the prices of a key", "keyed", PAGE, 60],
])("B13: %s silences prices, and neither the account nor what else can wait", async (_, whose, answer, seconds) => {
  const world = await start({
    script: ({ path }, nth) => {
      if (path === PATHS.restrictedAssets) return FREE;
      return path === PATHS.prices ? (nth === 1 ? answer : { body: [BTC] }) : undefined;
    },
  });
  const { binance, exchange, clock, bans, warnings } = world;
  const reader = whose === "public" ? binance.prices : undefined;
  const first = await (reader?.prices(undefined, never) ?? exchange.market.prices(never));
  expect(first).toMatchObject({ ok: false, failure: { code: "rate_limited" } });
  expect(await silenceS(world)).toBe(seconds);
  expect(await exchange.market.prices(never)).toMatchObject({ ok: false, failure: { code: "rate_limited" } });
  expect(pricedAt(world)).toBe(1);
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([true]);
  expect(await exchange.market.restrictions(never)).toMatchObject({ ok: true });
  expect(bans).toEqual([]);
  expect(warnings).toEqual(["the exchange asks for silence: prices are not asked for, all else goes on, until then"]);
  clock.skip((seconds - 2) * SECOND);
  expect(await silenceS(world)).toBeGreaterThan(0);
  clock.skip(2 * SECOND);
  expect(await silenceS(world)).toBe(0);
});

test.each<[string, Answer, readonly number[]]>([
  ["the page of a firewall", PAGE, [60, 120, 240, 480, 600, 600]],
  ["a 429 that says nothing", { status: 429, raw: "" }, [5, 10, 20, 40, 80, 160, 320, 600, 600]],
  [
    "a 429 that says 30 s",
    { status: 429, raw: "", headers: { "retry-after": "30" } },
    [30, 30, 30, 40, 80, 160, 320, 600, 600],
  ],
])("%s again and again takes prices ever more rarely, until they are answered", async (_, answer, waits) => {
  let isRefused = true;
  const world = await start({ script: answering(() => (isRefused ? answer : { body: [BTC] })) });
  const met: number[] = [];
  for (const _wait of waits) {
    met.push(await silenceS(world));
    world.clock.skip((met.at(-1) ?? 0) * SECOND);
  }
  expect(met).toEqual(waits);
  expect(pricedAt(world)).toBe(waits.length);
  isRefused = false;
  expect(await silenceS(world)).toBe(0);
  isRefused = true;
  expect(await silenceS(world)).toBe(waits[0]);
});

test("a silence of prices is kept apart from that of the accounts, and holds after a restart", async () => {
  const saved: Ban[] = [];
  const [first, keeps] = [answering(() => TOO_MANY), { save: (ban: Ban) => void saved.push(ban), clear() {} }];
  const before = await start({ script: first, priceBans: { ...keeps, load: () => undefined } });
  await before.binance.prices.prices(undefined, never);
  expect([saved.map(({ kind }) => kind), before.bans]).toEqual([["rate"], []]);
  const script = answering(() => ({ body: [BTC] }));
  const after = await start({ script, priceBans: { ...keeps, load: () => saved[0] } });
  expect(await silenceS(after)).toBeGreaterThan(590);
  expect((await poll(after.exchange)).map(({ ok }) => ok)).toEqual([true]);
  after.clock.skip(10 * MINUTE);
  expect(await silenceS(after)).toBe(0);
});

test.each<[string, Answer, string]>([
  ["ban", { status: 418, raw: "", headers: { "retry-after": "60" } }, "banned"],
  ["429", { status: 429, raw: "", headers: { "retry-after": "60" } }, "rate_limited"],
  ["page of a firewall", PAGE, "rate_limited"],
])("a %s that an account meets silences prices, for five minutes longer", async (_, answer, code) => {
  const { binance, exchange, server, clock } = await start({
    script: ({ path }) => (path === CROSS ? answer : { body: [BTC] }),
  });
  await poll(exchange);
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: false, failure: { code } });
  clock.skip(5 * MINUTE + 58 * SECOND);
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: false });
  expect(server.paths()).not.toContain("ticker/price");
  clock.skip(3 * SECOND);
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: true });
});

test("an answer to prices does not make the next pause of the accounts short", async () => {
  const { binance, exchange, clock } = await start({
    script: ({ path }) => (path === CROSS ? { status: 429, raw: "" } : { body: [BTC] }),
  });
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    const [result] = await poll(exchange);
    waits.push(Math.round(((failureOf(result)?.untilMs ?? 0) - clock.wallMs()) / SECOND));
    clock.skip(10 * MINUTE);
    expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: true });
  }
  expect(waits).toEqual([5, 10, 20]);
});

test("prices stop at their share of the weight of /api; the account goes on, and so do they in the next minute", async () => {
  const headers = { "x-mbx-used-weight-1m": "1500" };
  const { binance, exchange, server, clock } = await start({ script: answering(() => ({ headers, body: [BTC] })) });
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: true });
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: false, failure: { code: "rate_limited" } });
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([true]);
  expect(server.seen.filter(({ path }) => path === PATHS.prices)).toHaveLength(1);
  clock.skip(MINUTE);
  expect(await binance.prices.prices(undefined, never)).toMatchObject({ ok: true });
});
