// The faults of mail servers and of the way to them (N5, N8 to N13), and the notifiers' contract. What a mail holds: email.test.ts.
import { afterAll, expect, test } from "vitest";
import { makeCertificate, trust } from "../../test/support/certificate.ts";
import { crash, critical, deliveryOf } from "../../test/support/messages.ts";
import {
  expectNoSecret,
  type Fault,
  failure,
  hurried,
  type NotifierWorld,
  notifierContract,
  testDeps,
} from "../../test/support/notifier-contract.ts";
import { closedPort, untilTrue } from "../../test/support/server.ts";
import {
  mailFlaws,
  type SmtpDouble,
  type SmtpFault,
  type SmtpStage,
  startDrippingSmtp,
  startRawSmtp,
  startSmtp,
} from "../../test/support/smtp.ts";
import type { Delivery, NotifyError } from "../core/ports.ts";
import { email } from "./email.ts";

const SIGNAL = new AbortController().signal;
const LOGIN = { user: "alerts@example.com", password: "p@ss:wörd/canary" };
const AUTH_PLAIN = Buffer.from(`\0${LOGIN.user}\0${LOGIN.password}`).toString("base64");

/** Every form in which the password, or the user's name with it, could be seen. */
const SECRETS = [
  LOGIN.password,
  encodeURIComponent(LOGIN.password),
  Buffer.from(LOGIN.password).toString("base64"),
  AUTH_PLAIN,
];

const certificate = makeCertificate();
afterAll(trust(certificate.cert));

interface Settings {
  readonly url: string;
  readonly to?: readonly string[];
  readonly tls?: string;
}

const connect = (settings: Settings, deps = testDeps()) =>
  email.create(
    "oncall-mail",
    email.schema.parse({ type: "email", from: "alerts@example.com", to: ["ops@example.com"], ...settings }),
    deps,
  );

const toOps = (over: Partial<Delivery> = {}) => deliveryOf(critical, { recipient: "ops@example.com", ...over });

interface MailWorld extends NotifierWorld {
  readonly server: SmtpDouble;
}

const fault = (
  id: string,
  name: string,
  kind: NotifyError["kind"],
  stage: SmtpStage,
  scripted: SmtpFault,
  more: Pick<Fault<MailWorld>, "says" | "until"> = {},
): Fault<MailWorld> => ({ id, name, kind, stage: ({ server }) => server.script(stage, scripted), ...more });

const reply = (
  id: string,
  stage: SmtpStage,
  code: number,
  text: string,
  kind: NotifyError["kind"],
  says: string | RegExp = text,
) => fault(id, `${code} ${text} at ${stage}`, kind, stage, { code, text }, { says });

/** Nothing comes back any more from this stage on. */
const silence = (id: string, name: string, kind: NotifyError["kind"], stage: SmtpStage, scripted: SmtpFault = "hang") =>
  fault(id, name, kind, stage, scripted, {
    until: ({ server }) => server.untilReached(stage),
    says: "mail server: no complete answer within 60 s",
  });

notifierContract<MailWorld>("E-mail", {
  traits: ["can be silent", "has credentials", "tells everything"],
  open: async (deps) => {
    const server = await startSmtp({ security: "starttls", login: LOGIN, certificate });
    const notifier = connect({ url: server.url }, deps);
    return {
      server,
      notifier,
      arrived: () =>
        server.mails.map(({ mail }) => ({
          key: mail.headers.find(({ key }) => key === "x-margind-key")?.value,
          text: `${mail.subject}\n${mail.text}`,
        })),
      flaws: () => server.mails.flatMap(mailFlaws),
      hang: () => {
        server.script("data", "hang");
        return { reached: server.untilReached("data") };
      },
      spoilCredentials: () =>
        server.script("auth", ...[1, 2].map(() => ({ code: 535, text: `no: ${LOGIN.password} ${AUTH_PLAIN}` }))),
      secrets: SECRETS,
      async [Symbol.asyncDispose]() {
        await notifier.close();
        await server.close();
      },
    };
  },
  faults: [
    fault("N5", "a connection lost at the greeting", "not_sent", "connect", "drop", { says: /broke/ }),
    fault("N5", "a connection lost at the login", "not_sent", "auth", "drop", { says: /broke/ }),
    fault("N5", "a connection lost at MAIL", "not_sent", "mail", "drop", { says: /broke/ }),
    fault("N5", "a connection lost at RCPT", "not_sent", "rcpt", "drop", { says: /broke/ }),

    reply("N8", "connect", 421, "4.3.2 too busy", "not_sent"),
    fault(
      "N8",
      "a login put off with 454 and repeated",
      "not_sent",
      "auth",
      { code: 454, text: `4.7.0 ${AUTH_PLAIN}` },
      { says: /later: 454$/ },
    ),
    reply("N8", "mail", 421, "4.3.2 closing", "not_sent"),
    reply("N8", "mail", 451, "4.3.0 later", "not_sent"),
    reply("N8", "rcpt", 450, "4.2.0 greylisted", "not_sent"),
    reply("N8", "rcpt", 452, "4.2.2 full", "not_sent"),
    reply("N8", "data", 421, "4.3.2 closing", "not_sent"),
    reply("N8", "data", 450, "4.2.1 busy", "not_sent"),
    reply("N8", "data", 451, "4.3.0 later", "not_sent"),
    reply("N8", "data", 452, "4.3.1 no room", "not_sent"),

    reply("N9", "connect", 554, "no service for you", "refused", /the session: 554/),
    fault(
      "N9",
      "a login refused with 535 and repeated",
      "refused",
      "auth",
      { code: 535, text: `5.7.8 ${LOGIN.password}` },
      { says: /user or password/ },
    ),
    reply("N9", "auth", 534, "5.7.9 too weak", "refused", /user or password/),
    reply("N9", "mail", 530, "5.7.0 log in first", "refused", /user or password/),
    reply("N9", "mail", 550, "5.7.1 not allowed", "refused", /the sender/),
    reply("N9", "mail", 552, "5.3.4 too large", "payload"),
    reply("N9", "rcpt", 550, "5.1.1 unknown", "refused", /the recipient.*5\.1\.1/),
    reply("N9", "rcpt", 552, "5.2.2 mailbox full", "refused"),
    reply("N9", "rcpt", 554, "5.7.1 relaying denied", "refused"),
    reply("N9", "data", 535, "5.7.1 no", "payload", /the mail: 535/),
    reply("N9", "data", 550, "5.7.1 looks like spam", "payload"),
    reply("N9", "data", 552, "5.3.4 too large", "payload"),
    reply("N9", "data", 554, "5.6.0 bad content", "payload"),
    reply("N9", "data", 571, "5.7.1 policy", "payload"),
    fault(
      "N9",
      "a recipient refused with the password in the reply",
      "refused",
      "rcpt",
      { code: 550, text: `5.7.1 ${LOGIN.password}` },
      { says: /the recipient: 550 5.7.1 <secret>$/ },
    ),

    fault("N11", "a connection lost after DATA", "ambiguous", "data", "drop", { says: /broke/ }),
    fault("N11", "a mail accepted and its answer lost", "ambiguous", "data", "accept-and-drop", { says: /broke/ }),
    fault(
      "N11",
      "a reply after DATA that says neither yes nor no",
      "ambiguous",
      "data",
      { code: 354, text: "go on" },
      { says: /does not speak SMTP/ },
    ),
    silence("N11", "silence after DATA", "ambiguous", "data"),
    silence("N11", "a mail accepted in silence", "ambiguous", "data", "accept-and-hang"),

    reply("N9", "rcpt", 354, "what", "not_sent", /does not speak SMTP/),

    silence("N12", "silence in the place of a greeting", "not_sent", "connect"),
    silence("N12", "silence at the login", "not_sent", "auth"),
    silence("N12", "silence at MAIL", "not_sent", "mail"),
    silence("N12", "silence at RCPT", "not_sent", "rcpt"),
  ],
});

// ---------------------------------------------------------------- N5

test.concurrent.each([
  ["nothing listens", async () => `smtp://127.0.0.1:${await closedPort()}`, "mail server: connection refused"],
  ["the name does not exist", async () => "smtp://nowhere.invalid", /DNS/],
])("N5: surely not sent where %s", async (_name, urlOf, says) => {
  const logged: string[] = [];
  const url = (await urlOf()).replace("smtp://", `smtp://user:${encodeURIComponent(LOGIN.password)}@`);
  const notifier = connect({ url }, testDeps({ logged }));
  const errors = [await failure(notifier.send(toOps(), SIGNAL)), await failure(notifier.verify(SIGNAL))];
  expect(errors.map(({ kind }) => kind)).toEqual(["not_sent", "not_sent"]);
  for (const { message } of errors) expect(message).toMatch(says);
  expectNoSecret(SECRETS, errors, logged);
});

test.concurrent.each(["starttls", "tls"] as const)(
  "N5: %s with a certificate that is not to be trusted gets neither password nor mail",
  async (security) => {
    await using server = await startSmtp({ security, login: LOGIN, certificate: makeCertificate("mail.example.net") });
    const error = await failure(connect({ url: server.url }).send(toOps(), SIGNAL));
    expect(error).toMatchObject({ kind: "not_sent", message: /certificate/ });
    expect(server.logins).toEqual([]);
    expectNoSecret(SECRETS, [error], []);
  },
);

// ---------------------------------------------------------------- N10 and N11

test.concurrent.each([
  [550, "5.1.1 no such user", "refused"],
  [450, "4.2.0 greylisted", "not_sent"],
] as const)(
  "N10: every recipient has an envelope of his own: one that is refused with %d keeps nothing from the other",
  async (code, text, kind) => {
    await using server = await startSmtp();
    const notifier = connect({ url: server.url, tls: "none", to: ["gone@example.com", "desk@example.com"] });
    expect(notifier.recipients).toEqual(["gone@example.com", "desk@example.com"]);
    server.script("rcpt", { code, text });
    const error = await failure(notifier.send(toOps({ recipient: "gone@example.com" }), SIGNAL));
    expect(error).toMatchObject({ kind, message: expect.stringContaining(text) });
    await notifier.send(toOps({ recipient: "desk@example.com" }), SIGNAL);
    expect(server.mails.map(({ from, to }) => ({ from, to }))).toEqual([
      { from: "alerts@example.com", to: ["desk@example.com"] },
    ]);
  },
);

/** What must not change from one attempt to the next. */
const identityOf = ({ mails }: SmtpDouble) =>
  mails.map(({ bytes, mail }) => ({ bytes: bytes.toString("base64"), id: mail.messageId, date: mail.date }));

test.concurrent("N11: a connection lost after DATA is ambiguous, and the next attempt has the same bytes and Message-ID", async () => {
  await using server = await startSmtp();
  const notifier = connect({ url: server.url, tls: "none" });
  server.script("data", "accept-and-drop");
  expect((await failure(notifier.send(toOps({ message: crash }), SIGNAL))).kind).toBe("ambiguous");
  for (const attempt of [2, 3]) await notifier.send(toOps({ message: crash, attempt }), SIGNAL);
  const [first, ...rest] = identityOf(server);
  expect(first).toMatchObject({ id: /^<[0-9a-f]{32}@/, date: "2020-03-12T23:05:04.000Z" });
  expect(rest).toEqual([first, first]);
});

test.concurrent("N11: silence after DATA is ambiguous, and the next attempt has the same bytes, Message-ID and date", async () => {
  await using server = await startSmtp();
  const notifier = connect({ url: server.url, tls: "none" });
  server.script("data", "accept-and-hang");
  const abort = new AbortController();
  const sending = failure(notifier.send(toOps(), abort.signal));
  await server.untilReached("data");
  abort.abort();
  expect((await sending).kind).toBe("ambiguous");
  await notifier.send(toOps({ attempt: 2 }), SIGNAL);
  const [first, second] = identityOf(server);
  expect(second).toEqual(first);
});

// ---------------------------------------------------------------- N12: one deadline over everything, and no socket left

/** Shortens the deadlines of whole attempts, and not the one for connecting. */
const HURRIED = hurried(150, 15_000);
const EHLO = "250-raw.test\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n";
const GREETING = "220 raw.test ESMTP\r\n";
const url = (server: { readonly port: number }, protocol = "smtp") =>
  `${protocol}://${encodeURIComponent(LOGIN.user)}:${encodeURIComponent(LOGIN.password)}@localhost:${server.port}`;

/** At once, and not only when some time-out of the library has passed. */
async function untilClosed(server: { connections(): number }): Promise<void> {
  const startedMs = performance.now();
  await untilTrue(() => server.connections() === 0);
  expect(performance.now() - startedMs).toBeLessThan(3_000);
}

test.concurrent.each([
  { name: "never greets", protocol: "smtp", script: { answer: () => undefined } },
  {
    name: "greets line by line without end",
    protocol: "smtp",
    script: { greeting: "220-x\r\n", answer: () => undefined },
  },
  { name: "never answers EHLO", protocol: "smtp", script: { greeting: GREETING, answer: () => undefined } },
  {
    name: "says go on to STARTTLS and then nothing",
    protocol: "smtp",
    script: { greeting: GREETING, answer: (line: string) => (line.startsWith("EHLO") ? EHLO : "220 go\r\n") },
  },
  { name: "never begins TLS", protocol: "smtps", script: { answer: () => undefined } },
])("N12: a server that $name is given up at the deadline, and its socket closed", async ({ protocol, script }) => {
  const logged: string[] = [];
  await using server = await startRawSmtp(script);
  const notifier = connect({ url: url(server, protocol) }, testDeps({ logged, clock: HURRIED }));
  const sent = await failure(notifier.send(toOps(), SIGNAL));
  expect(sent).toMatchObject({ kind: "not_sent", message: "mail server: no complete answer within 60 s" });
  const verified = await failure(notifier.verify(SIGNAL));
  expect(verified).toMatchObject({ kind: "not_sent", message: "mail server: no complete answer within 15 s" });
  await untilClosed(server);
  for (const secret of SECRETS) expect(server.wire()).not.toContain(secret);
  expectNoSecret(SECRETS, [sent, verified], logged);
});

test.concurrent("N12: a server that drips its EHLO line by line is given up at the deadline, and its socket closed", async () => {
  await using server = await startDrippingSmtp();
  const notifier = connect({ url: server.url, tls: "none" }, testDeps({ clock: HURRIED }));
  expect(await failure(notifier.send(toOps(), SIGNAL))).toMatchObject({ kind: "not_sent", message: /within 60 s/ });
  expect(await failure(notifier.verify(SIGNAL))).toMatchObject({ kind: "not_sent", message: /within 15 s/ });
  await untilClosed(server);
});

test.concurrent("N12: no attempt leaves a connection behind, whatever came of it", async () => {
  await using server = await startSmtp({ security: "starttls", login: LOGIN, certificate });
  const notifier = connect({ url: server.url });
  await notifier.send(toOps(), SIGNAL);
  server.script("data", "drop", { code: 554, text: "no" });
  await failure(notifier.send(toOps(), SIGNAL));
  await failure(notifier.send(toOps(), SIGNAL));
  server.script("rcpt", { code: 450, text: "later" });
  await failure(notifier.send(toOps(), SIGNAL));
  await untilTrue(async () => (await server.openConnections()) === 0);
});

// ---------------------------------------------------------------- N13: nothing goes out in clear, whatever stands between us

/** Answers in clear what each command wants to hear, and takes STARTTLS as `startTls` says. */
const inTheMiddle = (
  startTls: string,
  capabilities = "250-raw.test\r\n250-SIZE\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n",
) => ({
  greeting: GREETING,
  answer(line: string): string {
    if (line.startsWith("EHLO")) return capabilities;
    if (line.startsWith("STARTTLS")) return startTls;
    if (line.startsWith("AUTH")) return "235 ok\r\n";
    return line === "DATA" ? "354 go\r\n" : "250 ok\r\n";
  },
});

test.concurrent.each([
  {
    name: "STARTTLS stripped and refused",
    script: inTheMiddle("502 5.5.1 what?\r\n"),
    kind: "refused",
    says: /STARTTLS/,
  },
  {
    name: "STARTTLS stripped and put off",
    script: inTheMiddle("454 4.7.0 later\r\n"),
    kind: "not_sent",
    says: /later/,
  },
  {
    name: "STARTTLS taken, and clear text behind it",
    script: { ...inTheMiddle("220 go\r\n"), babble: "250 ok\r\n" },
    kind: "not_sent",
    says: /TLS handshake failed/,
  },
  {
    name: "STARTTLS taken, with answers to what was not asked yet",
    script: inTheMiddle("220 go\r\n250-raw.test\r\n250 AUTH PLAIN\r\n235 ok\r\n"),
    kind: "not_sent",
    says: /no complete answer/,
    isSilent: true,
  },
  { name: "EHLO refused", script: inTheMiddle("", "502 5.5.1 what?\r\n"), kind: "refused", says: /the session: 502/ },
  {
    name: "a login granted before it was asked for",
    script: { ...inTheMiddle("502 no\r\n"), greeting: `${GREETING}235 ok\r\n` },
    kind: "not_sent",
    says: /^mail server: /,
  },
  {
    name: "a web server in the place of the mail server",
    script: { greeting: "HTTP/1.1 400 Bad Request\r\n\r\n", answer: () => undefined },
    kind: "not_sent",
    says: /does not speak SMTP: check host and port/,
  },
])("N13: $name: no mail leaves, and no credentials", async ({ script, kind, says, isSilent }) => {
  const logged: string[] = [];
  await using server = await startRawSmtp(script);
  const notifier = connect({ url: url(server) }, testDeps({ logged, ...(isSilent && { clock: HURRIED }) }));
  const errors = [await failure(notifier.send(toOps(), SIGNAL)), await failure(notifier.verify(SIGNAL))];
  expect(errors.map((error) => error.kind)).toEqual([kind, kind]);
  for (const { message } of errors) expect(message).toMatch(says);
  expectNoSecret(SECRETS, errors, logged);
  expect(server.wire()).not.toMatch(/^(AUTH|MAIL|RCPT|DATA)/im);
  for (const secret of [...SECRETS, LOGIN.user, critical.title]) expect(server.wire()).not.toContain(secret);
  await untilClosed(server);
});

test.concurrent("N13: with tls: none a login that is not offered keeps everything back", async () => {
  await using server = await startRawSmtp(inTheMiddle("", "250 raw.test\r\n"));
  const error = await failure(connect({ url: url(server), tls: "none" }).send(toOps(), SIGNAL));
  expect(error).toMatchObject({ kind: "refused", message: /offers no login/ });
  expect(server.wire()).not.toMatch(/^(AUTH|MAIL|RCPT|DATA)/im);
});

test.concurrent("N13: credentials are not kept back in silence when the server offers no login", async () => {
  await using server = await startSmtp({ security: "starttls", certificate });
  const error = await failure(connect({ url: url(server) }).send(toOps(), SIGNAL));
  expect(error).toMatchObject({ kind: "refused", message: /offers no login/ });
  expect(server.mails).toEqual([]);
});

test.concurrent("N13: without STARTTLS nothing is sent unless the settings allow it", async () => {
  await using server = await startSmtp();
  const error = await failure(connect({ url: server.url }).send(toOps(), SIGNAL));
  expect(error).toMatchObject({ kind: "refused", message: /no STARTTLS.*tls: none/ });
  expect(server.mails).toEqual([]);
});
