// The personal bars of one account: read once an hour, the last good ones on failure, kept over restarts. They hardly ever change,
// and no poll waits for them but the very first of an account.
import type { Bars, Clock } from "../core/ports.ts";
import type { Log } from "../lib/log.ts";
import type { Asker } from "./ask.ts";
import { isGone } from "./errors.ts";
import { parseBars } from "./parse.ts";

export interface BarsStore {
  load(account: string): { readonly bars: Bars; readonly atMs: number } | undefined;
  save(account: string, bars: Bars, atMs: number): void;
}

export interface BarsKeeper {
  current(): Bars;
  /** Nothing but the defaults is known. */
  isUnknown(): boolean;
  /** False also while they are being read. */
  isDue(): boolean;
  /** Reads them. Never rejects: without an answer the last good ones hold. */
  learn(signal: AbortSignal): Promise<void>;
}

const PATH = "/sapi/v1/margin/tradeCoeff";

/** Of an account of 3x. Source: FAQ 360030493931. */
export const DEFAULT_BARS: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
const KEEP_MS = 3_600_000;
const RETRY_MS = 60_000;

export interface BarsOptions {
  readonly account: string;
  readonly asker: Pick<Asker, "askOnce">;
  readonly store: BarsStore;
  readonly clock: Clock;
  readonly log: Log;
}

export function createBarsKeeper({ account, asker, store, clock, log }: BarsOptions): BarsKeeper {
  const kept = store.load(account);
  // A stamp in the future is a clock that was set back: then nobody knows how old they are.
  const ageMs = kept === undefined ? KEEP_MS : clock.wallMs() - kept.atMs;
  let dueMonoMs = clock.monoMs() + (ageMs >= 0 ? Math.max(0, KEEP_MS - ageMs) : 0);
  let bars = kept?.bars ?? DEFAULT_BARS;
  let isUnknown = kept === undefined;
  let isResting = false;
  let isLearning = false;

  /** `body` is the answer, or undefined when there was none. */
  const take = (body: unknown) => {
    const read = parseBars(body);
    dueMonoMs = clock.monoMs() + (read === undefined ? RETRY_MS : KEEP_MS);
    if (read === undefined) return log.debug({ account }, "the account's bars cannot be read; the last good ones hold");
    isUnknown = false;
    isResting = false;
    if (!isSame(bars, read)) {
      log.info({ account, ...read }, "the account's bars");
      bars = read; // otherwise the very same object: rules work their thresholds out once per object
    }
    store.save(account, bars, clock.wallMs());
  };

  /** The exchange says that it tells bars no more. It may be wrong, so it is asked again, but not soon. */
  const rest = () => {
    dueMonoMs = clock.monoMs() + KEEP_MS;
    if (!isResting) log.warn({ account, ...bars }, "the exchange tells no bars any more; these hold");
    isResting = true;
  };

  return {
    current: () => bars,
    isUnknown: () => isUnknown,
    isDue: () => !isLearning && clock.monoMs() >= dueMonoMs,
    async learn(signal) {
      isLearning = true;
      await asker.askOnce(PATH, [], signal).then(take, (error: unknown) => (isGone(error) ? rest() : take(undefined)));
      isLearning = false;
    },
  };
}

const isSame = (a: Bars, b: Bars): boolean =>
  a.normalBar === b.normalBar && a.marginCallBar === b.marginCallBar && a.forceLiquidationBar === b.forceLiquidationBar;
