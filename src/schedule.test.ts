// Real time, the real node-cron, and a wall clock that is set while it runs. Each test waits for what happens, never for a fixed time.
import { afterEach, expect, test } from "vitest";
import { untilTrue } from "../test/support/server.ts";
import { useWall } from "../test/support/wall.ts";
import { systemClock } from "./lib/clock.ts";
import { silentLog } from "./lib/log.ts";
import { startSchedule } from "./schedule.ts";

const wall = useWall();
const usual = { name: "main", expression: "* * * * * *", log: silentLog };
const [S, MIN, H] = [1000, 60_000, 3_600_000];
const D = 24 * H;

test("the first run is at once, and others follow", async () => {
  let runs = 0;
  const schedule = startSchedule({
    ...usual,
    run: async () => {
      runs += 1;
    },
  });
  expect(runs).toBe(1);
  await untilTrue(() => runs >= 3);
  await schedule.stop();
});

test("a run that takes long holds up no other", async () => {
  let started = 0;
  const gate = Promise.withResolvers<void>();
  const schedule = startSchedule({
    ...usual,
    async run() {
      started += 1;
      await (started === 1 ? gate.promise : undefined);
    },
  });
  await untilTrue(() => started >= 3);
  gate.resolve();
  await schedule.stop();
});

test("a run that fails is told, and the next one follows", async () => {
  let runs = 0;
  const errors: string[] = [];
  const schedule = startSchedule({
    ...usual,
    log: { ...silentLog, error: (_, text) => void errors.push(text) },
    async run() {
      runs += 1;
      if (runs === 1) throw new Error("x");
    },
  });
  await untilTrue(() => runs >= 2);
  expect(errors).toEqual(["a poll failed in an unforeseen way; the next one follows"]);
  await schedule.stop();
});

test("stop waits for the run under way, and nothing runs after it", async () => {
  let runs = 0;
  let isDone = false;
  const gate = Promise.withResolvers<void>();
  const schedule = startSchedule({
    ...usual,
    async run() {
      runs += 1;
      await gate.promise;
    },
  });
  const stopped = schedule.stop().then(() => {
    isDone = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDone).toBe(false);
  gate.resolve();
  await stopped;
  expect(runs).toBe(1);
});

// ---------------------------------------------------------------- a clock that is set

interface Run {
  readonly monoMs: number;
  readonly wallMs: number;
}

/** A schedule that notes its runs and what it says of the clock. */
function watch(expression: string) {
  const runs: Run[] = [];
  const steps: number[] = [];
  const schedule = startSchedule({
    ...usual,
    expression,
    log: {
      ...silentLog,
      warn: (fields) => void steps.push("stepMs" in fields && typeof fields.stepMs === "number" ? fields.stepMs : 0),
    },
    run: async () => void runs.push({ monoMs: systemClock.monoMs(), wallMs: systemClock.wallMs() }),
  });
  stops.push(schedule.stop);
  return { runs, steps };
}

const stops: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(stops.splice(0).map((stop) => stop())));

/** Right before a slot: where a timer of node-cron's would see the new time before anybody can look for a step. */
const JUST_BEFORE_A_SLOT_MS = Date.UTC(2026, 0, 15, 12, 4, 59, 970);

test.each([
  { name: "back an hour", stepMs: -H },
  { name: "back ten years", stepMs: -3652 * D },
  { name: "forward an hour", stepMs: H },
  { name: "forward a day", stepMs: D },
  { name: "from 1970 to today", stepMs: 20_000 * D },
])("H6: a clock set $name: no silence, no flood, no blocked loop, and one word of it", async ({ stepMs }) => {
  wall.set(JUST_BEFORE_A_SLOT_MS);
  const { runs, steps } = watch("* * * * * *");
  wall.step(stepMs);
  await untilTrue(() => runs.length === 3);
  const [started, atStep, atSlot] = runs.map(({ monoMs }) => Math.round((monoMs - (runs[0]?.monoMs ?? 0)) / S));
  expect([started, atStep, atSlot]).toEqual([0, 0, 1]);
  expect(steps.map((ms) => Math.round(ms / S))).toEqual([stepMs / S]);
});

test("H6: a clock that is only trimmed, as NTP does, is not worth a word", async () => {
  const { runs, steps } = watch("* * * * * *");
  for (const ms of [900, -900]) {
    wall.step(ms);
    const before = runs.length;
    await untilTrue(() => runs.length > before);
  }
  expect(steps).toEqual([]);
});

test("H8: slots that went by while the process stood still are one run at once, however rare they are", async () => {
  wall.set(JUST_BEFORE_A_SLOT_MS);
  const { runs } = watch("0 */5 * * * *");
  const endMs = systemClock.monoMs() + 300;
  while (systemClock.monoMs() < endMs); // the slot comes meanwhile
  await untilTrue(() => runs.length >= 2);
  expect(systemClock.monoMs() - endMs).toBeLessThan(S);
  await untilTrue(() => systemClock.monoMs() > endMs + 500);
  expect(runs.length).toBe(2);
});

// Where the clocks of the zone go forward and back, and what a poll at every quarter of an hour must not skip.
test.each([
  { zone: "Europe/Berlin", change: "forward", atMs: Date.UTC(2026, 2, 29, 1) },
  { zone: "Europe/Berlin", change: "back", atMs: Date.UTC(2026, 9, 25, 1) },
  { zone: "Pacific/Chatham", change: "back", atMs: Date.UTC(2026, 3, 4, 14) },
  { zone: "America/New_York", change: "back", atMs: Date.UTC(2026, 10, 1, 6) },
])("H7: polls go on through the hour in which the clocks of $zone go $change", async ({ zone, atMs }) => {
  const home = process.env["TZ"];
  process.env["TZ"] = zone;
  try {
    for (let slotMs = atMs - 60 * MIN; slotMs <= atMs + 75 * MIN; slotMs += 15 * MIN) {
      wall.set(slotMs - 30);
      const { runs } = watch("0 */15 * * * *");
      await untilTrue(() => runs.length === 2);
      expect(new Date(Math.floor((runs[1]?.wallMs ?? 0) / S) * S).toISOString()).toBe(new Date(slotMs).toISOString());
    }
  } finally {
    process.env["TZ"] = home;
  }
});
