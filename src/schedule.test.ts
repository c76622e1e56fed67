// Real time and the real node-cron, at its fastest: every second. Each test waits for what happens, never for a fixed time.
import { expect, test } from "vitest";
import { untilTrue } from "../test/support/server.ts";
import { silentLog } from "./lib/log.ts";
import { startSchedule } from "./schedule.ts";

const usual = { name: "main", expression: "* * * * * *", log: silentLog };

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
