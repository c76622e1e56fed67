// When an account is polled, in UTC. node-cron owns the language of the expressions and which days they mean; only the walk over
// the times of a day is done here, because node-cron looks ahead from its own clock and not from a given moment.
import cron from "node-cron";

const DAY_MS = 86_400_000;
/** Four years and a day: 29 February comes round. */
const HORIZON_DAYS = 1_461;

const FIELD_WORDS = new Map([
  ["dayOfMonth", "day of month"],
  ["dayOfWeek", "day of week"],
]);

/** What is wrong with the expression, or undefined. `show: false` keeps the expression itself out of the words. */
export function cronMistake(expression: string, { show }: { readonly show: boolean }): string | undefined {
  const { valid, errors } = cron.validateDetailed(expression);
  if (valid) return undefined;
  const [first] = errors;
  const field = FIELD_WORDS.get(first?.field ?? "") ?? first?.field;
  const wrong =
    field === undefined || field === "expression" ? "not a cron expression" : fieldMistake(field, first?.value, show);
  return `${wrong}, expected five or six fields such as "*/5 * * * * *" (second minute hour day month weekday)`;
}

function fieldMistake(field: string, value: string | undefined, show: boolean): string {
  return show && value !== undefined && value !== ""
    ? `the ${field} ${value} is impossible`
    : `the ${field} is impossible`;
}

/** The next `count` poll times after `fromMs`, ms since the epoch; fewer when there are not so many in four years. */
export function nextPolls(expression: string, fromMs: number, count: number): number[] {
  const times: number[] = [];
  for (const atMs of runsAfter(expression, fromMs)) {
    if (times.push(atMs) >= count) break;
  }
  return times;
}

function* runsAfter(expression: string, fromMs: number): Generator<number> {
  const timetable = readTimetable(expression);
  for (const dayMs of days(timetable, fromMs)) {
    for (const timeMs of timesOfDay(timetable)) {
      if (dayMs + timeMs > fromMs) yield dayMs + timeMs;
    }
  }
}

/** More than an hour of any timetable that has two polls a minute. */
const NEAR_POLLS = 180;

/** The shortest wait between two of the next polls after `fromMs`; infinite when there are not two. */
export function shortestGapMs(expression: string, fromMs: number): number {
  const times = nextPolls(expression, fromMs, NEAR_POLLS);
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs));
  return Math.min(...gaps);
}

/** The longest wait between two polls that the expression can bring, looking four years ahead of `fromMs`. */
export function longestGapMs(expression: string, fromMs: number): number {
  const timetable = readTimetable(expression);
  const { seconds, minutes, hours, hasPolls } = timetable;
  const day = repeat(repeat(repeat(ONCE, seconds, 1_000), minutes, 60_000), hours, 3_600_000);
  const todayMs = startOfDay(fromMs);
  // Both ends of the horizon count as days with polls, so that a day which comes only once is seen as far away.
  const marks =
    hasPolls === undefined ? [0, DAY_MS] : [todayMs, ...days(timetable, fromMs), todayMs + HORIZON_DAYS * DAY_MS];
  return repeat(day, marks, 1).gapMs;
}

/** What matters about a row of moments: its first, its last, and the longest gap inside. */
interface Row {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly gapMs: number;
}

const ONCE: Row = { firstMs: 0, lastMs: 0, gapMs: 0 };

/** The row that comes of having `row` in each of these seconds, minutes, hours or days. */
function repeat(row: Row, slots: readonly number[], slotMs: number): Row {
  const steps = slots.slice(1).map((slot, index) => (slot - (slots[index] ?? slot)) * slotMs);
  const betweenMs = steps.reduce((a, b) => Math.max(a, b), 0) + row.firstMs - row.lastMs;
  return {
    firstMs: (slots[0] ?? 0) * slotMs + row.firstMs,
    lastMs: (slots.at(-1) ?? 0) * slotMs + row.lastMs,
    gapMs: steps.length === 0 ? row.gapMs : Math.max(row.gapMs, betweenMs),
  };
}

interface TimesOfDay {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
}

interface Timetable extends TimesOfDay {
  /** Does the day that begins at this moment have polls? Undefined: every day does. */
  readonly hasPolls: ((dayMs: number) => boolean) | undefined;
}

function readTimetable(expression: string): Timetable {
  const { hour, minute, second, dayOfMonth, month, dayOfWeek } = cron.parse(expression);
  const times = { hours: rising(hour), minutes: rising(minute), seconds: rising(second) };
  const everyDay = dayOfMonth.length === 31 && month.length === 12 && dayOfWeek.length === 7;
  return { ...times, hasPolls: everyDay ? undefined : dayMatcher(expression, times) };
}

const rising = (numbers: readonly number[]): readonly number[] => [...new Set(numbers)].sort((a, b) => a - b);

/** Asks node-cron itself whether it would run at the first time of that day. The task is made, never started, and forgotten. */
function dayMatcher(expression: string, times: TimesOfDay): (dayMs: number) => boolean {
  const firstMs = timesOfDay(times).next().value ?? 0;
  const task = cron.createTask(expression, () => undefined, { timezone: "UTC" });
  void task.destroy();
  return (dayMs) => task.match(new Date(dayMs + firstMs));
}

function* days({ hasPolls }: Timetable, fromMs: number): Generator<number> {
  const todayMs = startOfDay(fromMs);
  for (let day = 0; day < HORIZON_DAYS; day++) {
    const dayMs = todayMs + day * DAY_MS;
    if (hasPolls?.(dayMs) ?? true) yield dayMs;
  }
}

const startOfDay = (atMs: number): number => Math.floor(atMs / DAY_MS) * DAY_MS;

function* timesOfDay({ hours, minutes, seconds }: TimesOfDay): Generator<number> {
  for (const hour of hours) {
    for (const minute of minutes) {
      for (const second of seconds) yield ((hour * 60 + minute) * 60 + second) * 1_000;
    }
  }
}
