// Texts as an exchange, a config or an attacker may make them: what any label may hold, for the property tests of every notifier.
import fc from "fast-check";

/** Each means something somewhere: in Slack, in HTML, in mail headers, in SMTP, in a terminal, in Unicode. */
const SNIPPETS: readonly string[] = [
  "<!channel>",
  "<!here|here>",
  "<!subteam^S123>",
  "<@U123>",
  "<#C123>",
  "<https://evil.test|log in>",
  "<!date^1392734382^{date}|x>",
  "@here @channel @everyone",
  "*bold*",
  "_it_ ~s~ `code` ```",
  ":skull: :+1: :100:",
  "> quote",
  "&lt;!channel&gt;",
  "&amp; & <",
  "<script>alert(1)</script>",
  '" onclick="x',
  "</td></table>",
  "<!-- -->",
  "\u001b[31mred\u001b]0;title\u0007",
  "\u009b2J",
  "a\r\nBcc: thief@evil.test",
  "a\nBcc: thief@evil.test\n\nbody",
  "\r\n.\r\nMAIL FROM:<thief@evil.test>\r\n",
  "\n.\r",
  "--boundary--",
  "=?utf-8?Q?=0D=0ABcc:_thief@evil.test?=",
  "\u202Eevil\u2066",
  "\u061Cאבג العربية",
  "\u2028\u2029\u0085",
  "👩‍👩‍👧‍👦",
  "\uD83D",
  "\uDC00\uD800",
  "强制平仓",
  "%s {} $1",
  "\u0000",
  '{"a":"\\"}',
  "-1.0e400",
];

/** Any sequence of UTF-16 units, halves of characters among them. */
const anyUnits = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0xffff })), { maxLength: 24 })
  .map((units) => String.fromCharCode(...units));

/** A few words, hostile ones among them. */
export const shortLabel = fc
  .array(fc.oneof(fc.constantFrom(...SNIPPETS), anyUnits, fc.string({ unit: "binary", maxLength: 20 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => `x${parts.join(" ")}x`);

/** What a label is made of when it is far too long: each takes a different way through folding, wrapping, escaping and counting. */
export const ENDLESS: readonly string[] = [
  "x",
  "x ",
  "&",
  '"',
  "<",
  "\\",
  "仓",
  "👩‍👧",
  "\uD83D",
  "\u0000",
  "\r\n",
  ":a",
  "é",
];

/** 50 kB of the same. */
export const endless = (unit: string): string => unit.repeat(Math.ceil(50_000 / unit.length));

/** Mostly a few words, now and then far too many. */
export const anyLabel = fc.oneof(
  { weight: 6, arbitrary: shortLabel },
  { weight: 1, arbitrary: fc.constantFrom(...ENDLESS).map(endless) },
);
