import { expect, test } from "vitest";
import {
  borrow,
  type Change,
  closePair,
  deposit,
  inTurn,
  move,
  removePair,
  repay,
  repayLoan,
  sell,
  setRights,
  withdraw,
} from "./actions.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";
import { type Entry, flow } from "./journal.ts";

const BOOK = bookOf({
  cross: {
    ...crossBook([holding("BTC", { free: 2 }), holding("USDT", { free: 100, borrowed: 50, interest: 5 })]),
    loan: { amount: 100, repaid: 30 },
  },
  isolated: [pairBook("BTCUSDT", { base: { free: 1, locked: 0.5 }, quote: { free: 10, borrowed: 2_000 } })],
});
const prices = { usdt: (asset: string) => (asset === "BTC" ? 5_000 : 1), index: () => 5_000 };

/** One list for each transaction. */
function written(change: Change, book = BOOK) {
  const transactions: (readonly Entry[])[] = [];
  const after = change(book, prices, (entries) => void transactions.push(entries));
  return { transactions, after };
}

const transfer = (type: "ROLL_IN" | "ROLL_OUT", place: string, asset: string, amount: number, other: string) => [
  { kind: "transfer", type, place, asset, amount, other },
  flow(place, "TRANSFER", asset, amount),
];

test.each([
  {
    name: "a deposit is a transfer in from spot",
    change: deposit("cross", "USDT", 7),
    to: [transfer("ROLL_IN", "cross", "USDT", 7, "SPOT")],
  },
  {
    name: "a deposit may come from elsewhere",
    change: deposit("BTCUSDT", "BTC", 7, "FUNDING"),
    to: [transfer("ROLL_IN", "BTCUSDT", "BTC", 7, "FUNDING")],
  },
  {
    name: "a withdrawal is a transfer out, of no more than is there",
    change: withdraw("cross", "USDT", 700, "FUNDING"),
    to: [transfer("ROLL_OUT", "cross", "USDT", 100, "FUNDING")],
  },
  {
    name: "a move stands in both places",
    change: move("cross", "BTC", 1, "BTCUSDT"),
    to: [transfer("ROLL_OUT", "cross", "BTC", 1, "BTCUSDT"), transfer("ROLL_IN", "BTCUSDT", "BTC", 1, "cross")],
  },
  {
    name: "borrowing is BORROW",
    change: borrow("cross", "USDT", 7),
    to: [[flow("cross", "BORROW", "USDT", 7)]],
  },
  {
    name: "repaying is REPAY, and knows its interest",
    change: repay("cross", "USDT", 20),
    to: [[{ ...flow("cross", "REPAY", "USDT", 20), interest: 5 }]],
  },
  {
    name: "repaying more than is owed writes what was owed",
    change: repay("cross", "USDT", 90),
    to: [[{ ...flow("cross", "REPAY", "USDT", 55), interest: 5 }]],
  },
  {
    name: "BTC for USDT is a sell order",
    change: sell("cross", "BTC", 1, "USDT"),
    to: [[flow("cross", "SELL_EXPENSE", "BTC", 1), flow("cross", "SELL_INCOME", "USDT", 5_000)]],
  },
  {
    name: "USDT for BTC is a buy order",
    change: sell("cross", "USDT", 100, "BTC"),
    to: [[flow("cross", "BUY_EXPENSE", "USDT", 100), flow("cross", "BUY_INCOME", "BTC", 0.02)]],
  },
  {
    name: "several changes are several transactions",
    change: inTurn(borrow("cross", "USDT", 1), repay("cross", "BTC", 1), borrow("cross", "BTC", 2)),
    to: [[flow("cross", "BORROW", "USDT", 1)], [flow("cross", "BORROW", "BTC", 2)]],
  },
  {
    name: "a pair that is closed sells, repays and takes the rest out",
    change: closePair("BTCUSDT"),
    to: [
      [flow("BTCUSDT", "SELL_EXPENSE", "BTC", 1.5), flow("BTCUSDT", "SELL_INCOME", "USDT", 7_500)],
      [{ ...flow("BTCUSDT", "REPAY", "USDT", 2_000), interest: 0 }],
      transfer("ROLL_OUT", "BTCUSDT", "USDT", 5_510, "SPOT"),
    ],
  },
  { name: "who has nothing moves nothing", change: withdraw("cross", "ETH", 7), to: [] },
  { name: "what would be written as zero is not written", change: deposit("cross", "USDT", 4e-9), to: [] },
  { name: "rights are in no history", change: setRights({ tradeEnabled: false }), to: [] },
  { name: "a pair that vanishes is in no history", change: removePair("BTCUSDT"), to: [] },
  { name: "a loan is paid back from outside", change: repayLoan(10), to: [] },
])("$name", ({ change, to }) => {
  expect(written(change).transactions).toEqual(to);
});

test("a short that is closed buys what it owes, and nothing is left of it", () => {
  const short = pairBook("BTCUSDT", { base: { borrowed: 1 }, quote: { free: 6_000 } });
  const { transactions, after } = written(closePair("BTCUSDT"), bookOf({ isolated: [short] }));
  expect(transactions).toEqual([
    [flow("BTCUSDT", "BUY_EXPENSE", "USDT", 5_000), flow("BTCUSDT", "BUY_INCOME", "BTC", 1)],
    [{ ...flow("BTCUSDT", "REPAY", "BTC", 1), interest: 0 }],
    transfer("ROLL_OUT", "BTCUSDT", "USDT", 1_000, "SPOT"),
  ]);
  expect(after.isolated).toEqual([pairBook("BTCUSDT")]);
});

test("a move takes no more than there is, and is no gift", () => {
  const { after } = written(move("cross", "BTC", 9, "BTCUSDT"));
  expect([after.cross?.assets[0]?.free, after.isolated[0]?.base.free]).toEqual([0, 3]);
});

test.each([
  { amount: 10, repaid: 40 },
  { amount: 70, repaid: 100 },
  { amount: 71, repaid: 100 },
])("repaying $amount of a loan of 100, 30 of it repaid, leaves $repaid repaid", ({ amount, repaid }) => {
  expect(written(repayLoan(amount)).after.cross?.loan).toEqual({ amount: 100, repaid });
});

test("without a loan there is nothing to repay, without a cross account that is a mistake", () => {
  const book = bookOf({ cross: crossBook([]) });
  expect(repayLoan(1)(book, prices)).toBe(book);
  expect(() => repayLoan(1)(bookOf(), prices)).toThrow("there is no cross account");
});

test("without a journal a change does the same", () => {
  expect(closePair("BTCUSDT")(BOOK, prices)).toEqual(written(closePair("BTCUSDT")).after);
});
