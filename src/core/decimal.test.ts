import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDecimal } from "./decimal.ts";

test.each([
  ["0", 0],
  ["0.00000000", 0],
  ["-0", 0],
  ["-0.00000000", 0],
  ["-0.00000000000000000000", 0],
  ["999", 999],
  ["11.64405625", 11.64405625],
  ["-869.06533045", -869.06533045],
  ["007.50", 7.5],
  ["0.1", 0.1],
  ["12345678.1234567", 12345678.1234567], // 15 digits: the longest of the short way
  ["12345678.12345678", 12345678.12345678], // 16 digits: beyond it
  ["999999999999999", 999999999999999],
  ["9007199254740993", 9007199254740992],
  ["0.000000000000000000000000001", 1e-27],
  [`0.${"0".repeat(400)}1`, 0],
])("reads %j as %d", (text, expected) => {
  expect(parseDecimal(text)).toBe(expected);
});

test.each([
  "",
  " ",
  "-",
  ".",
  "-.",
  "1.",
  ".5",
  "-.5",
  "+1",
  "--1",
  "1-",
  " 1",
  "1 ",
  "1\n",
  "1e5",
  "1E5",
  "1e400",
  "1,25",
  "1.2.3",
  "1..2",
  "1.2x",
  "0x10",
  "0b1",
  "1_000",
  "1n",
  "NaN",
  "Infinity",
  "-Infinity",
  "null",
  "１２",
  "٣",
  "−1",
  "9".repeat(400),
  `-${"9".repeat(400)}`,
])("refuses %j", (text) => {
  expect(parseDecimal(text)).toBeUndefined();
});

test.each([[null], [undefined], [1.3], [0], [Number.NaN], [true], [[]], [["1"]], [{}], [1n], [new String("1")]])(
  "refuses %o, which is no string",
  (value) => {
    expect(parseDecimal(value)).toBeUndefined();
  },
);

test("reads every decimal exactly as Number does", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^-?[0-9]{1,24}(\.[0-9]{1,24})?$/), (text) => {
      expect(parseDecimal(text)).toBe(Number(text) + 0);
    }),
    { numRuns: 2000 },
  );
});

test("reads no string that is not a decimal", () => {
  const nearMiss = fc.stringMatching(/^[-+ 0-9.eExX,_naNIfity]{0,12}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearMiss), (text) => {
      expect(parseDecimal(text) !== undefined).toBe(/^-?[0-9]+(\.[0-9]+)?$/.test(text) && !text.endsWith("\n"));
    }),
    { numRuns: 5000 },
  );
});
