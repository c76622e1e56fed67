// The simulated exchange in the hands of a test: what bitcoin costs and what the trader does happen when the test says so. The one thing
// to know: simulated time stands still but for a millisecond with each deed, so no interest falls due and nothing is liquidated.
import { systemClock } from "../../src/lib/clock.ts";
import type { Change } from "../../src/sim/actions.ts";
import type { Book } from "../../src/sim/book.ts";
import type { MarketAction } from "../../src/sim/market.ts";
import { derivedPath } from "../../src/sim/price-path.ts";
import { type Simulator, startSimulator } from "../../src/sim/server.ts";
import { API_KEY, API_SECRET } from "./exchange.ts";

export interface Trader extends AsyncDisposable {
  readonly simulator: Simulator;
  /** What bitcoin costs from now on, USDT; the other coins follow it, see src/sim/assets.ts. */
  setBitcoin(usdt: number): void;
  /** It has happened when this returns. */
  act(change: Change): void;
  /** The next hourly interest rate, for everybody. */
  setRate(asset: string, hourlyRate: number): void;
  /** Monotonic times at which the account was read. */
  polls(): readonly number[];
}

/** Half past a minute and an hour: no full one is reached. */
const START_MS = Date.parse("2020-03-12T00:30:30Z");
const DEEDS_MAX = 100;

export async function startTrader(book: Book, bitcoin: number): Promise<Trader> {
  let bitcoinNow = bitcoin;
  const deeds: Change[] = [];
  const market: MarketAction[] = [];
  const actions = Array.from({ length: DEEDS_MAX }, (_, index) => ({
    atMs: START_MS + index + 1,
    apiKey: API_KEY,
    text: `deed ${index}`,
    change: (...about: Parameters<Change>) => deeds[index]?.(...about) ?? about[0],
  }));
  const simulator = await startSimulator({
    port: 0,
    simNowMs: () => START_MS + deeds.length,
    serverNowMs: systemClock.wallMs,
    monoMs: systemClock.monoMs,
    keys: [{ apiKey: API_KEY, credential: { kind: "hmac", secret: API_SECRET }, book }],
    path: derivedPath(() => bitcoinNow),
    actions,
    market,
    transferTimeUnit: "ms",
    limits: { minSpacingMs: 0 }, // a busy machine may hold one of two requests up: the distance is judged by their stamps
  });
  return {
    simulator,
    setBitcoin(usdt) {
      bitcoinNow = usdt;
    },
    act(change) {
      deeds.push(change);
      simulator.advance();
    },
    setRate: (asset, hourlyRate) => void market.push({ atMs: START_MS, text: asset, rate: { asset, hourlyRate } }),
    polls: () => simulator.requests.flatMap(({ path, monoMs }) => (path === "/sapi/v1/margin/account" ? monoMs : [])),
    [Symbol.asyncDispose]: simulator.close,
  };
}
