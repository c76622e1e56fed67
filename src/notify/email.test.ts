import fc from "fast-check";
import PostalMime from "postal-mime";
import { afterAll, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { crash, critical, deliveryOf, keyOf, resolved } from "../../test/support/messages.ts";
import { failure, hurried, notifierContract, testDeps } from "../../test/support/notifier-contract.ts";
import { closedPort, untilTrue } from "../../test/support/server.ts";
import {
  type SmtpDouble,
  type SmtpFault,
  type SmtpStage,
  startDrippingSmtp,
  startSmtp,
} from "../../test/support/smtp.ts";
import type { Delivery, NotifyError } from "../core/ports.ts";
import type { NotifierDeps } from "./adapter.ts";
import { composeMail, email } from "./email.ts";

const SIGNAL = new AbortController().signal;
const LOGIN = { user: "alerts@example.com", password: "p@ss:wörd/canary" };

const certificate = makeCertificate();
afterAll(trust(certificate.cert));

interface Settings {
  readonly url: string;
  readonly to?: readonly string[];
  readonly tls?: string;
  readonly from?: string;
  readonly subjectPrefix?: string;
}

const parse = (settings: Settings) =>
  email.schema.safeParse({ type: "email", from: "margind <alerts@example.com>", to: ["ops@example.com"], ...settings });

const connect = (settings: Settings, deps = testDeps()) =>
  email.create("oncall-mail", parse(settings).data ?? expect.fail("wrong settings"), deps);

const toOps = (over: Partial<Delivery> = {}) => deliveryOf(critical, { recipient: "ops@example.com", ...over });

notifierContract("E-mail", ["can be silent", "can fail", "has credentials"], async (deps, logged) => {
  const server = await startSmtp({ security: "starttls", login: LOGIN, certificate });
  const notifier = connect({ url: server.url }, deps);
  const fault = (name: string, kind: NotifyError["kind"], stage: SmtpStage, scripted: SmtpFault) => ({
    name,
    kind,
    stage: () => server.script(stage, scripted),
  });
  return {
    notifier,
    arrived: () =>
      server.mails.map(({ mail }) => ({
        key: mail.headers.find(({ key }) => key === "x-margind-key")?.value,
        text: `${mail.subject}\n${mail.text}`,
      })),
    faults: [
      fault("421 as greeting", "not_sent", "connect", { code: 421, text: "too busy" }),
      fault("451 for the recipient", "not_sent", "rcpt", { code: 451, text: "greylisted" }),
      fault("550 for the recipient", "refused", "rcpt", { code: 550, text: "5.1.1 no such user" }),
      fault("550 for the mail", "payload", "data", { code: 550, text: "5.7.1 looks like spam" }),
      fault("554 for the mail", "payload", "data", { code: 554, text: "5.6.0 not to my liking" }),
      fault("a drop before the mail", "not_sent", "mail", "drop"),
      fault("a drop after the mail", "ambiguous", "data", "drop"),
    ],
    hang: () => {
      server.script("data", "hang");
      return { reached: server.untilReached("data") };
    },
    spoilCredentials: () => server.script("auth", ...[1, 2].map(() => ({ code: 535, text: `no: ${LOGIN.password}` }))),
    secrets: [LOGIN.password, encodeURIComponent(LOGIN.password), Buffer.from(LOGIN.password).toString("base64")],
    logged,
    async [Symbol.asyncDispose]() {
      await notifier.close();
      await server.close();
    },
  };
});

// ---------------------------------------------------------------- the mail itself

const compose = (delivery: Delivery, from = "margind <alerts@example.com>") =>
  composeMail(delivery, { from, subjectPrefix: "" }, testDeps());

test("a mail has text and HTML, says when it was written, and that a machine wrote it", async () => {
  const { bytes, messageId } = await compose(toOps());
  const mail = await PostalMime.parse(bytes);
  expect(mail).toMatchObject({
    from: { name: "margind", address: "alerts@example.com" },
    to: [{ address: "ops@example.com" }],
    subject: critical.subject,
    date: "2020-03-12T23:05:04.000Z",
    messageId,
  });
  expect(messageId).toBe(`<${keyOf(critical.title).slice(0, 32)}@0f8b6c1e-demo.margind>`);
  expect(mail.text?.split("\n").slice(0, 2)).toEqual([critical.title, critical.sections[0]?.lines[0]]);
  expect(mail.html).toContain("<!DOCTYPE html>");
  const headers = Object.fromEntries(mail.headers.map(({ key, value }) => [key, value]));
  expect(headers).toMatchObject({
    "auto-submitted": "auto-generated",
    "x-margind-key": keyOf(critical.title),
    "x-margind-kind": "raised",
    "x-margind-severity": "critical",
    importance: "High",
  });
});

test.each([
  { kind: "opened", severity: "critical", isUrgent: true },
  { kind: "raised", severity: "critical", isUrgent: true },
  { kind: "reminded", severity: "critical", isUrgent: false },
  { kind: "opened", severity: "warning", isUrgent: false },
  { kind: "resolved", severity: "resolved", isUrgent: false },
] as const)("$kind $severity is marked urgent: $isUrgent", async ({ kind, severity, isUrgent }) => {
  const { bytes } = await compose(toOps({ message: { ...critical, kind, severity } }));
  expect(bytes.toString().includes("\r\nImportance: High\r\n")).toBe(isUrgent);
});

test("plain form is the same mail as text alone: no HTML, no parts, no mark of urgency", async () => {
  const [first, plain] = [await compose(toOps()), await compose(toOps({ plain: true, attempt: 2 }))];
  const source = plain.bytes.toString();
  expect(plain.messageId).toBe(first.messageId);
  expect(source).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m);
  for (const decoration of ["multipart/", "text/html", "\r\nX-Priority:", "\r\nImportance:"]) {
    expect(first.bytes.toString()).toContain(decoration);
    expect(source).not.toContain(decoration);
  }
  const [told, toldPlainly] = [await PostalMime.parse(first.bytes), await PostalMime.parse(plain.bytes)];
  expect(toldPlainly).toMatchObject({ subject: told.subject, date: told.date });
  expect(toldPlainly.text?.trim()).toBe(told.text?.trim());
});

test("a later mail answers the first of its conversation, under the same subject", async () => {
  const first = await compose(toOps());
  const root = { key: keyOf(critical.title), receipt: undefined };
  const later = await PostalMime.parse((await compose(toOps({ key: keyOf("later"), message: resolved, root }))).bytes);
  expect(later).toMatchObject({ inReplyTo: first.messageId, references: first.messageId, subject: critical.subject });
});

test("where the server gave the first mail an id of its own, that one is answered", async () => {
  const first = await compose(toOps());
  const root = {
    key: keyOf(critical.title),
    receipt: { messageId: first.messageId, serverMessageId: "<0100@email.amazonses.com>" },
  };
  const later = await PostalMime.parse((await compose(toOps({ key: keyOf("later"), message: resolved, root }))).bytes);
  expect(later.inReplyTo).toBe("<0100@email.amazonses.com>");
  expect(later.references).toBe(`${first.messageId} <0100@email.amazonses.com>`);
});

test("every attempt sends the same bytes", async () => {
  await using server = await startSmtp();
  const notifier = connect({ url: server.url, tls: "none" });
  for (const attempt of [1, 2, 3]) await notifier.send(toOps({ message: crash, attempt }), SIGNAL);
  const [first, ...rest] = server.mails.map(({ bytes }) => bytes.toString("base64"));
  expect(rest).toEqual([first, first]);
});

test("no text from outside adds a header, a line or a part to the mail", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (text) => {
      const hostile = `${text}\r\nBcc: thief@example.net\r\n\r\n${text}`;
      const section = {
        kind: "opened" as const,
        severity: "info" as const,
        headline: hostile,
        lines: [hostile],
        ref: hostile,
      };
      const message = { ...critical, title: hostile, subject: hostile, sections: [section] };
      const mail = await PostalMime.parse((await compose(toOps({ message }))).bytes);
      expect(mail.bcc ?? []).toEqual([]);
      expect(mail.to).toHaveLength(1);
      expect(mail.attachments).toEqual([]);
      expect(mail.html).toContain("</html>");
    }),
    { numRuns: 60 },
  );
});

// ---------------------------------------------------------------- envelopes (at once: the server waits 100 ms before it greets)

test.concurrent("the receipt holds the Message-ID and the server's words", async () => {
  await using server = await startSmtp();
  const receipt = await connect({ url: server.url, tls: "none" }).send(toOps(), SIGNAL);
  expect(receipt).toEqual({ messageId: server.mails[0]?.mail.messageId, response: "250 queued as 1" });
});

test.concurrent("every recipient has an envelope of his own, and one that is refused keeps nothing from the other", async () => {
  await using server = await startSmtp();
  const notifier = connect({ url: server.url, tls: "none", to: ["gone@example.com", "desk@example.com"] });
  expect(notifier.recipients).toEqual(["gone@example.com", "desk@example.com"]);
  server.script("rcpt", { code: 550, text: "no such user" });
  expect((await failure(notifier.send(toOps({ recipient: "gone@example.com" }), SIGNAL))).kind).toBe("refused");
  await notifier.send(toOps({ recipient: "desk@example.com" }), SIGNAL);
  expect(server.mails.map(({ from, to }) => ({ from, to }))).toEqual([
    { from: "alerts@example.com", to: ["desk@example.com"] },
  ]);
});

test.concurrent.each(["starttls", "tls"] as const)(
  "%s: logs in with what the url holds, percent-decoded, encrypted",
  async (security) => {
    await using server = await startSmtp({ security, login: LOGIN, certificate });
    const notifier = connect({ url: server.url });
    await notifier.verify(SIGNAL);
    expect(server.mails).toEqual([]);
    await notifier.send(toOps(), SIGNAL);
    expect(server.logins).toEqual([LOGIN, LOGIN]);
    expect(server.mails[0]?.isSecure).toBe(true);
  },
);

test.concurrent("a session leaves no connection behind", async () => {
  await using server = await startSmtp({ security: "starttls", login: LOGIN, certificate });
  const notifier = connect({ url: server.url });
  await notifier.send(toOps(), SIGNAL);
  server.script("data", "drop");
  await failure(notifier.send(toOps(), SIGNAL));
  await untilTrue(async () => (await server.openConnections()) === 0);
});

// ---------------------------------------------------------------- what a failure means

const attempt = async (server: SmtpDouble, deps?: NotifierDeps): Promise<NotifyError> => {
  const notifier = connect({ url: server.url, tls: server.url.startsWith("smtps") ? "starttls" : "none" }, deps);
  return failure(notifier.send(toOps(), SIGNAL));
};

test.concurrent.each<[SmtpStage, SmtpFault, NotifyError["kind"], RegExp]>([
  ["connect", { code: 421, text: "4.3.2 too busy" }, "not_sent", /too busy/],
  ["connect", { code: 554, text: "no service for you" }, "refused", /no service/],
  ["connect", "drop", "not_sent", /broke/],
  ["mail", { code: 451, text: "4.3.0 later" }, "not_sent", /later/],
  ["mail", { code: 550, text: "5.7.1 sender not allowed" }, "refused", /the sender/],
  ["mail", { code: 552, text: "5.3.4 too large" }, "payload", /too large/],
  ["mail", { code: 530, text: "5.7.0 log in first" }, "refused", /user or password/],
  ["mail", "drop", "not_sent", /broke/],
  ["rcpt", { code: 450, text: "4.2.0 greylisted" }, "not_sent", /greylisted/],
  ["rcpt", { code: 452, text: "4.2.2 full" }, "not_sent", /full/],
  ["rcpt", { code: 550, text: "5.1.1 unknown" }, "refused", /the recipient.*5\.1\.1/],
  ["rcpt", { code: 552, text: "5.2.2 mailbox full" }, "refused", /mailbox full/],
  ["rcpt", { code: 554, text: "5.7.1 relaying denied" }, "refused", /relaying denied/],
  ["rcpt", "drop", "not_sent", /broke/],
  ["data", { code: 451, text: "4.3.0 later" }, "not_sent", /later/],
  ["data", { code: 535, text: "5.7.1 no" }, "payload", /the mail: 535/],
  ["data", { code: 550, text: "5.7.1 looks like spam" }, "payload", /looks like spam/],
  ["data", { code: 571, text: "5.7.1 policy" }, "payload", /policy/],
  ["data", { code: 552, text: "5.3.4 too large" }, "payload", /too large/],
  ["data", { code: 554, text: "5.6.0 bad content" }, "payload", /bad content/],
  ["data", "drop", "ambiguous", /broke/],
  ["data", "accept-and-drop", "ambiguous", /broke/],
])("at %s: %j is %s", async (stage, fault, kind, text) => {
  await using server = await startSmtp();
  server.script(stage, fault);
  const error = await attempt(server);
  expect(error.kind).toBe(kind);
  expect(error.message).toMatch(text);
});

test.concurrent.each<[SmtpStage, NotifyError["kind"]]>([
  ["connect", "not_sent"],
  ["mail", "not_sent"],
  ["rcpt", "not_sent"],
  ["data", "ambiguous"],
])("a server that falls silent at %s is given up at the deadline: %s", async (stage, kind) => {
  await using server = await startSmtp();
  server.script(stage, "hang");
  const error = await attempt(server, testDeps({ clock: hurried(150) }));
  expect(error).toMatchObject({ kind, message: "mail server: no complete answer within 60 s" });
  await untilTrue(async () => (await server.openConnections()) === 0);
});

test.concurrent("a server that drips its greeting line by line is given up at the deadline, and its socket closed", async () => {
  await using server = await startDrippingSmtp();
  const notifier = connect({ url: server.url, tls: "none" }, testDeps({ clock: hurried(150) }));
  expect(await failure(notifier.send(toOps(), SIGNAL))).toMatchObject({
    kind: "not_sent",
    message: /no complete answer within 60 s/,
  });
  expect(await failure(notifier.verify(SIGNAL))).toMatchObject({
    kind: "not_sent",
    message: /no complete answer within 15 s/,
  });
  await untilTrue(() => server.connections() === 0);
});

test.concurrent("a server that cannot be reached or found has surely got nothing", async () => {
  const refused = connect({ url: `smtp://127.0.0.1:${await closedPort()}`, tls: "none" });
  expect(await failure(refused.send(toOps(), SIGNAL))).toMatchObject({
    kind: "not_sent",
    message: "mail server: connection refused",
  });
  const unknown = connect({ url: "smtp://nowhere.invalid", tls: "none" });
  expect(await failure(unknown.verify(SIGNAL))).toMatchObject({ kind: "not_sent", message: /DNS/ });
});

test.concurrent("without STARTTLS nothing is sent unless the settings allow it", async () => {
  await using server = await startSmtp();
  const error = await failure(connect({ url: server.url }).send(toOps(), SIGNAL));
  expect(error).toMatchObject({ kind: "refused", message: /no STARTTLS.*tls: none/ });
  expect(server.mails).toEqual([]);
});

test.concurrent("credentials are not kept back in silence when the server offers no login", async () => {
  await using server = await startSmtp({ security: "starttls", certificate });
  const url = server.url.replace("smtp://", "smtp://user:secret@");
  expect(await failure(connect({ url }).send(toOps(), SIGNAL))).toMatchObject({
    kind: "refused",
    message: /offers no login/,
  });
  expect(server.mails).toEqual([]);
});

test.concurrent.each(["starttls", "tls"] as const)(
  "%s: a certificate that is not to be trusted gets neither password nor mail",
  async (security) => {
    await using server = await startSmtp({ security, login: LOGIN, certificate: makeCertificate("mail.example.net") });
    const error = await failure(connect({ url: server.url }).send(toOps(), SIGNAL));
    expect(error).toMatchObject({ kind: "not_sent", message: /certificate/ });
    expect(server.logins).toEqual([]);
  },
);

// ---------------------------------------------------------------- settings

test.each([
  [{ url: "smtp://mail.example.com" }, undefined],
  [{ url: "smtp://u:p@mail.example.com" }, undefined],
  [{ url: "smtp://u:p@127.0.0.1", tls: "none" }, undefined],
  [{ url: "smtp://relay.example.com:25", tls: "none" }, undefined],
  [{ url: "smtp://u:p@relay.example.com", tls: "none" }, /show the password/],
  [{ url: "smtps://u:p@mail.example.com", tls: "none" }, /encrypted from the start/],
  [{ url: "http://mail.example.com" }, /expected smtps:/],
  [{ url: "smtp://u:p@mail.example.com", tls: "no" }, /starttls or none/],
  [{ url: "smtp://mail.example.com", to: [] }, /at least one/],
  [{ url: "smtp://mail.example.com", to: ["ops"] }, /ops@example.com/],
  [{ url: "smtp://mail.example.com", to: ["a@b.test", "a@b.test"] }, /twice/],
  [{ url: "smtp://mail.example.com", from: "margind" }, /sender/],
  [{ url: "smtp://mail.example.com", from: "margind <a@b.test>" }, undefined],
  [{ url: "smtp://mail.example.com", from: "a@b.test\r\nBcc: x@y.test" }, /sender/],
])("%j", (settings, problem) => {
  const { error } = parse(settings);
  expect(error?.issues.map(({ message }) => message).join()).toEqual(
    problem === undefined ? undefined : expect.stringMatching(problem),
  );
});

test("a refused setting is not repeated: it may hold the password", () => {
  const { error } = parse({ url: "smtp://user:canary@mail.example.com/path", tls: "none" });
  expect(JSON.stringify(error?.issues.map(({ message }) => message))).not.toContain("canary");
});
