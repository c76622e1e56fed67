// The whole client against a real HTTP server. Spacing and silence are judged where the exchange would judge them: at the server.
// What the exchange does wrong is in faults-*.test.ts, by the id of the fault.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  accountOf,
  type ClientWorld,
  failureOf,
  HOUR,
  MINUTE,
  never,
  SECOND,
  useClient,
} from "../../test/support/client.ts";
import {
  COEFF,
  CROSS,
  complaint,
  type FakeOptions,
  ISOLATED,
  isolatedBody,
  pairBody,
  startExchange,
  TIME,
} from "../../test/support/exchange.ts";
import { untilTrue } from "../../test/support/server.ts";
import type { ReadResult } from "../core/ports.ts";
import { systemClock } from "../lib/clock.ts";
import { Secret } from "../lib/secret.ts";

const { start, poll, warmUp } = useClient();
const noBars = { load: () => undefined, save: () => undefined };

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

// ---------------------------------------------------------------- only reading

test("only GET is ever sent: the double that all these tests run against fails them for anything else", async () => {
  const server = await startExchange();
  await fetch(`${server.url}${CROSS}`, { method: "POST", body: "x" });
  await fetch(`${server.url}${CROSS}`, { method: "DELETE" });
  expect(server.seen).toEqual([]);
  await expect(server.close()).rejects.toThrow("the exchange was sent more than GET: POST, DELETE");
});

test("one file of this folder knows how to send over HTTP; it refuses all but GET, listen keys aside", () => {
  const folder = new URL(".", import.meta.url);
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);
  const senders = sources.filter(([, text]) =>
    /"(undici|ws|(node:)?(https?|http2|net|tls|dgram))"|\bfetch\(|new WebSocket/.test(text),
  );
  expect(senders.map(([name]) => name)).toEqual(["request.ts"]);
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

test("keeps the 500 ms over a restart of the process, for every key, when it is told until when", async () => {
  const notBeforeMonoMs = systemClock.monoMs() + 400;
  const world = await start({ minSpacingMs: 500, notBeforeMonoMs });
  const other = world.binance.exchange(accountOf({ name: "other" }));
  const results = await Promise.all([poll(world.exchange), poll(other)]);
  expect(results.flat()).toMatchObject([{ ok: true }, { ok: true }]);
  for (const { startedMonoMs } of world.requests) expect(startedMonoMs).toBeGreaterThanOrEqual(notBeforeMonoMs);
  expect(systemClock.monoMs() - notBeforeMonoMs).toBeLessThan(3 * SECOND); // and not much longer than told
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

test("X12: waits out -21003 by at least the spacing, doubled the second time", async () => {
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

test("X4: signs each retry again with a fresh timestamp", async () => {
  const world = await start({
    script: ({ path }, nth) => (path === CROSS && nth < 3 ? { status: 502, raw: "<html>" } : undefined),
  });
  const pending = poll(world.exchange);
  await untilTrue(() => world.server.seen.length >= 1);
  expect(await pending).toMatchObject([{ ok: true }]);
  const queries = world.server.seen.filter(({ path }) => path === CROSS).map(({ query }) => query);
  expect(new Set(queries).size).toBe(3);
});

test("X4: starts no retry later than one deadline after the first try", async () => {
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

test("refuses an API key that no header can carry, without showing it", async () => {
  const { binance } = await start();
  const bad = accountOf({ apiKey: new Secret("abc\r\nx-evil: 1") });
  expect(() => binance.exchange(bad)).toThrow("the API key is empty or holds characters that no Binance key has");
});

// ---------------------------------------------------------------- the account's own facts

test("X12: -3003 is 'no cross account', asked again after a minute", async () => {
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

test("X12: asks at every poll when an account that it has seen answers -3003", async () => {
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

test("X12: asks again soon after the first -3003, then ever more seldom, at last once a minute", async () => {
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

test("X12: does not pass a remembered 'no cross account' off as an answer during a ban", async () => {
  const world = await start({
    account: { isolated: "all" },
    script: ({ path }) => (path === CROSS ? complaint(-3003) : { status: 418, raw: "" }),
  });
  expect(await poll(world.exchange)).toMatchObject([{ ok: true }, { ok: false }]);
  expect((await poll(world.exchange)).map((result) => failureOf(result)?.code)).toEqual(["banned", "banned"]);
});

test("X12: answers with an empty list when no isolated pair was ever opened", async () => {
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
const skipIntoMinute = ({ clock }: ClientWorld) => clock.skip(MINUTE - (clock.wallMs() % MINUTE) + 10 * SECOND);

/** The symbols of each isolated request so far. */
const askedOf = ({ server }: ClientWorld) =>
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

test("keeps the pairs that it has after a 429 in the middle of a list, and asks no more", async () => {
  const world = await start({
    account: { cross: false, isolated: fifteen },
    script: ({ path }, nth) => (path === ISOLATED && nth === 2 ? { status: 429, raw: "" } : undefined),
  });
  const [isolated] = await poll(world.exchange);
  expect(symbolsOf(isolated)).toEqual(fifteen.slice(0, 5));
  expect(unreadOf(isolated)).toMatchObject({ symbols: fifteen.slice(5), failure: { code: "rate_limited" } });
  expect(world.server.seen).toHaveLength(2);
});

test("fails after a 429 when nothing was read before", async () => {
  const world = await start({
    account: { cross: false, isolated: fifteen },
    script: ({ path }) => (path === ISOLATED ? { status: 429, raw: "" } : undefined),
  });
  expect(failureOf((await poll(world.exchange))[0])).toMatchObject({ code: "rate_limited" });
  expect(world.server.seen).toHaveLength(1);
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

test.each([-11001, -1121])(
  "X12: leaves out the symbol behind %d and asks for it alone after ten minutes",
  async (code) => {
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
  },
);

test("X12: asks for a pair that was there before at every poll, alone", async () => {
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

test("X12: right after a restart, asks at every poll for what owed something before it, and only for that", async () => {
  const world = await start({
    account: { isolated: ["AUSDT", "NOPEUSDT", "DEBTUSDT"], indebted: ["cross", "isolated DEBTUSDT"] },
    script: ({ path, symbols }, nth) => {
      if (path === CROSS && nth < 3) return complaint(-3003);
      return symbols.includes("NOPEUSDT") || symbols.includes("DEBTUSDT") ? complaint(-11001) : undefined;
    },
  });
  await poll(world.exchange);
  await poll(world.exchange);
  const [cross] = await poll(world.exchange);
  expect(cross).toMatchObject({ ok: true, answer: { opened: true, marginLevel: 11.64405625 } });
  const together = ["AUSDT,NOPEUSDT,DEBTUSDT", "AUSDT", "NOPEUSDT", "DEBTUSDT"];
  expect(askedOf(world)).toEqual([...together, "AUSDT", "DEBTUSDT", "AUSDT", "DEBTUSDT"]);
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
