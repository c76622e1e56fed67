import { expect, test } from "vitest";
import { cross, debtFree, emptyPair, FETUSDT, isolated, leg, longPair, observe } from "../../test/support/answers.ts";
import type { States } from "./advance.ts";
import type { AlertState } from "./lifecycle.ts";
import type { Prices } from "./market.ts";
import { pictureOf, severityOf, withSeverities } from "./picture.ts";
import type { Answer, ReadResult, Severity, Subject } from "./ports.ts";
import type { Known } from "./situation.ts";
import type { Snapshot } from "./store.ts";

const firing = (severity: Severity): AlertState => ({
  phase: "firing",
  incident: "A1B2",
  seq: 1,
  severity,
  openedAtMs: 0,
  sinceMs: 0,
  previous: null,
  peak: severity,
  value: null,
  worst: null,
  clearing: null,
  lastAtMs: 7,
  toldAtMs: 0,
  threads: {},
  messages: 1,
});
const pending: AlertState = { phase: "pending", sinceMs: 0, observedMs: 0, lastAtMs: 0 };

const statesOf = (each: Readonly<Record<string, readonly AlertState[]>>): States =>
  new Map(
    Object.entries(each).map(([subject, states]) => [
      `main|${subject}`,
      new Map(states.map((state, index) => [`rule ${index}`, state])),
    ]),
  );

const NONE: States = new Map();

function look(
  before: Snapshot | undefined,
  atMs: number,
  answers: readonly (Answer | "failed")[],
  states = NONE,
  prices?: Prices,
): Snapshot {
  const indebted = new Set<Subject>(before?.known.map(({ subject }) => subject));
  const results = answers.map((answer): ReadResult => {
    const failure = { code: "timeout", detail: "" } as const;
    return answer === "failed" ? { ok: false, atMs, source: "cross", failure } : { ok: true, atMs, answer };
  });
  const observations = answers.flatMap((answer) => (answer === "failed" ? [] : observe(answer, { atMs, indebted })));
  return pictureOf({ account: "main", sources: ["cross", "isolated"], before, states, observations, results, prices });
}

const known = ({ known: list }: Snapshot): string[] =>
  list.map(({ subject, atMs, level }) => `${subject} ${level} @${atMs}`);

test("what is in debt is known, most at stake first, with what people ask for", () => {
  const pairs = [longPair("AUSDT", 9), longPair("BUSDT", 4), emptyPair("CUSDT")];
  expect(look(undefined, 5, [cross(1.24), isolated(pairs)])).toEqual({
    account: "main",
    sources: ["cross", "isolated"],
    okAtMs: { cross: 5, isolated: 5 },
    known: [
      {
        subject: "isolated BUSDT",
        atMs: 5,
        level: expect.closeTo(1.094, 3),
        status: "NORMAL",
        distancePct: 4,
        debtUsdt: expect.closeTo(9142.86, 2),
        severity: null,
      },
      {
        subject: "isolated AUSDT",
        atMs: 5,
        level: expect.closeTo(1.154, 3),
        status: "NORMAL",
        distancePct: 9,
        debtUsdt: expect.closeTo(8666.67, 2),
        severity: null,
      },
      {
        subject: "cross",
        atMs: 5,
        level: 1.24,
        status: "MARGIN_CALL",
        distancePct: expect.closeTo(11.29, 2),
        debtUsdt: null,
        severity: null,
      },
    ],
    pairs: 3,
    trouble: null,
  });
});

test("what fires comes first, by how badly, as it is after the look", () => {
  const states = statesOf({ cross: [firing("info")], "isolated AUSDT": [firing("warning"), firing("critical")] });
  const { known: list } = look(
    undefined,
    5,
    [cross(1.24), isolated([longPair("BUSDT", 1), longPair("AUSDT", 9)])],
    states,
  );
  expect(list.map(({ subject, severity }) => [subject, severity])).toEqual([
    ["isolated AUSDT", "critical"],
    ["cross", "info"],
    ["isolated BUSDT", null],
  ]);
});

/** A pair so far from its liquidation, that owes so much. */
const owing = (symbol: string, awayPct: number, owed: number) =>
  longPair(symbol, awayPct, { quote: leg("USDT", { borrowed: owed }) });
const subjects = ({ known: list }: Snapshot) => list.map(({ subject }) => subject.replace("isolated ", ""));

test("among equally severe ones the most at stake comes first: half as far is four times the debt", () => {
  const pairs = [owing("AUSDT", 4, 300), owing("BUSDT", 2, 100), owing("CUSDT", 4, 500), owing("DUSDT", 1, 1)];
  expect(subjects(look(undefined, 5, [isolated(pairs)]))).toEqual(["CUSDT", "BUSDT", "AUSDT", "DUSDT"]);
  const states = statesOf({ "isolated DUSDT": [firing("info")] });
  expect(subjects(look(undefined, 5, [isolated(pairs)], states))).toEqual(["DUSDT", "CUSDT", "BUSDT", "AUSDT"]);
});

test("the debt of the cross account is known where bitcoin has a price; where it has none it counts as the largest", () => {
  const answers = [cross(1.375), isolated([owing("AUSDT", 10, 44_000)])];
  const priced = (bitcoin: number | undefined) =>
    look(undefined, 5, answers, NONE, bitcoin === undefined ? undefined : new Map([["BTCUSDT", bitcoin]]));
  expect(priced(10_000).known.map(({ debtUsdt }) => debtUsdt)).toEqual([44_000, 45_000]);
  expect(subjects(priced(10_000))).toEqual(["AUSDT", "cross"]);
  expect(priced(undefined).known.map(({ debtUsdt }) => debtUsdt)).toEqual([44_000, null]);
});

test("a source without an answer keeps its place by what was known of its debt", () => {
  const first = look(undefined, 5, [isolated([owing("AUSDT", 4, 1_000), owing("BUSDT", 4, 10)])]);
  const second = look(first, 10, [cross(1.375)], NONE, new Map([["BTCUSDT", 10_000]]));
  expect(second.known.map(({ subject, debtUsdt }) => [subject, debtUsdt])).toEqual([
    ["cross", 45_000],
    ["isolated AUSDT", 1_000],
    ["isolated BUSDT", 10],
  ]);
});

test("what an older version wrote says nothing of debts: they count as the largest", () => {
  const first = look(undefined, 5, [isolated([owing("AUSDT", 4, 1_000), owing("BUSDT", 5, 900_000)])]);
  const older = { ...first, known: first.known.map(({ debtUsdt: _, ...rest }) => rest) };
  expect(subjects(look(older, 10, [cross(5)]))).toEqual(["AUSDT", "BUSDT", "cross"]);
});

test("of an account whose level is not assets over liabilities no distance is known: it comes first", () => {
  const pro = cross(1.9, { accountType: "MARGIN_2" });
  const { known: list } = look(undefined, 5, [pro, isolated([owing("AUSDT", 1, 1_000)])]);
  expect(list.map(({ subject, distancePct }) => [subject, distancePct])).toEqual([
    ["cross", null],
    ["isolated AUSDT", 1],
  ]);
});

test("a list of pairs of which a part could not be read is not fresh data, and says why", () => {
  const failure = { code: "rate_limited", detail: "" } as const;
  const first = look(undefined, 5, [isolated([longPair("AUSDT", 9)])]);
  const partial = { ...isolated([longPair("AUSDT", 8)]), unread: { symbols: ["BUSDT"], failure } };
  expect(look(first, 10, [partial])).toMatchObject({ okAtMs: { isolated: 5 }, trouble: "rate_limited" });
});

test("a source without an answer keeps what was known of it, with its time", () => {
  const first = look(undefined, 5, [cross(1.24), isolated([longPair("AUSDT", 9)])]);
  const second = look(first, 10, [isolated([longPair("AUSDT", 9), longPair("BUSDT", 9)])]);
  expect(known(second).sort()).toEqual([
    expect.stringMatching(/^cross 1.24 @5$/),
    expect.stringMatching(/^isolated AUSDT .* @10$/),
    expect.stringMatching(/^isolated BUSDT .* @10$/),
  ]);
  expect([second.okAtMs, second.pairs]).toEqual([{ cross: 5, isolated: 10 }, 2]);
  expect(look(second, 15, [cross(1.2)]).pairs).toBe(2);
});

test("what fires on it no longer is not remembered as firing", () => {
  const first = look(undefined, 5, [cross(1.24)], statesOf({ cross: [firing("critical")] }));
  expect(first.known[0]?.severity).toBe("critical");
  expect(look(first, 10, [isolated([])]).known[0]?.severity).toBeNull();
});

test("what is repaid is forgotten; what is gone or cannot be read is not", () => {
  const first = look(undefined, 5, [cross(1.24), isolated([FETUSDT, longPair("AUSDT", 9)])]);
  const broken = { ...FETUSDT, marginLevelStatus: undefined };
  const second = look(first, 10, [debtFree(), isolated([broken])]);
  expect(known(second)).toEqual([
    expect.stringMatching(/^isolated AUSDT .* @5$/),
    expect.stringMatching(/^isolated FETUSDT .* @5$/),
  ]);
});

test("an answer that cannot be read is no answer: its time is that of the last valid one", () => {
  const first = look(undefined, 5, [cross(1.24), isolated([FETUSDT])]);
  const second = look(first, 10, [cross(undefined), isolated([{ ...FETUSDT, marginLevelStatus: undefined }])]);
  expect(second.okAtMs).toEqual({ cross: 5, isolated: 5 });
  expect(second.trouble).toBe("marginLevel is missing");
  expect(look(undefined, 10, [cross(undefined), isolated([FETUSDT])]).okAtMs).toEqual({ cross: null, isolated: 10 });
});

test("a failed read is told as trouble until one succeeds", () => {
  const first = look(undefined, 5, ["failed"]);
  expect([first.trouble, first.okAtMs]).toEqual(["timeout", { cross: null, isolated: null }]);
  expect(look(first, 10, [cross(2)]).trouble).toBeNull();
});

test.each<[readonly AlertState[], Severity | null]>([
  [[], null],
  [[pending], null],
  [[firing("info"), pending], "info"],
  [[firing("warning"), firing("critical"), firing("info")], "critical"],
])("%# the worst that fires on a subject", (states, severity) => {
  expect(severityOf(statesOf({ cross: states }), "main", "cross")).toBe(severity);
  expect(severityOf(statesOf({ cross: states }), "other", "cross")).toBeNull();
});

test("beside what was known stands what fires without any debt; blindness itself does not", () => {
  const states: States = new Map([
    ...statesOf({ cross: [firing("warning")], "isolated AUSDT": [firing("info")], feed: [firing("critical")] }),
    ...statesOf({ "asset LUNA": [firing("info")], "source capital flow": [firing("warning")] }),
    ["other|isolated BUSDT", new Map([["rule", firing("critical")]])],
  ]);
  const before: Known = { subject: "cross", atMs: 5, level: 1.24, status: null, distancePct: null, severity: null };
  expect(withSeverities([before], states, "main")).toEqual([
    { ...before, severity: "warning" },
    { subject: "isolated AUSDT", atMs: 7, level: null, status: null, distancePct: null, severity: "info" },
  ]);
});
