import { expect, test } from "vitest";
import { parseExactJson } from "../lib/json.ts";
import { silentLog } from "../lib/log.ts";
import { networkError } from "./errors.ts";
import { createMarketReader } from "./market.ts";

const never = new AbortController().signal;

/** A market that gives this answer to everything, and what was asked of it. */
function marketOf(body: unknown) {
  const asked: string[] = [];
  const askKeyed = async (method: string, path: string, params: readonly unknown[]): Promise<unknown> => {
    asked.push(`${method} ${path} ${params.length}`);
    if (body instanceof Error) throw body;
    return parseExactJson(JSON.stringify(body));
  };
  return {
    asked,
    market: createMarketReader({ askKeyed }, { log: silentLog, nowMs: () => 7 }),
  };
}

/** The documented sample. */
const SCHEDULE = [
  { delistTime: 1686161202000, crossMarginAssets: ["BTC", "USDT"], isolatedMarginSymbols: ["ADAUSDT", "BNBUSDT"] },
  { delistTime: 1686222232000, crossMarginAssets: ["ADA"], isolatedMarginSymbols: [] },
];
const [ENTRY] = SCHEDULE;

test("reads the documented sample of the delistings", async () => {
  const { asked, market } = marketOf(SCHEDULE);
  expect(await market.delistings(never)).toEqual({
    ok: true,
    value: [
      { atMs: 1686161202000, assets: ["BTC", "USDT"], symbols: ["ADAUSDT", "BNBUSDT"] },
      { atMs: 1686222232000, assets: ["ADA"], symbols: [] },
    ],
  });
  expect(asked).toEqual(["GET /sapi/v1/margin/delist-schedule 0"]);
});

test.each([
  ["nothing", [], []],
  ["a time in seconds", [{ ...ENTRY, delistTime: 1686161202 }], [expect.objectContaining({ atMs: 1686161202000 })]],
  ["null for a list", [{ ...ENTRY, crossMarginAssets: null }], [expect.objectContaining({ assets: [] })]],
])("reads a schedule with %s", async (_, body, value) => {
  expect(await marketOf(body).market.delistings(never)).toEqual({ ok: true, value });
});

test.each([
  ["an object", { rows: [] }, "the schedule is an object, not a list"],
  ["no time", [{ ...ENTRY, delistTime: undefined }], "[0].delistTime is missing, not a time"],
  ["no assets", [{ ...ENTRY, crossMarginAssets: undefined }], "[0].crossMarginAssets is missing, not a list"],
  [
    "no pairs",
    [ENTRY, { ...ENTRY, isolatedMarginSymbols: undefined }],
    "[1].isolatedMarginSymbols is missing, not a list",
  ],
  [
    "an asset that is none",
    [{ ...ENTRY, crossMarginAssets: ["BTC", null] }],
    "[0].crossMarginAssets[1] is null, not a short text",
  ],
])("a schedule with %s is a failure", async (_, body, detail) => {
  expect(await marketOf(body).market.delistings(never)).toEqual({
    ok: false,
    failure: { code: "bad_response", detail },
  });
});

test("reads the restricted assets", async () => {
  const { asked, market } = marketOf({ openLongRestrictedAsset: ["APE"], maxCollateralExceededAsset: ["BTC", "XRP"] });
  expect(await market.restrictions(never)).toEqual({
    ok: true,
    value: { openLong: ["APE"], maxCollateral: ["BTC", "XRP"] },
  });
  expect(asked).toEqual(["GET /sapi/v1/margin/restricted-asset 0"]);
});

test.each([
  ["a list", [], "the answer about restrictions is a list, not an object"],
  ["one list missing", { openLongRestrictedAsset: [] }, "maxCollateralExceededAsset is missing, not a list"],
  [
    "a text for a list",
    { openLongRestrictedAsset: "APE", maxCollateralExceededAsset: [] },
    'openLongRestrictedAsset is "APE", not a list',
  ],
])("restrictions with %s are a failure", async (_, body, detail) => {
  expect(await marketOf(body).market.restrictions(never)).toEqual({
    ok: false,
    failure: { code: "bad_response", detail },
  });
});

test("reads prices, and leaves out a pair that has none", async () => {
  const { asked, market } = marketOf([
    { symbol: "LTCBTC", price: "4.00000200" },
    { symbol: "GONEBTC", price: "0.00000000" },
    { symbol: "币安人生USDT", price: "0.07946600" },
  ]);
  expect(await market.prices(never)).toEqual({
    ok: true,
    value: new Map([
      ["LTCBTC", 4.000002],
      ["币安人生USDT", 0.079466],
    ]),
  });
  expect(asked).toEqual(["GET /api/v3/ticker/price 0"]);
});

test.each([
  ["one pair alone", { symbol: "LTCBTC", price: "4" }, "the list of prices is an object, not a list"],
  ["a price that is none", [{ symbol: "LTCBTC", price: "" }], '[0].price is "", not a decimal'],
  ["a pair without a name", [{ price: "4" }], "[0].symbol is missing, not a short text"],
])("prices with %s are a failure", async (_, body, detail) => {
  expect(await marketOf(body).market.prices(never)).toEqual({ ok: false, failure: { code: "bad_response", detail } });
});

test("what the exchange or the network says against it is a value", async () => {
  const { market } = marketOf(networkError(Object.assign(new Error("no"), { code: "ECONNREFUSED" })));
  for (const read of [market.delistings, market.restrictions, market.prices])
    expect(await read(never)).toEqual({ ok: false, failure: expect.objectContaining({ code: "unreachable" }) });
});
