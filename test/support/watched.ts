// One account, watched as the daemon watches it, without its schedule and its channels: a scripted exchange over real sockets, the real
// client, rules and ledger over a store in memory, on a clock that a test may jump forward. What would be sent is only collected.

import { createBinance } from "../../src/binance/client.ts";
import type { RuleConfig } from "../../src/core/rules/types.ts";
import type { Snapshot } from "../../src/core/store.ts";
import { pass, runCycle } from "../../src/cycle.ts";
import { openLedger } from "../../src/ledger.ts";
import { silentLog } from "../../src/lib/log.ts";
import { banOf, barsOf } from "../../src/store/facts.ts";
import { watchOf } from "../../src/watch.ts";
import { accountOf, never, SECOND } from "./client.ts";
import { bookOf, messageText, UTC } from "./desk.ts";
import { type FakeExchange, type FakeOptions, startExchange } from "./exchange.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";
import { NO_STREAM } from "./no-stream.ts";
import { createWarpClock, type WarpClock } from "./warp-clock.ts";

export interface WatchedOptions extends FakeOptions {
  readonly isolated?: "all" | "none" | readonly string[];
  readonly rules?: readonly RuleConfig[];
  /** Instead of the scripted exchange's own address. */
  readonly baseUrl?: string;
}

export interface Watched extends AsyncDisposable {
  readonly server: FakeExchange;
  readonly clock: WarpClock;
  /** What was told so far, as a person reads it. */
  readonly told: readonly string[];
  readonly warnings: readonly string[];
  /** What fires now: "cross/cross-margin-level critical". */
  firing(): readonly string[];
  /** What is kept of the account. */
  snapshot(): Snapshot | undefined;
  /** One poll, this long after the last look. */
  poll(afterMs?: number): Promise<void>;
  /** The watchdog's look at the clocks, likewise. */
  look(afterMs?: number): void;
  /** The process ends and another one goes on with what the store kept. */
  restart(): Promise<void>;
}

/** As the daemon's defaults: BLIND after this long without a valid answer. */
export const STALE_AFTER_MS = 30 * SECOND;

export async function watchAccount(options: WatchedOptions = {}): Promise<Watched> {
  await using stack = new AsyncDisposableStack();
  const clock = createWarpClock();
  const server = await startExchange({ serverMs: clock.trueMs, ...options });
  stack.defer(() => server.close());
  const told: string[] = [];
  const warnings: string[] = [];
  const around = { url: server.url, store: createMemoryStore(), clock, told, warnings };
  const begin = () => startProcess(options, around);
  let running = begin();
  stack.defer(() => running.close());
  const owned = stack.move();
  return {
    server,
    clock,
    told,
    warnings,
    firing: () => running.firing(),
    snapshot: () => running.snapshot(),
    async poll(afterMs = 5 * SECOND) {
      clock.skip(afterMs);
      await running.poll();
    },
    look(afterMs = SECOND) {
      clock.skip(afterMs);
      running.look();
    },
    async restart() {
      await running.close();
      running = begin();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Surroundings {
  readonly url: string;
  readonly store: MemoryStore;
  readonly clock: WarpClock;
  readonly told: string[];
  readonly warnings: string[];
}

function startProcess(options: WatchedOptions, { url, store, clock, told, warnings }: Surroundings) {
  const log = { ...silentLog, warn: (_: object, text: string) => warnings.push(text) };
  const notifiers = [{ name: "desk", recipients: ["#desk"] }];
  const stillWaiting = () => () => true;
  const ledger = openLedger({ store, instance: "test", notifiers, log, isWatched: () => true, stillWaiting });
  const binance = createBinance({
    stream: NO_STREAM,
    baseUrl: options.baseUrl ?? url,
    minSpacingMs: 0,
    timeoutMs: 2 * SECOND,
    recvWindowMs: 5000,
    weightBudgetPct: 50,
    clock,
    random: () => 0,
    bans: banOf(store),
    barsStore: barsOf(store),
    log,
  });
  const indebted = (ledger.snapshot("main")?.known ?? []).map(({ subject }) => subject);
  const account = { ...accountOf({ isolated: options.isolated ?? "none", indebted }), poll: "*/5 * * * * *" };
  const watch = watchOf(
    account,
    binance.exchange(account),
    {
      ledger,
      book: bookOf(options.rules === undefined ? {} : { rules: options.rules }),
      clock,
      locale: UTC,
      deliver: (rows) => void told.push(...rows.map(({ message }) => messageText(message))),
      muted: () => new Set(),
    },
    log,
  );
  return {
    poll: async () => watch.note(await runCycle(watch.parts, never)),
    look: () => pass(watch.parts, []),
    snapshot: () => ledger.snapshot("main"),
    firing: () =>
      ledger
        .alerts()
        .flatMap(({ id, state }) => (state?.phase === "firing" ? [`${id.subject}/${id.rule} ${state.severity}`] : [])),
    close: () => binance.close(),
  };
}
