// What a cross liquidation leaves to be paid back when the collateral was worth less than the debt.
// https://developers.binance.com/docs/margin_trading/trade/Query-Liquidation-Loan

export interface LiquidationLoan {
  /** USDC. */
  readonly amount: number;
  readonly repaid: number;
}

export const LOAN_ASSET = "USDC";

export const remainingOf = ({ amount, repaid }: LiquidationLoan): number => amount - repaid;

/** A loan that is still open grows; one that was paid back makes room for the next. */
export function addToLoan(loan: LiquidationLoan | undefined, short: number): LiquidationLoan {
  if (loan === undefined || remainingOf(loan) <= 0) return { amount: short, repaid: 0 };
  return { ...loan, amount: loan.amount + short };
}
