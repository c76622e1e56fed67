// What people read about margind itself, in both languages, word by word.
import { describe, expect, test } from "vitest";
import { bookOf, messageText } from "../../test/support/desk.ts";
import { advanceOwn, applied, notice, type States } from "./advance.ts";
import { announce } from "./announce.ts";
import type { Language } from "./format.ts";
import { OWN_ACCOUNT, type Severity } from "./ports.ts";
import type { DaemonTrouble } from "./situation.ts";

const NOW_MS = Date.UTC(2020, 2, 12, 23, 5);
const MIN = 60_000;
const book = bookOf();
const idOf = (rule: string) => ({ account: OWN_ACCOUNT, subject: "daemon", rule }) as const;

function read(trouble: DaemonTrouble, severity: Severity, language: Language): string {
  const { situations } = notice(idOf(trouble.kind), severity, { about: "daemon", trouble }, { book, nowMs: NOW_MS });
  const locale = { timezone: "UTC", language };
  const [told] = announce([], situations, { book, states: new Map(), nowMs: NOW_MS, locale }).notifications;
  return told === undefined ? "" : messageText(told.message).replace(/\n#.*$/, "");
}

const GAP = { kind: "gap", fromMs: NOW_MS - 34 * MIN, toMs: NOW_MS, why: "down" } as const;
const LOOP = {
  kind: "restarts",
  count: 3,
  sinceMs: NOW_MS - 2 * MIN,
  crash: "RangeError: Invalid array length",
} as const;

describe("in English", () => {
  test.each<[DaemonTrouble, Severity, string]>([
    [
      GAP,
      "warning",
      `WARNING · margind · nobody watched from 22:31 to 23:05 UTC (34 min)
margind was not running. Levels that fell and recovered in that time were not seen.`,
    ],
    [
      { ...GAP, why: "asleep" },
      "warning",
      `WARNING · margind · nobody watched from 22:31 to 23:05 UTC (34 min)
This machine slept or stood still, or its clock was set forward. Levels that fell and recovered in that time were not seen.`,
    ],
    [
      LOOP,
      "critical",
      `CRITICAL · margind · started 3 times since 23:03 UTC, each time after a crash or a kill
The last error was: RangeError: Invalid array length`,
    ],
    [
      { ...LOOP, crash: undefined },
      "critical",
      `CRITICAL · margind · started 3 times since 23:03 UTC, each time after a crash or a kill
It was killed or crashed: look at its log.`,
    ],
    [
      { kind: "state-lost", what: "damaged", movedTo: "margind.db.corrupt-1" },
      "critical",
      `CRITICAL · margind · the stored state was lost
The database was damaged. It was moved to margind.db.corrupt-1. What fires now may be told again, and an alert that was open before may never be resolved here.`,
    ],
    [
      { kind: "disk", reason: "the disk is full", isShort: false },
      "critical",
      `CRITICAL · margind · the state cannot be written
The disk is full. Alerts go on from memory: a restart now may repeat some or lose some. Free space, mend the disk, or end the program that holds it.`,
    ],
    [
      { kind: "state-lost", what: "rows", movedTo: undefined },
      "critical",
      `CRITICAL · margind · a part of the stored state was lost
Some rows were damaged; they were set aside in the database. What fires now may be told again, and an alert that was open before may never be resolved here.`,
    ],
    [
      { kind: "disk", reason: "the disk is full", isShort: true },
      "critical",
      `CRITICAL · margind · the disk is full, the reserve is being used
The disk is full. The state is still stored, in the reserve that was kept for this, but not for long. Free space now.`,
    ],
    [
      { kind: "config-rejected", problems: ["1", "2", "3", "4", "5", "6", "7"].map((line) => `margind.yaml:${line}`) },
      "warning",
      `WARNING · margind · the new configuration is refused, the old one goes on
margind.yaml:1
margind.yaml:2
margind.yaml:3
margind.yaml:4
margind.yaml:5
… and 2 more: margind check lists them all.`,
    ],
  ])("%j", (trouble, severity, text) => {
    expect(read(trouble, severity, "en")).toBe(text);
  });
});

test("in Chinese nothing stays English", () => {
  const all = [
    GAP,
    LOOP,
    { kind: "state-lost", what: "rows", movedTo: undefined },
    { kind: "disk", reason: "磁盘已满", isShort: true },
  ] as const;
  for (const trouble of all) {
    const text = read(trouble, "critical", "zh-CN").replaceAll(/margind|UTC|RangeError: Invalid array length/g, "");
    expect(text).not.toMatch(/[a-z]{3}/i);
  }
});

test("what lasts is told when it begins, kept among the alerts, and told when it is over", () => {
  let states: States = new Map();
  const look = (reason: string | undefined, nowMs: number) => {
    const facts = { about: "daemon", trouble: { kind: "disk", reason, isShort: false } } as const;
    const moved = advanceOwn(idOf("disk"), reason === undefined ? null : "critical", facts, { states, book, nowMs });
    const locale = { timezone: "UTC", language: "en" } as const;
    const told = announce(moved.changes, moved.situations, { book, states, nowMs, locale });
    states = applied(states, told.changes);
    return told.notifications.map(({ message }) => message.title);
  };
  expect(look(undefined, NOW_MS)).toEqual([]);
  expect(look("the disk is full", NOW_MS)).toEqual(["CRITICAL · margind · the state cannot be written"]);
  expect(look("the disk is full", NOW_MS + 1000)).toEqual([]);
  expect([...states.keys()]).toEqual(["margind|daemon"]);
  expect(look(undefined, NOW_MS + MIN)).toEqual(["RESOLVED · margind · the state can be written again"]);
  expect([...states.values()].flatMap((rules) => [...rules])).toEqual([]);
});
