// How the doctor's findings are printed: for people, aligned, with what to do below what was found; for programs as JSON.
import { styleText } from "node:util";
import type { Checked } from "../../checks.ts";
import type { Finding } from "../../core/finding.ts";
import { count } from "../text.ts";

/** What `margind doctor --json` prints. `ok` is false when anything has failed; warnings leave it true. */
export interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: Finding["status"];
    readonly text: string;
    readonly todo: string | null;
  }[];
}

export const isGood = (checked: readonly Checked[]): boolean =>
  checked.every(({ finding }) => finding.status !== "failed");

export function report(checked: readonly Checked[]): Report {
  const checks = checked.map(({ name, finding }) => ({
    name,
    status: finding.status,
    text: finding.text,
    todo: todoOf(finding) ?? null,
  }));
  return { ok: isGood(checked), checks };
}

const MARKS = {
  good: { mark: "✔", colour: "green" },
  warning: { mark: "!", colour: "yellow" },
  failed: { mark: "✘", colour: "red" },
} as const satisfies Record<Finding["status"], object>;

export function table(checked: readonly Checked[], { isColoured }: { readonly isColoured: boolean }): string {
  const width = Math.max(...checked.map(({ name }) => name.length));
  const paint = (status: Finding["status"], text: string) =>
    isColoured ? styleText(MARKS[status].colour, text, { validateStream: false }) : text;
  const lines = checked.flatMap(({ name, finding }) => {
    const { status, text } = finding;
    const todo = todoOf(finding);
    return [
      `${paint(status, MARKS[status].mark)} ${name.padEnd(width)}  ${status === "good" ? text : paint(status, text)}`,
      ...(todo === undefined ? [] : [`${" ".repeat(width + 4)}→ ${todo}`]),
    ];
  });
  return `${[...lines, "", summary(checked)].join("\n")}\n`;
}

const todoOf = (finding: Finding): string | undefined => (finding.status === "good" ? undefined : finding.todo);

function summary(checked: readonly Checked[]): string {
  const number = (status: Finding["status"]) => checked.filter(({ finding }) => finding.status === status).length;
  const [warnings, failures] = [number("warning"), number("failed")];
  const look = warnings === 0 ? "" : `${count(warnings, "warning")}`;
  if (failures > 0) return `${failures} failed${look === "" ? "" : `, ${look}`}, ${number("good")} good.`;
  return look === "" ? "All is well." : `Nothing failed; ${look}.`;
}
