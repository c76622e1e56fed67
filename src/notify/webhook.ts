// A POST of JSON to any address: chat systems, pagers, scripts. The field names below are a promise to whoever reads them.
import { createHmac } from "node:crypto";
import { z } from "zod";
import { good } from "../core/finding.ts";
import { type Delivery, type Message, type Notifier, NotifyError, type Receipt } from "../core/ports.ts";
import { parseJson } from "../lib/json.ts";
import { reach } from "../lib/reach.ts";
import type { Secret } from "../lib/secret.ts";
import { secretText, secretUrl } from "../lib/zod.ts";
import type { NotifierDeps, NotifierType } from "./adapter.ts";
import { within } from "./deadline.ts";
import { attemptProblem } from "./network.ts";
import { type Answer, askedWaitMs, createPoster } from "./post.ts";
import { rendered } from "./raw.ts";
import { adapterWords, clean, messageLines } from "./text.ts";

const OURS = [
  "content-type",
  "content-length",
  "host",
  "connection",
  "transfer-encoding",
  "idempotency-key",
  "x-margind-signature",
];

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]+$/, "expected a header name such as Authorization")
  .refine((name) => !OURS.includes(name.toLowerCase()), "margind sets this header itself");

const schema = z.strictObject({
  type: z.literal("webhook"),
  url: secretUrl().describe(
    "Gets a POST for every message: {version: 1, key, attempt, conversation, sentAt, kind, severity, title, text, subject, " +
      "sections: [{kind, severity, headline, lines, ref}], more}. The header Idempotency-Key holds the key, which is the same on " +
      "every attempt. 2xx counts as delivered, unless the answer is a web page or JSON with ok: false; redirects are not followed.",
  ),
  headers: z
    .record(
      headerName,
      secretText().refine((value) => /^[\t\x20-\x7e]+$/.test(value.reveal()), "expected one line of plain ASCII"),
      "expected a map of headers",
    )
    .optional()
    .describe("Further request headers, such as Authorization."),
  secret: secretText()
    .optional()
    .describe("Signs each request: X-Margind-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of '<t>.<body>'>."),
});
export type WebhookSettings = z.output<typeof schema>;

const ATTEMPT_MAX_MS = 10_000;

function create(name: string, { url, headers, secret }: WebhookSettings, deps: NotifierDeps): Notifier {
  const { clock } = deps;
  const poster = createPoster("webhook");
  const own = Object.fromEntries(Object.entries(headers ?? {}).map(([header, value]) => [header, value.reveal()]));
  const host = new URL(url.reveal()).host;

  function signature(body: string): Record<string, string> {
    if (secret === undefined) return {};
    const atS = Math.floor(clock.wallMs() / 1000);
    const digest = createHmac("sha256", secret.reveal()).update(`${atS}.${body}`).digest("hex");
    return { "x-margind-signature": `t=${atS},v1=${digest}` };
  }

  return {
    name,
    recipients: [host],
    async send(delivery, signal): Promise<Receipt> {
      const body = JSON.stringify(payloadOf(delivery, deps));
      const fixed = { "content-type": "application/json", "idempotency-key": delivery.key, "user-agent": "margind" };
      const request = { url: url.reveal(), headers: { ...fixed, ...own, ...signature(body) }, body };
      const answer = await within(ATTEMPT_MAX_MS, { clock, signal }, (limit) => poster.post(request, limit));
      if (answer.status < 200 || answer.status > 299) throw statusFailure(answer, clock.wallMs());
      const objection = objectionIn(answer.text);
      if (objection !== undefined) throw new NotifyError("ambiguous", objection);
      return { status: String(answer.status) };
    },
    // An address that can be asked without being told something does not exist in general: whether it takes messages, the first one shows.
    async verify(signal, remark) {
      await within(ATTEMPT_MAX_MS, { clock, signal }, async (limit) => {
        await Promise.all([poster.load(), reachable(url, limit)]);
      });
      remark?.(good("it can be reached; whether it takes messages, only a message shows"));
    },
    close: () => poster.close(),
  };
}

export const webhook = { schema, create } satisfies NotifierType<WebhookSettings>;

async function reachable(url: Secret, signal: AbortSignal): Promise<void> {
  try {
    await reach(url.reveal(), signal);
  } catch (error) {
    throw new NotifyError("not_sent", `webhook: ${attemptProblem(error, signal)}`);
  }
}

/** After payload failures without the lists: the plainest form that still says everything. */
function payloadOf(delivery: Delivery, { language, log }: NotifierDeps) {
  const { key, attempt, enqueuedAtMs, message, root, plain } = delivery;
  const { kind, severity } = message;
  const sentAt = new Date(enqueuedAtMs).toISOString();
  const base = { version: 1, key, attempt, conversation: root?.key ?? key, sentAt, kind, severity };
  return rendered<object>(
    { message, words: adapterWords(language), log },
    () => ({
      ...base,
      title: clean(message.title),
      text: messageLines(plain ? { ...message, more: furtherAlerts(message) } : message).join("\n"),
      ...(!plain && listsOf(message)),
    }),
    (lines) => ({ ...base, title: lines[0], text: lines.join("\n") }),
  );
}

/** Cleaned like the text: some receivers refuse JSON with half a character or a NUL in it. */
function listsOf(message: Message) {
  const { subject, sections } = message;
  return {
    subject: clean(subject),
    sections: sections.map(({ kind, severity, headline, lines, ref }) => ({
      kind,
      severity,
      headline: clean(headline),
      lines: lines.map((line) => clean(line)),
      ref: clean(ref),
    })),
    more: furtherAlerts(message).map((headline) => clean(headline)),
  };
}

/** People read a count of them, programs get each by its headline and reference. */
function furtherAlerts({ more, moreSections }: Message): readonly string[] {
  return moreSections?.map(({ headline, ref }) => `${headline} ${ref}`) ?? more;
}

/** Why a 2xx is no yes: a portal or a proxy answered with its page, or the receiver itself says no. */
function objectionIn(text: string): string | undefined {
  if (/^\s*<(!doctype\s+html|html)[\s>]/i.test(text.slice(0, 1000))) {
    return "webhook: a web page came back: something on the way answered in its place";
  }
  return saysNo(text) ? "webhook: it answers that it did not take the message (ok: false)" : undefined;
}

function saysNo(text: string): boolean {
  const answer = parseJson(text); // most receivers answer none, and may
  return typeof answer === "object" && answer !== null && "ok" in answer && answer.ok === false;
}

const LATER = [408, 425, 429];
const PAYLOAD = [400, 413, 415, 422];

/** What a status means. Every other 4xx (401, 403, 404, 410 …) and every redirect stays wrong until someone mends the config. */
function statusFailure(answer: Answer, nowMs: number): NotifyError {
  const { status } = answer;
  if (LATER.includes(status)) {
    const waitMs = askedWaitMs(answer, nowMs);
    return new NotifyError("not_sent", `the webhook asks to wait (HTTP ${status})`, { retryAfterMs: waitMs });
  }
  if (PAYLOAD.includes(status)) return new NotifyError("payload", `the webhook refuses the message (HTTP ${status})`);
  if (status >= 500) return new NotifyError("ambiguous", `the webhook failed (HTTP ${status})`);
  const advice = status < 400 ? "put the address that it points to into url" : "check url and headers in the config";
  return new NotifyError("refused", `the webhook answers HTTP ${status}: ${advice}`);
}
