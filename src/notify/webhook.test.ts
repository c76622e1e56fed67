import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { crash, critical, deliveryOf, keyOf, resolved } from "../../test/support/messages.ts";
import {
  type Fault,
  failure,
  type NotifierWorld,
  notifierContract,
  testDeps,
} from "../../test/support/notifier-contract.ts";
import { listen, untilTrue } from "../../test/support/server.ts";
import { compose } from "../core/compose.ts";
import type { NotifyError } from "../core/ports.ts";
import { webhook } from "./webhook.ts";

const SIGNAL = new AbortController().signal;
const PATH = "/hook/canaryPath?key=canaryQuery";

type Answer =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | "drop"
  | "hang"
  | "garbage"
  | "accept-and-drop";

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
    if (answer === "garbage") return void request.socket.end(`${request.url} ${request.headers.authorization}\r\n\r\n`);
    if (answer === "drop") return void request.socket.destroy();
    const isTaken = answer === "accept-and-drop" || (answer.status < 300 && !isObjection(answer.body));
    if (isTaken) posted.push({ headers: request.headers, body });
    if (answer === "accept-and-drop") return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  const { port, close } = await listen(server);
  const url = `http://127.0.0.1:${port}${PATH}`;
  return { url, port, posted, answers, requests: () => requests, [Symbol.asyncDispose]: close };
}

type Hook = Awaited<ReturnType<typeof startHook>>;

/** Somebody answered, but not the receiver. */
const isObjection = (body = ""): boolean => /<html|"ok":false,/i.test(body) || body.length > 1_000_000;

const connect = (url: string, more: object = {}, deps = testDeps()) =>
  webhook.create("pager", webhook.schema.parse({ type: "webhook", url, ...more }), deps);

interface HookWorld extends NotifierWorld {
  readonly hook: Hook;
}

const SECRETS = ["canaryPath", "canaryQuery", "canaryHeader", "canarySecret"];
const ECHO = SECRETS.join(" ");
const NOW = "Thu, 12 Mar 2020 23:00:00 GMT";

const fault = (
  id: string,
  name: string,
  kind: NotifyError["kind"],
  answer: Answer,
  more: Pick<Fault<HookWorld>, "says" | "waitMs" | "until"> = {},
): Fault<HookWorld> => ({ id, name, kind, stage: ({ hook }) => void hook.answers.push(answer), ...more });

const REACHED = ({ hook }: HookWorld) => untilTrue(() => hook.requests() > 0);

const status = (id: string, code: number, kind: NotifyError["kind"]) =>
  fault(id, `HTTP ${code}`, kind, { status: code, body: ECHO }, { says: `HTTP ${code}` });

const asksToWait = (header: string | undefined, waitMs: number) => {
  const headers = { date: NOW, ...(header !== undefined && { "retry-after": header }) };
  return fault(
    "N1",
    `HTTP 429 with Retry-After ${header ?? "missing"}`,
    "not_sent",
    { status: 429, headers },
    { waitMs },
  );
};

const taken = (body: string, headers: Record<string, string> = {}): Answer => ({ status: 200, headers, body });

notifierContract<HookWorld>("A webhook", {
  traits: ["can be silent", "tells everything"],
  open: async (deps) => {
    const hook = await startHook();
    const headers = { Authorization: "Bearer canaryHeader" };
    const notifier = connect(hook.url, { headers, secret: "canarySecret" }, deps);
    return {
      hook,
      notifier,
      arrived: () =>
        hook.posted.map(({ body }) => {
          const { key, title, text: whole } = JSON.parse(body);
          return { key, text: `${title}\n${whole}` };
        }),
      flaws: () => hook.posted.flatMap(flawsOf),
      hang: () => {
        hook.answers.push("hang");
        return { reached: untilTrue(() => hook.requests() > 0) };
      },
      spoilCredentials: undefined,
      secrets: SECRETS,
      async [Symbol.asyncDispose]() {
        await notifier.close();
        await hook[Symbol.asyncDispose]();
      },
    };
  },
  faults: [
    asksToWait("1", 1_000),
    asksToWait("3600", 300_000),
    asksToWait("2592000", 300_000),
    asksToWait("Thu, 12 Mar 2020 23:00:30 GMT", 30_000),
    asksToWait(undefined, 1_000),
    status("N1", 408, "not_sent"),
    status("N1", 425, "not_sent"),
    ...[401, 403, 404, 410, 499].map((code) => status("N2", code, "refused")),
    ...[301, 302, 307, 308].map((code) =>
      fault("N2", `HTTP ${code} to elsewhere`, "refused", {
        status: code,
        headers: { location: `http://127.0.0.1:1/${ECHO.replaceAll(" ", "/")}` },
      }),
    ),
    ...[400, 413, 415, 422].map((code) => status("N3", code, "payload")),
    ...[500, 502, 503, 504, 511].map((code) => status("N4", code, "ambiguous")),
    fault("N4", "a connection lost before the answer", "ambiguous", "drop", { says: /closed by the other side/ }),
    fault("N4", "a message accepted and its answer lost", "ambiguous", "accept-and-drop"),
    fault("N4", "an answer that is no HTTP and repeats the request", "ambiguous", "garbage", { says: /not HTTP/ }),
    fault("N4", "an answer of 2 MB", "ambiguous", taken("x".repeat(2_000_000))),
    fault("N4", "silence", "ambiguous", "hang", { until: REACHED, says: "webhook: no complete answer within 10 s" }),
    fault("N6", "the page of a portal with 200", "ambiguous", taken(`<!DOCTYPE html>\n<html>${ECHO}</html>`), {
      says: /web page/,
    }),
    fault("N6", "a page without a doctype", "ambiguous", taken(`\uFEFF \n<HTML lang="en">${ECHO}`), {
      says: /web page/,
    }),
    fault("N6", "ok: false with 200", "ambiguous", taken(JSON.stringify({ ok: false, error: ECHO })), {
      says: /ok: false/,
    }),
  ],
});

/** Headers of one request, and a body, that no text may change. */
function flawsOf({ headers, body }: Posted): string[] {
  const known = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "user-agent",
    "x-margind-signature",
  ];
  const texts = textsIn(JSON.parse(body));
  return [
    ...Object.keys(headers).filter((name) => !known.includes(name)),
    ...texts.filter((text) => !text.isWellFormed() || /(?!\n)\p{Cc}/u.test(text)),
  ];
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

test.each([
  ["no body", ""],
  ["ok", "ok"],
  ["a word in a page's clothes", "<p>Congratulations! You have fired the event</p>"],
  ["JSON of its own", '{"status":"success","ok":true}'],
  ["JSON with ok somewhere within", '{"data":{"ok":false}}'],
  ["a list", '[{"ok":false}]'],
  ["null", "null"],
])("N6: 200 with %s is delivered", async (_name, body) => {
  await using hook = await startHook();
  hook.answers.push(taken(body, { "content-type": "text/html" }));
  expect(await connect(hook.url).send(deliveryOf(critical), SIGNAL)).toEqual({ status: "200" });
});

test("N4: what was accepted without an answer is sent again with the same key and the same words", async () => {
  await using hook = await startHook();
  const notifier = connect(hook.url);
  hook.answers.push("accept-and-drop");
  expect((await failure(notifier.send(deliveryOf(crash), SIGNAL))).kind).toBe("ambiguous");
  await notifier.send(deliveryOf(crash, { attempt: 2 }), SIGNAL);
  const [first, second] = hook.posted.map(({ body }) => JSON.parse(body));
  expect(second).toEqual({ ...first, attempt: 2 });
  expect(hook.posted.map(({ headers }) => headers["idempotency-key"])).toEqual([
    keyOf(crash.title),
    keyOf(crash.title),
  ]);
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

describe("of many alerts", () => {
  const names = Array.from({ length: 40 }, (_, n) => `P${n}USDT`);
  const many = compose(
    names.map((name, n) => ({
      kind: "opened",
      severity: "critical",
      headline: `CRITICAL · main · ${name}`,
      lines: [],
      ref: `#P${n}-1`,
      name,
    })),
    { account: "main", subject: "margind main: many" },
    "en",
  );

  test("people read a count, programs get every one", async () => {
    await using hook = await startHook();
    await connect(hook.url).send(deliveryOf(many), SIGNAL);
    const body = JSON.parse(hook.posted[0]?.body ?? "");
    expect(body.text).toMatch(/\n• 35 more: all critical · P5USDT, .*, …$/);
    expect(body.more).toEqual(names.slice(5).map((name, n) => `CRITICAL · main · ${name} #P${n + 5}-1`));
  });

  test("plain form has no list, so its text names every one", async () => {
    await using hook = await startHook();
    await connect(hook.url).send(deliveryOf(many, { plain: true }), SIGNAL);
    const { text: told } = JSON.parse(hook.posted[0]?.body ?? "");
    for (const name of names) expect(told).toContain(`CRITICAL · main · ${name} #`);
  });
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

test.each([200, 201, 202, 204, 299])("N6: HTTP %d is delivered", async (status) => {
  await using hook = await startHook();
  hook.answers.push({ status, ...(status === 204 ? {} : { body: "fine" }) });
  expect(await connect(hook.url).send(deliveryOf(critical), SIGNAL)).toEqual({ status: String(status) });
});

test("N2: a redirect is not followed: the address that it names gets nothing", async () => {
  await using thief = await startHook();
  await using hook = await startHook();
  hook.answers.push({ status: 308, headers: { location: thief.url } });
  expect((await failure(connect(hook.url).send(deliveryOf(critical), SIGNAL))).kind).toBe("refused");
  expect(thief.requests()).toBe(0);
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
