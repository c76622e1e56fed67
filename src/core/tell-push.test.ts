// What people read of pushes, in both languages, word by word.
import { describe, expect, test } from "vitest";
import { BARS_3X, cross, debtFree, observe } from "../../test/support/answers.ts";
import { bookOf, messageText, openDesk } from "../../test/support/desk.ts";
import { notice, type Scene } from "./advance.ts";
import type { Language } from "./format.ts";
import { judgeCalls, pushed } from "./margin-call.ts";
import type { Answer } from "./ports.ts";
import type { PushedCall } from "./situation.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 3, 12, 5);
const SECOND = 1000;
const book = bookOf();

/** Everything that is told of one call, in order. */
function story(
  call: Partial<PushedCall>,
  language: Language,
  looks: readonly (readonly [number, Answer])[] = [],
  level?: number,
): string[] {
  const desk = openDesk({ rules: [], locale: { timezone: "UTC", language } });
  const told: string[] = [];
  const scene = (nowMs: number): Scene => ({
    states: desk.states(),
    book,
    bars: BARS_3X,
    nowMs,
    known: (_, subject) =>
      level === undefined
        ? undefined
        : { subject, atMs: NOW_MS, level, status: null, distancePct: null, severity: null },
  });
  const take = (moved: ReturnType<typeof pushed>, nowMs: number) => {
    for (const { message } of desk.take(moved, nowMs).notifications)
      told.push(messageText(message).replace(/\n#.*$/, ""));
  };
  take(pushed("main", { status: "MARGIN_CALL", level: 1.1, atMs: NOW_MS, ...call }, scene(NOW_MS)), NOW_MS);
  for (const [afterS, answer] of looks) {
    const atMs = NOW_MS + afterS * SECOND;
    take(judgeCalls(observe(answer, { atMs }), scene(atMs)), atMs);
  }
  return told;
}

const every10s = (fromS: number, toS: number, answer: Answer) =>
  Array.from({ length: (toS - fromS) / 10 + 1 }, (_, nth) => [fromS + 10 * nth, answer] as const);

describe("a margin call", () => {
  test.each<[Partial<PushedCall>, number | undefined, string]>([
    [
      {},
      1.24,
      `CRITICAL · main · Binance calls for margin (pushed): margin level 1.10
Binance's own stream said MARGIN_CALL at 03:12:05 UTC; the account was last read at 1.24.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
    ],
    [
      { status: "PRE_LIQUIDATION", level: undefined },
      undefined,
      `CRITICAL · main · Binance is about to liquidate (pushed)
Binance's own stream said PRE_LIQUIDATION at 03:12:05 UTC.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
    ],
    [
      { status: "FORCE_LIQUIDATION", level: undefined },
      1.08,
      `CRITICAL · main · Binance is liquidating (pushed): margin level 1.08
Binance's own stream said FORCE_LIQUIDATION at 03:12:05 UTC; the account was last read at 1.08.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
    ],
  ])("is told: %j beside %j", (call, level, text) => {
    expect(story(call, "en", [], level)).toEqual([text]);
  });

  test("is told again, and its end, by the account's own answers", () => {
    const looks = [...every10s(10, 310, cross(1.12)), ...every10s(320, 350, cross(1.52))];
    expect(story({}, "en", looks).slice(1)).toEqual([
      `STILL CRITICAL · main · Binance calls for margin (pushed): margin level 1.12
Binance's own stream called at 03:12:05 UTC; the account's own answer now says 1.12.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
      `RESOLVED · main · margin call is over: margin level 1.52
The account's own answer says 1.52 again.
Open for 5 min 50 s, at worst critical. 2 messages before this.`,
    ]);
  });

  test("that ends without debt says so", () => {
    expect(story({}, "en", every10s(10, 40, debtFree())).at(-1)).toBe(
      `RESOLVED · main · margin call is over: no debt
There is no debt any more: repaid, closed or liquidated. If that was not you, look at the account now.
Open for 40 s, at worst critical. 1 message before this.`,
    );
  });
});

function streamText(reason: string | undefined, language: Language, isOffered = false): string {
  const facts = { about: "stream", stream: "risk", reason, isOffered } as const;
  const id = { account: "main", subject: "source risk stream", rule: "stream-retired" } as const;
  const desk = openDesk({ locale: { timezone: "UTC", language } });
  const moved = notice(id, reason === undefined ? "info" : "warning", facts, { book, nowMs: NOW_MS });
  return desk
    .take(moved, NOW_MS)
    .notifications.map(({ message }) => messageText(message).replace(/\n#.*$/, ""))
    .join("\n");
}

test("a stream that is given up, and that works again", () => {
  expect(streamText("HTTP 410", "en")).toBe(`WARNING · main · Binance does not offer the risk stream any more (HTTP 410)
The account is polled as before and nothing is missed; only the head start is gone.
margind tries the stream again every 6 hours, and tells when it works.`);
  expect(streamText(undefined, "en")).toBe(`INFO · main · the risk stream works again
What Binance pushes brings the next poll forward again.`);
});

test("a stream that never works, though it is offered", () => {
  expect(
    streamText("certificate refused", "en", true),
  ).toBe(`WARNING · main · the risk stream could not be connected for an hour (certificate refused)
The account is polled as before and nothing is missed; only the head start is gone.
margind goes on trying, and tells when it works. Look at what the API key may do and at the network; stream: false ends the tries.`);
});

describe("a worse word", () => {
  const worse = (language: Language) => {
    const desk = openDesk({ rules: [], locale: { timezone: "UTC", language } });
    const told: string[] = [];
    const scene = (nowMs: number): Scene => ({
      states: desk.states(),
      book,
      bars: BARS_3X,
      nowMs,
      known: () => undefined,
    });
    const take = (moved: ReturnType<typeof pushed>, nowMs: number) => {
      const { notifications } = desk.take(moved, nowMs);
      told.push(...notifications.map(({ message }) => messageText(message).replace(/\n#.*$/, "")));
    };
    take(pushed("main", { status: "MARGIN_CALL", level: 1.3, atMs: NOW_MS }, scene(NOW_MS)), NOW_MS);
    const atMs = NOW_MS + 60 * SECOND;
    take(pushed("main", { status: "FORCE_LIQUIDATION", level: 1.1, atMs }, scene(atMs)), atMs);
    const laterMs = atMs + 300 * SECOND;
    take(judgeCalls(observe(cross(1.09), { atMs: laterMs }), scene(laterMs)), laterMs);
    return told;
  };

  test("is told, and every reminder from then on names it", () => {
    expect(worse("en").slice(1)).toEqual([
      `STILL CRITICAL · main · Binance is liquidating (pushed): margin level 1.10
Binance's own stream said FORCE_LIQUIDATION at 03:13:05 UTC.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
      `STILL CRITICAL · main · Binance is liquidating (pushed): margin level 1.09
Binance's own stream called at 03:12:05 UTC, at worst FORCE_LIQUIDATION; the account's own answer now says 1.09.
Look at the account now: add collateral or repay. It ends only when the account itself is read well above its margin-call bar.`,
    ]);
  });

  test("in Chinese too", () => {
    const [, raised, reminded] = worse("zh-CN");
    expect(raised).toContain("币安正在强平");
    expect(reminded).toContain("币安正在强平");
    expect(reminded).toContain("FORCE_LIQUIDATION");
  });
});

test("in Chinese nothing stays English but names", () => {
  const looks = [...every10s(10, 310, cross(1.12)), ...every10s(320, 350, cross(1.52))];
  const all = [
    ...story({}, "zh-CN", looks, 1.24),
    ...story({ status: "PRE_LIQUIDATION", level: undefined }, "zh-CN", every10s(10, 40, debtFree())),
    streamText("HTTP 410", "zh-CN"),
    streamText("HTTP 403", "zh-CN", true),
    streamText(undefined, "zh-CN"),
  ];
  expect(all.length).toBe(8);
  for (const text of all)
    expect(text.replaceAll(/margind|main|UTC|HTTP|API|stream: false|(MARGIN_CALL|PRE_LIQUIDATION)/g, "")).not.toMatch(
      /[a-z]{3}/i,
    );
});
