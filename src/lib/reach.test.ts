import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import { createServer as createTls } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { closedPort, type Listening, listen, openConnections, untilTrue } from "../../test/support/server.ts";
import { networkProblem } from "./network.ts";
import { reach } from "./reach.ts";

const never = new AbortController().signal;
const running: Listening[] = [];
const distrust: (() => void)[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(({ close }) => close()));
  for (const undo of distrust.splice(0)) undo();
});

async function serve(server: Parameters<typeof listen>[0]): Promise<number> {
  const listening = await listen(server);
  running.push(listening);
  return listening.port;
}

const problemOf = (address: string): Promise<string> =>
  reach(address, never).then(
    () => "reached",
    (error: unknown) => networkProblem(error).words,
  );

test("connects, asks nothing, and leaves no connection behind", async () => {
  let asked = 0;
  const server = createHttp((_, response) => {
    asked++;
    response.end();
  });
  const port = await serve(server);
  await reach(`http://127.0.0.1:${port}/secret?token=x`, never);
  await untilTrue(async () => (await openConnections(server)) === 0);
  expect(asked).toBe(0);
});

test("with https it wants a certificate that it trusts, for the right name", async () => {
  const good = makeCertificate();
  const port = await serve(createTls(good));
  expect(await problemOf(`https://localhost:${port}/`)).toMatch(/^TLS certificate: /);
  distrust.push(trust(good.cert));
  expect(await problemOf(`https://localhost:${port}/`)).toBe("reached");
  expect(await problemOf(`https://127.0.0.1:${port}/`)).toBe("reached");
  const other = makeCertificate("elsewhere.example");
  distrust.push(trust(other.cert));
  const wrong = await serve(createTls(other));
  expect(await problemOf(`https://localhost:${wrong}/`)).toBe("TLS certificate: it is for another host");
});

test("says why an address cannot be reached", async () => {
  expect(await problemOf(`http://127.0.0.1:${await closedPort()}/`)).toBe("connection refused");
  const plain = await serve(createServer((socket) => socket.end("220 hello\r\n")));
  expect(await problemOf(`https://127.0.0.1:${plain}/`)).toMatch(/^TLS handshake failed/);
});

test("stops when it is told to, before and while it waits", async () => {
  const silent = createServer((socket) => socket.on("error", () => undefined).resume());
  const port = await serve(silent);
  const reason = new Error("enough");
  await expect(reach(`https://127.0.0.1:${port}/`, AbortSignal.abort(reason))).rejects.toBe(reason);
  const abort = new AbortController();
  const reaching = reach(`https://127.0.0.1:${port}/`, abort.signal);
  await untilTrue(async () => (await openConnections(silent)) === 1);
  abort.abort(reason);
  await expect(reaching).rejects.toBe(reason);
  await untilTrue(async () => (await openConnections(silent)) === 0);
});
