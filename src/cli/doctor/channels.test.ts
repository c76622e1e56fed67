import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { closedPort, listen } from "../../../test/support/server.ts";
import { startHealth } from "../../http/health.ts";
import { Secret } from "../../lib/secret.ts";
import { heartbeatCheck, httpCheck } from "./channels.ts";

const never = new AbortController().signal;
let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

const line = ({ status, text }: { readonly status: string; readonly text: string }) => `${status}: ${text}`;

async function serve(status: number, body: string) {
  const asked: (string | undefined)[] = [];
  const server = await listen(
    createServer(({ headers }, response) => {
      asked.push(headers.authorization);
      response.writeHead(status).end(body);
    }),
  );
  open.defer(() => server.close());
  return { port: server.port, asked };
}

// ---------------------------------------------------------------- the heartbeat

const beat = (url: string | undefined, signal = never) =>
  heartbeatCheck({ staleAfterMs: 1, heartbeat: url === undefined ? undefined : { url: new Secret(url), everyMs: 1 } })
    .run(signal)
    .then(line);

test("a heartbeat is not pinged by the doctor: that would say that all is well", async () => {
  const { port, asked } = await serve(200, "OK");
  expect(await beat(`http://127.0.0.1:${port}/ping/canary`)).toMatch(
    /^good: the service can be reached; it was not pinged/,
  );
  expect(asked).toEqual([]);
});

test("a heartbeat that cannot be reached has failed, and its address is not shown", async () => {
  const said = await beat(`http://127.0.0.1:${await closedPort()}/ping/canary`);
  expect(said).toBe("failed: the service cannot be reached: connection refused");
  expect(await beat("http://127.0.0.1:1/canary", AbortSignal.abort())).toBe(
    "failed: the service cannot be reached: no connection in time",
  );
});

test("no heartbeat is worth a look", async () => {
  expect(await beat(undefined)).toBe("warning: there is none: nobody will notice when this machine dies");
});

// ---------------------------------------------------------------- /healthz

const http = (port: number, isDaemonRunning: boolean, { host = "127.0.0.1", token = "" } = {}) =>
  httpCheck({ host, port, token: token === "" ? undefined : new Secret(token) }, isDaemonRunning)
    .run(never)
    .then(line);

test("without a daemon the port must be free, and is free again afterwards", async () => {
  const port = await closedPort();
  expect(await http(port, false)).toBe(`good: 127.0.0.1 port ${port} is free`);
  expect(await http(port, false)).toBe(`good: 127.0.0.1 port ${port} is free`);
  const taken = await serve(200, "");
  expect(await http(taken.port, false)).toBe(
    `failed: 127.0.0.1 port ${taken.port}: taken by another program; margind would run without /healthz`,
  );
  expect(await http(port, false, { host: "192.0.2.1" })).toContain("this machine has no such address");
});

test("beside a daemon its own answer is read, with the token", async () => {
  let problem: string | undefined;
  const token = new Secret("canary-token");
  const health = await startHealth({ host: "127.0.0.1", port: 0, token, trouble: () => problem });
  open.defer(() => health.close());
  const ask = (given: string) => http(health.port, true, { token: given });
  expect(await ask("canary-token")).toBe("good: the daemon answers that all is well");
  problem = "main is blind";
  expect(await ask("canary-token")).toBe("warning: the daemon answers, and says: main is blind");
  expect(await ask("another")).toBe("failed: what answers there does not take http.token");
});

test.each([
  [404, "<html>", "failed: what answers there is not this daemon (HTTP 404)"],
  [503, "<html>", "failed: what answers there is not this daemon (HTTP 503)"],
  [503, '{"problem":1}', "failed: what answers there is not this daemon (HTTP 503)"],
  [503, `{"problem":"\\u001b[2J${"x".repeat(500)}"}`, "warning: the daemon answers, and says: \uFFFD[2Jxxx"],
  [503, "x".repeat(100_000), "failed: the daemon does not answer on 127.0.0.1 port"],
])("another program that answers %i there is no daemon", async (status, body, expected) => {
  const { port } = await serve(status, body);
  expect(await http(port, true)).toContain(expected);
});

test("an address that means all of them is asked by loopback", async () => {
  const { port } = await serve(200, "{}");
  expect(await http(port, true, { host: "0.0.0.0" })).toBe("good: the daemon answers that all is well");
});

test("a daemon that does not answer has failed", async () => {
  const port = await closedPort();
  expect(await http(port, true)).toBe(
    `failed: the daemon does not answer on 127.0.0.1 port ${port}: connection refused`,
  );
});
