// A POST of JSON to any address: chat systems, pagers, scripts. The field names below are a promise to whoever reads them.
import { createHmac } from "node:crypto";
import { z } from "zod";
import { type Delivery, type Notifier, NotifyError, type Receipt } from "../core/ports.ts";
import { secretText, secretUrl } from "../lib/zod.ts";
import type { NotifierDeps, NotifierType } from "./adapter.ts";
import { within } from "./deadline.ts";
import { type Answer, askedWaitMs, createPoster } from "./post.ts";
import { clean, messageLines } from "./text.ts";

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
      "every attempt. 2xx counts as delivered; redirects are not followed.",
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

function create(name: string, { url, headers, secret }: WebhookSettings, { clock }: NotifierDeps): Notifier {
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
      const body = JSON.stringify(payloadOf(delivery));
      const fixed = { "content-type": "application/json", "idempotency-key": delivery.key, "user-agent": "margind" };
      const request = { url: url.reveal(), headers: { ...fixed, ...own, ...signature(body) }, body };
      const answer = await within(ATTEMPT_MAX_MS, { clock, signal }, (limit) => poster.post(request, limit));
      if (answer.status >= 200 && answer.status < 300) return { status: String(answer.status) };
      throw statusFailure(answer, clock.wallMs());
    },
    // An address that can be asked without being told something does not exist in general: the first message is the check.
    verify: () => poster.load(),
    close: () => poster.close(),
  };
}

export const webhook = { schema, create } satisfies NotifierType<WebhookSettings>;

/** After payload failures without the lists: the plainest form that still says everything. */
function payloadOf({ key, attempt, enqueuedAtMs, message, root, plain }: Delivery) {
  const { kind, severity, title, subject, sections, more } = message;
  const base = {
    version: 1,
    key,
    attempt,
    conversation: root?.key ?? key,
    sentAt: new Date(enqueuedAtMs).toISOString(),
    kind,
    severity,
    title: clean(title),
    text: messageLines(message).join("\n"),
  };
  return plain ? base : { ...base, subject, sections, more };
}

const LATER = [408, 425, 429];
const PAYLOAD = [400, 413, 415, 422];

/** What a status means. Every other 4xx (401, 403, 404, 410 …) and every redirect stays wrong until someone mends the config. */
function statusFailure({ status, header }: Answer, nowMs: number): NotifyError {
  if (LATER.includes(status)) {
    const waitMs = askedWaitMs(header("retry-after"), nowMs);
    return new NotifyError("not_sent", `the webhook asks to wait (HTTP ${status})`, { retryAfterMs: waitMs });
  }
  if (PAYLOAD.includes(status)) return new NotifyError("payload", `the webhook refuses the message (HTTP ${status})`);
  if (status >= 500) return new NotifyError("ambiguous", `the webhook failed (HTTP ${status})`);
  const advice = status < 400 ? "put the address that it points to into url" : "check url and headers in the config";
  return new NotifyError("refused", `the webhook answers HTTP ${status}: ${advice}`);
}
