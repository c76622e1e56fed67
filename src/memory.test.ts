import { describe, expect, test } from "vitest";
import { BARS_3X, balance, cross, debtFree, isolated, longPair, observe } from "../test/support/answers.ts";
import { type AlertChange, advance, applied, type Rulebook, type States } from "./core/advance.ts";
import type { Between } from "./core/cause-changes.ts";
import type { HourlyRates } from "./core/interest.ts";
import type { Prices } from "./core/market.ts";
import type { Observation } from "./core/observe.ts";
import type { Answer, CrossAnswer, PairAnswer, Subject } from "./core/ports.ts";
import { StoreError } from "./core/ports.ts";
import { compile } from "./core/rules/compile.ts";
import type { Ladder, RuleConfig } from "./core/rules/types.ts";
import type { FieldFacts } from "./core/situation.ts";
import type { Memory } from "./core/store.ts";
import { decode, encode, NO_TRACK } from "./core/track.ts";
import { silentLog } from "./lib/log.ts";
import { type AccountMemory, createMemory } from "./memory.ts";

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const T0 = 30_000_000 * MIN;

const number = (value: number) => ({ kind: "number", value }) as const;
const usual = {
  on: "cross",
  field: "marginLevel",
  symbols: "all",
  hysteresisPct: 2,
  forMs: 0,
  clearAfterMs: 0,
} as const;
const LOW: RuleConfig = { ...usual, id: "low", ladder: { kind: "below", rungs: { warning: number(1.3) } } };
const FAST_LADDER: Ladder = { kind: "drop", rungs: { critical: 10 }, withinMs: 15 * MIN, onlyBelow: undefined };
const FAST: RuleConfig = { ...usual, id: "fast", ladder: FAST_LADDER };
const SOON: RuleConfig = {
  ...usual,
  id: "soon",
  field: "minutesToLiquidation",
  ladder: { kind: "below", rungs: { critical: number(30) } },
};
const pairs = (rule: RuleConfig): RuleConfig => ({ ...rule, id: `pair-${rule.id}`, on: "isolated" });

interface Parts {
  readonly rules?: readonly RuleConfig[];
  readonly disk?: Map<string, Memory>;
  readonly states?: States;
  readonly rates?: HourlyRates;
  readonly rows?: (subject: Subject, fromMs: number, toMs: number) => Between;
}

/** Polls as the daemon makes them, over a disk that takes what is due. */
function watch({ rules: configs = [LOW], disk = new Map(), states: begin = new Map(), rates, rows }: Parts = {}) {
  const rules = configs.flatMap((config) => compile(config) ?? []);
  const book: Rulebook = { rules, routes: [], notifiers: ["desk"], maxGapMs: H };
  let prices: Prices | undefined = new Map([["BTCUSDT", 10_000]]);
  let states = begin;
  const logged: string[] = [];
  const note = (_: object, text: string) => void logged.push(text);
  const log = { trace: note, debug: note, info: note, warn: note, error: note };
  const ledger = { memories: () => [...disk.values()] };
  const parts = {
    account: "main",
    rules,
    ledger,
    prices: () => prices,
    rates: () => rates,
    rows: rows ?? (() => ({})),
    log,
  };
  const memory: AccountMemory = createMemory(parts);
  let due: readonly Memory[] = [];

  const take = (observed: readonly Observation[], nowMs: number) => {
    const observations = memory.enrich(observed, BARS_3X, nowMs);
    const scene = { states, book, bars: BARS_3X, nowMs, known: () => undefined, insight: memory.insight };
    const { changes, situations } = advance(observations, scene);
    // Read now, as a message would: later the memory has gone on.
    const told = situations.map(({ id, transition, facts }) => {
      const insight = facts.about === "field" ? read(facts) : undefined;
      return { rule: id.rule, kind: transition.kind, insight };
    });
    commit(changes, nowMs);
    return { observations, told, first: observations[0] };
  };
  const commit = (changes: readonly AlertChange[], nowMs: number) => {
    due = memory.due(changes, nowMs);
    for (const one of due) {
      const key = `${one.subject}|${one.kind}`;
      if (one.body === null) disk.delete(key);
      else disk.set(key, one);
    }
    states = applied(states, changes);
    memory.keep(changes, nowMs);
  };
  return {
    memory,
    disk,
    logged,
    poll: (answer: Answer, atMs: number, indebted: readonly Subject[] = []) =>
      take(observe(answer, { atMs, indebted: new Set(indebted) }), atMs),
    take,
    commit,
    price: (now: number | undefined) => {
      prices = now === undefined ? undefined : new Map([["BTCUSDT", now]]);
    },
    states: () => states,
    due: () => due,
    kinds: () => [...disk.keys()].sort(),
    track: (subject: Subject) => decode(disk.get(`${subject}|track`)?.body ?? ""),
  };
}

function read({ insight }: FieldFacts) {
  return insight && { ...insight };
}

/** The book of `cross`, whose level moves with the price of bitcoin. */
function priced(price: number, over: Partial<CrossAnswer> = {}): CrossAnswer {
  const level = (5.85 * price) / 45_000;
  const assets = [balance("USDT", { borrowed: 45_000 }), balance("BTC", { free: 5.85 })];
  return cross(level, { totalLiabilityOfBtc: 45_000 / price, assets, ...over });
}
const falls = (observation: Observation | undefined) => observation?.falls?.get("fast")?.dropPct;

// ---------------------------------------------------------------- falls

describe("falls", () => {
  test("of rules on speed are in the observation, the present value included", () => {
    const { poll } = watch({ rules: [FAST] });
    expect(falls(poll(cross(1.5), T0).first)).toBe(0);
    expect(poll(cross(1.2), T0 + 10 * MIN).first?.falls?.get("fast")).toEqual({
      dropPct: 20,
      from: 1.5,
      fromAtMs: T0,
      to: 1.2,
      mostPct: Number.POSITIVE_INFINITY,
    });
    expect(falls(poll(cross(1.2), T0 + 16 * MIN).first)).toBe(0);
  });

  test("are left out where no rule asks for them, or not of this kind of subject", () => {
    expect(watch().poll(cross(1.5), T0).first?.falls).toBeUndefined();
    const { poll } = watch({ rules: [FAST] });
    expect(poll(isolated([longPair("BTCUSDT", 5)]), T0).first?.falls).toBeUndefined();
    const own = watch({ rules: [pairs(FAST)] });
    expect(own.poll(isolated([longPair("BTCUSDT", 5)]), T0).first?.falls?.has("pair-fast")).toBe(true);
  });

  test("go on after a restart", () => {
    const first = watch({ rules: [FAST] });
    first.poll(cross(1.5), T0);
    first.poll(cross(1.45), T0 + 2 * MIN);
    expect(first.kinds()).toEqual(["cross|tops fast", "cross|track"]);
    const again = watch({ rules: [FAST], disk: first.disk });
    expect(falls(again.poll(cross(1.2), T0 + 10 * MIN).first)).toBe(20);
  });

  test("are stored with the alert that tells of them, however many wait for their turn, and the rest at the end", () => {
    const names = Array.from({ length: 40 }, (_, i) => `P${i}USDT`);
    const answer = (distancePct: number) =>
      isolated(names.map((name) => longPair(name, name === "P39USDT" ? distancePct : 20)));
    const rule = { ...pairs(FAST), field: "liquidationDistancePct" };
    const at = watch({ rules: [rule] });
    for (let minute = 0; minute < 3; minute++) at.poll(answer(20), T0 + minute * MIN);
    at.disk.clear();
    at.poll(answer(10), T0 + 3 * MIN + 1);
    expect(at.kinds()).toContain("isolated P39USDT|tops pair-fast");
    const again = watch({ rules: [rule], disk: at.disk, states: at.states() });
    expect(again.poll(answer(10), T0 + 5 * MIN).told).toEqual([]); // not resolved: it is known that it fell
    const rest = at.memory.rest(T0 + 4 * MIN).map(({ subject, kind }) => `${subject}|${kind}`);
    expect(new Set([...at.kinds().filter((kind) => !kind.includes("|before ")), ...rest])).toEqual(
      new Set(names.flatMap((name) => [`isolated ${name}|tops pair-fast`, `isolated ${name}|track`])),
    );
  });

  test("of a rule whose window is another one now begin anew, and the stored one is forgotten", () => {
    const first = watch({ rules: [FAST] });
    first.poll(cross(1.5), T0);
    const other = { ...FAST, ladder: { ...FAST_LADDER, withinMs: 5 * MIN } };
    const again = watch({ rules: [other], disk: first.disk });
    expect(falls(again.poll(cross(1.2), T0 + MIN).first)).toBe(0);
  });

  test("are not known without debt, and a new debt begins anew", () => {
    const { poll } = watch({ rules: [FAST] });
    poll(cross(1.5), T0);
    expect(poll(debtFree(), T0 + MIN).first?.falls).toBeUndefined();
    expect(falls(poll(cross(1.2), T0 + 2 * MIN).first)).toBe(0);
  });

  test("of a field that has nothing to do with debt are known without one", () => {
    const worth = { ...FAST, field: "totalNetAssetOfBtc" };
    const { poll } = watch({ rules: [worth] });
    poll(debtFree({ totalNetAssetOfBtc: 2 }), T0);
    expect(falls(poll(debtFree({ totalNetAssetOfBtc: 1 }), T0 + MIN).first)).toBe(50);
  });

  test("are not known where the field is missing", () => {
    const worth = { ...FAST, field: "totalNetAssetOfBtc" };
    const { poll } = watch({ rules: [worth] });
    poll(cross(1.5), T0);
    expect(poll(cross(1.5, { totalNetAssetOfBtc: undefined }), T0 + S).first?.falls).toBeUndefined();
  });

  test("after a clock that was set back know nothing of its future", () => {
    const { poll } = watch({ rules: [FAST] });
    poll(cross(1.4), T0);
    poll(cross(1.5), T0 + 10 * MIN);
    expect(falls(poll(cross(1.4), T0 + 5 * MIN).first)).toBe(0);
  });
});

// ---------------------------------------------------------------- what does not count

test("what is missing or not valid changes nothing", () => {
  const { poll, memory, due } = watch({ rules: [FAST] });
  poll(cross(1.5), T0);
  const shots = memory.shots();
  const unusable = poll(cross(undefined), T0 + 2 * MIN);
  expect([unusable.first?.class, unusable.first?.falls]).toEqual(["INVALID", undefined]);
  expect(due()).toEqual([]);
  expect(memory.shots()).toEqual(shots);
  const gone = poll(cross(999, { opened: false, assets: [] }), T0 + 3 * MIN, ["cross"]);
  expect([gone.first?.class, gone.first?.falls]).toEqual(["MISSING", undefined]);
  expect(due()).toEqual([]);
  expect(falls(poll(cross(1.2), T0 + 4 * MIN).first)).toBe(20);
});

test("a position that is missing has no shot until it is back", () => {
  const { poll, memory } = watch();
  poll(cross(1.5), T0);
  poll(cross(999, { opened: false, assets: [] }), T0 + S, ["cross"]);
  expect(memory.shots()).toEqual([]);
  poll(cross(undefined), T0 + 1.5 * S);
  expect(memory.shots()).toEqual([]);
  poll(cross(1.5), T0 + 2 * S);
  expect(memory.shots()).toHaveLength(1);
});

test("a shot is the last look with debt, with the prices then", () => {
  const { poll, memory, price } = watch();
  poll(cross(1.5), T0);
  price(9_000);
  poll(cross(1.4), T0 + S);
  price(8_000);
  expect(memory.shots()).toMatchObject([{ observation: { values: { marginLevel: 1.4 } } }]);
  expect(memory.shots()[0]?.prices?.get("BTCUSDT")).toBe(9_000);
  poll(debtFree(), T0 + 2 * S);
  expect(memory.shots()).toEqual([]);
});

// ---------------------------------------------------------------- tracks

describe("tracks", () => {
  test("are stored at the first look and then once a minute, and go on after a restart", () => {
    const first = watch();
    first.poll(cross(1.5), T0);
    first.poll(cross(1.49), T0 + 30 * S);
    expect(first.track("cross")?.points.map(({ level }) => level)).toEqual([1.5]);
    first.poll(cross(1.48), T0 + MIN);
    expect(first.track("cross")?.points.map(({ level }) => level)).toEqual([1.49, 1.48]); // the last of each minute
    const again = watch({ disk: first.disk });
    again.poll(cross(1.47), T0 + 2 * MIN);
    expect(again.track("cross")?.points.map(({ level }) => level)).toEqual([1.49, 1.48, 1.47]);
  });

  test("end with the debt; a new debt is a new track", () => {
    const { poll, track, kinds } = watch();
    poll(cross(1.5), T0);
    poll(debtFree(), T0 + MIN);
    expect(kinds()).toEqual([]);
    poll(cross(1.4), T0 + 2 * MIN);
    expect(track("cross")).toMatchObject({ points: [{ level: 1.4 }], debtSinceMs: T0 + 2 * MIN });
  });

  test("of what never owed are never stored", () => {
    const { poll, due } = watch();
    for (let minute = 0; minute < 3; minute++) {
      poll(debtFree(), T0 + minute * MIN);
      expect(due()).toEqual([]);
    }
  });

  test("are not written while nobody looks", () => {
    const { poll, take, due } = watch();
    poll(cross(1.5), T0);
    poll(cross(1.4), T0 + S);
    take([], T0 + 2 * MIN);
    expect(due()).toEqual([]);
  });

  test("of hundreds of pairs are written a few at a time, all of them within ten minutes", () => {
    const symbols = Array.from({ length: 600 }, (_, i) => `C${i}USDT`);
    const { poll, due, kinds } = watch({ rules: [pairs(LOW)] });
    const answer = isolated(symbols.map((symbol) => longPair(symbol, 5)));
    let most = 0;
    for (let atMs = T0; atMs <= T0 + 10 * MIN + 5 * S; atMs += 5 * S) {
      poll(answer, atMs);
      most = Math.max(most, due().filter(({ kind }) => kind === "track").length);
    }
    expect(most).toBeLessThanOrEqual(6);
    expect(kinds().filter((key) => key.endsWith("|track"))).toHaveLength(600);
  });

  test("that nobody sees any more are forgotten when they are too old", () => {
    const points = [{ atMs: T0 - 40 * 24 * H, level: 1.5, distancePct: undefined }];
    const old: Memory = {
      account: "main",
      subject: "isolated BTCUSDT",
      kind: "track",
      body: encode({ ...NO_TRACK, points }),
    };
    const { poll, kinds } = watch({ rules: [LOW, pairs(LOW)], disk: new Map([["isolated BTCUSDT|track", old]]) });
    poll(cross(1.5), T0);
    poll(cross(1.5), T0 + MIN);
    expect(kinds()).toEqual(["cross|track"]);
  });
});

describe("at a start", () => {
  const stored = (subject: Subject, kind: string, body: string): [string, Memory] => [
    `${subject}|${kind}`,
    { account: "main", subject, kind, body },
  ];

  test("what cannot be read, and what nothing watches any more, is forgotten once, and said once", () => {
    const disk = new Map([
      stored("cross", "track", "what?"),
      stored("cross", "tops fast", "what?"),
      stored("cross", "before low", "what?"),
      stored("cross", "before removed", "[]"),
      stored("cross", "something else", ""),
      stored("isolated BTCUSDT", "track", encode(NO_TRACK)),
    ]);
    const { poll, due, logged, kinds } = watch({ rules: [LOW, FAST], disk });
    poll(cross(1.5), T0);
    expect(due().filter(({ body }) => body === null)).toHaveLength(6);
    expect(kinds()).toEqual(["cross|tops fast", "cross|track"]);
    expect(logged).toHaveLength(1);
    poll(cross(1.5), T0 + MIN);
    expect(due().filter(({ body }) => body === null)).toEqual([]);
  });

  test("a disk that cannot be read leaves an empty memory", () => {
    const rules = [compile(LOW)].flatMap((rule) => rule ?? []);
    const logged: string[] = [];
    const note = (_: object, text: string) => void logged.push(text);
    const memory = createMemory({
      account: "main",
      rules,
      rows: () => ({}),
      ledger: {
        memories: () => {
          throw new StoreError("the disk fails");
        },
      },
      prices: () => undefined,
      rates: () => undefined,
      log: { trace: note, debug: note, info: note, warn: note, error: note },
    });
    memory.enrich(observe(cross(1.5), { atMs: T0 }), BARS_3X, T0);
    expect(memory.shots()).toHaveLength(1);
    expect(logged).toHaveLength(1);
  });

  test("nothing is read from the disk before there is anything to remember", () => {
    const rules = [compile(LOW)].flatMap((rule) => rule ?? []);
    let reads = 0;
    const ledger = {
      memories: () => {
        reads++;
        return [];
      },
    };
    const memory = createMemory({
      ...{ account: "main", rules, ledger, log: silentLog },
      ...{ prices: () => undefined, rates: () => undefined, rows: () => ({}) },
    });
    memory.enrich([], BARS_3X, T0);
    memory.keep([], T0);
    expect([memory.due([], T0), memory.shots(), reads]).toEqual([[], [], 0]);
    memory.enrich(observe(cross(1.5), { atMs: T0 }), BARS_3X, T0);
    memory.enrich(observe(cross(1.5), { atMs: T0 + S }), BARS_3X, T0 + S);
    expect(reads).toBe(1);
  });
});

// ---------------------------------------------------------------- what moved it

describe("what moved the level", () => {
  /** Polls once a minute at this price. */
  const quiet = (at: ReturnType<typeof watch>, price: number, fromMs: number, minutes: number) => {
    at.price(price);
    for (let minute = 0; minute < minutes; minute++) at.poll(priced(price), fromMs + minute * MIN);
  };

  test("is told since a look of 15 to 30 minutes ago", () => {
    const at = watch();
    quiet(at, 10_200, T0 - 45 * MIN, 45);
    at.price(9_900);
    const [told] = at.poll(priced(9_900), T0).told;
    const sinceMs = told?.insight?.moved?.sinceMs ?? 0;
    expect(told?.kind).toBe("opened");
    expect(T0 - sinceMs).toBeGreaterThanOrEqual(15 * MIN);
    expect(T0 - sinceMs).toBeLessThanOrEqual(30 * MIN);
    expect(told?.insight?.moved?.moved.shares.price).toBeCloseTo((5.85 * -300) / 45_000, 9);
  });

  test("is stored with the alert, told again after a restart, and forgotten when it ends", () => {
    const at = watch();
    quiet(at, 10_200, T0 - 45 * MIN, 45);
    quiet(at, 9_900, T0, 1);
    expect(at.kinds()).toEqual(["cross|before low", "cross|track"]);
    const again = watch({ disk: at.disk, states: at.states() });
    again.price(9_800);
    again.poll(priced(9_800), T0 + MIN);
    expect(again.kinds()).toContain("cross|before low");
    again.price(10_400);
    const [told] = again.poll(priced(10_400), T0 + 2 * MIN).told;
    expect(told?.kind).toBe("resolved");
    expect(told?.insight?.moved?.moved.from).toBeCloseTo((5.85 * 10_200) / 45_000, 9);
    expect(told?.insight?.report).toMatchObject({ durationMs: 2 * MIN, peak: "warning", moved: { kind: "moved" } });
    expect(again.kinds()).toEqual(["cross|track"]);
  });

  test("is stored in the commit in which the alert opens, and deleted in that in which it ends", () => {
    const at = watch();
    quiet(at, 10_200, T0 - MIN, 1);
    quiet(at, 9_900, T0, 1);
    expect(at.due().filter(({ kind }) => kind === "before low")).toMatchObject([{ body: expect.any(String) }]);
    quiet(at, 9_890, T0 + 5 * S, 1);
    expect(at.due()).toEqual([]);
    quiet(at, 10_400, T0 + 10 * S, 1);
    expect(at.due()).toEqual([{ account: "main", subject: "cross", kind: "before low", body: null }]);
  });

  test("is not known of an alert that fires already at the start, or of one at the first look", () => {
    const at = watch();
    expect(at.poll(priced(9_000), T0).told[0]?.insight?.moved).toBeUndefined();
    const again = watch({ states: at.states() });
    again.poll(priced(9_000), T0 + MIN);
    expect(again.poll(priced(10_400), T0 + 2 * MIN).told).toMatchObject([
      { kind: "resolved", insight: { moved: undefined, report: { durationMs: 2 * MIN, done: [] } } },
    ]);
    expect(again.kinds()).toEqual(["cross|track"]);
  });

  test("of an alert that opens at the first look of all is told since that look", () => {
    const at = watch();
    const held = (tether: number) =>
      priced(9_000, {
        marginLevel: (5.85 * 9_000 + tether) / 45_000,
        assets: [balance("USDT", { free: tether, borrowed: 45_000 }), balance("BTC", { free: 5.85 })],
      });
    at.price(9_000);
    expect(at.poll(held(0), T0).told[0]?.insight?.moved).toBeUndefined();
    const [told] = at.poll(held(9_000), T0 + MIN).told;
    expect(told?.kind).toBe("resolved");
    expect(told?.insight?.moved?.sinceMs).toBe(T0);
    expect(told?.insight?.report?.done).toEqual([{ deed: "added", asset: "USDT", amount: 9_000 }]);
  });

  test("is not taken from another incident", () => {
    const at = watch();
    quiet(at, 10_200, T0 - MIN, 1);
    quiet(at, 9_900, T0, 1);
    const later = watch();
    later.poll(priced(9_000), T0 + H);
    const again = watch({ disk: at.disk, states: later.states() });
    quiet(again, 9_000, T0 + H + MIN, 1);
    expect(again.kinds()).toEqual(["cross|track"]);
    expect(again.poll(priced(10_400), T0 + H + 2 * MIN).told[0]?.insight?.moved).toBeUndefined();
  });

  test("does not begin where an old alert is heard of first at a later look", () => {
    const at = watch({ rules: [SOON] });
    at.poll(cross(1.1), T0);
    const again = watch({ rules: [SOON], states: at.states() });
    expect(again.poll(cross(1.2), T0 + MIN).first?.values.minutesToLiquidation).toBeUndefined();
    expect(again.poll(cross(1.1), T0 + 2 * MIN).first?.values.minutesToLiquidation).toBe(0);
    expect(again.kinds()).toEqual(["cross|track"]);
  });

  test("is not told of an incident that began in what is the future after the clock was set back", () => {
    const at = watch();
    at.poll(priced(9_900), T0);
    at.poll(priced(9_900), T0 + 5 * S);
    at.poll(priced(9_900), T0 - 5 * MIN);
    at.poll(priced(9_900), T0 - 5 * MIN + S);
    const [told] = at.poll(priced(10_400), T0 - 5 * MIN + 2 * S).told;
    expect(told).toMatchObject({ kind: "resolved", insight: { moved: undefined } });
    expect(at.kinds()).toEqual(["cross|track"]);
  });

  test("of an alert that flaps is told since its last end", () => {
    const at = watch();
    quiet(at, 10_200, T0 - 45 * MIN, 45);
    quiet(at, 9_900, T0, 1);
    quiet(at, 10_400, T0 + MIN, 1);
    at.price(9_900);
    const [told] = at.poll(priced(9_900), T0 + 2 * MIN).told;
    expect(told?.kind).toBe("opened");
    expect(told?.insight?.moved?.sinceMs).toBe(T0 + MIN);
    expect(told?.insight?.moved?.moved.from).toBeCloseTo(1.352, 9);
  });

  test("is silent where a price is missing, or makes another level than the exchange tells", () => {
    const at = watch();
    at.price(undefined);
    at.poll(priced(10_200), T0 - MIN);
    expect(at.poll(priced(9_900), T0).told[0]?.insight).toMatchObject({ prices: undefined, moved: undefined });
    const off = watch();
    quiet(off, 10_200, T0 - MIN, 1);
    off.price(9_000);
    expect(off.poll(priced(9_900), T0).told[0]).toMatchObject({ kind: "opened", insight: { moved: undefined } });
    off.price(9_000);
    const [resolved] = off.poll(priced(10_400), T0 + MIN).told;
    expect(resolved?.insight?.report).toMatchObject({ durationMs: MIN, moved: undefined });
  });

  describe("with a coin that has no price", () => {
    /** 5.85 BTC and these, against 45,000 USDT; the exchange counts XYZ at 40 USDT. */
    const holding = (price: number, tether: number, coins: number, over: Partial<CrossAnswer> = {}) =>
      priced(price, {
        marginLevel: (5.85 * price + tether + 40 * coins) / 45_000,
        assets: [
          balance("USDT", { free: tether, borrowed: 45_000 }),
          balance("BTC", { free: 5.85 }),
          ...(coins === 0 ? [] : [balance("XYZ", { free: coins })]),
        ],
        ...over,
      });
    const fallen = (coins = 0) => {
      const at = watch();
      at.price(10_200);
      at.poll(holding(10_200, 4_000, coins), T0 - MIN);
      at.price(9_200);
      expect(at.poll(holding(9_200, 4_000, coins), T0).told).toMatchObject([{ kind: "opened" }]);
      return at;
    };
    const ending = (at: ReturnType<typeof watch>, answer: CrossAnswer) => {
      at.price(10_400);
      const [told] = at.poll(answer, T0 + 5 * MIN).told;
      expect(told?.kind).toBe("resolved");
      return told?.insight?.report;
    };

    test.each([
      ["for much", 4_000],
      ["for little", 300],
    ])("that is bought %s nobody took anything out", (_, paid) => {
      const at = fallen();
      at.poll(holding(9_200, 4_000 - paid, paid / 40), T0 + MIN);
      expect(ending(at, holding(10_400, 4_000 - paid, paid / 40))?.done).toEqual([]);
    });

    test("that is bought and sold again with a gain nobody put anything in", () => {
      const at = fallen();
      at.poll(holding(9_200, 0, 100), T0 + MIN);
      at.poll(holding(9_200, 5_000, 0), T0 + 2 * MIN);
      expect(ending(at, holding(10_400, 5_000, 0))?.done).toEqual([]);
    });

    test("that only lies there a deposit is told", () => {
      const at = fallen(5);
      at.poll(holding(9_200, 4_500, 5), T0 + MIN);
      expect(ending(at, holding(10_400, 4_500, 5))?.done).toEqual([{ deed: "added", asset: "USDT", amount: 500 }]);
    });
  });

  test("where a price is off, only what balances show for sure was done", () => {
    const at = watch();
    quiet(at, 10_200, T0 - MIN, 1);
    quiet(at, 9_900, T0, 1);
    at.price(9_000);
    const assets = [balance("USDT", { borrowed: 44_000 }), balance("BTC", { free: 5.85 })];
    const [told] = at.poll(priced(10_400, { assets }), T0 + MIN).told;
    expect(told?.insight?.report).toMatchObject({
      moved: undefined,
      done: [{ deed: "repaid", asset: "USDT", amount: 1_000 }],
    });
  });

  test("of an alert whose debt is paid back is in the report: who repaid how much", () => {
    const at = watch();
    quiet(at, 10_200, T0 - MIN, 1);
    quiet(at, 9_900, T0, 1);
    const paid = debtFree({ assets: [balance("USDT"), balance("BTC", { free: 1.35 })] });
    const [told] = at.poll(paid, T0 + MIN).told;
    expect(told?.insight?.report?.done).toContainEqual({ deed: "repaid", asset: "USDT", amount: 45_000 });
    expect(told?.insight).toMatchObject({ moved: undefined, minutes: undefined, costPerDay: undefined });
  });

  test("tells a deposit from a withdrawal that both ends alone would take for a trade", () => {
    const held = (bitcoin: number, tether: number, price: number) =>
      priced(price, {
        marginLevel: (bitcoin * price + tether) / 45_000,
        assets: [balance("USDT", { free: tether, borrowed: 45_000 }), balance("BTC", { free: bitcoin })],
      });
    const at = watch();
    quiet(at, 10_200, T0 - 20 * MIN, 15); // the alert opens with what is taken out, minutes after the look that it is compared with
    at.poll(held(5.45, 0, 10_200), T0 - 4 * MIN);
    at.poll(held(5.45, 0, 10_200), T0 - 3 * MIN);
    const [told] = at.poll(held(5.45, 4_080, 10_200), T0 - 2 * MIN).told;
    expect(told?.insight?.report?.done).toEqual([
      { deed: "added", asset: "USDT", amount: 4_080 },
      { deed: "removed", asset: "BTC", amount: expect.closeTo(0.4, 9) },
    ]);
    expect(told?.insight?.report?.moved).toMatchObject({ shares: { trading: 0, transferOrTrading: 0 } });
  });

  test("what was seen of an incident goes on after a restart", () => {
    const held = (tether: number) =>
      priced(9_900, {
        marginLevel: (5.85 * 9_900 + tether) / 45_000,
        assets: [balance("USDT", { free: tether, borrowed: 45_000 }), balance("BTC", { free: 5.85 })],
      });
    const at = watch();
    quiet(at, 10_200, T0 - 20 * MIN, 15);
    quiet(at, 9_900, T0 - 4 * MIN, 1);
    at.poll(held(300), T0 - 3 * MIN);
    const again = watch({ disk: at.disk, states: at.states() });
    again.price(9_900);
    again.poll(held(300), T0 - 2 * MIN);
    const [told] = again.poll(held(2_500), T0 - MIN).told;
    expect(told?.insight?.report?.done).toEqual([{ deed: "added", asset: "USDT", amount: 2_500 }]);
  });

  test("counts a coin that was not there before", () => {
    const at = watch();
    quiet(at, 10_200, T0 - MIN, 1);
    at.price(10_000);
    const assets = [
      balance("USDT", { borrowed: 45_000 }),
      balance("BTC", { free: 5.85 }),
      balance("FDUSD", { free: 1_500, borrowed: 3_000 }),
    ];
    const level = (58_500 + 1_500) / 48_000;
    const [told] = at.poll(priced(10_000, { marginLevel: level, assets }), T0).told;
    expect(told?.insight?.moved?.moved.shares.borrow).toBeLessThan(0);
    expect(told?.insight?.moved?.moved.to).toBeCloseTo(level, 9);
  });

  test("is asked of the history between the two looks", () => {
    const asked: (readonly [Subject, number, number])[] = [];
    const rows = (...query: readonly [Subject, number, number]) => {
      asked.push(query);
      return {};
    };
    const at = watch({ rows });
    quiet(at, 10_200, T0 - MIN, 1);
    quiet(at, 9_900, T0, 1);
    expect(asked).toEqual([["cross", T0 - MIN, T0]]);
  });

  test("after a clock that was set back compares with nothing of its future", () => {
    const at = watch();
    quiet(at, 10_200, T0, 40);
    quiet(at, 10_100, T0 - H, 1);
    at.price(9_900);
    expect(at.poll(priced(9_900), T0 - H + MIN).told[0]?.insight?.moved?.sinceMs).toBe(T0 - H);
  });

  test("of a pair is counted at its own index price, without public prices", () => {
    const at = watch({
      rules: [
        { ...pairs(LOW), field: "liquidationDistancePct", ladder: { kind: "below", rungs: { warning: number(8) } } },
      ],
    });
    at.price(undefined);
    const pair = longPair("BTCUSDT", 9);
    const fallenPair: PairAnswer = { ...pair, indexPrice: 9_800, marginLevel: (pair.marginLevel ?? 0) * 0.98 };
    at.poll(isolated([pair]), T0);
    const [told] = at.poll(isolated([fallenPair]), T0 + MIN).told;
    expect(told?.insight?.moved?.moved.priceOf).toMatchObject([{ asset: "BTC", changePct: expect.closeTo(-2, 9) }]);
    const [resolved] = at.poll(isolated([pair]), T0 + 2 * MIN).told;
    expect(resolved?.insight?.report?.moved).toMatchObject({ kind: "moved" });
  });
});

// ---------------------------------------------------------------- how fast, what it costs

/** Falls by 0.2 % a minute for six hours, to 1.2: 43.5 min to the bar. */
const sinking = (atMs: number) => 1.2 * Math.exp(0.002 * ((T0 - atMs) / MIN));

describe("the time to liquidation", () => {
  const watched = (rules: readonly RuleConfig[]) => {
    const at = watch({ rules });
    let last: ReturnType<typeof at.poll> | undefined;
    for (let atMs = T0 - H; atMs <= T0; atMs += 30 * S) last = at.poll(cross(sinking(atMs)), atMs);
    return { ...at, last };
  };

  test("is in the values where a rule asks for it, and nowhere else", () => {
    const minutes = watched([SOON]).last?.first?.values.minutesToLiquidation;
    expect(minutes).toBeCloseTo(Math.log(1.2 / 1.1) / 0.002, 3);
    expect(watched([LOW]).last?.first?.values).not.toHaveProperty("minutesToLiquidation");
    expect(watched([pairs(SOON)]).last?.first?.values).not.toHaveProperty("minutesToLiquidation");
  });

  test("is left out while it is unknown, a day when it is calm, and none where the level is no quotient", () => {
    const { poll } = watch({ rules: [SOON] });
    expect(poll(cross(1.2), T0).first?.values.minutesToLiquidation).toBeUndefined();
    expect(poll(cross(1.6), T0 + MIN).first?.values.minutesToLiquidation).toBe(1_440);
    expect(poll(cross(1.6, { accountType: "MARGIN_2" }), T0 + 2 * MIN).first?.values).not.toHaveProperty(
      "minutesToLiquidation",
    );
  });

  test("is worked out at most every 30 s", () => {
    const { poll } = watch({ rules: [SOON] });
    poll(cross(1.6), T0);
    expect(poll(cross(1.1), T0 + 29 * S).first?.values.minutesToLiquidation).toBe(1_440);
    expect(poll(cross(1.1), T0 + 30 * S).first?.values.minutesToLiquidation).toBe(0);
  });

  test("is told also where no rule asks", () => {
    const { told } = watched([{ ...LOW, ladder: { kind: "below", rungs: { warning: number(1.2001) } } }]).last ?? {};
    expect(told?.[0]?.insight?.minutes?.fromMin).toBeCloseTo(Math.log(1.2 / 1.1) / 0.002, 3);
  });

  test("of a pair leads to its own bar", () => {
    const at = watch({ rules: [pairs(SOON)] });
    let last: Observation | undefined;
    for (let ago = 120; ago >= 0; ago--) {
      const share = Math.exp(0.001 * (ago / 2));
      const pair = longPair("BTCUSDT", 5);
      const index = 10_000 * share;
      const now = { ...pair, indexPrice: index, marginLevel: (pair.marginLevel ?? 0) * share };
      last = at.poll(isolated([now]), T0 - ago * 30 * S).first;
    }
    expect(last?.values.minutesToLiquidation).toBeCloseTo(Math.log(1 / 0.95) / 0.001, 2);
  });

  test("of hundreds of pairs is worked out for the nearest first, and for the others in turn", () => {
    const symbols = Array.from({ length: 40 }, (_, i) => `C${i}USDT`);
    const at = watch({ rules: [pairs(SOON)] });
    let known = new Set<string>();
    for (let ago = 120; ago >= 0; ago--) {
      const share = Math.exp(0.001 * (ago / 2));
      const answer = symbols.map((symbol, i) => {
        const pair = longPair(symbol, 5 + i / 10);
        return { ...pair, indexPrice: 10_000 * share, marginLevel: (pair.marginLevel ?? 0) * share };
      });
      const { observations } = at.poll(isolated(answer), T0 - ago * 30 * S);
      known = new Set(
        observations.filter(({ values }) => values.minutesToLiquidation !== undefined).map(({ subject }) => subject),
      );
    }
    expect([...known]).toEqual(expect.arrayContaining(symbols.slice(0, 4).map((symbol) => `isolated ${symbol}`)));
    expect(known.size).toBe(40);
  });
});

test("a time to liquidation that nobody could bring up to date for five minutes is not known any more", () => {
  const symbols = Array.from({ length: 300 }, (_, i) => `C${i}USDT`);
  const at = watch({ rules: [pairs(SOON)] });
  const answer = isolated(symbols.map((symbol) => longPair(symbol, 5)));
  let last: readonly Observation[] = [];
  for (let atMs = T0; atMs < T0 + 70 * MIN; atMs += 30 * S) last = at.poll(answer, atMs).observations;
  const known = last.filter(({ values }) => values.minutesToLiquidation !== undefined).length;
  expect(known).toBeGreaterThan(100);
  expect(known).toBeLessThan(160);
});

describe("the cost", () => {
  const rate: HourlyRates = new Map([["USDT", 0.000_01]]);
  test("is that of a day at the next hourly rates", () => {
    const [told] = watch({ rates: rate }).poll(priced(9_000), T0).told;
    expect(told?.insight?.costPerDay).toEqual({ value: expect.closeTo(45_000 * 0.000_24, 9), asset: "USDT" });
  });
  test("is not told where a rate is not known", () => {
    expect(watch().poll(priced(9_000), T0).told[0]?.insight?.costPerDay).toBeUndefined();
    expect(watch({ rates: new Map() }).poll(priced(9_000), T0).told[0]?.insight?.costPerDay).toBeUndefined();
  });
});

test("an alert that is not of a rule has no baseline", () => {
  const at = watch();
  at.poll(cross(1.5), T0);
  at.poll(cross(999, { opened: false, assets: [] }), T0 + MIN, ["cross"]);
  expect(at.states().get("main|cross")?.has("position-gone")).toBe(true);
  expect(at.kinds()).toEqual(["cross|track"]);
});
