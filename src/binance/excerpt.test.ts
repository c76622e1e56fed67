import { expect, test } from "vitest";
import { API_KEY } from "../../test/support/exchange.ts";
import { excerpt } from "./excerpt.ts";

test.each([
  ["", ""],
  ["<html></html>", ""],
  ["<h1>403 ERROR</h1>\n\n<p>Request blocked.", "403 ERROR Request blocked."],
  [`Don't (really) do this: "stop"!`, `Don't (really) do this: "stop"!`],
  ["您的请求被阻止。", "…"],
  ["Request ID: 6KzQd_0y==", "Request ID: …"],
  [API_KEY.slice(0, 32).concat("<wbr>", API_KEY.slice(32)), "…"],
  [`key ${API_KEY}, again ${API_KEY}`, "key … again …"],
  ["https://api.binance.com/sapi?signature=abc&timestamp=1", "…"],
  ["a=1 b&c 1499827319559 abc123", "…"],
  ["<a href='https://api.binance.com/?signature=abc'>here</a>", "here"],
  ["cut in a tag <a href='?signature=abc", "cut in a tag"],
])("X3: of the page %j it shows %j", (page, shown) => {
  expect(excerpt(page)).toBe(shown);
});

test("is short, however long the page is", () => {
  expect(excerpt("word ".repeat(10_000))).toHaveLength(200);
});
