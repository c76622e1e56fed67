// What is written down while a book is played: the entries of the histories, before they have an id and a time. The one thing to
// know: one call of Write is one transaction, and its entries share a number. Interest that accrues is written nowhere, as on the
// exchange.

/** Where a transfer may come from or go to outside the margin accounts. Source: the page of GET /sapi/v1/margin/transfer. */
export const WALLETS = [
  "SPOT",
  "FUNDING",
  "FUTURES",
  "DELIVERY",
  "FIAT",
  "MINING",
  "OPTION",
  "MOTHER_SPOT",
  "SUB_SPOT",
  "SUB_MARGIN",
] as const;
export type Wallet = (typeof WALLETS)[number];

/** The cross account, or an isolated pair by its symbol. */
export type Place = "cross" | (string & {});

/** Types of capital-flow rows that the simulator writes; the exchange has a few more. */
export type FlowType =
  | "TRANSFER"
  | "BORROW"
  | "REPAY"
  | "BUY_INCOME"
  | "BUY_EXPENSE"
  | "SELL_INCOME"
  | "SELL_EXPENSE"
  | "BUY_LIQUIDATION"
  | "SELL_LIQUIDATION"
  | "REPAY_LIQUIDATION"
  | "LIQUIDATION_FEE";

/** Amounts in units of the asset, always above 0: the documented samples have no signs. */
export interface FlowEntry {
  readonly kind: "flow";
  readonly place: Place;
  readonly type: FlowType;
  readonly asset: string;
  readonly amount: number;
  /** Share of a repayment that went to interest. */
  readonly interest?: number;
}

export interface TransferEntry {
  readonly kind: "transfer";
  readonly place: Place;
  readonly type: "ROLL_IN" | "ROLL_OUT";
  readonly asset: string;
  readonly amount: number;
  /** The other end. */
  readonly other: Wallet | Place;
}

/** An order of the exchange's own. */
export interface OrderEntry {
  readonly kind: "order";
  readonly place: Place;
  readonly symbol: string;
  readonly side: "BUY" | "SELL";
  /** In the quote asset. */
  readonly price: number;
  readonly qty: number;
}

/** The cross level fell through the margin-call bar. In no history: it is only pushed. */
export interface CallEntry {
  readonly kind: "margin-call";
  readonly level: number;
}

export type Entry = FlowEntry | TransferEntry | OrderEntry | CallEntry;

export type Write = (entries: readonly Entry[]) => void;

/** One transaction. */
export interface Posting {
  /** Simulated time. */
  readonly atMs: number;
  readonly entries: readonly Entry[];
}

/** What is less would be written as 0.00000000. */
const LEAST = 5e-9;

export const isWritten = (entry: Entry): boolean =>
  entry.kind === "margin-call" || (entry.kind === "order" ? entry.qty : entry.amount) >= LEAST;

export const flow = (place: Place, type: FlowType, asset: string, amount: number): FlowEntry => ({
  kind: "flow",
  place,
  type,
  asset,
  amount,
});

/** A transfer stands in both histories. */
export const rolled = (
  type: TransferEntry["type"],
  place: Place,
  asset: string,
  amount: number,
  other: Wallet | Place,
): readonly Entry[] => [
  { kind: "transfer", place, type, asset, amount, other },
  flow(place, "TRANSFER", asset, amount),
];
