import { expect, test } from "vitest";
import { parseExactJson, parseJson } from "./json.ts";

test.each([
  ['{"txId":1352286576452864727}', { txId: "1352286576452864727" }],
  ["[1.10,-3,1e3]", ["1.10", "-3", "1e3"]],
  ['{"a":"1","b":null,"c":[true]}', { a: "1", b: null, c: [true] }],
  ['{"cut":', undefined],
])("reads %s with every digit", (text, value) => {
  expect(parseExactJson(text)).toEqual(value);
});

test("where a number would be another id", () => {
  expect(parseJson('{"txId":1352286576452864727}')).toEqual({ txId: 1352286576452864800 });
});
