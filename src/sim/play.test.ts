import { expect, test } from "vitest";
import {
  borrow,
  type Change,
  closePair,
  deposit,
  openPair,
  removePair,
  repay,
  type ScriptedAction,
  sell,
  setPairEnabled,
  setRights,
  withdraw,
} from "./actions.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";
import { play, type Script } from "./play.ts";
import { derivedPath, type PricePath } from "./price-path.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const steady = derivedPath(() => 5_000);
const script: Script = { path: steady, actions: [], liquidationMs: MINUTE_MS };

const action = (atMs: number, change: Change): ScriptedAction => ({ atMs, apiKey: "k", text: `at ${atMs}`, change });

test("interest is added to what is borrowed at each full hour, and to nothing else", () => {
  const book = bookOf({
    cross: crossBook([holding("BTC", { free: 9 }), holding("USDT", { borrowed: 1_000 })]),
    isolated: [pairBook("BTCUSDT", { base: { free: 9 }, quote: { borrowed: 100 } })],
    hourlyInterestRate: 0.001,
  });
  const interestAt = (toMs: number) => {
    const [{ cross, isolated }] = play(book, 0, toMs, script);
    return [cross?.assets[0]?.interest, cross?.assets[1]?.interest, isolated[0]?.quote.interest];
  };
  expect(interestAt(HOUR_MS - 1)).toEqual([0, 0, 0]);
  expect(interestAt(HOUR_MS)).toEqual([0, 1, 0.1]);
  expect(interestAt(3 * HOUR_MS)).toEqual([0, 3, expect.closeTo(0.3, 12)]);
});

test("an action is played once, at its moment, and not before or at the start", () => {
  const book = bookOf({ cross: crossBook([holding("USDT")]) });
  const actions = [0, 90_001, 200_000].map((atMs) => action(atMs, deposit("cross", "USDT", 1)));
  const freeAt = (fromMs: number, toMs: number) =>
    play(book, fromMs, toMs, { ...script, actions })[0].cross?.assets[0]?.free;
  expect([freeAt(0, 90_000), freeAt(0, 90_001), freeAt(90_001, 199_999), freeAt(0, 200_000)]).toEqual([0, 1, 0, 2]);
});

test("one long jump ends where many small steps end, with the same events and entries", () => {
  const falling: PricePath = derivedPath((simMs) => 8_000 - (simMs / HOUR_MS) * 200);
  const book = bookOf({
    cross: crossBook([holding("BTC", { free: 3 }), holding("USDT", { borrowed: 12_000 })]),
    isolated: [pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 5_000 } })],
  });
  const falls = { ...script, path: falling, actions: [action(7_500_001, withdraw("cross", "BTC", 0.4))] };
  const jump = play(book, 0, 30 * HOUR_MS, falls);
  let stepped = book;
  const events = [];
  const postings = [];
  for (let atMs = 0; atMs < 30 * HOUR_MS; atMs += 37_500) {
    const [next, happened, written] = play(stepped, atMs, atMs + 37_500, falls);
    stepped = next;
    events.push(...happened);
    postings.push(...written);
  }
  expect(events.length).toBe(5);
  expect(postings.length).toBe(4); // the margin call, the withdrawal, two liquidations
  expect([stepped, events, postings]).toEqual(jump);
});

// ---------------------------------------------------------------- liquidation

test("a cross account at its bar is taken over, shown, and sold out a minute later", () => {
  const book = bookOf({
    cross: crossBook([
      holding("BTC", { free: 2.2 }),
      holding("USDT", { borrowed: 10_000 }),
      holding("ETH", { free: 0 }),
    ]),
    hourlyInterestRate: 0,
  });
  const [taken, first] = play(book, 0, MINUTE_MS, script);
  expect(taken.cross?.liquidatingSinceMs).toBe(MINUTE_MS);
  expect(taken.cross?.assets).toEqual(book.cross?.assets);
  expect(first.map(({ text }) => text)).toEqual(["cross: the exchange takes over at margin level 1.1000"]);

  const [sold, second] = play(taken, MINUTE_MS, 2 * MINUTE_MS, script);
  // 11,000 of collateral, 10,000 of debt, 200 of fee.
  expect(sold.cross?.assets).toEqual([holding("BTC"), holding("USDT", { free: 800 }), holding("ETH")]);
  expect(sold.cross?.liquidatingSinceMs).toBeUndefined();
  expect(second.map(({ kind, text }) => [kind, text])).toEqual([
    [
      "liquidation",
      "cross: liquidated, collateral of 11,000 USDT sold, debt of 10,000 repaid with a fee of 2 %, 800 left",
    ],
  ]);
  expect(play(sold, 2 * MINUTE_MS, HOUR_MS, script)[1]).toEqual([]);
});

test("a cross account just above its bar is left alone", () => {
  const book = bookOf({ cross: crossBook([holding("BTC", { free: 2.2001 }), holding("USDT", { borrowed: 10_000 })]) });
  expect(play(book, 0, 10 * MINUTE_MS, script)[1]).toEqual([]);
});

test("what a liquidation leaves of a cross account without USDT is USDT", () => {
  const book = bookOf({ cross: crossBook([holding("BTC", { free: 1.1, borrowed: 1 })]), hourlyInterestRate: 0 });
  const [sold] = play(book, 0, 2 * MINUTE_MS, script);
  expect(sold.cross?.assets).toEqual([holding("BTC"), holding("USDT", { free: expect.closeTo(400, 6) })]);
});

test("a liquidated pair keeps what is left in its quote asset, and never less than nothing", () => {
  const pair = (borrowed: number) => pairBook("ETHBTC", { base: { free: 10 }, quote: { borrowed } });
  const [eth, btc] = [steady.priceAt("ETHUSDT", 0) ?? Number.NaN, 5_000];
  const worth = (10 * eth) / btc;
  const borrowed = worth / 1.15;
  const [{ isolated }, events] = play(
    bookOf({ isolated: [pair(borrowed), { ...pair(2 * worth), symbol: "ETHBTC" }], hourlyInterestRate: 0 }),
    0,
    2 * MINUTE_MS,
    script,
  );
  expect(isolated[0]?.base).toEqual(holding("ETH"));
  expect(isolated[0]?.quote).toEqual(holding("BTC", { free: expect.closeTo(worth - borrowed * 1.02, 9) }));
  expect(isolated[1]?.quote).toEqual(holding("BTC"));
  expect(events.map(({ kind }) => kind)).toEqual(["liquidation", "liquidation", "liquidation", "liquidation"]);
});

test("a pair is taken over exactly at its liquidation ratio, and left alone just above", () => {
  const tier = { maxLeverage: 3, initialRatio: 1.5, marginCallRatio: 1.3, liquidationRatio: 1.25 };
  const pair = (borrowed: number) => pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed }, tier });
  const eventsOf = (borrowed: number) => play(bookOf({ isolated: [pair(borrowed)] }), 0, MINUTE_MS, script)[1];
  expect(eventsOf(4_000)).toHaveLength(1);
  expect(eventsOf(3_999.99)).toEqual([]);
});

test("the time that FORCE_LIQUIDATION shows can be set", () => {
  const book = bookOf({ isolated: [pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 4_500 } })] });
  const slow = { ...script, liquidationMs: 10 * MINUTE_MS };
  expect(play(book, 0, 10 * MINUTE_MS, slow)[0].isolated[0]?.liquidatingSinceMs).toBe(MINUTE_MS);
  expect(play(book, 0, 11 * MINUTE_MS, slow)[0].isolated[0]?.quote.borrowed).toBe(0);
});

test("added collateral in time saves a pair", () => {
  const falling = derivedPath((simMs) => (simMs < 10 * MINUTE_MS ? 5_000 : 4_000));
  const book = bookOf({ isolated: [pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 4_000 } })] });
  const saved = { ...script, path: falling, actions: [action(9 * MINUTE_MS, deposit("BTCUSDT", "USDT", 1_000))] };
  const kinds = (used: typeof script) => play(book, 0, HOUR_MS, used)[1].map(({ kind }) => kind);
  expect(kinds(saved)).toEqual(["action"]);
  expect(kinds({ ...script, path: falling })).toEqual(["liquidation", "liquidation"]);
});

// ---------------------------------------------------------------- what a script can do

const start = bookOf({
  cross: crossBook([holding("BTC", { free: 1, locked: 1 }), holding("USDT", { free: 100, borrowed: 50, interest: 5 })]),
  isolated: [pairBook("BTCUSDT", { base: { free: 1 }, quote: { free: 10, borrowed: 20 } }), pairBook("ETHUSDT")],
});
const prices = { usdt: (asset: string) => (asset === "BTC" ? 5_000 : 1), index: () => 5_000 };
const crossAfter = (change: Change) => change(start, prices).cross?.assets;
const pairAfter = (change: Change) => change(start, prices).isolated[0];

test.each([
  { name: "a deposit adds", change: deposit("cross", "BTC", 2), index: 0, to: { free: 3, locked: 1 } },
  { name: "a deposit of a new asset opens its row", change: deposit("cross", "ETH", 2), index: 2, to: { free: 2 } },
  { name: "a withdrawal takes", change: withdraw("cross", "USDT", 40), index: 1, to: { free: 60, borrowed: 50 } },
  {
    name: "a withdrawal takes no more than is free",
    change: withdraw("cross", "BTC", 5),
    index: 0,
    to: { free: 0, locked: 1 },
  },
  {
    name: "borrowing adds to both sides",
    change: borrow("cross", "USDT", 7),
    index: 1,
    to: { free: 107, borrowed: 57 },
  },
  {
    name: "repaying pays interest first",
    change: repay("cross", "USDT", 3),
    index: 1,
    to: { free: 97, interest: 2, borrowed: 50 },
  },
  {
    name: "repaying pays no more than is owed",
    change: repay("cross", "USDT", 99),
    index: 1,
    to: { free: 45, interest: 0, borrowed: 0 },
  },
  { name: "selling takes", change: sell("cross", "BTC", 0.5, "USDT"), index: 0, to: { free: 0.5 } },
  { name: "selling brings the index price", change: sell("cross", "BTC", 0.5, "USDT"), index: 1, to: { free: 2_600 } },
  {
    name: "selling sells no more than is free",
    change: sell("cross", "BTC", 9, "USDT"),
    index: 1,
    to: { free: 5_100 },
  },
])("$name", ({ change, index, to }) => {
  expect(crossAfter(change)?.[index]).toMatchObject(to);
});

test("a pair can be changed, switched off, emptied, removed and opened", () => {
  expect(pairAfter(deposit("BTCUSDT", "USDT", 5))?.quote.free).toBe(15);
  expect(pairAfter(sell("BTCUSDT", "BTC", 1, "USDT"))).toMatchObject({ base: { free: 0 }, quote: { free: 5_010 } });
  expect(pairAfter(setPairEnabled("BTCUSDT", false))?.enabled).toBe(false);
  expect(pairAfter(closePair("BTCUSDT"))).toMatchObject({ base: holding("BTC"), quote: holding("USDT") });
  expect(pairAfter(removePair("BTCUSDT"))?.symbol).toBe("ETHUSDT");
  const opened = openPair(pairBook("BNBUSDT", { base: { free: 1 } }))(start, prices);
  expect(opened.isolated.map(({ symbol }) => symbol)).toEqual(["BTCUSDT", "ETHUSDT", "BNBUSDT"]);
});

test("the exchange can take rights", () => {
  const taken = setRights({ transferOutEnabled: false })(start, prices);
  expect(setRights({ borrowEnabled: false })(taken, prices).cross?.rights).toEqual({
    transferOutEnabled: false,
    borrowEnabled: false,
  });
});

test.each([
  { name: "an unknown pair", change: closePair("BNBUSDT"), book: start, says: "there is no isolated pair BNBUSDT" },
  {
    name: "a leg that is not of the pair",
    change: deposit("BTCUSDT", "ETH", 1),
    book: start,
    says: "the pair BTCUSDT has no ETH",
  },
  {
    name: "a cross account that is not there",
    change: deposit("cross", "BTC", 1),
    book: bookOf(),
    says: "there is no cross account",
  },
  { name: "rights without a cross account", change: setRights({}), book: bookOf(), says: "there is no cross account" },
])("a script that names $name is told so", ({ change, book, says }) => {
  expect(() => change(book, prices)).toThrow(says);
});
