// One request against real servers that misbehave. Everything here is seen over a real socket.
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { closedPort, type Listening, listen, untilTrue } from "../../test/support/server.ts";
import { systemClock } from "../lib/clock.ts";
import { ExchangeError } from "./errors.ts";
import { createHttp, type Reply } from "./request.ts";

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
  }: Options = {}) => http.get({ path, headers, signal, onWrite });
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

test("refuses one byte more than 8 MiB, and takes no more of it", async () => {
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

test("refuses a gzip bomb of 200 MiB without unpacking it", async () => {
  const bomb = Buffer.concat(Array.from({ length: 200 }, () => gzipSync(Buffer.alloc(MIB))));
  const url = await serve((_, response) => {
    response.writeHead(200, { "content-encoding": "gzip" });
    response.end(bomb);
  });
  const before = process.memoryUsage().rss;
  expect(await failure(get(url))).toEqual({ code: "bad_response", detail: "larger than 8 MiB" });
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
});

test.each([
  ["cut gzip", { "content-encoding": "gzip" }, gzipSync("{}").subarray(0, 15), "cut or broken gzip"],
  ["no gzip at all", { "content-encoding": "gzip" }, Buffer.from("{}"), "cut or broken gzip"],
  ["brotli", { "content-encoding": "br" }, Buffer.from("{}"), "an encoding that was not asked for"],
])("refuses %s", async (_, headers, body, detail) => {
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

test("follows no redirect: key and signature never reach the other place", async () => {
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

test("gives up a dripping answer at its absolute deadline, and the socket with it", async () => {
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

test("gives up a server that never answers, and one that never finishes its TLS handshake", async () => {
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
    path: "/x",
    headers: {},
    signal: stopping.signal,
    onWrite: (isFirst: boolean) => writes.push(isFirst),
  };
  const pending = failure(http.get(options));
  stopping.abort(); // before the connection stands
  expect(await pending).toMatchObject({ code: "timeout", detail: "the poll was stopped before the answer came" });
  const next = await http.get({ ...options, signal: new AbortController().signal });
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
])("calls %s a closed connection", async (_, text) => {
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

test("says so when the name does not exist", async () => {
  const { code, detail } = await failure(get("http://nowhere.invalid"));
  expect(code).toBe("unreachable");
  expect(detail).toMatch(/DNS/);
});

test("refuses a self-signed certificate and one for another host, and says which; takes a good one", async () => {
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

test("says so when the other side does not speak TLS", async () => {
  const url = await serve((_, response) => response.end("{}"));
  const { code, detail } = await failure(get(url.replace("http:", "https:")));
  expect(code).toBe("unreachable");
  expect(detail).toMatch(/^TLS handshake failed/);
});
