// One request against real servers that misbehave. Everything here is seen over a real socket.
import { execFile } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { closedPort, type Listening, listen, untilTrue } from "../../test/support/server.ts";
import { systemClock } from "../lib/clock.ts";
import type { Resolve } from "../lib/lookup.ts";
import { ExchangeError } from "./errors.ts";
import { createHttp, type Reply } from "./request.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

async function serve(listener: RequestListener): Promise<string> {
  return urlOf(await listen(createServer({ keepAliveTimeout: 60_000 }, listener)));
}

function urlOf({ port, close }: Listening, scheme = "http"): string {
  open.defer(close);
  return `${scheme}://127.0.0.1:${port}`;
}

interface Options {
  readonly timeoutMs?: number;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly onWrite?: (isFirst: boolean) => void;
}

function client(baseUrl: string, timeoutMs = 5000) {
  const http = createHttp({ baseUrl, timeoutMs, clock: systemClock });
  open.defer(() => http.close());
  return ({
    path = "/x",
    headers = {},
    signal = new AbortController().signal,
    onWrite = () => undefined,
  }: Options = {}) => http.send({ method: "GET", path, headers, signal, onWrite });
}

const get = (baseUrl: string, { timeoutMs, ...options }: Options = {}) => client(baseUrl, timeoutMs)(options);

async function failure(pending: Promise<Reply>) {
  const error: unknown = await pending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ExchangeError)) throw new Error("it did not fail as it should", { cause: error });
  return error.failure;
}

test("sends path, query and headers byte for byte, behind the base URL's own path", async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => {
    seen.push(request.method, request.url, request.headers["x-mbx-apikey"]);
    response.end("{}");
  });
  const path = "/sapi?symbols=A%2CB&s=%2F%2B%3D!'()~*&signature=ab%3D";
  expect(await get(`${url}/mirror/`, { path, headers: { "X-MBX-APIKEY": "key" } })).toMatchObject({
    status: 200,
    text: "{}",
  });
  expect(seen).toEqual(["GET", `/mirror${path}`, "key"]);
});

test("keeps one connection for many requests, and says which one was its first", async () => {
  const sockets = new Set<unknown>();
  const url = await serve((request, response) => {
    sockets.add(request.socket);
    response.end("{}");
  });
  const ask = client(url);
  const first: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    await ask({ onWrite: (isFirst) => first.push(isFirst) });
    await systemClock.sleep(1); // undici takes the connection back a tick after the answer
  }
  expect(sockets.size).toBe(1);
  expect(first).toEqual([true, false, false]);
});

test("tells of the write only when the connection stands", async () => {
  const writes: boolean[] = [];
  const url = `http://127.0.0.1:${await closedPort()}`;
  expect(await failure(get(url, { onWrite: (isFirst) => writes.push(isFirst) }))).toEqual({
    code: "unreachable",
    detail: "connection refused",
  });
  expect(writes).toEqual([]);
});

test("reads gzip, and any size up to 8 MiB", async () => {
  const text = "x".repeat(8 * MIB);
  const url = await serve((request, response) => {
    if (request.url === "/plain") return response.end(text);
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end(gzipSync(text));
  });
  expect((await get(url, { path: "/plain" })).text).toHaveLength(8 * MIB);
  expect((await get(url)).text).toHaveLength(8 * MIB);
});

test("X18: refuses one byte more than 8 MiB, and takes no more of it", async () => {
  const url = await serve((_, response) => {
    const chunk = Buffer.alloc(MIB);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on("drain", more);
    more();
  });
  expect(await failure(get(url))).toEqual({ code: "bad_response", detail: "larger than 8 MiB" });
  const exact = await serve((_, response) => response.end(Buffer.alloc(8 * MIB + 1)));
  expect(await failure(get(exact))).toMatchObject({ detail: "larger than 8 MiB" });
});

test("X18: refuses a gzip bomb of 200 MiB without unpacking it: ten of them cost less memory than one unpacked", async () => {
  const part = gzipSync(Buffer.alloc(MIB));
  const bomb = Buffer.concat(Array.from({ length: 200 }, () => part));
  const url = await serve((request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end(request.url === "/bomb" ? bomb : gzipSync("{}"));
  });
  expect(await failure(get(url, { path: "/bomb" }))).toEqual({ code: "bad_response", detail: "larger than 8 MiB" });
  const [small, large] = await Promise.all([peakBytes(url, "/small"), peakBytes(url, "/bomb")]);
  expect(large - small).toBeLessThan(128 * MIB);
});

/** The most memory that a process of its own ever had, which asked for this ten times. */
async function peakBytes(url: string, path: string): Promise<number> {
  const code = `
    import { createHttp } from ${JSON.stringify(new URL("./request.ts", import.meta.url).href)};
    import { systemClock } from ${JSON.stringify(new URL("../lib/clock.ts", import.meta.url).href)};
    const http = createHttp({ baseUrl: ${JSON.stringify(url)}, timeoutMs: 5000, clock: systemClock });
    const request = { method: "GET", path: ${JSON.stringify(path)}, headers: {}, signal: new AbortController().signal, onWrite() {} };
    for (let i = 0; i < 10; i++) await http.send(request).catch(() => undefined);
    await http.close();
    console.log(process.resourceUsage().maxRSS);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code]);
  return Number(stdout) * 1024;
}

test.each([
  ["cut gzip", { "content-encoding": "gzip" }, gzipSync("{}").subarray(0, 15), "cut or broken gzip"],
  ["no gzip at all", { "content-encoding": "gzip" }, Buffer.from("{}"), "cut or broken gzip"],
  ["brotli", { "content-encoding": "br" }, Buffer.from("{}"), "an encoding that was not asked for"],
])("X5: refuses %s", async (_, headers, body, detail) => {
  const url = await serve((__, response) => response.writeHead(200, headers).end(body));
  expect(await failure(get(url))).toEqual({ code: "bad_response", detail });
});

test.each([418, 429, 502])(
  "believes HTTP %d although its body cannot be decoded, is too large or is cut",
  async (status) => {
    const url = await serve((request, response) => {
      if (request.url === "/gzip") return response.writeHead(status, { "content-encoding": "gzip" }).end("{}");
      if (request.url === "/large") return response.writeHead(status).end(Buffer.alloc(9 * MIB));
      response.writeHead(status, { "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    for (const path of ["/gzip", "/large", "/cut"])
      expect(await get(url, { path })).toMatchObject({ status, text: "" });
  },
);

test("X19: follows no redirect: key and signature never reach the other place", async () => {
  const stolen: unknown[] = [];
  const thief = await serve((request, response) => {
    stolen.push(request.url, request.headers);
    response.end("{}");
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await serve((_, response) => response.writeHead(status, { location: `${thief}/steal` }).end());
    const reply = await get(url, { path: "/x?signature=canary", headers: { "X-MBX-APIKEY": "canary" } });
    expect(reply.status).toBe(status);
  }
  expect(stolen).toEqual([]);
});

test("X6: gives up a dripping answer at its absolute deadline, and the socket with it", async () => {
  let isClosed = false;
  const url = await serve(async (_, response) => {
    response.once("close", () => {
      isClosed = true;
    });
    response.writeHead(200);
    while (!response.destroyed) {
      response.write(" ");
      await systemClock.sleep(20);
    }
  });
  const startedMs = systemClock.monoMs();
  expect(await failure(get(url, { timeoutMs: 200 }))).toEqual({
    code: "timeout",
    detail: "no whole answer within 0.2 s",
  });
  expect(systemClock.monoMs() - startedMs).toBeGreaterThanOrEqual(200);
  expect(systemClock.monoMs() - startedMs).toBeLessThan(600);
  await untilTrue(() => isClosed);
});

test("X6: gives up an answer whose headers drip", async () => {
  const url = urlOf(
    await listen(
      createTcpServer(async (socket) => {
        socket.on("error", () => undefined);
        for (const letter of `HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(1000)}`) {
          if (socket.destroyed) return;
          socket.write(letter);
          await systemClock.sleep(20);
        }
      }),
    ),
  );
  const startedMs = systemClock.monoMs();
  expect(await failure(get(url, { timeoutMs: 200 }))).toMatchObject({ code: "timeout" });
  expect(systemClock.monoMs() - startedMs).toBeLessThan(5000);
});

test("X6: leaves a connection whose other end is gone at the deadline, and takes a new one for the next request", async () => {
  const upstream = await listen(createServer((_, response) => response.end("{}")));
  open.defer(upstream.close);
  let isCut = false;
  let connections = 0;
  /** Between the two: once cut, what the client writes goes nowhere, and nobody says so. */
  const proxy = createTcpServer((near) => {
    connections++;
    const far = connect(upstream.port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on("error", () => undefined).on("data", (chunk) => !isCut && to.write(chunk));
    }
    near.on("close", () => far.destroy());
  });
  const ask = client(urlOf(await listen(proxy)), 600);
  expect(await ask()).toMatchObject({ status: 200 });
  await systemClock.sleep(1); // undici takes the connection back a tick after the answer
  isCut = true;
  expect(await failure(ask())).toMatchObject({ code: "timeout" });
  expect(connections).toBe(1);
  isCut = false;
  expect(await ask()).toMatchObject({ status: 200 });
  expect(connections).toBe(2);
});

test("X6: gives up a server that never answers, and one that never finishes its TLS handshake", async () => {
  const silent = await listen(createTcpServer());
  const plain = urlOf(silent);
  expect(await failure(get(plain, { timeoutMs: 100 }))).toMatchObject({ code: "timeout" });
  const writes: boolean[] = [];
  const secure = plain.replace("http:", "https:");
  expect(await failure(get(secure, { timeoutMs: 100, onWrite: (isFirst) => writes.push(isFirst) }))).toMatchObject({
    code: "timeout",
  });
  expect(writes).toEqual([]);
});

test("sends nothing any more once it was given up while connecting", async () => {
  let requests = 0;
  const url = await serve((_, response) => {
    requests++;
    response.end("{}");
  });
  const http = createHttp({ baseUrl: url, timeoutMs: 1000, clock: systemClock });
  open.defer(() => http.close());
  const stopping = new AbortController();
  const writes: boolean[] = [];
  const options = {
    method: "GET" as const,
    path: "/x",
    headers: {},
    signal: stopping.signal,
    onWrite: (isFirst: boolean) => writes.push(isFirst),
  };
  const pending = failure(http.send(options));
  stopping.abort(); // before the connection stands
  expect(await pending).toMatchObject({ code: "timeout", detail: "the poll was stopped before the answer came" });
  const next = await http.send({ ...options, signal: new AbortController().signal });
  expect(next.status).toBe(200);
  expect(requests).toBe(1);
  expect(writes).toHaveLength(1);
});

test.each(["before", "after"])("ends at once when the signal is aborted %s the request", async (when) => {
  const url = await serve(() => undefined);
  const stopping = new AbortController();
  if (when === "before") stopping.abort();
  const pending = failure(get(url, { signal: stopping.signal }));
  stopping.abort(new Error("why ever"));
  expect(await pending).toEqual({ code: "timeout", detail: "the poll was stopped before the answer came" });
});

test("leaves no listener on a signal that lives as long as the daemon", async () => {
  const url = await serve((_, response) => response.end("{}"));
  const ask = client(url);
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  for (let i = 0; i < 5; i++) await ask({ signal });
  expect(listeners).toBe(0);
});

test.each([
  ["a body shorter than announced", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
  ["a cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{"],
  ["a closed connection", ""],
])("X5: calls %s a closed connection", async (_, text) => {
  const url = urlOf(
    await listen(createTcpServer((socket) => socket.on("error", () => undefined).once("data", () => socket.end(text)))),
  );
  expect(await failure(get(url))).toEqual({ code: "unreachable", detail: "connection closed by the other side" });
});

test("says so when the other side does not speak HTTP", async () => {
  const url = urlOf(
    await listen(createTcpServer((socket) => socket.once("data", () => socket.end("220 smtp ready\r\n")))),
  );
  expect(await failure(get(url))).toEqual({ code: "bad_response", detail: "not HTTP" });
});

test("X8: says so when the name does not exist", async () => {
  const { code, detail } = await failure(get("http://nowhere.invalid"));
  expect(code).toBe("unreachable");
  expect(detail).toMatch(/DNS/);
});

test("X7: refuses a self-signed certificate and one for another host, and says which; takes a good one", async () => {
  const tls = async (certificate: ReturnType<typeof makeCertificate>) =>
    urlOf(await listen(createTlsServer(certificate, (_, response) => response.end("{}"))), "https");
  const good = makeCertificate();
  const url = await tls(good);
  expect(await failure(get(url))).toEqual({ code: "unreachable", detail: "TLS certificate: it is self-signed" });
  const other = makeCertificate("elsewhere.example");
  open.defer(trust(`${good.cert}${other.cert}`));
  expect(await failure(get(await tls(other)))).toEqual({
    code: "unreachable",
    detail: "TLS certificate: it is for another host",
  });
  expect(await get(url)).toMatchObject({ status: 200 });
});

test("X7: verifies certificates although the environment says not to", async () => {
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  open.defer(() => {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  });
  let requests = 0;
  const server = createTlsServer(makeCertificate(), (_, response) => {
    requests++;
    response.end("{}");
  });
  const url = urlOf(await listen(server), "https");
  expect(await failure(get(url))).toEqual({ code: "unreachable", detail: "TLS certificate: it is self-signed" });
  expect(requests).toBe(0);
});

test("X7: says so when the other side does not speak TLS", async () => {
  const url = await serve((_, response) => response.end("{}"));
  const { code, detail } = await failure(get(url.replace("http:", "https:")));
  expect(code).toBe("unreachable");
  expect(detail).toMatch(/^TLS handshake failed/);
});

test("X8: a DNS that hangs is asked once, holds nobody up for longer than its time, and is waited for by all", async () => {
  const url = await serve((_, response) => response.end("{}"));
  const answers: (() => void)[] = [];
  const resolve: Resolve = () => new Promise((done) => answers.push(() => done([{ address: "127.0.0.1", family: 4 }])));
  const http = createHttp({
    baseUrl: url.replace("127.0.0.1", "exchange.example"),
    timeoutMs: 1200,
    clock: systemClock,
    resolve,
  });
  open.defer(() => http.close());
  const ask = () =>
    http.send({
      method: "GET",
      path: "/x",
      headers: {},
      signal: new AbortController().signal,
      onWrite: () => undefined,
    });
  const startedMs = systemClock.monoMs();
  for (const error of await Promise.all([failure(ask()), failure(ask()), failure(ask())]))
    expect(error).toEqual({ code: "unreachable", detail: "DNS does not answer" });
  expect(systemClock.monoMs() - startedMs).toBeLessThan(1200);
  expect(await failure(ask())).toMatchObject({ detail: "DNS does not answer" });
  expect(answers).toHaveLength(1);
  const late = ask();
  answers[0]?.();
  expect(await late).toMatchObject({ status: 200 });
});

test("X8: reads a compressed answer although hung DNS questions of others hold every thread of the pool", async () => {
  const folder = mkdtempSync(join(tmpdir(), "margind-"));
  const pipe = join(folder, "pipe");
  await run("mkfifo", [pipe]);
  const held = Array.from({ length: 8 }, () => openFile(pipe)); // holds a thread as a hung question does: nobody writes to the pipe
  open.defer(async () => {
    const writer = openSync(pipe, "r+");
    for (const handle of await Promise.all(held)) await handle.close();
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const url = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("{}")));
  expect(await get(url)).toMatchObject({ status: 200, text: "{}" });
});

test.each([
  ["POST", "/sapi/v1/margin/listen-key", true],
  ["PUT", "/sapi/v1/margin/listen-key?listenKey=abc", true],
  ["POST", "/sapi/v1/userListenToken?isIsolated=false", true],
  ["POST", "/sapi/v2/margin/listen-key", true],
  ["POST", "/sapi/v1/margin/order?x=listen-key", false],
  ["POST", "/sapi/v1/margin/listen-key-order", false],
  ["PUT", "/sapi/v1/asset/transfer", false],
  ["POST", "/sapi/v1/margin/borrow-repay", false],
] as const)("%s %s is sent: %s", async (method, path, isSent) => {
  const seen: string[] = [];
  const url = await serve((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end("{}");
  });
  const http = createHttp({ baseUrl: url, timeoutMs: 5000, clock: systemClock });
  open.defer(() => http.close());
  const sent = http.send({ method, path, headers: {}, signal: new AbortController().signal, onWrite: () => undefined });
  if (isSent) expect((await sent).status).toBe(200);
  else await expect(sent).rejects.toThrow("only listen keys");
  expect(seen).toEqual(isSent ? [`${method} ${path}`] : []);
});
