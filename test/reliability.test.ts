// docs/RELIABILITY.md names a test for every fault: each of them must be there, under the fault's own name.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const text = readFileSync(new URL("../docs/RELIABILITY.md", import.meta.url), "utf8");
const rows = [...text.matchAll(/^\| ([XNHOB]\d+b?) \| .* \| ([^|]*) \|$/gm)].map(
  ([, id = "", where = ""]) => [id, [...where.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file)] as const,
);

/** O8: there are no silences yet. */
const NOT_YET = ["O8"];
const range = (letter: string, last: number) => Array.from({ length: last }, (_, index) => `${letter}${index + 1}`);

test("every fault has a row", () => {
  const all = [...range("X", 21), "X1b", ...range("N", 17), ...range("H", 12), ...range("O", 9), ...range("B", 14)];
  expect(rows.map(([id]) => id).sort()).toEqual(all.sort());
});

test.each(rows.filter(([id]) => !NOT_YET.includes(id)))("%s is shown where the table says", (id, files) => {
  expect(files.length).toBeGreaterThan(0);
  const named = new RegExp(`["\`](?:[A-Z]\\w+, )*${id}(?:, [A-Z]\\w+)*(?:: |",)`); // at the head of a name, or in a table of them
  for (const file of files) {
    expect(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"), file).toMatch(named);
  }
});
