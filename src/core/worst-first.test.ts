import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cross, debtFree, isolated, leg, longPair } from "../../test/support/answers.ts";
import { openDesk } from "../../test/support/desk.ts";
import { builtinRules } from "./rules/builtin.ts";
import type { RuleConfig } from "./rules/types.ts";
import type { Facts, Situation } from "./situation.ts";
import { worstFirst } from "./worst-first.ts";

const distance: RuleConfig = {
  id: "distance",
  on: "isolated",
  field: "liquidationDistancePct",
  symbols: "all",
  ladder: {
    kind: "below",
    rungs: { warning: { kind: "number", value: 10 }, critical: { kind: "number", value: 5 } },
  },
  hysteresisPct: 0,
  forMs: 0,
  clearAfterMs: 0,
};
const level: RuleConfig = {
  ...distance,
  id: "level",
  field: "marginLevel",
  ladder: { kind: "below", rungs: { critical: { kind: "number", value: 2 } } },
};

/** A pair so far from its liquidation, and what it owes. */
const pair = (name: string, awayPct: number, owed: number) =>
  longPair(`${name}USDT`, awayPct, { quote: leg("USDT", { borrowed: owed }) });

const opened = (pairs: readonly ReturnType<typeof pair>[], rules = [distance]): readonly Situation[] =>
  openDesk({ rules }).look(0, isolated(pairs)).situations;

const named = (situations: readonly Situation[]) =>
  situations.map(({ id, transition }) => `${id.subject.replace(/^isolated (\w+)USDT$/, "$1")} ${transition.severity}`);

/** The same transition about something else. */
function about([model]: readonly Situation[], subject: Situation["id"]["subject"], facts: Facts): Situation {
  if (model === undefined) throw new Error("nothing was opened");
  return { ...model, id: { ...model.id, subject, rule: facts.about }, facts };
}

describe("among equally severe ones", () => {
  test("the nearer first, and the larger debt: half as far is four times the debt", () => {
    const told = opened([pair("A", 4, 3_000), pair("B", 2, 1_000), pair("C", 4, 5_000), pair("D", 4.5, 1_000)]);
    expect(named(worstFirst(told))).toEqual(["C critical", "B critical", "A critical", "D critical"]);
  });

  test("the severity comes before all: a small debt that is critical before a large one that is a warning", () => {
    const told = opened([pair("A", 5.1, 1_000_000), pair("B", 4.9, 10)]);
    expect(named(worstFirst(told))).toEqual(["B critical", "A warning"]);
  });

  test("what is over comes last, however large it is", () => {
    const desk = openDesk({ rules: [distance] });
    desk.look(0, isolated([pair("A", 4, 1_000_000)]));
    const told = desk.look(5_000, isolated([pair("A", 50, 1_000_000), pair("B", 9, 10), pair("C", 8, 10)]));
    expect(named(worstFirst(told.situations))).toEqual(["C warning", "B warning", "A critical"]);
  });

  test("several alerts of one subject stay together", () => {
    const told = opened([pair("A", 4, 1_000), pair("B", 2, 1_000), pair("C", 3, 1_000)], [distance, level]);
    const order = worstFirst(told).map(({ id }) => `${id.subject} ${id.rule}`);
    expect(order).toEqual(
      ["B", "C", "A"].flatMap((name) => [`isolated ${name}USDT distance`, `isolated ${name}USDT level`]),
    );
  });

  test("a position that is gone, and one that the exchange calls without our having seen it, come first", () => {
    const told = opened([pair("A", 4, 1_000), pair("B", 0, 9_000_000)]);
    const gone = about(told, "isolated GUSDT", { about: "gone", last: undefined, back: undefined });
    const called = about(told, "isolated MUSDT", {
      about: "margin-call",
      pushed: { status: "MARGIN_CALL", level: 1.1, atMs: 0 },
      level: undefined,
    });
    expect(named(worstFirst([...told, gone, called]))).toEqual([
      "G critical",
      "M critical",
      "B critical",
      "A critical",
    ]);
  });

  test("a margin call stands beside the alert that tells of the same position", () => {
    const told = opened([pair("A", 4, 1_000), pair("B", 2, 1_000)]);
    const called = about(told, "isolated BUSDT", {
      about: "margin-call",
      pushed: { status: "MARGIN_CALL", level: 1.1, atMs: 0 },
      level: 1.1,
    });
    expect(worstFirst([...told, called]).map(({ id }) => `${id.subject} ${id.rule}`)).toEqual([
      "isolated BUSDT distance",
      "isolated BUSDT margin-call",
      "isolated AUSDT distance",
    ]);
  });

  test("alerts of another kind keep their place", () => {
    const told = opened([pair("A", 4, 1_000), pair("B", 2, 1_000)]);
    const [first, second] = told;
    if (first === undefined || second === undefined) throw new Error("nothing was opened");
    const blind = about(told, "feed", { about: "blind", blindness: undefined, known: [] });
    const config = about(told, "cross", { about: "config", problem: undefined });
    const order = worstFirst([blind, first, config, second]);
    expect(named(order)).toEqual(["feed critical", "B critical", "cross critical", "A critical"]);
  });

  test("who owes nothing comes last", () => {
    const told = openDesk({ rules: [distance, ...builtinRules] }).look(
      0,
      debtFree({ transferOutEnabled: false }),
      isolated([pair("A", 9, 1)]),
    );
    const severity = "warning";
    const even = told.situations.map((each) => ({ ...each, transition: { ...each.transition, severity } as const }));
    expect(named(worstFirst(even)).at(-1)).toBe("cross warning");
    expect(even.length).toBeGreaterThan(1);
  });
});

test("the cross account is priced by what is known beside the observation", () => {
  const { situations } = openDesk().look(0, cross(1.24, { totalLiabilityOfBtc: undefined }), isolated([]));
  const pairs = opened([pair("A", 4, 450), pair("B", 4, 100)]);
  const prices = new Map([["BTCUSDT", 10_000]]);
  const insight = { prices, moved: undefined, minutes: undefined, costPerDay: undefined, report: undefined };
  const priced = [...pairs, ...situations].map((each): Situation => {
    const facts = each.facts.about === "field" ? { ...each.facts, insight } : each.facts;
    return { ...each, facts, transition: { ...each.transition, severity: "critical" } };
  });
  expect(named(worstFirst(priced))[0]).toBe("cross critical"); // 45,000 at 11.3 % are more than 450 at 4 %
});

test("nothing is lost or told twice, whatever comes in whatever order", () => {
  const pairs = Array.from({ length: 12 }, (_, index) => pair(`P${index}`, index, 100 * (13 - index)));
  const told = opened(pairs, [distance, level]);
  const inOrder = named(worstFirst(told));
  fc.assert(
    fc.property(fc.shuffledSubarray([...told], { minLength: told.length }), (mixed) => {
      const order = worstFirst(mixed);
      expect(new Set(order)).toEqual(new Set(told));
      expect(order).toHaveLength(told.length);
      expect(named(order)).toEqual(inOrder);
    }),
  );
});
