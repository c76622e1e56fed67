import { describe, expect, test } from "vitest";
import { cross, debtFree, isolated, longPair } from "../../test/support/answers.ts";
import { bookOf, type DeskOptions, openDesk, type Told, UTC } from "../../test/support/desk.ts";
import { endOrphans } from "./advance.ts";
import { alertIdOf, announce, isSubject, type Notification } from "./announce.ts";
import type { Blindness } from "./feed.ts";
import type { Firing } from "./lifecycle.ts";
import type { PairAnswer, Severity, Subject } from "./ports.ts";
import type { Route, RuleConfig } from "./rules/types.ts";
import type { Known, Situation } from "./situation.ts";

const S = 1000;
const MIN = 60 * S;

const distance: RuleConfig = {
  id: "distance",
  on: "isolated",
  field: "liquidationDistancePct",
  symbols: "all",
  ladder: {
    kind: "below",
    rungs: { warning: { kind: "number", value: 6 }, critical: { kind: "number", value: 3 } },
  },
  hysteresisPct: 0,
  forMs: 0,
  clearAfterMs: 0,
};
const to = (notify: readonly string[], ...severity: Severity[]): Route => ({
  match: severity.length === 0 ? {} : { severity },
  notify,
  repeatEveryMs: undefined,
});

/** A desk that looks at pairs: { A: 2 } is AUSDT, 2 % from its liquidation. */
function open(options: DeskOptions = {}) {
  const desk = openDesk({ rules: [distance], ...options });
  const pairs = (away: Readonly<Record<string, number>>) =>
    isolated(Object.entries(away).map(([name, pct]) => longPair(`${name}USDT`, pct)));
  const firing = (name: string): Firing | undefined => {
    const state = desk.states().get(`main|isolated ${name}USDT`)?.get("distance");
    return state?.phase === "firing" ? state : undefined;
  };
  return {
    ...desk,
    firing,
    see: (atMs: number, away: Readonly<Record<string, number>>) => desk.look(atMs, pairs(away)),
  };
}

/** "slack: opened A, resolved B" */
const heard = ({ notifications }: Told): string[] =>
  notifications.map(
    ({ notifier, message }) =>
      `${notifier}: ${message.sections.map((each) => `${each.kind} ${nameIn(each.headline)}`).join(", ")}`,
  );
const nameIn = (headline: string): string => /(\w)USDT/.exec(headline)?.[1] ?? headline;

const knownOf = (subject: Subject): Known => ({
  subject,
  atMs: 0,
  level: 1.1,
  status: null,
  distancePct: 2,
  severity: "critical",
});

function only(told: Told, notifier = "desk"): Notification {
  const mine = told.notifications.filter((each) => each.notifier === notifier);
  const [notification] = mine;
  if (notification === undefined || mine.length > 1) throw new Error(`${mine.length} notifications for ${notifier}`);
  return notification;
}

// ---------------------------------------------------------------- one message a notifier a cycle

test("all that changes in one cycle is one message for each notifier, worst first, of equally bad ones the nearest", () => {
  const desk = open({ notifiers: ["slack", "mail"] });
  desk.see(0, { R: 5, L: 2, U: 5 });
  const told = desk.see(5 * S, { W: 5, R: 9, C: 2, L: 5, U: 2, X: 1 });
  const expected = "opened X, opened C, raised U, lowered L, opened W";
  expect(heard(told)).toEqual([`slack: ${expected}`, `mail: ${expected}`]);
  expect(told.notifications.map(({ message }) => message.more.map(nameIn))).toEqual([["R"], ["R"]]);
});

test("of many the first five are told in full, the rest as a count with names; every incident is in it", () => {
  const desk = open();
  const away = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`P${String(n).padStart(2, "0")}`, 0.1 + 0.14 * n]),
  );
  const { message, incidents } = only(desk.see(0, away));
  expect(message.sections.map(({ headline }) => /P\d\d/.exec(headline)?.[0])).toEqual([
    "P00",
    "P01",
    "P02",
    "P03",
    "P04",
  ]);
  expect(message.more).toEqual([
    expect.stringMatching(/^35 more: 16 critical, 19 warning · P05USDT, P06USDT, .*, P34USDT, …$/),
  ]);
  expect(message.title).toBe("CRITICAL · main · 40 alerts, worst first");
  expect(message.moreSections).toHaveLength(35);
  expect(incidents.at(-1)).toBe("main|isolated P39USDT|distance@0");
});

test("a cycle without a transition tells nobody anything", () => {
  const desk = open();
  desk.see(0, { A: 2 });
  expect(desk.see(5 * S, { A: 2.1 })).toMatchObject({ notifications: [], situations: [] });
  expect(desk.firing("A")?.value).toBe(2.1);
});

describe("alerts of one subject", () => {
  const crash = (count: number, over: (n: number) => Partial<PairAnswer> = () => ({})) =>
    isolated(
      Array.from({ length: count }, (_, n) =>
        longPair(`P${String(n).padStart(2, "0")}USDT`, 0.5 + 0.05 * n, {
          marginLevelStatus: "PRE_LIQUIDATION",
          ...over(n),
        }),
      ),
    );
  const told = ({ message }: Notification) =>
    message.sections.map(({ headline, lines }) => {
      const about = /distance/.test(headline) ? "distance" : /status/.test(headline) ? "status" : "other";
      return `${/P\d\d/.exec(headline)?.[0] ?? "cross"} ${about} ${lines.length > 0 ? "in full" : "by its first line"}`;
    });

  test("the five full ones are of five subjects, each by the alert that says most", () => {
    const notification = only(openDesk().look(0, crash(40)));
    const { message, incidents } = notification;
    expect(told(notification)).toEqual([0, 1, 2, 3, 4].map((n) => `P0${n} distance in full`));
    expect(message.title).toBe("CRITICAL · main · 80 alerts, worst first");
    expect(message.more).toEqual([expect.stringMatching(/^75 more: all critical · P05USDT, P06USDT, .*, P34USDT, …$/)]);
    expect(message.moreSections).toHaveLength(75);
    expect(new Set(incidents).size).toBe(80);
    // A late row finds the incident of each by its place.
    const headings = [...message.sections, ...(message.moreSections ?? [])].map(
      ({ headline }) => /P\d\d/.exec(headline)?.[0],
    );
    expect(headings).toEqual(incidents.map((incident) => /P\d\d/.exec(incident)?.[0]));
  });

  test("where there is room, the others follow theirs by their first lines", () => {
    expect(told(only(openDesk().look(0, crash(2))))).toEqual([
      "P00 distance in full",
      "P00 status by its first line",
      "P01 distance in full",
      "P01 status by its first line",
    ]);
    const three = only(openDesk().look(0, crash(3)));
    expect(told(three)).toEqual([
      "P00 distance in full",
      "P00 status by its first line",
      "P01 distance in full",
      "P01 status by its first line",
      "P02 distance in full",
    ]);
    expect(three.message.more).toEqual([expect.stringMatching(/^CRITICAL · main · P02USDT isolated .*status/)]);
  });

  test("what is not told in full is not worked out", () => {
    let asked = 0;
    const { changes, situations } = openDesk().look(0, crash(40));
    const counted = situations.map((situation): Situation => {
      if (situation.facts.about !== "field") return situation;
      const insight = {
        prices: undefined,
        get moved() {
          asked += 1;
          return undefined;
        },
        minutes: undefined,
        costPerDay: undefined,
        report: undefined,
      };
      return { ...situation, facts: { ...situation.facts, insight } };
    });
    announce(changes, counted, { book: bookOf(), states: new Map(), nowMs: 0, locale: UTC });
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(10);
  });

  test("a milder one is its first line, another matter is told in full too", () => {
    const milder = only(
      openDesk().look(
        0,
        crash(1, () => ({ marginLevelStatus: "MARGIN_CALL" })),
      ),
    );
    expect(told(milder)).toEqual(["P00 distance in full", "P00 status by its first line"]);
    const locked = only(openDesk().look(0, cross(1.34, { transferOutEnabled: false })));
    expect(locked.message.sections.map(({ severity, lines }) => [severity, lines.length > 0])).toEqual([
      ["warning", true],
      ["warning", true],
    ]);
  });

  test("what is over, and the living message of its conversation, are told the same way", () => {
    const desk = openDesk();
    const opened = only(desk.look(0, crash(7)));
    const calm = isolated(Array.from({ length: 7 }, (_, n) => longPair(`P0${n}USDT`, 50)));
    desk.look(5 * S, calm);
    desk.look(20 * S, calm);
    const resolved = only(desk.look(40 * S, calm));
    expect(told(resolved).every((line) => line.endsWith("distance in full"))).toBe(true);
    expect(new Set(told(resolved)).size).toBe(5);
    expect(resolved.root).toBe(opened.id);
    expect(resolved.edits.map(({ message }) => message.sections)).toEqual([resolved.message.sections]);
  });
});

// ---------------------------------------------------------------- who hears it

const SPLIT: DeskOptions = { notifiers: ["slack", "mail"], routes: [to(["mail"], "critical"), to(["slack"])] };

describe("routes", () => {
  test("the first route that matches decides", () => {
    expect(heard(open(SPLIT).see(0, { A: 2, B: 5 }))).toEqual(["mail: opened A", "slack: opened B"]);
  });

  test("a raised alert is told by the route of its new severity, and to who heard of it before", () => {
    const desk = open(SPLIT);
    desk.see(0, { A: 5 });
    expect(heard(desk.see(5 * S, { A: 2 }))).toEqual(["mail: raised A", "slack: raised A"]);
  });

  test("who was told of an incident hears it lowered and resolved, whatever the routes say; nobody else does", () => {
    const desk = open(SPLIT);
    desk.see(0, { A: 2 });
    expect(heard(desk.see(5 * S, { A: 5 }))).toEqual(["mail: lowered A"]);
    expect(heard(desk.see(10 * S, { A: 9 }))).toEqual(["mail: resolved A"]);
  });

  test("both hear the end of what both heard the beginning of", () => {
    const desk = open(SPLIT);
    desk.see(0, { A: 5 });
    desk.see(5 * S, { A: 2 });
    expect(heard(desk.see(10 * S, { A: 9 })).sort()).toEqual(["mail: resolved A", "slack: resolved A"]);
  });

  test("reminders go by the route alone", () => {
    const desk = open(SPLIT);
    desk.see(0, { A: 5 });
    desk.see(5 * S, { A: 2 });
    expect(heard(desk.see(6 * MIN, { A: 2 }))).toEqual(["mail: reminded A"]);
  });

  test("an empty route drops on purpose: nobody hears the beginning, nor the end, but a worse severity is told", () => {
    const desk = open({ notifiers: ["slack"], routes: [to([], "warning"), to(["slack"])] });
    expect(heard(desk.see(0, { A: 5, B: 5 }))).toEqual([]);
    expect(heard(desk.see(5 * S, { A: 9, B: 2 }))).toEqual(["slack: raised B"]);
    expect(heard(desk.see(10 * S, { A: 9, B: 9 }))).toEqual(["slack: resolved B"]);
  });

  test("an incident whose rule was removed ends for who heard of it", () => {
    const desk = open(SPLIT);
    const { changes } = desk.see(0, { A: 2 });
    const told = desk.take(
      endOrphans(changes, () => false, 5 * S),
      5 * S,
    );
    expect(heard(told)).toEqual(["mail: ended A"]);
    expect(desk.firing("A")).toBeUndefined();
  });

  test("a blind alert goes to every notifier", () => {
    const desk = open({ notifiers: ["slack", "mail"], routes: [to([])] });
    const blind: Blindness = {
      source: "cross",
      sources: ["cross"],
      silentMs: 31 * S,
      lastOkAtMs: null,
      failure: null,
      invalid: null,
    };
    expect(desk.watch(31 * S, blind).notifications.map(({ notifier }) => notifier)).toEqual(["slack", "mail"]);
    expect(desk.watch(40 * S, undefined).notifications.map(({ notifier }) => notifier)).toEqual(["slack", "mail"]);
  });

  test("a notifier that is no longer configured is told nothing, also not by a route that still names it", () => {
    const desk = open({ notifiers: ["slack"], routes: [to(["slack", "pager"])] });
    expect(heard(desk.see(0, { A: 2 }))).toEqual(["slack: opened A"]);
  });
});

// ---------------------------------------------------------------- conversations

describe("conversations", () => {
  test("what follows answers the message in which the incident was opened", () => {
    const desk = open();
    const opened = only(desk.see(0, { A: 5 }));
    const raised = only(desk.see(5 * S, { A: 2 }));
    const resolved = only(desk.see(10 * S, { A: 9 }));
    expect(opened.root).toBeUndefined();
    expect([raised.root, resolved.root]).toEqual([opened.id, opened.id]);
    expect(new Set([opened, raised, resolved].map(({ message }) => message.subject))).toEqual(
      new Set(["margind main: AUSDT isolated distance to liquidation"]),
    );
  });

  test("the next incident of the same alert is a conversation of its own", () => {
    const desk = open();
    const first = only(desk.see(0, { A: 5 }));
    desk.see(5 * S, { A: 9 });
    const second = only(desk.see(10 * S, { A: 5 }));
    expect([second.root, second.edits]).toEqual([undefined, []]);
    expect(second.id).not.toBe(first.id);
  });

  test("alerts that began together stay together", () => {
    const desk = open();
    const opened = only(desk.see(0, { A: 5, B: 5, C: 5 }));
    expect(only(desk.see(5 * S, { A: 2, B: 2, C: 5 })).root).toBe(opened.id);
    expect(only(desk.see(10 * S, { A: 2, B: 2, C: 9 })).root).toBe(opened.id);
  });

  test("alerts of different conversations in one message begin a new one, and afterwards each goes on in its own", () => {
    const desk = open();
    const a = only(desk.see(0, { A: 5 }));
    const b = only(desk.see(5 * S, { A: 5, B: 5 }));
    const both = only(desk.see(10 * S, { A: 2, B: 2 }));
    expect([both.root, both.message.subject]).toEqual([undefined, "margind main: 2 alerts (AUSDT, BUSDT)"]);
    expect(only(desk.see(15 * S, { A: 9, B: 2 })).root).toBe(a.id);
    expect(only(desk.see(20 * S, { A: 9, B: 9 })).root).toBe(b.id);
  });

  test("an alert that opens beside one with a conversation goes on in the message that told of both", () => {
    const desk = open();
    desk.see(0, { A: 5 });
    const both = only(desk.see(5 * S, { A: 2, B: 2 }));
    expect(both.root).toBeUndefined();
    expect(only(desk.see(10 * S, { A: 2, B: 5 })).root).toBe(both.id);
  });

  test("each notifier has conversations of its own", () => {
    const desk = open(SPLIT);
    const slack = only(desk.see(0, { A: 5 }), "slack");
    const raised = desk.see(5 * S, { A: 2 });
    expect([only(raised, "slack").root, only(raised, "mail").root]).toEqual([slack.id, undefined]);
    expect(desk.firing("A")?.threads).toEqual({
      slack: { root: slack.id, subject: slack.message.subject, size: 1 },
      mail: { root: only(raised, "mail").id, subject: slack.message.subject, size: 1 },
    });
  });

  test("the messages of an incident are counted once a cycle, whoever heard them", () => {
    const desk = open({ notifiers: ["slack", "mail"] });
    desk.see(0, { A: 5 });
    expect(desk.firing("A")?.messages).toBe(1);
    desk.see(5 * S, { A: 5 });
    desk.see(10 * S, { A: 2 });
    expect(desk.firing("A")?.messages).toBe(2);
  });
});

// ---------------------------------------------------------------- living messages

const editsOf = ({ edits }: Notification) =>
  edits.map(({ of, message }) => [
    of,
    message.title,
    message.sections.map((each) => each.kind),
    message.more.map(nameIn),
  ]);

describe("living messages", () => {
  test("a conversation of one alert shows how it stands now", () => {
    const desk = open();
    const opened = only(desk.see(0, { A: 5 }));
    const raised = only(desk.see(5 * S, { A: 2 }));
    expect(opened.edits).toEqual([]);
    expect(raised.edits).toEqual([{ of: opened.id, message: raised.message }]);
    const [edit] = only(desk.see(10 * S, { A: 9 })).edits;
    expect(edit?.message).toMatchObject({
      severity: "resolved",
      title: "RESOLVED · main · AUSDT isolated distance to liquidation 9.0 %",
    });
  });

  test("a conversation of several shows what changed in full, what stands in one line each, and counts", () => {
    const desk = open();
    const opened = only(desk.see(0, { A: 5, B: 4, C: 2, D: 5 }));
    expect(editsOf(only(desk.see(5 * S, { A: 2, B: 4, C: 2, D: 5 })))).toEqual([
      [opened.id, "CRITICAL · main · 4 of 4 alerts still firing", ["raised"], ["C", "B", "D"]],
    ]);
    expect(editsOf(only(desk.see(10 * S, { A: 9, B: 4, C: 9, D: 5 })))).toEqual([
      [opened.id, "WARNING · main · 2 of 4 alerts still firing", ["resolved", "resolved"], ["B", "D"]],
    ]);
    expect(editsOf(only(desk.see(15 * S, { A: 9, B: 9, C: 9, D: 9 })))).toEqual([
      [opened.id, "RESOLVED · main · 0 of 4 alerts still firing", ["resolved", "resolved"], []],
    ]);
  });

  test("every conversation that a message touches is brought up to date, with its own alerts only", () => {
    const desk = open();
    const a = only(desk.see(0, { A: 5 }));
    const b = only(desk.see(5 * S, { A: 5, B: 5 }));
    const headline = (name: string, pct: string) =>
      `CRITICAL · main · ${name}USDT isolated distance to liquidation ${pct} % (below 3 %)`;
    expect(editsOf(only(desk.see(10 * S, { A: 2, B: 1 })))).toEqual([
      [b.id, headline("B", "1.0"), ["raised"], []],
      [a.id, headline("A", "2.0"), ["raised"], []],
    ]);
  });

  test("a conversation does not count alerts that have another one", () => {
    const desk = open();
    desk.see(0, { A: 5 });
    const both = only(desk.see(5 * S, { A: 2, B: 5, C: 5 }));
    expect(editsOf(only(desk.see(10 * S, { A: 2, B: 9, C: 5 })))).toEqual([
      [both.id, "WARNING · main · 1 of 2 alerts still firing", ["resolved"], ["C"]],
    ]);
  });

  test("what stands comes in the order of the account's positions, what is not known among them first; many as a count", () => {
    const desk = open();
    const names = Array.from({ length: 9 }, (_, n) => `P${n}`);
    const pairs = (pct: number) => Object.fromEntries(names.map((name) => [name, pct]));
    desk.see(0, pairs(2));
    const { changes, situations } = desk.see(5 * S, { ...pairs(2), P0: 9 });
    const known = ["P8", "P7", "P3", "P4", "P5", "P6", "P1"].map((name) => knownOf(`isolated ${name}USDT`));
    const audience = { book: bookOf({ rules: [distance] }), states: desk.states(), nowMs: 5 * S, locale: UTC, known };
    const [edit] = only({ situations, ...announce(changes, situations, audience) }).edits;
    expect(edit?.message.more.map((line) => line.replace(/^.* main · (P\d)USDT.*$/, "$1"))).toEqual([
      ...["P2", "P8", "P7", "P3", "P4"],
      "3 more still firing: all critical · P5USDT, P6USDT, P1USDT",
    ]);
  });

  test("reminders bring it up to date, too", () => {
    const desk = open();
    const opened = only(desk.see(0, { A: 2 }));
    const reminded = only(desk.see(5 * MIN, { A: 2 }));
    expect(reminded).toMatchObject({ root: opened.id, edits: [{ of: opened.id, message: { kind: "reminded" } }] });
  });
});

// ---------------------------------------------------------------- names

test("a notification tells of its incidents, each by alert and time of opening", () => {
  const desk = open();
  desk.see(0, { A: 5 });
  expect(only(desk.see(5 * S, { A: 2, B: 2 })).incidents).toEqual([
    "main|isolated AUSDT|distance@0",
    "main|isolated BUSDT|distance@5000",
  ]);
});

test("the same cycle makes the same names again, another cycle or notifier never", () => {
  const names = (options: DeskOptions = {}) => {
    const desk = open({ notifiers: ["slack", "mail"], ...options });
    const cycles = [
      { A: 5, B: 5 },
      { A: 2, B: 2 },
      { A: 2, B: 5 },
      { A: 5, B: 5 },
      { A: 9, B: 9 },
    ];
    return cycles.flatMap((away, index) => desk.see(index * 5 * S, away).notifications.map(({ id }) => id));
  };
  expect(names()).toEqual(names());
  expect(names()).toHaveLength(10);
  expect(new Set(names()).size).toBe(10);
});

test("the name tells apart two messages that begin with the same transition", () => {
  const two = only(open().see(0, { A: 2, B: 2 }));
  const three = only(open().see(0, { A: 2, B: 2, C: 2 }));
  const other = only(open().see(0, { A: 2, C: 2 }));
  expect(new Set([two.id, three.id, other.id]).size).toBe(3);
});

test("a crash of hundreds of pairs leaves small states: every alert keeps the name of its conversation", () => {
  const desk = open();
  const away = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`P${index}`, 2]));
  const { id } = only(desk.see(0, away));
  expect(id.length).toBeLessThan(100);
  expect(desk.firing("P599")?.threads["desk"]).toMatchObject({ root: id, size: 600 });
});

test.each([
  ["main|cross", { account: "main", subject: "cross", rule: "r" }],
  ["my fund|isolated BTCUSDT", { account: "my fund", subject: "isolated BTCUSDT", rule: "r" }],
  ["main|isolated A|B", { account: "main", subject: "isolated A|B", rule: "r" }],
  ["main|feed", { account: "main", subject: "feed", rule: "r" }],
  ["main|notifier desk", { account: "main", subject: "notifier desk", rule: "r" }],
  ["main|something", undefined],
  ["main", undefined],
])("the state key %s is of %j", (key, expected) => {
  expect(alertIdOf(key, "r")).toEqual(expected);
});

test.each([
  ["cross", true],
  ["feed", true],
  ["isolated BTCUSDT", true],
  ["notifier desk", true],
  ["Cross", false],
  ["isolated", false],
  ["", false],
])("%j is a subject: %s", (text, expected) => {
  expect(isSubject(text)).toBe(expected);
});

test("different rules of one cross account share a message and keep their own incidents", () => {
  const desk = openDesk();
  const told = desk.look(0, cross(1.24, { transferOutEnabled: false }));
  expect(only(told).incidents).toEqual(["main|cross|cross-margin-level@0", "main|cross|cross-transfer-out@0"]);
  desk.look(5 * S, debtFree({ transferOutEnabled: false }));
  expect(only(desk.look(35 * S, debtFree({ transferOutEnabled: false }))).incidents).toEqual([
    "main|cross|cross-margin-level@0",
  ]);
});
