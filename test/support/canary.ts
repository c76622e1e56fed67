// Looks for secrets where they must not be. Every whole-program test hands over what its programs printed, stored and sent, in every
// form that a secret can take on its way; a finding names the secret and the place and shows neither.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A value that may be seen only by whom it is for. */
export interface Canary {
  readonly name: string;
  readonly value: string;
}

/** Something that was printed, stored or received. */
export interface Place {
  readonly name: string;
  readonly content: string | Buffer;
  /** The values of these may be seen here. */
  readonly allowed?: readonly string[];
}

/** Shorter values are words that stand everywhere. */
const CANARY_MIN_CHARS = 6;

/** "the API secret in stderr": one for each secret and place. */
export function leaks(places: readonly Place[], canaries: readonly Canary[]): string[] {
  return places.flatMap(({ name, content, allowed = [] }) => {
    const text = typeof content === "string" ? content : content.toString("latin1");
    const decoded = text.includes("=\r\n") || /=[0-9A-F]{2}/.test(text) ? [text, unquoted(text)] : [text];
    return canaries
      .filter((canary) => canary.value.length >= CANARY_MIN_CHARS && !allowed.includes(canary.value))
      .filter(({ value }) => formsOf(value).some((form) => decoded.some((each) => each.includes(form))))
      .map((canary) => `${canary.name} in ${name}`);
  });
}

/** Every file in the folder and below. */
export function filesIn(folder: string, except: (name: string) => boolean): Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !except(entry.name))
    .map((entry) => ({ name: `the file ${entry.name}`, content: readFileSync(join(entry.parentPath, entry.name)) }));
}

/** As it is, in characters and in bytes; as JSON, a URL and hex dumps write it; as base64, by itself or somewhere in a longer text. */
function formsOf(value: string): string[] {
  return [
    value,
    Buffer.from(value).toString("latin1"),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString("hex"),
    ...[0, 1, 2].map((before) => inBase64(value, before)),
  ];
}

/** The characters of base64 that come of the value alone when this many bytes stand before it. */
function inBase64(value: string, before: number): string {
  const bytes = Buffer.from(" ".repeat(before) + value);
  const whole = bytes.toString("base64").replace(/=+$/, "");
  const from = Math.ceil((before * 8) / 6);
  return whole.slice(from, Math.floor((bytes.length * 8) / 6));
}

/** Mail bodies: quoted-printable (RFC 2045, 6.7) undone. */
const unquoted = (text: string): string =>
  text
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
