// What the exchange answers, as text: documented bodies of what is true, and the same bodies spoilt in the ways that the reference
// names. Whoever spoils says which subjects cannot be read any more; nobody else decides that.
import type { Seen } from "./history.ts";
import type { Random } from "./random.ts";
import { HOUR } from "./time.ts";
import { mayTransferOut, type Position, statusAt, type Truth } from "./truth.ts";

/** A body that may be changed before it is sent. */
export type Body = Record<string, unknown>;

export interface Answer {
  readonly body: unknown;
  readonly seen: readonly Seen[];
}

/** What the exchange has switched off. */
export type Off = ReadonlySet<string>;

const amount = (value: number): string => value.toFixed(8);
const asset = (name: string, free: number, borrowed: number): Body => ({
  asset: name,
  borrowed: amount(borrowed),
  free: amount(free),
  interest: amount(0),
  locked: amount(0),
  netAsset: amount(free - borrowed),
});

const OWED_BTC = 4.5;
const PRICE = 10_000;

export function crossBody({ isPresent, hasDebt, value }: Position, off: Off): Body {
  if (!isPresent) return { created: false, userAssets: [] };
  const owed = hasDebt ? OWED_BTC : 0;
  const held = hasDebt ? OWED_BTC * value : 1;
  return {
    created: true,
    borrowEnabled: !off.has("borrowEnabled"),
    marginLevel: hasDebt ? amount(value) : "999",
    collateralMarginLevel: hasDebt ? amount(value) : "999",
    totalAssetOfBtc: amount(held),
    totalLiabilityOfBtc: amount(owed),
    totalNetAssetOfBtc: amount(held - owed),
    tradeEnabled: !off.has("tradeEnabled"),
    transferInEnabled: !off.has("transferInEnabled"),
    transferOutEnabled: !hasDebt || mayTransferOut(value),
    accountType: "MARGIN_1",
    userAssets: [asset("BTC", held, 0), asset("USDT", 0, owed * PRICE)],
  };
}

const LIQUIDATION_PRICE = 8_000;
const LIQUIDATION_LEVEL = 1.05;
const indexOf = ({ value }: Position): number => LIQUIDATION_PRICE / (1 - value / 100);

export function pairBody(symbol: string, position: Position, off: Off): Body {
  const { hasDebt, value } = position;
  const index = indexOf(position);
  const borrowed = LIQUIDATION_PRICE / LIQUIDATION_LEVEL;
  const base = symbol.replace(/USDT$/, "");
  return {
    baseAsset: { ...asset(base, hasDebt ? 1 : 0, 0), totalAsset: amount(hasDebt ? 1 : 0) },
    quoteAsset: { ...asset("USDT", 0, hasDebt ? borrowed : 0), totalAsset: amount(0) },
    symbol,
    isolatedCreated: true,
    enabled: !off.has("enabled"),
    marginLevel: hasDebt ? amount(index / borrowed) : "999",
    marginLevelStatus: hasDebt ? statusAt(value) : "EXCESSIVE",
    marginRatio: "10.00000000",
    indexPrice: amount(index),
    liquidatePrice: hasDebt ? amount(LIQUIDATION_PRICE) : amount(0),
    liquidateRate: amount(-value),
    tradeEnabled: !off.has("tradeEnabled"),
  };
}

/** What a right answer says of one subject. */
export function seenOf(subject: string, { isPresent, hasDebt, value }: Position, off: Off): Seen {
  const isCross = subject === "cross";
  const status = isCross ? "" : statusAt(value);
  const names = isCross ? ["tradeEnabled", "borrowEnabled", "transferInEnabled"] : ["enabled", "tradeEnabled"];
  const flags = {
    ...Object.fromEntries(names.map((name) => [name, !off.has(name)])),
    ...(isCross && { transferOutEnabled: !hasDebt || mayTransferOut(value) }),
  };
  return { subject, isValid: true, isPresent, hasDebt: isPresent && hasDebt, value, status, flags };
}

/** What the cross account owes, if it owes. */
export const OWED_ASSET = "USDT";
/** Is anything of this asset held in the cross account? */
export const isSubjectHeld = (name: string, { isPresent }: Seen): boolean => isPresent && name === "BTC";

// ---------------------------------------------------------------- what is read beside the account

/**
 * Last prices: of BTC what the cross books are weighed by, of the others the index of one account's pair. Where an account has another
 * index, an estimate from these is as wrong as one from a market that is dislocated.
 */
export function priceBodies(account: string, truth: Truth, atMs: number): Body[] {
  const ofPair = (symbol: string) => ({ symbol, price: amount(indexOf(truth.at(`${account} ${symbol}`, atMs))) });
  return [{ symbol: "BTCUSDT", price: amount(PRICE) }, ...["ETHUSDT", "SOLUSDT"].map(ofPair)];
}

const USUAL_RATE = 0.000009;
/** Every few days a rate is many times what it was, for hours. */
const SPIKE = { everyHours: 60, lastsHours: 7, times: 8 };

/** The same for every account. Nothing is unusual in the calm. */
export function rateBodies(assets: readonly string[], atMs: number, calmMs: number): Body[] {
  return assets.map((name) => {
    const rate = isSpike(name, atMs, calmMs) ? SPIKE.times * USUAL_RATE : USUAL_RATE;
    return { asset: name, nextHourlyInterestRate: amount(rate) };
  });
}

export function isSpike(asset: string, atMs: number, calmMs: number): boolean {
  const hour = Math.floor(atMs / HOUR) + 11 * asset.charCodeAt(0);
  return atMs < calmMs && hour % SPIKE.everyHours < SPIKE.lastsHours;
}

/** Without these a row of a history or of the schedule says nothing. */
const VITAL: readonly string[] = ["id", "txId", "orderId", "timestamp", "updatedTime", "delistTime"];

/** Makes an answer of a history or of the market unusable, if it has anything in it that could be. Yields whether it did. */
export function spoilPage(
  body: unknown,
  random: Random,
  vital = VITAL,
): { readonly body: unknown; readonly isSpoilt: boolean } {
  const rows = bodiesIn(Array.isArray(body) || !isBody(body) ? body : body["rows"]);
  const [first, ...others] = rows;
  if (first === undefined || random.chance(0.3))
    return { body: random.pick<unknown>([{}, { rows: null }, "none"]), isSpoilt: true };
  const row = random.pick([first, ...others]);
  const found = vital.filter((name) => name in row);
  const [name = "symbol", ...more] = found;
  spoil(row, random.pick([name, ...more]), random);
  return { body, isSpoilt: true };
}

// ---------------------------------------------------------------- spoiling

const MALFORMED: readonly [unknown, ...unknown[]] = [
  "NaN",
  "Infinity",
  "",
  null,
  "1e400",
  "1,25",
  "1.2x",
  [],
  1.25,
  "-",
  true,
  { value: "1.25" },
];

/** Missing, renamed or malformed. */
function spoil(target: Body, name: string, random: Random): void {
  const value = target[name];
  const how = random.pick(["missing", "renamed", "malformed", "malformed"]);
  if (how === "malformed") target[name] = random.pick(MALFORMED);
  else delete target[name];
  if (how === "renamed") target[`${name}V2`] = value;
}

const bodiesIn = (value: unknown): Body[] => (Array.isArray(value) ? value.filter(isBody) : []);
export const isBody = (value: unknown): value is Body =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One field cannot be read. The level may be missing where nothing is owed or no rule looks at it: then nothing is spoilt. */
export function spoilCross(body: Body, seen: Seen, isLevelUsed: boolean, random: Random): Seen {
  if (!seen.isPresent) return seen;
  const where = random.pick(["level", "level", "assets", "amount", "unused"]);
  if (where === "unused") {
    body["somethingNew"] = { deep: [1, 2, 3] };
    spoil(body, "totalNetAssetOfBtc", random);
    return seen;
  }
  if (where === "level") {
    spoil(body, "marginLevel", random);
    return { ...seen, isValid: !seen.hasDebt || !isLevelUsed };
  }
  if (where === "assets") delete body["userAssets"];
  const [row] = bodiesIn(body["userAssets"]);
  if (where === "amount" && row !== undefined)
    spoil(row, random.pick(["borrowed", "interest", "free", "locked"]), random);
  return { ...seen, isValid: false };
}

export function spoilPair(body: Body, seen: Seen, random: Random): Seen {
  const where = random.pick(["price", "price", "leg", "amount", "unused"]);
  if (where === "unused") {
    body["somethingNew"] = "new";
    spoil(body, "marginRatio", random);
    return seen;
  }
  if (where === "price") {
    spoil(body, random.pick(["indexPrice", "liquidatePrice"]), random);
    return { ...seen, isValid: !seen.hasDebt };
  }
  if (where === "leg") delete body[random.pick(["baseAsset", "quoteAsset"])];
  const leg = body[random.pick(["baseAsset", "quoteAsset"])];
  if (where === "amount" && isBody(leg)) spoil(leg, random.pick(["borrowed", "interest", "free", "locked"]), random);
  return { ...seen, isValid: false };
}
