// Trades with assets that nobody gives a price for. The one thing to know: of such a trade only the other leg is seen, and alone it looks
// just like a transfer.
import type { Book } from "./cause-changes.ts";
import { heldOf } from "./observe.ts";
import type { AssetBalance } from "./ports.ts";

/** What sums of decimals leave over in binary. */
const DUST_RATIO = 1e-9;

/**
 * Where assets without a price at both looks went, beyond what borrowing and repaying explain: in, out, or both. Empty: nowhere.
 */
export function unpricedWays(before: Book, after: Book): ReadonlySet<"in" | "out"> {
  const [was, now] = [byAsset(before), byAsset(after)];
  const ways = new Set<"in" | "out">();
  for (const asset of new Set([...was.keys(), ...now.keys()])) {
    if (hasPrice(before, asset) && hasPrice(after, asset)) continue;
    const rest = restOf(was.get(asset), now.get(asset));
    if (rest !== 0) ways.add(rest > 0 ? "in" : "out");
  }
  return ways;
}

const byAsset = ({ balances }: Book): ReadonlyMap<string, AssetBalance> =>
  new Map(balances.map((balance) => [balance.asset, balance]));

const hasPrice = ({ prices }: Book, asset: string): boolean => (prices.get(asset) ?? 0) > 0;

/** The change of what is held, less what was borrowed, more what was repaid; units of the asset. */
function restOf(was: AssetBalance | undefined, now: AssetBalance | undefined): number {
  const [before, after] = [was ? heldOf(was) : 0, now ? heldOf(now) : 0];
  const borrowed = (now?.borrowed ?? 0) - (was?.borrowed ?? 0);
  const interestPaid = Math.max(0, (was?.interest ?? 0) - (now?.interest ?? 0));
  const rest = after - before - borrowed + interestPaid;
  return Math.abs(rest) <= DUST_RATIO * Math.max(before, after, Math.abs(borrowed)) ? 0 : rest;
}
