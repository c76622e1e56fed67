// What the exchange's history holds, row by row, and the port to read it. A row has an identity of its own, so that it is stored once
// and told once, however often it is read.
import type { Failure } from "./ports.ts";

/** flow: capital-flow. transfer: transfers in and out. liquidation: forceLiquidationRec. */
export const HISTORY_KINDS = ["flow", "transfer", "liquidation"] as const;
export type HistoryKind = (typeof HISTORY_KINDS)[number];

/** One history that is read by itself, with a cursor of its own. */
export interface HistoryStream {
  readonly kind: HistoryKind;
  /** The isolated pair; undefined for the cross account. */
  readonly symbol: string | undefined;
}

/** "flow", "flow BTCUSDT": names the stream in the store and in logs. */
export const streamName = ({ kind, symbol }: HistoryStream): string =>
  symbol === undefined ? kind : `${kind} ${symbol}`;

/** What a `streamName` names. Undefined: none. */
export function streamOf(name: string): HistoryStream | undefined {
  const [first, symbol, ...more] = name.split(" ");
  const kind = HISTORY_KINDS.find((each) => each === first);
  return kind === undefined || symbol === "" || more.length > 0 ? undefined : { kind, symbol };
}

interface Row {
  /** The exchange's own number as text, every digit of it: it exceeds 2^53. Unique in its stream. */
  readonly id: string;
  readonly atMs: number;
  /** The isolated pair that it was asked for, or that it names itself; undefined for the cross account. */
  readonly symbol: string | undefined;
}

/** One row of GET /sapi/v1/margin/capital-flow. */
export interface FlowRow extends Row {
  readonly kind: "flow";
  /** One of FLOW_TYPES, or one that is not known yet. */
  readonly type: string;
  readonly asset: string;
  readonly amount: number;
}

/** One row of GET /sapi/v1/margin/transfer. */
export interface TransferRow extends Row {
  readonly kind: "transfer";
  /** ROLL_IN or ROLL_OUT, or one that is not known yet. */
  readonly type: string;
  readonly asset: string;
  readonly amount: number;
  /** SPOT, FUNDING, ISOLATED_MARGIN …; often absent. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** The isolated pairs of either end, where it has one. */
  readonly fromSymbol: string | undefined;
  readonly toSymbol: string | undefined;
  /** CONFIRMED as a rule. */
  readonly status: string;
}

/** One row of GET /sapi/v1/margin/forceLiquidationRec: an order that the exchange placed to liquidate. */
export interface LiquidationRow extends Row {
  readonly kind: "liquidation";
  readonly pair: string;
  /** BUY or SELL. */
  readonly side: string;
  /** Average price in the quote asset; undefined where nothing was executed yet. */
  readonly avgPrice: number | undefined;
  readonly executedQty: number | undefined;
}

export type HistoryRow = FlowRow | TransferRow | LiquidationRow;

/** GET /sapi/v1/margin/liquidation-loan: what a liquidation left to be paid back. */
export interface Loan {
  readonly asset: string;
  readonly remaining: number;
}

/** What was asked for, or why there is none. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/** A whole window of a stream: every row in it up to `readToMs`, oldest first. */
export interface HistoryPart {
  readonly rows: readonly HistoryRow[];
  /** Exchange time up to which nothing is missing. */
  readonly readToMs: number;
}

/** One key's histories. Its reads go behind those of the account, and are dropped first when weight or a pause bites. */
export interface HistoryReader {
  readonly account: string;
  /** The exchange's clock: rows are stamped with it. */
  nowMs(): number;
  /**
   * From `fromMs` to `toMs`, else to now, in windows that the exchange allows, oldest first, at most 90 days back. Rows of the minute before come
   * again, as some are visible only after a while; nothing when `fromMs` is still to come. Never rejects; ends after the first part
   * that is a failure, and then what was read before it stands.
   */
  read(stream: HistoryStream, fromMs: number, signal: AbortSignal, toMs?: number): AsyncGenerator<Read<HistoryPart>>;
  /** What is still to be paid back after liquidations; empty when nothing. Never rejects. */
  loans(signal: AbortSignal): Promise<Read<readonly Loan[]>>;
}

/** How far a stream was read. */
export interface Cursor {
  /** What happened before is not told: margind was not there yet. Exchange time. */
  readonly sinceMs: number;
  readonly readToMs: number;
  /** Up to here it was read once more when nothing could come late any longer: from here on it is read again. */
  readonly settledToMs: number;
}

/** One row as the store keeps it. */
export interface StoredEvent {
  readonly account: string;
  readonly stream: HistoryStream;
  readonly row: HistoryRow;
  /** An alert told of it: such rows are kept longer. */
  readonly isTold: boolean;
}
