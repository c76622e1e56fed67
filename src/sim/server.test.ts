import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { READ_ONLY_KEY } from "../../test/support/exchange.ts";
import { API_KEY, CREDENTIAL, SERVER_START_MS, SIM_START_MS, useSimulators } from "../../test/support/simulator.ts";
import { deposit, openPair, type ScriptedAction, setRights } from "./actions.ts";
import { bookOf, crossBook, holding, pairBook, TIERS } from "./book.ts";
import type { SimEvent } from "./play.ts";

const ACCOUNT = "/sapi/v1/margin/account";
const ISOLATED = "/sapi/v1/margin/isolated/account";
const RESTRICTIONS = "/sapi/v1/account/apiRestrictions";

const BOOK = bookOf({
  cross: crossBook([
    holding("BTC", { free: 2, locked: 1 }),
    holding("USDT", { borrowed: 9_990, interest: 10 }),
    holding("ETH", { free: 0.5 }),
  ]),
  isolated: [
    pairBook("BTCUSDT", { base: { free: 1 }, quote: { free: 100, borrowed: 4_000 } }),
    pairBook("ETHUSDT", { tier: TIERS["10x"] }),
  ],
});

const simulate = useSimulators(BOOK);

// ---------------------------------------------------------------- shapes, against the documented samples

type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

/** Names, order and types of all fields; of a list the first row. */
function shapeOf(value: unknown): Shape {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}

const keysOf = (shape: Shape): string => JSON.stringify(shape);

const DOCUMENTED_CROSS = {
  created: true,
  borrowEnabled: true,
  marginLevel: "11.64405625",
  collateralMarginLevel: "3.2",
  totalAssetOfBtc: "6.82728457",
  totalLiabilityOfBtc: "0.58633215",
  totalNetAssetOfBtc: "6.24095242",
  TotalCollateralValueInUSDT: "5.82728457",
  totalOpenOrderLossInUSDT: "582.728457",
  tradeEnabled: true,
  transferInEnabled: true,
  transferOutEnabled: true,
  accountType: "MARGIN_1",
  userAssets: [
    {
      asset: "BTC",
      borrowed: "0.00000000",
      free: "0.00499500",
      interest: "0.00000000",
      locked: "0.00000000",
      netAsset: "0.00499500",
    },
  ],
};

const DOCUMENTED_LEG = {
  asset: "BTC",
  borrowEnabled: true,
  borrowed: "0.00000000",
  free: "0.00000000",
  interest: "0.00000000",
  locked: "0.00000000",
  netAsset: "0.00000000",
  netAssetOfBtc: "0.00000000",
  repayEnabled: true,
  totalAsset: "0.00000000",
};

const DOCUMENTED_PAIR = {
  baseAsset: DOCUMENTED_LEG,
  quoteAsset: DOCUMENTED_LEG,
  symbol: "BTCUSDT",
  isolatedCreated: true,
  enabled: true,
  marginLevel: "0.00000000",
  marginLevelStatus: "EXCESSIVE",
  marginRatio: "0.00000000",
  indexPrice: "10000.00000000",
  liquidatePrice: "1000.00000000",
  liquidateRate: "1.00000000",
  tradeEnabled: true,
};

const DOCUMENTED_TOTALS = {
  totalAssetOfBtc: "0.00000000",
  totalLiabilityOfBtc: "0.00000000",
  totalNetAssetOfBtc: "0.00000000",
};

test.each([
  { path: ACCOUNT, query: "", sample: DOCUMENTED_CROSS },
  { path: ISOLATED, query: "", sample: { assets: [DOCUMENTED_PAIR], ...DOCUMENTED_TOTALS } },
  { path: ISOLATED, query: "symbols=BTCUSDT%2CETHUSDT", sample: { assets: [DOCUMENTED_PAIR] } },
  { path: ISOLATED, query: "symbols=BNBUSDT", sample: { assets: [DOCUMENTED_PAIR] } },
  {
    path: "/sapi/v1/margin/tradeCoeff",
    query: "",
    sample: { normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1.1" },
  },
  {
    path: "/sapi/v1/margin/priceIndex",
    query: "symbol=BNBBTC",
    sample: { calcTime: 1562046418000, price: "0.00333930", symbol: "BNBBTC" },
  },
  {
    path: "/sapi/v1/margin/next-hourly-interest-rate",
    query: "assets=BTC%2CETH&isIsolated=FALSE",
    sample: [{ asset: "BTC", nextHourlyInterestRate: "0.00000571" }],
  },
  { path: "/api/v3/time", query: "", sample: { serverTime: 1499827319559 } },
  { path: "/sapi/v1/system/status", query: "", sample: { status: 0, msg: "normal" } },
  { path: "/api/v3/ticker/price", query: "symbol=BTCUSDT", sample: { symbol: "LTCBTC", price: "4.00000200" } },
])("$path $query has the documented fields in the documented order", async ({ path, query, sample }) => {
  const { signed } = await simulate();
  const { status, headers, body } = await signed(path, query);
  expect(status).toBe(200);
  expect(headers.get("content-type")).toContain("application/json");
  expect(keysOf(shapeOf(body))).toBe(keysOf(shapeOf(sample)));
});

// ---------------------------------------------------------------- values

test("the cross account tells its worth in BTC, its levels and its rights", async () => {
  const { signed } = await simulate();
  const { body } = await signed(ACCOUNT);
  const ether = (200 * (5_000 / 8_000) ** 1.2 * 0.5) / 5_000;
  const assets = 3 + ether;
  expect(body).toMatchObject({
    marginLevel: (assets / 2).toFixed(8),
    collateralMarginLevel: ((assets * 0.95) / 2).toFixed(8),
    totalAssetOfBtc: assets.toFixed(8),
    totalLiabilityOfBtc: "2.00000000",
    totalNetAssetOfBtc: (assets - 2).toFixed(8),
    borrowEnabled: false,
    transferOutEnabled: false,
    tradeEnabled: true,
    accountType: "MARGIN_1",
  });
  expect(body).toHaveProperty("userAssets.1", {
    asset: "USDT",
    borrowed: "9990.00000000",
    free: "0.00000000",
    interest: "10.00000000",
    locked: "0.00000000",
    netAsset: "-10000.00000000",
  });
});

test("an account without debt answers 999 and every right", async () => {
  const cross = crossBook([holding("BTC", { free: 1 })]);
  const { signed } = await simulate({
    keys: [{ apiKey: API_KEY, credential: CREDENTIAL, book: bookOf({ cross }) }],
  });
  expect((await signed(ACCOUNT)).body).toMatchObject({
    marginLevel: "999.00000000",
    collateralMarginLevel: "999.00000000",
    borrowEnabled: true,
    transferOutEnabled: true,
  });
});

test("a pair with debt tells level, status, and where it is liquidated; an empty one 999 and 0", async () => {
  const { signed } = await simulate();
  const { body } = await signed(ISOLATED);
  expect(body).toHaveProperty("assets.0.marginLevel", "1.27500000");
  expect(body).toMatchObject({
    assets: [
      {
        symbol: "BTCUSDT",
        marginLevelStatus: "NORMAL",
        marginRatio: "3",
        indexPrice: "5000.00000000",
        liquidatePrice: "4620.00000000",
        liquidateRate: "-7.60000000",
        baseAsset: { netAssetOfBtc: "1.00000000", totalAsset: "1.00000000" },
        quoteAsset: { borrowed: "4000.00000000", netAsset: "-3900.00000000", netAssetOfBtc: "-0.78000000" },
      },
      {
        symbol: "ETHUSDT",
        isolatedCreated: true,
        marginLevel: "999",
        marginLevelStatus: "EXCESSIVE",
        marginRatio: "10",
        liquidatePrice: "0",
        liquidateRate: "0",
      },
    ],
    totalAssetOfBtc: "1.02000000",
    totalLiabilityOfBtc: "0.80000000",
    totalNetAssetOfBtc: "0.22000000",
  });
});

test("a pair that was never opened is a placeholder row, in the order of the question", async () => {
  const { signed } = await simulate();
  const { body } = await signed(ISOLATED, "symbols=BNBUSDT%2CBTCUSDT");
  expect(body).toMatchObject({
    assets: [
      { symbol: "BNBUSDT", isolatedCreated: false, enabled: false, tradeEnabled: false, marginLevel: "999" },
      { symbol: "BTCUSDT", isolatedCreated: true, enabled: true, tradeEnabled: true },
    ],
  });
});

test.each([
  { name: "an unknown pair", query: "symbols=BTCUSDT%2CNOPEUSDT", status: 400, code: -11001 },
  { name: "a sixth pair", query: "symbols=A%2CB%2CC%2CD%2CE%2CF", status: 400, code: -1130 },
  { name: "no pair at all", query: "symbols=", status: 400, code: -1105 },
])("isolated/account refuses $name with $code", async ({ query, status, code }) => {
  const { signed } = await simulate();
  const answer = await signed(ISOLATED, query);
  expect([answer.status, answer.body]).toEqual([status, { code, msg: expect.any(String) }]);
});

test("an unknown parameter name is ignored: everything comes back", async () => {
  const { signed } = await simulate();
  const { body } = await signed(ISOLATED, "symbol=BTCUSDT");
  expect(body).toMatchObject({ assets: [{ symbol: "BTCUSDT" }, { symbol: "ETHUSDT" }], totalAssetOfBtc: "1.02000000" });
});

test("a key without a cross account is told so, on both paths", async () => {
  const { signed } = await simulate({
    keys: [{ apiKey: API_KEY, credential: CREDENTIAL, book: bookOf() }],
  });
  const answers = [await signed(ACCOUNT), await signed("/sapi/v1/margin/tradeCoeff")];
  expect(answers.map(({ status, body }) => [status, body])).toEqual(
    Array(2).fill([400, { code: -3003, msg: "Margin account does not exist." }]),
  );
});

test("prices: one, several, all; and what is refused", async () => {
  const { get } = await simulate();
  const price = async (query: string) => (await get(`/api/v3/ticker/price${query}`)).body;
  const list = encodeURIComponent('["BTCUSDT","USDCUSDT"]');
  expect(await price("?symbol=BTCUSDT")).toEqual({ symbol: "BTCUSDT", price: "5000.00000000" });
  expect(await price(`?symbols=${list}`)).toEqual([
    { symbol: "BTCUSDT", price: "5000.00000000" },
    { symbol: "USDCUSDT", price: "1.00000000" },
  ]);
  expect(await price("")).toContainEqual({ symbol: "ETHBTC", price: expect.stringMatching(/^0\.\d{8}$/) });
  expect(await price("?symbol=NOPE")).toMatchObject({ code: -1121 });
  expect(await price(`?symbols=${encodeURIComponent('["NOPE"]')}`)).toMatchObject({ code: -1121 });
  expect(await price("?symbols=BTCUSDT")).toMatchObject({ code: -1130 });
  expect(await price(`?symbol=BTCUSDT&symbols=${list}`)).toMatchObject({ code: -1128 });
});

test("priceIndex needs the key alone, and a symbol that exists", async () => {
  const { get } = await simulate();
  const ask = (query: string) => get(`/sapi/v1/margin/priceIndex${query}`, { "X-MBX-APIKEY": API_KEY });
  expect((await ask("?symbol=BTCUSDT")).body).toMatchObject({ calcTime: SERVER_START_MS, price: "5000.00000000" });
  expect((await ask("")).body).toMatchObject({ code: -1102 });
  expect((await ask("?symbol=NOPE")).body).toMatchObject({ code: -1121 });
  expect((await get("/sapi/v1/margin/priceIndex?symbol=BTCUSDT")).body).toMatchObject({ code: -2014 });
});

// ---------------------------------------------------------------- refusals

const STAMPED = `${ACCOUNT}?timestamp=${SERVER_START_MS}`;
const WITH_KEY = { "X-MBX-APIKEY": API_KEY };

test.each([
  { name: "no key", target: `${STAMPED}&signature=aa`, headers: {}, status: 401, code: -2014 },
  {
    name: "an unknown key",
    target: `${STAMPED}&signature=aa`,
    headers: { "X-MBX-APIKEY": "x" },
    status: 401,
    code: -2015,
  },
  { name: "no timestamp", target: `${ACCOUNT}?signature=aa`, headers: WITH_KEY, status: 400, code: -1102 },
  { name: "no signature", target: STAMPED, headers: WITH_KEY, status: 400, code: -1102 },
  { name: "a wrong signature", target: `${STAMPED}&signature=aa`, headers: WITH_KEY, status: 400, code: -1022 },
  {
    name: "a signature in the middle",
    target: `${STAMPED}&signature=aa&x=1`,
    headers: WITH_KEY,
    status: 400,
    code: -1022,
  },
  {
    name: "a window too long",
    target: `${STAMPED}&recvWindow=60001&signature=aa`,
    headers: WITH_KEY,
    status: 400,
    code: -1131,
  },
  {
    name: "an old timestamp",
    target: `${ACCOUNT}?timestamp=1&signature=aa`,
    headers: WITH_KEY,
    status: 400,
    code: -1021,
  },
  {
    name: "a timestamp of the future",
    target: `${ACCOUNT}?timestamp=${SERVER_START_MS + 1_000}&signature=aa`,
    headers: WITH_KEY,
    status: 400,
    code: -1021,
  },
])("$name is refused with $code", async ({ target, headers, status, code }) => {
  const { get } = await simulate();
  const answer = await get(target, { ...headers });
  expect([answer.status, answer.body]).toEqual([status, { code, msg: expect.any(String) }]);
});

test("a path that does not exist is 404, another method 405", async () => {
  const { get } = await simulate();
  const unknown = await get("/sapi/v1/margin/accounts?x=1");
  expect([unknown.status, unknown.body]).toEqual([
    404,
    {
      timestamp: new Date(SERVER_START_MS).toISOString(),
      status: 404,
      error: "Not Found",
      message: "No message available",
      path: "/sapi/v1/margin/accounts",
    },
  ]);
  const posted = await get("/api/v3/time", {}, "POST");
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET"]);
  expect((await get("/toString")).status).toBe(404);
});

test("two margin requests of a key closer than 500 ms: the second is refused, and starts the wait anew", async () => {
  const at = [0, 499.9, 999.9, 1_000];
  const { simulator, signed, get } = await simulate({ monoMs: () => at.shift() ?? 5_000 });
  const codes = [await signed(ACCOUNT), await signed(ISOLATED), await signed(ISOLATED)].map(({ body }) => body);
  expect(codes).toEqual([
    expect.not.objectContaining({ code: -21003 }),
    { code: -21003, msg: "Fail to retrieve margin assets." },
    expect.not.objectContaining({ code: -21003 }),
  ]);
  await get("/api/v3/time");
  expect(simulator.requests.map(({ gapMs, status, code }) => [gapMs, status, code])).toEqual([
    [undefined, 200, undefined],
    [499.9, 400, -21003],
    [500, 200, undefined],
    [undefined, 200, undefined],
  ]);
});

test("a key is one that may only read, from listed addresses, unless the simulator is told otherwise", async () => {
  const { signed, get } = await simulate();
  const { status, headers, body } = await signed(RESTRICTIONS);
  expect([status, headers.get("x-sapi-used-ip-weight-1m")]).toEqual([200, "1"]);
  expect(body).toEqual(READ_ONLY_KEY);
  expect((await get(RESTRICTIONS, { "X-MBX-APIKEY": API_KEY })).status).toBe(400); // not signed
  const restrictions = { ipRestrict: false, enableWithdrawals: true };
  const other = await simulate({
    keys: [{ apiKey: API_KEY, credential: CREDENTIAL, book: BOOK, restrictions }],
  });
  expect((await other.signed(RESTRICTIONS)).body).toEqual({ ...READ_ONLY_KEY, ...restrictions });
});

test("weights are shown, 429 comes with Retry-After, who goes on is banned on every path", async () => {
  const { get, signed, time } = await simulate({ limits: { sapiWeight: 20, forgiven429: 1 } });
  expect((await signed(ACCOUNT)).headers.get("x-sapi-used-ip-weight-1m")).toBe("10");
  expect((await signed(ISOLATED)).headers.get("x-sapi-used-ip-weight-1m")).toBe("10");
  expect((await signed(ACCOUNT)).headers.get("x-sapi-used-ip-weight-1m")).toBe("20");
  expect((await get("/api/v3/time")).headers.get("x-mbx-used-weight-1m")).toBe("1");

  const limited = await signed(ACCOUNT);
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "40"]);
  const banned = await signed(ACCOUNT);
  expect([banned.status, banned.headers.get("retry-after"), banned.body]).toEqual([
    418,
    "120",
    { code: -1003, msg: expect.stringContaining(`IP banned until ${SERVER_START_MS + 120_000}`) },
  ]);
  expect((await get("/api/v3/time")).status).toBe(418);
  time.serverMs += 120_000;
  expect((await signed(ACCOUNT)).status).toBe(200);
});

// ---------------------------------------------------------------- what happens in simulated time

test("a fall liquidates: FORCE_LIQUIDATION is shown, then there is no debt", async () => {
  const events: SimEvent[] = [];
  const { signed, time } = await simulate({
    bitcoinAt: (simMs) => (simMs < SIM_START_MS + 60_000 ? 5_000 : 4_400),
    onEvent: (event) => events.push(event),
  });
  const statusOf = async () => (await signed(ISOLATED, "symbols=BTCUSDT")).body;
  expect(await statusOf()).toMatchObject({ assets: [{ marginLevelStatus: "NORMAL" }] });
  time.simMs += 90_000;
  expect(await statusOf()).toMatchObject({ assets: [{ marginLevelStatus: "FORCE_LIQUIDATION", tradeEnabled: false }] });
  time.simMs += 60_000;
  expect(await statusOf()).toMatchObject({
    assets: [
      {
        marginLevel: "999",
        marginLevelStatus: "EXCESSIVE",
        // 4,400 + 100 held, 4,000 repaid, 80 of fee.
        quoteAsset: { borrowed: "0.00000000", free: "420.00000000" },
        baseAsset: { free: "0.00000000" },
      },
    ],
  });
  expect(events.map(({ text }) => text)).toEqual([
    "isolated BTCUSDT: the exchange takes over at margin level 1.1250",
    "isolated BTCUSDT: liquidated, collateral of 4,500 USDT sold, debt of 4,000 repaid with a fee of 2 %, 420 left",
  ]);
});

test("the script is played when its time has come, without a request too", async () => {
  const events: SimEvent[] = [];
  const at = (afterMs: number, text: string, change: ScriptedAction["change"]) => ({
    atMs: SIM_START_MS + afterMs,
    apiKey: API_KEY,
    text,
    change,
  });
  const { simulator, signed, time } = await simulate({
    actions: [
      at(2_000, "second", setRights({ transferOutEnabled: true })),
      at(1_000, "first", deposit("cross", "USDT", 5)),
    ],
    onEvent: (event) => events.push(event),
  });
  time.simMs += 1_999;
  simulator.advance();
  expect(events.map(({ text }) => text)).toEqual(["first"]);
  time.simMs += 1;
  expect((await signed(ACCOUNT)).body).toMatchObject({ transferOutEnabled: true });
  expect(events.map(({ text, kind, atMs }) => [text, kind, atMs])).toEqual([
    ["first", "action", SIM_START_MS + 1_000],
    ["second", "action", SIM_START_MS + 2_000],
  ]);
});

test("simulated time that goes back changes prices, never a book", async () => {
  const { signed, time } = await simulate({ bitcoinAt: (simMs) => (simMs >= SIM_START_MS ? 5_000 : 6_000) });
  time.simMs += 3_600_000;
  const first = (await signed(ISOLATED)).body;
  expect(first).toHaveProperty("assets.0.quoteAsset.interest", "0.01600000");
  time.simMs -= 7_200_000;
  const second = (await signed(ISOLATED)).body;
  expect(second).toHaveProperty("assets.0.quoteAsset.interest", "0.01600000");
  expect(second).toHaveProperty("assets.0.indexPrice", "6000.00000000");
  time.simMs += 7_200_000;
  expect((await signed(ISOLATED)).body).toHaveProperty("assets.0.quoteAsset.interest", "0.01600000");
});

test("a book given as of an earlier time is played up to now first", async () => {
  const { signed } = await simulate({ bookAtMs: SIM_START_MS - 24 * 3_600_000 });
  expect((await signed(ISOLATED)).body).toHaveProperty("assets.0.quoteAsset.interest", "0.38400000");
});

test("a script of actions that breaks is told to the client and to the caller", async () => {
  const stray = { ...pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 1 } }), symbol: "NOPEUSDT" };
  const { simulator, signed, time } = await simulate({
    actions: [
      { atMs: SIM_START_MS + 1, apiKey: API_KEY, text: "opens a pair without a price", change: openPair(stray) },
    ],
  });
  time.simMs += 60_000;
  const { status, body } = await signed(ISOLATED);
  expect([status, body]).toEqual([500, { code: -1000, msg: expect.stringContaining("no price for NOPEUSDT") }]);
  expect(() => simulator.advance()).toThrow("no price for NOPEUSDT");
});

// ---------------------------------------------------------------- refusing to start

test("books without a price and actions without a key are refused at the start", async () => {
  const cross = crossBook([holding("NOPE", { free: 1 })]);
  const keys = [{ apiKey: API_KEY, credential: CREDENTIAL, book: bookOf({ cross }) }];
  await expect(simulate({ keys })).rejects.toThrow("no price for NOPEUSDT");
  const action = { atMs: 1, apiKey: "another", text: "adds", change: deposit("cross", "BTC", 1) };
  await expect(simulate({ actions: [action] })).rejects.toThrow('the action "adds" is for a key');
});

test("a port that is taken is refused", async () => {
  const { simulator } = await simulate();
  await expect(simulate({ port: Number(new URL(simulator.url).port) })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("the port is free again after close, also with a request that was never finished", async () => {
  const { simulator, get, forget } = await simulate();
  const port = Number(new URL(simulator.url).port);
  const halfway = connect(port, "127.0.0.1");
  await once(halfway, "connect");
  halfway.write("GET /api/v3/time HTTP/1.1\r\n");
  await get("/api/v3/time"); // came later, so the other connection was accepted
  forget();
  const ended = once(halfway, "close");
  await simulator.close();
  await ended;
  const next = createServer().listen(port, "127.0.0.1");
  await new Promise((resolve, reject) => next.once("listening", resolve).once("error", reject));
  await new Promise((resolve) => next.close(resolve));
});

// ---------------------------------------------------------------- what is remembered

test("a record keeps what was asked, without the signature", async () => {
  const { simulator, signed } = await simulate();
  await signed(ISOLATED, "symbols=BTCUSDT");
  expect(simulator.requests).toEqual([
    {
      monoMs: 1_000,
      method: "GET",
      path: ISOLATED,
      query: `symbols=BTCUSDT&recvWindow=5000&timestamp=${SERVER_START_MS}`,
      apiKey: API_KEY,
      gapMs: undefined,
      status: 200,
      code: undefined,
    },
  ]);
});
