// An answer of the exchange becomes observations: one per subject, with derived fields and a class. Only class OK may lower
// or resolve an alert. The one thing to know: debt is judged by borrowed + interest, never by the margin level, because an
// empty account answers 0.00000000 in the documents and 999 live, and neither is danger.
import type { Fall } from "./drops.ts";
import type { AssetBalance, Bars, CrossAnswer, IsolatedAnswer, PairAnswer, PairLeg, Source, Subject } from "./ports.ts";
import { FIELDS, type FieldInfo, type FieldName, type LevelStatus } from "./rules/fields.ts";

export type Values = Readonly<Partial<Record<FieldName, number | string | boolean>>>;

/** The fields of one subject at one moment. */
export interface Observation {
  readonly account: string;
  readonly subject: Subject;
  readonly atMs: number;
  readonly class: "OK" | "INVALID" | "MISSING";
  readonly hasDebt: boolean;
  /** Empty unless the class is OK. */
  readonly values: Values;
  /** How far fields fell lately, by the id of the rule that asks; added by who remembers, see src/memory.ts. */
  readonly falls?: ReadonlyMap<string, Fall>;
  /** Where the values come from, for amounts in messages; undefined for MISSING. */
  readonly source: CrossAnswer | PairAnswer | undefined;
  /** Why it is INVALID, or what is odd about a subject that the config names; else undefined. */
  readonly problem: Problem | undefined;
}

export type Problem =
  | { readonly kind: "field"; readonly field: string; readonly text: string }
  | { readonly kind: "not_opened" } // cross: true, but the key has no cross account
  | { readonly kind: "not_created" }; // a symbol named in the config that was never opened as an isolated pair

export interface Context {
  readonly account: string;
  readonly atMs: number;
  readonly bars: Bars;
  /** Fields that some rule of this account watches, by kind of subject. */
  readonly used: { readonly cross: ReadonlySet<FieldName>; readonly isolated: ReadonlySet<FieldName> };
  /** Subjects that had debt when they were last seen: absent from a valid answer, they are MISSING. */
  readonly indebted: ReadonlySet<Subject>;
}

export function observeCross(answer: CrossAnswer, context: Context): Observation {
  if (!answer.opened) {
    const isGone = context.indebted.has("cross");
    return isGone ? missing("cross", context) : quiet("cross", context, { kind: "not_opened" });
  }
  const { assets } = answer;
  if (assets === undefined) return invalid("cross", context, answer, "userAssets");
  if (isDebtUnknown(answer, assets)) return invalid("cross", context, answer, "totalLiabilityOfBtc");
  const hasDebt = assets.some(owes) || (answer.totalLiabilityOfBtc ?? 0) > 0;
  const used = isQuotient(answer) ? context.used.cross : withoutQuotient(context.used.cross);
  return classify("cross", context, answer, hasDebt, used, crossValues(answer, hasDebt, context.bars));
}

const withoutQuotient = (fields: ReadonlySet<FieldName>): ReadonlySet<FieldName> =>
  new Set([...fields].filter((field) => !needsQuotient(field)));

// "No debt" resolves alerts, so it needs evidence: a list without one row, or a total that cannot be read, is none.
function isDebtUnknown({ totalLiabilityOfBtc, problems }: CrossAnswer, assets: readonly AssetBalance[]): boolean {
  if (totalLiabilityOfBtc !== undefined || assets.some(owes)) return false;
  return assets.length === 0 || problems.some((problem) => problem.includes("totalLiabilityOfBtc"));
}

export function observeIsolated(answer: IsolatedAnswer, context: Context): readonly Observation[] {
  const observations = answer.pairs.map((pair) => observePair(pair, answer.asked, context));
  const present = new Set([...answer.pairs.map((pair) => pair.symbol), ...(answer.unread?.symbols ?? [])]);
  for (const subject of context.indebted) {
    if (isAsked(subject, answer.asked) && !present.has(symbolOf(subject))) observations.push(missing(subject, context));
  }
  if (answer.asked === "all") return observations;
  for (const symbol of answer.asked) {
    const subject: Subject = `isolated ${symbol}`;
    if (present.has(symbol) || context.indebted.has(subject)) continue;
    observations.push(quiet(subject, context, { kind: "not_created" }));
  }
  return observations;
}

/** Could an answer to this question hold the subject? A pair that the config no longer names is not missing when it is absent. */
export function isAsked(subject: Subject, asked: IsolatedAnswer["asked"]): boolean {
  return subject.startsWith("isolated ") && (asked === "all" || asked.includes(symbolOf(subject)));
}

/** The read that shows a subject. */
export const sourceOf = (subject: Subject): Source => (subject === "cross" ? "cross" : "isolated");

/** The pair of a subject that has one (an isolated pair, its flows and transfers), else "". */
export function symbolOf(subject: Subject): string {
  const [kind, symbol = ""] = subject.split(" ");
  return kind === "isolated" || kind === "flow" || kind === "transfer" ? symbol : "";
}

/** Source: tradeCoeff and FAQ 360030493931: called at or below marginCallBar, liquidated at or below forceLiquidationBar. */
export function crossStatus(level: number, bars: Bars): LevelStatus {
  if (level <= bars.forceLiquidationBar) return "FORCE_LIQUIDATION";
  if (level <= bars.marginCallBar) return "MARGIN_CALL";
  return level <= bars.normalBar ? "NORMAL" : "EXCESSIVE";
}

/**
 * Fall of all collateral together to the liquidation bar, percent: 100·(1 − bar/level), for level = assets / liabilities.
 * Negative when the bar is passed, at least −100.
 */
export function crossDistancePct(level: number, forceLiquidationBar: number): number {
  return level > 0 ? Math.max(-100, 100 * (1 - forceLiquidationBar / level)) : -100;
}

/**
 * Way of the index price to the liquidation price, percent: 100·|index − liquidatePrice| / index; 0 when it is passed already.
 * A long pair is liquidated by a fall, a short one by a rise. A liquidation price of 0 means that no fall to any positive price
 * liquidates.
 */
export function pairDistancePct(indexPrice: number, liquidatePrice: number, long: boolean): number {
  if (liquidatePrice === 0) return 100;
  const awayPct = (100 * (indexPrice - liquidatePrice)) / indexPrice;
  return Math.max(0, long ? awayPct : -awayPct);
}

/** Borrowed and interest together, in units of the asset. */
export const debtOf = (balance: AssetBalance): number => balance.borrowed + balance.interest;

/** All that is held, in units of the asset. */
export const heldOf = (balance: AssetBalance): number => balance.free + balance.locked;

/**
 * Does a fall of the price lower the level? With base held b and owed bd, quote held q and owed qd, the level at a price P is
 * (b·P + q)/(bd·P + qd), which rises with P where b·qd > q·bd. More base held than owed is not enough: who shorted, bought a
 * little more back and did not repay yet is still liquidated by a rise.
 */
export const isLong = (base: PairLeg, quote: PairLeg): boolean =>
  heldOf(base) * debtOf(quote) >= heldOf(quote) * debtOf(base);

/** Is the level of this account assets over liabilities? Not for MARGIN_2; of a type that nobody knows it cannot be said. */
export const isQuotient = ({ accountType }: Pick<CrossAnswer, "accountType">): boolean =>
  accountType === undefined || accountType === "MARGIN_1";

/** Fields of the cross account that need its level to be assets over liabilities: another account does not have them. */
export const needsQuotient = (field: FieldName): boolean =>
  field === "liquidationDistancePct" || field === "minutesToLiquidation";

/** Owes anything at all. */
export const owes = (balance: AssetBalance): boolean => balance.borrowed > 0 || balance.interest > 0;

function observePair(pair: PairAnswer, asked: IsolatedAnswer["asked"], context: Context): Observation {
  const subject: Subject = `isolated ${pair.symbol}`;
  const { base, quote } = pair;
  if (base === undefined || quote === undefined) return invalid(subject, context, pair, "baseAsset and quoteAsset");
  const hasDebt = owes(base) || owes(quote);
  // A placeholder row of a pair that was never opened lacks fields by nature. Without debt it is quiet, not INVALID; but where
  // there was debt before, a pair that was "never opened" is as gone as one that is absent.
  if (pair.isolatedCreated === false && !hasDebt) {
    if (context.indebted.has(subject)) return missing(subject, context);
    return quiet(subject, context, asked === "all" ? undefined : { kind: "not_created" });
  }
  const values = pairValues(pair, isLong(base, quote), hasDebt);
  return classify(subject, context, pair, hasDebt, context.used.isolated, values);
}

function crossValues(answer: CrossAnswer, hasDebt: boolean, bars: Bars): Values {
  const { marginLevel: level } = answer;
  return {
    ...defined("marginLevel", level),
    ...defined("collateralMarginLevel", answer.collateralMarginLevel),
    ...defined(
      "marginLevelStatus",
      !hasDebt ? "EXCESSIVE" : level === undefined ? undefined : crossStatus(level, bars),
    ),
    ...defined(
      "liquidationDistancePct",
      hasDebt && level !== undefined && isQuotient(answer)
        ? crossDistancePct(level, bars.forceLiquidationBar)
        : undefined,
    ),
    ...defined("transferOutEnabled", answer.transferOutEnabled),
    ...defined("transferInEnabled", answer.transferInEnabled),
    ...defined("borrowEnabled", answer.borrowEnabled),
    ...defined("tradeEnabled", answer.tradeEnabled),
    ...defined("accountType", answer.accountType),
    ...defined("totalAssetOfBtc", answer.totalAssetOfBtc),
    ...defined("totalLiabilityOfBtc", answer.totalLiabilityOfBtc),
    ...defined("totalNetAssetOfBtc", answer.totalNetAssetOfBtc),
  };
}

// Hot path (hundreds of pairs a poll): one mutable record, filled field by field, instead of spreads.
function pairValues(pair: PairAnswer, long: boolean, hasDebt: boolean): Values {
  const values: Partial<Record<FieldName, number | string | boolean>> = {};
  const { indexPrice, liquidatePrice } = pair;
  if (pair.marginLevel !== undefined) values.marginLevel = pair.marginLevel;
  if (pair.marginLevelStatus !== undefined) values.marginLevelStatus = pair.marginLevelStatus;
  if (pair.tradeEnabled !== undefined) values.tradeEnabled = pair.tradeEnabled;
  if (pair.enabled !== undefined) values.enabled = pair.enabled;
  if (indexPrice !== undefined) values.indexPrice = indexPrice;
  if (liquidatePrice !== undefined) values.liquidatePrice = liquidatePrice;
  if (hasDebt && indexPrice !== undefined && indexPrice > 0 && liquidatePrice !== undefined) {
    const distancePct = pairDistancePct(indexPrice, liquidatePrice, long);
    if (Number.isFinite(distancePct)) values.liquidationDistancePct = distancePct;
  }
  return values;
}

function classify(
  subject: Subject,
  context: Context,
  source: CrossAnswer | PairAnswer,
  hasDebt: boolean,
  used: ReadonlySet<FieldName>,
  values: Values,
): Observation {
  for (const field of used) {
    if (values[field] === undefined && (hasDebt || !dependsOnDebt(field)) && !isOfTime(field))
      return invalid(subject, context, source, field);
  }
  const { account, atMs } = context;
  return { account, subject, atMs, class: "OK", hasDebt, values, source, problem: undefined };
}

/** Nobody needs this field of a subject that owes nothing. */
export function dependsOnDebt(field: FieldName): boolean {
  const info: FieldInfo = FIELDS[field];
  return info.needsDebt === true || info.type === "status";
}

/** Comes later, from more than one answer: see FieldInfo. */
export function isOfTime(field: FieldName): boolean {
  const info: FieldInfo = FIELDS[field];
  return info.isOfTime === true;
}

function invalid(subject: Subject, context: Context, source: CrossAnswer | PairAnswer, field: string): Observation {
  const text = explain(field, source.problems);
  const problem: Problem = { kind: "field", field, text };
  const { account, atMs } = context;
  return { account, subject, atMs, class: "INVALID", hasDebt: false, values: {}, source, problem };
}

// A derived field fails through the fields that it is made of.
function explain(field: string, problems: readonly string[]): string {
  const parts = field === "liquidationDistancePct" ? ["marginLevel", "indexPrice", "liquidatePrice"] : [field];
  const named = problems.find((problem) => parts.some((part) => problem.includes(part)));
  return named ?? problems[0] ?? `${field} is missing`;
}

function missing(subject: Subject, { account, atMs }: Context): Observation {
  return { account, subject, atMs, class: "MISSING", hasDebt: true, values: {}, source: undefined, problem: undefined };
}

/** A subject without a position: valid, nothing to breach. */
function quiet(subject: Subject, { account, atMs }: Context, problem: Problem | undefined): Observation {
  return { account, subject, atMs, class: "OK", hasDebt: false, values: {}, source: undefined, problem };
}

function defined<K extends FieldName>(key: K, value: number | string | boolean | undefined): Values {
  return value === undefined ? {} : { [key]: value };
}
