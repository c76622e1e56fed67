// Once a second: is anybody blind, is a channel or the disk in trouble, did nobody watch for a while, did another process add a row, is
// there something old to drop? The watch goes before the disk: what cannot be read or pruned now is tried again later.
import { type Advance, advanceOwn, type Rulebook } from "./core/advance.ts";
import type { Locale } from "./core/format.ts";
import { type Clock, OWN_ACCOUNT, StoreError } from "./core/ports.ts";
import { allOf } from "./core/slow.ts";
import type { Disk, Store } from "./core/store.ts";
import { type CycleParts, pass } from "./cycle.ts";
import { type Deliveries, mutedBy } from "./deliver.ts";
import type { Ledger } from "./ledger.ts";
import type { Log } from "./lib/log.ts";
import { gapNotice, noteAlive } from "./life.ts";
import { tell } from "./tell.ts";

export interface HousekeepingParts {
  readonly accounts: readonly CycleParts[];
  readonly deliveries: Pick<Deliveries, "add" | "troubles" | "isClear">;
  readonly store: Store;
  readonly ledger: Ledger;
  /** Where the store is on a disk. */
  readonly disk: Disk | undefined;
  readonly book: Rulebook;
  readonly locale: Locale;
  readonly clock: Clock;
  readonly log: Log;
  /** Time between two rounds. */
  readonly tickMs: number;
  /** Called at every round: the watch of the watch. */
  onTick(): void;
}

/** How much later than due a round may be before the event loop is said to have stood still. */
const STALL_MS = 5000;
const RETRY_EVERY_MS = 10_000;
const ALIVE_EVERY_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;
const KEEP_DELIVERED_MS = 14 * 86_400_000;

/** Runs until aborted, then rejects with the abort's reason. */
export async function keepHouse(parts: HousekeepingParts, signal: AbortSignal): Promise<void> {
  const { accounts, clock, log, tickMs, onTick } = parts;
  const adopt = adopter(parts);
  const prune = pruner(parts);
  const live = every(ALIVE_EVERY_MS, clock, () => noteAlive(parts.store, clock.wallMs()));
  const watchTime = timeWatcher(parts);
  const watchDisk = diskWatcher(parts);
  let isTold = false;
  for (;;) {
    await clock.sleep(tickMs, signal);
    onTick();
    watchTime();
    for (const account of accounts) pass(account, []);
    watchChannels(parts);
    watchDisk();
    try {
      adopt();
      prune();
      live();
      isTold = false;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!isTold) log.warn({ error }, "the state cannot be read or pruned now");
      isTold = true;
    }
  }
}

const NOTHING: Advance = { changes: [], situations: [] };

type Telling = Pick<HousekeepingParts, "ledger" | "book" | "locale" | "clock"> & {
  readonly deliveries: Pick<Deliveries, "add" | "troubles" | "isClear">;
};

/** What came of something of our own. */
export function tellOwn(moved: readonly Advance[], parts: Telling): void {
  const { deliveries } = parts;
  tell(allOf(moved), { ...parts, deliver: deliveries.add, muted: () => mutedBy(deliveries) });
}

/** A channel in trouble is announced on the others, and so is its recovery. */
export function watchChannels(parts: Telling): void {
  const { deliveries, ledger, book, clock } = parts;
  const nowMs = clock.wallMs();
  const troubles = deliveries.troubles();
  const moved = book.notifiers.map((name) => {
    const trouble = troubles.find(({ notifier }) => notifier === name);
    // Silence right after a start proves nothing: what an earlier run said of the channel holds until it is seen to work.
    if (trouble === undefined && !deliveries.isClear(name)) return NOTHING;
    const id = { account: OWN_ACCOUNT, subject: `notifier ${name}`, rule: "undelivered" } as const;
    const facts = { about: "undelivered", trouble } as const;
    return advanceOwn(id, trouble === undefined ? null : "critical", facts, { states: ledger.states, book, nowMs });
  });
  tellOwn(moved, parts);
}

/** A disk that takes nothing is told from memory, and so is that it works again. */
function diskWatcher(parts: HousekeepingParts): () => void {
  const { ledger, disk, book, clock } = parts;
  const mend = every(RETRY_EVERY_MS, clock, () => {
    disk?.mend();
    ledger.retry();
  });
  return () => {
    mend();
    const found = disk?.trouble();
    const reason = found?.reason ?? ledger.storeTrouble();
    const isShort = found?.kind === "reserve" && ledger.storeTrouble() === undefined;
    const id = { account: OWN_ACCOUNT, subject: "daemon", rule: "disk" } as const;
    const facts = { about: "daemon", trouble: { kind: "disk", reason, isShort } } as const;
    const scene = { states: ledger.states, book, nowMs: clock.wallMs() };
    // The reserve being used is the milder rung: that nothing is stored any more is then told at once.
    const severity = reason === undefined ? null : isShort ? "warning" : "critical";
    tellOwn([advanceOwn(id, severity, facts, scene)], parts);
  };
}

/**
 * Notices that the event loop stood still, that the machine slept or its clock jumped: in that time nobody watched. The exchange is
 * not to blame for it, so the time does not count as its silence.
 */
function timeWatcher(parts: HousekeepingParts): () => void {
  const { clock, book, log, tickMs } = parts;
  let lastMonoMs = clock.monoMs();
  let lastWallMs = clock.wallMs();
  return () => {
    const [monoMs, wallMs] = [clock.monoMs(), clock.wallMs()];
    const lateMs = monoMs - lastMonoMs - tickMs;
    if (lateMs > STALL_MS) log.warn({ lateMs: Math.round(lateMs) }, "the event loop stood still");
    if (wallMs - lastWallMs - tickMs > book.maxGapMs) {
      for (const account of parts.accounts) forgive(account, Math.max(0, lateMs), monoMs);
      tellOwn([gapNotice(lastWallMs, wallMs, "asleep", book)], parts);
    }
    [lastMonoMs, lastWallMs] = [monoMs, wallMs];
  };
}

function forgive({ exchange, sources, ledger }: CycleParts, ms: number, nowMonoMs: number): void {
  for (const source of sources) {
    const health = ledger.health(exchange.account, source);
    if (health === undefined) continue;
    const okMonoMs = Math.min(health.okMonoMs + ms, nowMonoMs); // an answer may have been taken since
    ledger.setHealth(exchange.account, { ...health, okMonoMs });
  }
}

/** Rows that another process put into the outbox (margind test-notify) are delivered too. */
function adopter({ store, deliveries }: HousekeepingParts): () => void {
  let version: number | undefined;
  return () => {
    const now = store.dataVersion();
    if (now !== version) deliveries.add(store.pending(0)); // known ones are not added twice
    version = now;
  };
}

function pruner({ store, ledger, clock }: HousekeepingParts): () => void {
  return every(PRUNE_EVERY_MS, clock, () => store.prune(clock.wallMs() - KEEP_DELIVERED_MS, ledger.neededKeys()));
}

/** Does the work at the first call, and then as often as the time has passed. */
function every(ms: number, clock: Clock, work: () => void): () => void {
  let dueMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.monoMs() < dueMs) return;
    dueMs = clock.monoMs() + ms;
    work();
  };
}
