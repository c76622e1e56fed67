// What a message can say of a subject beside its last answer: prices, what moved it, how fast it goes, what it costs, how it was.
import type { Moved } from "./cause.ts";
import type { Transition } from "./lifecycle.ts";
import type { Prices } from "./market.ts";
import type { Observation } from "./observe.ts";
import type { AlertId, Bars } from "./ports.ts";
import type { Amount } from "./remedy.ts";
import type { IncidentReport } from "./report.ts";
import type { Minutes } from "./trend.ts";

export interface Insight {
  /** Public prices, fresh enough to calculate with; undefined: none. */
  readonly prices: Prices | undefined;
  /** What moved the level since before the alert; undefined: not known, or not credible. `sinceMs`: wall ms. */
  readonly moved: { readonly sinceMs: number; readonly moved: Moved } | undefined;
  /** Until liquidation at the pace of now; undefined: nothing that is worth saying. */
  readonly minutes: Minutes | undefined;
  /** What the debt costs a day at the next hourly rates, in USDT or the quote asset; undefined: not every rate is known. */
  readonly costPerDay: Amount | undefined;
  /** Of what has ended; undefined while it goes on. */
  readonly report: IncidentReport | undefined;
}

/** What it is asked for: one alert that is about to be told. */
export interface InsightQuery {
  readonly id: AlertId;
  readonly observation: Observation;
  readonly transition: Transition;
  readonly bars: Bars;
}
