import { createServer } from "node:net";
import { expect, test } from "vitest";
import { failure } from "../../test/support/notifier-contract.ts";
import { closedPort, listen, untilTrue } from "../../test/support/server.ts";
import { askedWaitMs, createPoster } from "./post.ts";

const NEVER = new AbortController().signal;

test("an abort while the connection is being made is heard at once, and nothing was sent", async () => {
  let isConnected = false;
  const silent = createServer(() => {
    isConnected = true; // and never a TLS handshake
  });
  const { port, close } = await listen(silent);
  const poster = createPoster("x");
  const abort = new AbortController();
  const posting = failure(poster.post({ url: `https://127.0.0.1:${port}/`, headers: {}, body: "{}" }, abort.signal));
  await untilTrue(() => isConnected);
  abort.abort();
  expect(await posting).toMatchObject({ kind: "not_sent", message: "x: stopped" });
  await poster.close();
  await close();
});

test("a refused connection and an unknown name are surely not sent", async () => {
  const poster = createPoster("x");
  const post = (url: string) => failure(poster.post({ url, headers: {}, body: "{}" }, NEVER));
  expect(await post(`http://127.0.0.1:${await closedPort()}/`)).toMatchObject({
    kind: "not_sent",
    message: "x: connection refused",
  });
  expect(await post("http://nowhere.invalid/")).toMatchObject({
    kind: "not_sent",
    message: expect.stringContaining("DNS"),
  });
  await poster.close();
});

test("a server that speaks no TLS is surely not sent to", async () => {
  const plain = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const { port, close } = await listen(plain);
  const poster = createPoster("x");
  const error = await failure(poster.post({ url: `https://127.0.0.1:${port}/`, headers: {}, body: "{}" }, NEVER));
  expect(error.kind).toBe("not_sent");
  await poster.close();
  await close();
});

const NOW_MS = Date.UTC(2020, 2, 12, 23, 0, 0);

test.each([
  ["5", 5_000],
  [" 5 ", 5_000],
  ["1", 1_000],
  ["0", 1_000],
  ["300", 300_000],
  ["301", 300_000],
  ["99999999999999999999", 300_000],
  ["Thu, 12 Mar 2020 23:00:30 GMT", 30_000],
  ["Thu, 12 Mar 2020 22:00:00 GMT", 1_000],
  ["1.5", 1_000],
  ["", 1_000],
  [undefined, 1_000],
])("Retry-After %s is %d ms", (header, ms) => {
  expect(askedWaitMs({ header: (name) => (name === "retry-after" ? header : undefined) }, NOW_MS)).toBe(ms);
});
