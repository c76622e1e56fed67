// Where the price is at a simulated moment: along recorded bars, or along a seeded random walk that crashes now and then.
import { derivedUsdt, isStable, splitSymbol } from "./assets.ts";
import { type Bar, priceInBar } from "./bars.ts";

export interface PricePath {
  /** Price of the symbol at a simulated time, in its quote asset; undefined for a symbol that is not traded. */
  priceAt(symbol: string, simMs: number): number | undefined;
}

export interface BarsPath extends PricePath {
  readonly startMs: number;
  /** From here on the price stays at the last close. */
  readonly endMs: number;
}

/** The two questions that the exchange asks of a path at one moment. Both throw for what the path does not know. */
export interface Prices {
  usdt(asset: string): number;
  index(symbol: string): number;
}

const HOUR_MS = 3_600_000;

/** BTCUSDT along the bars; before the first bar its open, in a gap and after the last bar the last close. */
export function barsPath(bars: readonly Bar[]): BarsPath {
  const [first, second] = bars;
  const last = bars.at(-1);
  if (first === undefined || last === undefined) throw new Error("a price path needs at least one bar");
  const lengthMs = second === undefined ? HOUR_MS : second.openMs - first.openMs;
  const bitcoinAt = (simMs: number) => {
    const bar = bars[indexAt(bars, simMs)] ?? first;
    return priceInBar(bar, simMs - bar.openMs, lengthMs);
  };
  return { startMs: first.openMs, endMs: last.openMs + lengthMs, ...derivedPath(bitcoinAt) };
}

/** Index of the last bar that opened at or before `simMs`; -1 before the first. */
function indexAt(bars: readonly Bar[], simMs: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bars[middle]?.openMs ?? Number.POSITIVE_INFINITY) <= simMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Every symbol from the price of bitcoin; see assets.ts for what is real about that: bitcoin only. */
export function derivedPath(bitcoinAt: (simMs: number) => number): PricePath {
  return {
    priceAt(symbol, simMs) {
      const [base, quote] = splitSymbol(symbol) ?? [];
      if (base === undefined || quote === undefined) return undefined;
      const bitcoin = bitcoinAt(simMs);
      const [inUsdt, unit] = [derivedUsdt(base, bitcoin), derivedUsdt(quote, bitcoin)];
      return inUsdt === undefined || unit === undefined ? undefined : inUsdt / unit;
    },
  };
}

export function pricesAt(path: PricePath, simMs: number): Prices {
  const index = (symbol: string) => {
    const price = path.priceAt(symbol, simMs);
    if (price === undefined) throw new Error(`the price path has no price for ${symbol}`);
    return price;
  };
  return { index, usdt: (asset) => (isStable(asset) ? 1 : index(`${asset}USDT`)) };
}

// ---------------------------------------------------------------- random walk

export interface WalkOptions {
  readonly seed: number;
  readonly startMs: number;
  readonly startPrice?: number;
}

// Calm hours like those of bitcoin in early 2020; a crash takes about a third in some hours, and half of it comes back.
const CALM = { driftPct: 0.02, volatilityPct: 0.7 };
const FALL = { driftPct: -6, volatilityPct: 3 };
const REBOUND = { driftPct: 1.6, volatilityPct: 1.5 };
const CRASH_CHANCE = 1 / 150;
const FALL_HOURS = 7;
const REBOUND_HOURS = 12;

/** Hourly bars without end, the same for the same seed. Bars are made when they are first needed, and kept. */
export function randomPath({ seed, startMs, startPrice = 8_000 }: WalkOptions): PricePath {
  const random = mulberry32(seed);
  const bars: Bar[] = [];
  let hoursInCrash = 0;
  const grow = () => {
    if (hoursInCrash > 0 || random() < CRASH_CHANCE) hoursInCrash += 1;
    if (hoursInCrash > FALL_HOURS + REBOUND_HOURS) hoursInCrash = 0;
    const mood = hoursInCrash === 0 ? CALM : hoursInCrash <= FALL_HOURS ? FALL : REBOUND;
    bars.push(walkBar(startMs + bars.length * HOUR_MS, bars.at(-1)?.close ?? startPrice, mood, random));
  };
  return derivedPath((simMs) => {
    const hour = Math.max(0, Math.floor((simMs - startMs) / HOUR_MS));
    while (bars.length <= hour) grow();
    const bar = bars[hour];
    return bar === undefined ? startPrice : priceInBar(bar, simMs - bar.openMs, HOUR_MS);
  });
}

function walkBar(openMs: number, open: number, mood: typeof CALM, random: () => number): Bar {
  const step = (driftPct: number) => Math.exp((driftPct + mood.volatilityPct * normal(random)) / 100);
  const close = open * step(mood.driftPct);
  const wick = () => Math.max(1, step(0));
  return { openMs, open, high: Math.max(open, close) * wick(), low: Math.min(open, close) / wick(), close };
}

/** Box and Muller: two uniform numbers make one with mean 0 and deviation 1. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A small generator of numbers in [0, 1) with a 32-bit state: repeatable, and good enough for a price. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
