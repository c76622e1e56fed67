import { expect, test } from "vitest";
import { cross, emptyPair, isolated, longPair, observe } from "../test/support/answers.ts";
import type { Answer, Failure } from "./core/ports.ts";
import { startLatest } from "./latest.ts";

const failure: Failure = { code: "timeout", detail: "" };

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
  expect(latestAfter(isolated([bad])).pairs).toEqual([{ ...bad, base: undefined, quote: undefined }]);
});

test("pairs that were not read this time are as they were; before all of them were read once, none is known", () => {
  const asked = ["BTCUSDT", "ETHUSDT"];
  const part = { ...isolated([emptyPair("BTCUSDT")], asked), unread: { symbols: ["ETHUSDT"], failure } };
  const whole = isolated([emptyPair("BTCUSDT"), emptyPair("ETHUSDT")], asked);
  expect(symbols(part)).toBeUndefined();
  expect(symbols(whole, part)).toEqual(asked);
  expect(symbols(whole, isolated([emptyPair("ETHUSDT")], asked))).toEqual(["ETHUSDT"]);
});
