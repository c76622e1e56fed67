import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempFolder } from "../../test/support/folder.ts";
import { interpolate } from "./interpolate.ts";

const temp = tempFolder();
afterAll(() => temp[Symbol.dispose]());
const folder = temp.path;
writeFileSync(join(folder, "unix"), "secret\n");
writeFileSync(join(folder, "windows"), "secret\r\n");
writeFileSync(join(folder, "pem"), "-----BEGIN\nMIIE\n-----END\n\n");
writeFileSync(join(folder, "empty"), "\n");
writeFileSync(join(folder, "bytes"), Buffer.from([0xff, 0xfe, 0x41]));
writeFileSync(join(folder, "large"), "x".repeat(200_000));

const world = { env: { A: "1", B_2: "two", NESTED: `\${A}`, EMPTY: "" }, folder };
const MALFORMED = `expected \${NAME} or \${file:/path}; write $\${ where the text itself holds \${`;

test.each([
  { name: "plain text", text: "a $A {A} $$ 5%", to: "a $A {A} $$ 5%", used: false },
  { name: "a variable", text: `\${A}`, to: "1", used: true },
  { name: "several in one value", text: `x\${A}-\${B_2}y`, to: "x1-twoy", used: true },
  { name: "an escaped one", text: `$\${A}`, to: `\${A}`, used: false },
  { name: "an escaped one beside a real one", text: `$\${A}\${A}`, to: `\${A}1`, used: true },
  { name: "a value that looks like a reference, once only", text: `\${NESTED}`, to: `\${A}`, used: true },
  { name: "a file, its line end cut", text: `\${file:unix}`, to: "secret", used: true },
  { name: "a file with Windows line ends", text: `\${file:windows}`, to: "secret", used: true },
  { name: "a file of several lines", text: `\${file:pem}`, to: "-----BEGIN\nMIIE\n-----END\n", used: true },
  { name: "a file by its whole path", text: `\${file:${join(folder, "unix")}}`, to: "secret", used: true },
])("puts in $name", ({ text, to, used }) => {
  expect(interpolate(text, world)).toEqual({ text: to, used, problems: [] });
});

test.each([
  { text: `\${MISSING}`, problems: ["environment variable MISSING is not set"] },
  { text: `\${EMPTY}`, problems: ["environment variable EMPTY is empty"] },
  { text: `\${NO}\${NOPE}`, problems: ["environment variable NO is not set", "environment variable NOPE is not set"] },
  { text: `\${}`, problems: [MALFORMED] },
  { text: `\${A`, problems: [MALFORMED] },
  { text: `\${A:-default}`, problems: [MALFORMED] },
  { text: `\${file:}`, problems: [MALFORMED] },
  { text: `\${toString}`, problems: ["environment variable toString is not set"] },
  { text: `\${file:none}`, problems: ["file none cannot be read: no such file"] },
  { text: `\${file:.}`, problems: ["file . cannot be read: it is a folder"] },
  { text: `\${file:empty}`, problems: ["file empty is empty"] },
  { text: `\${file:bytes}`, problems: ["file bytes cannot be read: it is not UTF-8 text"] },
  { text: `\${file:large}`, problems: ["file large cannot be read: it is larger than 64 KiB"] },
])("refuses $text", ({ text, problems }) => {
  expect(interpolate(text, world).problems).toEqual(problems);
});
