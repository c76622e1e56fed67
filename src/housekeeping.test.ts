// A channel in trouble is told on the others, and so is its recovery.
import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { bookOf, messageText, UTC } from "../test/support/desk.ts";
import { createMemoryStore } from "../test/support/memory-store.ts";
import type { ChannelTrouble } from "./core/channel.ts";
import type { OutboxRow } from "./core/ports.ts";
import { watchChannels } from "./housekeeping.ts";
import { openLedger } from "./ledger.ts";
import { silentLog } from "./lib/log.ts";

const REASON = "Slack refuses the token (invalid_auth): make a new one.";

function open(language: "en" | "zh-CN" = "en") {
  const clock = createTestClock();
  const channels = ["desk", "mail", "pager"].map((name) => ({ name, recipients: [name] }));
  const ledger = openLedger({
    store: createMemoryStore(),
    instance: "test",
    notifiers: channels,
    log: silentLog,
    isWatched: () => true,
    isWaiting: () => true,
  });
  const told: OutboxRow[] = [];
  let troubles: readonly ChannelTrouble[] = [];
  const deliveries = { add: (rows: readonly OutboxRow[]) => void told.push(...rows), troubles: () => troubles };
  const book = { ...bookOf({}), notifiers: channels.map(({ name }) => name) };
  return {
    told,
    look(now: readonly ChannelTrouble[]) {
      troubles = now;
      told.length = 0;
      watchChannels({ deliveries, ledger, book, locale: { ...UTC, language }, clock });
      return told.map(({ notifier, message }) => `${notifier}: ${messageText(message)}`);
    },
    clock,
  };
}

const refused = (over: Partial<ChannelTrouble> = {}): ChannelTrouble => ({
  notifier: "desk",
  isRefused: true,
  reason: REASON,
  waiting: 3,
  oldestAtMs: Date.parse("2020-03-12T22:58:00Z"),
  ...over,
});

test("nothing is said while all channels work", () => {
  expect(open().look([])).toEqual([]);
});

test("a channel in trouble is told on every other, with the reason, once; and so is its recovery", () => {
  const desk = open();
  const text = `CRITICAL · margind · notifier desk cannot deliver
${REASON}
3 messages wait since 22:58 UTC; kept, and sent when it works again.`;
  const [mail = "", pager = "", ...more] = desk.look([refused()]);
  expect(mail.replace(/\n#.*/, "")).toBe(`mail: ${text}`);
  expect(pager.replace(/\n#.*/, "")).toBe(`pager: ${text}`);
  expect(more).toEqual([]);
  expect(desk.told.map(({ message }) => message.subject)).toEqual(
    Array(2).fill("margind: notifier desk cannot deliver"),
  );
  expect(desk.look([refused({ waiting: 4 })])).toEqual([]);
  expect(desk.look([]).map((line) => line.split("\n")[0])).toEqual([
    "mail: RESOLVED · margind · notifier desk delivers again",
    "pager: RESOLVED · margind · notifier desk delivers again",
  ]);
});

test("two channels in trouble are one message where there is one left to hear it", () => {
  const lines = open().look([
    refused(),
    refused({ notifier: "mail", isRefused: false, reason: null, oldestAtMs: null }),
  ]);
  expect(lines.map((line) => line.split("\n")[0]).sort()).toEqual([
    "desk: CRITICAL · margind · notifier mail cannot deliver",
    "mail: CRITICAL · margind · notifier desk cannot deliver",
    "pager: CRITICAL · margind · 2 alerts, worst first",
  ]);
});

test("a channel in trouble gets no reminders", async () => {
  const desk = open();
  desk.look([refused(), refused({ notifier: "mail" })]);
  await desk.clock.advance(5 * 60_000);
  expect(desk.look([refused(), refused({ notifier: "mail" })]).map((line) => line.split(":")[0])).toEqual(["pager"]);
});

test("in Chinese", () => {
  expect(open("zh-CN").look([refused()])[0]).toContain("严重 · margind · 通知渠道 desk 无法送达");
});
