// Simplified Chinese. Terms as Binance's own Chinese pages use them: 全仓, 逐仓, 风险率, 强平, 追加保证金.
import { type Failure, OWN_ACCOUNT, type Severity, type Subject } from "../ports.ts";
import type { FieldName } from "../rules/fields.ts";
import type { LostState } from "../situation.ts";
import type { Words } from "./en.ts";
import { EVENT_WORDS } from "./events.ts";
import { SOURCE_NAMES_ZH } from "./source.ts";

const SEVERITY: Readonly<Record<Severity, string>> = { info: "提示", warning: "警告", critical: "严重" };

const FIELD: Readonly<Record<FieldName, string>> = {
  marginLevel: "风险率",
  collateralMarginLevel: "质押风险率",
  marginLevelStatus: "状态",
  liquidationDistancePct: "距强平幅度",
  minutesToLiquidation: "距强平时间",
  transferOutEnabled: "转出",
  transferInEnabled: "转入",
  borrowEnabled: "借币",
  tradeEnabled: "交易",
  enabled: "交易对",
  accountType: "账户类型",
  totalAssetOfBtc: "总资产",
  totalLiabilityOfBtc: "总负债",
  totalNetAssetOfBtc: "净资产",
  indexPrice: "指数价格",
  liquidatePrice: "强平价格",
};

const STATUS: Readonly<Record<string, string>> = {
  EXCESSIVE: "安全",
  NORMAL: "正常",
  MARGIN_CALL: "追加保证金",
  PRE_LIQUIDATION: "即将强平",
  FORCE_LIQUIDATION: "正在强平",
};

const FAILURE: Readonly<Record<Failure["code"], string>> = {
  unreachable: "无法连接币安",
  timeout: "币安未按时应答",
  unavailable: "币安服务异常",
  rate_limited: "币安要求暂停：本地址请求过多",
  banned: "币安已封禁本地址",
  rejected_key: "币安拒绝此 API 密钥（密钥、IP 白名单或权限）",
  bad_signature: "币安拒绝签名：密钥与私钥不匹配",
  clock_skew: "本机时钟与币安相差过大",
  bad_response: "币安的应答无法读取",
};

const BY_HAND: Readonly<Partial<Record<Failure["code"], string>>> = {
  banned: "不要重启 margind，封禁不会因此解除",
  rejected_key: "在币安 API 管理中检查密钥的 IP 白名单和权限",
  bad_signature: "在配置中填入与此密钥对应的私钥",
  clock_skew: "校准本机时钟（NTP）",
  unreachable: "检查本机网络与 DNS",
};

const LOST: Readonly<Record<LostState, string>> = {
  damaged: "数据库已损坏。",
  vanished: "数据库不见了或为空。",
  unreadable: "磁盘无法读出数据库。",
  rows: "部分记录与写入时不符，已在数据库中另存。",
};

export const zh: Words = {
  severity: SEVERITY,
  headSeverity: SEVERITY,
  head: {
    still: (severity) => `仍为${severity}`,
    resolved: "已解除",
    ended: "已终止",
    blind: "失去数据",
    stillBlind: "仍无数据",
    test: "测试",
  },
  join: (sentences) => sentences.join(""),

  subject(subject: Subject): string {
    if (subject === "cross") return "全仓";
    if (subject === "feed") return "数据";
    if (subject === "daemon") return "margind";
    if (subject === "flow") return "全仓资金流水";
    if (subject === "transfer") return "全仓划转";
    const [kind, name] = subject.split(" ");
    if (kind === "flow") return `${name} 逐仓资金流水`;
    if (kind === "transfer") return `${name} 逐仓划转`;
    if (kind === "asset") return subject.slice(kind.length + 1);
    if (kind === "source") return SOURCE_NAMES_ZH[subject.slice(kind.length + 1)] ?? subject.slice(kind.length + 1);
    return kind === "isolated" ? `${name} 逐仓` : subject.replace(/^notifier /, "通知渠道 ");
  },
  source: { cross: "全仓账户", isolated: "逐仓交易对" },
  field: FIELD,
  is: (subject, field, value) => `${subject} ${field} ${value}`,
  flag: (isOn) => (isOn ? "已开启" : "已关闭"),
  status: (status) => STATUS[status] ?? `“${status}”`,
  aside: (text) => `（${text}）`,
  below: (threshold) => `低于 ${threshold}`,
  above: (threshold) => `高于 ${threshold}`,
  was: (severity) => `此前${SEVERITY[severity]}`,
  noDebt: "无负债",

  crossDistance: (bar, pct) => `全部质押资产再跌 ${pct} % 即到强平线 ${bar}。`,
  crossPassed: (bar) => `已到强平线 ${bar}：币安可能正在强平。`,
  pairDistance: (price, pct, rises, index) =>
    `再${rises ? "涨" : "跌"} ${pct} % 即到强平价 ${price}（指数价格 ${index}）。`,
  pairPassed: (price) => `已到强平价 ${price}：币安可能正在强平。`,
  backToLevel: (target) => `回到 ${target}`,
  backToMarginLevel: (target) => `风险率回到 ${target}`,
  backToCollateral: (target) => `质押风险率回到 ${target}`,
  backToDistance: (pct) => `距强平幅度回到 ${pct} %`,
  ways: (target, add, repay, sell) => {
    const ways = [
      add === undefined ? undefined : `追加 ${add}`,
      repay === undefined ? undefined : `用外部资金还款 ${repay}`,
      sell === undefined ? undefined : `卖出并还款 ${sell}`,
    ].filter((way) => way !== undefined);
    return `${target}：${ways.join("，或")}。`;
  },
  statusMeans: (status, isUnknown) => {
    if (isUnknown) return `margind 不认识状态“${status}”，按最坏情况处理。`;
    if (status === "MARGIN_CALL") return "币安要求追加保证金（MARGIN_CALL）：请追加质押资产或还款。";
    if (status === "PRE_LIQUIDATION") return "币安即将强平此交易对（PRE_LIQUIDATION）。";
    return status === "FORCE_LIQUIDATION" ? "币安正在强平（FORCE_LIQUIDATION）。" : undefined;
  },
  transferOutMeans: "账户无法转出资产：这是质押资产不足的信号。",
  levelNow: (level) => `风险率 ${level}。`,

  since: (severity, time, from) => {
    const start = `自 ${time} 起为${SEVERITY[severity]}`;
    if (from === undefined) return `${start}。`;
    return `${start}，由 ${from.time} 起的${SEVERITY[from.severity]}${from.rising ? "升级" : "降级"}。`;
  },
  sinceFor: (severity, time, lasted) => `自 ${time} 起为${SEVERITY[severity]}，已持续 ${lasted}。`,
  data: (age, time) => `数据时间 ${time}（${age}前）。`,
  lasted: (peak, lasted, worst) => {
    if (worst === undefined) return `历时 ${lasted}，最高级别为${SEVERITY[peak]}。`;
    const extreme = worst.lower === undefined ? "" : worst.lower ? "最低 " : "最高 ";
    return `历时 ${lasted}，最高级别为${SEVERITY[peak]}，${extreme}${worst.value}（${worst.time}）。`;
  },
  messages: (count) => `此前共 ${count} 条消息。`,
  debtGone: "已无负债：已还清、平仓或被强平。如非本人操作，请立即查看账户。",

  blind: (lasted) => `已 ${lasted}没有有效应答`,
  seesAgain: (lasted) => `${lasted}后数据恢复`,
  failure: (failure, until) =>
    `${FAILURE[failure.code]}${failure.detail === "" ? "" : `（${failure.detail}）`}${
      until === undefined ? "" : `，直到 ${until.time}（${until.left}）`
    }。`,
  unreadable: (source, text) => `${source}：${text}。`,
  noAnswerYet: "这段时间内没有收到任何应答。",
  lastSeen: (known, time) => `最后一次数据：${known.join("，")}，${time}。`,
  lastSeenNothing: "最后一次数据中没有负债。",
  neverSeen: "从未读到此账户。",
  blindMeans: "在数据恢复之前不会解除任何告警。",
  byHand: (failure) => {
    const more = failure === null ? undefined : BY_HAND[failure.code];
    return `请手动：在应用中查看账户${more === undefined ? "" : `；${more}`}。`;
  },
  stillFiring: (list) => `仍在告警：${list.join("，")}。`,
  nothingFiring: "没有其他告警。",

  gone: "持仓消失：已平仓或被强平",
  goneMeans: "交易所的应答中不再有此持仓，而上次看到时它有负债。",
  goneDo: "如果不是你平仓，请立即查看账户。在重新看到它之前，它的其他告警保持不变。",
  goneBack: "重新出现在交易所的应答中",
  goneBackInDebt: "持仓仍在，已恢复监视。",
  notOpened: "没有全仓杠杆账户",
  notOpenedDo: "配置为 cross: true，但币安没有此密钥的全仓账户。请开通，或设为 cross: false。",
  notCreated: "此交易对从未开通",
  notCreatedDo: "配置的 isolated 中有它，但账户没有此交易对。请开通，或从配置中删除。",
  noField: (rule) => `规则 ${rule} 监控此账户没有的数据`,
  noFieldDo: (field, accountType) =>
    `${accountType} 类型账户的风险率不是资产除以负债，因此没有${field}。此规则不监控任何内容：请改用 marginLevel。`,
  disorder: (rule) => `规则 ${rule} 的阈值顺序有误`,
  disorderDo: (milder, worse) =>
    `按账户自身的风险线，${SEVERITY[milder]}并不比${SEVERITY[worse]}宽松。以更严格者为准；请修改配置中的规则。`,
  configWrong: "配置与账户不符",
  configRight: "配置与账户重新一致",
  cannotDeliver: "无法送达",
  deliversAgain: "恢复送达",
  noReason: "对方没有应答。",
  waiting: (count, since) => `自 ${since} 起有 ${count} 条消息等待；已保存，恢复后即发送。`,
  nothingWaits: "目前没有等待的消息，但下一条告警将无法送达。",
  disk: "状态无法写入",
  diskShort: "磁盘已满，正在使用预留空间",
  diskShortDo: (reason) => `${reason}。状态仍写入为此预留的空间，但维持不了多久。请立即释放空间。`,
  diskAgain: "状态恢复写入",
  diskDo: (reason) =>
    `${reason}。告警继续在内存中运行：此时重启可能重复或丢失部分告警。请释放空间、修复磁盘，或结束占用它的程序。`,
  configRejected: "新配置被拒绝，旧配置继续生效",
  configAccepted: "生效的配置重新有效",
  moreMistakes: (count) => `……另有 ${count} 处：margind check 会全部列出。`,
  givesUp: "停止运行，不再监视",
  neverDelivered: (count) => `${count} 条消息从未送达：其通知渠道已从配置中删除`,
  more: (count) => `……另有 ${count} 条。`,
  stateLost: "保存的状态已丢失",
  rowsLost: "部分保存的状态已丢失",
  stateLostDo: (what, movedTo) =>
    `${LOST[what]}${movedTo === undefined ? "" : `已移至 ${movedTo}。`}正在告警的可能会再次通知，此前未结束的告警可能不会在此解除。`,
  restarts: (count, time) => `自 ${time} 起启动了 ${count} 次，每次都是非正常结束之后`,
  restartsDo: (crash) => (crash === undefined ? "进程被杀死或崩溃：请查看日志。" : `最后的错误：${crash}`),
  gap: (from, to, lasted) => `${from} 至 ${to} 无人监视（${lasted}）`,
  gapDo: (why) =>
    `${why === "down" ? "margind 未在运行。" : "本机曾休眠或停顿，或时钟被向前调整。"}在此期间下跌后又恢复的风险率没有被看到。`,
  removed: (field) => `${field}：告警期间规则被删除`,
  unwatched: (what) => `${what}：不再监控`,
  unwatchedDo: "配置中已不再读取此项。它并未恢复。",
  removedDo: "配置中已没有此规则，因此不再有人监视。它并未解除。",

  lateAt: (time) => time,
  lateSpan: (from, to) => `${from} 至 ${to}`,
  lateItem: (text, when) => `${text} · ${when}`,
  late: (text, when) => `${text} · ${when}，延迟送达`,
  lateBefore: (count, time, headline) =>
    count === 1 ? `${time} 未能送达：${headline}` : `自 ${time} 起 ${count} 条消息未能送达，首条：${headline}`,
  lateReason: (notifier, reason) => `等待 ${notifier}：${reason}。`,
  lateSubject: (account, count) => `margind ${account}：${count} 个告警，延迟送达`,

  count: (count) => `${count} 个告警，最严重的在前`,
  countFiring: (firing, size) => `${size} 个告警中 ${firing} 个仍在告警`,
  mailSubject: (account, what) => (account === OWN_ACCOUNT ? `margind：${what}` : `margind ${account}：${what}`),
  mailSubjectMany: (account, count, some) => `margind ${account}：${count} 个告警（${some}）`,
  event: EVENT_WORDS.zh,
  testHead: (notifier) => `${notifier} 的测试通知`,
  testLine: "看到这条消息，说明 margind 的告警能够送达这里。",
  testSubject: "margind：测试通知",
};
