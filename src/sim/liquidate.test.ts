import { expect, test } from "vitest";
import { repayLoan } from "./actions.ts";
import { type Book, bookOf, crossBook, holding, pairBook } from "./book.ts";
import { flow } from "./journal.ts";
import { play, type Script } from "./play.ts";
import { derivedPath } from "./price-path.ts";

const MINUTE_MS = 60_000;
const FALL_MS = 10 * MINUTE_MS;
/** 5,000, and from the tenth minute on 1,000: what was safe owes more than it has. */
const fall: Script = {
  path: derivedPath((simMs) => (simMs < FALL_MS ? 5_000 : 1_000)),
  actions: [],
  liquidationMs: MINUTE_MS,
};
const steady: Script = { ...fall, path: derivedPath(() => 5_000) };

const books = { hourlyInterestRate: 0 };
const entriesOf = (book: Book, script: Script) =>
  play(book, 0, 30 * MINUTE_MS, script)[2].map(({ atMs, entries }) => ({ atMs, entries }));

test("a cross liquidation sells, repays, orders and takes its fee, in one transaction", () => {
  const cross = crossBook([holding("BTC", { free: 2.2 }), holding("USDT", { borrowed: 9_990, interest: 10 })]);
  expect(entriesOf(bookOf({ cross, ...books }), steady)).toEqual([
    {
      atMs: 2 * MINUTE_MS,
      entries: [
        flow("cross", "SELL_LIQUIDATION", "BTC", 2.2),
        flow("cross", "REPAY_LIQUIDATION", "USDT", 10_000),
        expect.objectContaining({ kind: "order", place: "cross", symbol: "BTCUSDT", side: "SELL", qty: 2.2 }),
        flow("cross", "LIQUIDATION_FEE", "USDT", 200),
      ],
    },
  ]);
});

test("a short is bought back; USDT itself needs no order", () => {
  const cross = crossBook([holding("BTC", { free: 0.2, borrowed: 1.2 }), holding("USDT", { free: 5_500 })]);
  const [only] = entriesOf(bookOf({ cross, ...books }), steady);
  expect(only?.entries).toEqual([
    flow("cross", "BUY_LIQUIDATION", "BTC", 1),
    flow("cross", "REPAY_LIQUIDATION", "BTC", 1.2),
    expect.objectContaining({ kind: "order", symbol: "BTCUSDT", side: "BUY", price: 5_000, qty: 1 }),
    { ...flow("cross", "LIQUIDATION_FEE", "USDT", 120), amount: expect.closeTo(120, 6) },
  ]);
});

test("a pair is liquidated in its quote asset; without anything left there is no fee and no loan", () => {
  const pair = pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 3_000 } });
  const book = bookOf({ cross: crossBook([holding("USDT", { free: 1 })]), isolated: [pair], ...books });
  const [only] = entriesOf(book, fall);
  expect(only?.entries).toEqual([
    flow("BTCUSDT", "SELL_LIQUIDATION", "BTC", 1),
    flow("BTCUSDT", "REPAY_LIQUIDATION", "USDT", 3_000),
    expect.objectContaining({ kind: "order", place: "BTCUSDT", symbol: "BTCUSDT", side: "SELL", price: 1_000 }),
  ]);
  expect(play(book, 0, 30 * MINUTE_MS, fall)[0].cross?.loan).toBeUndefined();
});

// ---------------------------------------------------------------- the loan

const underwater = (borrowed: number) =>
  bookOf({ cross: crossBook([holding("BTC", { free: 1 }), holding("USDT", { borrowed })]), ...books });

test.each([
  { name: "exactly covers", borrowed: 1_000, loan: undefined },
  { name: "misses by a cent", borrowed: 1_000.01, loan: { amount: expect.closeTo(0.01, 8), repaid: 0 } },
  { name: "misses by far", borrowed: 3_000, loan: { amount: 2_000, repaid: 0 } },
])("what collateral of 1,000 $name leaves: $loan", ({ borrowed, loan }) => {
  const [after] = play(underwater(borrowed), 0, 30 * MINUTE_MS, fall);
  expect(after.cross?.loan).toEqual(loan);
  expect(after.cross?.assets).toEqual([holding("BTC"), holding("USDT")]);
});

test("the loan is told to who watches", () => {
  const texts = play(underwater(3_000), 0, 30 * MINUTE_MS, fall)[1].map(({ text }) => text);
  expect(texts.at(-1)).toBe(
    "cross: liquidated, collateral of 1,000 USDT sold, debt of 3,000 repaid with a fee of 2 %, 0 left; a loan of 2,000 USDC is left to be paid back",
  );
});

test("a second loan adds to an open one, and begins anew after one that was paid back", () => {
  const withLoan = (repaid: number) => {
    const { cross, ...rest } = underwater(3_000);
    const book = { ...rest, cross: cross && { ...cross, loan: { amount: 500, repaid } } };
    return play(book, 0, 30 * MINUTE_MS, fall)[0].cross?.loan;
  };
  expect(withLoan(499)).toEqual({ amount: 2_500, repaid: 499 });
  expect(withLoan(500)).toEqual({ amount: 2_000, repaid: 0 });
});

test("it is repaid by an action", () => {
  const text = "repays";
  const actions = [{ atMs: 20 * MINUTE_MS, apiKey: "k", text, change: repayLoan(700) }];
  const [after] = play(underwater(3_000), 0, 30 * MINUTE_MS, { ...fall, actions });
  expect(after.cross?.loan).toEqual({ amount: 2_000, repaid: 700 });
});

// ---------------------------------------------------------------- the margin call

const callsOf = (book: Book, bitcoinAt: (simMs: number) => number) =>
  play(book, 0, 30 * MINUTE_MS, { ...steady, path: derivedPath(bitcoinAt) })[2].flatMap(({ atMs, entries }) =>
    entries.flatMap((entry) => (entry.kind === "margin-call" ? [[atMs / MINUTE_MS, entry.level]] : [])),
  );
const long = bookOf({
  cross: crossBook([holding("BTC", { free: 1 }), holding("USDT", { borrowed: 1_000 })]),
  ...books,
});

test("the level is called once when it falls to the bar, and again after it has recovered", () => {
  const prices = [2_000, 1_301, 1_300, 1_250, 1_301, 1_301, 1_300];
  expect(callsOf(long, (simMs) => prices[Math.min(6, Math.floor(simMs / MINUTE_MS))] ?? 0)).toEqual([
    [2, 1.3],
    [6, 1.3],
  ]);
});

test("a book that begins below the bar was called before", () => {
  expect(callsOf(long, () => 1_250)).toEqual([]);
});

test("a book that begins above and is below at the first minute is called", () => {
  expect(callsOf(long, (simMs) => (simMs < MINUTE_MS ? 2_000 : 1_200))).toEqual([[1, 1.2]]);
});
