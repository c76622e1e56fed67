// What is said of something that the exchange offered and that cannot be read any more.
import type { Language } from "../format.ts";

/** Sources by the names that alerts have for them. In English these are the words. */
const NAMES_EN: Readonly<Record<string, string>> = {};
export const SOURCE_NAMES_ZH: Readonly<Record<string, string>> = {
  "capital flow": "资金流水",
  "transfer history": "划转记录",
  "forced liquidations": "强平记录",
  "liquidation loans": "强平欠款",
  "delist schedule": "下架计划",
  "restricted assets": "受限资产",
  "interest rates": "借币利率",
  "cross account": "全仓账户",
  "isolated pairs": "逐仓交易对",
  "risk stream": "风险数据推送",
  "user stream": "账户数据推送",
};

/** What nobody hears of while a source is not read. */
const LOSS_EN: Readonly<Record<string, string>> = {
  "capital flow": "Rows of the capital flow, also liquidations in it, are not told meanwhile.",
  "transfer history": "Transfers are not told meanwhile.",
  "forced liquidations": "The exchange's liquidation orders are not told meanwhile.",
  "liquidation loans": "What a liquidation leaves to be paid back is not told meanwhile.",
  "delist schedule": "New delistings are not told meanwhile.",
  "restricted assets": "New restrictions are not told meanwhile.",
  "interest rates": "Interest rates far above what is usual are not told meanwhile.",
};
const LOSS_ZH: Readonly<Record<string, string>> = {
  "capital flow": "在此期间不会通知资金流水，包括其中的强平。",
  "transfer history": "在此期间不会通知划转。",
  "forced liquidations": "在此期间不会通知币安的强平委托。",
  "liquidation loans": "在此期间不会通知强平后的欠款。",
  "delist schedule": "在此期间不会通知新的下架。",
  "restricted assets": "在此期间不会通知新的限制。",
  "interest rates": "在此期间不会通知借币利率异常升高。",
};

const en = {
  names: NAMES_EN,
  losses: LOSS_EN,
  /** Of a source that is not among these. */
  loss: "What it tells is not told meanwhile.",
  lossGoneAccount:
    "Levels cannot be read any more: nobody watches them here. Look at the account in the app, and look for a newer margind.",
  lossField:
    "A rule needs it. Answers without it cannot be used, so alerts neither open nor resolve by them: look at the account in the app, and look for a newer margind.",
  levelsGoOn: "The margin levels are watched all the same.",

  gone: (name: string) => `the exchange changed: ${name} is not offered any more`,
  goneBecause: (detail: string) => `Binance answers: ${detail}.`,
  field: (name: string, field: string) => `the exchange changed: ${field} is missing (${name})`,
  renamed: (name: string, field: string, oldName: string) =>
    `the exchange changed: ${oldName} stands in place of ${field} (${name})`,
  renamedMeans: (oldName: string) => `margind reads ${oldName} instead and goes on. Nothing has to be done.`,
  unread: (name: string, lasted: string) => `${name} not readable for ${lasted}`,
  again: (name: string) => `${name}: readable again`,
  againAfter: (lasted: string) => `The alert was open for ${lasted}.`,
};

type SourceWords = typeof en;

const zh: SourceWords = {
  names: SOURCE_NAMES_ZH,
  losses: LOSS_ZH,
  loss: "在此期间不会通知其中的内容。",
  lossGoneAccount: "风险率已无法读取：这里不再有人监视。请在应用中查看账户，并查找更新的 margind 版本。",
  lossField:
    "有规则需要此字段。缺少它的应答无法使用，告警既不会触发也不会解除：请在应用中查看账户，并查找更新的 margind 版本。",
  levelsGoOn: "风险率仍继续监视。",

  gone: (name) => `币安接口变更：不再提供${name}`,
  goneBecause: (detail) => `币安应答：${detail}。`,
  field: (name, field) => `币安接口变更：${name}中缺少 ${field}`,
  renamed: (name, field, oldName) => `币安接口变更：${name}以 ${oldName} 代替 ${field}`,
  renamedMeans: (oldName) => `margind 改为读取 ${oldName} 并继续运行，无需处理。`,
  unread: (name, lasted) => `${name}已 ${lasted}无法读取`,
  again: (name) => `${name}：已恢复读取`,
  againAfter: (lasted) => `告警历时 ${lasted}。`,
};

export const SOURCE_WORDS: Readonly<Record<Language, SourceWords>> = { en, "zh-CN": zh };
