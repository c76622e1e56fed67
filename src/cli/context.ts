// What the commands share: finding and reading the config, the logger, the exit codes.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Config } from "../config/config.ts";
import { systemClock } from "../lib/clock.ts";
import { LOG_LEVELS, type Log, type LogLevel, makeLogger } from "../lib/log.ts";

/** Exit codes: good, failed, bad configuration (EX_CONFIG of sysexits.h; systemd does not restart on it). */
export const EXIT = { good: 0, failed: 1, config: 78 } as const;

/** Ends a command with a text for the user and no stack trace. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;
  /** What is wrong, one mistake a line. */
  readonly problems: readonly string[];

  constructor(message: string, exitCode: number = EXIT.failed, problems: readonly string[] = [message]) {
    super(message);
    this.exitCode = exitCode;
    this.problems = problems;
  }
}

export interface ConfigOption {
  readonly config?: string;
}

const DEFAULT_FILE = "margind.yaml";

export function withConfigOption(command: Command): Command {
  return command.option("-c, --config <file>", "configuration file (default: $MARGIND_CONFIG, then ./margind.yaml)");
}

/** The config file's path: the option, the environment, or ./margind.yaml. */
export function configFile({ config }: ConfigOption): string {
  const named = config ?? process.env["MARGIND_CONFIG"];
  if (named !== undefined && named !== "") return named;
  if (existsSync(DEFAULT_FILE)) return DEFAULT_FILE;
  throw new CommandError(
    `There is no ${DEFAULT_FILE} here. Name a file with --config FILE or MARGIND_CONFIG, or begin with a copy of config.example.yaml.`,
    EXIT.config,
  );
}

/** Reads the config or ends the command with every mistake in it, exit 78. Loaded late: --help needs none of it. */
export async function readConfig(options: ConfigOption): Promise<Config> {
  const file = configFile(options);
  const [{ loadConfig, ConfigError }, { notifierSchemas }] = await Promise.all([
    import("../config/load.ts"),
    import("../notify/index.ts"),
  ]);
  try {
    return loadConfig(file, { env: process.env, notifierSchemas, nowMs: systemClock.wallMs() });
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(error.format(), EXIT.config, error.lines());
    throw error;
  }
}

/** The logger that the environment asks for: LOG_LEVEL, LOG_FORMAT; readable on a terminal, JSON elsewhere. */
export function environmentLog(): Log {
  const level = process.env["LOG_LEVEL"] ?? "info";
  const format = process.env["LOG_FORMAT"] ?? (process.stderr.isTTY ? "pretty" : "json");
  if (!isLevel(level)) throw new CommandError(`LOG_LEVEL is not one of ${LOG_LEVELS.join(", ")}.`, EXIT.config);
  if (format !== "json" && format !== "pretty")
    throw new CommandError("LOG_FORMAT is not one of json, pretty.", EXIT.config);
  return makeLogger({ level, format, write: (line) => void process.stderr.write(line) });
}

function isLevel(text: string): text is LogLevel {
  return LOG_LEVELS.some((level) => level === text);
}
