import { expect, test } from "vitest";
import { BINANCE_LIMITS, createScale, createSpacing } from "./limits.ts";

const ACCOUNT = "/sapi/v1/margin/account";
const ISOLATED = "/sapi/v1/margin/isolated/account";
const MINUTE_MS = 60_000;
const request = (path = ACCOUNT, weight = 10, address = "1.2.3.4") => ({ address, path, weight });
const limits = { ...BINANCE_LIMITS, sapiWeight: 30, apiWeight: 5, forgiven429: 2 };

test("spacing is measured per key, from one request to the next", () => {
  const spacing = createSpacing();
  expect([spacing("a", 100), spacing("b", 150), spacing("a", 600), spacing("a", 601)]).toEqual([
    undefined,
    undefined,
    500,
    1,
  ]);
});

test("weight adds up per path and starts anew with the minute of the server's clock", () => {
  const scale = createScale(BINANCE_LIMITS);
  const used = (path: string, serverMs: number) => scale.weigh(request(path), serverMs).headers;
  expect(used(ACCOUNT, 0)).toEqual({ "X-SAPI-USED-IP-WEIGHT-1M": "10" });
  expect(used(ACCOUNT, 59_999)).toEqual({ "X-SAPI-USED-IP-WEIGHT-1M": "20" });
  expect(used(ISOLATED, 59_999)).toEqual({ "X-SAPI-USED-IP-WEIGHT-1M": "10" });
  expect(used(ACCOUNT, 60_000)).toEqual({ "X-SAPI-USED-IP-WEIGHT-1M": "10" });
});

test("all /api paths share one budget", () => {
  const scale = createScale(limits);
  expect(scale.weigh(request("/api/v3/time", 4), 0).headers).toEqual({ "X-MBX-USED-WEIGHT-1M": "4" });
  expect(scale.weigh(request("/api/v3/ticker/price", 1), 0).refusal).toBeUndefined();
  expect(scale.weigh(request("/api/v3/time", 1), 0).refusal?.status).toBe(429);
});

test("the limit itself is allowed, more is 429 with the seconds to the end of the minute", () => {
  const scale = createScale(limits);
  const statuses = [1, 2, 3].map(() => scale.weigh(request(), 10_500).refusal?.status);
  expect(statuses).toEqual([undefined, undefined, undefined]);
  const { refusal } = scale.weigh(request(), 10_500);
  expect(refusal).toMatchObject({ status: 429, headers: { "Retry-After": "50" }, body: { code: -1003 } });
  expect(scale.weigh(request(), MINUTE_MS).refusal).toBeUndefined();
});

/** Overdraws until the ban; returns its Retry-After. */
function provoke(scale: ReturnType<typeof createScale>, serverMs: number): string | undefined {
  for (let count = 0; count < 100; count++) {
    const { refusal } = scale.weigh(request(), serverMs);
    if (refusal?.status === 418) return refusal.headers?.["Retry-After"];
  }
  return undefined;
}

test("who goes on after 429 is banned: for two minutes, then twice as long each time", () => {
  const scale = createScale(limits);
  const statuses = Array.from({ length: 6 }, () => scale.weigh(request(), 0).refusal?.status);
  expect(statuses).toEqual([undefined, undefined, undefined, 429, 429, 418]);
  expect(scale.banned("1.2.3.4", 0)).toMatchObject({ status: 418, headers: { "Retry-After": "120" } });
  expect(scale.banned("1.2.3.4", 119_001)).toMatchObject({ headers: { "Retry-After": "1" } });
  expect(scale.banned("1.2.3.4", 120_000)).toBeUndefined();
  expect(scale.banned("5.6.7.8", 0)).toBeUndefined();
  expect(provoke(scale, 200_000)).toBe("240");
  expect(provoke(scale, 600_000)).toBe("480");
});

test("a ban names its end and never grows beyond three days", () => {
  const scale = createScale(limits);
  let serverMs = 0;
  let longest = "";
  for (let bans = 0; bans < 15; bans++) {
    longest = provoke(scale, serverMs) ?? "";
    serverMs += 4 * 86_400_000;
  }
  expect(longest).toBe(`${3 * 86_400}`);
  const fresh = createScale(limits);
  provoke(fresh, 1_000);
  expect(JSON.stringify(fresh.banned("1.2.3.4", 1_000)?.body)).toContain("IP banned until 121000");
});

test("what is counted per user is his budget from every address, and shown in its own header", () => {
  const scale = createScale({ ...limits, uidWeight: 150 });
  const weigh = (uid: string, address: string) => scale.weigh({ ...request(ACCOUNT, 100, address), uid }, 0);
  expect(weigh("me", "1.1.1.1")).toEqual({ headers: { "X-SAPI-USED-UID-WEIGHT-1M": "100" }, refusal: undefined });
  expect(weigh("you", "1.1.1.1").headers).toEqual({ "X-SAPI-USED-UID-WEIGHT-1M": "100" });
  const second = weigh("me", "2.2.2.2");
  expect([second.headers, second.refusal?.status]).toEqual([{ "X-SAPI-USED-UID-WEIGHT-1M": "200" }, 429]);
  expect([weigh("me", "2.2.2.2"), weigh("me", "2.2.2.2")].map(({ refusal }) => refusal?.status)).toEqual([429, 418]);
  expect(scale.banned("2.2.2.2", 1)?.status).toBe(418);
  expect(scale.banned("1.1.1.1", 1)).toBeUndefined();
});
