import { describe, expect, test } from "vitest";
import { bookOf } from "../../test/support/desk.ts";
import { FLOW_TYPES, flowDirection, isLiquidation } from "./flow-types.ts";
import type { FlowRow, HistoryRow, LiquidationRow, TransferRow } from "./history.ts";
import type { EventRule, Route } from "./rules/types.ts";
import { notices, reached, tripped } from "./tripwire.ts";
import { HISTORY_WORDS } from "./words/history.ts";

const flow = (over: Partial<FlowRow> = {}): FlowRow => ({
  kind: "flow",
  id: "1",
  atMs: 0,
  symbol: undefined,
  type: "BORROW",
  asset: "USDT",
  amount: 100,
  ...over,
});
const transfer = (over: Partial<TransferRow> = {}): TransferRow => ({
  kind: "transfer",
  id: "1",
  atMs: 0,
  symbol: undefined,
  type: "ROLL_OUT",
  asset: "USDT",
  amount: 100,
  from: undefined,
  to: undefined,
  fromSymbol: undefined,
  toSymbol: undefined,
  status: "CONFIRMED",
  ...over,
});
const order: LiquidationRow = {
  kind: "liquidation",
  id: "1",
  atMs: 0,
  symbol: undefined,
  pair: "BTCUSDT",
  side: "SELL",
  avgPrice: 1,
  executedQty: 1,
};
const rule = (over: Partial<EventRule> = {}): EventRule => ({
  id: "mine",
  on: "flow",
  types: "all",
  assets: "all",
  symbols: "all",
  direction: undefined,
  amountAbove: undefined,
  allow: [],
  severity: "info",
  ...over,
});

const trips = (row: HistoryRow, rules: readonly EventRule[] = [], allow: readonly string[] = []): string[] =>
  tripped(row, { rules, allow }).map((trip) => `${trip.rule} ${trip.severity}`);

test("all sixteen types have words in every language; liquidations are five of them", () => {
  expect(FLOW_TYPES).toHaveLength(16);
  for (const words of Object.values(HISTORY_WORDS))
    expect(new Set(FLOW_TYPES.map((type) => words.flow[type])).size).toBe(16);
  expect(FLOW_TYPES.filter(isLiquidation)).toEqual([
    "BUY_LIQUIDATION",
    "SELL_LIQUIDATION",
    "REPAY_LIQUIDATION",
    "OTHER_LIQUIDATION",
    "LIQUIDATION_FEE",
  ]);
});

test.each([
  ["BORROW", "in"],
  ["REPAY", "out"],
  ["TRANSFER", undefined],
  ["toString", undefined],
])("%s goes %s", (type, direction) => {
  expect(flowDirection(type)).toBe(direction);
});

describe("margind's own rules on flows", () => {
  test.each([
    ...["BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", "OTHER_LIQUIDATION", "LIQUIDATION_FEE"].map(
      (type) => [type, ["flow-liquidation critical"]] as const,
    ),
    ...FLOW_TYPES.filter((type) => !isLiquidation(type)).map((type) => [type, []] as const),
    ["LOAN_LIQUIDATION", ["flow-liquidation critical"]],
    ["sell_liquidation", ["flow-liquidation critical"]],
    ["LIQUIDATION", ["flow-unknown-type warning"]],
    ["AIRDROP", ["flow-unknown-type warning"]],
    ["constructor", ["flow-unknown-type warning"]],
    ["", ["flow-unknown-type warning"]],
  ] as const)("%s: %j", (type, expected) => {
    expect(trips(flow({ type }))).toEqual(expected);
  });
});

test("a forced order is critical", () => {
  expect(trips(order)).toEqual(["forced-liquidation critical"]);
});

const OUT = ["transfer-not-allowed critical"];
describe("margind's own rule on transfers", () => {
  test.each<[Partial<TransferRow>, string[], string[]]>([
    [{ to: "SPOT" }, [], OUT],
    [{ to: "SPOT" }, ["SPOT"], []],
    [{ to: "spot" }, ["Spot"], []],
    [{ to: "SPOT" }, ["FUNDING", "SUB_SPOT"], OUT],
    [{ to: undefined }, ["SPOT"], OUT],
    [{ to: undefined, from: "SPOT" }, ["SPOT"], OUT],
    [{ to: "ISOLATED_MARGIN", symbol: "BTCUSDT", toSymbol: "ETHUSDT" }, ["SPOT"], OUT],
    [{ to: "CROSS_MARGIN", symbol: "BTCUSDT" }, [], OUT],
    [{ to: "CROSS_MARGIN", symbol: "BTCUSDT" }, ["CROSS_MARGIN"], []],
    [{ type: "ROLL_IN", from: "MOON" }, [], []],
    [{ type: "ROLL_IN_FAST" }, [], []],
    [{ type: "TELEPORT" }, [], OUT],
    [{ type: "TELEPORT", to: "SPOT" }, ["SPOT"], []],
    [{ status: "FAILED" }, [], []],
    [{ status: "failed" }, [], []],
    [{ status: "PENDING" }, [], OUT],
    [{ status: "" }, [], OUT],
  ])("%j with %j allowed", (over, allow, expected) => {
    expect(trips(transfer(over), [], allow)).toEqual(expected);
  });
});

const MINE = ["mine info"];
describe("a rule of the user", () => {
  test.each<[string, HistoryRow, Partial<EventRule>, string[]]>([
    ["of any row", flow(), {}, MINE],
    ["of another history", transfer({ type: "ROLL_IN" }), {}, []],
    ["never of a forced order", order, {}, ["forced-liquidation critical"]],
    ["of its type", flow(), { types: ["REPAY", "borrow"] }, MINE],
    ["of another type", flow(), { types: ["REPAY"] }, []],
    ["of its asset", flow(), { assets: ["USDT"] }, MINE],
    ["of another asset", flow(), { assets: ["BTC"] }, []],
    ["of its pair", flow({ symbol: "BTCUSDT" }), { symbols: ["BTCUSDT"] }, MINE],
    ["of another pair", flow({ symbol: "ETHUSDT" }), { symbols: ["BTCUSDT"] }, []],
    ["of a pair, not of the cross account", flow(), { symbols: ["BTCUSDT"] }, []],
    ["of its direction", flow(), { direction: "in" }, MINE],
    ["of the other direction", flow(), { direction: "out" }, []],
    ["of a direction that is not known", flow({ type: "TRANSFER" }), { direction: "out" }, []],
    ["just not above the amount", flow({ amount: 100 }), { amountAbove: 100 }, []],
    ["just above the amount", flow({ amount: 100.00000001 }), { amountAbove: 100 }, MINE],
    ["above the amount with a sign", flow({ amount: -101 }), { amountAbove: 100 }, MINE],
    ["a transfer in", transfer({ type: "ROLL_IN" }), { on: "transfer", direction: "in" }, MINE],
    [
      "a transfer in from an allowed place",
      transfer({ type: "ROLL_IN", from: "SPOT" }),
      { on: "transfer", allow: ["spot"] },
      [],
    ],
    ["a transfer in from nowhere", transfer({ type: "ROLL_IN" }), { on: "transfer", allow: ["SPOT"] }, MINE],
    ["a transfer in that failed", transfer({ type: "ROLL_IN", status: "Failed" }), { on: "transfer" }, []],
  ])("%s", (_, row, over, expected) => {
    expect(trips(row, [rule(over)])).toEqual(expected);
  });
});

test("the worst comes first, margind's own before the user's at equal severity, these in their order", () => {
  const rules = [
    rule({ id: "a", severity: "info" }),
    rule({ id: "b", severity: "warning" }),
    rule({ id: "c", severity: "critical" }),
    rule({ id: "d", severity: "critical" }),
  ];
  expect(trips(flow({ type: "AIRDROP" }), rules)).toEqual([
    "c critical",
    "d critical",
    "flow-unknown-type warning",
    "b warning",
    "a info",
  ]);
});

const route = (over: Partial<Route>): Route => ({ match: {}, notify: [], repeatEveryMs: undefined, ...over });

describe("who hears of a row", () => {
  const out = transfer({ symbol: "BTCUSDT" });
  const worst = tripped(out, { rules: [rule({ on: "transfer", severity: "warning" })], allow: [] });
  const OWN = "transfer-not-allowed";
  test.each<[string, Route[], Record<string, string>]>([
    ["without routes everybody, by the worst", [], { desk: OWN, mail: OWN }],
    [
      "where the worst is routed to nobody, by the next",
      [route({ match: { rule: [OWN] } })],
      { desk: "mine", mail: "mine" },
    ],
    [
      "where it is routed to one, the other by the next",
      [route({ match: { rule: [OWN] }, notify: ["mail"] })],
      { desk: "mine", mail: OWN },
    ],
    ["nobody", [route({})], {}],
    ["nobody, for its severities", [route({ match: { severity: ["warning", "critical"] } })], {}],
    ["nobody, for its pair", [route({ match: { symbol: ["BTCUSDT"] } })], {}],
    [
      "everybody, as the route is of another account",
      [route({ match: { account: ["other"] } })],
      { desk: OWN, mail: OWN },
    ],
    ["nobody that does not exist", [route({ notify: ["pager", "desk"] })], { desk: OWN }],
  ])("%s", (_, routes, expected) => {
    const reach = reached(out, worst, "main", { routes, notifiers: ["desk", "mail"] });
    expect(Object.fromEntries([...reach].map(([notifier, trip]) => [notifier, trip.rule]))).toEqual(expected);
  });

  test("nobody of what trips nothing", () => {
    expect(reached(out, [], "main", bookOf()).size).toBe(0);
  });
});

test("rows are one notice for each subject and rule, the oldest first", () => {
  const told = (row: HistoryRow, name: string) => ({ row, trip: { rule: name, severity: "critical" } as const });
  const moved = notices(
    [
      told(flow({ id: "2", atMs: 20 }), "flow-liquidation"),
      told(order, "forced-liquidation"),
      told(flow({ id: "1", atMs: 10 }), "flow-liquidation"),
      told(flow({ id: "3", symbol: "BTCUSDT" }), "flow-liquidation"),
      told(transfer({ symbol: "BTCUSDT" }), "transfer-not-allowed"),
    ],
    "main",
    { book: bookOf(), nowMs: 5 },
  );
  const found = moved.flatMap(({ situations, changes }) => {
    expect(changes).toEqual([]);
    return situations.map(({ id, facts }) => [
      id.subject,
      id.rule,
      facts.about === "history" ? facts.rows.map((row) => row.id).join() : "",
    ]);
  });
  expect(found).toEqual([
    ["flow", "flow-liquidation", "1,2"],
    ["flow", "forced-liquidation", "1"],
    ["flow BTCUSDT", "flow-liquidation", "3"],
    ["transfer BTCUSDT", "transfer-not-allowed", "1"],
  ]);
});
