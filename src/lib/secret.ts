// A value that must never be seen: it prints as <secret> wherever it is logged, inspected, concatenated or serialised. The second
// net: every secret is known here, and redact() takes it out of a text that was made of something else (a server's reply, an
// error of a library).
import { inspect } from "node:util";

/** Shorter ones would blank out words that are no secret. */
const REDACT_MIN_CHARS = 6;

/** Every form in which a secret may stand in a text. */
const known = new Set<string>();

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    for (const form of formsOf(value)) if (form.length >= REDACT_MIN_CHARS) known.add(form);
  }

  /** The value itself. Call it only where it is handed to a signer or an SDK. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "<secret>";
  }

  toJSON(): string {
    return "<secret>";
  }

  [inspect.custom](): string {
    return "<secret>";
  }
}

/** The text with every known secret taken out. */
export function redact(text: string): string {
  let clean = text;
  for (const form of known) {
    if (clean.includes(form)) clean = clean.replaceAll(form, "<secret>");
  }
  return clean;
}

/** As it is, as JSON and as a URL write it, and as mail servers get it; of a URL also the password alone. */
function* formsOf(value: string): Generator<string> {
  yield value;
  yield JSON.stringify(value).slice(1, -1);
  yield encodeURIComponent(value);
  yield Buffer.from(value).toString("base64").replace(/=+$/, "");
  const password = URL.canParse(value) ? new URL(value).password : "";
  if (password !== "") yield* formsOf(decoded(password));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
