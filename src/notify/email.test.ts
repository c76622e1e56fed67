import fc from "fast-check";
import PostalMime from "postal-mime";
import { afterAll, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { anyLabel } from "../../test/support/labels.ts";
import { critical, deliveryOf, keyOf, resolved } from "../../test/support/messages.ts";
import { failure, testDeps } from "../../test/support/notifier-contract.ts";
import { untilTrue } from "../../test/support/server.ts";
import { mailFlaws, startSmtp } from "../../test/support/smtp.ts";
import type { Delivery } from "../core/ports.ts";
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

test("N17: no text from outside adds a header, a recipient, a part, a tag or an overlong line to a mail", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyLabel, { minLength: 4, maxLength: 4 }), fc.boolean(), async (labels, plain) => {
      const [title = "", subject = "", line = "", ref = ""] = labels;
      const section = { kind: "opened" as const, severity: "info" as const, headline: title, lines: [line], ref };
      const message = { ...critical, title, subject, sections: [section], more: [line] };
      const { bytes } = await compose(toOps({ message, plain }));
      const mail = await PostalMime.parse(bytes);
      expect(mailFlaws({ bytes, mail })).toEqual([]);
      expect(mail.html === undefined).toBe(plain);
    }),
    { numRuns: 80 },
  );
});

test("N17: an endless label is cut in the subject, the same for every mail of the conversation", async () => {
  const subject = (state: string) => ({ ...critical, title: state, subject: `margind: ${"x".repeat(50_000)}` });
  const [first, later] = [
    await compose(toOps({ message: subject("a") })),
    await compose(toOps({ message: subject("b") })),
  ];
  const subjects = [first, later].map(async ({ bytes }) => (await PostalMime.parse(bytes)).subject ?? "");
  const [one = "", other] = await Promise.all(subjects);
  expect(one).toMatch(/^margind: x{100,}…$/);
  expect(other).toBe(one);
});

// ---------------------------------------------------------------- envelopes (at once: the server waits 100 ms before it greets)

test.concurrent("the receipt holds the Message-ID and the server's words", async () => {
  await using server = await startSmtp();
  const receipt = await connect({ url: server.url, tls: "none" }).send(toOps(), SIGNAL);
  expect(receipt).toEqual({ messageId: server.mails[0]?.mail.messageId, response: "250 queued as 1" });
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
