import { describe, expect, test } from "vitest";
import type { AssetBalance, CrossAnswer, Failure, IsolatedAnswer, PairAnswer, ReadResult } from "../../core/ports.ts";
import { quietWaitMs } from "./exchange.ts";
import { clockFinding, historyFinding, interestFinding, keyFinding, pricesFinding, readFinding } from "./judge.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 2, 2);
const limits = { recvWindowMs: 5_000, nowMs: NOW_MS };

test.each<[number, number, string]>([
  [0, 80, "good"],
  [1_000, 0, "good"],
  [1_001, 0, "warning"],
  [-1_001, 0, "warning"],
  [1_040, 80, "good"], // the round trip may account for it
  [1_041, 80, "warning"],
  [5_000, 0, "warning"],
  [5_001, 0, "failed"],
  [-5_001, 0, "failed"],
  [-86_400_000, 80, "failed"],
])("a clock that seems %i ms off after a round trip of %i ms: %s", (aheadMs, roundTripMs, status) => {
  expect(clockFinding({ ok: true, aheadMs, roundTripMs }, limits).status).toBe(status);
});

test("the clock's finding says which way, and what to do", () => {
  expect(clockFinding({ ok: true, aheadMs: -1_200, roundTripMs: 80 }, limits)).toEqual({
    status: "warning",
    text: "this machine's clock is 1.200 s behind Binance's (answer after 0.080 s)",
    todo: "set this machine's clock (NTP)",
  });
  expect(clockFinding({ ok: true, aheadMs: 12, roundTripMs: 80 }, limits).text).toContain("0.012 s ahead of Binance's");
});

const CODES = [
  "unreachable",
  "timeout",
  "unavailable",
  "rate_limited",
  "banned",
  "rejected_key",
  "bad_signature",
  "clock_skew",
  "bad_response",
] as const satisfies readonly Failure["code"][];

test.each(CODES)("%s: the account and the clock have failed, the key's rights are only unknown", (code) => {
  const failure: Failure = { code, detail: "HTTP 502" };
  expect(readFinding({ ok: false, atMs: NOW_MS, source: "cross", failure })).toMatchObject({
    status: "failed",
    text: expect.stringContaining("HTTP 502"),
    todo: expect.stringMatching(/\w{5}/),
  });
  expect(clockFinding({ ok: false, failure }, limits).status).toBe("failed");
  const unread = keyFinding({ ok: false, failure }, false, NOW_MS);
  expect(unread).toMatchObject({
    status: "warning",
    text: expect.stringMatching(/^what the key may do cannot be read: /),
  });
  expect(JSON.stringify(unread)).not.toContain("refuses the key once");
  expect(JSON.stringify(keyFinding({ ok: false, failure }, true, NOW_MS))).toContain("run watches all the same");
});

test("a ban says until when", () => {
  const failure: Failure = { code: "banned", detail: "HTTP 418", untilMs: NOW_MS + 720_000 };
  expect(readFinding({ ok: false, atMs: NOW_MS, source: "cross", failure }).text).toBe(
    "Binance has banned this address (HTTP 418) until 02:14 UTC (12 min)",
  );
});

test("what the key may do is judged as the configuration asks", () => {
  const rights = {
    granted: [{ name: "enableFutures", deed: "trade" as const }],
    unknown: [],
    unsaid: [],
    mayRead: true,
    isAddressBound: true,
  };
  expect(keyFinding({ ok: true, rights }, false, NOW_MS).status).toBe("warning");
  expect(keyFinding({ ok: true, rights }, true, NOW_MS).status).toBe("failed");
});

// ---------------------------------------------------------------- accounts

const balance = (asset: string, borrowed = 0, interest = 0): AssetBalance => ({
  asset,
  free: 1,
  locked: 0,
  borrowed,
  interest,
});
const CROSS: CrossAnswer = {
  source: "cross",
  opened: true,
  marginLevel: 1.24,
  collateralMarginLevel: 1.2,
  totalAssetOfBtc: 2,
  totalLiabilityOfBtc: 1,
  totalNetAssetOfBtc: 1,
  borrowEnabled: true,
  tradeEnabled: true,
  transferInEnabled: true,
  transferOutEnabled: true,
  accountType: "MARGIN_1",
  assets: [balance("BTC"), balance("USDT", 5)],
  problems: [],
};
const PAIR: PairAnswer = {
  symbol: "BTCUSDT",
  isolatedCreated: true,
  enabled: true,
  tradeEnabled: true,
  marginLevel: 2,
  marginLevelStatus: "NORMAL",
  marginRatio: 10,
  indexPrice: 10,
  liquidatePrice: 1,
  liquidateRate: 1,
  base: { ...balance("BTC"), totalAsset: 1 },
  quote: { ...balance("USDT"), totalAsset: 1 },
  problems: [],
};
const ISOLATED: IsolatedAnswer = { source: "isolated", asked: "all", pairs: [PAIR] };
const found = (answer: CrossAnswer | IsolatedAnswer) => {
  const result: ReadResult = { ok: true, atMs: NOW_MS, answer };
  const finding = readFinding(result);
  return `${finding.status}: ${finding.text}`;
};

test.each<[Partial<CrossAnswer>, string]>([
  [{}, "good: read; margin level 1.24"],
  [{ assets: [balance("USDT", 0, 0.01)] }, "good: read; margin level 1.24"],
  [{ assets: [balance("BTC")] }, "good: read; nothing is owed"],
  [{ marginLevel: undefined }, "good: read; it has debt"],
  [{ opened: false }, "warning: there is no cross margin account"],
  [
    { problems: ["marginLevel is null, not a decimal"] },
    "warning: the answer is odd: marginLevel is null, not a decimal",
  ],
])("a cross account with %o", (over, expected) => {
  expect(found({ ...CROSS, ...over })).toBe(expected);
});

const named = (...symbols: readonly string[]): PairAnswer[] => symbols.map((symbol) => ({ ...PAIR, symbol }));
const failure: Failure = { code: "timeout", detail: "no whole answer within 10 s" };

describe("isolated pairs", () => {
  test.each<[string, Partial<IsolatedAnswer>, string]>([
    ["one, nothing owed", {}, "good: read; 1 pair, nothing is owed"],
    ["none at all", { pairs: [] }, "good: read; 0 pairs, nothing is owed"],
    [
      "debt on either leg",
      {
        pairs: [
          { ...PAIR, base: { ...balance("BTC", 1), totalAsset: 1 } },
          { ...PAIR, quote: { ...balance("USDT", 0, 1), totalAsset: 1 } },
          { ...PAIR, base: undefined },
        ],
      },
      "good: read; 3 pairs, 2 with debt",
    ],
    [
      "one never opened, not named",
      { pairs: [{ ...PAIR, isolatedCreated: false }] },
      "good: read; 1 pair, nothing is owed",
    ],
    [
      "one named and never opened",
      { asked: ["BTCUSDT"], pairs: [{ ...PAIR, isolatedCreated: false }] },
      "warning: BTCUSDT was never opened",
    ],
    [
      "names that Binance does not know",
      { asked: ["BTCUSDT", "BTCUSTD", "ETHUSTD"] },
      "failed: Binance has no isolated pair BTCUSTD, ETHUSTD for this key",
    ],
    [
      "many such names",
      { asked: ["A1", "A2", "A3", "A4", "A5", "A6", "A7"] },
      "failed: Binance has no isolated pair A1, A2, A3, A4, A5 and 2 more for this key",
    ],
    [
      "some that could not be read: they are not unknown",
      { asked: ["BTCUSDT", "ETHUSDT"], unread: { symbols: ["ETHUSDT"], failure } },
      "warning: ETHUSDT could not be read: Binance does not answer in time (no whole answer within 10 s)",
    ],
    [
      "an odd field",
      { pairs: [...named("ETHUSDT"), { ...PAIR, problems: ["indexPrice is null, not a decimal"] }] },
      "warning: the answer is odd: BTCUSDT: indexPrice is null, not a decimal",
    ],
  ])("%s", (_, over, expected) => {
    expect(found({ ...ISOLATED, ...over })).toBe(expected);
  });
});

// ---------------------------------------------------------------- beside a daemon

const AT = (seconds: number) => Date.UTC(2026, 10, 21, 12) + seconds * 1_000;

test.each<[string, number, number]>([
  ["*/5 * * * * *", 0, 1_500], // the poll has just begun
  ["*/5 * * * * *", 1.499, 1],
  ["*/5 * * * * *", 1.5, 0],
  ["*/5 * * * * *", 3, 0],
  ["*/5 * * * * *", 3.001, 3_499], // too near to the next
  ["*/5 * * * * *", 4.999, 1_501],
  ["0 * * * * *", 30, 0],
  ["0 * * * * *", 59, 2_500],
  ["*/2 * * * * *", 0.5, 0], // never quiet: no sense in waiting
  ["* * * * * *", 0.5, 0],
])("a daemon that polls at %s is given way at %f s for %i ms", (poll, second, waitMs) => {
  expect(quietWaitMs(poll, AT(second))).toBe(waitMs);
});

test("what is read beside the polls: all of it, or a warning that names what is not", () => {
  const read = (name: string) => ({ name, failure: undefined });
  expect(historyFinding([read("capital flow"), read("transfers")], NOW_MS)).toEqual({
    status: "good",
    text: "read: capital flow, transfers",
  });
  const failure: Failure = { code: "rejected_key", detail: "error -2015, key, address or permission" };
  expect(historyFinding([read("transfers"), { name: "capital flow", failure }], NOW_MS)).toMatchObject({
    status: "warning",
    text: expect.stringMatching(/^capital flow cannot be read: .*-2015/),
    todo: expect.stringContaining("or turn them off"),
  });
});

test("a key that two programs use at the same moment is no failure", () => {
  const failure: Failure = { code: "unavailable", detail: "error -21003", exchangeCode: -21003 };
  expect(readFinding({ ok: false, atMs: NOW_MS, source: "cross", failure })).toMatchObject({
    status: "warning",
    todo: expect.stringContaining("try again"),
  });
  const other: Failure = { ...failure, exchangeCode: -21004 };
  expect(readFinding({ ok: false, atMs: NOW_MS, source: "cross", failure: other }).status).toBe("failed");
});

// ---------------------------------------------------------------- prices and rates

test("prices and rates that can be read say a figure that a person can compare", () => {
  const prices = new Map([
    ["BTCUSDT", 90_000],
    ["ETHUSDT", 3_000],
  ]);
  expect(pricesFinding({ ok: true, value: prices }, NOW_MS)).toEqual({ status: "good", text: "read; of 2 symbols" });
  const rates = new Map([["USDT", 0.000005]]);
  expect(interestFinding({ ok: true, value: rates }, "USDT", NOW_MS)).toEqual({
    status: "good",
    text: "read; USDT costs 0.0005 % an hour",
  });
});

test.each([
  ["refused", { ok: false, failure: { code: "rejected_key", detail: "no" } } as const],
  ["empty", { ok: true, value: new Map<string, number>() } as const],
])("prices and rates that are %s are warned of, with what to do", (_, read) => {
  expect(pricesFinding(read, NOW_MS)).toMatchObject({
    status: "warning",
    text: expect.stringMatching(/^public prices cannot be read: \w/),
    todo: expect.stringMatching(
      /^\w.*; until then nothing is seen between polls, or turn them off \(exchange\.prices\)$/,
    ),
  });
  expect(interestFinding(read, "USDT", NOW_MS)).toMatchObject({
    status: "warning",
    text: expect.stringMatching(/^interest rates cannot be read: \w/),
    todo: expect.stringMatching(/^\w.*; until then nobody notices one that jumps, or turn them off \(interest\)$/),
  });
});
