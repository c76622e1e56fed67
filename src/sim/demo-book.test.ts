import { expect, test } from "vitest";
import { type Book, crossLevel, pairStatus } from "./book.ts";
import { crashPath, demoActions, demoBook } from "./demo-book.ts";
import { play } from "./play.ts";
import { pricesAt } from "./price-path.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const path = crashPath();
const script = { path, actions: demoActions("key"), liquidationMs: MINUTE_MS };

interface Sample {
  readonly atMs: number;
  readonly level: number;
  readonly statuses: readonly string[];
}

/** What a poller sees that looks every `everyMs`, for the first time `offsetMs` after the start. */
function watch(everyMs: number, offsetMs = 0): readonly Sample[] {
  const samples: Sample[] = [];
  let book: Book = demoBook();
  let playedMs = path.startMs;
  for (let atMs = path.startMs + offsetMs; atMs <= path.endMs; atMs += everyMs) {
    [book] = play(book, playedMs, atMs, script);
    playedMs = atMs;
    const prices = pricesAt(path, atMs);
    const statuses = book.isolated.map((pair) => pairStatus(pair, prices.index(pair.symbol)));
    samples.push({ atMs, level: book.cross === undefined ? Number.NaN : crossLevel(book.cross, prices), statuses });
  }
  return samples;
}

/** Equal neighbours told once. */
const changes = (values: readonly string[]) => values.filter((value, index) => value !== values[index - 1]);

const rung = (level: number) =>
  level < 1.1 ? "liquidated" : level < 1.3 ? "critical" : level < 1.365 ? "warning" : level < 1.5 ? "info" : "calm";

test("the cross account sees every rung, is not liquidated, and ends calm", () => {
  const samples = watch(MINUTE_MS);
  const levels = samples.map(({ level }) => level);
  const lowest = samples.find(({ level }) => level === Math.min(...levels));
  expect(lowest?.level).toBeCloseTo(1.19, 2);
  expect(lowest?.atMs).toBe(Date.parse("2020-03-13T02:20:00Z"));
  expect(samples.at(-1)?.level).toBeGreaterThan(2);
  expect(changes(levels.map(rung))).toEqual("calm info calm info warning info warning critical info calm".split(" "));
});

test("seen every half hour, the cross account is calm, then critical in the night of 13 March, then calm", () => {
  const rungs = watch(HOUR_MS / 2).map(({ atMs, level }) => ({
    at: new Date(atMs).toISOString().slice(8, 16),
    rung: rung(level),
  }));
  const critical = rungs.filter((sample) => sample.rung === "critical");
  expect(critical.map(({ at }) => at)).toEqual(["13T02:00"]);
  expect(rungs.filter(({ at }) => at < "12T23:30" || at > "13T20:00").every((sample) => sample.rung === "calm")).toBe(
    true,
  );
});

test.each(Array.from({ length: 12 }, (_, half) => half / 2))(
  "a poller every six hours, beginning %f hours late, sees the isolated pair in danger and then safe",
  (late) => {
    const statuses = watch(6 * HOUR_MS, late * HOUR_MS).map(({ statuses: [bitcoin = ""] }) => bitcoin);
    const dangers = statuses.filter((status) => status === "MARGIN_CALL" || status === "PRE_LIQUIDATION");
    expect(statuses[0]).toBe("EXCESSIVE");
    expect(dangers.length).toBeGreaterThan(0);
    expect(statuses).not.toContain("FORCE_LIQUIDATION");
    expect(statuses.at(-1)).toBe("NORMAL");
  },
);

test("the isolated pair passes through its states in order and is in danger for half a day", () => {
  const samples = watch(MINUTE_MS);
  const [bitcoin, ether] = [0, 1].map((index) => samples.map(({ statuses }) => statuses[index] ?? ""));
  expect(changes(bitcoin ?? []).slice(0, 4)).toEqual(["EXCESSIVE", "NORMAL", "MARGIN_CALL", "PRE_LIQUIDATION"]);
  expect(changes(bitcoin ?? []).at(-1)).toBe("NORMAL");
  expect(bitcoin).not.toContain("FORCE_LIQUIDATION");
  const dangerMinutes = (bitcoin ?? []).filter(
    (status) => status === "MARGIN_CALL" || status === "PRE_LIQUIDATION",
  ).length;
  expect(dangerMinutes).toBeGreaterThan(12 * 60);
  expect(changes(ether ?? [])).toEqual(["EXCESSIVE"]);
});

test("without its script the pair would be liquidated: the owner's action matters", () => {
  const [book, events] = play(demoBook(), path.startMs, path.endMs, { ...script, actions: [] });
  expect(events.some(({ text }) => text.startsWith("isolated BTCUSDT: liquidated"))).toBe(true);
  expect(book.isolated[0]?.quote.borrowed).toBe(0);
});

test("the script happens once, in order, and nothing is liquidated", () => {
  const [, events] = play(demoBook(), path.startMs, path.endMs, script);
  expect(events.map(({ atMs, kind }) => [new Date(atMs).toISOString().slice(8, 16), kind])).toEqual([
    ["10T00:00", "action"],
    ["12T10:40", "action"],
    ["12T23:10", "action"],
    ["13T02:25", "action"],
    ["13T05:00", "action"],
    ["14T12:00", "action"],
  ]);
});
