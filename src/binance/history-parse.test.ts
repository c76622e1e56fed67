import { describe, expect, test } from "vitest";
import { parseExactJson } from "../lib/json.ts";
import { ExchangeError } from "./errors.ts";
import { liquidationRow, parseFlows, parseLoans, parsePage, transferRow } from "./history-parse.ts";

const exact = (body: unknown): unknown => parseExactJson(typeof body === "string" ? body : JSON.stringify(body));

/** What a person is told of an answer that does not read. */
function problemOf(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof ExchangeError && error.failure.code === "bad_response") return error.failure.detail;
    throw error;
  }
  return "it was read";
}

// ---------------------------------------------------------------- capital flow

/** The documented sample, as it stands. */
const FLOWS = [
  {
    id: 123456,
    tranId: 123123,
    timestamp: 1691116657000,
    asset: "USDT",
    symbol: "BTCUSDT",
    type: "BORROW",
    amount: "101",
  },
  {
    id: 123457,
    tranId: 123124,
    timestamp: 1691116658000,
    asset: "BTC",
    symbol: "BTCUSDT",
    type: "REPAY",
    amount: "10",
  },
];
const [FLOW] = FLOWS;

const READ_FLOW = {
  kind: "flow",
  id: "123456",
  atMs: 1691116657000,
  symbol: undefined,
  type: "BORROW",
  asset: "USDT",
  amount: 101,
};

test("reads the documented sample of the capital flow", () => {
  const second = { ...READ_FLOW, id: "123457", atMs: 1691116658000, type: "REPAY", asset: "BTC", amount: 10 };
  expect(parseFlows(exact(FLOWS), undefined)).toEqual({ count: 2, rows: [READ_FLOW, second] });
});

test("of a pair that was asked for, rows of another pair are counted and left out", () => {
  const rows = [FLOW, { ...FLOW, id: 2, symbol: "ETHUSDT" }, { ...FLOW, id: 3, symbol: null }];
  const { count, rows: read } = parseFlows(exact(rows), "BTCUSDT");
  expect(count).toBe(3);
  expect(read.map(({ id, symbol }) => [id, symbol])).toEqual([
    ["123456", "BTCUSDT"],
    ["3", "BTCUSDT"],
  ]);
});

test("an id beyond 2^53 keeps every digit, as a number and as a text", () => {
  const row = JSON.stringify(FLOW);
  const number = row.replace("123456", "1352286576452864727");
  const text = row.replace("123456", '"1352286576452864727"');
  for (const body of [`[${number}]`, `[${text}]`])
    expect(parseFlows(exact(body), undefined).rows[0]?.id).toBe("1352286576452864727");
});

test.each([
  ["a note, which newer rows have", { note: "INSTITUTIONAL_LOAN_TRANSFER" }, {}],
  ["a type that nobody knows yet", { type: "AIRDROP_CLAWBACK" }, { type: "AIRDROP_CLAWBACK" }],
  ["an amount that went out", { amount: "-0.00000001" }, { amount: -1e-8 }],
  ["an amount as a number", { amount: 0.1 }, { amount: 0.1 }],
  ["seconds", { timestamp: 1691116657 }, {}],
  ["microseconds", { timestamp: 1691116657000999 }, {}],
  ["the last second", { timestamp: 99999999999 }, { atMs: 99999999999000 }],
  ["the first millisecond", { timestamp: 100000000000 }, { atMs: 100000000000 }],
  ["the last millisecond", { timestamp: 99999999999999 }, { atMs: 99999999999999 }],
  ["the first microsecond", { timestamp: 100000000000000 }, { atMs: 100000000000 }],
])("reads %s", (_, over, expected) => {
  expect(parseFlows(exact([{ ...FLOW, ...over }]), undefined).rows).toEqual([{ ...READ_FLOW, ...expected }]);
});

test.each([
  ["no list", { rows: [] }, "the capital flow is an object, not a list"],
  ["a text", '"no"', 'the capital flow is "no", not a list'],
  ["null for a row", [null], "[0] is null, not an object"],
  ["no id", [FLOW, { ...FLOW, id: undefined }], "[1].id is missing, not an id"],
  ["an id with an exponent", '[{"id":1e3}]', '[0].id is "1e3", not an id'],
  ["a negative id", [{ ...FLOW, id: -1 }], '[0].id is "-1", not an id'],
  ["an id with a zero before it", [{ ...FLOW, id: "01" }], '[0].id is "01", not an id'],
  ["no time", [{ ...FLOW, timestamp: null }], "[0].timestamp is null, not a time"],
  ["a time with places", [{ ...FLOW, timestamp: 1691116657.5 }], '[0].timestamp is "1691116657.5", not a time'],
  ["a time in words", [{ ...FLOW, timestamp: "2023-08-04" }], '[0].timestamp is "2023-08-04", not a time'],
  ["no type", [{ ...FLOW, type: "" }], '[0].type is "", not a short text'],
  ["a type with a line end", [{ ...FLOW, type: "A\nB" }], '[0].type is "A?B", not a short text'],
  ["no asset", [{ ...FLOW, asset: undefined }], "[0].asset is missing, not a short text"],
  ["an empty amount", [{ ...FLOW, amount: "" }], '[0].amount is "", not a decimal'],
  ["an amount that is no number", [{ ...FLOW, amount: "NaN" }], '[0].amount is "NaN", not a decimal'],
  ["a pair that is a flag", [{ ...FLOW, symbol: true }], "[0].symbol is the boolean true, not a short text"],
])("%s makes the whole capital flow invalid", (_, body, problem) => {
  expect(problemOf(() => parseFlows(exact(body), undefined))).toBe(problem);
});

test("a malformed row of another pair is no better", () => {
  const other = { ...FLOW, symbol: "ETHUSDT", amount: null };
  expect(problemOf(() => parseFlows(exact([other]), "BTCUSDT"))).toBe("[0].amount is null, not a decimal");
});

// ---------------------------------------------------------------- transfers

/** The documented sample without its comments. */
const TRANSFERS = {
  rows: [
    {
      amount: "0.10000000",
      asset: "BNB",
      status: "CONFIRMED",
      timestamp: 1566898617,
      txId: 5240372201,
      type: "ROLL_IN",
      transFrom: "SPOT",
      transTo: "ISOLATED_MARGIN",
    },
    {
      amount: "5.00000000",
      asset: "USDT",
      status: "CONFIRMED",
      timestamp: 1566888436,
      txId: 5239810406,
      type: "ROLL_OUT",
      transFrom: "ISOLATED_MARGIN",
      transTo: "ISOLATED_MARGIN",
      fromSymbol: "BNBUSDT",
      toSymbol: "BTCUSDT",
    },
    {
      amount: "1.00000000",
      asset: "EOS",
      status: "CONFIRMED",
      timestamp: 1566888403,
      txId: 5239808703,
      type: "ROLL_IN",
    },
  ],
  total: 3,
};

const transfers = (body: unknown, symbol?: string) => parsePage(exact(body), symbol, transferRow);

test("reads the documented sample of the transfers, which is stamped in seconds", () => {
  const { total, rows } = transfers(TRANSFERS);
  const common = { kind: "transfer", symbol: undefined, status: "CONFIRMED" };
  const silent = { from: undefined, to: undefined, fromSymbol: undefined, toSymbol: undefined };
  expect(total).toBe(3);
  expect(rows).toEqual([
    {
      ...common,
      ...silent,
      id: "5240372201",
      atMs: 1566898617000,
      type: "ROLL_IN",
      asset: "BNB",
      amount: 0.1,
      from: "SPOT",
      to: "ISOLATED_MARGIN",
    },
    {
      ...common,
      id: "5239810406",
      atMs: 1566888436000,
      type: "ROLL_OUT",
      asset: "USDT",
      amount: 5,
      from: "ISOLATED_MARGIN",
      to: "ISOLATED_MARGIN",
      fromSymbol: "BNBUSDT",
      toSymbol: "BTCUSDT",
    },
    { ...common, ...silent, id: "5239808703", atMs: 1566888403000, type: "ROLL_IN", asset: "EOS", amount: 1 },
  ]);
});

const transfer = (over: object) => ({ rows: [{ ...TRANSFERS.rows[0], ...over }], total: 1 });

test.each([
  ["no rows", { total: 0 }, "rows is missing, not a list"],
  ["a list", [], "the history is a list, not an object"],
  ["a total in words", { rows: [], total: "many" }, 'total is "many", not a decimal'],
  ["no id", transfer({ txId: undefined }), "rows[0].txId is missing, not an id"],
  ["no status", transfer({ status: undefined }), "rows[0].status is missing, not a short text"],
  ["an end that is a flag", transfer({ transFrom: false }), "rows[0].transFrom is the boolean false, not a short text"],
  ["an end that is a list", transfer({ transTo: [] }), "rows[0].transTo is a list, not a short text"],
  [
    "a pair that is too long",
    transfer({ toSymbol: "X".repeat(41) }),
    "rows[0].toSymbol is a text of 41 characters, not a short text",
  ],
])("%s makes the whole page invalid", (_, body, problem) => {
  expect(problemOf(() => transfers(body))).toBe(problem);
});

test("empty ends and pairs count as not said", () => {
  const { rows } = transfers(transfer({ transFrom: "", transTo: null, fromSymbol: "" }), "BNBUSDT");
  expect(rows[0]).toMatchObject({ from: undefined, to: undefined, fromSymbol: undefined, symbol: "BNBUSDT" });
});

// ---------------------------------------------------------------- forced liquidations

/** The documented sample's row. */
const ORDER = {
  avgPrice: "0.00388359",
  executedQty: "31.39000000",
  orderId: 180015097,
  price: "0.00388110",
  qty: "31.39000000",
  side: "SELL",
  symbol: "BNBBTC",
  timeInForce: "GTC",
  isIsolated: true,
  updatedTime: 1558941374745,
};

const liquidations = (over: object, symbol?: string) =>
  parsePage(exact({ rows: [{ ...ORDER, ...over }], total: 1 }), symbol, liquidationRow).rows;

test("reads the documented sample of the forced liquidations", () => {
  const row = {
    kind: "liquidation",
    id: "180015097",
    atMs: 1558941374745,
    symbol: "BNBBTC",
    pair: "BNBBTC",
    side: "SELL",
    avgPrice: 0.00388359,
    executedQty: 31.39,
  };
  expect(liquidations({}, "BNBBTC")).toEqual([row]);
});

test.each([
  ["an order of the cross account", { isIsolated: false }, { symbol: undefined }],
  ["an order that does not say whose it is", { isIsolated: undefined }, { symbol: undefined }],
  ["an isolated order in the answer about cross", { isIsolated: true }, { symbol: "BNBBTC" }],
  [
    "an order before its first execution",
    { avgPrice: "0.00000000", executedQty: "0.00000000" },
    { avgPrice: undefined, executedQty: 0 },
  ],
  [
    "an order without a word on its execution",
    { avgPrice: null, executedQty: undefined },
    { avgPrice: undefined, executedQty: undefined },
  ],
])("reads %s", (_, over, expected) => {
  expect(liquidations(over)).toEqual([expect.objectContaining(expected)]);
});

test.each([
  ["avgPrice", { avgPrice: "n/a" }, 'rows[0].avgPrice is "n/a", not a decimal'],
  ["executedQty", { executedQty: [] }, "rows[0].executedQty is a list, not a decimal"],
  ["isIsolated", { isIsolated: "yes" }, 'rows[0].isIsolated is "yes", not true or false'],
  ["symbol", { symbol: undefined }, "rows[0].symbol is missing, not a short text"],
  ["side", { side: undefined }, "rows[0].side is missing, not a short text"],
  ["orderId", { orderId: undefined }, "rows[0].orderId is missing, not an id"],
  ["updatedTime", { updatedTime: undefined }, "rows[0].updatedTime is missing, not a time"],
])("a malformed %s makes the whole page invalid", (_, over, problem) => {
  expect(problemOf(() => liquidations(over))).toBe(problem);
});

// ---------------------------------------------------------------- liquidation loans

const LOAN = { asset: "USDC", amount: "1000.00000000", repaidAmount: "300.00000000", remainingAmount: "700.00000000" };

describe("a liquidation loan", () => {
  test.each([
    ["the documented sample", LOAN, [{ asset: "USDC", remaining: 700 }]],
    [
      "several",
      [LOAN, { ...LOAN, asset: "USDT", remainingAmount: 0.5 }],
      [
        { asset: "USDC", remaining: 700 },
        { asset: "USDT", remaining: 0.5 },
      ],
    ],
    ["the smallest rest", { ...LOAN, remainingAmount: "0.00000001" }, [{ asset: "USDC", remaining: 1e-8 }]],
    ["everything paid back", { ...LOAN, remainingAmount: "0.00000000" }, []],
    ["an empty object", {}, []],
    ["an empty list", [], []],
    ["null", "null", []],
    ["nothing but nulls", { asset: null, amount: null, repaidAmount: null, remainingAmount: null }, []],
  ])("%s", (_, body, expected) => {
    expect(parseLoans(exact(body))).toEqual(expected);
  });

  test.each([
    ["a text", '""', 'the liquidation loan is "", not an object'],
    ["null in a list", [null], "[0] is null, not an object"],
    ["no rest", { ...LOAN, remainingAmount: undefined }, "remainingAmount is missing, not a decimal"],
    ["a renamed rest", { asset: "USDC", outstanding: "700" }, "remainingAmount is missing, not a decimal"],
    ["an empty rest", [LOAN, { ...LOAN, remainingAmount: "" }], '[1].remainingAmount is "", not a decimal'],
    ["a negative rest", { ...LOAN, remainingAmount: "-1" }, 'remainingAmount is "-1", not an amount owed'],
    ["no asset", { ...LOAN, asset: undefined }, "asset is missing, not a short text"],
  ])("%s is an error, never none", (_, body, problem) => {
    expect(problemOf(() => parseLoans(exact(body)))).toBe(problem);
  });
});
