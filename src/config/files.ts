// Reads a small text file whole: the configuration itself and the files that ${file:…} names. Pipes and devices are read as
// well (systemd credentials, process substitution), so the size is limited by reading and not by asking.
import { closeSync, openSync, readSync } from "node:fs";

export type TextFile = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string };

const CHUNK_BYTES = 64 * 1024;

/** UTF-8 text without its byte order mark, or one clause that says why not. */
export function readTextFile(path: string, bodyMaxBytes: number): TextFile {
  try {
    const bytes = readBytes(path, bodyMaxBytes);
    if (bytes === undefined) return { ok: false, reason: `it is larger than ${bodyMaxBytes / 1024} KiB` };
    return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function readBytes(path: string, bodyMaxBytes: number): Uint8Array | undefined {
  const file = openSync(path, "r");
  try {
    const chunks: Uint8Array[] = [];
    for (let total = 0; total <= bodyMaxBytes; ) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const read = readSync(file, chunk);
      if (read === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, read));
      total += read;
    }
    return undefined;
  } finally {
    closeSync(file);
  }
}

const REASONS = new Map([
  ["ENOENT", "no such file"],
  ["ENOTDIR", "no such file"],
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a folder"],
  ["ELOOP", "its links run in a circle"],
  ["ERR_ENCODING_INVALID_ENCODED_DATA", "it is not UTF-8 text"],
  ["ERR_INVALID_ARG_VALUE", "not a file name"],
]);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return REASONS.get(code) ?? code;
}
