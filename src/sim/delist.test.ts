import { expect, test } from "vitest";
import type { Delisting } from "../core/market.ts";
import { type Book, bookOf, crossBook, holding, pairBook } from "./book.ts";
import { flow } from "./journal.ts";
import { play } from "./play.ts";
import { derivedPath } from "./price-path.ts";

const AT_MS = 90_001;
const path = derivedPath(() => 5_000);

function afterDelisting(book: Book, delisting: Partial<Delisting>, toMs = AT_MS) {
  const delistings = [{ atMs: AT_MS, assets: [], symbols: [], ...delisting }];
  const script = { path, actions: [], liquidationMs: 60_000, delistings };
  const [after, events, postings] = play({ ...book, hourlyInterestRate: 0 }, 0, toMs, script);
  return {
    after,
    texts: events.map(({ kind, text }) => [kind, text]),
    entries: postings.map(({ entries }) => entries),
  };
}

const cross = (...assets: Parameters<typeof crossBook>[0]) => bookOf({ cross: crossBook(assets) });

test("an asset that is held is sold for USDT", () => {
  const { after, texts, entries } = afterDelisting(
    cross(holding("BTC", { free: 1, locked: 1 }), holding("USDT", { free: 5, borrowed: 100 })),
    { assets: ["BTC"] },
  );
  expect(after.cross?.assets).toEqual([holding("USDT", { free: 10_005, borrowed: 100 })]);
  expect(entries).toEqual([[flow("cross", "SELL_LIQUIDATION", "BTC", 2)]]);
  expect(texts).toEqual([["delisting", "cross: BTC is delisted, the exchange closes it"]]);
});

test.each([
  { name: "bought with USDT", free: 12_000, to: { free: 2_000, borrowed: 0 } },
  { name: "bought with USDT that is borrowed where it does not suffice", free: 9_999, to: { free: 0, borrowed: 1 } },
])("an asset that is owed is $name", ({ free, to }) => {
  const { after, entries } = afterDelisting(
    cross(holding("USDT", { free }), holding("BTC", { borrowed: 1.5, interest: 0.5 }), holding("ETH", { free: 900 })),
    { assets: ["BTC"] },
  );
  expect(after.cross?.assets).toEqual([holding("ETH", { free: 900 }), holding("USDT", to)]);
  expect(entries).toEqual([[flow("cross", "BUY_LIQUIDATION", "BTC", 2), flow("cross", "REPAY_LIQUIDATION", "BTC", 2)]]);
});

test("a pair is closed, what is left goes to spot, and the pair is gone", () => {
  const pair = pairBook("BTCUSDT", { base: { free: 1 }, quote: { borrowed: 2_000 } });
  const { after, entries, texts } = afterDelisting(bookOf({ isolated: [pair, pairBook("ETHUSDT")] }), {
    symbols: ["BTCUSDT"],
  });
  expect(after.isolated).toEqual([pairBook("ETHUSDT")]);
  expect(entries).toEqual([
    [flow("BTCUSDT", "SELL_LIQUIDATION", "BTC", 1), flow("BTCUSDT", "REPAY_LIQUIDATION", "USDT", 2_000)],
    [
      { kind: "transfer", place: "BTCUSDT", type: "ROLL_OUT", asset: "USDT", amount: 3_000, other: "SPOT" },
      flow("BTCUSDT", "TRANSFER", "USDT", 3_000),
    ],
  ]);
  expect(texts).toEqual([["delisting", "isolated BTCUSDT: the pair is delisted, the exchange closes it"]]);
});

test("nothing happens a moment before, and nothing to who does not have it", () => {
  const book = cross(holding("BTC", { free: 1 }), holding("ETH"));
  expect(afterDelisting(book, { assets: ["BTC"] }, AT_MS - 1).texts).toEqual([]);
  const { after, texts } = afterDelisting(book, { assets: ["ETH", "SOL"], symbols: ["BTCUSDT"] });
  expect([after.cross?.assets, texts]).toEqual([book.cross?.assets, []]);
  expect(afterDelisting(bookOf(), { assets: ["BTC"] }).texts).toEqual([]);
});
