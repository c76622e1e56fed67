// What happened to the amounts of an account between two looks, asset by asset: borrowed, repaid, interest, transferred, traded.
// The one thing to know: balances show the first three for sure; the rest is told apart by rows of the history, else by whether what
// came is worth what went, else not at all.
import { flowDirection } from "./flow-types.ts";
import type { FlowRow, TransferRow } from "./history.ts";
import { debtOf, heldOf, isQuotient } from "./observe.ts";
import type { AssetBalance, CrossAnswer, PairAnswer } from "./ports.ts";

export const CAUSES = [
  "price",
  "borrow",
  "repay",
  "interest",
  "transferIn",
  "transferOut",
  "trading",
  "transferOrTrading",
] as const;
export type Cause = (typeof CAUSES)[number];

/** One look at a cross account or a pair. */
export interface Book {
  readonly balances: readonly AssetBalance[];
  /** Asset → price at that look; any unit, the same in both books (USDT for cross, the quote asset for a pair). */
  readonly prices: ReadonlyMap<string, number>;
}

/** Rows of this subject after the first look and not after the second. A kind that was not read is undefined. */
export interface Between {
  readonly flow?: readonly FlowRow[] | undefined;
  readonly transfer?: readonly TransferRow[] | undefined;
  /** Transfers and trades that were told apart look by look, where each of them stood alone. */
  readonly seen?: readonly Change[] | undefined;
}

/** What one cause did to one asset, in units of the asset. */
export interface Change {
  readonly asset: string;
  readonly cause: Exclude<Cause, "price">;
  readonly held: number;
  readonly debt: number;
}

/** Undefined where the balances are unknown, or the level is not assets over liabilities (MARGIN_2). */
export function crossBook(answer: CrossAnswer, prices: ReadonlyMap<string, number>): Book | undefined {
  if (answer.assets === undefined || !isQuotient(answer)) return undefined;
  return { balances: answer.assets, prices };
}

/** An isolated pair at its own index price, valued in its quote asset. Undefined where a leg or the price is unknown. */
export function pairBook({ base, quote, indexPrice }: PairAnswer): Book | undefined {
  if (base === undefined || quote === undefined || indexPrice === undefined) return undefined;
  return {
    balances: [base, quote],
    prices: new Map([
      [base.asset, indexPrice],
      [quote.asset, 1],
    ]),
  };
}

/** What happened to the amounts, in units of each asset. Without a price of both looks an asset is left out. */
export function changesBetween(before: Book, after: Book, rows: Between = {}): readonly Change[] {
  return changesOf(join(before, after).holdings, rows);
}

// ---------------------------------------------------------------- amounts

export interface Amounts {
  readonly held: number;
  readonly borrowed: number;
  readonly interest: number;
}

export interface Holding {
  readonly asset: string;
  readonly was: Amounts;
  readonly now: Amounts;
  readonly p0: number;
  readonly p1: number;
}

const NONE: Amounts = { held: 0, borrowed: 0, interest: 0 };
/** Units of the asset. */
export const owedBy = ({ borrowed, interest }: Amounts): number => borrowed + interest;

/** The assets of both looks that have a price at both; the others by name. */
export function join(before: Book, after: Book) {
  const [was, now] = [amountsOf(before.balances), amountsOf(after.balances)];
  const holdings: Holding[] = [];
  const unpriced: string[] = [];
  const unpricedDebt: string[] = [];
  for (const asset of new Set([...was.keys(), ...now.keys()])) {
    const pair = { was: was.get(asset) ?? NONE, now: now.get(asset) ?? NONE };
    const [p0, p1] = [priceIn(before, asset), priceIn(after, asset)];
    if (p0 !== undefined && p1 !== undefined) holdings.push({ asset, ...pair, p0, p1 });
    else if (owedBy(pair.was) > 0 || owedBy(pair.now) > 0) unpricedDebt.push(asset);
    else unpriced.push(asset);
  }
  return { holdings, unpriced, unpricedDebt };
}

/** Assets of which there is any, by name. */
function amountsOf(balances: readonly AssetBalance[]): ReadonlyMap<string, Amounts> {
  const amounts = new Map<string, Amounts>();
  for (const balance of balances) {
    const held = heldOf(balance);
    if (held === 0 && debtOf(balance) === 0) continue;
    const { asset, borrowed, interest } = balance;
    const known = amounts.get(asset) ?? NONE;
    amounts.set(asset, {
      held: known.held + held,
      borrowed: known.borrowed + borrowed,
      interest: known.interest + interest,
    });
  }
  return amounts;
}

function priceIn({ prices }: Book, asset: string): number | undefined {
  const price = prices.get(asset);
  return price !== undefined && Number.isFinite(price) && price > 0 ? price : undefined;
}

/**
 * Borrowing is growth of `borrowed`, interest growth of `interest`; a fall of either is a repayment, paid from what is held. What is left
 * of the change of what is held is transfers and trades.
 */
export function changesOf(holdings: readonly Holding[], rows: Between): readonly Change[] {
  const changes: Change[] = [];
  const rests: Rest[] = [];
  for (const holding of holdings) {
    const { asset, was, now } = holding;
    const [borrowed, interest] = [now.borrowed - was.borrowed, now.interest - was.interest];
    const borrow = Math.max(0, borrowed);
    const repay = Math.max(0, -borrowed) + Math.max(0, -interest);
    if (borrow > 0) changes.push({ asset, cause: "borrow", held: borrow, debt: borrow });
    if (repay > 0) changes.push({ asset, cause: "repay", held: -repay, debt: -repay });
    if (interest > 0) changes.push({ asset, cause: "interest", held: 0, debt: interest });
    const rest = now.held - was.held - borrow + repay;
    const seen = (rows.seen ?? []).filter((change) => change.asset === asset && change.held !== 0);
    const left = rest - seen.reduce((sum, { held }) => sum + held, 0);
    const isWhole = Math.abs(left) <= DUST_RATIO * Math.max(was.held, now.held, Math.abs(rest));
    // A look that is missing (a restart, no prices) leaves something over: then the history knows better, where it was read.
    if (seen.length > 0 && (isWhole || !hasRows(rows))) {
      changes.push(...seen);
      rests.push({ holding, transfer: 0, trading: 0, open: isWhole ? 0 : left });
    } else rests.push(restOf(holding, rest, rows));
  }
  return [...changes, ...tellApart(rests)];
}

const hasRows = ({ flow, transfer }: Between): boolean => flow !== undefined || transfer !== undefined;
/** What sums of decimals leave over in binary. */
const DUST_RATIO = 1e-9;

/** Transfers and trades of two times one after the other, by asset and cause. What could not be told apart is left out. */
export function addSeen(before: readonly Change[], more: readonly Change[]): readonly Change[] {
  const sums = new Map<string, Change>();
  for (const change of [...before, ...more]) {
    if (!SEEN.has(change.cause)) continue;
    const key = `${change.asset} ${change.cause}`;
    const known = sums.get(key);
    sums.set(key, known === undefined ? change : { ...change, held: known.held + change.held });
  }
  return [...sums.values()];
}
const SEEN: ReadonlySet<Cause> = new Set<Cause>(["transferIn", "transferOut", "trading"]);

// ---------------------------------------------------------------- transfers and trades

interface Rest {
  readonly holding: Holding;
  /** By rows; units of the asset. */
  readonly transfer: number;
  readonly trading: number;
  /** What no row explains. */
  readonly open: number;
}

function restOf(holding: Holding, rest: number, { flow, transfer: transfers }: Between): Rest {
  const own = flow?.filter(({ asset }) => asset === holding.asset) ?? [];
  const trading = own.filter(({ type }) => isTrade(type)).reduce((sum, row) => sum + signed(row), 0);
  const transfer = transfers?.filter((row) => row.asset === holding.asset).reduce((sum, row) => sum + rolled(row), 0);
  if (transfer !== undefined) return { holding, transfer, trading, open: rest - transfer - trading };
  // A TRANSFER row has no direction of its own, but where every other row has one, what is left is what it moved.
  const isTold = own.some(({ type }) => type === "TRANSFER") && own.every(({ type }) => type in PLAIN || isTrade(type));
  const told = isTold ? rest - trading : 0;
  return { holding, transfer: told, trading, open: rest - trading - told };
}

/** Of no account here: their amounts are in the balances. */
const PLAIN: Readonly<Record<string, true>> = { TRANSFER: true, BORROW: true, REPAY: true };
const isTrade = (type: string): boolean =>
  !(type in PLAIN) && flowDirection(type) !== undefined && !/LIQUID/.test(type);

// The sign of an amount is documented nowhere: the type tells the direction.
const signed = ({ type, amount }: FlowRow): number => (flowDirection(type) === "out" ? -1 : 1) * Math.abs(amount);

function rolled({ type, amount, status }: TransferRow): number {
  if (status !== "CONFIRMED") return 0;
  return type === "ROLL_IN" ? Math.abs(amount) : type === "ROLL_OUT" ? -Math.abs(amount) : 0;
}

function tellApart(rests: readonly Rest[]): readonly Change[] {
  const verdict = verdictOn(rests);
  const changes: Change[] = [];
  for (const { holding, transfer, trading, open } of rests) {
    const { asset } = holding;
    const moved = transfer + (verdict === "transfer" ? open : 0);
    const traded = trading + (verdict === "trading" ? open : 0);
    if (moved !== 0) changes.push({ asset, cause: moved > 0 ? "transferIn" : "transferOut", held: moved, debt: 0 });
    if (traded !== 0) changes.push({ asset, cause: "trading", held: traded, debt: 0 });
    if (verdict === "transferOrTrading" && open !== 0)
      changes.push({ asset, cause: "transferOrTrading", held: open, debt: 0 });
  }
  return changes;
}

/** So much of the larger side is too little to be the other leg of a trade: fees and dust. */
const ONE_SIDED_RATIO = 0.01;
/** What fees may take of a trade, and how far its price may lie outside those of the two looks. Our own choice: ordinary fees are 0.1 %. */
const FEES_RATIO = 0.02;

/**
 * A trade gives as much as it takes, at some price between those of the two looks, less fees: such a rest is a trade. One that goes only
 * one way has no other leg: a transfer. Anything else may be both.
 */
function verdictOn(rests: readonly Rest[]): "transfer" | "trading" | "transferOrTrading" {
  const inward = { low: 0, mean: 0, high: 0 };
  const outward = { low: 0, mean: 0, high: 0 };
  for (const { open, holding } of rests) {
    const side = open > 0 ? inward : outward;
    const amount = Math.abs(open);
    side.low += amount * Math.min(holding.p0, holding.p1);
    side.mean += (amount * (holding.p0 + holding.p1)) / 2;
    side.high += amount * Math.max(holding.p0, holding.p1);
  }
  const [less, more] = [Math.min(inward.mean, outward.mean), Math.max(inward.mean, outward.mean)];
  if (less <= more * ONE_SIDED_RATIO) return "transfer";
  const isEven = inward.low * (1 - FEES_RATIO) <= outward.high && inward.high >= outward.low * (1 - FEES_RATIO);
  return isEven ? "trading" : "transferOrTrading";
}
