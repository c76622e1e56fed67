import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  API_KEY,
  CREDENTIAL,
  SERVER_START_MS,
  SIM_START_MS,
  type Simulated,
  type SimulateOptions,
  useSimulators,
} from "../../test/support/simulator.ts";
import { borrow, type Change, deposit, inTurn, repay, withdraw } from "./actions.ts";
import { bookOf, crossBook, holding, pairBook } from "./book.ts";

const LISTEN_KEY = "/sapi/v1/margin/listen-key";
const LISTEN_TOKEN = "/sapi/v1/userListenToken";
const HOUR_MS = 3_600_000;

const book = bookOf({
  cross: crossBook([holding("BTC", { free: 1 }), holding("USDT", { free: 10, borrowed: 3_000, interest: 3 })]),
  isolated: [pairBook("BTCUSDT", { base: { free: 1 } })],
  hourlyInterestRate: 0,
});
const OTHER_KEY = "another-key";
const simulate = useSimulators(book);
const withTwoKeys: SimulateOptions = {
  keys: [API_KEY, OTHER_KEY].map((apiKey) => ({ apiKey, credential: CREDENTIAL, book })),
};

const sockets: WebSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});

/** A client that keeps every message. */
async function connect({ simulator }: Simulated, path: string) {
  const socket = new WebSocket(simulator.streamUrl + path, { perMessageDeflate: false });
  sockets.push(socket);
  const messages: unknown[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  socket.on("error", () => undefined); // told by `closed`
  socket.on("message", (data) => messages.push(JSON.parse(data.toString())));
  await once(socket, "open");
  return {
    socket,
    messages,
    closed,
    send: (message: unknown) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    /** Waits until so many messages have come, and gives all of them. */
    async until(count: number): Promise<readonly unknown[]> {
      await expect.poll(() => messages.length).toBeGreaterThanOrEqual(count);
      return messages;
    },
  };
}
type Client = Awaited<ReturnType<typeof connect>>;

/** Everything that was sent before has arrived when the answer to this has. */
async function settled(client: Client): Promise<readonly unknown[]> {
  const pong = once(client.socket, "pong");
  client.socket.ping();
  await pong;
  return client.messages;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
const textOf = (body: unknown, name: string): string => (isRecord(body) ? String(body[name]) : "");

const listenKey = async ({ keyed }: Simulated, apiKey = API_KEY) =>
  textOf((await keyed(LISTEN_KEY, "POST", apiKey)).body, "listenKey");
const listenToken = async ({ keyed }: Simulated, query = "", apiKey = API_KEY) =>
  textOf((await keyed(`${LISTEN_TOKEN}${query}`, "POST", apiKey)).body, "token");
const subscribe = (token: string, id: string | number = 1) => ({
  id,
  method: "userDataStream.subscribe.listenToken",
  params: { listenToken: token },
});

/** Plays one change of the first key's book, a simulated second and a server's second later. */
function act(change: Change, options: SimulateOptions = {}): SimulateOptions {
  return { ...options, actions: [{ atMs: SIM_START_MS + 1_000, apiKey: API_KEY, text: "acts", change }] };
}
function step({ simulator, time }: Simulated, ms = 1_000): void {
  time.simMs += ms;
  time.serverMs += ms;
  simulator.advance();
}
const E = SERVER_START_MS + 1_000;

// ---------------------------------------------------------------- listen keys and tokens

test("a listen key is the same until it expires, and costs the user 1", async () => {
  const simulated = await simulate(withTwoKeys);
  const first = await simulated.keyed(LISTEN_KEY, "POST");
  expect([first.status, first.headers.get("x-sapi-used-uid-weight-1m")]).toEqual([200, "1"]);
  const key = textOf(first.body, "listenKey");
  expect(key).toMatch(/^\w{64}$/);
  expect(await listenKey(simulated, OTHER_KEY)).not.toBe(key);
  simulated.time.serverMs += HOUR_MS - 1;
  expect(await listenKey(simulated)).toBe(key); // and that prolonged it
  simulated.time.serverMs += HOUR_MS - 1;
  expect((await simulated.keyed(`${LISTEN_KEY}?listenKey=${key}`, "PUT")).body).toEqual({});
  simulated.time.serverMs += HOUR_MS;
  const late = await simulated.keyed(`${LISTEN_KEY}?listenKey=${key}`, "PUT");
  expect([late.status, late.body]).toEqual([400, { code: -1125, msg: "This listenKey does not exist." }]);
  expect(await listenKey(simulated)).not.toBe(key);
});

test("a listen key needs a key that the exchange knows, and is its own", async () => {
  const simulated = await simulate(withTwoKeys);
  const key = await listenKey(simulated);
  await listenKey(simulated, OTHER_KEY);
  expect((await simulated.get(LISTEN_KEY, {}, "POST")).body).toMatchObject({ code: -2014 });
  expect((await simulated.keyed(LISTEN_KEY, "POST", "nobody")).body).toMatchObject({ code: -2015 });
  expect((await simulated.keyed(LISTEN_KEY, "PUT")).body).toMatchObject({ code: -1102 });
  expect((await simulated.keyed(`${LISTEN_KEY}?listenKey=${key}`, "PUT", OTHER_KEY)).body).toMatchObject({
    code: -1125,
  });
  const refused = await simulated.keyed(LISTEN_KEY, "DELETE");
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST, PUT"]);
});

test.each([
  { query: "", validityMs: 24 * HOUR_MS },
  { query: "?validity=1", validityMs: 1 },
  { query: "?validity=86400000&isIsolated=true&symbol=BTCUSDT", validityMs: 24 * HOUR_MS },
])("a listen token $query holds for $validityMs ms", async ({ query, validityMs }) => {
  const { keyed } = await simulate();
  const { body, headers } = await keyed(`${LISTEN_TOKEN}${query}`, "POST");
  expect(body).toEqual({ token: expect.stringMatching(/^\w{64}$/), expirationTime: SERVER_START_MS + validityMs });
  expect(headers.get("x-sapi-used-uid-weight-1m")).toBe("1");
});

test.each([
  { query: "?validity=86400001", code: -1130 },
  { query: "?validity=0", code: -1130 },
  { query: "?isIsolated=maybe", code: -1130 },
  { query: "?isIsolated=true", code: -1102 },
  { query: "?isIsolated=true&symbol=NOPE", code: -1121 },
])("a listen token $query is refused with $code", async ({ query, code }) => {
  const { keyed } = await simulate();
  expect((await keyed(`${LISTEN_TOKEN}${query}`, "POST")).body).toMatchObject({ code });
});

test("both keep their distance from the other margin requests of the key", async () => {
  const at = [0, 499, 998];
  const { keyed } = await simulate({ monoMs: () => at.shift() ?? 5_000 });
  const answers = [await keyed(LISTEN_KEY, "POST"), await keyed(LISTEN_TOKEN, "POST"), await keyed(LISTEN_KEY, "POST")];
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 400]);
  expect(answers[2]?.body).toMatchObject({ code: -21003 });
});

// ---------------------------------------------------------------- risk stream

const debt = { e: "USER_LIABILITY_CHANGE", E, a: "USDT" };

test("borrowing and repaying are pushed, principal and interest apart", async () => {
  const simulated = await simulate(act(inTurn(borrow("cross", "USDT", 100), repay("cross", "USDT", 5))));
  const client = await connect(simulated, `/ws/${await listenKey(simulated)}`);
  step(simulated);
  expect(await client.until(2)).toEqual([
    { ...debt, t: "BORROW", p: "100.00000000", i: "0.00000000" },
    { ...debt, t: "REPAY", p: "2.00000000", i: "3.00000000" },
  ]);
});

test("a fall through the margin-call bar is pushed, with the level and the server's time", async () => {
  // 1 BTC and 10 USDT against 3,003: 1.3 is at 3,893.9.
  const simulated = await simulate({ bitcoinAt: (simMs) => (simMs <= SIM_START_MS ? 5_000 : 3_593.6) });
  const client = await connect(simulated, `/ws/${await listenKey(simulated)}`);
  step(simulated, 60_000);
  expect(await client.until(1)).toEqual([
    { e: "MARGIN_LEVEL_STATUS_CHANGE", E: SERVER_START_MS + 60_000, l: "1.2", s: "MARGIN_CALL" },
  ]);
});

test.each([
  { path: "/ws", wrap: (_key: string, event: object) => event },
  { path: "/stream", wrap: (stream: string, data: object) => ({ stream, data }) },
])("on $path the key is subscribed by a frame", async ({ path, wrap }) => {
  const simulated = await simulate(act(borrow("cross", "USDT", 1)));
  const key = await listenKey(simulated);
  const client = await connect(simulated, path);
  client.send({ method: "SUBSCRIBE", params: [key], id: 7 });
  expect(await client.until(1)).toEqual([{ result: null, id: 7 }]);
  client.send({ method: "LIST_SUBSCRIPTIONS", id: 8 });
  expect(await client.until(2)).toContainEqual({ result: [key], id: 8 });
  step(simulated);
  expect((await client.until(3)).at(-1)).toEqual(wrap(key, { ...debt, t: "BORROW", p: "1.00000000", i: "0.00000000" }));
});

test("the key may stand in the address of /stream; after UNSUBSCRIBE nothing comes", async () => {
  const simulated = await simulate(act(borrow("cross", "USDT", 1)));
  const key = await listenKey(simulated);
  const client = await connect(simulated, `/stream?streams=${key}`);
  expect(simulated.simulator.connections()).toEqual([{ stream: "risk", subscriptions: 1 }]);
  client.send({ method: "UNSUBSCRIBE", params: [key], id: 1 });
  await client.until(1);
  step(simulated);
  expect(await settled(client)).toEqual([{ result: null, id: 1 }]);
});

test("each key hears of its own account only, and isolated debt is not in this stream", async () => {
  const simulated = await simulate(act(inTurn(borrow("cross", "USDT", 1), borrow("BTCUSDT", "USDT", 2)), withTwoKeys));
  const own = await connect(simulated, `/ws/${await listenKey(simulated)}`);
  const other = await connect(simulated, `/ws/${await listenKey(simulated, OTHER_KEY)}`);
  step(simulated);
  expect((await settled(own)).length).toBe(1);
  expect(await settled(other)).toEqual([]);
});

test("an unknown listen key is hung up on, in the address and in a frame", async () => {
  const simulated = await simulate();
  const refusal = { code: 1008, reason: "unknown listen key" };
  expect(await (await connect(simulated, "/ws/nobodys")).closed).toEqual(refusal);
  const client = await connect(simulated, "/ws");
  client.send({ method: "SUBSCRIBE", params: ["nobodys"], id: 1 });
  expect([await client.closed, client.messages]).toEqual([refusal, []]);
  await expect.poll(() => simulated.simulator.connections()).toEqual([]);
});

test("a frame that is none is answered, not hung up on", async () => {
  const simulated = await simulate();
  const client = await connect(simulated, "/ws");
  client.send("{");
  client.send({ method: "DANCE" });
  expect(await client.until(2)).toEqual(Array(2).fill({ error: { code: 2, msg: "Invalid request" } }));
});

test("a listen key that expires says so, and nothing comes after it", async () => {
  const simulated = await simulate({
    actions: [
      { atMs: SIM_START_MS + HOUR_MS, apiKey: API_KEY, text: "acts", change: borrow("cross", "USDT", 1) },
      { atMs: SIM_START_MS + HOUR_MS + 1, apiKey: API_KEY, text: "acts", change: borrow("cross", "USDT", 1) },
    ],
  });
  const key = await listenKey(simulated);
  const client = await connect(simulated, `/ws/${key}`);
  simulated.time.serverMs += 1;
  await simulated.keyed(`${LISTEN_KEY}?listenKey=${key}`, "PUT");
  simulated.time.serverMs -= 1;
  step(simulated, HOUR_MS);
  expect(await settled(client)).toEqual([expect.objectContaining({ e: "USER_LIABILITY_CHANGE" })]);
  step(simulated, 1);
  step(simulated, 1);
  expect((await settled(client)).slice(1)).toEqual([
    { e: "listenKeyExpired", E: SERVER_START_MS + HOUR_MS + 1, listenKey: key },
  ]);
  expect(simulated.simulator.connections()).toEqual([{ stream: "risk", subscriptions: 0 }]);
});

// ---------------------------------------------------------------- user stream

test("a listen token opens the account's changes: the transfer, then the balances", async () => {
  const simulated = await simulate(act(inTurn(deposit("cross", "ETH", 2), withdraw("cross", "USDT", 4))));
  const client = await connect(simulated, "/ws-api/v3");
  client.send(subscribe(await listenToken(simulated), "mine"));
  expect(await client.until(1)).toEqual([
    {
      id: "mine",
      status: 200,
      result: { subscriptionId: 0, expirationTime: (SERVER_START_MS + 24 * HOUR_MS) * 1_000 },
    },
  ]);
  step(simulated);
  const update = { e: "balanceUpdate", E, T: E };
  expect((await client.until(4)).slice(1)).toEqual(
    [
      { ...update, a: "ETH", d: "2.00000000" },
      { ...update, a: "USDT", d: "-4.00000000" },
      {
        e: "outboundAccountPosition",
        E,
        u: E,
        B: [
          { a: "USDT", f: "6.00000000", l: "0.00000000" },
          { a: "ETH", f: "2.00000000", l: "0.00000000" },
        ],
      },
    ].map((event) => ({ subscriptionId: 0, event })),
  );
});

test("a token opens its place only, of its key only; several may share a connection", async () => {
  const simulated = await simulate(act(deposit("BTCUSDT", "USDT", 2), withTwoKeys));
  const client = await connect(simulated, "/ws-api/v3");
  const tokens = [
    await listenToken(simulated),
    await listenToken(simulated, "?isIsolated=true&symbol=BTCUSDT"),
    await listenToken(simulated, "?isIsolated=TRUE&symbol=BTCUSDT", OTHER_KEY),
  ];
  for (const [index, token] of tokens.entries()) client.send(subscribe(token, index));
  await client.until(3);
  step(simulated);
  const events = (await client.until(5)).slice(3);
  expect(events).toMatchObject([
    { subscriptionId: 1, event: { e: "balanceUpdate" } },
    { subscriptionId: 1, event: { e: "outboundAccountPosition" } },
  ]);
  expect(simulated.simulator.connections()).toEqual([{ stream: "user", subscriptions: 3 }]);
});

test("what does not touch the balances is not pushed", async () => {
  const simulated = await simulate({ ...act((same) => ({ ...same, hourlyInterestRate: 0.1 })) });
  const client = await connect(simulated, "/ws-api/v3");
  client.send(subscribe(await listenToken(simulated)));
  await client.until(1);
  step(simulated, 2 * HOUR_MS); // interest grows
  expect((await settled(client)).length).toBe(1);
});

test("a new token prolongs the subscription; without one it ends, and says so", async () => {
  const simulated = await simulate({
    actions: [10_000, 20_000].map((afterMs) => ({
      atMs: SIM_START_MS + afterMs,
      apiKey: API_KEY,
      text: "acts",
      change: deposit("cross", "ETH", 2),
    })),
  });
  const client = await connect(simulated, "/ws-api/v3");
  client.send(subscribe(await listenToken(simulated, "?validity=5000")));
  client.send(subscribe(await listenToken(simulated, "?validity=10000")));
  const results = await client.until(2);
  expect(results.map((each) => (isRecord(each) ? each["result"] : each))).toEqual([
    { subscriptionId: 0, expirationTime: (SERVER_START_MS + 5_000) * 1_000 },
    { subscriptionId: 0, expirationTime: (SERVER_START_MS + 10_000) * 1_000 },
  ]);
  step(simulated, 9_999);
  expect((await settled(client)).length).toBe(2);
  step(simulated, 1);
  step(simulated, 10_000);
  expect((await settled(client)).slice(2)).toEqual([
    { subscriptionId: 0, event: { e: "eventStreamTerminated", E: SERVER_START_MS + 10_000 } },
  ]);
});

test("a token that is unknown or has expired is refused with -1209", async () => {
  const simulated = await simulate();
  const client = await connect(simulated, "/ws-api/v3");
  const token = await listenToken(simulated, "?validity=1000");
  simulated.time.serverMs += 1_000;
  client.send(subscribe(token, 1));
  client.send(subscribe("nobodys", 2));
  client.send({ id: 3, method: "userDataStream.subscribe.listenToken" });
  expect(await client.until(3)).toMatchObject(
    [1, 2, 3].map((id) => ({ id, status: 400, error: { code: -1209, msg: expect.any(String) } })),
  );
});

test("ping is answered, other methods and what is no JSON are refused", async () => {
  const simulated = await simulate();
  const client = await connect(simulated, "/ws-api/v3");
  client.send({ id: 1, method: "ping" });
  client.send({ id: 2, method: "order.place" });
  client.send("nonsense");
  expect(await client.until(3)).toMatchObject([
    { id: 1, status: 200, result: {} },
    { id: 2, status: 400, error: { code: -1130 } },
    { id: null, status: 400, error: { code: -1100 } },
  ]);
});

// ---------------------------------------------------------------- what a test can do to it

test("any event can be pushed, to every subscription of a stream", async () => {
  const simulated = await simulate();
  const risk = await connect(simulated, `/ws/${await listenKey(simulated)}`);
  const user = await connect(simulated, "/ws-api/v3");
  user.send(subscribe(await listenToken(simulated)));
  await user.until(1);
  simulated.simulator.push("risk", { e: "MARGIN_LEVEL_STATUS_CHANGE", s: "HEAVEN" });
  simulated.simulator.push("user", { e: "lie" });
  expect(await risk.until(1)).toEqual([{ e: "MARGIN_LEVEL_STATUS_CHANGE", s: "HEAVEN" }]);
  expect((await user.until(2))[1]).toEqual({ subscriptionId: 0, event: { e: "lie" } });
});

test("all streams can be dropped, without a word", async () => {
  const simulated = await simulate();
  const clients = [await connect(simulated, "/ws"), await connect(simulated, "/ws-api/v3")];
  expect(simulated.simulator.connections()).toHaveLength(2);
  simulated.simulator.dropStreams();
  expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual(Array(2).fill({ code: 1006, reason: "" }));
  await expect.poll(() => simulated.simulator.connections()).toEqual([]);
});

test("streams that hang answer no ping and push nothing, new ones too, until they are let go", async () => {
  const simulated = await simulate(act(borrow("cross", "USDT", 1)));
  const key = await listenKey(simulated);
  const old = await connect(simulated, `/ws/${key}`);
  simulated.simulator.hangStreams(true);
  const young = await connect(simulated, "/ws");
  young.send({ method: "SUBSCRIBE", params: [key], id: 1 });
  let pongs = 0;
  for (const { socket } of [old, young]) {
    socket.on("pong", () => pongs++);
    socket.ping();
  }
  step(simulated);
  await simulated.get("/api/v3/time"); // time for a round trip
  expect([pongs, old.messages, young.messages]).toEqual([0, [], []]);
  simulated.simulator.hangStreams(false);
  await expect.poll(() => pongs).toBe(2);
  expect([old.messages, young.messages]).toEqual([[], [{ result: null, id: 1 }]]);
});

test("the server pings when 20 seconds of its clock have passed", async () => {
  const simulated = await simulate();
  const client = await connect(simulated, "/ws");
  let pings = 0;
  client.socket.on("ping", () => pings++);
  step(simulated, 19_999);
  await settled(client);
  expect(pings).toBe(0);
  step(simulated, 1);
  step(simulated, 1);
  await settled(client);
  expect(pings).toBe(1);
});

test("elsewhere there is no stream", async () => {
  const { simulator } = await simulate();
  const socket = new WebSocket(`${simulator.streamUrl}/elsewhere`);
  sockets.push(socket);
  const [error] = await once(socket, "error");
  expect(String(error)).toContain("404");
});

test("close ends the streams too", async () => {
  const simulated = await simulate();
  const client = await connect(simulated, "/ws");
  simulated.forget();
  await simulated.simulator.close();
  expect((await client.closed).code).toBe(1006);
});
