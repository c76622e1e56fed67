// What a look at the world outside came to, in words for a person: `margind doctor` prints it, a start logs what is not good.

export type Finding =
  | { readonly status: "good"; readonly text: string }
  /** It works, or nobody can tell: worth a look. */
  | { readonly status: "warning"; readonly text: string; readonly todo?: string }
  /** Broken until somebody mends it. */
  | { readonly status: "failed"; readonly text: string; readonly todo: string };

/** `text` is a clause: what was seen. `todo` is one line: what to do. Neither ever holds an address, key, header or body. */
export const good = (text: string): Finding => ({ status: "good", text });
export const warning = (text: string, todo?: string): Finding =>
  todo === undefined ? { status: "warning", text } : { status: "warning", text, todo };
export const failed = (text: string, todo: string): Finding => ({ status: "failed", text, todo });

/** In one line, as a log wants it. */
export const findingLine = (finding: Finding): string =>
  finding.status === "good" || finding.todo === undefined ? finding.text : `${finding.text}: ${finding.todo}`;

export interface Check {
  readonly name: string;
  /** Ends soon after the signal does. */
  run(signal: AbortSignal): Promise<Finding>;
}
