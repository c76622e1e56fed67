import fc from "fast-check";
import { expect, test } from "vitest";
import { anyLabel } from "../../test/support/labels.ts";
import { crash, critical } from "../../test/support/messages.ts";
import type { Message } from "../core/ports.ts";
import { escapeHtml, renderHtml } from "./html.ts";

test("the headline is the first thing that a mail program can show as a preview", () => {
  const shown = renderHtml(critical, "en")
    .replace(/<head>.*?<\/head>/s, "")
    .replace(/<[^>]*>/g, "")
    .trim();
  expect(shown).toMatch(/^CRITICAL · main · cross margin level 1.24/);
});

test("several alerts have a title, a bar in its colour each, and the short ones below", () => {
  const html = renderHtml(crash, "en");
  expect(html.match(/border-left:5px solid (#\w+)/g)).toEqual(
    ["#d92d20", "#f79009", "#12b76a"].map((bar) => `border-left:5px solid ${bar}`),
  );
  expect(html.indexOf("5 alerts")).toBeLessThan(html.indexOf("CRITICAL · main · cross"));
  expect(html).toContain("• INFO · main · BNBUSDT");
});

test("a number is not parted from its unit at the end of a line", () => {
  const html = renderHtml(long(["5 / 10 % of 8,302.63 USDT since 12 Mar 22:40 UTC"]), "en");
  expect(html).toContain("5 / 10&nbsp;% of 8,302.63&nbsp;USDT since 12 Mar 22:40&nbsp;UTC");
});

const long = (lines: readonly string[]): Message => ({
  ...critical,
  sections: critical.sections.map((section) => ({ ...section, lines })),
});
const classesOf = (html: string): string[] =>
  [...html.matchAll(/<div class="(lead|line|rest)"/g)].map(([, name = ""]) => name);

test.each([
  [3, ["line", "line", "line"]],
  [4, ["lead", "lead", "rest", "rest"]],
  [9, ["lead", "lead", ...Array(7).fill("rest")]],
])("of %d lines the first two stand out when there is more than a glance to read", (count, classes) => {
  expect(
    classesOf(renderHtml(long(critical.sections[0]?.lines.concat(Array(6).fill("x")).slice(0, count) ?? []), "en")),
  ).toEqual(classes);
});

test("every colour of the light form has one in dark mode", () => {
  const html = renderHtml({ ...crash, sections: [...crash.sections, ...long(["a", "b", "c", "d"]).sections] }, "en");
  const dark = html.slice(html.indexOf("@media"), html.indexOf("</style>"));
  for (const [, name] of html.matchAll(/class="(\w+)"/g)) expect(dark).toContain(`.${name}{`);
});

test("what a mail program shows before it is opened is the headline and the first line, of several the title before", () => {
  const shown = (message: Message) =>
    renderHtml(message, "en")
      .replace(/<head>.*?<\/head>/s, "")
      .replace(/<[^>]*>/g, "\n")
      .replaceAll("&nbsp;", " ")
      .split("\n")
      .filter((line) => line.trim() !== "");
  const [first = expect.fail("a section is missing")] = critical.sections;
  expect(shown(critical).slice(0, 2)).toEqual([first.headline, first.lines[0]]);
  expect(shown(crash).slice(0, 3)).toEqual([crash.title, first.headline, first.lines[0]]);
});

test("nothing is fetched and nothing runs", () => {
  expect(renderHtml(crash, "en")).not.toMatch(/https?:|<script|<img|<link|@import|url\(/i);
});

test("N17: no text from outside opens a tag or an attribute", () => {
  fc.assert(
    fc.property(anyLabel, (text) => {
      const hostile = `<img src=x onerror="a">'${text}</td>`;
      const section = {
        kind: "opened" as const,
        severity: "info" as const,
        headline: hostile,
        lines: [hostile],
        ref: hostile,
      };
      const html = renderHtml({ ...critical, title: hostile, sections: [section], more: [hostile] }, "en");
      const usual = renderHtml(
        { ...critical, title: "x", sections: [{ ...section, headline: "x", lines: ["x"], ref: "x" }], more: ["x"] },
        "en",
      );
      expect(html.match(/<[^>]*>/g)).toEqual(usual.match(/<[^>]*>/g));
    }),
  );
});

test.each([
  [`<a href="x">'&'</a>`, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;"],
  ["1 < 2 && 3", "1 &lt; 2 &amp;&amp; 3"],
])("%s", (text, escaped) => {
  expect(escapeHtml(text)).toBe(escaped);
});
