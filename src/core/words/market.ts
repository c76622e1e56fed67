// What is said of delistings and restrictions that meet a position.
import type { Language } from "../format.ts";

const en = {
  leaves: (subject: string, left: string, isPair: boolean) =>
    `${subject} leaves ${isPair ? "margin trading" : "cross margin"} in ${left}`,
  left: (subject: string, ago: string, isPair: boolean) =>
    `${subject} left ${isPair ? "margin trading" : "cross margin"} ${ago} ago, something of it is still there`,
  /** Follows one of these two. */
  levelWithout: (level: string) => `; level without it ${level}`,
  over: (subject: string, why: "left" | "rescheduled") =>
    why === "left"
      ? `${subject}: nothing is held or owed of it any more, its delisting does not matter now`
      : `${subject} is not due for delisting any more`,
  holds: (held: string | undefined, owed: string | undefined) =>
    [
      held === undefined ? "" : `You hold ${held}`,
      owed === undefined ? "" : `${held === undefined ? "You" : "you"} owe ${owed}`,
    ]
      .filter((text) => text !== "")
      .join(", ")
      .concat("."),
  holdsPair: (owes: boolean): string => (owes ? "The pair has debt." : "The pair holds something, without debt."),
  levels: (level: string, without: string | undefined) =>
    without === undefined
      ? `Margin level ${level}; what it would be without this collateral is not known: no price.`
      : `Margin level ${level}, without this collateral ${without}.`,
  byThen: (time: string, isOwed: boolean, isHeld: boolean) =>
    `Before ${time}: ${[isOwed ? "repay what is owed" : "", isHeld ? "sell it" : ""]
      .filter((text) => text !== "")
      .join(", then ")}. At delisting Binance closes by force what is still open.`,
  byThenPair: (time: string) =>
    `Before ${time}: close the position, repay, then move what is left out. At delisting Binance closes by force what is still open.`,
  byThenFree: (time: string) => `Before ${time}: sell it or move it out. Without debt nothing can be liquidated.`,
  now: (time: string) =>
    `It was due at ${time}. Binance may be closing the position by force: look at the account now.`,
  nowFree: (time: string) =>
    `It was due at ${time}. Without debt nothing can be liquidated; see in the account what became of it.`,
  minor: (time: string, isLevelKnown: boolean) =>
    `${isLevelKnown ? "The margin level hardly depends on it" : "So little that it does not matter"}: nothing is in danger. It is due at ${time}.`,
  limited:
    "Moving it out may be refused: of an asset that is to be delisted, Binance may let you transfer no more than what is owed less the collateral that is there (error -3065).",
  overTold: (lasted: string) => `The alert was open for ${lasted}.`,

  full: (asset: string) => `${asset}: Binance takes no more of it as collateral`,
  fullDo: (asset: string) =>
    `More ${asset} adds nothing to the collateral value of this account. To raise the level, add another asset or repay.`,
  noLong: (asset: string) => `${asset} cannot be bought with borrowed money now`,
  noLongDo: (asset: string) => `Binance restricts new long positions in ${asset}. What is held or owed stays as it is.`,
  free: (asset: string) => `${asset}: not restricted, or not in this account, any more`,
};

type MarketWords = typeof en;

const zh: MarketWords = {
  leaves: (subject, left, isPair) => `${subject} 将在 ${left}后从${isPair ? "杠杆交易" : "全仓杠杆"}下架`,
  left: (subject, ago, isPair) =>
    `${subject} 已于 ${ago}前从${isPair ? "杠杆交易" : "全仓杠杆"}下架，账户中仍有余额或负债`,
  levelWithout: (level) => `；去掉它后风险率为 ${level}`,
  over: (subject, why) =>
    why === "left" ? `${subject}：已无持有或负债，下架不再有影响` : `${subject} 已不在即将下架之列`,
  holds: (held, owed) =>
    [held === undefined ? "" : `持有 ${held}`, owed === undefined ? "" : `负债 ${owed}`]
      .filter((text) => text !== "")
      .join("，")
      .concat("。"),
  holdsPair: (owes) => (owes ? "此交易对仍有负债。" : "此交易对仍有资产，没有负债。"),
  levels: (level, without) =>
    without === undefined
      ? `风险率 ${level}；去掉这部分质押资产后的风险率未知：没有价格。`
      : `风险率 ${level}，去掉这部分质押资产后为 ${without}。`,
  byThen: (time, isOwed, isHeld) =>
    `请在 ${time} 之前${[isOwed ? "还清负债" : "", isHeld ? "卖出" : ""]
      .filter((text) => text !== "")
      .join("，然后")}。下架时币安会强制平掉未了结的仓位。`,
  byThenPair: (time) => `请在 ${time} 之前平仓并还清负债，然后转出剩余资产。下架时币安会强制平掉未了结的仓位。`,
  byThenFree: (time) => `请在 ${time} 之前卖出或转出。没有负债，不会被强平。`,
  now: (time) => `下架时间为 ${time}。币安可能正在强制平仓：请立即查看账户。`,
  nowFree: (time) => `下架时间为 ${time}。没有负债，不会被强平；请查看账户中这部分资产的情况。`,
  minor: (time, isLevelKnown) =>
    `${isLevelKnown ? "对风险率几乎没有影响" : "数额很小"}，没有风险。下架时间为 ${time}。`,
  limited: "转出可能被拒绝：对即将下架的资产，币安可能只允许划转不超过“负债减去已有质押资产”的数量（错误 -3065）。",
  overTold: (lasted) => `告警历时 ${lasted}。`,

  full: (asset) => `${asset}：币安不再接受更多作为质押资产`,
  fullDo: (asset) => `再增加 ${asset} 不会提高本账户的质押价值。要提高风险率，请追加其他资产或还款。`,
  noLong: (asset) => `${asset} 目前不能用借入资金买入`,
  noLongDo: (asset) => `币安限制 ${asset} 新开多仓。已持有和已借入的不受影响。`,
  free: (asset) => `${asset}：已不受限制，或账户中已没有`,
};

export const MARKET_WORDS: Readonly<Record<Language, MarketWords>> = { en, "zh-CN": zh };
