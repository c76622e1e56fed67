// What people read about interest rates, in both languages, word by word.
import { expect, test } from "vitest";
import { bookOf, messageText } from "../../test/support/desk.ts";
import { advanceOwn, applied, type States } from "./advance.ts";
import { announce } from "./announce.ts";
import type { Language } from "./format.ts";
import type { InterestNews } from "./interest.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23, 5);
const LASTED_MS = 192 * 60_000;
const book = bookOf();
const id = { account: "main", subject: "asset USDT", rule: "interest-rate" } as const;
const NEWS: InterestNews = {
  ...{ asset: "USDT", isIsolated: false, times: 4, owed: 24_405 },
  ...{ hourlyRate: 0.000021, medianRate: 0.000005 },
};

/** The alert as it opens; or after it was open, as it ends. */
function read(news: InterestNews | undefined, isOver: boolean, language: Language): string {
  const locale = { timezone: "UTC", language };
  const at = (nowMs: number, states: States, now: InterestNews | undefined, severity: "warning" | null) => {
    const moved = advanceOwn(id, severity, { about: "interest", news: now }, { states, book, nowMs });
    return announce(moved.changes, moved.situations, { book, states, nowMs, locale });
  };
  const opened = (nowMs: number) => at(nowMs, new Map(), isOver ? NEWS : news, "warning");
  const states = applied(new Map(), opened(NOW_MS - LASTED_MS).changes);
  const [told] = (isOver ? at(NOW_MS, states, news, null) : opened(NOW_MS)).notifications;
  return told === undefined ? "" : messageText(told.message).replace(/\n#.*$/, "");
}

test.each<[string, InterestNews | undefined, boolean, Language, string]>([
  [
    "high",
    NEWS,
    false,
    "en",
    `WARNING · main · interest of USDT is 4.2 × its usual rate
What you owe costs 12.30 USDT a day instead of 2.93 USDT. Repay USDT, or borrow another asset in its place.
The rate is 0.0021 % an hour, 18.4 % a year; usual before: 0.0005 % an hour, 4.4 % a year (median of 7 days). You owe 24,405 USDT.`,
  ],
  [
    "high in pairs, hardly above the threshold, with a debt whose interest is next to nothing",
    { ...NEWS, asset: "BTC", isIsolated: true, owed: 1e-5, hourlyRate: 0.0000200133, medianRate: 0.000005 },
    false,
    "en",
    `WARNING · main · interest of BTC in isolated pairs is 4.003 × its usual rate
What you owe costs less than 0.00000001 BTC a day instead of less than 0.00000001 BTC. Repay BTC, or borrow another asset in its place.
The rate is 0.002 % an hour, 17.5 % a year; usual before: 0.0005 % an hour, 4.4 % a year (median of 7 days). You owe 0.00001000 BTC.`,
  ],
  [
    "high, with the same digits on both sides",
    { ...NEWS, owed: 4_000, hourlyRate: 0.000025 },
    false,
    "en",
    `WARNING · main · interest of USDT is 5.0 × its usual rate
What you owe costs 2.40 USDT a day instead of 0.48 USDT. Repay USDT, or borrow another asset in its place.
The rate is 0.0025 % an hour, 21.9 % a year; usual before: 0.0005 % an hour, 4.4 % a year (median of 7 days). You owe 4,000 USDT.`,
  ],
  [
    "usual again",
    { ...NEWS, hourlyRate: 0.0000055 },
    true,
    "en",
    `RESOLVED · main · interest of USDT is down to 1.1 × its usual rate
What you owe costs 3.22 USDT a day. The rate is 0.00055 % an hour, 4.8 % a year; usual before: 0.0005 % an hour, 4.4 % a year (median of 7 days).
The alert was open for 3 h 12 min.`,
  ],
  [
    "repaid",
    undefined,
    true,
    "en",
    `RESOLVED · main · USDT: nothing that counts is owed at the high interest rate any more
The alert was open for 3 h 12 min.`,
  ],
  [
    "high",
    NEWS,
    false,
    "zh-CN",
    `警告 · main · USDT 的借币利率为平时的 4.2 倍
所欠部分每天的利息为 12.30 USDT，平时为 2.93 USDT。请归还 USDT，或改借其他资产。
利率每小时 0.0021 %，每年 18.4 %；此前通常为每小时 0.0005 %，每年 4.4 %（7 天中位数）。负债 24,405 USDT。`,
  ],
  [
    "usual again, in pairs",
    { ...NEWS, isIsolated: true, hourlyRate: 0.0000055 },
    true,
    "zh-CN",
    `已解除 · main · 逐仓 USDT 的借币利率已降到平时的 1.1 倍
所欠部分每天的利息为 3.22 USDT。利率每小时 0.00055 %，每年 4.8 %；此前通常为每小时 0.0005 %，每年 4.4 %（7 天中位数）。
告警历时 3小时12分钟。`,
  ],
  [
    "repaid",
    undefined,
    true,
    "zh-CN",
    `已解除 · main · USDT：按高利率计息的欠款已不存在或微不足道
告警历时 3小时12分钟。`,
  ],
])("%s (%#)", (_, news, isOver, language, expected) => {
  expect(read(news, isOver, language)).toBe(expected);
});
