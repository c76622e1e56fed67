// The last resort: when a message cannot be laid out, by a mistake of ours or of a library, its values go out as they are. A fault
// in the form must never cost an alert.
import type { Message } from "../core/ports.ts";
import type { NotifyLog } from "./adapter.ts";
import { type AdapterWords, clean } from "./text.ts";

interface Resort {
  readonly message: Message;
  readonly words: AdapterWords;
  readonly log: NotifyLog;
}

/** What `render` makes of the message; where that fails, what `plainest` makes of its raw values, one a line. */
export function rendered<T>(
  { message, words, log }: Resort,
  render: () => T,
  plainest: (lines: readonly string[]) => T,
): T {
  try {
    return render();
  } catch (error) {
    log.warn({ error: String(error) }, "a message could not be laid out and goes out as its raw values");
    return plainest([...rawLines(message), words.raw]);
  }
}

/** Every value that the message holds, the title first, each once. */
function rawLines(message: Message): string[] {
  const values = [message.title, message].flatMap((value) => [...leaves(value)]);
  return [...new Set(values.map(clean))].filter((line) => line !== "");
}

function* leaves(value: unknown): Generator<string> {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") yield String(value);
  if (typeof value !== "object" || value === null) return;
  for (const each of Object.values(value)) yield* leaves(each);
}
