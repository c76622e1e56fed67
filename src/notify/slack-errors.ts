// What Slack's error codes mean for delivery. Only a known list is permanent: a captive portal's HTML arrives as an "error code"
// too, and must not stop a channel for good.
import { NotifyError } from "../core/ports.ts";

const TOKEN = "make a new bot token and put it into the config";
const SCOPE = "give the Slack app the scope chat:write and install it again";
const RULES = "ask an administrator of the workspace";

/** The channel is broken until someone mends it; the text says how. */
const REFUSED: Readonly<Record<string, string>> = {
  invalid_auth: TOKEN,
  not_authed: TOKEN,
  token_revoked: TOKEN,
  token_expired: TOKEN,
  account_inactive: TOKEN,
  user_removed_from_team: TOKEN,
  missing_scope: SCOPE,
  no_permission: SCOPE,
  not_allowed_token_type: "the config needs a bot token (xoxb-…)",
  not_in_channel: "invite the bot to the channel",
  channel_not_found: "check `channel` in the config (an id such as C0123456789) and invite the bot to it",
  is_archived: "unarchive the channel or name another one in the config",
  access_denied: RULES,
  accesslimited: RULES,
  ekm_access_denied: RULES,
  enterprise_is_restricted: RULES,
  org_login_required: RULES,
  team_access_not_granted: RULES,
  two_factor_setup_required: RULES,
};

/** This very message is not to Slack's liking: a plainer one may be. */
const PAYLOAD: ReadonlySet<string> = new Set([
  "invalid_blocks",
  "invalid_blocks_format",
  "invalid_attachments",
  "too_many_attachments",
  "attachment_payload_limit_exceeded",
  "msg_too_long",
  "msg_blocks_too_long",
  "no_text",
  "metadata_too_large",
  "metadata_must_be_sent_from_app",
  "invalid_arguments",
  "invalid_arg_name",
  "invalid_array_arg",
  "invalid_charset",
  "invalid_form_data",
]);

const NOT_SENT: ReadonlySet<string> = new Set([
  "ratelimited",
  "rate_limited",
  "request_timeout", // Slack's words for a POST that arrived cut short
  "message_limit_exceeded",
]);

/** The thread cannot be answered any more: say it in the channel. */
export function isThreadGone(code: string): boolean {
  return (
    ["cannot_reply_to_message", "thread_not_found", "message_not_found"].includes(code) ||
    code.startsWith("restricted_action_thread_") ||
    code === "restricted_action_non_threadable_channel"
  );
}

/** Trouble on Slack's side: the message may have been posted. */
const FAILED: ReadonlySet<string> = new Set(["internal_error", "fatal_error", "service_unavailable"]);

/** A code that nobody knows may be a complaint about the message: from this attempt on it counts as one, and the plain form is tried. */
const UNKNOWN_TRIES = 3;

/**
 * The message was not edited, for whatever reason (update_failed, edit_window_closed, one that is new to us): say it in a new one,
 * which also shows whether the channel itself is at fault. Not where Slack asks to wait, nor where the answer is not Slack's.
 */
export function isEditRefused(code: string): boolean {
  return isSlackCode(code) && kindOf(code) !== "not_sent";
}

/** `code` is what an answer with ok: false gave as its error; `retryAfterMs` is used where Slack asks to wait. */
export function refusal(code: string, retryAfterMs: number, attempt = 1): NotifyError {
  const isUnknown = isSlackCode(code) && !FAILED.has(code) && kindOf(code) === "ambiguous";
  const kind = isUnknown && attempt >= UNKNOWN_TRIES ? "payload" : kindOf(code);
  return new NotifyError(kind, sentence(kind, code), kind === "not_sent" ? { retryAfterMs } : {});
}

const isSlackCode = (code: string): boolean => /^[a-z][a-z0-9_]{1,60}$/.test(code);

function kindOf(code: string): NotifyError["kind"] {
  if (NOT_SENT.has(code)) return "not_sent";
  if (PAYLOAD.has(code) || code.startsWith("invalid_metadata_")) return "payload";
  return Object.hasOwn(REFUSED, code) || code.startsWith("restricted_") ? "refused" : "ambiguous";
}

function sentence(kind: NotifyError["kind"], code: string): string {
  if (!isSlackCode(code)) return NOT_SLACK;
  switch (kind) {
    case "not_sent":
      return `Slack asks to wait (${code})`;
    case "payload":
      return `Slack refuses the form of the message (${code})`;
    case "refused":
      return `Slack refuses (${code}): ${REFUSED[code] ?? RULES}`;
    case "ambiguous":
      return `Slack failed (${code})`;
  }
}

export const NOT_SLACK = "the answer is not Slack's: something on the way answered in its place";
