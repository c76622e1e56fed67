// The exchange as the streams see it: listen keys and tokens over HTTP, and a real WebSocket server on the same port, all of it scripted.
// The real PushReader with its real client stands against it, on a clock that a test may jump forward. After each test: everything is
// closed, no sleep is left over, and no listen key or token stands in a log, an event or an address.
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { afterEach, expect } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createAsker } from "../../src/binance/ask.ts";
import { createFreshness } from "../../src/binance/freshness.ts";
import { createLane } from "../../src/binance/pace.ts";
import { createPause } from "../../src/binance/pause.ts";
import { createHttp } from "../../src/binance/request.ts";
import { createServerTime } from "../../src/binance/server-time.ts";
import { createSigner } from "../../src/binance/sign.ts";
import { createPushReader, type StreamOptions } from "../../src/binance/stream/push-reader.ts";
import { createWeightBudget } from "../../src/binance/weight.ts";
import type { Clock } from "../../src/core/ports.ts";
import type { PushEvent, PushStream } from "../../src/core/push.ts";
import type { Log } from "../../src/lib/log.ts";
import { createLookup } from "../../src/lib/lookup.ts";
import { Secret } from "../../src/lib/secret.ts";
import { type Canary, leaks } from "./canary.ts";
import { API_KEY, API_SECRET } from "./exchange.ts";
import { listen, openConnections, untilTrue } from "./server.ts";
import { createWarpClock, type WarpClock } from "./warp-clock.ts";

export const KEY_PATH = "/sapi/v1/margin/listen-key";
export const TOKEN_PATH = "/sapi/v1/userListenToken";

/** No other sleep of a connection is as short. */
const REST_MS = 1000;

export interface Rest {
  /** "POST listen-key" */
  readonly what: string;
  readonly query: string;
  readonly apiKey: string | undefined;
}

export interface RestAnswer {
  readonly status?: number;
  readonly body?: unknown;
}

/** Undefined: as documented. "hang": never. */
export type RestScript = (request: Rest, nth: number) => RestAnswer | "hang" | undefined;
/** What becomes of an upgrade: a status refuses it, "garbage" is no HTTP. */
export type UpgradeScript = (nth: number) => number | "hang" | "garbage" | undefined;
/** What is answered to a frame of the client; undefined: as documented. */
export type FrameScript = (frame: Frame, socket: WebSocket) => "silent" | object | undefined;

export interface Frame {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

export interface StreamSetup {
  readonly streams?: readonly PushStream[];
  readonly rest?: RestScript;
  readonly upgrade?: UpgradeScript;
  readonly frame?: FrameScript;
  /** Does the server answer pings? */
  readonly autoPong?: boolean;
  readonly options?: Partial<StreamOptions>;
  readonly random?: () => number;
  /** How long a token lives by its expirationTime. */
  readonly tokenLifeMs?: number;
}

export interface StreamWorld {
  readonly clock: WarpClock;
  readonly events: PushEvent[];
  readonly rest: Rest[];
  /** Paths of the upgrades that were asked for. */
  readonly upgrades: string[];
  readonly frames: Frame[];
  /** What was logged at warn and above. */
  readonly warnings: string[];
  readonly notes: string[];
  /** The server's end of the newest connection. */
  live(): WebSocket;
  push(frame: object | string | Buffer): void;
  /** How often it was connected so far. */
  connects(): number;
  untilConnected(times?: number): Promise<void>;
  abort(): void;
  /** Resolves when listen() has resolved. */
  readonly done: Promise<void>;
  connections(): Promise<number>;
  /** How long the client sleeps at this moment, soonest first. */
  sleeps(): readonly number[];
  /** It takes no frames until the second is over. Only once it is connected. */
  isResting(): boolean;
  /** Lets that second pass, where there is one. */
  letRest(): void;
}

export function useStreams() {
  let open = new AsyncDisposableStack();
  const said: string[] = [];
  const secrets: Canary[] = [];
  afterEach(async () => {
    await open.disposeAsync();
    open = new AsyncDisposableStack();
    const places = [{ name: "what was said", content: said.splice(0).join("\n") }];
    const own = [
      { name: "the API key", value: API_KEY },
      { name: "the API secret", value: API_SECRET },
    ];
    expect(leaks(places, [...secrets.splice(0), ...own])).toEqual([]);
  });

  function logTo(warnings: string[], notes: string[]): Log {
    const to = (list: string[]) => (fields: object, text: string) => {
      list.push(text);
      const shown = Object.values(fields).map((value) =>
        value instanceof Error ? value.stack : JSON.stringify(value),
      );
      said.push([text, ...shown].join(" "));
    };
    return { trace: to(notes), debug: to(notes), info: to(notes), warn: to(warnings), error: to(warnings) };
  }

  async function start(setup: StreamSetup = {}): Promise<StreamWorld> {
    const clock = createWarpClock();
    const watched = watchSleeps(clock);
    const rest: Rest[] = [];
    const upgrades: string[] = [];
    const frames: Frame[] = [];
    const sockets: WebSocket[] = [];
    const secret = (name: string): string => {
      const value = `${name}+${"canary".repeat(6)}/${secrets.length}`;
      secrets.push({ name, value });
      return value;
    };

    const documented = ({ what }: Rest): RestAnswer => {
      if (what === "POST listen-key") return { body: { listenKey: secret("listenKey") } };
      if (what === "PUT listen-key") return { body: {} };
      const expirationTime = clock.trueMs() + (setup.tokenLifeMs ?? 24 * 3_600_000);
      return { body: { token: secret("token"), expirationTime: Math.round(expirationTime) } };
    };
    const server = createServer((request, response) => {
      const seen = restOf(request);
      rest.push(seen);
      const nth = rest.filter(({ what }) => what === seen.what).length;
      const scripted = setup.rest?.(seen, nth);
      if (scripted === "hang") return;
      const { status = 200, body } = scripted ?? documented(seen);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body === undefined ? "" : JSON.stringify(body));
    });
    const wss = new WebSocketServer({ noServer: true, autoPong: setup.autoPong ?? true, maxPayload: 1 << 20 });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on("error", () => undefined);
      upgrades.push(request.url ?? "");
      said.push(`${request.url} ${JSON.stringify({ ...request.headers })}`);
      const fate = setup.upgrade?.(upgrades.length);
      if (fate === "hang") return void socket.resume(); // or the end of the connection would not be noticed
      if (fate === "garbage") return void socket.end("what is this?\r\n\r\n");
      if (fate !== undefined)
        return void socket.end(`HTTP/1.1 ${fate} No\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n`);
      wss.handleUpgrade(request, socket, head, (peer) => serve(peer));
    });
    const serve = (peer: WebSocket): void => {
      sockets.push(peer);
      peer.on("error", () => undefined);
      peer.on("message", (data) => {
        const frame = asFrame(JSON.parse(String(data)));
        frames.push(frame);
        const answer = setup.frame?.(frame, peer) ?? acknowledged(frame);
        if (answer !== "silent") peer.send(JSON.stringify(answer));
      });
    };
    const { port, close } = await listen(server);
    open.defer(close);

    const warnings: string[] = [];
    const notes: string[] = [];
    const log = logTo(warnings, notes);
    const http = createHttp({ baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 2_000, clock: watched.clock });
    open.defer(() => http.close());
    const { asker } = clientOf(http, watched.clock, log);
    const events: PushEvent[] = [];
    const stopping = new AbortController();
    const reader = createPushReader({
      account: "main",
      asker,
      lookup: createLookup({ timeoutMs: 5000, clock: watched.clock }),
      clock: watched.clock,
      random: setup.random ?? (() => 0.01),
      log,
      stream: {
        riskUrl: `ws://127.0.0.1:${port}`,
        listenKeyPath: KEY_PATH,
        userUrl: `ws://127.0.0.1:${port}/ws-api/v3`,
        listenTokenPath: TOKEN_PATH,
        ...setup.options,
      },
    });
    const onEvent = (event: PushEvent) => {
      events.push(event);
      if (events.length < 1000) said.push(JSON.stringify(event));
    };
    const done = reader.listen(setup.streams ?? ["risk"], onEvent, stopping.signal);
    open.defer(async () => {
      stopping.abort();
      await done;
      expect(watched.sleeps()).toEqual([]);
      await untilTrue(async () => (await openConnections(server)) <= 1); // the REST client keeps one
    });
    const isResting = () => watched.sleeps().some((ms) => ms > 0 && ms <= REST_MS);
    const connects = () => events.filter(({ kind }) => kind === "connected").length;
    const live = (): WebSocket => {
      const peer = sockets.at(-1);
      if (peer === undefined) throw new Error("nobody is connected");
      return peer;
    };
    return {
      clock,
      events,
      rest,
      upgrades,
      frames,
      warnings,
      notes,
      live,
      push: (frame) => live().send(typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
      connects,
      untilConnected: (times = 1) => untilTrue(() => connects() >= times),
      abort: () => stopping.abort(),
      done,
      connections: () => openConnections(server),
      sleeps: watched.sleeps,
      isResting,
      letRest: () => {
        if (isResting()) clock.skip(REST_MS);
      },
    };
  }

  return { start };
}

function clientOf(http: ReturnType<typeof createHttp>, clock: Clock, log: Log) {
  const serverTime = createServerTime(clock, () => clock.wallMs());
  const bans = { load: () => undefined, save: () => undefined, clear: () => undefined };
  const shared = {
    http,
    pause: createPause({ clock, bans, log }),
    weights: createWeightBudget({ budgetPct: 50, clock, serverTime, onSpent: () => undefined }),
    serverTime,
    freshness: createFreshness(),
    clock,
    random: () => 0.01,
    minSpacingMs: 0,
    timeoutMs: 2_000,
    recvWindowMs: 5_000,
    onRequest: () => undefined,
    log,
  };
  const sign = createSigner({ kind: "hmac", secret: new Secret(API_SECRET) });
  return { asker: createAsker(shared, { account: "main", apiKey: API_KEY, sign, lane: createLane(0, clock) }) };
}

/** The same clock, and who sleeps on it. */
function watchSleeps(clock: WarpClock): { readonly clock: Clock; sleeps(): readonly number[] } {
  const sleepers = new Map<symbol, number>();
  return {
    clock: {
      ...clock,
      async sleep(ms, signal) {
        const sleeper = Symbol("sleeper");
        sleepers.set(sleeper, ms);
        await clock.sleep(ms, signal).finally(() => sleepers.delete(sleeper));
      },
    },
    sleeps: () => [...sleepers.values()].sort((a, b) => a - b),
  };
}

function restOf({ method, url = "", headers }: IncomingMessage): Rest {
  const [path = "", query = ""] = url.split("?");
  const apiKey = headers["x-mbx-apikey"];
  return {
    what: `${method} ${path.split("/").at(-1)}`,
    query,
    apiKey: typeof apiKey === "string" ? apiKey : undefined,
  };
}

function asFrame(json: unknown): Frame {
  if (typeof json !== "object" || json === null) throw new Error("a frame that is no object");
  const { id = 0, method = "", params } = { id: undefined, method: undefined, params: undefined, ...json };
  return { id: Number(id), method: String(method), params };
}

/** As each of the two documents it. */
export function acknowledged({ id, method }: Frame): object {
  if (method === "SUBSCRIBE") return { result: null, id };
  return { id, status: 200, result: { subscriptionId: id, expirationTime: 1_749_094_553_955_907 } };
}
