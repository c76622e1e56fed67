// A book of positions and its script as a JSON file, for `margind simulate --book FILE`. Every mistake is told at once, by its
// path in the file; the help of the command has an example.
import { z } from "zod";
import {
  borrow,
  type Change,
  closePair,
  deposit,
  removePair,
  repay,
  type ScriptedAction,
  sell,
  setPairEnabled,
  setRights,
  withdraw,
} from "./actions.ts";
import { ASSET_NAMES, splitSymbol } from "./assets.ts";
import { type Book, bookOf, crossBook, holding, type PairBook, pairBook, TIERS } from "./book.ts";
import { parseIsoTimeMs, TIME_EXPECTED } from "./iso-time.ts";

export interface BookFile {
  readonly book: Book;
  /** The script, for the key that holds the book. */
  actionsFor(apiKey: string): readonly ScriptedAction[];
}

/** Throws an Error whose text lists every mistake, one a line. */
export function parseBookFile(text: string): BookFile {
  const parsed = file.safeParse(parseJson(text));
  if (!parsed.success) throw new Error(parsed.error.issues.map(describeIssue).join("\n"));
  const { actions, ...positions } = parsed.data;
  const book = bookOf(positions);
  rehearse(book, actions);
  return { book, actionsFor: (apiKey) => actions.map((action) => ({ apiKey, ...action })) };
}

/** Plays the script without prices: what names a pair or an account that is not there is found now, not in the middle of a run. */
function rehearse(book: Book, actions: readonly Deed[]): void {
  const prices = { usdt: () => 1, index: () => 1 };
  let rehearsed = book;
  for (const { text, change } of actions.toSorted((a, b) => a.atMs - b.atMs)) {
    try {
      rehearsed = change(rehearsed, prices);
    } catch (error) {
      throw new Error(`actions: "${text}": ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const describeIssue = ({ path, message }: z.core.$ZodIssue): string =>
  path.length === 0 ? message : `${path.join(".")}: ${message}`;

// ---------------------------------------------------------------- positions

const asset = z
  .string("expected an asset such as BTC")
  .refine((text) => ASSET_NAMES.includes(text), `is not an asset that the simulator has: ${ASSET_NAMES.join(", ")}`);
const symbol = z
  .string("expected a pair such as BTCUSDT")
  .refine((text) => splitSymbol(text) !== undefined, "is not a pair of assets that the simulator has");

const held = z.number("expected a number").min(0, "must not be negative").default(0);
const amounts = { free: held, locked: held, borrowed: held, interest: held };
const leg = z.strictObject(amounts).prefault({});

const ratio = z.number("expected a number").min(1, "must not be below 1");

const bars = z
  .strictObject({ normalBar: ratio, marginCallBar: ratio, forceLiquidationBar: ratio })
  .refine(
    ({ normalBar, marginCallBar, forceLiquidationBar }) =>
      normalBar > marginCallBar && marginCallBar > forceLiquidationBar,
    "expected normalBar > marginCallBar > forceLiquidationBar",
  );

const cross = z
  .strictObject({
    assets: z.array(z.strictObject({ asset, ...amounts }), "expected a list of assets"),
    bars: bars.optional(),
  })
  .transform(({ assets, bars }) =>
    crossBook(
      assets.map(({ asset, ...rest }) => holding(asset, rest)),
      bars,
    ),
  );

const tier = z
  .enum(["3x", "5x", "10x"], "expected 3x, 5x or 10x, or the four ratios of a tier")
  .transform((name) => TIERS[name])
  .or(
    z.strictObject({
      maxLeverage: ratio,
      initialRatio: ratio,
      marginCallRatio: ratio,
      liquidationRatio: ratio,
    }),
  );

const pair = z
  .strictObject({ symbol, base: leg, quote: leg, tier: tier.prefault("3x"), enabled: z.boolean().default(true) })
  .transform(({ symbol, ...options }): PairBook => pairBook(symbol, options));

// ---------------------------------------------------------------- script

interface Deed {
  readonly atMs: number;
  readonly text: string;
  readonly change: Change;
}

const at = z.string(TIME_EXPECTED).transform((text, context) => {
  const atMs = parseIsoTimeMs(text);
  if (atMs !== undefined) return atMs;
  context.issues.push({ code: "custom", input: text, message: TIME_EXPECTED });
  return z.NEVER;
});

const place = z.literal("cross").or(symbol);
const amount = z.number("expected a number").positive("must be above 0");

const MOVES = { deposit, withdraw, borrow, repay };

const move = z
  .strictObject({ at, do: z.enum(["deposit", "withdraw", "borrow", "repay"]), on: place, asset, amount })
  .transform(({ at, do: name, on, asset, amount }): Deed => {
    return { atMs: at, text: `${on}: ${name} ${amount} ${asset}`, change: MOVES[name](on, asset, amount) };
  });

const sale = z
  .strictObject({ at, do: z.literal("sell"), on: place, asset, amount, into: asset })
  .transform(({ at, on, asset, amount, into }): Deed => {
    return { atMs: at, text: `${on}: sell ${amount} ${asset} for ${into}`, change: sell(on, asset, amount, into) };
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

const file = z.strictObject({
  cross: cross.optional(),
  isolated: z.array(pair, "expected a list of pairs").default([]),
  hourlyInterestRate: z.number("expected a number").min(0, "must not be negative").default(bookOf().hourlyInterestRate),
  actions: z
    .array(z.discriminatedUnion("do", [move, sale, pairDeed, rights]), "expected a list of actions")
    .default([]),
});
