import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { crash, critical, deliveryOf, keyOf, resolved } from "../../test/support/messages.ts";
import { failure, hurried, notifierContract, testDeps } from "../../test/support/notifier-contract.ts";
import { listen, untilTrue } from "../../test/support/server.ts";
import type { NotifyError } from "../core/ports.ts";
import { webhook } from "./webhook.ts";

const SIGNAL = new AbortController().signal;
const PATH = "/hook/canaryPath?key=canaryQuery";

type Answer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | "drop"
  | "hang";

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function startHook() {
  const posted: Posted[] = [];
  const answers: Answer[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    const body = await text(request);
    const answer = answers.shift() ?? { status: 204 };
    if (answer === "hang") return;
    if (answer === "drop") return void request.socket.destroy();
    if (answer.status < 300) posted.push({ headers: request.headers, body });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  const { port, close } = await listen(server);
  const url = `http://127.0.0.1:${port}${PATH}`;
  return { url, port, posted, answers, requests: () => requests, [Symbol.asyncDispose]: close };
}

const connect = (url: string, more: object = {}, deps = testDeps()) =>
  webhook.create("pager", webhook.schema.parse({ type: "webhook", url, ...more }), deps);

notifierContract("A webhook", ["can be silent", "can fail"], async (deps, logged) => {
  const hook = await startHook();
  const headers = { Authorization: "Bearer canaryHeader" };
  const notifier = connect(hook.url, { headers, secret: "canarySecret" }, deps);
  const fault = (name: string, kind: NotifyError["kind"], answer: Answer) => ({
    name,
    kind,
    stage: () => void hook.answers.push(answer),
  });
  return {
    notifier,
    arrived: () =>
      hook.posted.map(({ body }) => {
        const { key, title, text: whole } = JSON.parse(body);
        return { key, text: `${title}\n${whole}` };
      }),
    faults: [
      fault("HTTP 429", "not_sent", { status: 429 }),
      fault("HTTP 500", "ambiguous", { status: 500, body: "canarySecret" }),
      fault("a broken connection", "ambiguous", "drop"),
      fault("HTTP 401", "refused", { status: 401 }),
      fault("HTTP 422", "payload", { status: 422 }),
      fault("a redirect", "refused", { status: 302, headers: { location: "http://127.0.0.1:1/canarySecret" } }),
    ],
    hang: () => {
      hook.answers.push("hang");
      return { reached: untilTrue(() => hook.requests() > 0) };
    },
    spoilCredentials: undefined,
    secrets: ["canaryPath", "canaryQuery", "canaryHeader", "canarySecret"],
    logged,
    async [Symbol.asyncDispose]() {
      await notifier.close();
      await hook[Symbol.asyncDispose]();
    },
  };
});

test("the body has the promised fields", async () => {
  await using hook = await startHook();
  const root = { key: keyOf("first"), receipt: undefined };
  await connect(hook.url).send(deliveryOf(critical, { attempt: 2, root }), SIGNAL);
  expect(JSON.parse(hook.posted[0]?.body ?? "")).toEqual({
    version: 1,
    key: keyOf(critical.title),
    attempt: 2,
    conversation: keyOf("first"),
    sentAt: "2020-03-12T23:05:04.000Z",
    kind: "raised",
    severity: "critical",
    title: critical.title,
    text: expect.stringMatching(/^CRITICAL · main · .*\n.*\n.*\n.* #A1B2-3$/),
    subject: critical.subject,
    sections: critical.sections,
    more: [],
  });
  expect(hook.posted[0]?.headers).toMatchObject({
    "content-type": "application/json",
    "idempotency-key": keyOf(critical.title),
  });
});

test("the first message of a conversation names itself as its conversation", async () => {
  await using hook = await startHook();
  await connect(hook.url).send(deliveryOf(resolved), SIGNAL);
  expect(JSON.parse(hook.posted[0]?.body ?? "")).toMatchObject({ conversation: keyOf(resolved.title) });
});

test("plain form leaves the lists out and says the same", async () => {
  await using hook = await startHook();
  await connect(hook.url).send(deliveryOf(crash, { plain: true }), SIGNAL);
  const body = JSON.parse(hook.posted[0]?.body ?? "");
  expect(body).not.toHaveProperty("sections");
  expect(body.text).toContain("BNBUSDT");
});

test("a secret signs the time and the body", async () => {
  await using hook = await startHook();
  const clock = { ...testDeps().clock, wallMs: () => 1_584_054_304_999 };
  await connect(hook.url, { secret: "s3cret" }, testDeps({ clock })).send(deliveryOf(critical), SIGNAL);
  const [{ headers, body } = expect.fail("nothing came")] = hook.posted;
  const digest = createHmac("sha256", "s3cret").update(`1584054304.${body}`).digest("hex");
  expect(headers["x-margind-signature"]).toBe(`t=1584054304,v1=${digest}`);
});

test("further headers go out as they are", async () => {
  await using hook = await startHook();
  await connect(hook.url, { headers: { Authorization: "Bearer x", "X-Team": "desk" } }).send(
    deliveryOf(critical),
    SIGNAL,
  );
  expect(hook.posted[0]?.headers).toMatchObject({ authorization: "Bearer x", "x-team": "desk" });
});

test.each<[number, NotifyError["kind"]]>([
  [301, "refused"],
  [307, "refused"],
  [400, "payload"],
  [401, "refused"],
  [403, "refused"],
  [404, "refused"],
  [408, "not_sent"],
  [410, "refused"],
  [413, "payload"],
  [415, "payload"],
  [422, "payload"],
  [425, "not_sent"],
  [429, "not_sent"],
  [499, "refused"],
  [500, "ambiguous"],
  [503, "ambiguous"],
])("HTTP %d is %s", async (status, kind) => {
  await using hook = await startHook();
  hook.answers.push({ status });
  const error = await failure(connect(hook.url).send(deliveryOf(critical), SIGNAL));
  expect(error.kind).toBe(kind);
  expect(error.message).toContain(`HTTP ${status}`);
});

test.each([200, 201, 202, 204, 299])("HTTP %d is delivered", async (status) => {
  await using hook = await startHook();
  hook.answers.push({ status, ...(status === 204 ? {} : { body: "fine" }) });
  expect(await connect(hook.url).send(deliveryOf(critical), SIGNAL)).toEqual({ status: String(status) });
});

test("a redirect is not followed: the address that it names gets nothing", async () => {
  await using thief = await startHook();
  await using hook = await startHook();
  hook.answers.push({ status: 308, headers: { location: thief.url } });
  expect((await failure(connect(hook.url).send(deliveryOf(critical), SIGNAL))).kind).toBe("refused");
  expect(thief.requests()).toBe(0);
});

test("Retry-After is taken over", async () => {
  await using hook = await startHook();
  hook.answers.push({ status: 429, headers: { "retry-after": "9" } });
  expect(await failure(connect(hook.url).send(deliveryOf(critical), SIGNAL))).toMatchObject({ retryAfterMs: 9_000 });
});

test("a silent receiver is given up at the deadline", async () => {
  await using hook = await startHook();
  hook.answers.push("hang");
  const error = await failure(
    connect(hook.url, {}, testDeps({ clock: hurried(100) })).send(deliveryOf(critical), SIGNAL),
  );
  expect(error).toMatchObject({ kind: "ambiguous", message: "webhook: no complete answer within 10 s" });
});

test("the recipient is the host, without path and query", async () => {
  await using hook = await startHook();
  expect(connect(hook.url).recipients).toEqual([`127.0.0.1:${hook.port}`]);
});

test.each([
  [{ url: "ftp://x.test" }, /address/],
  [{ url: "x.test/hook" }, /address/],
  [{ url: "https://x.test", headers: { Host: "y.test" } }, /sets this header itself/],
  [{ url: "https://x.test", headers: { "Content-Length": "0" } }, /sets this header itself/],
  [{ url: "https://x.test", headers: { "X Team": "a" } }, /header name/],
  [{ url: "https://x.test", headers: { "X-Team": "a\r\nX-Evil: b" } }, /one line/],
  [{ url: "https://x.test", secret: "" }, /secret/],
])("%j is not accepted", (settings, problem) => {
  const { error } = webhook.schema.safeParse({ type: "webhook", ...settings });
  expect(JSON.stringify(error?.issues)).toMatch(problem);
});
