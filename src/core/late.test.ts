// What people read when a channel comes back, whole: these texts are the product.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cross } from "../../test/support/answers.ts";
import { rowOf, rowsOf } from "../../test/support/channels.ts";
import { type DeskOptions, messageText, openDesk, UTC } from "../../test/support/desk.ts";
import { blind, critical, keyOf, resolved } from "../../test/support/messages.ts";
import { compose } from "./compose.ts";
import type { Locale } from "./format.ts";
import { isDigest, type LateContext, lateRow } from "./late.ts";
import type { Message, NewRow, Section } from "./ports.ts";

/** 12 March 2020. */
const at = (hour: number, minute = 0, second = 0): number => Date.UTC(2020, 2, 12, hour, minute, second);
const KEY = keyOf("late");
const context = (over: Partial<LateContext> = {}): LateContext => ({
  key: KEY,
  reason: null,
  nowMs: at(26, 20),
  locale: UTC,
  ...over,
});

function late([first = expect.fail("no row"), ...rest]: readonly NewRow[], over: Partial<LateContext> = {}): NewRow {
  return lateRow([first, ...rest], context(over));
}

const read = ({ message }: NewRow): string => messageText(message).replaceAll(/#[0-9A-Z]{4}-(\d+)/g, "#$1");
const lines = (...each: string[]): string => each.join("\n");

/** The cross alert of the design document, from a warning to its end at night; the rows of it that are kept by `waits`. */
function crossLife(options: DeskOptions = {}) {
  const desk = openDesk({ ageMs: 0, ...options });
  const look = (atMs: number, level: number) => rowsOf(desk.look(atMs, cross(level)), atMs);
  return {
    opened: look(at(20, 10), 1.36),
    raised: look(at(23, 5, 2), 1.24),
    reminded: look(at(23, 17), 1.19),
    lowered: [look(at(24, 9, 30), 1.35), look(at(24, 9, 45), 1.35), look(at(24, 10), 1.35)].flat(),
    resolved: [look(at(26, 16, 30), 1.6), look(at(26, 16, 45), 1.6), look(at(26, 17), 1.62)].flat(),
  };
}

describe("one alert", () => {
  test("a single late row says when it was, in the line that a locked phone shows, and why it waited", () => {
    const { raised } = crossLife();
    const row = late(raised, { nowMs: at(23, 40), reason: "Slack failed (HTTP 503)" });
    expect(read(row)).toBe(
      lines(
        "CRITICAL · main · cross margin level 1.24 (below 1.30) · of 23:05 UTC, delivered late",
        "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
        "Back to 1.53: add 13,050 USDT, or repay 8,529.42 USDT from outside, or sell and repay 24,623 USDT.",
        "Critical since 23:05 UTC, rising from warning since 20:10. Data 0 s old at 23:05:02.",
        "Waited for desk: Slack failed (HTTP 503).",
        "#2",
      ),
    );
    expect(row.message).toMatchObject({ kind: "raised", severity: "critical", isLate: true });
    expect(row.message.title).toBe(row.message.sections[0]?.headline);
  });

  test("N7: what began and ended meanwhile is one section, with both times", () => {
    const { opened, raised, reminded, lowered, resolved: ended } = crossLife();
    const row = late([opened, raised, reminded, lowered, ended].flat());
    expect(read(row)).toBe(
      lines(
        "RESOLVED · main · cross margin level 1.62 · of 12 Mar 20:10 to 02:17 UTC, delivered late",
        "Open for 6 h 7 min, at worst critical, lowest 1.19 at 12 Mar 23:17 UTC. 4 messages before this.",
        "Not delivered since 12 Mar 20:10 UTC: 4 messages, the first WARNING · main · cross margin level 1.36 (below 1.365)",
        "#5",
      ),
    );
    expect(row.message).toMatchObject({ kind: "resolved", severity: "resolved", more: [] });
  });

  test("N7: what still fires is told as it stands by now, with the time it began", () => {
    const { opened, raised, reminded } = crossLife();
    const row = late([opened, raised, reminded].flat(), { nowMs: at(23, 30) });
    expect(row.message.title).toBe(
      "STILL CRITICAL · main · cross margin level 1.19 (below 1.30) · of 20:10 to 23:17 UTC, delivered late",
    );
    expect(row.message).toMatchObject({ kind: "raised", severity: "critical" });
    expect(row.message.sections[0]?.lines.at(-1)).toBe(
      "Not delivered since 20:10 UTC: 2 messages, the first WARNING · main · cross margin level 1.36 (below 1.365)",
    );
  });

  test("that grew worse and better again is still told aloud", () => {
    const { raised, lowered } = crossLife();
    expect(late([raised, lowered].flat()).message).toMatchObject({ kind: "raised", severity: "warning" });
    expect(late(lowered).message).toMatchObject({ kind: "lowered" });
  });

  test("in Chinese", () => {
    const locale: Locale = { timezone: "Asia/Shanghai", language: "zh-CN" };
    const { raised, resolved: ended } = crossLife({ locale });
    const row = late([raised, ended].flat(), { locale, reason: "connection refused" });
    expect(row.message.title).toBe("已解除 · main · 全仓 风险率 1.62 · 07:05 至 10:17 GMT+8，延迟送达");
    expect(row.message.sections[0]?.lines.slice(1)).toEqual([
      "07:05 GMT+8 未能送达：严重 · main · 全仓 风险率 1.24（低于 1.30）",
      "等待 desk：connection refused。",
    ]);
  });
});

describe("several alerts", () => {
  test("what still fires comes first, worst first, each with its own times; the title has the time of all", () => {
    const warning = {
      ...critical,
      sections: critical.sections.map((each) => ({ ...each, severity: "warning" as const })),
    };
    const row = late([
      rowOf("ended", { message: resolved, enqueuedAtMs: at(23, 5) }),
      rowOf("warning", { message: warning, enqueuedAtMs: at(23, 10) }),
      rowOf("opened", { message: blind, incidents: ["blind"], enqueuedAtMs: at(23, 20) }),
      rowOf("still", { message: blind, incidents: ["blind"], rootKey: keyOf("opened"), enqueuedAtMs: at(23, 31) }),
    ]);
    expect(row.message.title).toMatch(
      /^CRITICAL · .* · 3 alerts, worst first · of 12 Mar 23:05 to 23:31 UTC, delivered late$/,
    );
    expect(row.message).toMatchObject({ severity: "critical", kind: "raised" });
    expect(row.message.sections.map(({ headline }) => headline)).toEqual([
      "BLIND · main · no valid answer for 34 s · of 12 Mar 23:20 to 23:31 UTC",
      "CRITICAL · main · cross margin level 1.24 (below 1.30) · of 12 Mar 23:10 UTC",
      "RESOLVED · main · cross margin level 1.52 · of 12 Mar 23:05 UTC",
    ]);
  });

  /** A message of `count` alerts "A0 … An", as compose makes it. */
  const storm = (count: number, kind: Section["kind"], severity: Section["severity"]): Message =>
    compose(
      Array.from({ length: count }, (_, n) => ({
        kind,
        severity,
        headline: `${kind} A${n}`,
        lines: ["what to do"],
        ref: `#A${n}-1`,
      })),
      { account: "main", subject: "margind main: many" },
      "en",
    );
  const incidents = (count: number) => Array.from({ length: count }, (_, n) => `main|isolated A${n}USDT|distance@1`);

  test("those that a message told by their first line only are neither lost nor mistaken", () => {
    const rows = [
      rowOf("opened", { message: storm(40, "opened", "critical"), incidents: incidents(40), enqueuedAtMs: at(23, 5) }),
      rowOf("ended", {
        message: storm(38, "resolved", "critical"),
        incidents: incidents(38),
        rootKey: keyOf("opened"),
        enqueuedAtMs: at(23, 50),
      }),
    ];
    const { message, incidents: told } = late(rows, { nowMs: at(23, 59) });
    expect(told).toEqual(incidents(40));
    expect(message).toMatchObject({ kind: "opened", severity: "critical" });
    expect(message.title).toBe("CRITICAL · main · 40 alerts, worst first · of 23:05 to 23:50 UTC, delivered late");
    expect(message.sections.map(({ headline, ref }) => `${headline} ${ref}`)).toEqual([
      "opened A38 · of 23:05 UTC #A38-1",
      "opened A39 · of 23:05 UTC #A39-1",
      ...[0, 1, 2].map((n) => `resolved A${n} · of 23:05 to 23:50 UTC #A${n}-1`),
    ]);
    expect(message.more).toEqual([expect.stringMatching(/^35 more: all resolved · A3USDT, A4USDT, .*, A32USDT, …$/)]);
    expect(message.moreSections?.map(({ ref }) => ref)).toEqual(Array.from({ length: 35 }, (_, n) => `#A${n + 3}-1`));
    expect(message.moreSections?.every(({ headline }) => headline.startsWith("resolved "))).toBe(true);
  });

  test("a message from before an upgrade does not say how its further alerts stand: they count as it does", () => {
    const { moreSections = [], ...told } = storm(7, "opened", "warning");
    const old = { ...told, more: moreSections.map(({ headline, ref }) => `${headline} ${ref}`) };
    const { message } = late([rowOf("old", { message: old, incidents: incidents(7), enqueuedAtMs: at(23, 5) })]);
    expect(message.more).toEqual(["2 more: all warning · A5USDT, A6USDT"]);
    expect(message.moreSections?.map(({ headline }) => headline)).toEqual([
      "opened A5 #A5-1 · of 12 Mar 23:05 UTC",
      "opened A6 #A6-1 · of 12 Mar 23:05 UTC",
    ]);
    expect(message.severity).toBe("warning");
  });

  test("accounts are all named", () => {
    const rows = ["main", "other", "main"].map((account, n) =>
      rowOf(`${n}`, { incidents: [`${account}|cross|${n}@1`], enqueuedAtMs: at(23, n) }),
    );
    expect(late(rows).message.title).toContain("CRITICAL · main, other · 3 alerts");
    expect(late(rows).message.subject).toBe("margind main, other: 3 alerts, delivered late");
  });
});

describe("the conversation", () => {
  const root = rowOf("root", { incidents: ["main|cross|a@1"] });
  const reply = (name: string, over: Partial<NewRow> = {}): NewRow =>
    rowOf(name, { incidents: ["main|cross|a@1"], rootKey: keyOf("root"), message: resolved, ...over });
  const other = rowOf("other", { incidents: ["main|feed|blind@1"], message: blind });

  test.each([
    ["of answers whose root was delivered: they go on in it", [reply("x"), reply("y")], "root"],
    ["of a root that waits, too: what follows will find it by its key", [root, reply("x")], "root"],
    ["of a root alone", [root], "root"],
    ["of two: a message of its own", [reply("x"), other], undefined],
  ])("%s", (_, rows, expected) => {
    const row = late(rows);
    expect(row.rootKey).toBe(expected === undefined ? null : keyOf(expected));
    expect(isDigest(row)).toBe(expected === undefined);
    expect(row.message.subject === rows[0]?.message.subject).toBe(expected !== undefined);
    expect(rows.some(isDigest)).toBe(false);
  });

  test("the last word on each living message is kept, but for those that never went out", () => {
    const edit = (of: string, message: Message) => ({ key: keyOf(of), message });
    const rows = [
      root,
      reply("x", { edits: [edit("root", critical), edit("before", critical)] }),
      reply("y", { edits: [edit("before", resolved)] }),
    ];
    expect(late(rows).edits).toEqual([edit("before", resolved)]);
  });
});

test("a clock that was set back while they waited turns no time round", () => {
  const rows = [rowOf("a", { enqueuedAtMs: at(23, 5) }), rowOf("b", { incidents: ["a"], enqueuedAtMs: at(22, 10) })];
  expect(late(rows, { nowMs: at(23, 10) }).message.title).toContain("of 22:10 to 23:05 UTC");
});

test("whatever the rows hold, every incident is in the late one once, and it never fails", () => {
  const kind = fc.constantFrom<Section["kind"]>("opened", "raised", "lowered", "reminded", "resolved", "ended");
  const section = fc.record({
    kind,
    severity: fc.constantFrom("info", "warning", "critical"),
    headline: fc.string(),
    lines: fc.array(fc.string(), { maxLength: 2 }),
    ref: fc.string(),
  });
  const row = fc.uniqueArray(fc.tuple(fc.nat(9), section), { minLength: 1, maxLength: 8, selector: ([n]) => n }).map(
    (told): Partial<NewRow> => ({
      incidents: told.map(([n]) => `main|cross|${n}@1`),
      message: compose(
        told.map(([, each]) => each),
        { account: "main", subject: "s" },
        "en",
      ),
    }),
  );
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), fc.nat(), (given, reason) => {
      const rows = given.map((over, n) => rowOf(`${n}`, { ...over, enqueuedAtMs: at(20, n) }));
      const { message, incidents } = late(rows, { reason: `${reason}` });
      expect(new Set(incidents).size).toBe(incidents.length);
      expect(message.sections.length + (message.moreSections?.length ?? 0)).toBe(incidents.length);
      const last = new Map(rows.flatMap((each) => each.incidents.map((id, n) => [id, toldAt(each.message, n)])));
      const firing = [...last.values()].filter((each) => each.kind !== "resolved" && each.kind !== "ended");
      expect(message.severity === "resolved").toBe(firing.length === 0);
    }),
  );
});

function toldAt({ sections, moreSections = [] }: Message, n: number): Pick<Section, "kind"> {
  return [...sections, ...moreSections][n] ?? expect.fail("nothing is told of it");
}
