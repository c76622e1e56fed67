// The three histories as a client asks for them: windows, pages and limits as documented, and refused beyond.
// https://developers.binance.com/docs/margin_trading/account/Query-Cross-Isolated-Margin-Capital-Flow
// https://developers.binance.com/docs/margin_trading/transfer
// https://developers.binance.com/docs/margin_trading/trade/Get-Force-Liquidation-Record
import { decimal } from "./answers.ts";
import { splitSymbol } from "./assets.ts";
import type { History, Row } from "./history.ts";
import { type FlowEntry, type OrderEntry, type Place, type TransferEntry, WALLETS, type Wallet } from "./journal.ts";
import { boundedParam, choiceParam, longParam, timeParam } from "./params.ts";
import { badInterval, badParameter, badSymbol, ok, Refusal, type Reply, tooLongInterval } from "./reply.ts";

/** What a question to a history is answered from. */
export interface RecordsAsk {
  readonly params: URLSearchParams;
  readonly serverMs: number;
  readonly history: History;
  /** The unit of a transfer's timestamp: the documented sample has seconds; what is live is not confirmed. */
  readonly transferTimeUnit: "s" | "ms";
}

const DAY_MS = 86_400_000;
const HISTORY_MS = 90 * DAY_MS;
const FLOW_SPAN_MS = 7 * DAY_MS;
const TRANSFER_SPAN_MS = 30 * DAY_MS;
const DEFAULT_SPAN_MS = 7 * DAY_MS;
const FLOWS = { min: 1, max: 1000, fallback: 500 };
const PAGE = { min: 1, max: Number.MAX_SAFE_INTEGER, fallback: 1 };
const PAGE_SIZE = { min: 1, max: 100, fallback: 10 };

/** The cross account unless the parameter names a pair. */
function placeIn(params: URLSearchParams, name: string): Place {
  const symbol = params.get(name);
  if (symbol === null) return "cross";
  if (splitSymbol(symbol) === undefined) throw new Refusal(badSymbol());
  return symbol;
}

// ---------------------------------------------------------------- capital flow

/** Ascending. With fromId the rows that follow it, without the latest ones; rows older than 90 days are not answered. */
export function capitalFlow({ params, serverMs, history }: RecordsAsk): Reply {
  const [startMs, endMs] = [timeParam(params, "startTime"), timeParam(params, "endTime")];
  if (startMs !== undefined && endMs !== undefined) assertFlowSpan(endMs - startMs);
  const fromId = longParam(params, "fromId");
  const limit = boundedParam(params, "limit", FLOWS);
  const [asset, type] = [params.get("asset"), params.get("type")];
  const oldestMs = Math.max(startMs ?? 0, serverMs - HISTORY_MS);
  const rows = history
    .flows(placeIn(params, "symbol"))
    .filter(({ atMs }) => atMs >= oldestMs && atMs <= (endMs ?? Number.POSITIVE_INFINITY))
    .filter(({ id }) => fromId === undefined || id > fromId)
    .filter(({ entry }) => (asset ?? entry.asset) === entry.asset && (type ?? entry.type) === entry.type);
  return ok((fromId === undefined ? rows.slice(-limit) : rows.slice(0, limit)).map(flowRow));
}

function assertFlowSpan(spanMs: number): void {
  if (spanMs < 0 || spanMs > FLOW_SPAN_MS) throw new Refusal(badInterval());
}

const flowRow = ({ id, tranId, atMs, entry }: Row<FlowEntry>) => ({
  id,
  tranId,
  timestamp: atMs,
  asset: entry.asset,
  ...(entry.place !== "cross" && { symbol: entry.place }),
  type: entry.type,
  amount: plain(entry.amount),
});

/** "101": the sample of this endpoint is not padded. */
const plain = (value: number): string => decimal(value).replace(/\.?0+$/, "");

// ---------------------------------------------------------------- pages

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The newest row first. */
function pageOf<R extends Row>(rows: readonly R[], params: URLSearchParams, { fromMs, toMs }: Span) {
  const current = boundedParam(params, "current", PAGE);
  const size = boundedParam(params, "size", PAGE_SIZE);
  const found = rows.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).toReversed();
  return { rows: found.slice((current - 1) * size, current * size), total: found.length };
}

export function transfers({ params, serverMs, history, transferTimeUnit }: RecordsAsk): Reply {
  const asset = params.get("asset");
  const type = choiceParam(params, "type", ["ROLL_IN", "ROLL_OUT"]);
  const matching = history
    .transfers(placeIn(params, "isolatedSymbol"))
    .filter(({ entry }) => (asset ?? entry.asset) === entry.asset && (type ?? entry.type) === entry.type);
  const { rows, total } = pageOf(matching, params, transferSpan(params, serverMs));
  return ok({ rows: rows.map((row) => transferRow(row, transferTimeUnit)), total });
}

/** One time alone: as the page of the interest history has it. */
function transferSpan(params: URLSearchParams, serverMs: number): Span {
  const [startMs, endMs] = [timeParam(params, "startTime"), timeParam(params, "endTime")];
  if (startMs === undefined) return { fromMs: (endMs ?? serverMs) - DEFAULT_SPAN_MS, toMs: endMs ?? serverMs };
  if (endMs === undefined) return { fromMs: Math.max(startMs, serverMs - TRANSFER_SPAN_MS), toMs: serverMs };
  if (endMs < startMs) throw new Refusal(badParameter("endTime"));
  if (endMs - startMs > TRANSFER_SPAN_MS) throw new Refusal(tooLongInterval(TRANSFER_SPAN_MS));
  return { fromMs: startMs, toMs: endMs };
}

function transferRow({ tranId, atMs, entry }: Row<TransferEntry>, unit: "s" | "ms") {
  const [here, there] = [endOf(entry.place), endOf(entry.other)];
  const [from, to] = entry.type === "ROLL_IN" ? [there, here] : [here, there];
  return {
    amount: decimal(entry.amount),
    asset: entry.asset,
    status: "CONFIRMED",
    timestamp: unit === "s" ? Math.floor(atMs / 1000) : atMs,
    txId: tranId,
    type: entry.type,
    transFrom: from.wallet,
    transTo: to.wallet,
    ...(from.symbol !== undefined && { fromSymbol: from.symbol }),
    ...(to.symbol !== undefined && { toSymbol: to.symbol }),
  };
}

const isWallet = (name: string): name is Wallet => WALLETS.some((wallet) => wallet === name);

function endOf(name: Wallet | Place): { readonly wallet: string; readonly symbol?: string } {
  if (isWallet(name)) return { wallet: name };
  return name === "cross" ? { wallet: "CROSS_MARGIN" } : { wallet: "ISOLATED_MARGIN", symbol: name };
}

// ---------------------------------------------------------------- forced liquidation

/** No window is documented: without times everything that is kept. */
export function forceLiquidations({ params, history }: RecordsAsk): Reply {
  const matching = history.orders(placeIn(params, "isolatedSymbol"));
  const span = {
    fromMs: timeParam(params, "startTime") ?? 0,
    toMs: timeParam(params, "endTime") ?? Number.POSITIVE_INFINITY,
  };
  const { rows, total } = pageOf(matching, params, span);
  return ok({ rows: rows.map(liquidationRow), total });
}

const liquidationRow = ({ id, atMs, entry }: Row<OrderEntry>) => ({
  avgPrice: decimal(entry.price),
  executedQty: decimal(entry.qty),
  orderId: id,
  price: decimal(entry.price),
  qty: decimal(entry.qty),
  side: entry.side,
  symbol: entry.symbol,
  timeInForce: "GTC",
  isIsolated: entry.place !== "cross",
  updatedTime: atMs,
});
