import { expect, test } from "vitest";
import { cross, debtFree, emptyPair, FETUSDT, isolated, longPair, observe } from "../../test/support/answers.ts";
import type { States } from "./advance.ts";
import type { AlertState } from "./lifecycle.ts";
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
): Snapshot {
  const indebted = new Set<Subject>(before?.known.map(({ subject }) => subject));
  const results = answers.map((answer): ReadResult => {
    const failure = { code: "timeout", detail: "" } as const;
    return answer === "failed" ? { ok: false, atMs, source: "cross", failure } : { ok: true, atMs, answer };
  });
  const observations = answers.flatMap((answer) => (answer === "failed" ? [] : observe(answer, { atMs, indebted })));
  return pictureOf({ account: "main", sources: ["cross", "isolated"], before, states, observations, results });
}

const known = ({ known: list }: Snapshot): string[] =>
  list.map(({ subject, atMs, level }) => `${subject} ${level} @${atMs}`);

test("what is in debt is known, nearest to its liquidation first, with what people ask for", () => {
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
        severity: null,
      },
      {
        subject: "isolated AUSDT",
        atMs: 5,
        level: expect.closeTo(1.154, 3),
        status: "NORMAL",
        distancePct: 9,
        severity: null,
      },
      {
        subject: "cross",
        atMs: 5,
        level: 1.24,
        status: "MARGIN_CALL",
        distancePct: expect.closeTo(11.29, 2),
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
