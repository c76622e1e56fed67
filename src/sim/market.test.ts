import { expect, test } from "vitest";
import { API_KEY, SERVER_START_MS, SIM_START_MS, useSimulators } from "../../test/support/simulator.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";
import { type MarketAction, marketAt } from "./market.ts";
import type { SimEvent } from "./play.ts";

const SCHEDULE = "/sapi/v1/margin/delist-schedule";
const RESTRICTED = "/sapi/v1/margin/restricted-asset";
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
