// The work behind the figure `memory`: the real cycle, ledger, delivery and store, as fast as they go, against an exchange that has
// every answer ready and a channel that takes everything. Time is virtual, a quarter of an hour a cycle, so that after the warm-up
// the outbox holds the 14 days that it always holds, and drops as much as it takes in. Prints a line of JSON every thousand cycles.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseCross, parsePairs } from "../../src/binance/parse.ts";
import type { Rulebook } from "../../src/core/advance.ts";
import type { Exchange, Notifier, ReadResult, Source } from "../../src/core/ports.ts";
import { builtinRules } from "../../src/core/rules/builtin.ts";
import { compile } from "../../src/core/rules/compile.ts";
import { type CycleParts, pass, runCycle } from "../../src/cycle.ts";
import { mutedBy, startDelivery } from "../../src/deliver.ts";
import { openLedger } from "../../src/ledger.ts";
import { silentLog } from "../../src/lib/log.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { createTestClock } from "../../test/support/clock.ts";
import { crossText, pairsText } from "../support/answers.ts";
import { CALM, CRITICAL } from "../support/exchange.ts";

export interface CyclesMark {
  readonly cycles: number;
  readonly messages: number;
  readonly rssMb: number;
  /** After garbage collection. */
  readonly heapMb: number;
  /** With its log. */
  readonly databaseKb: number;
}

const MARK_EVERY = 1_000;
const STEP_MS = 900_000;
/** As the daemon prunes: src/housekeeping.ts. */
const KEEP_DELIVERED_MS = 14 * 86_400_000;
const PRUNE_EVERY_CYCLES = 4;
const CYCLES_A_FLIP = 25;
const PAIRS = 100;

const BARS = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };

async function work(folder: string, cyclesMax: number): Promise<void> {
  const clock = createTestClock();
  const { store } = openStore(folder, clock.wallMs(), (row) => {
    throw new Error(`the store cannot read ${row}`);
  });
  let messages = 0;
  const notifier = notifierThat(() => {
    messages += 1;
  });
  const notifiers = [notifier];
  const deliveries = startDelivery({ notifiers, store, clock, random: Math.random, log: silentLog });
  const ledger = openLedger({
    store,
    instance: "bench",
    notifiers,
    log: silentLog,
    isWatched: () => true,
    isWaiting: deliveries.isWaiting,
  });
  const book: Rulebook = {
    rules: builtinRules.flatMap((rule) => compile(rule) ?? []),
    routes: [],
    notifiers: [notifier.name],
    maxGapMs: 4 * STEP_MS,
  };
  const fields = (on: Source) => new Set(book.rules.filter((rule) => rule.on === on).map(({ field }) => field));
  const parts: CycleParts = {
    exchange: exchangeThat(() => clock.wallMs()),
    sources: ["cross", "isolated"],
    ledger,
    book,
    used: { cross: fields("cross"), isolated: fields("isolated") },
    clock,
    locale: { timezone: "UTC", language: "en" },
    deliver: deliveries.add,
    muted: () => mutedBy(deliveries),
  };
  const { signal } = new AbortController();
  for (let cycles = 1; cycles <= cyclesMax; cycles++) {
    await runCycle(parts, signal);
    pass(parts, []); // as the watchdog does
    await clock.advance(STEP_MS); // and deliveries go out
    if (cycles % PRUNE_EVERY_CYCLES === 0) store.prune(clock.wallMs() - KEEP_DELIVERED_MS, ledger.neededKeys());
    if (cycles % MARK_EVERY === 0) mark({ cycles, messages, databaseKb: sizeKb(folder) });
  }
  const { count } = deliveries.backlog();
  await deliveries.stop(0);
  store.close();
  if (count > 0) throw new Error(`${count} messages were never delivered`);
}

function mark(known: Pick<CyclesMark, "cycles" | "messages" | "databaseKb">): void {
  const rssMb = process.memoryUsage.rss() / 1024 / 1024;
  globalThis.gc?.();
  const heapMb = process.memoryUsage().heapUsed / 1024 / 1024;
  process.stdout.write(`${JSON.stringify({ ...known, rssMb, heapMb } satisfies CyclesMark)}\n`);
}

function sizeKb(folder: string): number {
  const files = readdirSync(folder).filter((name) => name.startsWith("margind.db"));
  return files.reduce((total, name) => total + statSync(join(folder, name)).size, 0) / 1024;
}

/** Parsed anew each time, as from the wire. The cross account falls below its bars and recovers, again and again. */
function exchangeThat(wallMs: () => number): Exchange {
  const [calm, critical] = [crossText(CALM * 1.1), crossText(CRITICAL)];
  const pairs = Array.from({ length: 8 }, (_, turn) => pairsText(PAIRS, turn));
  let polls = 0;
  const ok = (answer: (ReadResult & { ok: true })["answer"]): ReadResult => ({ ok: true, atMs: wallMs(), answer });
  return {
    account: "main",
    bars: () => BARS,
    poll() {
      polls += 1;
      const isLow = Math.floor(polls / CYCLES_A_FLIP) % 2 === 1;
      const cross = ok(parseCross(JSON.parse(isLow ? critical : calm)));
      const text = pairs[polls % pairs.length] ?? "";
      const isolated = ok({ source: "isolated", asked: "all", pairs: parsePairs(JSON.parse(text)) });
      return [Promise.resolve(cross), Promise.resolve(isolated)];
    },
  };
}

function notifierThat(onSend: () => void): Notifier {
  return {
    name: "desk",
    recipients: ["C0123456789"],
    async send() {
      onSend();
      return { channel: "C0123456789", ts: "1760000000.000001" };
    },
    async verify() {},
    async close() {},
  };
}

const [, , folder = "", cyclesMax = "0"] = process.argv;
await work(folder, Number(cyclesMax));
