// Collects what is wrong with one configuration file, by path; knows how to find the place in the file.
import { ConfigError, type Problem, problemLine } from "./error.ts";
import type { Draft } from "./schema.ts";
import type { Finding, Path, Source } from "./source.ts";

export interface Where {
  /** What to point at, when it is not the path itself: a rung inside the ladder that the path names. */
  readonly at?: Path;
  readonly part?: "key" | "value";
}

export interface Report {
  add(path: Path, text: string, where?: Where): void;
  /** Nothing that keeps the daemon from starting, but worth a line. */
  warn(path: Path, text: string, where?: Where): void;
  /** Is anything wrong with the value at the path, or inside it? */
  isWrong(path: Path): boolean;
  readonly warnings: readonly string[];
  readonly hasProblems: boolean;
  error(): ConfigError;
}

/** What a check of values against each other works with. */
export interface Check {
  readonly draft: Draft;
  readonly source: Source;
  readonly report: Report;
  /** Where looking ahead in schedules begins. */
  readonly nowMs: number;
}

/** `counts` picks the findings of the source that matter; left out, all do. */
export function createReport(file: string, source: Source, counts = (_: Finding) => true): Report {
  const problems: Problem[] = [];
  const warned: Problem[] = [];
  const wrong: Path[] = [];

  const problem = (path: Path, text: string, { at = path, part = "value" }: Where = {}): Problem => ({
    ...source.position(at, part),
    path: pathText(path),
    text,
  });
  const report: Report = {
    add(path, text, where) {
      wrong.push(path);
      if (!source.isUnresolved(where?.at ?? path)) problems.push(problem(path, text, where));
    },
    warn: (path, text, where) => void warned.push(problem(path, text, where)),
    isWrong: (path) => wrong.some((each) => path.every((key, index) => each[index] === key)),
    get warnings() {
      return warned.map((each) => problemLine(file, each));
    },
    get hasProblems() {
      return problems.length > 0;
    },
    error: () => new ConfigError(file, problems),
  };
  for (const { path, offset, text } of source.findings.filter(counts)) {
    wrong.push(path);
    const place = offset === undefined ? source.position(path, "value") : source.positionAt(offset);
    problems.push({ ...place, path: pathText(path), text });
  }
  return report;
}

/** accounts.main.isolated[0] */
export function pathText(path: Path): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? key : `.${key}`)).join("");
}
