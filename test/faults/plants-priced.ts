// Planted faults in what prices and the memory of levels may do. As those in plants.ts, each a wrapper round a port.
import type { PriceReader, Prices } from "../../src/core/market.ts";
import { type Exchange, type ReadResult, StoreError } from "../../src/core/ports.ts";
import type { Memory, Store } from "../../src/core/store.ts";
import type { Plant, Priced } from "./plants.ts";

export const PRICED_PLANTS: readonly Plant[] = [
  { name: "estimate-opens", foundBy: ["estimate", "false", "P4"], priced: believingEstimates },
  { name: "answer-from-memory", foundBy: ["estimate"], priced: answeringAgain },
  { name: "price-blocks", foundBy: ["lane"], priced: inTheLaneOfTheKey },
  { name: "poll-for-every-price", foundBy: ["storm"], priced: pollingForEach },
  { name: "memory-first", foundBy: ["P6", "P1"], store: losingAllWithTheMemory },
  { name: "baseline-leaks", foundBy: ["memories"], store: (store) => remembering(store, isLasting) },
  {
    name: "track-unwritten",
    foundBy: ["memories"],
    store: (store) => remembering(store, ({ kind }) => kind !== "track"),
  },
  { name: "falls-forgotten", foundBy: ["missed", "P4"], store: (store) => ({ ...store, memories: () => [] }) },
  { name: "memory-without-end", foundBy: ["memories"], store: growing() },
];

// ---------------------------------------------------------------- round the store

const isLasting = ({ kind, body }: Memory) => body !== null || !kind.startsWith("before ");

function remembering(store: Store, isKept: (memory: Memory) => boolean): Store {
  return {
    ...store,
    commit: (change) => store.commit({ ...change, memories: (change.memories ?? []).filter(isKept) }),
  };
}

/** What is remembered did not fit: then the alerts of the same commit are gone, too, and nobody tries again. */
function losingAllWithTheMemory(store: Store): Store {
  return {
    ...store,
    commit(change) {
      try {
        return store.commit(change);
      } catch (error) {
        if (error instanceof StoreError && (change.memories ?? []).length > 0) return [];
        throw error;
      }
    },
  };
}

/** Nothing is ever thinned out. */
function growing(): (store: Store) => Store {
  let all = "";
  return (store) => ({
    ...store,
    commit: (change) =>
      store.commit({
        ...change,
        memories: (change.memories ?? []).map((memory) => {
          if (!memory.kind.startsWith("tops ") || memory.body === null) return memory;
          all += memory.body;
          return { ...memory, body: all };
        }),
      }),
  });
}

// ---------------------------------------------------------------- round prices and polls

/** The level goes as bitcoin goes; where it moved much since the last answer, nobody asks the exchange. */
function believingEstimates(): Priced {
  let now: number | undefined;
  const answered = (exchange: Exchange): Exchange => {
    let last: { readonly result: ReadResult; readonly price: number } | undefined;
    return {
      ...exchange,
      poll(signal) {
        if (last !== undefined && now !== undefined && Math.abs(now / last.price - 1) > 0.1) {
          const { result, price } = last;
          last = undefined;
          return [Promise.resolve(estimated(result, now / price))];
        }
        return exchange.poll(signal).map(async (read) => {
          const result = await read;
          if (result.ok && result.answer.source === "cross" && now !== undefined) last = { result, price: now };
          return result;
        });
      },
    };
  };
  return { exchange: answered, prices: (reader) => seeing(reader, (prices) => (now = prices.get("BTCUSDT") ?? now)) };
}

/** Where prices were read since the last poll, nobody asks the exchange: the last answer is as good. */
function answeringAgain(): Priced {
  let isPriced = false;
  return {
    exchange(exchange) {
      let last: readonly Promise<ReadResult>[] = [];
      return {
        ...exchange,
        poll(signal) {
          const again = isPriced ? last : [];
          isPriced = false;
          last = again.length > 0 ? [] : exchange.poll(signal);
          return again.length > 0 ? again : last;
        },
      };
    },
    prices: (reader) =>
      seeing(reader, () => {
        isPriced = true;
      }),
  };
}

function estimated(result: ReadResult, times: number): ReadResult {
  if (!result.ok || result.answer.source !== "cross") return result;
  const { marginLevel } = result.answer;
  return { ...result, answer: { ...result.answer, marginLevel: marginLevel && marginLevel * times } };
}

function seeing(reader: PriceReader, see: (prices: Prices) => void): PriceReader {
  return {
    async prices(symbols, signal) {
      const read = await reader.prices(symbols, signal);
      if (read.ok) see(read.value);
      return read;
    },
  };
}

/** The key of an account asks for prices, before anything else. */
function inTheLaneOfTheKey(): Priced {
  let ask: ((signal: AbortSignal) => ReturnType<PriceReader["prices"]>) | undefined;
  return {
    beside({ market }) {
      ask = market.prices;
    },
    prices: (reader) => ({ prices: (symbols, signal) => ask?.(signal) ?? reader.prices(symbols, signal) }),
  };
}

/** Every read of prices is followed by polls, whatever it says. */
function pollingForEach(): Priced {
  const polls: (() => Promise<void>)[] = [];
  const pollAll = async () => {
    for (let i = 0; i < 8; i++) for (const poll of polls) await poll();
  };
  return {
    schedule: (start) => (parts) => {
      if (!parts.name.includes(" ")) polls.push(parts.run); // the others are not polls of an account
      return start(parts);
    },
    prices: (reader) => seeing(reader, () => void pollAll()),
  };
}
