// Rates of the next hour over a real socket: signed, in the key's lane behind the account, and nothing made of an answer that does not read.
import { expect, test } from "vitest";
import { never, SECOND, useClient } from "../../test/support/client.ts";
import { type Answer, CROSS, complaint, flawOf, type Seen } from "../../test/support/exchange.ts";
import { PATHS } from "./endpoints.ts";

const { start, poll } = useClient();

/** The documented sample. */
const RATES = [
  { asset: "BTC", nextHourlyInterestRate: "0.00000571" },
  { asset: "ETH", nextHourlyInterestRate: "0.00000578" },
];

const stampOf = ({ query }: Seen): number => Number(/&timestamp=(\d+)/.exec(query)?.[1]);

/** Refuses a wrong key or signature, and answers a right request so. */
const startWith = (answer: Answer, minSpacingMs = 0) =>
  start({
    minSpacingMs,
    script: (request) =>
      request.path === PATHS.interestRates ? (flawOf(request, stampOf(request)) ?? answer) : undefined,
  });

const many = (count: number) => Array.from({ length: count }, (_, index) => `C${index}`);
const asked = ({ query }: Seen): string => query.replace(/&recvWindow=.*$/, "");

test.each([
  { assets: ["BTC", "ETH", "BTC"], isIsolated: false, query: "assets=BTC%2CETH&isIsolated=FALSE" },
  { assets: ["BTC"], isIsolated: true, query: "assets=BTC&isIsolated=TRUE" },
  { assets: many(20), isIsolated: false, query: `assets=${many(20).join("%2C")}&isIsolated=FALSE` },
])("asks $query, signed", async ({ assets, isIsolated, query }) => {
  const { exchange, server } = await startWith({ body: RATES });
  expect(await exchange.interest.rates(assets, isIsolated, never)).toEqual({
    ok: true,
    value: new Map([
      ["BTC", 0.00000571],
      ["ETH", 0.00000578],
    ]),
  });
  expect(server.seen.map((seen) => [seen.path, asked(seen)])).toEqual([
    ["/sapi/v1/margin/next-hourly-interest-rate", query],
  ]);
});

test.each<[string, unknown, readonly (readonly [string, number])[]]>([
  ["nothing", [], []],
  ["no interest", [{ asset: "BTC", nextHourlyInterestRate: "0.00000000" }], [["BTC", 0]]],
  [
    "more digits than documented",
    [{ asset: "HOME", nextHourlyInterestRate: "0.0000994603" }],
    [["HOME", 0.0000994603]],
  ],
])("reads %s", async (_, body, value) => {
  const { exchange } = await startWith({ body });
  expect(await exchange.interest.rates(["BTC"], false, never)).toEqual({ ok: true, value: new Map(value) });
});

test.each<[string, Answer, object]>([
  [
    "one row without a rate",
    { body: [...RATES, { asset: "BNB" }] },
    { code: "bad_response", detail: "[2].nextHourlyInterestRate is missing, not a decimal" },
  ],
  [
    "a rate that is a number",
    { raw: '[{"asset":"BTC","nextHourlyInterestRate":0.00000571}]' },
    { code: "bad_response", detail: "[0].nextHourlyInterestRate is the number 0.00000571, not a decimal" },
  ],
  [
    "a rate below zero",
    { body: [{ asset: "BTC", nextHourlyInterestRate: "-0.00000571" }] },
    { code: "bad_response", detail: '[0].nextHourlyInterestRate is "-0.00000571", not a rate' },
  ],
  [
    "a row without an asset",
    { body: [{ nextHourlyInterestRate: "0.00000571" }] },
    { code: "bad_response", detail: "[0].asset is missing, not a short text" },
  ],
  ["no list", { body: {} }, { code: "bad_response", detail: "the list of rates is an object, not a list" }],
  ["a parameter refused", complaint(-1130), { code: "bad_response", exchangeCode: -1130 }],
  ["a server in trouble", { status: 502, raw: "" }, { code: "unavailable" }],
])("%s is a failure, after one try", async (_, answer, failure) => {
  const { exchange, server } = await startWith(answer);
  expect(await exchange.interest.rates(["BTC"], false, never)).toMatchObject({ ok: false, failure });
  expect(server.seen).toHaveLength(1);
});

test("more than twenty assets at once are refused without a request, and none need none", async () => {
  const { exchange, server } = await startWith({ body: RATES });
  expect(await exchange.interest.rates(many(21), false, never)).toEqual({
    ok: false,
    failure: { code: "bad_response", detail: "rates of more than 20 assets were asked for at once" },
  });
  expect(await exchange.interest.rates([], false, never)).toEqual({ ok: true, value: new Map() });
  expect(server.seen).toEqual([]);
});

test("the account goes first, and the spacing of the key holds", async () => {
  const { exchange, server, requests } = await startWith({ body: RATES }, 60);
  await poll(exchange); // the lane is taken for a while
  const rates = exchange.interest.rates(["BTC"], false, never);
  await Promise.all([rates, poll(exchange)]);
  const paths = server.seen.map(({ path }) => path);
  expect(paths.indexOf(PATHS.interestRates)).toBeGreaterThan(paths.lastIndexOf(CROSS));
  for (const { gapMs } of requests.slice(1)) expect(gapMs).toBeGreaterThanOrEqual(60);
});

test("a spent share of its weight drops it, and leaves the account alone", async () => {
  const { exchange, clock } = await startWith({ body: RATES, headers: { "x-sapi-used-ip-weight-1m": "3000" } });
  expect(await exchange.interest.rates(["BTC"], false, never)).toMatchObject({ ok: true });
  expect(await exchange.interest.rates(["BTC"], false, never)).toMatchObject({
    ok: false,
    failure: { code: "rate_limited" },
  });
  expect((await poll(exchange)).map(({ ok }) => ok)).toEqual([true]);
  clock.skip(60 * SECOND);
  expect(await exchange.interest.rates(["BTC"], false, never)).toMatchObject({ ok: true });
});
