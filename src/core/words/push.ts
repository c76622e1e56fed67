// Words for what the exchange pushes: margin calls, and streams that it gives up.
import type { Language } from "../format.ts";
import type { PushStream } from "../push.ts";

const CALL: Readonly<Record<string, string>> = {
  MARGIN_CALL: "Binance calls for margin",
  PRE_LIQUIDATION: "Binance is about to liquidate",
  FORCE_LIQUIDATION: "Binance is liquidating",
};

const STREAM: Readonly<Record<PushStream, string>> = { risk: "risk stream", user: "user stream" };

const en = {
  call: (status: string | undefined): string => CALL[status ?? ""] ?? "Binance calls for margin",
  /** `level`: in two decimals. */
  called: (call: string, level: string | undefined) =>
    level === undefined ? `${call} (pushed)` : `${call} (pushed): margin level ${level}`,
  callOver: (level: string | undefined) =>
    level === undefined ? "margin call is over: no debt" : `margin call is over: margin level ${level}`,
  said: (status: string, time: string, level: string | undefined) =>
    level === undefined
      ? `Binance's own stream said ${status} at ${time}.`
      : `Binance's own stream said ${status} at ${time}; the account was last read at ${level}.`,
  /** `worst`: a word worse than the mildest. */
  saidBefore: (time: string, worst: string | undefined, level: string | undefined) => {
    const said = worst === undefined ? "" : `, at worst ${worst}`;
    const now = level === undefined ? "" : `; the account's own answer now says ${level}`;
    return `Binance's own stream called at ${time}${said}${now}.`;
  },
  callDo: "Look at the account now: add collateral or repay.",
  callEnds: "It ends only when the account itself is read well above its margin-call bar.",
  answerAgain: (level: string) => `The account's own answer says ${level} again.`,
  retired: (stream: PushStream, reason: string) => `Binance does not offer the ${STREAM[stream]} any more (${reason})`,
  /** It is offered, and there was no connection for an hour. */
  unavailable: (stream: PushStream, reason: string) =>
    `the ${STREAM[stream]} could not be connected for an hour (${reason})`,
  unavailableTries:
    "margind goes on trying, and tells when it works. Look at what the API key may do and at the network; stream: false ends the tries.",
  retiredMeans: "The account is polled as before and nothing is missed; only the head start is gone.",
  retiredTries: "margind tries the stream again every 6 hours, and tells when it works.",
  worksAgain: (stream: PushStream) => `the ${STREAM[stream]} works again`,
  worksMeans: "What Binance pushes brings the next poll forward again.",
};

export type PushWords = typeof en;

const ZH_CALL: Readonly<Record<string, string>> = {
  MARGIN_CALL: "币安要求追加保证金",
  PRE_LIQUIDATION: "币安即将强平",
  FORCE_LIQUIDATION: "币安正在强平",
};

const ZH_STREAM: Readonly<Record<PushStream, string>> = { risk: "风险数据推送", user: "账户数据推送" };

const zh: PushWords = {
  call: (status) => ZH_CALL[status ?? ""] ?? "币安要求追加保证金",
  called: (call, level) => (level === undefined ? `${call}（推送）` : `${call}（推送）：风险率 ${level}`),
  callOver: (level) => (level === undefined ? "追加保证金通知已解除：无负债" : `追加保证金通知已解除：风险率 ${level}`),
  said: (status, time, level) =>
    level === undefined
      ? `币安数据流于 ${time} 推送 ${status}。`
      : `币安数据流于 ${time} 推送 ${status}；账户最近一次读数为 ${level}。`,
  saidBefore: (time, worst, level) => {
    const said = worst === undefined ? "" : `，最严重为 ${worst}`;
    const now = level === undefined ? "" : `；账户当前读数为 ${level}`;
    return `币安数据流于 ${time} 发出通知${said}${now}。`;
  },
  callDo: "请立即查看账户：追加质押资产或还款。",
  callEnds: "只有账户自身的读数恢复正常，本告警才会解除。",
  answerAgain: (level) => `账户自身的读数已回到 ${level}。`,
  retired: (stream, reason) => `币安不再提供${ZH_STREAM[stream]}（${reason}）`,
  unavailable: (stream, reason) => `${ZH_STREAM[stream]}已一小时无法连接（${reason}）`,
  unavailableTries: "margind 会继续重试，恢复后会通知。请检查 API 密钥的权限和网络；设为 stream: false 可停止重试。",
  retiredMeans: "轮询照常进行，不会遗漏任何变化，只是不再提前得知。",
  retiredTries: "margind 每 6 小时重试一次，恢复后会通知。",
  worksAgain: (stream) => `${ZH_STREAM[stream]}已恢复`,
  worksMeans: "币安一有推送，就会提前轮询。",
};

export const PUSH_WORDS: Readonly<Record<Language, PushWords>> = { en, "zh-CN": zh };
