// Faults X9 to X11 of the reference: clock, signature, key. What it means for people is in test/faults-exchange.test.ts.
import { expect, test } from "vitest";
import {
  accountOf,
  type ClientWorld,
  DAY,
  failureOf,
  HOUR,
  MINUTE,
  SECOND,
  useClient,
} from "../../test/support/client.ts";
import { CROSS, complaint, TIME } from "../../test/support/exchange.ts";
import { untilTrue } from "../../test/support/server.ts";
import { systemClock } from "../lib/clock.ts";
import { Secret } from "../lib/secret.ts";

const { start, poll, warmUp } = useClient();

const codesOf = async ({ exchange }: ClientWorld) => (await poll(exchange)).map((result) => failureOf(result)?.code);
const crossAsked = ({ server }: ClientWorld) => server.seen.filter(({ path }) => path === CROSS).length;

test("X11: a refused key is asked once a minute after two refusals in a row, and clears itself", async () => {
  let isRefused = true;
  const world = await start({
    script: ({ path }) => (path === CROSS && isRefused ? complaint(-2015, "", 401) : undefined),
  });
  for (let i = 0; i < 10; i++) {
    expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "rejected_key", exchangeCode: -2015 });
  }
  expect(world.server.seen).toHaveLength(2);
  world.clock.skip(61 * SECOND);
  for (let i = 0; i < 3; i++) await poll(world.exchange);
  expect(world.server.seen).toHaveLength(3);
  isRefused = false;
  world.clock.skip(61 * SECOND);
  for (let i = 0; i < 3; i++) expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.seen.filter(({ path }) => path === CROSS)).toHaveLength(6);
});

test("X11: a single refusal slows nothing down", async () => {
  const world = await start({
    script: ({ path }, nth) => (path === CROSS && nth % 2 === 1 ? complaint(-1022) : undefined),
  });
  for (let i = 0; i < 6; i++) await poll(world.exchange);
  expect(world.server.seen.filter(({ path }) => path === CROSS)).toHaveLength(6);
});

test.each([-10 * SECOND, 10 * SECOND])("X9: gets along with an exchange whose clock is %d ms off", async (offMs) => {
  const world = await start({ serverMs: () => systemClock.wallMs() + offMs });
  const [cross] = await poll(world.exchange);
  expect(cross).toMatchObject({ ok: true });
  expect(world.server.paths().slice(0, 3)).toEqual(["account", "v3/time", "account"]);
  expect(world.warnings.some((text) => text.includes("clock differs"))).toBe(true);
  await untilTrue(() => world.server.seen.length >= 4);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
});

test("X9: reading the clock did not help: clock_skew, after one retry", async () => {
  const world = await start({ script: ({ path }) => (path === CROSS ? complaint(-1021) : undefined) });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "clock_skew", exchangeCode: -1021 });
  expect(world.server.paths()).toEqual(["account", "v3/time", "account"]);
});

test("X9: a step of the wall clock moves nothing once the exchange's clock was read", async () => {
  const world = await start();
  await warmUp(world);
  world.clock.stepWall(-3 * HOUR);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.paths().filter((path) => path === "v3/time")).toHaveLength(1);
});

test("X9: uses the given server clock before the first reading", async () => {
  const world = await start({ serverClock: () => systemClock.wallMs() });
  world.clock.stepWall(5 * DAY);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.paths()[0]).toBe("account");
});

test("X9: reads the clock again after an hour, and a minute after a failure", async () => {
  let isDown = true;
  const world = await start({ script: ({ path }) => (path === TIME && isDown ? complaint(-1001) : undefined) });
  const times = () => world.server.paths().filter((path) => path === "v3/time").length;
  const failures = () => world.notes.filter((text) => text.includes("cannot be read")).length;
  const readings = () => world.notes.filter((text) => text === "read the exchange's clock").length;
  await poll(world.exchange);
  await untilTrue(() => failures() === 1);
  await poll(world.exchange);
  expect(times()).toBe(1);
  isDown = false;
  world.clock.skip(61 * SECOND);
  await poll(world.exchange);
  await untilTrue(() => readings() === 1);
  world.clock.skip(59 * MINUTE);
  await poll(world.exchange);
  world.clock.skip(2 * MINUTE);
  await poll(world.exchange);
  await untilTrue(() => readings() === 2);
  expect(times()).toBe(3);
});

test.each([
  ["fast", 1 / 60],
  ["slow", -1 / 60],
])("X9: an exchange whose clock is %s by a second a minute is read for hours", async (_, drift) => {
  const startMs = systemClock.monoMs();
  let world: ClientWorld | undefined;
  const elapsedMs = () => (world?.clock.monoMs() ?? startMs) - startMs;
  world = await start({ serverMs: () => systemClock.wallMs() + elapsedMs() * (1 + drift) });
  await warmUp(world);
  for (let minutes = 0; minutes < 4 * 60; minutes += 10) {
    world.clock.skip(10 * MINUTE);
    expect(await codesOf(world)).toEqual([undefined]);
  }
});

test("X9: a slow answer about the time is taken for the middle of its way", async () => {
  const world = await start({
    async script({ path }) {
      if (path !== TIME) return undefined;
      await systemClock.sleep(500);
      const body = { serverTime: Math.floor(systemClock.wallMs()) };
      await systemClock.sleep(500);
      return { body };
    },
  });
  await warmUp(world);
  await untilTrue(() => world.notes.includes("read the exchange's clock"));
  await poll(world.exchange);
  const { query = "", atMs = 0 } = world.server.seen.at(-1) ?? {};
  const stampMs = Number(/timestamp=(\d+)/.exec(query)?.[1]);
  const arrivalMs = systemClock.wallMs() - (systemClock.monoMs() - atMs);
  expect(Math.abs(stampMs - arrivalMs)).toBeLessThan(300);
});

test("X9: after a suspend, in which the clock stood still, the next poll finds its way by itself", async () => {
  let sleptMs = 0;
  const world = await start({ serverMs: () => systemClock.wallMs() + sleptMs });
  await warmUp(world);
  sleptMs = 8 * HOUR;
  const before = world.server.seen.length;
  expect(await codesOf(world)).toEqual([undefined]);
  expect(world.server.paths().slice(before)).toEqual(["account", "v3/time", "account"]);
});

test("X9: a clock that the exchange tells wrong is set right again by its next reading", async () => {
  let isWrong = true;
  const world = await start({
    script: ({ path }) => (path === TIME && isWrong ? { body: { serverTime: 1_499_827_319_559 } } : undefined),
  });
  await warmUp(world);
  expect(await codesOf(world)).toEqual(["clock_skew"]);
  isWrong = false;
  expect(await codesOf(world)).toEqual([undefined]);
});

test.each([[{}], [{ serverTime: "1499827319559" }], [{ serverTime: -1 }], [{ serverTime: 1.5 }], [[]]])(
  "X9: the time %j is none, and the last one stays",
  async (body) => {
    const world = await start({ script: ({ path }) => (path === TIME ? { body } : undefined) });
    await warmUp(world);
    await untilTrue(() => world.notes.some((text) => text.includes("cannot be read")));
    expect(await codesOf(world)).toEqual([undefined]);
  },
);

test("X10: a signature that does not fit is asked about once a minute, not in a loop, and clears itself", async () => {
  let isWrong = true;
  const world = await start({ script: ({ path }) => (path === CROSS && isWrong ? complaint(-1022) : undefined) });
  for (let seconds = 0; seconds < 60; seconds += 5) {
    expect(await codesOf(world)).toEqual(["bad_signature"]);
    world.clock.skip(5 * SECOND);
  }
  expect(crossAsked(world)).toBe(2);
  for (let minutes = 0; minutes < 10; minutes++) {
    world.clock.skip(MINUTE);
    await poll(world.exchange);
    await poll(world.exchange);
  }
  expect(crossAsked(world)).toBe(12);
  isWrong = false;
  world.clock.skip(MINUTE);
  expect(await codesOf(world)).toEqual([undefined]);
  expect(await codesOf(world)).toEqual([undefined]);
});

test.each([-1002, -1099, -2008, -2014, -2015])(
  "X11: %d twice in a row is a refused key, asked once a minute",
  async (code) => {
    const world = await start({ script: ({ path }) => (path === CROSS ? complaint(code, "", 401) : undefined) });
    for (let i = 0; i < 5; i++) expect(await codesOf(world)).toEqual(["rejected_key"]);
    expect(crossAsked(world)).toBe(2);
    world.clock.skip(MINUTE);
    await poll(world.exchange);
    expect(crossAsked(world)).toBe(3);
  },
);

test("X11: a refused key of one account leaves the key of another as it is", async () => {
  const world = await start();
  const other = world.binance.exchange(accountOf({ name: "other", apiKey: new Secret("a-key-that-is-not-known") }));
  for (let i = 0; i < 4; i++) {
    expect(failureOf((await poll(other))[0])).toMatchObject({ code: "rejected_key" });
    expect(await codesOf(world)).toEqual([undefined]);
  }
});
