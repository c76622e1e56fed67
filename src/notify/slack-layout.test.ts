import fc from "fast-check";
import { expect, test } from "vitest";
import { anyLabel } from "../../test/support/labels.ts";
import { crash, critical, resolved } from "../../test/support/messages.ts";
import { storm } from "../../test/support/notifier-contract.ts";
import { contentProblem, markupFlaws } from "../../test/support/slack.ts";
import type { Message, Section } from "../core/ports.ts";
import { rawSlackBody, slackBody } from "./slack-layout.ts";
import { adapterWords, clean } from "./text.ts";

const options = { words: adapterWords("en"), attempt: 1, plain: false };

test("one alert is a bold headline with its lines, and its reference in small print", () => {
  expect(slackBody(critical, options)).toMatchInlineSnapshot(`
    {
      "blocks": [
        {
          "expand": true,
          "text": {
            "text": "🔴 *CRITICAL · main · cross margin level 1.24 (below 1.30)*
    Liquidation at 1.10 is an 11.3 % fall away (all collateral together).
    Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.
    Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04.",
            "type": "mrkdwn",
            "verbatim": true,
          },
          "type": "section",
        },
        {
          "elements": [
            {
              "emoji": false,
              "text": "#A1B2-3",
              "type": "plain_text",
            },
          ],
          "type": "context",
        },
      ],
      "text": "🔴 CRITICAL · main · cross margin level 1.24 (below 1.30)
    Liquidation at 1.10 is an 11.3 % fall away (all collateral together).
    Back to 1.50: add 11,700 USDT, or repay 7,800 USDT from outside, or sell and repay 23,400 USDT.
    Critical since 23:05 UTC, rising from warning since 20:10. Data 2 s old at 23:05:04. #A1B2-3",
    }
  `);
});

test.each([
  ["critical", "raised", "critical", "🔴"],
  ["warning", "opened", "warning", "🟠"],
  ["info", "lowered", "info", "🔵"],
  ["critical that is over", "resolved", "critical", "🟢"],
  ["alert whose rule is gone", "ended", "warning", "⚪"],
] as const)("%s has its colour", (_name, kind, severity, icon) => {
  const sections = critical.sections.map((section) => ({ ...section, kind, severity }));
  const { blocks } = slackBody({ ...critical, sections }, options);
  expect(JSON.stringify(blocks[0])).toContain(icon);
});

test("the lock screen shows the colour, the headline and the distance in its first two lines", () => {
  expect(slackBody(critical, options).text.split("\n").slice(0, 2)).toEqual([
    "🔴 CRITICAL · main · cross margin level 1.24 (below 1.30)",
    "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
  ]);
  expect(slackBody(resolved, options).text).toMatch(/^🟢 RESOLVED/);
});

test("of several, too: the title, then the worst headline, no empty line between", () => {
  expect(slackBody(crash, options).text.split("\n").slice(0, 3)).toEqual([
    "🔴 CRITICAL · main · 5 alerts",
    "CRITICAL · main · cross margin level 1.24 (below 1.30)",
    "Liquidation at 1.10 is an 11.3 % fall away (all collateral together).",
  ]);
});

test("what is told in full is never folded behind “see more”", () => {
  for (const message of [critical, crash]) {
    const { blocks } = slackBody(message, options);
    const told = blocks.filter((block) => JSON.stringify(block).includes("Liquidation"));
    expect(told.length).toBeGreaterThan(0);
    for (const block of told) expect(block).toMatchObject({ type: "section", expand: true });
  }
});

test("several alerts stand apart, the short ones in a list", () => {
  const { blocks } = slackBody(crash, options);
  expect(blocks.map(({ type }) => type)).toEqual([
    "section",
    "divider",
    "section",
    "divider",
    "section",
    "divider",
    "section",
    "divider",
    "section",
  ]);
  expect(JSON.stringify(blocks.at(-1))).toContain("• INFO · main · BNBUSDT");
});

const headlineOf = (headline: string): Message => ({
  ...critical,
  title: headline,
  sections: critical.sections.map((section) => ({ ...section, headline })),
});

test.each([":+1:", ":100:", ":8ball:", ":o'clock:"])("%j is no emoji: the block is plain text", (headline) => {
  const [block] = slackBody(headlineOf(headline), options).blocks;
  expect(block).toMatchObject({ type: "section", text: { type: "plain_text" } });
});

test.each([
  ["<!channel> <@U1> <https://evil.test|here>", "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.test|here&gt;"],
  ["R&D &amp; <", "R&amp;D &amp;amp; &lt;"],
])("%j reaches Slack as %j", (headline, escaped) => {
  const { text, blocks } = slackBody(headlineOf(headline), options);
  expect(text).toContain(escaped);
  expect(JSON.stringify(blocks)).toContain(escaped);
});

test.each(["*all*", "_a_", "~a~", "`a`", ":skull:", "> quoted"])(
  "%j is no markup: the block is plain text",
  (headline) => {
    const [block] = slackBody(headlineOf(headline), options).blocks;
    expect(block).toMatchObject({ type: "section", text: { type: "plain_text" } });
  },
);

test.each(["at 02:01:26 UTC", "level 1.24 → 1.19", "a - b", "#A1B2-3"])(
  "%j is harmless: the headline is bold",
  (headline) => {
    const [block] = slackBody(headlineOf(headline), options).blocks;
    expect(block).toMatchObject({ text: { type: "mrkdwn", text: expect.stringContaining(`*${headline}*`) } });
  },
);

test("N17: however much there is to say, and whatever it is made of, Slack's limits are kept and nothing is markup", () => {
  const line = fc.oneof(fc.string({ unit: "grapheme", maxLength: 900 }), anyLabel);
  const section = fc.record<Section>({
    kind: fc.constantFrom("opened", "resolved"),
    severity: fc.constantFrom("info", "warning", "critical"),
    headline: line,
    lines: fc.array(line, { maxLength: 12 }),
    ref: fc.oneof({ weight: 9, arbitrary: fc.constant("#A1B2-3") }, { weight: 1, arbitrary: line }),
  });
  const message = fc.record<Message>({
    kind: fc.constant("opened"),
    severity: fc.constantFrom("info", "critical", "resolved"),
    title: line,
    sections: fc.array(section, { maxLength: 60 }),
    more: fc.array(line, { maxLength: 60 }),
    subject: fc.constant("x"),
  });
  fc.assert(
    fc.property(message, fc.integer({ min: 1, max: 3 }), (given, attempt) => {
      const body = slackBody(given, { ...options, attempt });
      expect(contentProblem({ ...body }, "chat.postMessage")).toBeUndefined();
      expect(contentProblem({ text: body.text }, "chat.update")).toBeUndefined();
      expect(markupFlaws(body)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("N17: raw values are escaped and fit into one message", () => {
  fc.assert(
    fc.property(fc.array(anyLabel), (labels) => {
      const body = rawSlackBody(["x", ...labels.map(clean)]);
      expect(contentProblem({ text: body.text }, "chat.postMessage")).toBeUndefined();
      expect(body.text).not.toMatch(/[<>]/);
    }),
  );
});

test("N15: five long alerts and the count of the rest stand in the blocks whole; the text keeps the count whatever it leaves out", () => {
  const [model = expect.fail("a section is missing")] = critical.sections;
  const lines = Array.from(
    { length: 9 },
    (_, n) => `${n}: ${"what can be done about it, and how far it is. ".repeat(3)}`,
  );
  const sections = Array.from({ length: 5 }, (_, n) => ({
    ...model,
    headline: `CRITICAL · main · PAIR${n} 1.0${n}`,
    lines,
  }));
  const many: Message = {
    ...critical,
    title: "CRITICAL · main · 40 alerts",
    sections,
    more: ["35 more: all critical · AUSDT"],
  };
  const { text, blocks } = slackBody(many, options);
  const all = JSON.stringify(blocks);
  for (const { headline } of sections) expect(all).toContain(headline);
  expect(all.match(/8: what can be done/g)).toHaveLength(5);
  expect(contentProblem({ text, blocks }, "chat.postMessage")).toBeUndefined();
  expect(text.split("\n").at(1)).toBe(sections[0]?.headline);
  expect(text).toContain("• 35 more: all critical · AUSDT");
});

test("N15: in the text too the worst are told in full, then headlines, and then how many alerts are missing", () => {
  const lines = slackBody(storm(200, 5), options).text.split("\n");
  expect(lines.filter((line) => line.startsWith("Liquidation"))).toHaveLength(5);
  expect(lines.filter((line) => line.startsWith("•")).length).toBeGreaterThan(20);
  expect(lines.at(-1)).toBe(`… and ${195 - lines.filter((line) => line.startsWith("•")).length} more`);
  const crowded = slackBody(storm(200, 200), options).text.split("\n");
  expect(crowded.filter((line) => line.startsWith("Liquidation")).length).toBeGreaterThan(5);
  expect(crowded.at(-1)).toMatch(/^… and 1\d\d more$/);
});

test("N15: alerts that are too long to stand together are told as far as there is room, the others named", () => {
  const sections = storm(40, 40).sections.map((section) => ({ ...section, lines: Array(12).fill("x".repeat(900)) }));
  const body = slackBody({ ...storm(40, 40), sections }, options);
  expect(contentProblem({ ...body }, "chat.postMessage")).toBeUndefined();
  for (let index = 0; index < 40; index += 1) expect(JSON.stringify(body.blocks)).toContain(`PAIR${index} `);
});

test("N15: forty alerts at once: the worst in full, the rest named, nothing silently dropped", () => {
  const [first = expect.fail("a section is missing")] = critical.sections;
  const sections = Array.from({ length: 40 }, (_, index) => ({
    ...first,
    headline: `CRITICAL · main · PAIR${index} 1.0${index}`,
  }));
  const { text, blocks } = slackBody({ ...critical, title: "CRITICAL · main · 40 alerts", sections }, options);
  const all = JSON.stringify(blocks);
  for (let index = 0; index < 40; index += 1) expect(all).toContain(`PAIR${index} `);
  for (let index = 0; index < 40; index += 1) expect(text).toContain(`PAIR${index} `);
  expect(text.split("\n").filter((line) => line.startsWith("Liquidation")).length).toBeGreaterThanOrEqual(5);
});
