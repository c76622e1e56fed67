import { expect, test } from "vitest";
import type { Known } from "../core/situation.ts";
import type { Snapshot } from "../core/store.ts";
import { collect, text } from "./status.ts";

const known = (symbol: string, over: Partial<Known> = {}): Known => ({
  subject: `isolated ${symbol}`,
  atMs: 0,
  level: 1.1,
  status: "NORMAL",
  distancePct: 4,
  debtUsdt: 45_000,
  severity: null,
  ...over,
});

function statusOf(positions: readonly Known[], over: Partial<Snapshot> = {}) {
  const snapshot: Snapshot = {
    account: "main",
    sources: ["isolated"],
    okAtMs: { cross: null, isolated: 1_000 },
    known: positions,
    pairs: 600,
    trouble: null,
    ...over,
  };
  const store = { snapshots: () => [snapshot], alerts: () => [], pending: () => [] };
  return collect(store, { pid: 1, host: "here", sinceMs: 0 }, 30_000, 3_000);
}

/** The lines below the account's. */
const rows = (positions: readonly Known[]): string[] =>
  text(statusOf(positions), 3_000)
    .split("\n")
    .filter((line) => line.startsWith("  "));

test("a position shows its level, how far liquidation is, and what is owed", () => {
  expect(rows([known("AUSDT"), known("BUSDT", { distancePct: null, debtUsdt: null, level: null })])).toEqual([
    "  isolated AUSDT       level 1.10     NORMAL             liquidation 4.0 % away, 45,000 USDT owed",
    "  isolated BUSDT       level -        NORMAL",
  ]);
  expect(rows([known("AUSDT", { distancePct: null, debtUsdt: 12.5 })])).toEqual([
    "  isolated AUSDT       level 1.10     NORMAL             12.50 USDT owed",
  ]);
});

const many = (count: number) =>
  Array.from({ length: count }, (_, n) => known(`P${n}USDT`, { distancePct: n === 9 ? 8.16 : 9 }));

test.each([
  { count: 1, shown: 1 },
  { count: 5, shown: 5 },
  { count: 6, shown: 6 },
  { count: 7, shown: 5, last: "  and 2 more with debt, the nearest 9.0 % away" },
  { count: 600, shown: 5, last: "  and 595 more with debt, the nearest 8.2 % away" },
])("of $count positions the first $shown are shown, the rest is a count", ({ count, shown, last }) => {
  const lines = rows(many(count));
  expect(lines.filter((line) => line.includes("level")).map((line) => line.split(/ +/)[2])).toEqual(
    Array.from({ length: shown }, (_, n) => `P${n}USDT`),
  );
  expect(lines.slice(shown)).toEqual(last === undefined ? [] : [last]);
});

test.each([
  { distancePct: -2.4, says: "past the liquidation bar" },
  { distancePct: 0, says: "past the liquidation bar" },
  { distancePct: 0.04, says: "liquidation 0.04 % away", rest: ", the nearest 0.04 % away" },
])("at $distancePct % it says $says", ({ distancePct, says, rest = ", the nearest past the liquidation bar" }) => {
  expect(rows([known("AUSDT", { distancePct, debtUsdt: null })])).toEqual([
    `  isolated AUSDT       level 1.10     NORMAL             ${says}`,
  ]);
  const list = many(7).map((item, n) => (n === 6 ? { ...item, distancePct } : item));
  expect(rows(list).at(-1)).toBe(`  and 2 more with debt${rest}`);
  expect(statusOf([known("AUSDT", { distancePct })]).accounts[0]?.positions[0]?.liquidationDistancePct).toBe(
    distancePct,
  );
});

test("a distance that is not known is not called the nearest", () => {
  const list = many(7).map((item) => ({ ...item, distancePct: null }));
  expect(rows(list).at(-1)).toBe("  and 2 more with debt");
});

test("a program gets every position, with what it owes", () => {
  const [account] = statusOf(many(600)).accounts;
  expect(account?.positions).toHaveLength(600);
  expect(account?.positions[0]).toEqual({
    subject: "isolated P0USDT",
    marginLevel: 1.1,
    marginLevelStatus: "NORMAL",
    liquidationDistancePct: 9,
    debtUsdt: 45_000,
    at: "1970-01-01T00:00:00.000Z",
  });
  const { debtUsdt: _, ...older } = known("AUSDT");
  expect(statusOf([older]).accounts[0]?.positions[0]?.debtUsdt).toBeNull();
});

test("without debt, and before the first answer, it says so", () => {
  expect(rows([])).toEqual(["  no debt"]);
  const never = statusOf([], { okAtMs: { cross: null, isolated: null } });
  expect(text(never, 3_000)).toContain("  nothing known");
});
