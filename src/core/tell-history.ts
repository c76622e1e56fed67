// What is said of history rows, and of loans that a liquidation left. Amounts with every digit that the exchange has: people compare
// them with what the app shows.
import { isFlowType } from "./flow-types.ts";
import * as format from "./format.ts";
import type { FlowRow, HistoryRow, LiquidationRow, TransferRow } from "./history.ts";
import { symbolOf } from "./observe.ts";
import type { FactsOf, Situation } from "./situation.ts";
import { otherEnd, transferDirection } from "./tripwire.ts";
import { isOwnEvent } from "./words/events.ts";
import { HISTORY_WORDS, type HistoryWords, isPlace } from "./words/history.ts";

type Told = FactsOf<"history" | "loan">;

/** What everything here is told with. */
interface Teller {
  readonly words: HistoryWords;
  readonly nowMs: number;
  readonly locale: format.Locale;
}

const tellerOf = (nowMs: number, locale: format.Locale): Teller => ({
  words: HISTORY_WORDS[locale.language],
  nowMs,
  locale,
});

/** Told in full; the rest by their number and sums. */
const ROWS_MAX = 5;
/** Sums of so many assets, names of so many types and places. */
const NAMES_MAX = 4;
/** What is not older goes on, for all that anybody knows. */
const GOES_ON_MS = 15 * 60_000;

/** What follows "CRITICAL · main · ". */
export function historyHeadline(facts: Told, situation: Situation, nowMs: number, locale: format.Locale): string {
  const { id, transition } = situation;
  const teller = tellerOf(nowMs, locale);
  const { words } = teller;
  if (facts.about === "loan") return transition.kind === "resolved" ? words.loanPaid : words.loan(owed(facts, words));
  const { rows } = facts;
  const home = words.home(symbolOf(id.subject));
  const [first] = rows;
  const isOne = rows.length === 1;
  if (id.rule === "flow-liquidation") return words.liquidating(home, overAt(rows, teller), words.flowRows(rows.length));
  if (id.rule === "forced-liquidation")
    return words.liquidating(home, overAt(rows, teller), words.forcedOrders(rows.length));
  if (id.rule === "flow-unknown-type") return words.unknownFlows(home, quoted(rows.map(typeOf), words));
  if (isOne && first?.kind === "transfer") return words.at(transferred(first, home, words), timeOf(first.atMs, teller));
  if (isOne && first !== undefined) return words.flowOf(home, whatOf(first, words), timeOf(first.atMs, teller));
  if (id.rule === "transfer-not-allowed") return words.transfersOut(rows.length, home, sums(rows, words));
  const areAlike = new Set(rows.map(typeOf)).size === 1; // a sum of what came and what went says nothing
  return words.matches(home, rows.length, id.rule, areAlike ? sums(rows, words) : "");
}

export function historyLines(
  facts: Told,
  situation: Situation,
  nowMs: number,
  locale: format.Locale,
): readonly string[] {
  const teller = tellerOf(nowMs, locale);
  if (facts.about === "loan") return situation.transition.kind === "resolved" ? [] : [teller.words.loanDo];
  const { rule } = situation.id;
  // A single one that the first line told in full is not told again.
  const isTold = facts.rows.length === 1 && (facts.rows[0]?.kind === "transfer" || !isOwnEvent(rule));
  return [...whatToDo(facts.rows, rule, teller), ...(isTold ? [] : rowLines(facts.rows, teller))];
}

/** Before the rows: it is what a locked phone still shows. */
function whatToDo(rows: readonly HistoryRow[], rule: string, teller: Teller): readonly string[] {
  const { words } = teller;
  switch (rule) {
    case "flow-liquidation":
    case "forced-liquidation":
      return [overAt(rows, teller) === undefined ? words.liquidatingDo : words.liquidatedDo];
    case "flow-unknown-type":
      return [words.unknownFlowDo];
    case "transfer-not-allowed": {
      const places = rows.flatMap((row) => (row.kind === "transfer" ? (otherEnd(row) ?? []) : []));
      const unknown = rows.map(typeOf).filter((type) => !type.toUpperCase().startsWith("ROLL_OUT"));
      return [
        words.transferDo,
        places.length === 0 ? "" : words.transferAllow(some(places, words)),
        unknown.length === 0 ? "" : words.unknownTransfer(quoted(unknown, words)),
      ];
    }
    default:
      return isOwnEvent(rule) ? [] : [words.rule(rule)];
  }
}

function rowLines(rows: readonly HistoryRow[], teller: Teller): readonly string[] {
  const { words } = teller;
  const rest = rows.slice(ROWS_MAX);
  return [
    ...rows.slice(0, ROWS_MAX).map((row) => words.line(timeOf(row.atMs, teller), whatOf(row, words))),
    rest.length === 0 ? "" : words.more(rest.length, sumsOfEach(rest, words)),
  ];
}

// ---------------------------------------------------------------- one row

function whatOf(row: HistoryRow, words: HistoryWords): string {
  switch (row.kind) {
    case "flow":
      return flowed(row, row.amount, words);
    case "transfer":
      return words.transferLine[transferDirection(row)](amountOf(row.amount, row.asset), placeOf(row, words));
    case "liquidation":
      return orderOf(row, words);
  }
}

function flowed({ type, asset }: FlowRow, amount: number, words: HistoryWords): string {
  const known = type.toUpperCase();
  return words.what(amountOf(amount, asset), isFlowType(known) ? words.flow[known] : words.quoted(type));
}

function orderOf({ side, pair, executedQty, avgPrice }: LiquidationRow, words: HistoryWords): string {
  if (executedQty === undefined || executedQty === 0) return words.unfilled(side, pair);
  return words.order(side, exact(executedQty), pair, avgPrice === undefined ? undefined : format.price(avgPrice));
}

function transferred(row: TransferRow, home: string, words: HistoryWords): string {
  const direction = transferDirection(row);
  return words.transferred[direction](amountOf(row.amount, row.asset), home, placeOf(row, words));
}

/** The other end. */
function placeOf(row: TransferRow, words: HistoryWords): string {
  const direction = transferDirection(row);
  const symbol = direction === "in" ? row.fromSymbol : row.toSymbol;
  const end = otherEnd(row)?.toUpperCase();
  if (end === undefined) return words.nowhere[direction];
  if (end === "ISOLATED_MARGIN" && symbol !== undefined) return words.home(symbol);
  return isPlace(end) ? words.place[end] : words.quoted(end);
}

const typeOf = (row: HistoryRow): string => (row.kind === "liquidation" ? row.side : row.type);

/** When the newest of them was, if that is over. */
function overAt(rows: readonly HistoryRow[], teller: Teller): string | undefined {
  const lastMs = Math.max(...rows.slice(-1).map(({ atMs }) => atMs));
  return teller.nowMs - lastMs > GOES_ON_MS ? timeOf(lastMs, teller) : undefined;
}

/** "03:12:05 UTC"; on another day "12 Mar 03:12 UTC". */
function timeOf(atMs: number, { nowMs, locale }: Teller): string {
  const seconds = format.clockSeconds(atMs, locale);
  const isToday = seconds.startsWith(format.clockTime(atMs, nowMs, locale));
  return isToday ? `${seconds} ${format.zoneName(atMs, locale.timezone)}` : format.zonedTime(atMs, nowMs, locale);
}

// ---------------------------------------------------------------- many

/** The exchange's amounts have so many decimals. */
const DECIMALS_MAX = 8;
/** What a number holds for sure: digits beyond are made up. */
const DIGITS_MAX = 15;
const SMALLEST = `0.${"1".padStart(DECIMALS_MAX, "0")}`;

function exact(amount: number): string {
  const size = Math.abs(amount);
  const decimals = Math.min(DECIMALS_MAX, Math.max(0, DIGITS_MAX - size.toFixed(0).length));
  const [whole = "", rest = ""] = size.toFixed(decimals).split(".");
  const kept = rest.replace(/0+$/, "");
  if (amount !== 0 && Number(whole) === 0 && kept === "") return `<${SMALLEST}`;
  return `${amount < 0 ? "-" : ""}${format.limit(Number(whole), 0)}${kept === "" ? "" : `.${kept}`}`;
}

const amountOf = (amount: number, unit: string): string => `${exact(amount)} ${unit}`;

/** What they come to, of each asset; of forced orders by their pair. */
function sums(rows: readonly HistoryRow[], words: HistoryWords): string {
  const totals = new Map<string, number>();
  for (const row of rows) {
    const [unit, amount] = row.kind === "liquidation" ? [row.pair, row.executedQty ?? 0] : [row.asset, row.amount];
    totals.set(unit, (totals.get(unit) ?? 0) + amount);
  }
  const texts = [...totals].map(([unit, total]) => amountOf(total, unit));
  const more = texts.length - NAMES_MAX;
  return words.list([...texts.slice(0, NAMES_MAX), ...(more > 0 ? [words.otherAssets(more)] : [])]);
}

/** What they come to, of each kind by itself: what was sold and what it cost are not to be added. */
function sumsOfEach(rows: readonly HistoryRow[], words: HistoryWords): string {
  const texts = [...Map.groupBy(rows, kindOf).values()].flatMap((group) => {
    const total = group.reduce(
      (sum, row) => sum + ((row.kind === "liquidation" ? row.executedQty : row.amount) ?? 0),
      0,
    );
    const [first] = group;
    return first === undefined || total === 0 ? [] : [sumOf(first, total, words)];
  });
  return some(texts, words);
}

function kindOf(row: HistoryRow): string {
  switch (row.kind) {
    case "flow":
      return `${row.type.toUpperCase()} ${row.asset}`;
    case "transfer":
      return `${transferDirection(row)} ${row.asset}`;
    case "liquidation":
      return `${row.side} ${row.pair}`;
  }
}

function sumOf(row: HistoryRow, total: number, words: HistoryWords): string {
  switch (row.kind) {
    case "flow":
      return flowed(row, total, words);
    case "transfer":
      return words.sum[transferDirection(row)](amountOf(total, row.asset));
    case "liquidation":
      return words.order(row.side, exact(total), row.pair, undefined);
  }
}

/** Names, each once. */
function some(names: readonly string[], words: HistoryWords): string {
  const each = [...new Set(names)];
  return words.list(each.length > NAMES_MAX ? [...each.slice(0, NAMES_MAX), "…"] : each);
}

const quoted = (names: readonly string[], words: HistoryWords): string =>
  some(
    names.map((name) => words.quoted(name)),
    words,
  );

const owed = ({ loans }: FactsOf<"loan">, words: HistoryWords): string =>
  words.list(loans.map(({ asset, remaining }) => amountOf(remaining, asset)));
