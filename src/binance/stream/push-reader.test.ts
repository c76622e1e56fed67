// Both streams over real sockets: what is told, what is survived, and that nothing is left behind.
import http, { Agent } from "node:http";
import { createServer } from "node:https";
import { memoryUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { makeCertificate, trust } from "../../../test/support/certificate.ts";
import { API_KEY } from "../../../test/support/exchange.ts";
import { closedPort, listen, untilTrue } from "../../../test/support/server.ts";
import { useStreams } from "../../../test/support/ws.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const streams = useStreams();
const posts = (rest: readonly { readonly what: string }[], what: string) =>
  rest.filter((each) => each.what === what).length;

describe("the risk stream", () => {
  test("asks for a listen key, connects without it in the address, subscribes, and says so", async () => {
    const world = await streams.start();
    await world.untilConnected();
    expect(world.events).toEqual([{ kind: "connected", stream: "risk" }]);
    expect(world.rest).toEqual([{ what: "POST listen-key", query: "", apiKey: API_KEY }]);
    expect(world.upgrades).toEqual(["/ws"]);
    expect(world.frames).toMatchObject([
      { id: 1, method: "SUBSCRIBE", params: [expect.stringContaining("listenKey")] },
    ]);
  });

  test("goes to the path that the address has", async () => {
    const first = await streams.start();
    await first.untilConnected();
    const world = await streams.start({ options: { riskUrl: "ws://127.0.0.1:1/stream" }, random: () => 1 });
    await untilTrue(() => world.notes.includes("the stream ended"));
    expect(first.upgrades).toEqual(["/ws"]);
    expect(world.upgrades).toEqual([]);
  });

  test("tells margin calls with status and level, and everything else as a change", async () => {
    const world = await streams.start();
    await world.untilConnected();
    const atMs = Math.round(world.clock.wallMs());
    const call = { e: "MARGIN_LEVEL_STATUS_CHANGE", E: atMs, l: "1.1", s: "MARGIN_CALL" };
    world.push(call);
    world.push({ stream: "some-key", data: { ...call, l: "oops" } });
    world.push({ e: "USER_LIABILITY_CHANGE", E: atMs, a: "BTC", t: "BORROW", p: "0.00000100", i: "0.00000000" });
    world.push({ e: "SOMETHING_NEW" });
    await untilTrue(() => world.events.length >= 5);
    expect(world.events.slice(1)).toEqual([
      { kind: "margin-level", status: "MARGIN_CALL", level: 1.1, atMs },
      { kind: "margin-level", status: "MARGIN_CALL", level: undefined, atMs },
      { kind: "change", stream: "risk" },
      { kind: "change", stream: "risk" },
    ]);
  });

  test("an event before the subscription is acknowledged is told as well", async () => {
    const world = await streams.start({
      frame: (_, peer) => {
        peer.send(JSON.stringify({ e: "USER_LIABILITY_CHANGE" }));
        return undefined;
      },
    });
    await world.untilConnected();
    expect(world.events.map(({ kind }) => kind)).toEqual(["change", "connected"]);
  });

  test("keeps the key alive every 30 minutes, on the same connection", async () => {
    const world = await streams.start();
    await world.untilConnected();
    world.clock.skip(29 * MINUTE);
    world.clock.skip(0.9 * MINUTE);
    expect(posts(world.rest, "PUT listen-key")).toBe(0);
    for (const times of [1, 2]) {
      world.clock.skip(30 * MINUTE);
      await untilTrue(() => posts(world.rest, "PUT listen-key") === times);
      await untilTrue(() => world.sleeps().includes(30 * MINUTE));
    }
    expect(world.rest.at(-1)?.query).toMatch(/^listenKey=listenKey%2B(canary)+%2F\d+$/);
    expect(world.connects()).toBe(1);
  });

  test.each([-1125, -3038])("takes a new key when the old one is not known any more: %i", async (code) => {
    const world = await streams.start({
      rest: ({ what }) => (what === "PUT listen-key" ? { status: 400, body: { code, msg: "no" } } : undefined),
    });
    await world.untilConnected();
    world.clock.skip(30 * MINUTE);
    await world.untilConnected(2);
    expect(posts(world.rest, "POST listen-key")).toBe(2);
  });

  test("tries again a minute later when the key cannot be kept alive, and stays connected", async () => {
    const world = await streams.start({
      rest: ({ what }, nth) => (what === "PUT listen-key" && nth === 1 ? { status: 502 } : undefined),
    });
    await world.untilConnected();
    world.clock.skip(30 * MINUTE);
    await untilTrue(() => world.notes.some((note) => note.startsWith("the listen key could not be kept alive")));
    await untilTrue(() => world.sleeps().filter((ms) => ms === MINUTE).length === 2); // the retry and the next ping
    world.clock.skip(MINUTE);
    await untilTrue(() => posts(world.rest, "PUT listen-key") === 2);
    expect(world.connects()).toBe(1);
  });

  test.each([{ e: "listenKeyExpired", listenKey: "whatever" }, { e: "serverShutdown" }])(
    "begins anew after $e",
    async (event) => {
      const world = await streams.start();
      await world.untilConnected();
      world.push(event);
      await world.untilConnected(2);
      expect(posts(world.rest, "POST listen-key")).toBe(2);
    },
  );
});

describe("the user stream", () => {
  const USER = { streams: ["user"] } as const;

  test("asks for a token, signed in case that is needed, and subscribes with it", async () => {
    const world = await streams.start(USER);
    await world.untilConnected();
    const query = expect.stringMatching(/^recvWindow=\d+&timestamp=\d+&signature=\w{64}$/);
    expect(world.rest).toEqual([{ what: "POST userListenToken", query, apiKey: API_KEY }]);
    expect(world.upgrades).toEqual(["/ws-api/v3"]);
    expect(world.frames).toMatchObject([
      { method: "userDataStream.subscribe.listenToken", params: { listenToken: expect.stringContaining("token") } },
    ]);
    world.push({ subscriptionId: 1, event: { e: "outboundAccountPosition", E: 1, B: [] } });
    await untilTrue(() => world.events.length === 2);
    expect(world.events[1]).toEqual({ kind: "change", stream: "user" });
  });

  test("takes a new token when the exchange does not know the one that it gave (-1209)", async () => {
    const world = await streams.start({
      ...USER,
      frame: ({ id }) =>
        world.frames.length === 1 ? { id, status: 400, error: { code: -1209, msg: "bad token" } } : undefined,
    });
    await world.untilConnected();
    expect(posts(world.rest, "POST userListenToken")).toBe(2);
  });

  test("renews the token an hour before its end, on the same connection, and the end of the old subscription is no end", async () => {
    const world = await streams.start({ ...USER, tokenLifeMs: 3 * HOUR });
    await world.untilConnected();
    world.clock.skip(1.9 * HOUR);
    expect(world.connects()).toBe(1);
    world.clock.skip(0.11 * HOUR);
    await world.untilConnected(2);
    expect(world.upgrades.length).toBe(1);
    expect(new Set(world.frames.map(({ params }) => JSON.stringify(params))).size).toBe(2);
    world.push({ subscriptionId: 1, event: { e: "eventStreamTerminated", E: 1 } });
    world.push({ subscriptionId: 2, event: { e: "balanceUpdate" } });
    await untilTrue(() => world.events.length === 3);
    expect(world.events.at(-1)).toEqual({ kind: "change", stream: "user" });
    expect(world.upgrades.length).toBe(1);
  });

  test("tries for a new token every minute while the old one lives", async () => {
    const world = await streams.start({
      ...USER,
      tokenLifeMs: 3 * HOUR,
      rest: (_, nth) => (nth === 2 ? { status: 500 } : undefined),
    });
    await world.untilConnected();
    world.clock.skip(2 * HOUR);
    await untilTrue(() => world.notes.some((note) => note.startsWith("there is no new listen token yet")));
    await untilTrue(() => world.sleeps().filter((ms) => ms === MINUTE).length === 2);
    world.clock.skip(MINUTE);
    await world.untilConnected(2);
    expect(world.upgrades.length).toBe(1);
  });

  test.each([
    { subscriptionId: 1, event: { e: "eventStreamTerminated" } },
    { event: { e: "eventStreamTerminated" } },
    { event: { e: "serverShutdown" } },
  ])("begins anew after %j", async (frame) => {
    const world = await streams.start(USER);
    await world.untilConnected();
    world.push(frame);
    await world.untilConnected(2);
    expect(posts(world.rest, "POST userListenToken")).toBe(2);
  });

  test("a token without a time is believed to live as documented", async () => {
    const world = await streams.start({ ...USER, rest: () => ({ body: { token: "a-token-of-the-exchange" } }) });
    await world.untilConnected();
    expect(world.sleeps().at(-1)).toBe(23 * HOUR);
  });
});

describe("a connection", () => {
  test("is renewed before the exchange ends it after 24 hours", async () => {
    const world = await streams.start({ random: () => 0.5 });
    await world.untilConnected();
    const [longest = 0] = world.sleeps().toReversed();
    expect(longest).toBeGreaterThan(21 * HOUR);
    expect(longest).toBeLessThan(23 * HOUR);
    world.clock.skip(longest);
    await world.untilConnected(2);
    await untilTrue(async () => (await world.connections()) === 2); // one stream, one of REST
  });

  test("that answers pings lives on in silence", async () => {
    const world = await streams.start();
    await world.untilConnected();
    for (let minute = 0; minute < 6; minute++) {
      const ping = new Promise((resolve) => world.live().once("ping", resolve));
      world.clock.skip(MINUTE);
      await ping;
    }
    expect(world.connects()).toBe(1);
    expect(world.notes).not.toContain("the stream ended");
  });

  test("that answers nothing for three minutes is dead", async () => {
    const world = await streams.start({ autoPong: false });
    await world.untilConnected();
    for (let minute = 1; minute <= 3; minute++) {
      const ping = new Promise((resolve) => world.live().once("ping", resolve));
      world.clock.skip(MINUTE);
      await ping;
    }
    expect(world.connects()).toBe(1);
    world.clock.skip(MINUTE);
    await world.untilConnected(2);
  });

  test("any frame is a sign of life", async () => {
    const world = await streams.start({ autoPong: false });
    await world.untilConnected();
    for (let minute = 1; minute <= 6; minute++) {
      const ping = new Promise((resolve) => world.live().once("ping", resolve));
      world.push({ e: "USER_LIABILITY_CHANGE" });
      await untilTrue(() => world.events.length === 1 + minute);
      world.clock.skip(MINUTE);
      await ping;
    }
    expect(world.connects()).toBe(1);
  });

  test("whose handshake hangs is given up after 10 s", async () => {
    const world = await streams.start({ upgrade: (nth) => (nth === 1 ? "hang" : undefined) });
    await untilTrue(() => world.upgrades.length === 1);
    world.clock.skip(9 * SECOND);
    expect(world.upgrades.length).toBe(1);
    world.clock.skip(SECOND);
    await world.untilConnected();
    expect(world.upgrades.length).toBe(2);
  });

  test("that takes the subscription and answers nothing is given up after 10 s", async () => {
    const world = await streams.start({ frame: () => (world.frames.length === 1 ? "silent" : undefined) });
    await untilTrue(() => world.frames.length === 1);
    expect(world.connects()).toBe(0);
    world.clock.skip(10 * SECOND);
    await world.untilConnected();
    expect(world.upgrades.length).toBe(2);
  });

  test.each<["garbage" | number]>([["garbage"], [302], [400], [500], [503]])(
    "that is refused with %s is tried again",
    async (fate) => {
      const world = await streams.start({ upgrade: (nth) => (nth === 1 ? fate : undefined) });
      await world.untilConnected();
      expect(world.upgrades).toEqual(["/ws", "/ws"]); // no redirect was followed
      expect(world.events).toEqual([{ kind: "connected", stream: "risk" }]);
    },
  );

  test.each([
    ["resets", (peer: { terminate(): void; close(): void }) => peer.terminate()],
    ["says goodbye", (peer: { terminate(): void; close(): void }) => peer.close()],
  ])("is opened again when the other side %s", async (_, end) => {
    const world = await streams.start();
    await world.untilConnected();
    end(world.live());
    await world.untilConnected(2);
  });
});

describe("what nobody can read", () => {
  test.each<[string, string | Buffer | object]>([
    ["no JSON", "oops {"],
    ["an array", [1, 2]],
    ["null", "null"],
    ["a number", "5"],
    ["an answer that nobody waits for", { id: 99, result: null }],
    ["binary", Buffer.from([1, 2, 3])],
    ["an event whose name is no text", { e: 7 }],
  ])("is ignored: %s", async (_, frame) => {
    const world = await streams.start();
    await world.untilConnected();
    world.push(frame);
    world.push({ e: "USER_LIABILITY_CHANGE" });
    await untilTrue(() => world.events.length === 2);
    expect(world.events[1]).toEqual({ kind: "change", stream: "risk" });
    expect(world.connects()).toBe(1);
  });

  test("a frame of more than 64 KiB ends the connection, and another one is opened", async () => {
    const world = await streams.start();
    await world.untilConnected();
    world.push({ e: "USER_LIABILITY_CHANGE", fill: "x".repeat(64 * 1024) });
    await world.untilConnected(2);
    expect(world.events.some(({ kind }) => kind === "change")).toBe(false);
  });

  test("the content of a frame is never logged", async () => {
    const world = await streams.start();
    await world.untilConnected();
    const [key] = world.frames.flatMap(({ params }) => (Array.isArray(params) ? params : []));
    world.push(`${key} oops`);
    world.push({ e: "listenKeyExpired", listenKey: key });
    await world.untilConnected(2); // what was said is searched after every test
  });
});

test("a flood of 100,000 events is told as it comes and kept nowhere", async () => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  const heapBytes = () => {
    if (typeof collect === "function") collect();
    return memoryUsage().heapUsed + memoryUsage().external;
  };
  const world = await streams.start();
  await world.untilConnected();
  const text = JSON.stringify({ e: "USER_LIABILITY_CHANGE", a: "BTC", fill: "x".repeat(500) });
  const beforeBytes = heapBytes();
  for (let round = 1; round <= 100; round++) {
    for (let count = 0; count < 1000; count++) world.push(text);
    await untilTrue(() => {
      world.letRest();
      return world.events.length === 1 + 1000 * round;
    });
  }
  world.events.length = 1;
  expect(heapBytes() - beforeBytes).toBeLessThan(10_000_000); // the events had 55 MB
  expect(world.connects()).toBe(1);
});

describe("a firehose", () => {
  const change = JSON.stringify({ e: "executionReport", fill: "x".repeat(500) });
  const call = { e: "MARGIN_LEVEL_STATUS_CHANGE", l: "1.1", s: "MARGIN_CALL" };

  test("is taken in draughts, and nothing of it is lost or out of order", async () => {
    const world = await streams.start();
    await world.untilConnected();
    for (let count = 0; count < 5000; count++) world.push(change);
    world.push(call);
    await untilTrue(() => world.isResting());
    const first = world.events.length;
    expect(first).toBeGreaterThan(200);
    expect(first).toBeLessThan(1000); // what was in one buffer still comes
    world.clock.skip(SECOND);
    await untilTrue(() => world.events.length > first && world.isResting());
    expect(world.events.length).toBeLessThan(2000);
    await untilTrue(() => {
      world.letRest();
      return world.events.at(-1)?.kind === "margin-level";
    });
    expect(world.events.length).toBe(5002);
    expect(world.connects()).toBe(1);
  });

  test("that the other side ends is heard to its last frame, and then begun anew", async () => {
    const world = await streams.start();
    await world.untilConnected();
    for (let count = 0; count < 1000; count++) world.push(change);
    world.push(call);
    world.live().close();
    await untilTrue(() => {
      world.letRest();
      return world.connects() === 2;
    });
    expect(world.events.filter(({ kind }) => kind === "change").length).toBe(1000);
    expect(world.events.some(({ kind }) => kind === "margin-level")).toBe(true);
  });

  test("can be left while it waits", async () => {
    const world = await streams.start();
    await world.untilConnected();
    for (let count = 0; count < 5000; count++) world.push(change);
    await untilTrue(() => world.isResting());
    world.abort();
    await world.done;
    expect(world.sleeps()).toEqual([]);
  });
});

describe("retired", () => {
  const RETIRED = (reason: string) => [{ kind: "retired", stream: "risk", reason }];
  const gone = (status: number, body?: object) => (): { status: number; body?: object } => ({
    status,
    ...(body && { body }),
  });

  test.each([
    ["HTTP 410 to the POST", { rest: gone(410) }, "HTTP 410"],
    ["HTTP 404 to the POST", { rest: gone(404) }, "HTTP 404"],
    ["-1016", { rest: gone(400, { code: -1016, msg: "This service is no longer available." }) }, "error -1016"],
    ["-1020", { rest: gone(400, { code: -1020, msg: "no" }) }, "error -1020"],
    ["HTTP 410 to the upgrade", { upgrade: () => 410 }, "HTTP 410"],
    ["HTTP 404 to the upgrade", { upgrade: () => 404 }, "HTTP 404"],
  ])("is told once: %s", async (_, setup, reason) => {
    const world = await streams.start(setup);
    await untilTrue(() => world.events.length === 1);
    expect(world.events).toEqual(RETIRED(reason));
    const tries = () => world.rest.length;
    for (const times of [2, 3]) {
      await untilTrue(() => world.sleeps().includes(6 * HOUR));
      world.clock.skip(5.9 * HOUR);
      expect(tries()).toBe(times - 1);
      world.clock.skip(0.1 * HOUR);
      await untilTrue(() => tries() === times);
    }
    expect(world.events).toEqual(RETIRED(reason));
  });

  test("is over when it works again, six hours later", async () => {
    const world = await streams.start({ upgrade: (nth) => (nth === 1 ? 410 : undefined) });
    await untilTrue(() => world.sleeps().includes(6 * HOUR));
    world.clock.skip(6 * HOUR);
    await world.untilConnected();
    expect(world.events.map(({ kind }) => kind)).toEqual(["retired", "connected"]);
  });

  test("a keepalive can say so too", async () => {
    const world = await streams.start({
      rest: ({ what }) => (what === "PUT listen-key" ? { status: 410 } : undefined),
    });
    await world.untilConnected();
    world.clock.skip(30 * MINUTE);
    await untilTrue(() => world.events.length === 2);
    expect(world.events[1]).toEqual({ kind: "retired", stream: "risk", reason: "HTTP 410" });
  });

  test.each([
    ["a refused key", gone(401, { code: -2015, msg: "Invalid API-key" })],
    ["-1099 with HTTP 404", gone(404, { code: -1099, msg: "Not found" })],
    ["a server in trouble", gone(503)],
    ["an answer without a key", gone(200, { listenKey: "" })],
    ["an answer of another form", gone(200, ["x"])],
  ])("is not what is said of %s", async (_, rest) => {
    const world = await streams.start({ rest: (_request, nth) => (nth === 1 ? rest() : undefined) });
    await world.untilConnected();
    expect(world.events).toEqual([{ kind: "connected", stream: "risk" }]);
  });

  test.each([418, 429, 403])(
    "is not what is said of a pause: HTTP %i to the upgrade waits for five minutes",
    async (status) => {
      const world = await streams.start({ upgrade: (nth) => (nth === 1 ? status : undefined) });
      await untilTrue(() => world.sleeps().some((ms) => ms >= 5 * MINUTE));
      world.clock.skip(5 * MINUTE);
      world.clock.skip(MINUTE);
      await world.untilConnected();
      expect(world.events).toEqual([{ kind: "connected", stream: "risk" }]);
    },
  );

  test("one stream that is gone leaves the other alone", async () => {
    const world = await streams.start({
      streams: ["risk", "user"],
      rest: ({ what }) => (what === "POST listen-key" ? { status: 410 } : undefined),
    });
    await untilTrue(() => world.events.length === 2);
    expect(world.events).toContainEqual({ kind: "retired", stream: "risk", reason: "HTTP 410" });
    expect(world.events).toContainEqual({ kind: "connected", stream: "user" });
  });
});

describe("an abort ends it promptly and leaves nothing behind", () => {
  test.each([
    ["while the listen key is asked for", { rest: () => "hang" as const }, 1, 0, 0],
    ["while the handshake hangs", { upgrade: () => "hang" as const }, 1, 1, 0],
    ["while the subscription is not answered", { frame: () => "silent" as const }, 1, 1, 1],
    ["while connected", {}, 1, 1, 1],
    ["while waiting for the next try", { rest: () => ({ status: 500 }), random: () => 1 }, 1, 0, 0],
    ["while retired", { rest: () => ({ status: 410 }) }, 1, 0, 0],
  ])("%s", async (_, setup, rest, upgrades, frames) => {
    const world = await streams.start(setup);
    await untilTrue(
      () => world.rest.length >= rest && world.upgrades.length >= upgrades && world.frames.length >= frames,
    );
    await untilTrue(() => world.sleeps().length > 0);
    const fromMs = performance.now();
    world.abort();
    await world.done;
    expect(performance.now() - fromMs).toBeLessThan(1000);
    expect(world.sleeps()).toEqual([]);
    await untilTrue(async () => (await world.connections()) <= 1);
    const told = world.events.length;
    expect(world.events.length).toBe(told);
  });
});

describe("the way to the exchange", () => {
  const before = http.globalAgent;

  test("is believed only with a certificate that holds, whatever the environment says", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const certificate = makeCertificate();
    const server = createServer(certificate);
    const peers = new WebSocketServer({ server });
    peers.on("connection", (peer) => peer.on("message", () => peer.send(JSON.stringify({ result: null, id: 1 }))));
    await using listening = { ...(await listen(server)), [Symbol.asyncDispose]: () => listening.close() };
    const riskUrl = `wss://localhost:${listening.port}`;
    const strangers = await streams.start({ options: { riskUrl } });
    await untilTrue(() => strangers.warnings.length > 0);
    expect(strangers.events).toEqual([]);
    strangers.abort();
    const distrust = trust(certificate.cert);
    const world = await streams.start({ options: { riskUrl } });
    await world.untilConnected().finally(distrust);
    world.abort();
    await world.done;
  });
  afterEach(() => {
    http.globalAgent = before;
    vi.unstubAllEnvs();
  });

  test("leads through no proxy of the environment", async () => {
    const proxy = `http://127.0.0.1:${await closedPort()}`;
    vi.stubEnv("HTTP_PROXY", proxy);
    vi.stubEnv("http_proxy", proxy);
    http.globalAgent = new Agent({ proxyEnv: { HTTP_PROXY: proxy } });
    const world = await streams.start();
    await world.untilConnected();
  });
});
