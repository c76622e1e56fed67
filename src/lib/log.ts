// What every part needs of a logger; pino fits it. Made in one place (makeLogger) so that level, form and redaction are the same.
import { type DestinationStream, pino } from "pino";
import { redact } from "./secret.ts";

export interface Log {
  trace(fields: object, text: string): void;
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** `pretty` is for a terminal: one line, time, level, text, then the fields. */
  readonly format: "json" | "pretty";
  readonly write: (line: string) => void;
}

export function makeLogger({ level, format, write }: LogOptions): Log {
  const shape = format === "json" ? (line: string) => line : pretty;
  // The second net: nothing hands a secret to a logger, and if something does, it is not seen.
  const destination: DestinationStream = { write: (line: string) => write(redact(shape(line))) };
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        error: (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
      },
    },
    destination,
  );
}

/** Says nothing: for tests and for commands that print their own text. */
export const silentLog: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function pretty(line: string): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== "object" || parsed === null) return line;
  const { level, time, msg, ...fields } = { level: "", time: "", msg: "", ...parsed };
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${[String(msg), ...rest].join("  ")}\n`;
}
