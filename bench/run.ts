// npm run bench [-- --only spacing,latency]: every figure beside the bare poller, measured in the same run on this machine. Prints a
// table, writes bench/results.json. A missed goal is said and is no failure: a busy machine misses what a quiet one meets.
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { derive } from "./derive.ts";
import type { Figure, Line } from "./figure.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { rules } from "./rules.ts";
import { spacing } from "./spacing.ts";
import { start } from "./start.ts";

const FIGURES: readonly Figure[] = [spacing, latency, start, rules, derive, memory];
const RESULTS = new URL("results.json", import.meta.url);

const chosen = choose();
const machine = {
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? "unknown",
  memoryMb: Math.round(totalmem() / 1024 / 1024),
  loadBefore: loadavg()[0] ?? 0,
};
const begun = new Date();
print(
  `Node ${machine.node}, ${machine.platform}, ${machine.cores} cores (${machine.processor}), load ${machine.loadBefore.toFixed(2)}`,
);
const figures: { readonly name: string; readonly load: number; readonly lines: readonly Line[] }[] = [];
for (const { name, seconds, measure } of chosen) {
  print(`\n${name} (about ${seconds} s)`);
  const lines = await measure();
  const load = loadavg()[0] ?? 0;
  figures.push({ name, load, lines });
  print(table(lines));
  if (load > machine.cores)
    print(`  This machine was busy (load ${load.toFixed(1)}): all times are too long, ratios less so.`);
}
const results = { begun: begun.toISOString(), ended: new Date().toISOString(), machine, figures };
writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
print(`\n${verdict(figures.flatMap(({ lines }) => lines))} Written to bench/results.json.`);

function choose(): readonly Figure[] {
  const { only } = parseArgs({ options: { only: { type: "string" } } }).values;
  if (only === undefined) return FIGURES;
  const names = only.split(",");
  const unknown = names.filter((name) => !FIGURES.some((figure) => figure.name === name));
  if (unknown.length > 0) {
    print(`No figure ${unknown.join(", ")}. There are: ${FIGURES.map(({ name }) => name).join(", ")}.`);
    process.exit(1);
  }
  return FIGURES.filter(({ name }) => names.includes(name));
}

function table(lines: readonly Line[]): string {
  const head = ["", "margind", "bare", "×", "goal", ""];
  const rows = lines.map(({ what, unit, margind, bare, goal }) => [
    what,
    amount(margind, unit),
    bare === undefined ? "" : amount(bare, unit),
    bare === undefined || bare === 0 || unit === "%" ? "" : (margind / bare).toFixed(2),
    goal?.text ?? "",
    goal === undefined ? "" : goal.isMet ? "met" : goal.isMetByBare === false ? "MISSED, by bare too" : "MISSED",
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return [head, ...rows].map((row) => `  ${line(row).join("  ")}`.trimEnd()).join("\n");
}

function amount(value: number, unit: Line["unit"]): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`.trimEnd();
}

function verdict(lines: readonly Line[]): string {
  const goals = lines.filter(({ goal }) => goal !== undefined);
  const missed = goals.filter(({ goal }) => goal?.isMet === false);
  if (missed.length === 0) return `All ${goals.length} goals met.`;
  return `${missed.length} of ${goals.length} goals missed: ${missed.map(({ what }) => what).join("; ")}.`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
