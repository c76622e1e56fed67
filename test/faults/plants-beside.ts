// Planted faults in what is watched beside the account: histories, streams, flags. As those in plants.ts, each a wrapper round a port.
import { parseCursor } from "../../src/core/cursor.ts";
import type { HistoryPart, HistoryReader, Read } from "../../src/core/history.ts";
import type { PushEvent, PushReader } from "../../src/core/push.ts";
import type { Change, Store } from "../../src/core/store.ts";
import type { Beside, Plant } from "./plants.ts";
import { HOUR, MINUTE } from "./time.ts";

export const BESIDE_PLANTS: readonly Plant[] = [
  { name: "kept-before-told", foundBy: ["events"], store: keptFirst },
  { name: "cursor-before-rows", foundBy: ["events"], store: cursorFirst },
  { name: "rows-known-in-memory-only", foundBy: ["events"], store: knownInMemory },
  { name: "cursor-advanced-on-failure", foundBy: ["events"], beside: history(advancedOnFailure) },
  { name: "overlap-forgotten", foundBy: ["events"], beside: history(withoutOverlap) },
  { name: "ids-as-numbers", foundBy: ["events"], beside: history(roundedIds) },
  { name: "newest-first", foundBy: ["events"], beside: history(keepingTheNewest) },
  { name: "watermark-at-epoch", foundBy: ["watermark"], store: fromTheEpoch },
  { name: "unread-schedule-is-empty", foundBy: ["announced"], beside: emptyWhenUnread },
  { name: "flips-forgotten", foundBy: ["flags"], store: withoutFlags },
  { name: "call-ignored", foundBy: ["push"], beside: push(unlessCalled) },
  { name: "poll-for-every-event", foundBy: ["flood"], beside: pollingForEach },
  { name: "pushed-level-believed", foundBy: ["P4", "false"], beside: believingTheStream },
];

// ---------------------------------------------------------------- round the store

/** Rows and cursors are kept first, and told in a transaction of their own. */
function keptFirst(store: Store): Store {
  return {
    ...store,
    commit({ events, facts, ...told }) {
      if (events === undefined || told.rows.length === 0) return store.commit({ ...told, ...more({ events, facts }) });
      store.commit({ alerts: [], rows: [], snapshot: undefined, ...more({ events, facts }) });
      return store.commit(told);
    },
  };
}

interface More {
  readonly events?: Change["events"] | undefined;
  readonly facts?: Change["facts"] | undefined;
}

const more = ({ events, facts }: More) => ({
  ...(events !== undefined && { events }),
  ...(facts !== undefined && { facts }),
});

/** The cursor is kept at once and stands for what was read; the rows of the same run only wait in memory, for a quarter of an hour. */
function cursorFirst(store: Store): Store {
  let waiting: readonly Change[] = [];
  let sinceMs = 0;
  return {
    ...store,
    commit(change) {
      const nowMs = change.rows[0]?.enqueuedAtMs ?? sinceMs;
      if (change.events === undefined) return store.commit(change);
      const { facts, ...rest } = change;
      store.commit({ alerts: [], rows: [], snapshot: undefined, ...more({ facts }) });
      waiting = [...waiting, rest];
      if (nowMs - sinceMs < 15 * MINUTE) return [];
      sinceMs = nowMs;
      const due = waiting;
      waiting = [];
      return due.flatMap((each) => store.commit(each));
    },
  };
}

/** Rows are on the disk, and nobody looks there. */
function knownInMemory(store: Store): Store {
  const known = new Set<string>();
  const nameOf = (account: string, kind: string, id: string) => `${account}|${kind}|${id}`;
  return {
    ...store,
    commit(change) {
      for (const { account, row } of change.events ?? []) known.add(nameOf(account, row.kind, row.id));
      return store.commit(change);
    },
    knownEvents: (account, { kind }, ids) => new Set(ids.filter((id) => known.has(nameOf(account, kind, id)))),
  };
}

/** A stream that is met for the first time is read from the beginning of time. */
function fromTheEpoch(store: Store): Store {
  return {
    ...store,
    commit(change) {
      const facts = change.facts?.map(({ name, value }) => {
        const isFirst = name.startsWith("cursor.") && store.fact(name) === undefined;
        return isFirst
          ? { name, value: JSON.stringify({ sinceMs: 0, readToMs: 0 }) }
          : { name, value: epoch(name, value) };
      });
      return store.commit({ ...change, ...more({ facts }) });
    },
  };
}

function epoch(name: string, value: string): string {
  const cursor = name.startsWith("cursor.") ? parseCursor(JSON.parse(value)) : undefined;
  return cursor === undefined ? value : JSON.stringify({ ...cursor, sinceMs: 0 });
}

function withoutFlags(store: Store): Store {
  return {
    ...store,
    commit(change) {
      const first = (name: string) => store.fact(name) === undefined;
      const facts = change.facts?.filter(({ name }) => !name.startsWith("flags.") || first(name));
      return store.commit({ ...change, ...more({ facts }) });
    },
  };
}

// ---------------------------------------------------------------- round the readers

function history(lens: (reader: HistoryReader) => HistoryReader): (parts: Beside) => Beside {
  return ({ exchange, readers }) => ({ exchange, readers: { ...readers, history: lens(readers.history) } });
}

type Part = Read<HistoryPart>;

/** What could not be read was empty. */
function advancedOnFailure(reader: HistoryReader): HistoryReader {
  return {
    ...reader,
    async *read(stream, fromMs, signal): AsyncGenerator<Part> {
      for await (const part of reader.read(stream, fromMs, signal))
        yield part.ok ? part : { ok: true, value: { rows: [], readToMs: reader.nowMs() } };
    },
  };
}

/** What was read once is never read again. */
function withoutOverlap(reader: HistoryReader): HistoryReader {
  return { ...reader, read: (stream, fromMs, signal) => reader.read(stream, fromMs + HOUR + MINUTE, signal) };
}

function withRows(reader: HistoryReader, lens: (part: HistoryPart) => HistoryPart): HistoryReader {
  return {
    ...reader,
    async *read(stream, fromMs, signal): AsyncGenerator<Part> {
      for await (const part of reader.read(stream, fromMs, signal))
        yield part.ok ? { ok: true, value: lens(part.value) } : part;
    },
  };
}

function roundedIds(reader: HistoryReader): HistoryReader {
  return withRows(reader, ({ rows, readToMs }) => ({
    rows: rows.map((row) => ({ ...row, id: `${BigInt(Number(row.id))}` })),
    readToMs,
  }));
}

/** As who asks for one page only. */
function keepingTheNewest(reader: HistoryReader): HistoryReader {
  return withRows(reader, ({ rows, readToMs }) => ({ rows: rows.slice(-10), readToMs }));
}

/** A schedule that could not be read has nothing on it. */
function emptyWhenUnread({ exchange, readers }: Beside): Beside {
  const { market } = readers;
  const delistings: typeof market.delistings = async (signal) => {
    const read = await market.delistings(signal);
    return read.ok ? read : { ok: true, value: [] };
  };
  return { exchange, readers: { ...readers, market: { ...market, delistings } } };
}

// ---------------------------------------------------------------- round the streams

function push(isHeard: (event: PushEvent) => boolean): (parts: Beside) => Beside {
  return ({ exchange, readers }) => ({
    exchange,
    readers: { ...readers, push: heard(readers.push, (event, onEvent) => isHeard(event) && onEvent(event)) },
  });
}

function heard(reader: PushReader, hear: (event: PushEvent, onEvent: (event: PushEvent) => void) => void): PushReader {
  return {
    listen: (streams, onEvent, signal) => reader.listen(streams, (event) => hear(event, onEvent), signal),
  };
}

function unlessCalled(event: PushEvent): boolean {
  return event.kind !== "margin-level";
}

/** As many polls as there are events. */
function pollingForEach({ exchange, readers }: Beside): Beside {
  const never = new AbortController();
  const listening = heard(readers.push, (event, onEvent) => {
    void Promise.all(exchange.poll(never.signal));
    onEvent(event);
  });
  return { exchange, readers: { ...readers, push: listening } };
}

/** The last level that was pushed is as good as one that was read. */
function believingTheStream({ exchange, readers }: Beside): Beside {
  let pushed: number | undefined;
  const listening = heard(readers.push, (event, onEvent) => {
    if (event.kind === "margin-level") pushed = event.level;
    onEvent(event);
  });
  return {
    readers: { ...readers, push: listening },
    exchange: {
      ...exchange,
      poll: (signal) =>
        exchange.poll(signal).map(async (read) => {
          const result = await read;
          if (!result.ok || result.answer.source !== "cross" || pushed === undefined) return result;
          return { ...result, answer: { ...result.answer, marginLevel: pushed } };
        }),
    },
  };
}
