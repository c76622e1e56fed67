import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { runChecks, sayChecks } from "./checks.ts";
import { type Check, failed, good, warning } from "./core/finding.ts";
import { type Log, silentLog } from "./lib/log.ts";

const NEVER = new AbortController().signal;
const check = (name: string, run: Check["run"]): Check => ({ name, run });
const GOOD = check("good", async () => good("fine"));
const WORTH_A_LOOK = check("odd", async () => warning("half open", "look at it"));
const BROKEN = check("broken", async () => failed("no such disk", "mend it"));
const deaf = check("deaf", () => new Promise(() => undefined));

test("checks run at once, and come out in their order", async () => {
  const clock = createTestClock();
  const slow = check("slow", async () => {
    await clock.sleep(5_000);
    return good("at last");
  });
  const running = runChecks([slow, GOOD, slow, BROKEN], { clock, deadlineMs: 6_000 }, NEVER);
  await clock.advance(5_000);
  expect((await running).map(({ name, finding }) => `${name}: ${finding.text}`)).toEqual([
    "slow: at last",
    "good: fine",
    "slow: at last",
    "broken: no such disk",
  ]);
  expect(clock.sleepers()).toEqual([]);
});

test("none is waited for beyond the deadline; one that minds the signal may still say what it saw", async () => {
  const clock = createTestClock();
  const minding = check(
    "minding",
    (signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(warning("2 of 3 pairs were read")))),
  );
  const running = runChecks([deaf, minding, GOOD], { clock, deadlineMs: 10_000 }, NEVER);
  await clock.advance(10_500);
  expect((await running).map(({ finding }) => [finding.status, finding.text])).toEqual([
    ["failed", "no result within 10 s"],
    ["warning", "2 of 3 pairs were read"],
    ["good", "fine"],
  ]);
});

test("one that throws is a finding that shows nothing of what it threw, and the others go on", async () => {
  const throwing = check("throwing", async () => {
    throw new TypeError("cannot read https://canary/");
  });
  const [thrown, next] = await runChecks([throwing, GOOD], { clock: createTestClock(), deadlineMs: 1_000 }, NEVER);
  expect(thrown?.finding).toMatchObject({ status: "failed", text: "the check itself failed (TypeError)" });
  expect(JSON.stringify(thrown)).not.toContain("canary");
  expect(next?.finding.status).toBe("good");
});

test("a start says only what is not good, a line each", async () => {
  const lines: string[] = [];
  const say = (level: string) => (fields: object, text: string) =>
    void lines.push(`${level} ${JSON.stringify(fields)} ${text}`);
  const log: Log = { ...silentLog, info: say("info"), warn: say("warn"), error: say("error") };
  const bare = check("bare", async () => warning("nothing to do about it"));
  await sayChecks([GOOD, WORTH_A_LOOK, BROKEN, bare], { clock: createTestClock(), deadlineMs: 1_000, log }, NEVER);
  expect(lines).toEqual([
    'warn {"check":"odd"} half open: look at it',
    'error {"check":"broken"} no such disk: mend it',
    'warn {"check":"bare"} nothing to do about it',
  ]);
});

test("a daemon that is told to stop meanwhile says nothing", async () => {
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (_, text) => void lines.push(text),
    error: (_, text) => void lines.push(text),
  };
  const stopping = new AbortController();
  const said = sayChecks([deaf, BROKEN], { clock: createTestClock(), deadlineMs: 1_000, log }, stopping.signal);
  stopping.abort();
  await said;
  expect(lines).toEqual([]);
});
