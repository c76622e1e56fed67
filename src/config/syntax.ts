// What the YAML parser objects to, in words of ours: its own messages quote the text, which may be a secret.
import type { Document, ErrorCode } from "yaml";
import type { Finding } from "./source.ts";

const TEXTS: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*name) cannot have an anchor or a tag",
  BAD_ALIAS: "an alias (*name) or anchor (&name) has an impossible name",
  BAD_COLLECTION_TYPE: "the tag (!…) does not fit this value",
  BAD_DIRECTIVE: "a line that begins with % is not allowed here",
  BAD_DQ_ESCAPE: 'an unknown escape in "…": write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: "the indentation does not fit what is above, or a bracket is not closed",
  BAD_PROP_ORDER: "an anchor or a tag stands in the wrong place",
  BAD_SCALAR_START: "a value that begins with this character needs quotes",
  BLOCK_AS_IMPLICIT_KEY: "a second key on one line, or a wrong indentation: a value with a colon needs quotes",
  BLOCK_IN_FLOW: "a block with dashes or indentation cannot stand inside [ ] or { }",
  DUPLICATE_KEY: "given twice",
  IMPOSSIBLE: "not valid YAML",
  KEY_OVER_1024_CHARS: "a key is too long: is a quote or a colon missing?",
  MISSING_CHAR: "a comma, a colon, a quote or a bracket is missing",
  MULTILINE_IMPLICIT_KEY:
    "a key must stand on one line with its colon: is the colon missing, or the indentation wrong?",
  MULTIPLE_ANCHORS: "a value can have only one anchor",
  MULTIPLE_DOCS: "a second document (---) begins here; one file holds one configuration",
  MULTIPLE_TAGS: "a value can have only one tag",
  NON_STRING_KEY: "a key must be plain text",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "a tab cannot indent: use spaces",
  TAG_RESOLVE_FAILED: "tags (!…) are not known here: a value that begins with ! needs quotes",
  UNEXPECTED_TOKEN: "this does not belong here: is a quote, a comma or the indentation wrong?",
};

/** One finding a line, and none that only follows from one before it: after a slip the parser stumbles over sound lines too. */
export function syntaxProblems(text: string, { errors, warnings }: Document.Parsed): readonly Finding[] {
  const findings = new Map<number, Finding>();
  for (const { code, pos } of [...errors, ...warnings].toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const line = text.slice(0, pos[0]).split("\n").length;
    const follows = findings.has(line) || (findings.size > 0 && code === "UNEXPECTED_TOKEN");
    if (follows) continue;
    findings.set(line, { path: [], offset: pos[0], text: `not valid YAML: ${wordsFor(text, code, pos[0])}` });
  }
  return [...findings.values()];
}

function wordsFor(text: string, code: ErrorCode, offset: number): string {
  const opensReference = text.slice(offset - 1, offset + 1) === "${";
  return opensReference ? `inside [ ] or { } a \${…} needs quotes: "\${NAME}"` : TEXTS[code];
}
