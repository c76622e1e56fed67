// Faults X4, X5, X18, X19 and X20 of the reference: answers that are none. Whatever comes, it is a failure with a name, never an account.
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { accountOf, failureOf, HOUR, MINUTE, SECOND, useClient } from "../../test/support/client.ts";
import {
  type Answer,
  COEFF,
  CROSS,
  CROSS_BODY,
  complaint,
  ISOLATED,
  isolatedBody,
  TIME,
} from "../../test/support/exchange.ts";
import { listen, untilTrue } from "../../test/support/server.ts";
import type { Failure } from "../core/ports.ts";

const { start, poll, warmUp, defer } = useClient();

type Row = readonly [what: string, answer: Answer, failure: Partial<Failure>, tries: number];
const HTML = { "content-type": "text/html" };
const LOGIN = "<html><title>Hotel Wi-Fi: log in</title></html>";

const rows: readonly Row[] = [
  ["X4: HTTP 500 without JSON", { status: 500, raw: "oops" }, { code: "unavailable", detail: "HTTP 500" }, 3],
  [
    "X4: HTTP 502 with a web page",
    { status: 502, raw: LOGIN, headers: HTML },
    { code: "unavailable", detail: "HTTP 502" },
    3,
  ],
  [
    "X4: HTTP 503 with a good account in it",
    { status: 503, body: CROSS_BODY },
    { code: "unavailable", detail: "HTTP 503" },
    3,
  ],
  ["X4: HTTP 504 with nothing", { status: 504, raw: "" }, { code: "unavailable", detail: "HTTP 504" }, 3],
  ["X4: HTTP 408", { status: 408, raw: "" }, { code: "unavailable", detail: "HTTP 408" }, 3],
  ...[-1000, -1001, -1004, -1006, -1007, -1008].map(
    (code): Row => [`X4: ${code}`, complaint(code), { code: "unavailable", exchangeCode: code }, 3],
  ),
  ["X4: an unknown error number", complaint(-9123), { code: "unavailable", exchangeCode: -9123 }, 3],
  ["X4: an unknown number with HTTP 200", complaint(-9123, "", 200), { code: "unavailable", exchangeCode: -9123 }, 3],
  ["X4: -1016, a service that is gone", complaint(-1016), { code: "unavailable", exchangeCode: -1016 }, 1],
  ["X4: -1020, not supported any more", complaint(-1020), { code: "unavailable", exchangeCode: -1020 }, 1],
  ["X4: HTTP 404 without JSON", { status: 404, raw: "nope" }, { code: "bad_response", detail: "HTTP 404" }, 1],
  [
    "X4: HTTP 404 with a good account in it",
    { status: 404, body: CROSS_BODY },
    { code: "bad_response", detail: "HTTP 404" },
    1,
  ],
  ["X4: a refused parameter", complaint(-1102), { code: "bad_response", exchangeCode: -1102 }, 1],
  ["X10: a wrong signature", complaint(-1022), { code: "bad_signature", exchangeCode: -1022 }, 1],
  ["X11: a refused key", complaint(-2015, "", 401), { code: "rejected_key", exchangeCode: -2015 }, 1],
  ["X11: a refused key inside a 403", complaint(-2015, "", 403), { code: "rejected_key", exchangeCode: -2015 }, 1],
  ["X5: HTTP 200 with nothing", { raw: "" }, { code: "bad_response" }, 1],
  ["X5: a list", { body: [] }, { code: "bad_response", detail: "the cross account is a list, not an object" }, 1],
  ["X5: null", { body: null }, { code: "bad_response" }, 1],
  ["X5: a text", { body: "ok" }, { code: "bad_response" }, 1],
  ["X5: JSON with something behind it", { raw: `${JSON.stringify(CROSS_BODY)}}` }, { code: "bad_response" }, 1],
  ["X5: JSON behind a byte order mark", { raw: `\ufeff${JSON.stringify(CROSS_BODY)}` }, { code: "bad_response" }, 1],
  [
    "X19: HTTP 200 with a web page",
    { raw: LOGIN, headers: HTML },
    { code: "bad_response", detail: "HTTP 200 with a web page instead of JSON" },
    1,
  ],
  [
    "X19: HTTP 200 with a web page that says it is JSON",
    { raw: LOGIN },
    { code: "bad_response", detail: "HTTP 200 with a cut or malformed text instead of JSON" },
    1,
  ],
  [
    "X19: HTTP 511 of a captive portal",
    { status: 511, raw: LOGIN, headers: HTML },
    { code: "unavailable", detail: "HTTP 511" },
    3,
  ],
];

test.each(rows)(
  "%s is a failure with a name, asked again as often as it deserves",
  async (_, answer, failure, tries) => {
    const world = await start({ random: () => 0, script: ({ path }) => (path === CROSS ? answer : undefined) });
    expect(failureOf((await poll(world.exchange))[0])).toMatchObject(failure);
    expect(world.server.paths()).toEqual(Array.from({ length: tries }, () => "account"));
  },
);

test.each([-1016, -1020])("X4: %d switches the reading of the bars off for an hour, and nothing else", async (code) => {
  const world = await start({ script: ({ path }) => (path === COEFF ? complaint(code) : undefined) });
  await warmUp(world);
  await untilTrue(() => world.notes.includes("read the exchange's clock"));
  const asked = () => world.server.paths().filter((path) => path === "tradeCoeff").length;
  for (let minutes = 0; minutes < 59; minutes++) {
    world.clock.skip(MINUTE);
    expect(await poll(world.exchange)).toMatchObject([{ ok: true }]);
  }
  expect(asked()).toBe(1);
  expect(world.warnings.filter((text) => text.includes("bars"))).toHaveLength(1);
  world.clock.skip(MINUTE);
  await poll(world.exchange);
  await untilTrue(() => asked() === 2);
});

// ---------------------------------------------------------------- cut

test.each([
  ["cross", CROSS_BODY],
  ["isolated", isolatedBody(["BTCUSDT", "ETHUSDT"])],
] as const)("X5: the %s account is never taken for one when it is cut, at whatever byte", async (source, body) => {
  const whole = JSON.stringify(body);
  let cut = 0;
  const world = await start({
    script: (_, __, response) => {
      response.writeHead(200, { "content-type": "application/json", connection: "close" }); // so no length is announced
      response.end(whole.slice(0, cut++));
      return "handled";
    },
  });
  const lanes = Array.from({ length: 40 }, (_, i) =>
    world.binance.exchange(
      accountOf({ name: `a${i}`, cross: source === "cross", isolated: source === "cross" ? "none" : "all" }),
    ),
  );
  const codes: (string | undefined)[] = [];
  while (cut + lanes.length <= whole.length) {
    const results = await Promise.all(lanes.map((exchange) => poll(exchange)));
    codes.push(...results.flat().map((result) => failureOf(result)?.code));
  }
  expect(codes.length).toBeGreaterThan(whole.length - lanes.length);
  expect(new Set(codes)).toEqual(new Set(["bad_response"]));
  while (cut < whole.length) expect(failureOf((await poll(lanes[0] ?? world.exchange))[0])?.code).toBe("bad_response");
  expect((await poll(lanes[0] ?? world.exchange))[0]?.ok).toBe(true); // the whole one is
});

test("X5: a gzip that is cut is never an answer, at whatever byte", async () => {
  const whole = gzipSync(JSON.stringify(CROSS_BODY));
  let cut = 1; // nothing at all is an empty answer
  const world = await start({
    script: (_, __, response) => {
      response.writeHead(200, { "content-encoding": "gzip", connection: "close" });
      response.end(whole.subarray(0, cut++));
      return "handled";
    },
  });
  const lanes = Array.from({ length: 40 }, (_, i) => world.binance.exchange(accountOf({ name: `a${i}` })));
  while (cut < whole.length) {
    const some = lanes.slice(0, whole.length - cut);
    for (const results of await Promise.all(some.map((exchange) => poll(exchange))))
      expect(failureOf(results[0])).toMatchObject({ code: "bad_response" });
  }
  expect((await poll(lanes[0] ?? world.exchange))[0]?.ok).toBe(true);
});

// ---------------------------------------------------------------- too large

test.each([200, 400, 403, 418, 429, 500])(
  "X18: a gzip bomb with HTTP %d is a failure like any other",
  async (status) => {
    const part = gzipSync(Buffer.alloc(1024 * 1024));
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => part));
    const world = await start({
      random: () => 0,
      script: () => ({ status, raw: bomb, headers: { "content-encoding": "gzip" } }),
    });
    const expected: Readonly<Record<number, Partial<Failure>>> = {
      200: { code: "bad_response", detail: "larger than 8 MiB" },
      400: { code: "bad_response", detail: "HTTP 400" },
      403: { code: "rate_limited" },
      418: { code: "banned" },
      429: { code: "rate_limited" },
      500: { code: "unavailable", detail: "HTTP 500" },
    };
    expect(failureOf((await poll(world.exchange))[0])).toMatchObject(expected[status] ?? {});
  },
);

// ---------------------------------------------------------------- elsewhere

test.each([300, 301, 302, 303, 307, 308])(
  "X19: HTTP %d leads nowhere: not one connection, and no key, to the other place",
  async (status) => {
    const stolen: string[] = [];
    const thief = createServer((request, response) => {
      stolen.push(`${request.url} ${JSON.stringify(request.headers)}`);
      response.end(JSON.stringify(CROSS_BODY));
    });
    thief.on("connection", () => stolen.push("a connection"));
    const { port, close } = await listen(thief);
    defer(close);
    for (const location of [`http://127.0.0.1:${port}/steal`, `//127.0.0.1:${port}/steal`, `${CROSS}?again`]) {
      const world = await start({
        script: () => ({ status, body: CROSS_BODY, headers: { location, refresh: `0; url=${location}` } }),
      });
      expect(failureOf((await poll(world.exchange))[0])).toEqual({
        code: "bad_response",
        detail: `HTTP ${status}, a redirect, not followed`,
      });
      expect(world.server.seen).toHaveLength(1);
    }
    expect(stolen).toEqual([]);
  },
);

// ---------------------------------------------------------------- old

const AGE_MAX_S = 30;

test.each([
  ["0", true],
  [`${AGE_MAX_S}`, true],
  [`${AGE_MAX_S + 1}`, false],
  ["86400", false],
  ["", true],
  ["-1", true],
  ["old", true],
])("X20: an answer that a cache kept for %j seconds is good: %s", async (age, isGood) => {
  const world = await start({
    script: ({ path }) => (path === CROSS ? { body: CROSS_BODY, headers: { age } } : undefined),
  });
  const [cross] = await poll(world.exchange);
  expect(cross?.ok).toBe(isGood);
  if (!isGood)
    expect(failureOf(cross)).toEqual({
      code: "bad_response",
      detail: `an old answer, ${age} s: a proxy or cache kept it`,
    });
});

/** An exchange that dates its answers as told, after the first poll and the first reading of its clock. */
async function startWith(dateMs: (path: string, serverMs: number) => number | undefined) {
  const world = await start({
    account: { isolated: "all" },
    script: ({ path }, _, response) => {
      const ms = dateMs(path, world.clock.trueMs());
      response.removeHeader("date");
      if (ms === undefined) response.sendDate = false;
      else response.setHeader("date", new Date(ms).toUTCString());
      return undefined;
    },
  });
  await warmUp(world);
  await untilTrue(() => world.notes.includes("read the exchange's clock"));
  return world;
}

test("X20: an answer that the exchange dated long before it was asked for is refused, and says how old it is", async () => {
  let isStuck = false;
  const stuckMs = Date.now();
  const world = await startWith((path, nowMs) => (isStuck && path === CROSS ? stuckMs : nowMs));
  isStuck = true;
  world.clock.skip(20 * SECOND);
  expect((await poll(world.exchange)).map(({ ok }) => ok)).toEqual([true, true]);
  world.clock.skip(10 * MINUTE);
  const [cross, isolated] = await poll(world.exchange);
  expect(failureOf(cross)).toMatchObject({ code: "bad_response" });
  expect(failureOf(cross)?.detail).toMatch(/^an old answer, 6[12]\d s: a proxy or cache kept it$/);
  expect(isolated?.ok).toBe(true);
  isStuck = false;
  expect((await poll(world.exchange)).map(({ ok }) => ok)).toEqual([true, true]);
});

test.each<[string, (path: string, nowMs: number) => number | undefined]>([
  ["without a Date", () => undefined],
  ["with a Date an hour behind its own clock, everywhere", (_, nowMs) => nowMs - HOUR],
  ["with a Date an hour ahead of it, everywhere", (_, nowMs) => nowMs + HOUR],
  ["with a Date ahead on one path", (path, nowMs) => nowMs + (path === ISOLATED ? HOUR : 0)],
])("X20: an exchange %s is believed all day", async (_, dateMs) => {
  const world = await startWith(dateMs);
  for (let hours = 0; hours < 24; hours++) {
    expect((await poll(world.exchange)).map(({ ok }) => ok)).toEqual([true, true]);
    world.clock.skip(HOUR);
  }
});

test.each([-HOUR, HOUR])("X20: this machine's own wall clock, set by %d ms, makes no answer old", async (stepMs) => {
  const world = await startWith((_, nowMs) => nowMs);
  world.clock.stepWall(stepMs);
  expect((await poll(world.exchange)).map(({ ok }) => ok)).toEqual([true, true]);
});

test("X20: a monotonic clock that jumps makes no answer old: the exchange's clock is read again, and the answer asked for again", async () => {
  let sleptMs = 0;
  const world = await startWith((_, nowMs) => nowMs - sleptMs);
  sleptMs = HOUR; // this machine counted an hour that nobody else did
  world.clock.skip(HOUR - 1);
  const before = world.server.seen.length;
  expect((await poll(world.exchange))[0]?.ok).toBe(true);
  expect(world.server.paths().slice(before)).toContain("v3/time");
});

test("X20: the exchange's time out of a cache is not believed either", async () => {
  const world = await start({
    script: ({ path }) =>
      path === TIME ? { body: { serverTime: 1_499_827_319_559 }, headers: { age: "3600" } } : undefined,
  });
  await warmUp(world);
  await untilTrue(() => world.notes.some((text) => text.includes("cannot be read")));
  expect((await poll(world.exchange))[0]?.ok).toBe(true);
});
