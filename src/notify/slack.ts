// Slack. The first message of an incident is its living message: it stands in the channel and is edited in place; everything
// later is a reply in its thread, and the loud ones are shown in the channel too.
import { z } from "zod";
import { type Finding, good, warning } from "../core/finding.ts";
import { type Delivery, type Earlier, type Message, type Notifier, NotifyError, type Receipt } from "../core/ports.ts";
import { httpUrl, secretText } from "../lib/zod.ts";
import type { NotifierDeps, NotifierType } from "./adapter.ts";
import { within } from "./deadline.ts";
import { rendered } from "./raw.ts";
import { createSlackClient, type Outcome } from "./slack-client.ts";
import { isEditRefused, isThreadGone, NOT_SLACK, refusal } from "./slack-errors.ts";
import { rawSlackBody, slackBody } from "./slack-layout.ts";
import { adapterWords, clean, clip } from "./text.ts";

const CHANNEL_EXPECTED = "expected a channel id such as C0123456789";

const schema = z.strictObject({
  type: z.literal("slack"),
  token: secretText().describe("Bot token (xoxb-…) of a Slack app with the scope chat:write."),
  channel: z
    .string(CHANNEL_EXPECTED)
    .min(1, CHANNEL_EXPECTED)
    .refine((channel) => !channel.startsWith("xox"), "this is a token and not a channel")
    .describe("Channel id, such as C0123456789. Invite the app's bot to the channel."),
  apiUrl: httpUrl({ keyed: true, base: true }).prefault("https://slack.com/api/").describe("Where Slack's Web API is."),
});
export type SlackSettings = z.output<typeof schema>;

const ATTEMPT_MAX_MS = 15_000;
const DECORATION_MAX_MS = 5_000; // for each living message

/** No names, channels or links are made out of plain words; an edit would, unless told not to. */
const AS_WRITTEN = { parse: "none", link_names: false };

function create(name: string, settings: SlackSettings, deps: NotifierDeps): Notifier {
  const { clock, log } = deps;
  const words = adapterWords(deps.language);
  const client = createSlackClient({ ...settings, clock });

  function bodyOf(message: Message, { key, attempt, plain }: Delivery) {
    const { text, blocks } = rendered(
      { message, words, log },
      () => slackBody(message, { words, attempt, plain }),
      rawSlackBody,
    );
    if (plain) return { text };
    const metadata = { event_type: "margin_alert", event_payload: { key, attempt, kind: message.kind } };
    return { text, blocks, metadata };
  }

  async function post(delivery: Delivery, thread: Thread | undefined, signal: AbortSignal): Promise<Receipt> {
    const where = thread && { thread_ts: thread.ts, reply_broadcast: thread.isBroadcast };
    const quietly = { mrkdwn: false, unfurl_links: false, unfurl_media: false };
    const args = {
      channel: settings.channel,
      ...where,
      ...AS_WRITTEN,
      ...quietly,
      ...bodyOf(delivery.message, delivery),
    };
    const outcome = await client.call("chat.postMessage", args, signal);
    if (outcome.ok) return receiptOf(outcome, thread);
    if (thread !== undefined && isThreadGone(outcome.code)) return post(delivery, undefined, signal);
    throw refusal(outcome.code, outcome.retryAfterMs, delivery.attempt);
  }

  async function edit(place: Place, message: Message, delivery: Delivery, signal: AbortSignal): Promise<Outcome> {
    // an update without blocks keeps the old ones, so the plain form has to empty them
    return client.call("chat.update", { ...place, ...AS_WRITTEN, blocks: [], ...bodyOf(message, delivery) }, signal);
  }

  /** The quiet way: the living messages and nothing else. Undefined unless all could be edited: then it has to be said. */
  async function editAll(delivery: Delivery, signal: AbortSignal): Promise<Receipt | undefined> {
    const edited: Place[] = [];
    for (const { of, message } of delivery.edits) {
      const place = placeOf(of);
      if (place === undefined) continue;
      const outcome = await edit(place, message, delivery, signal);
      if (outcome.ok) edited.push(place);
      else if (!isEditRefused(outcome.code)) throw refusal(outcome.code, outcome.retryAfterMs);
    }
    const last = edited.at(-1);
    return last && edited.length === delivery.edits.length ? { ...last } : undefined;
  }

  /** The message is out: nothing that happens to its living messages may make it look unsent. Stops at the first silence. */
  async function decorate(delivery: Delivery, signal: AbortSignal): Promise<void> {
    if (isQuiet(delivery)) return; // they were edited to deliver it
    try {
      for (const { of, message } of delivery.edits) {
        const place = placeOf(of);
        if (place === undefined) continue;
        const outcome = await within(DECORATION_MAX_MS, { clock, signal }, (limit) =>
          edit(place, message, delivery, limit),
        );
        if (outcome.ok) continue;
        const reason = refusal(outcome.code, outcome.retryAfterMs).message; // the code may be anything that came in
        log.debug({ notifier: name, key: of.key, reason }, "living message not edited");
      }
    } catch (error) {
      log.debug({ notifier: name, key: delivery.key, reason: String(error) }, "living messages not edited");
    }
  }

  return {
    name,
    recipients: [settings.channel],
    send: (delivery, signal) =>
      within(ATTEMPT_MAX_MS, { clock, signal }, async (limit) => {
        const edited = isQuiet(delivery) ? await editAll(delivery, limit) : undefined;
        return edited ?? post(delivery, threadOf(delivery, settings.channel), limit);
      }),
    decorate,
    async verify(signal, remark) {
      const outcome = await within(ATTEMPT_MAX_MS, { clock, signal }, (limit) => client.call("auth.test", {}, limit));
      if (!outcome.ok) throw refusal(outcome.code, outcome.retryAfterMs);
      const scopes = outcome.result.response_metadata?.scopes;
      if (scopes !== undefined && !scopes.includes("chat:write")) throw refusal("missing_scope", 0);
      for (const each of remarksOn(outcome, scopes)) remark?.(each);
    },
    close: () => client.close(),
  };
}

export const slack = { schema, create } satisfies NotifierType<SlackSettings>;

const signedIn = z.object({ user: z.string().min(1), team: z.string().min(1) });

function remarksOn({ result }: Outcome & { ok: true }, scopes: readonly string[] | undefined): readonly Finding[] {
  const { success, data } = signedIn.safeParse(result);
  return [
    good(success ? clip(clean(`signed in to ${data.team} as ${data.user}`), 120) : "signed in"),
    scopeRemark(scopes),
  ];
}

function scopeRemark(scopes: readonly string[] | undefined): Finding {
  if (scopes === undefined) return warning("Slack does not say whether the token has the scope chat:write");
  return scopes.includes("chat:write.public")
    ? good("may write to every public channel; to a private one only when invited")
    : good("whether the bot was invited to the channel, only a message shows");
}

// ---------------------------------------------------------------- where a message goes

interface Place {
  readonly channel: string;
  readonly ts: string;
}

interface Thread {
  readonly ts: string;
  readonly isBroadcast: boolean;
}

function placeOf({ receipt }: Earlier): Place | undefined {
  const { channel, ts } = receipt ?? {};
  return channel === undefined || ts === undefined ? undefined : { channel, ts };
}

/** Delivered by the edit of its living messages, with no post of its own. */
const isQuiet = ({ message }: Delivery): boolean => message.kind === "lowered";

const LOUD: ReadonlySet<Message["kind"]> = new Set(["opened", "raised", "resolved", "ended"]);

/** The thread of the conversation's first message, unless that one stands in another channel than the config names now. */
function threadOf({ root, message }: Delivery, channel: string): Thread | undefined {
  const place = root && placeOf(root);
  if (place === undefined) return undefined;
  const isChannelId = /^[CDG][A-Z0-9]{6,}$/.test(channel);
  if (isChannelId && place.channel !== channel) return undefined;
  return { ts: root?.receipt?.["thread_ts"] ?? place.ts, isBroadcast: LOUD.has(message.kind) };
}

const posted = z.object({ ok: z.literal(true), channel: z.string().min(1), ts: z.string().min(1) });

function receiptOf({ result }: Outcome & { ok: true }, thread: Thread | undefined): Receipt {
  const { success, data } = posted.safeParse(result);
  if (!success) throw new NotifyError("ambiguous", NOT_SLACK);
  const { channel, ts } = data;
  return thread === undefined ? { channel, ts } : { channel, ts, thread_ts: thread.ts };
}
