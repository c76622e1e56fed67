// What is read beside the polls, as the real program tells it: histories with their cursors over restarts, sources that are taken away,
// and streams of the simulated exchange.
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../src/lib/clock.ts";
import { type Book, bookOf, crossBook, holding } from "../src/sim/book.ts";
import { derivedPath } from "../src/sim/price-path.ts";
import { type Simulator, startSimulator } from "../src/sim/server.ts";
import { API_KEY, API_SECRET, complaint, FLOWS, TRANSFERS } from "./support/exchange.ts";
import { untilTrue } from "./support/server.ts";
import { fromEnv, storedDeliveries, useWorld } from "./support/world.ts";

const world = useWorld();
const EVERY_S = "* * * * * *";
const EVERY_2_S = "*/2 * * * * *";
const OFF = { flows: false, transfers: false, delistings: false };
const LIQUIDATIONS = "/sapi/v1/margin/forceLiquidationRec";

const accounts = { main: { apiKey: API_KEY, apiSecret: fromEnv("API_SECRET"), poll: EVERY_2_S, isolated: "none" } };

/** An id that a number cannot hold: 2^53 is 9007199254740992. */
const transfer = (txId: string, amount: string, atMs: number, to?: string): string =>
  `{"amount":"${amount}","asset":"USDT","status":"CONFIRMED","timestamp":${atMs},"txId":${txId},"type":"ROLL_OUT"` +
  `${to === undefined ? "" : `,"transTo":"${to}"`}}`;
const pages = (...rows: readonly string[]) => ({ raw: `{"rows":[${rows.join(",")}],"total":${rows.length}}` });

const asked = (path: string): number => world.now.exchange.seen.filter((request) => request.path === path).length;

/** Waits until the history was read once more from its beginning to its end. */
async function readAgain(path: string): Promise<void> {
  const before = asked(path);
  await untilTrue(() => asked(path) >= before + 2);
}

vi.setConfig({ testTimeout: 40_000 });

describe("transfers", () => {
  test("are told once, over a restart too; what happened while nobody watched is told in one message, in order", async () => {
    world.writeConfig({ accounts, ...OFF, transfers: { poll: EVERY_S, allow: ["SPOT"] } });
    const startMs = systemClock.wallMs();
    const old = transfer("1352286576452864001", "999", startMs - 60_000);
    world.now.account.answers[TRANSFERS] = pages(old);
    const rows = [old];
    {
      await using first = world.daemon();
      await readAgain(TRANSFERS);
      expect(world.texts()).toEqual([]); // what happened before margind was there
      rows.unshift(transfer("1352286576452864725", "1200", systemClock.wallMs()));
      rows.unshift(transfer("1352286576452864726", "5", systemClock.wallMs(), "SPOT"));
      world.now.account.answers[TRANSFERS] = pages(...rows);
      await untilTrue(() => storedDeliveries(first) === 3);
      await readAgain(TRANSFERS);
      expect(world.texts()).toHaveLength(1);
      expect(world.texts()[0]).toContain("CRITICAL · main · 1,200 USDT transferred out of cross margin");
      first.kill("SIGKILL");
      await first.exited;
    }
    const downMs = systemClock.wallMs();
    rows.unshift(transfer("1352286576452864727", "7", downMs));
    rows.unshift(transfer("1352286576452864728", "8", downMs + 1, "FUNDING"));
    world.now.account.answers[TRANSFERS] = pages(...rows);
    await using _second = world.daemon();
    await untilTrue(() => world.now.slack.posts.length === 2 && world.now.smtp.mails.length === 4);
    await readAgain(TRANSFERS);
    expect(world.texts()).toHaveLength(2);
    const [, caughtUp = ""] = world.texts();
    expect(caughtUp.indexOf("7 USDT")).toBeGreaterThan(0);
    expect(caughtUp.indexOf("8 USDT")).toBeGreaterThan(caughtUp.indexOf("7 USDT"));
  });

  test("that end as expected are told as the user's rules want it, and an answer that is spoilt changes nothing", async () => {
    const rules = {
      big: { on: "transfer", direction: "out", asset: "USDT", amountAbove: 100, severity: "info" },
      level: { on: "cross", field: "marginLevel", below: { critical: 1.3 } },
    };
    world.writeConfig({ accounts, ...OFF, rules, transfers: { poll: EVERY_S, allow: ["SPOT"] } });
    await using _margind = world.daemon();
    await readAgain(TRANSFERS);
    world.now.account.answers[TRANSFERS] = pages(
      transfer("2", "100.01", systemClock.wallMs(), "SPOT"),
      transfer("1", "not a number", systemClock.wallMs(), "SPOT"),
    );
    await readAgain(TRANSFERS);
    expect(world.texts()).toEqual([]);
    world.now.account.answers[TRANSFERS] = pages(
      transfer("2", "100.01", systemClock.wallMs(), "SPOT"),
      transfer("1", "100", systemClock.wallMs(), "SPOT"),
    );
    await untilTrue(() => world.now.slack.posts.length === 1);
    expect(world.texts()[0]).toMatch(/INFO · main · 100\.01 USDT transferred out of cross margin to the spot/);
  });
});

describe("liquidation", () => {
  test("rows of two histories in one cycle are one message", async () => {
    world.writeConfig({ accounts, ...OFF, flows: { poll: EVERY_S } });
    await using _margind = world.daemon();
    await readAgain(LIQUIDATIONS);
    const atMs = systemClock.wallMs();
    const flow = (id: number, type: string) =>
      `{"id":${id},"tranId":1,"timestamp":${atMs},"asset":"USDT","type":"${type}","amount":"101"}`;
    const order = `{"avgPrice":"7000","executedQty":"1","orderId":9007199254740993,"price":"0","qty":"1","side":"SELL",
      "symbol":"BTCUSDT","timeInForce":"GTC","isIsolated":false,"updatedTime":${atMs}}`;
    world.now.account.answers[LIQUIDATIONS] = pages(order);
    world.now.account.answers[FLOWS] = {
      raw: `[${flow(1, "SELL_LIQUIDATION")},${flow(2, "BORROW")},${flow(3, "NEW")}]`,
    };
    await untilTrue(() => world.now.slack.posts.length > 0 && world.now.smtp.mails.length > 1);
    await readAgain(LIQUIDATIONS);
    expect(world.texts()).toHaveLength(1);
    const [text = ""] = world.texts();
    expect(text).toContain("CRITICAL · main · 3 alerts, worst first");
    expect(text).toContain("NEW");
    expect(text).not.toContain("borrow");
  });
});

describe("a source", () => {
  test("that the exchange takes away is one alert, which ends when it is back; the account is watched all the same", async () => {
    world.writeConfig({ accounts, ...OFF, flows: { poll: EVERY_S } });
    world.now.account.answers[FLOWS] = complaint(-1020, "This operation is not supported.");
    await using _margind = world.daemon();
    await untilTrue(() => world.now.slack.posts.length === 1);
    await readAgain(FLOWS);
    expect(world.texts()).toHaveLength(1);
    expect(world.texts()[0]).toMatch(/WARNING · main · the exchange changed: capital flow is not offered any more/);
    world.now.account.level = 1.2;
    await untilTrue(() => world.now.slack.posts.length === 2);
    expect(world.texts()[1]).toContain("CRITICAL · main · cross margin level 1.20");
    world.now.account.answers[FLOWS] = { raw: "[]" };
    await untilTrue(() => world.texts().some((text) => /RESOLVED.*capital flow/.test(text)));
  });

  test("that meets a rate limit is left alone, and the account goes on after the pause", async () => {
    const often = { main: { ...accounts.main, poll: EVERY_S } };
    world.writeConfig({ accounts: often, ...OFF, flows: { poll: EVERY_S } });
    await using _margind = world.daemon();
    await readAgain(LIQUIDATIONS);
    world.now.account.answers[FLOWS] = {
      status: 429,
      headers: { "retry-after": "1" },
      body: { code: -1003, msg: "x" },
    };
    const flows = asked(FLOWS);
    await untilTrue(() => asked(FLOWS) === flows + 1);
    const polls = asked("/sapi/v1/margin/account");
    await untilTrue(() => asked("/sapi/v1/margin/account") >= polls + 3);
    expect(asked(FLOWS)).toBe(flows + 1);
    expect(world.texts()).toEqual([]); // and nobody was blind
  });
});

describe("the streams of the simulated exchange", () => {
  let simulator: Simulator;
  const book: Book = bookOf({
    cross: crossBook([holding("BTC", { free: 2 }), holding("USDT", { borrowed: 5_000 })]),
  });
  const simulate = async (): Promise<void> => {
    simulator = await startSimulator({
      ...{ port: 0, simNowMs: systemClock.wallMs, serverNowMs: systemClock.wallMs, monoMs: systemClock.monoMs },
      keys: [{ apiKey: API_KEY, credential: { kind: "hmac", secret: API_SECRET }, book }],
      path: derivedPath(() => 8_000),
    });
    world.writeConfig({
      exchange: {
        baseUrl: simulator.url,
        stream: { riskUrl: simulator.streamUrl, userUrl: `${simulator.streamUrl}/ws-api/v3` },
      },
      accounts: { main: { ...accounts.main, poll: "*/20 * * * * *" } },
      watchdog: { staleAfter: "40s" },
      ...OFF,
      stream: true,
    });
  };
  afterEach(() => simulator.close());

  test("bring the next poll forward; a margin call opens by itself, and what it says is beside what REST says", async () => {
    await simulate();
    await using _margind = world.daemon();
    await untilTrue(() => simulator.connections().length === 2);
    const polls = () => simulator.requests.filter(({ path }) => path === "/sapi/v1/margin/account").length;
    await untilTrue(() => polls() >= 2); // the start, and one for the connect
    const before = polls();
    simulator.push("user", { e: "balanceUpdate", E: systemClock.wallMs(), a: "USDT", d: "1" });
    await untilTrue(() => polls() > before);
    simulator.push("risk", { e: "MARGIN_LEVEL_STATUS_CHANGE", E: systemClock.wallMs(), l: "1.1", s: "MARGIN_CALL" });
    await untilTrue(() => world.now.slack.posts.length === 1);
    expect(world.texts()[0]).toContain("CRITICAL · main · Binance calls for margin (pushed): margin level 1.10");
    expect(world.texts()[0]).toContain("the account was last read at 3.20");
    simulator.dropStreams();
    await untilTrue(() => simulator.connections().length === 2);
    expect(world.texts()).toHaveLength(1);
  });

  test("that are given up are told once, not again after a restart, and polling goes on", async () => {
    await simulate();
    simulator.retire("/sapi/v1/margin/listen-key");
    {
      await using first = world.daemon();
      await untilTrue(() => storedDeliveries(first) === 3);
      expect(world.texts()[0]).toMatch(/WARNING · main · Binance .*risk stream/);
    }
    const requests = simulator.requests.length;
    await using _second = world.daemon();
    const since = () => simulator.requests.slice(requests).map(({ path }) => path);
    await untilTrue(
      () => since().includes("/sapi/v1/margin/listen-key") && since().includes("/sapi/v1/margin/account"),
    );
    await untilTrue(() => simulator.connections().length === 1); // the other one
    expect(world.texts()).toHaveLength(1);
  });

  test("are tried by the doctor, which says of one that is gone why, and ends well all the same", async () => {
    await simulate();
    const good = await world.run("doctor");
    expect(good.out).toMatch(/✔ stream main +the risk stream and the user stream connect/);
    simulator.retire("/sapi/v1/margin/listen-key");
    const gone = await world.run("doctor");
    expect(gone.out).toMatch(/! stream main +the risk stream .*did not connect: .+\n +→ polling goes on without/);
    expect([good.code, gone.code]).toEqual([0, 0]);
  });
});
