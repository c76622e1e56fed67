// The whole client against a real HTTP server. Spacing and silence are judged where the exchange would judge them: at the server.
import { afterEach, expect, test } from "vitest";
import {
  API_KEY,
  API_SECRET,
  COEFF,
  CROSS,
  CROSS_BODY,
  complaint,
  type FakeExchange,
  type FakeOptions,
  ISOLATED,
  isolatedBody,
  pairBody,
  startExchange,
  TIME,
} from "../../test/support/exchange.ts";
import { untilTrue } from "../../test/support/server.ts";
import { createWarpClock, type WarpClock } from "../../test/support/warp-clock.ts";
import type { Bars, Exchange, ReadResult } from "../core/ports.ts";
import { systemClock } from "../lib/clock.ts";
import { type Log, silentLog } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import {
  type Ban,
  type Binance,
  type BinanceAccount,
  type BinanceOptions,
  createBinance,
  type RequestInfo,
} from "./client.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface World {
  readonly server: FakeExchange;
  readonly clock: WarpClock;
  readonly binance: Binance;
  readonly exchange: Exchange;
  readonly requests: RequestInfo[];
  readonly bans: Ban[];
  readonly savedBars: Bars[];
  readonly warnings: string[];
  readonly notes: string[];
}

let open = new AsyncDisposableStack();
/** All that the client said of itself in one test: logs and failures. */
const said: string[] = [];
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
  const text = said.splice(0).join("\n");
  for (const secret of [API_KEY, API_SECRET, "signature=", "timestamp=", "?", "http:"])
    expect(text).not.toContain(secret);
});

function logTo(warnings: string[], notes: string[]): Log {
  const to = (list: string[]) => (fields: object, text: string) => {
    list.push(text);
    const shown = Object.values(fields).map((value) =>
      value instanceof Error ? `${value.stack}` : JSON.stringify(value),
    );
    said.push(text, ...shown.map((value) => value.replaceAll(/at .*/g, "")));
  };
  return { ...silentLog, warn: to(warnings), debug: to(notes), info: to([]) };
}

const BARS_3X: Bars = { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 };
const noBars = { load: () => undefined, save: () => undefined };

type Setup = FakeOptions & Partial<BinanceOptions> & { readonly account?: Partial<BinanceAccount>; readonly ban?: Ban };

async function start({ account = {}, ban, script, serverMs, ...options }: Setup = {}): Promise<World> {
  const clock = createWarpClock();
  const server = await startExchange({ serverMs: serverMs ?? clock.trueMs, ...(script && { script }) });
  open.defer(() => server.close());
  const requests: RequestInfo[] = [];
  const bans: Ban[] = [];
  const savedBars: Bars[] = [];
  const warnings: string[] = [];
  const notes: string[] = [];
  const binance = createBinance({
    baseUrl: server.url,
    minSpacingMs: 0,
    timeoutMs: 2 * SECOND,
    recvWindowMs: 5000,
    weightBudgetPct: 50,
    clock,
    random: () => 0.01,
    bans: { load: () => ban, save: (beginMs, untilMs) => bans.push({ beginMs, untilMs }), clear: () => undefined },
    // Known, but so old that they are read again after the first poll.
    barsStore: { load: () => ({ bars: BARS_3X, atMs: 0 }), save: (_, bars) => savedBars.push(bars) },
    onRequest: (info) => requests.push(info),
    log: logTo(warnings, notes),
    ...options,
  });
  open.defer(() => binance.close());
  const exchange = binance.exchange(accountOf(account));
  return { server, clock, binance, exchange, requests, bans, savedBars, warnings, notes };
}

const accountOf = (account: Partial<BinanceAccount>): BinanceAccount => ({
  name: "main",
  apiKey: new Secret(API_KEY),
  credential: { kind: "hmac", secret: new Secret(API_SECRET) },
  cross: true,
  isolated: "none",
  ...account,
});

const never = new AbortController().signal;
async function poll(exchange: Exchange, signal = never): Promise<readonly ReadResult[]> {
  const results = await Promise.all(exchange.poll(signal));
  said.push(JSON.stringify(results.map(failureOf)));
  return results;
}
const failureOf = (result: ReadResult | undefined) => (result?.ok === false ? result.failure : undefined);

/** The first poll and what follows it, so that later requests are only those of polls. */
async function warmUp({ exchange, server }: World): Promise<void> {
  await poll(exchange);
  await untilTrue(() => server.paths().includes("v3/time"));
  await untilTrue(() => server.paths().includes("tradeCoeff"));
}

// ---------------------------------------------------------------- the good day

test("reads cross, then isolated, then the bars and the clock, all signed as the exchange checks it", async () => {
  const world = await start({ account: { isolated: "all" } });
  const [cross, isolated] = await poll(world.exchange);
  expect(cross).toMatchObject({ ok: true, answer: { source: "cross", opened: true, marginLevel: 11.64405625 } });
  expect(isolated).toMatchObject({ ok: true, answer: { source: "isolated", asked: "all" } });
  expect(
    isolated?.ok && isolated.answer.source === "isolated" && isolated.answer.pairs.map((pair) => pair.symbol),
  ).toEqual(["BTCUSDT", "ETHUSDT"]);
  await untilTrue(() => world.server.seen.length === 4);
  expect(world.server.seen.map(({ path }) => path)).toEqual([CROSS, ISOLATED, COEFF, TIME]);
  expect(world.server.seen[1]?.query).not.toContain("symbols");
  expect(world.server.seen[3]).toMatchObject({ query: "" });
  expect(world.server.seen[3]?.headers["x-mbx-apikey"]).toBeUndefined();
  await untilTrue(() => world.savedBars.length === 1);
  expect(world.exchange.bars()).toEqual({ normalBar: 1.25, marginCallBar: 1.16, forceLiquidationBar: 1.1 });
});

test("asks for nothing that the account does not have", async () => {
  const world = await start({ account: { cross: false, isolated: ["BTCUSDT"] } });
  expect(await poll(world.exchange)).toHaveLength(1);
  expect(world.server.seen[0]?.path).toBe(ISOLATED);
  const none = world.binance.exchange(accountOf({ cross: false, isolated: [] }));
  expect(none.poll(never)).toEqual([]);
});

test("stamps an answer with the wall clock at its arrival", async () => {
  const { exchange, clock } = await start();
  const before = clock.wallMs();
  const [cross] = await poll(exchange);
  expect(cross?.atMs).toBeGreaterThanOrEqual(before);
  expect(cross?.atMs).toBeLessThanOrEqual(clock.wallMs());
});

// ---------------------------------------------------------------- spacing

test("keeps 500 ms between all requests of a key as they arrive, the connecting first one and retries included", async () => {
  const world = await start({
    minSpacingMs: 500,
    account: { isolated: "all" },
    script: ({ path }, nth) => (path === CROSS && nth === 1 ? complaint(-1001) : undefined),
  });
  await poll(world.exchange);
  await untilTrue(() => world.server.seen.length === 5); // cross, isolated, cross again, bars, clock
  const gaps = world.server.seen.slice(1).map(({ atMs }, i) => atMs - (world.server.seen[i]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
  expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeLessThan(600);
  expect(world.requests.map(({ gapMs }) => gapMs === undefined || gapMs >= 500)).toEqual([
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(world.requests[0]?.gapMs).toBeUndefined();
});

test("does not space one key against another", async () => {
  const world = await start({ minSpacingMs: 500 });
  const other = world.binance.exchange(accountOf({ name: "other" }));
  await Promise.all([poll(world.exchange), poll(other)]);
  const [first, second] = world.server.seen;
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeLessThan(400);
});

test("starts the next request while a slow answer is pending", async () => {
  const slow = Promise.withResolvers<undefined>();
  const world = await start({
    account: { isolated: "all" },
    script: ({ path }) => (path === CROSS ? slow.promise : undefined),
  });
  const [cross, isolated] = world.exchange.poll(never);
  expect(await isolated).toMatchObject({ ok: true });
  slow.resolve(undefined);
  expect(await cross).toMatchObject({ ok: true });
});

test("waits out -21003 by at least the spacing, doubled the second time", async () => {
  const world = await start({
    minSpacingMs: 100,
    script: ({ path }, nth) => (path === CROSS && nth < 3 ? complaint(-21003) : undefined),
  });
  const [cross] = await poll(world.exchange);
  expect(cross).toMatchObject({ ok: true });
  const [, second, third] = world.requests;
  expect(second?.gapMs).toBeGreaterThanOrEqual(100);
  expect(third?.gapMs).toBeGreaterThanOrEqual(200);
});

// ---------------------------------------------------------------- retries

test("signs each retry again with a fresh timestamp", async () => {
  const world = await start({
    script: ({ path }, nth) => (path === CROSS && nth < 3 ? { status: 502, raw: "<html>" } : undefined),
  });
  const pending = poll(world.exchange);
  await untilTrue(() => world.server.seen.length >= 1);
  expect(await pending).toMatchObject([{ ok: true }]);
  const queries = world.server.seen.filter(({ path }) => path === CROSS).map(({ query }) => query);
  expect(new Set(queries).size).toBe(3);
});

test.each([
  ["HTTP 500 without JSON", { status: 500, raw: "<html>oops" }, { code: "unavailable", detail: "HTTP 500" }, 3],
  ["an internal error", complaint(-1001), { code: "unavailable", exchangeCode: -1001 }, 3],
  ["an unknown error number", complaint(-9123), { code: "unavailable", exchangeCode: -9123 }, 3],
  ["an unknown error number with HTTP 200", complaint(-9123, "", 200), { code: "unavailable", exchangeCode: -9123 }, 3],
  ["a service that is gone", complaint(-1016), { code: "unavailable", exchangeCode: -1016 }, 1],
  ["a refused parameter", complaint(-1102), { code: "bad_response", exchangeCode: -1102 }, 1],
  ["a wrong signature", complaint(-1022), { code: "bad_signature", exchangeCode: -1022 }, 1],
  ["a refused key", complaint(-2015, "", 401), { code: "rejected_key", exchangeCode: -2015 }, 1],
  ["a refused key inside a 403", complaint(-2015, "", 403), { code: "rejected_key", exchangeCode: -2015 }, 1],
  ["HTTP 404 without JSON", { status: 404, raw: "nope" }, { code: "bad_response", detail: "HTTP 404" }, 1],
  [
    "HTTP 200 with a web page",
    { raw: "<html>login</html>", headers: { "content-type": "text/html" } },
    { code: "bad_response", detail: "HTTP 200 with a web page instead of JSON" },
    1,
  ],
  ["HTTP 200 with nothing", { raw: "" }, { code: "bad_response" }, 1],
  [
    "JSON that is no account",
    { body: [] },
    { code: "bad_response", detail: "the cross account is a list, not an object" },
    1,
  ],
  ["null", { body: null }, { code: "bad_response" }, 1],
  [
    "a redirect",
    { status: 302, raw: "", headers: { location: "https://elsewhere.example/" } },
    { code: "bad_response", detail: "HTTP 302, a redirect, not followed" },
    1,
  ],
] as const)("takes %s for what it is, with as many tries as it deserves", async (_, answer, failure, tries) => {
  const world = await start({ random: () => 0, script: ({ path }) => (path === CROSS ? answer : undefined) });
  const [cross] = await poll(world.exchange);
  expect(failureOf(cross)).toMatchObject(failure);
  expect(world.server.paths()).toEqual(Array.from({ length: tries }, () => "account"));
});

test("takes no cut answer for an answer, wherever it is cut", async () => {
  const whole = JSON.stringify(CROSS_BODY);
  const cuts = Array.from({ length: 20 }, (_, i) => Math.floor((i * whole.length) / 20));
  const world = await start({
    script: ({ path }, nth, response) => {
      if (path !== CROSS) return undefined;
      response.writeHead(200, { "content-type": "application/json", connection: "close" }); // so no length is announced
      response.end(whole.slice(0, cuts[nth - 1]));
      return "handled";
    },
  });
  for (const _ of cuts) expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "bad_response" });
  expect(world.server.seen).toHaveLength(cuts.length);
});

test("starts no retry later than one deadline after the first try", async () => {
  const world = await start({ timeoutMs: 300, random: () => 0.99, script: () => complaint(-1008) });
  const pending = poll(world.exchange);
  await untilTrue(() => world.notes.includes("asking again"));
  world.clock.skip(2 * SECOND); // the wait before the second try
  const [cross] = await pending;
  expect(failureOf(cross)).toMatchObject({ code: "unavailable" });
  expect(world.server.seen).toHaveLength(2);
});

test("ends a poll at once when it is stopped, and never rejects", async () => {
  const world = await start({ account: { isolated: "all" }, script: () => new Promise(() => undefined) });
  const stopping = new AbortController();
  const pending = poll(world.exchange, stopping.signal);
  await untilTrue(() => world.server.seen.length === 2);
  stopping.abort(new Error("stop"));
  expect((await pending).map((result) => failureOf(result)?.code)).toEqual(["timeout", "timeout"]);
  expect((await poll(world.exchange, stopping.signal)).map((result) => failureOf(result)?.code)).toEqual([
    "timeout",
    "timeout",
  ]);
});

// ---------------------------------------------------------------- 429, 418, 403

test("stops every key of the address after 429, for as long as it was told", async () => {
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

test("sends nothing that already waited in a lane when the pause began", async () => {
  const world = await start({
    minSpacingMs: 200,
    account: { isolated: "all" },
    script: () => ({ status: 429, raw: "" }),
  });
  const results = await poll(world.exchange);
  expect(results.map((result) => failureOf(result)?.code)).toEqual(["rate_limited", "rate_limited"]);
  expect(world.server.seen).toHaveLength(1);
});

test("doubles its own wait from 5 s when 429 does not say how long, and starts short again after an answer", async () => {
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

test("takes a 403 of the firewall for a pause of a minute at least", async () => {
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

test("makes no call during a ban of three days, through five restarts", async () => {
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

test("is not let out of a ban by a wall clock that is set forward", async () => {
  const world = await start({ script: () => ({ status: 418, raw: "", headers: { "retry-after": "600" } }) });
  await poll(world.exchange);
  world.clock.stepWall(DAY);
  await poll(world.exchange);
  expect(world.server.seen).toHaveLength(1);
});

test("knows a ban that is over by its stamp", async () => {
  const nowMs = systemClock.wallMs();
  const world = await start({ ban: { beginMs: nowMs - HOUR, untilMs: nowMs - 1 } });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
});

test("is not silenced by an old ban when the machine starts with its clock in the past", async () => {
  const beginMs = systemClock.wallMs() + 300 * DAY;
  const world = await start({ ban: { beginMs, untilMs: beginMs + 2 * MINUTE } });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.warnings).toHaveLength(1);
});

test("goes on watching when the ban cannot be kept", async () => {
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

test("reads the end of a ban from the text of -1003", async () => {
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

test("believes 418 although its body is cut", async () => {
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

// ---------------------------------------------------------------- keys

test("asks a refused key once a minute after two refusals in a row, and clears itself", async () => {
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

test("does not slow down after a single refusal", async () => {
  const world = await start({
    script: ({ path }, nth) => (path === CROSS && nth % 2 === 1 ? complaint(-1022) : undefined),
  });
  for (let i = 0; i < 6; i++) await poll(world.exchange);
  expect(world.server.seen.filter(({ path }) => path === CROSS)).toHaveLength(6);
});

test("refuses an API key that no header can carry, without showing it", async () => {
  const { binance } = await start();
  const bad = accountOf({ apiKey: new Secret("abc\r\nx-evil: 1") });
  expect(() => binance.exchange(bad)).toThrow("the API key is empty or holds characters that no Binance key has");
});

// ---------------------------------------------------------------- clock

test.each([-10 * SECOND, 10 * SECOND])("gets along with an exchange whose clock is %d ms off", async (offMs) => {
  const world = await start({ serverMs: () => systemClock.wallMs() + offMs });
  const [cross] = await poll(world.exchange);
  expect(cross).toMatchObject({ ok: true });
  expect(world.server.paths().slice(0, 3)).toEqual(["account", "v3/time", "account"]);
  expect(world.warnings.some((text) => text.includes("clock differs"))).toBe(true);
  await untilTrue(() => world.server.seen.length >= 4);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
});

test("says clock_skew when reading the clock did not help, after one retry", async () => {
  const world = await start({ script: ({ path }) => (path === CROSS ? complaint(-1021) : undefined) });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "clock_skew", exchangeCode: -1021 });
  expect(world.server.paths()).toEqual(["account", "v3/time", "account"]);
});

test("is not moved by a step of the wall clock once the exchange's clock was read", async () => {
  const world = await start();
  await warmUp(world);
  world.clock.stepWall(-3 * HOUR);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.paths().filter((path) => path === "v3/time")).toHaveLength(1);
});

test("uses the given server clock before the first reading", async () => {
  const world = await start({ serverClock: () => systemClock.wallMs() });
  world.clock.stepWall(5 * DAY);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true });
  expect(world.server.paths()[0]).toBe("account");
});

test("reads the clock again after an hour, and a minute after a failure", async () => {
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

// ---------------------------------------------------------------- the account's own facts

test("answers 'no cross account' on -3003, and asks again after a minute", async () => {
  const world = await start({ script: ({ path }, nth) => (path === CROSS && nth < 2 ? complaint(-3003) : undefined) });
  for (let i = 0; i < 3; i++) {
    expect((await poll(world.exchange))[0]).toMatchObject({
      ok: true,
      answer: { opened: false, assets: [], problems: [] },
    });
  }
  expect(world.server.seen.filter(({ path }) => path === CROSS)).toHaveLength(1);
  world.clock.skip(61 * SECOND);
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true, answer: { opened: true } });
});

test("asks at every poll when an account that it has seen answers -3003", async () => {
  const world = await start({
    script: ({ path }, nth) => (path === CROSS && nth === 2 ? complaint(-3003) : undefined),
  });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true, answer: { opened: true } });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true, answer: { opened: false } });
  expect((await poll(world.exchange))[0]).toMatchObject({
    ok: true,
    answer: { opened: true, marginLevel: 11.64405625 },
  });
});

test("asks again soon after the first -3003, then ever more seldom, at last once a minute", async () => {
  const world = await start({ script: ({ path }) => (path === CROSS ? complaint(-3003) : undefined) });
  const asked = () => world.server.seen.filter(({ path }) => path === CROSS).length;
  for (const [i, seconds] of [5, 10, 20, 40, 60, 60].entries()) {
    await poll(world.exchange);
    world.clock.skip((seconds - 1) * SECOND);
    await poll(world.exchange);
    expect(asked()).toBe(i + 1);
    world.clock.skip(SECOND);
  }
});

test("stamps a remembered 'no cross account' with now: an account that was never there cannot be out of date", async () => {
  const world = await start({ script: ({ path }) => (path === CROSS ? complaint(-3003) : undefined) });
  await poll(world.exchange);
  world.clock.skip(4 * SECOND);
  const [cross] = await poll(world.exchange);
  expect(world.clock.wallMs() - (cross?.atMs ?? 0)).toBeLessThan(SECOND);
});

test("does not pass a remembered 'no cross account' off as an answer during a ban", async () => {
  const world = await start({
    account: { isolated: "all" },
    script: ({ path }) => (path === CROSS ? complaint(-3003) : { status: 418, raw: "" }),
  });
  expect(await poll(world.exchange)).toMatchObject([{ ok: true }, { ok: false }]);
  expect((await poll(world.exchange)).map((result) => failureOf(result)?.code)).toEqual(["banned", "banned"]);
});

test("answers with an empty list when no isolated pair was ever opened", async () => {
  const world = await start({ account: { cross: false, isolated: "all" }, script: () => complaint(-11001) });
  expect((await poll(world.exchange))[0]).toMatchObject({ ok: true, answer: { asked: "all", pairs: [] } });
});

const symbolsOf = (result: ReadResult | undefined) =>
  result?.ok === true && result.answer.source === "isolated"
    ? result.answer.pairs.map(({ symbol }) => symbol)
    : undefined;

const unreadOf = (result: ReadResult | undefined) =>
  result?.ok === true && result.answer.source === "isolated" ? result.answer.unread : undefined;

/** Ten seconds into a minute, so that it does not end in the middle of a test. */
const skipIntoMinute = ({ clock }: World) => clock.skip(MINUTE - (clock.wallMs() % MINUTE) + 10 * SECOND);

/** The symbols of each isolated request so far. */
const askedOf = ({ server }: World) =>
  server.seen.filter(({ path }) => path === ISOLATED).map(({ symbols }) => symbols.join());

test("asks for a list in batches of five, with the comma as %2C", async () => {
  const symbols = ["A", "B", "C", "D", "E", "F", "币安人生"].map((name) => `${name}USDT`);
  const world = await start({
    account: { cross: false, isolated: symbols },
    script: ({ path, symbols: asked }) =>
      path === ISOLATED ? { body: isolatedBody(asked.map((symbol) => decodeURIComponent(symbol))) } : undefined,
  });
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual(symbols);
  const queries = world.server.seen.filter(({ path }) => path === ISOLATED).map(({ query }) => query);
  expect(queries).toHaveLength(2);
  expect(queries[0]).toMatch(/^symbols=AUSDT%2CBUSDT%2CCUSDT%2CDUSDT%2CEUSDT&recvWindow=/);
  expect(queries[1]).toMatch(/^symbols=FUSDT%2C%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&/);
});

const fifteen = Array.from({ length: 15 }, (_, i) => `S${i}USDT`);

test("gives the pairs of the good batches when one fails, and says which could not be read and why", async () => {
  let isBroken = true;
  const world = await start({
    account: { cross: false, isolated: fifteen },
    script: ({ symbols }) => (isBroken && symbols.includes("S7USDT") ? { status: 404, raw: "" } : undefined),
  });
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual([...fifteen.slice(0, 5), ...fifteen.slice(10)]);
  expect(unreadOf(isolated)).toEqual({
    symbols: fifteen.slice(5, 10),
    failure: { code: "bad_response", detail: "HTTP 404" },
  });
  isBroken = false;
  const [again] = await poll(world.exchange);
  expect(symbolsOf(again)).toHaveLength(15);
  expect(unreadOf(again)).toBeUndefined();
});

test("gives the other pairs when a single symbol fails after its batch was taken apart", async () => {
  const world = await start({
    account: { cross: false, isolated: ["AUSDT", "NOPEUSDT", "BUSDT"] },
    script: ({ symbols }) => {
      if (symbols.includes("NOPEUSDT")) return complaint(-11001);
      return symbols.join() === "AUSDT" ? { status: 404, raw: "" } : undefined;
    },
  });
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual(["BUSDT"]);
  expect(unreadOf(isolated)).toMatchObject({ symbols: ["AUSDT"], failure: { detail: "HTTP 404" } });
});

test("fails as a whole only when every batch failed", async () => {
  const world = await start({ account: { cross: false, isolated: fifteen }, script: () => ({ status: 404, raw: "" }) });
  const results = await poll(world.exchange);
  expect(results).toHaveLength(1);
  expect(failureOf(results[0])).toMatchObject({ code: "bad_response", detail: "HTTP 404" });
  expect(world.server.seen).toHaveLength(3);
});

test.each([
  ["429", { status: 429, raw: "" }, "rate_limited"],
  ["418", { status: 418, raw: "" }, "banned"],
  ["a refused key", complaint(-2015, "", 401), "rejected_key"],
  ["a wrong signature", complaint(-1022), "bad_signature"],
])("fails as a whole, and asks no more, after %s in the middle of a list", async (_, answer, code) => {
  const world = await start({
    account: { cross: false, isolated: fifteen },
    script: ({ path }, nth) => (path === ISOLATED && nth === 2 ? answer : undefined),
  });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code });
  expect(world.server.seen).toHaveLength(2);
});

test("keeps the pairs that it has when the weight budget is used in the middle of a list", async () => {
  const world = await start({
    account: { cross: false, isolated: fifteen },
    script: ({ path, symbols }, nth) =>
      path === ISOLATED && nth === 2
        ? { headers: { "x-sapi-used-ip-weight-1m": "6000" }, body: isolatedBody(symbols) }
        : undefined,
  });
  skipIntoMinute(world);
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual(fifteen.slice(0, 10));
  expect(unreadOf(isolated)).toMatchObject({ symbols: fifteen.slice(10), failure: { code: "rate_limited" } });
  world.clock.skip(MINUTE);
  await poll(world.exchange);
  expect(askedOf(world)[2]).toBe(fifteen.slice(10).join()); // what went without is asked for first
});

test("loses no more than one deadline to batches that fail, and asks for the others first at the next poll", async () => {
  let isSlow = true;
  const world = await start({
    timeoutMs: 200,
    account: { cross: false, isolated: fifteen },
    script: ({ symbols }) => (isSlow && symbols.includes("S0USDT") ? "handled" : undefined),
  });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "timeout" });
  const before = askedOf(world).length;
  expect(new Set(askedOf(world))).toEqual(new Set([fifteen.slice(0, 5).join()]));
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual(fifteen.slice(5));
  expect(unreadOf(isolated)).toMatchObject({ symbols: fifteen.slice(0, 5), failure: { code: "timeout" } });
  expect(askedOf(world)[before]).toBe(fifteen.slice(5, 10).join());
  isSlow = false;
  expect(symbolsOf((await poll(world.exchange))[0])).toHaveLength(15);
});

test("drops pairs that were not asked for and says so once", async () => {
  const world = await start({
    account: { cross: false, isolated: ["BTCUSDT"] },
    script: ({ path }) => (path === ISOLATED ? { body: isolatedBody(["BTCUSDT", "DOGEUSDT"]) } : undefined),
  });
  for (let i = 0; i < 3; i++) expect(symbolsOf((await poll(world.exchange))[0])).toEqual(["BTCUSDT"]);
  expect(world.warnings.filter((text) => text.includes("not asked for"))).toHaveLength(1);
});

test.each([-11001, -1121])("leaves out the symbol behind %d and asks for it alone after ten minutes", async (code) => {
  let isKnown = false;
  const world = await start({
    account: { cross: false, isolated: ["BTCUSDT", "NOPEUSDT", "ETHUSDT"] },
    script: ({ symbols }) => (symbols.includes("NOPEUSDT") && !isKnown ? complaint(code) : undefined),
  });
  const asked = () => askedOf(world);
  expect(symbolsOf((await poll(world.exchange))[0])).toEqual(["BTCUSDT", "ETHUSDT"]);
  expect(asked()).toEqual(["BTCUSDT,NOPEUSDT,ETHUSDT", "BTCUSDT", "NOPEUSDT", "ETHUSDT"]);
  await poll(world.exchange);
  expect(asked().slice(4)).toEqual(["BTCUSDT,ETHUSDT"]);
  isKnown = true;
  world.clock.skip(10 * MINUTE);
  expect(symbolsOf((await poll(world.exchange))[0])).toEqual(["BTCUSDT", "ETHUSDT", "NOPEUSDT"]);
  expect(asked().slice(5)).toEqual(["BTCUSDT,ETHUSDT", "NOPEUSDT"]);
  await poll(world.exchange);
  expect(asked().slice(7)).toEqual(["BTCUSDT,ETHUSDT,NOPEUSDT"]);
  expect(world.warnings.filter((text) => text.includes("no such isolated pair"))).toHaveLength(1);
});

test("asks for a pair that was there before at every poll, alone", async () => {
  let isGone = false;
  const world = await start({
    account: { cross: false, isolated: ["BTCUSDT", "ETHUSDT"] },
    script: ({ symbols }) => (isGone && symbols.includes("ETHUSDT") ? complaint(-11001) : undefined),
  });
  await poll(world.exchange);
  isGone = true;
  for (let i = 0; i < 3; i++) expect(symbolsOf((await poll(world.exchange))[0])).toEqual(["BTCUSDT"]);
  expect(askedOf(world).slice(1)).toEqual([
    "BTCUSDT,ETHUSDT",
    "BTCUSDT",
    "ETHUSDT",
    "BTCUSDT",
    "ETHUSDT",
    "BTCUSDT",
    "ETHUSDT",
  ]);
  isGone = false;
  expect(symbolsOf((await poll(world.exchange))[0])).toEqual(["BTCUSDT", "ETHUSDT"]);
  expect(world.warnings.filter((text) => text.includes("no such isolated pair"))).toHaveLength(1);
});

test("takes the placeholder row of a pair that was never opened for no pair seen", async () => {
  let isGone = false;
  const placeholder = { ...pairBody("ETHUSDT"), isolatedCreated: false };
  const world = await start({
    account: { cross: false, isolated: ["BTCUSDT", "ETHUSDT"] },
    script: ({ symbols }) => {
      if (!symbols.includes("ETHUSDT")) return undefined;
      return isGone ? complaint(-11001) : { body: { assets: [pairBody("BTCUSDT"), placeholder] } };
    },
  });
  await poll(world.exchange);
  isGone = true;
  await poll(world.exchange);
  await poll(world.exchange);
  expect(askedOf(world).slice(1)).toEqual(["BTCUSDT,ETHUSDT", "BTCUSDT", "ETHUSDT", "BTCUSDT"]);
});

test("never answers without asking, even when no symbol is known", async () => {
  const world = await start({ account: { cross: false, isolated: ["NOPE"] }, script: () => complaint(-1121) });
  for (let i = 0; i < 3; i++) expect(symbolsOf((await poll(world.exchange))[0])).toEqual([]);
  expect(world.server.seen.filter(({ path }) => path === ISOLATED)).toHaveLength(3);
});

// ---------------------------------------------------------------- a slow source

test("a read that takes long is left out of the next polls, and the other goes on", async () => {
  const gate = Promise.withResolvers<undefined>();
  const script = async ({ path }: { readonly path: string }) => (path === ISOLATED ? gate.promise : undefined);
  const world = await start({ account: { isolated: "all" }, script, timeoutMs: 60 * SECOND });
  const [cross, isolated] = world.exchange.poll(never);
  expect(await cross).toMatchObject({ ok: true });
  for (let i = 0; i < 3; i++)
    expect(await poll(world.exchange)).toMatchObject([{ ok: true, answer: { source: "cross" } }]);
  gate.resolve(undefined);
  expect(await isolated).toMatchObject({ ok: true });
  expect(await poll(world.exchange)).toHaveLength(2);
  expect(world.server.seen.filter(({ path }) => path === ISOLATED)).toHaveLength(2);
});

// ---------------------------------------------------------------- bars

test("holds the defaults before the first answer, and the kept ones after a restart", async () => {
  const world = await start({ barsStore: noBars });
  expect(world.exchange.bars()).toEqual({ normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 });
  const kept = { normalBar: 1.4, marginCallBar: 1.2, forceLiquidationBar: 1.05 };
  const atMs = systemClock.wallMs() - 30 * MINUTE;
  const next = await start({ barsStore: { load: () => ({ bars: kept, atMs }), save: () => undefined } });
  await poll(next.exchange);
  await untilTrue(() => next.server.paths().includes("v3/time"));
  expect(next.server.paths()).not.toContain("tradeCoeff");
  expect(next.exchange.bars()).toBe(kept);
  next.clock.skip(31 * MINUTE);
  await poll(next.exchange);
  await untilTrue(() => next.server.paths().includes("tradeCoeff"));
});

test("of an account that it never saw, it reads the bars before anybody judges the level", async () => {
  const world = await start({ account: { isolated: "all" }, barsStore: noBars });
  await poll(world.exchange);
  expect(world.exchange.bars()).toEqual({ normalBar: 1.25, marginCallBar: 1.16, forceLiquidationBar: 1.1 });
  expect(world.server.seen.slice(0, 3).map(({ path }) => path)).toEqual([CROSS, COEFF, ISOLATED]);
});

test("waits for those first bars only so long", async () => {
  const script = ({ path }: { readonly path: string }) => (path === COEFF ? "handled" : undefined);
  const world = await start({ script, timeoutMs: 60 * SECOND, barsStore: noBars });
  expect(await poll(world.exchange)).toMatchObject([{ ok: true }]);
  expect(world.exchange.bars()).toEqual({ normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 });
});

test.each([
  ["nothing", { status: 500, raw: "" }],
  ["bars out of order", { body: { normalBar: "1.3", marginCallBar: "1.5", forceLiquidationBar: "1.1" } }],
  ["a bar at 1", { body: { normalBar: "1.5", marginCallBar: "1.3", forceLiquidationBar: "1" } }],
  ["numbers instead of decimals", { body: { normalBar: 1.5, marginCallBar: 1.3, forceLiquidationBar: 1.1 } }],
])("keeps its bars and fails no poll when tradeCoeff answers %s", async (_, answer) => {
  const world = await start({ script: ({ path }) => (path === COEFF ? answer : undefined) });
  const before = world.exchange.bars();
  expect(await poll(world.exchange)).toMatchObject([{ ok: true }]);
  await untilTrue(() => world.server.paths().includes("v3/time")); // what comes after the bars
  expect(world.exchange.bars()).toBe(before);
  expect(world.savedBars).toEqual([]);
  const coeffs = () => world.server.paths().filter((path) => path === "tradeCoeff").length;
  await poll(world.exchange);
  expect(coeffs()).toBe(1);
});

test("reads the bars again after an hour and keeps the very same object while they are the same", async () => {
  const world = await start();
  await warmUp(world);
  await untilTrue(() => world.savedBars.length === 1);
  const before = world.exchange.bars();
  await poll(world.exchange);
  world.clock.skip(HOUR);
  await poll(world.exchange);
  await untilTrue(() => world.savedBars.length === 2);
  expect(world.exchange.bars()).toBe(before);
});

test("leaves the bars and the clock alone while nothing valid arrives", async () => {
  const world = await start({ random: () => 0, script: () => ({ status: 404, raw: "" }) });
  for (let i = 0; i < 3; i++) await poll(world.exchange);
  expect(world.server.paths()).toEqual(["account", "account", "account"]);
});

// ---------------------------------------------------------------- weight

test("fails at once, and asks a path no more in this minute, when its share of the weight is used", async () => {
  let weight = "6000";
  const script: FakeOptions["script"] = ({ path }) =>
    path === ISOLATED ? { headers: { "X-SAPI-USED-IP-WEIGHT-1M": weight }, body: isolatedBody([]) } : undefined;
  const world = await start({ account: { isolated: "all" }, script });
  skipIntoMinute(world);
  await warmUp(world);
  const isolatedSeen = () => askedOf(world).length;
  const nextMinuteMs = Math.ceil(world.clock.wallMs() / MINUTE) * MINUTE;
  for (let i = 0; i < 3; i++) {
    const [cross, isolated] = await poll(world.exchange);
    expect(cross).toMatchObject({ ok: true }); // another path
    const failure = failureOf(isolated);
    expect(failure).toMatchObject({ code: "rate_limited", detail: "its weight budget for this minute is used" });
    expect(Math.abs((failure?.untilMs ?? 0) - nextMinuteMs)).toBeLessThan(SECOND);
  }
  expect(isolatedSeen()).toBe(1);
  weight = "5999";
  world.clock.skip(MINUTE - (world.clock.wallMs() % MINUTE) + 10);
  expect((await poll(world.exchange))[1]).toMatchObject({ ok: true });
  expect(isolatedSeen()).toBe(2);
  await poll(world.exchange);
  expect(isolatedSeen()).toBe(3);
});
