// When to poll. node-cron keeps the time; this file keeps node-cron from its measured traps: after a clock set back it would be
// silent until the old time is reached again, after one set forward it replays every missed slot, and in a zone with daylight
// saving an hour is skipped. So polls run in UTC, and every step of the clock starts the task anew. Runs may overlap: a slow answer
// of one source must not hold up the next look at another, and the exchange client leaves out what is still being read.
import cron from "node-cron";
import { onClockStep } from "./lib/clock.ts";
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

/** Runs at once and then by the expression. */
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
  const task = cron.createTask(expression, once, {
    name,
    timezone: "UTC",
    // A slot that the event loop reaches late is still worth running: late data beats none.
    missedExecutionTolerance: 60_000,
    suppressMissedWarning: true,
    logger: cronLog(log),
  });
  void task.start();
  onClockStep((stepMs) => {
    log.warn(
      { account: name, stepMs: Math.round(stepMs) },
      "the machine's clock was changed or the machine slept: polling now",
    );
    restart(task, stopping.signal).catch((error: unknown) =>
      log.error({ account: name, error }, "the schedule could not be started anew after the clock was changed"),
    );
    once();
  }, stopping.signal);
  once();
  return {
    async stop() {
      stopping.abort();
      await task.destroy();
      await Promise.all(running);
    },
  };
}

async function restart(task: ReturnType<typeof cron.createTask>, stopping: AbortSignal): Promise<void> {
  await task.stop();
  if (!stopping.aborted) await task.start();
}

function cronLog(log: Log) {
  const text = (message: unknown) => (message instanceof Error ? message.message : String(message));
  return {
    info: (message: string) => log.debug({}, message),
    warn: (message: string) => log.debug({}, message),
    error: (message: string | Error) => log.error({}, text(message)),
    debug: (message: string | Error) => log.trace({}, text(message)),
  };
}
