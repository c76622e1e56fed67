import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { balance, cross, FETUSDT } from "../../test/support/answers.ts";
import { isCredible, type Moved, whatMoved } from "./cause.ts";
import {
  addSeen,
  type Between,
  type Book,
  CAUSES,
  type Cause,
  type Change,
  changesBetween,
  crossBook,
  pairBook,
} from "./cause-changes.ts";
import type { FlowRow, TransferRow } from "./history.ts";
import { debtOf, heldOf } from "./observe.ts";
import type { AssetBalance } from "./ports.ts";

function book(balances: readonly AssetBalance[], prices: Readonly<Record<string, number>>): Book {
  return { balances, prices: new Map(Object.entries(prices)) };
}

/** 1.5 BTC at 40,000 against 45,000 USDT: level 1.333. */
const BALANCES = [balance("BTC", { free: 1.5 }), balance("USDT", { borrowed: 45_000 })] as const;
const BTC = BALANCES[0];
const USDT = BALANCES[1];
const PRICES = { BTC: 40_000, USDT: 1 };
const BEFORE = book(BALANCES, PRICES);

function moved(before: Book, after: Book, rows?: Between): Moved {
  const found = whatMoved(before, after, rows);
  if (found.kind !== "moved") throw new Error(`unknown: ${found.why}`);
  return found;
}

/** The causes that have a share at all. */
const named = ({ shares }: Moved): readonly Cause[] => CAUSES.filter((cause) => Math.abs(shares[cause]) > 1e-12);
/** The causes that did anything; a trade at the price of both looks moves no level. */
function causesOf(before: Book, after: Book, rows?: Between): readonly Cause[] {
  const found: readonly Cause[] = changesBetween(before, after, rows).map(({ cause }) => cause);
  return CAUSES.filter((cause) =>
    cause === "price" ? moved(before, after).shares.price !== 0 : found.includes(cause),
  );
}
const sum = ({ shares }: Moved): number => CAUSES.reduce((total, cause) => total + shares[cause], 0);
const levelOf = ({ balances, prices }: Book): number => {
  const worth = (amount: (one: AssetBalance) => number) =>
    balances.reduce((total, one) => total + amount(one) * (prices.get(one.asset) ?? Number.NaN), 0);
  return worth(heldOf) / worth(debtOf);
};

const row = { id: "1", atMs: 1, symbol: undefined } as const;
const flow = (type: string, asset: string, amount: number): FlowRow => ({ ...row, kind: "flow", type, asset, amount });
const transfer = (type: string, asset: string, amount: number, status = "CONFIRMED"): TransferRow => {
  const ends = { from: undefined, to: undefined, fromSymbol: undefined, toSymbol: undefined };
  return { ...row, ...ends, kind: "transfer", type, asset, amount, status };
};

// ---------------------------------------------------------------- which causes

const SOLD = [balance("BTC", { free: 1 }), balance("USDT", { free: 20_000, borrowed: 45_000 })];

test.each([
  { name: "nothing", after: BALANCES, prices: PRICES, causes: [] },
  { name: "a fall of the price", after: BALANCES, prices: { BTC: 37_000, USDT: 1 }, causes: ["price"] },
  {
    name: "cash that was borrowed and kept",
    after: [BTC, balance("USDT", { free: 5_000, borrowed: 50_000 })],
    prices: PRICES,
    causes: ["borrow"],
  },
  {
    name: "interest",
    after: [BTC, balance("USDT", { borrowed: 45_000, interest: 12 })],
    prices: PRICES,
    causes: ["interest"],
  },
  { name: "a sale at the price of both looks", after: SOLD, prices: PRICES, causes: ["trading"] },
  {
    name: "a sale, 2 % lost in fees",
    after: [balance("BTC", { free: 1 }), balance("USDT", { free: 19_600, borrowed: 45_000 })],
    prices: PRICES,
    causes: ["trading"],
  },
  {
    name: "a sale that brought less than fees explain",
    after: [balance("BTC", { free: 1 }), balance("USDT", { free: 19_000, borrowed: 45_000 })],
    prices: PRICES,
    causes: ["transferOrTrading"],
  },
  {
    name: "a sale that brought more than any price of the time",
    after: [balance("BTC", { free: 1 }), balance("USDT", { free: 20_500, borrowed: 45_000 })],
    prices: PRICES,
    causes: ["transferOrTrading"],
  },
  {
    name: "a sale at a price between those of two looks far apart",
    after: [balance("BTC", { free: 1 }), balance("USDT", { free: 18_500, borrowed: 45_000 })],
    prices: { BTC: 36_000, USDT: 1 },
    causes: ["price", "trading"],
  },
  {
    name: "collateral put in",
    after: [balance("BTC", { free: 1.7 }), USDT],
    prices: PRICES,
    causes: ["transferIn"],
  },
  {
    name: "collateral taken out",
    after: [balance("BTC", { free: 1.4 }), USDT],
    prices: PRICES,
    causes: ["transferOut"],
  },
  {
    name: "money put in and repaid with it",
    after: [BTC, balance("USDT", { borrowed: 40_000 })],
    prices: PRICES,
    causes: ["repay", "transferIn"],
  },
  {
    name: "coins sold and repaid with the money",
    after: [balance("BTC", { free: 1 }), balance("USDT", { borrowed: 25_000 })],
    prices: PRICES,
    causes: ["repay", "trading"],
  },
  {
    name: "money borrowed and coins bought with it",
    after: [balance("BTC", { free: 1.75 }), balance("USDT", { borrowed: 55_000 })],
    prices: PRICES,
    causes: ["borrow", "trading"],
  },
  {
    name: "money repaid that was there",
    before: [BTC, balance("USDT", { free: 10_000, borrowed: 45_000, interest: 5 })],
    after: [BTC, balance("USDT", { free: 4_995, borrowed: 40_000 })],
    prices: PRICES,
    causes: ["repay"],
  },
  {
    name: "a transfer beside which dust came in",
    after: [balance("BTC", { free: 1.4 }), balance("USDT", { free: 39, borrowed: 45_000 })],
    prices: PRICES,
    causes: ["transferIn", "transferOut"],
  },
  {
    name: "a transfer beside which more than dust came in",
    after: [balance("BTC", { free: 1.4 }), balance("USDT", { free: 41, borrowed: 45_000 })],
    prices: PRICES,
    causes: ["transferOrTrading"],
  },
  {
    name: "an order that only locks",
    after: [balance("BTC", { free: 0.5, locked: 1 }), USDT],
    prices: PRICES,
    causes: [],
  },
])("of $name it tells: $causes", ({ before = BALANCES, after, prices, causes }) => {
  const found = moved(book(before, PRICES), book(after, prices));
  expect(causesOf(book(before, PRICES), book(after, prices))).toEqual(causes);
  expect(named(found).filter((cause) => !causes.includes(cause))).toEqual([]);
  expect(sum(found)).toBeCloseTo(found.to - found.from, 12);
});

describe("rows of the history", () => {
  const mixed = book([balance("BTC", { free: 1 }), balance("USDT", { free: 26_000, borrowed: 45_000 })], PRICES);

  test("tell a transfer from the trade beside it, which balances alone cannot", () => {
    expect(causesOf(BEFORE, mixed)).toEqual(["transferOrTrading"]);
    expect(causesOf(BEFORE, mixed, { transfer: [transfer("ROLL_IN", "USDT", 6_000)] })).toEqual([
      "transferIn",
      "trading",
    ]);
    const trades = [flow("SELL_EXPENSE", "BTC", 0.5), flow("SELL_INCOME", "USDT", 20_000)];
    expect(causesOf(BEFORE, mixed, { flow: trades })).toEqual(["transferIn", "trading"]);
    const negative = trades.map((one) => ({ ...one, amount: -one.amount })); // the sign is documented nowhere
    expect(causesOf(BEFORE, mixed, { flow: negative })).toEqual(["transferIn", "trading"]);
  });

  test("tell two transfers of equal worth from a trade", () => {
    const swapped = book(SOLD, PRICES);
    expect(causesOf(BEFORE, swapped)).toEqual(["trading"]);
    const transfers = [transfer("ROLL_OUT", "BTC", 0.5), transfer("ROLL_IN", "USDT", 20_000)];
    expect(causesOf(BEFORE, swapped, { transfer: transfers })).toEqual(["transferIn", "transferOut"]);
    const flows = [flow("TRANSFER", "BTC", 0.5), flow("TRANSFER", "USDT", 20_000)];
    expect(causesOf(BEFORE, swapped, { flow: flows })).toEqual(["transferIn", "transferOut"]);
  });

  test("that the balances do not show yet change nothing", () => {
    expect(causesOf(BEFORE, BEFORE, { transfer: [transfer("ROLL_IN", "USDT", 6_000)] })).toEqual([]);
    expect(causesOf(BEFORE, BEFORE, { transfer: [transfer("ROLL_OUT", "USDT", 6_000, "FAILED")] })).toEqual([]);
  });

  test("that failed tell nothing", () => {
    const failed = [transfer("ROLL_IN", "USDT", 6_000, "FAILED")];
    expect(causesOf(BEFORE, mixed, { transfer: failed })).toEqual(["transferOrTrading"]);
  });

  test("of a liquidation stay apart from a transfer of the same asset", () => {
    const flows = [flow("SELL_LIQUIDATION", "USDT", 20_000), flow("TRANSFER", "USDT", 6_000)];
    expect(causesOf(BEFORE, mixed, { flow: flows })).toEqual(["transferOrTrading"]);
  });
});

// ---------------------------------------------------------------- how much

test("the shares of a fall and a loan are those of the integral along the straight path", () => {
  const after = book([BTC, balance("USDT", { free: 9_000, borrowed: 54_000 })], { BTC: 36_000, USDT: 1 });
  const { shares } = moved(BEFORE, after);
  // A 60,000 → 63,000 (price −6,000, borrowed +9,000), L 45,000 → 54,000; the integrals by Simpson's rule.
  const steps = 2_000;
  let [perAsset, perDebt] = [0, 0];
  for (let i = 0; i <= steps; i++) {
    const weight = (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) / (3 * steps);
    const [a, l] = [60_000 + (3_000 * i) / steps, 45_000 + (9_000 * i) / steps];
    perAsset += weight / l;
    perDebt -= (weight * a) / l / l;
  }
  expect(shares.price).toBeCloseTo(-6_000 * perAsset, 12);
  expect(shares.borrow).toBeCloseTo(9_000 * (perAsset + perDebt), 12);
});

test("says which price moved it, largest first", () => {
  const balances = [BTC, balance("ETH", { free: 2 }), USDT];
  const { priceOf } = moved(
    book(balances, { BTC: 40_000, ETH: 2_000, USDT: 1 }),
    book(balances, { BTC: 36_000, ETH: 2_100, USDT: 1 }),
  );
  expect(priceOf.map(({ asset }) => asset)).toEqual(["BTC", "ETH"]);
  expect(priceOf[0]?.changePct).toBeCloseTo(-10);
  expect(priceOf[1]?.share).toBeCloseTo(200 / 45_000);
});

test("a borrowed coin that rises lowers the level", () => {
  const short = [balance("USDT", { free: 60_000 }), balance("BTC", { borrowed: 1 })];
  expect(moved(book(short, PRICES), book(short, { BTC: 44_000, USDT: 1 })).shares.price).toBeCloseTo(60 / 44 - 1.5);
});

const NAMES = ["BTC", "ETH", "USDT", "XRP"] as const;
const amount = fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1_000, noNaN: true }));
const anyBalances = fc
  .tuple(...NAMES.map(() => fc.record({ free: amount, locked: amount, borrowed: amount, interest: amount })))
  .map((rows) => rows.map((one, i) => balance(NAMES[i] ?? "?", one)));
const anyPrices = fc
  .tuple(...NAMES.map(() => fc.double({ min: 0.1, max: 1_000, noNaN: true })))
  .map((prices) => Object.fromEntries(NAMES.map((name, i) => [name, prices[i] ?? 1])));
const anyBook = fc.tuple(anyBalances, anyPrices).map(([balances, prices]) => book(balances, prices));
const anyRows = fc.record({
  flow: fc.option(
    fc.array(
      fc
        .tuple(
          fc.constantFrom("TRANSFER", "BORROW", "BUY_INCOME", "SELL_EXPENSE", "BUY_LIQUIDATION", "NEW"),
          fc.constantFrom(...NAMES),
          amount,
        )
        .map(([type, asset, value]) => flow(type, asset, value)),
      { maxLength: 5 },
    ),
    { nil: undefined },
  ),
  transfer: fc.option(
    fc.array(
      fc
        .tuple(fc.constantFrom("ROLL_IN", "ROLL_OUT", "NEW"), fc.constantFrom(...NAMES), amount)
        .map(([type, asset, value]) => transfer(type, asset, value)),
      { maxLength: 5 },
    ),
    { nil: undefined },
  ),
});

test("the shares add up to the change of the level, whatever happened", () => {
  fc.assert(
    fc.property(anyBook, anyBook, anyRows, (before, after, rows) => {
      const found = whatMoved(before, after, rows);
      if (found.kind === "unknown") {
        expect(found.why).toBe("noDebt");
        return;
      }
      expect(Math.abs(found.from - levelOf(before))).toBeLessThanOrEqual(1e-9 * Math.max(1, found.from));
      expect(Math.abs(found.to - levelOf(after))).toBeLessThanOrEqual(1e-9 * Math.max(1, found.to));
      // A debt that all but vanishes makes shares of thousands that cancel: of their digits so many are left.
      const parts = [...CAUSES.map((cause) => found.shares[cause]), ...found.priceOf.map(({ share }) => share)];
      const size = Math.max(1, found.from, found.to) + parts.reduce((total, share) => total + Math.abs(share), 0);
      expect(Math.abs(sum(found) - (found.to - found.from))).toBeLessThanOrEqual(1e-8 * size);
      const prices = found.priceOf.reduce((total, { share }) => total + share, 0);
      expect(Math.abs(prices - found.shares.price)).toBeLessThanOrEqual(1e-8 * size);
    }),
    { numRuns: 500 },
  );
});

test("changes of amounts add up to the change of what is held and owed, asset by asset", () => {
  fc.assert(
    fc.property(anyBook, anyBook, anyRows, (before, after, rows) => {
      const changes = changesBetween(before, after, rows);
      before.balances.forEach((was, i) => {
        const now = after.balances[i] ?? was;
        const own = changes.filter(({ asset }) => asset === was.asset);
        expect(own.reduce((total, { held }) => total + held, 0)).toBeCloseTo(heldOf(now) - heldOf(was), 8);
        expect(own.reduce((total, { debt }) => total + debt, 0)).toBeCloseTo(debtOf(now) - debtOf(was), 8);
      });
    }),
  );
});

test("when only prices move, price has all of it", () => {
  fc.assert(
    fc.property(anyBalances, anyPrices, anyPrices, (balances, was, now) => {
      const found = whatMoved(book(balances, was), book(balances, now));
      if (found.kind === "unknown") return;
      expect(named(found).filter((cause) => cause !== "price")).toEqual([]);
      expect(Math.abs(found.shares.price - (found.to - found.from))).toBeLessThanOrEqual(
        1e-9 * Math.max(1, found.from, found.to),
      );
    }),
  );
});

test("the order of the assets does not matter, and the way back is the way there with the sign turned", () => {
  fc.assert(
    fc.property(anyBook, anyBook, (before, after) => {
      const found = whatMoved(before, after);
      const turned = (one: Book): Book => ({ ...one, balances: [...one.balances].reverse() });
      const other = whatMoved(turned(before), turned(after));
      const back = whatMoved(after, before);
      if (found.kind === "unknown" || other.kind === "unknown" || back.kind === "unknown") return;
      // Levels of thousands make shares that cancel: of their digits so many are left.
      const size = Math.max(1, found.from, found.to, ...CAUSES.map((cause) => Math.abs(found.shares[cause])));
      for (const cause of CAUSES)
        expect(Math.abs(found.shares[cause] - other.shares[cause])).toBeLessThanOrEqual(1e-8 * size);
      expect(Math.abs(found.shares.price + back.shares.price)).toBeLessThanOrEqual(1e-8 * size);
    }),
  );
});

test("a change of the debt by next to nothing keeps its digits", () => {
  for (const grown of [1e-9, 1e-6, 1e-3, 0.00999, 0.01001, 0.5]) {
    const after = book([BTC, balance("USDT", { borrowed: 45_000, interest: 45_000 * grown })], PRICES);
    const { shares } = moved(BEFORE, after);
    const expected = (60_000 / 45_000) * (1 / (1 + grown) - 1);
    expect(Math.abs(shares.interest / expected - 1)).toBeLessThan(1e-9 + 1e-15 / grown);
  }
});

// ---------------------------------------------------------------- what is not known

test.each([
  { name: "no debt before", before: book([BTC], PRICES), after: BEFORE, why: "noDebt", assets: [] },
  { name: "no debt after", before: BEFORE, after: book([BTC], PRICES), why: "noDebt", assets: [] },
  {
    name: "no price of what is owed",
    before: BEFORE,
    after: book(BALANCES, { BTC: 1 }),
    why: "noPrice",
    assets: ["USDT"],
  },
  {
    name: "no price of all that is held",
    before: BEFORE,
    after: book(BALANCES, { USDT: 1 }),
    why: "noPrice",
    assets: ["BTC"],
  },
  {
    name: "a price of zero",
    before: BEFORE,
    after: book(BALANCES, { BTC: 1, USDT: 0 }),
    why: "noPrice",
    assets: ["USDT"],
  },
])("with $name there are no shares", ({ before, after, why, assets }) => {
  expect(whatMoved(before, after)).toEqual({ kind: "unknown", why, assets });
});

test("an asset that is held and has no price is left out, and named", () => {
  const more = book([...BALANCES, balance("DUST", { free: 3 })], PRICES);
  expect(moved(more, BEFORE)).toMatchObject({ unpriced: ["DUST"], from: 60 / 45, to: 60 / 45 });
  expect(moved(book([...BALANCES, balance("DUST")], PRICES), BEFORE).unpriced).toEqual([]);
});

test("levels of the books that are not those of the exchange are not credible", () => {
  const found = moved(BEFORE, BEFORE);
  expect(isCredible(found, 1.34, 1.33)).toBe(true);
  expect(isCredible(found, 1.36, 1.33)).toBe(false);
  expect(isCredible(found, 1.33, 1.31)).toBe(false);
});

test("books: of a cross account, of a pair, and none of MARGIN_2", () => {
  const prices = new Map([
    ["BTC", 10_000],
    ["USDT", 1],
  ]);
  expect(levelOf(crossBook(cross(1.24), prices) ?? BEFORE)).toBeCloseTo(1.24);
  expect(crossBook(cross(1.24, { accountType: "MARGIN_2" }), prices)).toBeUndefined();
  expect(crossBook(cross(1.24, { assets: undefined }), prices)).toBeUndefined();
  expect(levelOf(pairBook(FETUSDT) ?? BEFORE)).toBeCloseTo(1.3463, 3);
  expect(pairBook({ ...FETUSDT, indexPrice: undefined })).toBeUndefined();
});

// ---------------------------------------------------------------- seen look by look

const TAKEN: Change = { asset: "BTC", cause: "transferOut", held: -0.4, debt: 0 };
const ADDED: Change = { asset: "USDT", cause: "transferIn", held: 15_000, debt: 0 };
const BOTH = book([balance("BTC", { free: 1.1 }), balance("USDT", { free: 15_000, borrowed: 45_000 })], PRICES);

test("what was seen look by look is told apart, where both ends alone say nothing", () => {
  expect(causesOf(BEFORE, BOTH)).toEqual(["transferOrTrading"]);
  expect(causesOf(BEFORE, BOTH, { seen: [TAKEN, ADDED] })).toEqual(["transferIn", "transferOut"]);
  const { shares } = moved(BEFORE, BOTH, { seen: [TAKEN, ADDED] });
  expect(shares.transferIn).toBeCloseTo(15_000 / 45_000, 12);
  expect(shares.transferOut).toBeCloseTo(-16_000 / 45_000, 12);
});

test("what no look saw is told as it was without", () => {
  expect(causesOf(BEFORE, BOTH, { seen: [TAKEN] })).toEqual(["transferIn", "transferOut"]); // one-sided is left
  const rows = [transfer("ROLL_OUT", "BTC", 0.4), transfer("ROLL_IN", "USDT", 15_000)];
  expect(causesOf(BEFORE, BOTH, { seen: [{ ...TAKEN, held: -0.1 }], transfer: rows })).toEqual([
    "transferIn",
    "transferOut",
  ]);
});

test("in and out of one asset stay two deeds, and sums of many looks are one each", () => {
  const back: Change = { ...TAKEN, cause: "transferIn", held: 0.4 };
  expect(addSeen([TAKEN], [back, TAKEN])).toEqual([{ ...TAKEN, held: -0.8 }, back]);
  const open: Change = { ...TAKEN, cause: "transferOrTrading" };
  expect(addSeen([], [open, { ...TAKEN, cause: "borrow" }])).toEqual([]);
});
