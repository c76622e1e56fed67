import { expect, test } from "vitest";
import { DISTANCE_WORDS } from "./distance.ts";

const { en, "zh-CN": zh } = DISTANCE_WORDS;

test.each([
  [
    "one asset's price",
    en.alone("BTC", "5,012 USDT", "12.0", false),
    "BTC alone: liquidation at 5,012 USDT, a 12.0 % fall.",
    zh.alone("BTC", "5,012 USDT", "12.0", false),
    "仅 BTC 下跌 12.0 %：到 5,012 USDT 即强平。",
  ],
  [
    "one asset's price, rising",
    en.alone("ETH", "310 USDT", "8.1", true),
    "ETH alone: liquidation at 310 USDT, an 8.1 % rise.",
    zh.alone("ETH", "310 USDT", "8.1", true),
    "仅 ETH 上涨 8.1 %：到 310 USDT 即强平。",
  ],
  [
    "the falls",
    en.falls(["5", "10", "20"], ["1.18", "1.12", "0.99"], "1.10"),
    "If all you hold falls 5 / 10 / 20 %: level 1.18 / 1.12 / 0.99 (liquidation at 1.10).",
    zh.falls(["5", "10", "20"], ["1.18", "1.12", "0.99"], "1.10"),
    "若持有的全部资产下跌 5 / 10 / 20 %：风险率 1.18 / 1.12 / 0.99（强平线 1.10）。",
  ],
  [
    "the falls without a bar",
    en.falls(["5"], ["1.18"], undefined),
    "If all you hold falls 5 %: level 1.18.",
    zh.falls(["5"], ["1.18"], undefined),
    "若持有的全部资产下跌 5 %：风险率 1.18。",
  ],
  [
    "the rises",
    en.rises(["5", "10"], ["1.14", "1.09"]),
    "If the coins you owe rise 5 / 10 %: level 1.14 / 1.09.",
    zh.rises(["5", "10"], ["1.14", "1.09"]),
    "若所欠的币上涨 5 / 10 %：风险率 1.14 / 1.09。",
  ],
  [
    "one amount in two assets",
    en.sum("2,000 USDT", "0.2 BTC"),
    "2,000 USDT (0.2 BTC)",
    zh.sum("2,000 USDT", "0.2 BTC"),
    "2,000 USDT（0.2 BTC）",
  ],
  ["one amount", en.sum("2,000 USDT", undefined), "2,000 USDT", zh.sum("2,000 USDT", undefined), "2,000 USDT"],
  [
    "assets without a price that do not matter",
    en.uncounted(en.listed(["ABC", "XYZ"]), 3),
    "No price for ABC, XYZ and 3 more: not counted.",
    zh.uncounted(zh.listed(["ABC", "XYZ"]), 3),
    "ABC、XYZ 等另外 3 种资产没有价格：未计入。",
  ],
  [
    "assets without a price that matter",
    en.noPrice("XYZ", 0),
    "No price for XYZ: prices of liquidation cannot be told.",
    zh.noPrice("XYZ", 0),
    "XYZ 没有价格：无法算出强平价。",
  ],
])("%s", (_, english, expectedEnglish, chinese, expectedChinese) => {
  expect([english, chinese]).toEqual([expectedEnglish, expectedChinese]);
});

test.each([
  ["8", "an"],
  ["80.1", "an"],
  ["11.3", "an"],
  ["18.0", "an"],
  ["1.8", "a"],
  ["12.0", "a"],
  ["100", "a"],
  ["9.9", "a"],
])("%s %% takes %s", (pct, article) => {
  expect(en.alone("BTC", "1 USDT", pct, false)).toContain(`, ${article} ${pct} % fall`);
});
