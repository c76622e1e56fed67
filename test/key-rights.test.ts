// A key that may do more than read: told at the start, refused where the configuration says so. The real program over real sockets.
import { afterEach, expect, test } from "vitest";
import {
  API_KEY,
  CROSS,
  type FakeExchange,
  keyed,
  READ_ONLY_KEY,
  RESTRICTIONS,
  startExchange,
} from "./support/exchange.ts";
import { SPACING_SEEN_MS, untilTrue } from "./support/server.ts";
import { fromEnv, useWorld } from "./support/world.ts";

const world = useWorld();
const TRADING = { ...READ_ONLY_KEY, enableSpotAndMarginTrading: true };

let exchange: FakeExchange | undefined;
afterEach(() => exchange?.close());

/** An exchange that says this of the key, or hangs up when asked. */
async function exchangeThatSays(rights: object | "nothing"): Promise<FakeExchange> {
  exchange = await startExchange({
    script: ({ path }, _nth, response) => {
      if (path !== RESTRICTIONS) return undefined;
      if (rights !== "nothing") return { body: rights };
      response.destroy();
      return "handled";
    },
  });
  return exchange;
}

const configFor = ({ url }: FakeExchange, requireReadOnlyKey: boolean) => ({
  requireReadOnlyKey,
  exchange: { baseUrl: url },
  accounts: { main: { apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), isolated: "none", poll: "* * * * * *" } },
});

const polls = ({ seen }: FakeExchange): number => seen.filter(({ path }) => path === CROSS).length;

test("requireReadOnlyKey ends the start with 78 after the first poll, and the channels are told why", async () => {
  const binance = await exchangeThatSays(TRADING);
  world.writeConfig(configFor(binance, true));
  await using margind = world.daemon();
  expect(await margind.exited).toBe(78);
  expect(binance.seen[0]?.path).toBe(CROSS);
  expect(margind.err()).toContain("requireReadOnlyKey is set, but the API key of main MAY TRADE");
  expect(world.texts()[0]).toContain("CRITICAL · margind · stops, and watches no more\nrequireReadOnlyKey is set");
  expect(world.now.smtp.mails).toHaveLength(2);
});

test("without it the log says loudly what the key may do, and margind watches", async () => {
  const binance = await exchangeThatSays(TRADING);
  world.writeConfig(configFor(binance, false));
  await using margind = world.daemon();
  await untilTrue(() => margind.err().includes("the key MAY TRADE (enableSpotAndMarginTrading)"));
  const before = polls(binance);
  await untilTrue(() => polls(binance) >= before + 2);
  expect(margind.child.exitCode).toBeNull();
});

test("a key of which nobody can say what it may do is watched, also with requireReadOnlyKey", async () => {
  const binance = await exchangeThatSays("nothing");
  world.writeConfig(configFor(binance, true));
  await using margind = world.daemon();
  await untilTrue(() => margind.err().includes("what the API key may do cannot be read"));
  const before = polls(binance);
  await untilTrue(() => polls(binance) >= before + 2);
  expect(margind.child.exitCode).toBeNull();
});

test("a reload that would forbid the present key is refused, and the watch goes on", async () => {
  const binance = await exchangeThatSays(TRADING);
  world.writeConfig(configFor(binance, false));
  await using margind = world.daemon();
  await untilTrue(() => polls(binance) > 0);
  world.writeConfig(configFor(binance, true));
  margind.kill("SIGHUP");
  await untilTrue(() => world.texts().some((text) => text.includes("the new configuration is refused")));
  expect(world.texts().join("\n")).toContain("MAY TRADE");
  const before = polls(binance);
  await untilTrue(() => polls(binance) >= before + 2);
  const starts = keyed(binance.seen).map(({ atMs }) => atMs);
  const gaps = starts.slice(1).map((atMs, index) => atMs - (starts[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThan(SPACING_SEEN_MS);
});
