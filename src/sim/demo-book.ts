// The positions of the demo, made for the crash of March 2020 (the bundled bars), and what their owner does in it.
// Cross: 45,000 USDT of debt against 13.54 BTC and 400 LINK: calm until the evening of 12 March, level 1.19 at the low of the night, calm
// again once the owner has brought in 5,000 USDT and repaid them, and far above once he has repaid most of the debt. Isolated
// BTCUSDT: a long taken at 3x near 7,040; its stop-loss sells four fifths at the first low without repaying the debt, so the pair
// hangs between its margin call and its liquidation for half a day until the owner brings in money and repays. Isolated ETHUSDT: open and
// empty, the pair that must never alarm.
// Beside the crash: a transfer out, and the LINK that a made-up delisting meets, until the owner sells them.
import { readFileSync } from "node:fs";
import { deposit, inTurn, repay, type ScriptedAction, sell, withdraw } from "./actions.ts";
import { parseBars } from "./bars.ts";
import { type Book, bookOf, crossBook, holding, pairBook } from "./book.ts";
import type { MarketAction } from "./market.ts";
import { type BarsPath, barsPath } from "./price-path.ts";

const CRASH_CSV = new URL("./btcusd-2020-03-crash-hourly.csv", import.meta.url);

/** Real hourly prices of BTC in US dollars, 9 to 14 March 2020, UTC. */
export const crashPath = (): BarsPath => barsPath(parseBars(readFileSync(CRASH_CSV, "utf8")));

export function demoBook(): Book {
  return bookOf({
    cross: crossBook([
      holding("BTC", { free: 13.54 }),
      holding("LINK", { free: 400 }),
      holding("USDT", { borrowed: 45_000 }),
    ]),
    isolated: [pairBook("BTCUSDT", { base: { free: 2.985 }, quote: { borrowed: 14_000 } }), pairBook("ETHUSDT")],
  });
}

const TRANSFER_MS = Date.parse("2020-03-10T00:00:00Z");
const STOP_LOSS_MS = Date.parse("2020-03-12T10:40:00Z");
const RESCUE_MS = Date.parse("2020-03-12T23:10:00Z");
const REPAY_MS = Date.parse("2020-03-13T02:25:00Z");
const SELL_LINK_MS = Date.parse("2020-03-13T05:00:00Z");
const DELEVERAGE_MS = Date.parse("2020-03-14T12:00:00Z");

/** What the exchange announces in the demo. */
export const demoAnnouncements: readonly MarketAction[] = [
  {
    atMs: Date.parse("2020-03-09T12:00:00Z"),
    text: "the exchange announces (made up for the demo): LINK leaves cross margin on 14 March, 18:00",
    delisting: { atMs: Date.parse("2020-03-14T18:00:00Z"), assets: ["LINK"], symbols: [] },
  },
];

/** The script of the demo's book, for the key that holds it. */
export function demoActions(apiKey: string): readonly ScriptedAction[] {
  return [
    {
      atMs: TRANSFER_MS,
      apiKey,
      text: "cross: 5 LINK are transferred to the funding wallet",
      change: withdraw("cross", "LINK", 5, "FUNDING"),
    },
    {
      atMs: STOP_LOSS_MS,
      apiKey,
      text: "isolated BTCUSDT: the owner's stop-loss sells 2.39 BTC; the debt stays",
      change: sell("BTCUSDT", "BTC", 2.39, "USDT"),
    },
    {
      atMs: RESCUE_MS,
      apiKey,
      text: "isolated BTCUSDT: the owner brings in 2,000 USDT and repays them",
      change: inTurn(deposit("BTCUSDT", "USDT", 2_000), repay("BTCUSDT", "USDT", 2_000)),
    },
    {
      atMs: REPAY_MS,
      apiKey,
      text: "cross: the owner brings in 5,000 USDT and repays them",
      change: inTurn(deposit("cross", "USDT", 5_000), repay("cross", "USDT", 5_000)),
    },
    {
      atMs: SELL_LINK_MS,
      apiKey,
      text: "cross: the owner sells 395 LINK",
      change: sell("cross", "LINK", 395, "USDT"),
    },
    {
      atMs: DELEVERAGE_MS,
      apiKey,
      text: "cross: the owner sells 4.3 BTC and repays 23,600 USDT",
      change: inTurn(sell("cross", "BTC", 4.3, "USDT"), repay("cross", "USDT", 23_600)),
    },
  ];
}
