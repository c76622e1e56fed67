// What a failed SMTP session means for delivery. A reply of the server decides; without one it matters whether the mail's bytes
// had left: drop and silence look alike, and only before that moment do they mean "surely not delivered".
import { NotifyError } from "../core/ports.ts";
import { redact } from "../lib/secret.ts";
import { attemptProblem, bare } from "./network.ts";
import { NoLoginError } from "./smtp.ts";
import { clean, clip } from "./text.ts";

interface SmtpReply {
  readonly responseCode: number;
  /** nodemailer's word for what went wrong: ETLS, EAUTH, EENVELOPE, EMESSAGE, EPROTOCOL … */
  readonly code: string;
  /** The command that was answered: "MAIL FROM", "RCPT TO", "DATA" … */
  readonly command: string;
  readonly response: string;
}

const NO_LOGIN =
  "the mail server offers no login: take user and password out of the url, or name the server's submission port";
const NO_STARTTLS = "the mail server offers no STARTTLS: use smtps://, or set tls: none, only for a local relay";

const NOT_SMTP = "what answers does not speak SMTP: check host and port of the url";

export function smtpFailure(error: unknown, isHandedOver: boolean, signal: AbortSignal): NotifyError {
  if (error instanceof NoLoginError) return new NotifyError("refused", NO_LOGIN);
  const reply = signal.aborted ? undefined : replyOf(error);
  if (reply !== undefined && reply.responseCode >= 400 && reply.responseCode <= 599) return replyFailure(reply);
  // neither a no nor a yes: nonsense, or no answer at all
  const isNonsense = reply !== undefined || (codeOf(error) === "EPROTOCOL" && !signal.aborted);
  const problem = isNonsense ? NOT_SMTP : attemptProblem(error, signal);
  const kind = isHandedOver ? "ambiguous" : "not_sent";
  return new NotifyError(kind, `mail server: ${problem}`, { cause: bare(error) });
}

/** Without `cause`: nodemailer's error holds the reply as it came, which may repeat what we sent. */
function replyFailure(reply: SmtpReply): NotifyError {
  const { responseCode, code, command, response } = reply;
  const words = clip(redact(clean(response)), 200);
  if (responseCode < 500) {
    // the answer to a login may hold it, in whatever encoding
    const answer = code === "EAUTH" ? String(responseCode) : words;
    return new NotifyError("not_sent", `the mail server asks to try later: ${answer}`);
  }
  if (code === "ETLS") return new NotifyError("refused", NO_STARTTLS);
  // once DATA was asked for, channel, sender and recipient have passed: what follows ("looks like spam") is about this mail
  if (command === "DATA") return refusedMail(words);
  if (code === "EAUTH" || [530, 534, 535, 538].includes(responseCode)) {
    return new NotifyError(
      "refused",
      `the mail server refuses user or password (${responseCode}): check the url in the config`,
    );
  }
  if (command === "MAIL FROM" && (responseCode === 552 || responseCode === 554)) return refusedMail(words);
  return new NotifyError("refused", `the mail server refuses ${REFUSED[command] ?? "the session"}: ${words}`);
}

const REFUSED: Readonly<Record<string, string>> = { "RCPT TO": "the recipient", "MAIL FROM": "the sender" };

const refusedMail = (words: string) => new NotifyError("payload", `the mail server refuses the mail: ${words}`);

function replyOf(error: unknown): SmtpReply | undefined {
  if (!(error instanceof Error)) return undefined;
  const responseCode: unknown = Reflect.get(error, "responseCode");
  if (typeof responseCode !== "number") return undefined;
  const text = (name: string) => String(Reflect.get(error, name) ?? "");
  return { responseCode, code: codeOf(error), command: text("command"), response: text("response") };
}

const codeOf = (error: unknown): string => (error instanceof Error ? String(Reflect.get(error, "code") ?? "") : "");
