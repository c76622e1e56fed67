// The dead man's switch against a real HTTP server, its time on a virtual clock.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { createTestClock } from "../test/support/clock.ts";
import { closedPort, listen, untilTrue } from "../test/support/server.ts";
import { beat, createPulse } from "./heartbeat.ts";
import { silentLog } from "./lib/log.ts";
import { Secret } from "./lib/secret.ts";

const MIN = 60_000;

async function startService(status = 200) {
  const pings: string[] = [];
  const server = createServer(async (request, response) => {
    pings.push(`${request.method} ${request.url} ${await text(request)}`.trim());
    response.writeHead(status, { location: "http://127.0.0.1:1/elsewhere" }).end("OK");
  });
  const { port, close } = await listen(server);
  return { pings, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}

function listener() {
  const lines: string[] = [];
  return {
    lines,
    log: { ...silentLog, warn: (fields: object, line: string) => void lines.push(`${line} ${JSON.stringify(fields)}`) },
  };
}

test("H11: pinged while all is well, told of the failure and its reason while not, at every beat", async () => {
  await using service = await startService();
  const clock = createTestClock();
  const { log, lines } = listener();
  const stopping = new AbortController();
  let problem: string | undefined;
  const pulse = createPulse({ url: new Secret(`${service.url}/ping/uuid`), everyMs: MIN }, log);
  const done = beat({ ...pulse, clock, log, trouble: () => problem }, stopping.signal).catch(() => undefined);
  const nextBeat = async () => {
    const before = service.pings.length;
    await clock.advance(MIN);
    await untilTrue(() => service.pings.length > before);
    await untilTrue(() => clock.sleepers().length === 1);
  };
  await clock.advance(MIN - 1);
  expect(service.pings).toEqual([]); // not before the first full time
  await clock.advance(1);
  await untilTrue(() => service.pings.length === 1 && clock.sleepers().length === 1);
  problem = "main is blind";
  await nextBeat();
  await nextBeat();
  problem = undefined;
  await nextBeat();
  expect(service.pings).toEqual([
    "GET /ping/uuid",
    "POST /ping/uuid/fail main is blind",
    "POST /ping/uuid/fail main is blind",
    "GET /ping/uuid",
  ]);
  expect(lines).toHaveLength(2);
  stopping.abort();
  await done;
});

test.each([
  ["/ping/uuid", "/ping/uuid/fail"],
  ["/ping/uuid/", "/ping/uuid/fail"],
  ["/push?token=a", "/push/fail?token=a"],
  ["", "/fail"],
])("the failure of %s goes to %s", async (path, failed) => {
  await using service = await startService();
  await createPulse({ url: new Secret(service.url + path), everyMs: MIN }, silentLog).ping("x");
  expect(service.pings).toEqual([`POST ${failed} x`]);
});

test.each([302, 404, 500])(
  "a service that answers %i is told in the log, and a redirect is not followed",
  async (status) => {
    await using service = await startService(status);
    const { log, lines } = listener();
    await createPulse({ url: new Secret(`${service.url}/canary`), everyMs: MIN }, log).ping(undefined);
    expect(service.pings).toEqual(["GET /canary"]);
    expect(lines).toEqual([expect.stringContaining("did not accept the ping")]);
  },
);

test("a service that cannot be reached is told without its address, which is a secret", async () => {
  const { log, lines } = listener();
  await createPulse({ url: new Secret(`http://127.0.0.1:${await closedPort()}/canary`), everyMs: MIN }, log).ping("x");
  expect(lines).toEqual([expect.stringContaining("cannot be reached")]);
  expect(lines.join("")).not.toMatch(/canary|127/);
});
