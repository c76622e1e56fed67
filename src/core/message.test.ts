// What people read, whole: these texts are the product.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BARS_5X, cross, debtFree, emptyPair, FETUSDT, isolated, leg, longPair } from "../../test/support/answers.ts";
import { bookOf, type Desk, type DeskOptions, messageText, openDesk, type Told } from "../../test/support/desk.ts";
import { advanceOwn, endOrphans, notice } from "./advance.ts";
import { compose, testMessage } from "./compose.ts";
import type { Blindness } from "./feed.ts";
import type { Language, Locale } from "./format.ts";
import { conversation, section, standing } from "./message.ts";
import type { Answer, Failure, Message, Section } from "./ports.ts";
import type { RuleConfig } from "./rules/types.ts";
import type { Situation } from "./situation.ts";
import { WORDS } from "./words/index.ts";

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
/** 12 March 2020. */
const at = (hour: number, minute = 0, second = 0): number => Date.UTC(2020, 2, 12, hour, minute, second);

const ZH = { locale: { timezone: "Asia/Shanghai", language: "zh-CN" } } as const satisfies DeskOptions;

/** The only message, without the name of the incident (#A1B2-3 becomes #3): what a name is made of is tested elsewhere. */
function read(told: Told): string {
  expect(told.notifications).toHaveLength(1);
  return told.notifications.map(({ message }) => textOf(message)).join("\n");
}

const textOf = (message: Message): string => messageText(message).replaceAll(/#[0-9A-Z]{4}-(\d+)/g, "#$1");

const lines = (...each: string[]): string => each.join("\n");

const rule = (over: Partial<RuleConfig> & Pick<RuleConfig, "field" | "ladder">): RuleConfig => ({
  id: "mine",
  on: "cross",
  symbols: "all",
  hysteresisPct: 2,
  forMs: 0,
  clearAfterMs: 0,
  ...over,
});
const below = (critical: number): RuleConfig["ladder"] => ({
  kind: "below",
  rungs: { critical: { kind: "number", value: critical } },
});

// ---------------------------------------------------------------- the life of a cross alert

/** From a warning at 20:10 to its end at night; each step is what was told. */
function crossLife(options: DeskOptions = {}) {
  const desk = openDesk(options);
  return {
    opened: desk.look(at(20, 10), cross(1.36)),
    raised: desk.look(at(23, 5, 2), cross(1.24)),
    reminded: desk.look(at(23, 17), cross(1.19)),
    leaving: [desk.look(at(24, 9, 30), cross(1.35)), desk.look(at(24, 9, 45), cross(1.35))],
    lowered: desk.look(at(24, 10), cross(1.35)),
    rising: [desk.look(at(26, 16, 30), cross(1.6)), desk.look(at(26, 16, 45), cross(1.6))],
    resolved: desk.look(at(26, 17), cross(1.62)),
  };
}

describe("a cross margin level", () => {
  const life = crossLife();

  test("opened", () => {
    expect(read(life.opened)).toBe(
      lines(
        "WARNING · main · cross margin level 1.36 (below 1.365)",
        "Liquidation at 1.10 is a 19.1 % fall away (all collateral together).",
        "Back to 1.53: add 7,650 USDT, or repay 5,000 USDT from outside, or sell and repay 14,434 USDT.",
        "Warning since 20:10 UTC. Data 2 s old at 20:10:00.",
        "#1",
      ),
    );
  });

  test("raised: the example of the design", () => {
    expect(read(life.raised)).toBe(
      lines(
        "CRITICAL · main · cross margin level 1.24 (below 1.30)",
        "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
        "Back to 1.53: add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT.",
        "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:02.",
        "#2",
      ),
    );
  });

  test("reminded", () => {
    expect(read(life.reminded)).toBe(
      lines(
        "STILL CRITICAL · main · cross margin level 1.19 (below 1.30)",
        "Liquidation at 1.10 is a 7.6 % fall away (all collateral together).",
        "Back to 1.53: add 15,300 USDT, or repay 10,000 USDT from outside, or sell and repay 28,868 USDT.",
        "Critical since 23:05 UTC, for 12 min now. Data 2 s old at 23:17:00.",
        "#3",
      ),
    );
  });

  test("lowered, on the next day", () => {
    expect(life.leaving.flatMap(({ notifications }) => notifications)).toEqual([]);
    expect(read(life.lowered)).toBe(
      lines(
        "WARNING · main · cross margin level 1.35 (was critical)",
        "Liquidation at 1.10 is an 18.5 % fall away (all collateral together).",
        "Back to 1.53: add 8,100 USDT, or repay 5,294.12 USDT from outside, or sell and repay 15,284 USDT.",
        "Warning since 00:10 UTC, down from critical since 12 Mar 23:05. Data 2 s old at 00:10:00.",
        "#4",
      ),
    );
  });

  test("resolved", () => {
    expect(life.rising.flatMap(({ notifications }) => notifications)).toEqual([]);
    expect(read(life.resolved)).toBe(
      lines(
        "RESOLVED · main · cross margin level 1.62",
        "Open for 6 h 7 min, at worst critical, lowest 1.19 at 12 Mar 23:17 UTC. 4 messages before this.",
        "#5",
      ),
    );
  });

  test("in Chinese", () => {
    const zh = crossLife(ZH);
    expect(read(zh.raised)).toBe(
      lines(
        "严重 · main · 全仓 风险率 1.24（低于 1.30）",
        "全部质押资产再跌 11.3 % 即到强平线 1.10。",
        "回到 1.53：追加 13,050 USDT，或用外部资金还款 8,529.42 USDT，或卖出并还款 24,623 USDT。",
        "自 07:05 GMT+8 起为严重，由 04:10 起的警告升级。数据时间 07:05:02（2秒前）。",
        "#2",
      ),
    );
    expect(read(zh.reminded)).toContain("仍为严重 · main · 全仓 风险率 1.19（低于 1.30）");
    expect(read(zh.lowered)).toContain("由 07:05 起的严重降级");
    expect(read(zh.resolved)).toBe(
      lines(
        "已解除 · main · 全仓 风险率 1.62",
        "历时 6小时7分钟，最高级别为严重，最低 1.19（07:17 GMT+8）。此前共 4 条消息。",
        "#5",
      ),
    );
  });
});

test("a level just below its threshold is never shown on the other side of it", () => {
  const first = (level: number) => read(openDesk().look(at(20), cross(level))).split("\n")[0];
  expect(first(1.3649)).toBe("WARNING · main · cross margin level 1.36 (below 1.365)");
  expect(first(1.29999)).toBe("CRITICAL · main · cross margin level 1.29999 (below 1.30)");
  expect(first(1.4999)).toBe("INFO · main · cross margin level 1.4999 (below 1.50)");
});

test("at the liquidation bar nothing is promised any more", () => {
  expect(read(openDesk().look(at(4), cross(1.1)))).toContain(
    "\nThe liquidation bar of 1.10 is reached: Binance may be liquidating now.\nBack to 1.53: add 19,350 USDT",
  );
  expect(read(openDesk().look(at(4), cross(1.1004)))).toContain("is a 0.04 % fall away");
});

test("an account of 5x has bars of its own, all digits shown", () => {
  expect(read(openDesk({ bars: BARS_5X }).look(at(4), cross(1.2)))).toBe(
    lines(
      "WARNING · main · cross margin level 1.20 (below 1.218)",
      "Liquidation at 1.10 is an 8.3 % fall away (all collateral together).",
      "Back to 1.275: add 3,375 USDT, or repay 2,647.06 USDT from outside, or sell and repay 12,273 USDT.",
      "Warning since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
});

test("the level of a Pro account is no quotient: no distance and no amounts are made up", () => {
  expect(read(openDesk().look(at(4), cross(1.24, { accountType: "MARGIN_2" })))).toBe(
    lines(
      "CRITICAL · main · cross margin level 1.24 (below 1.30)",
      "Critical since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
});

/** Opens, and half a minute later there is no debt any more. */
function repaid(desk: Desk): Told {
  desk.look(at(4), cross(1.29));
  desk.look(at(4, 0, 30), debtFree());
  return desk.look(at(4, 1), debtFree());
}

test("resolved because nothing is owed any more: perhaps it was a liquidation", () => {
  expect(read(repaid(openDesk()))).toBe(
    lines(
      "RESOLVED · main · cross margin level: no debt",
      "Open for 1 min 2 s, at worst critical, lowest 1.29 at 04:00 UTC. 1 message before this. There is no debt any more: repaid, closed or liquidated. If that was not you, look at the account now.",
      "#2",
    ),
  );
  expect(read(repaid(openDesk(ZH)))).toContain("已解除 · main · 全仓 风险率: 无负债");
});

test("lowered with nothing owed any more does not speak of a level of 999", () => {
  const desk = openDesk();
  desk.look(at(4), cross(1.29));
  desk.look(at(4, 0, 10), cross(1.4));
  expect(desk.look(at(4, 0, 30), debtFree()).notifications).toEqual([]);
  expect(read(desk.look(at(4, 0, 40), debtFree())).split("\n")[0]).toBe("INFO · main · cross margin level: no debt");
});

// ---------------------------------------------------------------- other rules of the cross account

test("transfer out", () => {
  const desk = openDesk();
  expect(read(desk.look(at(4), debtFree({ transferOutEnabled: false })))).toBe(
    lines(
      "WARNING · main · cross transfer out is off",
      "Nothing can be transferred out of the account.",
      "Warning since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
  desk.look(at(4, 5), debtFree());
  expect(read(desk.look(at(4, 5, 30), debtFree()))).toBe(
    lines(
      "RESOLVED · main · cross transfer out is on",
      "Open for 5 min 32 s, at worst warning. 1 message before this.",
      "#2",
    ),
  );
});

test("transfer out of an account in debt tells its level and distance too", () => {
  expect(read(openDesk().look(at(4), cross(1.7, { transferOutEnabled: false })))).toContain(
    "\nNothing can be transferred out of the account: a sign that collateral is short. Margin level 1.70. Liquidation at 1.10 is a 35.3 % fall away (all collateral together).\n",
  );
});

test("a distance of the cross account, with the way back to it", () => {
  const rules = [rule({ field: "liquidationDistancePct", ladder: below(12.5) })];
  expect(read(openDesk({ rules }).look(at(4), cross(1.24)))).toBe(
    lines(
      "CRITICAL · main · cross distance to liquidation 11.3 % (below 12.5 %)",
      "Margin level 1.24. Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
      "Back to a distance of 12.75 %: add 933.53 USDT, or repay 740.46 USDT from outside, or sell and repay 3,580.22 USDT.",
      "Critical since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
});

test("a way that leads nowhere is not proposed: who owes more than there is cannot sell his way out", () => {
  const rules = [rule({ field: "marginLevel", ladder: below(1) })];
  expect(read(openDesk({ rules }).look(at(4), cross(0.9)))).toContain(
    "\nBack to 1.02: add 5,400 USDT, or repay 5,294.12 USDT from outside.\n",
  );
});

test("a status of the cross account, with the way back to normal", () => {
  const ladder = { kind: "is", rungs: { critical: ["MARGIN_CALL", "FORCE_LIQUIDATION"] } } as const;
  const rules = [rule({ field: "marginLevelStatus", ladder })];
  expect(read(openDesk({ rules }).look(at(4), cross(1.24)))).toBe(
    lines(
      "CRITICAL · main · cross status margin call",
      "Binance calls for margin (MARGIN_CALL): add collateral or repay. Margin level 1.24. Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
      "Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.",
      "Critical since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
  expect(read(openDesk({ rules }).look(at(4), cross(1.05)))).toContain(
    "\nBinance is liquidating now (FORCE_LIQUIDATION). Margin level 1.05. The liquidation bar of 1.10 is reached",
  );
});

test("a value that must not rise", () => {
  const ladder = { kind: "above", rungs: { warning: { kind: "number", value: 4.25 } } } as const;
  const desk = openDesk({ rules: [rule({ field: "totalLiabilityOfBtc", ladder })] });
  expect(read(desk.look(at(4), cross(2)))).toBe(
    lines(
      "WARNING · main · cross debt 4.50 BTC (above 4.25 BTC)",
      "Margin level 2.00. Liquidation at 1.10 is a 45.0 % fall away (all collateral together).",
      "Warning since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
  expect(read(desk.look(at(5), cross(2, { totalLiabilityOfBtc: 4 })))).toContain(
    "at worst warning, highest 4.50 BTC at",
  );
});

// ---------------------------------------------------------------- isolated pairs

test("a long pair", () => {
  expect(read(openDesk().look(at(4), isolated([longPair("BTCUSDT", 5)])))).toBe(
    lines(
      "WARNING · main · BTCUSDT isolated distance to liquidation 5.0 % (below 6 %)",
      "Margin level 1.11. Liquidation at 9,500 USDT is a 5.0 % fall away (index price 10,000).",
      "Back to a distance of 10.2 %: add 520 USDT, or repay 495.24 USDT from outside, or sell and repay 3,421.06 USDT.",
      "If BTC falls 5 / 10 / 20 %: level 1.05 / 0.99 / 0.88 (liquidation at 1.05).",
      "Warning since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
});

const shortPair = longPair("FETUSDT", 0, {
  marginLevel: 1.081,
  indexPrice: 0.60221962,
  liquidatePrice: 0.62,
  base: leg("FET", { borrowed: 1_000 }),
  quote: leg("USDT", { free: 651 }),
});

test("a short pair is liquidated by a rise, and repaid in its base", () => {
  expect(read(openDesk().look(at(4), isolated([shortPair])))).toContain(
    lines(
      "CRITICAL · main · FETUSDT isolated distance to liquidation 2.95 % (below 3 %)",
      "Margin level 1.08. Liquidation at 0.62000 USDT is a 3.0 % rise away (index price 0.60222).",
      "Back to a distance of 10.2 %: add 45.83 USDT (69.06 FET), or repay 65.77 FET from outside, or sell and repay 291.72 USDT (484.40 FET).",
      "If FET rises 5 / 10 %: level 1.03 / 0.98 (liquidation at 1.05).",
    ),
  );
});

test("a pair that is next to its liquidation price is not said to be there", () => {
  expect(read(openDesk().look(at(4), isolated([longPair("BTCUSDT", 0.04)])))).toContain("is a 0.04 % fall away");
});

test("a pair at its liquidation price", () => {
  expect(read(openDesk().look(at(4), isolated([longPair("BTCUSDT", -1)])))).toContain(
    lines(
      "CRITICAL · main · BTCUSDT isolated distance to liquidation 0.0 % (below 3 %)",
      "Margin level 1.04. The liquidation price of 10,100 USDT is reached: Binance may be liquidating now.",
      "Back to a distance of 10.2 %: add 1,120 USDT",
    ),
  );
});

test.each([
  ["MARGIN_CALL", "WARNING", "status margin call", "Binance calls for margin (MARGIN_CALL): add collateral or repay."],
  [
    "PRE_LIQUIDATION",
    "CRITICAL",
    "status close to liquidation",
    "Binance is about to liquidate this pair (PRE_LIQUIDATION).",
  ],
  ["FORCE_LIQUIDATION", "CRITICAL", "status being liquidated", "Binance is liquidating now (FORCE_LIQUIDATION)."],
  [
    "BANKRUPT",
    "CRITICAL",
    'status "BANKRUPT"',
    'margind does not know the status "BANKRUPT" and counts it as the worst.',
  ],
])("the status %s", (marginLevelStatus, severity, status, meaning) => {
  expect(read(openDesk().look(at(4), isolated([longPair("BTCUSDT", 12, { marginLevelStatus })])))).toBe(
    lines(
      `${severity} · main · BTCUSDT isolated ${status}`,
      `${meaning} Margin level 1.19. Liquidation at 8,800 USDT is a 12.0 % fall away (index price 10,000).`,
      "Back to a distance of 15 %: add 300 USDT, or repay 285.72 USDT from outside, or sell and repay 1,500 USDT.",
      "If BTC falls 5 / 10 / 20 %: level 1.13 / 1.07 / 0.95 (liquidation at 1.05).",
      `${severity === "WARNING" ? "Warning" : "Critical"} since 04:00 UTC. Data 2 s old at 04:00:00.`,
      "#1",
    ),
  );
});

test("a flag of a pair comes back by no payment: no amounts", () => {
  const rules = [rule({ on: "isolated", field: "tradeEnabled", ladder: { kind: "is", rungs: { warning: [false] } } })];
  expect(read(openDesk({ rules }).look(at(4), isolated([{ ...FETUSDT, tradeEnabled: false }])))).toBe(
    lines(
      "WARNING · main · FETUSDT isolated trading is off",
      "Margin level 1.34. Liquidation at 0.51629 USDT is a 14.3 % fall away (index price 0.60222).",
      "Warning since 04:00 UTC. Data 2 s old at 04:00:00.",
      "#1",
    ),
  );
});

// ---------------------------------------------------------------- gone, and back

test("a position that disappeared, and what came of it", () => {
  const seen = isolated([longPair("BTCUSDT", 4.5)]);
  const desk = openDesk();
  desk.look(at(4), seen);
  expect(read(desk.look(at(4, 0, 5), isolated([])))).toBe(
    lines(
      "CRITICAL · main · BTCUSDT isolated: position disappeared: closed or liquidated",
      "The exchange's answer no longer holds this position, which had debt when it was last seen. Last seen BTCUSDT isolated 1.10 (warning) at 04:00:00 UTC.",
      "If you did not close it, look at the account now. Its other alerts stay open until it is seen again.",
      "#1",
    ),
  );
  expect(read(desk.look(at(4, 5, 5), isolated([]))).split("\n")[0]).toBe(
    "STILL CRITICAL · main · BTCUSDT isolated: position disappeared: closed or liquidated",
  );
  expect(read(desk.look(at(4, 5, 10), seen))).toBe(
    lines(
      "RESOLVED · main · BTCUSDT isolated: it is in the exchange's answer again",
      "The position is still open, and is watched again.",
      "#3",
    ),
  );
  desk.look(at(4, 5, 15), isolated([]));
  expect(read(desk.look(at(4, 5, 20), isolated([emptyPair("BTCUSDT")])))).toBe(
    lines(
      "RESOLVED · main · BTCUSDT isolated: it is in the exchange's answer again",
      "There is no debt any more: repaid, closed or liquidated. If that was not you, look at the account now.",
      "#2",
    ),
  );
});

test("a cross account that disappeared", () => {
  const desk = openDesk();
  desk.look(at(4), cross(2));
  expect(read(desk.look(at(17), debtFree({ opened: false })))).toContain("Last seen cross 2.00 at 04:00 UTC.");
});

// ---------------------------------------------------------------- the config does not fit

test.each([
  [
    debtFree({ opened: false }),
    "WARNING · main · cross: there is no cross margin account",
    "The config says cross: true, but Binance has no cross margin account for this key. Open it, or set cross: false.",
  ],
  [
    isolated([], ["ADAUSDT"]),
    "WARNING · main · ADAUSDT isolated: this pair was never opened",
    "The config names it under isolated, but the account has no such pair. Open it, or take it out of the config.",
  ],
] as const)("%# the config names what is not there", (answer, headline, todo) => {
  expect(read(openDesk().look(at(4), answer))).toBe(lines(headline, todo, "#1"));
});

test("the bars put a rule out of order, and then they do not", () => {
  const ladder = {
    kind: "below",
    rungs: { info: { kind: "number", value: 1.2 }, critical: { kind: "bar", bar: "marginCallBar", plusPct: 0 } },
  } as const;
  const rules = [rule({ id: "level", field: "marginLevel", ladder })];
  const desk = openDesk({ rules });
  expect(read(desk.look(at(4), cross(2)))).toBe(
    lines(
      "WARNING · main · cross: the thresholds of level are out of order",
      "With the account's own bars, info is not milder than critical. The stricter one holds; mend the rule in the config.",
      "#1",
    ),
  );
  expect(read(openDesk({ rules }).look(at(4), cross(1.25)))).toContain("Back to 1.326: add 3,420 USDT");
});

test("the config fits again", () => {
  const desk = openDesk();
  desk.look(at(4), isolated([], ["ADAUSDT"]));
  expect(read(desk.look(at(5), isolated([emptyPair("ADAUSDT")], ["ADAUSDT"])))).toBe(
    lines("RESOLVED · main · ADAUSDT isolated: the configuration fits the account again", "#2"),
  );
});

test("a rule that was removed while it fired is never said to be resolved", () => {
  const desk = openDesk();
  const { changes } = desk.look(at(4), cross(1.24));
  expect(
    read(
      desk.take(
        endOrphans(changes, () => false, at(5)),
        at(5),
      ),
    ),
  ).toBe(
    lines(
      "ENDED · main · cross cross-margin-level: rule removed while firing",
      "The rule is no longer in the config, so nobody watches this any more. It was not resolved.",
      "#2",
    ),
  );
});

test.each([
  [
    "en",
    "ENDED · main · LINK delisting: not watched any more",
    "The config no longer has this read. It was not resolved.",
  ],
  ["zh-CN", "已终止 · main · LINK 即将下架：不再监控", "配置中已不再读取此项。它并未恢复。"],
] as const)("one of margind's own that the config no longer has read, in %s", (language, title, line) => {
  const desk = openDesk({ locale: { timezone: "UTC", language } });
  const id = { account: "main", subject: "asset LINK", rule: "delist-schedule" } as const;
  const scene = { states: new Map(), book: bookOf(), nowMs: at(4) };
  const { changes } = desk.take(advanceOwn(id, "warning", { about: "loan", loans: [] }, scene), at(4));
  const told = desk.take(
    endOrphans(changes, () => false, at(5)),
    at(5),
  );
  expect(read(told)).toBe(lines(title, line, "#2"));
});

test("several that ended are not counted as resolved", () => {
  const ended = [sectionOf("ended", "critical"), sectionOf("resolved", "info")];
  expect(compose(ended, { account: "main", subject: "s" }, "en").title).toBe("ENDED · main · 2 alerts, worst first");
  const resolved = ended.slice(1).concat(sectionOf("resolved", "critical"));
  expect(compose(resolved, { account: "main", subject: "s" }, "en").title).toMatch(/^RESOLVED · /);
});

test("beside something that is over, a right that is back does not set the tone, and goes in its conversation", () => {
  const desk = openDesk();
  const loan = { account: "main", subject: "cross", rule: "liquidation-loan" } as const;
  const scene = (hours: number) => ({ states: desk.states(), book: bookOf(), nowMs: at(hours) });
  const owed = { about: "loan", loans: [{ asset: "USDT", remaining: 5 }] } as const;
  const first = desk.take(advanceOwn(loan, "critical", owed, scene(4)), at(4));
  const paid = advanceOwn(loan, null, { about: "loan", loans: [] }, scene(6));
  const back = notice(
    { account: "main", subject: "cross", rule: "flag-flip" },
    "info",
    { about: "flags", flips: [{ field: "borrowEnabled", from: false, to: true }], cross: undefined },
    scene(6),
  );
  const both = { changes: paid.changes, situations: [...back.situations, ...paid.situations] };
  const [told] = desk.take(both, at(6)).notifications;
  expect(told?.message.title).toBe("RESOLVED · main · 2 alerts, worst first");
  expect(told?.message).toMatchObject({ kind: "resolved", severity: "resolved" });
  expect(told?.message.sections.map(({ kind }) => kind)).toEqual(["resolved", "opened"]);
  expect(JSON.stringify(told?.message)).not.toContain("isPassing");
  expect(told?.root).toBe(first.notifications[0]?.id);
  const alone = desk.take(back, at(7)).notifications[0];
  expect(alone?.message).toMatchObject({ kind: "opened", severity: "info" });
  expect(alone?.root).toBeUndefined();
});

// ---------------------------------------------------------------- blind

const failure = (code: Failure["code"], detail = "", untilMs?: number): Failure =>
  untilMs === undefined ? { code, detail } : { code, detail, untilMs };

const blindness = (over: Partial<Blindness>): Blindness => ({
  source: "cross",
  sources: ["cross", "isolated"],
  silentMs: 34 * S,
  lastOkAtMs: at(2, 1, 26),
  failure: null,
  invalid: null,
  ...over,
});

/** Blind at 02:02 after a critical cross account and a pair were seen at 02:01:26. */
function blind(over: Partial<Blindness>, options: DeskOptions = {}): Told {
  const desk = openDesk(options);
  desk.look(at(2, 1, 26), cross(1.24), isolated([longPair("BTCUSDT", 12)]));
  return desk.watch(at(2, 2), blindness(over));
}

describe("blind", () => {
  test("banned", () => {
    expect(read(blind({ failure: failure("banned", "HTTP 418", at(2, 14)) }))).toBe(
      lines(
        "BLIND · main · no valid answer for 34 s",
        "Binance has banned this address (HTTP 418) until 02:14 UTC (12 min). Last seen cross 1.24 (critical), BTCUSDT isolated 1.19 at 02:01:26 UTC.",
        "Nothing will be resolved until data is fresh. By hand: look at the account in the app; do not restart margind to get round it, the ban is kept.",
        "#1",
      ),
    );
  });

  test("without network", () => {
    expect(read(blind({ failure: failure("unreachable", "connection refused") }))).toBe(
      lines(
        "BLIND · main · no valid answer for 34 s",
        "Binance cannot be reached (connection refused). Last seen cross 1.24 (critical), BTCUSDT isolated 1.19 at 02:01:26 UTC.",
        "Nothing will be resolved until data is fresh. By hand: look at the account in the app; check this machine's network and DNS.",
        "#1",
      ),
    );
  });

  test("with a key that is refused", () => {
    expect(read(blind({ failure: failure("rejected_key", "code -2015") }))).toContain(
      "\nBinance refuses the API key (the key, its address list or its permissions) (code -2015). Last seen",
    );
  });

  test("because something cannot be read", () => {
    expect(read(blind({ invalid: "cross: marginLevel is null, not a decimal" }))).toContain(
      "\nThe cross account: cross: marginLevel is null, not a decimal. Last seen",
    );
  });

  test("because nothing came back at all, not even an error", () => {
    expect(read(blind({}))).toContain("\nIn all this time no answer of any kind came back. Last seen");
  });

  test("on one side only: what the other side still shows is not called last seen", () => {
    expect(read(blind({ sources: ["isolated"], source: "isolated", failure: failure("timeout") }))).toContain(
      "\nBinance does not answer in time. Last seen BTCUSDT isolated 1.19 at 02:01:26 UTC.\n",
    );
  });

  test("in Chinese", () => {
    expect(read(blind({ failure: failure("banned", "HTTP 418", at(2, 14)) }, ZH))).toBe(
      lines(
        "失去数据 · main · 已 34秒没有有效应答",
        "币安已封禁本地址（HTTP 418），直到 10:14 GMT+8（12分钟）。最后一次数据：全仓 1.24 (严重)，BTCUSDT 逐仓 1.19，10:01:26 GMT+8。",
        "在数据恢复之前不会解除任何告警。请手动：在应用中查看账户；不要重启 margind，封禁不会因此解除。",
        "#1",
      ),
    );
  });

  test.each<[string, Desk, number | null, string]>([
    ["before anything was ever seen", openDesk(), null, "The account was never seen."],
    [
      "after an account that owed nothing",
      seenBefore(debtFree()),
      at(2, 1, 26),
      "Nothing was owed when the account was last seen.",
    ],
    [
      "after a restart without any network",
      seenBefore(cross(2)),
      at(2, 1, 26),
      "Last seen cross 2.00 at 02:01:26 UTC.",
    ],
  ])("%s", (_, desk, lastOkAtMs, text) => {
    expect(read(desk.watch(at(2, 3), blindness({ lastOkAtMs, failure: failure("unreachable") })))).toContain(text);
  });

  test("a sight of another day has its date", () => {
    const told = seenBefore(cross(2)).watch(at(50), blindness({ failure: failure("unreachable") }));
    expect(read(told)).toContain("Last seen cross 2.00 at 12 Mar 02:01 UTC.");
  });

  test("lists what fires without any debt, too", () => {
    const desk = seenBefore(debtFree({ transferOutEnabled: false }));
    expect(read(desk.watch(at(2, 3), blindness({ failure: failure("timeout") })))).toContain(
      "Still firing: cross (warning).",
    );
  });

  test("lists the worst few only", () => {
    const pairs = ["A", "B", "C", "D", "E", "F"].map((name, index) => longPair(`${name}USDT`, 20 - index));
    const told = seenBefore(isolated(pairs)).watch(at(2, 3), blindness({ failure: failure("timeout") }));
    expect(read(told)).toContain(
      "Last seen FUSDT isolated 1.24, EUSDT isolated 1.25, DUSDT isolated 1.27, CUSDT isolated 1.28, BUSDT isolated 1.30, and 1 more at 02:01:26 UTC.",
    );
    expect(read(told)).toContain("Nothing else is firing.");
  });

  test("still, and then no longer", () => {
    const desk = seenBefore(cross(1.24));
    desk.watch(at(2, 2), blindness({ failure: failure("timeout") }));
    expect(
      read(desk.watch(at(2, 7), blindness({ silentMs: 334 * S, failure: failure("timeout") }))).split("\n")[0],
    ).toBe("STILL BLIND · main · no valid answer for 5 min 34 s");
    expect(read(desk.watch(at(2, 14), undefined))).toBe(
      lines("RESOLVED · main · the data is fresh again after 12 min", "Still firing: cross 1.24 (critical).", "#3"),
    );
  });

  test("resolved with nothing else firing", () => {
    const desk = seenBefore(cross(2));
    desk.watch(at(2, 2), blindness({}));
    expect(read(desk.watch(at(2, 3), undefined))).toBe(
      lines("RESOLVED · main · the data is fresh again after 1 min", "Nothing else is firing.", "#2"),
    );
  });
});

function seenBefore(answer: Answer): Desk {
  const desk = openDesk();
  desk.look(at(2, 1, 26), answer);
  return desk;
}

// ---------------------------------------------------------------- several alerts in one message

const pairs = (count: number, awayPct: (index: number) => number) =>
  isolated(Array.from({ length: count }, (_, index) => longPair(`P${index}USDT`, awayPct(index))));

test("several alerts: a title that counts, worst first, five in full, the rest as a count with names", () => {
  const [notification] = openDesk().look(
    at(4),
    pairs(7, (index) => [9, 1, 8, 5, 2, 9.5, 7][index] ?? 9),
  ).notifications;
  const { title, sections, more, severity, kind, subject } = notification?.message ?? testMessage("", "", "en");
  expect({ title, severity, kind, subject }).toEqual({
    title: "CRITICAL · main · 7 alerts, worst first",
    severity: "critical",
    kind: "opened",
    subject: "margind main: 7 alerts (P1USDT, P4USDT, P3USDT, …)",
  });
  expect(sections.map(({ headline }) => headline)).toEqual([
    "CRITICAL · main · P1USDT isolated distance to liquidation 1.0 % (below 3 %)",
    "CRITICAL · main · P4USDT isolated distance to liquidation 2.0 % (below 3 %)",
    "WARNING · main · P3USDT isolated distance to liquidation 5.0 % (below 6 %)",
    "INFO · main · P6USDT isolated distance to liquidation 7.0 % (below 10 %)",
    "INFO · main · P2USDT isolated distance to liquidation 8.0 % (below 10 %)",
  ]);
  expect(more).toEqual(["2 more: all info · P0USDT, P5USDT"]);
});

const sectionOf = (kind: Section["kind"], severity: Section["severity"]): Section => ({
  kind,
  severity,
  headline: `${kind} ${severity}`,
  lines: [],
  ref: "#X-1",
});

test.each<[string, Section[], Message["kind"], Message["severity"]]>([
  ["opened before reminded", [sectionOf("reminded", "critical"), sectionOf("opened", "info")], "opened", "critical"],
  ["raised before all", [sectionOf("opened", "critical"), sectionOf("raised", "warning")], "raised", "critical"],
  [
    "resolved does not hold any more",
    [sectionOf("lowered", "info"), sectionOf("resolved", "critical")],
    "resolved",
    "info",
  ],
  ["nothing holds any more", [sectionOf("resolved", "critical"), sectionOf("ended", "warning")], "ended", "resolved"],
  ["lowered alone is quiet", [sectionOf("lowered", "warning")], "lowered", "warning"],
])("a message is as loud as its loudest part and as bad as what still holds: %s", (_, sections, kind, severity) => {
  expect(compose(sections, { account: "main", subject: "s" }, "en")).toMatchObject({ kind, severity });
});

test("the living message of a conversation counts what still fires", () => {
  const extra = { account: "main", subject: "s", size: 3 };
  const rows = [{ severity: "warning", text: "WARNING · other" }] as const;
  expect(compose([sectionOf("resolved", "critical")], { ...extra, standing: rows }, "en")).toMatchObject({
    title: "WARNING · main · 1 of 3 alerts still firing",
    severity: "warning",
    more: ["WARNING · other"],
  });
  expect(compose([sectionOf("resolved", "critical")], extra, "en").title).toBe(
    "RESOLVED · main · 0 of 3 alerts still firing",
  );
  expect(compose([sectionOf("raised", "critical")], { ...extra, size: 1 }, "en").title).toBe("raised critical");
  expect(compose([sectionOf("resolved", "critical")], extra, "zh-CN").title).toBe(
    "已解除 · main · 3 个告警中 0 个仍在告警",
  );
});

test("an alert that stands is one line", () => {
  const [change] = openDesk().look(at(4), cross(1.24)).changes;
  const state = change?.state;
  if (change === undefined || state?.phase !== "firing") throw new Error("not firing");
  const marginLevel = { field: "marginLevel", ladder: below(1.3) } as const;
  const line = (language: Language) =>
    standing(change.id, state, marginLevel, { timezone: "UTC", language }).replace(/#.{4}/, "#");
  expect(line("en")).toBe("CRITICAL · main · cross margin level 1.24 #-1");
  expect(line("zh-CN")).toBe("严重 · main · 全仓 风险率 1.24 #-1");
});

test("the subject of a conversation names the alert and never its state", () => {
  const desk = openDesk();
  const situations = [cross(1.24), isolated([longPair("BTCUSDT", 2)])].flatMap(
    (answer) => desk.look(at(4), answer).situations,
  );
  const [first, second] = situations;
  expect(conversation(situations.slice(0, 1), "en")).toBe("margind main: cross margin level");
  expect(conversation(second === undefined ? [] : [second], "en")).toBe(
    "margind main: BTCUSDT isolated distance to liquidation",
  );
  expect(conversation(situations, "en")).toBe("margind main: 2 alerts (cross, BTCUSDT)");
  expect(conversation(first === undefined ? [] : [first], "zh-CN")).toBe("margind main：全仓 风险率");
  expect(conversation([], "en")).toBe("margind");
});

test("the test notification", () => {
  expect(messageText(testMessage("desk-slack", "#TEST-1", "en"))).toBe(
    lines(
      "TEST · test notification for desk-slack",
      "If you read this, alerts from margind reach you here.",
      "#TEST-1",
    ),
  );
});

// ---------------------------------------------------------------- whatever happens

/** What must never be seen: a hole in the words, or a number that is none. */
const HOLES = /undefined|NaN|null|Infinity|\[object|\bfunction\b|=>|\$\{/;

function expectWhole(situation: Situation, nowMs: number, locale: Locale): void {
  const { headline, lines: rest, ref } = section(situation, nowMs, locale);
  for (const line of [headline, ...rest, ref, conversation([situation], locale.language)]) {
    expect(line).not.toMatch(HOLES);
    expect(line).not.toMatch(/^\s*$| {2}|^ | $|\.\.|。。|\( ?\)/);
  }
  expect(ref).toMatch(/^#[0-9A-Z]{4}-\d+$/);
}

const odd = fc.constantFrom(0, 1e-12, 0.5, 1, 1.1, 1.3, 1.365, 1.5, 3, 999, 1e9);
const levels = fc.oneof(odd, fc.double({ min: 0.01, max: 4, noNaN: true }));
const statuses = fc.constantFrom(
  "EXCESSIVE",
  "NORMAL",
  "MARGIN_CALL",
  "PRE_LIQUIDATION",
  "FORCE_LIQUIDATION",
  "NEW_ONE",
);
const amount = fc.oneof(odd, fc.double({ min: 0, max: 1e6, noNaN: true }));
const legs = (asset: string) =>
  fc.record({ free: amount, locked: amount, borrowed: amount, interest: amount }).map((over) => leg(asset, over));
const pairAnswers = fc
  .record({
    marginLevel: levels,
    marginLevelStatus: statuses,
    indexPrice: amount,
    liquidatePrice: amount,
    tradeEnabled: fc.boolean(),
    base: legs("XYZ"),
    quote: legs("USDT"),
  })
  .map((over) => isolated([longPair("XYZUSDT", 5, over)]));
const answers = fc.oneof(
  fc
    .record({ level: levels, out: fc.boolean(), type: fc.constantFrom("MARGIN_1", "MARGIN_2") })
    .map(({ level, out, type }) => cross(level, { transferOutEnabled: out, accountType: type })),
  fc.constant(debtFree()),
  fc.constant(debtFree({ opened: false })),
  pairAnswers,
  fc.constant(isolated([])),
  fc.constant(isolated([], ["XYZUSDT"])),
);
const codes: readonly Failure["code"][] = [
  "unreachable",
  "timeout",
  "unavailable",
  "rate_limited",
  "banned",
  "rejected_key",
  "bad_signature",
  "clock_skew",
  "bad_response",
];
const blindnesses = fc.oneof(
  fc.constant(undefined),
  fc
    .record({
      code: fc.constantFrom(...codes),
      detail: fc.constantFrom("", "HTTP 502"),
      leftMs: fc.integer({ min: -H, max: 90 * H }),
    })
    .map(({ code, detail, leftMs }) => blindness({ failure: failure(code, detail, at(4) + leftMs) })),
  fc.constantFrom(
    blindness({}),
    blindness({ invalid: "x is missing", lastOkAtMs: null }),
    blindness({ sources: ["isolated"] }),
  ),
);
const rules: readonly RuleConfig[] = [
  ...(["marginLevel", "collateralMarginLevel", "liquidationDistancePct", "totalAssetOfBtc"] as const).map((field) =>
    rule({ id: `cross ${field}`, field, ladder: below(2) }),
  ),
  ...(["marginLevel", "liquidationDistancePct", "indexPrice", "liquidatePrice"] as const).map((field) =>
    rule({ id: field, on: "isolated", field, ladder: below(20) }),
  ),
  rule({ id: "type", field: "accountType", ladder: { kind: "is", rungs: { info: ["MARGIN_2"] } } }),
  rule({ id: "out", field: "transferOutEnabled", ladder: { kind: "is", rungs: { warning: [false] } } }),
  rule({ id: "status", field: "marginLevelStatus", ladder: { kind: "is", rungs: { warning: ["MARGIN_CALL"] } } }),
  rule({
    id: "pair status",
    on: "isolated",
    field: "marginLevelStatus",
    ladder: { kind: "is", rungs: { critical: ["MARGIN_CALL"] } },
  }),
  rule({ id: "trade", on: "isolated", field: "tradeEnabled", ladder: { kind: "is", rungs: { info: [false] } } }),
  rule({
    id: "owed",
    field: "totalLiabilityOfBtc",
    ladder: { kind: "above", rungs: { info: { kind: "number", value: 0.1 } } },
  }),
];

test.each<Locale>([
  { language: "en", timezone: "Europe/Berlin" },
  { language: "zh-CN", timezone: "Asia/Shanghai" },
])("no text has a hole, whatever happens, in $language", (locale) => {
  const events = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.oneof(answers, blindnesses)), {
    maxLength: 12,
  });
  let seen = 0;
  fc.assert(
    fc.property(events, (each) => {
      const desk = openDesk({ rules, locale });
      let nowMs = at(4);
      for (const [gapS, event] of each) {
        nowMs += gapS * S;
        const isAnswer = event !== undefined && "source" in event && !("silentMs" in event);
        const told = isAnswer ? desk.look(nowMs, event) : desk.watch(nowMs, event);
        for (const situation of told.situations) expectWhole(situation, nowMs + 2 * S, locale);
        for (const { message } of told.notifications) expect(messageText(message)).not.toMatch(HOLES);
        seen += told.situations.length;
      }
      const orphans = endOrphans(
        [...desk.states()].flatMap(([, byRule]) =>
          [...byRule].map(([id, state]) => ({ id: { account: "main", subject: "cross", rule: id } as const, state })),
        ),
        () => false,
        nowMs,
      );
      for (const situation of orphans.situations) expectWhole(situation, nowMs, locale);
    }),
    { numRuns: 150 },
  );
  expect(seen).toBeGreaterThan(300);
});

test("both languages fill the same words, none of them empty, and Chinese has no English left", () => {
  const flat = (words: object, path = ""): [string, unknown][] =>
    Object.entries(words).flatMap(([key, value]): [string, unknown][] =>
      typeof value === "object" && value !== null ? flat(value, `${path}${key}.`) : [[`${path}${key}`, value]],
    );
  const [en, zh] = [flat(WORDS.en), flat(WORDS["zh-CN"])];
  expect(zh.map(([key]) => key).sort()).toEqual(en.map(([key]) => key).sort());
  for (const [key, value] of [...en, ...zh]) {
    if (typeof value === "string") expect(value, key).not.toBe("");
  }
  const english = zh.filter(([, value]) => typeof value === "string" && /^[\x20-\x7E]{3,}$/.test(value));
  expect(english).toEqual([]);
});
