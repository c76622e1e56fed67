// Words of what moved the level, how fast it falls, and of the report that closes an incident.
import type { Cause } from "../cause-changes.ts";
import type { Language } from "../format.ts";

const CAUSE: Readonly<Record<Cause | "rest", string>> = {
  price: "price",
  borrow: "new borrowing",
  repay: "repaid",
  interest: "interest",
  transferIn: "transferred in",
  transferOut: "transferred out",
  trading: "trading",
  transferOrTrading: "transfers or trading",
  rest: "other",
};

const CAUSE_ZH: Readonly<Record<Cause | "rest", string>> = {
  price: "价格",
  borrow: "新增借款",
  repay: "还款",
  interest: "利息",
  transferIn: "转入",
  transferOut: "转出",
  trading: "交易",
  transferOrTrading: "转账或交易",
  rest: "其他",
};

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

const en = {
  cause: CAUSE,
  /** `signed`: "−0.09". `detail`: "BTC −6.2 %". */
  share: (cause: string, signed: string, detail: string | undefined) =>
    `${cause} ${signed}${detail === undefined ? "" : ` (${detail})`}`,
  priceChange: (asset: string, pct: string) => `${asset} ${pct} %`,
  moved: (from: string, to: string, since: string | undefined, shares: readonly string[]) =>
    `Margin level from ${from} to ${to}${since === undefined ? "" : ` since ${since}`}: ${shares.join(", ")}.`,
  unmoved: (level: string, since: string | undefined) =>
    `Margin level still ${level}${since === undefined ? "" : `, as at ${since}`}.`,
  unpriced: (assets: string) => `Without ${assets}: there is no price.`,
  and: (list: string, count: number) => `${list} and ${count} more`,

  /** `left`: in words of `left`. */
  falling: (left: string) => `At this pace liquidation is ${left} away.`,
  reached: "The liquidation bar is reached: Binance may be liquidating now.",
  left: {
    about: (count: string, unit: "min" | "h") => `about ${count} ${unit}`,
    lessThan: (count: string, unit: "min" | "h") => `less than ${count} ${unit}`,
    between: (from: string, to: string, unit: "min" | "h") => `${from}–${to} ${unit}`,
    mixed: (fromMin: string, toH: string) => `${fromMin} min to ${toH} h`,
  },
  /** In a first line; `what`: "cross margin level 1.24". */
  head: {
    fell: (what: string, pct: string, within: string) => `${what}, fell ${pct} % in ${within}`,
    slower: (what: string) => `${what}, no longer falling that fast`,
    away: (subject: string, left: string) => `${subject}: liquidation ${left} away at this pace`,
    reached: (subject: string) => `${subject}: the liquidation bar is reached`,
    calm: (subject: string) => `${subject}: no longer falling that fast towards liquidation`,
    /** `where`: in words of `passedBy`, or `passed`. */
    passed: (subject: string, where: string) => `${subject}: ${where}`,
  },
  /** Of an alert that stands; `what`: "cross margin level". */
  fellBy: (what: string, pct: string) => `${what} fell ${pct} %`,
  /** Names what a rule on speed watches; `what`: "cross margin level". */
  speed: (what: string) => `${what}, how fast it falls`,
  /** The worst of an incident. */
  worstFall: (pct: string) => `a fall of ${pct} %`,
  cost: (amount: string) => `Interest costs about ${amount} a day.`,
  fell: (pct: string, within: string, from: string, to: string) => `Fell ${pct} % in ${within}, from ${from} to ${to}.`,

  did: { added: "added", removed: "taken out", borrowed: "borrowed", repaid: "repaid", interest: "interest" },
  didLine: (parts: readonly string[]) => capital(`${parts.join("; ")}.`),
  didPart: (what: string, amounts: string) => `${what} ${amounts}`,
  list: (items: readonly string[]) => items.join(", "),
};

export type CauseWords = typeof en;

const UNIT_ZH = { min: "分钟", h: "小时" } as const;

const zh: CauseWords = {
  cause: CAUSE_ZH,
  share: (cause, signed, detail) => `${cause} ${signed}${detail === undefined ? "" : `（${detail}）`}`,
  priceChange: (asset, pct) => `${asset} ${pct} %`,
  moved: (from, to, since, shares) =>
    `风险率${since === undefined ? "" : `自 ${since} 起`}由 ${from} 变为 ${to}：${shares.join("，")}。`,
  unmoved: (level, since) => `风险率仍为 ${level}${since === undefined ? "" : `，与 ${since} 相同`}。`,
  unpriced: (assets) => `不含 ${assets}：没有价格。`,
  and: (list, count) => `${list} 等另外 ${count} 种`,

  falling: (left) => `按此速度，距强平${left}。`,
  reached: "已达强平线：币安可能正在强平。",
  left: {
    about: (count, unit) => `约 ${count} ${UNIT_ZH[unit]}`,
    lessThan: (count, unit) => `不到 ${count} ${UNIT_ZH[unit]}`,
    between: (from, to, unit) => `约 ${from}–${to} ${UNIT_ZH[unit]}`,
    mixed: (fromMin, toH) => `约 ${fromMin} 分钟至 ${toH} 小时`,
  },
  head: {
    fell: (what, pct, within) => `${what}，${within}内下跌 ${pct} %`,
    slower: (what) => `${what}，下跌已放缓`,
    away: (subject, left) => `${subject}：按此速度距强平${left}`,
    reached: (subject) => `${subject}：已达强平线`,
    calm: (subject) => `${subject}：向强平线下跌的速度已放缓`,
    passed: (subject, where) => `${subject}：${where}`,
  },
  fellBy: (what, pct) => `${what} 下跌 ${pct} %`,
  speed: (what) => `${what} 下跌速度`,
  worstFall: (pct) => `跌幅 ${pct} %`,
  cost: (amount) => `利息每天约 ${amount}。`,
  fell: (pct, within, from, to) => `${within}内下跌 ${pct} %，由 ${from} 跌至 ${to}。`,

  did: { added: "转入", removed: "转出", borrowed: "借款", repaid: "还款", interest: "利息" },
  didLine: (parts) => `${parts.join("；")}。`,
  didPart: (what, amounts) => `${what} ${amounts}`,
  list: (items) => items.join("，"),
};

export const CAUSE_WORDS: Readonly<Record<Language, CauseWords>> = { en, "zh-CN": zh };
