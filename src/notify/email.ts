// E-mail. Every recipient gets an envelope of his own; one incident is one conversation (same subject, References to its first
// mail). The bytes of a mail depend on the delivery alone, so a resend is the same mail, and may collapse with the first.
import { createRequire } from "node:module";
import { z } from "zod";
import { good } from "../core/finding.ts";
import { type Delivery, type Notifier, NotifyError, type Receipt } from "../core/ports.ts";
import { secretText } from "../lib/zod.ts";
import type { NotifierDeps, NotifierType } from "./adapter.ts";
import { within } from "./deadline.ts";
import { renderHtml } from "./html.ts";
import { rendered } from "./raw.ts";
import { createSmtpClient } from "./smtp.ts";
import { smtpFailure } from "./smtp-errors.ts";
import { parseSmtpUrl, SMTP_URL_EXPECTED, type SmtpServer, tlsProblem } from "./smtp-url.ts";
import { adapterWords, clean, clip, messageLines } from "./text.ts";

const BARE_ADDRESS = /^[^\s@<>,;:"()]+@[^\s@<>,;:"()]+$/;
const addressOf = (text: string): string => /^[^<>\r\n]*<([^<>]+)>$/.exec(text)?.[1] ?? text;
const ADDRESS_EXPECTED = "expected an address such as ops@example.com";

const schema = z
  .strictObject({
    type: z.literal("email"),
    url: secretText()
      .refine((url) => parseSmtpUrl(url.reveal()) !== undefined, SMTP_URL_EXPECTED)
      .describe(
        "smtps://user:password@host:465, or smtp://user:password@host:587 with STARTTLS. Percent-encode user and password.",
      ),
    from: z
      .string("expected a sender such as margind <alerts@example.com>")
      .refine((text) => BARE_ADDRESS.test(addressOf(text)), "expected a sender such as margind <alerts@example.com>")
      .describe("The sender, such as margind <alerts@example.com>."),
    to: z
      .array(z.string(ADDRESS_EXPECTED).regex(BARE_ADDRESS, ADDRESS_EXPECTED), "expected a list of addresses")
      .min(1, "expected at least one address")
      .refine((list) => new Set(list).size === list.length, "the same address is named twice")
      .describe("Every address gets a mail of its own."),
    tls: z
      .enum(["starttls", "none"], "expected starttls or none")
      .prefault("starttls")
      .describe("none: no encryption, for a relay on this machine or in this network."),
    subjectPrefix: z.string().max(40, "at most 40 characters").prefault("").describe("Put before every subject."),
  })
  .check((context) => {
    const { url, tls } = context.value;
    const server = parseSmtpUrl(url.reveal());
    const problem = server && tlsProblem(server, tls);
    if (problem !== undefined) context.issues.push({ code: "custom", input: tls, path: ["tls"], message: problem });
  });
export type EmailSettings = z.output<typeof schema>;

/** Some servers refuse a header line that cannot be folded to 998 bytes. */
const SUBJECT_MAX_CHARS = 200;

const ATTEMPT_MAX_MS = 60_000;
const VERIFY_MAX_MS = 15_000;

function create(name: string, settings: EmailSettings, deps: NotifierDeps): Notifier {
  const { clock } = deps;
  const client = createSmtpClient({ server: serverOf(settings), tls: settings.tls, clock });
  return {
    name,
    recipients: settings.to,
    async send(delivery, signal) {
      const mail = await composeMail(delivery, settings, deps);
      const envelope = { from: addressOf(settings.from), to: delivery.recipient };
      let isHandedOver = false;
      const onHandover = () => {
        isHandedOver = true;
      };
      return within(ATTEMPT_MAX_MS, { clock, signal }, async (limit): Promise<Receipt> => {
        try {
          const { response, serverMessageId } = await client.deliver(envelope, mail.bytes, limit, onHandover);
          const theirs = serverMessageId === undefined ? {} : { serverMessageId };
          return { messageId: mail.messageId, response: clip(clean(response), 200), ...theirs };
        } catch (error) {
          throw smtpFailure(error, isHandedOver, limit);
        }
      });
    },
    async verify(signal, remark) {
      await within(VERIFY_MAX_MS, { clock, signal }, async (limit) => {
        try {
          await client.probe(limit);
        } catch (error) {
          throw smtpFailure(error, false, limit);
        }
      });
      const isLoggedIn = serverOf(settings).login !== undefined;
      remark?.(good(`the mail server answers${isLoggedIn ? " and takes user and password" : ""}`));
    },
    async close() {
      client.close();
    },
  };
}

export const email = { schema, create } satisfies NotifierType<EmailSettings>;

function serverOf({ url }: EmailSettings): SmtpServer {
  const server = parseSmtpUrl(url.reveal());
  if (server === undefined) throw new NotifyError("refused", SMTP_URL_EXPECTED);
  return server;
}

// ---------------------------------------------------------------- the mail

const load = createRequire(import.meta.url);

export interface Mail {
  readonly messageId: string;
  readonly bytes: Buffer;
}

/** Date, Message-ID and boundary come from the delivery: nothing in a mail changes from one attempt to the next. */
export async function composeMail(
  { key, message, enqueuedAtMs, root, recipient, plain }: Delivery,
  { from, subjectPrefix }: Pick<EmailSettings, "from" | "subjectPrefix">,
  { instance, language, log }: Pick<NotifierDeps, "instance" | "language" | "log">,
): Promise<Mail> {
  const { default: MailComposer }: typeof import("nodemailer/lib/mail-composer") = load("nodemailer/lib/mail-composer");
  const messageId = messageIdOf(key, instance);
  const isUrgent =
    !plain && message.severity === "critical" && (message.kind === "opened" || message.kind === "raised");
  const resort = { message, words: adapterWords(language), log };
  const subject = () =>
    [subjectPrefix, message.subject]
      .map((part) => clean(part))
      .join(" ")
      .trim();
  const html = () => renderHtml(message, language);
  const text = rendered(
    resort,
    () => messageLines(message),
    (lines) => [...lines],
  );
  const composer = new MailComposer({
    from,
    to: recipient,
    subject: clip(
      rendered(resort, subject, ([title = ""]) => title),
      SUBJECT_MAX_CHARS,
    ),
    text: `${text.join("\n")}\n`,
    html: plain ? undefined : rendered<string | undefined>(resort, html, () => undefined),
    messageId,
    ...(root && threadHeaders(messageIdOf(root.key, instance), root.receipt?.["serverMessageId"])),
    date: new Date(enqueuedAtMs),
    headers: {
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
      "X-Margind-Key": key,
      "X-Margind-Kind": message.kind,
      "X-Margind-Severity": message.severity,
      ...(isUrgent && { "X-Priority": "1 (Highest)", Importance: "High" }),
    },
    baseBoundary: key.slice(0, 32),
    newline: "windows", // as on the wire, so that the size we announce is the size that is sent
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return { messageId, bytes: await composer.compile().build() };
}

/** The installation's id, made to look like the domain that a Message-ID wants on its right side. */
function messageIdOf(key: string, instance: string): string {
  const labels = instance
    .toLowerCase()
    .split(/[^a-z0-9-]+/)
    .map((label) => label.replace(/^-+|-+$/g, ""));
  return `<${key.slice(0, 32)}@${[...labels, "margind"].filter((label) => label !== "").join(".")}>`;
}

/** Some servers give a mail a Message-ID of their own; the first mail's readers know it by that one. */
function threadHeaders(ours: string, theirs: string | undefined) {
  return { inReplyTo: theirs ?? ours, references: theirs === undefined ? [ours] : [ours, theirs] };
}
