import { expect, test } from "vitest";
import { decimal } from "./answers.ts";

test.each([
  { value: 0, text: "0.00000000" },
  { value: -0, text: "0.00000000" },
  { value: 1 / 3, text: "0.33333333" },
  { value: -8_000.5, text: "-8000.50000000" },
  { value: 5e-9, text: "0.00000001" },
  { value: -4e-9, text: "0.00000000" },
  { value: -6e-9, text: "-0.00000001" },
])("$value is written as $text", ({ value, text }) => {
  expect(decimal(value)).toBe(text);
});
