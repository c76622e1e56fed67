import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createHistoryModel,
  DAY_MS,
  type HistoryModel,
  type Manners,
  type ModelRow,
  PLAIN,
} from "../../test/support/history.ts";
import type { HistoryKind, HistoryPart, HistoryRow, HistoryStream, Read } from "../core/history.ts";
import { silentLog } from "../lib/log.ts";
import { complaintError, stopped } from "./errors.ts";
import { createHistoryReader } from "./history.ts";

const never = new AbortController().signal;
const NOW_MS = Date.UTC(2026, 10, 21, 12);
const MINUTE_MS = 60_000;
/** Beyond 2^53, where numbers lose their last digits. */
const FIRST_ID = 1352286576452864727n;

const CROSS_FLOW: HistoryStream = { kind: "flow", symbol: undefined };

function worldOf(manners: Partial<Manners> = {}) {
  const model = createHistoryModel({ ...PLAIN, ...manners });
  model.nowMs = NOW_MS;
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: object, text: string) => void warnings.push(text) };
  const serverTime = { nowMs: () => model.nowMs, set: () => 0 };
  return { model, warnings, reader: createHistoryReader("main", model, { serverTime, log }) };
}

type World = ReturnType<typeof worldOf>;

async function readAll({ reader }: World, fromMs: number, stream = CROSS_FLOW): Promise<readonly Read<HistoryPart>[]> {
  const parts: Read<HistoryPart>[] = [];
  for await (const part of reader.read(stream, fromMs, never)) parts.push(part);
  return parts;
}

const rowsIn = (parts: readonly Read<HistoryPart>[]): readonly HistoryRow[] =>
  parts.flatMap((part) => (part.ok ? part.value.rows : []));
const endOf = (parts: readonly Read<HistoryPart>[]): number | undefined =>
  parts.reduce<number | undefined>((end, part) => (part.ok ? part.value.readToMs : end), undefined);
const windowsOf = ({ asked }: HistoryModel) =>
  asked.map(({ params }) => ({ fromMs: Number(params["startTime"]), toMs: Number(params["endTime"]) }));
const rowsAt = (atMs: number, count: number, pair?: string): readonly ModelRow[] =>
  Array.from({ length: count }, (_, index) => ({
    id: FIRST_ID + BigInt(index),
    atMs,
    ...(pair !== undefined && { pair }),
  }));

describe("what is asked for", () => {
  test.each<[HistoryStream, object]>([
    [CROSS_FLOW, { limit: "1000" }],
    [
      { kind: "flow", symbol: "BTCUSDT" },
      { symbol: "BTCUSDT", limit: "1000" },
    ],
    [
      { kind: "transfer", symbol: undefined },
      { current: "1", size: "100" },
    ],
    [
      { kind: "transfer", symbol: "BTCUSDT" },
      { isolatedSymbol: "BTCUSDT", current: "1", size: "100" },
    ],
    [
      { kind: "liquidation", symbol: undefined },
      { current: "1", size: "100" },
    ],
    [
      { kind: "liquidation", symbol: "BTCUSDT" },
      { isolatedSymbol: "BTCUSDT", current: "1", size: "100" },
    ],
  ])("%o from a minute before until now", async (stream, expected) => {
    const world = worldOf();
    const parts = await readAll(world, NOW_MS - 10 * MINUTE_MS, stream);
    const times = { startTime: `${NOW_MS - 11 * MINUTE_MS}`, endTime: `${NOW_MS}` };
    expect(world.model.asked.map(({ params }) => params)).toEqual([{ ...times, ...expected }]);
    expect(parts).toEqual([{ ok: true, value: { rows: [], readToMs: NOW_MS } }]);
  });

  test.each<[HistoryKind, number]>([
    ["flow", 7],
    ["transfer", 30],
    ["liquidation", 7],
  ])("%s: 90 days at most, in windows shorter than %i days that touch", async (kind, days) => {
    const world = worldOf();
    const parts = await readAll(world, 0, { kind, symbol: undefined });
    const windows = windowsOf(world.model);
    expect(windows[0]?.fromMs).toBeGreaterThan(NOW_MS - 90 * DAY_MS);
    expect(windows[0]?.fromMs).toBeLessThan(NOW_MS - 90 * DAY_MS + 10 * MINUTE_MS);
    for (const { fromMs, toMs } of windows) expect(toMs - fromMs).toBeLessThan(days * DAY_MS);
    expect(windows.slice(1).map(({ fromMs }) => fromMs)).toEqual(windows.slice(0, -1).map(({ toMs }) => toMs));
    expect(parts.map((part) => part.ok && part.value.readToMs)).toEqual(windows.map(({ toMs }) => toMs));
    expect(endOf(parts)).toBe(NOW_MS);
  });

  test.each([
    ["is now", 0, 1],
    ["is still to come", 1, 0],
  ])("a start that %s", async (_, aheadMs, requests) => {
    const world = worldOf();
    await readAll(world, NOW_MS + aheadMs);
    expect(world.model.asked).toHaveLength(requests);
  });

  test("fractions of a millisecond, which the exchange's clock has here, are not asked for", async () => {
    const world = worldOf();
    world.model.nowMs = NOW_MS + 0.75;
    await readAll(world, NOW_MS - 0.5);
    expect(windowsOf(world.model)).toEqual([{ fromMs: NOW_MS - 1 - MINUTE_MS, toMs: NOW_MS }]);
    expect(world.reader.nowMs()).toBe(NOW_MS);
  });
});

// ---------------------------------------------------------------- nothing is lost, nothing comes twice

const manners = fc
  .record<Manners>({
    keeps: fc.constantFrom("newest", "oldest"),
    bounds: fc.constantFrom("both", "start", "end"),
    order: fc.constantFrom("up", "down", "mixed"),
    stamps: fc.constantFrom("ms", "seconds", "seconds of ms"),
    total: fc.constantFrom("given", "missing"),
    pageMax: fc.constant(100),
    pastTheEnd: fc.constantFrom("empty", "last page"),
    ignores: fc.constantFrom([], [], ["symbol"]),
  })
  // Without a total, the last page again is the same as an exchange that gives the first page for ever.
  .map((how) => (how.total === "missing" ? { ...how, pastTheEnd: "empty" as const } : how));

/** Ages at which rows lie: anywhere, close together, and at the edges of windows of 7 and 30 days. */
const ages = fc.oneof(
  fc.nat(89 * DAY_MS),
  fc.nat(3000),
  fc
    .tuple(fc.constantFrom(7, 14, 30, 60), fc.integer({ min: -2, max: 2 }))
    .map(([days, ms]) => 89 * DAY_MS - days * DAY_MS + ms),
);
/** How many rows share one millisecond. */
const crowds = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 2, arbitrary: fc.integer({ min: 90, max: 510 }) },
  { weight: 1, arbitrary: fc.integer({ min: 990, max: 2100 }) },
);
const histories = fc
  .tuple(fc.array(fc.tuple(ages, crowds), { maxLength: 6 }), fc.constantFrom("with time", "against time"))
  .map(([clusters, ids]) => {
    const times = clusters.flatMap(([ageMs, count]) => Array.from({ length: count }, () => NOW_MS - ageMs));
    times.sort((a, b) => (ids === "with time" ? a - b : b - a));
    return times.map((atMs, index): ModelRow => ({ id: FIRST_ID + BigInt(index), atMs }));
  });
const kinds = fc.constantFrom<HistoryKind>("flow", "transfer", "liquidation");
const FROM_MS = NOW_MS - 89 * DAY_MS;
const RUNS = { numRuns: 30 };

const idsOf = (rows: readonly { readonly id: string | bigint }[]): readonly string[] =>
  rows.map(({ id }) => `${id}`).sort();

/** A row of another pair beside each of ours, in case the exchange does not heed which pair was asked for. */
const withOthers = (rows: readonly ModelRow[], { ignores }: Manners): readonly ModelRow[] =>
  ignores.length === 0 ? rows : rows.flatMap((row) => [row, { ...row, id: row.id + 10n ** 18n, pair: "ETHUSDT" }]);

test("every row comes once and in order, however the exchange answers", async () => {
  await fc.assert(
    fc.asyncProperty(histories, manners, kinds, fc.boolean(), async (history, how, kind, isPair) => {
      const pair = isPair || how.ignores.length > 0 ? "BTCUSDT" : undefined;
      const ours = history.map((row) => ({ ...row, ...(pair !== undefined && { pair }) }));
      const world = worldOf(how);
      world.model.rows = withOthers(ours, how);
      const first = await readAll(world, FROM_MS, { kind, symbol: pair });
      expect(first.filter(({ ok }) => !ok)).toEqual([]);
      const rows = rowsIn(first);
      expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
      expect(rows.map(({ atMs }) => atMs)).toEqual(rows.map(({ atMs }) => atMs).sort((a, b) => a - b));
      // What is stamped with the very end may come with the next read.
      world.model.nowMs += 5000;
      const next = rowsIn(await readAll(world, endOf(first) ?? 0, { kind, symbol: pair }));
      expect(idsOf([...new Map([...rows, ...next].map((row) => [row.id, row])).values()])).toEqual(idsOf(ours));
    }),
    RUNS,
  );
});

test("an exchange that heeds no pair and answers with a full page of others is got past", async () => {
  const how: Manners = { ...PLAIN, keeps: "newest", bounds: "start", total: "missing", ignores: ["symbol"] };
  const world = worldOf(how);
  const crowd = Array.from({ length: 1866 }, (_, index) => ({ id: FIRST_ID + BigInt(index), atMs: NOW_MS - 1 }));
  world.model.rows = withOthers(
    crowd.map((row) => ({ ...row, pair: "BTCUSDT" })),
    how,
  );
  const parts = await readAll(world, FROM_MS, { kind: "flow", symbol: "BTCUSDT" });
  expect(rowsIn(parts)).toHaveLength(1866);
  expect(world.model.asked.length).toBeLessThan(120);
});

test("a part claims only what was read: all rows before its end are there", async () => {
  await fc.assert(
    fc.asyncProperty(histories, manners, kinds, async (history, how, kind) => {
      const world = worldOf({ ...how, ignores: [] });
      world.model.rows = history;
      const seen = new Set<string>();
      for await (const part of world.reader.read({ kind, symbol: undefined }, FROM_MS, never)) {
        if (!part.ok) throw new Error(part.failure.detail);
        for (const { id } of part.value.rows) seen.add(id);
        const lastAskedMs = Number(world.model.asked.at(-1)?.params["endTime"]);
        expect(part.value.readToMs).toBeLessThanOrEqual(lastAskedMs);
        const missing = history.filter(({ id, atMs }) => atMs < part.value.readToMs && !seen.has(`${id}`));
        expect(missing.filter((row) => row.atMs < part.value.readToMs - 1000)).toEqual([]);
        if (how.stamps === "ms") expect(missing).toEqual([]);
      }
    }),
    RUNS,
  );
});

test("a failure at any request loses nothing: going on from where it was read to finds the rest", async () => {
  await fc.assert(
    fc.asyncProperty(
      histories,
      manners,
      kinds,
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
      async (history, how, kind, gaps) => {
        const world = worldOf({ ...how, ignores: [] });
        world.model.rows = history;
        const failing = new Set(gaps.map((_, index) => gaps.slice(0, index + 1).reduce((sum, gap) => sum + gap, 0)));
        world.model.fails = (request) => (failing.has(request) ? complaintError({ code: -1001, msg: "" }) : undefined);
        const found = new Map<string, HistoryRow>();
        let cursorMs = FROM_MS;
        for (let reads = 0; reads < 8; reads++) {
          const parts = await readAll(world, cursorMs, { kind, symbol: undefined });
          for (const row of rowsIn(parts)) found.set(row.id, row);
          expect(parts.slice(0, -1).every(({ ok }) => ok)).toBe(true);
          cursorMs = endOf(parts) ?? cursorMs;
          world.model.nowMs += 5000;
        }
        expect(idsOf([...found.values()])).toEqual(idsOf(history));
      },
    ),
    RUNS,
  );
});

// ---------------------------------------------------------------- full answers

test.each([
  [999, 1],
  [1000, 3],
  [1001, 3],
])("%i rows of the capital flow in two halves of a window take %i requests", async (count, requests) => {
  const world = worldOf();
  const half = 450;
  world.model.rows = [
    ...rowsAt(NOW_MS - 90_000, half),
    ...rowsAt(NOW_MS - 10_000, count - half).map((row) => ({ ...row, id: row.id + 5000n })),
  ];
  const parts = await readAll(world, NOW_MS - MINUTE_MS);
  expect(rowsIn(parts)).toHaveLength(count);
  expect(world.model.asked).toHaveLength(requests);
});

test("500 rows are full too: so many come when the exchange does not follow the limit", async () => {
  const world = worldOf({ ignores: ["limit"] });
  world.model.rows = [
    ...rowsAt(NOW_MS - 90_000, 400),
    ...rowsAt(NOW_MS - 10_000, 400).map((row) => ({ ...row, id: row.id + 5000n })),
  ];
  expect(rowsIn(await readAll(world, NOW_MS - MINUTE_MS))).toHaveLength(800);
});

test("once more than 500 came the limit is followed, and 500 are not full", async () => {
  const world = worldOf();
  world.model.rows = [
    ...rowsAt(NOW_MS - 90_000, 600),
    ...rowsAt(NOW_MS - 10_000, 500).map((row) => ({ ...row, id: row.id + 5000n })),
  ];
  expect(rowsIn(await readAll(world, NOW_MS - MINUTE_MS))).toHaveLength(1100);
  expect(world.model.asked).toHaveLength(3);
});

test("a crowd in one moment is read on by ids, and what comes after it is read too", async () => {
  for (const keeps of ["newest", "oldest"] as const) {
    const world = worldOf({ keeps });
    world.model.rows = [...rowsAt(NOW_MS - 30_000, 3500), { id: 7n, atMs: NOW_MS - 10_000 }];
    const rows = rowsIn(await readAll(world, NOW_MS - MINUTE_MS));
    expect(rows).toHaveLength(3501);
    expect(rows.at(-1)?.id).toBe("7");
    expect(world.warnings).toEqual([]);
  }
});

test("a crowd that cannot be read to its end is given as far as it goes, and that is said", async () => {
  const world = worldOf({ ignores: ["fromId"] });
  world.model.rows = rowsAt(NOW_MS - 30_000, 1500);
  const parts = await readAll(world, NOW_MS - MINUTE_MS);
  expect(rowsIn(parts)).toHaveLength(1000);
  expect(endOf(parts)).toBe(NOW_MS);
  expect(world.warnings).not.toEqual([]);
});

test("a crowd in one moment is got past with the 30 requests that the weight budget of a minute allows", async () => {
  const world = worldOf();
  world.model.rows = rowsAt(NOW_MS - 40 * DAY_MS + 12_345, 3500);
  expect(await readRationed(world, FROM_MS, 30)).toHaveLength(3500);
});

test("ids are ordered as numbers of any size", async () => {
  const world = worldOf();
  const ids = [99n, 9007199254740993n, 9007199254740992n, 10n ** 30n, 100n];
  world.model.rows = ids.map((id) => ({ id, atMs: NOW_MS - 1000 }));
  expect(rowsIn(await readAll(world, NOW_MS)).map(({ id }) => BigInt(id))).toEqual([
    99n,
    100n,
    9007199254740992n,
    9007199254740993n,
    10n ** 30n,
  ]);
});

test("a long crowded history goes on from where the exchange said stop", async () => {
  const world = worldOf();
  world.model.rows = Array.from({ length: 6000 }, (_, index) => ({
    id: FIRST_ID + BigInt(index),
    atMs: NOW_MS - DAY_MS + index * 14_000,
  }));
  expect(await readRationed(world, NOW_MS - DAY_MS, 8)).toHaveLength(6000);
});

/** The ids found in a few reads, each with so many requests that the exchange answers. */
async function readRationed(world: World, fromMs: number, ration: number): Promise<readonly string[]> {
  const found = new Set<string>();
  let cursorMs = fromMs;
  for (let reads = 0; cursorMs < NOW_MS && reads < 6; reads++) {
    const before = world.model.asked.length;
    world.model.fails = (request) => (request > before + ration ? complaintError({ code: -1003, msg: "" }) : undefined);
    const parts = await readAll(world, cursorMs);
    for (const { id } of rowsIn(parts)) found.add(id);
    cursorMs = endOf(parts) ?? cursorMs;
  }
  return [...found];
}

// ---------------------------------------------------------------- answers that are not believed

const failureIn = (parts: readonly Read<HistoryPart>[]) => parts.flatMap((part) => (part.ok ? [] : [part.failure]));

test("rows of another time are dropped when nothing can be missing", async () => {
  const world = worldOf({ ignores: ["startTime", "endTime"] });
  world.model.rows = [FROM_MS, NOW_MS - DAY_MS, NOW_MS - 30_000, NOW_MS + 1].map((atMs, index) => ({
    id: BigInt(index),
    atMs,
  }));
  for (const kind of ["flow", "transfer"] as const) {
    const parts = await readAll(world, NOW_MS - MINUTE_MS, { kind, symbol: undefined });
    expect(rowsIn(parts).map(({ id }) => id)).toEqual(["2"]);
  }
});

test("a stamp in whole seconds may lie just before its window", async () => {
  const world = worldOf({ stamps: "seconds of ms" });
  const startMs = NOW_MS + 500 - MINUTE_MS;
  world.model.nowMs = NOW_MS + 500;
  world.model.rows = [{ id: 1n, atMs: startMs + 499 }];
  expect(rowsIn(await readAll(world, NOW_MS + 500))).toEqual([
    expect.objectContaining({ id: "1", atMs: startMs - 500 }),
  ]);
});

test("a liquidation that changed after the window it was asked in is told all the same", async () => {
  const world = worldOf();
  const order = { orderId: "1", updatedTime: `${NOW_MS + 5}`, symbol: "BTCUSDT", side: "SELL" };
  world.model.askLater = async () => ({ rows: [order], total: "1" });
  const parts = await readAll(world, NOW_MS, { kind: "liquidation", symbol: undefined });
  expect(rowsIn(parts).map(({ id }) => id)).toEqual(["1"]);
});

test.each<HistoryKind>(["flow", "transfer", "liquidation"])(
  "%s: a full answer of another time is a failure",
  async (kind) => {
    const world = worldOf({ ignores: ["startTime", "endTime"] });
    world.model.rows = rowsAt(NOW_MS - DAY_MS, 1200);
    const parts = await readAll(world, NOW_MS - MINUTE_MS, { kind, symbol: undefined });
    expect(parts).toHaveLength(1);
    expect(failureIn(parts)).toEqual([
      { code: "bad_response", detail: expect.stringContaining("full of rows of another time") },
    ]);
  },
);

describe("pages", () => {
  const TRANSFERS: HistoryStream = { kind: "transfer", symbol: undefined };
  const spread = (count: number): readonly ModelRow[] =>
    Array.from({ length: count }, (_, index) => ({ id: FIRST_ID + BigInt(index), atMs: NOW_MS - 1000 * index }));

  test.each([
    [0, 1],
    [99, 1],
    [100, 2],
    [101, 2],
    [250, 3],
  ])("%i rows take %i requests, all of them with the same end", async (count, requests) => {
    const world = worldOf();
    world.model.rows = spread(count);
    const parts = await readAll(world, NOW_MS - DAY_MS, TRANSFERS);
    expect(rowsIn(parts)).toHaveLength(count);
    expect(world.model.asked.map(({ params }) => params["current"])).toEqual(
      Array.from({ length: requests }, (_, index) => `${index + 1}`),
    );
    expect(new Set(windowsOf(world.model).map(({ toMs }) => toMs)).size).toBe(1);
  });

  test("pages that are smaller than asked for are read to the total", async () => {
    const world = worldOf({ pageMax: 40 });
    world.model.rows = spread(130);
    expect(rowsIn(await readAll(world, NOW_MS - DAY_MS, TRANSFERS))).toHaveLength(130);
  });

  test("an exchange that gives the first page again and again is asked for shorter windows", async () => {
    for (const total of ["given", "missing"] as const) {
      const world = worldOf({ ignores: ["current"], total });
      world.model.rows = spread(450);
      expect(rowsIn(await readAll(world, NOW_MS - DAY_MS, TRANSFERS))).toHaveLength(450);
    }
  });

  test("and when that does not help, it is a failure", async () => {
    const world = worldOf({ ignores: ["current"] });
    world.model.rows = rowsAt(NOW_MS - 30_000, 101);
    const parts = await readAll(world, NOW_MS - MINUTE_MS, TRANSFERS);
    expect(failureIn(parts)).toEqual([
      { code: "bad_response", detail: expect.stringContaining("the same rows on every page") },
    ]);
    expect(endOf(parts)).toBeLessThan(NOW_MS - 30_000);
    expect(world.model.asked.length).toBeLessThan(100);
  });

  test("an empty answer that speaks of rows is a failure", async () => {
    const world = worldOf();
    world.model.askLater = async () => ({ rows: [], total: "5" });
    const parts = await readAll(world, NOW_MS, TRANSFERS);
    expect(parts).toEqual([{ ok: false, failure: { code: "bad_response", detail: "rows is empty after 0 of 5" } }]);
  });

  test("rows of another pair are dropped, at whichever end they name one", async () => {
    const world = worldOf();
    const common = { timestamp: `${NOW_MS}`, asset: "USDT", type: "ROLL_IN", amount: "1", status: "CONFIRMED" };
    const ends = [
      {},
      { fromSymbol: "BTCUSDT" },
      { toSymbol: "BTCUSDT", fromSymbol: "ETHUSDT" },
      { toSymbol: "ETHUSDT" },
    ];
    world.model.askLater = async () => ({ rows: ends.map((end, index) => ({ ...common, ...end, txId: `${index}` })) });
    const parts = await readAll(world, NOW_MS, { kind: "transfer", symbol: "BTCUSDT" });
    expect(rowsIn(parts).map(({ id }) => id)).toEqual(["0", "1", "2"]);
  });
});

// ---------------------------------------------------------------- failures are values

test("a failure ends the read, after what was read before it", async () => {
  const world = worldOf();
  world.model.fails = (request) => (request === 3 ? complaintError({ code: -3044, msg: "" }) : undefined);
  const parts = await readAll(world, FROM_MS);
  expect(parts.map(({ ok }) => ok)).toEqual([true, true, false]);
  expect(failureIn(parts)).toEqual([{ code: "unavailable", detail: "error -3044, system busy", exchangeCode: -3044 }]);
  expect(world.model.asked).toHaveLength(3);
});

test("one malformed row makes its whole window a failure", async () => {
  const world = worldOf();
  world.model.askLater = async () => [{ id: "1", timestamp: `${NOW_MS}`, asset: "BTC", type: "BORROW", amount: "" }];
  expect(await readAll(world, NOW_MS)).toEqual([
    { ok: false, failure: { code: "bad_response", detail: '[0].amount is "", not a decimal' } },
  ]);
});

test("a stop is a failure like another, and whoever reads no further is asked no more", async () => {
  const world = worldOf();
  world.model.fails = (request) => (request === 2 ? stopped() : undefined);
  for await (const part of world.reader.read(CROSS_FLOW, FROM_MS, never)) {
    expect(part.ok).toBe(true);
    break;
  }
  expect(world.model.asked).toHaveLength(1);
  expect(failureIn(await readAll(world, FROM_MS))).toEqual([expect.objectContaining({ code: "timeout" })]);
});

test("what margind does wrong is a failure too, and is said", async () => {
  const world = worldOf();
  world.model.fails = () => new TypeError("x is not a function");
  expect(failureIn(await readAll(world, NOW_MS))).toEqual([
    { code: "bad_response", detail: "margind could not work with the answer" },
  ]);
  expect(await world.reader.loans(never)).toMatchObject({ ok: false, failure: { code: "bad_response" } });
  expect(world.warnings).toHaveLength(2);
});

test("loans are asked for by themselves", async () => {
  const world = worldOf();
  const paths: string[] = [];
  world.model.askLater = async (path) => {
    paths.push(path);
    return { asset: "USDC", amount: "1000", repaidAmount: "300", remainingAmount: "700.00000000" };
  };
  expect(await world.reader.loans(never)).toEqual({ ok: true, value: [{ asset: "USDC", remaining: 700 }] });
  expect(paths).toEqual(["/sapi/v1/margin/liquidation-loan"]);
});
