// What is usual of an interest rate: one sample an hour over 7 days, and their median. The one thing to know: while an alert is open it
// is measured by what was usual when it opened, so that a high rate does not become usual, and the alert over, by lasting.

/** What the rate of an asset is of: cross and isolated debts have rates of their own. */
export type RateKey = `${"cross" | "isolated"} ${string}`;

/** One rate over time. */
export interface RateTrack {
  /** Hours since the epoch → the rate that was read last in that hour. */
  readonly samples: ReadonlyMap<number, number>;
  /** What was usual when the alert opened; undefined while none is open. */
  readonly frozenRate: number | undefined;
}

export type RateHistory = ReadonlyMap<RateKey, RateTrack>;

const HOUR_MS = 3_600_000;
/** 7 days. */
const KEPT_H = 168;
/** So many hours before the present one, each another: with fewer nobody can say what is usual. They span a day at least. */
const SAMPLES_MIN = 24;

export const NO_RATES: RateTrack = { samples: new Map(), frozenRate: undefined };

export const hourOf = (wallMs: number): number => Math.floor(wallMs / HOUR_MS);

export const rateKey = (asset: string, isIsolated: boolean): RateKey => `${isIsolated ? "isolated" : "cross"} ${asset}`;

/** With what was read this hour. Forgets what is older than 7 days, and what lies ahead: the clock was set back. */
export function recorded(history: RateHistory, rates: ReadonlyMap<RateKey, number>, hour: number): RateHistory {
  const after = new Map<RateKey, RateTrack>();
  for (const key of new Set([...history.keys(), ...rates.keys()])) {
    const { samples, frozenRate } = history.get(key) ?? NO_RATES;
    const kept = new Map([...samples].filter(([at]) => at <= hour && at >= hour - KEPT_H));
    const rate = rates.get(key);
    if (rate !== undefined) kept.set(hour, rate);
    if (kept.size > 0 || frozenRate !== undefined) after.set(key, { samples: kept, frozenRate });
  }
  return after;
}

/** The median of the 7 days before this hour; undefined while there are too few samples. */
export function usualRate({ samples }: RateTrack, hour: number): number | undefined {
  const before = [...samples].filter(([at]) => at < hour && at >= hour - KEPT_H).map(([, rate]) => rate);
  return before.length < SAMPLES_MIN ? undefined : median(before);
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

// ---------------------------------------------------------------- for the store

/** {"cross USDT":{"hour":440000,"rates":[0.0000025,null,0.000003],"frozen":0.0000025}}: hour by hour from the first, null: not read. */
export function encodeRates(history: RateHistory): string {
  const tracks = [...history].map(([key, { samples, frozenRate }]) => {
    const first = Math.min(...samples.keys());
    const count = samples.size === 0 ? 0 : Math.max(...samples.keys()) - first + 1;
    const rates = Array.from({ length: count }, (_, index) => samples.get(first + index) ?? null);
    const hour = samples.size === 0 ? 0 : first;
    return [key, { hour, rates, ...(frozenRate !== undefined && { frozen: frozenRate }) }] as const;
  });
  return JSON.stringify(Object.fromEntries(tracks));
}

/** What an earlier run kept; what cannot be read of it is left out. */
export function decodeRates(text: string | undefined): RateHistory {
  const history = new Map<RateKey, RateTrack>();
  for (const [name, value] of Object.entries(parse(text))) {
    const track = trackIn(value);
    if (isRateKey(name) && track !== undefined) history.set(name, track);
  }
  return history;
}

function trackIn(value: unknown): RateTrack | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const [hour, rates, frozen]: readonly unknown[] = ["hour", "rates", "frozen"].map((name) => Reflect.get(value, name));
  const samples = new Map<number, number>();
  if (typeof hour === "number" && Number.isSafeInteger(hour) && Array.isArray(rates)) {
    rates
      .slice(0, KEPT_H + 1)
      .forEach((rate: unknown, index) => void (isRate(rate) && samples.set(hour + index, rate)));
  }
  const frozenRate = isRate(frozen) && frozen > 0 ? frozen : undefined;
  return samples.size === 0 && frozenRate === undefined ? undefined : { samples, frozenRate };
}

const isRate = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;

const isRateKey = (name: string): name is RateKey => /^(cross|isolated) ./.test(name);

function parse(text: string | undefined): object {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {}; // not what we wrote: a day of samples makes up for it
  }
}

/** How many times what is usual the rate is. */
export const timesUsual = (rate: { readonly hourlyRate: number; readonly medianRate: number }): number =>
  rate.hourlyRate / rate.medianRate;
