// Does it grow? 10,000 cycles of the whole watch with the real store on virtual time (jobs/soak.ts), a quarter of an hour a cycle, so
// that after the warm-up the outbox holds the 14 days that it always holds. What is left after 2,000 of them is compared with what is left at the end. The bare poller makes as many polls over real HTTP.
import { statSync } from "node:fs";
import { join } from "node:path";
import { atMost, type Figure, type Line, type Unit } from "./figure.ts";
import type { SoakMark, SoakPlan } from "./jobs/soak.ts";
import { CROSS, type Desk, makeDesk } from "./support/desk.ts";
import { startBenchExchange } from "./support/exchange.ts";
import { start } from "./support/process.ts";

const CYCLES = 10_000;
const WARM_CYCLES = 2_000;
/**
 * At thousands of cycles a minute V8 would give the young generation tens of megabytes more, in steps, for speed; a daemon that
 * polls once a second never gets there. Held small, what grows is what is kept.
 */
const YOUNG = "--max-semi-space-size=4";
/** Flat: not more than this above what it was after the warm-up. */
const GROWTH_MAX = 1.05;

export const memory: Figure = { name: "memory", seconds: 60, measure };

async function measure(): Promise<readonly Line[]> {
  using desk = makeDesk();
  const plan: SoakPlan = {
    folder: desk.folder,
    cycles: CYCLES,
    stepMs: 900_000,
    cyclesAFlip: 25,
    pairs: 100,
    markEvery: WARM_CYCLES,
  };
  await using work = start("jobs/soak.ts", [JSON.stringify(plan)], {}, [YOUNG, "--expose-gc"]);
  await work.ended();
  const marks = work.lines.map((line): SoakMark => JSON.parse(line));
  const warm = markAt(marks, WARM_CYCLES);
  const last = markAt(marks, CYCLES);
  const bare = await bareAfter(desk);
  const grown = (what: string, unit: Unit, of: (mark: SoakMark) => number, bareValue: number | undefined): Line => ({
    what: `${what} after ${CYCLES} cycles (${last.messages} messages)`,
    unit,
    margind: of(last),
    ...(bareValue !== undefined && { bare: bareValue }),
    goal: atMost(of(last), GROWTH_MAX * of(warm), `≤ 1.05 × ${of(warm).toFixed(1)} after ${WARM_CYCLES}`),
  });
  return [
    grown("memory (RSS)", "MB", ({ rssMb }) => rssMb, bare.rssMb),
    grown("heap in use", "MB", ({ heapMb }) => heapMb, undefined),
    grown("database", "kB", ({ databaseKb }) => databaseKb, bare.databaseKb),
  ];
}

function markAt(marks: readonly SoakMark[], cycles: number): SoakMark {
  const mark = marks.find((each) => each.cycles === cycles);
  if (mark === undefined) throw new Error(`nothing was noted after ${cycles} cycles`);
  return mark;
}

async function bareAfter(desk: Desk): Promise<{ readonly rssMb: number; readonly databaseKb: number }> {
  await using exchange = await startBenchExchange({ isCritical: (nth) => nth % 25 === 0 });
  const task = { exchangeUrl: exchange.url, keys: ["bare"], paths: [CROSS], everyMs: 0, polls: CYCLES };
  await using bare = desk.bare(task, [YOUNG]);
  await bare.ended();
  const { rssMb }: { readonly rssMb: number } = JSON.parse(bare.lines.at(-1) ?? "");
  return { rssMb, databaseKb: statSync(join(desk.folder, "bare.db")).size / 1024 };
}
