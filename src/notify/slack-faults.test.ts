// The faults of Slack and of the way to it (N1 to N6), and the notifiers' contract. Threads and living messages: slack.test.ts.
import { expect, test } from "vitest";
import { crash, critical, deliveryOf, keyOf } from "../../test/support/messages.ts";
import {
  type Fault,
  failure,
  type NotifierWorld,
  notifierContract,
  testDeps,
} from "../../test/support/notifier-contract.ts";
import {
  markupFlaws,
  readable,
  refused,
  type SlackDouble,
  type SlackFault,
  startSlack,
} from "../../test/support/slack.ts";
import type { NotifyError } from "../core/ports.ts";
import { slack } from "./slack.ts";

const SIGNAL = new AbortController().signal;

const connect = ({ url, token, channel }: Pick<SlackDouble, "url" | "token" | "channel">, deps = testDeps()) =>
  slack.create("desk-slack", slack.schema.parse({ type: "slack", token, channel, apiUrl: url }), deps);

interface SlackWorld extends NotifierWorld {
  readonly server: SlackDouble;
}

const TOKEN = "xoxb-1111-2222-canaryToken";
const NOW = "Thu, 12 Mar 2020 23:00:00 GMT";

/** One answer of chat.postMessage. */
const fault = (
  id: string,
  name: string,
  kind: NotifyError["kind"],
  scripted: SlackFault,
  more: Pick<Fault<SlackWorld>, "says" | "waitMs" | "until"> = {},
): Fault<SlackWorld> => ({
  id,
  name,
  kind,
  stage: ({ server }) => server.script("chat.postMessage", scripted),
  ...more,
});

const REACHED = ({ server }: SlackWorld) => server.untilRequests(1);

/** HTTP 429 with this Retry-After, seen on 12 March 2020 at 23:00. */
const asksToWait = (header: string | undefined, waitMs: number) => {
  const headers = { date: NOW, ...(header !== undefined && { "retry-after": header }) };
  const name = `HTTP 429 with Retry-After ${header ?? "missing"}`;
  return fault("N1", name, "not_sent", { status: 429, headers, body: TOKEN }, { waitMs, says: /asks to wait/ });
};

const rateLimited = (header: string | undefined, waitMs: number) => {
  const headers = { date: NOW, ...(header !== undefined && { "retry-after": header }) };
  const name = `ratelimited inside a 200, with Retry-After ${header ?? "missing"},`;
  return fault("N1", name, "not_sent", { headers, body: { ok: false, error: "ratelimited" } }, { waitMs });
};

/** An answer with ok: false. */
const code = (id: string, error: string, kind: NotifyError["kind"], says: RegExp = new RegExp(error)) =>
  fault(id, `ok: false with ${error}`, kind, refused(error), { says });

const HTML = `<!doctype html><html><body>${TOKEN}</body></html>`;

notifierContract<SlackWorld>("Slack", {
  traits: ["can be silent", "has credentials"],
  open: async (deps) => {
    const server = await startSlack({ token: TOKEN });
    const notifier = connect(server, deps);
    return {
      server,
      notifier,
      arrived: () =>
        server.posts.map((post) => ({
          key: /"key":"([0-9a-f]{64})"/.exec(JSON.stringify(post.metadata))?.[1],
          text: readable(post),
        })),
      flaws: () => server.posts.flatMap(markupFlaws),
      hang: () => {
        server.script("chat.postMessage", "hang");
        return { reached: server.untilRequests(1) };
      },
      spoilCredentials: () => {
        server.script("auth.test", refused("invalid_auth"));
        server.script("chat.postMessage", refused("token_revoked"));
      },
      secrets: [TOKEN],
      async [Symbol.asyncDispose]() {
        await notifier.close();
        await server.close();
      },
    };
  },
  faults: [
    asksToWait("1", 1_000),
    asksToWait("60", 60_000),
    asksToWait("3600", 300_000),
    asksToWait("2592000", 300_000),
    asksToWait("Thu, 12 Mar 2020 23:00:30 GMT", 30_000),
    asksToWait("Sat, 11 Apr 2020 23:00:00 GMT", 300_000),
    asksToWait(undefined, 1_000),
    asksToWait("0", 1_000),
    asksToWait("-1", 1_000),
    asksToWait("soon", 1_000),
    rateLimited("7", 7_000),
    rateLimited("2592000", 300_000),
    rateLimited("Thu, 12 Mar 2020 23:00:30 GMT", 30_000),
    rateLimited(undefined, 1_000),
    code("N1", "rate_limited", "not_sent"),
    code("N1", "message_limit_exceeded", "not_sent"),
    code("N1", "request_timeout", "not_sent"),

    code("N2", "invalid_auth", "refused", /make a new bot token/),
    code("N2", "not_authed", "refused", /bot token/),
    code("N2", "token_revoked", "refused", /bot token/),
    code("N2", "token_expired", "refused", /bot token/),
    code("N2", "account_inactive", "refused", /bot token/),
    code("N2", "not_allowed_token_type", "refused", /bot token/),
    code("N2", "missing_scope", "refused", /chat:write/),
    code("N2", "not_in_channel", "refused", /invite the bot/),
    code("N2", "channel_not_found", "refused", /C0123456789/),
    code("N2", "is_archived", "refused", /archive/),
    code("N2", "restricted_action", "refused", /administrator/),
    code("N2", "restricted_action_read_only_channel", "refused", /administrator/),
    code("N2", "restricted_action_thread_only_channel", "refused", /administrator/),
    code("N2", "ekm_access_denied", "refused", /administrator/),
    code("N2", "team_access_not_granted", "refused", /administrator/),

    code("N3", "invalid_blocks", "payload", /form of the message/),
    code("N3", "invalid_blocks_format", "payload"),
    code("N3", "msg_too_long", "payload"),
    code("N3", "msg_blocks_too_long", "payload"),
    code("N3", "no_text", "payload"),
    code("N3", "invalid_arguments", "payload"),
    code("N3", "invalid_metadata_format", "payload"),
    code("N3", "invalid_metadata_schema", "payload"),
    code("N3", "metadata_too_large", "payload"),

    code("N4", "internal_error", "ambiguous", /Slack failed/),
    code("N4", "fatal_error", "ambiguous", /Slack failed/),
    code("N4", "service_unavailable", "ambiguous", /Slack failed/),
    code("N4", "some_code_that_is_new", "ambiguous", /some_code_that_is_new/),
    fault("N4", "HTTP 500 with HTML", "ambiguous", { status: 500, body: HTML }, { says: /HTTP 500/ }),
    fault("N4", "HTTP 502 with HTML", "ambiguous", { status: 502, body: HTML }, { says: /HTTP 502/ }),
    fault("N4", "HTTP 503 with a Retry-After", "ambiguous", {
      status: 503,
      headers: { "retry-after": "2592000" },
      body: HTML,
    }),
    fault("N4", "a connection lost before the answer", "ambiguous", "drop", { says: /closed by the other side/ }),
    fault("N4", "a connection lost in the answer's body", "ambiguous", "cut", { says: /not Slack's/ }),
    fault("N4", "a message accepted and its answer lost", "ambiguous", "accept-and-drop"),
    fault("N4", "silence", "ambiguous", "hang", { until: REACHED, says: "Slack: no complete answer within 15 s" }),
    fault("N4", "a message accepted in silence", "ambiguous", "accept-and-hang", { until: REACHED, says: /15 s/ }),
    fault("N4", "an answer that drips without end", "ambiguous", "drip", { until: REACHED, says: /15 s/ }),
    fault("N4", "an answer of 2 MB", "ambiguous", { body: TOKEN.repeat(80_000) }),
    fault("N4", "an answer that is no HTTP and repeats the token", "ambiguous", "garbage", { says: /not HTTP/ }),

    fault("N6", "HTML with 200", "ambiguous", { body: HTML }, { says: /something on the way/ }),
    fault("N6", "a page in the place of an error code", "ambiguous", refused(HTML), { says: /something on the way/ }),
    fault("N6", "an empty body", "ambiguous", { body: "" }),
    fault("N6", "null", "ambiguous", { body: "null" }),
    fault("N6", "a list", "ambiguous", { body: "[true]" }),
    fault("N6", "ok without ts", "ambiguous", { body: { ok: true, channel: "C0123456789" } }),
    fault("N6", "an empty ts", "ambiguous", { body: { ok: true, channel: "C0123456789", ts: "" } }),
    fault("N6", 'ok: "yes"', "ambiguous", { body: { ok: "yes", channel: "C0123456789", ts: "1.2" } }),
    fault("N6", "HTTP 302 to a portal", "not_sent", {
      status: 302,
      headers: { location: "http://127.0.0.1:1/" },
      body: "",
    }),
    fault("N6", "HTTP 403 of a firewall", "not_sent", { status: 403, body: HTML }, { says: /proxy and firewall/ }),
    fault("N6", "HTTP 404 of another server", "not_sent", { status: 404, body: HTML }, { says: /apiUrl/ }),
  ],
});

// ---------------------------------------------------------------- what the table cannot say

test("N1: one attempt is one request, whatever Slack asks for: waiting is the pipeline's part", async () => {
  await using server = await startSlack();
  server.script("chat.postMessage", { status: 429, headers: { "retry-after": "1" }, body: "" });
  await failure(connect(server).send(deliveryOf(critical), SIGNAL));
  expect(server.requests).toHaveLength(1);
});

test("N3: the plain form has neither blocks nor metadata, and says the same", async () => {
  await using server = await startSlack();
  await connect(server).send(deliveryOf(crash, { plain: true, attempt: 2 }), SIGNAL);
  expect(server.requests[0]?.args).not.toHaveProperty("blocks");
  expect(server.requests[0]?.args).not.toHaveProperty("metadata");
  expect(server.posts[0]?.text).toContain("BNBUSDT");
});

test("N4: what was accepted without an answer is sent again with the same key and the same words", async () => {
  await using server = await startSlack();
  const notifier = connect(server);
  server.script("chat.postMessage", "accept-and-drop");
  expect((await failure(notifier.send(deliveryOf(crash), SIGNAL))).kind).toBe("ambiguous");
  await notifier.send(deliveryOf(crash, { attempt: 2 }), SIGNAL);
  expect(server.posts.map(({ text }) => text)).toEqual([server.posts[0]?.text, server.posts[0]?.text]);
  expect(server.posts.map(({ metadata }) => metadata)).toMatchObject(
    [1, 2].map((attempt) => ({ event_payload: { key: keyOf(crash.title), attempt } })),
  );
});

test.each<[string, SlackFault]>([
  ["silent", "hang"],
  ["dripping", "drip"],
])("N4: a %s Slack keeps no connection once it is given up", async (_name, scripted) => {
  await using server = await startSlack();
  const notifier = connect(server);
  server.script("chat.postMessage", scripted);
  const abort = new AbortController();
  const sending = failure(notifier.send(deliveryOf(critical), abort.signal));
  await server.untilRequests(1);
  abort.abort();
  await sending;
  await notifier.close();
  await expect.poll(() => server.openConnections()).toBe(0);
});
