// Shapes that more than one part of the schema uses: names of pairs and assets, and lists of them.
// The texts must not repeat the value that they refuse: it may be a secret.
import { z } from "zod";
import { flag } from "../lib/zod.ts";

export const symbol = z
  .string()
  .regex(/^[A-Z0-9]{2,20}$/, "expected a symbol such as BTCUSDT: 2 to 20 capital letters and digits");

/** Letters without case too: there are assets with Chinese names. */
export const asset = z
  .string()
  .regex(
    /^[\p{Lu}\p{Lo}\p{N}]{1,30}$/u,
    "expected an asset such as USDT: 1 to 30 capital letters and digits; leave the key out for every asset",
  );

export const symbolList = z
  .array(symbol)
  .min(1, "the list is empty, expected at least one symbol")
  .superRefine((symbols, context) => {
    for (const [index, each] of symbols.entries()) {
      if (symbols.indexOf(each) < index) context.addIssue({ code: "custom", path: [index], message: "listed twice" });
    }
  });

/** Which isolated pairs to look at. */
export const pairs = z.union(
  [z.enum(["all", "none"]), symbolList],
  "expected all, none or a list of symbols such as [BTCUSDT, ETHUSDT]",
);

/** One value or a list of them; inside the program always a list. */
export function oneOrMore<T extends z.core.SomeType>(value: T) {
  return z.union([z.array(value).min(1, "the list is empty"), value]).transform((found) => [found].flat());
}

/** A block of keys, or false to turn it off; true: as it is without the key. */
export const orOff = <T extends z.ZodType>(block: T, example = "{ poll: … }") =>
  z.union([flag(), block], `expected false, or a block of keys such as ${example}`).nullish();
