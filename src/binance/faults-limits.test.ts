// Faults X1 to X3 of the reference: the exchange asks for silence. Judged at the server: what arrives there, and when.
import { expect, test } from "vitest";
import { accountOf, DAY, failureOf, HOUR, MINUTE, SECOND, useClient } from "../../test/support/client.ts";
import { CROSS, complaint } from "../../test/support/exchange.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";

const { start, poll, warmUp, said } = useClient();

test("X1: a 429 stops every key of the address, for as long as it says", async () => {
  let isLimited = false;
  const world = await start({
    script: () =>
      isLimited ? { ...complaint(-1003, "Too many requests.", 429), headers: { "retry-after": "7" } } : undefined,
  });
  const other = world.binance.exchange(accountOf({ name: "other" }));
  await warmUp(world);
  isLimited = true;
  const [limited] = await poll(world.exchange);
  isLimited = false;
  const failure = failureOf(limited);
  expect(failure).toMatchObject({ code: "rate_limited", detail: "HTTP 429" });
  expect((failure?.untilMs ?? 0) - world.clock.wallMs()).toBeGreaterThan(6.5 * SECOND);
  const asked = world.server.seen.length;
  for (const exchange of [world.exchange, other]) {
    expect(failureOf((await poll(exchange))[0])).toMatchObject({ code: "rate_limited" });
  }
  world.clock.skip(6 * SECOND);
  expect(failureOf((await poll(other))[0])).toMatchObject({ code: "rate_limited" });
  expect(world.server.seen).toHaveLength(asked);
  world.clock.skip(1.1 * SECOND);
  expect((await poll(other))[0]).toMatchObject({ ok: true });
});

test("X1: nothing is sent that already waited in a lane when the pause began", async () => {
  const world = await start({
    minSpacingMs: 200,
    account: { isolated: "all" },
    script: () => ({ status: 429, raw: "" }),
  });
  const results = await poll(world.exchange);
  expect(results.map((result) => failureOf(result)?.code)).toEqual(["rate_limited", "rate_limited"]);
  expect(world.server.seen).toHaveLength(1);
});

test("X1: a 429 of two seconds is two seconds without a call, and then one", async () => {
  const world = await start({
    script: (_, nth) => (nth === 1 ? { status: 429, raw: "", headers: { "retry-after": "2" } } : undefined),
  });
  await poll(world.exchange);
  for (let ms = 0; ms < 1500; ms += 250) {
    world.clock.skip(250);
    expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "rate_limited" });
  }
  expect(world.server.seen).toHaveLength(1);
  world.clock.skip(501);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.seen[1]?.path).toBe(CROSS);
});

const inSeconds = (seconds: number) => new Date(systemClock.wallMs() + seconds * SECOND).toUTCString();

test.each<[string, () => string | undefined, number]>([
  ["missing", () => undefined, 5],
  ["empty", () => "", 5],
  ["0", () => "0", 1],
  ["1", () => "1", 1],
  ["2", () => "2", 2],
  ["600", () => "600", 600],
  ["601", () => "601", 600],
  ["30 days", () => "2592000", 600],
  ["a number of 11 digits", () => "99999999999", 600],
  ["a number beyond every date", () => "9".repeat(400), 600],
  ["−1", () => "-1", 5],
  ["+7", () => "+7", 5],
  ["1.5", () => "1.5", 5],
  ["1e3", () => "1e3", 5],
  ["a word", () => "soon", 5],
  ["an HTTP date", () => inSeconds(90), 90],
  ["an HTTP date in 30 days", () => inSeconds(30 * 86_400), 600],
  ["an HTTP date that is over", () => inSeconds(-90), 5],
  ["an ISO date", () => new Date(systemClock.wallMs() + MINUTE).toISOString(), 5],
])("X1b: a 429 whose Retry-After is %s is a pause of that many seconds: %#", async (_, header, seconds) => {
  const text = header();
  const world = await start({
    script: (__, nth) =>
      nth === 1 ? { status: 429, raw: "", headers: text === undefined ? {} : { "retry-after": text } } : undefined,
  });
  const failure = failureOf((await poll(world.exchange))[0]);
  const leftMs = (failure?.untilMs ?? 0) - world.clock.wallMs();
  expect(Math.abs(leftMs - seconds * SECOND)).toBeLessThanOrEqual(seconds === 90 ? 1500 : 500); // a date has whole seconds
  world.clock.skip(leftMs - 450);
  await poll(world.exchange);
  expect(world.server.seen).toHaveLength(1);
  world.clock.skip(451);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
});

test("X1b: a sleep of 30 days does not end at once, as a timer beyond 2^31 ms does", async () => {
  const stopping = new AbortController();
  const ended: string[] = [];
  const onWarning = ({ name }: Error) => ended.push(name); // TimeoutOverflowWarning, at every turn of a loop that spins
  process.on("warning", onWarning);
  const note = (how: string) => () => ended.push(how);
  const sleeping = systemClock.sleep(30 * DAY, stopping.signal).then(note("woke"), note("stopped"));
  await systemClock.sleep(60);
  stopping.abort();
  await sleeping;
  process.off("warning", onWarning);
  expect(ended).toEqual(["stopped"]);
});

test("X1b: without a stated wait its own doubles from 5 s, and starts short again after an answer", async () => {
  let isLimited = true;
  const world = await start({ script: () => (isLimited ? { status: 429, raw: "" } : undefined) });
  const waitMs = async () => (failureOf((await poll(world.exchange))[0])?.untilMs ?? 0) - world.clock.wallMs();
  for (const seconds of [5, 10, 20, 40]) {
    const ms = await waitMs();
    expect(Math.round(ms / SECOND)).toBe(seconds);
    world.clock.skip(ms + 1);
  }
  isLimited = false;
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  isLimited = true;
  expect(Math.round((await waitMs()) / SECOND)).toBe(5);
});

test("X2: a ban of three days is three days without a call, through five restarts", async () => {
  const world = await start({ script: () => ({ status: 418, raw: "", headers: { "retry-after": `${3 * 86_400}` } }) });
  const [cross] = await poll(world.exchange);
  expect(failureOf(cross)).toMatchObject({ code: "banned", detail: "HTTP 418" });
  const { beginMs = 0, untilMs = 0 } = world.bans[0] ?? {};
  expect(untilMs - world.clock.wallMs()).toBeGreaterThan(3 * DAY - SECOND);
  expect(failureOf(cross)?.untilMs).toBe(untilMs);
  let last = world;
  for (let restart = 0; restart < 5; restart++) {
    const goneMs = restart * 12 * HOUR; // each restart finds 12 hours gone
    const next = await start({ ban: { beginMs: beginMs - goneMs, untilMs: untilMs - goneMs } });
    expect(failureOf((await poll(next.exchange))[0])).toMatchObject({ code: "banned" });
    next.clock.skip(11 * HOUR);
    expect(failureOf((await poll(next.exchange))[0])).toMatchObject({ code: "banned" });
    expect(next.server.seen).toHaveLength(0);
    last = next;
  }
  last.clock.skip(DAY + HOUR + SECOND);
  expect((await poll(last.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.seen).toHaveLength(1);
});

test("X2: a wall clock that is set forward ends no ban", async () => {
  const world = await start({ script: () => ({ status: 418, raw: "", headers: { "retry-after": "600" } }) });
  await poll(world.exchange);
  world.clock.stepWall(DAY);
  await poll(world.exchange);
  expect(world.server.seen).toHaveLength(1);
});

test("X2: a kept ban that is over stops nothing", async () => {
  const nowMs = systemClock.wallMs();
  const world = await start({ ban: { beginMs: nowMs - HOUR, untilMs: nowMs - 1 } });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
});

test("X2: an old ban does not silence a machine that starts with its clock in the past", async () => {
  const beginMs = systemClock.wallMs() + 300 * DAY;
  const world = await start({ ban: { beginMs, untilMs: beginMs + 2 * MINUTE } });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.warnings).toHaveLength(1);
});

test("X2: a ban that cannot be kept is a ban all the same", async () => {
  const world = await start({
    script: () => ({ status: 418, raw: "" }),
    bans: {
      load: () => undefined,
      save: () => {
        throw new Error("disk full");
      },
      clear: () => undefined,
    },
  });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "banned" });
  expect(world.warnings).toContain("a fact about the exchange could not be kept; it is lost at a restart");
});

test("X2: the end of a ban may stand in the text of -1003", async () => {
  const world = await start({
    script: () =>
      complaint(
        -1003,
        `Way too much request weight used; IP banned until ${systemClock.wallMs() + HOUR}. Please use`,
        418,
      ),
  });
  const [cross] = await poll(world.exchange);
  expect(failureOf(cross)?.code).toBe("banned");
  expect(Math.round(((failureOf(cross)?.untilMs ?? 0) - world.clock.wallMs()) / MINUTE)).toBe(60);
});

test("X2: a 418 is believed although its body is cut", async () => {
  const world = await start({
    script: (_, __, response) => {
      response.writeHead(418, { "content-length": "1000", "retry-after": "300" });
      response.write("{", () => response.destroy());
      return "handled";
    },
  });
  const [cross] = await poll(world.exchange);
  expect(failureOf(cross)?.code).toBe("banned");
  expect(Math.round(((failureOf(cross)?.untilMs ?? 0) - world.clock.wallMs()) / SECOND)).toBe(300);
});

test("X2: a ban silences every key and every path: no read, no clock, no bars", async () => {
  let isBanned = false;
  const world = await start({
    account: { isolated: "all" },
    script: () => (isBanned ? { status: 418, raw: "", headers: { "retry-after": `${2 * 86_400}` } } : undefined),
  });
  const other = world.binance.exchange(accountOf({ name: "other", isolated: ["AUSDT", "BUSDT"] }));
  await warmUp(world);
  isBanned = true;
  await poll(world.exchange);
  const asked = world.server.seen.length;
  for (let hours = 0; hours < 47; hours++) {
    world.clock.skip(HOUR); // the bars and the clock are due
    for (const exchange of [world.exchange, other]) {
      const codes = (await poll(exchange)).map((result) => failureOf(result)?.code);
      expect(codes).toEqual(["banned", "banned"]);
    }
  }
  expect(world.server.seen).toHaveLength(asked);
});

test("X3: a 403 of the firewall is a pause of a minute at least", async () => {
  const world = await start({ script: () => ({ status: 403, raw: "<html>", headers: { "retry-after": "2" } }) });
  const [cross] = await poll(world.exchange);
  expect(failureOf(cross)).toMatchObject({ code: "rate_limited", detail: "HTTP 403 of its firewall" });
  world.clock.skip(59 * SECOND);
  await poll(world.exchange);
  expect(world.server.seen).toHaveLength(1);
  world.clock.skip(2 * SECOND);
  await poll(world.exchange);
  expect(world.server.seen).toHaveLength(2);
});

const PAGE = `<!DOCTYPE html><html><head><title>ERROR: The request could not be satisfied</title></head>
<body><h1>403 ERROR</h1><hr>Request blocked. `;

test("X3: the page of a firewall is told in the log, without anything that could be a secret", async () => {
  const fields: object[] = [];
  const world = await start({
    log: { ...silentLog, warn: (shown) => fields.push(shown) },
    script: ({ query, headers }) => ({
      status: 403,
      headers: { "content-type": "text/html; charset=UTF-8" },
      raw: `${PAGE}https://api.binance.com/sapi?${query} ${headers["x-mbx-apikey"]} ID: 6KzQd_0y==</body></html>`,
    }),
  });
  await poll(world.exchange);
  expect(fields).toEqual([
    expect.objectContaining({
      status: 403,
      type: "text/html; charset=UTF-8",
      page: "ERROR: The request could not be satisfied 403 ERROR Request blocked. … ID: …",
    }),
  ]);
  said.push(JSON.stringify(fields));
});
