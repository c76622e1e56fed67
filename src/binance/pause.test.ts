// How long to be silent: what the exchange may say, and what is made of it.
import { expect, test } from "vitest";
import { createWarpClock } from "../../test/support/warp-clock.ts";
import { type Log, silentLog } from "../lib/log.ts";
import { complaintIn } from "./errors.ts";
import { stopIn } from "./limits.ts";
import { createPause } from "./pause.ts";
import type { Headers } from "./request.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
const SECOND = 1000;
const DAY = 86_400 * SECOND;

test("takes the first of several Retry-After, and measures a date by the answer's own Date", () => {
  const askedMs = (headers: Headers) => stopIn(429, headers, undefined, NOW - DAY)?.askedMs;
  expect(askedMs({})).toBeUndefined();
  expect(askedMs({ "retry-after": ["3", "9"] })).toBe(3 * SECOND);
  const until = "Sat, 21 Nov 2026 12:01:30 GMT";
  expect(askedMs({ "retry-after": until })).toBe(DAY + 90 * SECOND);
  expect(askedMs({ "retry-after": until, date: "Sat, 21 Nov 2026 12:01:00 GMT" })).toBe(30 * SECOND);
});

const banText = (untilMs: number) =>
  complaintIn({ code: -1003, msg: `Way too much; IP banned until ${untilMs}. Please` });
const tooMany = complaintIn({ code: -1003, msg: "Too many requests." });

test.each([
  ["200 without complaint", 200, undefined, undefined],
  ["429", 429, undefined, { kind: "rate", detail: "HTTP 429", askedMs: undefined }],
  ["429 with -1003", 429, tooMany, { kind: "rate", detail: "HTTP 429", askedMs: undefined }],
  ["-1003 with HTTP 200", 200, tooMany, { kind: "rate", detail: "error -1003", askedMs: undefined }],
  ["418", 418, undefined, { kind: "ban", detail: "HTTP 418", askedMs: undefined }],
  ["418 with the end in its text", 418, banText(NOW + DAY), { kind: "ban", detail: "HTTP 418", askedMs: DAY }],
  ["429 with the end of a ban in its text", 429, banText(NOW + 60_000), { kind: "ban", askedMs: 60_000 }],
  ["418 with an end that is over", 418, banText(NOW - 1), { kind: "ban", askedMs: undefined }],
  ["403 without complaint", 403, undefined, { kind: "firewall", detail: "HTTP 403 of its firewall" }],
  ["403 with a complaint about the key", 403, complaintIn({ code: -2015, msg: "" }), undefined],
  ["403 with -1003", 403, tooMany, { kind: "rate" }],
  ["another complaint", 400, complaintIn({ code: -1121, msg: "banned until 1793700000000" }), undefined],
  ["502", 502, undefined, undefined],
])("sees in %s what it asks for", (_, status, complaint, expected) => {
  const stop = stopIn(status, {}, complaint, NOW);
  if (expected === undefined) expect(stop).toBeUndefined();
  else expect(stop).toMatchObject(expected);
});

test("takes the later end when Retry-After and the text of a ban differ", () => {
  const stop = (seconds: string) => stopIn(418, { "retry-after": seconds }, banText(NOW + 60_000), NOW);
  expect(stop("30")?.askedMs).toBe(60_000);
  expect(stop("90")?.askedMs).toBe(90_000);
});

interface Ban {
  readonly beginMs: number;
  readonly untilMs: number;
}

function pauseOf(kept?: Ban) {
  const clock = createWarpClock();
  const saved: Ban[] = [];
  const warnings: string[] = [];
  let cleared = 0;
  const bans = {
    load: () => kept,
    save: (ban: Ban) => void saved.push(ban),
    clear: () => cleared++,
  };
  const log: Log = { ...silentLog, warn: (_, text) => warnings.push(text) };
  const pause = createPause({ clock, bans, log });
  const leftMs = () => (pause.current()?.failure.untilMs ?? clock.wallMs()) - clock.wallMs();
  return { clock, pause, saved, warnings, leftMs, cleared: () => cleared };
}

test.each([
  ["rate", 0, 1 * SECOND],
  ["rate", 999, 1 * SECOND],
  ["rate", 600 * SECOND, 600 * SECOND],
  ["rate", 30 * DAY, 600 * SECOND],
  ["rate", undefined, 5 * SECOND],
  ["firewall", 1 * SECOND, 60 * SECOND],
  ["firewall", undefined, 60 * SECOND],
  ["firewall", 30 * DAY, 600 * SECOND],
  ["ban", undefined, 120 * SECOND],
  ["ban", 1, 1 * SECOND],
  ["ban", 3 * DAY, 3 * DAY],
  ["ban", 30 * DAY, 3 * DAY],
] as const)("makes of %s with %s ms a pause of %d ms", (kind, askedMs, expected) => {
  const { pause, leftMs, saved } = pauseOf();
  const error = pause.begin({ kind, detail: "", askedMs });
  expect(error.failure.code).toBe(kind === "ban" ? "banned" : "rate_limited");
  expect(Math.abs(leftMs() - expected)).toBeLessThan(20);
  expect(saved).toEqual([{ beginMs: expect.any(Number), untilMs: error.failure.untilMs, kind }]);
});

test.each([
  ["rate", "rate_limited", "HTTP 429, before the restart"],
  ["firewall", "rate_limited", "HTTP 403, before the restart"],
  ["ban", "banned", "HTTP 418, before the restart"],
  [undefined, "banned", "HTTP 418, before the restart"],
] as const)("one of %s that was kept goes on after a restart or a reload, as %s", (kind, code, detail) => {
  const nowMs = Date.now();
  const { pause, leftMs } = pauseOf({ beginMs: nowMs, untilMs: nowMs + 300 * SECOND, ...(kind && { kind }) });
  expect(pause.current()?.failure).toMatchObject({ code, detail });
  expect(leftMs()).toBeGreaterThan(290 * SECOND);
});

test("is over exactly when it said, and not before", () => {
  const { clock, pause } = pauseOf();
  pause.begin({ kind: "rate", detail: "", askedMs: 60 * SECOND });
  clock.skip(59 * SECOND);
  expect(pause.current()).toBeDefined();
  clock.skip(1 * SECOND);
  expect(pause.current()).toBeUndefined();
});

test("is never made shorter by a later answer", () => {
  const { pause, leftMs } = pauseOf();
  pause.begin({ kind: "ban", detail: "HTTP 418", askedMs: 300 * SECOND });
  const error = pause.begin({ kind: "rate", detail: "HTTP 429", askedMs: 2 * SECOND });
  expect(error.failure).toMatchObject({ code: "banned", detail: "HTTP 418" });
  expect(leftMs()).toBeGreaterThan(299 * SECOND);
});

test("counts answers to requests that were under way together as one strike", () => {
  const { clock, pause, leftMs } = pauseOf();
  const unstated = { kind: "rate", detail: "", askedMs: undefined } as const;
  for (let i = 0; i < 4; i++) pause.begin(unstated);
  expect(Math.round(leftMs() / SECOND)).toBe(5);
  clock.skip(6 * SECOND);
  pause.begin(unstated);
  expect(Math.round(leftMs() / SECOND)).toBe(10);
});

test("X1b: an answer to a request that was under way when the pause began does not make the next one short", () => {
  const { clock, pause, leftMs } = pauseOf();
  const unstated = { kind: "rate", detail: "", askedMs: undefined } as const;
  pause.begin(unstated);
  pause.answered();
  clock.skip(6 * SECOND);
  pause.begin(unstated);
  expect(Math.round(leftMs() / SECOND)).toBe(10);
  clock.skip(11 * SECOND);
  pause.answered();
  pause.begin(unstated);
  expect(Math.round(leftMs() / SECOND)).toBe(5);
});

test("stops doubling at ten minutes", () => {
  const { clock, pause, leftMs } = pauseOf();
  for (let i = 0; i < 12; i++) {
    pause.begin({ kind: "rate", detail: "", askedMs: undefined });
    if (i < 11) clock.skip(601 * SECOND);
  }
  expect(Math.round(leftMs() / SECOND)).toBe(600);
});

const now = () => Date.now();
const keptFor = (beginMs: number, ms: number): Ban => ({ beginMs, untilMs: beginMs + ms });

test("keeps when a ban began and ends", () => {
  const { clock, pause, saved } = pauseOf();
  pause.begin({ kind: "ban", detail: "HTTP 418", askedMs: 300 * SECOND });
  expect(saved).toHaveLength(1);
  expect(Math.abs((saved[0]?.beginMs ?? 0) - clock.wallMs())).toBeLessThan(20);
  expect((saved[0]?.untilMs ?? 0) - (saved[0]?.beginMs ?? 0)).toBeGreaterThan(299 * SECOND);
});

test.each([
  ["began just now", () => keptFor(now(), DAY), DAY],
  ["began two days ago", () => keptFor(now() - 2 * DAY, 3 * DAY), DAY],
  ["begins in 59 s, by a clock that runs a little behind", () => keptFor(now() + 59 * SECOND, DAY), DAY + 59 * SECOND],
  ["is longer than the longest there is", () => keptFor(now(), 400 * DAY), 3 * DAY],
])("is silent after a restart for a ban that %s", (_, kept, expected) => {
  const { leftMs, pause, warnings } = pauseOf(kept());
  expect(pause.current()?.failure.code).toBe("banned");
  expect(Math.abs(leftMs() - expected)).toBeLessThan(100);
  expect(warnings).toEqual([]);
});

test.each([
  ["none was kept", () => undefined],
  ["it is over", () => keptFor(now() - DAY, DAY - 1)],
])("starts without a pause when %s", (_, kept) => {
  const { pause, warnings } = pauseOf(kept());
  expect(pause.current()).toBeUndefined();
  expect(warnings).toEqual([]);
});

test.each([
  [
    "a ban of two minutes, by a clock that is 61 s behind its beginning",
    () => keptFor(now() + 61 * SECOND, 120 * SECOND),
  ],
  ["an old ban, by a clock that starts in the year 1970", () => keptFor(now() + 50 * 365 * DAY, 120 * SECOND)],
])("is not silenced by %s: says so and goes on", (_, kept) => {
  const { pause, warnings } = pauseOf(kept());
  expect(pause.current()).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining("clock")]);
});

test("forgets a kept ban at the first good answer after it, once", () => {
  const { clock, pause, cleared } = pauseOf(keptFor(now(), 60 * SECOND));
  pause.answered(); // to a request that was under way when the ban began
  expect(cleared()).toBe(0);
  clock.skip(61 * SECOND);
  pause.answered();
  pause.answered();
  expect(cleared()).toBe(1);
  pause.begin({ kind: "ban", detail: "", askedMs: SECOND });
  clock.skip(2 * SECOND);
  pause.answered();
  expect(cleared()).toBe(2);
});

test("has nothing to forget when there was no ban", () => {
  const { pause, cleared } = pauseOf();
  pause.answered();
  expect(cleared()).toBe(0);
});

test("what can wait stays silent five minutes longer than the account, and needs no pause to have been", () => {
  const { clock, pause } = pauseOf();
  expect(pause.current("later")).toBeUndefined();
  pause.begin({ kind: "rate", detail: "HTTP 429", askedMs: 2 * SECOND });
  clock.skip(2 * SECOND);
  expect(pause.current("now")).toBeUndefined();
  expect(pause.current("later")?.failure.code).toBe("rate_limited");
  clock.skip(299 * SECOND); // real time passes too
  expect(pause.current("later")).toBeDefined();
  clock.skip(SECOND);
  expect(pause.current("later")).toBeUndefined();
});

test("a firewall that refuses what can wait silences only that, and is not kept over a restart", () => {
  const { clock, pause, saved } = pauseOf();
  const error = pause.begin({ kind: "firewall", detail: "HTTP 403 of its firewall", askedMs: undefined }, "later");
  expect(error.failure).toMatchObject({ code: "rate_limited", detail: "HTTP 403 of its firewall" });
  expect(pause.current("now")).toBeUndefined();
  expect(pause.current("later")?.failure.detail).toBe("HTTP 403 of its firewall");
  expect(saved).toEqual([]);
  clock.skip(300 * SECOND - 1);
  expect(pause.current("later")).toBeDefined();
  clock.skip(1);
  expect(pause.current("later")).toBeUndefined();
});

test.each(["rate", "ban"] as const)("a %s that what can wait meets holds for everything", (kind) => {
  const { pause } = pauseOf();
  pause.begin({ kind, detail: "", askedMs: 5 * SECOND }, "later");
  expect(pause.current("now")).toBeDefined();
});
