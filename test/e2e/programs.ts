// Starting programs and reading what they say. Everything that was started is ended with its scope, also when a check fails.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { systemClock } from "../../src/lib/clock.ts";
import { Failed, indent } from "./harness.ts";

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** What it has said so far, both streams. */
  said(): string;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
  /** Sends the signal and waits for the end. `tookMs` counts from the signal. */
  end(signal: NodeJS.Signals): Promise<Exit>;
}

export interface StartOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export function start(command: string, args: readonly string[], { cwd, env }: StartOptions = {}): Program {
  const child = spawn(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const startedMs = systemClock.monoMs();
  const exited = exitOf(child, () => ({ stdout, stderr, tookMs: systemClock.monoMs() - startedMs }));
  exited.catch(() => undefined); // told to whoever waits for it; a program that nobody waits for is ended with its scope
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    said: () => stdout + stderr,
    exited,
    hasExited,
    async end(signal) {
      const sentMs = systemClock.monoMs();
      child.kill(signal);
      return { ...(await exited), tookMs: systemClock.monoMs() - sentMs };
    },
    async [Symbol.asyncDispose]() {
      if (!hasExited()) child.kill("SIGKILL");
      await exited.catch(() => undefined);
    },
  };
}

function exitOf(child: ChildProcess, rest: () => Omit<Exit, "code" | "signal">): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new Failed(`cannot start ${child.spawnfile}: ${error.message}`)));
    child.once("close", (code, signal) => resolve({ code, signal, ...rest() }));
  });
}

/** Runs to the end; fails unless the exit code is the expected one. */
export async function run(
  command: string,
  args: readonly string[],
  options: StartOptions & { readonly code?: number; readonly deadlineMs?: number } = {},
): Promise<Exit> {
  const { code = 0, deadlineMs = 120_000 } = options;
  await using program = start(command, args, options);
  const deadline = new AbortController();
  const timeout = systemClock.sleep(deadlineMs, deadline.signal).then(
    () => undefined,
    () => undefined,
  );
  const exit = await Promise.race([program.exited, timeout]);
  deadline.abort();
  const said = indent(program.said());
  if (exit === undefined)
    throw new Failed(`${command} ${args.join(" ")} did not end within ${deadlineMs / 1000} s${said}`);
  if (exit.code === code) return exit;
  throw new Failed(`${command} ${args.join(" ")} ended with ${exit.signal ?? exit.code}, expected ${code}${said}`);
}

/** A port of the loopback interface that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
