import { expect, test } from "vitest";
import type { Checked } from "../../checks.ts";
import { failed, good, warning } from "../../core/finding.ts";
import { isGood, report, table } from "./table.ts";

const GOOD: Checked = { name: "clock", finding: good("it is right") };
const ODD: Checked = { name: "key main", finding: warning("the key MAY TRADE", "make another") };
const BARE: Checked = { name: "config", finding: warning("a secret in a file") };
const BROKEN: Checked = { name: "cross main", finding: failed("refused", "mend the key") };

test("a row for each check, aligned, what to do below what was found, and the sum at the end", () => {
  expect(table([GOOD, ODD, BARE, BROKEN], { isColoured: false })).toBe(
    [
      "✔ clock       it is right",
      "! key main    the key MAY TRADE",
      "              → make another",
      "! config      a secret in a file",
      "✘ cross main  refused",
      "              → mend the key",
      "",
      "1 failed, 2 warnings, 1 good.",
      "",
    ].join("\n"),
  );
});

test.each<[readonly Checked[], string, boolean]>([
  [[GOOD], "All is well.", true],
  [[GOOD, ODD], "Nothing failed; 1 warning.", true],
  [[GOOD, ODD, BARE], "Nothing failed; 2 warnings.", true],
  [[GOOD, BROKEN], "1 failed, 1 good.", false],
])("the sum of %j", (checked, sum, isFine) => {
  expect(table(checked, { isColoured: false })).toContain(`\n\n${sum}\n`);
  expect(isGood(checked)).toBe(isFine);
  expect(report(checked).ok).toBe(isFine);
});

test("colour only where it is wanted, and never without the sign", () => {
  const coloured = table([GOOD, ODD, BROKEN], { isColoured: true });
  expect(coloured).toContain("\u001b[32m✔\u001b[39m clock");
  expect(coloured).toContain("\u001b[33m!\u001b[39m key main");
  expect(coloured).toContain("\u001b[31m✘\u001b[39m cross main");
  expect(table([GOOD, ODD, BROKEN], { isColoured: false })).not.toContain("\u001b");
});

test("as JSON every row has the same four fields", () => {
  expect(report([GOOD, ODD, BARE, BROKEN])).toEqual({
    ok: false,
    checks: [
      { name: "clock", status: "good", text: "it is right", todo: null },
      { name: "key main", status: "warning", text: "the key MAY TRADE", todo: "make another" },
      { name: "config", status: "warning", text: "a secret in a file", todo: null },
      { name: "cross main", status: "failed", text: "refused", todo: "mend the key" },
    ],
  });
});
