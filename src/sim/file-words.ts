// Words that both halves of a book file use: assets, pairs, places, times.
import { z } from "zod";
import { ASSET_NAMES, splitSymbol } from "./assets.ts";
import { parseIsoTimeMs, TIME_EXPECTED } from "./iso-time.ts";

export const asset = z
  .string("expected an asset such as BTC")
  .refine((text) => ASSET_NAMES.includes(text), `is not an asset that the simulator has: ${ASSET_NAMES.join(", ")}`);
export const symbol = z
  .string("expected a pair such as BTCUSDT")
  .refine((text) => splitSymbol(text) !== undefined, "is not a pair of assets that the simulator has");

export const at = z.string(TIME_EXPECTED).transform((text, context) => {
  const atMs = parseIsoTimeMs(text);
  if (atMs !== undefined) return atMs;
  context.issues.push({ code: "custom", input: text, message: TIME_EXPECTED });
  return z.NEVER;
});

export const place = z.literal("cross").or(symbol);
export const amount = z.number("expected a number").positive("must be above 0");
