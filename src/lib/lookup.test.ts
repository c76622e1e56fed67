import type { LookupAddress, LookupOptions } from "node:dns";
import { expect, test } from "vitest";
import { createTestClock } from "../../test/support/clock.ts";
import { systemClock } from "./clock.ts";
import { createLookup } from "./lookup.ts";

const FOUR: LookupAddress = { address: "192.0.2.1", family: 4 };
const SIX: LookupAddress = { address: "2001:db8::1", family: 6 };

interface Question {
  readonly hostname: string;
  readonly options: LookupOptions;
  answer(addresses: LookupAddress[]): void;
  fail(error: Error): void;
}

/** A lookup whose resolver answers when it is told to. */
function open() {
  const clock = createTestClock();
  const questions: Question[] = [];
  const lookup = createLookup({
    timeoutMs: 5_000,
    clock,
    resolve: (hostname, options) => new Promise((answer, fail) => questions.push({ hostname, options, answer, fail })),
  });
  const ask = (options: LookupOptions = {}, hostname = "exchange.example") =>
    new Promise<unknown>((resolve) => {
      lookup(hostname, options, (error, address, family) =>
        resolve(error?.code ?? error ?? (family === undefined ? address : [address, family])),
      );
    });
  return { clock, questions, ask };
}

test("gives one address or all of them, as it is asked", async () => {
  const { questions, ask } = open();
  const both = [ask(), ask({ all: true })];
  questions[0]?.answer([FOUR, SIX]);
  expect(await Promise.all(both)).toEqual([
    [FOUR.address, 4],
    [FOUR, SIX],
  ]);
});

test("has one question under way for each name and family, and asks anew after its answer", async () => {
  const { clock, questions, ask } = open();
  const many = [ask(), ask(), ask({ family: 4 }), ask({ family: 4 }), ask({}, "other.example"), ask()];
  expect(questions.map(({ hostname, options }) => [hostname, options.family])).toEqual([
    ["exchange.example", undefined],
    ["exchange.example", 4],
    ["other.example", undefined],
  ]);
  for (const { answer } of questions) answer([FOUR]);
  await Promise.all(many);
  const next = ask();
  expect(questions).toHaveLength(4);
  questions[3]?.answer([SIX]);
  expect(await next).toEqual([SIX.address, 6]);
  expect(clock.sleepers()).toEqual([]);
});

test("X8: lets nobody wait longer than its time for a resolver that hangs, and never asks it twice", async () => {
  const { clock, questions, ask } = open();
  const first = ask();
  await clock.advance(4_000);
  const second = ask();
  await clock.advance(1_000);
  expect(await first).toBe("EAI_AGAIN");
  questions[0]?.answer([FOUR]);
  expect(await second).toEqual([FOUR.address, 4]);
  expect(questions).toHaveLength(1);
  expect(clock.sleepers()).toEqual([]);
});

test("X8: tells every caller of a failure, and asks anew after it", async () => {
  const { questions, ask } = open();
  const both = [ask(), ask()];
  questions[0]?.fail(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));
  expect(await Promise.all(both)).toEqual(["ENOTFOUND", "ENOTFOUND"]);
  const next = ask();
  questions[1]?.answer([]);
  expect(await next).toBe("ENOTFOUND");
});

test("asks the system's resolver unless it is given another", async () => {
  const lookup = createLookup({ timeoutMs: 5_000, clock: systemClock });
  const found = await new Promise((resolve) => lookup("localhost", { family: 4 }, (_, address) => resolve(address)));
  expect(found).toBe("127.0.0.1");
});
