// What is said of flags that flipped, and of what keeps transfers off.
import type { Language } from "../format.ts";
import type { FieldName } from "../rules/fields.ts";

const OFF: Readonly<Partial<Record<FieldName, string>>> = {
  tradeEnabled: "Orders may be refused, also those that would close a position.",
  borrowEnabled: "Nothing more can be borrowed.",
  transferInEnabled: "Nothing can be transferred in, so no collateral can be added from outside.",
  transferOutEnabled: "Nothing can be transferred out of the account.",
  enabled: "Binance has switched this isolated pair off. What is owed in it is watched all the same.",
};

const en = {
  became: (type: string, before: string) => `${type} (was ${before})`,
  join: (headlines: readonly string[]) => headlines.join(", "),
  /** What it means that a flag is off. */
  off: OFF,
  typeMeans: "Levels and rights may be worked out differently from now on: look at the account.",
  flapping: (what: string) => `It keeps flipping (${what}): not told again for an hour.`,
  levels: (level: string | undefined, collateral: string | undefined) =>
    [
      level === undefined ? "" : `Margin level ${level}.`,
      collateral === undefined ? "" : `Collateral margin level ${collateral}.`,
    ]
      .filter((text) => text !== "")
      .join(" "),
  seenAt: (time: string) => `Seen at ${time}.`,

  outNeeds: (limit: string, level: string) =>
    `Transfer out needs a collateral margin level above ${limit}; it is ${level}.`,
  outUnlock: (limit: string, level: string, add: string, repay: string) =>
    `Transfer out needs a collateral margin level above ${limit}; it is ${level}: adding more than ${add}, or repaying more than ${repay} of the debt from outside, would unlock it.`,
  outOther: (limit: string, level: string) =>
    `Transfer out needs a collateral margin level above ${limit}; it is ${level}, so that is not the reason.`,
};

type FlagWords = typeof en;

const zh: FlagWords = {
  became: (type, before) => `${type}（此前 ${before}）`,
  join: (headlines) => headlines.join("，"),
  off: {
    tradeEnabled: "委托可能被拒绝，包括用于平仓的委托。",
    borrowEnabled: "无法再借币。",
    transferInEnabled: "无法转入资产，因此不能从外部追加质押资产。",
    transferOutEnabled: "账户无法转出资产。",
    enabled: "币安已停用此逐仓交易对。其中的负债仍继续监视。",
  },
  typeMeans: "风险率和权限的计算方式今后可能不同：请查看账户。",
  flapping: (what) => `${what}反复变化：一小时内不再通知。`,
  levels: (level, collateral) =>
    [level === undefined ? "" : `风险率 ${level}。`, collateral === undefined ? "" : `质押风险率 ${collateral}。`].join(
      "",
    ),
  seenAt: (time) => `数据时间 ${time}。`,

  outNeeds: (limit, level) => `转出要求质押风险率高于 ${limit}，目前为 ${level}。`,
  outUnlock: (limit, level, add, repay) =>
    `转出要求质押风险率高于 ${limit}，目前为 ${level}：追加超过 ${add}，或用外部资金还款超过 ${repay}，即可恢复转出。`,
  outOther: (limit, level) => `转出要求质押风险率高于 ${limit}，目前为 ${level}，因此这不是原因。`,
};

export const FLAG_WORDS: Readonly<Record<Language, FlagWords>> = { en, "zh-CN": zh };
