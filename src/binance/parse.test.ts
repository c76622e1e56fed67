import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CROSS_BODY, isolatedBody, pairBody } from "../../test/support/exchange.ts";
import { ExchangeError } from "./errors.ts";
import { NO_CROSS_ANSWER, parseBars, parseCross, parsePairs } from "./parse.ts";

/** A deep copy of `body` with the value at `path` replaced; "(delete)" takes it out. */
function altered(body: unknown, path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(body);
  const names = path.split(".");
  const last = names.pop() ?? "";
  let at: unknown = copy;
  for (const name of names) at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
  if (typeof at !== "object" || at === null) throw new Error(`there is no ${path}`);
  if (value === "(delete)") Reflect.deleteProperty(at, last);
  else Reflect.set(at, last, value);
  return copy;
}

const detailOf = (parse: () => unknown): string => {
  try {
    parse();
  } catch (error) {
    if (error instanceof ExchangeError && error.failure.code === "bad_response") return error.failure.detail;
    throw error;
  }
  throw new Error("it was accepted");
};

// ---------------------------------------------------------------- cross

test("reads the documented cross account, field for field", () => {
  expect(parseCross(CROSS_BODY)).toEqual({
    source: "cross",
    opened: true,
    marginLevel: 11.64405625,
    collateralMarginLevel: 3.2,
    totalAssetOfBtc: 6.82728457,
    totalLiabilityOfBtc: 0.58633215,
    totalNetAssetOfBtc: 6.24095242,
    borrowEnabled: true,
    tradeEnabled: true,
    transferInEnabled: true,
    transferOutEnabled: true,
    accountType: "MARGIN_1",
    totalCollateralValueInUsdt: 5.82728457,
    totalOpenOrderLossInUsdt: 582.728457,
    assets: [
      { asset: "BTC", free: 0.004995, locked: 0, borrowed: 0, interest: 0 },
      { asset: "BNB", free: 2346.5, locked: 0, borrowed: 201.66666672, interest: 0 },
    ],
    problems: [],
  });
});

describe("the flag that stood for both ways of a transfer", () => {
  const oldStyle = (over: object = {}) => {
    const { transferInEnabled: _in, transferOutEnabled: _out, ...body } = CROSS_BODY;
    return { ...body, ...over };
  };
  const [inward, outward] = ["transferInEnabled", "transferOutEnabled"].map((field) => ({
    field,
    oldName: "transferEnabled",
  }));

  test.each([
    [true, true, true],
    [false, false, false],
  ])("%s is taken for both where the answer has only that", (old, into, out) => {
    const answer = parseCross(oldStyle({ transferEnabled: old }));
    expect(answer).toMatchObject({ transferInEnabled: into, transferOutEnabled: out, problems: [] });
    expect(answer.renamed).toEqual([inward, outward]);
  });

  test("is taken for the one that lacks", () => {
    const answer = parseCross(oldStyle({ transferEnabled: false, transferInEnabled: true }));
    expect(answer).toMatchObject({ transferInEnabled: true, transferOutEnabled: false, renamed: [outward] });
  });

  test("counts for nothing beside its successors, nor in the place of one that is malformed", () => {
    const beside = parseCross({ ...CROSS_BODY, transferEnabled: false });
    expect(beside).toMatchObject({ transferInEnabled: true, transferOutEnabled: true, problems: [] });
    expect(beside).not.toHaveProperty("renamed");
    const malformed = parseCross({ ...CROSS_BODY, transferEnabled: true, transferOutEnabled: null });
    expect(malformed.transferOutEnabled).toBeUndefined();
    expect(malformed.problems).toEqual(["transferOutEnabled is null, not true or false"]);
  });

  test("malformed, it is told only where it is needed", () => {
    const needed = parseCross(oldStyle({ transferEnabled: "yes" }));
    expect(needed).toMatchObject({ transferInEnabled: undefined, transferOutEnabled: undefined });
    expect(needed.problems).toEqual(['transferEnabled is "yes", not true or false']);
    expect(needed).not.toHaveProperty("renamed");
    expect(parseCross({ ...CROSS_BODY, marginLevel: "", transferEnabled: "yes" }).problems).toHaveLength(1);
  });
});

test.each(["collateralMarginLevel", "TotalCollateralValueInUSDT", "totalOpenOrderLossInUSDT"])(
  "lets %s be absent without a problem, and says why it does not read",
  (field) => {
    expect(parseCross(altered(CROSS_BODY, field, "(delete)")).problems).toEqual([]);
    expect(parseCross(altered(CROSS_BODY, field, 5)).problems).toEqual([`${field} is the number 5, not a decimal`]);
  },
);

test.each(["collateralMarginLevel", "accountType", "created", "transferOutEnabled", "marginLevel"])(
  "lets %s be absent without a problem: older answers lack fields",
  (field) => {
    const answer = parseCross(altered(CROSS_BODY, field, "(delete)"));
    expect(answer).toMatchObject({ opened: true, problems: [] });
    if (field !== "created") expect(answer).toHaveProperty(field, undefined);
  },
);

test.each([
  ["marginLevel", null, "marginLevel is null, not a decimal"],
  ["marginLevel", "", 'marginLevel is "", not a decimal'],
  ["marginLevel", "NaN", 'marginLevel is "NaN", not a decimal'],
  ["marginLevel", 1.2, "marginLevel is the number 1.2, not a decimal"],
  ["marginLevel", ["1.2"], "marginLevel is a list, not a decimal"],
  ["totalAssetOfBtc", {}, "totalAssetOfBtc is an object, not a decimal"],
  ["totalAssetOfBtc", "1,25", 'totalAssetOfBtc is "1,25", not a decimal'],
  ["transferOutEnabled", "true", 'transferOutEnabled is "true", not true or false'],
  ["borrowEnabled", 1, "borrowEnabled is the number 1, not true or false"],
  ["accountType", "a b", 'accountType is "a b", not a short text'],
  ["accountType", "x".repeat(41), "accountType is a text of 41 characters, not a short text"],
  ["created", "yes", 'created is "yes", not true or false'],
])("says why cross %s does not read when it is %j", (field, value, problem) => {
  const answer = parseCross(altered(CROSS_BODY, field, value));
  expect(answer.problems).toEqual([problem]);
  if (field !== "created") expect(answer).toHaveProperty(field, undefined);
});

test.each([
  ["userAssets.1.borrowed", null, "userAssets[1].borrowed is null, not a decimal"],
  ["userAssets.1.borrowed", "(delete)", "userAssets[1].borrowed is missing, not a decimal"],
  ["userAssets.0.interest", "1e400", 'userAssets[0].interest is "1e400", not a decimal'],
  ["userAssets.0.free", 1, "userAssets[0].free is the number 1, not a decimal"],
  ["userAssets.0.asset", "", 'userAssets[0].asset is "", not a short name'],
  ["userAssets.0.asset", "BTC\u202eKCU", 'userAssets[0].asset is "BTC?KCU", not a short name'],
  ["userAssets.0", "BTC", 'userAssets[0] is "BTC", not an object'],
  ["userAssets.1.borrowed", "-201.66666672", 'userAssets[1].borrowed is "-201.66666672", not an amount owed'],
  ["userAssets.1.interest", "-0.00000001", 'userAssets[1].interest is "-0.00000001", not an amount owed'],
])("knows no balances at all when %s is %j: nobody can say whether there is debt", (path, value, problem) => {
  const answer = parseCross(altered(CROSS_BODY, path, value));
  expect(answer.assets).toBeUndefined();
  expect(answer.problems).toEqual([problem]);
  expect(answer.marginLevel).toBe(11.64405625);
});

test("says when the balances are missing", () => {
  expect(parseCross({})).toMatchObject({ opened: true, assets: undefined, problems: ["userAssets is missing"] });
});

test.each([
  [null, "the cross account is null, not an object"],
  [[], "the cross account is a list, not an object"],
  ["{}", 'the cross account is "{}", not an object'],
  [7, "the cross account is the number 7, not an object"],
  [{ userAssets: {} }, "userAssets is an object, not a list"],
  [{ userAssets: null }, "userAssets is null, not a list"],
])("refuses %j as a cross account", (body, detail) => {
  expect(detailOf(() => parseCross(body))).toBe(detail);
});

test("takes created: false for an account that was never opened, unless it has debt", () => {
  expect(parseCross({ created: false, userAssets: [] })).toEqual(NO_CROSS_ANSWER);
  expect(NO_CROSS_ANSWER).toMatchObject({ opened: false, assets: [], problems: [] });
  expect(parseCross({ ...CROSS_BODY, created: false }).opened).toBe(true);
});

// ---------------------------------------------------------------- isolated

test("reads the documented isolated pair, field for field", () => {
  const leg = { free: 0, locked: 0, borrowed: 0, interest: 0, totalAsset: 0 };
  expect(parsePairs({ ...isolatedBody(["BTCUSDT"]), totalAssetOfBtc: "0.0" })).toEqual([
    {
      symbol: "BTCUSDT",
      isolatedCreated: true,
      enabled: true,
      tradeEnabled: true,
      marginLevel: 0,
      marginLevelStatus: "EXCESSIVE",
      marginRatio: 0,
      indexPrice: 10000,
      liquidatePrice: 1000,
      liquidateRate: 1,
      base: { asset: "BTC", ...leg },
      quote: { asset: "USDT", ...leg },
      problems: [],
    },
  ]);
});

test.each(["enabled", "marginLevelStatus", "marginRatio", "baseAsset.totalAsset"])(
  "lets %s be absent without a problem",
  (path) => {
    const [pair] = parsePairs({ assets: [altered(pairBody("BTCUSDT"), path, "(delete)")] });
    expect(pair?.problems).toEqual([]);
    expect(pair?.base?.asset).toBe("BTC");
  },
);

test.each([
  ["marginLevel", "1.2x", 'marginLevel is "1.2x", not a decimal'],
  ["liquidatePrice", null, "liquidatePrice is null, not a decimal"],
  ["enabled", "false", 'enabled is "false", not true or false'],
  ["marginLevelStatus", 3, "marginLevelStatus is the number 3, not a short text"],
  ["baseAsset.totalAsset", [], "baseAsset.totalAsset is a list, not a decimal"],
])("says why %s of a pair does not read when it is %j", (path, value, problem) => {
  const [pair] = parsePairs({ assets: [altered(pairBody("BTCUSDT"), path, value)] });
  expect(pair?.problems).toEqual([problem]);
  expect(pair?.base).toBeDefined();
});

test.each([
  ["baseAsset", "(delete)", "baseAsset is missing, not an object"],
  ["baseAsset", null, "baseAsset is null, not an object"],
  ["baseAsset.borrowed", "", 'baseAsset.borrowed is "", not a decimal'],
  ["baseAsset.interest", "(delete)", "baseAsset.interest is missing, not a decimal"],
  ["baseAsset.asset", 7, "baseAsset.asset is the number 7, not a short name"],
  ["baseAsset.borrowed", "-1", 'baseAsset.borrowed is "-1", not an amount owed'],
])("loses only the leg, and only of that pair, when %s is %j", (path, value, problem) => {
  const [bad, good] = parsePairs({ assets: [altered(pairBody("BTCUSDT"), path, value), pairBody("ETHUSDT")] });
  expect(bad).toMatchObject({ symbol: "BTCUSDT", base: undefined, problems: [problem] });
  expect(good).toMatchObject({ symbol: "ETHUSDT", problems: [] });
});

test("passes a status on that it does not know", () => {
  const [pair] = parsePairs({ assets: [altered(pairBody("BTCUSDT"), "marginLevelStatus", "AUCTION")] });
  expect(pair).toMatchObject({ marginLevelStatus: "AUCTION", problems: [] });
});

test.each([
  [null, "the isolated account is null, not an object"],
  [{}, "assets is missing, not a list"],
  [{ assets: {} }, "assets is an object, not a list"],
  [{ assets: [null] }, "assets[0] is null, not an object"],
  [{ assets: [pairBody("BTCUSDT"), {}] }, "assets[1].symbol is missing, not a short name"],
  [{ assets: [pairBody("BTC USDT")] }, 'assets[0].symbol is "BTC USDT", not a short name'],
  [{ assets: [pairBody("<b>\u0000")] }, 'assets[0].symbol is "<b>?", not a short name'],
  [{ assets: [pairBody("X".repeat(41))] }, "assets[0].symbol is a text of 41 characters, not a short name"],
  [{ assets: [pairBody("BTCUSDT"), pairBody("BTCUSDT")] }, "assets has a pair twice"],
])("refuses %j as isolated pairs", (body, detail) => {
  expect(detailOf(() => parsePairs(body))).toBe(detail);
});

test.each(["X".repeat(40), "币安人生USDT", "1000SATSUSDT", "A-B_C.D"])("takes %s for a symbol", (symbol) => {
  expect(parsePairs({ assets: [pairBody(symbol)] })[0]?.symbol).toBe(symbol);
});

test("X14: what is held may be less than nothing, and a zero with a minus is a zero", () => {
  const row = { ...CROSS_BODY.userAssets[0], free: "-0.5", borrowed: "-0.00000000" };
  expect(parseCross({ ...CROSS_BODY, userAssets: [row] })).toMatchObject({
    assets: [{ asset: "BTC", free: -0.5, borrowed: 0 }],
    problems: [],
  });
});

// ---------------------------------------------------------------- bars

test.each([
  [{ normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1.1" }, true],
  [{ normalBar: "1.25", marginCallBar: "1.16", forceLiquidationBar: "1.1" }, true],
  [{ normalBar: "1.5", marginCallBar: "1.5", forceLiquidationBar: "1.1" }, false],
  [{ normalBar: "1.5", marginCallBar: "1.1", forceLiquidationBar: "1.1" }, false],
  [{ normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1" }, false],
  [{ normalBar: "1.5", marginCallBar: "1.3" }, false],
  [{ normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 }, false],
  [[], false],
  [null, false],
])("takes %j for bars: %s", (body, isTaken) => {
  expect(parseBars(body) !== undefined).toBe(isTaken);
});

// ---------------------------------------------------------------- whatever comes

const TOUCHED = ["marginLevel", "totalAssetOfBtc", "totalLiabilityOfBtc", "userAssets.1.borrowed", "userAssets.0.free"];

test("reads no number out of anything but a decimal string, wherever it stands", () => {
  const notDecimal = fc
    .oneof(fc.string(), fc.double(), fc.constantFrom("", "NaN", "Infinity", "1e9", " 1", "1.", "+1"), fc.jsonValue())
    .filter((value) => typeof value !== "string" || !/^-?\d+(\.\d+)?$/.test(value));
  fc.assert(
    fc.property(fc.constantFrom(...TOUCHED), notDecimal, (path, value) => {
      const answer = parseCross(altered(CROSS_BODY, path, value));
      expect(answer.problems).toHaveLength(1);
      expect(answer.problems[0]?.length).toBeLessThan(120);
      expect(answer.problems[0]).toMatch(/^[\x20-\x7e…]*$/);
      const field = path.startsWith("userAssets") ? "assets" : path;
      expect(answer).toHaveProperty(field, undefined);
    }),
    { numRuns: 500 },
  );
});

test("never throws anything but bad_response, whatever JSON comes", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (body, row) => {
      const parses = [
        () => parseCross(body),
        () => parsePairs(body),
        () => parsePairs({ assets: [row] }),
        () => parseBars(row),
      ];
      for (const parse of parses) {
        try {
          parse();
        } catch (error) {
          expect(error).toBeInstanceOf(ExchangeError);
        }
      }
    }),
    { numRuns: 500 },
  );
});
