import { expect, test } from "vitest";
import {
  API_KEY,
  CREDENTIAL,
  SERVER_START_MS,
  SIM_START_MS,
  type Simulated,
  type SimulateOptions,
  useSimulators,
} from "../../test/support/simulator.ts";
import { borrow, type Change, deposit, move, repayLoan, withdraw } from "./actions.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";

const FLOW = "/sapi/v1/margin/capital-flow";
const TRANSFER = "/sapi/v1/margin/transfer";
const FORCED = "/sapi/v1/margin/forceLiquidationRec";
const LOAN = "/sapi/v1/margin/liquidation-loan";
const DAY_MS = 86_400_000;

const simulate = useSimulators(
  bookOf({
    cross: crossBook([holding("BTC", { free: 10 }), holding("USDT", { free: 1_000 })]),
    isolated: [pairBook("BTCUSDT", { base: { free: 1 } })],
    hourlyInterestRate: 0,
  }),
);

/** Plays the changes, one a simulated second, a server's second apart. */
async function simulateChanges(changes: readonly Change[], options: SimulateOptions = {}) {
  const actions = changes.map((change, index) => ({
    atMs: SIM_START_MS + (index + 1) * 1_000,
    apiKey: API_KEY,
    text: `change ${index}`,
    change,
  }));
  const simulated = await simulate({ actions, ...options });
  for (const _ of changes) step(simulated, 1_000);
  return simulated;
}

function step({ simulator, time }: Simulated, ms: number): void {
  time.simMs += ms;
  time.serverMs += ms;
  simulator.advance();
}

const many = (count: number): Change[] =>
  Array.from({ length: count }, (_, index) => deposit("cross", "USDT", index + 1));

const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
function rowsIn(body: unknown): readonly Readonly<Record<string, unknown>>[] {
  const rows = isRow(body) && "rows" in body ? body["rows"] : body;
  return Array.isArray(rows) ? rows.filter(isRow) : [];
}
const column = (body: unknown, name: string) => rowsIn(body).map((row) => row[name]);
/** As they stand in the text: JSON.parse would round them. */
const idsIn = (text: string, name = "id") =>
  [...text.matchAll(new RegExp(`"${name}":(\\d+)`, "g"))].map(([, id]) => id);

// ---------------------------------------------------------------- capital flow

test("a row of the capital flow has the documented fields; a cross row names no pair", async () => {
  const { signed } = await simulateChanges([borrow("BTCUSDT", "USDT", 101), borrow("cross", "USDT", 0.5)]);
  const { body, text, headers } = await signed(FLOW, "symbol=BTCUSDT");
  expect(text).toMatch(/^\[\{"id":\d{19},"tranId":\d{19},"timestamp":/);
  expect(body).toEqual([
    {
      id: expect.any(Number),
      tranId: expect.any(Number),
      timestamp: SERVER_START_MS + 1_000,
      asset: "USDT",
      symbol: "BTCUSDT",
      type: "BORROW",
      amount: "101",
    },
  ]);
  expect(headers.get("x-sapi-used-ip-weight-1m")).toBe("100");
  expect((await signed(FLOW)).body).toEqual([expect.objectContaining({ type: "BORROW", amount: "0.5" })]);
  expect(column((await signed(FLOW)).body, "symbol")).toEqual([undefined]);
});

test("ids ascend, stand bare in the text, and are right in every digit", async () => {
  const { signed } = await simulateChanges(many(3));
  const { text } = await signed(FLOW);
  const ids = idsIn(text);
  expect(ids).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(3);
  expect(new Set(ids.map(Number)).size).toBe(1); // so that a client that reads doubles is found out
});

test("fromId is exclusive, and gives the rows that follow; without it the latest come", async () => {
  const { signed } = await simulateChanges(many(5));
  const all = idsIn((await signed(FLOW)).text);
  const idsFor = async (query: string) => idsIn((await signed(FLOW, query)).text);
  expect(await idsFor(`fromId=${all[1]}`)).toEqual(all.slice(2));
  expect(await idsFor(`fromId=${all[1]}&limit=2`)).toEqual(all.slice(2, 4));
  expect(await idsFor(`fromId=${all[4]}`)).toEqual([]);
  expect(await idsFor("fromId=0&limit=2")).toEqual(all.slice(0, 2));
  expect(await idsFor("limit=2")).toEqual(all.slice(3));
});

test.each([
  { query: "", count: 500 },
  { query: "limit=1", count: 1 },
  { query: "limit=1000", count: 1_000 },
])("of 1,001 rows $query gives $count", async ({ query, count }) => {
  const flood: Change = (book, _prices, write) => {
    for (let index = 0; index < 1_001; index++)
      write?.([{ kind: "flow", place: "cross", type: "BORROW", asset: "BTC", amount: 1 }]);
    return book;
  };
  const { signed } = await simulateChanges([flood]);
  expect(rowsIn((await signed(FLOW, query)).body)).toHaveLength(count);
});

test.each([
  { spanMs: 7 * DAY_MS, code: undefined },
  { spanMs: 7 * DAY_MS + 1, code: -4047 },
  { spanMs: 0, code: undefined },
  { spanMs: -1, code: -4047 },
])("a span of $spanMs ms answers $code", async ({ spanMs, code }) => {
  const { signed } = await simulate();
  const { body } = await signed(FLOW, `startTime=${SERVER_START_MS}&endTime=${SERVER_START_MS + spanMs}`);
  expect(body).toEqual(code === undefined ? [] : { code, msg: "Time interval must be within 0-7 days" });
});

test("a window holds both its ends", async () => {
  const { signed } = await simulateChanges(many(3));
  const amounts = async (fromMs: number, toMs: number) =>
    column(
      (await signed(FLOW, `startTime=${SERVER_START_MS + fromMs}&endTime=${SERVER_START_MS + toMs}`)).body,
      "amount",
    );
  expect(await amounts(1_000, 2_000)).toEqual(["1", "2"]);
  expect(await amounts(1_001, 2_999)).toEqual(["2"]);
});

test("rows go after 90 days", async () => {
  const simulated = await simulateChanges(many(1));
  const count = async () => rowsIn((await simulated.signed(FLOW, "startTime=0")).body).length;
  simulated.time.serverMs = SERVER_START_MS + 1_000 + 90 * DAY_MS;
  expect(await count()).toBe(1);
  simulated.time.serverMs += 1;
  expect(await count()).toBe(0);
});

test("asset and type narrow the rows", async () => {
  const { signed } = await simulateChanges([deposit("cross", "BTC", 1), borrow("cross", "USDT", 2)]);
  expect(column((await signed(FLOW, "asset=BTC")).body, "type")).toEqual(["TRANSFER"]);
  expect(column((await signed(FLOW, "type=BORROW")).body, "asset")).toEqual(["USDT"]);
});

test.each([
  { path: FLOW, query: "limit=0", code: -1130 },
  { path: FLOW, query: "limit=1001", code: -1130 },
  { path: FLOW, query: "fromId=-1", code: -1100 },
  { path: FLOW, query: "startTime=yesterday", code: -1100 },
  { path: FLOW, query: "symbol=NOPE", code: -1121 },
  { path: TRANSFER, query: "size=0", code: -1130 },
  { path: TRANSFER, query: "size=101", code: -1130 },
  { path: TRANSFER, query: "current=0", code: -1130 },
  { path: TRANSFER, query: "type=ROLL", code: -1130 },
  { path: TRANSFER, query: "startTime=2&endTime=1", code: -1130 },
  { path: TRANSFER, query: "isolatedSymbol=NOPE", code: -1121 },
  { path: FORCED, query: "size=101", code: -1130 },
])("$path?$query is refused with $code", async ({ path, query, code }) => {
  const { signed } = await simulate();
  const { status, body } = await signed(path, query);
  expect([status, body]).toEqual([400, { code, msg: expect.any(String) }]);
});

// ---------------------------------------------------------------- time

test("rows carry the server's time at which they were reached, whatever the simulated one is", async () => {
  const actions = [
    { atMs: SIM_START_MS - 3_600_000, apiKey: API_KEY, text: "before the start", change: deposit("cross", "USDT", 1) },
    { atMs: SIM_START_MS + 3_600_000, apiKey: API_KEY, text: "an hour later", change: deposit("cross", "USDT", 2) },
  ];
  const { simulator, time, signed } = await simulate({ actions, bookAtMs: SIM_START_MS - 2 * 3_600_000 });
  time.serverMs += 5_000.7; // whole milliseconds go out
  time.simMs += 3_600_000;
  simulator.advance();
  time.serverMs = Math.ceil(time.serverMs);
  expect(column((await signed(FLOW)).body, "timestamp")).toEqual([SERVER_START_MS, SERVER_START_MS + 5_000]);
});

// ---------------------------------------------------------------- transfers

test("a transfer has the documented fields, both ends, and its time in seconds", async () => {
  const { signed } = await simulateChanges([deposit("cross", "BTC", 0.1), withdraw("BTCUSDT", "BTC", 0.2, "FUNDING")]);
  const row = {
    status: "CONFIRMED",
    txId: expect.any(Number),
    asset: "BTC",
  };
  expect((await signed(TRANSFER)).body).toEqual({
    rows: [
      {
        ...row,
        amount: "0.10000000",
        timestamp: SERVER_START_MS / 1000 + 1,
        type: "ROLL_IN",
        transFrom: "SPOT",
        transTo: "CROSS_MARGIN",
      },
    ],
    total: 1,
  });
  const { body, headers } = await signed(TRANSFER, "isolatedSymbol=BTCUSDT");
  expect(body).toEqual({
    rows: [
      {
        ...row,
        amount: "0.20000000",
        timestamp: SERVER_START_MS / 1000 + 2,
        type: "ROLL_OUT",
        transFrom: "ISOLATED_MARGIN",
        transTo: "FUNDING",
        fromSymbol: "BTCUSDT",
      },
    ],
    total: 1,
  });
  expect(headers.get("x-sapi-used-ip-weight-1m")).toBe("2");
});

test("from cross to a pair: out here, in there, the pair named", async () => {
  const { signed } = await simulateChanges([move("cross", "USDT", 5, "BTCUSDT")]);
  const ends = { transFrom: "CROSS_MARGIN", transTo: "ISOLATED_MARGIN", toSymbol: "BTCUSDT" };
  expect((await signed(TRANSFER)).body).toMatchObject({ rows: [{ type: "ROLL_OUT", ...ends }] });
  expect((await signed(TRANSFER, "isolatedSymbol=BTCUSDT")).body).toMatchObject({
    rows: [{ type: "ROLL_IN", ...ends }],
  });
});

test("times in ms, where the simulator is told so", async () => {
  const { signed } = await simulateChanges(many(1), { transferTimeUnit: "ms" });
  expect(column((await signed(TRANSFER)).body, "timestamp")).toEqual([SERVER_START_MS + 1_000]);
});

test("txIds are right in every digit, and those of the capital flow", async () => {
  const { signed } = await simulateChanges(many(2));
  const ids = idsIn((await signed(TRANSFER)).text, "txId");
  expect(ids).toEqual(idsIn((await signed(FLOW)).text, "tranId").toReversed());
  expect([ids[0]?.length, new Set(ids).size]).toEqual([19, 2]);
});

test("pages descend, ten rows unless asked otherwise, a hundred at most", async () => {
  const { signed } = await simulateChanges(many(101));
  const page = async (query: string) => {
    const { body } = await signed(TRANSFER, query);
    expect(body).toMatchObject({ total: 101 });
    return column(body, "amount").map(Number);
  };
  expect(await page("")).toEqual([101, 100, 99, 98, 97, 96, 95, 94, 93, 92]);
  expect(await page("current=2&size=3")).toEqual([98, 97, 96]);
  expect(await page("size=100")).toHaveLength(100);
  expect(await page("size=100&current=2")).toEqual([1]);
  expect(await page("size=100&current=3")).toEqual([]);
});

test("asset and type narrow the transfers", async () => {
  const { signed } = await simulateChanges([deposit("cross", "BTC", 1), withdraw("cross", "USDT", 2)]);
  expect(column((await signed(TRANSFER, "asset=BTC")).body, "type")).toEqual(["ROLL_IN"]);
  expect(column((await signed(TRANSFER, "type=ROLL_OUT")).body, "asset")).toEqual(["USDT"]);
});

// The only row is of one second after the start; "now" is 40 days after it.
test.each([
  { name: "no times: the last 7 days", from: undefined, to: undefined, found: false },
  { name: "30 days", from: 1_000, to: 1_000 + 30 * DAY_MS, found: true },
  { name: "30 days and a bit", from: 1_000, to: 1_001 + 30 * DAY_MS, found: -1127 },
  { name: "only a start, more than 30 days ago", from: 1_000, to: undefined, found: false },
  { name: "only an end: 7 days before it", from: undefined, to: 1_000 + 7 * DAY_MS, found: true },
  { name: "only an end, a bit later", from: undefined, to: 1_001 + 7 * DAY_MS, found: false },
])("transfers with $name", async ({ from, to, found }) => {
  const { signed, time } = await simulateChanges(many(1));
  time.serverMs = SERVER_START_MS + 40 * DAY_MS;
  const times = { startTime: from, endTime: to };
  const query = Object.entries(times).flatMap(([name, at]) =>
    at === undefined ? [] : [`${name}=${SERVER_START_MS + at}`],
  );
  const { body } = await signed(TRANSFER, query.join("&"));
  expect(body).toMatchObject(typeof found === "number" ? { code: found } : { total: found ? 1 : 0 });
});

test.each([
  { days: 7, ms: 0, total: 1 },
  { days: 7, ms: 1, total: 0 },
])("without times a transfer is found for 7 days: $total after $days d $ms ms", async ({ days, ms, total }) => {
  const { signed, time } = await simulateChanges(many(1));
  time.serverMs = SERVER_START_MS + 1_000 + days * DAY_MS + ms;
  expect((await signed(TRANSFER)).body).toMatchObject({ total });
});

// ---------------------------------------------------------------- after a liquidation

/** 1 BTC against 4,000: at 5,000 it is safe, at 3,000 a thousand short. */
const SHORT_BY_1000: SimulateOptions = {
  keys: [
    {
      apiKey: API_KEY,
      credential: CREDENTIAL,
      book: bookOf({
        cross: crossBook([holding("BTC", { free: 1 }), holding("USDT", { borrowed: 4_000 })]),
        isolated: [pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 4_000 } })],
        hourlyInterestRate: 0,
      }),
    },
  ],
  bitcoinAt: (simMs) => (simMs <= SIM_START_MS ? 5_000 : 3_000),
};

test("a forced liquidation is on record, for cross and for the pair", async () => {
  const simulated = await simulate(SHORT_BY_1000);
  step(simulated, 120_000);
  const cross = await simulated.signed(FORCED);
  expect(cross.body).toEqual({
    rows: [
      {
        avgPrice: "3000.00000000",
        executedQty: "1.00000000",
        orderId: expect.any(Number),
        price: "3000.00000000",
        qty: "1.00000000",
        side: "SELL",
        symbol: "BTCUSDT",
        timeInForce: "GTC",
        isIsolated: false,
        updatedTime: SERVER_START_MS + 120_000,
      },
    ],
    total: 1,
  });
  expect(cross.headers.get("x-sapi-used-ip-weight-1m")).toBe("1");
  expect((await simulated.signed(FORCED, "isolatedSymbol=BTCUSDT")).body).toMatchObject({
    rows: [{ isIsolated: true }],
    total: 1,
  });
  expect((await simulated.signed(FORCED, `endTime=${SERVER_START_MS}`)).body).toEqual({ rows: [], total: 0 });
  expect(column((await simulated.signed(FLOW)).body, "type")).toEqual(["SELL_LIQUIDATION", "REPAY_LIQUIDATION"]);
});

test("without a loan the answer is empty; then it tells what is owed, and what was repaid", async () => {
  const change = repayLoan(300);
  const actions = [{ atMs: SIM_START_MS + 150_000, apiKey: API_KEY, text: "repays", change }];
  const simulated = await simulate({ ...SHORT_BY_1000, actions });
  const { signed } = simulated;
  const before = await signed(LOAN);
  expect([before.status, before.text, before.headers.get("x-sapi-used-uid-weight-1m")]).toEqual([200, "", "100"]);
  step(simulated, 120_000);
  const loan = { asset: "USDC", amount: "1000.00000000" };
  expect((await signed(LOAN)).body).toEqual({ ...loan, repaidAmount: "0.00000000", remainingAmount: "1000.00000000" });
  step(simulated, 30_000);
  expect((await signed(LOAN)).body).toEqual({ ...loan, repaidAmount: "300.00000000", remainingAmount: "700.00000000" });
});

// ---------------------------------------------------------------- who may ask

test.each([FLOW, TRANSFER, FORCED, LOAN])("%s wants a signature, GET, and its distance", async (path) => {
  const at = [0, 499, 999];
  const { keyed, signed } = await simulate({ monoMs: () => at.shift() ?? 5_000 });
  expect((await signed(path)).status).toBe(200);
  expect((await signed(path)).body).toMatchObject({ code: -21003 });
  expect((await signed(path)).status).toBe(200);
  expect((await keyed(path)).body).toMatchObject({ code: -1102 });
  expect((await keyed(path, "POST")).status).toBe(405);
});

test("a path that is retired answers 410, and no other", async () => {
  const { simulator, signed } = await simulate();
  simulator.retire(FLOW);
  const { status, body } = await signed(FLOW);
  expect([status, body]).toEqual([410, { code: -1020, msg: expect.any(String) }]);
  expect((await signed(TRANSFER)).status).toBe(200);
});
