import { expect, test } from "vitest";
import { critical, deliveryOf, keyOf, resolved } from "../../test/support/messages.ts";
import { expectNoSecret, failure, hurried, testDeps } from "../../test/support/notifier-contract.ts";
import { refused, type SlackFault, startSlack } from "../../test/support/slack.ts";
import type { Delivery, Message, Receipt } from "../core/ports.ts";
import type { NotifierDeps } from "./adapter.ts";
import { slack } from "./slack.ts";

const SIGNAL = new AbortController().signal;

const connect = ({ url, token, channel }: { url: string; token: string; channel: string }, deps = testDeps()) =>
  slack.create("desk-slack", slack.schema.parse({ type: "slack", token, channel, apiUrl: url }), deps);

// ---------------------------------------------------------------- threads and living messages

const say = (kind: Message["kind"], title: string): Message => ({
  ...critical,
  kind,
  title,
  sections: critical.sections.map((section) => ({ ...section, kind, headline: title })),
});

const opened = say("opened", "WARNING · main · cross margin level 1.34");

/** A Slack with a living message in it, and a delivery that continues its conversation. */
async function conversation(deps?: NotifierDeps) {
  const server = await startSlack();
  const notifier = connect(server, deps);
  const receipt = await notifier.send(deliveryOf(opened), SIGNAL);
  const root = { key: keyOf(opened.title), receipt };
  const next = (message: Message, over: Partial<Delivery> = {}) =>
    deliveryOf(message, { root, edits: [{ of: root, message: say("lowered", `now: ${message.title}`) }], ...over });
  /** As the pipeline does it: the receipt is stored between the two. */
  const tell = async (message: Message, over: Partial<Delivery> = {}, signal = SIGNAL) => {
    const delivery = next(message, over);
    const stored = await notifier.send(delivery, signal);
    await notifier.decorate?.(delivery, signal);
    return stored;
  };
  return {
    server,
    notifier,
    receipt,
    root,
    next,
    tell,
    async [Symbol.asyncDispose]() {
      await notifier.close();
      await server.close();
    },
  };
}

test("a whole incident is one message in the channel, edited in place, with its thread", async () => {
  await using desk = await conversation();
  await desk.tell(say("raised", "CRITICAL 1.24"));
  await desk.tell(say("reminded", "STILL CRITICAL 1.22"));
  await desk.tell(say("lowered", "WARNING 1.33"));
  await desk.tell(resolved);
  expect(desk.server.transcript()).toMatchInlineSnapshot(`
    "🔴 now: RESOLVED · main · cross margin level 1.52 (edited 4×)
        🔴 CRITICAL 1.24
        🔴 STILL CRITICAL 1.22
        🟢 RESOLVED · main · cross margin level 1.52
    (from the thread) 🔴 CRITICAL 1.24
    (from the thread) 🟢 RESOLVED · main · cross margin level 1.52"
  `);
});

test("the first message stands in the channel itself, and its receipt says where", async () => {
  await using desk = await conversation();
  expect(desk.receipt).toEqual({ channel: desk.server.channel, ts: "1760000000.000001" });
  expect(desk.server.posts).toMatchObject([{ threadTs: undefined, isBroadcast: false }]);
});

test.each([
  { kind: "opened", isBroadcast: true },
  { kind: "raised", isBroadcast: true },
  { kind: "reminded", isBroadcast: false },
  { kind: "resolved", isBroadcast: true },
  { kind: "ended", isBroadcast: true },
] as const)("$kind is a reply in the thread, shown in the channel too: $isBroadcast", async ({ kind, isBroadcast }) => {
  await using desk = await conversation();
  const receipt = await desk.notifier.send(desk.next(say(kind, "next")), SIGNAL);
  expect(desk.server.posts[1]).toMatchObject({ threadTs: desk.receipt["ts"], isBroadcast });
  expect(receipt).toEqual({ channel: desk.server.channel, ts: "1760000000.000002", thread_ts: desk.receipt["ts"] });
});

test.each(["raised", "reminded", "resolved", "ended"] as const)(
  "%s is delivered by its reply: the living message waits until the receipt is stored",
  async (kind) => {
    await using desk = await conversation();
    desk.server.script("chat.update", "hang");
    await desk.notifier.send(desk.next(say(kind, "next")), SIGNAL);
    expect(desk.server.requests.map(({ method }) => method)).toEqual(["chat.postMessage", "chat.postMessage"]);
  },
);

test("decoration brings the living message up to date and posts nothing", async () => {
  await using desk = await conversation();
  await desk.notifier.decorate?.(desk.next(say("raised", "CRITICAL 1.24")), SIGNAL);
  expect(desk.server.requests.map(({ method }) => method)).toEqual(["chat.postMessage", "chat.update"]);
  expect(desk.server.posts[0]?.text).toMatch(/^🔴 now: CRITICAL 1.24\n/);
});

test("decoration passes over a living message that is forgotten or refused, and edits the others", async () => {
  await using desk = await conversation();
  const [edit = expect.fail("nothing to edit")] = desk.next(resolved).edits;
  const forgotten = { ...edit, of: { key: keyOf("x"), receipt: undefined } };
  desk.server.script("chat.update", refused("cant_update_message"));
  await desk.notifier.decorate?.(desk.next(resolved, { edits: [forgotten, edit, edit] }), SIGNAL);
  expect(desk.server.posts[0]?.earlier).toHaveLength(1);
});

test("lowered is said by the edit alone", async () => {
  await using desk = await conversation();
  const receipt = await desk.tell(say("lowered", "WARNING 1.33"));
  expect(receipt).toEqual(desk.receipt);
  expect(desk.server.posts).toHaveLength(1);
  expect(desk.server.posts[0]?.earlier).toHaveLength(1);
});

test.each([
  "message_not_found",
  "cant_update_message",
  "edit_window_closed",
  "is_inactive",
  "channel_not_found",
  "update_failed",
  "internal_error",
  "invalid_blocks",
  "some_new_code",
])("lowered becomes a quiet reply when the edit is refused with %s", async (code) => {
  await using desk = await conversation();
  desk.server.script("chat.update", refused(code));
  await desk.tell(say("lowered", "WARNING 1.33"));
  expect(desk.server.posts[1]).toMatchObject({ threadTs: desk.receipt["ts"], isBroadcast: false });
  expect(desk.server.requests).toHaveLength(3);
});

test("lowered edits what can be edited, and says once that not all could be", async () => {
  await using desk = await conversation();
  const [edit = expect.fail("nothing to edit")] = desk.next(opened).edits;
  desk.server.script("chat.update", refused("update_failed"));
  const receipt = await desk.tell(say("lowered", "WARNING 1.33"), { edits: [edit, edit] });
  expect(desk.server.posts[0]?.earlier).toHaveLength(1);
  expect(desk.server.posts).toHaveLength(2);
  expect(receipt).toHaveProperty("thread_ts", desk.receipt["ts"]);
});

test.each<SlackFault>([{ status: 502, body: "" }, { body: "<html>" }, refused("<html>log in</html>"), "drop", "cut"])(
  "lowered is tried again when nobody knows what became of the edit (%j)",
  async (fault) => {
    await using desk = await conversation();
    desk.server.script("chat.update", fault);
    expect((await failure(desk.tell(say("lowered", "WARNING 1.33")))).kind).toBe("ambiguous");
    expect(desk.server.posts).toHaveLength(1);
  },
);

test("lowered is given up at the deadline when the edit is not answered", async () => {
  await using desk = await conversation(testDeps({ clock: hurried(100) }));
  desk.server.script("chat.update", "hang");
  expect(await failure(desk.tell(say("lowered", "WARNING 1.33")))).toMatchObject({
    kind: "ambiguous",
    message: /within 15 s/,
  });
  expect(desk.server.posts).toHaveLength(1);
});

test("lowered becomes a reply when there is nothing to edit, or no receipt is kept", async () => {
  await using desk = await conversation();
  await desk.notifier.send(desk.next(say("lowered", "a"), { edits: [] }), SIGNAL);
  const forgotten = { of: { key: keyOf("x"), receipt: undefined }, message: opened };
  await desk.notifier.send(desk.next(say("lowered", "b"), { edits: [forgotten] }), SIGNAL);
  expect(desk.server.posts.slice(1).map(({ threadTs }) => threadTs)).toEqual([desk.receipt["ts"], desk.receipt["ts"]]);
});

test("lowered is tried again later when Slack asks to wait", async () => {
  await using desk = await conversation();
  desk.server.script("chat.update", refused("ratelimited"));
  const error = await failure(desk.notifier.send(desk.next(say("lowered", "WARNING 1.33")), SIGNAL));
  expect(error.kind).toBe("not_sent");
  expect(desk.server.posts).toHaveLength(1);
});

test.each([
  "cannot_reply_to_message",
  "thread_not_found",
  "message_not_found",
  "restricted_action_thread_locked",
  "restricted_action_non_threadable_channel",
])("a reply goes to the channel when the thread is refused with %s", async (code) => {
  await using desk = await conversation();
  desk.server.script("chat.postMessage", refused(code));
  const receipt = await desk.notifier.send(desk.next(say("raised", "CRITICAL 1.24")), SIGNAL);
  expect(desk.server.posts[1]).toMatchObject({ threadTs: undefined, isBroadcast: false });
  expect(receipt).not.toHaveProperty("thread_ts");
});

test("somebody has deleted the living message: what follows stands in the channel", async () => {
  await using desk = await conversation();
  desk.server.remove(desk.receipt["ts"] ?? "");
  await desk.notifier.send(desk.next(say("lowered", "WARNING 1.33")), SIGNAL);
  expect(desk.server.posts).toMatchObject([{ threadTs: undefined }]);
});

test.each<{ name: string; receipt: Receipt | undefined }>([
  { name: "no receipt of the first message is kept", receipt: undefined },
  { name: "the config names another channel now", receipt: { channel: "C9999999999", ts: "1760000000.000001" } },
])("a message stands in the channel when $name", async ({ receipt }) => {
  await using desk = await conversation();
  await desk.notifier.send(desk.next(resolved, { root: { key: keyOf("x"), receipt }, edits: [] }), SIGNAL);
  expect(desk.server.posts[1]?.threadTs).toBeUndefined();
});

test.each<SlackFault>([refused("internal_error"), "drop", { status: 429, body: "" }, { body: "<html>" }])(
  "N4: a failed edit (%j) fails nothing: it is logged",
  async (fault) => {
    const logged: string[] = [];
    await using desk = await conversation(testDeps({ logged }));
    desk.server.script("chat.update", fault);
    await desk.notifier.decorate?.(desk.next(say("raised", "CRITICAL 1.24")), SIGNAL);
    expect(desk.server.requests).toHaveLength(2);
    expect(logged.join()).toContain("not edited");
  },
);

test("N6: what comes back in the place of an edit's error code is not logged: it may hold the token", async () => {
  const logged: string[] = [];
  await using desk = await conversation(testDeps({ logged }));
  const [one = "", other = ""] = ["canary-page", desk.server.token];
  desk.server.script("chat.update", refused(`<html>${one} ${other}</html>`));
  await desk.notifier.decorate?.(desk.next(say("raised", "CRITICAL 1.24")), SIGNAL);
  expect(logged.join()).toContain("not edited");
  expectNoSecret([one, other], [], logged);
});

test("N16: a living message that cannot be laid out is edited in its raw values", async () => {
  const logged: string[] = [];
  await using desk = await conversation(testDeps({ logged }));
  const message = { ...resolved, ...JSON.parse('{"sections":5}') };
  await desk.notifier.decorate?.(desk.next(resolved, { edits: [{ of: desk.root, message }] }), SIGNAL);
  expect(desk.server.posts[0]?.text).toContain("RESOLVED · main · cross margin level 1.52");
  expect(desk.server.posts[0]?.blocks).toEqual([]);
  expect(logged.join()).toContain("could not be laid out");
});

test("an abort ends the edit of a living message, and fails nothing", async () => {
  const logged: string[] = [];
  await using desk = await conversation(testDeps({ logged }));
  desk.server.script("chat.update", "hang");
  const abort = new AbortController();
  const decorating = desk.notifier.decorate?.(desk.next(say("raised", "CRITICAL 1.24")), abort.signal);
  await desk.server.untilRequests(2);
  abort.abort();
  await decorating;
  expect(logged.join()).toContain("not edited");
});

test("the edits of a silent Slack are given up after the first, by themselves", async () => {
  const logged: string[] = [];
  await using desk = await conversation(testDeps({ logged, clock: hurried(50) }));
  const [edit = expect.fail("nothing to edit")] = desk.next(resolved).edits;
  desk.server.script("chat.update", "hang");
  await desk.notifier.decorate?.(desk.next(resolved, { edits: [edit, edit] }), SIGNAL);
  expect(desk.server.requests).toHaveLength(2);
  expect(logged.join()).toContain("within 5 s");
});

test("plain form is the text alone, and takes the blocks off a living message", async () => {
  await using desk = await conversation();
  await desk.tell(say("raised", "CRITICAL 1.24"));
  await desk.tell(say("raised", "CRITICAL 1.24"), { plain: true, attempt: 2 });
  const [first = {}, plain] = desk.server.requests.filter(({ args }) => "thread_ts" in args).map(({ args }) => args);
  const { blocks, metadata, ...text } = first;
  expect({ blocks, metadata }).toEqual({ blocks: expect.any(Array), metadata: expect.any(Object) });
  expect(plain).toEqual(text);
  expect(desk.server.posts.map((post) => post.blocks.length > 0)).toEqual([false, true, false]);
});

test("a repeat says that it may be one, and carries the attempt beside the key", async () => {
  await using desk = await conversation();
  await desk.notifier.send(deliveryOf(critical, { attempt: 3 }), SIGNAL);
  expect(JSON.stringify(desk.server.posts[1]?.blocks)).toContain("#A1B2-3 · try 3, may be a repeat");
  expect(desk.server.posts[1]?.metadata).toEqual({
    event_type: "margin_alert",
    event_payload: { key: keyOf(critical.title), attempt: 3, kind: "raised" },
  });
});

test("N17: nothing is unfurled, linked or read as markup, neither in a post nor in an edit", async () => {
  await using desk = await conversation();
  await desk.tell(say("lowered", "WARNING 1.33"));
  const [post, edit] = desk.server.requests.map(({ args }) => args);
  expect(post).toMatchObject({ mrkdwn: "false", unfurl_links: "false", unfurl_media: "false" });
  for (const args of [post, edit]) expect(args).toMatchObject({ parse: "none", link_names: "false" });
});

test("a token without the scope to write is refused before anything is sent", async () => {
  await using server = await startSlack({ scopes: "channels:read,users:read" });
  expect(await failure(connect(server).verify(SIGNAL))).toMatchObject({
    kind: "refused",
    message: expect.stringContaining("chat:write"),
  });
});

test.each([
  ["http://slack.test/api/", /https/],
  ["ftp://slack.test/", /https/],
  ["https://slack.com/api/?x=1", /query/],
])("apiUrl %s is not accepted", (apiUrl, problem) => {
  const { error } = slack.schema.safeParse({ type: "slack", token: "xoxb-x", channel: "C0123456789", apiUrl });
  expect(error?.issues[0]?.message).toMatch(problem);
});
