import { expect, test } from "vitest";
import { balance, cross, FETUSDT, leg } from "../../test/support/answers.ts";
import { costPerDay } from "./cost.ts";

const PRICES = new Map([
  ["BTCUSDT", 10_000],
  ["ETHUSDT", 500],
]);
const owing = (...assets: Parameters<typeof balance>[]) =>
  cross(1.5, { assets: assets.map((each) => balance(...each)) });
const DEBTS = owing(["USDT", { borrowed: 990, interest: 10 }], ["BTC", { borrowed: 0.1, free: 5 }]);

test.each([
  { name: "all debts, interest included", cross: DEBTS, rates: { USDT: 0.000_01, BTC: 0.000_005 }, cost: 0.24 + 0.12 },
  {
    name: "not of what is only held",
    cross: owing(["USDT", { borrowed: 1_000 }], ["BTC", { free: 1 }]),
    rates: { USDT: 0.000_01 },
    cost: 0.24,
  },
  { name: "a rate of nothing", cross: DEBTS, rates: { USDT: 0, BTC: 0 }, cost: 0 },
  { name: "a rate is missing", cross: DEBTS, rates: { USDT: 0.000_01 }, cost: undefined },
  {
    name: "a rate is missing of just 1 % of the debt",
    cross: owing(["USDT", { borrowed: 990 }], ["BTC", { borrowed: 0.001 }]),
    rates: { USDT: 0.000_01 },
    cost: 0.2376,
  },
  {
    name: "a rate is missing of more than 1 % of the debt",
    cross: owing(["USDT", { borrowed: 989 }], ["BTC", { borrowed: 0.001 }]),
    rates: { USDT: 0.000_01 },
    cost: undefined,
  },
  { name: "a price is missing", cross: owing(["XYZ", { borrowed: 1 }]), rates: { XYZ: 0.000_01 }, cost: undefined },
  { name: "no debt", cross: owing(["BTC", { free: 1 }]), rates: { BTC: 0.000_01 }, cost: undefined },
  { name: "unknown balances", cross: cross(1.5, { assets: undefined }), rates: {}, cost: undefined },
])("the cross account, in USDT: $name", ({ cross: answer, rates, cost }) => {
  const told = costPerDay(answer, PRICES, new Map(Object.entries(rates)));
  expect(told).toEqual(cost === undefined ? undefined : { value: expect.closeTo(cost, 12), asset: "USDT" });
});

test("a pair, in its quote asset at its own index price", () => {
  const pair = { ...FETUSDT, indexPrice: 2, base: leg("FET", { borrowed: 100 }), quote: leg("USDT", { borrowed: 50 }) };
  const rates = new Map([
    ["FET", 0.000_01],
    ["USDT", 0.000_02],
  ]);
  expect(costPerDay(pair, undefined, rates)).toEqual({ value: expect.closeTo(0.072, 12), asset: "USDT" });
  expect(costPerDay({ ...pair, indexPrice: undefined }, undefined, rates)).toBeUndefined();
  expect(costPerDay({ ...pair, base: undefined }, undefined, rates)).toBeUndefined();
});
