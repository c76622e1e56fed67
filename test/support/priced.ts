// A cross account whose level and balances agree with public prices, as far as a test lets them: 9 BTC against 45,000 USDT.
import { crossBody } from "./crash.ts";
import type { Answer, Seen } from "./exchange.ts";

/** The level while bitcoin costs so much: a five-thousandth of it. */
export const levelAt = (bitcoin: number): number => bitcoin / 5_000;

/** Of the cross account. */
export const accountAt = (bitcoin: number, over: object = {}): Answer => ({
  body: {
    ...crossBody(levelAt(bitcoin)),
    totalAssetOfBtc: "9.00000000",
    totalLiabilityOfBtc: (45_000 / bitcoin).toFixed(8),
    ...over,
  },
});

/** Of public prices: there is one market. */
export const pricesAt =
  (bitcoin: number) =>
  ({ query }: Seen): Answer => {
    const row = { symbol: "BTCUSDT", price: bitcoin.toFixed(8) };
    return { body: query.startsWith("symbol=") ? row : [row] };
  };
