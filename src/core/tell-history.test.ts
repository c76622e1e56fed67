// What people read of rows of the history: whole messages, as they come out of the notices.
import { expect, test } from "vitest";
import { bookOf, messageText, openDesk, UTC } from "../../test/support/desk.ts";
import { advanceOwn } from "./advance.ts";
import { announce } from "./announce.ts";
import type { Language } from "./format.ts";
import type { FlowRow, HistoryRow, LiquidationRow, Loan, TransferRow } from "./history.ts";
import type { Severity } from "./ports.ts";
import { notices } from "./tripwire.ts";

const NOW_MS = Date.parse("2026-11-21T03:13:00Z");
const at = (time: string) => Date.parse(`2026-11-21T${time}Z`);
const book = bookOf();

const flow = (over: Partial<FlowRow> = {}): FlowRow => ({
  kind: "flow",
  id: "1",
  atMs: at("03:12:05"),
  symbol: undefined,
  type: "SELL_LIQUIDATION",
  asset: "BTC",
  amount: 0.5,
  ...over,
});
const transfer = (over: Partial<TransferRow> = {}): TransferRow => ({
  kind: "transfer",
  id: "1",
  atMs: at("03:12:05"),
  symbol: undefined,
  type: "ROLL_OUT",
  asset: "USDT",
  amount: 1200,
  from: undefined,
  to: undefined,
  fromSymbol: undefined,
  toSymbol: undefined,
  status: "CONFIRMED",
  ...over,
});
const order = (over: Partial<LiquidationRow> = {}): LiquidationRow => ({
  kind: "liquidation",
  id: "1",
  atMs: at("03:12:05"),
  symbol: "BTCUSDT",
  pair: "BTCUSDT",
  side: "SELL",
  avgPrice: 42_012.5,
  executedQty: 0.5,
  ...over,
});

function told(rows: readonly HistoryRow[], rule: string, language: Language = "en", severity: Severity = "critical") {
  const moved = notices(
    rows.map((row) => ({ row, trip: { rule, severity } })),
    "main",
    { book, nowMs: NOW_MS },
  );
  const situations = moved.flatMap((each) => each.situations);
  const locale = { ...UTC, language };
  const [message] = announce([], situations, { book, states: new Map(), nowMs: NOW_MS, locale }).notifications;
  return message === undefined ? "" : messageText(message.message).replace(/\n#.*/, "");
}

test("a liquidation: what Binance does, what to do, then its rows, each with time, kind, amount and asset", () => {
  const rows = [
    flow(),
    flow({ atMs: at("03:12:06"), type: "REPAY_LIQUIDATION", asset: "USDT", amount: 20_998.12345678 }),
    flow({ atMs: at("03:12:07"), type: "LIQUIDATION_FEE", asset: "USDT", amount: 0.1 }),
  ];
  expect(told(rows, "flow-liquidation")).toMatchInlineSnapshot(`
    "CRITICAL · main · Binance is liquidating cross margin: 3 rows in the capital flow
    Look at the account in the app now: it shows what is left, and what is still owed.
    03:12:05 UTC  0.5 BTC sold by liquidation
    03:12:06 UTC  20,998.12345678 USDT repaid by liquidation
    03:12:07 UTC  0.1 USDT liquidation fee"
  `);
});

test("beyond five rows the rest is told by number and by the sums of its assets", () => {
  const rows = Array.from({ length: 12 }, (_, i) =>
    flow({ id: `${i}`, atMs: at(`03:12:${10 + i}`), symbol: "ETHUSDT", asset: i % 2 ? "USDT" : "ETH", amount: 0.1 }),
  );
  expect(told(rows, "flow-liquidation")).toMatchInlineSnapshot(`
    "CRITICAL · main · Binance is liquidating ETHUSDT isolated: 12 rows in the capital flow
    Look at the account in the app now: it shows what is left, and what is still owed.
    03:12:10 UTC  0.1 ETH sold by liquidation
    03:12:11 UTC  0.1 USDT sold by liquidation
    03:12:12 UTC  0.1 ETH sold by liquidation
    03:12:13 UTC  0.1 USDT sold by liquidation
    03:12:14 UTC  0.1 ETH sold by liquidation
    … and 7 more rows (0.4 USDT sold by liquidation, 0.3 ETH sold by liquidation)."
  `);
});

const lastLine = (text: string) => text.split("\n").at(-1);
test("the rest is summed by what it was, so that no fee is added to what was sold", () => {
  const rows = Array.from({ length: 9 }, (_, i) =>
    flow({
      id: `${i}`,
      atMs: at(`03:12:${10 + i}`),
      type: i % 2 ? "SELL_LIQUIDATION" : "LIQUIDATION_FEE",
      amount: 0.1,
    }),
  );
  expect(lastLine(told(rows, "flow-liquidation"))).toBe(
    "… and 4 more rows (0.2 BTC sold by liquidation, 0.2 BTC liquidation fee).",
  );
  expect(lastLine(told(rows, "flow-liquidation", "zh-CN"))).toBe(
    "……另有 4 条（强平卖出 0.2 BTC，强平清算费用 0.2 BTC）。",
  );
  expect(lastLine(told(rows.slice(0, 6), "flow-liquidation"))).toBe("… and 1 more row (0.1 BTC sold by liquidation).");
});

test("of transfers and orders, too; what was not filled adds nothing", () => {
  const transfers = Array.from({ length: 8 }, (_, i) =>
    transfer({ id: `${i}`, type: i === 6 ? "ROLL_IN" : "ROLL_OUT", amount: 10 }),
  );
  expect(lastLine(told(transfers, "any-transfer"))).toBe("… and 3 more rows (20 USDT out, 10 USDT in).");
  expect(lastLine(told(transfers, "any-transfer", "zh-CN"))).toBe("……另有 3 条（转出 20 USDT，转入 10 USDT）。");
  const orders = Array.from({ length: 8 }, (_, i) =>
    order({ id: `${i}`, side: i % 2 ? "BUY" : "SELL", executedQty: i === 7 ? undefined : 0.5 }),
  );
  expect(lastLine(told(orders, "forced-liquidation"))).toBe(
    "… and 3 more rows (bought 0.5 of BTCUSDT, sold 0.5 of BTCUSDT).",
  );
  const unfilled = orders.map((each) => ({ ...each, executedQty: undefined }));
  expect(lastLine(told(unfilled, "forced-liquidation"))).toBe("… and 3 more rows.");
});

test("sums of more than four kinds are cut, and that is said", () => {
  const types = ["BUY_LIQUIDATION", "SELL_LIQUIDATION", "REPAY_LIQUIDATION", "OTHER_LIQUIDATION", "LIQUIDATION_FEE"];
  const rows = [...types, ...types].map((type, i) => flow({ id: `${i}`, type }));
  expect(lastLine(told(rows, "flow-liquidation"))).toMatch(/^… and 5 more rows \(0\.5 BTC .*, …\)\.$/);
});

test.each([
  [0.1 + 0.2, "0.3 BTC"],
  [1_234_567.12345678, "1,234,567.12345678 BTC"],
  [123_456_789.12345678, "123,456,789.123457 BTC"],
  [1e15, "1,000,000,000,000,000 BTC"],
  [0.00000001, "0.00000001 BTC"],
  [0.000000016, "0.00000002 BTC"],
  [-20.5, "-20.5 BTC"],
  [0, "0 BTC"],
  [1e-9, "<0.00000001 BTC"],
  [-1e-9, "<0.00000001 BTC"],
  [1200, "1,200 BTC"],
])("%d is shown with at most eight decimals and no digit that is not there: %s", (amount, text) => {
  expect(lastLine(told([flow({ amount })], "flow-liquidation"))).toBe(`03:12:05 UTC  ${text} sold by liquidation`);
});

test.each([
  ["en", "0.5 BTC small amount converted after a liquidation"],
  ["zh-CN", "强平小额转换 0.5 BTC"],
] as const)("a small conversion says that it follows a liquidation: %s", (language, text) => {
  expect(told([flow({ type: "SMALL_CONVERT" })], "mine", language, "info")).toContain(text);
});

test("five rows are all told, and nothing is said to be left", () => {
  const rows = Array.from({ length: 5 }, (_, i) => flow({ atMs: at(`03:12:${10 + i}`) }));
  expect(
    told(rows, "flow-liquidation")
      .split("\n")
      .filter((line) => /^\d\d:/.test(line)),
  ).toHaveLength(5);
  expect(told(rows, "flow-liquidation")).not.toContain("more");
});

test("forced orders, one of them not filled yet", () => {
  const rows = [order(), order({ atMs: at("03:12:06"), side: "BUY", executedQty: 0, avgPrice: undefined })];
  expect(told(rows, "forced-liquidation")).toMatchInlineSnapshot(`
    "CRITICAL · main · Binance is liquidating BTCUSDT isolated: 2 forced orders
    Look at the account in the app now: it shows what is left, and what is still owed.
    03:12:05 UTC  sold 0.5 of BTCUSDT at 42,012.50
    03:12:06 UTC  order to buy on BTCUSDT, nothing filled yet"
  `);
});

test("what is long over is told as over, with its day", () => {
  const rows = [flow({ atMs: Date.parse("2026-11-14T22:05:00Z") })];
  expect(told(rows, "flow-liquidation")).toMatchInlineSnapshot(`
    "CRITICAL · main · Binance liquidated cross margin at 14 Nov 22:05 UTC: 1 row in the capital flow
    Look at the account in the app: it shows what is left, and what is still owed.
    14 Nov 22:05 UTC  0.5 BTC sold by liquidation"
  `);
});

test.each([
  ["02:57:59", "liquidated"],
  ["02:58:00", "is liquidating"],
])("a last row at %s, seen at 03:13:00: %s", (time, words) => {
  expect(told([flow({ atMs: at(time) })], "flow-liquidation")).toContain(words);
});

test.each([
  [{}, "1,200 USDT transferred out of cross margin to an unknown place at 03:12:05 UTC"],
  [{ to: "FUNDING", symbol: "BTCUSDT" }, "1,200 USDT transferred out of BTCUSDT isolated to the funding wallet at"],
  [{ to: "ISOLATED_MARGIN", toSymbol: "ETHUSDT" }, "out of cross margin to ETHUSDT isolated at"],
  [{ to: "ISOLATED_MARGIN" }, "out of cross margin to isolated margin at"],
  [{ to: "MOON" }, 'out of cross margin to "MOON" at'],
])("a transfer %j: %s", (over, text) => {
  expect(told([transfer(over)], "transfer-not-allowed").split("\n")[0]).toContain(text);
});

test("a transfer out that is not allowed, whole", () => {
  expect(told([transfer({ to: "FUNDING" })], "transfer-not-allowed")).toMatchInlineSnapshot(`
    "CRITICAL · main · 1,200 USDT transferred out of cross margin to the funding wallet at 03:12:05 UTC
    If that was not you: freeze the account in the Binance app, then change the password and delete the API keys.
    If it was: with FUNDING under transfers.allow in the config it is not told again."
  `);
});

test("several transfers out, one of a kind that nobody knows", () => {
  const rows = [transfer(), transfer({ asset: "BTC", amount: 0.5, to: "SPOT" }), transfer({ type: "TELEPORT" })];
  expect(told(rows, "transfer-not-allowed")).toMatchInlineSnapshot(`
    "CRITICAL · main · 3 transfers out of cross margin: 2,400 USDT, 0.5 BTC
    If that was not you: freeze the account in the Binance app, then change the password and delete the API keys.
    If it was: with SPOT under transfers.allow in the config it is not told again.
    margind does not know the type "TELEPORT" and takes it for a transfer out.
    03:12:05 UTC  1,200 USDT to an unknown place
    03:12:05 UTC  0.5 BTC to the spot wallet
    03:12:05 UTC  1,200 USDT to an unknown place"
  `);
});

test("an unknown kind of flow is told by its name", () => {
  expect(told([flow({ type: "AIRDROP", amount: 3 })], "flow-unknown-type", "en", "warning")).toMatchInlineSnapshot(`
    "WARNING · main · cross margin: unknown kind of capital flow "AIRDROP"
    Look it up in the app: Binance began to use it, and it may be anything.
    03:12:05 UTC  3 BTC "AIRDROP""
  `);
});

test("a rule of the user: one row, several alike, several that differ", () => {
  const rows = [
    flow({ type: "BORROW", asset: "USDT", amount: 12_000 }),
    flow({ type: "BORROW", asset: "BTC", amount: 1 }),
  ];
  const texts = [rows.slice(0, 1), rows, [...rows, flow({ type: "REPAY" })]].map((some) =>
    told(some, "big-borrow", "en", "info"),
  );
  expect(texts.join("\n\n")).toMatchInlineSnapshot(`
    "INFO · main · cross margin: 12,000 USDT borrowed at 03:12:05 UTC
    Told by your rule big-borrow.

    INFO · main · cross margin: 2 rows of rule big-borrow, 12,000 USDT, 1 BTC in all
    Told by your rule big-borrow.
    03:12:05 UTC  12,000 USDT borrowed
    03:12:05 UTC  1 BTC borrowed

    INFO · main · cross margin: 3 rows of rule big-borrow
    Told by your rule big-borrow.
    03:12:05 UTC  12,000 USDT borrowed
    03:12:05 UTC  1 BTC borrowed
    03:12:05 UTC  0.5 BTC repaid"
  `);
  expect(told([transfer({ type: "ROLL_IN", from: "SPOT" })], "money-in", "en", "info")).toMatchInlineSnapshot(`
    "INFO · main · 1,200 USDT transferred into cross margin from the spot wallet at 03:12:05 UTC
    Told by your rule money-in."
  `);
});

test("in Chinese", () => {
  const texts = [
    told([flow({ symbol: "BTCUSDT" }), flow({ type: "LIQUIDATION_FEE" })], "flow-liquidation", "zh-CN"),
    told([transfer({ to: "FUNDING" })], "transfer-not-allowed", "zh-CN"),
    told([transfer(), transfer()], "transfer-not-allowed", "zh-CN"),
    told([order()], "forced-liquidation", "zh-CN"),
    told([flow({ type: "AIRDROP" })], "flow-unknown-type", "zh-CN", "warning"),
  ];
  expect(texts.join("\n\n")).toMatchInlineSnapshot(`
    "严重 · main · 2 个告警，最严重的在前
    严重 · main · 币安正在强平 BTCUSDT 逐仓：资金流水 1 条
    请立即在应用中查看账户：剩余多少资产，还欠多少。
    03:12:05 UTC  强平卖出 0.5 BTC
    严重 · main · 币安正在强平全仓：资金流水 1 条
    请立即在应用中查看账户：剩余多少资产，还欠多少。
    03:12:05 UTC  强平清算费用 0.5 BTC
    #ZFCZ-1

    严重 · main · 1,200 USDT 从全仓转出至资金账户，03:12:05 UTC
    如非本人操作：请立即在币安应用中冻结账户，然后修改密码并删除 API 密钥。
    如为本人操作：在配置的 transfers.allow 中加入 FUNDING，即不再提示。

    严重 · main · 全仓转出 2 笔：2,400 USDT
    如非本人操作：请立即在币安应用中冻结账户，然后修改密码并删除 API 密钥。
    03:12:05 UTC  1,200 USDT，转至未知去向
    03:12:05 UTC  1,200 USDT，转至未知去向

    严重 · main · 币安正在强平 BTCUSDT 逐仓：强平订单 1 笔
    请立即在应用中查看账户：剩余多少资产，还欠多少。
    03:12:05 UTC  BTCUSDT 卖出 0.5，均价 42,012.50

    警告 · main · 全仓：未知类型的资金流水 “AIRDROP”
    请在应用中核对：这是币安新增的类型，含义不明。
    03:12:05 UTC  “AIRDROP” 0.5 BTC"
  `);
});

test("a loan and its end", () => {
  const texts = (["en", "zh-CN"] as const).map((language) => {
    const desk = openDesk({ locale: { ...UTC, language } });
    const look = (loans: readonly Loan[]) => {
      const id = { account: "main", subject: "cross", rule: "liquidation-loan" } as const;
      const scene = { states: desk.states(), book, nowMs: NOW_MS };
      const moved = advanceOwn(id, loans.length > 0 ? "critical" : null, { about: "loan", loans }, scene);
      return desk.take(moved, NOW_MS).notifications.map(({ message }) => messageText(message).replace(/\n#.*/, ""));
    };
    return [...look([{ asset: "USDC", remaining: 120.5 }]), ...look([])].join("\n");
  });
  expect(texts.join("\n\n")).toMatchInlineSnapshot(`
    "CRITICAL · main · a liquidation left a loan: 120.5 USDC to be paid back
    The collateral did not cover the debt. Pay the loan back in the app; margind only reads.
    RESOLVED · main · the loan that a liquidation left is paid back

    严重 · main · 强平后仍有欠款：待还 120.5 USDC
    质押资产不足以偿还负债。请在应用中还清欠款；margind 只读。
    已解除 · main · 强平遗留的欠款已还清"
  `);
});
