// The script of a book file: what the trader does, and what the exchange does to him and to everybody.
import { z } from "zod";
import {
  borrow,
  type Change,
  closePair,
  deposit,
  move,
  removePair,
  repay,
  repayLoan,
  sell,
  setPairEnabled,
  setRights,
  withdraw,
} from "./actions.ts";
import { amount, asset, at, place, symbol } from "./file-words.ts";
import { WALLETS } from "./journal.ts";
import type { MarketAction } from "./market.ts";

export interface Deed {
  readonly atMs: number;
  readonly text: string;
  readonly change: Change;
}

const MOVES = { deposit, withdraw, borrow, repay };

const moved = z
  .strictObject({ at, do: z.enum(["deposit", "withdraw", "borrow", "repay"]), on: place, asset, amount })
  .transform(({ at, do: name, on, asset, amount }): Deed => {
    return { atMs: at, text: `${on}: ${name} ${amount} ${asset}`, change: MOVES[name](on, asset, amount) };
  });

const sale = z
  .strictObject({ at, do: z.literal("sell"), on: place, asset, amount, into: asset })
  .transform(({ at, on, asset, amount, into }): Deed => {
    return { atMs: at, text: `${on}: sell ${amount} ${asset} for ${into}`, change: sell(on, asset, amount, into) };
  });

/** To a wallet outside margin, or to another margin place of the key. */
const transfer = z
  .strictObject({ at, do: z.literal("transfer"), on: place, asset, amount, to: z.enum(WALLETS).or(place) })
  .refine(({ on, to }) => on !== to, { message: "must be another place than on", path: ["to"] })
  .transform(({ at, on, asset, amount, to }): Deed => {
    const wallet = WALLETS.find((name) => name === to);
    const change = wallet === undefined ? move(on, asset, amount, to) : withdraw(on, asset, amount, wallet);
    return { atMs: at, text: `${on}: transfer ${amount} ${asset} to ${to}`, change };
  });

const loanRepayment = z.strictObject({ at, do: z.literal("repayLoan"), amount }).transform(({ at, amount }): Deed => {
  return { atMs: at, text: `cross: repay ${amount} of the liquidation loan`, change: repayLoan(amount) };
});

const PAIR_DEEDS = {
  close: closePair,
  remove: removePair,
  enable: (symbol: string) => setPairEnabled(symbol, true),
  disable: (symbol: string) => setPairEnabled(symbol, false),
};

const pairDeed = z
  .strictObject({ at, do: z.enum(["close", "remove", "enable", "disable"]), on: symbol })
  .transform(({ at, do: name, on }): Deed => ({ atMs: at, text: `${on}: ${name}`, change: PAIR_DEEDS[name](on) }));

const RIGHTS = ["borrowEnabled", "tradeEnabled", "transferInEnabled", "transferOutEnabled"] as const;

const rights = z
  .strictObject({
    at,
    do: z.literal("rights"),
    set: z.partialRecord(z.enum(RIGHTS), z.boolean("expected true or false")),
  })
  .transform(({ at, set }): Deed => {
    const text = Object.entries(set).map(([name, value]) => `${name} ${value}`);
    return { atMs: at, text: `cross: the exchange sets ${text.join(", ")}`, change: setRights(set) };
  });

// ---------------------------------------------------------------- announcements

const list = <T extends z.ZodType>(of: T) => z.array(of, "expected a list").default([]);
const listed = (names: readonly string[]): string => (names.length === 0 ? "nothing" : names.join(", "));

/** `at` is when everybody can read it, `when` when it happens. */
const delisting = z
  .strictObject({ at, do: z.literal("delist"), when: at, assets: list(asset), symbols: list(symbol) })
  .refine(({ at, when }) => when > at, { message: "must lie after at", path: ["when"] })
  .refine(({ assets, symbols }) => assets.length + symbols.length > 0, "expected assets or symbols to delist")
  .transform(({ at, when, assets, symbols }): MarketAction => {
    const text = `the exchange announces: ${listed([...assets, ...symbols])} will be delisted at ${new Date(when).toISOString()}`;
    return { atMs: at, text, delisting: { atMs: when, assets, symbols } };
  });

/** Stands in the place of earlier restrictions; without lists nothing is restricted any more. */
const restriction = z
  .strictObject({ at, do: z.literal("restrict"), openLong: list(asset), maxCollateral: list(asset) })
  .transform(({ at, openLong, maxCollateral }): MarketAction => {
    const text = `the exchange restricts: ${listed(openLong)} for new longs, ${listed(maxCollateral)} as collateral`;
    return { atMs: at, text, restrictions: { openLong, maxCollateral } };
  });

/** Of the next hour, for everybody and until it is set again; VIP levels do not change it. */
const rate = z
  .strictObject({
    at,
    do: z.literal("setRate"),
    asset,
    hourlyRate: z.number("expected a number").min(0, "must not be negative"),
  })
  .transform(({ at, asset, hourlyRate }): MarketAction => {
    const text = `the exchange sets the hourly interest rate of ${asset} to ${percentOf(hourlyRate)} %`;
    return { atMs: at, text, rate: { asset, hourlyRate } };
  });

/** 0.000009 → "0.0009": never as 9e-4. */
const percentOf = (share: number): string => (100 * share).toFixed(8).replace(/\.?0+$/, "");

/** One entry of the script. */
export const scripted = z.discriminatedUnion("do", [
  moved,
  sale,
  transfer,
  loanRepayment,
  pairDeed,
  rights,
  delisting,
  restriction,
  rate,
]);

export const isDeed = (action: Deed | MarketAction): action is Deed => "change" in action;
export const isAnnouncement = (action: Deed | MarketAction): action is MarketAction => !isDeed(action);
