// Faults that are planted into the program, each a wrapper round one of its ports or parts: what a simulator is worth shows in
// whether it finds them. Nothing in src/ knows of them.

import type { Readers } from "../../src/beside.ts";
import type { PriceReader } from "../../src/core/market.ts";
import {
  type Clock,
  type Exchange,
  type Notifier,
  NotifyError,
  type OutboxRow,
  type ReadResult,
} from "../../src/core/ports.ts";
import type { Change, Store } from "../../src/core/store.ts";
import type { Pulse } from "../../src/heartbeat.ts";
import type { StartSchedule } from "../../src/schedule.ts";
import type { Disk } from "./disk.ts";
import { KEYS } from "./exchange.ts";
import { BESIDE_PLANTS } from "./plants-beside.ts";
import { PRICED_PLANTS } from "./plants-priced.ts";
import { DAY, MINUTE, SECOND } from "./time.ts";

/** What is read of an account. */
export interface Beside {
  readonly exchange: Exchange;
  readonly readers: Readers;
}

/** Prices, and what is polled because of them, in one watch. */
export interface Priced {
  exchange?(exchange: Exchange): Exchange;
  beside?(readers: Pick<Readers, "market">): void;
  schedule?(schedule: StartSchedule): StartSchedule;
  prices(reader: PriceReader): PriceReader;
}

export interface Plant {
  readonly name: string;
  /** The invariants that must find it: any of them. */
  readonly foundBy: readonly string[];
  store?(store: Store): Store;
  notifiers?(notifiers: readonly Notifier[], clock: Clock): readonly Notifier[];
  exchange?(exchange: Exchange): Exchange;
  schedule?(schedule: StartSchedule, clock: Clock): StartSchedule;
  pulse?(pulse: Pulse): Pulse;
  clock?(clock: Clock): Clock;
  disk?(disk: Disk): void;
  beside?(parts: Beside): Beside;
  /** Made anew for every watch. */
  priced?(): Priced;
  /** After a restart or reload it does not wait for the spacing. */
  readonly isHasty?: boolean;
}

export const NO_PLANT: Plant = { name: "none", foundBy: [] };

export const PLANTS: readonly Plant[] = [
  { name: "commit-after-send", foundBy: ["P1"], store: committedLate },
  { name: "drop-on-429", foundBy: ["P1"], notifiers: (all) => all.map(droppingOn("not_sent")) },
  { name: "resolve-on-missing-data", foundBy: ["P4"], exchange: (exchange) => reading(exchange, healthyInstead) },
  {
    name: "absent-is-healthy",
    foundBy: ["P4", "X16"],
    exchange: (exchange) => reading(exchange, withoutDebtWhenAbsent()),
  },
  { name: "shared-queue", foundBy: ["P6"], notifiers: behindOneAnother },
  {
    name: "no-fsync",
    foundBy: ["P1"],
    disk(disk) {
      disk.isSynced = false;
    },
  },
  {
    name: "ban-forgotten",
    foundBy: ["X2"],
    store: (store) => ({
      ...store,
      setFact: (name, value) => (name === "ban" ? undefined : store.setFact(name, value)),
    }),
  },
  { name: "timer-overflow", foundBy: ["X1b", "heartbeat"], clock: overflowing },
  {
    name: "resolved-swallowed",
    foundBy: ["P1"],
    store: (store) => rowsOnly(store, ({ message }) => message.kind !== "resolved"),
  },
  // In the wrong order (P3), or left out of a late message that is made of rows that belong together (P1).
  { name: "order-broken", foundBy: ["P3", "P1"], store: withoutOrder },
  { name: "state-forgotten", foundBy: ["P1", "P2"], store: (store) => ({ ...store, alerts: () => [] }) },
  { name: "invalid-data-believed", foundBy: ["false", "P4"], exchange: (exchange) => reading(exchange, believed) },
  {
    name: "heartbeat-always-good",
    foundBy: ["heartbeat"],
    pulse: ({ everyMs, ping }) => ({ everyMs, ping: () => ping(undefined) }),
  },
  { name: "spacing-lost-at-restart", foundBy: ["pacing"], isHasty: true },
  { name: "secret-in-a-message", foundBy: ["P8"], store: leaking },
  { name: "sent-twice", foundBy: ["P2"], notifiers: (all) => all.map(twice) },
  { name: "silence-after-the-clock-was-set-back", foundBy: ["P5"], schedule: byTheWallClock },
  { name: "alert-lost", foundBy: ["missed"], exchange: (exchange) => reading(exchange, rosy) },
  {
    name: "row-marked-delivered-when-ambiguous",
    foundBy: ["P1"],
    notifiers: (all) => all.map(droppingOn("ambiguous")),
  },
  ...BESIDE_PLANTS,
  ...PRICED_PLANTS,
];

// ---------------------------------------------------------------- round the store

/** Hands rows to the channels first, and stores them when something was delivered. */
function committedLate(store: Store): Store {
  const waiting: Change[] = [];
  let lastId = -1_000_000;
  const flush = () => {
    for (const change of waiting.splice(0)) store.commit(change);
  };
  return {
    ...store,
    commit(change) {
      if (change.rows.length === 0 && waiting.length === 0) return store.commit(change);
      waiting.push(change);
      return change.rows.map((row) => ({ ...row, id: --lastId, attempts: 0, error: null, isAmbiguous: false }));
    },
    settle(key, settlement) {
      flush();
      store.settle(key, settlement);
    },
  };
}

function rowsOnly(store: Store, isKept: (row: Change["rows"][number]) => boolean): Store {
  return { ...store, commit: (change) => store.commit({ ...change, rows: change.rows.filter(isKept) }) };
}

/** Nobody knows which rows belong together, and after a restart the last one is the first. */
function withoutOrder(store: Store): Store {
  const loose = (rows: readonly OutboxRow[]) =>
    rows.map((row, index) => ({ ...row, incidents: [`${row.key}${index}`] }));
  return {
    ...store,
    commit: (change) => loose(store.commit(change)),
    pending: (afterId) => loose([...store.pending(afterId)].reverse()),
  };
}

function leaking(store: Store): Store {
  const key = KEYS["main"]?.key ?? "";
  return {
    ...store,
    commit: (change) =>
      store.commit({
        ...change,
        rows: change.rows.map((row) => ({
          ...row,
          message: { ...row.message, title: `${row.message.title} (key ${key})` },
        })),
      }),
  };
}

// ---------------------------------------------------------------- round the channels

function droppingOn(kind: NotifyError["kind"]): (notifier: Notifier) => Notifier {
  return (notifier) => ({
    ...notifier,
    async send(delivery, signal) {
      try {
        return await notifier.send(delivery, signal);
      } catch (error) {
        if (error instanceof NotifyError && error.kind === kind) return {};
        throw error;
      }
    },
  });
}

/** One queue for all channels. */
function behindOneAnother(notifiers: readonly Notifier[]): readonly Notifier[] {
  let last: Promise<unknown> = Promise.resolve();
  return notifiers.map((notifier) => ({
    ...notifier,
    send(delivery, signal) {
      const mine = last.then(() => notifier.send(delivery, signal));
      last = mine.catch(() => undefined);
      return mine;
    },
  }));
}

function twice(notifier: Notifier): Notifier {
  let count = 0;
  return {
    ...notifier,
    async send(delivery, signal) {
      const receipt = await notifier.send(delivery, signal);
      count += 1;
      return count % 10 === 0 ? notifier.send(delivery, signal) : receipt;
    },
  };
}

// ---------------------------------------------------------------- round the exchange

type Lens = (result: ReadResult) => ReadResult;

function reading(exchange: Exchange, lens: Lens): Exchange {
  return { ...exchange, poll: (signal) => exchange.poll(signal).map(async (result) => lens(await result)) };
}

/** A read that failed shows an account without debt. */
const healthyInstead: Lens = (result) =>
  result.ok || result.source === "isolated"
    ? result
    : { ok: true, atMs: result.atMs, answer: { ...NO_DEBT, source: "cross" } };

const NO_DEBT = {
  opened: true,
  marginLevel: 999,
  collateralMarginLevel: 999,
  totalAssetOfBtc: 1,
  totalLiabilityOfBtc: 0,
  totalNetAssetOfBtc: 1,
  borrowEnabled: true,
  tradeEnabled: true,
  transferInEnabled: true,
  transferOutEnabled: true,
  accountType: "MARGIN_1",
  assets: [],
  problems: [],
};

/** A pair that is not in the answer is shown as it was, with everything paid back. */
function withoutDebtWhenAbsent(): Lens {
  return (result) => {
    if (!result.ok || result.answer.source !== "cross" || result.answer.opened) return result;
    return { ...result, answer: { ...NO_DEBT, source: "cross" } };
  };
}

/** A level that cannot be read is taken to be zero. */
const believed: Lens = (result) => {
  if (!result.ok || result.answer.source !== "cross" || result.answer.marginLevel !== undefined) return result;
  return { ...result, answer: { ...result.answer, marginLevel: 0, assets: result.answer.assets ?? [] } };
};

/** Everything looks better than it is. */
const rosy: Lens = (result) => {
  if (!result.ok || result.answer.source !== "cross") return result;
  const { marginLevel } = result.answer;
  return {
    ...result,
    answer: { ...result.answer, marginLevel: marginLevel === undefined ? undefined : marginLevel + 0.02 },
  };
};

// ---------------------------------------------------------------- round the clocks

const TIMER_MAX_MS = 2 ** 31 - 1;

/** A sleep that is too long for a timer is over at once. */
function overflowing(clock: Clock): Clock {
  return { ...clock, sleep: (ms, signal) => clock.sleep(ms > TIMER_MAX_MS ? 0 : ms, signal) };
}

/** The next poll is due at a time of the wall clock: set back by hours, it does not come for hours. */
function byTheWallClock(start: StartSchedule, clock: Clock): StartSchedule {
  return (parts) => {
    let dueMs = Number.NEGATIVE_INFINITY;
    const pollMs = Number(parts.expression);
    return start({
      ...parts,
      async run() {
        if (clock.wallMs() < dueMs - SECOND && dueMs - clock.wallMs() < DAY + MINUTE) return;
        dueMs = clock.wallMs() + pollMs;
        await parts.run();
      },
    });
  };
}
