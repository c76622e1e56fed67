// Flips of flags as a person reads them, through the whole pass: told once, kept with the commit, not repeated by a restart.
import { beforeEach, expect, test } from "vitest";
import { BARS_3X, balance, cross, emptyPair, isolated } from "../test/support/answers.ts";
import { openShared, type SharedOptions, type TestShared, ZH } from "../test/support/shared.ts";
import { startHealth } from "./core/feed.ts";
import { type Answer, type CrossAnswer, StoreError } from "./core/ports.ts";
import { pass, startTurns } from "./cycle.ts";
import { rememberFlags } from "./flags.ts";
import type { Ledger } from "./ledger.ts";

let shared: TestShared;
let seen: (...answers: readonly Answer[]) => void;

function open(options: SharedOptions & { readonly fact?: Ledger["fact"] } = {}) {
  shared = openShared({ rules: [], ...options });
  const { ledger, clock } = shared;
  const sources = ["cross", "isolated"] as const;
  for (const source of sources) ledger.setHealth("main", startHealth(source, clock.monoMs(), null));
  const flags = rememberFlags({ fact: options.fact ?? ledger.fact }, "main");
  const used = { cross: new Set(["marginLevel"] as const), isolated: new Set([]) };
  const exchange = { account: "main", bars: () => BARS_3X, poll: () => [] };
  const parts = { ...shared, exchange, sources, used, turns: startTurns(), flags };
  seen = (...answers) => {
    clock.stall(5_000);
    pass(
      parts,
      answers.map((answer) => ({ ok: true, atMs: clock.wallMs(), answer })),
    );
  };
}
beforeEach(() => open());

const restart = (over: SharedOptions & { readonly fact?: Ledger["fact"] } = {}) =>
  open({ clock: shared.clock, store: shared.store, ...over });
const text = (): string => shared.told().join("\n");

/** 10,000 USDT owed. */
const account = (level: number, over: Partial<CrossAnswer> = {}): CrossAnswer =>
  cross(2.1, {
    collateralMarginLevel: level,
    totalCollateralValueInUsdt: 10_000 * level,
    totalOpenOrderLossInUsdt: 0,
    assets: [balance("USDT", { borrowed: 10_000 }), balance("BTC", { free: 2 })],
    ...over,
  });

test("what is read when transfers out are switched off and on again", () => {
  seen(account(2.1));
  seen(account(1.84, { transferOutEnabled: false }));
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · cross transfer out is off
    Nothing can be transferred out of the account.
    Transfer out needs a collateral margin level above 2; it is 1.84: adding more than 1,600 USDT, or repaying more than 800 USDT of the debt from outside, would unlock it.
    Margin level 2.10. Seen at 23:00 UTC.
    #1"
  `);
  seen(account(2.1));
  expect(text()).toMatchInlineSnapshot(`
    "INFO · main · cross transfer out is on
    Margin level 2.10. Collateral margin level 2.10. Seen at 23:00 UTC.
    #1"
  `);
});

test("what is read when several rights go, in both languages", () => {
  const off = { tradeEnabled: false, borrowEnabled: false, transferInEnabled: false };
  seen(account(1.4));
  seen(account(1.4, { ...off, accountType: "MARGIN_2" }));
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · cross trading is off, borrowing is off, transfer in is off, account type MARGIN_2 (was MARGIN_1)
    Orders may be refused, also those that would close a position. Nothing more can be borrowed. Nothing can be transferred in, so no collateral can be added from outside. Levels and rights may be worked out differently from now on: look at the account.
    Margin level 2.10. Collateral margin level 1.40. Seen at 23:00 UTC.
    #1"
  `);
  open({ locale: ZH });
  seen(account(1.4));
  seen(account(1.4, { ...off, transferOutEnabled: false }));
  expect(text()).toMatchInlineSnapshot(`
    "警告 · main · 全仓 交易 已关闭，借币 已关闭，转入 已关闭，转出 已关闭
    委托可能被拒绝，包括用于平仓的委托。无法再借币。无法转入资产，因此不能从外部追加质押资产。账户无法转出资产。
    转出要求质押风险率高于 2，目前为 1.40：追加超过 6,000 USDT，或用外部资金还款超过 3,000 USDT，即可恢复转出。
    风险率 2.10。数据时间 07:00 GMT+8。
    #1"
  `);
});

test("what is read when a pair is switched off, and when it keeps flipping", () => {
  const [on, off] = [true, false].map((enabled) => isolated([emptyPair("BTCUSDT", { enabled })]));
  if (on === undefined || off === undefined) throw new Error("two answers");
  seen(on);
  seen(off);
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · BTCUSDT isolated pair is off
    Binance has switched this isolated pair off. What is owed in it is watched all the same.
    Seen at 23:00 UTC.
    #1"
  `);
  seen(on);
  shared.told();
  seen(off);
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · BTCUSDT isolated pair is off
    Binance has switched this isolated pair off. What is owed in it is watched all the same.
    It keeps flipping (pair): not told again for an hour.
    Seen at 23:00 UTC.
    #1"
  `);
  seen(on);
  expect(text()).toBe("");
});

test("a restart repeats nothing, and tells what flipped meanwhile", () => {
  const off = account(2.1, { tradeEnabled: false });
  seen(account(2.1));
  seen(off);
  expect(shared.told()).toHaveLength(1);
  restart();
  seen(off);
  expect(shared.told()).toEqual([]);
  restart();
  seen(account(2.1));
  expect(text()).toContain("INFO · main · cross trading is on");
});

test("the flags are in the very commit that tells of them, and in no other", () => {
  seen(account(2.1));
  seen(account(2.1));
  seen(account(2.1, { tradeEnabled: false }));
  const facts = shared.store.commits.map(({ facts, rows }) => [facts?.length ?? 0, rows.length]);
  expect(facts).toEqual([
    [1, 0],
    [0, 0],
    [1, 1],
  ]);
});

test("a full disk neither loses a flip nor tells it twice", () => {
  seen(account(2.1));
  shared.store.failure = "disk full";
  seen(account(2.1, { tradeEnabled: false }));
  seen(account(2.1, { tradeEnabled: false }));
  expect(shared.told()).toHaveLength(1);
  shared.store.failure = undefined;
  shared.ledger.retry();
  restart();
  seen(account(2.1, { tradeEnabled: false }));
  expect(shared.told()).toEqual([]);
});

test("while what was known cannot be read nothing is said, and the pass goes on", () => {
  seen(account(2.1));
  let isBroken = true;
  const { store } = shared;
  restart({
    fact(name) {
      if (isBroken) throw new StoreError("disk I/O error");
      return store.fact(name);
    },
  });
  const off = account(2.1, { tradeEnabled: false });
  seen(off);
  expect(shared.told()).toEqual([]);
  expect(shared.ledger.snapshot("main")?.okAtMs.cross).toBe(shared.clock.wallMs());
  isBroken = false;
  seen(off);
  expect(text()).toContain("cross trading is off");
});
