// strace as the hand of fate: it stops a program before its Nth write, so that it can be killed there, or lets that write fail. What to
// know (strace 6.1): a signal is lost with --seccomp-bpf, and without it a start costs three times as much; so the program is held
// before the call, and killed by us. `when` counts each system call of each thread by itself. With -D the program stays our own child.
import { readFileSync } from "node:fs";
import { describe } from "./harness.ts";
import { type Exit, type Program, run, start } from "./programs.ts";

/** What changes files. Names that a processor does not have are passed over. */
const TRACED = "?pwrite64,?pwritev,?fsync,?fdatasync,?ftruncate,?unlink,?unlinkat,?rename,?renameat,?renameat2";
/** Longer than anybody waits for the program, and not for ever. */
const HELD = "90s";

/** How SQLite writes. */
export const WRITE = "pwrite64";

/** The nth call of this name. */
export interface Point {
  readonly call: string;
  readonly nth: number;
}

export interface Failure extends Point {
  readonly error: "ENOSPC" | "EIO";
  /** Every later call fails too. */
  readonly isLasting: boolean;
}

/** Goes before a command. What strace sees is written to `log`. */
export type Tracer = (log: string) => readonly string[];

const tracer =
  (...options: readonly string[]): Tracer =>
  (log) => [
    ...["strace", "-D", "-f", "-qq", "-y", "-s", "8", "--seccomp-bpf", "-o", log],
    ...["-e", `trace=${TRACED}`, ...options],
  ];

export const onlyLooking = tracer();

export const holdingAt = ({ call, nth }: Point): Tracer =>
  tracer("-e", `inject=${call}:delay_enter=${HELD}:when=${nth}`);

export const failingAt = ({ error, call, nth, isLasting }: Failure): Tracer =>
  tracer("-e", `inject=${call}:error=${error}:when=${nth}${isLasting ? "+" : ""}`);

/** How often each call was begun, by the thread that began most of them. */
export function callsIn(log: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const most = new Map<string, number>();
  for (const [, thread, call = ""] of linesOf(log).matchAll(/^(\d+) +(\w+)\(/gm)) {
    const count = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, count);
    most.set(call, Math.max(count, most.get(call) ?? 0));
  }
  return most;
}

/**
 * One write of each commit, in the middle of it. What lies between two syncs is one: whichever of its writes fails, it is the same
 * line of the program that hears of it.
 */
export const writesOfCommits = (log: string): number[] =>
  commitsIn(log).flatMap((writes) => writes[Math.floor(writes.length / 2)] ?? []);

/**
 * Of each commit the writes before which a death leaves something else behind: nothing of it, and all but its end. Any place between
 * leaves what the second does, a commit that never ended, only shorter.
 */
export const edgesOfCommits = (log: string): number[] =>
  commitsIn(log).flatMap((writes) => [...new Set([...writes.slice(0, 1), ...writes.slice(-1)])]);

/** The writes to a database between two other calls, each as the how manieth of all. */
function commitsIn(log: string): number[][] {
  const calls = [...linesOf(log).matchAll(/^\d+ +(\w+)\(/gm)].map(([, call]) => call);
  const groups: number[][] = [];
  let nth = 0;
  for (const [index, call] of calls.entries()) {
    if (call !== WRITE) continue;
    nth += 1;
    if (calls[index - 1] !== call) groups.push([]);
    groups.at(-1)?.push(nth);
  }
  return groups;
}

/** A call is written down when it begins: then a program that is to be held there is held. */
export const isHeldAt = (log: string, { call, nth }: Point): boolean => (callsIn(log).get(call) ?? 0) >= nth;

/** Kills the program before the call at which it is held. strace goes too: it would wait for the end of the delay. */
export async function killHeld(program: Program): Promise<Exit> {
  const tracerPid = Number(/^TracerPid:\s*(\d+)/m.exec(readFileSync(`/proc/${program.pid}/status`, "utf8"))?.[1]);
  const exited = program.end("SIGKILL");
  if (tracerPid > 0) process.kill(tracerPid, "SIGKILL");
  return exited;
}

/** Did an error come to pass? */
export const isInjectedIn = (log: string): boolean => linesOf(log).includes("(INJECTED)");

/** The file of the last call that was begun. */
export function lastFileIn(log: string): string {
  const [last = ""] =
    linesOf(log)
      .match(/^\d+ +\w+\(.*$/gm)
      ?.slice(-1) ?? [];
  return /[<"](?:[^<">]*\/)?([^/<">]+)[">]/.exec(last)?.[1] ?? "no file";
}

/** Why nothing can be traced here; undefined when it can. */
export async function whyNotTraced(): Promise<string | undefined> {
  try {
    await run("strace", ["-V"]);
  } catch {
    return "strace cannot be run";
  }
  const [command = "", ...options] = failingAt({ error: "EIO", call: "fsync", nth: 1, isLasting: false })("/dev/null");
  const script = "try { fs.fsyncSync(fs.openSync('/tmp')) } catch { process.exit(7) }";
  await using probe = start(command, [...options, process.execPath, "-e", script]);
  const { code } = await probe.exited.catch((error: unknown) => ({ code: describe(error) }));
  return code === 7 ? undefined : `ptrace is barred, or strace cannot let a call fail (${code}): ${probe.said()}`;
}

/** It does not exist before strace has begun. */
function linesOf(log: string): string {
  try {
    return readFileSync(log, "utf8");
  } catch {
    return "";
  }
}
