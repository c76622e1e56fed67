// Public prices, read every few seconds while anybody owes anything. The one thing to know: prices are told only while they are fresh,
// and no failure of theirs touches an alert: a message then has no prices, and polls come when they come.

import type { PriceLookup, PriceReader, Prices } from "./core/market.ts";
import { heldOf, owes } from "./core/observe.ts";
import type { AssetBalance, Clock, Failure } from "./core/ports.ts";
import { usdtPrice } from "./core/usdt-price.ts";

import { type Backoff, stepMs } from "./lib/backoff.ts";
import type { Log } from "./lib/log.ts";
import type { Shot } from "./memory.ts";

export interface PriceFeedParts {
  readonly reader: PriceReader;
  /** Time between two reads. */
  readonly everyMs: number;
  /** Assets that are held or owed, and symbols of isolated pairs, of all that owes: see `neededFor`. Empty: nobody needs a price. */
  needed(): ReadonlySet<string>;
  /** Called after every good read, with what `latest` tells then. */
  onPrices(prices: Prices): void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PriceFeed {
  /** Reads until aborted; never rejects. One read at a time. */
  run(signal: AbortSignal): Promise<void>;
  /** Undefined when there are none that are fresh. A map that was handed out does not change any more. */
  latest(): Prices | undefined;
}

/**
 * What is older is not calculated with: as long as an account may be silent before it counts as blind. A coin goes 2 %, by which a book
 * is distrusted, in a few minutes, and in half a minute only when everything falls. It is two reads where reads are rarer, but never more
 * than the most: where they are rarer still, there are none that are fresh in between.
 */
const FRESH_MS = 30_000;
const FRESH_MOST_MS = 120_000;
/** All symbols are read so often, so that new markets and assets that nobody held are known. Then they are old, and not told. */
const WHOLE_MS = 600_000;
/** A longer list is no cheaper than all of them, and its address is longer than servers take. */
const LIST_MAX = 200;
const RETRY: Backoff = { firstMs: 2_000, maxMs: 60_000 };
/** Lists refused one after the other, each made of all symbols that had just been read: then no list is asked for any more. */
const REFUSALS_MAX = 2;

interface Kept {
  /** Every symbol, the latest price of each. */
  readonly all: Prices;
  /** What the last read told. */
  readonly last: Prices;
  /** Monotonic time at which the last read was asked for: that is how old the prices may be. */
  readonly atMs: number;
  /** The same on the wall: a machine that sleeps stops the monotonic clock, and wakes up with prices of last night. */
  readonly atWallMs: number;
  /** When all symbols were read. */
  readonly wholeAt: Moment;
  /** What was needed when all symbols were read. */
  readonly needed: ReadonlySet<string>;
}

type Moment = Pick<Kept, "atMs" | "atWallMs">;

export function createPriceFeed(parts: PriceFeedParts): PriceFeed {
  const { reader, everyMs, clock, log } = parts;
  const freshMs = Math.min(FRESH_MOST_MS, Math.max(FRESH_MS, 2 * everyMs));
  const [reading, working] = [createTrouble(log), createTrouble(log)];
  let kept: Kept | undefined;
  /** By asset or pair that was needed when all symbols were read: the symbols that its price is worked out of. Made when it is wanted. */
  let symbolsOf: ReadonlyMap<string, readonly string[]> | undefined;
  /** So many names had more symbols than a list takes: of as many it is not tried again. */
  let namesTooMany = Number.POSITIVE_INFINITY;
  /** Lists refused in a row. */
  let refusals = 0;
  let isListRefused = false;
  let failures = 0;

  const ageMs = ({ atMs, atWallMs }: Moment): number => Math.max(clock.monoMs() - atMs, clock.wallMs() - atWallMs);
  const latest = (): Prices | undefined => {
    if (kept === undefined || ageMs(kept) >= freshMs) return undefined;
    return ageMs(kept.wholeAt) >= WHOLE_MS ? kept.last : kept.all;
  };

  /** What is to be read for these; undefined: all. */
  const listOf = (needed: ReadonlySet<string>): readonly string[] | undefined => {
    if (kept === undefined || ageMs(kept.wholeAt) >= WHOLE_MS) return undefined;
    if (isListRefused || refusals >= REFUSALS_MAX || needed.size >= namesTooMany) return undefined;
    symbolsOf ??= symbolsFor(kept.needed, kept.all);
    const list = new Set<string>();
    for (const name of needed) {
      const symbols = symbolsOf.get(name);
      if (symbols === undefined) return undefined; // nobody needed it when all were read
      for (const symbol of symbols) list.add(symbol);
    }
    if (list.size > LIST_MAX) namesTooMany = needed.size;
    return list.size === 0 || list.size > LIST_MAX ? undefined : [...list].sort();
  };

  const keepAll = (all: Prices, needed: ReadonlySet<string>, at: Moment): void => {
    kept = { all, last: all, needed, ...at, wholeAt: at };
    symbolsOf = undefined;
    isListRefused = false;
  };

  const keepSome = (some: Prices, before: Kept, at: Moment): void => {
    kept = { ...before, ...at, all: new Map([...before.all, ...some]), last: some };
    refusals = 0;
  };

  const refused = (list: readonly string[]): void => {
    isListRefused = true;
    refusals += 1;
    log.debug({ symbols: list.length }, "the exchange refuses a list of prices: reading all of them");
  };

  const failed = ({ code, detail, untilMs }: Failure): number => {
    reading.begins(`prices cannot be read (${code}: ${detail}); alerts do without them`);
    failures += 1;
    const silentMs = untilMs === undefined ? 0 : untilMs - clock.wallMs(); // now: the wall clock may be set during the wait
    return Math.max(everyMs, stepMs(RETRY, failures), silentMs);
  };

  /** One read, if there is a reason for it. Resolves with the time to wait after it. */
  const once = async (signal: AbortSignal): Promise<number> => {
    const needed = new Set(parts.needed()); // as it is now: what comes while the answer is on its way was not in it
    if (kept !== undefined && needed.size === 0) return everyMs;
    const list = listOf(needed);
    const at = { atMs: clock.monoMs(), atWallMs: clock.wallMs() };
    const read = await reader.prices(list, signal);
    if (signal.aborted) return 0;
    if (!read.ok) {
      if (list === undefined || read.failure.code !== "bad_response") return failed(read.failure);
      refused(list);
      return 0; // a symbol is gone: all of them tell which are left
    }
    failures = 0;
    reading.ends("prices are read again");
    if (list === undefined || kept === undefined) keepAll(read.value, needed, at);
    else keepSome(read.value, kept, at);
    const prices = latest();
    if (prices !== undefined) parts.onPrices(prices);
    working.ends("prices can be worked with again");
    return everyMs;
  };

  return {
    latest,
    async run(signal) {
      while (!signal.aborted) {
        const waitMs = await once(signal).catch((error: unknown) => {
          working.begins(`prices cannot be worked with (${String(error)}); please report this`);
          return everyMs;
        });
        await clock.sleep(waitMs, signal).catch(() => undefined); // aborted: the loop ends
      }
    },
  };
}

/** Says once that something goes wrong, and once that it is over. */
function createTrouble(log: Log) {
  let isOn = false;
  return {
    begins(text: string) {
      if (!isOn) log.warn({}, text);
      isOn = true;
    },
    ends(text: string) {
      if (isOn) log.info({}, text);
      isOn = false;
    },
  };
}

/**
 * By name, the symbols that its price is worked out of. `usdtPrice` is asked, and what it finds is noted, so that the two stay in step. A
 * pair needs its own symbol, bitcoin is needed by every book, and what has no price at all needs none.
 */
function symbolsFor(names: ReadonlySet<string>, all: Prices): ReadonlyMap<string, readonly string[]> {
  let found: string[] = [];
  const noted: PriceLookup = {
    get(symbol) {
      const price = all.get(symbol);
      if (price !== undefined) found.push(symbol);
      return price;
    },
  };
  const symbols = new Map<string, readonly string[]>();
  for (const name of names) {
    found = [];
    noted.get(name);
    for (const asset of [name, "BTC"]) usdtPrice(asset, noted);
    symbols.set(name, found);
  }
  return symbols;
}

/** What the feed must read for these. Of subjects with debt only: nobody works anything out of the others. */
export function neededFor(shots: Iterable<Shot>): ReadonlySet<string> {
  const names = new Set<string>();
  const note = (balance: AssetBalance | undefined) => {
    if (balance !== undefined && (heldOf(balance) > 0 || owes(balance))) names.add(balance.asset);
  };
  for (const { observation } of shots) {
    const { source } = observation;
    if (source === undefined || !observation.hasDebt) continue;
    if ("source" in source) {
      for (const balance of source.assets ?? []) note(balance);
      continue;
    }
    names.add(source.symbol);
    note(source.base);
    note(source.quote);
  }
  return names;
}
