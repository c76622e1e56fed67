// When to poll. node-cron owns the expressions and says when the next slot is; waiting for it is done here, because its own timer was
// measured to be silent after a clock set back until the old time is reached again, and after one set forward to go through every slot
// in between first: half a minute of a blocked process for a day, hours for a machine that starts without a battery-backed clock. Polls
// run in UTC, for a zone with daylight saving has an hour that is skipped. Runs may overlap: a slow answer of one source must not hold
// up the next look at another, and the exchange client leaves out what is still being read.
import cron from "node-cron";
import { systemClock as clock } from "./lib/clock.ts";
import type { Log } from "./lib/log.ts";

export interface Schedule {
  stop(): Promise<void>;
}

export interface ScheduleParts {
  readonly name: string;
  /** Cron expression with seconds. */
  readonly expression: string;
  readonly log: Log;
  /** One run. Must settle by itself; the next slot does not wait for it. */
  run(): Promise<void>;
}

/** The simulator of faults brings a schedule of its own: one on virtual time. */
export type StartSchedule = (parts: ScheduleParts) => Schedule;

/** Runs at once and then by the expression. Slots that were missed are one run, as soon as it can be. */
export function startSchedule({ name, expression, log, run }: ScheduleParts): Schedule {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const once = () => {
    const one = run().catch((error: unknown) =>
      log.error(
        { account: name, error, stack: error instanceof Error ? error.stack : undefined },
        "a poll failed in an unforeseen way; the next one follows",
      ),
    );
    running.add(one);
    void one.finally(() => running.delete(one));
  };
  const nextSlotMs = slotsOf(expression);
  const keepTime = async () => {
    while (!stopping.signal.aborted) {
      const stepMs = await untilSlot(nextSlotMs, stopping.signal);
      if (stepMs !== 0)
        log.warn(
          { account: name, stepMs: Math.round(stepMs) },
          "the machine's clock was changed or the machine slept: polling now",
        );
      once();
    }
  };
  once();
  const kept = keepTime().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    async stop() {
      stopping.abort();
      await kept;
      await Promise.all(running);
    },
  };
}

/** Wall time of the first slot that lies ahead. node-cron's task is only ever asked, never started. */
function slotsOf(expression: string): () => number {
  const task = cron.createTask(expression, () => undefined, { timezone: "UTC" });
  void task.destroy(); // it would be kept for a shutdown of all tasks
  return () => {
    const [slot] = task.getNextRuns(1);
    if (slot === undefined) throw new Error("node-cron names no next slot");
    return slot.getTime();
  };
}

/** A step of the wall clock larger than this is told; NTP slewing and timer jitter are far below it. */
const STEP_MS = 1000;
const LOOK_EVERY_MS = 250;

/**
 * Resolves with 0 when the next slot has come; or, soon after it, with the step that the wall clock made against the monotonic one: set
 * by hand, a bad NTP step, or a suspend (in which Linux' monotonic clock stands still). The slot is another one then.
 */
async function untilSlot(nextSlotMs: () => number, signal: AbortSignal): Promise<number> {
  let offsetMs = clock.wallMs() - clock.monoMs(); // before the slot is asked for: a step in between must not go unseen
  const dueMs = nextSlotMs();
  for (let leftMs = dueMs - clock.wallMs(); leftMs > 0; leftMs = dueMs - clock.wallMs()) {
    await clock.sleep(Math.min(leftMs, LOOK_EVERY_MS), signal);
    const nowMs = clock.wallMs() - clock.monoMs();
    const stepMs = nowMs - offsetMs;
    offsetMs = nowMs;
    if (Math.abs(stepMs) > STEP_MS) return stepMs;
  }
  return 0;
}
