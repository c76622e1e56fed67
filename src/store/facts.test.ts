import { expect, test } from "vitest";
import { BARS_5X } from "../../test/support/answers.ts";
import { createMemoryStore } from "../../test/support/memory-store.ts";
import { banOf, barsOf, instanceOf } from "./facts.ts";

test("an installation keeps its name, and two have different ones", () => {
  const [here, there] = [createMemoryStore(), createMemoryStore()];
  const name = instanceOf(here);
  expect(name).toMatch(/^[0-9a-f]{8}$/);
  expect(instanceOf(here)).toBe(name);
  expect(instanceOf(there)).not.toBe(name);
});

test.each(["rate", "firewall", "ban"] as const)(
  "a pause of kind %s outlives the process until it is cleared",
  (kind) => {
    const store = createMemoryStore();
    expect(banOf(store).load()).toBeUndefined();
    banOf(store).save({ beginMs: 1_583_950_000_000, untilMs: 1_583_960_000_000, kind });
    expect(banOf(store).load()).toEqual({ beginMs: 1_583_950_000_000, untilMs: 1_583_960_000_000, kind });
    store.setFact("ban", '{"beginMs":1,"untilMs":2,"kind":"odd"}');
    expect(banOf(store).load()).toEqual({ beginMs: 1, untilMs: 2 });
    banOf(store).clear();
    expect(banOf(store).load()).toBeUndefined();
  },
);

test.each([
  "",
  "soon",
  "{",
  "null",
  "5",
  '{"untilMs":5}',
  '{"beginMs":5}',
  '{"beginMs":"5","untilMs":6}',
  '{"beginMs":null,"untilMs":6}',
])("a ban that reads %j is none", (text) => {
  const store = createMemoryStore();
  store.setFact("ban", text);
  expect(banOf(store).load()).toBeUndefined();
});

test("bars are kept for each account, with their time", () => {
  const store = createMemoryStore();
  expect(barsOf(store).load("main")).toBeUndefined();
  barsOf(store).save("main", BARS_5X, 7.4);
  expect(barsOf(store).load("main")).toEqual({ bars: BARS_5X, atMs: 7 });
  expect(barsOf(store).load("other")).toBeUndefined();
});

test.each([
  "{",
  "null",
  "5",
  '{"atMs":5}',
  '{"atMs":"5","bars":{"normalBar":1.5,"marginCallBar":1.3,"forceLiquidationBar":1.1}}',
  '{"atMs":5,"bars":{"normalBar":1.5,"marginCallBar":1.3}}',
  '{"atMs":5,"bars":{"normalBar":"1.5","marginCallBar":1.3,"forceLiquidationBar":1.1}}',
  '{"atMs":5,"bars":null}',
])("bars that read %s are none: they are asked for anew", (text) => {
  const store = createMemoryStore();
  store.setFact("bars.main", text);
  expect(barsOf(store).load("main")).toBeUndefined();
});
