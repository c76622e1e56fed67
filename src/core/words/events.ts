// What margind's own event rules are about, in a few words: for the subjects of e-mails and for lists.
const en = {
  "flow-liquidation": "liquidation in the capital flow",
  "flow-unknown-type": "unknown kind of capital flow",
  "forced-liquidation": "forced liquidation",
  "liquidation-loan": "loan left by a liquidation",
  "transfer-not-allowed": "transfer out",
  "flag-flip": "rights changed",
  "delist-schedule": "delisting",
  "restricted-asset": "restricted",
  "stream-margin-call": "margin call pushed by Binance",
  "stream-retired": "connection of the stream",
  "exchange-changed": "changed or not readable",
  "interest-rate": "interest rate",
} as const;

export type EventRuleId = keyof typeof en;
type EventWords = Readonly<Record<EventRuleId, string>>;

const zh: EventWords = {
  "flow-liquidation": "资金流水中出现强平",
  "flow-unknown-type": "未知类型的资金流水",
  "forced-liquidation": "强制平仓",
  "liquidation-loan": "强平遗留的欠款",
  "transfer-not-allowed": "资产转出",
  "flag-flip": "权限变更",
  "delist-schedule": "即将下架",
  "restricted-asset": "受限资产",
  "stream-margin-call": "币安推送的追加保证金通知",
  "stream-retired": "推送连接",
  "exchange-changed": "接口变更或无法读取",
  "interest-rate": "借币利率",
};

export const EVENT_WORDS: Readonly<Record<"en" | "zh", EventWords>> = { en, zh };

export const isOwnEvent = (rule: string): rule is EventRuleId => Object.hasOwn(en, rule);
