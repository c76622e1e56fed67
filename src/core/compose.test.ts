// What people read of a message of many alerts: five in full, the rest as a count. Programs go on reading every one of them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compose, type Told } from "./compose.ts";
import type { Language } from "./format.ts";
import type { Section, Severity } from "./ports.ts";

const told = (count: number, of: (n: number) => Partial<Told>): Told[] =>
  Array.from({ length: count }, (_, n) => ({
    kind: "opened",
    severity: "critical",
    headline: `CRITICAL · main · P${n}USDT`,
    lines: ["what to do"],
    ref: `#P${n}-1`,
    name: `P${n}USDT`,
    ...of(n),
  }));
const all = (count: number) => told(count, () => ({}));
const by = (severityOf: (n: number) => Severity) => (n: number) => ({ severity: severityOf(n) });
const EXTRA = { account: "main", subject: "margind main: many" };
const more = (sections: readonly Told[], language: Language = "en") => compose(sections, EXTRA, language).more;

test.each([1, 5])("%d alerts are told in full, and nothing beside", (count) => {
  const message = compose(all(count), EXTRA, "en");
  expect([message.sections.length, message.more, message.moreSections]).toEqual([count, [], undefined]);
});

test("a sixth is told by its first line: as a count it would be no shorter", () => {
  expect(more(all(6))).toEqual(["CRITICAL · main · P5USDT #P5-1"]);
});

test("the others are a count, by how bad they are, with their names", () => {
  expect(
    more(
      told(
        8,
        by((n) => (n < 7 ? "critical" : "warning")),
      ),
    ),
  ).toEqual(["3 more: 2 critical, 1 warning · P5USDT, P6USDT, P7USDT"]);
  expect(more(all(7))).toEqual(["2 more: all critical · P5USDT, P6USDT"]);
});

test("what is over is not counted as what fires", () => {
  const kinds: Section["kind"][] = ["raised", "lowered", "reminded", "resolved", "ended", "resolved"];
  const sections = told(11, (n) => (n < 5 ? {} : { kind: kinds[n - 5] ?? "opened", severity: "warning" }));
  expect(more(sections)).toEqual([
    "6 more: 3 warning, 2 resolved, 1 ended · P5USDT, P6USDT, P7USDT, P8USDT, P9USDT, P10USDT",
  ]);
});

test("in Chinese", () => {
  expect(
    more(
      told(
        8,
        by((n) => (n < 7 ? "critical" : "info")),
      ),
      "zh-CN",
    ),
  ).toEqual(["另有 3 个：2 个严重，1 个提示 · P5USDT、P6USDT、P7USDT"]);
  expect(more(all(7), "zh-CN")).toEqual(["另有 2 个：均为严重 · P5USDT、P6USDT"]);
});

test("each name once, and about thirty of them", () => {
  expect(more(told(9, (n) => ({ name: n % 2 === 0 ? "AUSDT" : "BUSDT" })))).toEqual([
    "4 more: all critical · BUSDT, AUSDT",
  ]);
  expect(more(all(35))[0]).toMatch(/^30 more: all critical · P5USDT, .*P34USDT$/);
  expect(more(all(36))[0]).toMatch(/^31 more: all critical · P5USDT, .*P34USDT, …$/);
});

test("names that stand above already come last", () => {
  const names = ["A", "B", "C", "D", "E", "A", "F", "B", "G"].map((name) => `${name}USDT`);
  expect(more(told(9, (n) => ({ name: names[n] ?? "" })))).toEqual([
    "4 more: all critical · FUSDT, GUSDT, AUSDT, BUSDT",
  ]);
});

test("an alert without a name goes by its reference", () => {
  expect(more(all(7).map(({ name: _, ...rest }) => rest))).toEqual(["2 more: all critical · #P5-1, #P6-1"]);
});

test("what has neither is only counted", () => {
  expect(more(all(7).map(({ name: _, ...rest }) => ({ ...rest, ref: "" })))).toEqual(["2 more: all critical"]);
});

test("programs go on reading every alert that is not told in full", () => {
  const { moreSections } = compose(all(40), EXTRA, "en");
  expect(moreSections?.map(({ ref }) => ref)).toEqual(Array.from({ length: 35 }, (_, n) => `#P${n + 5}-1`));
  expect(moreSections?.[0]).toEqual({
    kind: "opened",
    severity: "critical",
    headline: "CRITICAL · main · P5USDT",
    ref: "#P5-1",
  });
});

describe("the living message", () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      severity: n < 6 ? ("critical" as const) : ("warning" as const),
      text: `CRITICAL · main · S${n}USDT #S${n}-1`,
      name: `S${n}USDT`,
    }));
  const lines = (changed: number, standing: number) =>
    compose(all(changed), { ...EXTRA, size: changed + standing, standing: rows(standing) }, "en").more;
  const lineOf = (n: number) => `CRITICAL · main · S${n}USDT #S${n}-1`;

  test("what stands is five lines, then a count of its own", () => {
    expect(lines(1, 5)).toEqual([0, 1, 2, 3, 4].map(lineOf));
    expect(lines(1, 6)).toEqual([0, 1, 2, 3, 4, 5].map(lineOf));
    expect(lines(1, 8)).toEqual([
      ...[0, 1, 2, 3, 4].map(lineOf),
      "3 more still firing: 1 critical, 2 warning · S5USDT, S6USDT, S7USDT",
    ]);
  });

  test("what changed is counted apart from what stands", () => {
    expect(lines(7, 7)).toEqual([
      "2 more: all critical · P5USDT, P6USDT",
      ...[0, 1, 2, 3, 4].map(lineOf),
      "2 more still firing: 1 critical, 1 warning · S5USDT, S6USDT",
    ]);
    expect(lines(5, 7).at(-1)).toBe("2 more still firing: 1 critical, 1 warning · S5USDT, S6USDT");
  });
});

test("the counts add up to what is not told in full, and the line stays short", () => {
  const section = fc.record({
    kind: fc.constantFrom<Section["kind"]>("opened", "raised", "lowered", "reminded", "resolved", "ended"),
    severity: fc.constantFrom<Severity>("info", "warning", "critical"),
  });
  fc.assert(
    fc.property(fc.array(section, { minLength: 7, maxLength: 80 }), (given) => {
      const [line = "", ...others] = more(told(given.length, (n) => given[n] ?? {}));
      const [, total = "", parts = ""] = /^(\d+) more: (.*) · /.exec(line) ?? [];
      const sum = [...parts.matchAll(/\d+/g)].reduce((all, [each]) => all + Number(each), 0);
      expect([Number(total), parts.startsWith("all ") ? Number(total) : sum, others]).toEqual([
        given.length - 5,
        given.length - 5,
        [],
      ]);
      expect(line.length).toBeLessThan(400);
    }),
  );
});
