// A channel in trouble is told on the others, and so is its recovery; so are a disk that takes nothing and a time without a watch.
import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { bookOf, messageText, UTC } from "../test/support/desk.ts";
import { createMemoryStore } from "../test/support/memory-store.ts";
import type { ChannelTrouble } from "./core/channel.ts";
import type { OutboxRow } from "./core/ports.ts";
import type { Disk } from "./core/store.ts";
import { keepHouse, watchChannels } from "./housekeeping.ts";
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
    stillWaiting: () => () => true,
  });
  const told: OutboxRow[] = [];
  let troubles: readonly ChannelTrouble[] = [];
  let isClear = true;
  const deliveries = {
    add: (rows: readonly OutboxRow[]) => void told.push(...rows),
    troubles: () => troubles,
    isClear: () => isClear,
  };
  const book = { ...bookOf({}), notifiers: channels.map(({ name }) => name) };
  return {
    told,
    look(now: readonly ChannelTrouble[], clear = true) {
      [troubles, isClear] = [now, clear];
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
  isWhole: true,
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

test("a channel of which nothing is known since the start delivers again only when it is seen to", () => {
  const desk = open();
  desk.look([refused()]);
  expect(desk.look([], false)).toEqual([]); // a restart: nobody has tried it yet
  expect(desk.look([], true)).toHaveLength(2);
});

// ---------------------------------------------------------------- the whole round

const S = 1000;

/** Housekeeping as it runs, with one channel and no account. */
function keep() {
  const clock = createTestClock();
  const store = createMemoryStore();
  const logged: string[] = [];
  const log = { ...silentLog, warn: (_: object, text: string) => void logged.push(text) };
  const desk = { name: "desk", recipients: ["desk"] };
  const ledger = openLedger({
    store,
    instance: "test",
    notifiers: [desk],
    log: silentLog,
    isWatched: () => true,
    stillWaiting: () => () => true,
  });
  const told: string[] = [];
  let ticks = 0;
  const deliveries = {
    add: (rows: readonly OutboxRow[]) => void told.push(...rows.map(({ message }) => message.title)),
    troubles: () => [],
    isClear: () => true,
  };
  const stopping = new AbortController();
  const book = { ...bookOf(), notifiers: ["desk"] };
  const onTick = () => {
    ticks += 1;
  };
  let danger: ReturnType<Disk["trouble"]>;
  let mends = 0;
  const disk: Disk = {
    trouble: () => danger,
    mend() {
      mends += 1;
    },
  };
  const parts = { accounts: [], deliveries, store, ledger, disk, book, locale: UTC, clock, log, tickMs: S, onTick };
  const stop = () => {
    stopping.abort();
    return done;
  };
  const done = keepHouse(parts, stopping.signal).catch(() => undefined);
  return {
    clock,
    store,
    ledger,
    told,
    logged,
    ticks: () => ticks,
    mends: () => mends,
    setDanger(to: typeof danger) {
      danger = to;
    },
    stop,
  };
}

test("H3: a disk that takes nothing is told from memory, tried again, and its recovery told too", async () => {
  const house = keep();
  await house.clock.advance(5 * S);
  expect(house.told).toEqual([]);
  house.store.failure = "the disk is full";
  house.ledger.commit({ changes: [], notifications: [] }, snapshot, 0);
  await house.clock.advance(60 * S);
  expect(house.told).toEqual(["CRITICAL · margind · the state cannot be written"]);
  house.store.failure = undefined;
  await house.clock.advance(10 * S);
  expect(house.told.slice(1)).toEqual(["RESOLVED · margind · the state can be written again"]);
  expect(house.store.alerts()).toEqual([]);
  await house.stop();
});

test("H3: a disk in danger is told although it still takes everything, and is looked after every ten seconds", async () => {
  const house = keep();
  await house.clock.advance(30 * S);
  expect([house.told, house.mends()]).toEqual([[], 3]);
  house.setDanger({ kind: "reserve", reason: "the disk is full" });
  await house.clock.advance(S);
  expect(house.told).toEqual(["WARNING · margind · the disk is full, the reserve is being used"]);
  house.setDanger({ kind: "memory", reason: "the disk is read-only" });
  await house.clock.advance(S);
  expect(house.told.slice(1)).toEqual(["CRITICAL · margind · the state cannot be written"]);
  house.setDanger(undefined);
  await house.clock.advance(S);
  expect(house.told.slice(2)).toEqual(["RESOLVED · margind · the state can be written again"]);
  await house.stop();
});

test("H8: a machine that slept longer than staleAfter says from when to when nobody watched", async () => {
  const house = keep();
  await house.clock.advance(5 * S);
  house.clock.stepWall(30 * S); // staleAfter itself
  await house.clock.advance(2 * S);
  expect(house.told).toEqual([]);
  house.clock.stepWall(34 * 60 * S);
  await house.clock.advance(2 * S);
  expect(house.told).toEqual([expect.stringMatching(/^WARNING · margind · nobody watched from .* \(34 min\)$/)]);
  house.clock.stepWall(-34 * 60 * S); // H6: back again: nothing was missed
  await house.clock.advance(60 * S);
  expect(house.told).toHaveLength(1);
  await house.stop();
});

test("H9: an event loop that stood still is told in the log, and missed rounds are not made up for", async () => {
  const house = keep();
  await house.clock.advance(10 * S);
  const before = house.ticks();
  house.clock.stall(5 * S);
  await house.clock.advance(0);
  expect([house.logged, house.ticks()]).toEqual([[], before + 1]);
  house.clock.stall(3600 * S);
  await house.clock.advance(0);
  expect([house.logged, house.ticks()]).toEqual([["the event loop stood still"], before + 2]);
  await house.stop();
});

const snapshot = { account: "main", okAtMs: { cross: null, isolated: null }, known: [], pairs: 0, trouble: null };
