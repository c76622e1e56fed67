// npm run soak -- --cycles 1000000: does anything grow? A poll every five virtual seconds, so a million are 58 days, four times what
// the outbox keeps. The first quarter is the warm-up, in which the outbox fills; from there on memory, database and open files must
// stay where they are. Exit 1 when something grows.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { systemClock } from "../src/lib/clock.ts";
import type { SoakMark, SoakPlan } from "./jobs/soak.ts";

const { values } = parseArgs({ options: { cycles: { type: "string", default: "1000000" } } });
const cycles = Number(values.cycles);
const MARKS = 20;
/** Held small, so that what grows is what is kept: see memory.ts. */
const NODE_OPTIONS = ["--max-semi-space-size=4", "--expose-gc"];
const GROWTH_MAX = 1.1;

if (!Number.isInteger(cycles) || cycles < 1000) {
  process.stderr.write("--cycles: expected a whole number from 1000\n");
  process.exit(2);
}
// Beside the code and not in the system's temporary folder, which may be memory: a durable commit is part of it.
const folder = mkdtempSync(join(import.meta.dirname, ".soak-"));
try {
  const plan: SoakPlan = { folder, cycles, stepMs: 5_000, cyclesAFlip: 500, pairs: 20, markEvery: cycles / MARKS };
  const startedMs = systemClock.monoMs();
  const marks: SoakMark[] = [];
  const work = spawn(
    process.execPath,
    [...NODE_OPTIONS, join(import.meta.dirname, "jobs", "soak.ts"), JSON.stringify(plan)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(work, "close");
  for await (const line of createInterface({ input: work.stdout })) {
    const mark: SoakMark = JSON.parse(line);
    marks.push(mark);
    process.stdout.write(`${row(mark)}\n`);
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`the soak ended with ${code}`);
  process.stdout.write(`${verdict(marks, (systemClock.monoMs() - startedMs) / 1000)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function row({ cycles: done, messages, rssMb, heapMb, databaseKb, handles }: SoakMark): string {
  const days = (done * 5) / 86_400;
  return `${String(done).padStart(8)} cycles (${days.toFixed(1)} days)  RSS ${rssMb.toFixed(0)} MB  heap ${heapMb.toFixed(1)} MB  database ${databaseKb.toFixed(0)} kB  open files ${handles}  ${messages} messages`;
}

function verdict(marks: readonly SoakMark[], tookS: number): string {
  const warm = marks.slice(MARKS / 4, MARKS / 2); // the second quarter
  const end = marks.slice(-MARKS / 4); // the last one
  const highest = (of: readonly SoakMark[], what: (mark: SoakMark) => number) => Math.max(...of.map(what));
  const lines = [
    ["RSS", "MB", ({ rssMb }: SoakMark) => rssMb],
    ["heap", "MB", ({ heapMb }: SoakMark) => heapMb],
    ["database", "kB", ({ databaseKb }: SoakMark) => databaseKb],
    ["open files", "", ({ handles }: SoakMark) => handles],
  ] as const;
  const told = lines.map(([name, unit, what]) => {
    const [before, after] = [highest(warm, what), highest(end, what)];
    const isFlat = after <= before * GROWTH_MAX;
    if (!isFlat) process.exitCode = 1;
    return `${isFlat ? "✔" : "✘"} ${name}: at most ${after.toFixed(1)} ${unit} in the last quarter, ${before.toFixed(1)} ${unit} in the second`;
  });
  return [`${cycles} cycles in ${tookS.toFixed(0)} s`, ...told].join("\n");
}
