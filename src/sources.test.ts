import { beforeEach, describe, expect, test } from "vitest";
import { cross, debtFree, emptyPair, FETUSDT, isolated, longPair } from "../test/support/answers.ts";
import { openShared, type SharedOptions, type TestShared, ZH } from "../test/support/shared.ts";
import type { Context } from "./core/observe.ts";
import { type CrossAnswer, type Failure, type IsolatedAnswer, StoreError } from "./core/ports.ts";
import { createSources } from "./sources.ts";

const H = 3_600_000;
const TIMEOUT: Failure = { code: "timeout", detail: "no whole answer within 10 s" };
const gone = (exchangeCode = -1020): Failure => ({
  code: "unavailable",
  detail: `error ${exchangeCode}, this request is not supported any more`,
  exchangeCode,
});
const USED: Context["used"] = {
  cross: new Set(["marginLevel", "liquidationDistancePct", "transferOutEnabled"]),
  isolated: new Set(["marginLevelStatus", "liquidationDistancePct", "enabled"]),
};

let shared: TestShared;
let sources: ReturnType<typeof createSources>;

function open(options: SharedOptions = {}) {
  shared = openShared(options);
  sources = createSources(shared, "main");
}
const restart = (): void => open({ clock: shared.clock, store: shared.store });
beforeEach(() => open());

const answer = (...answers: readonly (CrossAnswer | IsolatedAnswer)[]): readonly string[] => {
  for (const each of answers) sources.noteAnswer(each, USED);
  return shared.firing();
};
const text = (): string => shared.told().join("\n");

// ---------------------------------------------------------------- taken away

test.each([-1016, -1020])("error %i is told at once, and is over with the first success", (code) => {
  sources.note("capital flow", gone(code));
  expect(shared.firing()).toEqual(["source capital flow/exchange-changed warning"]);
  sources.note("capital flow", undefined);
  expect(shared.firing()).toEqual([]);
});

test("what is read when it is taken away, and when it is back", async () => {
  sources.note("capital flow", gone());
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · the exchange changed: capital flow is not offered any more
    Binance answers: error -1020, this request is not supported any more.
    Rows of the capital flow, also liquidations in it, are not told meanwhile. The margin levels are watched all the same.
    #1"
  `);
  await shared.clock.advance(3 * H);
  sources.note("capital flow", undefined);
  expect(text()).toMatchInlineSnapshot(`
    "RESOLVED · main · capital flow: readable again
    The alert was open for 3 h.
    #2"
  `);
  open({ locale: ZH });
  sources.note("capital flow", gone());
  expect(text()).toMatchInlineSnapshot(`
    "警告 · main · 币安接口变更：不再提供资金流水
    币安应答：error -1020, this request is not supported any more。
    在此期间不会通知资金流水，包括其中的强平。风险率仍继续监视。
    #1"
  `);
});

test("an account endpoint that is taken away is critical, and only an answer ends it", () => {
  sources.note("cross account", gone());
  expect(shared.firing()).toEqual(["source cross account/exchange-changed critical"]);
  expect(text()).toMatchInlineSnapshot(`
    "CRITICAL · main · the exchange changed: cross account is not offered any more
    Binance answers: error -1020, this request is not supported any more.
    Levels cannot be read any more: nobody watches them here. Look at the account in the app, and look for a newer margind.
    #1"
  `);
  sources.note("cross account", TIMEOUT);
  expect(shared.firing()).toHaveLength(1);
  expect(answer(cross(2))).toEqual([]);
});

test("an account that was never opened is an answer too", () => {
  sources.note("cross account", gone());
  expect(answer(cross(999, { opened: false, assets: [] }))).toEqual([]);
});

test("another failure after it changes nothing", async () => {
  sources.note("delist schedule", gone());
  shared.told();
  sources.note("delist schedule", TIMEOUT);
  await shared.clock.advance(2 * H);
  sources.note("delist schedule", TIMEOUT);
  expect(shared.firing()).toHaveLength(1);
  expect(shared.told()).toEqual([]);
});

// ---------------------------------------------------------------- not readable

test.each([
  ["for an hour", H, []],
  ["for more than an hour", H + 1, ["source capital flow/exchange-changed warning"]],
])("a history that cannot be read %s", async (_, ms, firing) => {
  sources.note("capital flow", TIMEOUT);
  expect(shared.firing()).toEqual([]);
  await shared.clock.advance(ms);
  sources.note("capital flow", TIMEOUT);
  expect(shared.firing()).toEqual(firing);
});

test("a success in between starts the hour anew; a wall clock that jumps does not end it", async () => {
  sources.note("capital flow", TIMEOUT);
  await shared.clock.advance(H);
  sources.note("capital flow", undefined);
  sources.note("capital flow", TIMEOUT);
  shared.clock.stepWall(24 * H);
  sources.note("capital flow", TIMEOUT);
  expect(shared.firing()).toEqual([]);
});

test("what is read when a history is not readable", async () => {
  sources.note("transfer history", TIMEOUT);
  await shared.clock.advance(H + 5 * 60_000);
  sources.note("transfer history", TIMEOUT);
  expect(text()).toMatchInlineSnapshot(`
    "WARNING · main · transfer history not readable for 1 h 5 min
    Binance does not answer in time (no whole answer within 10 s).
    Transfers are not told meanwhile. The margin levels are watched all the same.
    #1"
  `);
});

test("of the account itself a failure is a matter of blindness", async () => {
  sources.note("cross account", TIMEOUT);
  await shared.clock.advance(5 * H);
  sources.note("cross account", TIMEOUT);
  expect(shared.firing()).toEqual([]);
});

test("it is reminded of once a day", async () => {
  sources.note("capital flow", gone());
  shared.told();
  await shared.clock.advance(24 * H - 1);
  sources.note("capital flow", gone());
  expect(shared.told()).toEqual([]);
  await shared.clock.advance(1);
  sources.note("capital flow", gone());
  expect(shared.told().join()).toContain("STILL WARNING");
});

// ---------------------------------------------------------------- fields

const LOST = ["source cross account/exchange-changed warning"];
const without = (over: Partial<CrossAnswer>): CrossAnswer => cross(2, over);

describe("a field that a rule uses", () => {
  const lost = without({ transferOutEnabled: undefined });

  test("is told at the third answer in a row without it, and is over when it is back", () => {
    expect(answer(cross(2), lost, lost)).toEqual([]);
    expect(answer(lost)).toEqual(LOST);
    expect(text()).toMatchInlineSnapshot(`
      "WARNING · main · the exchange changed: transferOutEnabled is missing (cross account)
      A rule needs it. Answers without it cannot be used, so alerts neither open nor resolve by them: look at the account in the app, and look for a newer margind.
      #1"
    `);
    expect(answer(lost)).toEqual(LOST);
    expect(answer(cross(2))).toEqual([]);
    expect(text()).toContain("RESOLVED · main · cross account: readable again");
  });

  test("one answer with it begins the count anew", () => {
    expect(answer(lost, lost, cross(2), lost, lost)).toEqual([]);
  });

  test("all fields of a source are one alert", () => {
    const both = without({ transferOutEnabled: undefined, marginLevel: undefined });
    expect(answer(both, both, both)).toEqual(LOST);
    expect(text()).toContain("marginLevel, transferOutEnabled is missing (cross account)");
    expect(answer(lost)).toEqual(LOST);
  });

  test("malformed it is not missing, but it is no evidence either", () => {
    const malformed = without({
      transferOutEnabled: undefined,
      problems: ["transferOutEnabled is null, not true or false"],
    });
    expect(answer(malformed, malformed, malformed, malformed)).toEqual([]);
    expect(answer(lost, lost, lost)).toEqual(LOST);
    expect(answer(malformed)).toEqual(LOST);
    restart();
    expect(answer(malformed)).toEqual(LOST);
  });

  test("that no rule uses is nobody's matter", () => {
    const other = without({ borrowEnabled: undefined, collateralMarginLevel: undefined });
    expect(answer(cross(2), other, other, other, other)).toEqual([]);
  });

  test("the list of balances is used by everything", () => {
    const none = without({ assets: undefined, problems: ["userAssets is missing"] });
    expect(answer(none, none, none)).toEqual(LOST);
    expect(text()).toContain("userAssets is missing");
  });

  test("survives a restart: a failed read, or the first answers without it, end nothing", () => {
    answer(lost, lost, lost);
    shared.told();
    restart();
    sources.note("cross account", TIMEOUT);
    sources.note("cross account", undefined); // it was read, but nobody looked at its fields
    expect(answer(lost)).toEqual(LOST);
    expect(answer(lost, lost, lost)).toEqual(LOST);
    expect(shared.told()).toEqual([]);
    expect(answer(cross(2))).toEqual([]);
  });

  test("is not back because nobody needs it now, the account is not there or no pair is, also after a restart", () => {
    const bare = without({ marginLevel: undefined });
    expect(answer(bare, bare, bare)).toEqual(LOST);
    restart();
    const idle = [debtFree({ marginLevel: undefined }), cross(999, { opened: false, assets: [] })];
    expect(answer(...idle, ...idle)).toEqual(LOST);
    expect(answer(debtFree())).toEqual([]);
  });

  test("without debt, a level that was never there is not missed, but one that was there is", () => {
    const bare = debtFree({ marginLevel: undefined });
    expect(answer(bare, bare, bare)).toEqual([]);
    expect(answer(debtFree(), bare, bare, bare)).toEqual(LOST);
  });
});

describe("a field of the isolated pairs", () => {
  const LOST_PAIRS = ["source isolated pairs/exchange-changed warning"];
  const noStatus = { marginLevelStatus: undefined };

  test("is missing when no pair has it", () => {
    const lost = isolated([{ ...FETUSDT, ...noStatus }, emptyPair("BTCUSDT", noStatus)]);
    expect(answer(lost, lost, lost)).toEqual(LOST_PAIRS);
    const some = isolated([{ ...FETUSDT, ...noStatus }, emptyPair("BTCUSDT")]);
    expect(answer(some)).toEqual([]);
  });

  test("a derived one is missed by the parts that it is made of", () => {
    const lost = isolated([longPair("BTCUSDT", 10, { liquidatePrice: undefined })]);
    answer(lost, lost, lost);
    expect(text()).toContain("liquidatePrice is missing (isolated pairs)");
  });

  test("without debt, what older answers never had is not missed", () => {
    const old = isolated([emptyPair("BTCUSDT", noStatus)]);
    expect(answer(old, old, old, old)).toEqual([]);
  });

  test("is not back because no pair is answered, also after a restart", () => {
    const lost = isolated([{ ...FETUSDT, ...noStatus }]);
    expect(answer(lost, lost, lost)).toEqual(LOST_PAIRS);
    restart();
    expect(answer(isolated([]), isolated([emptyPair("BTCUSDT", noStatus)]))).toEqual(LOST_PAIRS);
    expect(answer(isolated([emptyPair("BTCUSDT")]))).toEqual([]);
  });

  test("rows of pairs that were never opened tell nothing", () => {
    const lost = isolated([emptyPair("BTCUSDT", { isolatedCreated: false, enabled: undefined, ...noStatus })]);
    expect(answer(isolated([emptyPair("BTCUSDT")]), lost, lost, lost, isolated([]))).toEqual([]);
  });
});

// ---------------------------------------------------------------- renamed

describe("a field that is known by an older name only", () => {
  const oldName = "transferEnabled";
  const renamed = ["transferInEnabled", "transferOutEnabled"].map((field) => ({ field, oldName }));
  const old = cross(2, { renamed });

  test("is told once, whatever comes after, and leaves nothing open", () => {
    expect(answer(old)).toEqual([]);
    expect(text()).toMatchInlineSnapshot(`
      "INFO · main · the exchange changed: transferEnabled stands in place of transferInEnabled, transferOutEnabled (cross account)
      margind reads transferEnabled instead and goes on. Nothing has to be done.
      #1"
    `);
    answer(old, cross(2), old);
    restart();
    answer(old);
    expect(shared.told()).toEqual([]);
  });

  test("is told when the disk can say whether it was told", () => {
    const { fact } = shared.ledger;
    let isBroken = true;
    const ledger = {
      ...shared.ledger,
      fact(name: string) {
        if (isBroken) throw new StoreError("disk I/O error");
        return fact(name);
      },
    };
    sources = createSources({ ...shared, ledger }, "main");
    answer(old);
    expect(shared.told()).toEqual([]);
    isBroken = false;
    answer(old);
    expect(shared.told()).toHaveLength(1);
  });
});
