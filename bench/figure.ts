// What a figure is: a few lines of a table, each with what margind came to, what the bare poller came to in the same run, and the
// goal where there is one.

export type Unit = "ms" | "MB" | "%" | "×" | "kB" | "";

export interface Line {
  readonly what: string;
  readonly unit: Unit;
  readonly margind: number;
  /** The floor of the machine: the bare poller, or what the line names instead. */
  readonly bare?: number;
  readonly goal?: Goal;
}

export interface Goal {
  /** Says more than a number where the limit depends on the run: "≤ 2.5 × bare". */
  readonly text: string;
  readonly isMet: boolean;
  /** Where the limit is a plain number: does the bare poller keep within it on this machine, now? */
  readonly isMetByBare?: boolean;
}

export interface Figure {
  readonly name: string;
  readonly seconds: number;
  measure(): Promise<readonly Line[]>;
}

export function atMost(value: number, limit: number, text = `≤ ${limit}`): Goal {
  return { text, isMet: value <= limit };
}

export function atLeast(value: number, limit: number, text = `≥ ${limit}`): Goal {
  return { text, isMet: value >= limit };
}
