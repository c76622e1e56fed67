// All that reads one account: its polls, those that are brought forward, the faster ones while something fires, and what is read beside
// them. Whoever asks, a poll is the same pass (cycle.ts).
import { type Beside, type Readers, startBeside } from "./beside.ts";
import type { EventRule } from "./core/rules/types.ts";
import type { Store } from "./core/store.ts";
import type { Log } from "./lib/log.ts";
import type { Schedule, StartSchedule } from "./schedule.ts";
import { createSooner } from "./sooner.ts";
import type { Teller } from "./tell.ts";
import { isUrgent, notePolls, runUrgent } from "./urgent.ts";
import type { Watch } from "./watch.ts";

export interface PollingParts {
  readonly watch: Watch;
  /** What else the key can read; undefined: only the polls are made. */
  readonly readers: Readers | undefined;
  readonly shared: Teller;
  readonly store: Pick<Store, "dropEvents">;
  readonly eventRules: readonly EventRule[];
  readonly schedule: StartSchedule;
  readonly log: Log;
  /** One pass; resolves with whether everything was asked for: what is still being read is left out. */
  poll(): Promise<boolean>;
  /** A failure that nobody foresaw. */
  background(work: Promise<void>): void;
}

export interface Polling {
  /** Brings the next poll forward. */
  pollSoon(): void;
  readonly schedules: readonly Pick<Schedule, "stop">[];
}

export function startPolling(parts: PollingParts, signal: AbortSignal): Polling {
  const { watch, readers, shared, schedule, log } = parts;
  const { name, poll: expression, pollWhenFiring } = watch.account;
  const { clock, ledger, book } = shared;
  let beside: Beside | undefined;
  const polls = notePolls(async () => {
    const isWhole = await parts.poll();
    beside?.look();
    return isWhole;
  }, clock);
  const schedules: Pick<Schedule, "stop">[] = [
    schedule({ name, expression, log, run: async () => void (await polls.poll()) }),
  ];

  if (pollWhenFiring !== undefined) {
    const bars = () => watch.parts.exchange.bars();
    const urgent = { account: name, states: () => ledger.states, shots: watch.memory.shots, rules: book.rules, bars };
    const run = runUrgent({ isUrgent: () => isUrgent(urgent), polls, clock, signal });
    schedules.push(schedule({ name: `${name} while firing`, expression: pollWhenFiring, log, run }));
  }

  const onError = (error: unknown) => log.error({ account: name, error }, "a poll failed in an unforeseen way");
  const sooner = createSooner(polls.poll, onError, clock, signal);
  schedules.push({ stop: sooner.idle });
  if (readers !== undefined) {
    const { store, eventRules, background } = parts;
    const common = { readers, shared, sources: watch.sources, store, eventRules, schedule, log, background };
    beside = startBeside(watch, { ...common, pollSoon: sooner.poll }, signal);
    schedules.push(...beside.schedules);
  }
  return { pollSoon: sooner.poll, schedules };
}
