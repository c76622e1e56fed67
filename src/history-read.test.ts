// How one stream is read run after run, by the reader of the exchange and with the weight that a minute allows.
import { expect, test } from "vitest";
import { ExchangeError } from "./binance/errors.ts";
import { createHistoryReader } from "./binance/history.ts";
import { cursorAt, OVERLAP_MS } from "./core/cursor.ts";
import { type Reading, readAgain, readNew } from "./history-read.ts";
import { silentLog } from "./lib/log.ts";

const MIN = 60_000;
const HOUR = 60 * MIN;
const BEGIN_MS = Date.UTC(2026, 0, 1);
const never = new AbortController().signal;

/** A capital flow with so many rows an hour, evenly; more than `ration` requests of a run are refused. */
function busy(perHour: number, ration: number) {
  const stepMs = HOUR / perHour;
  const world = { nowMs: BEGIN_MS, asked: 0, firstMs: Number.NaN };
  const askLater = async (_: string, params: readonly (readonly [string, string])[]) => {
    if (world.asked >= ration) throw new ExchangeError({ code: "rate_limited", detail: "weight" });
    world.asked += 1;
    const { startTime, endTime } = Object.fromEntries(params);
    if (world.asked === 1) world.firstMs = Number(startTime);
    const first = Math.ceil(Number(startTime) / stepMs);
    const count = Math.min(1000, Math.max(0, Math.floor(Number(endTime) / stepMs) - first + 1));
    return Array.from({ length: count }, (_each, i) => ({
      ...{ id: `${first + i}`, timestamp: `${Math.floor((first + i) * stepMs)}` },
      ...{ asset: "USDT", symbol: "", type: "BORROW", amount: "1" },
    }));
  };
  const serverTime = { nowMs: () => world.nowMs, set: () => 0 };
  return { world, reader: createHistoryReader("main", { askLater }, { serverTime, log: silentLog }) };
}

/** How far behind the reading is after four hours of a run every five minutes, and the rows read for the first time and again. */
async function readFor4Hours(perHour: number, ration: number) {
  const { world, reader } = busy(perHour, ration);
  let cursor = cursorAt(BEGIN_MS);
  let isCrowded = false;
  const lags: number[] = [];
  for (let run = 0; run < 48; run++) {
    world.nowMs += 5 * MIN;
    world.asked = 0;
    const before = cursor;
    const reading: Reading = {
      ...{ stream: { kind: "flow", symbol: undefined }, name: "flow" },
      ...{ before, cursor, isCrowded, newAtMs: undefined },
    };
    for await (const read of readNew(reading, reader, never)) if (!read.ok) reading.isCrowded = true;
    if (reading.isCrowded) for await (const read of readAgain(reading, reader, never)) expect(read).toBeDefined();
    ({ cursor, isCrowded } = reading);
    lags.push((world.nowMs - cursor.readToMs) / MIN);
  }
  return {
    lagMin: Math.max(...lags.slice(1)),
    unsettledMin: (world.nowMs - OVERLAP_MS - cursor.settledToMs) / MIN,
    asked: world.asked,
  };
}

test.each([4000, 8000, 12_000, 16_000, 24_000, 40_000])(
  "%i rows an hour are read as they come with 30 requests a run, and all of them once more an hour later",
  async (perHour) => {
    const { lagMin, unsettledMin } = await readFor4Hours(perHour, 30);
    expect(lagMin).toBe(0);
    expect(unsettledMin).toBeLessThanOrEqual(5);
  },
);

test("a quiet stream is one request a run", async () => {
  expect(await readFor4Hours(500, 30)).toEqual({ lagMin: 0, unsettledMin: 0, asked: 1 });
});

test("after a too full answer the next ones are not: 16,000 rows an hour, read twice, are 45 requests a run at most", async () => {
  const { asked } = await readFor4Hours(16_000, 1000);
  expect(asked).toBeLessThanOrEqual(45);
});

/** A cursor that was read up to an hour and a half ago, and again up to so long ago, is read once. */
async function readOnce(isCrowded: boolean, settledMs: number) {
  const { world, reader } = busy(100, 1000);
  const before = { ...cursorAt(BEGIN_MS - (3 * HOUR) / 2), settledToMs: BEGIN_MS - settledMs };
  const reading: Reading = {
    ...{ stream: { kind: "flow", symbol: undefined }, name: "flow" },
    ...{ before, cursor: before, isCrowded, newAtMs: undefined },
  };
  for await (const read of readNew(reading, reader, never)) expect(read.ok).toBe(true);
  if (reading.isCrowded) for await (const read of readAgain(reading, reader, never)) expect(read.ok).toBe(true);
  return { world, reading };
}

test("what was not read again yet is, however far what is new has come", async () => {
  const { world } = await readOnce(false, 5 * HOUR);
  expect(world.firstMs).toBe(BEGIN_MS - 5 * HOUR - MIN);
});

test.each([false, true])(
  "what came more than an hour before it was read needs no second read: crowded %s",
  async (is) => {
    const { reading } = await readOnce(is, 5 * HOUR);
    expect(reading.cursor).toMatchObject({ readToMs: BEGIN_MS, settledToMs: BEGIN_MS - HOUR });
    const behind = await readOnce(is, 2 * HOUR);
    expect(behind.reading.cursor.settledToMs).toBe(BEGIN_MS - HOUR);
  },
);
