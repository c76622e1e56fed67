// Why a configuration was refused: every mistake at once, each with its place. No text in here ever holds a secret.

export interface Problem {
  /** From 1. 0 with column 0 where the file as a whole is meant (it cannot be read). */
  readonly line: number;
  readonly column: number;
  /** "accounts.main.poll", or "" where no key is meant. */
  readonly path: string;
  /** What is wrong, what is expected. */
  readonly text: string;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly file: string;
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const sorted = inOrder(problems);
    super(formatProblems(file, sorted));
    this.file = file;
    this.problems = sorted;
  }

  /** One line a mistake, as compilers write them. */
  lines(): readonly string[] {
    return this.problems.map((problem) => problemLine(this.file, problem));
  }

  /** The lines, and a last one that says that nothing runs. */
  format(): string {
    return formatProblems(this.file, this.problems);
  }
}

function formatProblems(file: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 mistake" : `${problems.length} mistakes`;
  return [...problems.map((problem) => problemLine(file, problem)), `${count}, nothing was started.`].join("\n");
}

/** "margind.yaml:31:14: rules.x.below: what is wrong" */
export function problemLine(file: string, { line, column, path, text }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return path === "" ? `${place}: ${text}` : `${place}: ${path}: ${text}`;
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
