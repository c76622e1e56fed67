import fc from "fast-check";
import { expect, test } from "vitest";
import { balance, cross, debtFree } from "../../test/support/answers.ts";
import type { CrossAnswer } from "./ports.ts";
import { transferOutReason } from "./tell-flags.ts";
import { transferOutLock } from "./unlock.ts";

/** 10,000 USDT owed, at this collateral margin level. */
const at = (level: number, over: Partial<CrossAnswer> = {}): CrossAnswer =>
  cross(level, {
    collateralMarginLevel: level,
    totalCollateralValueInUsdt: 10_000 * level,
    totalOpenOrderLossInUsdt: 0,
    assets: [balance("USDT", { borrowed: 9_990, interest: 10 }), balance("BTC", { free: 2 })],
    ...over,
  });

test.each([
  ["tells both amounts", at(1.84), { kind: "collateral", level: 1.84, amounts: { addUsdt: 1_600, repayUsdt: 800 } }],
  ["at exactly 2 nothing is wanting that could be told", at(2), { kind: "collateral", level: 2, amounts: undefined }],
  ["just above 2 it is not the collateral", at(2.0001), { kind: "other", level: 2.0001 }],
  ["without the level nothing is known", at(1.84, { collateralMarginLevel: undefined }), { kind: "unknown" }],
  ["a level of 0 tells nothing", at(1.84, { collateralMarginLevel: 0 }), { kind: "unknown" }],
  ["an account of the other type has other rules", at(1.84, { accountType: "MARGIN_2" }), { kind: "unknown" }],
  ["without balances nothing is known", at(1.84, { assets: undefined }), { kind: "unknown" }],
  ["without debt it is not the collateral", debtFree({ collateralMarginLevel: 1 }), { kind: "debt-free" }],
])("%s", (_, answer, lock) => {
  expect(transferOutLock(answer)).toEqual(lock);
});

test.each([
  ["without the collateral's value", { totalCollateralValueInUsdt: undefined }],
  ["while open orders would lose something", { totalOpenOrderLossInUsdt: 0.01 }],
  ["when it is not said what open orders would lose", { totalOpenOrderLossInUsdt: undefined }],
  ["when the answer contradicts itself", { totalCollateralValueInUsdt: 17_000 }],
])("%s no amount is told, only the level", (_, over) => {
  expect(transferOutLock(at(1.84, over))).toEqual({ kind: "collateral", level: 1.84, amounts: undefined });
});

test("the way that is told leads to a level of exactly 2", () => {
  const levels = fc.double({ min: 0.5, max: 1.999, noNaN: true });
  const values = fc.double({ min: 1, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(levels, values, (level, collateral) => {
      const assets = [balance("ETH", { borrowed: 3 }), balance("BTC", { free: 2 })];
      const lock = transferOutLock(at(level, { totalCollateralValueInUsdt: collateral, assets }));
      if (lock.kind !== "collateral" || lock.amounts === undefined) throw new Error("no amounts");
      const debt = collateral / level;
      const { addUsdt, repayUsdt } = lock.amounts;
      expect(Math.abs((collateral + addUsdt) / debt - 2)).toBeLessThan(1e-9);
      expect(Math.abs(collateral / (debt - repayUsdt) - 2)).toBeLessThan(1e-9);
    }),
  );
});

test.each([
  [
    at(1.84, { totalCollateralValueInUsdt: 18_400.004 }),
    "Transfer out needs a collateral margin level above 2; it is 1.84: adding more than 1,600.01 USDT, or repaying more than 800.01 USDT of the debt from outside, would unlock it.",
    "转出要求质押风险率高于 2，目前为 1.84：追加超过 1,600.01 USDT，或用外部资金还款超过 800.01 USDT，即可恢复转出。",
  ],
  [
    at(1.9999, { totalOpenOrderLossInUsdt: 5 }),
    "Transfer out needs a collateral margin level above 2; it is 1.9999.",
    "转出要求质押风险率高于 2，目前为 1.9999。",
  ],
  [
    at(2.31),
    "Transfer out needs a collateral margin level above 2; it is 2.31, so that is not the reason.",
    "转出要求质押风险率高于 2，目前为 2.31，因此这不是原因。",
  ],
  [debtFree(), undefined, undefined],
])("in words %#", (answer, en, zh) => {
  expect([transferOutReason(answer, "en"), transferOutReason(answer, "zh-CN")]).toEqual([en, zh]);
});
