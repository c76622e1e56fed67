import { expect, test } from "vitest";
import { createWarpClock } from "../../test/support/warp-clock.ts";
import { createServerTime, serverTimeIn } from "./server-time.ts";
import { createWeightBudget, usedPct } from "./weight.ts";

const ACCOUNT = "/sapi/v1/margin/account";
const PRICES = "/api/v3/ticker/price";

test.each([
  [ACCOUNT, {}, 0],
  [ACCOUNT, { "x-sapi-used-ip-weight-1m": "6000" }, 50],
  [ACCOUNT, { "x-sapi-used-uid-weight-1m": "90000" }, 50],
  [ACCOUNT, { "x-sapi-used-ip-weight-1m": "120", "x-sapi-used-uid-weight-1m": "90000" }, 50],
  [ACCOUNT, { "x-sapi-used-ip-weight-1m": "-5" }, 0],
  [ACCOUNT, { "x-sapi-used-ip-weight-1m": "many" }, 0],
  [ACCOUNT, { "x-sapi-used-ip-weight-1m": "1e9" }, 0],
  [ACCOUNT, { "x-mbx-used-weight-1m": "3000" }, 0],
  [PRICES, { "x-mbx-used-weight-1m": "3000" }, 50],
  [PRICES, { "x-sapi-used-ip-weight-1m": "6000" }, 0],
])("of %s, reads the used share from %j", (path, headers, pct) => {
  expect(usedPct(path, headers)).toBe(pct);
});

test("all of /api is one count, which drops what can wait, and nothing else", () => {
  const clock = createWarpClock();
  const serverTime = createServerTime(clock, () => 0);
  const budget = createWeightBudget({ budgetPct: 50, clock, serverTime, onSpent: () => expect.unreachable() });
  const isRefused = (path: string) => budget.current(path, "later") !== undefined;
  budget.note("/api/v3/time", { "x-mbx-used-weight-1m": "1499" });
  expect(isRefused(PRICES)).toBe(false);
  budget.note("/api/v3/time", { "x-mbx-used-weight-1m": "1500" });
  expect(isRefused(PRICES)).toBe(true);
  expect(isRefused(ACCOUNT)).toBe(false);
  budget.note(PRICES, { "x-mbx-used-weight-1m": "6000" });
  expect(budget.current("/api/v3/time", "now")).toBeUndefined();
  expect(budget.current(ACCOUNT, "now")).toBeUndefined();
  clock.skip(60_000);
  expect(isRefused(PRICES)).toBe(false);
});

test("refuses the spent path, and no other, until the next minute of the exchange's clock", () => {
  const clock = createWarpClock();
  const serverTime = createServerTime(clock, () => 0);
  serverTime.set(1_800_000_000_000 + 50_000, clock.monoMs()); // 50 s into a minute
  const spent: [string, number][] = [];
  const budget = createWeightBudget({
    budgetPct: 50,
    clock,
    serverTime,
    onSpent: (path, waitMs) => spent.push([path, Math.round(waitMs / 1000)]),
  });
  budget.note("/a", { "x-sapi-used-ip-weight-1m": "5999" });
  expect(budget.current("/a", "now")).toBeUndefined();
  budget.note("/a", { "x-sapi-used-ip-weight-1m": "6000" });
  budget.note("/a", { "x-sapi-used-ip-weight-1m": "6010" });
  expect(spent).toEqual([["/a", 10]]); // said once
  expect(budget.current("/b", "now")).toBeUndefined();
  const failure = budget.current("/a", "now")?.failure;
  expect(failure).toMatchObject({ code: "rate_limited", detail: "its weight budget for this minute is used" });
  expect(Math.round(((failure?.untilMs ?? 0) - clock.wallMs()) / 1000)).toBe(10);
  clock.skip(9_000);
  expect(budget.current("/a", "now")).toBeDefined();
  clock.skip(1_000);
  expect(budget.current("/a", "now")).toBeUndefined();
});

test("what can wait is refused from half of the share on", () => {
  const clock = createWarpClock();
  const serverTime = createServerTime(clock, () => 0);
  const budget = createWeightBudget({ budgetPct: 50, clock, serverTime, onSpent: () => undefined });
  budget.note("/a", { "x-sapi-used-ip-weight-1m": "2999" });
  expect(budget.current("/a", "later")).toBeUndefined();
  budget.note("/a", { "x-sapi-used-ip-weight-1m": "3000" });
  expect(budget.current("/a", "later")).toBeDefined();
  expect(budget.current("/a", "now")).toBeUndefined();
  clock.skip(60_000);
  expect(budget.current("/a", "later")).toBeUndefined();
});

test("runs the exchange's clock on the monotonic one, whatever the wall clock does", () => {
  const clock = createWarpClock();
  const serverTime = createServerTime(clock, () => clock.wallMs());
  const believed = serverTime.nowMs();
  expect(Math.abs(believed - clock.wallMs())).toBeLessThan(20);
  clock.stepWall(-5000);
  expect(Math.abs(serverTime.nowMs() - clock.wallMs())).toBeLessThan(20); // nothing better is known yet
  expect(Math.round(serverTime.set(clock.wallMs() + 7000, clock.monoMs()) / 100)).toBe(-70);
  const before = serverTime.nowMs();
  clock.stepWall(3_600_000);
  clock.skip(1000);
  expect(Math.round((serverTime.nowMs() - before) / 100)).toBe(10);
});

test.each([
  [{ serverTime: 1499827319559 }, 1499827319559],
  [{ serverTime: "1499827319559" }, undefined],
  [{ serverTime: -1 }, undefined],
  [{ serverTime: 1.5 }, undefined],
  [{ serverTime: 1e300 }, undefined],
  [{}, undefined],
  [null, undefined],
  ["1499827319559", undefined],
])("reads the exchange's time from %j", (body, expected) => {
  expect(serverTimeIn(body)).toBe(expected);
});
