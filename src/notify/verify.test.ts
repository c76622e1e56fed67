// What a check of a channel says beside yes or no: `margind doctor` prints it, a start logs the warnings.
import { createServer } from "node:http";
import { afterEach, expect, test } from "vitest";
import { testDeps } from "../../test/support/notifier-contract.ts";
import { closedPort, listen } from "../../test/support/server.ts";
import { startSlack } from "../../test/support/slack.ts";
import { startSmtp } from "../../test/support/smtp.ts";
import type { Finding } from "../core/finding.ts";
import { NotifyError } from "../core/ports.ts";
import { createNotifier, notifierSchemas } from "./index.ts";

const never = new AbortController().signal;
let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

async function verify(block: { readonly type: keyof typeof notifierSchemas; readonly [key: string]: unknown }) {
  const settings = notifierSchemas[block.type].parse(block);
  const notifier = createNotifier({ name: "n", type: block.type, settings }, testDeps());
  open.defer(() => notifier.close());
  const remarks: Finding[] = [];
  await notifier.verify(never, (remark) => remarks.push(remark));
  return remarks.map(({ status, text }) => `${status === "good" ? "" : "! "}${text}`);
}

async function slackWith(scopes: string) {
  const slack = open.use(await startSlack({ scopes }));
  return { slack, block: { type: "slack" as const, token: slack.token, channel: slack.channel, apiUrl: slack.url } };
}

test("Slack: who it is, and that nobody can know whether the bot was invited", async () => {
  const { block } = await slackWith("chat:write,channels:history");
  expect(await verify(block)).toEqual([
    "signed in to desk as margind",
    "whether the bot was invited to the channel, only a message shows",
  ]);
});

test("Slack: with chat:write.public an invitation is needed for private channels alone", async () => {
  const { block } = await slackWith("chat:write,chat:write.public");
  expect((await verify(block))[1]).toBe("may write to every public channel; to a private one only when invited");
});

test("Slack: without chat:write the channel is refused", async () => {
  const { block } = await slackWith("channels:read,chat:write.public");
  await expect(verify(block)).rejects.toMatchObject({ kind: "refused", message: /missing_scope.*chat:write/ });
});

test("Slack: an answer without scopes and with odd names is worth a look, and is cleaned", async () => {
  const { slack, block } = await slackWith("chat:write");
  slack.script("auth.test", { body: { ok: true, team: `de\u001b[31msk${"x".repeat(300)}`, user: "a\nb" } });
  const [who = "", scopes] = await verify(block);
  expect(scopes).toBe("! Slack does not say whether the token has the scope chat:write");
  expect(who).toMatch(/^signed in to de/);
  expect(who).not.toContain("\u001b");
  expect(who.length).toBeLessThanOrEqual(120);
});

test.each([
  ["without a password", undefined, "the mail server answers"],
  ["with one", { user: "ops", password: "canary" }, "the mail server answers and takes user and password"],
])("e-mail: what is seen of a server %s", async (_, login, remark) => {
  const server = open.use(await startSmtp(login && { login }));
  const mail = { type: "email" as const, from: "a@example.com", to: ["b@example.com"], tls: "none" };
  expect(await verify({ ...mail, url: server.url })).toEqual([remark]);
  expect(server.logins).toEqual(login === undefined ? [] : [login]);
});

test("webhook: a connection and not a word", async () => {
  let asked = 0;
  const server = await listen(createServer(() => void asked++));
  open.defer(() => server.close());
  expect(await verify({ type: "webhook", url: `http://127.0.0.1:${server.port}/hook` })).toEqual([
    "it can be reached; whether it takes messages, only a message shows",
  ]);
  expect(asked).toBe(0);
});

test("webhook: one that cannot be reached is said without its address", async () => {
  const url = `http://127.0.0.1:${await closedPort()}/canary`;
  const error = await verify({ type: "webhook", url }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(NotifyError);
  expect(error).toMatchObject({ kind: "not_sent", message: "webhook: connection refused" });
});
