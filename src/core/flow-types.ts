// The 16 types of rows in the capital flow, and which way the asset goes. The exchange may add more: they are told as unknown.
// Source: GET /sapi/v1/margin/capital-flow. Their meaning in words: words/history.ts.

/** Into the account or out of it. */
export type Direction = "in" | "out";

/**
 * Undefined where the documents do not say: a TRANSFER and a conversion go either way, and a trade by liquidation has two legs. The
 * sign of the amount is documented nowhere, so it decides nothing.
 */
const DIRECTION = {
  TRANSFER: undefined,
  BORROW: "in",
  REPAY: "out",
  BUY_INCOME: "in",
  BUY_EXPENSE: "out",
  SELL_INCOME: "in",
  SELL_EXPENSE: "out",
  TRADING_COMMISSION: "out",
  BUY_LIQUIDATION: undefined,
  SELL_LIQUIDATION: undefined,
  REPAY_LIQUIDATION: "out",
  OTHER_LIQUIDATION: undefined,
  LIQUIDATION_FEE: "out",
  SMALL_BALANCE_CONVERT: undefined,
  COMMISSION_RETURN: "in",
  SMALL_CONVERT: undefined,
} as const satisfies Readonly<Record<string, Direction | undefined>>;

export type FlowType = keyof typeof DIRECTION;

export const isFlowType = (type: string): type is FlowType => Object.hasOwn(DIRECTION, type);

export const FLOW_TYPES: readonly FlowType[] = Object.keys(DIRECTION).filter(isFlowType);

/** Undefined where it is not known. */
export const flowDirection = (type: string): Direction | undefined => (isFlowType(type) ? DIRECTION[type] : undefined);

/**
 * Proof that the exchange liquidates. Also of a type that is not known yet, if it is called so. Not of SMALL_CONVERT, what is converted
 * after a liquidation: that one has rows of its own.
 */
export const isLiquidation = (type: string): boolean => type === "LIQUIDATION_FEE" || type.endsWith("_LIQUIDATION");
