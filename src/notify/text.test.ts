import fc from "fast-check";
import { expect, test } from "vitest";
import { anyLabel } from "../../test/support/labels.ts";
import { crash, critical } from "../../test/support/messages.ts";
import { adapterWords, clean, clip, fitLines, messageLines } from "./text.ts";

test.each([
  ["plain · text 11.3 %", "plain · text 11.3 %"],
  ["two\r\nlines\tand a tab", "two lines and a tab"],
  ["\u001b[31mred\u0007", "�[31mred�"],
  ["\u202Eevil\u2066", "�evil�"],
  ["\u061C1.24\u206A", "�1.24�"],
  ["half \uD83D emoji", "half � emoji"],
  ["whole 👩‍👧 emoji", "whole 👩‍👧 emoji"],
  ["强制平仓", "强制平仓"],
])("%j is shown as %j", (text, shown) => {
  expect(clean(text)).toBe(shown);
});

test("N17: whatever a text holds, what is shown is one well-formed line without control characters", () => {
  fc.assert(
    fc.property(anyLabel, (text) => {
      const shown = clean(text);
      expect(shown.isWellFormed()).toBe(true);
      expect(shown).not.toMatch(/[\p{Cc}\p{Bidi_C}\u2028\u2029]/u);
    }),
  );
});

test.each([
  ["abcdef", 6, "abcdef"],
  ["abcdefg", 6, "abcde…"],
  ["abcd🔴fg", 6, "abcd…"],
])("%j cut to %d is %j", (text, max, cut) => {
  expect(clip(text, max)).toBe(cut);
});

const { more } = adapterWords("en");

test.each([
  { name: "everything when it fits", max: 15, shown: ["one", "two", "three"] },
  { name: "whole lines, and how many are missing", max: 20, shown: ["one", "… and 4 more"], of: 5 },
  { name: "the count alone when not one line fits", max: 13, shown: ["… and 5 more"], of: 5 },
])("$name", ({ max, shown, of = 3 }) => {
  expect(fitLines(["one", "two", "three", "four", "five"].slice(0, of), max, more)).toEqual(shown);
});

test("what is fitted never exceeds its room, and never hides that something is missing", () => {
  const lines = fc.array(fc.string({ maxLength: 30 }), { maxLength: 30 });
  fc.assert(
    fc.property(lines, fc.integer({ min: 20, max: 300 }), (all, max) => {
      const shown = fitLines(all, max, more);
      expect(shown.join("\n").length).toBeLessThanOrEqual(max);
      expect(shown.length === all.length || /^… and \d+ more$/.test(shown.at(-1) ?? "")).toBe(true);
    }),
  );
});

test("one alert is its headline, its lines and its reference at the end of the last", () => {
  expect(messageLines(critical)).toEqual([
    "CRITICAL · main · cross margin level 1.24 (below 1.30)",
    "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
    "Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.",
    "Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04. #A1B2-3",
  ]);
});

test("several alerts follow a common first line, the worst one next to it, the short ones at the end", () => {
  const lines = messageLines(crash);
  expect(lines.slice(0, 2)).toEqual([crash.title, crash.sections[0]?.headline]);
  expect(lines.slice(-3)).toEqual(["", ...crash.more.map((headline) => `• ${headline}`)]);
});
