// A book of positions and its script as a JSON file, for `margind simulate --book FILE`. Every mistake is told at once, by its
// path in the file; the help of the command has an example.
import { z } from "zod";
import { inTurn, removePair, type ScriptedAction } from "./actions.ts";
import { type Book, bookOf, crossBook, holding, type PairBook, pairBook, TIERS } from "./book.ts";
import { type Deed, isAnnouncement, isDeed, scripted } from "./deeds.ts";
import { asset, symbol } from "./file-words.ts";
import { delistingsOf, type MarketAction } from "./market.ts";

export interface BookFile {
  readonly book: Book;
  /** The script, for the key that holds the book. */
  actionsFor(apiKey: string): readonly ScriptedAction[];
  /** What it lets the exchange announce. */
  readonly market: readonly MarketAction[];
}

/** Throws an Error whose text lists every mistake, one a line. */
export function parseBookFile(text: string): BookFile {
  const parsed = file.safeParse(parseJson(text));
  if (!parsed.success) throw new Error(parsed.error.issues.map(describeIssue).join("\n"));
  const { actions, ...positions } = parsed.data;
  const book = bookOf(positions);
  const deeds = actions.filter(isDeed);
  const market = actions.filter(isAnnouncement);
  rehearse(book, [...deeds, ...delistingsOf(market).map(removal)]);
  return { book, actionsFor: (apiKey) => deeds.map((deed) => ({ apiKey, ...deed })), market };
}

/** What a delisting means for the script: its pairs are gone. After what is done at the same moment. */
const removal = ({ atMs, symbols }: { readonly atMs: number; readonly symbols: readonly string[] }): Deed => ({
  atMs,
  text: "delisting",
  change: inTurn(...symbols.map(removePair)),
});

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

// ---------------------------------------------------------------- the file

const file = z.strictObject({
  cross: cross.optional(),
  isolated: z.array(pair, "expected a list of pairs").default([]),
  hourlyInterestRate: z.number("expected a number").min(0, "must not be negative").default(bookOf().hourlyInterestRate),
  actions: z.array(scripted, "expected a list of actions").default([]),
});
