// The work behind the figure `memory` and behind `npm run soak`: the whole running watch (schedule, cycle, rules, ledger, delivery,
// housekeeping) with the real store, as fast as it goes, on virtual time. The exchange has every answer ready, parsed anew each time
// as from the wire; one channel takes everything, the other refuses now and then. Prints a line of JSON at every mark.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseCross, parsePairs } from "../../src/binance/parse.ts";
import { type Exchange, type Notifier, NotifyError, type ReadResult } from "../../src/core/ports.ts";
import { builtinRules } from "../../src/core/rules/builtin.ts";
import { startRunning } from "../../src/daemon.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { StartSchedule } from "../../src/schedule.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { createTestClock, type TestClock } from "../../test/support/clock.ts";
import { crossText, pairsText } from "../support/answers.ts";
import { CALM, CRITICAL } from "../support/exchange.ts";

export interface SoakPlan {
  readonly folder: string;
  readonly cycles: number;
  /** Virtual time from poll to poll. */
  readonly stepMs: number;
  /** The cross account falls below its bars, and recovers, after so many cycles. */
  readonly cyclesAFlip: number;
  readonly pairs: number;
  readonly markEvery: number;
}

export interface SoakMark {
  readonly cycles: number;
  readonly messages: number;
  readonly rssMb: number;
  /** After garbage collection. */
  readonly heapMb: number;
  /** With its log. */
  readonly databaseKb: number;
  /** Open files and sockets. */
  readonly handles: number;
}

const BARS = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
/** Every so many messages the second channel asks for patience once. */
const REFUSES_EVERY = 10;

async function soak(plan: SoakPlan): Promise<void> {
  const clock = createTestClock();
  const onUnreadable = (row: string) => fail(new Error(`the store cannot read ${row}`));
  const { store } = openStore(plan.folder, { clock, onUnreadable, onDisk: (what) => fail(new Error(what)) });
  const exchange = exchangeThat(plan, clock);
  const [desk, mail] = [channel("desk", undefined), channel("mail", REFUSES_EVERY)];
  const account = { name: "main", poll: "", cross: true, isolated: "all" } as const;
  const settings = {
    accounts: [account],
    rules: builtinRules,
    routes: [],
    staleAfterMs: 4 * plan.stepMs,
    locale: { timezone: "UTC", language: "en" },
  } as const;
  const running = startRunning(settings, {
    store,
    instance: "soak",
    notifiers: [desk.notifier, mail.notifier],
    exchange: () => exchange.port,
    schedule: every(plan.stepMs, clock),
    pulse: { everyMs: 12 * plan.stepMs, ping: async () => undefined },
    tickMs: plan.stepMs,
    clock,
    random: Math.random,
    log: silentLog,
    fatal: fail,
  });
  for (let mark = plan.markEvery; mark <= plan.cycles; mark += plan.markEvery) {
    while (exchange.polls() < mark) await clock.advance(plan.stepMs);
    print({ cycles: mark, messages: desk.sent() + mail.sent(), databaseKb: sizeKb(plan.folder) });
  }
  await clock.advance(60_000); // what was sent back goes out
  const { count } = running.deliveries.backlog();
  await running.stop();
  store.close();
  if (count > 0) throw new Error(`${count} messages were never delivered`);
}

function fail(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** In the place of cron: the same on virtual time. */
function every(stepMs: number, clock: TestClock): StartSchedule {
  return ({ run }) => {
    const stopping = new AbortController();
    const turn = async () => {
      while (!stopping.signal.aborted) {
        await run();
        await clock.sleep(stepMs, stopping.signal).catch(() => undefined);
      }
    };
    const done = turn();
    done.catch(fail);
    return {
      async stop() {
        stopping.abort();
        await done;
      },
    };
  };
}

function exchangeThat({ pairs, cyclesAFlip }: SoakPlan, clock: TestClock) {
  const [calm, critical] = [crossText(CALM * 1.1), crossText(CRITICAL)];
  const pairTexts = Array.from({ length: 8 }, (_, turn) => pairsText(pairs, turn));
  let polls = 0;
  const ok = (answer: (ReadResult & { ok: true })["answer"]): ReadResult => ({
    ok: true,
    atMs: clock.wallMs(),
    answer,
  });
  const port: Exchange = {
    account: "main",
    bars: () => BARS,
    poll() {
      polls += 1;
      const isLow = Math.floor(polls / cyclesAFlip) % 2 === 1;
      const cross = ok(parseCross(JSON.parse(isLow ? critical : calm)));
      const text = pairTexts[polls % pairTexts.length] ?? "";
      const isolated = ok({ source: "isolated", asked: "all", pairs: parsePairs(JSON.parse(text)) });
      return [Promise.resolve(cross), Promise.resolve(isolated)];
    },
  };
  return { port, polls: () => polls };
}

function channel(name: string, refusesEvery: number | undefined) {
  let attempts = 0;
  let sent = 0;
  const notifier: Notifier = {
    name,
    recipients: [name],
    async send({ key }) {
      attempts += 1;
      if (refusesEvery !== undefined && attempts % refusesEvery === 0)
        throw new NotifyError("not_sent", "asks for patience", { retryAfterMs: 5_000 });
      sent += 1;
      return { key };
    },
    async verify() {},
    async close() {},
  };
  return { notifier, sent: () => sent };
}

function print(known: Pick<SoakMark, "cycles" | "messages" | "databaseKb">): void {
  const rssMb = process.memoryUsage.rss() / 1024 / 1024;
  globalThis.gc?.();
  const heapMb = process.memoryUsage().heapUsed / 1024 / 1024;
  const handles = readdirSync("/proc/self/fd").length;
  process.stdout.write(`${JSON.stringify({ ...known, rssMb, heapMb, handles } satisfies SoakMark)}\n`);
}

function sizeKb(folder: string): number {
  const files = readdirSync(folder).filter((name) => name.startsWith("margind.db"));
  return files.reduce((total, name) => total + statSync(join(folder, name)).size, 0) / 1024;
}

const plan: SoakPlan = JSON.parse(process.argv[2] ?? "");
await soak(plan);
