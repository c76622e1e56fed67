import { describe, expect, test } from "vitest";
import { cross, emptyPair, isolated, longPair, observe } from "../test/support/answers.ts";
import type { Answer, Failure, Subject } from "./core/ports.ts";
import { startLatest } from "./latest.ts";

const failure: Failure = { code: "timeout", detail: "" };

/** `owing`: what owed when it was seen last. */
function latestOwing(owing: readonly Subject[], ...answers: readonly Answer[]) {
  const latest = startLatest();
  for (const answer of answers) latest.keep(answer, observe(answer, { indebted: new Set(owing) }));
  return latest.holdings();
}

function latestAfter(...answers: readonly Answer[]) {
  const latest = startLatest();
  for (const answer of answers) latest.keep(answer, observe(answer));
  return latest.holdings();
}
const symbols = (...answers: readonly Answer[]) => latestAfter(...answers).pairs?.map(({ symbol }) => symbol);

test("what was answered last is kept, each source by itself", () => {
  const [account, pairs] = [cross(2), isolated([longPair("BTCUSDT", 5)])];
  expect(latestAfter()).toEqual({ cross: undefined, pairs: undefined });
  expect(latestAfter(cross(3), pairs, account)).toEqual({ cross: account, pairs: pairs.pairs });
});

test("an answer that cannot be used leaves the one before it", () => {
  const account = cross(2);
  expect(latestAfter(account, cross(undefined)).cross).toBe(account);
  expect(latestAfter(cross(undefined)).cross).toBeUndefined();
});

test("a pair that cannot be used is as it was, or of unknown balance, but never absent", () => {
  const good = longPair("BTCUSDT", 5);
  const bad = longPair("BTCUSDT", 5, { marginLevelStatus: undefined });
  expect(latestAfter(isolated([good]), isolated([bad])).pairs).toEqual([good]);
  expect(latestAfter(isolated([bad])).pairs).toMatchObject([{ symbol: "BTCUSDT", base: undefined, quote: undefined }]);
});

test("pairs that were not read this time are as they were; before all of them were read once, none is known", () => {
  const asked = ["BTCUSDT", "ETHUSDT"];
  const part = { ...isolated([emptyPair("BTCUSDT")], asked), unread: { symbols: ["ETHUSDT"], failure } };
  const whole = isolated([emptyPair("BTCUSDT"), emptyPair("ETHUSDT")], asked);
  expect(symbols(part)).toBeUndefined();
  expect(symbols(whole, part)).toEqual(asked);
  expect(symbols(whole, isolated([emptyPair("ETHUSDT")], asked))).toEqual(["ETHUSDT"]);
});

describe("what owed and is not answered any more", () => {
  const gone = cross(999, { opened: false, assets: [] });
  const [btc, eth] = [longPair("BTCUSDT", 5), emptyPair("ETHUSDT")];
  const placeholder = emptyPair("BTCUSDT", { isolatedCreated: false });

  test("leaves the account as it was", () => {
    const account = cross(2);
    expect(latestOwing(["cross"], account, gone, gone).cross).toBe(account);
    expect(latestOwing(["cross"], gone).cross).toBeUndefined();
    expect(latestOwing([], account, gone).cross).toBe(gone); // nothing was owed: this account was never opened
  });

  test.each([
    ["absent", isolated([eth])],
    ["answered as never opened", isolated([placeholder, eth])],
    ["absent from those that the config names", isolated([eth], ["BTCUSDT", "ETHUSDT"])],
  ])("leaves the pair as it was: %s", (_, answer) => {
    const pairs = (...answers: readonly Answer[]) =>
      latestOwing(["isolated BTCUSDT"], ...answers).pairs?.toSorted((a, b) => a.symbol.localeCompare(b.symbol));
    expect(pairs(isolated([btc, eth]), answer, answer)).toEqual([btc, eth]);
    expect(pairs(answer)).toMatchObject([{ symbol: "BTCUSDT", base: undefined, quote: undefined }, eth]);
    expect(pairs(isolated([btc, eth]), answer, isolated([longPair("BTCUSDT", 3), eth]))).toEqual([
      longPair("BTCUSDT", 3),
      eth,
    ]);
  });

  test("does not count for pairs that owed nothing", () => {
    expect(symbols(isolated([btc, eth]), isolated([btc]))).toEqual(["BTCUSDT"]);
  });
});
