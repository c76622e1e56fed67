// Answers of the history endpoints, unknown → typed. The one thing to know: one malformed row makes the whole answer invalid, because a
// row that is skipped would never be told. Numbers come as text (parseExactJson), so ids keep every digit.
// Source: https://developers.binance.com/docs/margin_trading, pages account/Query-Cross-Isolated-Margin-Capital-Flow, transfer,
// trade (Get Force Liquidation Record) and trade/Query-Liquidation-Loan.
import type { FlowRow, LiquidationRow, Loan, TransferRow } from "../core/history.ts";
import {
  absent,
  decimalIn,
  decimalOrNone,
  flagOrNone,
  idIn,
  listIn,
  objectIn,
  textIn,
  textOrNone,
  timeIn,
} from "./fields.ts";
import { shapeError } from "./problems.ts";
import { isObject } from "./raw.ts";

export interface FlowsAnswer {
  /** How many rows came, also those that are not ours: a full answer may lack rows. */
  readonly count: number;
  /** Those of the pair that was asked for. */
  readonly rows: readonly FlowRow[];
}

/** Throws bad_response. `symbol`: the isolated pair that was asked for. */
export function parseFlows(body: unknown, symbol: string | undefined): FlowsAnswer {
  const list = listIn("the capital flow", body);
  return { count: list.length, rows: list.flatMap((row, index) => flowRow(`[${index}]`, row, symbol) ?? []) };
}

/** Undefined for a row of another pair. Every row of the cross account is ours: it names the pair that was traded. */
function flowRow(path: string, row: unknown, symbol: string | undefined): FlowRow | undefined {
  const raw = objectIn<"id" | "timestamp" | "asset" | "symbol" | "type" | "amount">(path, row);
  const pair = textOrNone(`${path}.symbol`, raw.symbol);
  const read: FlowRow = {
    kind: "flow",
    id: idIn(`${path}.id`, raw.id),
    atMs: timeIn(`${path}.timestamp`, raw.timestamp),
    symbol,
    type: textIn(`${path}.type`, raw.type),
    asset: textIn(`${path}.asset`, raw.asset),
    amount: decimalIn(`${path}.amount`, raw.amount),
  };
  return symbol !== undefined && pair !== undefined && pair !== symbol ? undefined : read;
}

export interface PageAnswer<R> {
  /** How many rows the exchange says there are on all pages; undefined where it does not say. */
  readonly total: number | undefined;
  readonly rows: readonly R[];
}

type ParseRow<R> = (path: string, row: unknown, symbol: string | undefined) => R;

/** {"rows": […], "total": 3}. Throws bad_response. */
export function parsePage<R>(body: unknown, symbol: string | undefined, parseRow: ParseRow<R>): PageAnswer<R> {
  const { rows, total } = objectIn<"rows" | "total">("the history", body);
  return {
    total: decimalOrNone("total", total),
    rows: listIn("rows", rows).map((row, index) => parseRow(`rows[${index}]`, row, symbol)),
  };
}

type TransferEnds = "transFrom" | "transTo" | "fromSymbol" | "toSymbol";

export function transferRow(path: string, row: unknown, symbol: string | undefined): TransferRow {
  const raw = objectIn<"txId" | "timestamp" | "type" | "asset" | "amount" | "status" | TransferEnds>(path, row);
  return {
    kind: "transfer",
    id: idIn(`${path}.txId`, raw.txId),
    atMs: timeIn(`${path}.timestamp`, raw.timestamp),
    symbol,
    type: textIn(`${path}.type`, raw.type),
    asset: textIn(`${path}.asset`, raw.asset),
    amount: decimalIn(`${path}.amount`, raw.amount),
    from: textOrNone(`${path}.transFrom`, raw.transFrom),
    to: textOrNone(`${path}.transTo`, raw.transTo),
    fromSymbol: textOrNone(`${path}.fromSymbol`, raw.fromSymbol),
    toSymbol: textOrNone(`${path}.toSymbol`, raw.toSymbol),
    status: textIn(`${path}.status`, raw.status),
  };
}

type LiquidationText = "orderId" | "updatedTime" | "symbol" | "side";

export function liquidationRow(path: string, row: unknown, symbol: string | undefined): LiquidationRow {
  const raw = objectIn<LiquidationText | "avgPrice" | "executedQty" | "isIsolated">(path, row);
  const pair = textIn(`${path}.symbol`, raw.symbol);
  const isIsolated = flagOrNone(`${path}.isIsolated`, raw.isIsolated) === true;
  const avgPrice = decimalOrNone(`${path}.avgPrice`, raw.avgPrice);
  return {
    kind: "liquidation",
    id: idIn(`${path}.orderId`, raw.orderId),
    atMs: timeIn(`${path}.updatedTime`, raw.updatedTime),
    // Whether an answer about the cross account may hold orders of isolated pairs is not documented; then the row knows better.
    symbol: symbol ?? (isIsolated ? pair : undefined),
    pair,
    side: textIn(`${path}.side`, raw.side),
    avgPrice: avgPrice === 0 ? undefined : avgPrice,
    executedQty: decimalOrNone(`${path}.executedQty`, raw.executedQty),
  };
}

const LOAN = "the liquidation loan";

/**
 * What is still owed. What the exchange answers without a loan is not documented: null, an empty list, and an object with nothing in
 * it count as none. Anything else that does not read throws bad_response, or a renamed field would end an alert.
 */
export function parseLoans(body: unknown): readonly Loan[] {
  if (body === null) return [];
  const loans = Array.isArray(body) ? body.map((each, index) => loanIn(`[${index}]`, each)) : [loanIn("", body)];
  return loans.flatMap((loan) => (loan !== undefined && loan.remaining > 0 ? [loan] : []));
}

function loanIn(path: string, body: unknown): Loan | undefined {
  if (isObject(body) && Object.values(body).every(absent)) return undefined;
  const { asset, remainingAmount } = objectIn<"asset" | "remainingAmount">(path === "" ? LOAN : path, body);
  const at = (field: string) => (path === "" ? field : `${path}.${field}`);
  const remaining = decimalIn(at("remainingAmount"), remainingAmount);
  if (remaining < 0) throw shapeError(at("remainingAmount"), remainingAmount, "an amount owed");
  return { asset: textIn(at("asset"), asset), remaining };
}
