import { expect, test } from "vitest";
import { API_KEY, CREDENTIAL, SERVER_START_MS, SIM_START_MS, useSimulators } from "../../test/support/simulator.ts";
import { LISTED_SYMBOLS } from "./assets.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";
import { type MarketAction, marketAt } from "./market.ts";
import type { SimEvent } from "./play.ts";

const SCHEDULE = "/sapi/v1/margin/delist-schedule";
const RESTRICTED = "/sapi/v1/margin/restricted-asset";
const RATES = "/sapi/v1/margin/next-hourly-interest-rate";
const PRICES = "/api/v3/ticker/price";
const DAY_MS = 86_400_000;

const simulate = useSimulators(
  bookOf({
    cross: crossBook([holding("BTC", { free: 1 }), holding("ETH", { free: 5 })]),
    isolated: [pairBook("ETHUSDT", { base: { free: 1 } })],
  }),
);

const delisting = (
  atMs: number,
  inMs: number,
  assets: readonly string[],
  symbols: readonly string[],
): MarketAction => ({
  atMs,
  text: `${[...assets, ...symbols].join(", ")} will go`,
  delisting: { atMs: atMs + inMs, assets, symbols },
});
const rating = (atMs: number, asset: string, hourlyRate: number): MarketAction => ({
  atMs,
  text: `${asset} at ${hourlyRate}`,
  rate: { asset, hourlyRate },
});
const restricting = (atMs: number, openLong: readonly string[]): MarketAction => ({
  atMs,
  text: "restricts",
  restrictions: { openLong, maxCollateral: ["SOL"] },
});

test("what can be read changes when its time has come, the next delisting first", () => {
  const actions = [
    delisting(300, 1_000, ["SOL"], []),
    delisting(100, 400, ["ETH"], ["ETHUSDT"]),
    restricting(200, ["BNB"]),
    restricting(250, []),
  ];
  const seen = [99, 100, 249, 250, 300, 499, 500, 1_300].map((simMs) => {
    const { delistings, restrictions } = marketAt(actions, simMs);
    return [simMs, delistings.map(({ atMs }) => atMs), restrictions.openLong, restrictions.maxCollateral];
  });
  expect(seen).toEqual([
    [99, [], [], []],
    [100, [500], [], []],
    [249, [500], ["BNB"], ["SOL"]],
    [250, [500], [], ["SOL"]],
    [300, [500, 1_300], [], ["SOL"]],
    [499, [500, 1_300], [], ["SOL"]],
    [500, [1_300], [], ["SOL"]],
    [1_300, [], [], ["SOL"]],
  ]);
});

test("both lists have the documented fields, and need the key alone", async () => {
  const market = [delisting(0, SIM_START_MS + 7 * DAY_MS, ["ETH"], ["ETHUSDT"]), restricting(0, ["BNB"])];
  const { keyed, get } = await simulate({ market });
  const schedule = await keyed(SCHEDULE);
  expect([schedule.headers.get("x-sapi-used-ip-weight-1m"), schedule.body]).toEqual([
    "100",
    [
      {
        delistTime: SERVER_START_MS + 7 * DAY_MS,
        crossMarginAssets: ["ETH"],
        isolatedMarginSymbols: ["ETHUSDT"],
      },
    ],
  ]);
  const restricted = await keyed(RESTRICTED);
  expect([restricted.headers.get("x-sapi-used-ip-weight-1m"), restricted.body]).toEqual([
    "1",
    { openLongRestrictedAsset: ["BNB"], maxCollateralExceededAsset: ["SOL"] },
  ]);
  expect((await get(SCHEDULE)).body).toMatchObject({ code: -2014 });
  expect((await get(RESTRICTED)).body).toMatchObject({ code: -2014 });
});

test("without anything to announce both are empty", async () => {
  const { keyed } = await simulate();
  expect((await keyed(SCHEDULE)).body).toEqual([]);
  expect((await keyed(RESTRICTED)).body).toEqual({ openLongRestrictedAsset: [], maxCollateralExceededAsset: [] });
});

test("an announced time is as far ahead as it is in simulated time", async () => {
  const { keyed, time } = await simulate({ market: [delisting(0, SIM_START_MS + DAY_MS, ["ETH"], [])] });
  time.simMs += DAY_MS / 2;
  time.serverMs += 60_000;
  expect((await keyed(SCHEDULE)).body).toMatchObject([{ delistTime: SERVER_START_MS + 60_000 + DAY_MS / 2 }]);
});

test("at its time everybody's position is closed, and who watches reads of both", async () => {
  const events: (SimEvent & { readonly apiKey: string | undefined })[] = [];
  const { simulator, signed, keyed, time } = await simulate({
    market: [delisting(SIM_START_MS + 1_000, 5_000, ["ETH"], ["ETHUSDT"])],
    onEvent: (event) => events.push(event),
  });
  time.simMs += 1_000;
  simulator.advance();
  simulator.advance();
  time.simMs += 5_000;
  expect((await keyed(SCHEDULE)).body).toEqual([]);
  expect((await signed("/sapi/v1/margin/isolated/account")).body).toMatchObject({ assets: [] });
  expect((await signed("/sapi/v1/margin/account")).body).toMatchObject({
    userAssets: expect.arrayContaining([expect.objectContaining({ asset: "ETH", free: "0.00000000" })]),
  });
  expect((await signed("/sapi/v1/margin/capital-flow")).body).toMatchObject([
    { type: "SELL_LIQUIDATION", asset: "ETH", amount: "5" },
  ]);
  expect(events.map(({ kind, text, apiKey }) => [kind, text, apiKey])).toEqual([
    ["announcement", "ETH, ETHUSDT will go", undefined],
    ["delisting", "cross: ETH is delisted, the exchange closes it", API_KEY],
    ["delisting", "isolated ETHUSDT: the pair is delisted, the exchange closes it", API_KEY],
  ]);
});

// ---------------------------------------------------------------- interest

test("a rate that is set holds for its asset, until it is set again", () => {
  const actions = [rating(300, "BTC", 0.00003), rating(100, "BTC", 0.00001), rating(200, "ETH", 0.00002)];
  const seen = [99, 100, 200, 299, 300].map((simMs) => Object.fromEntries(marketAt(actions, simMs).hourlyRates));
  expect(seen).toEqual([
    {},
    { BTC: 0.00001 },
    { BTC: 0.00001, ETH: 0.00002 },
    { BTC: 0.00001, ETH: 0.00002 },
    { BTC: 0.00003, ETH: 0.00002 },
  ]);
});

test("rates have the documented fields, weigh 100, and are those of the book where none is set", async () => {
  const { signed, keyed, time } = await simulate({ market: [rating(SIM_START_MS + 1_000, "BTC", 0.000045)] });
  const before = await signed(RATES, "assets=BTC%2CUSDT%2CNOPE&isIsolated=FALSE");
  expect([before.headers.get("x-sapi-used-ip-weight-1m"), before.body]).toEqual([
    "100",
    [
      { asset: "BTC", nextHourlyInterestRate: "0.00000400" },
      { asset: "USDT", nextHourlyInterestRate: "0.00000400" },
    ],
  ]);
  time.simMs += 1_000;
  expect((await signed(RATES, "assets=BTC&isIsolated=TRUE")).body).toEqual([
    { asset: "BTC", nextHourlyInterestRate: "0.00004500" },
  ]);
  expect((await keyed(`${RATES}?assets=BTC&isIsolated=TRUE`)).body).toMatchObject({ code: -1102 });
});

const assets = (count: number) => Array.from({ length: count }, (_, index) => `C${index}`).join(",");

test.each([
  { query: `assets=${assets(20)}&isIsolated=FALSE`, code: undefined },
  { query: `assets=${assets(21)}&isIsolated=FALSE`, code: -1130 },
  { query: "assets=BTC%2C&isIsolated=FALSE", code: -1130 },
  { query: "isIsolated=FALSE", code: -1102 },
  { query: "assets=&isIsolated=FALSE", code: -1102 },
  { query: "assets=BTC", code: -1102 },
  { query: "assets=BTC&isIsolated=false", code: -1130 },
])("rates for $query: $code", async ({ query, code }) => {
  const { signed } = await simulate();
  const { body } = await signed(RATES, query.replaceAll(",", "%2C"));
  expect(body).toEqual(code === undefined ? [] : { code, msg: expect.any(String) });
});

// ---------------------------------------------------------------- prices

test("all prices are those of every market, and of what only the books have, each once", async () => {
  const path = {
    priceAt: (symbol: string) => ({ BTCUSDT: 5_000, ETHUSDT: 200, ETHBTC: 0.04, PEPEUSDT: 2, PEPEBTC: 0.0004 })[symbol],
  };
  const pepe = { ...pairBook("ETHBTC"), symbol: "PEPEBTC", base: holding("PEPE") };
  const book = bookOf({ cross: crossBook([holding("BTC", { free: 1 })]), isolated: [pepe, pairBook("ETHBTC")] });
  const { get } = await simulate({ path, keys: [{ apiKey: API_KEY, credential: CREDENTIAL, book }] });
  const { headers, body } = await get(PRICES);
  expect(headers.get("x-mbx-used-weight-1m")).toBe("4");
  expect(body).toEqual([
    { symbol: "BTCUSDT", price: "5000.00000000" },
    { symbol: "ETHUSDT", price: "200.00000000" },
    { symbol: "ETHBTC", price: "0.04000000" },
    { symbol: "PEPEBTC", price: "0.00040000" },
    { symbol: "PEPEUSDT", price: "2.00000000" },
  ]);
});

test("prices follow the path; one weighs 2, a list 4, without a key", async () => {
  const { get, time } = await simulate({ bitcoinAt: (simMs) => (simMs > SIM_START_MS ? 4_000 : 5_000) });
  const one = await get(`${PRICES}?symbol=BTCUSDT`);
  time.simMs += 1;
  const list = await get(`${PRICES}?symbols=${encodeURIComponent('["BTCUSDT","USDCUSDT"]')}`);
  expect([one, list].map(({ headers, body }) => [headers.get("x-mbx-used-weight-1m"), body])).toEqual([
    ["2", { symbol: "BTCUSDT", price: "5000.00000000" }],
    [
      "6",
      [
        { symbol: "BTCUSDT", price: "4000.00000000" },
        { symbol: "USDCUSDT", price: "1.00000000" },
      ],
    ],
  ]);
});

test("the table's markets are quoted the usual way round", () => {
  for (const symbol of ["BTCUSDT", "USDCUSDT", "ETHBTC", "SOLBNB", "BTCUSDC"]) expect(LISTED_SYMBOLS).toContain(symbol);
  for (const symbol of ["USDTBTC", "BTCETH", "USDTUSDT", "USDTUSDC"]) expect(LISTED_SYMBOLS).not.toContain(symbol);
  expect(new Set(LISTED_SYMBOLS).size).toBe(LISTED_SYMBOLS.length);
});
