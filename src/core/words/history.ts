// Words of what the history holds: kinds of capital flow, places that assets come from and go to, forced orders, loans.
// Source of the Chinese terms: the Chinese page of GET /sapi/v1/margin/capital-flow.
import type { FlowType } from "../flow-types.ts";
import type { Language } from "../format.ts";

const FLOW: Readonly<Record<FlowType, string>> = {
  TRANSFER: "transferred",
  BORROW: "borrowed",
  REPAY: "repaid",
  BUY_INCOME: "bought",
  BUY_EXPENSE: "paid for a purchase",
  SELL_INCOME: "received for a sale",
  SELL_EXPENSE: "sold",
  TRADING_COMMISSION: "trading fee",
  BUY_LIQUIDATION: "bought by liquidation",
  SELL_LIQUIDATION: "sold by liquidation",
  REPAY_LIQUIDATION: "repaid by liquidation",
  OTHER_LIQUIDATION: "other part of a liquidation",
  LIQUIDATION_FEE: "liquidation fee",
  SMALL_BALANCE_CONVERT: "small balance converted",
  COMMISSION_RETURN: "trading fee returned",
  SMALL_CONVERT: "small amount converted after a liquidation",
};

const FLOW_ZH: Readonly<Record<FlowType, string>> = {
  TRANSFER: "转账",
  BORROW: "借款",
  REPAY: "还款",
  BUY_INCOME: "买单交易收入",
  BUY_EXPENSE: "买单交易支出",
  SELL_INCOME: "卖单交易收入",
  SELL_EXPENSE: "卖单交易支出",
  TRADING_COMMISSION: "交易手续费",
  BUY_LIQUIDATION: "强平买入",
  SELL_LIQUIDATION: "强平卖出",
  REPAY_LIQUIDATION: "强平还款",
  OTHER_LIQUIDATION: "其他强平",
  LIQUIDATION_FEE: "强平清算费用",
  SMALL_BALANCE_CONVERT: "小额兑换",
  COMMISSION_RETURN: "手续费返还",
  SMALL_CONVERT: "强平小额转换",
};

/** Other ends of a transfer. Source: GET /sapi/v1/margin/transfer. */
const PLACE = {
  SPOT: "the spot wallet",
  FUTURES: "the USD-M futures wallet",
  FIAT: "the fiat wallet",
  DELIVERY: "the COIN-M futures wallet",
  MINING: "the mining wallet",
  ISOLATED_MARGIN: "isolated margin",
  FUNDING: "the funding wallet",
  MOTHER_SPOT: "the spot wallet of the main account",
  OPTION: "the options wallet",
  SUB_SPOT: "the spot wallet of a sub-account",
  SUB_MARGIN: "the margin account of a sub-account",
  CROSS_MARGIN: "cross margin",
};

type Place = keyof typeof PLACE;

const PLACE_ZH: Readonly<Record<Place, string>> = {
  SPOT: "现货账户",
  FUTURES: "U 本位合约账户",
  FIAT: "法币账户",
  DELIVERY: "币本位合约账户",
  MINING: "矿池账户",
  ISOLATED_MARGIN: "逐仓账户",
  FUNDING: "资金账户",
  MOTHER_SPOT: "母账户的现货账户",
  OPTION: "期权账户",
  SUB_SPOT: "子账户的现货账户",
  SUB_MARGIN: "子账户的杠杆账户",
  CROSS_MARGIN: "全仓账户",
};

export const isPlace = (name: string): name is Place => Object.hasOwn(PLACE, name);

const rows = (count: number): string => (count === 1 ? "1 row" : `${count} rows`);

const en = {
  flow: FLOW,
  place: PLACE,
  quoted: (name: string) => `"${name}"`,
  nowhere: { in: "an unknown place", out: "an unknown place" },
  /** The account that the rows are of. */
  home: (symbol: string) => (symbol === "" ? "cross margin" : `${symbol} isolated`),

  /** `when`: undefined while it goes on. */
  liquidating: (home: string, when: string | undefined, what: string) =>
    `${when === undefined ? `Binance is liquidating ${home}` : `Binance liquidated ${home} at ${when}`}: ${what}`,
  flowRows: (count: number) => `${rows(count)} in the capital flow`,
  forcedOrders: (count: number) => (count === 1 ? "1 forced order" : `${count} forced orders`),
  unknownFlows: (home: string, types: string) => `${home}: unknown kind of capital flow ${types}`,
  matches: (home: string, count: number, rule: string, sums: string) =>
    `${home}: ${rows(count)} of rule ${rule}${sums === "" ? "" : `, ${sums} in all`}`,
  flowOf: (home: string, what: string, time: string) => `${home}: ${what} at ${time}`,
  what: (amount: string, type: string) => `${amount} ${type}`,

  transferred: {
    in: (amount: string, home: string, place: string) => `${amount} transferred into ${home} from ${place}`,
    out: (amount: string, home: string, place: string) => `${amount} transferred out of ${home} to ${place}`,
  },
  transferLine: {
    in: (amount: string, place: string) => `${amount} from ${place}`,
    out: (amount: string, place: string) => `${amount} to ${place}`,
  },
  transfersOut: (count: number, home: string, sums: string) => `${count} transfers out of ${home}: ${sums}`,
  at: (text: string, time: string) => `${text} at ${time}`,

  order: (side: string, qty: string, pair: string, price: string | undefined) => {
    const verb = side === "BUY" ? "bought" : side === "SELL" ? "sold" : `"${side}"`;
    return `${verb} ${qty} of ${pair}${price === undefined ? "" : ` at ${price}`}`;
  },
  unfilled: (side: string, pair: string) => `order to ${side.toLowerCase()} on ${pair}, nothing filled yet`,
  line: (time: string, what: string) => `${time}  ${what}`,
  more: (count: number, sums: string) =>
    `… and ${count} more ${count === 1 ? "row" : "rows"}${sums === "" ? "" : ` (${sums})`}.`,
  sum: { in: (amount: string) => `${amount} in`, out: (amount: string) => `${amount} out` },
  otherAssets: (count: number) => (count === 1 ? "1 other asset" : `${count} other assets`),
  list: (items: readonly string[]) => items.join(", "),
  rule: (rule: string) => `Told by your rule ${rule}.`,

  liquidatingDo: "Look at the account in the app now: it shows what is left, and what is still owed.",
  liquidatedDo: "Look at the account in the app: it shows what is left, and what is still owed.",
  unknownFlowDo: "Look it up in the app: Binance began to use it, and it may be anything.",
  transferDo:
    "If that was not you: freeze the account in the Binance app, then change the password and delete the API keys.",
  transferAllow: (places: string) =>
    `If it was: with ${places} under transfers.allow in the config it is not told again.`,
  unknownTransfer: (types: string) => `margind does not know the type ${types} and takes it for a transfer out.`,

  loan: (amounts: string) => `a liquidation left a loan: ${amounts} to be paid back`,
  loanPaid: "the loan that a liquidation left is paid back",
  loanDo: "The collateral did not cover the debt. Pay the loan back in the app; margind only reads.",
};

export type HistoryWords = typeof en;

/** Between Chinese and a symbol there is a space. */
const spaced = (home: string): string => (/^\w/.test(home) ? ` ${home}` : home);

const zh: HistoryWords = {
  flow: FLOW_ZH,
  place: PLACE_ZH,
  quoted: (name) => `“${name}”`,
  nowhere: { in: "未知来源", out: "未知去向" },
  home: (symbol) => (symbol === "" ? "全仓" : `${symbol} 逐仓`),

  liquidating: (home, when, what) =>
    `${when === undefined ? "币安正在强平" : `币安已于 ${when} 强平`}${spaced(home)}：${what}`,
  flowRows: (count) => `资金流水 ${count} 条`,
  forcedOrders: (count) => `强平订单 ${count} 笔`,
  unknownFlows: (home, types) => `${home}：未知类型的资金流水 ${types}`,
  matches: (home, count, rule, sums) => `${home}：规则 ${rule} 命中 ${count} 条${sums === "" ? "" : `，合计 ${sums}`}`,
  flowOf: (home, what, time) => `${home}：${what}，${time}`,
  what: (amount, type) => `${type} ${amount}`,

  transferred: {
    in: (amount, home, place) => `${amount} 从${place}转入${spaced(home)}`,
    out: (amount, home, place) => `${amount} 从${spaced(home)}转出至${place}`,
  },
  transferLine: {
    in: (amount, place) => `${amount}，来自${place}`,
    out: (amount, place) => `${amount}，转至${place}`,
  },
  transfersOut: (count, home, sums) => `${home}转出 ${count} 笔：${sums}`,
  at: (text, time) => `${text}，${time}`,

  order: (side, qty, pair, price) => {
    const verb = side === "BUY" ? "买入" : side === "SELL" ? "卖出" : `“${side}”`;
    return `${pair} ${verb} ${qty}${price === undefined ? "" : `，均价 ${price}`}`;
  },
  unfilled: (side, pair) => `${pair} ${side === "BUY" ? "买单" : side === "SELL" ? "卖单" : `“${side}”`}，尚未成交`,
  line: (time, what) => `${time}  ${what}`,
  more: (count, sums) => `……另有 ${count} 条${sums === "" ? "" : `（${sums}）`}。`,
  sum: { in: (amount) => `转入 ${amount}`, out: (amount) => `转出 ${amount}` },
  otherAssets: (count) => `其他 ${count} 种资产`,
  list: (items) => items.join("，"),
  rule: (rule) => `由您的规则 ${rule} 触发。`,

  liquidatingDo: "请立即在应用中查看账户：剩余多少资产，还欠多少。",
  liquidatedDo: "请在应用中查看账户：剩余多少资产，还欠多少。",
  unknownFlowDo: "请在应用中核对：这是币安新增的类型，含义不明。",
  transferDo: "如非本人操作：请立即在币安应用中冻结账户，然后修改密码并删除 API 密钥。",
  transferAllow: (places) => `如为本人操作：在配置的 transfers.allow 中加入 ${places}，即不再提示。`,
  unknownTransfer: (types) => `margind 不认识类型 ${types}，按转出处理。`,

  loan: (amounts) => `强平后仍有欠款：待还 ${amounts}`,
  loanPaid: "强平遗留的欠款已还清",
  loanDo: "质押资产不足以偿还负债。请在应用中还清欠款；margind 只读。",
};

export const HISTORY_WORDS: Readonly<Record<Language, HistoryWords>> = { en, "zh-CN": zh };
