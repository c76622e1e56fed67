// The readers over a real socket: signed, spaced, behind what is urgent, and every digit of an id as it was sent.
import { afterEach, expect, test } from "vitest";
import {
  API_KEY,
  API_SECRET,
  CROSS,
  complaint,
  flawOf,
  type Script,
  shortestGapMs,
  startExchange,
} from "../../test/support/exchange.ts";
import type { HistoryPart, HistoryStream, Read } from "../core/history.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import { createAsker } from "./ask.ts";
import type { Shared } from "./call.ts";
import { PATHS } from "./endpoints.ts";
import { createFreshness } from "./freshness.ts";
import { createHistoryReader } from "./history.ts";
import { createMarketReader } from "./market.ts";
import { createLane } from "./pace.ts";
import { createPause } from "./pause.ts";
import { createHttp } from "./request.ts";
import { createServerTime } from "./server-time.ts";
import { createSigner } from "./sign.ts";
import { createWeightBudget } from "./weight.ts";

const never = new AbortController().signal;
const SPACING_MS = 60;
const DAY_MS = 86_400_000;

let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

async function start(script: Script) {
  const clock = systemClock;
  const server = await startExchange({ script });
  open.defer(() => server.close());
  const http = createHttp({ baseUrl: server.url, timeoutMs: 5000, clock });
  open.defer(() => http.close());
  const serverTime = createServerTime(clock, () => clock.wallMs());
  const bans = { load: () => undefined, save: () => undefined, clear: () => undefined };
  const shared: Shared = {
    http,
    clock,
    serverTime,
    pause: createPause({ clock, bans, log: silentLog }),
    weights: createWeightBudget({ budgetPct: 50, clock, serverTime, onSpent: () => undefined }),
    freshness: createFreshness(),
    random: () => 0.5,
    minSpacingMs: SPACING_MS,
    timeoutMs: 5000,
    recvWindowMs: 5000,
    onRequest: () => undefined,
    log: silentLog,
  };
  const asker = createAsker(shared, {
    account: "main",
    apiKey: API_KEY,
    sign: createSigner({ kind: "hmac", secret: new Secret(API_SECRET) }),
    lane: createLane(SPACING_MS, clock),
  });
  return {
    server,
    asker,
    history: createHistoryReader("main", asker, shared),
    market: createMarketReader(asker, { ...shared, nowMs: serverTime.nowMs }),
  };
}

/** Answers to requests to a path; a request whose key, signature or time is wrong is refused. */
const answering =
  (path: string, raw: (nth: number) => string): Script =>
  (request, nth) =>
    request.path === path ? (flawOf(request, systemClock.wallMs()) ?? { raw: raw(nth) }) : undefined;

async function all(parts: AsyncGenerator<Read<HistoryPart>>): Promise<readonly Read<HistoryPart>[]> {
  const read: Read<HistoryPart>[] = [];
  for await (const part of parts) read.push(part);
  return read;
}

const FLOWS: HistoryStream = { kind: "flow", symbol: "BTCUSDT" };

test("a history is signed, spaced, and keeps ids beyond 2^53", async () => {
  const row = (nth: number) =>
    `[{"id":135228657645286472${nth},"tranId":1,"timestamp":${Date.now() - 9 * DAY_MS + nth * 4 * DAY_MS},` +
    `"asset":"USDT","symbol":"BTCUSDT","type":"LIQUIDATION_FEE","amount":"0.10000000"}]`;
  const { server, history } = await start(answering(PATHS.capitalFlow, row));
  const parts = await all(history.read(FLOWS, history.nowMs() - 10 * DAY_MS, never));
  expect(parts.map((part) => part.ok && part.value.rows.map(({ id }) => id))).toEqual([
    ["1352286576452864721"],
    ["1352286576452864722"],
  ]);
  expect(server.seen.map(({ query }) => query.replaceAll(/=(\d{13}|[0-9a-f]{64})(?=&|$)/g, "=#"))).toEqual(
    Array.from(
      { length: 2 },
      () => "symbol=BTCUSDT&startTime=#&endTime=#&limit=1000&recvWindow=5000&timestamp=#&signature=#",
    ),
  );
  expect(shortestGapMs(server.seen)).toBeGreaterThanOrEqual(SPACING_MS);
});

test("the account goes before a history that waits", async () => {
  const { server, asker, history } = await start(answering(PATHS.transfers, () => '{"rows":[],"total":0}'));
  await asker.askOnce(CROSS, [], never); // the lane is taken for a while
  const parts = all(history.read({ kind: "transfer", symbol: undefined }, history.nowMs() - 50 * DAY_MS, never));
  const urgent = [asker.askOnce(CROSS, [], never), asker.askOnce(CROSS, [], never)];
  await Promise.all([parts, ...urgent]);
  expect(server.paths()).toEqual(["account", "account", "account", "transfer", "transfer"]);
});

test("what the exchange refuses is a failure with its number", async () => {
  const { history } = await start(({ path }) => (path === PATHS.capitalFlow ? complaint(-1020) : undefined));
  expect(await all(history.read(FLOWS, history.nowMs(), never))).toEqual([
    { ok: false, failure: expect.objectContaining({ exchangeCode: -1020 }) },
  ]);
});

test("the market is asked with the key alone", async () => {
  const { server, market } = await start(({ path }) =>
    path === PATHS.delistSchedule
      ? { body: [{ delistTime: 1686161202000, crossMarginAssets: ["BTC"], isolatedMarginSymbols: [] }] }
      : undefined,
  );
  expect(await market.delistings(never)).toEqual({
    ok: true,
    value: [{ atMs: 1686161202000, assets: ["BTC"], symbols: [] }],
  });
  expect(server.seen.map(({ query, headers }) => [query, headers["x-mbx-apikey"]])).toEqual([["", API_KEY]]);
});

test.each<[string, string, readonly object[] | "failure"]>([
  ["an empty body, as it was seen live", "", []],
  ["only a line end", "\r\n", []],
  [
    "a loan",
    '{"asset":"USDC","amount":"10","repaidAmount":"1","remainingAmount":"9"}',
    [{ asset: "USDC", remaining: 9 }],
  ],
  ["half an answer", '{"asset":"US', "failure"],
  ["a web page", "<html>", "failure"],
])("no loan or one: %s", async (_, raw, expected) => {
  const { history } = await start(({ path }) => (path === PATHS.liquidationLoan ? { raw } : undefined));
  const read = await history.loans(never);
  expect(read.ok ? read.value : "failure").toEqual(expected);
});

test("an empty body is no history", async () => {
  const { history } = await start(({ path }) => (path === PATHS.capitalFlow ? { raw: "" } : undefined));
  expect(await all(history.read(FLOWS, history.nowMs(), never))).toMatchObject([{ ok: false }]);
});
