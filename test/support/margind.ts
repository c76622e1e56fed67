// The real program as a process of its own: `node src/main.ts …` with a config in a folder that is thrown away.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempFolder } from "./folder.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Home extends Disposable {
  readonly folder: string;
  readonly configFile: string;
  /** JSON is YAML. */
  writeConfig(config: object): void;
}

export function makeHome(config: object = {}): Home {
  const temp = tempFolder();
  const configFile = join(temp.path, "margind.yaml");
  const writeConfig = (body: object) => writeFileSync(configFile, JSON.stringify(body), { mode: 0o600 });
  writeConfig(config);
  return { folder: temp.path, configFile, writeConfig, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

export interface Process extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  out(): string;
  err(): string;
  /** Resolves with the exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

const MISBEHAVE = fileURLToPath(new URL("misbehave.ts", import.meta.url));

/** For the environment: at SIGUSR2 the program does this to itself. See misbehave.ts. */
export const misbehaving = (misdeed: string, ...options: readonly string[]): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: [`--import=${MISBEHAVE}`, ...options].join(" "),
  MISBEHAVE: misdeed,
});

/** @param limits what a shell does before the program takes its place, such as "ulimit -n 64". */
export function start(
  home: Home,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
  limits?: string,
): Process {
  const program = [process.execPath, MAIN, ...command, "--config", home.configFile];
  const [file = "", ...args] = limits === undefined ? program : ["sh", "-c", `${limits}; exec "$0" "$@"`, ...program];
  const child = spawn(file, args, {
    cwd: home.folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  return {
    child,
    out: () => out,
    err: () => err,
    exited,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
