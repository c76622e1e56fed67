// Faults of the way to a channel, the same for every notifier that speaks HTTP (N5), and one channel beside another (N12).
import { createServer } from "node:https";
import { expect, test } from "vitest";
import { type Certificate, makeCertificate, trust } from "../../test/support/certificate.ts";
import { critical, deliveryOf } from "../../test/support/messages.ts";
import { expectNoSecret, failure, testDeps } from "../../test/support/notifier-contract.ts";
import { closedPort, listen, untilTrue } from "../../test/support/server.ts";
import { startSlack } from "../../test/support/slack.ts";
import { startSmtp } from "../../test/support/smtp.ts";
import type { Notifier } from "../core/ports.ts";
import { createNotifier, type NotifierDeps, notifierSchemas } from "./index.ts";

const SIGNAL = new AbortController().signal;
const SECRETS = ["xoxb-canary-token", "canaryPath", "canaryQuery", "canaryHeader", "canarySecret"];

/** The notifiers that speak HTTP, at an address that is not theirs. */
const byHttp: Readonly<Record<string, (base: string, deps: NotifierDeps) => Notifier>> = {
  Slack: (base, deps) => {
    const block = { type: "slack", token: "xoxb-canary-token", channel: "C0123456789", apiUrl: `${base}/api/` };
    return createNotifier({ name: "x", type: "slack", settings: notifierSchemas.slack.parse(block) }, deps);
  },
  "a webhook": (base, deps) => {
    const url = `${base}/canaryPath?key=canaryQuery`;
    const block = { type: "webhook", url, headers: { Authorization: "canaryHeader" }, secret: "canarySecret" };
    return createNotifier({ name: "x", type: "webhook", settings: notifierSchemas.webhook.parse(block) }, deps);
  },
};

/** Answers every request with what both Slack and a webhook take for a yes. */
async function startTls(certificate: Certificate) {
  let requests = 0;
  const server = createServer(certificate, (_request, response) => {
    requests += 1;
    response.setHeader("content-type", "application/json").end('{"ok":true,"channel":"C0123456789","ts":"1.2"}');
  });
  const { port, close } = await listen(server);
  return { url: `https://localhost:${port}`, requests: () => requests, [Symbol.asyncDispose]: close };
}

const notSent = async (open: (deps: NotifierDeps) => Notifier) => {
  const logged: string[] = [];
  const notifier = open(testDeps({ logged }));
  const error = await failure(notifier.send(deliveryOf(critical), SIGNAL));
  await notifier.close();
  expect(error.kind).toBe("not_sent");
  expectNoSecret(SECRETS, [error], logged);
  return error.message;
};

describeEach("N5: %s: a certificate that is not to be trusted gets nothing", async (connect) => {
  await using stranger = await startTls(makeCertificate());
  expect(await notSent((deps) => connect(stranger.url, deps))).toMatch(/TLS certificate: it is self-signed/);
  expect(stranger.requests()).toBe(0);
});

describeEach("N5: %s: a certificate of another host gets nothing, though its issuer is trusted", async (connect) => {
  const certificate = makeCertificate("mail.example.net");
  using _ = { [Symbol.dispose]: trust(certificate.cert) };
  await using other = await startTls(certificate);
  expect(await notSent((deps) => connect(other.url, deps))).toMatch(/TLS certificate: it is for another host/);
  expect(other.requests()).toBe(0);
});

describeEach("N5: %s: over TLS that is trusted it arrives", async (connect) => {
  const certificate = makeCertificate();
  using _ = { [Symbol.dispose]: trust(certificate.cert) };
  await using server = await startTls(certificate);
  const notifier = connect(server.url, testDeps());
  await notifier.send(deliveryOf(critical), SIGNAL);
  await notifier.close();
  expect(server.requests()).toBe(1);
});

describeEach("N5: %s: surely not sent where nothing listens", async (connect) => {
  const base = `http://127.0.0.1:${await closedPort()}`;
  expect(await notSent((deps) => connect(base, deps))).toMatch(/: connection refused$/);
});

describeEach("N5: %s: surely not sent where the name does not exist", async (connect) => {
  expect(await notSent((deps) => connect("https://nowhere.invalid", deps))).toMatch(/DNS/);
});

function describeEach(name: string, run: (connect: (base: string, deps: NotifierDeps) => Notifier) => Promise<void>) {
  test.each(Object.entries(byHttp))(name, (_, connect) => run(connect));
}

test("N12: a hung mail server holds up no other channel: the event loop stays free", async () => {
  await using mailServer = await startSmtp();
  await using desk = await startSlack();
  const deps = testDeps();
  const settings = { type: "email", url: mailServer.url, tls: "none", from: "a@example.com", to: ["b@example.com"] };
  const mail = createNotifier({ name: "mail", type: "email", settings: notifierSchemas.email.parse(settings) }, deps);
  const block = { type: "slack", token: desk.token, channel: desk.channel, apiUrl: desk.url };
  const slack = createNotifier({ name: "desk", type: "slack", settings: notifierSchemas.slack.parse(block) }, deps);

  mailServer.script("connect", "hang");
  mailServer.script("data", "hang");
  const abort = new AbortController();
  const toMail = deliveryOf(critical, { recipient: "b@example.com" });
  const hanging = [failure(mail.send(toMail, abort.signal)), failure(mail.send(toMail, abort.signal))];
  await untilTrue(() => mailServer.sessions() === 2);
  await mailServer.untilReached("data");

  for (const attempt of [1, 2, 3]) await slack.send(deliveryOf(critical, { attempt }), SIGNAL);
  expect(desk.posts).toHaveLength(3);
  expect(mailServer.mails).toEqual([]);
  abort.abort();
  expect((await Promise.all(hanging)).map(({ kind }) => kind).sort()).toEqual(["ambiguous", "not_sent"]);
  await Promise.all([mail.close(), slack.close()]);
  await untilTrue(async () => (await mailServer.openConnections()) === 0);
});
