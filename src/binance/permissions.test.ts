import { expect, test } from "vitest";
import { useClient } from "../../test/support/client.ts";
import {
  COEFF,
  CROSS,
  complaint,
  DOCUMENTED_KEY,
  READ_ONLY_KEY,
  RESTRICTIONS,
  TIME,
} from "../../test/support/exchange.ts";
import { untilTrue } from "../../test/support/server.ts";
import { systemClock } from "../lib/clock.ts";
import { ExchangeError } from "./errors.ts";
import { parseRights } from "./permissions.ts";

const NOTHING = { granted: [], unknown: [], unsaid: [], mayRead: true, isAddressBound: true };

test("reads the documented sample", () => {
  expect(parseRights(DOCUMENTED_KEY)).toEqual({
    ...NOTHING,
    granted: [{ name: "enablePortfolioMarginTrading", deed: "trade" }],
    isAddressBound: false,
  });
});

test.each([
  ["enableWithdrawals", "withdraw"],
  ["enableInternalTransfer", "transfer"],
  ["permitsUniversalTransfer", "transfer"],
  ["enableSpotAndMarginTrading", "trade"],
  ["enableFutures", "trade"],
  ["enableVanillaOptions", "trade"],
  ["enablePortfolioMarginTrading", "trade"],
  ["enableFixApiTrade", "trade"],
  ["enableMargin", "borrow"],
])("%s lets a key %s", (name, deed) => {
  expect(parseRights({ ...READ_ONLY_KEY, [name]: true })).toEqual({ ...NOTHING, granted: [{ name, deed }] });
});

const without = (name: string) => Object.fromEntries(Object.entries(READ_ONLY_KEY).filter(([each]) => each !== name));

test.each<[string, unknown, object]>([
  ["a key that may only read", READ_ONLY_KEY, {}],
  ["a time when trading ends", { ...READ_ONLY_KEY, tradingAuthorityExpirationTime: 1628985600000 }, {}],
  ["a right of the future that is off", { ...READ_ONLY_KEY, enableEarn: false }, {}],
  ["a right of the future that is on", { ...READ_ONLY_KEY, enableEarn: true }, { unknown: ["enableEarn"] }],
  ["a name that is none", { ...READ_ONLY_KEY, "\u001b[2Jx": true, "": true, ["x".repeat(61)]: true }, {}],
  ["reading off", { ...READ_ONLY_KEY, enableReading: false }, { mayRead: false }],
  ["no word on reading", without("enableReading"), { mayRead: undefined }],
  ["no word on withdrawals", without("enableWithdrawals"), { unsaid: ["enableWithdrawals"] }],
  ["no word on addresses", without("ipRestrict"), { unsaid: ["ipRestrict"], isAddressBound: undefined }],
  ["an older answer without portfolio margin", without("enablePortfolioMarginTrading"), {}],
  ["an older answer without FIX", without("enableFixApiTrade"), {}],
  ["null for a newer right", { ...READ_ONLY_KEY, enableFixApiTrade: null }, { unsaid: ["enableFixApiTrade"] }],
  ["a text for a flag", { ...READ_ONLY_KEY, enableFutures: "true" }, { unsaid: ["enableFutures"] }],
  ["a number for a flag", { ...READ_ONLY_KEY, enableFutures: 1 }, { unsaid: ["enableFutures"] }],
])("%s", (_, body, over) => {
  expect(parseRights(body)).toEqual({ ...NOTHING, ...over });
});

test("of many rights that nobody knows it keeps the first few", () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`enable${"X".repeat(index + 1)}`, true]));
  expect(parseRights({ ...READ_ONLY_KEY, ...many }).unknown).toHaveLength(5);
});

test.each([
  ["nothing", undefined],
  ["null", null],
  ["a list", []],
  ["a text", "{}"],
  ["an object about something else", { status: 0 }],
])("%s is no answer", (_, body) => {
  expect(() => parseRights(body)).toThrow(ExchangeError);
});

// ---------------------------------------------------------------- over the client

const { start, poll, warmUp } = useClient();
const never = new AbortController().signal;

test("a key is asked about itself in its lane, signed, after the reads of the poll", async () => {
  const { exchange, server, requests } = await start({ minSpacingMs: 60, barsStore: { load: freshBars, save() {} } });
  const reads = exchange.poll(never);
  expect(await exchange.rights(never)).toEqual({ ok: true, rights: NOTHING });
  await Promise.all(reads);
  await untilTrue(() => server.seen.length >= 2);
  expect(server.seen.slice(0, 2).map(({ path }) => path)).toEqual([CROSS, RESTRICTIONS]);
  expect(requests[1]?.gapMs).toBeGreaterThanOrEqual(60);
});

const freshBars = (): {
  bars: { normalBar: number; marginCallBar: number; forceLiquidationBar: number };
  atMs: number;
} => ({
  bars: { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 },
  atMs: Number.MAX_SAFE_INTEGER,
});

test.each([
  ["a path that the exchange does not have", { status: 404, body: { error: "Not Found" } }, "bad_response"],
  ["a refused key", complaint(-2015, "no", 401), "rejected_key"],
  ["an answer about something else", { body: { status: 0 } }, "bad_response"],
])("%s is a value, and no reason to read the account less", async (_, answer, code) => {
  const world = await start({ script: ({ path }) => (path === RESTRICTIONS ? answer : undefined) });
  expect(await world.exchange.rights(never)).toMatchObject({ ok: false, failure: { code } });
  expect(await poll(world.exchange)).toMatchObject([{ ok: true }]);
});

test("the clock can be read before the first poll, and is then not read again after it", async () => {
  const world = await start({ serverMs: () => systemClock.wallMs() + 4_000 });
  const read = await world.exchange.clock(never);
  expect(read).toMatchObject({ ok: true, roundTripMs: expect.any(Number) });
  expect(read.ok ? read.aheadMs : 0).toBeGreaterThan(-4_200);
  expect(read.ok ? read.aheadMs : 0).toBeLessThan(-3_800);
  await poll(world.exchange);
  await untilTrue(() => world.server.seen.some(({ path }) => path === COEFF));
  await world.exchange.rights(never);
  expect(world.server.seen.filter(({ path }) => path === TIME)).toHaveLength(1);
});

test("a clock that cannot be read is a value", async () => {
  const world = await start({ script: ({ path }) => (path === TIME ? { body: {} } : undefined) });
  expect(await world.exchange.clock(never)).toMatchObject({ ok: false, failure: { code: "bad_response" } });
  await warmUp(world);
});
