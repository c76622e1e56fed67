import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  amountUp,
  clockSeconds,
  clockTime,
  duration,
  level,
  limit,
  percent,
  plain,
  price,
  unpadded,
  zoneName,
} from "./format.ts";

describe("levels", () => {
  test.each([
    [1.24, undefined, "1.24"],
    [1.2, undefined, "1.20"],
    [0, undefined, "0.00"],
    [998.994, undefined, "998.99"],
    [999, undefined, "999"],
    [1234.5, undefined, "999"],
    [1.2999, 1.3, "1.2999"],
    [1.299999, 1.3, "1.299999"],
    [1.3, 1.3, "1.30"],
    [1.3001, 1.3, "1.3001"],
    [1.26, 1.3, "1.26"],
    [1.3601, 1.365, "1.36"],
    [1.3649, 1.365, "1.36"],
    [1.3651, 1.365, "1.37"],
    [1.364999, 1.365, "1.36"],
  ])("%d beside %d reads %s", (value, beside, text) => {
    expect(level(value, beside)).toBe(text);
  });
});

describe("shares", () => {
  test.each([
    [11.2903, undefined, "11.3"],
    [5, undefined, "5.0"],
    [0, undefined, "0.0"],
    [-0.04, undefined, "0.0"],
    [-4.7619, undefined, "-4.8"],
    [2.97, 3, "2.97"],
    [2.9999, 3, "2.9999"],
    [3, 3, "3.0"],
    [0.04, 0, "0.04"],
    [0, 0, "0.0"],
    [5.97, 6, "5.97"],
    [5.94, 6, "5.9"],
  ])("%d beside %d reads %s", (value, beside, text) => {
    expect(percent(value, beside)).toBe(text);
  });
});

describe("limits keep every digit that somebody wrote", () => {
  test.each([
    [1.3, 2, "1.30"],
    [1.365, 2, "1.365"],
    [1.218, 2, "1.218"],
    [1.5, 2, "1.50"],
    [2, 2, "2.00"],
    [6, 0, "6"],
    [2.25, 0, "2.25"],
    [0, 0, "0"],
    [100, 0, "100"],
    [12_500.5, 0, "12,500.5"],
  ])("%d with %d decimals reads %s", (value, decimals, text) => {
    expect(limit(value, decimals)).toBe(text);
  });
});

describe("amounts that must suffice are rounded up", () => {
  test.each([
    [11_700, "11,700"],
    [11_700.4, "11,701"],
    [7_800, "7,800"],
    [4_000 / 3, "1,333.34"],
    [1_333.33, "1,333.33"],
    [9_999.999, "10,000"],
    [1_234_567.1, "1,234,568"],
    [1, "1"],
    [1.17, "1.17"],
    [0.0214285, "0.02143"],
    [0.99999, "1"],
    [0.5, "0.5000"],
    [0.00000001, "0.00000001"],
    [1e-12, "0.00000001"],
    [23_400.000000001, "23,400"],
  ])("%d reads %s", (value, text) => {
    expect(amountUp(value)).toBe(text);
  });

  test("what is shown is never less than what is needed, and at most a thousandth more", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-4, max: 1e12, noNaN: true }), (value) => {
        const shown = Number(amountUp(value).replaceAll(",", ""));
        expect(shown).toBeGreaterThanOrEqual(value * (1 - 1e-6));
        expect(shown).toBeLessThanOrEqual(Math.max(value * 1.01, value + 1));
      }),
    );
  });
});

describe("prices have five digits", () => {
  test.each([
    [4_812.2, "4,812.20"],
    [9_500, "9,500"],
    [123.456, "123.46"],
    [12.3456, "12.346"],
    [1.0449, "1.0449"],
    [0.51628838, "0.51629"],
    [0.00001234, "0.000012340"],
    [0.0000012345678, "0.0000012346"],
    [0, "0"],
  ])("%d reads %s", (value, text) => {
    expect(price(value)).toBe(text);
  });
});

describe("other numbers", () => {
  test.each([
    [0, undefined, "0"],
    [5, undefined, "5"],
    [5.5, undefined, "5.50"],
    [12_345.6, undefined, "12,346"],
    [-12_345.6, undefined, "-12,346"],
    [0.123456, undefined, "0.1235"],
    [0.0012346, undefined, "0.001235"],
    [0.9999999, 1, "0.9999999"],
    [12_345.6, 12_346, "12,345.6"],
  ])("%d beside %d reads %s", (value, beside, text) => {
    expect(plain(value, beside)).toBe(text);
  });
});

test("what is read beside a limit is true: below, above or at it", () => {
  const near = fc.tuple(fc.integer({ min: -20_000, max: 20_000 }), fc.integer({ min: -50, max: 50 }));
  fc.assert(
    fc.property(near, ([thousandths, off]) => {
      const beside = thousandths / 1000;
      const value = beside + off / 100_000;
      for (const text of [level(value, beside), percent(value, beside), plain(value, beside)]) {
        expect(Math.sign(Number(text.replaceAll(",", "")) - beside)).toBe(Math.sign(value - beside));
      }
    }),
  );
});

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

describe("durations", () => {
  test.each([
    [0, "0 s", "0秒"],
    [-5 * S, "0 s", "0秒"],
    [499, "0 s", "0秒"],
    [500, "1 s", "1秒"],
    [34 * S, "34 s", "34秒"],
    [59.4 * S, "59 s", "59秒"],
    [59.5 * S, "1 min", "1分钟"],
    [MIN + S, "1 min 1 s", "1分钟1秒"],
    [9 * MIN + 59 * S, "9 min 59 s", "9分钟59秒"],
    [10 * MIN, "10 min", "10分钟"],
    [12 * MIN + 29 * S, "12 min", "12分钟"],
    [59 * MIN + 30 * S, "1 h", "1小时"],
    [3 * H + 12 * MIN, "3 h 12 min", "3小时12分钟"],
    [23 * H + 59 * MIN, "23 h 59 min", "23小时59分钟"],
    [D, "1 d", "1天"],
    [2 * D + 4 * H, "2 d 4 h", "2天4小时"],
    [D + 23 * H + 45 * MIN, "2 d", "2天"],
  ])("%d ms read %s and %s", (ms, en, zh) => {
    expect([duration(ms, "en"), duration(ms, "zh-CN")]).toEqual([en, zh]);
  });
});

// 12 March 2020, 23:05:04 UTC
const AT_MS = Date.UTC(2020, 2, 12, 23, 5, 4);

describe("times", () => {
  test.each([
    ["UTC", "23:05", "23:05:04", "UTC"],
    ["Europe/Berlin", "00:05", "00:05:04", "CET"],
    ["Asia/Shanghai", "07:05", "07:05:04", "GMT+8"],
  ])("in %s it is %s, in full %s %s", (timezone, short, full, zone) => {
    const locale = { timezone, language: "en" } as const;
    expect(clockTime(AT_MS, AT_MS + S, locale)).toBe(short);
    expect(clockSeconds(AT_MS, locale)).toBe(full);
    expect(zoneName(AT_MS, timezone)).toBe(zone);
  });

  test.each([
    ["en", "UTC", AT_MS + 54 * MIN, "23:05"],
    ["en", "UTC", AT_MS + 55 * MIN, "12 Mar 23:05"],
    ["en", "Europe/Berlin", AT_MS + 55 * MIN, "00:05"],
    ["en", "Europe/Berlin", AT_MS - 6 * MIN, "13 Mar 00:05"],
    ["zh-CN", "UTC", AT_MS + 54 * MIN, "23:05"],
    ["zh-CN", "UTC", AT_MS + D, "3月12日 23:05"],
  ] as const)("in %s and %s a time of another day has its date", (language, timezone, nowMs, text) => {
    expect(clockTime(AT_MS, nowMs, { timezone, language })).toBe(text);
  });

  test("midnight is 00:00, and a zone has its name of the season", () => {
    const midnight = Date.UTC(2020, 6, 1, 22);
    expect(clockTime(midnight, midnight, { timezone: "Europe/Berlin", language: "en" })).toBe("00:00");
    expect(zoneName(midnight, "Europe/Berlin")).toBe("CEST");
  });
});

describe("zeros that say nothing", () => {
  test.each([
    ["0.2000", "0.2"],
    ["0.02143", "0.02143"],
    ["0.0000", "0"],
    ["1,333.30", "1,333.30"],
    ["10.00", "10.00"],
    ["100", "100"],
    ["0", "0"],
  ])("%s reads %s", (text, expected) => {
    expect(unpadded(text)).toBe(expected);
  });
});
