// /healthz over real HTTP: what it says, to whom.
import { request } from "node:http";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../lib/secret.ts";
import { type HealthOptions, type HealthServer, startHealth } from "./health.ts";

let server: HealthServer | undefined;
afterEach(() => server?.close());

async function ask(
  options: Partial<HealthOptions>,
  headers: Record<string, string>,
  method = "GET",
  path = "/healthz",
) {
  server = await startHealth({ host: "127.0.0.1", port: 0, token: undefined, trouble: () => undefined, ...options });
  const { port } = server;
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

const token = new Secret("s3cret");

test.each([
  { name: "says that all is well", options: {}, headers: {}, status: 200, says: '"ok":true' },
  {
    name: "says what is not",
    options: { trouble: () => "main is blind" },
    headers: {},
    status: 503,
    says: "main is blind",
  },
  {
    name: "refuses a foreign Host on loopback",
    options: {},
    headers: { host: "evil.example" },
    status: 421,
    says: "host",
  },
  {
    name: "takes loopback by name and port",
    options: {},
    headers: { host: "localhost:9464" },
    status: 200,
    says: "ok",
  },
  { name: "takes loopback in IPv6", options: {}, headers: { host: "[::1]:9464" }, status: 200, says: "ok" },
  {
    name: "refuses a name that only begins like loopback",
    options: {},
    headers: { host: "127.0.0.1.evil.example:9464" },
    status: 421,
    says: "host",
  },
  { name: "refuses without the token", options: { token }, headers: {}, status: 401, says: "Bearer" },
  {
    name: "refuses a wrong token",
    options: { token },
    headers: { authorization: "Bearer x" },
    status: 401,
    says: "Bearer",
  },
  {
    name: "takes the right token",
    options: { token },
    headers: { authorization: "Bearer s3cret" },
    status: 200,
    says: "ok",
  },
])("$name", async ({ options, headers, status, says }) => {
  const answer = await ask(options, headers);
  expect(answer.status).toBe(status);
  expect(answer.body).toContain(says);
});

test("changes nothing: only GET, only /healthz", async () => {
  expect((await ask({}, {}, "POST")).status).toBe(405);
  await server?.close();
  expect((await ask({}, {}, "GET", "/")).status).toBe(404);
});

test("fails to start on a port that is taken", async () => {
  server = await startHealth({ host: "127.0.0.1", port: 0, token: undefined, trouble: () => undefined });
  const second = startHealth({ host: "127.0.0.1", port: server.port, token: undefined, trouble: () => undefined });
  await expect(second).rejects.toThrow(/EADDRINUSE/);
});
