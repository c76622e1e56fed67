// How fast frames are taken, on virtual time.
import { expect, test } from "vitest";
import { createTestClock } from "../../../test/support/clock.ts";
import { startEasing } from "./ease.ts";

const SECOND = 1000;

/** Frames that came while paused wait, as in a socket. */
function taking() {
  const clock = createTestClock();
  const life = new AbortController();
  let isPaused = false;
  const calls: string[] = [];
  const socket = {
    pause() {
      isPaused = true;
      calls.push("pause");
    },
    resume() {
      isPaused = false;
      calls.push("resume");
    },
  };
  const easing = startEasing(socket, clock, life.signal);
  /** How many of them were taken before the pause. */
  const take = (frames: number) => {
    let taken = 0;
    while (taken < frames && !isPaused) {
      easing.took();
      taken += 1;
    }
    return taken;
  };
  return { clock, life, calls, take, easing, isPaused: () => isPaused };
}

test("200 frames a second are taken, for as long as they come", async () => {
  const { clock, take, calls } = taking();
  for (let second = 0; second < 60; second++) {
    expect(take(200)).toBe(200);
    await clock.advance(SECOND);
  }
  expect(calls).toEqual([]);
});

test("the 201st frame of a second waits for the next second", async () => {
  const { clock, take, isPaused } = taking();
  expect(take(100)).toBe(100);
  await clock.advance(400);
  expect(take(100_000)).toBe(101);
  await clock.advance(599);
  expect(isPaused()).toBe(true);
  await clock.advance(1);
  expect(isPaused()).toBe(false);
});

test("a firehose is taken at 201 frames a second", async () => {
  const { clock, take } = taking();
  let taken = 0;
  for (let tenth = 0; tenth < 100; tenth++) {
    taken += take(10_000);
    await clock.advance(SECOND / 10);
  }
  expect(taken).toBe(10 * 201);
});

test("frames that still come after the pause begin no second one", async () => {
  const { clock, take, easing, calls } = taking();
  take(1000);
  for (let nth = 0; nth < 1000; nth++) easing.took();
  expect(clock.sleepers().length).toBe(1);
  await clock.advance(SECOND);
  expect(calls).toEqual(["pause", "resume"]);
});

test("an end in the pause leaves nobody asleep", async () => {
  const { clock, life, take, easing } = taking();
  take(1000);
  life.abort();
  await easing.idle();
  expect(clock.sleepers()).toEqual([]);
});

test("a wall clock that steps changes nothing", async () => {
  const { clock, take, isPaused } = taking();
  take(1000);
  clock.stepWall(-3600 * SECOND);
  await clock.advance(SECOND);
  expect(isPaused()).toBe(false);
});
