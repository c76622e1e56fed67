import { expect, test } from "vitest";
import { crashPath } from "./demo-book.ts";
import { barsPath, pricesAt, randomPath } from "./price-path.ts";

const HOUR_MS = 3_600_000;
const at = (time: string) => Date.parse(`2020-03-${time}Z`);
const crash = crashPath();

test.each([
  { name: "the recorded path begins at the first open", time: "09T00:00", price: 8038.84 },
  { name: "stays there before it begins", time: "08T00:00", price: 8038.84 },
  { name: "an hour that rises goes to its low after 20 minutes", time: "09T00:20", price: 8011.67 },
  { name: "and to its high after 40", time: "09T00:40", price: 8183.18 },
  { name: "hands over to the next hour at its open", time: "09T01:00", price: 8086.55 },
  { name: "the hour of the crash falls", time: "12T10:40", price: 5568.84 },
  { name: "reaches the low of the night", time: "13T02:20", price: 3901.25 },
  { name: "ends at the last close", time: "15T00:00", price: 5169.05 },
  { name: "and stays there", time: "20T00:00", price: 5169.05 },
])("$name", ({ time, price }) => {
  expect(crash.priceAt("BTCUSDT", at(time))).toBeCloseTo(price, 6);
});

test("the recorded path tells its bounds", () => {
  expect([crash.startMs, crash.endMs]).toEqual([at("09T00:00"), at("15T00:00")]);
});

test("the price stays at the last close in a gap between bars", () => {
  const bar = (hour: number, price: number) => ({
    openMs: hour * HOUR_MS,
    open: price,
    high: price,
    low: price,
    close: price,
  });
  const path = barsPath([bar(0, 10), bar(1, 20), bar(5, 50)]);
  expect([2, 4.99, 5].map((hour) => path.priceAt("BTCUSDT", hour * HOUR_MS))).toEqual([20, 20, 50]);
});

test("other coins follow bitcoin by their table, stablecoins stand at 1", () => {
  const path = barsPath([{ openMs: 0, open: 4000, high: 4000, low: 4000, close: 4000 }]);
  const ether = 200 * 0.5 ** 1.2;
  expect(path.priceAt("ETHUSDT", 0)).toBeCloseTo(ether, 9);
  expect(path.priceAt("ETHBTC", 0)).toBeCloseTo(ether / 4000, 12);
  expect(path.priceAt("BTCUSDC", 0)).toBe(4000);
  expect(path.priceAt("USDCUSDT", 0)).toBe(1);
});

test.each(["FOOUSDT", "BTC", "USDTUSDT", "", "BTCEUR"])("has no price for %j", (symbol) => {
  expect(crash.priceAt(symbol, crash.startMs)).toBeUndefined();
});

test("asking for a price that is not there says which", () => {
  expect(() => pricesAt(crash, 0).usdt("FOO")).toThrow("no price for FOOUSDT");
  expect(pricesAt(crash, 0).usdt("USDT")).toBe(1);
});

test("a random path is the same for the same seed, whatever the order of the questions", () => {
  const options = { seed: 7, startMs: 0 };
  const [forward, backward] = [randomPath(options), randomPath(options)];
  const hours = [0, 0.5, 1, 10.25, 100];
  const ask = (path: typeof forward, list: number[]) => list.map((hour) => path.priceAt("BTCUSDT", hour * HOUR_MS));
  const answers = ask(forward, hours);
  expect(ask(backward, hours.toReversed()).toReversed()).toEqual(answers);
  expect(answers[0]).toBe(8_000);
  expect(ask(randomPath({ ...options, seed: 8 }), hours)).not.toEqual(answers);
});

test("a random path crashes now and then and lives on", () => {
  const path = randomPath({ seed: 1, startMs: 0, startPrice: 50_000 });
  const prices = Array.from({ length: 2_000 }, (_, hour) => path.priceAt("BTCUSDT", hour * HOUR_MS) ?? Number.NaN);
  const fallsPct = prices.slice(7).map((price, hour) => 100 * (1 - price / (prices[hour] ?? Number.NaN)));
  expect(prices[0]).toBe(50_000);
  expect(Math.min(...prices)).toBeGreaterThan(0);
  expect(Math.max(...fallsPct)).toBeGreaterThan(25);
});
