// How near the limit of two requests a second, and never over it: both accounts are read every second, which is all that 500 ms
// allow. Measured where it counts, at the exchange, by the simulator that refuses what comes too early.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { systemClock } from "../src/lib/clock.ts";
import { crashPath, demoBook } from "../src/sim/demo-book.ts";
import { type RequestRecord, startSimulator } from "../src/sim/server.ts";
import { atLeast, atMost, type Figure } from "./figure.ts";
import { accounts, CROSS, ISOLATED, makeDesk, SECRET } from "./support/desk.ts";

const SPACING_MS = 500;
const WARM_UP_MS = 5_000;
const MEASURED_MS = 60_000;

export const spacing: Figure = { name: "spacing", seconds: 66, measure };

async function measure() {
  const path = crashPath();
  const credential = { kind: "hmac", secret: SECRET } as const;
  const exchange = await startSimulator({
    port: 0,
    keys: ["margind", "bare"].map((apiKey) => ({ apiKey, credential, book: demoBook() })),
    path,
    simNowMs: () => path.startMs,
    serverNowMs: systemClock.wallMs,
    monoMs: systemClock.monoMs,
  });
  const hiccups = monitorEventLoopDelay({ resolution: 1 });
  hiccups.enable();
  try {
    await pollBoth(exchange.url);
    hiccups.disable();
    const [margind, bare] = ["margind", "bare"].map((apiKey) => seen(exchange.requests, apiKey));
    if (margind === undefined || bare === undefined) throw new Error("nobody polled");
    return [
      {
        what: "least spacing at the exchange",
        unit: "ms",
        margind: margind.leastMs,
        bare: bare.leastMs,
        goal: atLeast(margind.leastMs, SPACING_MS),
      },
      {
        what: "share of the cadence that 500 ms allow",
        unit: "%",
        margind: margind.sharePct,
        bare: bare.sharePct,
        goal: atLeast(margind.sharePct, 98),
      },
      {
        what: "requests refused as too early",
        unit: "",
        margind: margind.refused,
        bare: bare.refused,
        goal: atMost(margind.refused, 0, "none"),
      },
      // A request that came while the exchange was held up by the machine counts as late, and the next one as early.
      { what: "longest hiccup of the exchange itself", unit: "ms", margind: hiccups.max / 1e6 },
    ] as const;
  } finally {
    await exchange.close();
  }
}

async function pollBoth(exchangeUrl: string): Promise<void> {
  using desk = makeDesk();
  await using margind = desk.margind({
    exchange: { baseUrl: exchangeUrl },
    accounts: accounts(["margind"], { isolated: "all" }),
    notifiers: { terminal: { type: "console" } },
  });
  await using bare = desk.bare({ exchangeUrl, keys: ["bare"], paths: [CROSS, ISOLATED], everyMs: SPACING_MS });
  await bare.during(margind.during(systemClock.sleep(WARM_UP_MS + MEASURED_MS)));
}

function seen(all: readonly RequestRecord[], apiKey: string) {
  const mine = all.filter((request) => request.apiKey === apiKey);
  const beginMs = (mine[0]?.monoMs ?? 0) + WARM_UP_MS;
  const measured = mine.filter(({ monoMs }) => monoMs >= beginMs);
  const spanMs = (measured.at(-1)?.monoMs ?? 0) - (measured[0]?.monoMs ?? 0);
  return {
    leastMs: Math.min(...mine.flatMap(({ gapMs }) => gapMs ?? [])),
    sharePct: (100 * (measured.length - 1) * SPACING_MS) / spanMs,
    refused: mine.filter(({ code }) => code === -21003).length,
  };
}
