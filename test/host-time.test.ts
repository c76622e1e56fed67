// A machine that sleeps, a process that is stopped or stands still. The real program over real sockets; a clock that is set is shown
// beside the schedule and in the end-to-end tests.
import { expect, test, vi } from "vitest";
import { CROSS, shortestGapMs } from "./support/exchange.ts";
import { misbehaving, type Process } from "./support/margind.ts";
import { untilTrue } from "./support/server.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

/** Seconds go by in which nothing may happen. */
vi.setConfig({ testTimeout: 40_000 });

const polls = () => world.now.exchange.seen.filter(({ path }) => path === CROSS);
const untilPolls = (count: number) => untilTrue(() => polls().length >= count);
const untilPosts = (count: number) => untilTrue(() => world.now.slack.posts.length >= count);

async function pause(ms: number): Promise<void> {
  const endMs = performance.now() + ms;
  await untilTrue(() => performance.now() >= endMs);
}

/** Stops the process, as a suspended machine stops it, and lets it go on. */
async function suspend(margind: Process, ms: number): Promise<void> {
  margind.kill("SIGSTOP");
  await pause(ms);
  margind.kill("SIGCONT");
}

test("H8: a process that was stopped for longer than staleAfter says so once, polls at once, and tells nothing false or twice", async () => {
  const heartbeat = await world.heartbeat();
  world.now.account.level = 1.24;
  world.writeConfig({ watchdog: { staleAfter: "3s", heartbeat: { url: heartbeat.url, every: "1s" } } });
  await using margind = world.daemon();
  await untilPosts(1);
  await untilTrue(() => heartbeat.pings.some(({ isGood }) => isGood));
  const [pollsBefore, goodBefore] = [polls().length, heartbeat.pings.filter(({ isGood }) => isGood).length];

  await suspend(margind, 4500);
  const wokenMs = performance.now();
  await untilPolls(pollsBefore + 1);
  expect(performance.now() - wokenMs).toBeLessThan(4000);
  await untilPosts(2);
  expect(world.texts()[1]).toMatch(/WARNING · margind · nobody watched from \d\d:\d\d to \d\d:\d\d UTC \([4-8] s\)/);
  await untilTrue(() => heartbeat.pings.filter(({ isGood }) => isGood).length > goodBefore + 1);

  world.now.account.level = 2; // and the alert that was open all the time ends by fresh evidence only
  await untilPosts(3);
  expect(world.texts()[2]).toContain("RESOLVED · main · cross margin level 2.00");
  expect(world.texts().join("\n")).not.toContain("BLIND");
  expect(world.now.slack.posts).toHaveLength(3);
  expect(heartbeat.pings.filter(({ isGood, body }) => !isGood && body.includes("blind"))).toEqual([]);
});

test("H8: an answer that was under way when the process was stopped makes nobody blind", async () => {
  world.writeConfig({ exchange: { baseUrl: world.now.exchange.url, timeout: "2s" } });
  await using margind = world.daemon();
  await untilPolls(2);
  world.now.account.slowMs = 1500;
  const before = polls().length;
  await untilPolls(before + 1);
  await suspend(margind, 4500);
  world.now.account.slowMs = 0;
  await untilPosts(1);
  expect(world.texts()[0]).toContain("nobody watched from");
  const again = polls().length;
  await untilPolls(again + 3);
  expect(world.texts()).toHaveLength(1);
});

test("H8: a stop shorter than staleAfter is not worth a word", async () => {
  world.writeConfig({ watchdog: { staleAfter: "30s" } });
  await using margind = world.daemon();
  await untilPolls(2);
  const before = polls().length;
  await suspend(margind, 2500);
  await untilPolls(before + 3);
  expect(world.texts()).toEqual([]);
});

test("H9: an event loop that stood still is told in the log; what was missed is not made up for", async () => {
  world.writeConfig({ watchdog: { staleAfter: "30s" } });
  await using margind = world.daemon(misbehaving("stall"));
  await untilPolls(2);
  margind.kill("SIGUSR2");
  await untilTrue(() => margind.err().includes("the event loop stood still"));
  const before = polls().length;
  const wokenMs = performance.now();
  await untilPolls(before + 3);
  expect(performance.now() - wokenMs).toBeGreaterThan(1500); // one poll a second again, no six at once
  expect(shortestGapMs(world.now.exchange.seen)).toBeGreaterThan(490);
  expect(world.texts()).toEqual([]);
});
