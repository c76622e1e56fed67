// Programs under measurement run as processes of their own, as in real life; what they cost is read from /proc (Linux).
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/lib/clock.ts";

export interface Program extends AsyncDisposable {
  /** Just before the process was made, monotonic. */
  readonly startedMs: number;
  /** What it printed, whole lines. */
  readonly lines: readonly string[];
  /** Waits, and fails when the program ends before that or when it takes more than a few minutes. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when it has ended well by itself. */
  ended(): Promise<void>;
  /** User and system time of all its threads. */
  cpuMs(): number;
  rssMb(): number;
  /** SIGTERM, and when that does not help, SIGKILL. */
  stop(): Promise<void>;
}

const STOP_WITHIN_MS = 8_000;
/** Nothing here runs longer; a bench that was left alone ends too. */
const LIFE_MAX_MS = 600_000;

/** `file` is a path from the folder bench/, or absolute. */
export function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
): Program {
  const startedMs = systemClock.monoMs();
  const path = fileURLToPath(new URL(file, new URL("../", import.meta.url)));
  const child = spawn(process.execPath, [...nodeOptions, path, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIFE_MAX_MS,
  });
  const lines = linesOf(child);
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2_000);
  });
  let isStopping = false;
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const early = ended.then((code): never => {
    throw new Error(`${file} ended with ${code} in the middle of the measurement:\n${errors}`);
  });
  early.catch(() => undefined); // only of interest to who waits
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    child.kill("SIGTERM");
    const patience = new AbortController();
    const kill = systemClock.sleep(STOP_WITHIN_MS, patience.signal).then(
      () => child.kill("SIGKILL"),
      () => undefined,
    );
    await ended;
    patience.abort();
    await kill;
  };
  return {
    startedMs,
    lines,
    during: (work) => Promise.race([work, early]),
    async ended() {
      const code = await ended;
      isStopping = true;
      if (code !== 0) throw new Error(`${file} ended with ${code}:\n${errors}`);
    },
    cpuMs: () => cpuMs(child.pid ?? 0),
    rssMb: () => rssMb(child.pid ?? 0),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function linesOf(child: ChildProcess): readonly string[] {
  const lines: string[] = [];
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  });
  return lines;
}

/** Nanoseconds on a processor, of each thread: /proc/…/schedstat, where stat would only count hundredths of a second. */
function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return ns.reduce((total, each) => total + each, 0) / 1e6;
}

function rssMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kb === undefined) throw new Error("the process has no memory: it has ended");
  return Number(kb) / 1024;
}
