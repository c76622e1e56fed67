// What a message may say of an alert beside the values. The one thing to know: it is worked out when it is read, because of hundreds of
// alerts in one message only the first few are told in full.
import { type Baseline, besides, bookOf } from "./core/calm.ts";
import { isCredible, whatMoved } from "./core/cause.ts";
import type { Between, Book } from "./core/cause-changes.ts";
import { costPerDay } from "./core/cost.ts";
import type { Insight, InsightQuery } from "./core/insight.ts";
import type { HourlyRates } from "./core/interest.ts";
import type { Prices } from "./core/market.ts";
import { type IncidentReport, reportOf, surelyDone } from "./core/report.ts";
import type { Estimate, Minutes } from "./core/trend.ts";
import type { Log } from "./lib/log.ts";
import type { RowsOf } from "./rows.ts";

export interface InsightParts {
  readonly prices: Prices | undefined;
  readonly baseline: Baseline | undefined;
  estimate(): Estimate | undefined;
  rates(isIsolated: boolean): HourlyRates | undefined;
  readonly rows: RowsOf;
  readonly log: Log;
}

export function insightOf(query: InsightQuery, parts: InsightParts): Insight {
  const { observation, transition } = query;
  const { prices, baseline } = parts;
  const { subject, source, hasDebt } = observation;
  const after = once(() => bookOf(observation, prices, baseline?.book.balances));
  const before = once(() => {
    const now = after();
    return baseline && (now === undefined ? baseline.book : besides(baseline.book, now));
  });
  const rows = once((): Between => {
    if (baseline === undefined) return {};
    return { ...parts.rows(subject, baseline.atMs, observation.atMs), seen: baseline.seen };
  });
  const moved = once(() => movedSince(baseline, before(), after(), query, rows));
  const minutes = once(() => minutesOf(parts.estimate()));
  const cost = once(() => {
    const rates = hasDebt && source !== undefined ? parts.rates("symbol" in source) : undefined;
    return rates && source && costPerDay(source, prices, rates);
  });
  const report = once((): IncidentReport | undefined => {
    if (transition.kind !== "resolved") return undefined;
    const told = reportOf(transition.state, transition.atMs, { before: before(), after: after(), rows: rows() });
    if (told.moved?.kind !== "moved" || moved() !== undefined) return told;
    // A price may be off: then how long and how bad it was is still true, but not what came and went.
    return { ...told, moved: undefined, done: surelyDone(told.done) };
  });
  return {
    prices,
    get moved() {
      return orNothing(moved, parts.log);
    },
    get minutes() {
      return orNothing(minutes, parts.log);
    },
    get costPerDay() {
      return orNothing(cost, parts.log);
    },
    get report() {
      return orNothing(report, parts.log);
    },
  };
}

/** A mistake of ours in what only adorns an alert must not keep the alert from being told. */
function orNothing<T>(work: () => T | undefined, log: Log): T | undefined {
  try {
    return work();
  } catch (error) {
    log.error({ error }, "a line of an alert could not be worked out and is left out; please report this");
    return undefined;
  }
}

function movedSince(
  baseline: Baseline | undefined,
  before: Book | undefined,
  after: Book | undefined,
  { observation }: InsightQuery,
  rows: () => Between,
): Insight["moved"] {
  const { marginLevel: level } = observation.values;
  if (baseline !== undefined && baseline.atMs >= observation.atMs) return undefined; // it is this very look
  if (baseline === undefined || before === undefined || after === undefined) return undefined;
  if (typeof level !== "number") return undefined;
  const moved = whatMoved(before, after, rows());
  if (moved.kind !== "moved" || !isCredible(moved, baseline.level, level)) return undefined;
  return { sinceMs: baseline.atMs, moved };
}

const minutesOf = (found: Estimate | undefined): Minutes | undefined =>
  found?.kind === "falling" ? { fromMin: found.fromMin, toMin: found.toMin } : undefined;

function once<T>(work: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: work() };
    return made.value;
  };
}
