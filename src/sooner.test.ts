import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { createSooner } from "./sooner.ts";

function world(answers: readonly boolean[] = [], failsAt?: number) {
  const clock = createTestClock();
  const stopping = new AbortController();
  const atMs: number[] = [];
  const poll = async () => {
    atMs.push(clock.monoMs());
    if (failsAt === atMs.length) throw new Error("unforeseen");
    return answers[atMs.length - 1] ?? true;
  };
  const startMs = clock.monoMs();
  const errors: unknown[] = [];
  const sooner = createSooner(poll, (error) => errors.push(error), clock, stopping.signal);
  return { clock, errors, sooner, stopping, polls: () => atMs.map((ms) => ms - startMs) };
}

test("polls at once, and once more for a flood of calls meanwhile", async () => {
  const { clock, sooner, polls } = world();
  for (let i = 0; i < 100_000; i++) sooner.poll();
  expect(polls()).toEqual([0]);
  await clock.advance(5000);
  expect(polls()).toEqual([0, 1000]);
});

test("while it is asked for again and again the polls grow rarer, up to one in eight seconds, and quick again after a rest", async () => {
  const { clock, sooner, polls } = world();
  for (let ms = 0; ms < 40_000; ms += 100) {
    sooner.poll();
    await clock.advance(100);
  }
  expect(polls()).toEqual([0, 1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000]);
  await clock.advance(20_000);
  const before = polls().length;
  sooner.poll();
  await clock.advance(500);
  sooner.poll();
  await clock.advance(600);
  expect(polls().length - before).toBe(2);
});

test("a poll that takes longer than the wait and then turns out to have left something out is followed by another", async () => {
  const clock = createTestClock();
  let polls = 0;
  const sooner = createSooner(
    async () => {
      polls += 1;
      await clock.sleep(polls === 1 ? 3000 : 1);
      return polls > 1;
    },
    () => undefined,
    clock,
    new AbortController().signal,
  );
  sooner.poll();
  await clock.advance(2999);
  expect(polls).toBe(1);
  await clock.advance(10);
  expect(polls).toBe(2);
  await clock.advance(20_000);
  expect(polls).toBe(2);
});

test("what comes while a poll is fresh is one more poll, a second after it", async () => {
  const { clock, sooner, polls } = world();
  sooner.poll();
  await clock.advance(300);
  sooner.poll();
  sooner.poll();
  await clock.advance(699);
  expect(polls()).toEqual([0]);
  await clock.advance(1);
  expect(polls()).toEqual([0, 1000]);
  await clock.advance(10_000);
  sooner.poll();
  expect(polls()).toEqual([0, 1000, 12_000 - 1000]);
});

test("a poll that left something out is followed by another until one has asked for everything", async () => {
  const { clock, sooner, polls } = world([false, false, true]);
  sooner.poll();
  await clock.advance(20_000);
  expect(polls()).toEqual([0, 1000, 3000]);
});

test("a poll that hangs holds up no later one", async () => {
  const clock = createTestClock();
  let polls = 0;
  const sooner = createSooner(
    () => {
      polls += 1;
      return new Promise(() => undefined);
    },
    () => undefined,
    clock,
    new AbortController().signal,
  );
  sooner.poll();
  await clock.advance(1000);
  sooner.poll();
  expect(polls).toBe(2);
});

test("nothing polls after the stop, and idle resolves", async () => {
  const { clock, sooner, stopping, polls } = world();
  sooner.poll();
  await clock.advance(100);
  sooner.poll();
  stopping.abort();
  await sooner.idle();
  sooner.poll();
  await clock.advance(5000);
  expect(polls()).toEqual([0]);
});

test("a poll that fails in an unforeseen way is told, and the next one follows", async () => {
  const { clock, sooner, stopping, errors, polls } = world([], 1);
  sooner.poll();
  await clock.advance(5000);
  expect(errors).toEqual([new Error("unforeseen")]);
  sooner.poll();
  await clock.advance(100);
  expect(polls()).toEqual([0, 5000]);
  stopping.abort();
  await sooner.idle();
});
