// What is said of an interest rate that is far above what is usual of it.
import type { Language } from "../format.ts";

const en = {
  /** "interest of USDT is 4.2 × its usual rate" */
  high: (asset: string, isIsolated: boolean, times: string) =>
    `interest of ${asset}${isIsolated ? " in isolated pairs" : ""} is ${times} × its usual rate`,
  usual: (asset: string, isIsolated: boolean, times: string) =>
    `interest of ${asset}${isIsolated ? " in isolated pairs" : ""} is down to ${times} × its usual rate`,
  /** Repaid, or so little that it does not matter. */
  gone: (asset: string) => `${asset}: nothing that counts is owed at the high interest rate any more`,
  costs: (cost: string, usual: string) => `What you owe costs ${cost} a day instead of ${usual}.`,
  costsNow: (cost: string) => `What you owe costs ${cost} a day.`,
  whatToDo: (asset: string) => `Repay ${asset}, or borrow another asset in its place.`,
  rate: (hourly: string, yearly: string) => `The rate is ${hourly} % an hour, ${yearly} % a year`,
  usually: (hourly: string, yearly: string) =>
    `; usual before: ${hourly} % an hour, ${yearly} % a year (median of 7 days).`,
  owes: (amount: string) => `You owe ${amount}.`,
  overTold: (lasted: string) => `The alert was open for ${lasted}.`,
  lessThan: (amount: string) => `less than ${amount}`,
};

type InterestWords = typeof en;

const zh: InterestWords = {
  high: (asset, isIsolated, times) => `${isIsolated ? "逐仓 " : ""}${asset} 的借币利率为平时的 ${times} 倍`,
  usual: (asset, isIsolated, times) => `${isIsolated ? "逐仓 " : ""}${asset} 的借币利率已降到平时的 ${times} 倍`,
  gone: (asset) => `${asset}：按高利率计息的欠款已不存在或微不足道`,
  costs: (cost, usual) => `所欠部分每天的利息为 ${cost}，平时为 ${usual}。`,
  costsNow: (cost) => `所欠部分每天的利息为 ${cost}。`,
  whatToDo: (asset) => `请归还 ${asset}，或改借其他资产。`,
  rate: (hourly, yearly) => `利率每小时 ${hourly} %，每年 ${yearly} %`,
  usually: (hourly, yearly) => `；此前通常为每小时 ${hourly} %，每年 ${yearly} %（7 天中位数）。`,
  owes: (amount) => `负债 ${amount}。`,
  overTold: (lasted) => `告警历时 ${lasted}。`,
  lessThan: (amount) => `不到 ${amount}`,
};

export const INTEREST_WORDS: Readonly<Record<Language, InterestWords>> = { en, "zh-CN": zh };
