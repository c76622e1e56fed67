// npm run -s simulate:faults -- --seeds 2000 [--from 1] [--seed 17] [--days 2] [--liveness] [--plant NAME] [--jobs 2]
// Runs the whole program through as many bad years as there are seeds, on every core, and tells of each run in which something was
// wrong: the seed, the invariant in words, and what happened last. Exit 1 when there was one. The same seed fails again.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { lineOf } from "./history.ts";
import { NO_PLANT, PLANTS } from "./plants.ts";
import { type SimulateOptions, simulate } from "./simulate.ts";

/** What a worker says of one seed. */
interface Finding {
  readonly seed: number;
  readonly ms: number;
  readonly happenings: number;
  readonly found: { readonly invariant: string; readonly text: string; readonly last: readonly string[] } | undefined;
}

const LAST_SHOWN = 40;
/** What a run leaves is thrown away as a whole: the young generation may be large. */
const WORKER_FLAGS = ["--max-semi-space-size=32"];
const CHUNK = 8;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    days: { type: "string", default: "2" },
    liveness: { type: "boolean", default: false },
    plant: { type: "string" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    first: { type: "boolean", default: false },
  },
});
const plant = values.plant === undefined ? NO_PLANT : PLANTS.find(({ name }) => name === values.plant);
if (plant === undefined) {
  print(`No plant ${values.plant}. There are: ${PLANTS.map(({ name }) => name).join(", ")}.`);
  process.exit(1);
}
const options: SimulateOptions = { days: Number(values.days), isLive: values.liveness, plant };

if (process.send !== undefined) work();
else if (values.seed !== undefined) await showOne(Number(values.seed));
else await runAll(Number(values.from), Number(values.seeds));

// ---------------------------------------------------------------- one seed, told in full

async function showOne(seed: number): Promise<void> {
  const { happenings, violation } = await simulate(seed, { ...options, isKept: true, isVerbose: true });
  for (const happening of happenings) print(lineOf(happening));
  if (violation === undefined) return print(`seed ${seed}: nothing wrong in ${happenings.length} happenings`);
  print(`seed ${seed}: ${violation.invariant}: ${violation.text}`);
  process.exitCode = 1;
}

async function examine(seed: number): Promise<Finding> {
  const begun = performance.now();
  const { happenings, count, violation } = await simulate(seed, options);
  const ms = performance.now() - begun;
  const last = violation === undefined ? [] : happenings.slice(-LAST_SHOWN).map(lineOf);
  return {
    seed,
    ms,
    happenings: count,
    found: violation === undefined ? undefined : { ...violation, last },
  };
}

// ---------------------------------------------------------------- many seeds, on every core

/** In a worker: seeds come, findings go. */
function work(): void {
  process.on("message", (seeds: readonly number[]) => {
    void (async () => {
      const findings: Finding[] = [];
      for (const seed of seeds) findings.push(await examine(seed));
      process.send?.(findings);
    })();
  });
}

async function runAll(from: number, count: number): Promise<void> {
  const begun = performance.now();
  const seeds = Array.from({ length: count }, (_, i) => from + i);
  const findings: Finding[] = [];
  const jobs = Math.max(1, Math.min(Number(values.jobs), Math.ceil(count / CHUNK)));
  await Promise.all(Array.from({ length: jobs }, () => drive(seeds, findings)));
  const seconds = (performance.now() - begun) / 1000;
  const wrong = findings.filter(({ found }) => found !== undefined).sort((a, b) => a.seed - b.seed);
  const busyMs = findings.reduce((sum, { ms }) => sum + ms, 0) / Math.max(1, findings.length);
  const happened = findings.reduce((sum, { happenings }) => sum + happenings, 0);
  print(
    `${findings.length} seeds × ${values.days} days${values.liveness ? ", then calm" : ""}: ${happened} happenings in ${seconds.toFixed(1)} s with ${jobs} processes, ${busyMs.toFixed(0)} ms a seed. ${wrong.length === 0 ? "Nothing wrong." : `Wrong: ${wrong.map(({ seed }) => seed).join(", ")}`}`,
  );
  if (wrong.length > 0) process.exitCode = 1;
}

/** Feeds one worker until no seed is left. */
function drive(seeds: number[], findings: Finding[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(process.argv[1] ?? "", process.argv.slice(2), {
      execArgv: [...process.execArgv, ...WORKER_FLAGS],
    });
    const feed = () => {
      const isDone = seeds.length === 0 || (values.first && findings.some(({ found }) => found !== undefined));
      const chunk = isDone ? [] : seeds.splice(0, CHUNK);
      if (chunk.length > 0) worker.send(chunk);
      else worker.disconnect();
    };
    worker.on("message", (found: readonly Finding[]) => {
      for (const finding of found) {
        findings.push(finding);
        tell(finding);
      }
      feed();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
    feed();
  });
}

function tell({ seed, found }: Finding): void {
  if (found === undefined) return;
  const again = [
    `--seed ${seed}`,
    `--days ${values.days}`,
    values.liveness ? "--liveness" : "",
    values.plant === undefined ? "" : `--plant ${values.plant}`,
  ];
  print(`\nseed ${seed}: ${found.invariant}: ${found.text}`);
  for (const line of found.last) print(`  ${line}`);
  print(`  again: npm run -s simulate:faults -- ${again.filter((word) => word !== "").join(" ")}`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
